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

/* In a procedure that is parsed when it is made, and remembers what it found. */
static void
look_for_decoys(const char *name, const char *parameters, const char *sql)
{
	const char *text[] = { sql };
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

SUITE(decoys, queries_call_nothing_of_strangers, functions_call_nothing_of_strangers)
