/*
 * GET /metrics, the text format 0.0.4 of Prometheus, straight from shared memory and from what the
 * admin process has gathered in the background: never a call to the database, and work bounded by
 * the tables. Who asks has not logged in and may ask for more than there is time for, so those who
 * come in quick succession share what was rendered for the first of them, and probes get their
 * turn. Families are rows of base/stats.h, or of the table at the end for what is no counter.
 */
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin_internal.h"
#include "base/clock.h"
#include "base/textfile.h"
#include "commit.h"
#include "pace.h"

#define CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"
#define OCTETS_A_US 1000u /* go into sockets, at least */

struct exposition {
	FILE *out;
	struct admin *admin;
	const struct stats *sum;
	unsigned routes;
};

/* --- lines ------------------------------------------------------------------------------ */

static void
write_head(const struct exposition *e, const char *name, const char *type, const char *help)
{
	fprintf(e->out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void
write_label(const struct exposition *e, bool first, const char *name, const char *value)
{
	fprintf(e->out, "%s%s=\"", first ? "{" : ",", name);
	for (; *value != '\0'; value++) {
		if (*value == '\n')
			fputs("\\n", e->out);
		else if (*value == '"' || *value == '\\')
			fprintf(e->out, "\\%c", *value);
		else
			fputc(*value, e->out);
	}
	fputc('"', e->out);
}

static void
write_one(const struct exposition *e, const char *name, const char *label, const char *value,
	  double number)
{
	fputs(name, e->out);
	if (label != NULL) {
		write_label(e, true, label, value);
		fputc('}', e->out);
	}
	fprintf(e->out, " %.17g\n", number);
}

/* --- families of base/stats.h ------------------------------------------------------------- */

static unsigned
values_of(const struct exposition *e, enum stats_label label)
{
	if (label == STATS_LABEL_DOMAIN)
		return e->admin->memory->node->domains.count;
	return stats_label_count(label);
}

/* Numbers that nothing counts yet have no series. */
static bool
exists(const struct exposition *e, enum stats_label label, unsigned index)
{
	if (label == STATS_LABEL_ROUTE)
		return index < e->routes || index >= ROUTE_NONE;
	return label != STATS_LABEL_REASON || index != REASON_NONE;
}

static void
write_index(const struct exposition *e, bool first, enum stats_label label, unsigned index)
{
	char route[128];
	const char *word = stats_label_word(label, index);
	if (label == STATS_LABEL_DOMAIN)
		word = e->admin->memory->node->domains.names[index];
	if (label == STATS_LABEL_ROUTE) {
		route_word(index, route, sizeof(route));
		word = route;
	}
	write_label(e, first, stats_label_name(label), word);
}

/* One line for each combination of the labels, of which there are at most three. */
static void
write_counters(const struct exposition *e, const struct stats_family *family, const char *name)
{
	const enum stats_label *labels = family->labels;
	const uint64_t *numbers = (const uint64_t *)((const char *)e->sum + family->offset);
	unsigned b_count = stats_label_count(labels[1]), c_count = stats_label_count(labels[2]);
	unsigned total = values_of(e, labels[0]) * b_count * c_count;
	for (unsigned i = 0; i < total; i++) {
		unsigned at[] = { i / (b_count * c_count), i / c_count % b_count, i % c_count };
		bool first = true, shown = true;
		for (unsigned k = 0; k < 3; k++)
			shown = shown && exists(e, labels[k], at[k]);
		if (!shown)
			continue;
		fputs(name, e->out);
		for (unsigned k = 0; k < 3 && labels[k] != STATS_LABEL_NONE; k++, first = false)
			write_index(e, first, labels[k], at[k]);
		fprintf(e->out, "%s %ju\n", first ? "" : "}", (uintmax_t)numbers[i]);
	}
}

/* The labels of a series without the closing brace, in which "le" comes last. */
static void
write_series(const struct exposition *e, const char *name, const char *suffix,
	     enum stats_label label, unsigned index)
{
	char worker[16];
	fprintf(e->out, "%s%s", name, suffix);
	if (label == STATS_LABEL_WORKER) {
		snprintf(worker, sizeof(worker), "%u", index);
		write_label(e, true, "worker", worker);
	} else if (label != STATS_LABEL_NONE) {
		write_index(e, true, label, index);
	}
}

static void
write_histogram(const struct exposition *e, const struct stats_family *family, const char *name,
		const struct histogram *histogram, unsigned index)
{
	enum stats_label label = family->labels[0];
	double unit = family->bounds == STATS_COUNTS ? 1 : 1e6;
	const char *end = label == STATS_LABEL_NONE ? "" : "}";
	unsigned count;
	const uint64_t *bounds = stats_bounds(family->bounds, &count);
	uint64_t sum = 0;
	for (unsigned i = 0; i <= count; i++) {
		char bound[32] = "+Inf";
		if (i < count)
			snprintf(bound, sizeof(bound), "%g", (double)bounds[i] / unit);
		sum += histogram->buckets[i];
		write_series(e, name, "_bucket", label, index);
		write_label(e, label == STATS_LABEL_NONE, "le", bound);
		fprintf(e->out, "} %ju\n", (uintmax_t)sum);
	}
	write_series(e, name, "_sum", label, index);
	fprintf(e->out, "%s %.6f\n", end, (double)histogram->sum / unit);
	write_series(e, name, "_count", label, index);
	fprintf(e->out, "%s %ju\n", end, (uintmax_t)sum);
}

static void
write_histograms(const struct exposition *e, const struct stats_family *family, const char *name)
{
	const struct node_memory *memory = e->admin->memory;
	enum stats_label label = family->labels[0];
	bool by_worker = label == STATS_LABEL_WORKER;
	unsigned count = by_worker ? memory->node->worker_count : stats_label_count(label);
	for (unsigned i = 0; i < count; i++) {
		const struct stats *page = by_worker ? &memory->pages[i] : e->sum;
		const struct histogram *all =
			(const struct histogram *)((const char *)page + family->offset);
		if (exists(e, label, i))
			write_histogram(e, family, name, by_worker ? all : &all[i], i);
	}
}

static void
write_family(const struct exposition *e, const struct stats_family *family)
{
	static const char *const types[] = { "counter", "gauge", "histogram" };
	char name[80];
	snprintf(name, sizeof(name), "rollcall_%s", family->name);
	write_head(e, name, types[family->type], family->help);
	if (family->type == STATS_HISTOGRAM)
		write_histograms(e, family, name);
	else
		write_counters(e, family, name);
}

/* --- what is no counter ------------------------------------------------------------------- */

static void
write_build_info(const struct exposition *e, const char *name)
{
	fputs(name, e->out);
	write_label(e, true, "version", ROLLCALL_VERSION);
	write_label(e, false, "commit", ROLLCALL_COMMIT);
	write_label(e, false, "openssl", OpenSSL_version(OPENSSL_VERSION_STRING));
	fputs("} 1\n", e->out);
}

static void
write_state(const struct exposition *e, const char *name)
{
	const char *now = health_state(e->admin);
	for (unsigned i = 0; health_states[i] != NULL; i++)
		write_one(e, name, "state", health_states[i], strcmp(health_states[i], now) == 0);
}

static void
write_group(const struct exposition *e, const char *name,
	    const uint64_t numbers[DOMAIN_COUNT][TRANSPORT_COUNT])
{
	unsigned domains = values_of(e, STATS_LABEL_DOMAIN);
	if (!e->admin->counts.known)
		return;
	for (unsigned domain = 0; domain < domains; domain++) {
		for (unsigned transport = 0; transport < TRANSPORT_COUNT; transport++) {
			fputs(name, e->out);
			write_index(e, true, STATS_LABEL_DOMAIN, domain);
			write_index(e, false, STATS_LABEL_TRANSPORT, transport);
			fprintf(e->out, "} %ju\n", (uintmax_t)numbers[domain][transport]);
		}
	}
}

static void
write_bindings(const struct exposition *e, const char *name)
{
	write_group(e, name, e->admin->counts.bindings);
}

static void
write_users(const struct exposition *e, const char *name)
{
	write_group(e, name, e->admin->counts.users);
}

static void
write_certificates(const struct exposition *e, const char *name)
{
	const struct node_memory *memory = e->admin->memory;
	const struct config *config = e->admin->config;
	for (size_t i = 0; i < config->certificate_count && i < STATS_CERTIFICATES; i++) {
		int64_t end = 0;
		for (uint32_t worker = 0; worker < memory->node->worker_count && end == 0; worker++)
			end = memory->pages[worker].certificates[i];
		if (end != 0)
			write_one(e, name, "certificate", config->certificates[i].name,
				  (double)end);
	}
}

static void
write_reloaded(const struct exposition *e, const char *name)
{
	write_one(e, name, NULL, NULL, (double)e->admin->memory->node->loaded_ms / 1000);
}

static void
write_overload(const struct exposition *e, const char *name)
{
	const struct node_memory *memory = e->admin->memory;
	for (uint32_t worker = 0; worker < memory->node->worker_count; worker++) {
		char word[16];
		snprintf(word, sizeof(word), "%u", worker);
		write_one(e, name, "worker", word,
			  (double)STATS_SUM(memory->pages[worker].outcomes[REASON_OVERLOADED]));
	}
}

static void
write_deaths(const struct exposition *e, const char *name)
{
	write_one(e, name, NULL, NULL, e->admin->memory->node->worker_deaths);
}

static void
write_busy(const struct exposition *e, const char *name)
{
	for (uint32_t worker = 0; worker < e->admin->memory->node->worker_count; worker++) {
		char word[16];
		snprintf(word, sizeof(word), "%u", worker);
		write_one(e, name, "worker", word, recent_busy(e->admin, worker));
	}
}

static void
write_cpu(const struct exposition *e, const char *name)
{
	write_one(e, name, NULL, NULL, processes_cpu_seconds(e->admin));
}

static void
write_resident(const struct exposition *e, const char *name)
{
	write_one(e, name, NULL, NULL, processes_resident_bytes(e->admin));
}

static void
write_open_fds(const struct exposition *e, const char *name)
{
	write_one(e, name, NULL, NULL, (double)e->admin->processes.open_fds);
}

static void
write_max_fds(const struct exposition *e, const char *name)
{
	write_one(e, name, NULL, NULL, processes_max_fds(e->admin));
}

static void
write_start(const struct exposition *e, const char *name)
{
	write_one(e, name, NULL, NULL, (double)e->admin->memory->node->started_ms / 1000);
}

static const struct special {
	const char *name, *type, *help;
	void (*write)(const struct exposition *e, const char *name);
} specials[] = {
	{ "rollcall_build_info", "gauge", "what runs here", write_build_info },
	{ "rollcall_state", "gauge", "1 for the state of the node", write_state },
	{ "rollcall_bindings", "gauge", "live bindings, counted every 30 s", write_bindings },
	{ "rollcall_users_with_bindings", "gauge",
	  "users with a live binding over the transport, counted every 30 s", write_users },
	{ "rollcall_certificate_expiry_timestamp_seconds", "gauge",
	  "end of each certificate that is served", write_certificates },
	{ "rollcall_config_last_reload_success_timestamp_seconds", "gauge",
	  "when the configuration in force was loaded", write_reloaded },
	{ "rollcall_overload_rejected_total", "counter", "requests refused to shed load",
	  write_overload },
	{ "rollcall_worker_busy_ratio", "gauge",
	  "share of the last ten seconds that a worker's loop was not waiting", write_busy },
	{ "process_cpu_seconds_total", "counter", "processor time of all processes of the node",
	  write_cpu },
	{ "process_resident_memory_bytes", "gauge",
	  "resident memory of all processes, what they share counted for each", write_resident },
	{ "process_open_fds", "gauge", "open descriptors of all processes, counted every 5 s",
	  write_open_fds },
	{ "process_max_fds", "gauge", "descriptors that all processes may open", write_max_fds },
	{ "process_start_time_seconds", "gauge", "when the node was started", write_start },
	{ "rollcall_child_deaths_total", "counter", "workers and admin processes that died",
	  write_deaths },
};

/* --- all of them -------------------------------------------------------------------------- */

static void
write_all(const struct exposition *e)
{
	for (size_t i = 0; i < sizeof(specials) / sizeof(*specials); i++) {
		write_head(e, specials[i].name, specials[i].type, specials[i].help);
		specials[i].write(e, specials[i].name);
	}
	for (size_t i = 0; i < stats_family_count; i++)
		write_family(e, &stats_families[i]);
}

/* NULL without memory. */
static struct MHD_Response *
response_of(char *text, size_t len)
{
	struct MHD_Response *response =
		MHD_create_response_from_buffer_with_free_callback(len, text, free);
	if (response == NULL)
		free(text);
	else
		exchange_describe(response, CONTENT_TYPE);
	return response;
}

/* NULL without memory. */
static struct MHD_Response *
render(struct admin *admin, size_t *len)
{
	struct textfile text;
	struct stats *sum = calloc(1, sizeof(*sum));
	struct exposition e = { .admin = admin, .sum = sum, .routes = route_count() };
	e.out = sum == NULL ? NULL : textfile_open(&text);
	if (e.out != NULL) {
		for (size_t i = 0; i < admin->memory->page_count; i++)
			stats_add(sum, &admin->memory->pages[i]);
		write_all(&e);
	}
	free(sum);
	bool whole = e.out != NULL && textfile_close(e.out, &text);
	*len = whole ? text.len : 0;
	return whole ? response_of(text.text, text.len) : NULL;
}

/* Clients that have gone already, or do not read, hold what others hold too: libmicrohttpd frees it
 * behind the last of them. */
static void
render_anew(struct admin *admin)
{
	struct metrics *metrics = &admin->metrics;
	uint64_t began_us = clock_monotonic_us();
	metrics_close(admin);
	metrics->response = render(admin, &metrics->len);
	budget_spend(&metrics->rendering, clock_monotonic_us() - began_us);
}

void
metrics_answer(struct exchange *x)
{
	struct metrics *metrics = &x->admin->metrics;
	uint64_t now_us = loop_now_us(x->admin->loop);
	if (!budget_allows(&metrics->sending, now_us)) {
		exchange_answer_text(x, 503, "too many scrapes at once\n");
		return;
	}
	if (budget_allows(&metrics->rendering, now_us))
		render_anew(x->admin);
	budget_spend(&metrics->sending, metrics->len / OCTETS_A_US);
	if (metrics->response == NULL)
		exchange_answer_text(x, 503, "out of memory\n");
	else
		exchange_answer_shared(x, 200, metrics->response);
}

void
metrics_close(struct admin *admin)
{
	if (admin->metrics.response != NULL)
		MHD_destroy_response(admin->metrics.response);
	admin->metrics.response = NULL;
}
