/* A database that is there and refuses: what makes the store say that nothing can be done, and what
 * does not. */
#include <signal.h>
#include <string.h>

#include "scratch.h"
#include "support/check_main.h"

/* Each write to an address where condition holds is refused, and each is counted, also when it is
 * taken back. */
static void
refuse_writes(const char *condition, const char *sqlstate)
{
	scratch_exec("create sequence writes");
	scratch_exec("create function refuse() returns trigger language plpgsql as $$ begin "
		     "perform nextval('writes'); if %s then raise exception 'no space' using "
		     "errcode = '%s'; end if; return new; end $$",
		     condition, sqlstate);
	scratch_exec("create trigger refuse before update on aor for each row "
		     "execute function refuse()");
}

static int64_t
writes(void)
{
	return scratch_number("select case when is_called then last_value else 0 end from writes");
}

static void
begin(struct bench *bench)
{
	scratch_reset();
	scratch_account("alice");
	scratch_account("bob");
	scratch_exec("update aor set version = 5");
	bench_up(bench);
}

static enum commit_result
commit(struct bench *bench, const char *user)
{
	struct binding binding;
	struct record after = one_binding(&binding, "c", 1);
	return bench_commit(bench, user, 5, &after);
}

/* Connected, and nobody is served; and it comes back although nobody asks any more */
START_TEST(refused_commits_are_found_out)
{
	struct bench bench;
	begin(&bench);
	refuse_writes("true", "53100");
	ck_assert_int_eq(commit(&bench, "alice"), COMMIT_FAILED);
	ck_assert_uint_eq(store_down_ms(bench.store), 0);
	WAIT_UNTIL(&bench, store_down_ms(bench.store) > 1000);
	ck_assert_int_eq(store_state(bench.store), STORE_UP);
	WAIT_UNTIL(&bench, strstr(store_trouble(bench.store), "refuses changes: no space"));
	ck_assert_int_eq(commit(&bench, "alice"), COMMIT_FAILED);
	ck_assert_uint_gt(store_down_ms(bench.store), 0);
	scratch_exec("drop trigger refuse on aor");
	WAIT_UNTIL(&bench, store_down_ms(bench.store) == 0);
	WAIT_UNTIL(&bench, store_trouble(bench.store)[0] == '\0');
	bench_close(&bench);
}
END_TEST

START_TEST(one_commit_ends_it)
{
	struct bench bench;
	begin(&bench);
	refuse_writes("new.username <> 'alice' or new.bindings = '[]'", "53100");
	ck_assert_int_eq(commit(&bench, "bob"), COMMIT_FAILED);
	WAIT_UNTIL(&bench, store_down_ms(bench.store) > 0);
	ck_assert_int_eq(commit(&bench, "alice"), COMMIT_DONE);
	ck_assert_uint_eq(store_down_ms(bench.store), 0);
	bench_close(&bench);
}
END_TEST

START_TEST(refused_lookups_are_found_out)
{
	struct bench bench;
	struct probe probe = { .done = 0 };
	begin(&bench);
	scratch_exec("alter table account rename to account_away");
	probe_lookup(&bench, &probe, "alice", "alice");
	probe_wait(&bench, &probe, 1);
	ck_assert_int_eq(probe.op.looked_up, LOOKUP_FAILED);
	WAIT_UNTIL(&bench, store_down_ms(bench.store) > 0);
	WAIT_UNTIL(&bench, strstr(store_trouble(bench.store), "refuses look-ups: "));
	scratch_exec("alter table account_away rename to account");
	WAIT_UNTIL(&bench, store_down_ms(bench.store) == 0);
	bench_close(&bench);
}
END_TEST

/* Whoever has such a row, or makes one, takes no node away: it is asked at both ends of the table
 */
START_TEST(a_row_that_is_refused_says_nothing)
{
	static const char *const users[] = { "alice", "bob" };
	for (int i = 0; i < 2; i++) {
		struct bench bench;
		char condition[64];
		begin(&bench);
		snprintf(condition, sizeof(condition), "new.username = '%s'", users[i]);
		refuse_writes(condition, "XX001");
		for (int64_t before = 0; before < 6; before = writes()) {
			ck_assert_int_eq(commit(&bench, users[i]), COMMIT_FAILED);
			WAIT_UNTIL(&bench, store_down_ms(bench.store) > 0 || writes() > before + 1);
			ck_assert_uint_eq(store_down_ms(bench.store), 0);
		}
		bench_close(&bench);
	}
}
END_TEST

/* As on a disk that is full: what has room where it is goes on, and with it the node */
START_TEST(growth_that_is_refused_takes_nobody_away)
{
	struct bench bench;
	begin(&bench);
	refuse_writes("length(new.bindings::text) > length(old.bindings::text)", "53100");
	for (int64_t before = 0; before < 6; before = writes()) {
		ck_assert_int_eq(commit(&bench, "alice"), COMMIT_FAILED);
		WAIT_UNTIL(&bench, store_down_ms(bench.store) > 0 || writes() > before + 1);
		ck_assert_uint_eq(store_down_ms(bench.store), 0);
	}
	bench_close(&bench);
}
END_TEST

START_TEST(data_that_is_refused_is_not_asked_about)
{
	struct bench bench;
	begin(&bench);
	refuse_writes("true", "23514");
	ck_assert_int_eq(commit(&bench, "alice"), COMMIT_FAILED);
	for (int turns = 0; turns < 50; turns++)
		loop_turn(bench.loop, 10);
	ck_assert_int_eq(writes(), 1);
	ck_assert_uint_eq(store_down_ms(bench.store), 0);
	bench_close(&bench);
}
END_TEST

/* Also when it is the only row that there is */
START_TEST(a_lock_says_nothing)
{
	struct bench bench;
	begin(&bench);
	scratch_exec("delete from account where username = 'bob'");
	scratch_exec("delete from aor where username = 'bob'");
	scratch_exec("begin");
	scratch_exec("select from aor for update");
	ck_assert_int_eq(commit(&bench, "alice"), COMMIT_UNAVAILABLE);
	uint64_t until_ms = loop_now_ms(bench.loop) + 4500; /* two probes at least */
	while (loop_now_ms(bench.loop) < until_ms) {
		loop_turn(bench.loop, 50);
		ck_assert_uint_eq(store_down_ms(bench.store), 0);
	}
	scratch_exec("commit");
	bench_close(&bench);
}
END_TEST

static void
turn_up_for(struct bench *bench, uint64_t ms)
{
	uint64_t until_ms = loop_now_ms(bench->loop) + ms;
	while (loop_now_ms(bench->loop) < until_ms) {
		loop_turn(bench->loop, 50);
		ck_assert_uint_eq(store_down_ms(bench->store), 0);
	}
}

/* The grace is counted from what is refused, to a phone or to a probe, not from a lock before it */
START_TEST(a_lock_uses_up_no_grace)
{
	for (int phones = 0; phones < 2; phones++) {
		struct bench bench;
		begin(&bench);
		scratch_exec("begin");
		scratch_exec("select from aor for update");
		ck_assert_int_eq(commit(&bench, "alice"), COMMIT_UNAVAILABLE);
		turn_up_for(&bench, 3000);
		refuse_writes("true", "53100");
		scratch_exec("commit");
		uint64_t refused_ms = loop_now_ms(bench.loop);
		if (phones > 0)
			ck_assert_int_eq(commit(&bench, "alice"), COMMIT_FAILED);
		WAIT_UNTIL(&bench, store_down_ms(bench.store) > 0);
		ck_assert_uint_le(store_down_ms(bench.store),
				  loop_now_ms(bench.loop) - refused_ms + 1);
		bench_close(&bench);
	}
}
END_TEST

/* Nor do locks at both ends say more of a row that is refused */
START_TEST(locks_and_a_row_that_is_refused_say_nothing)
{
	struct bench bench;
	begin(&bench);
	scratch_account("carol");
	scratch_exec("update aor set version = 5");
	refuse_writes("new.username = 'bob'", "XX001");
	scratch_exec("begin");
	scratch_exec("select from aor where username in ('alice', 'carol') for update");
	ck_assert_int_eq(commit(&bench, "bob"), COMMIT_FAILED);
	turn_up_for(&bench, 4500); /* two probes at least */
	scratch_exec("commit");
	bench_close(&bench);
}
END_TEST

/* But they do where another process was refused: what that one waits for may hold both */
START_TEST(locks_count_where_another_process_is_refused)
{
	struct bench bench;
	_Atomic uint32_t node_refusals[2] = { 0, 0 };
	begin(&bench);
	store_close(bench.store);
	bench.settings.node_refusals = node_refusals;
	bench_start(&bench);
	bench_wait_state(&bench, STORE_UP);
	scratch_exec("begin");
	scratch_exec("select from aor for update");
	node_refusals[1]++;
	WAIT_UNTIL(&bench, store_down_ms(bench.store) > 0);
	scratch_exec("commit");
	WAIT_UNTIL(&bench, store_down_ms(bench.store) == 0);
	bench_close(&bench);
}
END_TEST

#define RESTING "application_name like 'rollcalld/%%' and wait_event = 'PgSleep'"

/* A commit of alice that a backend of its own is stopped over, and stays. */
static int
stop_over_a_commit(struct bench *bench, struct probe *probe, const struct record *after)
{
	scratch_exec("create function rest() returns trigger language plpgsql as $$ begin "
		     "perform pg_sleep(1); return new; end $$");
	scratch_exec("create trigger rest before update on aor for each row when (new.username = "
		     "'alice' and new.bindings <> '[]') execute function rest()");
	probe_commit(bench, probe, "alice", 5, after);
	WAIT_UNTIL(bench,
		   scratch_number("select count(*) from pg_stat_activity where " RESTING) == 1);
	int pid = (int)scratch_number("select pid from pg_stat_activity where " RESTING);
	ck_assert_int_eq(kill(pid, SIGSTOP), 0);
	return pid;
}

static void
begin_impatient(struct bench *bench)
{
	begin(bench);
	store_close(bench->store);
	bench->settings.query_timeout_ms = 2000;
	bench_start(bench);
	bench_wait_state(bench, STORE_UP);
	WAIT_UNTIL(bench, store_whole(bench->store));
}

/* It is no row's, and has lasted since the commit was sent. But a probe that is done ends it */
START_TEST(silence_is_believed_at_once)
{
	struct bench bench;
	struct probe probe;
	struct binding binding;
	struct record after = one_binding(&binding, "c", 1);
	begin_impatient(&bench);
	int pid = stop_over_a_commit(&bench, &probe, &after);
	WAIT_UNTIL(&bench, probe.done > 0);
	uint64_t down_ms = store_down_ms(bench.store);
	kill(pid, SIGCONT);
	ck_assert_int_eq(probe.op.committed, COMMIT_UNKNOWN);
	ck_assert_uint_ge(down_ms, 1500);
	WAIT_UNTIL(&bench, store_down_ms(bench.store) == 0);
	bench_close(&bench);
}
END_TEST

/* While others commit, a backend that is silent is silent alone */
START_TEST(silence_of_one_backend_says_nothing)
{
	struct bench bench;
	struct probe probe;
	struct binding binding;
	struct record after = one_binding(&binding, "c", 1);
	begin_impatient(&bench);
	int pid = stop_over_a_commit(&bench, &probe, &after);
	turn_up_for(&bench, 700); /* nothing more is sent over it */
	enum commit_result other = commit(&bench, "bob");
	uint64_t worst_ms = 0;
	while (probe.done == 0) {
		loop_turn(bench.loop, 20);
		uint64_t down_ms = store_down_ms(bench.store);
		worst_ms = down_ms > worst_ms ? down_ms : worst_ms;
	}
	kill(pid, SIGCONT);
	ck_assert_int_eq(other, COMMIT_DONE);
	ck_assert_uint_eq(worst_ms, 0);
	turn_up_for(&bench, 1000);
	bench_close(&bench);
}
END_TEST

/* As a pooler does that is started again */
START_TEST(a_probe_that_is_killed_says_nothing)
{
	struct bench bench;
	begin(&bench);
	scratch_account("carol");
	scratch_exec("update aor set version = 5");
	refuse_writes("new.username = 'bob' or pg_sleep(1) is null", "XX001");
	ck_assert_int_eq(commit(&bench, "bob"), COMMIT_FAILED);
	for (int killed = 0; killed < 2;) {
		turn_up_for(&bench, 50);
		killed += (int)scratch_number("select count(pg_terminate_backend(pid)) from "
					      "pg_stat_activity where " RESTING);
	}
	turn_up_for(&bench, 300);
	bench_close(&bench);
}
END_TEST

/* What a server has refused says nothing of the one that takes its place */
START_TEST(another_server_begins_anew)
{
	struct bench bench;
	begin(&bench);
	refuse_writes("true", "53100");
	ck_assert_int_eq(commit(&bench, "alice"), COMMIT_FAILED);
	WAIT_UNTIL(&bench, store_down_ms(bench.store) > 0);
	uint32_t server = store_server(bench.store);
	scratch_exec("vacuum full aor");
	WAIT_UNTIL(&bench, store_server(bench.store) != server);
	turn_up_for(&bench, 3000);
	ck_assert_int_eq(commit(&bench, "alice"), COMMIT_FAILED);
	WAIT_UNTIL(&bench, store_down_ms(bench.store) > 0);
	bench_close(&bench);
}
END_TEST

/* Phones of one relay are all one worker's: what it finds, the others find as well */
START_TEST(all_of_a_node_ask)
{
	struct bench bench;
	_Atomic uint32_t node_refusals[2] = { 0, 0 };
	begin(&bench);
	store_close(bench.store);
	bench.settings.node_refusals = node_refusals;
	bench_start(&bench);
	struct store *other = store_open(bench.loop, &bench.settings);
	bench_wait_state(&bench, STORE_UP);
	WAIT_UNTIL(&bench, store_state(other) == STORE_UP);
	refuse_writes("true", "53100");
	ck_assert_int_eq(commit(&bench, "alice"), COMMIT_FAILED);
	WAIT_UNTIL(&bench, store_down_ms(other) > 0);
	ck_assert_uint_gt(store_down_ms(bench.store), 0);
	scratch_exec("drop trigger refuse on aor");
	WAIT_UNTIL(&bench, store_down_ms(other) == 0 && store_down_ms(bench.store) == 0);
	store_close(other);
	bench_close(&bench);
}
END_TEST

SUITE(refusals, refused_commits_are_found_out, one_commit_ends_it, refused_lookups_are_found_out,
      a_row_that_is_refused_says_nothing, growth_that_is_refused_takes_nobody_away,
      data_that_is_refused_is_not_asked_about, a_lock_says_nothing, a_lock_uses_up_no_grace,
      locks_and_a_row_that_is_refused_say_nothing, locks_count_where_another_process_is_refused,
      silence_is_believed_at_once, silence_of_one_backend_says_nothing,
      a_probe_that_is_killed_says_nothing, another_server_begins_anew, all_of_a_node_ask)
