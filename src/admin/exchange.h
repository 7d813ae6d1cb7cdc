/*
 * One HTTP request and its answer. A handler either answers at once or asks the store, and what it
 * named then answers or asks again. The connection is suspended meanwhile, and resumed by the
 * answer: that of the handler, or ours when admin.request_timeout has passed. An exchange that was
 * answered by the time-out stays until the store has let go of it. Once an answer is a stream
 * (stream.h) it is too late for problems: whatever would have been one cuts the stream.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>
#include <microhttpd.h>

#include "accept.h"
#include "admin/command.h"
#include "base/arena.h"
#include "base/list.h"
#include "base/str.h"
#include "net/timer.h"
#include "store/store.h"

struct admin;
struct route;
struct stream;
struct surface;

enum role { ROLE_NONE, ROLE_READ, ROLE_ADMIN };

struct exchange {
	struct admin *admin;
	struct surface *surface;
	struct MHD_Connection *connection;
	const struct route *route;
	enum role role;
	uint64_t began_us;
	int64_t uid; /* who asks, on the Unix socket; -1: unknown */
	struct str method;
	struct str segments[4]; /* what "{}" took of the path, percent-decoded, in the arena */
	unsigned segment_count;
	struct arena arena;
	struct arena page_arena; /* of what one statement of many brought */
	char *body;		 /* whole, once complete; zeroed before it is freed */
	size_t body_len, body_cap;
	bool body_too_large;
	bool body_lost;	  /* there was no memory for it */
	size_t body_seen; /* kept or not */
	bool http_1_0;
	enum media media; /* what it wants to have */
	bool refused;	  /* answered before its body was read */
	bool answered;
	struct MHD_Response *response;
	bool response_shared; /* it is not the exchange's to destroy */
	unsigned status;
	void *work;	       /* the handler's own, in the arena */
	json_t *held;	       /* the handler's own, given up with the exchange */
	bool written;	       /* says the handler: or may have been, whatever fails now */
	struct stream *stream; /* stream.c alone */

	/* Waiting: exchange.c alone */
	bool suspended;
	bool waiting;	/* the store has query or op */
	bool asked;	/* store or master, so what it wants may be done */
	bool forgotten; /* libmicrohttpd is done with the request */
	struct fifo_entry deadline;
	struct store_query query;
	struct store_op op;
	void (*then_rows)(struct exchange *x, const struct store_rows *rows);
	void (*then_op)(struct exchange *x);
	struct list pause_link; /* in the admin's pauses */
	struct timer pause;
	void (*then_on)(struct exchange *x);
	struct list command_link; /* in the admin's commands, while the master has one of ours */
	uint32_t command_id;
	void (*then_report)(struct exchange *x, enum command_outcome outcome, struct str memo);
};

/* After the handler: suspends the connection when it waits for the store or the master. */
void exchange_wait(struct exchange *x);
/* libmicrohttpd forgets the request; frees it, now or when the store lets go. */
void exchange_forget(struct exchange *x);
/* For stream.c: while it waits for more, and when there is some. */
void exchange_suspend(struct exchange *x);
void exchange_resume(struct exchange *x);
/* The deadline of whoever waits. */
void exchange_expired(struct fifo *fifo, struct fifo_entry *entry);

/*
 * Asking. A query is sql/queries/NAME.sql with x->query.params set; then() gets its rows, failures
 * have been answered. A look-up or commit takes what is set in x->op (store/store.h). An arena that
 * was exhausted is answered here, so handlers need not look.
 */
void exchange_query(struct exchange *x, const char *name, int param_count,
		    void (*then)(struct exchange *, const struct store_rows *));
void exchange_lookup(struct exchange *x, void (*then)(struct exchange *));
void exchange_commit(struct exchange *x, void (*then)(struct exchange *));
/* Asks the master; then() gets the report, the text of its memo only as long as the call lasts. */
void exchange_command(struct exchange *x, const struct command *command,
		      void (*then)(struct exchange *, enum command_outcome, struct str memo));
/* A pause of that many milliseconds, then on. */
void exchange_pause(struct exchange *x, uint32_t ms, void (*then)(struct exchange *));
/* Ends all of them, and what they paused. */
void exchange_no_pause(struct admin *admin);
/* Answers all that wait for the master, which is gone. */
void exchange_no_master(struct admin *admin);

/* Answering: a JSON document (taken over), none at all, or problem+json (RFC 9457); field and hint
 * may be NULL. */
void exchange_answer(struct exchange *x, unsigned status, json_t *document);
void exchange_answer_empty(struct exchange *x, unsigned status);
/* Any response (taken over) of that type. */
void exchange_answer_response(struct exchange *x, unsigned status, struct MHD_Response *response,
			      const char *type);
void exchange_answer_text(struct exchange *x, unsigned status, const char *text);
/* One that others get too: it stays the caller's, and has the fields that exchange_describe() gives
 * it. */
void exchange_answer_shared(struct exchange *x, unsigned status, struct MHD_Response *response);
void exchange_describe(struct MHD_Response *response, const char *type);
void exchange_problem(struct exchange *x, unsigned status, const char *reason, const char *title,
		      const char *detail, const char *field, const char *hint);
/* One with a list of errors, which is taken over. */
void exchange_problem_list(struct exchange *x, unsigned status, const char *reason,
			   const char *title, const char *detail, json_t *errors, const char *hint);
void exchange_header(struct exchange *x, const char *name, const char *value);
/* For a problem of the database: unchanged, which says that nothing was, unless something was
 * written. */
const char *exchange_hint(const struct exchange *x, const char *unchanged);
/* Problems of more than one handler. */
void exchange_out_of_memory(struct exchange *x);
void exchange_unknown_user(struct exchange *x);
void exchange_unavailable(struct exchange *x);

/* The body as a JSON object; NULL when it was not one, and then it has been answered. */
json_t *exchange_object(struct exchange *x);
/* The same where it may be left out, which is an empty object, and knows those fields alone, which
 * blanks separate. */
json_t *exchange_options(struct exchange *x, const char *fields);
