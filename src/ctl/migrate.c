/*
 * db migrate: the numbered files of sql/schema, each applied once, all in one transaction under a
 * lock, so that two who migrate at once do no harm.
 *
 * While it waits for a table that somebody else reads, whoever wants the same table waits behind
 * it, registrations too. So it waits for moments only, lets them all pass, and tries again.
 */
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/str.h"
#include "database.h"
#include "sql_files.h"

/* Two who migrate at once wait for each other. The number is ours alone. */
#define LOCK "select pg_catalog.pg_advisory_xact_lock(7302661::bigint)"
/* The daemon gives each statement 200 ms for its locks, and with database.retries = 3 bears four
 * such waits: no registration is refused for this one. All tries take about 8 s. */
#define WAIT "set local lock_timeout = 400"
/* Nor is a backslash of ours something else because the database says so. */
#define SPELL "set local standard_conforming_strings = on"
#define TRIES 8u
#define PAUSE_MS 600
#define ASK_MS 150 /* who waits so long will have to wait longer */
#define LOCK_NOT_AVAILABLE "55P03"

/* A view of a stranger, or a table with policies of his, would run his code when it is read. */
#define OF_SOMEBODY_ELSE                                                                    \
	"select 1 from pg_catalog.pg_class where oid = to_regclass('schema_version')::oid " \
	"and (relkind <> 'r' or not pg_has_role(relowner, 'member'::text))"

/* Nobody in pg_stat_activity has the locks of a transaction that was prepared: it is process 0. */
#define BLOCKERS                                                                                   \
	"select string_agg(case when pid = 0 then 'a prepared transaction (see "                   \
	"pg_prepared_xacts)' else pg_catalog.format('process %s (user %s, application %s)', pid, " \
	"coalesce(usename, 'unknown'), coalesce(nullif(application_name, ''), backend_type, "      \
	"'unknown')) end, ' and ') from (select distinct pid from "                                \
	"pg_catalog.unnest(pg_blocking_pids($1::integer)) as pid order by pid limit 3) as "        \
	"blocker "                                                                                 \
	"left join pg_stat_activity using (pid)"

struct migration {
	const struct ctl_options *options;
	PGconn *connection;
	PGconn *watcher; /* asks who is in the way; NULL before that, and where there is no second
			  */
	char blockers[400]; /* in the way of this try; empty: not known */
	bool locked;	    /* a lock was not to be had: nothing is wrong, but nothing was done */
	int told;	    /* the last file that was said to be applied */
};

static int
file_version(const struct sql_file *file)
{
	return (int)strtol(file->name, NULL, 10);
}

int
database_newest(void)
{
	int newest = 0;
	for (const struct sql_file *file = sql_schema; file->name != NULL; file++)
		newest = file_version(file);
	return newest;
}

PGresult *
database_server(PGconn *connection)
{
	const struct sql_file *file = sql_queries;
	while (strcmp(file->name, "check_server") != 0)
		file++;
	return PQexec(connection, file->text);
}

const char *
database_server_says(const PGresult *server, const char *column)
{
	bool good = PQresultStatus(server) == PGRES_TUPLES_OK && PQntuples(server) == 1;
	return good ? PQgetvalue(server, 0, PQfnumber(server, column)) : "";
}

/* --- who is in the way ------------------------------------------------------------------ */

/* One more to the same database with the same log-in; NULL when it has no room for two. */
static PGconn *
connect_again(PGconn *connection)
{
	const char *keys[64], *values[64];
	size_t count = 0;
	PQconninfoOption *known = PQconninfo(connection);
	for (PQconninfoOption *option = known; option != NULL && option->keyword != NULL; option++)
		if (option->val != NULL && count < 63) {
			keys[count] = option->keyword;
			values[count++] = option->val;
		}
	keys[count] = values[count] = NULL;
	PGconn *again = PQconnectdbParams(keys, values, 0);
	PQconninfoFree(known);
	if (PQstatus(again) == CONNECTION_OK)
		return again;
	PQfinish(again);
	return NULL;
}

/* Told only while somebody waits, and so by another connection than the one that waits. */
static void
ask_blockers(struct migration *migration)
{
	char pid[16];
	const char *values[] = { pid };
	if (migration->watcher == NULL)
		return;
	snprintf(pid, sizeof(pid), "%d", PQbackendPID(migration->connection));
	PGresult *result =
		PQexecParams(migration->watcher, BLOCKERS, 1, NULL, values, NULL, NULL, 0);
	if (PQresultStatus(result) == PGRES_TUPLES_OK && PQgetvalue(result, 0, 0)[0] != '\0')
		str_copy(migration->blockers, sizeof(migration->blockers),
			 str_of(PQgetvalue(result, 0, 0)));
	PQclear(result);
}

/* The end of what was sent; meanwhile whom it waits for, until that is known: it may work before it
 * waits. */
static void
await(struct migration *migration)
{
	struct pollfd ready = { .fd = PQsocket(migration->connection), .events = POLLIN };
	while (PQconsumeInput(migration->connection) == 1 && PQisBusy(migration->connection)) {
		bool known = migration->blockers[0] != '\0';
		if (poll(&ready, 1, known ? -1 : ASK_MS) == 0)
			ask_blockers(migration);
	}
}

/* --- one try ---------------------------------------------------------------------------- */

/* False when it failed: with an error, or with locked set. */
static bool
run(struct migration *migration, const char *sql)
{
	bool good = PQsendQuery(migration->connection, sql) == 1;
	await(migration);
	for (PGresult *result; (result = PQgetResult(migration->connection)) != NULL;) {
		const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
		good = good && PQresultStatus(result) != PGRES_FATAL_ERROR;
		migration->locked = state != NULL && strcmp(state, LOCK_NOT_AVAILABLE) == 0;
		PQclear(result);
	}
	if (!good && !migration->locked)
		ctl_error("%s", PQerrorMessage(migration->connection));
	return good;
}

/* The files behind version have. */
static bool
apply(struct migration *migration, int have)
{
	const struct ctl_options *options = migration->options;
	for (const struct sql_file *file = sql_schema; file->name != NULL; file++) {
		int version = file_version(file);
		if (version <= have)
			continue;
		if (version > migration->told)
			ctl_say(options, "%s %s", options->dry_run ? "would apply" : "applying",
				file->name);
		migration->told = version > migration->told ? version : migration->told;
		if (!options->dry_run && !run(migration, file->text))
			return false;
	}
	return true;
}

/* Whoever may create where our functions are looked for has his own found instead, by who migrates
 * too; and what he has put there stays. */
static bool
may_apply(PGconn *connection, bool something)
{
	PGresult *server = database_server(connection);
	const char *schemas = database_server_says(server, "open_schemas");
	bool open = schemas[0] != '\0';
	if (open && something)
		ctl_error("everybody may create in schema %s, and have his code run by who "
			  "migrates; nothing was changed; as the superuser run: revoke create on "
			  "schema %s from public; grant create on schema %s to %s; and migrate "
			  "again",
			  schemas, schemas, schemas, PQuser(connection));
	else if (open)
		ctl_warn("everybody may create in schema %s, and run code as rollcall's log-ins; "
			 "run: revoke create on schema %s from public",
			 schemas, schemas);
	PQclear(server);
	return !(open && something);
}

static bool
is_ours(PGconn *connection)
{
	PGresult *result = PQexec(connection, OF_SOMEBODY_ELSE);
	bool ours = PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 0;
	if (PQresultStatus(result) != PGRES_TUPLES_OK)
		ctl_error("%s", PQerrorMessage(connection));
	else if (!ours)
		ctl_error("schema_version is no table of %s, who migrates; nothing was changed; "
			  "migrate as the owner, or drop what is there",
			  PQuser(connection));
	PQclear(result);
	return ours;
}

/* Another one who migrates has tables locked as long as he likes, and who waits for him keeps
 * nobody waiting: only what comes behind is in a hurry. */
static enum ctl_exit
migrate_once(struct migration *migration)
{
	const struct ctl_options *options = migration->options;
	if (!run(migration, "begin") || !run(migration, LOCK) || !is_ours(migration->connection))
		return CTL_FAILED;
	int have = database_version(migration->connection), want = database_newest();
	if (have < 0)
		return CTL_FAILED;
	if (have > want) {
		ctl_error("database schema is %d, newer than the %d that this version knows; "
			  "install the newer version",
			  have, want);
		return CTL_FAILED;
	}
	if (!may_apply(migration->connection, have < want) || !run(migration, WAIT) ||
	    !run(migration, SPELL) || !apply(migration, have) ||
	    !run(migration, options->dry_run ? "rollback" : "commit"))
		return CTL_FAILED;
	ctl_say(options, "schema %d of %d", options->dry_run ? have : want, want);
	return CTL_DONE;
}

/* --- until it is done, or somebody is in the way for too long ----------------------------- */

static void
explain_lock(const struct migration *migration)
{
	if (migration->blockers[0] != '\0')
		ctl_error("%s has a lock on what the migration changes; nothing was changed; wait "
			  "for its end, or end it with select pg_terminate_backend(PROCESS), and "
			  "migrate again",
			  migration->blockers);
	else
		ctl_error("somebody has a lock on what the migration changes; nothing was changed; "
			  "look for an open transaction with select pid, usename, "
			  "application_name, state, xact_start from pg_stat_activity order by "
			  "xact_start, and migrate again when it has ended");
}

static enum ctl_exit
migrate(struct migration *migration)
{
	const struct timespec pause = { .tv_nsec = PAUSE_MS * 1000000L };
	for (unsigned try = 1;; try++) {
		migration->locked = false;
		migration->blockers[0] = '\0'; /* he of the last try may be gone */
		enum ctl_exit code = migrate_once(migration);
		if (!migration->locked)
			return code;
		if (!run(migration, "rollback"))
			return CTL_FAILED;
		if (try == TRIES)
			break;
		if (try == 1) {
			ctl_say(migration->options,
				"waiting for a lock that somebody else has; registrations go on");
			migration->watcher = connect_again(migration->connection);
		}
		nanosleep(&pause, NULL);
	}
	explain_lock(migration);
	return CTL_FAILED;
}

enum ctl_exit
ctl_db_migrate(const struct ctl_options *options)
{
	enum ctl_exit code;
	struct migration migration = { .options = options };
	migration.connection = database_connect(options, &code);
	if (migration.connection == NULL)
		return code;
	code = migrate(&migration);
	PQfinish(migration.watcher);
	PQfinish(migration.connection);
	return code;
}
