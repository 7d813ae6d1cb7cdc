/* How rollcallctl reaches the database, and db status. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/config.h"
#include "database.h"
#include "output.h"

/* The schema warns of what it may not do; what PostgreSQL only remarks is nobody's business. */
static void
take_notice(void *arg, const PGresult *result)
{
	const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
	const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	(void)arg;
	if (severity != NULL && text != NULL && strcmp(severity, "WARNING") == 0)
		ctl_warn("%s", text);
}

/* False, with an error, when there is none to be read. */
static bool
read_password(const char *path, char *password, size_t cap)
{
	char error[512];
	if (config_password(path, password, cap, error, sizeof(error)))
		return true;
	ctl_error("%s", error);
	return false;
}

/* What libpq says of a URL that it cannot read quotes it, and with it a password. */
static bool
url_readable(const char *url)
{
	PQconninfoOption *parsed = PQconninfoParse(url, NULL);
	if (parsed == NULL)
		ctl_error("the database URL cannot be read (not shown, it may hold a password); "
			  "expected postgresql://USER@HOST/DATABASE");
	PQconninfoFree(parsed);
	return parsed != NULL;
}

static PGconn *
connect_url(const char *url, const char *password, enum ctl_exit *code)
{
	const char *keys[] = { "dbname", "password", "application_name", "connect_timeout", NULL };
	const char *values[] = { url, *password == '\0' ? NULL : password, "rollcallctl", "10",
				 NULL };
	if (!url_readable(url))
		return NULL;
	PGconn *connection = PQconnectdbParams(keys, values, 1);
	if (PQstatus(connection) == CONNECTION_OK) {
		PQsetNoticeReceiver(connection, take_notice, NULL);
		return connection;
	}
	ctl_error("%s", PQerrorMessage(connection));
	PQfinish(connection);
	*code = CTL_UNREACHABLE;
	return NULL;
}

PGconn *
database_connect(const struct ctl_options *options, enum ctl_exit *code)
{
	bool named = options->config != NULL;
	char password[CONFIG_PASSWORD_BYTES] = "";
	const char *environment = getenv("ROLLCALL_DATABASE_URL");
	*code = CTL_FAILED;
	if (options->url != NULL &&
	    database_url_judge(str_of(options->url)) == DATABASE_URL_PASSWORD)
		ctl_warn("whoever lists processes here reads the password in --url; keep it in "
			 "~/.pgpass or in PGPASSWORD");
	if (options->url != NULL)
		return connect_url(options->url, password, code);
	/* a configuration takes the environment in, as rollcalld does */
	if (!named && environment != NULL && access(CTL_CONFIG_DEFAULT, R_OK) != 0)
		return connect_url(environment, password, code);
	if (!named && access(CTL_CONFIG_DEFAULT, F_OK) != 0 && errno == ENOENT) {
		ctl_error("there is no %s; name the database with --url "
			  "postgresql://USER@HOST/DATABASE, or a configuration with -c FILE",
			  CTL_CONFIG_DEFAULT);
		return NULL;
	}
	struct config *config = config_load(
		options->config == NULL ? CTL_CONFIG_DEFAULT : options->config, NULL, 0, stderr);
	if (config == NULL)
		return NULL;
	const char *file = config->database.password_file;
	PGconn *connection = NULL;
	if (file[0] == '\0' || read_password(file, password, sizeof(password)))
		connection = connect_url(config->database.url, password, code);
	explicit_bzero(password, sizeof(password));
	config_free(config);
	return connection;
}

/* The first value of the first row as a number, -1 with an error printed. */
static int
number_of(PGconn *connection, const char *sql)
{
	PGresult *result = PQexec(connection, sql);
	int number = -1;
	if (PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1)
		number = (int)strtol(PQgetvalue(result, 0, 0), NULL, 10);
	else
		ctl_error("%s", PQerrorMessage(connection));
	PQclear(result);
	return number;
}

int
database_version(PGconn *connection)
{
	int present = number_of(connection,
				"select (to_regclass('schema_version') is not null)::integer");
	if (present != 1)
		return present;
	return number_of(connection, "select coalesce(max(version), 0) from schema_version");
}

static void
print_database(const struct ctl_options *options, const PGconn *connection, int have, int want)
{
	int server = PQserverVersion(connection);
	if (options->format == CTL_TABLE) {
		printf("PostgreSQL %d.%d at %s, schema %d of %d\n", server / 10000, server % 10000,
		       PQhost(connection), have, want);
		return;
	}
	json_t *document = json_pack("{s:i,s:s,s:i,s:i}", "server_version", server, "host",
				     PQhost(connection), "schema", have, "schema_wanted", want);
	output_document(options->format, document);
	json_decref(document);
}

enum ctl_exit
ctl_db_status(const struct ctl_options *options)
{
	enum ctl_exit code;
	PGconn *connection = database_connect(options, &code);
	if (connection == NULL)
		return code;
	int have = database_version(connection), want = database_newest();
	if (have >= 0)
		print_database(options, connection, have, want);
	PQfinish(connection);
	if (have < 0)
		return CTL_FAILED;
	if (have < want)
		ctl_say(options, "next: rollcallctl db migrate");
	if (have > want)
		ctl_say(options, "the schema is newer than this version; install the newer one");
	return have == want ? CTL_DONE : CTL_UNHEALTHY;
}
