/* doctor, the database: reached as the daemon reaches it, with its URL and password. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/str.h"
#include "database.h"
#include "doctor.h"

#define CLOCK_APART_MAX_S 5.0
#define WRITE_SLOW_MS 100.0
/* A standby, or a primary that was told to be like one: that would still take our record. */
#define READ_ONLY                         \
	"select (pg_is_in_recovery() or " \
	"current_setting('transaction_read_only')::boolean)::integer"
/* Statements are logged, and the values of their parameters with them. */
#define LOGS_VALUES                                                              \
	"select (current_setting('log_parameter_max_length', true) <> '0' and (" \
	"current_setting('log_statement') in ('mod', 'all') "                    \
	"or current_setting('log_min_duration_statement') <> '-1' "              \
	"or current_setting('log_min_duration_sample', true) <> '-1' "           \
	"or current_setting('log_transaction_sample_rate')::float8 > '0'))::integer"
/* A record in the write-ahead log and no row: a commit that costs what a real one costs and leaves
 * nothing behind. */
#define WRITE "select pg_logical_emit_message(true, 'rollcall', 'doctor')"

/* ENABLE TRIGGER ALL, as behind a restored dump of data alone, makes them triggers like others. */
#define TRIGGERS_NOT_ALWAYS                                                                      \
	"select count(*) from pg_catalog.pg_trigger where tgrelid = to_regclass('account')::oid" \
	" and tgname in ('account_touch_aor', 'account_touch_aor_of_deleted') and tgenabled <> " \
	"'A'"

/* From before the rule, or restored past it. */
#define BREAKS_A_RULE                                                                \
	" from account where account_rule_broken(username, login, may_register) is " \
	"not null"

/* The first value as a number; false when there is none. */
static bool
ask_number(PGconn *connection, const char *sql, double *number)
{
	PGresult *result = PQexec(connection, sql);
	bool good = PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1;
	if (good)
		*number = strtod(PQgetvalue(result, 0, 0), NULL);
	PQclear(result);
	return good;
}

static bool
is_writable(struct doctor *doctor, PGconn *connection)
{
	double read_only;
	if (!ask_number(connection, READ_ONLY, &read_only) || read_only == 0)
		return true; /* what else is wrong the commit says */
	doctor_note(doctor, "database", CTL_BAD,
		    "add target_session_attrs=read-write to database.url or list the primary",
		    "database %s is read-only", PQhost(connection));
	return false;
}

/* Milliseconds of one commit, negative with the reason noted. */
static double
write_time(struct doctor *doctor, PGconn *connection)
{
	struct timespec before, after;
	clock_gettime(CLOCK_MONOTONIC, &before);
	PGresult *result = PQexec(connection, WRITE);
	clock_gettime(CLOCK_MONOTONIC, &after);
	bool good = PQresultStatus(result) == PGRES_TUPLES_OK;
	if (!good)
		doctor_note(doctor, "database", CTL_BAD, NULL, "database: a commit fails: %s",
			    PQerrorMessage(connection));
	PQclear(result);
	return good ? (double)(after.tv_sec - before.tv_sec) * 1000.0 +
			       (double)(after.tv_nsec - before.tv_nsec) / 1e6
		    : -1.0;
}

static void
check_clock(struct doctor *doctor, PGconn *connection)
{
	double theirs, before = (double)clock_real_ms() / 1000.0;
	if (!ask_number(connection, "select extract(epoch from clock_timestamp())", &theirs))
		return;
	double ours = (before + (double)clock_real_ms() / 1000.0) / 2;
	double apart = ours > theirs ? ours - theirs : theirs - ours;
	if (apart > CLOCK_APART_MAX_S)
		doctor_note(doctor, "clock", CTL_WARN, "check NTP",
			    "system clock differs from database by %.0fs; nonces and expiry suffer",
			    apart);
	else
		doctor_note(doctor, "clock", CTL_GOOD, NULL, "clock and database %.1fs apart",
			    apart);
}

/* What the daemon can live with for a while, and what it does not start on. */
static void
check_server(struct doctor *doctor, PGconn *connection)
{
	PGresult *server = database_server(connection);
	const char *encoding = database_server_says(server, "encoding");
	const char *schemas = database_server_says(server, "open_schemas");
	char hint[300];
	if (database_server_says(server, "aor_logged")[0] == 'f')
		doctor_note(doctor, "database", CTL_BAD, "alter table aor set logged",
			    "table aor is unlogged: a crash of the database empties it");
	if (encoding[0] != '\0' && strcmp(encoding, "UTF8") != 0)
		doctor_note(doctor, "database", CTL_BAD,
			    "restore a dump into a database with encoding UTF8",
			    "database has the encoding %s", encoding);
	snprintf(hint, sizeof(hint), "revoke create on schema %s from public", schemas);
	if (schemas[0] != '\0')
		doctor_note(doctor, "database", CTL_WARN, hint, "everybody may create in schema %s",
			    schemas);
	if (database_server_says(server, "full_page_writes")[0] == 'f')
		doctor_note(doctor, "database", CTL_WARN,
			    "switch it on, unless the file system writes pages whole",
			    "full_page_writes is off");
	if (database_server_says(server, "standby_has_it_on_disk")[0] == 'f')
		doctor_note(doctor, "database", CTL_WARN,
			    "switch synchronous_commit on, for this log-in and database too",
			    "registrations do not wait for the synchronous standby's disk: a "
			    "failover may lose some that were acknowledged");
	PQclear(server);
}

static void
check_triggers(struct doctor *doctor, PGconn *connection)
{
	double others;
	if (ask_number(connection, TRIGGERS_NOT_ALWAYS, &others) && others > 0)
		doctor_note(doctor, "database", CTL_WARN,
			    "alter table account enable always trigger account_touch_aor, enable "
			    "always trigger account_touch_aor_of_deleted",
			    "changes of accounts by replication would go unseen");
}

static void
check_accounts(struct doctor *doctor, PGconn *connection)
{
	double broken;
	if (ask_number(connection, "select count(*)" BREAKS_A_RULE, &broken) && broken > 0)
		doctor_note(doctor, "database", CTL_WARN,
			    "correct or delete them by SQL: select aor, "
			    "account_rule_broken(username, login, may_register)" BREAKS_A_RULE,
			    "%.0f %s in a spelling that matches no request", broken,
			    broken == 1 ? "account has a name or an address"
					: "accounts have names or addresses");
}

static void
check_log(struct doctor *doctor, PGconn *connection)
{
	double logs;
	char fix[128];
	if (!ask_number(connection, LOGS_VALUES, &logs) || logs == 0)
		return;
	snprintf(fix, sizeof(fix), "as a superuser: alter role %s set log_parameter_max_length = 0",
		 PQuser(connection));
	doctor_note(doctor, "database", CTL_WARN, fix,
		    "PostgreSQL logs statements with their values, hashes of passwords too");
}

/* The hosts of the URL that are not the one we are connected to. */
static void
check_standbys(struct doctor *doctor, PGconn *connection)
{
	PQconninfoOption *options = PQconninfo(connection);
	const char *hosts = "", *ports = "";
	for (PQconninfoOption *o = options; o != NULL && o->keyword != NULL; o++) {
		if (strcmp(o->keyword, "host") == 0 && o->val != NULL)
			hosts = o->val;
		if (strcmp(o->keyword, "port") == 0 && o->val != NULL)
			ports = o->val;
	}
	struct str host, host_rest = str_of(hosts), port = { NULL, 0 }, port_rest = str_of(ports);
	for (bool more = memchr(hosts, ',', strlen(hosts)) != NULL; more;) {
		char host_text[256], port_text[16];
		more = str_cut(host_rest, ',', &host, &host_rest);
		if (!str_empty(port_rest))
			str_cut(port_rest, ',', &port, &port_rest);
		snprintf(host_text, sizeof(host_text), "%.*s", STR_ARG(host));
		snprintf(port_text, sizeof(port_text), "%.*s", STR_ARG(port));
		if (strcmp(host_text, PQhost(connection)) == 0 &&
		    (str_empty(port) || strcmp(port_text, PQport(connection)) == 0))
			continue;
		const char *keys[] = { "host", "port", "connect_timeout", NULL };
		const char *values[] = { host_text, port_text, "3", NULL };
		bool up = PQpingParams(keys, values, 0) == PQPING_OK;
		doctor_note(doctor, "database", up ? CTL_GOOD : CTL_WARN, NULL, "standby %s %s",
			    host_text, up ? "reachable" : "does not answer");
	}
	PQconninfoFree(options);
}

static void
check_connection(struct doctor *doctor, PGconn *connection)
{
	int server = PQserverVersion(connection);
	int have = database_version(connection), want = database_newest();
	if (have < want)
		doctor_note(doctor, "database", CTL_BAD, "rollcallctl db migrate",
			    "database schema is %d, this version needs %d", have, want);
	if (have > want)
		doctor_note(doctor, "database", CTL_BAD, "install the newer version",
			    "database schema is %d, this version knows %d", have, want);
	double ms = is_writable(doctor, connection) ? write_time(doctor, connection) : -1;
	if (ms >= 0 && have == want)
		doctor_note(doctor, "database", ms > WRITE_SLOW_MS ? CTL_WARN : CTL_GOOD, NULL,
			    "database %s: PostgreSQL %d.%d, schema %d of %d, write %.1fms",
			    PQhost(connection), server / 10000, server % 10000, have, want, ms);
	check_server(doctor, connection);
	if (have == want) {
		check_triggers(doctor, connection);
		check_accounts(doctor, connection);
	}
	check_standbys(doctor, connection);
	check_clock(doctor, connection);
	check_log(doctor, connection);
}

void
doctor_database(struct doctor *doctor)
{
	struct ctl_options direct = *doctor->options;
	direct.url = NULL; /* that is the daemon's */
	enum ctl_exit code;
	PGconn *connection = database_connect(&direct, &code);
	if (connection == NULL) {
		doctor_note(doctor, "database", CTL_BAD, "the error above says why",
			    "database cannot be reached");
		return;
	}
	check_connection(doctor, connection);
	PQfinish(connection);
}
