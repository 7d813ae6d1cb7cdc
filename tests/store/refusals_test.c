/* A database that is there and refuses: what makes the store say that nothing can be done, and what
 * does not. */
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
      a_row_that_is_refused_says_nothing, data_that_is_refused_is_not_asked_about,
      a_lock_says_nothing, all_of_a_node_ask)
