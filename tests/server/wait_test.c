/* Requests that wait: for the database, for each other, and what becomes of them when it does not
 * go well. */
#include <stdio.h>

#include "server/gate.h"
#include "server/site.h"

#define RECHECK_EVERY_MS 101 /* a look-up takes one */
#define C1 "<sip:alice@192.0.2.10:5062>"
#define C2 "<sip:alice@192.0.2.11:5062>"

/* Sends n requests of bob, each with a Call-ID of its own. */
static void
send_many(struct site *site, unsigned n, const char *prefix)
{
	for (unsigned i = 0; i < n; i++) {
		char call_id[32];
		snprintf(call_id, sizeof(call_id), "%s%u", prefix, i);
		site_send(site, (struct site_request){
					.login = "bob", .password = "bob's", .call_id = call_id });
	}
}

/* And its first retransmission. */
static void
send_twice(struct site *site, struct site_request request)
{
	struct str text = site_text(site, request);
	fake_datagram(site->net, &site->host, text);
	fake_datagram(site->net, &site->host, text);
}

/* --- 100 Trying ---------------------------------------------------------------------------- */

/* TXN-4320-2: nothing but the final answer when that takes 3 s */
START_TEST(no_100_before_3500_ms)
{
	struct site site;
	site_open(&site);
	fake_store_set_delay(site.store, 1500);
	site_send(&site, (struct site_request){ .contact = C1 });
	site_pass(&site, 3000);
	ck_assert_uint_eq(fake_sent_count(site.net), 1);
	ck_assert_int_eq(sent_status(&site, 0), 200);
	site_pass(&site, 10000);
	ck_assert_uint_eq(fake_sent_count(site.net), 1);
	site_close(&site);
}
END_TEST

/* TXN-4320-1, TXN-4320-3, UAS-8.2.6.1-1, TXN-17.2.2-3: one 100 at 3.5 s, with the Timestamp and the
 * delay, without a To tag; a retransmission then gets it again; the 200 follows */
START_TEST(trying_at_3500_ms)
{
	struct site site;
	site_open(&site);
	fake_store_set_delay(site.store, 4500);
	struct str text = site_text(&site, (struct site_request){ .fields = "Timestamp: 54\r\n" });
	fake_datagram(site.net, &site.host, text);
	fake_datagram(site.net, &site.host, text); /* Timer E */
	site_pass(&site, 3499);
	ck_assert_uint_eq(fake_sent_count(site.net), 0);
	site_pass(&site, 1);
	ck_assert_int_eq(sent_status(&site, 0), 100);
	ck_assert(str_eq(sent_field(&site, 0, "Timestamp"), STR("54 3.500")));
	ck_assert(str_eq(sent_field(&site, 0, "Content-Length"), STR("0")));
	ck_assert_uint_eq(sent_to_tag(&site, 0).len, 0);
	fake_datagram(site.net, &site.host, text);
	ck_assert(str_eq(sent_text(&site, 1), sent_text(&site, 0)));
	site_pass(&site, 5500); /* a fetch commits its nonce count: two trips */
	ck_assert_uint_eq(fake_sent_count(site.net), 3);
	ck_assert_int_eq(sent_status(&site, 2), 200);
	site_close(&site);
}
END_TEST

/* SEC-26.1.5-1: whoever forges a source gets one datagram for one, so no 100 before the 503; a
 * password that was right makes it two */
START_TEST(no_100_for_one_datagram_of_a_stranger)
{
	struct site site;
	site_open(&site);
	fake_store_set_delay(site.store, 5000);
	fake_store_next_lookup(site.store, LOOKUP_TIMEOUT);
	site_send(&site, (struct site_request){ .contact = C1 });
	site_pass(&site, 5000);
	ck_assert_uint_eq(fake_sent_count(site.net), 1);
	ck_assert_int_eq(sent_status(&site, 0), 503);
	fake_sent_forget(site.net);
	fake_store_set_delay(site.store, 2000); /* for the look-up, and for the commit */
	site_send(&site, (struct site_request){ .contact = C1, .call_id = "b" });
	site_pass(&site, 3500);
	ck_assert_int_eq(sent_status(&site, 0), 100);
	site_close(&site);
}
END_TEST

static void
check_timestamp(const char *field, struct str expected)
{
	struct site site;
	site_open(&site);
	fake_store_freeze(site.store, true);
	send_twice(&site, (struct site_request){ .fields = field });
	site_pass(&site, 3500);
	ck_assert(str_eq(sent_field(&site, 0, "Timestamp"), expected));
	site_close(&site);
}

/* UAS-8.2.6.1-1: a delay that is already there is replaced, what is no number is not copied */
START_TEST(timestamps)
{
	check_timestamp("Timestamp: 54.5 1\r\n", STR("54.5 3.500"));
	check_timestamp("Timestamp: x\r\n", STR(""));
	check_timestamp("Timestamp:\r\n", STR(""));
	check_timestamp("", STR(""));
}
END_TEST

/* TXN-4320-4, TXN-4321-1, ORD-35: silence of the database ends in 503 at the deadline, never 408 */
START_TEST(deadline)
{
	struct site site;
	site_open(&site);
	fake_store_set_delay(site.store, 5000);
	fake_store_next_lookup(site.store, LOOKUP_TIMEOUT);
	send_twice(&site, (struct site_request){ .contact = C1 });
	send_twice(&site, (struct site_request){ .contact = C2, .call_id = "b" });
	send_twice(&site, (struct site_request){ .contact = C2, .call_id = "c" });
	site_pass(&site, 4999);
	ck_assert_uint_eq(sent_with_status(&site, 100), 3);
	fake_sent_forget(site.net);
	site_pass(&site, 1);
	/* Those who waited behind it have no time left either, and cost no look-up. */
	ck_assert_uint_eq(sent_with_status(&site, 503), 3);
	ck_assert_uint_eq(fake_store_lookups(site.store), 1);
	ck_assert_uint_eq(site.stats.outcomes[REASON_DATABASE_TIMEOUT][TRANSPORT_UDP], 3);
	ck_assert_uint_eq(requests_live(site.requests), 0);
	site_close(&site);
}
END_TEST

/* --- conflicts and lost answers ------------------------------------------------------------ */

static int
outcome(const enum fake_commit *commits, unsigned count, unsigned *lookups, unsigned *bindings)
{
	struct site site;
	site_open(&site);
	for (unsigned i = 0; i < count; i++)
		fake_store_next_commit(site.store, commits[i]);
	site_send(&site, (struct site_request){ .contact = C1 });
	site_pass(&site, 1000);
	ck_assert_uint_eq(fake_sent_count(site.net), 1);
	int status = sent_status(&site, 0);
	*lookups = fake_store_lookups(site.store);
	*bindings = row_bindings(&site, "alice@example.com");
	ck_assert_uint_eq(requests_live(site.requests), 0);
	site_close(&site);
	return status;
}

/* REG-DB-1, REG-DB-5, REG-10.3-7, ORD-50, UAS-8.2-1: a lost race is decided again, a lost answer is
 * looked up, and an error changes nothing */
START_TEST(commits_that_go_wrong)
{
	static const struct {
		enum fake_commit commits[4];
		unsigned count;
		int status;
		unsigned lookups;
		unsigned bindings;
	} cases[] = {
		{ { FAKE_COMMIT_CONFLICT }, 1, 200, 2, 1 },
		{ { FAKE_COMMIT_CONFLICT, FAKE_COMMIT_CONFLICT }, 2, 200, 3, 1 },
		{ { FAKE_COMMIT_CONFLICT, FAKE_COMMIT_CONFLICT, FAKE_COMMIT_CONFLICT,
		    FAKE_COMMIT_CONFLICT },
		  4,
		  200,
		  5,
		  1 },
		{ { FAKE_COMMIT_FAILED }, 1, 500, 1, 0 },
		{ { FAKE_COMMIT_UNAVAILABLE }, 1, 503, 1, 0 },
		{ { FAKE_COMMIT_OVERDUE }, 1, 503, 1, 0 },
		{ { FAKE_COMMIT_LANDED }, 1, 200, 2, 1 },
		{ { FAKE_COMMIT_LOST }, 1, 200, 2, 1 },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned lookups, bindings;
		int status = outcome(cases[i].commits, cases[i].count, &lookups, &bindings);
		ck_assert_msg(status == cases[i].status && lookups == cases[i].lookups &&
				      bindings == cases[i].bindings,
			      "case %zu: %d, %u look-ups, %u bindings", i, status, lookups,
			      bindings);
	}
}
END_TEST

/* REG-DB-5: no time left to look up what became of a commit: 500, not 503 */
START_TEST(lost_answer_after_the_deadline)
{
	struct site site;
	site_open(&site);
	fake_store_set_delay(site.store, 3000);
	fake_store_next_commit(site.store, FAKE_COMMIT_LANDED);
	site_send(&site, (struct site_request){ .contact = C1 });
	site_pass(&site, 6000);
	ck_assert_int_eq(sent_status(&site, 0), 100);
	ck_assert_int_eq(sent_status(&site, 1), 500);
	ck_assert_uint_eq(fake_store_lookups(site.store), 1);
	site_close(&site);
}
END_TEST

/* REG-DB-5: what became of a commit is asked for until the deadline, while the database is away;
 * then it is 500, once */
START_TEST(lost_answer_and_no_database)
{
	static const struct {
		unsigned away; /* look-ups in vain */
		int status;
	} cases[] = { { 0, 200 }, { 1, 200 }, { 10, 200 }, { 60, 500 } };
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct site site;
		site_open(&site);
		fake_store_next_commit(site.store, FAKE_COMMIT_LANDED);
		site_send(&site, (struct site_request){ .contact = C1 });
		site_pass(&site, 2);
		for (unsigned n = 0; n < cases[i].away; n++) {
			fake_store_next_lookup(site.store, LOOKUP_UNAVAILABLE);
			site_pass(&site, RECHECK_EVERY_MS);
		}
		site_pass(&site, 200);
		ck_assert_uint_eq(sent_with_status(&site, 100), cases[i].away > 34);
		ck_assert_uint_eq(sent_with_status(&site, cases[i].status), 1);
		ck_assert_uint_eq(row_bindings(&site, "alice@example.com"), 1);
		ck_assert_uint_eq(requests_live(site.requests), 0);
		ck_assert_uint_le(fake_store_lookups(site.store), 52);
		site_close(&site);
	}
}
END_TEST

/* REG-DB-6, D-27: nothing tried yet is 503 with Retry-After within its range */
START_TEST(lookup_unavailable)
{
	struct site site;
	site_open(&site);
	fake_store_next_lookup(site.store, LOOKUP_UNAVAILABLE);
	struct str text = site_text(&site, (struct site_request){ .contact = C1 });
	fake_datagram(site.net, &site.host, text);
	site_pass(&site, 10);
	ck_assert_int_eq(sent_status(&site, 0), 503);
	uint64_t seconds;
	ck_assert(str_to_u64(sent_field(&site, 0, "Retry-After"), 90, &seconds));
	ck_assert_uint_ge(seconds, 20);
	fake_datagram(site.net, &site.host, text); /* absorbed: the same answer */
	ck_assert(str_eq(sent_text(&site, 0), sent_text(&site, 1)));
	site_close(&site);
}
END_TEST

/* --- the gate ------------------------------------------------------------------------------ */

/* REG-10.3-6: add, remove, add in one go take effect in that order */
START_TEST(order_of_arrival)
{
	for (int run = 0; run < 100; run++) {
		struct site site;
		site_open(&site);
		site_send(&site, (struct site_request){ .contact = C1, .cseq = 1 });
		site_send(&site, (struct site_request){ .contact = C1 ";expires=0", .cseq = 2 });
		site_send(&site, (struct site_request){ .contact = C1, .cseq = 3 });
		site_pass(&site, 100);
		ck_assert_uint_eq(sent_with_status(&site, 200), 3);
		ck_assert(str_eq(sent_field(&site, 0, "CSeq"), STR("1 REGISTER")));
		ck_assert(str_eq(sent_field(&site, 2, "CSeq"), STR("3 REGISTER")));
		const struct record *row = fake_store_row(site.store, "alice@example.com");
		ck_assert_uint_eq(row->binding_count, 1);
		ck_assert_uint_eq(row->bindings[0].cseq, 3);
		site_close(&site);
	}
}
END_TEST

/* REG-10.3-8: another address does not wait */
START_TEST(addresses_run_in_parallel)
{
	struct site site;
	site_open(&site);
	fake_store_freeze(site.store, true);
	site_send(&site, (struct site_request){ .contact = C1 });
	site_send(&site, (struct site_request){ .contact = C2, .call_id = "b" });
	send_many(&site, 1, "bob");
	ck_assert_uint_eq(fake_store_waiting(site.store), 2);
	fake_store_freeze(site.store, false);
	site_pass(&site, 100);
	ck_assert_uint_eq(sent_with_status(&site, 200), 3);
	ck_assert_uint_eq(row_bindings(&site, "alice@example.com"), 2);
	site_close(&site);
}
END_TEST

/* SEC-26.1.5-2: eight wait for one address and source, the next is refused; from another source it
 * may wait, and its turn comes before the ninth of the first */
START_TEST(queue_of_one_source)
{
	struct site site;
	site_open(&site);
	fake_store_freeze(site.store, true);
	send_many(&site, 9, "s");
	ck_assert_uint_eq(fake_sent_count(site.net), 0);
	send_many(&site, 1, "t");
	ck_assert_int_eq(sent_status(&site, 0), 503);
	ck_assert_uint_eq(site.stats.outcomes[REASON_RATE_LIMITED][TRANSPORT_UDP], 1);
	site.host = fake_host("192.0.2.5:40000");
	send_many(&site, 1, "u");
	ck_assert_uint_eq(fake_sent_count(site.net), 1);
	fake_store_freeze(site.store, false);
	site_pass(&site, 1000);
	ck_assert_uint_eq(sent_with_status(&site, 200), 10);
	ck_assert(str_eq(sent_field(&site, 3, "Call-ID"), STR("u0")));
	site_close(&site);
}
END_TEST

START_TEST(queue_of_an_exempt_source)
{
	struct ip_prefix exempt;
	ck_assert(ip_prefix_parse(STR("192.0.2.0/24"), &exempt));
	struct site site;
	site_init(&site);
	site.limits_settings.exempt = &exempt;
	site.limits_settings.exempt_count = 1;
	site_start(&site);
	fake_store_freeze(site.store, true);
	for (unsigned i = 1; i <= 50; i++)
		site_send(&site, (struct site_request){ .cseq = i, .nonce = 7, .nc = i });
	ck_assert_uint_eq(fake_sent_count(site.net), 0);
	fake_store_freeze(site.store, false);
	site_pass(&site, 1000);
	ck_assert_uint_eq(sent_with_status(&site, 200), 50);
	site_close(&site);
}
END_TEST

/* SEC-26.3.2.4-1: when forged sources have all places before an address, its owner hears nothing
 * rather than that he should stay away, and finds a place when his phone repeats the request */
START_TEST(one_source_too_many)
{
	struct site site;
	site_init(&site);
	site.limits_settings.exempt_count = 0;
	site_start(&site);
	fake_store_freeze(site.store, true);
	struct peer forged = site.host;
	for (unsigned i = 0; i <= GATE_SOURCES_WAITING; i++) {
		char address[32], call_id[32];
		snprintf(address, sizeof(address), "198.51.100.%u", i);
		snprintf(call_id, sizeof(call_id), "forged%u", i);
		ck_assert(ip_parse(str_of(address), &forged.source.ip));
		fake_datagram(site.net, &forged,
			      site_text(&site, (struct site_request){ .password = "guess",
								      .call_id = call_id }));
	}
	struct str mine = site_text(&site, (struct site_request){ .contact = C1 });
	fake_datagram(site.net, &site.host, mine);
	ck_assert_uint_eq(fake_sent_count(site.net), 0);
	ck_assert_uint_eq(site.stats.outcomes[REASON_RATE_LIMITED][TRANSPORT_UDP], 1);
	fake_store_freeze(site.store, false);
	site_pass(&site, 500);
	fake_datagram(site.net, &site.host, mine);
	site_pass(&site, 500);
	ck_assert_uint_eq(sent_with_status(&site, 200), 1);
	ck_assert_uint_eq(sent_with_status(&site, 401), GATE_SOURCES_WAITING + 1);
	site_close(&site);
}
END_TEST

/* --- bounds -------------------------------------------------------------------------------- */

/* ORD-31: the limit of requests in flight and one more; what needs no waiting is still answered */
START_TEST(requests_in_flight_are_bounded)
{
	struct site site;
	site_init(&site);
	site.settings.max_requests = 5;
	site_start(&site);
	fake_store_freeze(site.store, true);
	send_many(&site, 5, "s");
	ck_assert_uint_eq(requests_live(site.requests), 5);
	ck_assert_uint_eq(site.stats.requests_live, 5);
	ck_assert_uint_eq(fake_sent_count(site.net), 0);
	send_many(&site, 1, "t");
	ck_assert_int_eq(sent_status(&site, 0), 503);
	ck_assert_uint_gt(sent_field(&site, 0, "Retry-After").len, 0);
	ck_assert_uint_eq(site.stats.outcomes[REASON_OVERLOADED][TRANSPORT_UDP], 1);
	site_send(&site, (struct site_request){ .method = "INVITE", .no_credentials = true });
	ck_assert_int_eq(sent_status(&site, 1), 405);
	fake_store_freeze(site.store, false);
	site_pass(&site, 100);
	send_many(&site, 1, "u");
	site_pass(&site, 100);
	ck_assert_uint_eq(sent_with_status(&site, 200), 6);
	ck_assert_uint_eq(site.stats.requests_live, 0);
	site_close(&site);
}
END_TEST

/* Memory for requests is one pool: when it is used up a request is dropped, and later ones live. */
START_TEST(request_memory_is_bounded)
{
	struct site site;
	site_init(&site);
	site.settings.request_memory = 64 << 10;
	site_start(&site);
	fake_store_freeze(site.store, true);
	send_many(&site, 40, "s");
	ck_assert_uint_gt(site.stats.outcomes[REASON_OVERLOADED][TRANSPORT_UDP] +
				  site.stats.outcomes[REASON_INTERNAL][TRANSPORT_UDP] +
				  site.stats.outcomes[REASON_RATE_LIMITED][TRANSPORT_UDP],
			  0);
	fake_store_freeze(site.store, false);
	site_pass(&site, 1000);
	fake_sent_forget(site.net);
	send_many(&site, 1, "t");
	site_pass(&site, 100);
	ck_assert_int_eq(sent_status(&site, 0), 200);
	site_close(&site);
}
END_TEST

/* TXN-KEY-1: transactions in progress are never evicted; when they fill their memory, 503 */
START_TEST(transaction_memory_is_bounded)
{
	struct site site;
	site_init(&site);
	site.settings.transaction_memory = 1500;
	site_start(&site);
	fake_store_freeze(site.store, true);
	send_many(&site, 8, "s");
	unsigned refused = sent_with_status(&site, 503);
	ck_assert_uint_gt(refused, 0);
	ck_assert_uint_lt(refused, 8);
	ck_assert_uint_eq(requests_transactions(site.requests), 8 - refused);
	fake_store_freeze(site.store, false);
	site_pass(&site, 1000);
	ck_assert_uint_eq(sent_with_status(&site, 200), 8 - refused);
	site_close(&site);
}
END_TEST

/* SEC-26.3.2.4-1, SEC-26.1.5-2: over the rate of its address a source gets 503, others of the same
 * address do not, and requests without the right password do not count */
START_TEST(rate_of_an_address)
{
	struct site site;
	site_init(&site);
	site.limits_settings.aor_per_second = 1;
	site_start(&site);
	for (int i = 0; i < 30; i++)
		site_send(&site, (struct site_request){
					 .no_credentials = true, .login = "bob", .size = 400 });
	for (unsigned i = 1; i <= 30; i++) { /* nor do wrong ones: their source may be forged */
		site_send(&site,
			  (struct site_request){ .login = "bob", .password = "wrong", .cseq = i });
		site_pass(&site, 5);
	}
	site_pass(&site, 1000);
	ck_assert_uint_eq(site.stats.outcomes[REASON_BAD_PASSWORD][TRANSPORT_UDP], 30);
	fake_sent_forget(site.net);
	for (int i = 0; i < 12; i++) {
		char prefix[8];
		snprintf(prefix, sizeof(prefix), "s%d-", i);
		send_many(&site, 1, prefix);
		site_pass(&site, 5);
	}
	ck_assert_uint_eq(sent_with_status(&site, 200), 10);
	ck_assert_uint_eq(sent_with_status(&site, 503), 2);
	ck_assert_uint_gt(sent_field(&site, 11, "Retry-After").len, 0);
	ck_assert_uint_eq(site.stats.outcomes[REASON_RATE_LIMITED][TRANSPORT_UDP], 2);
	site.host = fake_host("192.0.2.5:40000");
	send_many(&site, 1, "other");
	site_pass(&site, 5);
	ck_assert_int_eq(sent_status(&site, 12), 200);
	site_close(&site);
}
END_TEST

/* Those who waited for the address together find what the ones before them have left of its rate.
 */
START_TEST(rate_holds_behind_the_gate)
{
	struct site site;
	site_init(&site);
	site.limits_settings.aor_per_second = 1;
	site_start(&site);
	for (int i = 0; i < 5; i++) {
		char prefix[8];
		snprintf(prefix, sizeof(prefix), "s%d-", i);
		send_many(&site, 1, prefix);
		site_pass(&site, 5);
	}
	ck_assert_uint_eq(sent_with_status(&site, 200), 5);
	fake_sent_forget(site.net);
	fake_store_freeze(site.store, true);
	send_many(&site, 9, "together");
	site_pass(&site, 5);
	ck_assert_uint_eq(fake_sent_count(site.net), 0);
	fake_store_freeze(site.store, false);
	site_pass(&site, 100);
	ck_assert_uint_eq(sent_with_status(&site, 200), 5);
	ck_assert_uint_eq(sent_with_status(&site, 503), 4);
	ck_assert_uint_eq(site.stats.requests_live, 0);
	site_pass(&site, 1000);
	fake_sent_forget(site.net);
	send_many(&site, 1, "later");
	site_pass(&site, 5);
	ck_assert_int_eq(sent_status(&site, 0), 200);
	site_close(&site);
}
END_TEST

START_TEST(a_lost_race_is_counted_once)
{
	struct site site;
	site_init(&site);
	site.limits_settings.aor_per_second = 1;
	site_start(&site);
	for (unsigned i = 1; i <= 10; i++) {
		fake_store_next_commit(site.store, FAKE_COMMIT_CONFLICT);
		site_send(&site, (struct site_request){ .contact = C1, .cseq = i });
		site_pass(&site, 5);
	}
	ck_assert_uint_eq(fake_store_commits(site.store), 20);
	ck_assert_uint_eq(sent_with_status(&site, 200), 10);
	site_send(&site, (struct site_request){ .contact = C1, .cseq = 11 });
	site_pass(&site, 5);
	ck_assert_uint_eq(sent_with_status(&site, 503), 1);
	site_close(&site);
}
END_TEST

/* --- changes underway ---------------------------------------------------------------------- */

/* A request keeps the policy it began with; the next one has the new one. */
START_TEST(policy_is_replaced)
{
	struct site site;
	site_open(&site);
	fake_store_freeze(site.store, true);
	site_send(&site, (struct site_request){ .contact = C1 });
	struct policy fresh = site.policy;
	fresh.server_header = STR("changed");
	struct requests_settings settings = site.settings;
	settings.policy = &fresh;
	settings.max_requests = 1000000; /* not more than at start */
	requests_configure(site.requests, &settings);
	fake_store_freeze(site.store, false);
	site_pass(&site, 100);
	site_send(&site, (struct site_request){ .contact = C1, .cseq = 2 });
	site_pass(&site, 100);
	ck_assert(str_eq(sent_field(&site, 0, "Server"), STR("rollcall")));
	ck_assert(str_eq(sent_field(&site, 1, "Server"), STR("changed")));
	site_close(&site);
}
END_TEST

/* Closing with requests at the store and at the gate: each is answered and given back. */
START_TEST(store_closes_first)
{
	struct site site;
	site_open(&site);
	fake_store_freeze(site.store, true);
	send_many(&site, 4, "s");
	site_send(&site, (struct site_request){ .contact = C1 });
	ck_assert_uint_eq(requests_live(site.requests), 5);
	site_close(&site);
}
END_TEST

SUITE(wait, no_100_before_3500_ms, trying_at_3500_ms, no_100_for_one_datagram_of_a_stranger,
      timestamps, deadline, commits_that_go_wrong, lost_answer_after_the_deadline,
      lost_answer_and_no_database, lookup_unavailable, order_of_arrival, addresses_run_in_parallel,
      queue_of_one_source, queue_of_an_exempt_source, one_source_too_many,
      requests_in_flight_are_bounded, request_memory_is_bounded, transaction_memory_is_bounded,
      rate_of_an_address, rate_holds_behind_the_gate, a_lost_race_is_counted_once,
      policy_is_replaced, store_closes_first)
