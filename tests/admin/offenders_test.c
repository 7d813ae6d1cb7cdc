/* Failures a source, with time as an argument. */
#include "admin/offenders.h"

#include "base/table.h"
#include "support/check_main.h"

#define WINDOW_MS 1000u

static bool
fails(struct offenders *offenders, const char *source, uint64_t now_ms)
{
	struct ip ip;
	ck_assert(ip_parse(str_of(source), &ip));
	return offenders_count(offenders, &ip, 3, WINDOW_MS, now_ms);
}

/* SEC-26.3.2.4-1: so many within the window, each source by itself */
START_TEST(the_last_failure_fills_the_measure)
{
	table_seed();
	struct offenders *offenders = offenders_open();
	ck_assert_ptr_nonnull(offenders);
	ck_assert(!fails(offenders, "192.0.2.1", 0));
	ck_assert(!fails(offenders, "192.0.2.1", 500));
	ck_assert(!fails(offenders, "192.0.2.2", 600));
	ck_assert(!fails(offenders, "2001:db8::", 600));
	ck_assert(fails(offenders, "192.0.2.1", 999));
	ck_assert(!fails(offenders, "192.0.2.1", 999)); /* begins anew */
	ck_assert(!fails(offenders, "2001:db8::", 600));
	ck_assert(fails(offenders, "2001:db8::", 600));
	offenders_close(offenders);
}
END_TEST

START_TEST(failures_outside_the_window_do_not_count)
{
	table_seed();
	struct offenders *offenders = offenders_open();
	ck_assert_ptr_nonnull(offenders);
	ck_assert(!fails(offenders, "192.0.2.1", 0));
	ck_assert(!fails(offenders, "192.0.2.1", 999));
	ck_assert(!fails(offenders, "192.0.2.1", 1000));
	ck_assert(!fails(offenders, "192.0.2.1", 1001));
	ck_assert(fails(offenders, "192.0.2.1", 1002));
	offenders_close(offenders);
}
END_TEST

/* A whole /48 fails: whoever failed longest ago is forgotten, and no memory is asked for */
START_TEST(sources_are_bounded)
{
	table_seed();
	struct offenders *offenders = offenders_open();
	ck_assert_ptr_nonnull(offenders);
	ck_assert(!fails(offenders, "192.0.2.1", 0));
	ck_assert(!fails(offenders, "192.0.2.2", 0));
	ck_assert(!fails(offenders, "192.0.2.1", 0));
	for (unsigned i = 0; i < OFFENDERS_MAX - 1; i++) {
		struct ip ip = { .family = 6, .octets = { 0x20, 1, 13, 184, 0, 0 } };
		ip.octets[6] = (uint8_t)(i >> 8);
		ip.octets[7] = (uint8_t)i;
		ck_assert(!offenders_count(offenders, &ip, 3, WINDOW_MS, 1));
	}
	ck_assert(fails(offenders, "192.0.2.1", 2));
	ck_assert(!fails(offenders, "192.0.2.2", 2));
	ck_assert(!fails(offenders, "192.0.2.2", 2)); /* its first one is forgotten */
	offenders_close(offenders);
}
END_TEST

SUITE(offenders, the_last_failure_fills_the_measure, failures_outside_the_window_do_not_count,
      sources_are_bounded)
