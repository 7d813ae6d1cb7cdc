/*
 * Probes: answered from state that is there already, never by a call to the database. Liveness asks
 * whether the loops turn, readiness whether a phone would be served. The verdict is node_ready(),
 * by which the workers answer OPTIONS; what is said here beside it explains it, or warns.
 */
#include <stdio.h>
#include <string.h>

#include "admin_internal.h"
#include "base/clock.h"
#include "json.h"

enum check_id {
	CHECK_LOOPS,
	CHECK_LISTENERS,
	CHECK_WORKERS,
	CHECK_DATABASE,
	CHECK_CERTIFICATES,
	CHECK_DRAINING,
	CHECK_COUNT
};
static const char *const check_names[CHECK_COUNT] = { "loops",	  "listeners",	  "workers",
						      "database", "certificates", "draining" };
enum finding { FINDING_OK, FINDING_WARNING, FINDING_BAD };

struct checks {
	enum finding findings[CHECK_COUNT];
	char texts[CHECK_COUNT][160]; /* for anybody */
	/* Whose words, hosts and files it is about: for operators. */
	char reasons[CHECK_COUNT][320];
	bool ready;
	bool stopped;
};

static void
check_loops(const struct admin *admin, struct checks *checks, uint64_t now_ms)
{
	const struct node_memory *memory = admin->memory;
	uint32_t stuck = node_stuck_worker(memory, now_ms);
	if (stuck == memory->node->worker_count)
		return;
	checks->findings[CHECK_LOOPS] = FINDING_BAD;
	snprintf(checks->texts[CHECK_LOOPS], sizeof(checks->texts[0]),
		 "worker %u has not turned for %jus", stuck,
		 (uintmax_t)(now_ms - memory->pages[stuck].loop_turn_ms) / 1000);
}

/* At least one worker would serve a phone, by its own word: it has connections of its own. */
static void
check_workers(const struct admin *admin, struct checks *checks)
{
	uint32_t all = admin->memory->node->worker_count;
	uint32_t serving = node_serving_workers(admin->memory);
	if (serving == all)
		return;
	checks->findings[CHECK_WORKERS] = serving == 0 ? FINDING_BAD : FINDING_WARNING;
	snprintf(checks->texts[CHECK_WORKERS], sizeof(checks->texts[0]),
		 serving == 0 ? "none would serve a phone now"
			      : "%u of %u would not serve a phone now",
		 all - serving, all);
}

/* As this process sees it, once it has seen it. While a worker serves, the database is within its
 * grace or nobody minds: a warning then. */
static void
check_database(const struct admin *admin, struct checks *checks)
{
	enum store_state state = store_state(admin->store);
	const char *trouble = store_trouble(admin->store);
	uint64_t down_ms = store_down_ms(admin->store);
	bool served = node_serving_workers(admin->memory) > 0;
	if (down_ms == 0 || (state == STORE_CONNECTING && *trouble == '\0' && served))
		return;
	checks->findings[CHECK_DATABASE] = served ? FINDING_WARNING : FINDING_BAD;
	snprintf(checks->texts[CHECK_DATABASE], sizeof(checks->texts[0]), "%s for %jus",
		 state == STORE_UP	 ? "refuses requests"
		 : state == STORE_SILENT ? "no answer"
					 : "not connected",
		 (uintmax_t)down_ms / 1000);
	snprintf(checks->reasons[CHECK_DATABASE], sizeof(checks->reasons[0]), "%s", trouble);
}

/* What this process reads of the files; what the workers serve may be older, or nothing. */
static void
check_certificates(const struct admin *admin, struct checks *checks)
{
	char *text = checks->texts[CHECK_CERTIFICATES];
	char *reason = checks->reasons[CHECK_CERTIFICATES];
	uint32_t serving = node_serving_workers(admin->memory);
	uint32_t without = node_workers_without_tls(admin->memory);
	if (certificates_warn(admin, text, sizeof(checks->texts[0]), reason,
			      sizeof(checks->reasons[0])))
		checks->findings[CHECK_CERTIFICATES] = FINDING_WARNING;
	if (without == 0)
		return;
	checks->findings[CHECK_CERTIFICATES] = without == serving ? FINDING_BAD : FINDING_WARNING;
	if (admin->certificate_trouble[0] == '\0')
		reason[0] = '\0'; /* which one expires is none */
	if (without == serving)
		snprintf(text, sizeof(checks->texts[0]),
			 "TLS is not served: no certificate can be used");
	else
		snprintf(text, sizeof(checks->texts[0]),
			 "%u of %u workers serve no TLS: no certificate can be used", without,
			 serving);
}

static struct checks
look(const struct admin *admin)
{
	const struct node *node = admin->memory->node;
	struct checks checks = { .stopped = false };
	uint64_t now_ms = clock_monotonic_ms();
	for (unsigned i = 0; i < CHECK_COUNT; i++)
		snprintf(checks.texts[i], sizeof(checks.texts[i]), "ok");
	check_loops(admin, &checks, now_ms);
	check_workers(admin, &checks);
	check_database(admin, &checks);
	if (!node->serving && !node->stopping) {
		checks.findings[CHECK_LISTENERS] = FINDING_BAD;
		snprintf(checks.texts[CHECK_LISTENERS], sizeof(checks.texts[0]),
			 "the first start is not finished");
	}
	if (node->stopping) {
		checks.findings[CHECK_DRAINING] = FINDING_BAD;
		snprintf(checks.texts[CHECK_DRAINING], sizeof(checks.texts[0]),
			 "the node is going to stop");
	}
	check_certificates(admin, &checks);
	checks.stopped = node->stopping && !node->serving;
	for (uint32_t i = 0; i < node->worker_count; i++)
		checks.stopped = checks.stopped && node->worker_pids[i] == 0;
	checks.ready = node_ready(admin->memory, now_ms);
	return checks;
}

static const char *
state_word(const struct checks *checks)
{
	if (checks->stopped)
		return "stopped";
	if (checks->findings[CHECK_DRAINING] == FINDING_BAD)
		return "draining";
	if (checks->findings[CHECK_LISTENERS] == FINDING_BAD)
		return "starting";
	if (!checks->ready)
		return "not_ready";
	for (unsigned i = 0; i < CHECK_COUNT; i++)
		if (checks->findings[i] != FINDING_OK)
			return "degraded";
	return "ready";
}

const char *const health_states[] = { "starting", "ready",   "degraded", "not_ready",
				      "draining", "stopped", NULL };

const char *
health_state(const struct admin *admin)
{
	struct checks checks = look(admin);
	return state_word(&checks);
}

/* Whoever asks on the health port has not logged in, and gets no reasons. */
static json_t *
check_list(const struct checks *checks, unsigned count, bool with_reasons)
{
	json_t *list = json_array();
	for (unsigned i = 0; i < count; i++) {
		char detail[sizeof(checks->texts[0]) + sizeof(checks->reasons[0]) + 2];
		bool told = with_reasons && checks->reasons[i][0] != '\0';
		snprintf(detail, sizeof(detail), "%s%s%s", checks->texts[i], told ? ": " : "",
			 told ? checks->reasons[i] : "");
		json_array_append_new(list,
				      json_pack("{s:s,s:b,s:b,s:o}", "name", check_names[i], "ok",
						checks->findings[i] != FINDING_BAD, "warning",
						checks->findings[i] == FINDING_WARNING, "detail",
						json_octets(str_of(detail))));
	}
	return list;
}

json_t *
health_checks(const struct admin *admin, bool *ready, const char **state)
{
	struct checks checks = look(admin);
	*ready = checks.ready;
	*state = state_word(&checks);
	return check_list(&checks, CHECK_COUNT, true);
}

/* "[+]listeners ok", "[!]certificates: …", "[-]database: …" a line; or "ok", or the first that
 * fails. */
static void
send_words(struct exchange *x, bool good, const struct checks *checks, unsigned count)
{
	char text[4096];
	struct writer w = writer_on(text, sizeof(text) - 1);
	bool verbose = MHD_lookup_connection_value_n(x->connection, MHD_GET_ARGUMENT_KIND,
						     "verbose", 7, NULL, NULL) == MHD_YES;
	for (unsigned i = 0; i < count; i++) {
		enum finding finding = checks->findings[i];
		if (verbose)
			writer_printf(&w, "[%c]%s%s %s\n", "+!-"[finding], check_names[i],
				      finding == FINDING_OK ? "" : ":", checks->texts[i]);
		else if (!good && finding == FINDING_BAD && w.len == 0)
			writer_printf(&w, "%s: %s\n", check_names[i], checks->texts[i]);
	}
	if (w.len == 0)
		writer_text_z(&w, "ok\n");
	text[w.len] = '\0';
	exchange_answer_text(x, good ? 200 : 503, text);
}

/* The verdict that the path asks for, and how many of the checks it comes from; false when there is
 * no such path. */
static bool
verdict(const struct checks *checks, const char *path, bool *good, unsigned *count)
{
	static const char *const ready[] = { "/readyz", "/healthz", "/", "*" };
	if (strcmp(path, "/livez") == 0) {
		*good = checks->findings[CHECK_LOOPS] != FINDING_BAD;
		*count = CHECK_LOOPS + 1;
		return true;
	}
	if (strcmp(path, "/startupz") == 0) {
		*good = checks->findings[CHECK_LISTENERS] != FINDING_BAD;
		*count = CHECK_LISTENERS + 1;
		return true;
	}
	*good = checks->ready;
	*count = CHECK_COUNT;
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
	unsigned count;
	if (!verdict(&checks, path, &good, &count)) {
		exchange_answer_text(x, 404,
				     "not found; try /livez, /readyz, /startupz or /metrics\n");
		return;
	}
	const char *accept = MHD_lookup_connection_value(x->connection, MHD_HEADER_KIND, "Accept");
	if (accept != NULL && strstr(accept, "application/json") != NULL)
		exchange_answer(x, good ? 200 : 503,
				json_pack("{s:s,s:o}", "state", state_word(&checks), "checks",
					  check_list(&checks, count, false)));
	else
		send_words(x, good, &checks, count);
}
