/* Every latency is found again to within 1 %, and quantiles are those of the sorted list. */
#include "histogram.h"

#include <string.h>

#include "support/check_main.h"

START_TEST(a_latency_is_kept_to_within_a_percent)
{
	for (uint64_t us = 0; us < 1ull << 32; us += us / 97 + 1) {
		struct histogram h;
		memset(&h, 0, sizeof(h));
		histogram_add(&h, us);
		uint64_t found = histogram_quantile(&h, 0.5);
		ck_assert_uint_le(found, us);
		ck_assert_uint_le(us - found, us / 100);
		ck_assert_uint_eq(h.max_us, us);
	}
}
END_TEST

START_TEST(quantiles_are_those_of_the_sorted_list)
{
	static struct histogram h;
	ck_assert_uint_eq(histogram_quantile(&h, 0.5), 0);
	for (uint64_t us = 100; us > 0; us--)
		histogram_add(&h, us);
	ck_assert_uint_eq(h.count, 100);
	ck_assert_uint_eq(histogram_quantile(&h, 0), 1);
	ck_assert_uint_eq(histogram_quantile(&h, 0.5), 51);
	ck_assert_uint_eq(histogram_quantile(&h, 0.99), 100);
	ck_assert_uint_eq(histogram_quantile(&h, 1), 100);
}
END_TEST

SUITE(histogram, a_latency_is_kept_to_within_a_percent, quantiles_are_those_of_the_sorted_list)
