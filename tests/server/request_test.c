/* One request, from its octets to its answer, with the database and the clock in our hands. */
#include "server/site.h"

/* UAS-8.2.7-2: a challenge is answered at once and keeps nothing. */
START_TEST(challenge_keeps_nothing)
{
	struct site site;
	site_open(&site);
	site_send(&site, (struct site_request){ .no_credentials = true, .size = 400 });
	ck_assert_int_eq(sent_status(&site, 0), 401);
	ck_assert_uint_eq(requests_live(site.requests), 0);
	ck_assert_uint_eq(requests_transactions(site.requests), 0);
	site_close(&site);
}
END_TEST

START_TEST(registers)
{
	struct site site;
	site_open(&site);
	site_send(&site, (struct site_request){ .contact = "<sip:alice@192.0.2.10:5062>" });
	ck_assert_uint_eq(fake_sent_count(site.net), 0);
	site_pass(&site, 10);
	ck_assert_int_eq(sent_status(&site, 0), 200);
	ck_assert_uint_eq(row_bindings(&site, "alice@example.com"), 1);
	site_close(&site);
}
END_TEST

SUITE(request, challenge_keeps_nothing, registers)
