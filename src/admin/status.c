/* The numbers behind `rollcallctl status`: counters of all processes, checks, and what counts.c has
 * counted. */
#include <sys/resource.h>

#include "admin_internal.h"
#include "json.h"

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
optional_count(const struct admin *admin, int64_t count)
{
	return admin->counts.known ? json_integer((json_int_t)count) : json_null();
}

static json_t *
json_by_transport(const struct admin *admin)
{
	if (!admin->counts.known)
		return json_null();
	json_t *by_transport = json_object();
	for (unsigned t = 0; t < TRANSPORT_COUNT; t++) {
		uint64_t sum = 0;
		for (unsigned label = 0; label < DOMAIN_COUNT; label++)
			sum += admin->counts.bindings[label][t];
		json_object_set_new(by_transport, transport_word((enum transport)t),
				    json_integer((json_int_t)sum));
	}
	return by_transport;
}

/* The host is that of this process; the connections are those of all. */
static json_t *
json_database(const struct admin *admin, const struct stats *sum)
{
	const char *host = store_host(admin->store);
	return json_pack("{s:o,s:I,s:I,s:I}", "host",
			 *host == '\0' ? json_null() : json_octets(str_of(host)), "connections",
			 (json_int_t)sum->db_lanes[LINK_UP], "connections_wanted",
			 (json_int_t)STATS_SUM(sum->db_lanes), "queue",
			 (json_int_t)sum->db_queue_length);
}

/* Of each process: they have it from the master. */
static json_int_t
descriptor_limit(void)
{
	struct rlimit limit;
	return getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < INT32_MAX
		       ? (json_int_t)limit.rlim_cur
		       : INT32_MAX;
}

static uint64_t
smaller(uint64_t least, uint64_t here)
{
	return here > 0 && (least == 0 || here < least) ? here : least;
}

/* The smallest that a worker's UDP socket got, in octets; 0: there is none. */
static json_int_t
udp_receive_buffer(const struct admin *admin)
{
	uint64_t least = 0;
	for (size_t i = 0; i < admin->memory->page_count; i++)
		least = smaller(least, admin->memory->pages[i].udp_receive_buffer);
	return (json_int_t)least;
}

static json_int_t
udp_send_buffer(const struct admin *admin)
{
	uint64_t least = 0;
	for (size_t i = 0; i < admin->memory->page_count; i++)
		least = smaller(least, admin->memory->pages[i].udp_send_buffer);
	return (json_int_t)least;
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
		json_pack("{s:s,s:s,s:s,s:b,s:I,s:I,s:b,s:i,s:i,s:I,s:I,s:I,s:I,s:o,s:o,s:o,s:o,s:"
			  "o,s:"
			  "o,s:o,s:o,s:o,s:o,s:o}",
			  "version", ROLLCALL_VERSION, "node", node->name, "state", state, "ready",
			  ready, "uptime", (json_int_t)((now - node->started_ms) / 1000),
			  "config_age", (json_int_t)((now - node->loaded_ms) / 1000),
			  "config_refused", node->config_refused, "workers",
			  (int)node->worker_count, "worker_deaths", (int)node->worker_deaths,
			  "descriptor_limit", descriptor_limit(), "max_connections",
			  (json_int_t)admin->config->server.max_connections, "udp_receive_buffer",
			  udp_receive_buffer(admin), "udp_send_buffer", udp_send_buffer(admin),
			  "users", optional_count(admin, admin->counts.accounts),
			  "users_with_bindings", optional_count(admin, admin->counts.addresses),
			  "bindings", optional_count(admin, admin->counts.bindings_total),
			  "bindings_by_transport", json_by_transport(admin), "domains", domains,
			  "checks", checks, "counters", counters, "outcomes", json_outcomes(sum),
			  "recent", recent_json(admin), "database", json_database(admin, sum),
			  "certificate", certificates_next(admin)));
}
