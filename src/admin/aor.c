/* One address-of-record: what it has, and the removal of one or all of its bindings, which takes
 * the same guarded commit as a REGISTER. */
#include "binding.h"
#include "domain.h"

/* A phone in a loop is hard to catch; the deadline is the real limit. */
#define CONFLICTS_MAX 1000u

struct aor_work {
	struct address address;
	struct str id; /* of the binding to remove; empty: all */
	unsigned attempts;
	struct record after;
	unsigned removed;
};

static void
ask(struct exchange *x, void (*then)(struct exchange *))
{
	struct aor_work *work = x->work;
	x->op.aor = work->address.key;
	x->op.domain = work->address.domain;
	exchange_lookup(x, then);
}

/* Is there a record to go on with? If not, it is answered. */
static bool
record_found(struct exchange *x)
{
	const struct aor_work *work = x->work;
	if (x->op.looked_up != LOOKUP_FOUND)
		exchange_unavailable(x);
	else if (x->op.record->exists)
		return true;
	else
		address_unknown(x, &work->address);
	return false;
}

static void
show_found(struct exchange *x)
{
	struct aor_work *work = x->work;
	bool nobody = x->op.looked_up == LOOKUP_FOUND && !x->op.record->exists;
	if (nobody && address_by_alias(x, &work->address)) {
		ask(x, show_found);
		return;
	}
	if (!record_found(x))
		return;
	const struct record *record = x->op.record;
	int64_t at_ms = binding_now_ms(x);
	json_t *items = json_array();
	for (uint32_t i = 0; i < record->binding_count; i++)
		if (record->bindings[i].expires_ms > at_ms)
			json_array_append_new(items, binding_json(&record->bindings[i],
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
	x->op.login = STR("");
	ask(x, then);
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
		if (x->op.committed == COMMIT_UNKNOWN)
			x->op.sure = x->written = true;
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
				 exchange_hint(x, "Nothing was changed. The log of PostgreSQL "
						  "says more."));
		return;
	case COMMIT_UNAVAILABLE:
	case COMMIT_OVERDUE:
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
	} else if (!x->op.sure) { /* it is gone here, and may be on the standby still */
		x->op.sure = true;
		exchange_lookup(x, remove_found);
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
