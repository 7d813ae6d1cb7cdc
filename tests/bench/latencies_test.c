/* Every latency is found again to within 1 %, and quantiles are those of the sorted list. */
#include "latencies.h"

#include <string.h>

#include "support/check_main.h"

START_TEST(a_latency_is_kept_to_within_a_percent)
{
	for (uint64_t us = 0; us < 1ull << 32; us += us / 97 + 1) {
		struct latencies l;
		memset(&l, 0, sizeof(l));
		latencies_add(&l, us);
		uint64_t found = latencies_quantile(&l, 0.5);
		ck_assert_uint_le(found, us);
		ck_assert_uint_le(us - found, us / 100);
		ck_assert_uint_eq(l.max_us, us);
	}
}
END_TEST

START_TEST(quantiles_are_those_of_the_sorted_list)
{
	static struct latencies l;
	ck_assert_uint_eq(latencies_quantile(&l, 0.5), 0);
	for (uint64_t us = 100; us > 0; us--)
		latencies_add(&l, us);
	ck_assert_uint_eq(l.count, 100);
	ck_assert_uint_eq(latencies_quantile(&l, 0), 1);
	ck_assert_uint_eq(latencies_quantile(&l, 0.5), 51);
	ck_assert_uint_eq(latencies_quantile(&l, 0.99), 100);
	ck_assert_uint_eq(latencies_quantile(&l, 1), 100);
}
END_TEST

SUITE(latencies, a_latency_is_kept_to_within_a_percent, quantiles_are_those_of_the_sorted_list)
