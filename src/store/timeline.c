/*
 * An old primary that comes back. A standby has taken its place, and it does not know that: it
 * takes writes as ever, without what was stored since. Who would connect to it, because its name
 * comes first in the URL, would serve other bindings than the connections beside it, and what it
 * stored nobody else would see. So of one cluster an older history than what was seen is not used,
 * nor any longer, when a connection beside it finds a later one.
 * That is no fence: who has never met the later one notices nothing, nor who is started anew.
 */
#include <stdatomic.h>
#include <stdlib.h>

#include "base/log.h"
#include "inside.h"

#define TOLD_AGAIN_MS 60000u

/* In the order of check_timeline.sql. */
enum column { COLUMN_SYSTEM, COLUMN_TIMELINE, COLUMN_COUNT };

static _Atomic uint64_t *
newest(struct store *store)
{
	_Atomic uint64_t *of_node = store->settings.node_timeline;
	return of_node == NULL ? &store->timeline : of_node;
}

/* The cluster in the upper half, the number of its history in the lower; 0: not known. */
static uint64_t
read_timeline(const PGresult *rows)
{
	if (rows == NULL || PQntuples(rows) != 1 || PQnfields(rows) != COLUMN_COUNT ||
	    PQgetisnull(rows, 0, COLUMN_TIMELINE))
		return 0;
	uint64_t system = strtoull(PQgetvalue(rows, 0, COLUMN_SYSTEM), NULL, 10);
	uint64_t number = strtoull(PQgetvalue(rows, 0, COLUMN_TIMELINE), NULL, 16);
	return (system ^ system << 32) >> 32 << 32 | (uint32_t)number;
}

static bool
same_cluster(uint64_t a, uint64_t b)
{
	return a >> 32 == b >> 32;
}

static void
tell(struct lane *lane, uint64_t seen)
{
	struct store *store = lane->store;
	uint64_t now_ms = loop_now_ms(store->loop);
	store_trouble_set(store,
			  "%s is on timeline %u, and a standby of it was promoted to %u: it is an "
			  "old primary that came back; stop it, or make it a standby",
			  lane->host, (unsigned)(uint32_t)lane->timeline, (unsigned)(uint32_t)seen);
	if (store->timeline_told_ms != 0 && now_ms - store->timeline_told_ms < TOLD_AGAIN_MS)
		return;
	store->timeline_told_ms = now_ms;
	log_message(LOG_LEVEL_ERROR, "db.timeline", "%s", store->trouble);
}

static bool
is_old(const struct lane *lane, uint64_t seen)
{
	return lane->timeline != 0 && same_cluster(lane->timeline, seen) && lane->timeline < seen;
}

bool
timeline_judge(struct lane *lane, const PGresult *rows)
{
	uint64_t seen = *newest(lane->store);
	lane->timeline = read_timeline(rows);
	if (!is_old(lane, seen))
		return true;
	tell(lane, seen);
	lane->store->rotation++; /* or it would be the first to be asked again */
	return false;
}

/* Behind a pooler it may lead to the later one by now: the next connection is judged anew. */
bool
timeline_holds(struct lane *lane)
{
	if (!is_old(lane, *newest(lane->store)))
		return true;
	store_trouble_set(lane->store, "%s was left: another connection found a later timeline",
			  lane->host);
	return false;
}

void
timeline_note(const struct lane *lane)
{
	_Atomic uint64_t *of = newest(lane->store);
	uint64_t seen = *of;
	while (lane->timeline != 0 && lane->timeline != seen && !is_old(lane, seen) &&
	       !atomic_compare_exchange_weak(of, &seen, lane->timeline))
		;
}
