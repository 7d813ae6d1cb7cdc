/*
 * The truth, in PostgreSQL, without blocking: RFC 3261 §10.3 asks for all or nothing, and 200 goes
 * out after COMMIT.
 *
 * The operations that gathered while a lane was busy travel together as one set-based statement
 * (batch); an operation that its neighbours could spoil is sent again alone. Nothing ever completes
 * inside the call that started it: done() comes from the loop, exactly once, also when the database
 * is away.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/list.h"
#include "base/str.h"
#include "net/loop.h"
#include "registrar/record.h"
#include "registrar/register.h"

struct store;

struct store_settings {
	const char *url;	   /* libpq connection string, without password */
	const char *password;	   /* NULL: none */
	const char *password_file; /* where it came from, for people */
	const char *application;   /* "rollcalld/NODE"; rows remember the NODE that wrote last */
	uint32_t connections;
	uint32_t connect_timeout_ms;
	uint32_t query_timeout_ms; /* of a statement already sent */
	uint32_t queue_limit;	   /* accepted and not completed; over it: unavailable */
	uint32_t batch_rows;	   /* 1: one-row statements only */
	bool prepared;		   /* false: unnamed statements, for poolers */
	uint32_t retries; /* of one operation after a deadlock, serialization failure or lock
			     timeout */
	uint32_t key_rotation_ms; /* auth.nonce_key_rotation */
	uint32_t nonce_ttl_ms;	  /* auth.nonce_ttl: old keys are kept so much longer */
	bool commits;		  /* registrations: sessions keep the plan that they need */
	bool require_durable;	  /* not usable when fsync or synchronous_commit is off */
	/* A store of this node was up: set by whichever is, and shared by all, so that who takes
	 * another's place goes on under a schema that is newer than what the node began with. NULL:
	 * it has only its own. */
	_Atomic bool *node_was_up;
	/* The history of the database that a store of this node has seen, see timeline.c; NULL:
	 * each has only its own. */
	_Atomic uint64_t *node_timeline;
	/* How often a store of this node found that the database refuses look-ups, and commits: the
	 * others ask for themselves then. Two of them, or NULL. */
	_Atomic uint32_t *node_refusals;
};

enum store_state {
	STORE_CONNECTING, /* never up yet */
	STORE_UP,	  /* a connection was checked and the secrets are known */
	STORE_SILENT,	  /* a connection has been silent for 500 ms and no other one proved alive:
			     new operations complete as unavailable at once (TXN-4321-1) */
	STORE_DOWN,
};

/* One look-up or commit, embedded in the request: sending allocates nothing. */
struct store_op {
	/* In: for both. Zero the rest before the first use; after done() it may be used again. */
	struct str aor;	     /* canonical key; lives until done() */
	struct arena *arena; /* the record of a look-up is copied here; not used by a commit */
	void (*done)(struct store_op *op);
	/* In: what could not be sent for so long is overdue and never sent; 0: it waits for as long
	 * as a statement may take. One that is repeated has left that behind. */
	uint32_t patience_ms;
	/* In: for a look-up: the account of this login in this domain (octets, no escapes) */
	struct str domain;
	struct str login;
	/* In: for a look-up: what it finds is also where commits wait to have it, on the disk of a
	 * synchronous standby. Without this a row may be seen whose wait was cut short. */
	bool sure;
	/* In: for a commit: bindings and marks of after replace those of the row, if its version is
	 * still this one; it is one higher then. Live until done(). */
	int64_t version;
	const struct record *after;
	/* In: for a commit: by the database's clock; what comes later is a conflict. 0: no end */
	int64_t until_ms;
	/* Out */
	enum lookup_result looked_up;
	struct record *record; /* when LOOKUP_FOUND */
	enum commit_result committed;
	/* The store's own */
	struct list link;
	uint64_t started_ms;
	uint64_t again_ms; /* when it is, or was, sent again; 0: never */
	uint8_t kind;
	uint8_t tries;
	bool alone;
};

/* It was sent, came to nothing for reasons of its own, and is sent again. */
static inline bool
store_op_repeated(const struct store_op *op)
{
	return op->alone || op->tries > 0 || op->again_ms > 0;
}

/* Starts connecting; never fails for the database's sake. NULL when memory is out. settings are
 * copied. */
struct store *store_open(struct loop *loop, const struct store_settings *settings);
/* From the next connection on. False when it is the one that is used already, or memory is out. */
bool store_password(struct store *store, const char *password);
/* All connections are up. */
bool store_whole(const struct store *store);
/* Ends the connections; operations still waiting complete as unavailable (commits that were sent:
 * unknown) before it returns. Not from a done(). NULL is allowed. */
void store_close(struct store *store);

/*
 * A look-up keeps nothing: what it finds is as old as its answer. While the store is not up both
 * complete as unavailable. A commit that was sent over a connection that was lost, or whose wait
 * for a synchronous standby was ended, is COMMIT_UNKNOWN: look the row up, sure, and see.
 */
void store_lookup(struct store *store, struct store_op *op);
void store_commit(struct store *store, struct store_op *op);

enum store_state store_state(const struct store *store);
/* For how many milliseconds nothing could be done: since the state last was STORE_UP, or, while it
 * is, since the database began to refuse all look-ups or all commits, for want of space, rights or
 * a standby. What comes is tried all the same then. 0 while there is nothing of the kind. */
uint64_t store_down_ms(const struct store *store);
/* Why it is not up, in words, "database schema is 5, this version needs 7; run: rollcallctl db
 * migrate"; for health and status. Empty when up and nothing is refused. */
const char *store_trouble(const struct store *store);
/* Another number when another server was found good than the last time, or the same one was started
 * anew or has other data: the versions that were read until then may stand for something else now.
 * It is asked about once a second. */
uint32_t store_server(const struct store *store);
/* "db1:5432", whom it is connected to; "" without a connection. */
const char *store_host(const struct store *store);
/* Operations accepted and not completed. */
uint32_t store_queue_length(const struct store *store);

/* Nonce keys of the cluster, newest first; count 0 until they were read once. Kept fresh by the
 * store (D-03). */
const struct nonce_keys *store_nonce_keys(const struct store *store);
/* Secret for session tickets, the same on every node (32 octets); NULL until it was read once. It
 * does not change while the table holds it. */
const uint8_t *store_ticket_secret(const struct store *store);
/* Database time minus ours, from the last look-ups (REG-DB-2). */
int64_t store_clock_offset_ms(const struct store *store);

/*
 * Any other statement, for the admin process: one of the files of sql/queries/ by name (there must
 * be one), text parameters (NULL allowed), one implicit transaction. done() gets the rows, which
 * are gone when it returns; NULL unless QUERY_DONE. Deadlocks and the like are tried again, and on
 * another connection what one refuses that has become read-only. QUERY_UNAVAILABLE: not sent, or
 * refused by such a connection, or the connection or the wait for a standby was lost and nobody
 * knows whether it was done.
 */
struct store_rows;
enum query_result { QUERY_DONE, QUERY_FAILED, QUERY_UNAVAILABLE };
struct store_query {
	const char *name;
	int param_count;
	const char *params[16]; /* live until done() */
	bool patient; /* may take long (a count over everything): its silence is not an alarm */
	void (*done)(struct store_query *query, enum query_result result,
		     const struct store_rows *rows);
	char sqlstate[6]; /* when QUERY_FAILED */
	char says[256];	  /* then: PostgreSQL's words, in printable ASCII */
	bool in_vain;	  /* when QUERY_UNAVAILABLE: it was waited for, itself or its standby */
	struct list link;
	uint64_t started_ms;
	uint8_t tries;
};
void store_run(struct store *store, struct store_query *query);
int store_rows_count(const struct store_rows *rows);
/* The value as text; empty for NULL, which store_rows_null() tells apart. column by position from
 * 0. */
struct str store_rows_value(const struct store_rows *rows, int row, int column);
bool store_rows_null(const struct store_rows *rows, int row, int column);

/*
 * Empties rows whose last binding has expired: every period_ms a pass through the table in steps of
 * 200 rows, with pause_ms between them; counts bindings_expired. For one process a node. It only
 * tidies: expired bindings are no bindings, in or out of the table.
 */
void store_sweep_every(struct store *store, uint64_t period_ms, uint64_t pause_ms);
