/* Counters: pages of plain numbers in shared memory, one writer each, and the tables that say what
 * they mean. */
#include "base/stats.h"

#include <string.h>
#include <sys/mman.h>

static struct stats private_page;
struct stats *stats = &private_page;

struct stats *
stats_map(size_t count)
{
	void *map = mmap(NULL, count * sizeof(struct stats), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return map == MAP_FAILED ? NULL : map;
}

void
stats_use(struct stats *page)
{
	stats = page;
}

void
stats_add(struct stats *sum, const struct stats *page)
{
	uint64_t *to = (uint64_t *)sum;
	const uint64_t *from = (const uint64_t *)page;
	for (size_t i = 0; i < offsetof(struct stats, loop_turn_ms) / sizeof(*to); i++)
		to[i] += from[i];
}

void
stats_bury(struct stats *page)
{
	for (unsigned transport = 0; transport < TRANSPORT_COUNT; transport++)
		page->connections_closed[transport][CLOSE_PROCESS_DIED] +=
			page->connections_live[transport];
#define X(id, name, help) page->id = 0;
	GAUGES(X)
#undef X
	memset(page->connections_live, 0, sizeof(page->connections_live));
	memset(page->db_lanes, 0, sizeof(page->db_lanes));
	page->store_usable = 0;
	page->tls_missing = 0;
}

/* --- counting ------------------------------------------------------------------------- */

enum stats_sip_code
stats_sip_code(unsigned status)
{
	switch (status) {
#define X(id, word) \
	case id:    \
		return SIP_CODE_##id;
		STATS_SIP_CODES(X)
#undef X
	default:
		return SIP_CODE_500;
	}
}

enum stats_http_code
stats_http_code(unsigned status)
{
	switch (status) {
#define X(id, word) \
	case id:    \
		return HTTP_CODE_##id;
		STATS_HTTP_CODES(X)
#undef X
	default:
		return HTTP_CODE_500;
	}
}

enum stats_sql_class
stats_sql_class(const char *sqlstate)
{
	for (unsigned i = 0; i < SQL_CLASS_LOST; i++)
		if (strncmp(sqlstate, stats_label_word(STATS_LABEL_SQL_CLASS, i), 2) == 0)
			return (enum stats_sql_class)i;
	return SQL_CLASS_OTHER;
}

static const uint64_t times[] = { STATS_BOUNDS_TIMES };
static const uint64_t short_times[] = { STATS_BOUNDS_SHORT_TIMES };
static const uint64_t counts[] = { STATS_BOUNDS_COUNTS };
static const struct {
	const uint64_t *values;
	unsigned count;
} bounds_table[] = {
	[STATS_TIMES] = { times, sizeof(times) / sizeof(*times) },
	[STATS_SHORT_TIMES] = { short_times, sizeof(short_times) / sizeof(*short_times) },
	[STATS_COUNTS] = { counts, sizeof(counts) / sizeof(*counts) },
};
_Static_assert(sizeof(short_times) / sizeof(*short_times) < STATS_BUCKETS,
	       "one more, for the rest");

void
histogram_add(struct histogram *histogram, enum stats_bounds bounds, uint64_t value)
{
	unsigned bucket = 0;
	while (bucket < bounds_table[bounds].count && value > bounds_table[bounds].values[bucket])
		bucket++;
	histogram->buckets[bucket]++;
	histogram->sum += value;
}

/* --- reading -------------------------------------------------------------------------- */

uint64_t
stats_total(const uint64_t *numbers, size_t count)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < count; i++)
		sum += numbers[i];
	return sum;
}

uint64_t
stats_handshakes(const struct stats *page, enum stats_tls_result result)
{
	uint64_t sum = 0;
	for (unsigned version = 0; version < TLS_VERSION_COUNT; version++)
		sum += page->tls_handshakes[version][result];
	return sum;
}

void
stats_each(const struct stats *page, void (*each)(const char *, const char *, uint64_t, void *),
	   void *arg)
{
#define X(id, name, help) each(name, help, page->id, arg);
	COUNTERS(X)
	GAUGES(X)
#undef X
	const struct {
		const char *name, *help;
		uint64_t value;
	} sums[] = {
		{ "requests", "SIP requests that were parsed", STATS_SUM(page->sip_requests) },
		{ "responses", "SIP responses sent", STATS_SUM(page->sip_responses) },
		{ "parse_errors", "messages refused or dropped by the parser",
		  STATS_SUM(page->parse_errors) },
		{ "retransmissions", "requests that came again while their transaction lives",
		  STATS_SUM(page->retransmissions) },
		{ "connections_opened", "stream connections accepted",
		  STATS_SUM(page->connections_opened) },
		{ "connections_closed", "stream connections ended",
		  STATS_SUM(page->connections_closed) },
		{ "connections_live", "stream connections open now",
		  STATS_SUM(page->connections_live) },
		{ "tls_handshakes", "TLS handshakes completed",
		  stats_handshakes(page, TLS_RESULT_FULL) +
			  stats_handshakes(page, TLS_RESULT_RESUMED) },
		{ "tls_resumed", "of these, resumed by a ticket",
		  stats_handshakes(page, TLS_RESULT_RESUMED) },
		{ "tls_failures", "TLS handshakes failed",
		  stats_handshakes(page, TLS_RESULT_FAILED) },
		{ "received_bytes", "octets received", STATS_SUM(page->received_bytes) },
		{ "sent_bytes", "octets sent", STATS_SUM(page->sent_bytes) },
		{ "db_errors", "statements that failed or were lost", STATS_SUM(page->db_errors) },
		{ "db_up", "lanes connected now", page->db_lanes[LINK_UP] },
		{ "bans_automatic", "sources banned after limits.ban_after failures",
		  page->bans[BANS_AUTOMATIC] },
		{ "bans_manual", "bans made through the admin API", page->bans[BANS_MANUAL] },
		{ "banned_prefixes", "bans in force on this node",
		  STATS_SUM(page->banned_prefixes) },
		{ "bindings_expired", "expired bindings swept or replaced",
		  page->binding_changes[CHANGE_EXPIRED] },
	};
	for (size_t i = 0; i < sizeof(sums) / sizeof(*sums); i++)
		each(sums[i].name, sums[i].help, sums[i].value, arg);
}

#define LABEL(label) STATS_LABEL_##label
const struct stats_family stats_families[] = {
#define X(kind, id, name, help, a, b, c) \
	{ name,                          \
	  help,                          \
	  STATS_##kind,                  \
	  STATS_TIMES,                   \
	  offsetof(struct stats, id),    \
	  { LABEL(a), LABEL(b), LABEL(c) } },
	COUNTERS_3(X)
#undef X
#define X(kind, id, name, help, a)    \
	{ name,                       \
	  help,                       \
	  STATS_##kind,               \
	  STATS_TIMES,                \
	  offsetof(struct stats, id), \
	  { LABEL(a), STATS_LABEL_NONE, STATS_LABEL_NONE } },
		COUNTERS_1(X)
#undef X
#define X(kind, id, name, help, a, b) \
	{ name,                       \
	  help,                       \
	  STATS_##kind,               \
	  STATS_TIMES,                \
	  offsetof(struct stats, id), \
	  { LABEL(a), LABEL(b), STATS_LABEL_NONE } },
			COUNTERS_2(X)
#undef X
#define X(id, name, help, label, bounds) \
	{ name,                          \
	  help,                          \
	  STATS_HISTOGRAM,               \
	  STATS_##bounds,                \
	  offsetof(struct stats, id),    \
	  { LABEL(label), STATS_LABEL_NONE, STATS_LABEL_NONE } },
				HISTOGRAMS(X)
#undef X
#define X(id, name, help) \
	{ name "_total", help, STATS_COUNTER, STATS_TIMES, offsetof(struct stats, id), { 0 } },
					COUNTERS(X)
#undef X
#define X(id, name, help) \
	{ name, help, STATS_GAUGE, STATS_TIMES, offsetof(struct stats, id), { 0 } },
						GAUGES(X)
#undef X
};
const size_t stats_family_count = sizeof(stats_families) / sizeof(*stats_families);

struct label {
	const char *name;
	unsigned count;
	const char *const *words;
};

#define WORD(id, word) word,
#define ROW(id, name, words) \
	[STATS_LABEL_##id] = { name, id##_COUNT, (const char *const[]){ words(WORD) } },
static const struct label labels[] = { [STATS_LABEL_NONE] = { "", NONE_COUNT,
							      (const char *const[]){ "" } },
				       [STATS_LABEL_WORKER] = { "worker", WORKER_COUNT, NULL },
				       [STATS_LABEL_REASON] = { "reason", REASON_COUNT, NULL },
				       [STATS_LABEL_DOMAIN] = { "domain", DOMAIN_COUNT, NULL },
				       [STATS_LABEL_ROUTE] = { "route", ROUTE_COUNT, NULL },
				       STATS_LABELS(ROW) };

const char *
transport_word(enum transport transport)
{
	return stats_label_word(STATS_LABEL_TRANSPORT, transport);
}

const char *
stats_label_name(enum stats_label label)
{
	return labels[label].name;
}

unsigned
stats_label_count(enum stats_label label)
{
	return labels[label].count;
}

const char *
stats_label_word(enum stats_label label, unsigned index)
{
	if (label == STATS_LABEL_REASON)
		return reason_word((enum reason)index);
	return labels[label].words == NULL ? NULL : labels[label].words[index];
}

const uint64_t *
stats_bounds(enum stats_bounds bounds, unsigned *count)
{
	*count = bounds_table[bounds].count;
	return bounds_table[bounds].values;
}

double
histogram_quantile(const struct histogram *histogram, enum stats_bounds bounds, double share)
{
	double wanted = share * (double)STATS_SUM(histogram->buckets);
	double below = 0, low = 0;
	for (unsigned i = 0; i < bounds_table[bounds].count; i++) {
		double high = (double)bounds_table[bounds].values[i];
		double here = (double)histogram->buckets[i];
		if (here > 0 && below + here >= wanted)
			return low + (high - low) * (wanted - below) / here;
		below += here;
		low = high;
	}
	return below < wanted ? low : 0;
}
