/*
 * Results come in the order sent, so the oldest statement in flight owns the next one. It is
 * complete only when its sync comes back: before that nothing is committed. What a batch could not
 * do together its operations try again alone, so that only the culprit fails.
 */
#include <string.h>

#include "base/log.h"
#include "base/stats.h"
#include "inside.h"

#define CLOCK_TRIP_MAX_MS 200 /* a slower answer says little about the clock of the database … */
#define CLOCK_SET_MS 5000     /* … but that it shows another time than any of its way */
#define ERROR_LOG_MS 1000
#define NOT_REPLICATED "the wait for a synchronous standby was ended"

static const char *
error_field(const PGresult *error, int field)
{
	const char *text = PQresultErrorField(error, field);
	return text == NULL ? "" : text;
}

static const char *
sqlstate_of(const PGresult *error)
{
	return error_field(error, PG_DIAG_SQLSTATE);
}

static bool
state_in(const char *sqlstate, const char *const *list)
{
	for (; *list != NULL; list++)
		if (strncmp(sqlstate, *list, strlen(*list)) == 0)
			return true;
	return false;
}

static bool
lock_timeout(const char *sqlstate)
{
	return strcmp(sqlstate, "55P03") == 0;
}

/* Nothing was changed, and the same may succeed the next time: serialization failure, deadlock,
 * lock timeout. */
static bool
transient(const char *sqlstate)
{
	static const char *const list[] = { "40001", "40P01", "55P03", NULL };
	return state_in(sqlstate, list);
}

/* Nothing was changed, and a new connection may do: read-only after a failover, a prepared
 * statement that is lost, twice there or out of date, a failed transaction that is not ours. */
static bool
spoils_lane(const char *sqlstate)
{
	static const char *const list[] = { "25006", "26000", "42P05", "0A000",
					    "25P02", "08",    "57P",   NULL };
	return state_in(sqlstate, list);
}

/* At most one line a second; the counter tells the rest. */
static void
log_error(struct lane *lane, const struct batch *batch)
{
	struct store *store = lane->store;
	uint64_t now_ms = loop_now_ms(store->loop);
	struct log_line line;
	stats->db_errors[stats_sql_class(sqlstate_of(batch->error))]++;
	if (now_ms - store->error_logged_ms < ERROR_LOG_MS && store->error_logged_ms != 0)
		return;
	store->error_logged_ms = now_ms;
	if (!log_begin(&line, LOG_LEVEL_WARNING, "db.error"))
		return;
	log_word(&line, "host", lane->host);
	log_word(&line, "statement",
		 batch->kind == BATCH_QUERY ? batch->query->name
					    : statement_name(batch->statement));
	log_word(&line, "sqlstate", sqlstate_of(batch->error));
	const char *cause = explain_sqlstate(sqlstate_of(batch->error));
	log_text(
		&line, "message",
		str_of(cause != NULL ? cause : error_field(batch->error, PG_DIAG_MESSAGE_PRIMARY)));
	log_end(&line);
}

/* --- look-ups and commits */

/* A sure look-up waits where commits do. */
static enum op_kind
kind_of(const struct batch *batch)
{
	bool waits = batch->kind == BATCH_COMMIT || batch->statement == STATEMENT_LOOKUP_SURE;
	return waits ? OP_COMMIT : OP_LOOKUP;
}

static bool
was_set(const struct store *store, const struct batch *batch, int64_t clock_ms)
{
	int64_t sent_ms = store->clock_base_ms + (int64_t)batch->sent_ms;
	int64_t now_ms = store->clock_base_ms + (int64_t)loop_now_ms(store->loop);
	return clock_ms < sent_ms - CLOCK_SET_MS || clock_ms > now_ms + CLOCK_SET_MS;
}

/* The answer was written in the middle of the trip, as far as anybody knows. */
static void
learn_clock(struct store *store, const struct batch *batch, int64_t clock_ms)
{
	uint64_t trip_ms = loop_now_ms(store->loop) - batch->sent_ms;
	if (trip_ms <= CLOCK_TRIP_MAX_MS || was_set(store, batch, clock_ms))
		store_clock_learn(store, clock_ms, batch->sent_ms + trip_ms / 2);
}

static void
complete_lookups(struct lane *lane, struct batch *batch)
{
	struct store *store = lane->store;
	if (lane->unreplicated) {
		batch_fail_ops(store, batch, LOOKUP_UNAVAILABLE, COMMIT_FAILED);
		return;
	}
	if (PQntuples(batch->rows) > 0)
		learn_clock(store, batch, record_clock_ms(batch->rows, 0));
	for (int row = 0; row < PQntuples(batch->rows); row++) {
		int64_t place = record_place(batch->rows, row, batch->count);
		struct store_op *op = place < 0 ? NULL : batch->ops[place];
		if (op == NULL)
			continue;
		batch->ops[place] = NULL;
		if (!record_read(op, batch->rows, row)) {
			store_lookup_fail(store, op, LOOKUP_FAILED);
			continue;
		}
		stats->db_lookups++;
		refusal_over(store, OP_LOOKUP, batch->sent_ms);
		op->record->clock_offset_ms = store_clock_offset_ms(store);
		op->looked_up = LOOKUP_FOUND;
		store_op_finish(store, op);
	}
	batch_fail_ops(store, batch, LOOKUP_FAILED, COMMIT_FAILED);
}

static void
wait_for_lock(struct store *store, struct store_op *op)
{
	if (store_op_when_free(store, op))
		return;
	refusal_met(store, (enum op_kind)op->kind, true, "somebody has locked it");
	if (op->kind == OP_LOOKUP)
		store_lookup_fail(store, op, LOOKUP_TIMEOUT);
	else
		store_commit_end(store, op, COMMIT_UNAVAILABLE);
}

/* In the rows of commit_free.sql. */
static bool
is_locked(const struct batch *batch, int row)
{
	return batch->statement == STATEMENT_COMMIT_FREE &&
	       PQgetvalue(batch->rows, row, 1)[0] == 't';
}

static void
complete_commits(struct lane *lane, struct batch *batch)
{
	struct store *store = lane->store;
	for (int row = 0; row < PQntuples(batch->rows); row++) {
		int64_t place = record_place(batch->rows, row, batch->count);
		struct store_op *op = place < 0 ? NULL : batch->ops[place];
		if (op == NULL)
			continue;
		batch->ops[place] = NULL;
		if (is_locked(batch, row)) {
			store_be_careful(store);
			wait_for_lock(store, op);
			continue;
		}
		if (lane->unreplicated)
			refusal_met(store, OP_COMMIT, false, NOT_REPLICATED);
		else
			refusal_over(store, OP_COMMIT, batch->sent_ms);
		store_commit_end(store, op, lane->unreplicated ? COMMIT_UNKNOWN : COMMIT_DONE);
	}
	batch_fail_ops(store, batch, LOOKUP_FAILED, COMMIT_CONFLICT);
}

/* Nothing was done, because somebody has locked a row or a table for longer than may be waited.
 * Where a statement fails that waits for no row, something else of it is locked: all of them, or
 * what belongs to one of them, which is found when each is sent alone. */
static void
meet_lock(struct store *store, struct batch *batch)
{
	bool was_careful = batch->statement == STATEMENT_COMMIT_FREE;
	store_be_careful(store);
	if (batch->kind == BATCH_COMMIT && !was_careful && store_is_careful(store)) {
		batch_return(store, batch);
		return;
	}
	for (uint32_t i = 0; i < batch->count; i++) {
		batch->ops[i]->alone |= was_careful;
		wait_for_lock(store, batch->ops[i]);
	}
}

static void
note_refusal(struct store *store, const struct batch *batch)
{
	if (refusal_is_general(sqlstate_of(batch->error)))
		refusal_met(store, kind_of(batch), false,
			    error_field(batch->error, PG_DIAG_MESSAGE_PRIMARY));
}

/* The statement failed as a whole, so nothing of it was done. */
static void
try_apart(struct lane *lane, struct batch *batch)
{
	struct store *store = lane->store;
	const char *sqlstate = sqlstate_of(batch->error);
	if (lock_timeout(sqlstate)) {
		meet_lock(store, batch);
		return;
	}
	bool again = transient(sqlstate) || spoils_lane(sqlstate);
	if (batch->count > 1) {
		batch_part(store, batch);
	} else if (!again || !store_op_again(store, batch->ops[0])) {
		bool late = strcmp(sqlstate, "57014") == 0; /* statement_timeout */
		note_refusal(store, batch);
		batch_fail_ops(store, batch, late ? LOOKUP_TIMEOUT : LOOKUP_FAILED, COMMIT_FAILED);
	}
}

/* --- the other kinds */

/* The first of its words only: what follows, the detail, shows rows, with hashes of passwords. */
static void
note_words(struct store_query *query, const PGresult *error)
{
	str_copy(query->sqlstate, sizeof(query->sqlstate), str_of(sqlstate_of(error)));
	str_copy(query->says, sizeof(query->says),
		 str_of(error_field(error, PG_DIAG_MESSAGE_PRIMARY)));
	for (char *c = query->says; *c != '\0'; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
}

static void
complete_query(struct lane *lane, struct batch *batch)
{
	struct store *store = lane->store;
	struct store_query *query = batch->query;
	if (lane->unreplicated) {
		query->in_vain = true;
		store_query_finish(query, QUERY_UNAVAILABLE, NULL);
		return;
	}
	if (batch->error == NULL) {
		store_query_finish(query, QUERY_DONE, batch->rows);
		return;
	}
	const char *sqlstate = sqlstate_of(batch->error);
	if ((transient(sqlstate) || spoils_lane(sqlstate)) &&
	    query->tries < store->settings.retries) {
		query->tries++;
		stats->db_retries++;
		store_query_add(store, query);
		return;
	}
	refusals_hear(store, query, error_field(batch->error, PG_DIAG_MESSAGE_PRIMARY));
	if (strcmp(sqlstate, "25006") == 0) { /* read-only, and no lane was any better */
		store_query_finish(query, QUERY_UNAVAILABLE, NULL);
		return;
	}
	note_words(query, batch->error);
	store_query_finish(query, QUERY_FAILED, NULL);
}

static bool
complete_setup(struct lane *lane, const struct batch *batch)
{
	lane->refused = lane->refused || !setup_judge(lane, batch);
	if (lane->in_flight > 0)
		return true;
	if (!lane->refused)
		lane_ready(lane);
	return !lane->refused;
}

static void
explain_spoilt_lane(struct lane *lane, const struct batch *batch)
{
	const char *cause = explain_sqlstate(sqlstate_of(batch->error));
	if (cause != NULL)
		store_trouble_set(lane->store, "%s", cause);
	else
		store_trouble_set(lane->store, "%s: %s", lane->host,
				  error_field(batch->error, PG_DIAG_MESSAGE_PRIMARY));
}

static bool
complete_by_kind(struct lane *lane, struct batch *batch)
{
	switch (batch->kind) {
	case BATCH_SETUP:
		return complete_setup(lane, batch);
	case BATCH_PING:
		if (!setup_judge_ping(lane, batch))
			return false;
		learn_clock(lane->store, batch, setup_clock_ms(batch->rows));
		break;
	case BATCH_QUERY:
		complete_query(lane, batch);
		break;
	case BATCH_LOOKUP:
	case BATCH_COMMIT:
		if (batch->error != NULL || batch->rows == NULL)
			try_apart(lane, batch);
		else if (batch->kind == BATCH_LOOKUP)
			complete_lookups(lane, batch);
		else
			complete_commits(lane, batch);
		break;
	}
	return true;
}

/* libpq gives the memory of rows back as it is, and there are hashes of passwords and keys among
 * them. */
static void
clear(PGresult *result)
{
	for (int row = 0; row < PQntuples(result); row++)
		for (int column = 0; column < PQnfields(result); column++)
			explicit_bzero(PQgetvalue(result, row, column),
				       (size_t)PQgetlength(result, row, column));
	PQclear(result);
}

static void
give_back(struct lane *lane, struct batch *batch)
{
	clear(batch->rows);
	PQclear(batch->error);
	batch->rows = batch->error = NULL;
	list_append(&lane->spare, &batch->link);
}

static enum stats_sql
statement_kind(const struct batch *batch)
{
	static const enum stats_sql kinds[STATEMENT_PREPARED_COUNT] = {
		[STATEMENT_LOOKUP] = SQL_LOOKUP,	 [STATEMENT_LOOKUP_ONE] = SQL_LOOKUP_ONE,
		[STATEMENT_LOOKUP_SURE] = SQL_LOOKUP,	 [STATEMENT_COMMIT] = SQL_COMMIT,
		[STATEMENT_COMMIT_ONE] = SQL_COMMIT_ONE, [STATEMENT_COMMIT_FREE] = SQL_COMMIT,
	};
	if (batch->kind == BATCH_LOOKUP || batch->kind == BATCH_COMMIT)
		return kinds[batch->statement];
	if (batch->kind != BATCH_QUERY)
		return SQL_OTHER;
	if (strcmp(batch->query->name, "sweep") == 0)
		return SQL_SWEEP;
	return strncmp(batch->query->name, "admin_", 6) == 0 ? SQL_ADMIN : SQL_OTHER;
}

/* The sync of the oldest came back. */
static bool
complete(struct lane *lane, struct batch *batch)
{
	bool spoilt = false;
	list_remove(&batch->link);
	lane->in_flight--;
	uint64_t took_us = loop_now_us(lane->store->loop) - batch->sent_us;
	observe_db_query_duration(statement_kind(batch), took_us);
	store_trip_learn(lane->store, took_us, loop_now_ms(lane->store->loop));
	if (batch->error != NULL && batch->kind != BATCH_SETUP) {
		log_error(lane, batch);
		spoilt = spoils_lane(sqlstate_of(batch->error));
		if (spoilt)
			explain_spoilt_lane(lane, batch);
	}
	bool good = complete_by_kind(lane, batch) && !spoilt;
	lane->unreplicated = false;
	give_back(lane, batch);
	return good;
}

/* --- reading */

/* The server ends the connection, and the outcome of what was in flight is unknown. */
static bool
ends_connection(const PGresult *error)
{
	const char *severity = error_field(error, PG_DIAG_SEVERITY_NONLOCALIZED);
	return sqlstate_of(error)[0] == '\0' || strcmp(severity, "FATAL") == 0 ||
	       strcmp(severity, "PANIC") == 0;
}

static void
keep_first(PGresult **kept, PGresult *result)
{
	if (*kept == NULL)
		*kept = result;
	else
		clear(result);
}

/* Whatever else comes is another's too, so what became of ours is not known. */
static bool
stray(struct lane *lane)
{
	store_trouble_set(lane->store, "%s: " STRAY_ANSWER, lane->host);
	return false;
}

/* What follows belongs to this batch. */
static bool
take_mark(struct lane *lane, struct batch *batch, PGresult *result)
{
	int last = PQnfields(result) - 1;
	bool ours = PQntuples(result) == 1 && last >= 0 &&
		    strcmp(PQgetvalue(result, 0, last), batch->mark) == 0;
	clear(result);
	batch->mark[0] = '\0';
	return ours || stray(lane);
}

static bool
take(struct lane *lane, PGresult *result)
{
	struct batch *batch = container_of(lane->flight.next, struct batch, link);
	lane->heard_ms = loop_now_ms(lane->store->loop);
	lane->silent = false;
	switch (PQresultStatus(result)) {
	case PGRES_PIPELINE_SYNC:
		PQclear(result);
		return batch->mark[0] == '\0' ? complete(lane, batch) : stray(lane);
	case PGRES_TUPLES_OK:
	case PGRES_COMMAND_OK:
		if (batch->mark[0] != '\0')
			return take_mark(lane, batch, result);
		keep_first(&batch->rows, result);
		return true;
	case PGRES_PIPELINE_ABORTED:
		PQclear(result);
		return true;
	default:
		break;
	}
	bool over = ends_connection(result) || batch->mark[0] != '\0';
	if (over)
		store_trouble_set(lane->store, "%s: %s", lane->host,
				  sqlstate_of(result)[0] == '\0'
					  ? "connection lost"
					  : error_field(result, PG_DIAG_MESSAGE_PRIMARY));
	keep_first(&batch->error, result);
	return !over;
}

bool
answers_read(struct lane *lane)
{
	bool alive = PQconsumeInput(lane->conn) == 1;
	/* A NULL ends the results of a statement. Two of them: the connection has no more to say.
	 */
	int nulls = 0;
	while (!list_empty(&lane->flight) && nulls < 2 && PQisBusy(lane->conn) == 0) {
		PGresult *result = PQgetResult(lane->conn);
		nulls = result == NULL ? nulls + 1 : 0;
		if (result != NULL && !take(lane, result))
			return false;
	}
	if (alive)
		alive = PQstatus(lane->conn) == CONNECTION_OK;
	if (!alive)
		store_trouble_set(lane->store, "%s: connection lost", lane->host);
	return alive;
}

/* A look-up may be asked again of another lane, once; what a commit did nobody knows. */
static void
lose_ops(struct store *store, struct batch *batch, bool timed_out)
{
	if (batch->kind == BATCH_LOOKUP && !timed_out && store_lanes_up(store) > 0) {
		for (uint32_t i = batch->count; i-- > 0;) {
			struct store_op *op = batch->ops[i];
			if (op == NULL || op->tries > 0)
				continue;
			op->tries++;
			batch->ops[i] = NULL;
			stats->db_retries++;
			list_append(op->alone ? store->alone.next : store->lookups.next, &op->link);
		}
		loop_wake(store->loop);
	}
	batch_fail_ops(store, batch, timed_out ? LOOKUP_TIMEOUT : LOOKUP_UNAVAILABLE,
		       COMMIT_UNKNOWN);
}

/* What is behind another one has waited for that, and has only not been done. */
static void
note_silence(struct store *store, const struct batch *batch, bool behind)
{
	if (behind)
		refusal_met(store, kind_of(batch), false, NO_ANSWER);
	else
		refusal_silent(store, kind_of(batch), batch->sent_ms);
}

void
answers_lost(struct lane *lane, bool timed_out)
{
	bool behind = false;
	while (!list_empty(&lane->flight)) {
		struct batch *batch = container_of(lane->flight.next, struct batch, link);
		list_remove(&batch->link);
		lane->in_flight--;
		stats->db_errors[timed_out ? SQL_CLASS_TIMEOUT : SQL_CLASS_LOST]++;
		bool ops = batch->kind == BATCH_LOOKUP || batch->kind == BATCH_COMMIT;
		if (ops && timed_out)
			note_silence(lane->store, batch, behind);
		if (batch->kind == BATCH_QUERY) {
			batch->query->in_vain = timed_out && !behind;
			store_query_finish(batch->query, QUERY_UNAVAILABLE, NULL);
		} else if (ops) {
			lose_ops(lane->store, batch, timed_out);
		}
		behind = behind || batch->kind != BATCH_PING;
		give_back(lane, batch);
	}
}
