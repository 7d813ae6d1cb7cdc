/* How many lines strangers can cause, whoever they say they are. */
#include "base/quiet.h"

#include "support/check_main.h"

static struct ip
source(unsigned n)
{
	return (struct ip){ .family = 4,
			    .octets = { 10, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n } };
}

START_TEST(one_line_a_second_for_source_and_reason)
{
	static struct quiet quiet;
	struct ip a = source(1), b = source(2);
	ck_assert_uint_eq(quiet_count(&quiet, &a, REASON_BAD_PASSWORD, 0), 1);
	for (uint64_t ms = 0; ms < 1000; ms += 125)
		ck_assert_uint_eq(quiet_count(&quiet, &a, REASON_BAD_PASSWORD, ms), 0);
	ck_assert_uint_eq(quiet_count(&quiet, &a, REASON_UNKNOWN_USER, 999), 1);
	ck_assert_uint_eq(quiet_count(&quiet, &a, REASON_BAD_PASSWORD, 1000), 9);
	ck_assert_uint_eq(quiet_count(&quiet, &a, REASON_BAD_PASSWORD, 7000), 1);
	ck_assert_uint_eq(quiet_count(&quiet, &b, REASON_BAD_PASSWORD, 7000), 1);
}
END_TEST

/* Forged sources by the million: memory is that of the struct, lines are bounded. */
START_TEST(bounded_for_all_sources)
{
	static struct quiet quiet;
	for (uint64_t second = 0; second < 5; second++) {
		unsigned lines = 0;
		for (unsigned n = 0; n < 100000; n++) {
			struct ip stranger = source(n);
			lines += quiet_count(&quiet, &stranger, REASON_UNKNOWN_USER,
					     second * 1000 + n / 100) > 0;
		}
		ck_assert_uint_eq(lines, QUIET_LINES);
	}
}
END_TEST

SUITE(quiet, one_line_a_second_for_source_and_reason, bounded_for_all_sources)
