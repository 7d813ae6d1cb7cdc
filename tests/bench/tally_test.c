/* What counts and what does not: before, in and after the window; and intervals. */
#include "tally.h"

#include <stdlib.h>
#include <string.h>

#include "support/check_main.h"

static struct tally tally;
static const struct options options = { .seconds = 1, .series_ms = 100 };

START_TEST(only_the_window_counts)
{
	memset(&tally, 0, sizeof(tally));
	tally_registered(&tally, 5);
	tally_refused(&tally, 503);
	tally_lost(&tally);
	ck_assert_uint_eq(tally.registered + tally.refused[503] + tally.lost + tally.late, 0);
	tally_begin(&tally, &options, 1000);
	tally_registered(&tally, 5);
	tally_registered(&tally, 7);
	tally_refused(&tally, 503);
	tally_refused(&tally, 9999);
	tally_lost(&tally);
	tally_end(&tally, &options, 2000);
	/* Sent in the window, answered after it or never. */
	tally_registered(&tally, 1000);
	tally_refused(&tally, 503);
	tally_lost(&tally);
	ck_assert_uint_eq(tally.registered, 2);
	ck_assert_uint_eq(tally.latency.count, 2);
	ck_assert_uint_eq(tally.latency.max_us, 7);
	ck_assert_uint_eq(tally.refused[503], 1);
	ck_assert_uint_eq(tally.refused[0], 1);
	ck_assert_uint_eq(tally.late, 2);
	ck_assert_uint_eq(tally.lost, 2);
	free(tally.moments);
}
END_TEST

START_TEST(series_has_every_interval)
{
	memset(&tally, 0, sizeof(tally));
	tally_begin(&tally, &options, 0);
	tally_registered(&tally, 10);
	tally_tick(&tally, 99999);
	ck_assert_uint_eq(tally.moment_count, 0);
	tally_tick(&tally, 100000);
	tally_registered(&tally, 30);
	tally_registered(&tally, 30);
	tally_lost(&tally);
	tally_tick(&tally, 320000); /* late: a silent interval is not skipped */
	ck_assert_uint_eq(tally.moment_count, 3);
	ck_assert_uint_eq(tally.moments[0].t_ms, 100);
	ck_assert_uint_eq(tally.moments[0].registered, 1);
	ck_assert_uint_eq(tally.moments[0].p50_us, 10);
	ck_assert_uint_eq(tally.moments[1].t_ms, 200);
	ck_assert_uint_eq(tally.moments[1].registered, 2);
	ck_assert_uint_eq(tally.moments[1].lost, 1);
	ck_assert_uint_eq(tally.moments[1].p99_us, 30);
	ck_assert_uint_eq(tally.moments[2].t_ms, 300);
	ck_assert_uint_eq(tally.moments[2].registered, 0);
	free(tally.moments);
}
END_TEST

SUITE(tally, only_the_window_counts, series_has_every_interval)
