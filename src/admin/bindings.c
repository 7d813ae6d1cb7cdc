/* Bindings over HTTP: lists come from SQL, page by page; a removal takes the same guarded commit as
 * a REGISTER. */
#include <stdio.h>
#include <string.h>

#include "admin_internal.h"
#include "base/clock.h"
#include "base/log.h"

#define CONFLICTS_MAX 5u

static json_t *
json_time(int64_t real_ms)
{
	char text[25];
	clock_rfc3339(real_ms / 1000 * 1000, text);
	/* whole seconds: "2026-03-04T11:15:02Z" */
	text[19] = 'Z';
	return json_stringn(text, 20);
}

static json_t *
json_aor(struct str key)
{
	char text[3 * 2048];
	struct writer w = writer_on(text, sizeof(text));
	writer_str(&w, STR("sip:"));
	writer_str(&w, key);
	return json_octets(writer_text(&w));
}

static json_t *
json_q(struct str thousandths)
{
	uint64_t q;
	return str_to_u64(thousandths, 1000, &q) ? json_real((double)q / 1000) : json_null();
}

static int64_t
milliseconds(struct str text)
{
	uint64_t value;
	return str_to_u64(text, INT64_MAX, &value) ? (int64_t)value : 0;
}

/* The columns of admin_bindings.sql. */
enum column {
	AOR,
	ID,
	CONTACT,
	INSTANCE,
	TRANSPORT,
	SOURCE,
	NODE,
	Q,
	CALL_ID,
	CSEQ,
	AGENT,
	CREATED,
	UPDATED,
	EXPIRES
};

static json_t *
json_row(struct exchange *x, const struct store_rows *rows, int row, int64_t now_ms)
{
	struct str value[EXPIRES + 1];
	for (int column = AOR; column <= EXPIRES; column++)
		value[column] = store_rows_value(rows, row, column);
	int64_t expires_ms = milliseconds(value[EXPIRES]);
	return json_pack(
		"{s:o,s:o,s:o,s:o,s:o,s:b,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:I}", "id",
		json_wire(x, value[ID]), "aor", json_aor(value[AOR]), "contact",
		json_wire(x, value[CONTACT]), "instance",
		str_empty(value[INSTANCE]) ? json_null() : json_wire(x, value[INSTANCE]),
		"transport", json_wire(x, value[TRANSPORT]), "secure",
		str_eq(value[TRANSPORT], STR("tls")), "source", json_wire(x, value[SOURCE]), "node",
		json_wire(x, value[NODE]), "q", json_q(value[Q]), "call_id",
		json_wire(x, value[CALL_ID]), "cseq", json_integer(milliseconds(value[CSEQ])),
		"user_agent", json_wire(x, value[AGENT]), "created_at",
		json_time(milliseconds(value[CREATED])), "updated_at",
		json_time(milliseconds(value[UPDATED])), "expires_at", json_time(expires_ms),
		"expires_in", (json_int_t)((expires_ms - now_ms + 999) / 1000));
}

struct list_work {
	unsigned page_size;
	int64_t now_ms;
};

static void
list_done(struct store_query *query, enum query_result result, const struct store_rows *rows)
{
	struct exchange *x = container_of(query, struct exchange, query);
	struct list_work *work = x->work;
	if (result != QUERY_DONE) {
		exchange_database_problem(x, result, query->sqlstate);
		return;
	}
	int count = store_rows_count(rows);
	int shown = count > (int)work->page_size ? (int)work->page_size : count;
	json_t *items = json_array();
	for (int row = 0; row < shown; row++)
		json_array_append_new(items, json_row(x, rows, row, work->now_ms));
	json_t *page = json_pack("{s:o}", "items", items);
	if (count > shown)
		json_object_set_new(page, "next_page_token",
				    exchange_page_token(x, store_rows_value(rows, shown - 1, AOR),
							store_rows_value(rows, shown - 1, ID)));
	exchange_answer(x, 200, page);
}

static const char *
number_text(struct exchange *x, int64_t value)
{
	char *text = arena_alloc(&x->arena, 24);
	if (text == NULL)
		return "0";
	snprintf(text, 24, "%lld", (long long)value);
	return text;
}

/* NULL for an argument that was not given: the statement takes it as "any". */
static const char *
optional(struct exchange *x, const char *name)
{
	struct str value = exchange_argument(x, name);
	return str_empty(value) ? NULL : exchange_z(x, value);
}

void
bindings_list(struct exchange *x)
{
	struct list_work *work = arena_alloc(&x->arena, sizeof(*work));
	struct str after, after_id;
	if (work == NULL || !exchange_page(x, &work->page_size, &after, &after_id))
		return;
	work->now_ms = loop_real_ms(x->admin->loop) + store_clock_offset_ms(x->admin->store);
	x->work = work;
	x->query.params[0] = optional(x, "domain");
	x->query.params[1] = optional(x, "user");
	x->query.params[2] = optional(x, "transport");
	x->query.params[3] = exchange_z(x, after);
	x->query.params[4] = exchange_z(x, after_id);
	x->query.params[5] = number_text(x, (int64_t)work->page_size + 1);
	x->query.params[6] = number_text(x, work->now_ms);
	exchange_query(x, "admin_bindings", 7, list_done);
}

/* --- one address ------------------------------------------------------------------------- */

struct aor_work {
	struct str key;
	struct str id; /* of the binding to remove; empty: all */
	unsigned attempts;
	struct record after;
	unsigned removed;
};

static json_t *
json_binding(const struct binding *b, struct str key, int64_t now_ms)
{
	return json_pack(
		"{s:o,s:o,s:o,s:o,s:s,s:b,s:o,s:o,s:o,s:o,s:I,s:o,s:o,s:o,s:o,s:I}", "id",
		json_octets(b->id), "aor", json_aor(key), "contact", json_octets(b->uri),
		"instance", str_empty(b->instance) ? json_null() : json_octets(b->instance),
		"transport", transport_word(b->transport), "secure", b->transport == TRANSPORT_TLS,
		"source", json_octets(b->source), "node", json_octets(b->node), "q",
		b->q < 0 ? json_null() : json_real(b->q / 1000.0), "call_id",
		json_octets(b->call_id), "cseq", (json_int_t)b->cseq, "user_agent",
		json_octets(b->user_agent), "created_at", json_time(b->created_ms), "updated_at",
		json_time(b->updated_ms), "expires_at", json_time(b->expires_ms), "expires_in",
		(json_int_t)((b->expires_ms - now_ms + 999) / 1000));
}

static bool
record_found(struct exchange *x)
{
	if (x->op.looked_up != LOOKUP_FOUND) {
		exchange_database_problem(x, QUERY_UNAVAILABLE, "");
		return false;
	}
	if (x->op.record->exists)
		return true;
	exchange_problem(x, 404, "aor_unknown", "No such address",
			 "This address-of-record has no account.", NULL,
			 "rollcallctl user list shows those that exist.");
	return false;
}

static void
show_done(struct store_op *op)
{
	struct exchange *x = container_of(op, struct exchange, op);
	struct aor_work *work = x->work;
	if (!record_found(x))
		return;
	int64_t now_ms = loop_real_ms(x->admin->loop) + store_clock_offset_ms(x->admin->store);
	json_t *items = json_array();
	for (uint32_t i = 0; i < op->record->binding_count; i++)
		if (op->record->bindings[i].expires_ms > now_ms)
			json_array_append_new(
				items, json_binding(&op->record->bindings[i], work->key, now_ms));
	exchange_answer(x, 200,
			json_pack("{s:o,s:o}", "aor", json_aor(work->key), "bindings", items));
}

static bool
look_up(struct exchange *x, void (*done)(struct store_op *))
{
	struct aor_work *work = arena_alloc(&x->arena, sizeof(*work));
	struct str user, domain;
	if (work == NULL || !exchange_aor(x, x->segments[0], &work->key, &user, &domain))
		return false;
	work->id = x->segment_count > 1 ? x->segments[1] : (struct str){ NULL, 0 };
	x->work = work;
	x->op.aor = work->key;
	x->op.domain = domain;
	x->op.login = (struct str){ "", 0 };
	x->op.arena = &x->arena;
	x->op.done = done;
	store_lookup(x->admin->store, &x->op);
	return true;
}

void
aor_show(struct exchange *x)
{
	look_up(x, show_done);
}

static void remove_looked_up(struct store_op *op);

static void
remove_committed(struct store_op *op)
{
	struct exchange *x = container_of(op, struct exchange, op);
	struct aor_work *work = x->work;
	switch (op->committed) {
	case COMMIT_DONE:
		exchange_answer(x, 204, NULL);
		return;
	case COMMIT_CONFLICT:
	case COMMIT_UNKNOWN: /* removing again what is gone does no harm */
		if (work->attempts++ < CONFLICTS_MAX) {
			op->done = remove_looked_up;
			store_lookup(x->admin->store, op);
			return;
		}
		exchange_problem(x, 409, "conflict", "Changed meanwhile",
				 "The phone registered at the same time, again and again.", NULL,
				 "Try again.");
		return;
	case COMMIT_FAILED:
		exchange_database_problem(x, QUERY_FAILED, "commit");
		return;
	case COMMIT_UNAVAILABLE:
		exchange_database_problem(x, QUERY_UNAVAILABLE, "");
		return;
	}
}

static bool
plan_removal(struct exchange *x, const struct record *before)
{
	struct aor_work *work = x->work;
	work->after = *before;
	work->after.bindings =
		arena_array(&x->arena, before->binding_count + 1, sizeof(*before->bindings));
	work->after.binding_count = 0;
	if (work->after.bindings == NULL)
		return false;
	for (uint32_t i = 0; i < before->binding_count; i++)
		if (!str_empty(work->id) && !str_eq(before->bindings[i].id, work->id))
			work->after.bindings[work->after.binding_count++] = before->bindings[i];
	work->removed = before->binding_count - work->after.binding_count;
	return true;
}

static void
remove_looked_up(struct store_op *op)
{
	struct exchange *x = container_of(op, struct exchange, op);
	struct aor_work *work = x->work;
	if (!record_found(x))
		return;
	if (!plan_removal(x, op->record)) {
		exchange_problem(x, 503, "overloaded", "Out of memory", "The record does not fit.",
				 NULL, NULL);
		return;
	}
	if (work->removed == 0 && !str_empty(work->id) && work->attempts == 0) {
		exchange_problem(x, 404, "binding_unknown", "No such binding",
				 "The address has no binding with this id.", NULL,
				 "rollcallctl binding show lists them with their ids.");
		return;
	}
	if (work->removed == 0) {
		exchange_answer(x, 204, NULL);
		return;
	}
	op->version = op->record->version;
	op->after = &work->after;
	op->done = remove_committed;
	store_commit(x->admin->store, op);
}

void
bindings_remove(struct exchange *x)
{
	look_up(x, remove_looked_up);
}
