/* Requests over UDP, from their octets to their answers: what is kept, what is not, and for how
 * long. */
#include <malloc.h>
#include <stdio.h>

#include "server/site.h"
#include "server/transaction.h"

#define C1 "<sip:alice@192.0.2.10:5062>"

/* UAS-8.2.7-1, UAS-8.2.7-3, UAS-8.2.6.2-3, AUT-26.3.2.4-1, TXN-17.2.2-4: a challenge is sent once
 * for each copy, with one To tag, and leaves no state */
START_TEST(challenge_keeps_nothing)
{
	struct site site;
	site_open(&site);
	struct str text =
		site_text(&site, (struct site_request){ .no_credentials = true, .size = 400 });
	fake_datagram(site.net, &site.host, text);
	ck_assert_int_eq(sent_status(&site, 0), 401);
	ck_assert_uint_eq(requests_live(site.requests), 0);
	ck_assert_uint_eq(requests_transactions(site.requests), 0);
	site_pass(&site, 60000);
	ck_assert_uint_eq(fake_sent_count(site.net), 1);
	fake_datagram(site.net, &site.host, text);
	ck_assert_int_eq(sent_status(&site, 1), 401);
	ck_assert_uint_eq(sent_to_tag(&site, 0).len, 16);
	ck_assert(str_eq(sent_to_tag(&site, 0), sent_to_tag(&site, 1)));
	ck_assert_uint_eq(fake_store_lookups(site.store), 0); /* AUT-DB-1 */
	site_close(&site);
}
END_TEST

/* UAS-8.2.7-2: memory is flat under 100,000 requests without credentials from as many sources */
START_TEST(flood_of_unauthenticated_requests)
{
	struct site site;
	site_open(&site);
	struct str text =
		site_text(&site, (struct site_request){ .no_credentials = true, .size = 400 });
	size_t before = 0;
	for (unsigned i = 0; i < 100000; i++) {
		site.host.source.ip.octets[1] = (uint8_t)(i >> 16);
		site.host.source.ip.octets[2] = (uint8_t)(i >> 8);
		site.host.source.ip.octets[3] = (uint8_t)i;
		fake_datagram(site.net, &site.host, text);
		ck_assert_int_eq(sent_status(&site, 0), 401);
		fake_sent_forget(site.net);
		if (i == 1000)
			before = mallinfo2().uordblks;
	}
	ck_assert_uint_le(mallinfo2().uordblks, before + 65536); /* less than an octet each */
	ck_assert_uint_eq(requests_transactions(site.requests), 0);
	ck_assert_uint_eq(STATS_SUM(site.stats.sip_requests), 100000);
	site_close(&site);
}
END_TEST

/* TXN-17.2.2-1, TXN-17.2.2-2, TXN-17.2.2-3: copies are absorbed, then answered from memory octet
 * for octet without the database, and forgotten after 32 s */
START_TEST(retransmissions)
{
	struct site site;
	site_open(&site);
	fake_store_freeze(site.store, true);
	struct str text = site_text(&site, (struct site_request){ .contact = NULL });
	for (int i = 0; i < 3; i++)
		fake_datagram(site.net, &site.host, text);
	ck_assert_uint_eq(fake_store_lookups(site.store), 1);
	fake_store_freeze(site.store, false);
	site_pass(&site, 100);
	ck_assert_uint_eq(fake_sent_count(site.net), 1);
	ck_assert_int_eq(sent_status(&site, 0), 200);

	site_pass(&site, 20000);
	fake_datagram(site.net, &site.host, text);
	ck_assert_uint_eq(fake_sent_count(site.net), 2);
	ck_assert(str_eq(sent_text(&site, 0), sent_text(&site, 1)));
	ck_assert_uint_eq(fake_store_lookups(site.store), 1);
	ck_assert_uint_eq(STATS_SUM(site.stats.retransmissions), 3);

	site_pass(&site, 13000);
	fake_datagram(site.net, &site.host, text);
	site_pass(&site, 100);
	ck_assert_int_eq(sent_status(&site, 2), 401); /* its nonce count is used up */
	ck_assert_ptr_nonnull(
		memmem(sent_text(&site, 2).p, sent_text(&site, 2).len, "stale=true", 10));
	site_close(&site);
}
END_TEST

/* TXN-17.2.3-3: a client of RFC 2543, without the cookie */
START_TEST(rfc2543_client)
{
	struct site site;
	site_open(&site);
	struct site_request request = { .via = "SIP/2.0/UDP 192.0.2.4:40000;branch=1",
					.contact = C1 };
	struct str text = site_text(&site, request);
	fake_datagram(site.net, &site.host, text);
	site_pass(&site, 100);
	fake_datagram(site.net, &site.host, text);
	ck_assert(str_eq(sent_text(&site, 0), sent_text(&site, 1)));
	ck_assert_uint_eq(fake_store_commits(site.store), 1);
	request.cseq = 2;
	site_send(&site, request);
	site_pass(&site, 100);
	ck_assert_int_eq(sent_status(&site, 2), 200);
	ck_assert_uint_eq(fake_store_commits(site.store), 2);
	site_close(&site);
}
END_TEST

/* UAS-8.2.2.2-1, ORD-25: the same request over another path is 482, once the first is done, which
 * is not disturbed; D-21: a challenge leaves nothing to merge with */
START_TEST(merged)
{
	struct site site;
	site_open(&site);
	site_send(&site, (struct site_request){ .no_credentials = true, .size = 400 });
	ck_assert_int_eq(sent_status(&site, 0), 401);
	site_send(&site, (struct site_request){ .contact = C1 });
	site_send(&site, (struct site_request){ .contact = C1 });
	ck_assert_uint_eq(fake_sent_count(site.net), 1);
	site_pass(&site, 100);
	ck_assert_int_eq(sent_status(&site, 1), 200);
	ck_assert_int_eq(sent_status(&site, 2), 482);
	ck_assert_uint_eq(fake_store_lookups(site.store), 1);
	ck_assert_uint_eq(fake_store_commits(site.store), 1);
	site_send(&site, (struct site_request){ .contact = C1 });
	ck_assert_int_eq(sent_status(&site, 3), 482);
	ck_assert_uint_eq(site.stats.outcomes[REASON_MERGED][TRANSPORT_UDP], 2);
	site_pass(&site, 32000);
	site_send(&site, (struct site_request){ .contact = C1, .cseq = 2 });
	site_pass(&site, 100);
	ck_assert_int_eq(sent_status(&site, 4), 200);
	site_close(&site);
}
END_TEST

/* 0: it got no answer. */
static int
status_for_branch(const struct site *site, const char *branch)
{
	for (size_t i = 0; i < fake_sent_count(site->net); i++) {
		struct str via = sent_field(site, i, "Via");
		if (memmem(via.p, via.len, branch, strlen(branch)) != NULL)
			return sent_status(site, i);
	}
	return 0;
}

/* SEC-26.3.2.4-1: requests that carry From tag, Call-ID and CSeq of the owner, with a wrong
 * password, with that of another user for his own address and for hers, in progress and answered:
 * she is served as if they were not there */
START_TEST(copied_identity)
{
	static const struct {
		struct site_request request;
		int status;
	} attacks[] = {
		{ { .password = "wrong", .contact = C1 }, 401 },
		{ { .login = "bob", .password = "bob's", .contact = C1 }, 200 },
		{ { .login = "bob",
		    .password = "bob's",
		    .to = "<sip:alice@example.com>",
		    .nonce_aor = "alice@example.com",
		    .contact = C1 },
		  403 },
	};
	for (size_t i = 0; i < 2 * sizeof(attacks) / sizeof(attacks[0]); i++) {
		struct site site;
		site_open(&site);
		for (unsigned n = 0; n <= TRANSACTIONS_ALIKE_MAX; n++)
			site_send(&site, attacks[i / 2].request);
		if (i % 2 == 0) {
			site_pass(&site, 100);
			ck_assert_uint_ge(sent_with_status(&site, attacks[i / 2].status), 1);
			fake_sent_forget(site.net);
		}
		ck_assert(endpoint_parse(STR("192.0.2.9:40000"), &site.host.source));
		site.host.hop = site.host.source;
		site_send(&site, (struct site_request){ .contact = C1, .branch = "z9hG4bK-owner" });
		site_pass(&site, 100);
		ck_assert_uint_eq(row_bindings(&site, "alice@example.com"), 1);
		ck_assert_int_eq(status_for_branch(&site, "z9hG4bK-owner"), 200);
		site_close(&site);
	}
}
END_TEST

/* TXN-9.2-1, TXN-9.2-2, TXN-17.2.3-2, UAS-8.2.2.3-2, AUT-22.1-3, ORD-17: a CANCEL is 200 when its
 * request is known, with that one's To tag, and changes nothing; else 481 */
START_TEST(cancelling)
{
	struct site site;
	site_open(&site);
	struct site_request request = { .contact = C1, .branch = "z9hG4bK-c" };
	struct site_request cancel = { .method = "CANCEL",
				       .branch = "z9hG4bK-c",
				       .no_credentials = true,
				       .fields = "Require: foo\r\n" };
	site_send(&site, cancel);
	ck_assert_int_eq(sent_status(&site, 0), 481);
	ck_assert_uint_eq(sent_to_tag(&site, 0).len, 16);
	site_send(&site, request);
	site_send(&site, cancel);
	ck_assert_int_eq(sent_status(&site, 1), 200);
	ck_assert(str_eq(sent_field(&site, 1, "CSeq"), STR("1 CANCEL")));
	site_pass(&site, 100);
	ck_assert_int_eq(sent_status(&site, 2), 200);
	ck_assert(str_eq(sent_field(&site, 2, "CSeq"), STR("1 REGISTER")));
	ck_assert(str_eq(sent_to_tag(&site, 1), sent_to_tag(&site, 2)));
	ck_assert_uint_eq(row_bindings(&site, "alice@example.com"), 1);
	site_pass(&site, 1000);
	site_send(&site, cancel);
	ck_assert_int_eq(sent_status(&site, 3), 200);
	site_close(&site);
}
END_TEST

/* TXN-17.2.1-2, ORD-17: an ACK is never answered, whatever it is like */
START_TEST(ack_is_silent)
{
	static const char *const fields[] = { "", "Require: foo\r\n", "To: <sip:b@example.com>\r\n",
					      "Content-Length: x\r\n" };
	struct site site;
	site_open(&site);
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		site_send(&site, (struct site_request){ .method = "ACK",
							.no_credentials = true,
							.fields = fields[i] });
	site_pass(&site, 40000);
	ck_assert_uint_eq(fake_sent_count(site.net), 0);
	site_close(&site);
}
END_TEST

/* ORD-18, ORD-19, UAS-8.2.1-1, UAS-8.2.1-2, UAS-20.5-1, D-20: refused statelessly, the same each
 * time */
START_TEST(other_methods)
{
	static const struct {
		const char *method;
		int status;
	} cases[] = { { "INVITE", 405 }, { "BYE", 405 }, { "SUBSCRIBE", 405 }, { "DANCE", 501 } };
	struct site site;
	site_open(&site);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct str text = site_text(&site, (struct site_request){ .method = cases[i].method,
									  .no_credentials = true });
		fake_datagram(site.net, &site.host, text);
		fake_datagram(site.net, &site.host, text);
		ck_assert_int_eq(sent_status(&site, 2 * i), cases[i].status);
		ck_assert(str_eq(sent_text(&site, 2 * i), sent_text(&site, 2 * i + 1)));
		ck_assert(str_eq(sent_field(&site, 2 * i, "Allow"),
				 STR("REGISTER, OPTIONS, CANCEL, ACK")));
	}
	site_pass(&site, 40000);
	ck_assert_uint_eq(fake_sent_count(site.net), 8);
	ck_assert_uint_eq(requests_transactions(site.requests), 0);
	site_close(&site);
}
END_TEST

/* ORD-03, OUT-4.4.1-1: keep-alives over UDP are silent */
START_TEST(udp_keepalives_are_silent)
{
	static const struct str octets[] = { { "", 0 },	      { "\r\n\r\n", 4 }, { "\r\n", 2 },
					     { "\0", 1 },     { "\0\0\0\0", 4 }, { "  ", 2 },
					     { "\r\n \0", 4 } };
	struct site site;
	site_open(&site);
	for (size_t i = 0; i < sizeof(octets) / sizeof(octets[0]); i++)
		fake_datagram(site.net, &site.host, octets[i]);
	ck_assert_uint_eq(fake_sent_count(site.net), 0);
	ck_assert_uint_eq(site.stats.keepalives, 7);
	ck_assert_uint_eq(STATS_SUM(site.stats.parse_errors), 0);
	site_close(&site);
}
END_TEST

/* ORD-02, ORD-06, ORD-07, ORD-08: what is no request, or nowhere to be answered, is dropped */
START_TEST(dropped_silently)
{
	static const char *const octets[] = {
		"\x01\x01",
		"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.4\r\n\r\n",
		"sip/7 nonsense\r\nVia: SIP/2.0/UDP 192.0.2.4\r\n\r\n",
		"GET / HTTP/1.1\r\nVia: SIP/2.0/UDP 192.0.2.4\r\n\r\n",
		"hello\r\n\r\n",
		"REGISTER sip:example.com SIP/2.0\r\n\r\n",
		"REGISTER sip:example.com SIP/2.0\r\nVia: x\r\n\r\n",
	};
	struct site site;
	site_open(&site);
	for (size_t i = 0; i < sizeof(octets) / sizeof(octets[0]); i++)
		fake_datagram(site.net, &site.host, str_of(octets[i]));
	ck_assert_uint_eq(fake_sent_count(site.net), 0);
	ck_assert_uint_eq(STATS_SUM(site.stats.parse_errors), 7);
	ck_assert_uint_eq(site.stats.stray_responses, 2);
	ck_assert_uint_eq(STATS_SUM(site.stats.sip_requests), 0);
	site_close(&site);
}
END_TEST

/* ORD-10, ORD-12, ORD-14, UAS-21.4.1-1, UAS-20.14-1, UAS-8.2.6.2-2: a broken request gets what is
 * wrong with it, with a To tag, statelessly, before anything else is asked */
START_TEST(faults_are_answered)
{
	static const struct {
		const char *fields;
		int status;
		enum reason reason;
	} cases[] = {
		{ "Content-Length: -1\r\n", 400, REASON_MALFORMED },
		{ "To: <sip:bob@example.com>\r\n", 400, REASON_MALFORMED },
		{ "Content-Length: 70000\r\n", 400, REASON_MALFORMED },
		{ "no colon\r\n", 400, REASON_MALFORMED },
	};
	struct site site;
	site_open(&site);
	size_t count = sizeof(cases) / sizeof(cases[0]);
	for (size_t i = 0; i < count; i++) {
		site_send(&site, (struct site_request){ .fields = cases[i].fields });
		ck_assert_int_eq(sent_status(&site, i), cases[i].status);
		ck_assert_uint_eq(sent_to_tag(&site, i).len, 16);
		ck_assert(str_eq(sent_field(&site, i, "Content-Length"), STR("0")));
	}
	ck_assert_uint_eq(site.stats.outcomes[REASON_MALFORMED][TRANSPORT_UDP], count);
	ck_assert_uint_eq(requests_transactions(site.requests), 0);
	ck_assert_uint_eq(fake_store_lookups(site.store), 0);
	site_close(&site);
}
END_TEST

/* AUT-7616-3.4-7, ORD-36, D-08: a refused log-in leaves exactly failure_delay after arrival,
 * whatever the reason, also when the look-up was quick; what took longer anyway is not delayed more
 */
START_TEST(failures_leave_after_20_ms)
{
	static const struct site_request requests[] = {
		{ .password = "wrong", .call_id = "1" },
		{ .login = "nobody", .call_id = "2" },
	};
	struct site site;
	site_init(&site);
	site.settings.failure_delay_ms = 20;
	site_start(&site);
	for (size_t i = 0; i < 2; i++) {
		fake_store_set_delay(site.store, 3);
		site_send(&site, requests[i]);
		site_pass(&site, 19);
		ck_assert_uint_eq(fake_sent_count(site.net), i);
		site_pass(&site, 1);
		ck_assert_uint_eq(fake_sent_count(site.net), i + 1);
		ck_assert_int_eq(sent_status(&site, i), 401);
	}
	fake_store_set_delay(site.store, 50);
	site_send(&site, (struct site_request){ .password = "wrong", .call_id = "3" });
	site_pass(&site, 49);
	ck_assert_uint_eq(fake_sent_count(site.net), 2);
	site_pass(&site, 1);
	ck_assert_int_eq(sent_status(&site, 2), 401);
	/* A success is not delayed. */
	fake_store_set_delay(site.store, 1);
	site_send(&site, (struct site_request){ .call_id = "4" });
	site_pass(&site, 2);
	ck_assert_int_eq(sent_status(&site, 3), 200);
	ck_assert_uint_eq(requests_live(site.requests), 0);
	site_close(&site);
}
END_TEST

/* SEC-26.3.2.4-1: answers that are held back hold nobody up: with wrong passwords from thirty
 * sources on their way, alice gets in after thirty look-ups, not after thirty delays */
START_TEST(failures_keep_nobody_waiting)
{
	struct site site;
	site_init(&site);
	site.settings.failure_delay_ms = 20;
	site_start(&site);
	fake_store_set_delay(site.store, 1);
	for (unsigned i = 0; i < 30; i++) {
		char call_id[16], source[32];
		snprintf(call_id, sizeof(call_id), "w%u", i);
		snprintf(source, sizeof(source), "198.51.100.%u:5060", i + 1);
		struct peer stranger = fake_host(source);
		fake_datagram(site.net, &stranger,
			      site_text(&site, (struct site_request){ .password = "wrong",
								      .call_id = call_id }));
	}
	site_send(&site, (struct site_request){ .call_id = "mine" });
	site_pass(&site, 40);
	ck_assert_uint_eq(sent_with_status(&site, 200), 1);
	site_pass(&site, 20);
	ck_assert_uint_eq(sent_with_status(&site, 401), 30);
	ck_assert_uint_eq(requests_live(site.requests), 0);
	site_close(&site);
}
END_TEST

/* SEC-26.1.5-5, SEC-26.3.2.4-1: nobody and wrong password look alike, and 100 failures lock nobody
 */
START_TEST(failures_look_alike_and_lock_nobody)
{
	struct site site;
	site_open(&site);
	for (int i = 0; i < 100; i++) {
		char call_id[16];
		snprintf(call_id, sizeof(call_id), "w%d", i);
		site_send(&site, (struct site_request){ .password = "wrong", .call_id = call_id });
		site_pass(&site, 5);
	}
	ck_assert_uint_eq(sent_with_status(&site, 401), 100);
	fake_sent_forget(site.net);
	site_send(&site, (struct site_request){ .login = "nobody", .call_id = "x" });
	site_pass(&site, 5);
	ck_assert_int_eq(sent_status(&site, 0), 401);
	ck_assert_ptr_null(memmem(sent_text(&site, 0).p, sent_text(&site, 0).len, "stale", 5));
	site_send(&site, (struct site_request){ .call_id = "y" });
	site_pass(&site, 5);
	ck_assert_int_eq(sent_status(&site, 1), 200);
	site_close(&site);
}
END_TEST

/* TXN-KEY-1, D-04: the repetition of a REGISTER whose transaction was evicted gets 200 and changes
 * nothing */
START_TEST(evicted_transaction)
{
	struct site site;
	site_init(&site);
	site.settings.transaction_memory = 4000;
	site_start(&site);
	struct str text = site_text(&site, (struct site_request){ .contact = C1 });
	fake_datagram(site.net, &site.host, text);
	site_pass(&site, 5);
	ck_assert_int_eq(sent_status(&site, 0), 200);
	int64_t version = fake_store_row(site.store, "alice@example.com")->version;
	for (int i = 0; i < 10; i++) {
		char call_id[16];
		snprintf(call_id, sizeof(call_id), "b%d", i);
		site_send(&site, (struct site_request){
					 .login = "bob", .password = "bob's", .call_id = call_id });
		site_pass(&site, 5);
	}
	ck_assert_uint_gt(site.stats.transactions_evicted, 0);
	fake_sent_forget(site.net);
	fake_datagram(site.net, &site.host, text);
	site_pass(&site, 5);
	ck_assert_int_eq(sent_status(&site, 0), 200);
	ck_assert_uint_eq(site.stats.repetitions, 1);
	ck_assert_uint_eq(row_bindings(&site, "alice@example.com"), 1);
	ck_assert_int_eq(fake_store_row(site.store, "alice@example.com")->version, version);
	site_close(&site);
}
END_TEST

/* REG-DB-2: registrations live by the database's clock, and time never goes back */
START_TEST(time_never_goes_back)
{
	struct site site;
	site_open(&site);
	fake_store_set_offset(site.store, 5000);
	int64_t start_ms = loop_real_ms(site.loop);
	site_send(&site, (struct site_request){ .contact = C1 ";expires=100" });
	site_pass(&site, 5);
	const struct record *row = fake_store_row(site.store, "alice@example.com");
	ck_assert_int_eq(row->bindings[0].updated_ms, start_ms + 5000);
	ck_assert_int_eq(row->bindings[0].expires_ms, start_ms + 105000);
	fake_store_set_offset(site.store, 0);
	fake_loop_set_real(site.loop, start_ms - 3000);
	site_send(&site, (struct site_request){ .contact = C1 ";expires=100", .cseq = 2 });
	site_pass(&site, 5);
	row = fake_store_row(site.store, "alice@example.com");
	ck_assert_int_eq(row->bindings[0].updated_ms, start_ms + 5000);
	site_close(&site);
}
END_TEST

/* REG-DB-2: a clock that was set is believed, ahead and back: in the end no binding of another
 * device counts as over, and what is granted ends in time */
START_TEST(a_clock_that_was_wrong_leaves_nothing)
{
	const char *alice = "alice@example.com";
	struct site site;
	site_open(&site);
	int64_t start_ms = loop_real_ms(site.loop);
	fake_loop_set_real(site.loop, start_ms + 86400000);
	site_send(&site,
		  (struct site_request){ .login = "bob", .password = "bob's", .call_id = "bob" });
	site_pass(&site, 5);
	ck_assert_int_eq(sent_status(&site, 0), 200);

	fake_loop_set_real(site.loop, start_ms + 1000);
	site_send(&site, (struct site_request){ .contact = C1 ";expires=100" });
	site_pass(&site, 5);
	ck_assert_int_eq(sent_status(&site, 1), 200);
	ck_assert_int_eq(fake_store_row(site.store, alice)->bindings[0].expires_ms,
			 start_ms + 101000);
	site_send(&site, (struct site_request){ .contact = "<sip:alice@192.0.2.11>",
						.call_id = "other",
						.cseq = 2 });
	site_pass(&site, 5);
	ck_assert_int_eq(sent_status(&site, 2), 200);
	ck_assert_uint_eq(row_bindings(&site, alice), 2);
	site_close(&site);
}
END_TEST

/* REG-DB-2: what clocks of two nodes may differ by is no clock that was set */
START_TEST(time_is_held_back_by_ten_seconds)
{
	const char *alice = "alice@example.com";
	struct site site;
	site_open(&site);
	int64_t start_ms = loop_real_ms(site.loop);
	site_send(&site, (struct site_request){ .contact = C1 });
	site_pass(&site, 5);
	fake_loop_set_real(site.loop, start_ms - 10000);
	site_send(&site, (struct site_request){ .contact = C1, .cseq = 2 });
	site_pass(&site, 5);
	ck_assert_int_eq(fake_store_row(site.store, alice)->bindings[0].updated_ms, start_ms);
	fake_loop_set_real(site.loop, start_ms - 10001);
	site_send(&site, (struct site_request){ .contact = C1, .cseq = 3 });
	site_pass(&site, 5);
	ck_assert_int_eq(fake_store_row(site.store, alice)->bindings[0].updated_ms,
			 start_ms - 10001);
	site_close(&site);
}
END_TEST

/* REG-DB-2: what was judged before anybody knew that the time had been set is judged again, looked
 * up or remembered, and what it stores lasts as long as its answer says */
START_TEST(time_that_is_set_under_a_request)
{
	const char *alice = "alice@example.com";
	struct site site;
	site_init(&site);
	site.settings.remembered_records = 10;
	site_start(&site);
	int64_t start_ms = loop_real_ms(site.loop);
	for (unsigned i = 0; i < 4; i++) {
		int64_t offset_ms = (int64_t)(i + 1) * 60000;
		site_send(&site,
			  (struct site_request){ .contact = C1 ";expires=100", .cseq = i + 1 });
		fake_store_set_offset(site.store, offset_ms);
		site_pass(&site, 5);
		ck_assert_int_eq(sent_status(&site, i), 200);
		int64_t late_ms = fake_store_row(site.store, alice)->bindings[0].expires_ms -
				  (start_ms + offset_ms + 100000);
		ck_assert_int_ge(late_ms, 0);
		ck_assert_int_le(late_ms, 1000);
	}
	ck_assert_uint_gt(site.stats.remembered_records[RECALL_HIT], 0);

	for (unsigned i = 4; i < 6; i++) { /* by then the nonce is too old */
		int64_t version = fake_store_row(site.store, alice)->version;
		site_send(&site,
			  (struct site_request){ .contact = C1 ";expires=100", .cseq = i + 1 });
		fake_store_set_offset(site.store, (int64_t)i * 3600000);
		site_pass(&site, 5);
		ck_assert_int_eq(sent_status(&site, i), 401);
		ck_assert_int_eq(fake_store_row(site.store, alice)->version, version);
	}
	site_close(&site);
}
END_TEST

/* REG-DB-2: a step of less than ten seconds is no time that was set, and what it takes away of the
 * time to store something is given back at once, looked up or remembered */
START_TEST(time_that_is_set_by_less_under_a_request)
{
	struct site site;
	site_init(&site);
	site.settings.remembered_records = 10;
	site_start(&site);
	fake_store_set_delay(site.store, 100);
	for (unsigned i = 0; i < 4; i++) {
		unsigned lookups = fake_store_lookups(site.store);
		site_send(&site, (struct site_request){ .contact = C1, .cseq = i + 1 });
		fake_store_set_offset(site.store, (int64_t)(i + 1) * 9950);
		site_pass(&site, 1000);
		ck_assert_int_eq(sent_status(&site, i), 200);
		ck_assert_uint_le(fake_store_lookups(site.store) - lookups, 1);
	}
	ck_assert_uint_gt(site.stats.remembered_records[RECALL_HIT], 0);
	site_close(&site);
}
END_TEST

/* REG-DB-5: until it is known what became of a commit, what is tried again is the same, however
 * long that takes: only so is it recognized when it lands late */
START_TEST(what_is_tried_again_is_the_same)
{
	struct site site;
	site_init(&site);
	site.settings.deadline_ms = 30000;
	site_start(&site);
	int64_t start_ms = loop_real_ms(site.loop);
	fake_store_set_delay(site.store, 3000);
	fake_store_next_commit(site.store, FAKE_COMMIT_LOST);
	site_send(&site, (struct site_request){ .contact = C1 ";expires=100" });
	site_pass(&site, 13000);
	ck_assert_int_eq(sent_status(&site, 0), 100);
	ck_assert_int_eq(sent_status(&site, 1), 200);
	ck_assert_uint_eq(fake_store_commits(site.store), 2);
	const struct record *row = fake_store_row(site.store, "alice@example.com");
	ck_assert_int_eq(row->bindings[0].updated_ms, start_ms);
	site_close(&site);
}
END_TEST

SUITE(request, challenge_keeps_nothing, flood_of_unauthenticated_requests, retransmissions,
      rfc2543_client, merged, copied_identity, cancelling, ack_is_silent, other_methods,
      udp_keepalives_are_silent, dropped_silently, faults_are_answered, failures_leave_after_20_ms,
      failures_keep_nobody_waiting, failures_look_alike_and_lock_nobody, evicted_transaction,
      time_never_goes_back, a_clock_that_was_wrong_leaves_nothing, time_is_held_back_by_ten_seconds,
      time_that_is_set_under_a_request, time_that_is_set_by_less_under_a_request,
      what_is_tried_again_is_the_same)
