/* Records that are remembered: one trip instead of two, and never an answer that the database would
 * not give. */
#include "server/remembered.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/table.h"

#include "server/site.h"

#define C1 "<sip:alice@192.0.2.10:5062>"
#define C2 "<sip:alice@192.0.2.11:5062>"

static struct site site;

/* A site with room for so many records, where alice has registered C1 with CSeq 5. */
static void
open_with(uint32_t records)
{
	site_init(&site);
	site.settings.remembered_records = records;
	site_start(&site);
	site_send(&site, (struct site_request){ .contact = C1, .nonce = 7, .cseq = 5 });
	site_pass(&site, 10);
	ck_assert_int_eq(sent_status(&site, 0), 200);
	ck_assert_uint_eq(fake_store_lookups(site.store), 1);
	ck_assert_uint_eq(fake_store_commits(site.store), 1);
}

/* The status of the answer to one more request, and how many look-ups it took. */
static int
status_of(struct site_request request, unsigned lookups)
{
	size_t sent = fake_sent_count(site.net);
	unsigned before = fake_store_lookups(site.store);
	site_send(&site, request);
	site_pass(&site, 10);
	ck_assert_uint_eq(fake_sent_count(site.net), sent + 1);
	ck_assert_uint_eq(fake_store_lookups(site.store) - before, lookups);
	return sent_status(&site, sent);
}
#define STATUS(lookups, ...) status_of((struct site_request){ __VA_ARGS__ }, lookups)

/* REG-10.3.7-1: a refresh goes straight to its commit and is answered as any other */
START_TEST(a_refresh_takes_one_trip)
{
	open_with(10);
	ck_assert_int_eq(STATUS(0, .contact = C1, .nonce = 7, .nc = 2, .cseq = 7), 200);
	ck_assert_uint_eq(fake_store_commits(site.store), 2);
	ck_assert_int_eq(STATUS(0, .contact = C2, .nonce = 7, .nc = 3, .cseq = 8), 200);
	ck_assert_uint_eq(row_bindings(&site, "alice@example.com"), 2);
	ck_assert_uint_eq(stats->remembered_records[RECALL_HIT], 2);
	ck_assert_uint_eq(stats->remembered_records[RECALL_MISS], 1);
	site_close(&site);
}
END_TEST

START_TEST(none_are_remembered)
{
	open_with(0);
	ck_assert_int_eq(STATUS(1, .contact = C1, .nonce = 7, .nc = 2, .cseq = 7), 200);
	ck_assert_uint_eq(stats->remembered_records[RECALL_HIT], 0);
	site_close(&site);
}
END_TEST

/* Whatever would be refused is read before it is answered: a wrong password, a used count, a CSeq
 * that is no higher (REG-10.3.7-10), a full list; so is a query (REG-10.3.8-1) */
START_TEST(only_the_database_says_no)
{
	open_with(10);
	ck_assert_int_eq(STATUS(1, .contact = C1, .cseq = 7, .password = "wrong"), 401);
	ck_assert_int_eq(STATUS(1, .contact = C2, .cseq = 10, .nonce = 7), 401);
	ck_assert_int_eq(STATUS(1, .contact = C1, .cseq = 4, .nonce = 7, .nc = 2), 500);
	site.policy.max_contacts = 1;
	ck_assert_int_eq(STATUS(1, .contact = C2, .cseq = 8, .nonce = 7, .nc = 3), 403);
	ck_assert_int_eq(STATUS(1, .cseq = 9, .nonce = 7, .nc = 4), 200);
	ck_assert_uint_eq(row_bindings(&site, "alice@example.com"), 1);
	site_close(&site);
}
END_TEST

/* Somebody else wrote: the guard refuses, the record is read, and the answer is the right one */
START_TEST(the_guard_finds_what_is_old)
{
	open_with(10);
	fake_store_next_commit(site.store, FAKE_COMMIT_CONFLICT);
	ck_assert_int_eq(STATUS(1, .contact = C1, .nonce = 7, .nc = 2, .cseq = 7), 200);
	ck_assert_uint_eq(stats->remembered_records[RECALL_REFUSED], 1);
	ck_assert_int_eq(STATUS(0, .contact = C1, .nonce = 7, .nc = 3, .cseq = 8), 200);
	site_close(&site);
}
END_TEST

/* AUT-22.1-4: whoever knows only the old password is not let in by memory, nor is the new one kept
 * out */
START_TEST(a_new_password)
{
	open_with(10);
	fake_store_password(site.store, "alice", "new");
	ck_assert_int_eq(STATUS(1, .contact = C2, .cseq = 7, .nonce = 7, .nc = 2), 401);
	ck_assert_uint_eq(row_bindings(&site, "alice@example.com"), 1);
	ck_assert_int_eq(STATUS(1, .contact = C2, .cseq = 8, .password = "new"), 200);
	ck_assert_uint_eq(row_bindings(&site, "alice@example.com"), 2);
	site_close(&site);
}
END_TEST

/* A version is given twice when a commit was lost with its server; memory does not take the one for
 * the other, but knows the phone */
START_TEST(another_server_took_over)
{
	open_with(10);
	ck_assert_int_eq(STATUS(0, .contact = C1, .nonce = 7, .nc = 2, .cseq = 7), 200);
	fake_store_failover(site.store);
	fake_store_password(site.store, "alice", "new");
	ck_assert_int_eq(STATUS(1, .contact = C2, .cseq = 8, .nonce = 7, .nc = 3), 401);
	ck_assert_int_eq(STATUS(1, .contact = C1, .cseq = 9, .password = "new", .nonce = 8), 200);
	ck_assert_int_eq(
		STATUS(0, .contact = C1, .cseq = 10, .password = "new", .nonce = 8, .nc = 2), 200);
	site_close(&site);
}
END_TEST

/* REG-DB-5: after a commit of which nobody knows what became, nothing is remembered */
START_TEST(a_lost_commit_is_forgotten)
{
	open_with(10);
	fake_store_next_commit(site.store, FAKE_COMMIT_LANDED);
	ck_assert_int_eq(STATUS(1, .contact = C2, .nonce = 7, .nc = 2, .cseq = 7), 200);
	ck_assert_int_eq(STATUS(1, .contact = C1, .nonce = 7, .nc = 3, .cseq = 8), 200);
	ck_assert_uint_eq(row_bindings(&site, "alice@example.com"), 2);
	site_close(&site);
}
END_TEST

/* --- the table ----------------------------------------------------------------------------- */

static struct arena_pool pool;
static struct arena arena;

static struct remembered *
table(uint32_t limit)
{
	table_seed();
	arena_pool_init(&pool, 1 << 20);
	arena_init(&arena, &pool, 1 << 20);
	struct remembered *remembered = remembered_open(limit);
	ck_assert_ptr_nonnull(remembered);
	return remembered;
}

static void
done(struct remembered *remembered)
{
	remembered_close(remembered);
	arena_reset(&arena);
	arena_pool_clear(&pool);
}

/* A record of this address with one binding of a URI of so many octets. */
static void
keep(struct remembered *remembered, const char *aor, int64_t version, size_t uri)
{
	char *octets = malloc(uri);
	ck_assert_ptr_nonnull(octets);
	memset(octets, 'u', uri);
	struct binding binding = { .uri = { octets, uri }, .call_id = STR("call"), .cseq = 3 };
	struct nonce_mark mark = { .nc = 5 };
	struct record record = { .exists = true,
				 .version = version,
				 .bindings = &binding,
				 .binding_count = 1,
				 .marks = &mark,
				 .mark_count = 1,
				 .account = { .found = true, .aor = str_of(aor) } };
	remembered_keep(remembered, str_of(aor), STR("login"), 1, &record);
	free(octets);
}

static int64_t
version_of(struct remembered *remembered, const char *aor)
{
	const struct record *record =
		remembered_find(remembered, str_of(aor), STR("login"), 1, &arena);
	return record == NULL ? 0 : record->version;
}

START_TEST(a_record_comes_back_whole)
{
	struct remembered *remembered = table(4);
	keep(remembered, "a@h", 9, 300);
	const struct record *record =
		remembered_find(remembered, STR("a@h"), STR("login"), 1, &arena);
	keep(remembered, "a@h", 10, 300); /* what was handed out is a copy */
	ck_assert_ptr_nonnull(record);
	ck_assert_int_eq(record->version, 9);
	ck_assert_uint_eq(record->binding_count, 1);
	ck_assert_uint_eq(record->bindings[0].uri.len, 300);
	ck_assert(record->bindings[0].uri.p[299] == 'u');
	ck_assert(str_eq(record->bindings[0].call_id, STR("call")));
	ck_assert_uint_eq(record->marks[0].nc, 5);
	ck_assert(str_eq(record->account.aor, STR("a@h")));
	done(remembered);
}
END_TEST

START_TEST(places_are_limited)
{
	struct remembered *remembered = table(2);
	keep(remembered, "a@h", 1, 10);
	keep(remembered, "b@h", 2, 10);
	ck_assert_int_eq(version_of(remembered, "a@h"), 1); /* used since b */
	keep(remembered, "c@h", 3, 10);
	ck_assert_int_eq(version_of(remembered, "b@h"), 0);
	ck_assert_int_eq(version_of(remembered, "a@h"), 1);
	ck_assert_int_eq(version_of(remembered, "c@h"), 3);
	keep(remembered, "a@h", 4, 2000); /* too long for its place */
	ck_assert_int_eq(version_of(remembered, "a@h"), 4);
	ck_assert_int_eq(version_of(remembered, "c@h"), 3);
	remembered_forget(remembered, STR("a@h"));
	remembered_forget(remembered, STR("nobody@h"));
	ck_assert_int_eq(version_of(remembered, "a@h"), 0);
	done(remembered);
}
END_TEST

/* All were used: one goes all the same, and only one. */
START_TEST(used_ones_go_too)
{
	for (unsigned room = 1; room <= 20; room += 19) {
		struct remembered *remembered = table(room);
		unsigned known = 0;
		char aor[16];
		for (unsigned round = 0; round < 2; round++)
			for (unsigned i = 0; i < room; i++) {
				snprintf(aor, sizeof(aor), "u%u@h", i);
				keep(remembered, aor, 1, 10);
				ck_assert_int_eq(version_of(remembered, aor), 1);
			}
		keep(remembered, "new@h", 2, 10);
		for (unsigned i = 0; i < room; i++) {
			snprintf(aor, sizeof(aor), "u%u@h", i);
			known += version_of(remembered, aor) == 1;
		}
		ck_assert_uint_eq(known, room - 1);
		ck_assert_int_eq(version_of(remembered, "new@h"), 2);
		done(remembered);
	}
}
END_TEST

/* A record that is too large, or read for an account of another address, is not kept, nor is what
 * was there before */
START_TEST(what_is_not_kept)
{
	struct remembered *remembered = table(4);
	keep(remembered, "a@h", 1, 10);
	keep(remembered, "a@h", 2, REMEMBERED_BYTES_MAX);
	ck_assert_int_eq(version_of(remembered, "a@h"), 0);
	keep(remembered, "a@h", 3, 10);
	ck_assert_ptr_null(remembered_find(remembered, STR("a@h"), STR("other"), 1, &arena));
	ck_assert_ptr_null(remembered_find(remembered, STR("a@h"), STR("login"), 2, &arena));
	ck_assert(remembered_knows(remembered, STR("a@h")));
	struct record record = { .exists = true, .version = 4, .account = { .aor = STR("b@h") } };
	remembered_keep(remembered, STR("a@h"), STR("login"), 1, &record);
	ck_assert_int_eq(version_of(remembered, "a@h"), 0);
	done(remembered);
}
END_TEST

SUITE(remembered, a_refresh_takes_one_trip, none_are_remembered, only_the_database_says_no,
      the_guard_finds_what_is_old, a_new_password, another_server_took_over,
      a_lost_commit_is_forgotten, a_record_comes_back_whole, places_are_limited, used_ones_go_too,
      what_is_not_kept)
