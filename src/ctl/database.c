/*
 * db migrate, db status: the numbered files of sql/schema, each applied once, all in one
 * transaction under a lock, so that two who migrate at once do no harm.
 */
#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "ctl.h"
#include "sql_files.h"

/* Two who migrate at once wait for each other. The number is ours alone. */
#define LOCK "select pg_advisory_xact_lock(7302661)"

static void
ignore_notice(void *arg, const PGresult *result)
{
	(void)arg;
	(void)result;
}

/* --url, or what the configuration says; the password may come from its password_file. NULL with an
 * error printed. */
static PGconn *
connect_database(const struct ctl_options *options)
{
	const char *url = options->url;
	char password[256] = "";
	struct config *config = NULL;
	if (url == NULL) {
		config = config_load(options->config == NULL ? "/etc/rollcall/rollcall.conf"
							     : options->config,
				     NULL, 0, stderr);
		if (config == NULL)
			return NULL;
		url = config->database.url;
		FILE *file = config->database.password_file[0] == '\0'
				     ? NULL
				     : fopen(config->database.password_file, "re");
		if (file != NULL) {
			if (fgets(password, sizeof(password), file) != NULL)
				password[strcspn(password, "\r\n")] = '\0';
			fclose(file);
		}
	}
	const char *keys[] = { "dbname", "password", "application_name", "connect_timeout", NULL };
	const char *values[] = { url, password[0] == '\0' ? NULL : password, "rollcallctl", "10",
				 NULL };
	PGconn *connection = PQconnectdbParams(keys, values, 1);
	explicit_bzero(password, sizeof(password));
	if (config != NULL)
		config_free(config);
	if (PQstatus(connection) == CONNECTION_OK) {
		PQsetNoticeReceiver(connection, ignore_notice, NULL);
		return connection;
	}
	ctl_error("%s", PQerrorMessage(connection));
	PQfinish(connection);
	return NULL;
}

static bool
run(PGconn *connection, const char *sql)
{
	PGresult *result = PQexec(connection, sql);
	ExecStatusType status = PQresultStatus(result);
	bool good = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
	if (!good)
		ctl_error("%s", PQerrorMessage(connection));
	PQclear(result);
	return good;
}

/* The highest version applied, 0 for a database without schema, -1 with an error printed. */
static int
applied_version(PGconn *connection)
{
	PGresult *result =
		PQexec(connection,
		       "select case when to_regclass('schema_version') is null then 0 else 1 end");
	bool present = PQresultStatus(result) == PGRES_TUPLES_OK &&
		       strcmp(PQgetvalue(result, 0, 0), "1") == 0;
	PQclear(result);
	if (!present)
		return 0;
	result = PQexec(connection, "select coalesce(max(version), 0) from schema_version");
	int version = -1;
	if (PQresultStatus(result) == PGRES_TUPLES_OK)
		version = (int)strtol(PQgetvalue(result, 0, 0), NULL, 10);
	else
		ctl_error("%s", PQerrorMessage(connection));
	PQclear(result);
	return version;
}

static int
file_version(const struct sql_file *file)
{
	return (int)strtol(file->name, NULL, 10);
}

static int
newest_version(void)
{
	int newest = 0;
	for (const struct sql_file *file = sql_schema; file->name != NULL; file++)
		newest = file_version(file);
	return newest;
}

static enum ctl_exit
migrate(PGconn *connection, const struct ctl_options *options)
{
	if (!run(connection, "begin") || !run(connection, LOCK))
		return CTL_FAILED;
	int have = applied_version(connection), want = newest_version();
	if (have < 0)
		return CTL_FAILED;
	if (have > want) {
		ctl_error("database schema is %d, newer than the %d that this version knows; "
			  "install the newer version",
			  have, want);
		return CTL_FAILED;
	}
	for (const struct sql_file *file = sql_schema; file->name != NULL; file++) {
		if (file_version(file) <= have)
			continue;
		ctl_say(options, "%s %s", options->dry_run ? "would apply" : "applying",
			file->name);
		if (!options->dry_run && !run(connection, file->text))
			return CTL_FAILED;
	}
	if (!run(connection, options->dry_run ? "rollback" : "commit"))
		return CTL_FAILED;
	ctl_say(options, "schema %d of %d", options->dry_run ? have : want, want);
	return CTL_DONE;
}

enum ctl_exit
ctl_db_migrate(const struct ctl_options *options)
{
	PGconn *connection = connect_database(options);
	if (connection == NULL)
		return CTL_UNREACHABLE;
	enum ctl_exit code = migrate(connection, options);
	PQfinish(connection);
	return code;
}

enum ctl_exit
ctl_db_status(const struct ctl_options *options)
{
	PGconn *connection = connect_database(options);
	if (connection == NULL)
		return CTL_UNREACHABLE;
	int have = applied_version(connection), want = newest_version(),
	    server = PQserverVersion(connection);
	if (have >= 0)
		printf("PostgreSQL %d.%d at %s, schema %d of %d\n", server / 10000, server % 10000,
		       PQhost(connection), have, want);
	PQfinish(connection);
	if (have < 0)
		return CTL_FAILED;
	if (have < want)
		ctl_say(options, "next: rollcallctl db migrate");
	return have == want ? CTL_DONE : CTL_UNHEALTHY;
}
