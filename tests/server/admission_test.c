/* Who is let in to wait for the store, and what is said to the others. */
#include "server/admission.h"

#include <stdio.h>

#include "base/table.h"
#include "server/requests.h"
#include "server/site.h"

#define TARGET 250u
#define MOST 10000u

/* Serves a queue that is kept full at per_ms a millisecond, for so many answers. */
static void
keep_full(struct admission *admission, unsigned per_ms, unsigned answers)
{
	for (unsigned i = 0; i < answers; i++)
		admission_learn(admission, admission->limit - 1, admission->limit / per_ms);
}

/* The limit becomes what is served within the target, from above and from below. */
START_TEST(the_limit_follows_what_is_served)
{
	struct admission admission;
	admission_open(&admission, TARGET, MOST);
	keep_full(&admission, 20, 10000);
	ck_assert_uint_ge(admission.limit, 19 * TARGET);
	ck_assert_uint_le(admission.limit, 21 * TARGET);
	keep_full(&admission, 2, 2);
	ck_assert_uint_le(admission.limit, 3 * TARGET);
	keep_full(&admission, 2, 1000);
	ck_assert_uint_ge(admission.limit, 2 * TARGET - 10);
	ck_assert_uint_le(admission.limit, 2 * TARGET + 10);
}
END_TEST

/* Answers that few wait for say nothing about how many could. */
START_TEST(leisure_teaches_nothing)
{
	struct admission admission;
	admission_open(&admission, TARGET, MOST);
	uint32_t limit = admission.limit;
	for (unsigned i = 0; i < 1000; i++)
		admission_learn(&admission, i % 8, i % 100);
	ck_assert_uint_eq(admission.limit, limit);
}
END_TEST

/* All are let in at first, and again when a storm is over; in between what was proved counts. */
START_TEST(everybody_until_proved_otherwise)
{
	struct admission admission;
	admission_open(&admission, TARGET, MOST);
	ck_assert(admission_room(&admission, MOST - 1, true));
	ck_assert(admission_room(&admission, MOST / 2 - 1, false));
	keep_full(&admission, 2, 4);
	ck_assert(!admission_room(&admission, MOST / 2, true));
	admission_forget(&admission);
	ck_assert(admission_room(&admission, MOST - 1, true));
}
END_TEST

/* Three who waited for one row that was locked say nothing about a hundred others. */
START_TEST(few_prove_nothing)
{
	struct admission admission;
	admission_open(&admission, TARGET, MOST);
	admission_learn(&admission, 3, 3000);
	ck_assert_uint_eq(admission.limit, MOST);
}
END_TEST

/* A pause of the database ends with room for more than what waited, and the room grows again. */
START_TEST(a_pause_is_forgotten)
{
	struct admission admission;
	admission_open(&admission, TARGET, MOST);
	admission_learn(&admission, 40, 3000);
	ck_assert_uint_eq(admission.limit, 64);
	keep_full(&admission, 20, 1000);
	ck_assert_uint_ge(admission.limit, 1000);
}
END_TEST

START_TEST(never_beyond_what_may_be_live)
{
	struct admission admission;
	admission_open(&admission, TARGET, 300);
	keep_full(&admission, 1000, 10000);
	ck_assert_uint_eq(admission.limit, 300);
	ck_assert(admission_room(&admission, 299, true));
	ck_assert(!admission_room(&admission, 300, true));
	ck_assert(!admission_room(&admission, 150, false));
	admission.target_ms = 0;
	ck_assert(admission_room(&admission, 300, false));
}
END_TEST

/* 5,000 refusals a second when the loop has no time left, four times as many when it has, however
 * many are asked for. */
START_TEST(few_are_told)
{
	struct admission admission;
	admission_open(&admission, TARGET, MOST);
	admission_work(&admission, 0, 4900);
	admission_work(&admission, 90000, 5000);
	unsigned told = 0;
	for (uint64_t now_ms = 5000; now_ms < 15000; now_ms++)
		for (unsigned i = 0; i < 20; i++)
			told += admission_tell(&admission, now_ms);
	ck_assert_uint_ge(told, 50000);
	ck_assert_uint_le(told, 50200);
	for (uint64_t now_ms = 20000; now_ms < 20064; now_ms++)
		ck_assert(admission_tell(&admission, now_ms));
	admission_work(&admission, 100000, 20100);
	told = 0;
	for (uint64_t now_ms = 21000; now_ms < 22000; now_ms++)
		for (unsigned i = 0; i < 40; i++)
			told += admission_tell(&admission, now_ms);
	ck_assert_uint_ge(told, 20000);
	ck_assert_uint_le(told, 20400);
}
END_TEST

static struct site site;

/* Nothing is proved yet. */
static void
open_fresh_site(uint64_t overload_delay_ms)
{
	site_init(&site);
	site.settings.remembered_records = 10;
	site.settings.overload_delay_ms = overload_delay_ms;
	site.settings.max_requests = 2000;
	site_start(&site);
}

static void
open_site(void)
{
	open_fresh_site(500);
	site.requests->admission.limit = 256; /* as answers proved in a storm just now */
	site.requests->overloaded_ms = loop_now_ms(site.loop);
}

/* Fetches of so many users, over UDP; a refresh is what has a higher nonce count than 1. */
static void
crowd(unsigned first, unsigned count, unsigned nc)
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

static int
status_of(struct site_request request)
{
	fake_sent_forget(site.net);
	site_send(&site, request);
	return sent_status(&site, 0);
}

/* Refreshes have the whole room, all others half of it: a second nonce count, and whatever an
 * address that this worker has written asks for. */
START_TEST(refreshes_come_first)
{
	open_site();
	site_send(&site, (struct site_request){ .contact = "<sip:alice@192.0.2.10>" });
	site_pass(&site, 10);
	ck_assert_int_eq(sent_status(&site, 0), 200);
	fake_store_freeze(site.store, true);
	crowd(0, 127, 2);
	site_pass(&site, 40); /* only a wait proves a queue */
	struct site_request stranger = { .login = "bob", .no_credentials = true, .size = 400 };
	stranger.to = "<sip:bob@example.com>";
	stranger.call_id = "b1";
	ck_assert_int_eq(status_of(stranger), 401);
	site_send(&site, (struct site_request){
				 .login = "bob", .password = "bob's", .nc = 2, .call_id = "b2" });
	ck_assert_uint_eq(fake_store_waiting(site.store), 128);
	stranger.call_id = "b3";
	ck_assert_int_eq(status_of(stranger), 503);
	ck_assert_int_eq(status_of((struct site_request){
				 .login = "bob", .password = "bob's", .call_id = "b4" }),
			 503);
	ck_assert_int_eq(status_of((struct site_request){
				 .no_credentials = true, .size = 400, .call_id = "a1" }),
			 401);
	site_send(&site, (struct site_request){
				 .login = "carol", .password = "any", .nc = 3, .call_id = "c1" });
	ck_assert_uint_eq(fake_store_waiting(site.store), 129);
	site_close(&site);
}
END_TEST

/* Nothing is told any more, and the store answers nobody. */
static struct str
silenced_in_a_storm(void)
{
	open_site();
	fake_store_freeze(site.store, true);
	crowd(0, 256, 2);
	site_pass(&site, 40);
	crowd(256, 400, 2);
	struct str late = site_text(&site, (struct site_request){ .nc = 2, .call_id = "late" });
	fake_datagram(site.net, &site.host, late);
	return late;
}

/* What was silenced stays so while the storm lasts, also when there is room; then it is served. */
START_TEST(silence_outlasts_the_queue)
{
	struct str late = silenced_in_a_storm();
	ck_assert_uint_eq(fake_store_waiting(site.store), 256);
	fake_store_freeze(site.store, false);
	site_pass(&site, 900);
	ck_assert_uint_eq(requests_live(site.requests), 0);
	fake_sent_forget(site.net);
	fake_datagram(site.net, &site.host, late);
	ck_assert_uint_eq(requests_live(site.requests), 0);
	ck_assert_uint_eq(fake_sent_count(site.net), 0);
	site_send(&site, (struct site_request){ .nc = 2, .call_id = "fresh" });
	ck_assert_uint_eq(requests_live(site.requests), 1);
	site_pass(&site, 150);
	fake_sent_forget(site.net);
	fake_datagram(site.net, &site.host, late);
	site_pass(&site, 10);
	ck_assert_int_eq(sent_status(&site, 0), 200);
	site_close(&site);
}
END_TEST

/* Once all that may be told is told, a REGISTER is let go of before anything of it is read, and
 * counted all the same; what is none is read. */
START_TEST(what_gets_silence_is_not_read)
{
	static const char broken[] = "REGISTER sip:example.com SIP/2.0\r\nVia: ???\r\n\r\n";
	static const char other[] = "OPTIONS sip:example.com SIP/2.0\r\nVia: ???\r\n\r\n";
	open_site();
	fake_store_freeze(site.store, true);
	crowd(0, 256, 2);
	site_pass(&site, 40);
	crowd(256, 600, 2);
	uint64_t silenced = site.stats.outcomes[REASON_OVERLOADED][TRANSPORT_UDP];
	uint64_t requests = site.stats.sip_requests[METHOD_REGISTER];
	for (int i = 0; i < 2; i++)
		fake_datagram(site.net, &site.host, str_of(broken));
	ck_assert_uint_eq(site.stats.parse_errors[TRANSPORT_UDP], 0);
	ck_assert_uint_eq(site.stats.outcomes[REASON_OVERLOADED][TRANSPORT_UDP], silenced + 2);
	ck_assert_uint_eq(site.stats.sip_requests[METHOD_REGISTER], requests + 2);
	fake_datagram(site.net, &site.host, str_of(other));
	ck_assert_uint_eq(site.stats.parse_errors[TRANSPORT_UDP], 1);
	site_close(&site);
}
END_TEST

/* The hash of a probe may be that of somebody who got silence, or of what was taken on. */
START_TEST(only_register_is_let_go_of)
{
	open_site();
	fake_store_freeze(site.store, true);
	struct site_request alice = { .nc = 2,
				      .call_id = "taken",
				      .branch = "z9hG4bK-taken",
				      .from_tag = "taken",
				      .nonce = 9 };
	site_send(&site, alice);
	crowd(0, 256, 2);
	site_pass(&site, 40);
	crowd(256, 600, 2);
	struct str probe = site_text(
		&site,
		(struct site_request){ .method = "OPTIONS", .no_credentials = true, .size = 400 });
	struct str taken = site_text(&site, alice);
	seen_note_silenced(site.requests->seen, table_hash(probe.p, probe.len));
	seen_note_silenced(site.requests->seen, table_hash(taken.p, taken.len));
	fake_sent_forget(site.net);
	fake_datagram(site.net, &site.host, probe);
	ck_assert_int_eq(sent_status(&site, 0), 200);
	uint64_t absorbed = site.stats.retransmissions[TRANSPORT_UDP];
	fake_datagram(site.net, &site.host, taken);
	ck_assert_uint_eq(site.stats.retransmissions[TRANSPORT_UDP], absorbed + 1);
	site_close(&site);
}
END_TEST

/* A database that says nothing for a while is no end of the storm. */
START_TEST(silence_outlasts_the_database)
{
	struct str late = silenced_in_a_storm();
	fake_store_set_state(site.store, STORE_SILENT);
	site_pass(&site, 3000);
	fake_store_set_state(site.store, STORE_UP);
	fake_store_freeze(site.store, false);
	site_pass(&site, 200);
	fake_sent_forget(site.net);
	fake_datagram(site.net, &site.host, late);
	site_pass(&site, 10);
	ck_assert_uint_eq(fake_sent_count(site.net), 0);
	site_close(&site);
}
END_TEST

/* With no room at all a few datagrams hear 503 and the rest nothing, unread; OPTIONS is a probe and
 * served; over TCP everybody hears 503. All is well as soon as the queue is empty. */
START_TEST(a_storm_is_met_with_silence)
{
	open_site();
	fake_store_freeze(site.store, true);
	crowd(0, 256, 2);
	site_pass(&site, 40);
	ck_assert_uint_eq(fake_store_waiting(site.store), 256);
	fake_sent_forget(site.net);
	crowd(256, 1000, 2);
	ck_assert_uint_eq(fake_store_waiting(site.store), 256);
	ck_assert_uint_ge(fake_sent_count(site.net), 1);
	ck_assert_uint_le(fake_sent_count(site.net), 400);
	ck_assert_uint_eq(sent_with_status(&site, 503), fake_sent_count(site.net));
	ck_assert_uint_eq(site.stats.outcomes[REASON_OVERLOADED][TRANSPORT_UDP], 1000);
	ck_assert_uint_eq(requests_live(site.requests), 256);
	ck_assert_int_eq(status_of((struct site_request){
				 .method = "OPTIONS", .no_credentials = true, .size = 400 }),
			 200);
	fake_store_freeze(site.store, false);
	site_pass(&site, 20);
	ck_assert_int_eq(status_of((struct site_request){
				 .no_credentials = true, .size = 400, .call_id = "after" }),
			 401);
	site_close(&site);
}
END_TEST

/* An idle server, 200 phones in the same instant, a store that answers in 1 ms: nobody is refused.
 */
START_TEST(a_burst_on_an_idle_server_is_served)
{
	open_site();
	fake_store_set_delay(site.store, 1);
	crowd(0, 200, 1);
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
	crowd(0, 1, 1);
	site_pass(&site, 10000);
	fake_store_set_delay(site.store, 1);
	fake_sent_forget(site.net);
	crowd(1, 60, 1);
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
	crowd(0, 600, 2);
	site_pass(&site, 40);
	crowd(600, 300, 2); /* all that may be told is told */
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
	crowd(0, 130, 2);
	site_pass(&site, 40);
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
	open_fresh_site(1);
	fake_store_set_delay(site.store, 5);
	crowd(0, 500, 2);
	site_pass(&site, 10);
	fake_store_freeze(site.store, true);
	crowd(500, 500, 2);
	site_pass(&site, 2);
	crowd(1000, 500, 2);
	ck_assert_uint_lt(fake_store_waiting(site.store), 1000);
	site_close(&site);
}
END_TEST

/* At a high rate a thousand wait when the database has paused for a tenth of a second. None of them
 * is refused, nor is anybody behind them. */
START_TEST(a_pause_refuses_nobody)
{
	open_fresh_site(500);
	fake_store_freeze(site.store, true);
	crowd(0, 600, 2);
	site_pass(&site, 100);
	crowd(600, 600, 2);
	ck_assert_uint_eq(fake_store_waiting(site.store), 1200);
	fake_store_freeze(site.store, false);
	site_pass(&site, 10);
	crowd(1200, 600, 2);
	site_pass(&site, 10);
	ck_assert_uint_eq(site.stats.outcomes[REASON_OVERLOADED][TRANSPORT_UDP], 0);
	ck_assert_uint_eq(fake_store_lookups(site.store), 1800);
	site_close(&site);
}
END_TEST

/* A second after the last refusal all are let in again. */
START_TEST(the_limit_ends_with_the_storm)
{
	open_site();
	fake_store_freeze(site.store, true);
	crowd(0, 256, 2);
	site_pass(&site, 40);
	crowd(256, 10, 2);
	ck_assert_uint_eq(fake_store_waiting(site.store), 256);
	fake_store_freeze(site.store, false);
	site_pass(&site, 1100);
	crowd(300, 1, 2);
	fake_store_freeze(site.store, true);
	crowd(301, 400, 2);
	site_pass(&site, 40);
	crowd(701, 100, 2);
	ck_assert_uint_eq(fake_store_waiting(site.store), 501);
	site_close(&site);
}
END_TEST

/* A long pause at night teaches that little is served in time; by the next one that is forgotten.
 */
START_TEST(a_lesson_that_nobody_needed_is_forgotten)
{
	open_fresh_site(500);
	fake_store_set_delay(site.store, 400);
	crowd(0, 64, 2);
	site_pass(&site, 2000);
	fake_store_set_delay(site.store, 1);
	crowd(64, 1, 2);
	site_pass(&site, 10);
	fake_store_freeze(site.store, true);
	crowd(65, 400, 2);
	site_pass(&site, 60);
	crowd(465, 400, 2);
	ck_assert_uint_eq(fake_store_waiting(site.store), 800);
	ck_assert_uint_eq(site.stats.outcomes[REASON_OVERLOADED][TRANSPORT_UDP], 0);
	site_close(&site);
}
END_TEST

/* What the store gave up was never sent: its record is as good as before, and 503 says why. */
START_TEST(what_is_overdue_hears_503)
{
	open_fresh_site(500);
	site_send(&site, (struct site_request){ .contact = "<sip:alice@192.0.2.10>" });
	site_pass(&site, 10);
	unsigned lookups = fake_store_lookups(site.store);
	fake_store_next_commit(site.store, FAKE_COMMIT_OVERDUE);
	for (int i = 0; i < 2; i++) {
		site_send(&site, (struct site_request){ .contact = "<sip:alice@192.0.2.10>",
							.nc = 2 + (unsigned)i,
							.call_id = i == 0 ? "b" : "c" });
		site_pass(&site, 10);
	}
	ck_assert_int_eq(sent_status(&site, 1), 503);
	ck_assert_int_eq(sent_status(&site, 2), 200);
	ck_assert_uint_eq(site.stats.outcomes[REASON_OVERLOADED][TRANSPORT_UDP], 1);
	ck_assert_uint_eq(fake_store_lookups(site.store), lookups);
	site_close(&site);
}
END_TEST

SUITE(admission, the_limit_follows_what_is_served, everybody_until_proved_otherwise,
      few_prove_nothing, a_pause_refuses_nobody, the_limit_ends_with_the_storm,
      a_lesson_that_nobody_needed_is_forgotten, what_is_overdue_hears_503, leisure_teaches_nothing,
      a_pause_is_forgotten, never_beyond_what_may_be_live, few_are_told, refreshes_come_first,
      silence_outlasts_the_queue, what_gets_silence_is_not_read, only_register_is_let_go_of,
      silence_outlasts_the_database, a_storm_is_met_with_silence,
      a_burst_on_an_idle_server_is_served, one_slow_row_refuses_nobody_later,
      a_retransmission_is_answered_in_a_storm, final_answers_stay_final, one_millisecond_is_a_limit)
