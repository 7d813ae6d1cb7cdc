/*
 * Where somebody may create in a schema of the search_path, a function or operator of his with
 * exactly the types of a call goes before one of PostgreSQL's that takes them by a cast, and runs
 * as whoever calls. So the scratch schema gets decoys of all that our SQL uses, for all pairs of
 * types that PostgreSQL leaves free, and nothing of ours may find one.
 */
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scratch.h"
#include "support/check_main.h"

#define TYPES                                                                               \
	"'{bool,int2,int4,int8,numeric,float4,float8,text,varchar,bpchar,name,timestamptz," \
	"interval,jsonb,json,inet,cidr,oid,regclass,bytea,text[],cidr[]}'::regtype[]"

#define DECOYS "rollcall_store_decoys"

/* A decoy for each pair; then one for each name of an operator that may stand between them. */
#define OPERATORS                                                                                \
	"do $$ declare l regtype; r regtype; o text; begin "                                     \
	"foreach l in array " TYPES " loop foreach r in array " TYPES " loop "                   \
	"execute format('create function " DECOYS                                                \
	".decoy(%%s, %%s) returns text language sql volatile as "                                \
	"''select null::text''', l, r); "                                                        \
	"foreach o in array '{=,<>,<,>,<=,>=,+,-,*,/,||,~,~*,?,->,->>,<<=,@>,&&}'::text[] loop " \
	"continue when exists (select from pg_operator where oprname = o and oprleft = l and "   \
	"oprright = r and oprnamespace = 'pg_catalog'::regnamespace); "                          \
	"execute format('create operator " DECOYS                                                \
	".%%s (leftarg = %%s, rightarg = %%s, function = " DECOYS ".decoy)',"                    \
	" o, l, r); end loop; end loop; end loop; end $$"

/* Of the functions that the SQL in $1 names: one for each type, and each pair where two are taken.
 */
#define FUNCTIONS                                                                                  \
	"do $$ declare f record; l regtype; r regtype; begin "                                     \
	"for f in select proname, bool_or(pronargs - pronargdefaults <= 2 and pronargs >= 2 or "   \
	"provariadic <> 0) as pairs from pg_proc where pronamespace = 'pg_catalog'::regnamespace " \
	"and proname in (select m[1] from regexp_matches((select text from asked), "               \
	"'([a-z_0-9]+)[(]', 'g') m) group by 1 loop foreach l in array " TYPES " loop "            \
	"if not exists (select from pg_proc where proname = f.proname and pronargs = 1 and "       \
	"proargtypes[0] = l and pronamespace = 'pg_catalog'::regnamespace) then "                  \
	"execute format('create function " DECOYS                                                  \
	".%%I(%%s) returns text language sql volatile as ''select "                                \
	"null::text''', f.proname, l); end if; "                                                   \
	"continue when not f.pairs; foreach r in array " TYPES " loop "                            \
	"continue when exists (select from pg_proc where proname = f.proname and pronargs = 2 "    \
	"and proargtypes[0] = l and proargtypes[1] = r and pronamespace = "                        \
	"'pg_catalog'::regnamespace); "                                                            \
	"execute format('create function " DECOYS                                                  \
	".%%I(%%s, %%s) returns text language sql volatile as "                                    \
	"''select null::text''', f.proname, l, r); end loop; end loop; end loop; end $$"

/* What the procedure depends on that is a decoy: what PostgreSQL has is not noted. */
#define FOUND                                                                                 \
	"select coalesce(string_agg(pg_describe_object(refclassid, refobjid, 0), ', '), '') " \
	"from pg_depend left join pg_proc p on refclassid = 'pg_proc'::regclass and "         \
	"p.oid = refobjid where classid = 'pg_proc'::regclass and "                           \
	"objid = 'probe'::regproc and (refclassid = 'pg_operator'::regclass or "              \
	"p.prosrc = 'select null::text')"

/* Functions for any type have no types that a stranger could not be nearer to, for any number of
 * them. Of several arrays unnest() is a part of the grammar. */
#define POLYMORPHIC                                                                               \
	"select coalesce(string_agg(proname, ' '), '') from (select proname from pg_proc join "   \
	"(select distinct m[2] as name from regexp_matches($1, "                                  \
	"'(pg_catalog[.])?\\m([a-z_0-9]+)[(](?![*])', 'g') m where m[1] is null) used on name = " \
	"proname where pronamespace = 'pg_catalog'::regnamespace and proname <> 'unnest' "        \
	"group by proname having bool_and(exists (select from unnest(proargtypes) t join "        \
	"pg_type on pg_type.oid = t where typtype = 'p'))) f"

static void
look_for_polymorphic(const char *name, const char *sql)
{
	const char *text[] = { sql };
	PGresult *result =
		PQexecParams(scratch_connection(), POLYMORPHIC, 1, NULL, text, NULL, NULL, 0);
	ck_assert_msg(PQntuples(result) == 1, "%s", PQresultErrorMessage(result));
	ck_assert_msg(PQgetvalue(result, 0, 0)[0] == '\0', "%s calls %s without pg_catalog", name,
		      PQgetvalue(result, 0, 0));
	PQclear(result);
}

/* The types of the parameters of a statement, as PostgreSQL infers them. */
static void
parameters_of(const char *name, const char *sql, char *out, size_t cap)
{
	PGconn *c = scratch_connection();
	PGresult *result = PQprepare(c, "described", sql, 0, NULL);
	ck_assert_msg(PQresultStatus(result) == PGRES_COMMAND_OK, "%s: %s", name,
		      PQresultErrorMessage(result));
	PQclear(result);
	result = PQdescribePrepared(c, "described");
	out[0] = '\0';
	for (int i = 0; i < PQnparams(result); i++) {
		size_t len = strlen(out);
		snprintf(out + len, cap - len, "%s%s", i == 0 ? "" : ", ",
			 scratch_text("select %u::regtype", PQparamtype(result, i)));
	}
	PQclear(result);
	scratch_exec("deallocate described");
}

/* In a procedure that is parsed when it is made, and remembers what it found: since PostgreSQL 14,
 * and which functions a name can mean does not depend on the version. */
static void
look_for_decoys(const char *name, const char *parameters, const char *sql)
{
	const char *text[] = { sql };
	if (PQserverVersion(scratch_connection()) < 140000)
		return;
	look_for_polymorphic(name, sql);
	size_t cap = strlen(sql) + strlen(parameters) + 100;
	char *procedure = malloc(cap);
	scratch_exec("begin; set local search_path = ''");
	PQclear(PQexecParams(scratch_connection(),
			     "create temp table asked on commit drop as select $1::text as text", 1,
			     NULL, text, NULL, NULL, 0));
	scratch_exec(FUNCTIONS);
	scratch_exec("set local search_path = rollcall_store_test, " DECOYS);
	snprintf(procedure, cap, "create procedure probe(%s) begin atomic %s; end", parameters,
		 sql);
	PGresult *made = PQexec(scratch_connection(), procedure);
	ck_assert_msg(PQresultStatus(made) == PGRES_COMMAND_OK, "%s: %s", name,
		      PQresultErrorMessage(made));
	PQclear(made);
	scratch_exec("set local search_path = rollcall_store_test");
	const char *found = scratch_text(FOUND);
	ck_assert_msg(found[0] == '\0', "%s would call %s", name, found);
	scratch_exec("rollback");
	free(procedure);
}

static void
decoys_made(void)
{
	scratch_reset();
	scratch_exec("drop schema if exists " DECOYS " cascade; create schema " DECOYS
		     "; set search_path = ''");
	scratch_exec(OPERATORS);
	scratch_exec("reset search_path");
}

START_TEST(queries_call_nothing_of_strangers)
{
	glob_t files;
	decoys_made();
	ck_assert_int_eq(glob(TEST_DATA "/../sql/queries/*.sql", 0, NULL, &files), 0);
	for (size_t i = 0; i < files.gl_pathc; i++) {
		char name[200], parameters[400];
		snprintf(name, sizeof(name), "queries/%s", strrchr(files.gl_pathv[i], '/') + 1);
		char *sql = scratch_sql(name);
		/* it would be another with standard_conforming_strings = off */
		ck_assert_msg(strchr(sql, '\\') == NULL, "%s has a backslash", name);
		parameters_of(name, sql, parameters, sizeof(parameters));
		look_for_decoys(name, parameters, sql);
		free(sql);
	}
	globfree(&files);
	scratch_exec("drop schema " DECOYS " cascade");
}
END_TEST

#define OUR_FUNCTIONS                                                                          \
	"from pg_proc where pronamespace = 'rollcall_store_test'::regnamespace and prolang = " \
	"(select oid from pg_language where lanname = 'sql') order by proname offset %d limit 1"

/* Their text is read anew by each session that calls them. */
START_TEST(functions_call_nothing_of_strangers)
{
	decoys_made();
	int64_t count = scratch_number("select count(*) from pg_proc join pg_language l on l.oid = "
				       "prolang where lanname = 'sql' and pronamespace = "
				       "'rollcall_store_test'::regnamespace");
	ck_assert_int_ge(count, 7);
	for (int i = 0; i < count; i++) {
		char name[100], parameters[200];
		snprintf(name, sizeof(name), "%s",
			 scratch_text("select proname " OUR_FUNCTIONS, i));
		snprintf(parameters, sizeof(parameters), "%s",
			 scratch_text("select pg_get_function_arguments(oid) " OUR_FUNCTIONS, i));
		look_for_decoys(name, parameters, scratch_text("select prosrc " OUR_FUNCTIONS, i));
	}
	scratch_exec("drop schema " DECOYS " cascade");
}
END_TEST

/* --- decoys that were there first ------------------------------------------------------------ */

/* What is made once keeps what it found: views, checks, indexes, defaults. So these look as what
 * they stand for does, or nothing of ours could be made of them, and who runs one hears of it. For
 * two jsonb there is none: with it 'id' in b ->> 'id' would be read as JSON, which it is not. */
#define PLANTED_BODY \
	"language plpgsql immutable as ''begin raise exception $d$a decoy ran$d$; end''"
#define PLANTED_OPERATORS                                                                         \
	"do $$ declare l regtype; r regtype; o text; result text; begin "                         \
	"foreach l in array " TYPES " loop foreach r in array " TYPES " loop "                    \
	"foreach result in array '{bool,text,jsonb,numeric,float8}'::text[] loop "                \
	"execute format('create function " DECOYS ".%%I(%%s, %%s) returns %%s " PLANTED_BODY      \
	"', 'gives_' || result, l, r, result); "                                                  \
	"end loop; "                                                                              \
	"foreach o in array '{=,<>,<,>,<=,>=,+,-,*,/,||,~,~*,!~,?,->,->>,<<=,@>,&&}'::text[] "    \
	"loop continue when l = 'jsonb'::regtype and r = l or exists (select from pg_operator "   \
	"where oprname = o and oprleft = l "                                                      \
	"and oprright = r and oprnamespace = 'pg_catalog'::regnamespace); "                       \
	"result := case when o in ('->>', '||') then 'text' when o = '->' then 'jsonb' when o "   \
	"not in ('+', '-', '*', '/') then 'bool' when 'float4' in (l::regtype::text, "            \
	"r::regtype::text) or l in ('float4'::regtype, 'float8') or r in ('float4'::regtype, "    \
	"'float8') then 'float8' else 'numeric' end; "                                            \
	"execute format('create operator " DECOYS                                                 \
	".%%s (leftarg = %%s, rightarg = %%s, function = " DECOYS ".%%I)', o, l, r, 'gives_' || " \
	"result); end loop; end loop; end loop; end $$"

/* For each function that sql/schema names, which $1 is: for each type, and each pair. */
#define PLANTED_FUNCTIONS                                                                        \
	"do $$ declare f record; l regtype; r regtype; types text; begin "                       \
	"for f in select proname, format_type(case when bool_or(typtype = 'p') then "            \
	"case proname when 'array_position' then 'int4'::regtype else 'text'::regtype end else " \
	"max(prorettype::int8)::oid end, null) as result, bool_or(pronargs - pronargdefaults "   \
	"<= 2 and pronargs >= 2 or provariadic <> 0) as pairs "                                  \
	"from pg_proc join pg_type t on t.oid = prorettype where pronamespace = "                \
	"'pg_catalog'::regnamespace and proname in (select m[1] from "                           \
	"regexp_matches((select text from asked), '([a-z_0-9]+)[(]', 'g') m) group by proname "  \
	"loop foreach l in array " TYPES " loop foreach r in array array[null]::regtype[] || "   \
	"case when f.pairs then " TYPES " end loop "                                             \
	"types := concat_ws(', ', l, r); "                                                       \
	"continue when to_regprocedure(format('pg_catalog.%%I(%%s)', f.proname, types)) is not " \
	"null; execute format('create function " DECOYS ".%%I(%%s) returns %%s " PLANTED_BODY    \
	"', f.proname, types, f.result); end loop; end loop; end loop; end $$"

#define KEEPS_A_DECOY                                                                       \
	"select coalesce(string_agg(distinct pg_describe_object(classid, objid, objsubid) " \
	"|| ' keeps ' || pg_describe_object(refclassid, refobjid, 0), '; '), '') from "     \
	"pg_depend d left join pg_proc p on refclassid = 'pg_proc'::regclass and p.oid = "  \
	"refobjid left join pg_operator o on refclassid = 'pg_operator'::regclass and "     \
	"o.oid = refobjid where '" DECOYS "'::regnamespace in (p.pronamespace, "            \
	"o.oprnamespace) and classid <> 'pg_operator'::regclass"

static void
decoys_planted(void)
{
	glob_t files;
	scratch_exec(
		"drop schema if exists rollcall_store_test cascade; drop schema if exists " DECOYS
		" cascade; create schema " DECOYS "; create temp table asked (text text)");
	ck_assert_int_eq(glob(TEST_DATA "/../sql/schema/*.sql", 0, NULL, &files), 0);
	for (size_t i = 0; i < files.gl_pathc; i++) {
		char name[200];
		snprintf(name, sizeof(name), "schema/%s", strrchr(files.gl_pathv[i], '/') + 1);
		char *sql = scratch_sql(name);
		const char *text[] = { sql };
		PQclear(PQexecParams(scratch_connection(), "insert into asked values ($1::text)", 1,
				     NULL, text, NULL, NULL, 0));
		free(sql);
	}
	globfree(&files);
	scratch_exec("create temp table whole as select string_agg(text, ' ') as text from asked; "
		     "drop table asked; alter table whole rename to asked; set search_path = ''");
	scratch_exec(PLANTED_OPERATORS);
	scratch_exec(PLANTED_FUNCTIONS);
	scratch_exec("drop table asked; set search_path = rollcall_store_test, " DECOYS);
}

START_TEST(migrations_take_nothing_of_strangers)
{
	decoys_planted();
	scratch_reset();
	scratch_exec("set search_path = ''");
	ck_assert_str_eq(scratch_text(KEEPS_A_DECOY), "");
	scratch_exec("set search_path = rollcall_store_test, " DECOYS);
	/* nor do trigger functions, which look anew */
	scratch_exec("insert into account (aor, may_register) values ('%%2B@example.com', '{*}')");
	scratch_exec(
		"update account set enabled = false; update aor set expires_at = now() + "
		"interval '1 h', bindings = '[{\"id\":\"1\",\"u\":\"sip:a@10.1.1.1\",\"q\":500,"
		"\"t\":\"udp\",\"f\":\"192.0.2.1:5060\",\"e\":9000000000000}]'");
	scratch_exec("select bindings_readable(bindings) from aor; select * from binding, "
		     "kamailio_location; delete from account");
	scratch_exec("drop schema " DECOYS " cascade; reset search_path");
}
END_TEST

SUITE(decoys, queries_call_nothing_of_strangers, functions_call_nothing_of_strangers,
      migrations_take_nothing_of_strangers)
