/*
 * The nodes of the cluster: each tells the database every five seconds, and at once when its state
 * changes, that it lives. A start is an instance of its own, so that two nodes of one name are seen
 * as two.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin_internal.h"
#include "base/log.h"
#include "json.h"
#include "nodes.h"

#define LOOK_MS 500u
#define BEAT_MS 5000u

/* In the order of admin_nodes.sql. */
enum column { NAME, VERSION, STATE, WORKERS, BINDINGS, STARTED, SEEN, AGO };

struct heartbeat {
	struct admin *admin;
	struct timer timer;
	struct store_query query;
	bool asking;
	bool leaving;
	bool twin_told;
	uint64_t beat_ms; /* the last one */
	const char *state;
	char instance[64], started[24], workers[16], bindings[24];
	void (*left)(void *arg);
	void *arg;
};

/* --- the heartbeat ----------------------------------------------------------------------- */

static void
note_twin(struct heartbeat *beat, bool twin)
{
	const char *name = beat->admin->memory->node->name;
	if (twin && !beat->twin_told)
		log_message(LOG_LEVEL_WARNING, "node.twin",
			    "another node of this database is called %s, too; give each its own "
			    "server.name",
			    name);
	else if (!twin && beat->twin_told)
		log_message(LOG_LEVEL_NOTICE, "node.twin", "%s is the only one of its name again",
			    name);
	beat->twin_told = twin;
}

static void send_beat(struct heartbeat *beat);

static void
end(struct heartbeat *beat)
{
	void (*left)(void *) = beat->left;
	beat->left = NULL;
	if (left != NULL)
		left(beat->arg);
}

static void
beaten(struct store_query *query, enum query_result result, const struct store_rows *rows)
{
	struct heartbeat *beat = container_of(query, struct heartbeat, query);
	beat->asking = false;
	if (result == QUERY_DONE && store_rows_count(rows) == 1)
		note_twin(beat, str_eq(store_rows_value(rows, 0, 0), STR("1")));
	if (beat->leaving && strcmp(beat->state, "stopped") != 0 && result != QUERY_UNAVAILABLE)
		send_beat(beat);
	else if (beat->leaving)
		end(beat);
}

static void
send_beat(struct heartbeat *beat)
{
	struct admin *admin = beat->admin;
	const struct node *node = admin->memory->node;
	beat->state = beat->leaving ? "stopped" : health_state(admin);
	beat->beat_ms = loop_now_ms(admin->loop);
	beat->asking = true;
	snprintf(beat->bindings, sizeof(beat->bindings), "%lld",
		 (long long)admin->counts.bindings_of_node);
	beat->query = (struct store_query){
		.name = "node_beat",
		.param_count = 7,
		.params = { node->name, beat->instance, ROLLCALL_VERSION, beat->state,
			    beat->started, beat->workers,
			    admin->counts.known ? beat->bindings : NULL },
		.done = beaten,
	};
	store_run(admin->store, &beat->query);
}

static void
look(struct timer *timer)
{
	struct heartbeat *beat = container_of(timer, struct heartbeat, timer);
	struct admin *admin = beat->admin;
	const char *state = health_state(admin);
	timer_start(admin->loop, &beat->timer, LOOK_MS, look);
	bool due = loop_now_ms(admin->loop) - beat->beat_ms >= BEAT_MS;
	if (!beat->asking && !beat->leaving && store_state(admin->store) == STORE_UP &&
	    (due || beat->state == NULL || strcmp(state, beat->state) != 0))
		send_beat(beat);
}

struct heartbeat *
heartbeat_open(struct admin *admin)
{
	const struct node *node = admin->memory->node;
	struct heartbeat *beat = calloc(1, sizeof(*beat));
	if (beat == NULL)
		return NULL;
	beat->admin = admin;
	/* The same for all admin processes of this start. */
	snprintf(beat->instance, sizeof(beat->instance), "%016llx",
		 (unsigned long long)node->instance);
	snprintf(beat->started, sizeof(beat->started), "%lld", (long long)node->started_ms);
	snprintf(beat->workers, sizeof(beat->workers), "%u", node->worker_count);
	look(&beat->timer);
	return beat;
}

void
heartbeat_close(struct heartbeat *beat)
{
	if (beat == NULL)
		return;
	timer_stop(&beat->timer);
	free(beat);
}

void
heartbeat_leave(struct heartbeat *beat, void (*left)(void *arg), void *arg)
{
	beat->leaving = true;
	beat->left = left;
	beat->arg = arg;
	if (!beat->asking)
		send_beat(beat);
}

/* --- the list ---------------------------------------------------------------------------- */

static int64_t
number(const struct store_rows *rows, int row, int column)
{
	uint64_t value;
	return str_to_u64(store_rows_value(rows, row, column), INT64_MAX, &value) ? (int64_t)value
										  : 0;
}

static void
list_rows(struct exchange *x, const struct store_rows *rows)
{
	json_t *items = json_array();
	for (int row = 0; row < store_rows_count(rows); row++)
		json_array_append_new(
			items, json_pack("{s:o,s:o,s:o,s:o,s:o,s:I,s:I,s:o}", "node",
					 json_octets(store_rows_value(rows, row, NAME)), "version",
					 json_octets(store_rows_value(rows, row, VERSION)), "state",
					 json_octets(store_rows_value(rows, row, STATE)),
					 "started_at", json_time(number(rows, row, STARTED)),
					 "seen_at", json_time(number(rows, row, SEEN)), "seen_ago",
					 (json_int_t)number(rows, row, AGO), "workers",
					 (json_int_t)number(rows, row, WORKERS), "bindings",
					 store_rows_null(rows, row, BINDINGS)
						 ? json_null()
						 : json_integer(number(rows, row, BINDINGS))));
	exchange_answer(x, 200, json_pack("{s:o}", "items", items));
}

void
nodes_list(struct exchange *x)
{
	exchange_query(x, "admin_nodes", 0, list_rows);
}
