/*
 * What the files of this module share. The way of an operation: store.c queues it, batch.c sends it
 * with its neighbours over a lane and reads the answer, lane.c and setup.c keep lanes connected.
 */
#pragma once

#include <libpq-fe.h>

#include "net/timer.h"
#include "params.h"
#include "resolve.h"
#include "statements.h"
#include "store/store.h"

#define LANE_SLOTS 32 /* statements in flight on one lane */
#define HELD_MS 5     /* what waits for company is sent after so long, whatever is in flight */
#define SILENT_MS 500
#define DOUBT_MS 200	 /* unanswered on one lane: the idle ones are asked whether they live */
#define PING_MS 1000	 /* of silence on an idle lane */
#define CAREFUL_MS 60000 /* behind the last lock that was met, commits wait for none */
#define CHECK_MS 1000	 /* a busy one is asked so often whether it is still what it was */

#define NO_ANSWER "no answer in time"
#define TOLD_MAX 4u
#define SESSION_BYTES 40u
#define ORPHANS_MAX 256u /* four for each lane, when there are as many as there may be */

enum op_kind { OP_LOOKUP, OP_COMMIT };

enum batch_kind { BATCH_SETUP, BATCH_PING, BATCH_LOOKUP, BATCH_COMMIT, BATCH_QUERY };

/* One statement and its sync: one implicit transaction. */
#define MARK_BYTES 17
#define STRAY_ANSWER "an answer that belongs to another connection of the pooler"

struct batch {
	struct list link; /* in lane->flight, oldest first, or lane->spare */
	enum batch_kind kind;
	enum statement statement;
	uint64_t sent_ms;
	uint64_t sent_us;      /* the same, to measure with */
	struct store_op **ops; /* room for batch_rows; NULL once completed */
	uint32_t count;
	struct store_query *query;
	char mark[MARK_BYTES]; /* comes first, see transaction.sql; empty: nothing is wanted of it
				*/
	PGresult *rows;	       /* kept until the sync: only then is it committed */
	PGresult *error;       /* the first */
};

enum lane_state { LANE_DOWN, LANE_RESOLVING, LANE_CONNECTING, LANE_CHECKING, LANE_UP };

struct lane {
	struct store *store;
	enum lane_state state;
	bool refused; /* by setup.c; it is closed when all answers are there */
	struct watch watch;
	PGconn *conn;
	char host[280];		     /* "db1:5432", for people */
	uint64_t timeline;	     /* see timeline.c */
	char session[SESSION_BYTES]; /* its name on the server, see session.sql; empty: none */
	uint64_t deadline_ms;	     /* of resolving, then of connecting */
	uint64_t up_ms;
	uint64_t pinged_ms;
	bool pinged;	   /* and has not answered it */
	uint64_t heard_ms; /* when octets last came, or what waits was sent to an idle lane */
	bool silent;
	bool unreplicated; /* of the oldest in flight: somebody ended the wait for the standby */
	struct list flight;
	struct list spare;
	uint32_t in_flight;
	struct batch batches[LANE_SLOTS];
};

struct sweep {
	struct store_query query;
	struct timer timer;
	uint64_t period_ms;
	uint64_t pause_ms;
	char cursor[8192];
};

struct keys {
	struct store_query query;
	bool asking;
	uint64_t next_ms;
	struct nonce_keys nonce;
	bool has_ticket;
	uint8_t ticket[32];
	int64_t nonce_age_ms;
	bool taken[UINT8_MAX + 1]; /* numbers of nonce keys */
	char id[4];
	char secret[2 * 32 + 1];
	char keep_ms[24];
};

/* Sessions of lanes that were lost: asked for whenever a lane connects; the oldest are forgotten.
 * What has gone by itself does no harm among them. */
struct orphans {
	char sessions[ORPHANS_MAX][SESSION_BYTES];
	uint32_t next, count;
	bool nameless; /* one was lost that has no name */
};

/* Look-ups or commits that the database refuses, whatever row it is. */
struct refusal {
	uint64_t since_ms; /* of the first behind the last that was done; 0: none */
	uint64_t next_ms;  /* of the next probe */
	uint64_t done_ms;  /* when one was done last */
	uint64_t sent_ms;  /* when the latest was sent of those that were done */
	uint32_t failures; /* of probes since then */
	uint32_t heard;	   /* of the node's, so many */
	bool locked;	   /* nothing was met but locks */
	bool told;	   /* another process of the node has found it out */
	bool last;	   /* the next probe is for the last row, not the first */
	char why[200];
};

struct refusals {
	struct refusal kinds[2]; /* by enum op_kind */
	struct store_query query;
	enum op_kind asked;
	bool asking;
};

/* The shortest that a batch took lately, mostly the way to the database and back: in this while and
 * in the one before. */
struct trip {
	uint64_t now_us;
	uint64_t before_us;
	uint64_t since_ms;
};

struct store {
	struct loop *loop;
	struct store_settings settings; /* its strings are copies */
	const char *node;
	PQconninfoOption *options; /* of the URL; NULL when it is wrong */
	enum store_state state;
	bool was_up;
	uint32_t told_count; /* sentences logged in this outage: each once, the first few */
	char told[TOLD_MAX][160];
	uint64_t down_since_ms;
	char trouble[512];

	struct lane *lanes;
	struct store_op **op_slots; /* of all batches of all lanes */
	struct lane *connecting;    /* one at a time */
	struct timer connect;
	bool doubt; /* a lane has not answered for DOUBT_MS */
	uint64_t backoff_ms;
	uint64_t retry_ms; /* until the next connect, for people */
	uint32_t rotation; /* address to begin with */
	struct resolve resolve;

	struct list lookups; /* to be sent, oldest first */
	struct list commits;
	struct list alone; /* either, each in a statement of its own */
	struct list queries;
	struct list waiting; /* to be sent again in a moment */
	uint64_t careful_ms; /* until when commits wait for no lock */
	struct list refused; /* complete at the end of the turn */
	struct list refused_queries;
	uint32_t queued; /* accepted and not completed */
	struct timer held;
	struct trip trip;
	struct turn_end turn_end;
	struct timer tick;
	struct timer retry;
	struct params params;
	_Atomic uint64_t timeline; /* the newest, where the node keeps none */
	uint64_t timeline_told_ms; /* when the log last told of an older one; 0: never */
	char identity[80];	   /* of the server and its data, as it says */
	uint32_t server;
	bool clock_known;
	int64_t clock_base_ms; /* the database's clock when our monotonic one stood at 0 */
	uint64_t error_logged_ms;
	struct keys keys;
	struct sweep sweep;
	struct orphans orphans;
	struct refusals refusals;
};

struct store_rows {
	PGresult *result;
};

/* --- store.c */
/* Remembers why; empty again when up. */
void store_trouble_set(struct store *store, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Works out the state anew, logs its change, refuses what waits when the store is not up. */
void store_review(struct store *store);
/* Completes an operation. */
void store_op_finish(struct store *store, struct store_op *op);
void store_lookup_fail(struct store *store, struct store_op *op, enum lookup_result result);
void store_commit_end(struct store *store, struct store_op *op, enum commit_result result);
void store_query_finish(struct store_query *query, enum query_result result, PGresult *rows);
/* Once more, alone, a moment later. False when it has had its tries or its time. */
bool store_op_again(struct store *store, struct store_op *op);
/* Somebody holds a row: until CAREFUL_MS later commits are sent so that they wait for none; never
 * where a statement is to have one row (database.batch_rows = 1). */
void store_be_careful(struct store *store);
bool store_is_careful(const struct store *store);
/* Where it waits to be sent. */
struct list *store_queue_of(struct store *store, const struct store_op *op);
/* Once more when it may be free. False when it has had its time. */
bool store_op_when_free(struct store *store, struct store_op *op);
/* Lanes with room get what waits, the oldest first. */
void store_dispatch(struct store *store);
/* Completes what has waited for longer than it may; store_dispatch() does it too. */
void store_expire(struct store *store);
/* A batch took so long from here to here. */
void store_trip_learn(struct store *store, uint64_t took_us, uint64_t now_ms);
/* Sent with the others when a lane is free, even while the store is not up yet. */
void store_query_add(struct store *store, struct store_query *query);

/* The database's clock showed clock_ms at at_ms of our monotonic one. */
void store_clock_learn(struct store *store, int64_t clock_ms, uint64_t at_ms);

/* --- timeline.c */
/* Is it the history that was seen, or a later one, or does nobody know? */
bool timeline_judge(struct lane *lane, const PGresult *rows);
/* Is it still? */
bool timeline_holds(struct lane *lane);
/* The lane is used. */
void timeline_note(const struct lane *lane);

/* --- refusals.c */
/* Does such an error say something of the database, and not of a row? */
bool refusal_is_general(const char *sqlstate);
/* An operation of this kind came to nothing for such a reason; locked: it met a lock. */
void refusal_met(struct store *store, enum op_kind kind, bool locked, const char *why);
/* One that was sent at sent_ms, with nothing before it on its lane, was not answered in time. */
void refusal_silent(struct store *store, enum op_kind kind, uint64_t sent_ms);
/* One was done that was sent at sent_ms. */
void refusal_over(struct store *store, enum op_kind kind, uint64_t sent_ms);
/* It is another server from now on. */
void refusals_forget(struct store *store);
/* For how long none of a kind has been done, once that is believed; else 0. */
uint64_t refusals_ms(const struct store *store);
/* Sets the trouble, while there is one. */
void refusals_explain(struct store *store);
/* What the server said to a query that failed. */
void refusals_hear(struct store *store, const struct store_query *query, const char *why);
void refusals_tick(struct store *store);

/* --- lane.c */
void lane_init(struct lane *lane, struct store *store, struct store_op **slots);
/* Starts the next connect when one is due: none is under way and some lane is down. */
void lane_connect_next(struct store *store, uint64_t delay_ms);
/* Drops the connection; what was sent over it completes as timed_out or lost. */
void lane_lose(struct lane *lane, bool timed_out);
/* For how long something has waited for an answer on it; 0 when nothing does. */
uint64_t lane_waited_ms(const struct lane *lane);
/* Once a tick: deadlines, silence, heartbeat. */
void lane_tick(struct lane *lane);
/* After the last step of setup. */
void lane_ready(struct lane *lane);
void lane_flush(struct lane *lane);
void lane_resolved(struct resolve *resolve);
uint32_t store_lanes_up(const struct store *store);

/* --- explain.c: sentences, for the log and /readyz */
/* lane->host, of the host that libpq is busy with. */
void explain_host(struct lane *lane);
/* The trouble of a connect that failed, and of one that took too long. */
void explain_failure(struct lane *lane);
void explain_lateness(struct lane *lane);
/* What an error of the server comes from, where its own words do not say; NULL where they do. */
const char *explain_sqlstate(const char *sqlstate);

/* --- setup.c */
/* Asks everything that must be known before a new connection may be used; false when sending
 * failed. */
bool setup_send(struct lane *lane);
/* One more question for it, with values as text; its answer is judged with the others. */
bool setup_send_text(struct lane *lane, enum statement statement, int count,
		     const char *const *values);
/* Judges one answer; false when the server must not be used, with trouble set. */
bool setup_judge(struct lane *lane, const struct batch *batch);
/* Is it still what setup found? False with trouble set. */
bool setup_judge_ping(struct lane *lane, const struct batch *batch);
/* The database's clock, as a ping brought it. */
int64_t setup_clock_ms(const PGresult *rows);

/* What session.sql does, for the statement that is sent next, when the session may be another's
 * behind it. */
bool setup_send_transaction(struct lane *lane, struct batch *batch);

/* --- orphans.c */
/* This lane, which was up, is lost. */
void orphans_add(const struct lane *lane);
/* Has those ended that wait for a standby; false when sending failed. */
bool orphans_end(struct lane *lane);

/* --- batch.c: sending. False when libpq refused: the lane must be dropped, and what could not be
 * handed over is still in its queue. */
/* A free slot; there must be one. */
struct batch *batch_new(struct lane *lane, enum batch_kind kind, enum statement statement);
/* Ends what was handed to libpq with a sync. From here on it may be carried out, whatever becomes
 * of the connection. */
bool batch_post(struct lane *lane, struct batch *batch);
bool batch_send_ops(struct lane *lane, struct list *queue, enum batch_kind kind, bool alone);
bool batch_send_query(struct lane *lane, struct store_query *query);
bool batch_send_ping(struct lane *lane);
/* Nothing of it was done: its operations go back to the head of their queue. */
void batch_return(struct store *store, struct batch *batch);
/* What it could not do together its operations try alone. */
void batch_part(struct store *store, struct batch *batch);
/* Completes the operations that are left in it. */
void batch_fail_ops(struct store *store, struct batch *batch, enum lookup_result lookup,
		    enum commit_result commit);

/* --- answers.c: receiving. */
/* Reads what came; false when the connection is of no more use. */
bool answers_read(struct lane *lane);
/* Fails everything in flight after the connection was lost. */
void answers_lost(struct lane *lane, bool timed_out);

/* --- record.c */
/* One row of a look-up into op->record; false when it is not understood or the arena is exhausted.
 */
bool record_read(struct store_op *op, const PGresult *rows, int row);
int64_t record_clock_ms(const PGresult *rows, int row);
/* The place of the operation that the row answers, from 0; -1 when it is out of bounds. */
int64_t record_place(const PGresult *rows, int row, uint32_t count);

/* --- keys.c */
/* Reads the secrets when it is time, makes and drops them as needed. */
void keys_tick(struct store *store);
bool keys_known(const struct store *store);
