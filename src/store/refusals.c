/*
 * What the database refuses although its connections are good: no space, no rights, no standby. An
 * operation that fails proves little, since it may be its row; so the store asks for itself, at one
 * end of the table and at the other, and believes what neither of them gets done. Silence is no
 * row's, so it is believed at once, where nothing that was sent later was done. The first operation
 * that is done, or probe, ends it: it comes back also when nobody sends a phone here.
 */
#include <stdio.h>
#include <string.h>

#include "inside.h"

#define PROBE_MS 2000
#define DOUBT_PROBE_MS 500 /* behind one that failed, which may have been its row */
#define BELIEVED 2u

static const char *const probes[] = {
	[OP_LOOKUP] = "probe_lookups", [OP_COMMIT] = "probe_commits"
};
static const char *const words[] = { [OP_LOOKUP] = "look-ups", [OP_COMMIT] = "changes" };

/* About the database, whatever the row: its space and memory, its disk, rights and objects that are
 * missing, read-only, inner errors, too slow for its own deadline, a table that is locked. */
bool
refusal_is_general(const char *sqlstate)
{
	static const char *const classes[] = { "53", "58",    "42",    "3F",
					       "XX", "25006", "57014", "55P03" };
	for (size_t i = 0; i < sizeof(classes) / sizeof(*classes); i++)
		if (strncmp(sqlstate, classes[i], strlen(classes[i])) == 0)
			return true;
	return false;
}

static bool
believed(const struct refusal *refusal)
{
	return refusal->failures >= BELIEVED;
}

static void
set_why(struct refusal *refusal, const char *why)
{
	str_copy(refusal->why, sizeof(refusal->why),
		 str_slice(str_of(why), 0, sizeof(refusal->why) - 1));
}

/* Somebody's locks are no beginning of what the database refuses. */
static void
begin_or_go_on(const struct store *store, struct refusal *refusal, bool locked)
{
	if (refusal->since_ms != 0 && (!refusal->locked || locked))
		return;
	refusal->since_ms = loop_now_ms(store->loop);
	refusal->failures = 0;
	refusal->locked = locked;
}

void
refusal_met(struct store *store, enum op_kind kind, bool locked, const char *why)
{
	struct refusal *refusal = &store->refusals.kinds[kind];
	begin_or_go_on(store, refusal, locked);
	if (!believed(refusal))
		set_why(refusal, why);
}

/* Not sooner than its time the next probe all the same. */
void
refusal_over(struct store *store, enum op_kind kind, uint64_t sent_ms)
{
	struct refusal *refusal = &store->refusals.kinds[kind];
	refusal->since_ms = 0;
	refusal->failures = 0;
	refusal->told = false;
	refusal->done_ms = loop_now_ms(store->loop);
	if (sent_ms > refusal->sent_ms)
		refusal->sent_ms = sent_ms;
}

void
refusals_forget(struct store *store)
{
	for (int kind = OP_LOOKUP; kind <= OP_COMMIT; kind++)
		refusal_over(store, (enum op_kind)kind, loop_now_ms(store->loop));
}

uint64_t
refusals_ms(const struct store *store)
{
	uint64_t longest_ms = 0, now_ms = loop_now_ms(store->loop);
	for (int kind = OP_LOOKUP; kind <= OP_COMMIT; kind++) {
		const struct refusal *refusal = &store->refusals.kinds[kind];
		if (believed(refusal) && now_ms - refusal->since_ms >= longest_ms)
			longest_ms = now_ms - refusal->since_ms + 1; /* never 0 */
	}
	return longest_ms;
}

void
refusals_explain(struct store *store)
{
	for (int kind = OP_LOOKUP; kind <= OP_COMMIT; kind++) {
		const struct refusal *refusal = &store->refusals.kinds[kind];
		if (believed(refusal)) {
			store_trouble_set(store, "%s refuses %s: %s", store_host(store),
					  words[kind], refusal->why);
			return;
		}
	}
}

void
refusals_hear(struct store *store, const struct store_query *query, const char *why)
{
	struct refusal *refusal = &store->refusals.kinds[store->refusals.asked];
	if (query == &store->refusals.query && !believed(refusal))
		set_why(refusal, why);
}

/* Others of this node may not have tried what we are refused; they ask for themselves. */
static void
tell_node(struct store *store, enum op_kind kind)
{
	if (store->settings.node_refusals != NULL)
		store->refusals.kinds[kind].heard = ++store->settings.node_refusals[kind];
}

/* It began when that was sent, not now: or a node that was not ready, because all of its lanes were
 * silent, would be for a grace when they are made anew. */
void
refusal_silent(struct store *store, enum op_kind kind, uint64_t sent_ms)
{
	struct refusal *refusal = &store->refusals.kinds[kind];
	refusal_met(store, kind, false, NO_ANSWER);
	if (sent_ms < refusal->sent_ms)
		return; /* it was its connection alone */
	uint64_t since_ms = sent_ms > refusal->done_ms ? sent_ms : refusal->done_ms;
	if (since_ms < refusal->since_ms)
		refusal->since_ms = since_ms;
	if (!believed(refusal))
		refusal->failures = BELIEVED;
	tell_node(store, kind);
}

static void
hear_node(struct store *store, enum op_kind kind)
{
	struct refusal *refusal = &store->refusals.kinds[kind];
	if (store->settings.node_refusals == NULL)
		return;
	uint32_t told = store->settings.node_refusals[kind];
	if (told == refusal->heard)
		return;
	refusal->heard = told;
	if (refusal->since_ms == 0 || refusal->locked)
		refusal_met(store, kind, false, "another process of this node says so");
	refusal->told = true;
}

/* A row was there and locked by somebody. */
static bool
met_lock(enum op_kind kind, const struct store_rows *rows)
{
	return kind == OP_COMMIT && !str_eq(store_rows_value(rows, 0, 0), STR("0")) &&
	       str_eq(store_rows_value(rows, 0, 1), STR("0"));
}

/* It was carried out, or refused for a reason of its row. */
static bool
is_over(const struct store_query *query, enum query_result result)
{
	return result == QUERY_DONE ||
	       (result == QUERY_FAILED && !refusal_is_general(query->sqlstate));
}

/* Silence comes late, so one is enough; a connection that was lost says nothing, nor one that is
 * silent alone, nor a read-only one, which is judged when it is made anew. */
static uint32_t
failures_of(const struct refusal *refusal, const struct store_query *query,
	    enum query_result result)
{
	if (result == QUERY_UNAVAILABLE && query->in_vain)
		return query->started_ms >= refusal->sent_ms ? BELIEVED : 0;
	return result == QUERY_UNAVAILABLE ? 0 : 1;
}

static void
on_probe(struct store_query *query, enum query_result result, const struct store_rows *rows)
{
	struct store *store = container_of(query, struct store, refusals.query);
	enum op_kind kind = store->refusals.asked;
	struct refusal *refusal = &store->refusals.kinds[kind];
	store->refusals.asking = false;
	refusal->last = !refusal->last;
	refusal->next_ms = loop_now_ms(store->loop) + PROBE_MS;
	bool locked = result == QUERY_DONE && met_lock(kind, rows);
	/* a lock is somebody's matter; but where another process is refused, it may be what that
	 * one waits for which holds the row */
	if (refusal->since_ms == 0 || (locked && !refusal->told))
		return;
	if (!locked && is_over(query, result)) {
		refusal_over(store, kind, query->started_ms);
		return;
	}
	uint32_t failures = failures_of(refusal, query, result);
	if (failures > 0)
		begin_or_go_on(store, refusal, false);
	refusal->failures += failures;
	/* what was told is not told back for a lock, or two would believe each other */
	if (believed(refusal) && !locked)
		tell_node(store, kind);
	if (!believed(refusal))
		refusal->next_ms -= PROBE_MS - DOUBT_PROBE_MS;
}

static void
ask(struct store *store, enum op_kind kind)
{
	struct refusals *refusals = &store->refusals;
	struct store_query *query = &refusals->query;
	*query = (struct store_query){ .name = probes[kind],
				       .param_count = 1,
				       .done = on_probe,
				       .started_ms = loop_now_ms(store->loop) };
	query->params[0] = refusals->kinds[kind].last ? "false" : "true";
	refusals->asked = kind;
	refusals->asking = true;
	store_query_add(store, query);
}

void
refusals_tick(struct store *store)
{
	for (int kind = OP_LOOKUP; kind <= OP_COMMIT; kind++) {
		const struct refusal *refusal = &store->refusals.kinds[kind];
		hear_node(store, (enum op_kind)kind);
		if (refusal->since_ms != 0 && !store->refusals.asking && store->state == STORE_UP &&
		    loop_now_ms(store->loop) >= refusal->next_ms)
			ask(store, (enum op_kind)kind);
	}
}
