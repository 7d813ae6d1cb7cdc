/*
 * A lane is one connection in non-blocking pipeline mode. It is made in the loop: names resolved by
 * c-ares, then libpq step by step under a deadline of our own, then the questions of setup.c. One
 * lane connects at a time, and after a failure later and later, so that a database that comes back
 * is not trampled down.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/stats.h"
#include "inside.h"

#define BACKOFF_FIRST_MS 100
#define BACKOFF_MOST_MS 1500 /* full rate is wanted within 2 s of the database's return */
#define STABLE_MS 1000	     /* a lane that was up for less counts as a failed connect */
#define OPTIONS_MAX 64

static enum stats_link
link_of(enum lane_state state)
{
	return state == LANE_UP ? LINK_UP : state == LANE_DOWN ? LINK_DOWN : LINK_CONNECTING;
}

static void
set_state(struct lane *lane, enum lane_state state)
{
	stats->db_lanes[link_of(lane->state)]--;
	stats->db_lanes[link_of(state)]++;
	lane->state = state;
}

uint32_t
store_lanes_up(const struct store *store)
{
	uint32_t up = 0;
	for (uint32_t i = 0; i < store->settings.connections; i++)
		up += store->lanes[i].state == LANE_UP;
	return up;
}

/* --- when to connect */

static uint64_t
with_jitter(uint64_t most_ms)
{
	uint32_t random;
	random_bytes(&random, sizeof(random));
	return most_ms / 2 + random % (most_ms / 2 + 1);
}

static void
back_off(struct store *store)
{
	uint64_t longer = store->backoff_ms * 2;
	store->backoff_ms = longer < BACKOFF_FIRST_MS  ? BACKOFF_FIRST_MS
			    : longer > BACKOFF_MOST_MS ? BACKOFF_MOST_MS
						       : longer;
}

static void connect_begin(struct lane *lane);

static void
connect_due(struct timer *timer)
{
	struct store *store = container_of(timer, struct store, connect);
	struct lane *lane = store->lanes;
	const struct lane *end = lane + store->settings.connections;
	while (lane < end && lane->state != LANE_DOWN)
		lane++;
	if (lane < end)
		connect_begin(lane);
}

void
lane_connect_next(struct store *store, uint64_t delay_ms)
{
	if (store->connecting == NULL) {
		timer_stop(&store->connect);
		timer_start(store->loop, &store->connect, delay_ms, connect_due);
	}
}

/* --- connecting */

/* That the wait for the standby was ended (pg_cancel_backend) is only a notice, in the language of
 * the server, and the commit counts as done; but the place that speaks has one name. */
static void
take_notice(void *arg, const PGresult *notice)
{
	struct lane *lane = arg;
	const char *text = PQresultErrorField(notice, PG_DIAG_MESSAGE_PRIMARY);
	const char *place = PQresultErrorField(notice, PG_DIAG_SOURCE_FUNCTION);
	struct log_line line;
	bool unreplicated = place != NULL && strcmp(place, "SyncRepWaitForLSN") == 0;
	lane->unreplicated = lane->unreplicated || unreplicated;
	if (text == NULL ||
	    !log_begin(&line, unreplicated ? LOG_LEVEL_WARNING : LOG_LEVEL_DEBUG, "db.notice"))
		return;
	log_text(&line, "message", str_of(text));
	log_end(&line);
}

static void
connected(struct lane *lane)
{
	set_state(lane, LANE_CHECKING);
	if (PQsetnonblocking(lane->conn, 1) != 0 || PQenterPipelineMode(lane->conn) != 1 ||
	    !setup_send(lane)) {
		explain_failure(lane);
		lane_lose(lane, false);
		return;
	}
	lane_flush(lane);
}

/* The socket may be another one after each step, even with the same number. */
static void
connect_step(struct lane *lane)
{
	struct loop *loop = lane->store->loop;
	loop_unwatch(loop, &lane->watch);
	PostgresPollingStatusType wanted = PQconnectPoll(lane->conn);
	explain_host(lane);
	if (wanted == PGRES_POLLING_OK) {
		connected(lane);
		return;
	}
	bool reading = wanted == PGRES_POLLING_READING;
	if (wanted == PGRES_POLLING_FAILED ||
	    !loop_watch(loop, &lane->watch, PQsocket(lane->conn), reading, !reading)) {
		explain_failure(lane);
		lane_lose(lane, false);
	}
}

static void
ready(struct watch *watch, bool readable, bool writable)
{
	struct lane *lane = container_of(watch, struct lane, watch);
	(void)writable;
	if (lane->state == LANE_CONNECTING) {
		connect_step(lane);
		return;
	}
	if (readable) {
		bool was_silent = lane->silent;
		lane->heard_ms = loop_now_ms(lane->store->loop);
		lane->silent = false;
		if (!answers_read(lane)) {
			lane_lose(lane, false);
			return;
		}
		if (was_silent)
			store_review(lane->store);
		loop_wake(lane->store->loop); /* there is room on the lane now */
	}
	lane_flush(lane);
}

struct option_list {
	const char *keys[OPTIONS_MAX];
	const char *values[OPTIONS_MAX];
	int count;
};

static void
set_option(struct option_list *list, const char *key, const char *value)
{
	int at = 0;
	while (at < list->count && strcmp(list->keys[at], key) != 0)
		at++;
	if (at == OPTIONS_MAX - 1)
		return; /* the last place stays NULL; libpq knows about forty */
	list->keys[at] = key;
	list->values[at] = value;
	if (at == list->count)
		list->count++;
}

static PGconn *
start_libpq(struct store *store, const struct resolved *resolved)
{
	struct option_list list = { .count = 0 };
	for (const PQconninfoOption *o = store->options; o->keyword != NULL; o++)
		if (o->val != NULL)
			set_option(&list, o->keyword, o->val);
	if (resolved != NULL) {
		set_option(&list, "host", resolved->hosts);
		set_option(&list, "hostaddr", resolved->addresses);
		set_option(&list, "port", resolved->ports);
	}
	if (store->settings.password != NULL)
		set_option(&list, "password", store->settings.password);
	set_option(&list, "application_name", store->settings.application);
	set_option(&list, "client_encoding", "UTF8");
	set_option(&list, "gssencmode", "disable"); /* its negotiation blocks */
	return PQconnectStartParams(list.keys, list.values, 0);
}

static void
connect_start(struct lane *lane, const struct resolved *resolved)
{
	struct store *store = lane->store;
	/* What the resolver took is no fault of the host. */
	lane->deadline_ms = loop_now_ms(store->loop) + store->settings.connect_timeout_ms;
	lane->conn = start_libpq(store, resolved);
	if (lane->conn == NULL) {
		store_trouble_set(store, "out of memory");
		lane_lose(lane, false);
		return;
	}
	lane->unreplicated = lane->refused = false;
	PQsetNoticeReceiver(lane->conn, take_notice, lane);
	explain_host(lane);
	set_state(lane, LANE_CONNECTING);
	if (PQstatus(lane->conn) == CONNECTION_BAD ||
	    !loop_watch(store->loop, &lane->watch, PQsocket(lane->conn), false, true)) {
		explain_failure(lane);
		lane_lose(lane, false);
	}
}

void
lane_resolved(struct resolve *resolve)
{
	struct store *store = container_of(resolve, struct store, resolve);
	struct resolved resolved;
	char failure[400];
	if (!resolve_result(resolve, store->rotation, &resolved, failure, sizeof(failure))) {
		store_trouble_set(store, "%s", failure);
		lane_lose(store->connecting, false);
		return;
	}
	connect_start(store->connecting, &resolved);
}

static const char *
option(const struct store *store, const char *key)
{
	for (const PQconninfoOption *o = store->options; o->keyword != NULL; o++)
		if (strcmp(o->keyword, key) == 0)
			return o->val;
	return NULL;
}

static void
connect_begin(struct lane *lane)
{
	struct store *store = lane->store;
	if (store->options == NULL)
		return; /* the URL is wrong; store_open() said so */
	store->connecting = lane;
	lane->host[0] = '\0';
	lane->deadline_ms = loop_now_ms(store->loop) + store->settings.connect_timeout_ms;
	set_state(lane, LANE_RESOLVING);
	const char *hosts = option(store, "host"), *addresses = option(store, "hostaddr");
	if (hosts == NULL && addresses == NULL)
		connect_start(lane, NULL);
	else
		resolve_start(&store->resolve, str_of(hosts), str_of(addresses),
			      str_of(option(store, "port")),
			      store->settings.connect_timeout_ms / 4);
}

void
lane_ready(struct lane *lane)
{
	struct store *store = lane->store;
	set_state(lane, LANE_UP);
	lane->up_ms = lane->pinged_ms = loop_now_ms(store->loop);
	lane->silent = lane->pinged = false;
	timeline_note(lane);
	stats->db_connects++;
	store->connecting = NULL;
	keys_tick(store);
	store_review(store);
	lane_connect_next(store, 0);
	loop_wake(store->loop);
}

/* --- in use, and the end */

void
lane_flush(struct lane *lane)
{
	int left = PQflush(lane->conn);
	/* Reading goes on while the rest waits, or both sides could wait for each other. */
	if (left < 0 ||
	    !loop_watch(lane->store->loop, &lane->watch, PQsocket(lane->conn), true, left > 0)) {
		store_trouble_set(lane->store, "%s: connection lost", lane->host);
		lane_lose(lane, false);
	}
}

void
lane_lose(struct lane *lane, bool timed_out)
{
	struct store *store = lane->store;
	uint64_t now_ms = loop_now_ms(store->loop);
	bool stable = lane->state == LANE_UP && now_ms - lane->up_ms >= STABLE_MS;
	if (store->connecting == lane) {
		store->connecting = NULL;
		resolve_cancel(&store->resolve);
	}
	loop_unwatch(store->loop, &lane->watch);
	PQfinish(lane->conn);
	lane->conn = NULL;
	if (lane->state == LANE_UP)
		orphans_add(lane);
	lane->session[0] = '\0';
	lane->silent = false;
	set_state(lane, LANE_DOWN);
	if (stable)
		store->backoff_ms = 0;
	else
		back_off(store);
	store->retry_ms = with_jitter(stable ? BACKOFF_FIRST_MS : store->backoff_ms);
	lane_connect_next(store, store->retry_ms);
	answers_lost(lane, timed_out);
	store_review(store);
}

static void
connect_late(struct lane *lane)
{
	struct store *store = lane->store;
	if (lane->state == LANE_RESOLVING && resolve_hurry(&store->resolve))
		return;
	explain_lateness(lane);
	store->rotation++; /* libpq would wait for the same host again */
	lane_lose(lane, false);
}

uint64_t
lane_waited_ms(const struct lane *lane)
{
	if (lane->state != LANE_UP || lane->in_flight == 0)
		return 0;
	const struct batch *oldest = container_of(lane->flight.next, struct batch, link);
	/* Long statements of others say nothing about the health of the lane. */
	if (oldest->kind == BATCH_QUERY && oldest->query->patient)
		return 0;
	uint64_t since = oldest->sent_ms > lane->heard_ms ? oldest->sent_ms : lane->heard_ms;
	return loop_now_ms(lane->store->loop) - since;
}

/* False when the lane was given up. */
static bool
judge_silence(struct lane *lane)
{
	struct store *store = lane->store;
	uint64_t now_ms = loop_now_ms(store->loop);
	const struct batch *oldest = container_of(lane->flight.next, struct batch, link);
	if (now_ms - oldest->sent_ms >= store->settings.query_timeout_ms &&
	    now_ms - lane->heard_ms >= SILENT_MS) {
		store_trouble_set(store, "%s: no answer for %gs", lane->host,
				  store->settings.query_timeout_ms / 1000.0);
		lane_lose(lane, true);
		return false;
	}
	if (!lane->silent && lane_waited_ms(lane) >= SILENT_MS) {
		lane->silent = true;
		store_trouble_set(store, "%s: no answer for %dms", lane->host, SILENT_MS);
	}
	return true;
}

/* An idle lane whether it lives, any lane whether it leads to what was read before: until it has
 * answered what is remembered is believed. */
static bool
ping_due(const struct lane *lane, uint64_t now_ms)
{
	uint64_t rest_ms = lane->store->doubt ? DOUBT_MS : PING_MS;
	if (lane->in_flight == 0 && now_ms - lane->heard_ms >= rest_ms)
		return true;
	return !lane->pinged && lane->in_flight < LANE_SLOTS &&
	       now_ms - lane->pinged_ms >= CHECK_MS;
}

static void
ping(struct lane *lane)
{
	lane->pinged_ms = loop_now_ms(lane->store->loop);
	lane->pinged = true;
	if (batch_send_ping(lane))
		lane_flush(lane);
	else
		lane_lose(lane, false);
}

void
lane_tick(struct lane *lane)
{
	uint64_t now_ms = loop_now_ms(lane->store->loop);
	if (lane->state == LANE_DOWN)
		return;
	if (lane->state != LANE_UP) {
		if (now_ms >= lane->deadline_ms)
			connect_late(lane);
		return;
	}
	/* An answer may lie in the socket already when it was our own loop that stood still. */
	if (lane->in_flight > 0 && !answers_read(lane)) {
		lane_lose(lane, false);
		return;
	}
	if (lane->in_flight > 0 && !judge_silence(lane))
		return;
	if (ping_due(lane, now_ms))
		ping(lane);
}

void
lane_init(struct lane *lane, struct store *store, struct store_op **slots)
{
	lane->store = store;
	lane->watch.ready = ready;
	stats->db_lanes[LINK_DOWN]++;
	list_init(&lane->flight);
	list_init(&lane->spare);
	for (int i = 0; i < LANE_SLOTS; i++) {
		lane->batches[i].ops = slots + (size_t)i * store->settings.batch_rows;
		list_append(&lane->spare, &lane->batches[i].link);
	}
}
