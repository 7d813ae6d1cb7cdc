/* Bindings over HTTP: lists come from SQL, page by page; a removal takes the same guarded commit as
 * a REGISTER. */
#include <stdio.h>
#include <string.h>

#include "admin_internal.h"
#include "arguments.h"
#include "json.h"

#define CONFLICTS_MAX 50u /* a phone in a loop is hard to catch; the deadline is the real limit */

/* The URN without its angle brackets, null without one; text is given up. */
static json_t *
json_instance(json_t *text)
{
	struct str urn = { json_string_value(text), json_string_length(text) };
	if (urn.len > 1 && urn.p[0] == '<' && urn.p[urn.len - 1] == '>')
		urn = str_slice(urn, 1, urn.len - 2);
	json_t *value = str_empty(urn) ? json_null() : json_stringn(urn.p, urn.len);
	json_decref(text);
	return value;
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
		json_wire(&x->arena, value[ID]), "aor", json_aor(value[AOR]), "contact",
		json_wire(&x->arena, value[CONTACT]), "instance",
		json_instance(json_wire(&x->arena, value[INSTANCE])), "transport",
		json_wire(&x->arena, value[TRANSPORT]), "secure",
		str_eq(value[TRANSPORT], STR("tls")), "source", json_wire(&x->arena, value[SOURCE]),
		"node", json_wire(&x->arena, value[NODE]), "q", json_q(value[Q]), "call_id",
		json_wire(&x->arena, value[CALL_ID]), "cseq",
		json_integer(milliseconds(value[CSEQ])), "user_agent",
		json_wire(&x->arena, value[AGENT]), "created_at",
		json_time(milliseconds(value[CREATED])), "updated_at",
		json_time(milliseconds(value[UPDATED])), "expires_at", json_time(expires_ms),
		"expires_in", (json_int_t)((expires_ms - now_ms + 999) / 1000));
}

struct list_work {
	struct page page;
	int64_t now_ms;
};

/* Of the database, which is what expiry is measured by. */
static int64_t
now_ms(const struct exchange *x)
{
	return loop_real_ms(x->admin->loop) + store_clock_offset_ms(x->admin->store);
}

static void
list_rows(struct exchange *x, const struct store_rows *rows)
{
	struct list_work *work = x->work;
	int count = store_rows_count(rows);
	int shown = count > (int)work->page.size ? (int)work->page.size : count;
	json_t *items = json_array();
	for (int row = 0; row < shown; row++)
		json_array_append_new(items, json_row(x, rows, row, work->now_ms));
	json_t *page = json_pack("{s:o}", "items", items);
	if (count > shown)
		json_object_set_new(page, "next_page_token",
				    page_token(&x->arena, store_rows_value(rows, shown - 1, AOR),
					       store_rows_value(rows, shown - 1, ID)));
	exchange_answer(x, 200, page);
}

static const char *
number_text(struct arena *arena, int64_t value)
{
	char text[24];
	snprintf(text, sizeof(text), "%lld", (long long)value);
	return arena_text(arena, str_of(text));
}

static bool
transport_known(struct exchange *x, const char *word)
{
	for (unsigned t = 0; word != NULL && t < TRANSPORT_COUNT; t++)
		if (strcmp(word, transport_word((enum transport)t)) == 0)
			return true;
	if (word != NULL)
		exchange_problem(x, 400, "invalid_argument", "transport is no good",
				 "transport is udp, tcp or tls.", "transport", NULL);
	return word == NULL;
}

void
bindings_list(struct exchange *x)
{
	struct list_work *work = arena_alloc(&x->arena, sizeof(*work));
	const char **params = x->query.params;
	if (work == NULL || !page_asked(x, &work->page) ||
	    !argument_param(x, "domain", &params[0]) || !argument_user_param(x, &params[1]) ||
	    !argument_param(x, "transport", &params[2]) || !transport_known(x, params[2]))
		return;
	work->now_ms = now_ms(x);
	x->work = work;
	params[3] = arena_text(&x->arena, work->page.after);
	params[4] = arena_text(&x->arena, work->page.after_id);
	params[5] = number_text(&x->arena, (int64_t)work->page.size + 1);
	params[6] = number_text(&x->arena, work->now_ms);
	x->query.patient = true;
	exchange_query(x, "admin_bindings", 7, list_rows);
}

/* --- one address ---------------------------------------------------------------------- */

struct aor_work {
	struct address address;
	struct str id; /* of the binding to remove; empty: all */
	unsigned attempts;
	struct record after;
	unsigned removed;
};

static json_t *
json_binding(const struct binding *b, struct str key, int64_t at_ms)
{
	return json_pack("{s:o,s:o,s:o,s:o,s:s,s:b,s:o,s:o,s:o,s:o,s:I,s:o,s:o,s:o,s:o,s:I}", "id",
			 json_octets(b->id), "aor", json_aor(key), "contact", json_octets(b->uri),
			 "instance", json_instance(json_octets(b->instance)), "transport",
			 transport_word(b->transport), "secure", b->transport == TRANSPORT_TLS,
			 "source", json_octets(b->source), "node", json_octets(b->node), "q",
			 b->q < 0 ? json_null() : json_real(b->q / 1000.0), "call_id",
			 json_octets(b->call_id), "cseq", (json_int_t)b->cseq, "user_agent",
			 json_octets(b->user_agent), "created_at", json_time(b->created_ms),
			 "updated_at", json_time(b->updated_ms), "expires_at",
			 json_time(b->expires_ms), "expires_in",
			 (json_int_t)((b->expires_ms - at_ms + 999) / 1000));
}

static bool
record_found(struct exchange *x)
{
	if (x->op.looked_up == LOOKUP_FOUND && x->op.record->exists)
		return true;
	if (x->op.looked_up == LOOKUP_FOUND)
		exchange_unknown_user(x);
	else
		exchange_unavailable(x);
	return false;
}

static void
show_found(struct exchange *x)
{
	const struct aor_work *work = x->work;
	if (!record_found(x))
		return;
	const struct record *record = x->op.record;
	int64_t at_ms = now_ms(x);
	json_t *items = json_array();
	for (uint32_t i = 0; i < record->binding_count; i++)
		if (record->bindings[i].expires_ms > at_ms)
			json_array_append_new(items, json_binding(&record->bindings[i],
								  work->address.key, at_ms));
	exchange_answer(
		x, 200,
		json_pack("{s:o,s:o}", "aor", json_aor(work->address.key), "bindings", items));
}

static void
look_up(struct exchange *x, void (*then)(struct exchange *))
{
	struct aor_work *work = arena_alloc(&x->arena, sizeof(*work));
	if (work == NULL || !address_of_path(x, &work->address))
		return;
	work->id = x->segment_count > 1 ? x->segments[1] : STR("");
	x->work = work;
	x->op.aor = work->address.key;
	x->op.domain = work->address.domain;
	x->op.login = STR("");
	exchange_lookup(x, then);
}

void
aor_show(struct exchange *x)
{
	look_up(x, show_found);
}

/* --- removing ------------------------------------------------------------------------- */

static void remove_found(struct exchange *x);

static void
remove_committed(struct exchange *x)
{
	struct aor_work *work = x->work;
	switch (x->op.committed) {
	case COMMIT_DONE:
		stats->binding_changes[CHANGE_REMOVED] += work->removed;
		exchange_answer_empty(x, 204);
		return;
	case COMMIT_CONFLICT:
	case COMMIT_UNKNOWN: /* removing again what is gone does no harm */
		if (work->attempts++ < CONFLICTS_MAX) {
			exchange_lookup(x, remove_found);
			return;
		}
		exchange_problem(x, 409, "conflict", "Changed meanwhile",
				 "The phone registered at the same time, again and again.", NULL,
				 "Try again.");
		return;
	case COMMIT_FAILED:
		exchange_problem(x, 500, "internal", "Statement failed",
				 "PostgreSQL refused to store the record.", NULL,
				 "Nothing was changed. The log of PostgreSQL says more.");
		return;
	case COMMIT_UNAVAILABLE:
		exchange_unavailable(x);
		return;
	}
}

/* The record without the binding, or without any. False when memory is out. */
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
remove_found(struct exchange *x)
{
	struct aor_work *work = x->work;
	if (!record_found(x))
		return;
	if (!plan_removal(x, x->op.record)) {
		exchange_out_of_memory(x);
	} else if (work->removed > 0) {
		x->op.version = x->op.record->version;
		x->op.after = &work->after;
		exchange_commit(x, remove_committed);
	} else if (!str_empty(work->id) && work->attempts == 0) {
		exchange_problem(x, 404, "binding_unknown", "No such binding",
				 "The address has no binding with this id.", NULL,
				 "rollcallctl binding show lists them with their ids.");
	} else {
		exchange_answer_empty(x, 204);
	}
}

void
bindings_remove(struct exchange *x)
{
	look_up(x, remove_found);
}
