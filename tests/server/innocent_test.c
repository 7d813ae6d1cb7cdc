/* Who must not be refused in a storm, and when there is none. */
#include "server/admission.h"

#include <stdio.h>

#include "server/site.h"

static struct site site;

static void
open_site(void)
{
	site_init(&site);
	site.settings.remembered_records = 10;
	site.settings.overload_delay_ms = 500;
	site.settings.max_requests = 2000;
	site_start(&site);
}

static void
burst(unsigned first, unsigned count, unsigned nc)
{
	for (unsigned i = first; i < first + count; i++) {
		char call_id[16], login[16];
		snprintf(call_id, sizeof(call_id), "crowd%u", i);
		snprintf(login, sizeof(login), "user%u", i);
		site_send(&site, (struct site_request){ .login = login,
							.password = "any",
							.nc = nc,
							.call_id = call_id });
	}
}

/* An idle server, 200 phones in the same instant, a store that answers in 1 ms: nobody is refused.
 */
START_TEST(a_burst_on_an_idle_server_is_served)
{
	open_site();
	fake_store_set_delay(site.store, 1);
	burst(0, 200, 1);
	ck_assert_uint_eq(sent_with_status(&site, 503), 0);
	ck_assert_uint_eq(site.stats.outcomes[REASON_OVERLOADED][TRANSPORT_UDP], 0);
	site_close(&site);
}
END_TEST

/* One row that somebody held for 3 s on a server with little to do. */
START_TEST(one_slow_row_refuses_nobody_later)
{
	open_site();
	fake_store_set_delay(site.store, 3000);
	burst(0, 1, 1);
	site_pass(&site, 10000);
	fake_store_set_delay(site.store, 1);
	fake_sent_forget(site.net);
	burst(1, 60, 1);
	ck_assert_uint_eq(site.stats.outcomes[REASON_OVERLOADED][TRANSPORT_UDP], 0);
	site_close(&site);
}
END_TEST

/* The answer was lost on its way: it is at hand and costs the store nothing. */
START_TEST(a_retransmission_is_answered_in_a_storm)
{
	open_site();
	struct site_request alice = { .contact = "<sip:alice@192.0.2.10>",
				      .branch = "z9hG4bK-again",
				      .nonce = 7,
				      .call_id = "again",
				      .from_tag = "again" };
	site_send(&site, alice);
	site_pass(&site, 10);
	ck_assert_int_eq(sent_status(&site, 0), 200);
	fake_store_freeze(site.store, true);
	burst(0, 600, 2);
	site_pass(&site, 40);
	burst(600, 300, 2); /* all that may be told is told */
	fake_sent_forget(site.net);
	site_send(&site, alice);
	ck_assert_uint_eq(fake_sent_count(site.net), 1);
	ck_assert_int_eq(sent_status(&site, 0), 200);
	site_close(&site);
}
END_TEST

/* An answer that needs no store and is final is not made a 503 with "come again". */
START_TEST(final_answers_stay_final)
{
	open_site();
	fake_store_freeze(site.store, true);
	burst(0, 130, 2);
	fake_sent_forget(site.net);
	site_send(&site, (struct site_request){ .login = "bob",
						.password = "b",
						.call_id = "b",
						.digest_uri = "sip:elsewhere.invalid" });
	ck_assert_int_eq(sent_status(&site, 0), 400);
	site_close(&site);
}
END_TEST

/* The smallest delay is not none at all. */
START_TEST(one_millisecond_is_a_limit)
{
	site_init(&site);
	site.settings.overload_delay_ms = 1;
	site.settings.max_requests = 2000;
	site_start(&site);
	fake_store_freeze(site.store, true);
	burst(0, 500, 2);
	site_pass(&site, 2);
	burst(500, 500, 2);
	ck_assert_uint_lt(fake_store_waiting(site.store), 1000);
	site_close(&site);
}
END_TEST

/* Controls: the same without a storm. */
START_TEST(control)
{
	open_site();
	struct site_request alice = { .contact = "<sip:alice@192.0.2.10>",
				      .branch = "z9hG4bK-again",
				      .nonce = 7,
				      .call_id = "again",
				      .from_tag = "again" };
	site_send(&site, alice);
	site_pass(&site, 10);
	fake_sent_forget(site.net);
	site_send(&site, alice);
	ck_assert_int_eq(sent_status(&site, 0), 200);
	ck_assert_uint_eq(fake_store_commits(site.store), 1);
	fake_sent_forget(site.net);
	site_send(&site, (struct site_request){ .login = "bob",
						.password = "b",
						.call_id = "b",
						.digest_uri = "sip:elsewhere.invalid" });
	ck_assert_int_eq(sent_status(&site, 0), 400);
	site_close(&site);
}
END_TEST

SUITE(innocent, control, a_burst_on_an_idle_server_is_served, one_slow_row_refuses_nobody_later,
      a_retransmission_is_answered_in_a_storm, final_answers_stay_final, one_millisecond_is_a_limit)
