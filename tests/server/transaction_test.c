/* The table alone: what matches, how long, and what goes when memory is short. */
#include "server/transaction.h"

#include <stdio.h>

#include "base/stats.h"
#include "base/table.h"
#include "server/message.h"
#include "support/fake_loop.h"

#define COOKIE_VIA "SIP/2.0/UDP 192.0.2.4:5062;branch=z9hG4bK-Abc"
#define OLD_VIA "SIP/2.0/UDP 192.0.2.4:5062;branch=1"

static struct loop *loop;
static struct transactions *table;
static struct ip source;
static struct stats counters;

static void
open_table(uint64_t memory)
{
	counters = (struct stats){ 0 };
	stats_use(&counters);
	table_seed();
	loop = loop_open();
	table = transactions_open(loop, memory);
	ck_assert(loop != NULL && table != NULL);
	ck_assert(ip_parse(STR("192.0.2.4"), &source));
}

#define OCTETS 400u /* of each request */

static void
close_table(void)
{
	transactions_close(table);
	loop_close(loop);
}

static struct transaction *
try_begin(const char *via, const char *from_tag, const char *call_id, unsigned cseq)
{
	struct parsed parsed;
	parse_register(&parsed, "REGISTER", via, from_tag, call_id, cseq);
	struct transaction *t = transaction_open(table, transaction_key(&parsed.message),
						 &parsed.message, OCTETS, &source, STR("tag1"));
	parsed_free(&parsed); /* the table keeps copies */
	return t;
}

static struct transaction *
begin(const char *via, const char *from_tag, const char *call_id, unsigned cseq)
{
	struct transaction *t = try_begin(via, from_tag, call_id, cseq);
	ck_assert_ptr_nonnull(t);
	return t;
}

static enum transaction_match
find(const char *method, const char *via, const char *from_tag, const char *call_id, unsigned cseq)
{
	struct parsed parsed;
	struct transaction *found;
	struct str response;
	parse_register(&parsed, method, via, from_tag, call_id, cseq);
	enum transaction_match match =
		transaction_find(table, transaction_key(&parsed.message), &parsed.message, &source,
				 &found, &response);
	if (match == TRANSACTION_ANSWERED)
		ck_assert(str_starts(response, STR("SIP/2.0")));
	ck_assert_int_eq(found == NULL, match == TRANSACTION_NEW);
	parsed_free(&parsed);
	return match;
}

/* TXN-17.2.2-1, TXN-17.2.2-2: absorbed, then answered, then forgotten after 32 s */
START_TEST(life_of_a_transaction)
{
	open_table(1 << 20);
	ck_assert_int_eq(find("REGISTER", COOKIE_VIA, "f", "a", 1), TRANSACTION_NEW);
	struct transaction *t = begin(COOKIE_VIA, "f", "a", 1);
	ck_assert_int_eq(find("REGISTER", COOKIE_VIA, "f", "a", 1), TRANSACTION_PENDING);
	transaction_answered(table, t, STR("SIP/2.0 200 OK"), false);
	fake_loop_pass(loop, 31999);
	ck_assert_int_eq(find("REGISTER", COOKIE_VIA, "f", "a", 1), TRANSACTION_ANSWERED);
	ck_assert_uint_eq(stats->transactions_live, 1);
	fake_loop_pass(loop, 1);
	ck_assert_int_eq(find("REGISTER", COOKIE_VIA, "f", "a", 1), TRANSACTION_NEW);
	ck_assert_uint_eq(transactions_count(table), 0);
	ck_assert_uint_eq(transactions_bytes(table), 0);
	ck_assert_uint_eq(stats->transactions_live, 0);
	close_table();
}
END_TEST

/* TXN-17.2.2-2, TXN-17.2.2-4: Timer J is 0 on a stream */
START_TEST(nothing_is_kept_for_streams)
{
	open_table(1 << 20);
	transaction_answered(table, begin(COOKIE_VIA, "f", "a", 1), STR("SIP/2.0 200 OK"), true);
	ck_assert_uint_eq(transactions_count(table), 0);
	ck_assert_int_eq(find("REGISTER", COOKIE_VIA, "f", "a", 1), TRANSACTION_NEW);
	close_table();
}
END_TEST

/* TXN-17.2.3-1: branch and sent-by, port as written, without case; the method */
START_TEST(matching_by_branch)
{
	static const struct {
		const char *via;
		enum transaction_match match;
	} cases[] = {
		{ COOKIE_VIA, TRANSACTION_PENDING },
		{ "SIP/2.0/UDP 192.0.2.4:5062;branch=Z9HG4BK-aBC", TRANSACTION_PENDING },
		{ "SIP/2.0/UDP 192.0.2.4:5062;rport;branch=z9hG4bK-Abc", TRANSACTION_PENDING },
		{ "SIP/2.0/UDP 192.0.2.4:5063;branch=z9hG4bK-Abc", TRANSACTION_NEW },
		{ "SIP/2.0/UDP 192.0.2.4;branch=z9hG4bK-Abc", TRANSACTION_NEW },
		{ "SIP/2.0/UDP 192.0.2.5:5062;branch=z9hG4bK-Abc", TRANSACTION_NEW },
		{ "SIP/2.0/UDP 192.0.2.4:5062;branch=z9hG4bK-Abcd", TRANSACTION_NEW },
	};
	open_table(1 << 20);
	begin(COOKIE_VIA, "f", "a", 1);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ck_assert_msg(find("REGISTER", cases[i].via, "f", "a", 1) == cases[i].match,
			      "case %zu", i);
	/* So many that some lie in the same chain. */
	for (unsigned port = 1; port <= 2000; port++) {
		char via[80];
		snprintf(via, sizeof(via), "SIP/2.0/UDP 192.0.2.5:%u;branch=z9hG4bK-Abc", port);
		ck_assert_int_eq(find("REGISTER", via, "f", "a", 1), TRANSACTION_NEW);
	}
	/* Nothing but the three takes part. */
	ck_assert_int_eq(find("REGISTER", COOKIE_VIA, "g", "b", 2), TRANSACTION_PENDING);
	ck_assert_int_eq(find("OPTIONS", COOKIE_VIA, "f", "a", 1), TRANSACTION_NEW);
	close_table();
}
END_TEST

/* TXN-17.2.3-2, TXN-9.2-2: a CANCEL finds the request it would cancel, and its To tag */
START_TEST(cancel_finds_its_request)
{
	open_table(1 << 20);
	const char *const vias[] = { COOKIE_VIA, OLD_VIA };
	for (int i = 0; i < 2; i++) {
		struct parsed cancel;
		struct transaction *found;
		struct str response;
		begin(vias[i], "f", "a", 1);
		parse_register(&cancel, "CANCEL", vias[i], "f", "a", 1);
		transaction_find(table, transaction_key(&cancel.message), &cancel.message, &source,
				 &found, &response);
		ck_assert_ptr_nonnull(found);
		ck_assert(str_eq(transaction_to_tag(found), STR("tag1")));
		parsed_free(&cancel);
	}
	ck_assert_int_eq(find("CANCEL", "SIP/2.0/UDP h;branch=z9hG4bK-q", "f", "a", 1),
			 TRANSACTION_NEW);
	close_table();
}
END_TEST

/* TXN-17.2.3-3: without the cookie Request-URI, tags, Call-ID, CSeq and the whole top Via */
START_TEST(matching_as_rfc2543)
{
	open_table(1 << 20);
	struct transaction *t = begin(OLD_VIA, "f", "a", 1);
	ck_assert_int_eq(find("REGISTER", OLD_VIA, "f", "a", 1), TRANSACTION_PENDING);
	ck_assert_int_eq(find("REGISTER", OLD_VIA ";x", "f", "a", 1), TRANSACTION_NEW);
	ck_assert_int_eq(find("REGISTER", OLD_VIA, "g", "a", 1), TRANSACTION_NEW);
	ck_assert_int_eq(find("REGISTER", OLD_VIA, "f", "A", 1), TRANSACTION_NEW);
	ck_assert_int_eq(find("REGISTER", OLD_VIA, "f", "a", 2), TRANSACTION_NEW);
	transaction_answered(table, t, STR("SIP/2.0 200 OK"), false);
	ck_assert_int_eq(find("REGISTER", OLD_VIA, "f", "a", 1), TRANSACTION_ANSWERED);

	struct parsed other;
	struct transaction *found;
	struct str response;
	parse_register(&other, "REGISTER", OLD_VIA, "f", "a", 1);
	other.message.uri_text = STR("SIP:Example.com"); /* an equal URI */
	ck_assert_int_eq(transaction_find(table, transaction_key(&other.message), &other.message,
					  &source, &found, &response),
			 TRANSACTION_ANSWERED);
	other.message.uri_text = STR("sip:other.example");
	ck_assert_int_eq(transaction_find(table, transaction_key(&other.message), &other.message,
					  &source, &found, &response),
			 TRANSACTION_NEW);
	other.message.uri_text = STR("sip:example.com");
	other.message.to_tag = STR("t");
	ck_assert_int_eq(transaction_find(table, transaction_key(&other.message), &other.message,
					  &source, &found, &response),
			 TRANSACTION_NEW);
	parsed_free(&other);
	close_table();
}
END_TEST

/* TXN-17.2.3-3, SEC-26.3.2.4-1: who knows what the next request of a client looks like does not
 * know its credentials; a CANCEL has none */
START_TEST(an_old_via_is_not_enough)
{
	open_table(1 << 20);
	begin(OLD_VIA, "f", "a\r\nAuthorization: Digest forged", 1);
	ck_assert_int_eq(find("REGISTER", OLD_VIA, "f", "a\r\nAuthorization: Digest right", 1),
			 TRANSACTION_NEW);
	ck_assert_int_eq(find("REGISTER", OLD_VIA, "f", "a", 1), TRANSACTION_NEW);
	ck_assert_int_eq(find("REGISTER", OLD_VIA, "f", "a\r\nAuthorization: Digest forged", 1),
			 TRANSACTION_PENDING);
	ck_assert_int_eq(find("CANCEL", OLD_VIA, "f", "a", 1), TRANSACTION_PENDING);
	close_table();
}
END_TEST

static bool
merges(const char *to, const char *from_tag, const char *call_id, unsigned cseq, const char *to_tag)
{
	struct parsed parsed;
	parse_register(&parsed, "REGISTER", "SIP/2.0/UDP h;branch=z9hG4bK-2", from_tag, call_id,
		       cseq);
	parsed.message.to.uri.text = str_of(to);
	parsed.message.to_tag = str_of(to_tag);
	bool merged = transaction_merged(table, transaction_key(&parsed.message), &parsed.message);
	parsed_free(&parsed);
	return merged;
}

#define HERS "sip:alice@example.com"

/* UAS-8.2.2.2-1: To, From tag, Call-ID and CSeq of a live transaction that was carried out, another
 * key, no To tag */
START_TEST(merged_requests)
{
	static const struct {
		const char *to;
		const char *from_tag;
		const char *call_id;
		unsigned cseq;
		const char *to_tag;
		bool merged;
	} cases[] = {
		{ HERS, "f", "a", 1, "", true },
		{ HERS, "F", "a", 1, "", true },
		{ HERS, "g", "a", 1, "", false },
		{ HERS, "f", "A", 1, "", false },
		{ HERS, "f", "a", 2, "", false },
		{ "sip:bob@example.com", "f", "a", 1, "", false },
		{ HERS, "f", "a", 1, "t", false },
	};
	static const char *const vias[] = { COOKIE_VIA, OLD_VIA };
	open_table(1 << 20);
	for (size_t v = 0; v < 2; v++) {
		struct transaction *t = begin(vias[v], "f", "a", 1);
		ck_assert(!merges(HERS, "f", "a", 1, ""));
		transaction_carried_out(table, t);
		transaction_answered(table, t, STR("SIP/2.0 200 OK"), false);
		for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
			ck_assert_msg(merges(cases[i].to, cases[i].from_tag, cases[i].call_id,
					     cases[i].cseq, cases[i].to_tag) == cases[i].merged,
				      "case %zu", i);
		fake_loop_pass(loop, 32000);
		ck_assert(!merges(HERS, "f", "a", 1, ""));
	}
	close_table();
}
END_TEST

/* SEC-26.3.2.4-1: what proved nothing makes no other request merged, in progress or answered */
START_TEST(what_was_refused_merges_nothing)
{
	open_table(1 << 20);
	struct transaction *t = begin(COOKIE_VIA, "f", "a", 1);
	ck_assert(!merges(HERS, "f", "a", 1, ""));
	transaction_answered(table, t, STR("SIP/2.0 401 Unauthorized"), false);
	ck_assert(!merges(HERS, "f", "a", 1, ""));
	close_table();
}
END_TEST

static void
name_via(char via[64], unsigned n, bool cookie)
{
	snprintf(via, 64, "SIP/2.0/UDP h;branch=%s%u", cookie ? "z9hG4bK-" : "", n);
}

/* Each is compared with the next one that comes, so whoever may have any number of them stops all;
 * and if he took all the places that there are, the owner would have none. */
START_TEST(few_share_an_identity)
{
	char via[64];
	open_table(1 << 20);
	for (unsigned n = 0; n < 2 * TRANSACTIONS_ALIKE_MAX; n++) {
		name_via(via, n, false);
		struct transaction *t = begin(via, "f", "a", 1);
		if (n % 2 == 0)
			transaction_answered(table, t, STR("SIP/2.0 401 Unauthorized"), false);
		name_via(via, n, true);
		begin(via, "f", "a", 1);
	}
	for (unsigned n = 0; n < 2 * TRANSACTIONS_ALIKE_MAX; n++) {
		name_via(via, n, false);
		ck_assert_int_eq(find("REGISTER", via, "f", "a", 1) != TRANSACTION_NEW,
				 n >= TRANSACTIONS_ALIKE_MAX);
		name_via(via, n, true);
		ck_assert_int_eq(find("REGISTER", via, "f", "a", 1), TRANSACTION_PENDING);
	}
	begin(OLD_VIA, "f", "a", 2);
	begin(OLD_VIA, "g", "a", 1);
	begin(OLD_VIA, "f", "b", 1);
	close_table();
}
END_TEST

/* A user's own, too: with a tag in To they merge with nothing. */
START_TEST(few_of_one_identity_were_carried_out)
{
	char via[64];
	open_table(1 << 20);
	struct transaction *first = begin(OLD_VIA, "f", "a", 1);
	transaction_carried_out(table, first);
	for (unsigned n = 0; n < TRANSACTIONS_ALIKE_MAX; n++) {
		name_via(via, n, true);
		struct transaction *t = begin(via, "f", "a", 1);
		ck_assert_int_eq(find("REGISTER", OLD_VIA, "f", "a", 1), TRANSACTION_PENDING);
		transaction_carried_out(table, t);
		transaction_answered(table, t, STR("SIP/2.0 200 OK"), false);
	}
	ck_assert_int_eq(find("REGISTER", OLD_VIA, "f", "a", 1), TRANSACTION_NEW);
	ck_assert(merges(HERS, "f", "a", 1, ""));
	transaction_answered(table, first, STR("SIP/2.0 200 OK"), false);
	fake_loop_pass(loop, 32000);
	ck_assert_uint_eq(transactions_count(table), 0);
	ck_assert_uint_eq(transactions_bytes(table), 0);
	close_table();
}
END_TEST

/* A From tag is not needed (RFC 2543), and must not be what makes the hash one. */
START_TEST(nobody_chooses_the_chain)
{
	unsigned identities[2];
	open_table(1 << 20);
	for (unsigned n = 0; n < 2; n++) {
		struct parsed parsed;
		parse_register(&parsed, "REGISTER", OLD_VIA, "f", "a", 1 + (n << 19));
		parsed.message.from_tag = STR("");
		identities[n] = transaction_key(&parsed.message).identity;
		parsed_free(&parsed);
	}
	ck_assert_uint_ne(identities[0] ^ identities[1], 1u << 19);
	close_table();
}
END_TEST

/* SEC-26.1.5-1: an answer is not repeated to another address, whoever claims to be the client */
START_TEST(no_answer_for_another_source)
{
	open_table(1 << 20);
	transaction_answered(table, begin(COOKIE_VIA, "f", "a", 1), STR("SIP/2.0 200 OK"), false);
	ck_assert(ip_parse(STR("198.51.100.9"), &source));
	ck_assert_int_eq(find("REGISTER", COOKIE_VIA, "f", "a", 1), TRANSACTION_PENDING);
	close_table();
}
END_TEST

/* TXN-KEY-1: the oldest completed ones go first, those in progress never */
START_TEST(memory_is_bounded)
{
	open_table(20000);
	char via[64], body[600];
	memset(body, 'x', sizeof(body));
	memcpy(body, "SIP/2.0 ", 8);
	struct str response = { body, sizeof(body) };
	struct transaction *pending = begin("SIP/2.0/UDP h;branch=z9hG4bK-p", "p", "p", 1);
	for (unsigned i = 0; i < 200; i++) {
		snprintf(via, sizeof(via), "SIP/2.0/UDP h;branch=z9hG4bK-%u", i);
		struct transaction *t = begin(via, "f", "a", i);
		ck_assert_ptr_nonnull(t);
		transaction_answered(table, t, response, false);
		ck_assert_uint_le(transactions_bytes(table), 20000);
	}
	ck_assert_uint_gt(stats->transactions_evicted, 150);
	ck_assert_int_eq(find("REGISTER", "SIP/2.0/UDP h;branch=z9hG4bK-0", "f", "a", 0),
			 TRANSACTION_NEW);
	ck_assert_int_eq(find("REGISTER", "SIP/2.0/UDP h;branch=z9hG4bK-199", "f", "a", 199),
			 TRANSACTION_ANSWERED);
	ck_assert_int_eq(find("REGISTER", "SIP/2.0/UDP h;branch=z9hG4bK-p", "p", "p", 1),
			 TRANSACTION_PENDING);
	transaction_answered(table, pending, STR("SIP/2.0 200 OK"), false);
	close_table();
}
END_TEST

/* TXN-KEY-1: when those in progress fill the memory there is no more; one that ends makes room */
START_TEST(pending_ones_fill_the_memory)
{
	open_table(5000);
	struct transaction *t = NULL, *last = NULL;
	unsigned opened = 0;
	char via[64];
	do {
		last = t;
		snprintf(via, sizeof(via), "SIP/2.0/UDP h;branch=z9hG4bK-%u", opened);
		t = try_begin(via, "f", "a", opened++);
	} while (t != NULL);
	ck_assert_uint_gt(opened, 5);
	ck_assert_uint_eq(transactions_count(table), opened - 1);
	transaction_answered(table, last, STR("SIP/2.0 200 OK"), true);
	begin(via, "f", "a", opened);
	/* An answer that does not fit is not kept, and its transaction is over. */
	static char large[8000];
	struct transaction *none = try_begin(via, "f", "b", opened);
	ck_assert_ptr_null(none);
	transactions_configure(table, 6000);
	none = try_begin(via, "f", "b", opened);
	ck_assert_ptr_nonnull(none);
	uint64_t before = transactions_count(table);
	transaction_answered(table, none, (struct str){ large, sizeof(large) }, false);
	ck_assert_uint_eq(transactions_count(table), before - 1);
	close_table();
}
END_TEST

/* TXN-17.2.2-3: the provisional answer is repeated until there is a final one, which then stays */
START_TEST(proceeding_then_completed)
{
	open_table(1 << 20);
	struct transaction *t = begin(COOKIE_VIA, "f", "a", 1);
	transaction_proceeding(table, t, STR("SIP/2.0 100"));
	ck_assert_int_eq(find("REGISTER", COOKIE_VIA, "f", "a", 1), TRANSACTION_ANSWERED);
	transaction_answered(table, t, STR("SIP/2.0 200 OK"), false);
	struct parsed again;
	struct transaction *found;
	struct str response;
	parse_register(&again, "REGISTER", COOKIE_VIA, "f", "a", 1);
	transaction_find(table, transaction_key(&again.message), &again.message, &source, &found,
			 &response);
	ck_assert(str_eq(response, STR("SIP/2.0 200 OK")));
	parsed_free(&again);
	close_table();
}
END_TEST

/* SEC-26.1.5-1: what is shorter than the request is no retransmission of it, and who goes on asking
 * for the answer is no client */
START_TEST(an_answer_is_not_sent_again_for_anything)
{
	open_table(1 << 20);
	struct transaction *t = begin(COOKIE_VIA, "f", "a", 1);
	transaction_answered(table, t, STR("SIP/2.0 200 OK"), false);
	struct ip other;
	ck_assert(ip_parse(STR("203.0.113.9"), &other));
	ck_assert(!transaction_repeat(t, &source, OCTETS - 1));
	ck_assert(!transaction_repeat(t, &other, OCTETS));
	ck_assert(!transaction_repeated(t));
	for (unsigned i = 0; i < TRANSACTION_REPEATS_MAX; i++)
		ck_assert(transaction_repeat(t, &source, OCTETS + i % 2));
	ck_assert(!transaction_repeat(t, &source, OCTETS));
	ck_assert(transaction_repeated(t));
	close_table();
}
END_TEST

SUITE(transaction, life_of_a_transaction, nothing_is_kept_for_streams, matching_by_branch,
      cancel_finds_its_request, matching_as_rfc2543, an_old_via_is_not_enough, merged_requests,
      what_was_refused_merges_nothing, few_share_an_identity, few_of_one_identity_were_carried_out,
      nobody_chooses_the_chain, no_answer_for_another_source, memory_is_bounded,
      pending_ones_fill_the_memory, proceeding_then_completed,
      an_answer_is_not_sent_again_for_anything)
