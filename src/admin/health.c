/*
 * Probes: answered from state that is there already, never by a call to the database. Liveness asks
 * whether the loops turn, readiness whether a phone would be served.
 */
#include <stdio.h>
#include <string.h>

#include "admin_internal.h"
#include "base/clock.h"
#include "json.h"

#define STUCK_MS 5000u

struct checks {
	bool loops;
	bool listeners;
	bool database;
	bool workers;
	bool running; /* not stopping */
	char database_text[256];
	char loops_text[64];
};

static bool
loops_turn(const struct admin *admin, char *text, size_t cap)
{
	uint64_t now = clock_monotonic_ms();
	const struct node_memory *memory = admin->memory;
	for (size_t i = 0; i < memory->node->worker_count; i++) {
		uint64_t turned = memory->pages[i].loop_turn_ms;
		if (turned != 0 && now > turned + STUCK_MS) {
			snprintf(text, cap, "worker %zu has not turned for %ju s", i,
				 (uintmax_t)(now - turned) / 1000);
			return false;
		}
	}
	snprintf(text, cap, "ok");
	return true;
}

static bool
database_good(const struct admin *admin, char *text, size_t cap)
{
	enum store_state state = store_state(admin->store);
	uint64_t down = store_down_ms(admin->store);
	if (state == STORE_UP) {
		snprintf(text, cap, "ok");
		return true;
	}
	const char *trouble = store_trouble(admin->store);
	snprintf(text, cap, "%s for %ju s%s%s",
		 state == STORE_SILENT ? "no answer" : "not connected", (uintmax_t)down / 1000,
		 *trouble == '\0' ? "" : ": ", trouble);
	return !admin->config->health.fail_on_database ||
	       (state != STORE_CONNECTING && down < admin->config->health.db_grace);
}

/* At least one worker would serve a phone, by its own word: it has connections of its own. */
static bool
worker_ready(const struct admin *admin)
{
	for (size_t i = 0; i < admin->memory->node->worker_count; i++)
		if (admin->memory->pages[i].ready != 0)
			return true;
	return false;
}

static struct checks
look(const struct admin *admin)
{
	struct checks checks = { .listeners = admin->memory->node->serving ||
					      admin->memory->node->stopping,
				 .running = !admin->memory->node->stopping };
	checks.workers = worker_ready(admin);
	checks.loops = loops_turn(admin, checks.loops_text, sizeof(checks.loops_text));
	checks.database = database_good(admin, checks.database_text, sizeof(checks.database_text));
	return checks;
}

static bool
all_good(const struct checks *checks)
{
	return checks->loops && checks->listeners && checks->workers && checks->database &&
	       checks->running;
}

static const char *
state_word(const struct checks *checks)
{
	if (!checks->running)
		return "draining";
	if (!checks->listeners)
		return "starting";
	if (!all_good(checks))
		return "not_ready";
	return strcmp(checks->database_text, "ok") == 0 ? "ready" : "degraded";
}

const char *const health_states[] = {
	"starting", "ready", "degraded", "not_ready", "draining", NULL
};

const char *
health_state(const struct admin *admin)
{
	struct checks checks = look(admin);
	return state_word(&checks);
}

static void
add_check(json_t *list, const char *name, bool good, const char *text)
{
	json_array_append_new(list, json_pack("{s:s,s:b,s:o}", "name", name, "ok", good, "detail",
					      json_octets(str_of(text))));
}

static json_t *
check_list(const struct checks *checks)
{
	json_t *list = json_array();
	add_check(list, "loops", checks->loops, checks->loops_text);
	add_check(list, "listeners", checks->listeners,
		  checks->listeners ? "ok" : "the first start is not finished");
	add_check(list, "workers", checks->workers,
		  checks->workers ? "ok" : "none would serve a phone now");
	add_check(list, "database", checks->database, checks->database_text);
	add_check(list, "draining", checks->running,
		  checks->running ? "ok" : "the node is going to stop");
	return list;
}

json_t *
health_checks(const struct admin *admin, bool *ready, const char **state)
{
	struct checks checks = look(admin);
	*ready = all_good(&checks);
	*state = state_word(&checks);
	return check_list(&checks);
}

/* "[+]listeners ok" a line, or the first that fails. */
static void
send_words(struct exchange *x, bool good, json_t *list)
{
	char text[2048];
	struct writer w = writer_on(text, sizeof(text) - 1);
	bool verbose = MHD_lookup_connection_value_n(x->connection, MHD_GET_ARGUMENT_KIND,
						     "verbose", 7, NULL, NULL) == MHD_YES;
	size_t index;
	json_t *check;
	json_array_foreach(list, index, check)
	{
		bool ok = json_is_true(json_object_get(check, "ok"));
		const char *name = json_string_value(json_object_get(check, "name"));
		const char *detail = json_string_value(json_object_get(check, "detail"));
		if (verbose)
			writer_printf(&w, "[%c]%s%s %s\n", ok ? '+' : '-', name, ok ? "" : ":",
				      detail);
		else if (!ok && w.len == 0)
			writer_printf(&w, "%s: %s\n", name, detail);
	}
	if (w.len == 0)
		writer_text_z(&w, "ok\n");
	text[w.len] = '\0';
	exchange_answer_text(x, good ? 200 : 503, text);
}

/* The verdict that the path asks for; false when there is no such path. */
static bool
verdict(const struct checks *checks, const char *path, bool *good)
{
	static const char *const ready[] = { "/readyz", "/healthz", "/", "*" };
	if (strcmp(path, "/livez") == 0) {
		*good = checks->loops;
		return true;
	}
	if (strcmp(path, "/startupz") == 0) {
		*good = checks->listeners;
		return true;
	}
	*good = all_good(checks);
	for (size_t i = 0; i < sizeof(ready) / sizeof(*ready); i++)
		if (strcmp(path, ready[i]) == 0)
			return true;
	return false;
}

void
health_answer(struct exchange *x, const char *path)
{
	if (strcmp(path, "/metrics") == 0 && x->admin->config->health.metrics) {
		metrics_answer(x);
		return;
	}
	struct checks checks = look(x->admin);
	bool good;
	if (!verdict(&checks, path, &good)) {
		exchange_answer_text(x, 404,
				     "not found; try /livez, /readyz, /startupz or /metrics\n");
		return;
	}
	json_t *list = check_list(&checks);
	if (strcmp(path, "/livez") == 0)
		for (size_t i = json_array_size(list); i-- > 1;)
			json_array_remove(list, i);
	const char *accept = MHD_lookup_connection_value(x->connection, MHD_HEADER_KIND, "Accept");
	if (accept != NULL && strstr(accept, "application/json") != NULL) {
		exchange_answer(
			x, good ? 200 : 503,
			json_pack("{s:s,s:o}", "state", state_word(&checks), "checks", list));
		return;
	}
	send_words(x, good, list);
	json_decref(list);
}
