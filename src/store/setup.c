/*
 * What a new connection must prove before it is used: writable, durable, the schema we know. All
 * questions travel at once; the answers come in the order of this file.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "inside.h"

#define CLOCK_WARN_S 10

/* The server gives up a little before we do, so that the outcome is known. */
#define STATEMENT_SHARE_PERCENT 90
#define LOCK_TIMEOUT "200ms"

bool
setup_send_text(struct lane *lane, enum statement statement, int count, const char *const *values)
{
	struct batch *batch = batch_new(lane, BATCH_SETUP, statement);
	return PQsendQueryParams(lane->conn, statement_text(statement), count, NULL, values, NULL,
				 NULL, 0) == 1 &&
	       batch_post(lane, batch);
}

static bool
send_prepare(struct lane *lane, enum statement statement)
{
	struct batch *batch = batch_new(lane, BATCH_SETUP, statement);
	return PQsendPrepare(lane->conn, statement_name(statement), statement_text(statement), 0,
			     NULL) == 1 &&
	       batch_post(lane, batch);
}

/* The parameters of session.sql and transaction.sql. */
struct session_values {
	char timeout[24];
	const char *values[4]; /* the last is for transaction.sql alone */
};

static void
session_values(const struct store *store, struct session_values *out)
{
	const struct store_settings *settings = &store->settings;
	snprintf(out->timeout, sizeof(out->timeout), "%llums",
		 (unsigned long long)settings->query_timeout_ms * STATEMENT_SHARE_PERCENT / 100);
	out->values[0] = out->timeout;
	out->values[1] = LOCK_TIMEOUT;
	out->values[2] = settings->commits ? "on" : "off";
}

bool
setup_send_transaction(struct lane *lane, struct batch *batch)
{
	struct session_values session;
	uint8_t random[(MARK_BYTES - 1) / 2];
	struct writer w = writer_on(batch->mark, MARK_BYTES - 1);
	if (lane->store->settings.prepared)
		return true;
	random_bytes(random, sizeof(random));
	writer_hex(&w, random, sizeof(random));
	batch->mark[w.len] = '\0';
	session_values(lane->store, &session);
	session.values[3] = batch->mark;
	return PQsendQueryParams(lane->conn, statement_text(STATEMENT_TRANSACTION), 4, NULL,
				 session.values, NULL, NULL, 0) == 1;
}

bool
setup_send(struct lane *lane)
{
	bool prepared = lane->store->settings.prepared;
	struct session_values session;
	session_values(lane->store, &session);
	if (!setup_send_text(lane, STATEMENT_CHECK_TIMELINE, 0, NULL) ||
	    !setup_send_text(lane, STATEMENT_CHECK_SERVER, 0, NULL) ||
	    !setup_send_text(lane, STATEMENT_CHECK_SCHEMA, 0, NULL) ||
	    (prepared && !setup_send_text(lane, STATEMENT_SESSION, 3, session.values)) ||
	    !orphans_end(lane))
		return false;
	if (!prepared)
		return true;
	for (int i = 0; i < STATEMENT_PREPARED_COUNT; i++)
		if (!send_prepare(lane, (enum statement)i))
			return false;
	return true;
}

static bool
is_true(const PGresult *rows, int column)
{
	return PQgetvalue(rows, 0, column)[0] == 't';
}

/* Once for each process, before it is up for the first time. */
static void
warn_of_clock(int64_t offset_ms)
{
	long long seconds = llabs(offset_ms) / 1000;
	if (seconds >= CLOCK_WARN_S)
		log_message(LOG_LEVEL_WARNING, "db.clock",
			    "system clock differs from database by %llds; nonces and expiry "
			    "suffer; check NTP",
			    seconds);
}

/* In the order of check_server.sql. */
enum {
	READ_ONLY,
	FSYNC,
	SYNCHRONOUS_COMMIT,
	CLOCK_MS,
	IDENTITY,
	AOR_LOGGED,
	ENCODING,
	OPEN_SCHEMAS,
	FULL_PAGE_WRITES,
	STANDBY_HAS_IT,
	SERVER_COLUMNS
};

/* Once for each process, as warn_of_clock: nothing that stops a registration of today. */
static void
warn_of_server(const PGresult *rows)
{
	const char *encoding = PQgetvalue(rows, 0, ENCODING);
	const char *schemas = PQgetvalue(rows, 0, OPEN_SCHEMAS);
	if (strcmp(encoding, "UTF8") != 0)
		log_message(LOG_LEVEL_WARNING, "db.encoding",
			    "the database has the encoding %s; what phones send may be stored and "
			    "never read; restore a dump into one with UTF8",
			    encoding);
	if (schemas[0] != '\0')
		log_message(LOG_LEVEL_WARNING, "db.open",
			    "everybody may create in schema %s, and run code as this log-in; run: "
			    "revoke create on schema %s from public",
			    schemas, schemas);
}

/* What loses an acknowledged registration in a crash. */
static const struct weakness {
	int column; /* false where it is so */
	const char *words, *mend;
} weaknesses[] = {
	{ FSYNC, "fsync = off", "switch it on" },
	{ SYNCHRONOUS_COMMIT, "synchronous_commit = off", "switch it on" },
	{ AOR_LOGGED, "an unlogged table aor", "alter table aor set logged" },
};

static bool
is_durable(struct lane *lane, const PGresult *rows)
{
	for (size_t i = 0; i < sizeof(weaknesses) / sizeof(*weaknesses); i++) {
		const struct weakness *weak = &weaknesses[i];
		if (is_true(rows, weak->column))
			continue;
		store_trouble_set(
			lane->store,
			"%s has %s: acknowledged registrations would not survive a crash; "
			"%s, or set database.durability = ignore",
			lane->host, weak->words, weak->mend);
		return false;
	}
	return true;
}

/* A standby that was promoted, or a backup that was restored, here or elsewhere, may never have got
 * what was read before, and gives the same versions to something else. */
static void
recognize(struct store *store, const char *identity)
{
	if (strcmp(store->identity, identity) == 0)
		return;
	str_copy(store->identity, sizeof(store->identity), str_of(identity));
	store->server++;
	refusals_forget(store); /* what one has refused says nothing of another */
}

static bool
judge_server(struct lane *lane, const PGresult *rows)
{
	struct store *store = lane->store;
	if (is_true(rows, READ_ONLY)) {
		store_trouble_set(store,
				  "%s is read-only; add target_session_attrs=read-write to "
				  "database.url or list the primary",
				  lane->host);
		return false;
	}
	if (store->settings.require_durable && !is_durable(lane, rows))
		return false;
	recognize(store, PQgetvalue(rows, 0, IDENTITY));
	return true;
}

int64_t
setup_clock_ms(const PGresult *rows)
{
	return strtoll(PQgetvalue(rows, 0, CLOCK_MS), NULL, 10);
}

/* Migrations only add, so a node that runs already may go on until its own upgrade, and with it
 * the processes that take the place of others. */
static bool
may_go_on(const struct store *store)
{
	const _Atomic bool *node_was_up = store->settings.node_was_up;
	return store->was_up || (node_was_up != NULL && *node_was_up);
}

static bool
judge_schema(struct lane *lane, const char *found)
{
	int wanted = statement_schema_version();
	long version = strtol(found, NULL, 10);
	if (version == wanted || (version > wanted && may_go_on(lane->store)))
		return true;
	if (version < wanted)
		store_trouble_set(lane->store,
				  "database schema is %ld, this version needs %d; run: rollcallctl "
				  "db migrate",
				  version, wanted);
	else
		store_trouble_set(lane->store,
				  "database schema is %ld, this version knows %d; install a newer "
				  "rollcall",
				  version, wanted);
	return false;
}

static bool
judge_error(struct lane *lane, const struct batch *batch)
{
	const char *message = "connection lost", *cause = NULL;
	if (batch->error != NULL) {
		const char *sqlstate = PQresultErrorField(batch->error, PG_DIAG_SQLSTATE);
		const char *primary = PQresultErrorField(batch->error, PG_DIAG_MESSAGE_PRIMARY);
		cause = sqlstate == NULL ? NULL : explain_sqlstate(sqlstate);
		message = primary == NULL ? message : primary;
	}
	if (cause != NULL)
		store_trouble_set(lane->store, "%s", cause);
	else
		store_trouble_set(lane->store, "%s: %s: %s", lane->host,
				  statement_name(batch->statement), message);
	return false;
}

/* Behind a pooler the number that the connection came with is the pooler's, and the session may be
 * somebody else's in a moment: it is not ours to end, and has no name. */
static void
note_session(struct lane *lane, const char *session)
{
	char ours_begins[16];
	snprintf(ours_begins, sizeof(ours_begins), "%d/", PQbackendPID(lane->conn));
	bool ours = str_starts(str_of(session), str_of(ours_begins));
	str_copy(lane->session, sizeof(lane->session), str_of(ours ? session : ""));
}

/* Behind a pooler it may be another's, see transaction.sql. */
static bool
is_answer(const PGresult *rows, int columns)
{
	return PQntuples(rows) == 1 && PQnfields(rows) == columns;
}

static bool
judge_stray(struct lane *lane)
{
	store_trouble_set(lane->store, "%s: " STRAY_ANSWER, lane->host);
	return false;
}

bool
setup_judge(struct lane *lane, const struct batch *batch)
{
	const char *sqlstate =
		batch->error == NULL ? "" : PQresultErrorField(batch->error, PG_DIAG_SQLSTATE);
	bool schema = batch->statement == STATEMENT_CHECK_SCHEMA;
	if (batch->statement == STATEMENT_END_SESSIONS ||
	    batch->statement == STATEMENT_END_NAMELESS)
		return true; /* whatever came of it, the connection is good */
	if (batch->statement == STATEMENT_CHECK_TIMELINE)
		return timeline_judge(lane, batch->rows);
	if (schema && sqlstate != NULL && strcmp(sqlstate, "42P01") == 0)
		return judge_schema(lane, "0"); /* no such table: an empty database */
	if (batch->error != NULL || batch->rows == NULL)
		return judge_error(lane, batch);
	if ((schema && !is_answer(batch->rows, 1)) ||
	    (batch->statement == STATEMENT_CHECK_SERVER && !is_answer(batch->rows, SERVER_COLUMNS)))
		return judge_stray(lane);
	if (schema)
		return judge_schema(lane, PQgetvalue(batch->rows, 0, 0));
	if (batch->statement == STATEMENT_SESSION)
		note_session(lane, PQgetvalue(batch->rows, 0, 0));
	if (batch->statement != STATEMENT_CHECK_SERVER)
		return true;
	if (!lane->store->was_up) {
		int64_t clock_ms = setup_clock_ms(batch->rows);
		warn_of_clock(clock_ms - loop_real_ms(lane->store->loop));
		store_clock_learn(lane->store, clock_ms, loop_now_ms(lane->store->loop));
		warn_of_server(batch->rows);
	}
	return judge_server(lane, batch->rows);
}

/* A server may be demoted, or made forgetful, or another may have taken its place, under a
 * connection that lives on. */
bool
setup_judge_ping(struct lane *lane, const struct batch *batch)
{
	lane->pinged = false;
	if (batch->rows != NULL && is_answer(batch->rows, SERVER_COLUMNS))
		return timeline_holds(lane) && judge_server(lane, batch->rows);
	store_trouble_set(lane->store, "%s does not answer a ping", lane->host);
	return false;
}
