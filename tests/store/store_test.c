/* Look-ups and commits against a real PostgreSQL. */
#include "store/store.h"

#include "../../src/store/inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/stats.h"
#include "scratch.h"
#include "support/check_main.h"

/* REG-DB-1: a record with its version; what is not there is said to be not there */
START_TEST(lookup_finds_record_and_account)
{
	struct bench bench;
	struct probe probe;
	scratch_reset();
	scratch_exec("insert into account (aor, login, ha1_md5, ha1_sha256, max_contacts) values "
		     "('alice@example.com', 'al', repeat('a', 32), repeat('b', 64), 3)");
	scratch_exec("insert into account (aor, may_register, enabled) values "
		     "('gateway@example.com', '{*}', false), "
		     "('desk@example.com', '{alice@example.com,bob@example.com}', true)");
	int64_t version = scratch_number("select version from aor where username = 'alice'");
	bench_up(&bench);
	probe_lookup(&bench, &probe, "alice", "al");
	probe_wait(&bench, &probe, 1);
	const struct record *r = probe.op.record;
	ck_assert(r->exists && r->account.found && r->account.enabled);
	ck_assert_int_eq(r->version, version);
	ck_assert_uint_eq(r->max_contacts, 3);
	ck_assert_uint_eq(r->binding_count + r->mark_count, 0);
	ck_assert(str_eq(r->account.aor, STR("alice@example.com")));
	ck_assert_uint_eq(r->account.ha1[DIGEST_MD5].len, 32);
	ck_assert_uint_eq(r->account.ha1[DIGEST_SHA256].len, 64);
	ck_assert_uint_eq(r->account.ha1[DIGEST_SHA512_256].len, 0);
	ck_assert_int_eq(r->account.may_register, MAY_REGISTER_OWN);

	probe_lookup(&bench, &probe, "alice", "gateway");
	probe_wait(&bench, &probe, 1);
	r = probe.op.record;
	ck_assert(r->exists && r->account.found && !r->account.enabled);
	ck_assert_int_eq(r->account.may_register, MAY_REGISTER_DOMAIN);
	ck_assert_uint_eq(r->max_contacts, 3);

	probe_lookup(&bench, &probe, "nobody", "desk");
	probe_wait(&bench, &probe, 1);
	r = probe.op.record;
	ck_assert(!r->exists && r->account.found && r->account.enabled);
	ck_assert_int_eq(r->account.may_register, MAY_REGISTER_LIST);
	ck_assert_uint_eq(r->account.allowed_count, 2);
	ck_assert(str_eq(r->account.allowed[1], STR("bob@example.com")));

	probe_lookup(&bench, &probe, "alice", "alice");
	probe_wait(&bench, &probe, 1);
	ck_assert(probe.op.record->exists && !probe.op.record->account.found);
	bench_close(&bench);
}
END_TEST

/* REG-DB-1, REG-DB-2: all is stored or nothing; a moved version refuses; CSeq 4294967295 */
START_TEST(commit_is_guarded)
{
	struct bench bench;
	struct binding binding;
	struct record after = one_binding(&binding, "call-1", UINT32_MAX);
	scratch_reset();
	scratch_account("alice");
	bench_up(&bench);
	struct record *before = bench_lookup(&bench, "alice");
	ck_assert_int_eq(bench_commit(&bench, "alice", before->version, &after), COMMIT_DONE);
	ck_assert_int_eq(bench_commit(&bench, "alice", before->version, &after), COMMIT_CONFLICT);
	ck_assert_int_eq(bench_commit(&bench, "nobody", 1, &after), COMMIT_CONFLICT);
	const struct record *stored = bench_lookup(&bench, "alice");
	ck_assert_int_eq(stored->version, before->version + 1);
	ck_assert_uint_eq(stored->binding_count, 1);
	ck_assert_uint_eq(stored->bindings[0].cseq, UINT32_MAX);
	ck_assert(str_eq(stored->bindings[0].call_id, STR("call-1")));
	ck_assert_int_eq(scratch_number("select (extract(epoch from expires_at) * 1000)::bigint "
					"from aor"),
			 binding.expires_ms);
	ck_assert_str_eq(scratch_text("select node from aor"), "test-1");
	ck_assert_int_eq(scratch_number("select cseq from binding"), UINT32_MAX);

	ck_assert_int_eq(bench_commit(&bench, "alice", stored->version, &(struct record){ 0 }),
			 COMMIT_DONE);
	ck_assert_int_eq(scratch_number("select count(*) from aor where expires_at is null and "
					"bindings = '[]' and marks = '{}'"),
			 1);
	bench_close(&bench);
}
END_TEST

/* REG-DB-3, PAR-7-3: NUL, invalid UTF-8, quotes and backslashes in every value, by both forms */
START_TEST(odd_octets_are_stored)
{
	static const char odd[] = "a\0b\xff\xfe\"\\x41'{},\x1b\xc3\xa4";
	struct str octets = { odd, sizeof(odd) - 1 };
	struct bench bench;
	struct probe probe;
	scratch_reset();
	scratch_exec("insert into account (aor, login) values "
		     "('%%00%%FF@example.com', 'a\\x00\\xFF\\x5C')");
	for (uint32_t batch_rows = 1; batch_rows <= 64; batch_rows += 63) {
		struct binding binding = { .id = octets,
					   .uri = octets,
					   .display = octets,
					   .params = octets,
					   .q = -1,
					   .call_id = octets,
					   .instance = octets,
					   .node = octets,
					   .source = octets,
					   .user_agent = octets };
		struct record after = { .bindings = &binding, .binding_count = 1 };
		bench_init(&bench);
		bench.settings.batch_rows = batch_rows;
		bench_start(&bench);
		bench_wait_state(&bench, STORE_UP);
		probe_lookup(&bench, &probe, "%00%FF", "");
		probe.op.login = STR("a\0\xff\\");
		probe_wait(&bench, &probe, 1);
		ck_assert(probe.op.record->exists && probe.op.record->account.found);
		ck_assert_int_eq(bench_commit(&bench, "%00%FF", probe.op.record->version, &after),
				 COMMIT_DONE);
		const struct record *stored = bench_lookup(&bench, "%00%FF");
		ck_assert(str_eq(stored->bindings[0].display, octets));
		ck_assert(str_eq(stored->bindings[0].user_agent, octets));
		bench_close(&bench);
	}
}
END_TEST

/* REG-DB-4: whatever a value holds, it is a value */
START_TEST(sql_in_values_stays_text)
{
	struct bench bench;
	struct probe probe;
	uint64_t errors = STATS_SUM(stats->db_errors);
	scratch_reset();
	scratch_account("alice");
	bench_up(&bench);
	probe_lookup(&bench, &probe, "x';--", "'; drop table account; --");
	probe_wait(&bench, &probe, 1);
	ck_assert_int_eq(probe.op.looked_up, LOOKUP_FOUND);
	ck_assert(!probe.op.record->exists && !probe.op.record->account.found);
	ck_assert_int_eq(scratch_number("select count(*) from account"), 1);
	ck_assert_uint_eq(STATS_SUM(stats->db_errors), errors);
	bench_close(&bench);
}
END_TEST

#define MANY 300

/* What gathers in a turn travels together; each operation gets its own answer */
START_TEST(batches_answer_each_operation)
{
	static struct probe probes[MANY];
	static struct binding bindings[MANY];
	static struct record after[MANY];
	static char users[MANY][16];
	struct bench bench;
	scratch_reset();
	scratch_exec("insert into account (username, domain) select 'u' || n, 'example.com' "
		     "from generate_series(0, %d) n",
		     MANY - 1);
	bench_up(&bench);
	for (int i = 0; i < MANY; i++)
		snprintf(users[i], sizeof(users[i]), "u%d", i);
	for (int i = 0; i < MANY; i++)
		probe_lookup(&bench, &probes[i], users[i], users[MANY - 1 - i]);
	uint64_t batches = stats->db_batches;
	probe_wait(&bench, probes, MANY);
	ck_assert_uint_le(stats->db_batches - batches, MANY / 64 + 1);
	for (int i = 0; i < MANY; i++) {
		char want[32];
		const struct record *r = probes[i].op.record;
		snprintf(want, sizeof(want), "u%d@example.com", MANY - 1 - i);
		ck_assert(r->exists && str_eq(r->account.aor, str_of(want)));
		after[i] = one_binding(&bindings[i], users[i], (uint32_t)i);
		/* every third is decided on an old version */
		probe_commit(&bench, &probes[i], users[i], r->version - (i % 3 == 0), &after[i]);
	}
	probe_wait(&bench, probes, MANY);
	for (int i = 0; i < MANY; i++)
		ck_assert_int_eq(probes[i].op.committed,
				 i % 3 == 0 ? COMMIT_CONFLICT : COMMIT_DONE);
	ck_assert_int_eq(scratch_number("select count(*) from binding where call_id = username and "
					"cseq = substr(username, 2)::bigint"),
			 MANY - MANY / 3);
	bench_close(&bench);
}
END_TEST

/* The culprit of a batch fails alone, its 63 neighbours are stored */
START_TEST(one_poisoned_operation_fails_alone)
{
	static struct probe probes[64];
	static struct binding bindings[64];
	static struct record after[64];
	static char users[64][16];
	struct bench bench;
	scratch_reset();
	scratch_exec("insert into account (username, domain) select 'u' || n, 'example.com' "
		     "from generate_series(0, 63) n");
	scratch_exec("update aor set version = 1");
	scratch_exec("alter table aor add check (bindings::jsonb -> 0 ->> 'c' <> 'poison')");
	bench_up(&bench);
	uint64_t retries = stats->db_retries;
	for (int i = 0; i < 64; i++) {
		snprintf(users[i], sizeof(users[i]), "u%d", i);
		after[i] = one_binding(&bindings[i], i == 17 ? "poison" : "fine", 1);
		probe_commit(&bench, &probes[i], users[i], 1, &after[i]);
	}
	probe_wait(&bench, probes, 64);
	for (int i = 0; i < 64; i++)
		ck_assert_int_eq(probes[i].op.committed, i == 17 ? COMMIT_FAILED : COMMIT_DONE);
	ck_assert_int_eq(scratch_number("select count(*) from aor where version = 2"), 63);
	ck_assert_uint_eq(stats->db_retries - retries, 64);
	bench_close(&bench);
}
END_TEST

static void
raise_times(const char *sqlstate, int times)
{
	scratch_exec("create sequence faults");
	scratch_exec("create function fault() returns trigger language plpgsql as $$ begin "
		     "if new.bindings <> '[]' and nextval('faults') <= %d then "
		     "raise exception 'injected' using errcode = '%s'; end if; return new; end $$",
		     times, sqlstate);
	scratch_exec("create trigger fault before update on aor for each row "
		     "execute function fault()");
}

/* REG-DB-1: 40001, 40P01 and a lock timeout are tried again and change the row once */
START_TEST(transient_errors_are_retried)
{
	static const char *const states[] = { "40001", "40P01", "55P03" };
	for (size_t i = 0; i < 3; i++) {
		struct bench bench;
		struct binding binding;
		struct record after = one_binding(&binding, "c", 1);
		scratch_reset();
		scratch_account("alice");
		scratch_exec("update aor set version = 5");
		raise_times(states[i], 3);
		bench_up(&bench);
		ck_assert_int_eq(bench_commit(&bench, "alice", 5, &after), COMMIT_DONE);
		ck_assert_int_eq(scratch_number("select version from aor"), 6);
		bench_close(&bench);
	}
}
END_TEST

/* REG-DB-1: not for ever; and what failed has changed nothing */
START_TEST(retries_end)
{
	struct bench bench;
	struct binding binding;
	struct record after = one_binding(&binding, "c", 1);
	scratch_reset();
	scratch_account("alice");
	scratch_exec("update aor set version = 5");
	raise_times("40001", 4);
	bench_up(&bench);
	ck_assert_int_eq(bench_commit(&bench, "alice", 5, &after), COMMIT_FAILED);
	ck_assert_int_eq(scratch_number("select version from aor"), 5);
	ck_assert_int_eq(bench_commit(&bench, "alice", 5, &after), COMMIT_DONE);
	bench_close(&bench);
}
END_TEST

/* A row that is locked elsewhere costs the lock timeout, not the statement's */
START_TEST(locked_rows_do_not_hold_the_others)
{
	static struct probe probes[2];
	struct bench bench;
	struct binding binding;
	struct record after = one_binding(&binding, "c", 1);
	scratch_reset();
	scratch_account("alice");
	scratch_account("bob");
	scratch_exec("update aor set version = 5");
	bench_up(&bench);
	scratch_exec("begin");
	scratch_exec("select from aor where username = 'alice' for update");
	probe_commit(&bench, &probes[0], "alice", 5, &after);
	probe_commit(&bench, &probes[1], "bob", 5, &after);
	probe_wait(&bench, &probes[1], 1);
	ck_assert_int_eq(probes[1].op.committed, COMMIT_DONE);
	ck_assert_uint_eq(probes[0].done, 0);
	scratch_exec("commit");
	probe_wait(&bench, probes, 1);
	ck_assert_int_eq(probes[0].op.committed, COMMIT_DONE);
	bench_close(&bench);
}
END_TEST

static uint64_t
locks_met(void)
{
	return stats->db_errors[stats_sql_class("55P03")];
}

/* A transaction on many accounts, of an operator, costs one lock timeout a connection: from then on
 * nothing waits for locks. Who is locked is served when the row is free, or told that it is not; a
 * version that moved is a conflict as ever. */
static void
hold_nobody(bool prepared)
{
	enum { LOCKED = 20, FREE = 40 };
	static struct probe locked[LOCKED];
	static char users[LOCKED][16];
	struct bench bench;
	struct binding binding;
	struct record after = one_binding(&binding, "c", 1);
	scratch_reset();
	scratch_account("bob");
	for (int i = 0; i < LOCKED; i++) {
		snprintf(users[i], sizeof(users[i]), "u%d", i);
		scratch_account(users[i]);
	}
	scratch_exec("update aor set version = 5");
	bench_init(&bench);
	bench.settings.prepared = prepared;
	bench_start(&bench);
	bench_wait_state(&bench, STORE_UP);
	uint64_t met = locks_met();
	scratch_exec("begin");
	scratch_exec("select from aor where username like 'u%%' for update");
	for (int i = 0; i < LOCKED; i++)
		probe_commit(&bench, &locked[i], users[i], i == 7 ? 4 : 5, &after);
	for (int i = 0; i < FREE; i++) /* takes less than a locked one has */
		ck_assert_int_eq(bench_commit(&bench, "bob", 5 + i, &after), COMMIT_DONE);
	ck_assert_int_eq(bench_commit(&bench, "bob", 5, &after), COMMIT_CONFLICT);
	ck_assert_int_eq(bench_commit(&bench, "nobody", 5, &after), COMMIT_CONFLICT);
	ck_assert_uint_ge(locks_met() - met, 1);
	ck_assert_uint_le(locks_met() - met, bench.settings.connections);
	for (int i = 0; i < LOCKED; i++) /* whose version has moved needs no lock to be told */
		ck_assert_uint_eq(locked[i].done, i == 7);
	scratch_exec("commit");
	for (int i = 0; i < LOCKED; i++) {
		probe_wait(&bench, &locked[i], 1);
		ck_assert_int_eq(locked[i].op.committed, i == 7 ? COMMIT_CONFLICT : COMMIT_DONE);
	}
	ck_assert_int_eq(scratch_number("select count(*) from aor where username like 'u%%' and "
					"version = 6"),
			 LOCKED - 1);

	scratch_exec("begin");
	scratch_exec("select from aor where username = 'u0' for update");
	ck_assert_int_eq(bench_commit(&bench, "u0", 6, &after), COMMIT_UNAVAILABLE);
	scratch_exec("rollback");
	ck_assert_int_eq(scratch_number("select version from aor where username = 'u0'"), 6);
	ck_assert_uint_le(locks_met() - met, bench.settings.connections);
	bench_close(&bench);
}

START_TEST(many_locked_rows_hold_nobody)
{
	hold_nobody(true);
}
END_TEST

/* Nor where a session is somebody else's behind each transaction: the deadline of locks goes ahead
 * of each statement */
START_TEST(many_locked_rows_hold_nobody_behind_a_pooler)
{
	hold_nobody(false);
}
END_TEST

/* So many commits as make a batch, of u0 and so on, version 5. */
enum { BATCH = 64 };
static void
commit_many(struct bench *bench, struct probe probes[BATCH], const struct record *after)
{
	static char users[BATCH][16];
	for (int i = 0; i < BATCH; i++) {
		snprintf(users[i], sizeof(users[i]), "u%d", i);
		probe_commit(bench, &probes[i], users[i], 5, after);
	}
}

static void
begin_many(struct bench *bench)
{
	scratch_reset();
	for (int i = 0; i < BATCH; i++) {
		char user[16];
		snprintf(user, sizeof(user), "u%d", i);
		scratch_account(user);
	}
	scratch_exec("update aor set version = 5");
	bench_init(bench);
	bench->settings.connections = 1;
	bench_start(bench);
	bench_wait_state(bench, STORE_UP);
}

/* Who was in a batch with one that is locked has been sent, and is not given up as who never was.
 */
START_TEST(who_met_a_lock_is_not_overdue)
{
	static struct probe probes[BATCH];
	struct bench bench;
	struct binding binding;
	struct record after = one_binding(&binding, "c", 1);
	begin_many(&bench);
	scratch_exec("begin");
	scratch_exec("select from aor where username = 'u7' for update");
	commit_many(&bench, probes, &after);
	for (int i = 0; i < BATCH; i++)
		probes[i].op.patience_ms = 100; /* a lock is waited for longer */
	for (int i = 0; i < BATCH; i++) {
		if (i == 7)
			continue;
		probe_wait(&bench, &probes[i], 1);
		ck_assert_int_eq(probes[i].op.committed, COMMIT_DONE);
	}
	scratch_exec("commit");
	probe_wait(&bench, &probes[7], 1);
	bench_close(&bench);
}
END_TEST

/* What fails for a lock that is not its row's, in a trigger say, is found among the others. */
START_TEST(who_always_meets_a_lock_fails_alone)
{
	static struct probe probes[BATCH];
	struct bench bench;
	struct binding binding;
	struct record after = one_binding(&binding, "c", 1);
	begin_many(&bench);
	scratch_account("bob");
	scratch_exec("update aor set version = 5");
	scratch_exec("create function fault() returns trigger language plpgsql as $$ begin "
		     "if new.username = 'u7' then perform pg_sleep(0.2); "
		     "raise exception 'injected' using errcode = '55P03'; end if; "
		     "return new; end $$");
	scratch_exec("create trigger fault before update on aor for each row "
		     "execute function fault()");
	commit_many(&bench, probes, &after);
	for (int64_t version = 5; probes[7].done == 0; version++)
		ck_assert_int_eq(bench_commit(&bench, "bob", version, &after), COMMIT_DONE);
	for (int i = 0; i < BATCH; i++) {
		probe_wait(&bench, &probes[i], 1);
		ck_assert_int_eq(probes[i].op.committed, i == 7 ? COMMIT_UNAVAILABLE : COMMIT_DONE);
	}
	ck_assert_int_eq(scratch_number("select count(*) from aor where version = 6 and "
					"username like 'u%%'"),
			 BATCH - 1);
	bench_close(&bench);
}
END_TEST

/* Whoever locks the table, as a migration does, is waited for by what needs it, and by nothing on
 * the way. */
START_TEST(a_locked_table_is_waited_for)
{
	static struct probe probes[2];
	struct bench bench;
	struct binding binding;
	struct record after = one_binding(&binding, "c", 1);
	scratch_reset();
	scratch_account("alice");
	scratch_exec("update aor set version = 5");
	bench_up(&bench);
	uint64_t met = locks_met();
	scratch_exec("begin");
	scratch_exec("lock table aor in access exclusive mode");
	probe_commit(&bench, &probes[0], "alice", 5, &after);
	probe_lookup(&bench, &probes[1], "alice", "alice");
	while (locks_met() - met < 3) {
		loop_turn(bench.loop, 50);
		ck_assert_uint_eq(probes[0].done + probes[1].done, 0);
	}
	scratch_exec("commit");
	probe_wait(&bench, &probes[0], 1);
	probe_wait(&bench, &probes[1], 1);
	ck_assert_int_eq(probes[0].op.committed, COMMIT_DONE);
	ck_assert_int_eq(probes[1].op.looked_up, LOOKUP_FOUND);
	bench_close(&bench);
}
END_TEST

/* Beside one that is under way a batch is sent when it is half full, or 5 ms old. */
START_TEST(batches_grow_beside_others)
{
	enum { HALF = 32, TRIES = 1000 };
	static struct probe held, probes[HALF];
	static char users[HALF][16];
	struct bench bench;
	struct binding binding;
	struct record after = one_binding(&binding, "c", 1);
	bool judged = false;
	scratch_reset();
	scratch_account("alice");
	bench_up(&bench);
	for (int i = 0; i < HALF; i++)
		snprintf(users[i], sizeof(users[i]), "u%d", i);
	for (int tries = 0; !judged && tries < TRIES; tries++) {
		scratch_exec("update aor set version = 5");
		scratch_exec("begin");
		scratch_exec("select from aor where username = 'alice' for update");
		uint64_t begin_us = clock_monotonic_us(), before = stats->db_batches;
		probe_commit(&bench, &held, "alice", 5, &after);
		loop_turn(bench.loop, 0);
		ck_assert_uint_eq(stats->db_batches, before + 1); /* alone: at once */
		for (int i = 0; i < HALF - 1; i++)
			probe_commit(&bench, &probes[i], users[i], 1, &after);
		loop_turn(bench.loop, 0);
		uint64_t small = stats->db_batches;
		probe_commit(&bench, &probes[HALF - 1], users[HALF - 1], 1, &after);
		loop_turn(bench.loop, 0);
		uint64_t half = stats->db_batches;
		judged = clock_monotonic_us() - begin_us < 4000; /* or the machine was too slow */
		if (judged) {
			ck_assert_uint_eq(small, before + 1);
			ck_assert_uint_eq(half, before + 2);
		}
		probe_wait(&bench, probes, HALF);
		for (int i = 0; i < HALF - 1; i++)
			probe_commit(&bench, &probes[i], users[i], 1, &after);
		probe_wait(&bench, probes, HALF - 1); /* not half full, and sent all the same */
		ck_assert_uint_eq(held.done, 0);
		scratch_exec("commit");
		probe_wait(&bench, &held, 1);
	}
	ck_assert(judged);
	bench_close(&bench);
}
END_TEST

/* One after the other without a rest, as from phones that only refresh. */
struct stream {
	struct store *store;
	struct store_op op;
	unsigned commits;
	bool over;
};

static void
next_commit(struct store_op *op)
{
	struct stream *stream = container_of(op, struct stream, op);
	stream->commits++;
	if (!stream->over)
		store_commit(stream->store, op);
}

/* Commits are sent first, so while they follow one another there is always a batch under way when
 * look-ups are judged. */
START_TEST(lookups_do_not_starve_beside_commits)
{
	static struct stream stream;
	struct bench bench;
	struct binding binding;
	struct probe probe;
	struct record after = one_binding(&binding, "c", 1);
	scratch_reset();
	scratch_account("alice");
	bench_up(&bench);
	stream = (struct stream){ .store = bench.store,
				  .op = { .done = next_commit,
					  .aor = STR("nobody@example.com"),
					  .version = 1,
					  .after = &after } };
	store_commit(bench.store, &stream.op);
	WAIT_UNTIL(&bench, stream.commits > 10);
	unsigned soon = 0; /* within ten times the 5 ms that are promised */
	for (int i = 0; i < 20; i++) {
		uint64_t began_ms = loop_now_ms(bench.loop);
		probe_lookup(&bench, &probe, "alice", "alice");
		while (probe.done == 0 && loop_now_ms(bench.loop) - began_ms < 500)
			loop_turn(bench.loop, 5);
		ck_assert_uint_eq(probe.done, 1);
		ck_assert_int_eq(probe.op.looked_up, LOOKUP_FOUND);
		soon += loop_now_ms(bench.loop) - began_ms <= 50;
	}
	ck_assert_uint_ge(soon, 10);
	stream.over = true;
	unsigned last = stream.commits;
	WAIT_UNTIL(&bench, stream.commits > last);
	bench_close(&bench);
}
END_TEST

#define ROWS 32
#define ROUNDS 40

struct writer_state {
	struct bench bench;
	struct probe probes[ROWS];
	struct binding bindings[ROWS];
	struct record after[ROWS];
	unsigned done;
};

static void
begin_round(struct writer_state *w, bool backwards)
{
	for (int i = 0; i < ROWS; i++) {
		char user[16];
		snprintf(user, sizeof(user), "u%d", backwards ? ROWS - 1 - i : i);
		int64_t version =
			scratch_number("select version from aor where username = '%s'", user);
		w->after[i] = one_binding(&w->bindings[i], "c", 1);
		probe_commit(&w->bench, &w->probes[i], user, version, &w->after[i]);
	}
}

/* REG-DB-1: two nodes on the same rows in opposite orders neither wait in a circle nor lose an
 * update */
static void
write_as_two(bool prepared)
{
	static struct writer_state w[2];
	unsigned done[2] = { 0, 0 };
	scratch_reset();
	scratch_exec("insert into account (username, domain) select 'u' || n, 'example.com' "
		     "from generate_series(0, %d) n",
		     ROWS - 1);
	uint64_t errors = STATS_SUM(stats->db_errors);
	int64_t versions = scratch_number("select sum(version) from aor");
	for (int k = 0; k < 2; k++) {
		bench_init(&w[k].bench);
		w[k].bench.settings.prepared = prepared;
		bench_start(&w[k].bench);
		bench_wait_state(&w[k].bench, STORE_UP);
	}
	for (int round = 0; round < ROUNDS; round++) {
		for (int k = 0; k < 2; k++)
			begin_round(&w[k], k == 1);
		for (bool waiting = true; waiting;) {
			waiting = false;
			for (int k = 0; k < 2; k++) {
				loop_turn(w[k].bench.loop, 1);
				for (int i = 0; i < ROWS; i++)
					waiting = waiting || w[k].probes[i].done == 0;
			}
		}
		for (int k = 0; k < 2; k++)
			for (int i = 0; i < ROWS; i++)
				done[k] += w[k].probes[i].op.committed == COMMIT_DONE;
	}
	ck_assert_int_eq(scratch_number("select sum(version) from aor") - versions,
			 done[0] + done[1]);
	ck_assert_uint_eq(done[0] + done[1], ROWS * ROUNDS);
	/* neither a deadlock nor a lock that was waited for too long */
	ck_assert_uint_eq(STATS_SUM(stats->db_errors), errors);
	for (int k = 0; k < 2; k++)
		bench_close(&w[k].bench);
}

START_TEST(two_stores_lose_nothing)
{
	write_as_two(true);
}
END_TEST

/* The plan that keeps the order is chosen for each statement where no session keeps its settings */
START_TEST(two_stores_behind_a_pooler_lose_nothing)
{
	write_as_two(false);
}
END_TEST

/* For poolers: unnamed statements in one-row form do the same */
START_TEST(unnamed_statements_work)
{
	struct bench bench;
	struct binding binding;
	struct record after = one_binding(&binding, "c", 1);
	scratch_reset();
	scratch_account("alice");
	for (uint32_t batch_rows = 1; batch_rows <= 64; batch_rows += 63) {
		bench_init(&bench);
		bench.settings.prepared = false;
		bench.settings.batch_rows = batch_rows;
		bench_start(&bench);
		bench_wait_state(&bench, STORE_UP);
		int64_t version = bench_lookup(&bench, "alice")->version;
		ck_assert_int_eq(bench_commit(&bench, "alice", version, &after), COMMIT_DONE);
		ck_assert_int_eq(bench_commit(&bench, "alice", version, &after), COMMIT_CONFLICT);
		bench_close(&bench);
	}
}
END_TEST

/* A lane has one statement behind the one that is executed, and what waits is given up once its
 * patience is over: it was never sent. What was sent, and what has patience, ends well. */
START_TEST(what_waits_too_long_is_never_sent)
{
	static const char *const users[] = { "alice", "bob", "carol", "dave", "erin" };
	static struct probe probes[5];
	struct bench bench;
	struct binding binding;
	struct record after = one_binding(&binding, "call-1", 1);
	scratch_reset();
	for (int i = 0; i < 5; i++)
		scratch_account(users[i]);
	scratch_exec("update aor set version = 5");
	bench_init(&bench);
	bench.settings.connections = 1;
	bench.settings.batch_rows = 1;
	bench_start(&bench);
	bench_wait_state(&bench, STORE_UP);
	scratch_exec("begin");
	scratch_exec("select from aor where username = 'alice' for update");
	uint64_t batches = stats->db_batches;
	for (int i = 0; i < 4; i++)
		probe_commit(&bench, &probes[i], users[i], 5, &after);
	probe_lookup(&bench, &probes[4], "erin", "erin");
	loop_turn(bench.loop, 0);
	ck_assert_uint_eq(stats->db_batches, batches + 2);
	probes[2].op.patience_ms = probes[4].op.patience_ms = 1;
	probe_wait(&bench, &probes[4], 1);
	ck_assert_int_eq(probes[4].op.looked_up, LOOKUP_OVERDUE);
	ck_assert_uint_eq(probes[0].done + probes[1].done + probes[3].done, 0);
	scratch_exec("commit");
	probe_wait(&bench, probes, 4);
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(probes[i].op.committed, i == 2 ? COMMIT_OVERDUE : COMMIT_DONE);
	ck_assert_int_eq(scratch_number("select version from aor where username = 'carol'"), 5);
	bench_close(&bench);
}
END_TEST

/* REG-DB-6: over the limit of the queue nothing is tried; the limit itself is served */
START_TEST(queue_is_bounded)
{
	static struct probe probes[6];
	struct bench bench;
	scratch_reset();
	scratch_account("alice");
	bench_init(&bench);
	bench.settings.queue_limit = 5;
	bench_start(&bench);
	bench_wait_state(&bench, STORE_UP);
	for (int i = 0; i < 6; i++)
		probe_lookup(&bench, &probes[i], "alice", "alice");
	ck_assert_uint_eq(store_queue_length(bench.store), 6);
	for (int i = 0; i < 6; i++)
		ck_assert_uint_eq(probes[i].done, 0);
	probe_wait(&bench, probes, 6);
	for (int i = 0; i < 6; i++)
		ck_assert_int_eq(probes[i].op.looked_up, i < 5 ? LOOKUP_FOUND : LOOKUP_UNAVAILABLE);
	ck_assert_uint_eq(store_queue_length(bench.store), 0);
	bench_close(&bench);
}
END_TEST

/* REG-DB-2: the offset to the clock of the database comes with the look-up */
START_TEST(clock_offset_is_learned)
{
	struct bench bench;
	scratch_reset();
	scratch_account("alice");
	bench_up(&bench);
	const struct record *r = bench_lookup(&bench, "alice");
	int64_t database_ms =
		scratch_number("select (extract(epoch from clock_timestamp()) * 1000)::bigint");
	int64_t error_ms = clock_real_ms() + r->clock_offset_ms - database_ms;
	ck_assert_int_le(llabs(error_ms), 1500);
	ck_assert_int_eq(store_clock_offset_ms(bench.store), r->clock_offset_ms);
	bench_close(&bench);
}
END_TEST

/* The clock of the host as a test sets it. */
static int64_t clock_set_ms;
int64_t __real_clock_real_ms(void);
int64_t __wrap_clock_real_ms(void);
int64_t
__wrap_clock_real_ms(void)
{
	return __real_clock_real_ms() + clock_set_ms;
}

/* REG-DB-2: a clock that is set, however far, moves nothing: not even until the next look-up */
START_TEST(a_clock_that_is_set)
{
	static const int64_t steps_ms[] = { 86400000, -86400000, 3000, 0 };
	struct bench bench;
	scratch_reset();
	scratch_account("alice");
	bench_up(&bench);
	bench_lookup(&bench, "alice");
	for (size_t i = 0; i < sizeof(steps_ms) / sizeof(*steps_ms); i++) {
		clock_set_ms = steps_ms[i];
		loop_turn(bench.loop, 0);
		int64_t ours = loop_real_ms(bench.loop) + store_clock_offset_ms(bench.store);
		int64_t theirs = scratch_number(
			"select (extract(epoch from clock_timestamp()) * 1000)::bigint");
		ck_assert_int_le(llabs(ours - theirs), 1500);
		const struct record *r = bench_lookup(&bench, "alice");
		ck_assert_int_le(llabs(r->clock_offset_ms + steps_ms[i]), 1500);
	}
	bench_close(&bench);
}
END_TEST

static enum commit_result
commit_until(struct bench *bench, bool careful, const char *left)
{
	struct binding binding;
	struct record after = one_binding(&binding, "call-1", 1);
	const struct record *before = bench_lookup(bench, "alice");
	struct probe probe;
	if (careful)
		store_be_careful(bench->store);
	probe_commit(bench, &probe, "alice", before->version, &after);
	probe.op.until_ms = scratch_number(
		"select (extract(epoch from clock_timestamp() + interval '%s') * 1000)::bigint",
		left);
	probe_wait(bench, &probe, 1);
	return probe.op.committed;
}

/* REG-DB-2: a commit that comes when its time is over is a conflict, by each statement there is */
START_TEST(commits_have_an_end)
{
	static const struct {
		uint32_t batch_rows;
		bool careful;
	} ways[] = { { 1, false }, { 64, false }, { 64, true } };
	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		struct bench bench;
		scratch_reset();
		scratch_account("alice");
		bench_init(&bench);
		bench.settings.batch_rows = ways[i].batch_rows;
		bench_start(&bench);
		bench_wait_state(&bench, STORE_UP);
		ck_assert_int_eq(commit_until(&bench, ways[i].careful, "-2 s"), COMMIT_CONFLICT);
		ck_assert_int_eq(commit_until(&bench, ways[i].careful, "20 s"), COMMIT_DONE);
		ck_assert_int_eq(commit_until(&bench, ways[i].careful, "-2 s"), COMMIT_CONFLICT);
		ck_assert_int_eq(scratch_number("select count(*) from binding"), 1);
		bench_close(&bench);
	}
}
END_TEST

static void
slow_clock(const char *ahead)
{
	scratch_exec("create or replace function clock_timestamp() returns timestamptz "
		     "language plpgsql volatile as $$ begin perform pg_sleep(0.25); "
		     "return pg_catalog.clock_timestamp() + interval '%s'; end $$",
		     ahead);
}

/* REG-DB-2: where every answer is too slow to learn a clock from, one that was set is learned */
START_TEST(a_slow_clock_that_is_set)
{
	struct bench bench;
	scratch_reset();
	scratch_account("alice");
	slow_clock("0");
	setenv("PGOPTIONS", "-c search_path=rollcall_store_test,pg_catalog", 1);
	bench_up(&bench);
	for (int hours = 1; hours >= -1; hours -= 2) {
		slow_clock(hours > 0 ? "1 h" : "-1 h");
		int64_t off_ms = bench_lookup(&bench, "alice")->clock_offset_ms - hours * 3600000;
		ck_assert_int_le(llabs(off_ms), 1500);
	}
	bench_close(&bench);
	setenv("PGOPTIONS", "-c search_path=rollcall_store_test -c client_min_messages=warning", 1);
}
END_TEST

/* A row of a later release, or one that somebody broke, is not guessed at */
START_TEST(rows_not_understood_fail)
{
	struct bench bench;
	struct probe probe;
	scratch_reset();
	scratch_account("alice");
	scratch_account("bob");
	scratch_exec("update aor set format = 2 where username = 'alice'");
	scratch_exec("update aor set bindings = '[{}]' where username = 'bob'");
	bench_up(&bench);
	probe_lookup(&bench, &probe, "alice", "alice");
	probe_wait(&bench, &probe, 1);
	ck_assert_int_eq(probe.op.looked_up, LOOKUP_FAILED);
	probe_lookup(&bench, &probe, "bob", "bob");
	probe_wait(&bench, &probe, 1);
	ck_assert_int_eq(probe.op.looked_up, LOOKUP_FAILED);
	bench_close(&bench);
}
END_TEST

/* A row too large for one arena fails its own look-up only */
START_TEST(exhausted_arena_fails_the_lookup)
{
	struct bench bench;
	struct probe probes[2];
	struct arena small;
	scratch_reset();
	scratch_account("alice");
	bench_up(&bench);
	arena_init(&small, &bench.pool, 64);
	probe_lookup(&bench, &probes[0], "alice", "alice");
	probe_lookup(&bench, &probes[1], "alice", "alice");
	probes[0].op.arena = &small;
	probe_wait(&bench, probes, 2);
	ck_assert_int_eq(probes[0].op.looked_up, LOOKUP_FAILED);
	ck_assert_int_eq(probes[1].op.looked_up, LOOKUP_FOUND);
	arena_reset(&small);
	bench_close(&bench);
}
END_TEST

SUITE(store, lookup_finds_record_and_account, commit_is_guarded, odd_octets_are_stored,
      sql_in_values_stays_text, batches_answer_each_operation, one_poisoned_operation_fails_alone,
      transient_errors_are_retried, retries_end, locked_rows_do_not_hold_the_others,
      many_locked_rows_hold_nobody, many_locked_rows_hold_nobody_behind_a_pooler,
      who_met_a_lock_is_not_overdue, who_always_meets_a_lock_fails_alone,
      a_locked_table_is_waited_for, batches_grow_beside_others,
      lookups_do_not_starve_beside_commits, what_waits_too_long_is_never_sent,
      two_stores_lose_nothing, two_stores_behind_a_pooler_lose_nothing, unnamed_statements_work,
      queue_is_bounded, clock_offset_is_learned, a_clock_that_is_set, commits_have_an_end,
      a_slow_clock_that_is_set, rows_not_understood_fail, exhausted_arena_fails_the_lookup)
