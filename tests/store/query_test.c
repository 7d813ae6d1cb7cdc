/* Statements for the admin process, and the sweep that it runs. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/stats.h"
#include "scratch.h"
#include "support/check_main.h"

struct asked {
	struct store_query query;
	unsigned done;
	enum query_result result;
	int rows;
	bool null;
	char value[128];
};

static void
on_done(struct store_query *query, enum query_result result, const struct store_rows *rows)
{
	struct asked *asked = container_of(query, struct asked, query);
	asked->done++;
	asked->result = result;
	if (rows == NULL)
		return;
	asked->rows = store_rows_count(rows);
	if (asked->rows > 0) {
		asked->null = store_rows_null(rows, 0, 0);
		str_copy(asked->value, sizeof(asked->value), store_rows_value(rows, 0, 0));
	}
}

static void
ask(struct bench *bench, struct asked *asked, const char *name, const char *p0, const char *p1,
    const char *p2)
{
	*asked = (struct asked){ .query = { .name = name,
					    .param_count = p0 == NULL ? 0 : 3,
					    .params = { p0, p1, p2 },
					    .done = on_done } };
	store_run(bench->store, &asked->query);
	ck_assert_uint_eq(asked->done, 0);
	WAIT_UNTIL(bench, asked->done > 0);
	ck_assert_uint_eq(asked->done, 1);
}

/* Any file of sql/queries by its name; rows, nulls, and the SQLSTATE of a refusal */
START_TEST(statements_run_by_name)
{
	struct bench bench;
	struct asked asked;
	scratch_reset();
	bench_up(&bench);
	ask(&bench, &asked, "check_schema", NULL, NULL, NULL);
	ck_assert_int_eq(asked.result, QUERY_DONE);
	ck_assert_int_eq(asked.rows, 1);
	ck_assert_str_eq(asked.value, scratch_text("select max(version) from schema_version"));
	ck_assert(!asked.null);
	ask(&bench, &asked, "secret_add", "other", "1", "00");
	ck_assert_int_eq(asked.result, QUERY_FAILED);
	ck_assert_str_eq(asked.query.sqlstate, "23514");
	ck_assert_str_eq(asked.query.says, "new row for relation \"secret\" violates check "
					   "constraint \"secret_purpose_check\"");
	ask(&bench, &asked, "secret_add", "nonce", NULL, "00");
	ck_assert_str_eq(asked.query.sqlstate, "23502");
	bench_close(&bench);
}
END_TEST

START_TEST(statements_are_refused_while_down)
{
	struct bench bench;
	struct asked asked;
	bench_init(&bench);
	bench.settings.url = "host=/nonexistent";
	bench_start(&bench);
	ask(&bench, &asked, "check_schema", NULL, NULL, NULL);
	ck_assert_int_eq(asked.result, QUERY_UNAVAILABLE);
	bench_close(&bench);
}
END_TEST

/* A statement that fails for the moment is tried again */
START_TEST(statements_are_retried)
{
	struct bench bench;
	struct asked asked;
	scratch_reset();
	bench_up(&bench);
	scratch_exec("create sequence faults");
	scratch_exec("create function fault() returns trigger language plpgsql as $$ begin "
		     "if nextval('faults') <= 3 then raise exception 'injected' using errcode = "
		     "'40001'; end if; return new; end $$");
	scratch_exec("create trigger fault before insert on secret for each row "
		     "execute function fault()");
	ask(&bench, &asked, "secret_add", "nonce", "9",
	    "000102030405060708090a0b0c0d0e0f000102030405060708090a0b0c0d0e0f");
	ck_assert_int_eq(asked.result, QUERY_DONE);
	ck_assert_int_eq(scratch_number("select count(*) from secret where id = 9"), 1);
	bench_close(&bench);
}
END_TEST

/* A session that turned read-only under us (25006) did nothing: another one may, and when none
 * does the database is away, which is no fault of the statement */
START_TEST(statements_leave_a_lane_that_is_spoilt)
{
	struct bench bench;
	struct asked asked;
	static const char secret[] =
		"000102030405060708090a0b0c0d0e0f000102030405060708090a0b0c0d0e0f";
	scratch_reset();
	bench_up(&bench);
	WAIT_UNTIL(&bench, stats->db_lanes[LINK_UP] == 2);
	uint64_t connects = stats->db_connects;
	scratch_exec("create sequence faults");
	scratch_exec("create function fault() returns trigger language plpgsql as $$ begin "
		     "if nextval('faults') <> 2 then raise exception 'injected' using errcode = "
		     "'25006'; end if; return new; end $$");
	scratch_exec("create trigger fault before insert on secret for each row "
		     "execute function fault()");
	ask(&bench, &asked, "secret_add", "nonce", "9", secret);
	ck_assert_int_eq(asked.result, QUERY_DONE);
	ck_assert_int_eq(scratch_number("select count(*) from secret where id = 9"), 1);
	WAIT_UNTIL(&bench, stats->db_connects > connects && stats->db_lanes[LINK_UP] == 2);
	ask(&bench, &asked, "secret_add", "nonce", "10", secret);
	ck_assert_int_eq(asked.result, QUERY_UNAVAILABLE);
	bench_close(&bench);
}
END_TEST

START_TEST(statements_end_unavailable_on_a_lane_that_is_spoilt)
{
	struct bench bench;
	struct asked asked;
	scratch_reset();
	bench_init(&bench);
	bench.settings.retries = 0;
	bench_start(&bench);
	bench_wait_state(&bench, STORE_UP);
	scratch_exec("create function fault() returns trigger language plpgsql as $$ begin "
		     "raise exception 'injected' using errcode = '25006'; end $$");
	scratch_exec("create trigger fault before insert on secret for each row "
		     "execute function fault()");
	ask(&bench, &asked, "secret_add", "nonce", "9", "00");
	ck_assert_int_eq(asked.result, QUERY_UNAVAILABLE);
	ck_assert_str_eq(asked.query.sqlstate, "");
	bench_close(&bench);
}
END_TEST

/* Expired rows are emptied and counted, over several pages; live ones are not touched; who decided
 * before is refused */
START_TEST(sweep_empties_expired_rows)
{
	struct bench bench;
	scratch_reset();
	scratch_exec("insert into account (username, domain) select 'u' || n, 'example.com' "
		     "from generate_series(1, 650) n");
	scratch_exec(
		"update aor set version = 7, bindings = '[{\"e\":1},{\"e\":2}]', marks = "
		"'{\"f\":1}', expires_at = now() + (case when substr(username, 2)::int %% 2 = 0 "
		"then -1 else 1 end) * interval '1 hour'");
	scratch_exec("update aor set expires_at = now() + interval '25 s' where username = 'u3'");
	uint64_t expired = stats->binding_changes[CHANGE_EXPIRED];
	bench_up(&bench);
	store_sweep_every(bench.store, 50, 5);
	WAIT_UNTIL(&bench, stats->binding_changes[CHANGE_EXPIRED] - expired == 650);
	ck_assert_int_eq(scratch_number("select count(*) from aor where version = 8 and bindings = "
					"'[]' and expires_at is null and marks = '{\"f\":1}'"),
			 325);
	ck_assert_int_eq(scratch_number("select count(*) from aor where version = 7 and "
					"jsonb_array_length(bindings::jsonb) = 2"),
			 325);
	scratch_exec("update aor set expires_at = now() - interval '1 second' where "
		     "username = 'u1'");
	WAIT_UNTIL(&bench, stats->binding_changes[CHANGE_EXPIRED] - expired == 652);
	bench_close(&bench);
}
END_TEST

/* One that somebody broke holds up no other, and is emptied like them when its time has come */
START_TEST(sweep_goes_past_broken_rows)
{
	struct bench bench;
	scratch_reset();
	scratch_account("alice");
	scratch_account("bob");
	scratch_account("carol");
	scratch_exec("update aor set bindings = '[oops', expires_at = now() - interval '1 hour' "
		     "where username = 'alice'");
	scratch_exec("update aor set bindings = '[oops', expires_at = now() + interval '1 hour' "
		     "where username = 'bob'");
	scratch_exec("update aor set bindings = '[{}]', expires_at = now() - interval '1 hour' "
		     "where username = 'carol'");
	uint64_t expired = stats->binding_changes[CHANGE_EXPIRED];
	bench_up(&bench);
	store_sweep_every(bench.store, 20, 5);
	WAIT_UNTIL(&bench, stats->binding_changes[CHANGE_EXPIRED] - expired == 1);
	ck_assert_str_eq(scratch_text("select string_agg(bindings, ' ' order by aor) from aor"),
			 "[] [oops []");
	bench_close(&bench);
}
END_TEST

/* A row that somebody is changing is left alone, and not waited for */
START_TEST(sweep_skips_locked_rows)
{
	struct bench bench;
	scratch_reset();
	scratch_account("alice");
	scratch_account("bob");
	scratch_exec("update aor set bindings = '[{}]', expires_at = now() - interval '1 hour'");
	uint64_t expired = stats->binding_changes[CHANGE_EXPIRED];
	bench_up(&bench);
	scratch_exec("begin");
	scratch_exec("select from aor where username = 'alice' for update");
	store_sweep_every(bench.store, 20, 5);
	WAIT_UNTIL(&bench, stats->binding_changes[CHANGE_EXPIRED] - expired == 1);
	scratch_exec("commit");
	WAIT_UNTIL(&bench, stats->binding_changes[CHANGE_EXPIRED] - expired == 2);
	bench_close(&bench);
}
END_TEST

/* What node_beat answers: another of that name lives. */
static bool
beat_finds_twin(const char *instance)
{
	char *sql = scratch_sql("queries/node_beat.sql");
	const char *params[] = { "reg-1", instance, "1", "ready", "1900000000000", "1", NULL };
	PGresult *result = PQexecParams(scratch_connection(), sql, 7, NULL, params, NULL, NULL, 0);
	ck_assert_msg(PQntuples(result) == 1, "%s", PQresultErrorMessage(result));
	bool found = PQgetvalue(result, 0, 0)[0] == '1';
	PQclear(result);
	free(sql);
	return found;
}

#define NODES "select coalesce(string_agg(instance, ' ' order by instance), '') from node"

/* A clock of the database that was ahead leaves rows that would live for years */
START_TEST(nodes_from_the_future_are_gone)
{
	scratch_reset();
	scratch_exec("insert into node (name, instance, version, state, workers, started_at, "
		     "joined_at, seen_at) select name, instance, '1', 'ready', 1, now(), seen, "
		     "seen from (values "
		     "('reg-1', 'a', now() + interval '1 year'), ('reg-2', 'b', now() + interval "
		     "'1 h'), "
		     "('reg-1', 'c', now() + interval '2 s'), ('reg-1', 'me', now() + interval '1 "
		     "year')) "
		     "as n (name, instance, seen)");
	char *list = scratch_sql("queries/admin_nodes.sql");
	scratch_exec("create view listed (name, version, state, a, b, c, d, e) as %s", list);
	free(list);
	ck_assert_str_eq(scratch_text("select string_agg(state, ' ' order by state) from listed"),
			 "gone gone gone ready");
	/* the third is alive; what lies before it of this very node goes on, as if it came now */
	beat_finds_twin("me");
	ck_assert_str_eq(scratch_text(NODES), "c me");
	ck_assert_int_eq(scratch_number("select count(*) from node where instance = 'me' and "
					"joined_at <= now() and seen_at <= now()"),
			 1);
	scratch_exec("update node set seen_at = now() - interval '16 s' where instance = 'c'");
	ck_assert(!beat_finds_twin("me"));
	ck_assert_str_eq(scratch_text(NODES), "me");
	scratch_exec(
		"insert into node (name, instance, version, state, workers, started_at, seen_at) "
		"values ('reg-1', 'd', '1', 'ready', 1, now(), now() + interval '1 year')");
	ck_assert(!beat_finds_twin("me"));
}
END_TEST

SUITE(query, nodes_from_the_future_are_gone, statements_run_by_name,
      statements_are_refused_while_down, statements_are_retried,
      statements_leave_a_lane_that_is_spoilt, statements_end_unavailable_on_a_lane_that_is_spoilt,
      sweep_empties_expired_rows, sweep_goes_past_broken_rows, sweep_skips_locked_rows)
