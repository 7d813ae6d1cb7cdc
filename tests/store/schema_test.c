/* The schema by itself: what a DBA may do with plain SQL, and what it promises to readers. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "scratch.h"
#include "support/check_main.h"

/* REG-DB-3: a plain insert is completed, and the login is the octets of the user part */
START_TEST(plain_insert_is_completed)
{
	static const struct {
		const char *username, *login;
	} cases[] = {
		{ "alice", "alice" },
		{ "a.b-c_d!e~f*g(h)", "a.b-c_d!e~f*g(h)" },
		{ "%20x%7F%80", " x\\x7F\\x80" },
		{ "%00%5C%FF", "\\x00\\x5C\\xFF" },
		{ "x%3B--", "x;--" },
	};
	scratch_reset();
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		scratch_exec("insert into account (aor) values ('%s@example.com')",
			     cases[i].username);
		ck_assert_str_eq(scratch_text("select login from account where username = '%s'",
					      cases[i].username),
				 cases[i].login);
	}
	scratch_exec("insert into account (username, domain) values ('bob', 'example.com')");
	ck_assert_int_eq(scratch_number("select count(*) from account join aor using "
					"(aor, domain, username) where bindings = '[]' and "
					"expires_at is null"),
			 6);
}
END_TEST

/* What would never match a request is refused when it is written */
START_TEST(accounts_that_never_match_are_refused)
{
	static const char *const refused[] = {
		"insert into account (username, domain) values ('Bob Smith', 'example.com')",
		"insert into account (username, domain) values ('b%c3', 'example.com')",
		"insert into account (username, domain) values ('bob', 'Example.com')",
		"insert into account (username, domain) values ('bob', '')",
		"insert into account (aor, username) values ('bob@example.com', 'alice')",
		"insert into account (aor, login) values ('bob@example.com', E'b\\u00f6b')",
		"insert into account (aor, login) values ('bob@example.com', 'a\\xff')",
		"insert into account (aor, ha1_md5) values ('bob@example.com', 'secret')",
		"insert into account (aor, ha1_sha256) values ('bob@example.com', repeat('A', 64))",
		"insert into account (aor, max_contacts) values ('bob@example.com', 0)",
		"insert into account (aor, may_register) values ('bob@example.com', '{null}')",
		/* an escape of what needs none */
		"insert into account (username, domain) values ('%41lice', 'example.com')",
		"insert into account (username, domain) values ('a%20%7Eb', 'example.com')",
		"insert into account (aor, login) values ('bob@example.com', 'a\\x41b')",
		"insert into account (aor, login) values ('bob@example.com', '\\x7E')",
		"insert into account (aor, may_register) values ('bob@example.com', '{%41@a.com}')",
		/* no address */
		"insert into account (aor, may_register) values ('bob@example.com', "
		"'{sip:b@a.com}')",
		"insert into account (aor, may_register) values ('bob@example.com', '{b@A.com}')",
		"insert into account (aor, may_register) values ('bob@example.com', '{b}')",
		"insert into account (aor, may_register) values ('bob@example.com', '{@a.com}')",
		"insert into account (aor, may_register) values ('bob@example.com', '{\"\"}')",
		"insert into account (aor, may_register) values ('bob@example.com', "
		"'{b@a.com;x=y}')",
		"insert into account (aor, may_register) values ('bob@example.com', '{b@a.com,c "
		"d@a.com}')",
		"insert into account (aor, may_register) values ('bob@example.com', '{b@a.com "
		"c@a.com}')",
		"insert into account (aor, may_register) values ('bob@example.com', "
		"E'{\"b@a.com\\n\"}')",
	};
	scratch_reset();
	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++)
		ck_assert_msg(strcmp(scratch_try(refused[i]), "23514") == 0, "%s", refused[i]);
	scratch_account("bob");
	ck_assert_str_eq(scratch_try("insert into account (aor, login) values "
				     "('carl@example.com', 'bob')"),
			 "23505");
}
END_TEST

/* Who broke a rule before there was the rule is none the worse for it: all but that may be changed
 */
START_TEST(accounts_from_before_a_rule_live_on)
{
	scratch_empty();
	scratch_migrate(1, 6);
	scratch_exec(
		"insert into account (aor, login, may_register) values "
		"('%%41@example.com', 'a', null), ('b@example.com', 'a\\x41b', '{*}'), "
		"('c@example.com', 'c', '{b@example.com:5060,c@example.com,"
		"\"c@example.com;transport=tls\",d@example.com,\"\",\"x y@a.com\"}'), "
		"('d@example.com', 'd', '{d@example.com:5060}'), ('e@example.com', 'e', '{}')");
	scratch_exec("update aor set version = 1");
	scratch_migrate(7, INT_MAX);
	/* nothing more than before: without a list it would be its own address */
	ck_assert_str_eq(scratch_text("select string_agg(coalesce(may_register::text, 'own'), ' ' "
				      "order by aor) from account"),
			 "own {*} {c@example.com,d@example.com} {} {}");
	ck_assert_str_eq(scratch_text("select string_agg(version::text, ' ' order by aor) from "
				      "aor"),
			 "1 1 1 1 1");
	scratch_exec("update account set enabled = false, ha1_md5 = repeat('0', 32), login = "
		     "login, username = username, may_register = may_register");
	ck_assert_str_eq(scratch_try("update account set login = 'a\\x42b' where username = 'b'"),
			 "23514");
	scratch_exec("update account set login = 'b' where username = 'b'");
	scratch_exec("delete from account where username = '%%41'");
}
END_TEST

/* As a dump of the data alone is restored, which may be from before the rules */
START_TEST(accounts_from_before_a_rule_are_restored)
{
	scratch_reset();
	scratch_exec(
		"alter table account disable trigger all; insert into account (aor, domain, "
		"username, login, may_register) values ('%%41@example.com', 'example.com', "
		"'%%41', 'a', '{b@example.com:5060}'); alter table account enable trigger all");
	scratch_exec("update account set enabled = false");
	ck_assert_str_eq(scratch_try("update account set may_register = '{c@example.com:5060}'"),
			 "23514");
}
END_TEST

/* Each octet in the one spelling that a request is compared in */
START_TEST(accounts_that_match_are_taken)
{
	scratch_reset();
	scratch_exec(
		"insert into account (aor) select string_agg(case when chr(o) ~ "
		"'[A-Za-z0-9_.!~*''()-]' then chr(o) else '%%' || upper(lpad(to_hex(o), 2, '0')) "
		"end, '') || '@example.com' from (select o from generate_series(1, 126) o) o");
	scratch_exec("insert into account (aor) select '%%' || upper(lpad(to_hex(o), 2, '0')) || "
		     "'@example.com' from generate_series(127, 255) o");
	scratch_exec("update account set may_register = (select array_agg(aor) from account)");
	scratch_exec("insert into account (aor, login, may_register) values ('bob@example.com', "
		     "' a~\\x5Cx41\\x00\\x1F\\x7F\\xFF', '{*}'), ('carl@example.com', 'c', "
		     "'{a@[2001:db8::1],b_1@x_y.example.com}'), ('dora@example.com', 'd', '{}')");
	ck_assert_int_eq(scratch_number("select count(*) from account"), 133);
}
END_TEST

/* REG-DB-1: any change to an account refuses who decided on what it was */
START_TEST(account_changes_raise_the_version)
{
	struct bench bench;
	struct binding binding;
	struct record after = one_binding(&binding, "c", 1);
	scratch_reset();
	scratch_account("alice");
	bench_up(&bench);
	int64_t version = bench_lookup(&bench, "alice")->version;
	scratch_exec("update account set enabled = false where username = 'alice'");
	ck_assert_int_eq(bench_commit(&bench, "alice", version, &after), COMMIT_CONFLICT);
	version = bench_lookup(&bench, "alice")->version;
	scratch_exec("delete from account where username = 'alice'");
	ck_assert_int_eq(bench_commit(&bench, "alice", version, &after), COMMIT_CONFLICT);
	ck_assert(!bench_lookup(&bench, "alice")->exists);
	scratch_account("alice");
	ck_assert_int_eq(bench_commit(&bench, "alice", version, &after), COMMIT_CONFLICT);
	ck_assert_int_gt(bench_lookup(&bench, "alice")->version, version);
	bench_close(&bench);
}
END_TEST

START_TEST(lost_address_row_is_made_again)
{
	scratch_reset();
	scratch_account("alice");
	scratch_exec("delete from aor");
	scratch_exec("update account set display_name = 'A'");
	ck_assert_int_eq(scratch_number("select count(*) from aor where domain = 'example.com' "
					"and username = 'alice'"),
			 1);
	ck_assert_str_eq(scratch_try("update account set aor = 'x@example.com', username = 'x'"),
			 "23503");
}
END_TEST

/* Who may write accounts needs no right on the addresses, and cannot lend itself one */
START_TEST(trigger_runs_on_its_own_tables)
{
	scratch_reset();
	scratch_exec("create temp table aor (aor text, domain text, username text, "
		     "version bigint)");
	scratch_account("alice");
	ck_assert_int_eq(scratch_number("select count(*) from pg_temp.aor"), 0);
	ck_assert_int_eq(scratch_number("select count(*) from rollcall_store_test.aor"), 1);
}
END_TEST

/* Whoever may execute a function that runs as its owner makes it look at a table of his own */
START_TEST(nobody_borrows_the_owner)
{
	scratch_reset();
	ck_assert_int_eq(
		scratch_number("select count(*) from pg_proc p, aclexplode(coalesce(proacl, "
			       "acldefault('f', proowner))) a where grantee <> proowner and "
			       "prosecdef and pronamespace = current_schema()::regnamespace"),
		0);
	/* nor is it asked what the columns are: the owner himself is refused */
	scratch_exec("create temp table account (aor text, domain text, username text); "
		     "create trigger lent after insert on pg_temp.account for each row execute "
		     "function rollcall_store_test.account_touch_aor()");
	ck_assert_str_eq(scratch_try("insert into pg_temp.account values ('a', 'b', 'c')"),
			 "42501");
}
END_TEST

/* A program that manages accounts has rights on that table alone */
START_TEST(accounts_want_no_right_on_addresses)
{
	scratch_reset();
	scratch_account("alice");
	scratch_exec("begin; grant select, insert, update, delete on account to rollcall_reader; "
		     "set local role rollcall_reader");
	scratch_exec("insert into account (aor) values ('bob@example.com')");
	scratch_exec("update account set enabled = false");
	scratch_exec("delete from account where username = 'alice'");
	scratch_exec("set local role none");
	ck_assert_str_eq(scratch_text("select aor from aor"), "bob@example.com");
	scratch_exec("rollback");
}
END_TEST

/* As changes come by logical replication, and the rows of aor by their own way */
START_TEST(changes_are_seen_where_triggers_are_off)
{
	scratch_reset();
	scratch_account("alice");
	scratch_account("bob");
	scratch_exec("update aor set version = 1");
	scratch_exec("set session_replication_role = replica");
	scratch_exec("update account set enabled = false where username = 'alice'");
	scratch_exec("delete from account where username = 'bob'");
	scratch_exec("insert into account (aor, domain, username, login) values "
		     "('carl@example.com', 'example.com', 'carl', 'carl')");
	scratch_exec("reset session_replication_role");
	ck_assert_str_eq(
		scratch_text("select string_agg(username || version, ' ' order by aor) from aor"),
		"alice2");
	scratch_exec("update account set enabled = true");
	ck_assert_str_eq(scratch_text("select string_agg(username, ' ' order by aor) from aor"),
			 "alice carl");
}
END_TEST

static void
odd_names_and_a_binding(void)
{
	scratch_exec("insert into rollcall_store_test.account (aor) values "
		     "('%%5C%%2B%%C3%%A4%%FF@example.com')");
	scratch_exec(
		"update rollcall_store_test.aor set expires_at = now() + interval '1 h', "
		"bindings = "
		"$j$[{\"id\":\"1\",\"u\":\"sip:a@10.1.1.1\",\"t\":\"udp\",\"f\":\"[2001:db8::1]:"
		"5060\","
		"\"e\":9e12,\"a\":\"\\\\x5C\\\\xC3\\\\xA4\\\\xFF\"}]$j$::jsonb");
}

#define WHAT_PEOPLE_SEE                                                                     \
	"select concat_ws(' ', login, k.username, b.user_agent, k.user_agent, k.received, " \
	"jsonb_typeof(rollcall_store_test.bindings_readable(a.bindings))) "                 \
	"from rollcall_store_test.account, rollcall_store_test.aor a, "                     \
	"rollcall_store_test.binding b, rollcall_store_test.kamailio_location k"
#define WHAT_IS_THERE                                                           \
	"\\x5C+\\xC3\\xA4\\xFF \\+\xc3\xa4%FF \\\xc3\xa4\\xFF \\\xc3\xa4\\xFF " \
	"sip:[2001:db8::1]:5060 array"

/* A dump is restored, a foreign table read, and a view looked at, by sessions that are not ours */
START_TEST(sessions_of_others_see_the_same)
{
	static const char *const settings[] = { "search_path = ''",
						"standard_conforming_strings = off" };
	for (size_t i = 0; i < sizeof(settings) / sizeof(*settings); i++) {
		scratch_reset();
		scratch_exec("set escape_string_warning = off; set %s", settings[i]);
		odd_names_and_a_binding();
		ck_assert_str_eq(scratch_text(WHAT_PEOPLE_SEE), WHAT_IS_THERE);
		scratch_exec("reset all");
	}
}
END_TEST

/* Where nobody may execute what nobody granted */
START_TEST(groups_may_execute_what_they_need)
{
	scratch_exec("alter default privileges revoke execute on functions from public");
	scratch_reset();
	scratch_exec("alter default privileges grant execute on functions to public");
	odd_names_and_a_binding();
	scratch_exec("set role rollcall_reader");
	scratch_exec("select * from binding, kamailio_location");
	scratch_exec("set role rollcall_daemon");
	scratch_exec("select bindings_readable(bindings), jsonb_array_length(bindings) from aor");
	scratch_exec("insert into account (aor) values ('%%2B@example.com')");
	scratch_exec("reset role");
}
END_TEST

/* What somebody broke by hand is no error for a statement that reads everybody's bindings */
START_TEST(broken_bindings_are_none)
{
	static const struct {
		const char *list, *readable;
	} cases[] = {
		{ "'[]'", "[]" },
		{ "'[{\"e\": 1}, {\"u\": \"x\"}]'", "[{\"e\": 1}, {\"u\": \"x\"}]" },
		{ "'[1, [2]]'", "[1, [2]]" },
		{ "'[oops'", "none" },
		{ "'[] []'", "none" },
		{ "'[\"\\u0000\"]'", "none" },
		{ "'[{\"e\": \"soon\"}]'", "none" },
		{ "'[{\"e\": 1}, {\"e\": 1.5}]'", "none" },
		{ "'[{\"e\": 1e30}]'", "none" },
		{ "'[{\"e\": 4102444800000.0}]'", "none" },
		{ "'[{\"f\": \"abc:1\"}]'", "none" },
		{ "'[{\"f\": \"[2001:db8::1]:5060\"}]'", "[{\"f\": \"[2001:db8::1]:5060\"}]" },
		{ "'[{\"e\": null}]'", "[{\"e\": null}]" }, /* as if there were none */
		{ "repeat('[', 1000000)", "none" },
	};
	scratch_reset();
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		ck_assert_str_eq(scratch_text("select coalesce(bindings_readable(%s)::text, "
					      "'none')",
					      cases[i].list),
				 cases[i].readable);
}
END_TEST

/* REG-DB-3: the view undoes escapes for people, mixed as they may be */
START_TEST(wire_text_is_undone_for_people)
{
	static const struct {
		const char *wire, *text;
	} cases[] = {
		{ "plain", "plain" },
		{ "", "" },
		{ "\\xC3\\xA4", "\xc3\xa4" },
		{ "\\xc3\\xa4", "\xc3\xa4" },
		{ "a\\xC3\\xA4b\\xE2\\x82\\xACc\\xF0\\x9F\\x98\\x80", "a\xc3\xa4"
								      "b\xe2\x82\xac"
								      "c\xf0\x9f\x98\x80" },
		{ "\\x5C\\x5Cx41", "\\\\x41" },
		{ "\\x5C41", "\\41" },
		/* not UTF-8, or of no use on a screen: as it is */
		{ "\\xFF\\xFE", "\\xFF\\xFE" },
		{ "a\\xFF\\xC3\\xA4\\xC3", "a\\xFF\xc3\xa4\\xC3" },
		{ "\\x00\\x1B\\x7F", "\\x00\\x1B\\x7F" },
		{ "\\xC2\\x85\\xC0\\x80", "\\xC2\\x85\\xC0\\x80" },
		{ "\\xED\\xA0\\x80\\xF4\\x90\\x80\\x80", "\\xED\\xA0\\x80\\xF4\\x90\\x80\\x80" },
		{ "\\xE0\\x80\\x80\\xF0\\x80\\x80\\x80", "\\xE0\\x80\\x80\\xF0\\x80\\x80\\x80" },
		/* not wire text at all */
		{ "\\", "\\" },
		{ "\\x", "\\x" },
		{ "100\\", "100\\" },
	};
	scratch_reset();
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		ck_assert_str_eq(scratch_text("select wire_text('%s')", cases[i].wire),
				 cases[i].text);
	ck_assert_int_eq(scratch_number("select (wire_text(null) is null)::integer"), 1);
}
END_TEST

/* The view shows live bindings only, typed */
START_TEST(view_shows_live_bindings)
{
	struct bench bench;
	struct binding bindings[2];
	struct record after;
	scratch_reset();
	scratch_account("alice");
	bench_up(&bench);
	one_binding(&bindings[0], "old", 1);
	after = one_binding(&bindings[1], "new\xc3\xa4\xff", 2);
	bindings[0].expires_ms -= 3600001;
	bindings[1].q = 700;
	bindings[1].display = STR("\"A \\\" B\"");
	bindings[1].created_ms = 1700000000123;
	after.bindings = bindings;
	after.binding_count = 2;
	ck_assert_int_eq(
		bench_commit(&bench, "alice", bench_lookup(&bench, "alice")->version, &after),
		COMMIT_DONE);
	ck_assert_str_eq(
		scratch_text("select concat_ws('|', aor, contact, display, q::float, "
			     "call_id, cseq, transport, requested, "
			     "extract(epoch from created_at)::numeric(16, 3)) from binding"),
		"alice@example.com|sips:alice@192.0.2.1:5061|\"A \\\" B\"|0.7|"
		"new\xc3\xa4\\xFF|2|tls|3600|1700000000.123");
	bench_close(&bench);
}
END_TEST

#define HOT_UPDATES \
	"select n_tup_hot_upd from pg_stat_xact_user_tables where relid = 'aor'::regclass"

/* A refresh touches no index: HOT, whatever else is added to the table one day */
START_TEST(refreshes_stay_hot)
{
	char *sql = scratch_sql("queries/commit_one.sql");
	scratch_reset();
	scratch_account("alice");
	scratch_exec("update aor set version = 1");
	int64_t before = scratch_number(HOT_UPDATES);
	scratch_exec("begin");
	for (int version = 1; version <= 20; version++) {
		char text[16];
		const char *params[] = { "alice@example.com",
					 text,
					 "[{\"id\":\"1\"}]",
					 "{}",
					 "2030-03-17T17:46:40Z",
					 "n",
					 NULL };
		snprintf(text, sizeof(text), "%d", version);
		PGresult *result =
			PQexecParams(scratch_connection(), sql, 7, NULL, params, NULL, NULL, 0);
		ck_assert_int_eq(PQntuples(result), 1);
		PQclear(result);
	}
	ck_assert_int_eq(scratch_number(HOT_UPDATES) - before, 20);
	scratch_exec("rollback");
	free(sql);
}
END_TEST

/* A node of the release before goes on under this schema (docs/schema.md): it writes jsonb, and
 * asks functions of jsonb about the columns */
START_TEST(nodes_of_the_release_before_go_on)
{
	scratch_reset();
	scratch_account("alice");
	scratch_exec("update aor set version = 1");
	scratch_exec(
		"update aor a set version = a.version + 1, format = 1, bindings = c.bindings, "
		"marks = c.marks, expires_at = to_timestamp(c.expires_ms / 1000.0), node = 'n' "
		"from unnest(array['alice@example.com'], array[1]::bigint[], "
		"array['[{\"id\":\"1\"},{\"id\":\"2\"}]']::jsonb[], array['{}']::jsonb[], "
		"array[1900000000000]) as c (aor, version, bindings, marks, expires_ms) "
		"where a.aor = c.aor and a.version = c.version");
	ck_assert_int_eq(scratch_number("select jsonb_array_length(bindings) from aor"), 2);
	ck_assert_str_eq(scratch_text("select string_agg(b ->> 'id', ',') "
				      "from aor, jsonb_array_elements(bindings) b"),
			 "1,2");
	scratch_exec("update aor set version = version + 1, bindings = '[]', expires_at = null");
	ck_assert_int_eq(scratch_number("select jsonb_array_length(bindings) from aor"), 0);
}
END_TEST

/* What PostgreSQL would do for a commit in such a session, whatever it knows of the table. */
static const char *
plan_of(const char *query)
{
	static char lines[4096];
	char *session = scratch_sql("queries/session.sql"), *commit = scratch_sql(query);
	const char *const params[] = { "5s", "200ms", "on" };
	scratch_reset();
	scratch_account("alice");
	scratch_account("bob");
	scratch_exec("begin");
	PQclear(PQexecParams(scratch_connection(), session, 3, NULL, params, NULL, NULL, 0));
	scratch_exec("analyze aor");
	PQclear(PQprepare(scratch_connection(), "commit_of_test", commit, 0, NULL));
	PGresult *plan = PQexec(scratch_connection(),
				"explain (costs off) execute commit_of_test"
				"(array['b'], '{1}', array['[]'], array['{}'], null, 'n', null)");
	lines[0] = '\0';
	for (int row = 0; row < PQntuples(plan); row++) {
		strncat(lines, PQgetvalue(plan, row, 0), sizeof(lines) - strlen(lines) - 2);
		strcat(lines, "\n");
	}
	PQclear(plan);
	scratch_exec("rollback");
	scratch_exec("deallocate commit_of_test");
	scratch_exec("reset all");
	free(session);
	free(commit);
	return lines;
}

/* A session that commits has one plan: a look-up in the primary key after the other, in the order
 * of the array, whatever the statistics say; hash joins lock rows in an order of their own */
START_TEST(commits_lock_in_order)
{
	const char *lines = plan_of("queries/commit.sql");
	const char *arrays = strstr(lines, "Function Scan on arrays");
	const char *table = strstr(lines, "Index Scan using aor_pkey");
	ck_assert_msg(strstr(lines, "Nested Loop") != NULL && arrays != NULL && table > arrays,
		      "%s", lines);
	ck_assert_msg(strstr(lines, "Index Cond: (aor = (c.aor)::text)") != NULL, "%s", lines);
}
END_TEST

/* One that waits for no lock looks for each row by its key too. */
START_TEST(careful_commits_look_up_by_key)
{
	const char *lines = plan_of("queries/commit_free.sql");
	ck_assert_msg(strstr(lines, "LockRows") != NULL, "%s", lines);
	ck_assert_msg(strstr(lines, "Seq Scan") == NULL && strstr(lines, "Hash Join") == NULL, "%s",
		      lines);
	unsigned times = 0;
	for (const char *at = lines; (at = strstr(at, "using aor_pkey on aor")) != NULL; at++)
		times++;
	ck_assert_msg(times == 3, "%s", lines);
}
END_TEST

/* The groups have what they need and no more */
START_TEST(groups_have_their_rights)
{
	static const struct {
		const char *who, *what;
		int may;
	} cases[] = {
		{ "rollcall_daemon", "aor:update", 1 },
		{ "rollcall_daemon", "secret:insert", 1 },
		{ "rollcall_daemon", "account:select", 1 },
		{ "rollcall_daemon", "binding:select", 1 },
		{ "rollcall_daemon", "aor:truncate", 0 },
		{ "rollcall_daemon", "account:truncate", 0 },
		{ "rollcall_daemon", "account:trigger", 0 },
		{ "rollcall_daemon", "aor:references", 0 },
		{ "rollcall_daemon", "binding:insert", 0 },
		{ "rollcall_daemon", "schema_version:select", 1 },
		{ "rollcall_daemon", "schema_version:insert", 0 },
		{ "rollcall_daemon", "schema_version:update", 0 },
		{ "rollcall_reader", "binding:select", 1 },
		{ "rollcall_reader", "ban:insert", 0 },
		{ "rollcall_reader", "binding:delete", 0 },
		{ "rollcall_reader", "aor:select", 0 },
		{ "rollcall_reader", "account:select", 0 },
		{ "rollcall_reader", "secret:select", 0 },
	};
	scratch_reset();
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		ck_assert_int_eq(
			scratch_number("select has_table_privilege('%s', split_part('%s', ':', 1), "
				       "split_part('%s', ':', 2))::integer",
				       cases[i].who, cases[i].what, cases[i].what),
			cases[i].may);
	/* nor does it make or own anything */
	ck_assert_int_eq(scratch_number("select (has_schema_privilege('rollcall_daemon', "
					"current_schema(), 'create') or "
					"has_database_privilege('rollcall_daemon', "
					"current_database(), 'create'))::integer"),
			 0);
	ck_assert_int_eq(scratch_number("select count(*)::integer from pg_class join pg_roles on "
					"relowner = pg_roles.oid where rolname like 'rollcall_%%'"),
			 0);
	ck_assert_int_eq(scratch_number("select count(*)::integer from pg_roles where rolname in "
					"('rollcall_daemon', 'rollcall_reader') and (rolsuper or "
					"rolcreaterole or rolcreatedb or rolreplication or "
					"rolbypassrls or rolcanlogin)"),
			 0);
}
END_TEST

SUITE(schema, plain_insert_is_completed, accounts_that_never_match_are_refused,
      accounts_from_before_a_rule_live_on, accounts_from_before_a_rule_are_restored,
      accounts_that_match_are_taken, nobody_borrows_the_owner, accounts_want_no_right_on_addresses,
      changes_are_seen_where_triggers_are_off, sessions_of_others_see_the_same,
      groups_may_execute_what_they_need, account_changes_raise_the_version,
      lost_address_row_is_made_again, trigger_runs_on_its_own_tables,
      wire_text_is_undone_for_people, broken_bindings_are_none, view_shows_live_bindings,
      refreshes_stay_hot, nodes_of_the_release_before_go_on, commits_lock_in_order,
      careful_commits_look_up_by_key, groups_have_their_rights)
