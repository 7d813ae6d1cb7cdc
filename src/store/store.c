/*
 * The front: takes operations, completes them, and knows whether the database is there.
 */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/stats.h"
#include "inside.h"

#define TICK_MS 100
#define RETRY_MS 20
#define PAUSE_MAX_MS 200
/* For so long a request waits for what is locked. It holds its place on its connection, and a lock
 * that is held for longer is somebody's who takes his time. */
#define LOCKED_MS 1500

/* --- completing */

void
store_op_finish(struct store *store, struct store_op *op)
{
	stats->db_queue_length = --store->queued;
	op->done(op);
}

void
store_lookup_fail(struct store *store, struct store_op *op, enum lookup_result result)
{
	op->looked_up = result;
	op->record = NULL;
	store_op_finish(store, op);
}

void
store_commit_end(struct store *store, struct store_op *op, enum commit_result result)
{
	stats->db_commits += result == COMMIT_DONE;
	stats->db_conflicts += result == COMMIT_CONFLICT;
	stats->db_unknown += result == COMMIT_UNKNOWN;
	op->committed = result;
	store_op_finish(store, op);
}

static void
op_unavailable(struct store *store, struct store_op *op)
{
	if (op->kind == OP_LOOKUP)
		store_lookup_fail(store, op, LOOKUP_UNAVAILABLE);
	else
		store_commit_end(store, op, COMMIT_UNAVAILABLE);
}

/* Only what is in the list now: done() may well start the next operation. */
static void
fail_list(struct store *store, struct list *list)
{
	struct list now, *node;
	list_init(&now);
	list_move_all(list, &now);
	while ((node = list_take_first(&now)) != NULL)
		op_unavailable(store, container_of(node, struct store_op, link));
}

static void
fail_queries(struct list *list)
{
	for (struct list *last = list->prev; !list_empty(list);) {
		struct list *node = list->next;
		list_remove(node);
		store_query_finish(container_of(node, struct store_query, link), QUERY_UNAVAILABLE,
				   NULL);
		if (node == last)
			break;
	}
}

/* --- state */

void
store_trouble_set(struct store *store, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(store->trouble, sizeof(store->trouble), format, args);
	va_end(args);
}

static enum store_state
judge(const struct store *store)
{
	uint64_t now_ms = loop_now_ms(store->loop);
	bool silent = false, proven = false;
	if (store_lanes_up(store) == 0 || !keys_known(store))
		return store->was_up ? STORE_DOWN : STORE_CONNECTING;
	for (uint32_t i = 0; i < store->settings.connections; i++) {
		const struct lane *lane = &store->lanes[i];
		if (lane->state != LANE_UP)
			continue;
		silent = silent || lane->silent;
		proven = proven || (!lane->silent && now_ms - lane->heard_ms < SILENT_MS);
	}
	return silent && !proven ? STORE_SILENT : STORE_UP;
}

/* A later attempt may find a better reason than the first: "connection lost", then "read-only". */
static bool
is_news(struct store *store)
{
	char text[sizeof(store->told[0])];
	if (store->trouble[0] == '\0' || store->told_count == TOLD_MAX)
		return false;
	str_copy(text, sizeof(text), str_slice(str_of(store->trouble), 0, sizeof(text) - 1));
	for (uint32_t i = 0; i < store->told_count; i++)
		if (strcmp(store->told[i], text) == 0)
			return false;
	memcpy(store->told[store->told_count++], text, sizeof(text));
	return true;
}

static void
log_state(struct store *store)
{
	bool refuses = store->state == STORE_UP && refusals_ms(store) > 0;
	bool up = store->state == STORE_UP && !refuses;
	if (up && (store->told_count > 0 || !store->was_up)) {
		log_message(LOG_LEVEL_NOTICE, "db.up", "%s", store_host(store));
		store->told_count = 0;
	} else if (!up && is_news(store)) {
		char retry[40] = "";
		bool soon = store->retry_ms < 1000;
		if (store->state != STORE_SILENT && !refuses)
			snprintf(retry, sizeof(retry),
				 soon ? "retrying in %.0fms; " : "retrying in %.1fs; ",
				 (double)store->retry_ms / (soon ? 1 : 1000));
		log_message(LOG_LEVEL_WARNING, "db.down", "%s; %sSIP answers %s until then",
			    store->trouble, retry, refuses ? "500 or 503" : "503");
	}
}

void
store_review(struct store *store)
{
	enum store_state state = judge(store);
	if (state == STORE_UP)
		store->trouble[0] = '\0';
	else if (store->state == STORE_UP)
		store->down_since_ms = loop_now_ms(store->loop);
	store->state = state;
	if (state == STORE_UP)
		refusals_explain(store);
	stats->store_usable = state == STORE_UP;
	log_state(store);
	if (state == STORE_UP) {
		store->was_up = true;
		if (store->settings.node_was_up != NULL)
			*store->settings.node_was_up = true;
		return;
	}
	fail_list(store, &store->lookups);
	fail_list(store, &store->commits);
	fail_list(store, &store->alone);
	fail_list(store, &store->waiting);
	if (store_lanes_up(store) == 0)
		fail_queries(&store->queries);
}

enum store_state
store_state(const struct store *store)
{
	return store->state;
}

uint64_t
store_down_ms(const struct store *store)
{
	uint64_t down_ms =
		store->state == STORE_UP ? 0 : loop_now_ms(store->loop) - store->down_since_ms;
	uint64_t refused_ms = refusals_ms(store);
	return down_ms > refused_ms ? down_ms : refused_ms;
}

const char *
store_trouble(const struct store *store)
{
	return store->trouble;
}

const char *
store_host(const struct store *store)
{
	for (uint32_t i = 0; i < store->settings.connections; i++)
		if (store->lanes[i].state == LANE_UP)
			return store->lanes[i].host;
	return "";
}

uint32_t
store_queue_length(const struct store *store)
{
	return store->queued;
}

const struct nonce_keys *
store_nonce_keys(const struct store *store)
{
	return &store->keys.nonce;
}

const uint8_t *
store_ticket_secret(const struct store *store)
{
	return store->keys.has_ticket ? store->keys.ticket : NULL;
}

int64_t
store_clock_offset_ms(const struct store *store)
{
	const struct loop *loop = store->loop;
	if (!store->clock_known)
		return 0;
	return store->clock_base_ms + (int64_t)loop_now_ms(loop) - loop_real_ms(loop);
}

/* Against the monotonic clock, so that a step of our real one is made good at once, not with the
 * next look-up (REG-DB-2). */
void
store_clock_learn(struct store *store, int64_t clock_ms, uint64_t at_ms)
{
	store->clock_known = true;
	store->clock_base_ms = clock_ms - (int64_t)at_ms;
}

/* --- taking and handing on */

static void
take(struct store *store, struct store_op *op, enum op_kind kind, struct list *queue)
{
	op->kind = (uint8_t)kind;
	op->tries = 0;
	op->again_ms = 0;
	op->alone = false;
	op->record = NULL;
	op->started_ms = loop_now_ms(store->loop);
	bool accepted = store->state == STORE_UP && store->queued < store->settings.queue_limit;
	stats->db_queue_length = ++store->queued;
	list_append(accepted ? queue : &store->refused, &op->link);
	loop_wake(store->loop);
}

void
store_lookup(struct store *store, struct store_op *op)
{
	take(store, op, OP_LOOKUP, &store->lookups);
}

void
store_commit(struct store *store, struct store_op *op)
{
	take(store, op, OP_COMMIT, &store->commits);
}

struct list *
store_queue_of(struct store *store, const struct store_op *op)
{
	if (op->alone)
		return &store->alone;
	return op->kind == OP_LOOKUP ? &store->lookups : &store->commits;
}

static void
retry_due(struct timer *timer)
{
	struct store *store = container_of(timer, struct store, retry);
	uint64_t now_ms = loop_now_ms(store->loop);
	struct list now, *node;
	list_init(&now);
	list_move_all(&store->waiting, &now);
	while ((node = list_take_first(&now)) != NULL) {
		struct store_op *op = container_of(node, struct store_op, link);
		bool due = op->again_ms <= now_ms;
		list_append(due ? store_queue_of(store, op) : &store->waiting, node);
		stats->db_retries += due;
	}
	if (!list_empty(&store->waiting))
		timer_start(store->loop, timer, RETRY_MS, retry_due);
	loop_wake(store->loop);
}

static void
send_again(struct store *store, struct store_op *op, uint64_t pause_ms)
{
	op->again_ms = loop_now_ms(store->loop) + pause_ms;
	if (list_empty(&store->waiting)) {
		timer_stop(&store->retry);
		timer_start(store->loop, &store->retry, RETRY_MS, retry_due);
	}
	list_append(&store->waiting, &op->link);
}

bool
store_op_again(struct store *store, struct store_op *op)
{
	uint64_t age_ms = loop_now_ms(store->loop) - op->started_ms;
	if (op->tries >= store->settings.retries || age_ms >= store->settings.query_timeout_ms)
		return false;
	op->tries++;
	op->alone = true;
	send_again(store, op, RETRY_MS);
	return true;
}

void
store_be_careful(struct store *store)
{
	store->careful_ms = loop_now_ms(store->loop) + CAREFUL_MS;
}

bool
store_is_careful(const struct store *store)
{
	return store->settings.batch_rows > 1 && loop_now_ms(store->loop) < store->careful_ms;
}

bool
store_op_when_free(struct store *store, struct store_op *op)
{
	uint64_t age_ms = loop_now_ms(store->loop) - op->started_ms;
	uint64_t pause_ms = RETRY_MS + age_ms / 2;
	if (age_ms >= LOCKED_MS || age_ms >= store->settings.query_timeout_ms)
		return false;
	send_again(store, op, pause_ms < PAUSE_MAX_MS ? pause_ms : PAUSE_MAX_MS);
	return true;
}

static void
turn_ended(struct turn_end *end)
{
	struct store *store = container_of(end, struct store, turn_end);
	fail_list(store, &store->refused);
	fail_queries(&store->refused_queries);
	store_dispatch(store);
}

static void
tick(struct timer *timer)
{
	struct store *store = container_of(timer, struct store, tick);
	timer_start(store->loop, timer, TICK_MS, tick);
	store->doubt = false;
	for (uint32_t i = 0; i < store->settings.connections; i++)
		if (lane_waited_ms(&store->lanes[i]) >= DOUBT_MS)
			store->doubt = true;
	for (uint32_t i = 0; i < store->settings.connections; i++)
		lane_tick(&store->lanes[i]);
	store_expire(store);
	keys_tick(store);
	refusals_tick(store);
	store_review(store);
}

/* --- opening and closing */

static bool
copy_text(const char **text)
{
	if (*text == NULL)
		return true;
	*text = strdup(*text);
	return *text != NULL;
}

static bool
copy_settings(struct store *store, const struct store_settings *settings)
{
	struct store_settings *own = &store->settings;
	*own = *settings;
	if (own->connections == 0)
		own->connections = 1;
	if (own->batch_rows == 0)
		own->batch_rows = 1;
	bool copied = copy_text(&own->url);
	copied = copy_text(&own->password) && copied;
	copied = copy_text(&own->password_file) && copied;
	copied = copy_text(&own->application) && copied;
	if (!copied)
		return false;
	const char *slash = strchr(own->application, '/');
	store->node = slash == NULL ? own->application : slash + 1;
	return true;
}

static bool
make_lanes(struct store *store)
{
	const struct store_settings *settings = &store->settings;
	size_t slots = (size_t)LANE_SLOTS * settings->batch_rows;
	store->lanes = calloc(settings->connections, sizeof(*store->lanes));
	store->op_slots = calloc(settings->connections * slots, sizeof(*store->op_slots));
	if (store->lanes == NULL || store->op_slots == NULL || !params_grow(&store->params))
		return false;
	for (uint32_t i = 0; i < settings->connections; i++)
		lane_init(&store->lanes[i], store, store->op_slots + i * slots);
	return true;
}

static void
parse_url(struct store *store)
{
	char *error = NULL;
	store->options = PQconninfoParse(store->settings.url, &error);
	if (store->options == NULL) {
		/* what libpq quotes may hold a password */
		const char *why = error == NULL ? "out of memory" : error;
		store_trouble_set(store, "database.url: %.*s", (int)strcspn(why, "\"\n"), why);
		log_message(LOG_LEVEL_ERROR, "db.down", "%s", store->trouble);
		store->told_count = TOLD_MAX;
	}
	PQfreemem(error);
}

static void
forget_password(struct store *store)
{
	char *password = (char *)store->settings.password;
	if (password != NULL)
		explicit_bzero(password, strlen(password));
	free(password);
	store->settings.password = NULL;
}

static void
release(struct store *store)
{
	PQconninfoFree(store->options);
	params_free(&store->params);
	free(store->lanes);
	free(store->op_slots);
	free((char *)store->settings.url);
	forget_password(store);
	free((char *)store->settings.password_file);
	free((char *)store->settings.application);
	explicit_bzero(&store->keys, sizeof(store->keys));
	free(store);
}

struct store *
store_open(struct loop *loop, const struct store_settings *settings)
{
	struct store *store = calloc(1, sizeof(*store));
	if (store == NULL)
		return NULL;
	struct list *const lists[] = { &store->lookups,	       &store->commits, &store->alone,
				       &store->queries,	       &store->waiting, &store->refused,
				       &store->refused_queries };
	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++)
		list_init(lists[i]);
	store->loop = loop;
	store->down_since_ms = loop_now_ms(loop);
	if (!copy_settings(store, settings) || !make_lanes(store)) {
		release(store);
		return NULL;
	}
	parse_url(store);
	resolve_init(&store->resolve, loop, lane_resolved);
	store->turn_end.call = turn_ended;
	loop_at_turn_end(loop, &store->turn_end);
	timer_start(loop, &store->tick, TICK_MS, tick);
	lane_connect_next(store, 0);
	return store;
}

bool
store_password(struct store *store, const char *password)
{
	const char *known = store->settings.password;
	char *own = known != NULL && strcmp(known, password) == 0 ? NULL : strdup(password);
	if (own == NULL)
		return false;
	forget_password(store);
	store->settings.password = own;
	return true;
}

uint32_t
store_server(const struct store *store)
{
	return store->server;
}

bool
store_whole(const struct store *store)
{
	return store_lanes_up(store) == store->settings.connections;
}

void
store_close(struct store *store)
{
	if (store == NULL)
		return;
	store->told_count = TOLD_MAX;
	store->keys.has_ticket = false; /* so that the store is not up whatever is done below */
	for (uint32_t i = 0; i < store->settings.connections; i++)
		lane_lose(&store->lanes[i], false);
	while (!list_empty(&store->refused))
		fail_list(store, &store->refused);
	fail_queries(&store->refused_queries);
	timer_stop(&store->tick);
	timer_stop(&store->held);
	timer_stop(&store->retry);
	timer_stop(&store->connect);
	timer_stop(&store->sweep.timer);
	loop_no_turn_end(&store->turn_end);
	assert(store->queued == 0);
	stats->db_lanes[LINK_DOWN] -= store->settings.connections;
	release(store);
}
