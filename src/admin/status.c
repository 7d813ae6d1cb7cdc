/* The numbers behind `rollcallctl status`: counters of all processes, checks, and a count made in
 * the background. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin_internal.h"

#define COUNT_EVERY_MS 30000u
#define COUNT_SOON_MS 500u

static void
add_counter(const char *name, const char *help, uint64_t value, void *arg)
{
	(void)help;
	json_object_set_new(arg, name, json_integer((json_int_t)value));
}

static json_t *
json_outcomes(const struct stats *sum)
{
	json_t *outcomes = json_object();
	for (unsigned reason = 1; reason < REASON_COUNT; reason++) {
		json_t *by_transport = json_object();
		for (unsigned t = 0; t < TRANSPORT_COUNT; t++)
			json_object_set_new(by_transport, transport_word((enum transport)t),
					    json_integer((json_int_t)sum->outcomes[reason][t]));
		json_object_set_new(outcomes, reason_word((enum reason)reason), by_transport);
	}
	return outcomes;
}

static json_t *
optional_count(int64_t count)
{
	return count < 0 ? json_null() : json_integer((json_int_t)count);
}

void
stats_show(struct exchange *x)
{
	const struct admin *admin = x->admin;
	const struct node *node = admin->memory->node;
	struct stats *sum = arena_alloc(&x->arena, sizeof(*sum));
	bool ready;
	const char *state;
	if (sum == NULL) {
		exchange_out_of_memory(x);
		return;
	}
	for (size_t i = 0; i < admin->memory->page_count; i++)
		stats_add(sum, &admin->memory->pages[i]);
	json_t *counters = json_object();
	stats_each(sum, add_counter, counters);
	json_t *checks = health_checks(admin, &ready, &state);
	json_t *domains = json_array();
	for (size_t i = 0; i < admin->config->domain_count; i++)
		json_array_append_new(domains, json_string(admin->config->domains[i].name));
	int64_t now = loop_real_ms(admin->loop);
	exchange_answer(
		x, 200,
		json_pack("{s:s,s:s,s:s,s:b,s:I,s:I,s:i,s:i,s:o,s:o,s:o,s:o,s:o,s:o,s:o}",
			  "version", ROLLCALL_VERSION, "node", node->name, "state", state, "ready",
			  ready, "uptime", (json_int_t)((now - node->started_ms) / 1000),
			  "config_age", (json_int_t)((now - node->loaded_ms) / 1000), "workers",
			  (int)node->worker_count, "worker_deaths", (int)node->worker_deaths,
			  "users", optional_count(admin->users), "users_with_bindings",
			  optional_count(admin->users_with_bindings), "bindings",
			  optional_count(admin->bindings), "domains", domains, "checks", checks,
			  "counters", counters, "outcomes", json_outcomes(sum)));
}

/* --- background count ----------------------------------------------------------------- */

static void
count_done(struct store_query *query, enum query_result result, const struct store_rows *rows)
{
	struct admin *admin = container_of(query, struct admin, count_query);
	int64_t *const fields[] = { &admin->users, &admin->users_with_bindings, &admin->bindings,
				    &admin->bindings_of_node };
	free((void *)(uintptr_t)query->params[0]);
	admin->counting = false;
	if (result != QUERY_DONE || store_rows_count(rows) != 1)
		return;
	for (int column = 0; column < 4; column++) {
		uint64_t value;
		if (str_to_u64(store_rows_value(rows, 0, column), INT64_MAX, &value))
			*fields[column] = (int64_t)value;
	}
}

static void
count(struct timer *timer)
{
	struct admin *admin = container_of(timer, struct admin, count_timer);
	bool counted = admin->bindings >= 0;
	char *now = NULL;
	if (!admin->counting && store_state(admin->store) == STORE_UP &&
	    asprintf(&now, "%lld", (long long)loop_real_ms(admin->loop)) > 0) {
		admin->counting = true;
		admin->count_query =
			(struct store_query){ .name = "admin_counts",
					      .param_count = 2,
					      .params = { now, admin->memory->node->name },
					      .patient = true,
					      .done = count_done };
		store_run(admin->store, &admin->count_query);
	}
	timer_start(admin->loop, &admin->count_timer, counted ? COUNT_EVERY_MS : COUNT_SOON_MS,
		    count);
}

void
status_count_start(struct admin *admin)
{
	count(&admin->count_timer);
}
