/*
 * What the state of the server means for a request that comes now. REGISTER is refused as soon as
 * trying would be in vain, so that a client hears it at once instead of after a timeout; OPTIONS
 * gives the verdict of /readyz, which forgives a database that is away for a while.
 */
#include "readiness.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/node.h"
#include "base/stats.h"
#include "requests.h"

#define OVER_MS 1000u /* with room for everybody: it is over, and its lesson forgotten */
/* So many ticks with room for everybody: the storm is over. Not by the clock alone: what came while
 * this process was not running is still to be read. */
#define STORM_TICKS 40u
#define STORM_TICK_MS 25u
/* To shed one costs about a tenth of serving it. What nobody reads costs nothing, because the
 * kernel drops it, but nobody knows it when it comes again. So behind so many that are shed the
 * next turn at least is for the others: for answers of the database, and for connections. */
#define SHED_BEFORE_REST 2048u
#define REST_MS 2u

/*
 * The queueing delay that a new request would find: how long the oldest one waits for the store.
 * One that is sent again waits for its own row, locked by somebody else: that delays no other, and
 * it is looked at no more. And when the database is silent, that is another matter, which has its
 * own grace.
 */
static uint64_t
queueing_delay_ms(struct requests *all)
{
	struct list *node;
	if (store_state(all->store) != STORE_UP)
		return 0;
	while ((node = list_first(&all->in_store)) != NULL) {
		struct request *rq = container_of(node, struct request, link);
		if (!store_op_repeated(&rq->op))
			return loop_now_ms(all->loop) - rq->asked_ms;
		list_remove(node);
	}
	return 0;
}

/* Only an old wait proves that there is a queue; a burst that is served at once is none. */
bool
readiness_queue(struct requests *all)
{
	return queueing_delay_ms(all) > all->admission.target_ms / 8;
}

/* For anything that would wait for the store. */
static bool
has_room(struct requests *all)
{
	return all->live < all->settings.max_requests &&
	       (!readiness_queue(all) ||
		admission_room(&all->admission, all->in_store_count, true));
}

/* At its limit the state changes with every request; the log tells the beginning and the end. */
static void
note_overload(struct requests *all)
{
	uint64_t now_ms = loop_now_ms(all->loop);
	uint64_t delay_ms = queueing_delay_ms(all);
	uint64_t most_ms = all->settings.overload_delay_ms;
	all->overloaded =
		all->live >= all->settings.max_requests || (most_ms != 0 && delay_ms > most_ms);
	if (all->overloaded || !has_room(all)) {
		all->overloaded_ms = now_ms;
		if (!all->overload_told)
			log_message(LOG_LEVEL_WARNING, "overload",
				    "requests get 503: %u in flight, the oldest waits %llu ms",
				    all->live, (unsigned long long)delay_ms);
		all->overload_told = true;
	} else if (now_ms - all->overloaded_ms >= OVER_MS) {
		if (all->overload_told)
			log_message(LOG_LEVEL_NOTICE, "overload", "over");
		all->overload_told = false;
		admission_forget(&all->admission);
	}
}

static enum reason
registers_refused(struct requests *all)
{
	if (store_nonce_keys(all->store)->count == 0)
		return REASON_DATABASE_UNAVAILABLE;
	switch (store_state(all->store)) {
	case STORE_UP:
		return all->overloaded || !has_room(all) ? REASON_OVERLOADED : REASON_NONE;
	case STORE_SILENT:
		return REASON_DATABASE_TIMEOUT;
	case STORE_CONNECTING:
	case STORE_DOWN:
		return REASON_DATABASE_UNAVAILABLE;
	}
	return REASON_DATABASE_UNAVAILABLE;
}

static enum reason
verdict(const struct requests *all)
{
	bool starting = store_state(all->store) == STORE_CONNECTING ||
			store_nonce_keys(all->store)->count == 0;
	bool gone = store_down_ms(all->store) > all->settings.db_grace_ms;
	if (all->settings.fail_on_database && (starting || gone))
		return REASON_DATABASE_UNAVAILABLE;
	return all->overloaded ? REASON_OVERLOADED : REASON_NONE;
}

/* That of /readyz, from the same memory: a probe by OPTIONS and one by HTTP hear the same. Why it
 * is no, our own state tells best. */
static enum reason
node_verdict(const struct requests *all)
{
	enum reason own = verdict(all);
	if (all->draining)
		return REASON_DRAINING;
	if (all->node == NULL)
		return own;
	if (node_ready(all->node, loop_now_ms(all->loop)))
		return REASON_NONE;
	if (all->node->node->stopping)
		return REASON_DRAINING;
	return own == REASON_NONE ? REASON_OVERLOADED : own;
}

struct readiness
readiness_now(struct requests *all)
{
	note_overload(all);
	struct readiness readiness = { .options = node_verdict(all),
				       .registers = registers_refused(all) };
	if (readiness.options != REASON_NONE || readiness.registers != REASON_NONE)
		random_bytes(&readiness.random, sizeof(readiness.random));
	return readiness;
}

static void
storm_tick(struct timer *tick)
{
	struct requests *all = container_of(tick, struct requests, storm.tick);
	struct storm *storm = &all->storm;
	/* without a database nobody can say whether there is room */
	if (store_state(all->store) == STORE_UP)
		storm->quiet = storm->full ? 0 : storm->quiet + 1;
	storm->full = false;
	storm->on = storm->quiet < STORM_TICKS;
	if (storm->on)
		timer_start(all->loop, tick, STORM_TICK_MS, storm_tick);
}

/* It is found out again with each datagram that finds no room. */
static void
note_storm(struct requests *all)
{
	struct storm *storm = &all->storm;
	storm->full = true;
	if (!storm->on) {
		storm->on = true;
		storm->quiet = 0;
		seen_new_storm(all->seen);
		timer_start(all->loop, &storm->tick, STORM_TICK_MS, storm_tick);
	}
	admission_work(&all->admission, stats->loop_busy_us, loop_now_ms(all->loop));
	note_overload(all);
}

static void
count_shed(struct requests *all)
{
	if (++all->shed % SHED_BEFORE_REST == 0 && all->net != NULL)
		net_rest_datagrams(all->net, REST_MS);
}

bool
readiness_tells(struct requests *all, unsigned datagram)
{
	note_storm(all);
	if (admission_tell(&all->admission, loop_now_ms(all->loop)))
		return true;
	seen_note_silenced(all->seen, datagram);
	count_shed(all);
	return false;
}

bool
readiness_sheds(struct requests *all, unsigned datagram)
{
	if (store_state(all->store) != STORE_UP)
		return false;
	if (!has_room(all))
		return !readiness_tells(all, datagram);
	if (!all->storm.on || !seen_was_silenced(all->seen, datagram))
		return false;
	count_shed(all);
	return true;
}

/* Nobody is told: who may be is read first. */
bool
readiness_ignores(struct requests *all, struct str octets, unsigned datagram)
{
	if (!all->storm.on || store_state(all->store) != STORE_UP ||
	    !str_starts(octets, STR("REGISTER ")) || seen_was_taken(all->seen, datagram))
		return false;
	if (!seen_was_silenced(all->seen, datagram)) {
		if (has_room(all) || admission_would_tell(&all->admission, loop_now_ms(all->loop)))
			return false;
		note_storm(all);
		seen_note_silenced(all->seen, datagram);
	}
	stats->sip_requests[METHOD_REGISTER]++;
	count_shed(all);
	return true;
}

bool
requests_ready(struct requests *requests)
{
	note_overload(requests);
	return verdict(requests) == REASON_NONE;
}
