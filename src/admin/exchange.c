/* Waiting and answering: what every handler needs. Nothing here knows a route. */
#include "exchange.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin_internal.h"
#include "base/memo.h"
#include "base/wipe.h"
#include "json.h"
#include "stream.h"

#define PERHAPS "The change may or may not have been made: look before you try again."

/* --- waiting -------------------------------------------------------------------------- */

static void
release(struct exchange *x)
{
	if (x->response != NULL && !x->response_shared)
		MHD_destroy_response(x->response);
	stream_free(x);
	if (x->body != NULL)
		explicit_bzero(x->body, x->body_cap);
	free(x->body);
	json_decref(x->held);
	arena_reset(&x->page_arena);
	arena_reset(&x->arena);
	free(x);
}

void
exchange_forget(struct exchange *x)
{
	x->forgotten = true;
	if (!x->waiting)
		release(x);
}

void
exchange_wait(struct exchange *x)
{
	if (x->answered)
		return;
	if (!x->waiting) { /* a handler gives up only for want of memory */
		exchange_out_of_memory(x);
		return;
	}
	exchange_suspend(x);
}

void
exchange_suspend(struct exchange *x)
{
	MHD_suspend_connection(x->connection);
	x->suspended = true;
	fifo_start(&x->admin->deadlines, &x->deadline);
}

void
exchange_resume(struct exchange *x)
{
	if (!x->suspended)
		return;
	fifo_stop(&x->deadline);
	x->suspended = false;
	MHD_resume_connection(x->connection);
	x->surface->due = true;
}

/* True when what the store brings is still wanted. */
static bool
let_go(struct exchange *x)
{
	json_begin();
	x->waiting = false;
	x->admin->waiting_count--;
	if (!x->answered || (x->stream != NULL && x->suspended))
		return true;
	if (x->forgotten)
		release(x);
	return false;
}

static bool
asks_master(const struct exchange *x)
{
	return !list_empty(&x->command_link);
}

static void
stop_asking(struct exchange *x)
{
	list_remove(&x->command_link);
}

void
exchange_expired(struct fifo *fifo, struct fifo_entry *entry)
{
	struct exchange *x = container_of(entry, struct exchange, deadline);
	char detail[128];
	bool writes = x->route->role == ROLE_ADMIN;
	if (asks_master(x)) {
		exchange_problem(x, 503, "master_timeout", "Master too slow",
				 "The master process has not answered in time.", NULL,
				 "What was asked for may still happen: look before you try again.");
		stop_asking(x);
		let_go(x);
		return;
	}
	snprintf(detail, sizeof(detail), "PostgreSQL has not answered within %llu ms.",
		 (unsigned long long)fifo->duration_ms);
	exchange_problem(x, 503, "database_timeout", "Database too slow", detail, NULL,
			 writes ? PERHAPS : "Try again; admin.request_timeout is the limit.");
}

static bool
may_ask(struct exchange *x)
{
	bool whole = json_whole();
	if (!whole || !arena_ok(&x->arena)) {
		exchange_out_of_memory(x);
		return false;
	}
	x->waiting = true;
	x->asked = true;
	x->admin->waiting_count++;
	return true;
}

static void
query_failed(struct exchange *x)
{
	char detail[400];
	if (strcmp(x->query.sqlstate, "23505") == 0) { /* unique_violation */
		exchange_problem(x, 409, "conflict", "Changed meanwhile",
				 "Somebody else wrote the same user or login.", NULL, "Try again.");
		return;
	}
	/* check_violation: what may be asked for is judged before, so it is a rule that somebody
	 * made besides ours, or of a row that he wrote by SQL */
	if (strcmp(x->query.sqlstate, "23514") == 0) {
		bool one = strcmp(x->query.name, "admin_user_change") == 0; /* $1 is its address */
		snprintf(detail, sizeof(detail), "What %.100s would hold breaks a rule: %s.",
			 one ? x->query.params[0] : "an account", x->query.says);
		exchange_problem(x, 409, "conflict", "No such account may be written", detail, NULL,
				 "Correct the row by SQL, or delete it: docs/schema.md, Accounts.");
		return;
	}
	if (strcmp(x->query.sqlstate, "57014") == 0) { /* statement_timeout */
		exchange_problem(x, 503, "database_timeout", "Database too slow",
				 "PostgreSQL ended the statement at its time limit.", NULL,
				 exchange_hint(x, "Nothing was changed. Ask for less at once, or "
						  "raise database.query_timeout."));
		return;
	}
	snprintf(detail, sizeof(detail), "PostgreSQL refused statement %s (SQLSTATE %s).",
		 x->query.name, x->query.sqlstate);
	exchange_problem(x, 500, "internal", "Statement failed", detail, NULL,
			 exchange_hint(x, "Nothing was changed. The log of PostgreSQL says more."));
}

static void
query_done(struct store_query *query, enum query_result result, const struct store_rows *rows)
{
	struct exchange *x = container_of(query, struct exchange, query);
	if (!let_go(x))
		return;
	if (result == QUERY_DONE)
		x->then_rows(x, rows);
	else if (result == QUERY_FAILED)
		query_failed(x);
	else
		exchange_unavailable(x);
}

void
exchange_query(struct exchange *x, const char *name, int param_count,
	       void (*then)(struct exchange *, const struct store_rows *))
{
	if (!may_ask(x))
		return;
	x->then_rows = then;
	x->query.name = name;
	x->query.param_count = param_count;
	x->query.done = query_done;
	if (x->suspended && x->query.patient) /* one of many: each has its time */
		fifo_start(&x->admin->deadlines, &x->deadline);
	store_run(x->admin->store, &x->query);
}

static void
op_done(struct store_op *op)
{
	struct exchange *x = container_of(op, struct exchange, op);
	if (let_go(x))
		x->then_op(x);
}

void
exchange_lookup(struct exchange *x, void (*then)(struct exchange *))
{
	if (!may_ask(x))
		return;
	x->then_op = then;
	x->op.arena = &x->arena;
	x->op.done = op_done;
	store_lookup(x->admin->store, &x->op);
}

void
exchange_commit(struct exchange *x, void (*then)(struct exchange *))
{
	if (!may_ask(x))
		return;
	x->then_op = then;
	x->op.done = op_done;
	store_commit(x->admin->store, &x->op);
}

static void
pause_over(struct timer *timer)
{
	struct exchange *x = container_of(timer, struct exchange, pause);
	list_remove(&x->pause_link);
	if (let_go(x))
		x->then_on(x);
}

void
exchange_pause(struct exchange *x, uint32_t ms, void (*then)(struct exchange *))
{
	x->waiting = true;
	x->admin->waiting_count++;
	x->then_on = then;
	list_append(&x->admin->pauses, &x->pause_link);
	timer_start(x->admin->loop, &x->pause, ms, pause_over);
}

void
exchange_no_pause(struct admin *admin)
{
	struct list *link;
	while ((link = list_take_first(&admin->pauses)) != NULL) {
		struct exchange *x = container_of(link, struct exchange, pause_link);
		timer_stop(&x->pause);
		if (let_go(x))
			stream_cut(x);
	}
}

void
exchange_command(struct exchange *x, const struct command *command,
		 void (*then)(struct exchange *, enum command_outcome, struct str))
{
	struct admin *admin = x->admin;
	if (!may_ask(x))
		return;
	x->then_report = then;
	x->command_id = ++admin->last_command;
	list_append(&admin->commands, &x->command_link);
	if (admin->ask(admin->ask_arg, x->command_id, command))
		return;
	stop_asking(x);
	if (let_go(x))
		exchange_problem(x, 503, "overloaded", "Master busy",
				 "The master process takes no further commands just now.", NULL,
				 "Nothing was changed. Try again in a second.");
}

void
admin_report(struct admin *admin, uint32_t id, enum command_outcome outcome, int memo)
{
	size_t len = 0;
	char *text = memo < 0 ? NULL : memo_read(memo, &len);
	list_each (node, &admin->commands) {
		struct exchange *x = container_of(node, struct exchange, command_link);
		if (x->command_id != id)
			continue;
		stop_asking(x);
		if (let_go(x))
			x->then_report(x, outcome, (struct str){ text, len });
		break;
	}
	free(text);
}

void
exchange_no_master(struct admin *admin)
{
	struct list *link;
	while ((link = list_take_first(&admin->commands)) != NULL) {
		struct exchange *x = container_of(link, struct exchange, command_link);
		if (let_go(x))
			exchange_problem(x, 503, "draining", "Stopping",
					 "The daemon stops before it could answer.", NULL, NULL);
	}
}

/* --- answering ------------------------------------------------------------------------ */

void
exchange_header(struct exchange *x, const char *name, const char *value)
{
	if (x->response != NULL)
		MHD_add_response_header(x->response, name, value);
}

const char *
exchange_hint(const struct exchange *x, const char *unchanged)
{
	return x->written ? PERHAPS : unchanged;
}

static void
settle(struct exchange *x, unsigned status, struct MHD_Response *response)
{
	x->response = response;
	x->status = status;
	x->answered = true;
	exchange_resume(x);
}

void
exchange_describe(struct MHD_Response *response, const char *type)
{
	if (type != NULL)
		MHD_add_response_header(response, "Content-Type", type);
	MHD_add_response_header(response, "Cache-Control", "no-store");
}

/* text (may be NULL) is taken over, and zeroed behind the answer: it may be a page of hashes. */
static void
answer(struct exchange *x, unsigned status, char *text, const char *type)
{
	struct MHD_Response *response =
		text == NULL ? MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT)
			     : MHD_create_response_from_buffer_with_free_callback(strlen(text),
										  text, wipe_free);
	if (response == NULL)
		wipe_free(text);
	exchange_answer_response(x, status, response, text == NULL ? NULL : type);
}

void
exchange_answer_response(struct exchange *x, unsigned status, struct MHD_Response *response,
			 const char *type)
{
	if (response != NULL)
		exchange_describe(response, type);
	settle(x, status, response);
}

void
exchange_answer(struct exchange *x, unsigned status, json_t *document)
{
	char *text = json_written(document);
	json_decref(document);
	bool whole = json_whole() && arena_ok(&x->arena) && arena_ok(&x->page_arena);
	if (whole && text != NULL) {
		answer(x, status, text, "application/json");
		return;
	}
	wipe_free(text);
	exchange_out_of_memory(x);
}

void
exchange_answer_empty(struct exchange *x, unsigned status)
{
	answer(x, status, NULL, NULL);
}

void
exchange_answer_shared(struct exchange *x, unsigned status, struct MHD_Response *response)
{
	x->response_shared = true;
	settle(x, status, response);
}

void
exchange_answer_text(struct exchange *x, unsigned status, const char *text)
{
	answer(x, status, strdup(text), "text/plain; charset=utf-8");
}

/* The document of a problem (RFC 9457). */
static json_t *
problem_of(unsigned status, const char *reason, const char *title, const char *detail,
	   const char *hint)
{
	char type[96];
	snprintf(type, sizeof(type), "urn:rollcall:problem:%s", reason);
	for (char *c = type; *c != '\0'; c++)
		if (*c == '_')
			*c = '-';
	json_t *problem =
		json_pack("{s:s,s:s,s:i,s:o,s:s}", "type", type, "title", title, "status",
			  (int)status, "detail", json_octets(str_of(detail)), "reason", reason);
	if (hint != NULL)
		json_object_set_new(problem, "hint", json_octets(str_of(hint)));
	return problem;
}

/* It says what it can. */
static void
answer_problem(struct exchange *x, unsigned status, json_t *problem)
{
	answer(x, status, json_written(problem), "application/problem+json");
	json_decref(problem);
	json_begin();
}

void
exchange_problem(struct exchange *x, unsigned status, const char *reason, const char *title,
		 const char *detail, const char *field, const char *hint)
{
	if (x->stream != NULL) {
		stream_cut(x);
		return;
	}
	if (status < 500 && !arena_ok(&x->arena)) { /* nothing may be wrong but for that */
		exchange_out_of_memory(x);
		return;
	}
	json_t *problem = problem_of(status, reason, title, detail, hint);
	if (field != NULL)
		json_object_set_new(problem, "field", json_string(field));
	answer_problem(x, status, problem);
}

void
exchange_problem_list(struct exchange *x, unsigned status, const char *reason, const char *title,
		      const char *detail, json_t *errors, const char *hint)
{
	json_t *problem = problem_of(status, reason, title, detail, hint);
	json_object_set_new(problem, "errors", errors);
	if (json_whole()) {
		answer_problem(x, status, problem);
		return;
	}
	json_decref(problem);
	exchange_problem(x, 503, "overloaded", "Out of memory", detail, NULL,
			 "There is no memory to say what is wrong; the log has it.");
}

void
exchange_out_of_memory(struct exchange *x)
{
	bool writes = x->route != NULL && x->route->role == ROLE_ADMIN;
	exchange_problem(x, 503, "overloaded", "Out of memory",
			 "The request does not fit beside the others.", NULL,
			 writes && x->asked
				 ? "A change may have been made: look before you try again."
				 : "Nothing was changed. Try again, with less at once.");
}

void
exchange_unknown_user(struct exchange *x)
{
	exchange_problem(x, 404, "aor_unknown", "No such user",
			 "This address-of-record has no account.", NULL,
			 "rollcallctl user list shows those that exist.");
}

void
exchange_unavailable(struct exchange *x)
{
	char detail[300];
	const char *trouble = store_trouble(x->admin->store);
	snprintf(detail, sizeof(detail), "PostgreSQL does not answer%s%s.",
		 *trouble == '\0' ? "" : ": ", trouble);
	exchange_problem(x, 503, "database_unavailable", "Database unavailable", detail, NULL,
			 x->route->role == ROLE_ADMIN
				 ? "A change that was on its way may have been made: look before "
				   "you try again. rollcallctl status shows when it is up."
				 : "Try again when rollcallctl status shows the database up.");
}

json_t *
exchange_object(struct exchange *x)
{
	json_error_t error;
	bool no_room;
	json_t *document = json_read(x->body == NULL ? "" : x->body, x->body_len, &error, &no_room);
	if (json_is_object(document))
		return document;
	char detail[128] = "The body must be a JSON object.";
	if (document == NULL && no_room) {
		exchange_out_of_memory(x);
		return NULL;
	}
	/* The parser's own words may quote the body, and with it a password. */
	if (document == NULL)
		snprintf(detail, sizeof(detail), "The body is not JSON, at line %d, column %d.",
			 error.line, error.column);
	json_decref(document);
	exchange_problem(x, 400, "invalid_body", "Body cannot be read", detail, NULL,
			 "Send one JSON object.");
	return NULL;
}

static bool
among(const char *names, const char *name)
{
	struct str rest = str_of(names), word;
	bool more = true;
	while (more) {
		more = str_cut(rest, ' ', &word, &rest);
		if (str_eq(word, str_of(name)))
			return true;
	}
	return false;
}

json_t *
exchange_options(struct exchange *x, const char *fields)
{
	json_t *options = x->body_len == 0 ? json_object() : exchange_object(x), *value;
	const char *name;
	if (options == NULL) {
		if (!x->answered)
			exchange_out_of_memory(x);
		return NULL;
	}
	json_object_foreach(options, name, value)
	{
		if (among(fields, name))
			continue;
		exchange_problem(x, 400, "invalid_field", "Unknown field",
				 "The body has a field that is not known here.", name,
				 *fields == '\0' ? "Leave the body out." : fields);
		json_decref(options);
		return NULL;
	}
	return options;
}
