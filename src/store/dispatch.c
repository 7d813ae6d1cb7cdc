/*
 * Which operations travel when. While nothing is under way a batch is sent at once; beside others
 * it grows first. So nobody waits at rest, and batches grow with the load. What is not sent yet can
 * be given up, so little is sent ahead, and a database that becomes slow makes nobody wait for
 * long.
 */
#include "base/stats.h"
#include "inside.h"

#define BATCH_US 2000u /* what a full batch takes, at least */
#define TRIP_MS 5000u
#define NOBODY_HELD UINT64_MAX

/* What is under way cannot be withdrawn, so no more is than keeps a lane at work: one that is
 * executed, one behind it, and what the way there and back has room for. */
static uint32_t
batches_a_lane(const struct store *store)
{
	uint64_t trip_us = store->trip.now_us < store->trip.before_us ? store->trip.now_us
								      : store->trip.before_us;
	uint64_t wanted = 2 + trip_us / BATCH_US;
	return wanted < LANE_SLOTS ? (uint32_t)wanted : LANE_SLOTS - 1; /* one is for pings */
}

void
store_trip_learn(struct store *store, uint64_t took_us, uint64_t now_ms)
{
	struct trip *trip = &store->trip;
	if (now_ms - trip->since_ms >= TRIP_MS) {
		trip->before_us = trip->now_us;
		trip->now_us = took_us;
		trip->since_ms = now_ms;
	} else if (took_us < trip->now_us) {
		trip->now_us = took_us;
	}
}

/* A probe is sent because operations fail, or hang: what is sent behind it would wait with it. */
static bool
has_probe(const struct store *store, const struct lane *lane)
{
	if (!store->refusals.asking)
		return false;
	list_each (node, &lane->flight)
		if (container_of(node, struct batch, link)->query == &store->refusals.query)
			return true;
	return false;
}

/* Who has a single connection has no other to wait for. */
static bool
may_carry(const struct store *store, const struct lane *lane)
{
	return lane->state == LANE_UP && !lane->silent &&
	       (store->settings.connections == 1 || !has_probe(store, lane));
}

/* The least busy lane that answers and has room for a statement; NULL: none. */
static struct lane *
free_lane(const struct store *store, uint32_t room)
{
	struct lane *freest = NULL;
	for (uint32_t i = 0; i < store->settings.connections; i++) {
		struct lane *lane = &store->lanes[i];
		if (may_carry(store, lane) && lane->in_flight < room &&
		    (freest == NULL || lane->in_flight < freest->in_flight))
			freest = lane;
	}
	return freest;
}

/* Batches that were sent so lately that their answers are on the way. */
static uint32_t
batches_under_way(const struct store *store)
{
	uint64_t now_ms = loop_now_ms(store->loop);
	uint32_t count = 0;
	for (uint32_t i = 0; i < store->settings.connections; i++) {
		list_each (node, &store->lanes[i].flight) {
			const struct batch *batch = container_of(node, struct batch, link);
			bool ops = batch->kind == BATCH_LOOKUP || batch->kind == BATCH_COMMIT;
			count += ops && now_ms - batch->sent_ms < HELD_MS;
		}
	}
	return count;
}

static void
held_due(struct timer *timer)
{
	loop_wake(container_of(timer, struct store, held)->loop);
}

/* What a batch costs is shared by its operations. So while others are under way, which soon make
 * room for more, the next one waits until it is worth its cost: half full, or full beside several.
 * But nobody waits for company longer than HELD_MS: there are always others under way while
 * commits follow one another, and a few look-ups beside them would never be enough. The queue is
 * not empty. hold_ms is
 * lowered to when this one has waited enough. */
static bool
worth_sending(const struct store *store, const struct list *queue, uint64_t *hold_ms)
{
	const struct store_op *first = container_of(queue->next, struct store_op, link);
	uint64_t held_ms = loop_now_ms(store->loop) - first->started_ms;
	if (held_ms >= HELD_MS)
		return true;
	uint32_t wanted = batches_under_way(store) * store->settings.batch_rows / 2;
	if (wanted > store->settings.batch_rows)
		wanted = store->settings.batch_rows;
	uint32_t waiting = 0;
	list_each (node, queue)
		if (++waiting >= wanted)
			return true;
	if (HELD_MS - held_ms < *hold_ms)
		*hold_ms = HELD_MS - held_ms;
	return false;
}

static void
send_ops(struct store *store, struct list *queue, bool alone, uint64_t *hold_ms)
{
	struct lane *lane;
	uint32_t room = batches_a_lane(store);
	alone = alone || store->settings.batch_rows == 1;
	while (!list_empty(queue) && (alone || worth_sending(store, queue, hold_ms)) &&
	       (lane = free_lane(store, room)) != NULL) {
		const struct store_op *op = container_of(queue->next, struct store_op, link);
		enum batch_kind kind = op->kind == OP_LOOKUP ? BATCH_LOOKUP : BATCH_COMMIT;
		if (batch_send_ops(lane, queue, kind, alone))
			lane_flush(lane);
		else
			lane_lose(lane, false);
	}
}

static void
send_queries(struct store *store)
{
	struct lane *lane;
	while (!list_empty(&store->queries) && (lane = free_lane(store, LANE_SLOTS)) != NULL) {
		struct list *node = store->queries.next;
		if (batch_send_query(lane, container_of(node, struct store_query, link)))
			lane_flush(lane);
		else
			lane_lose(lane, false);
	}
}

/* What it waited for comes too late for whoever asked. False while it still has patience. */
static bool
give_up(struct store *store, struct store_op *op)
{
	uint64_t age_ms = loop_now_ms(store->loop) - op->started_ms;
	bool impatient =
		op->patience_ms != 0 && !store_op_repeated(op) && age_ms >= op->patience_ms;
	if (!impatient && age_ms < store->settings.query_timeout_ms)
		return false;
	list_remove(&op->link);
	if (op->kind == OP_LOOKUP)
		store_lookup_fail(store, op, impatient ? LOOKUP_OVERDUE : LOOKUP_TIMEOUT);
	else
		store_commit_end(store, op, impatient ? COMMIT_OVERDUE : COMMIT_UNAVAILABLE);
	return true;
}

/* Whoever waits behind one with patience has more, or will be looked at soon. */
static void
expire(struct store *store, struct list *queue)
{
	struct list *node;
	while ((node = list_first(queue)) != NULL)
		if (!give_up(store, container_of(node, struct store_op, link)))
			break;
}

void
store_expire(struct store *store)
{
	expire(store, &store->lookups);
	expire(store, &store->commits);
	expire(store, &store->alone);
}

/* Commits before look-ups: it is better to end work than to begin some. */
void
store_dispatch(struct store *store)
{
	uint64_t hold_ms = NOBODY_HELD;
	store_expire(store);
	send_ops(store, &store->alone, true, &hold_ms);
	send_ops(store, &store->commits, false, &hold_ms);
	send_ops(store, &store->lookups, false, &hold_ms);
	send_queries(store);
	if (hold_ms != NOBODY_HELD)
		timer_start(store->loop, &store->held, hold_ms, held_due);
}
