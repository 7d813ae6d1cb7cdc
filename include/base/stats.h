/*
 * Counters of one process in shared memory: a single writer, summed by whoever reads. `stats`
 * points at this process's page from stats_use() on; before that at a private one, so that counting
 * never fails. Counting is an increment, a histogram two; labels are indices that are known at
 * start.
 *
 * Everything is a row of a table below. From these come the struct, what /stats shows, what
 * /metrics shows (admin/metrics.c), and the test that docs/operations.md describes each of them.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/reason.h"

/* --- labels: X(ID, "word") ------------------------------------------------------------ */

/* clang-format off */
#define STATS_TRANSPORTS(X) X(UDP, "udp") X(TCP, "tcp") X(TLS, "tls")
#define STATS_METHODS(X) \
	X(REGISTER, "REGISTER") X(OPTIONS, "OPTIONS") X(ACK, "ACK") X(CANCEL, "CANCEL") \
	X(OTHER, "other")
/* Those of sip/status.h; a test of sip keeps them alike. */
#define STATS_SIP_CODES(X) \
	X(100, "100") X(200, "200") X(400, "400") X(401, "401") X(403, "403") X(404, "404") \
	X(405, "405") X(413, "413") X(414, "414") X(415, "415") X(416, "416") X(420, "420") \
	X(423, "423") X(480, "480") X(481, "481") X(482, "482") X(500, "500") X(501, "501") \
	X(503, "503") X(505, "505") X(513, "513")
#define STATS_HTTP_CODES(X) \
	X(200, "200") X(201, "201") X(202, "202") X(204, "204") X(400, "400") X(401, "401") \
	X(403, "403") X(404, "404") X(405, "405") X(406, "406") X(409, "409") X(413, "413") \
	X(415, "415") X(422, "422") X(500, "500") X(503, "503")
#define STATS_CAUSES(X) \
	X(PEER, "peer") X(IDLE, "idle_timeout") X(FIRST_MESSAGE, "first_message_timeout") \
	X(MESSAGE, "message_timeout") X(HANDSHAKE, "handshake_failed") \
	X(HANDSHAKE_TIMEOUT, "handshake_timeout") X(PROTOCOL, "protocol") \
	X(OUTPUT_FULL, "output_full") X(SHUTDOWN, "shutdown") X(UNWANTED, "banned") \
	X(ERROR, "error") \
	X(PROCESS_DIED, "process_died")
#define STATS_TLS_VERSIONS(X) X(NONE, "none") X(1_2, "1.2") X(1_3, "1.3")
#define STATS_TLS_RESULTS(X) X(FULL, "full") X(RESUMED, "resumed") X(FAILED, "failed")
#define STATS_STATEMENTS(X) \
	X(LOOKUP, "lookup") X(LOOKUP_ONE, "lookup_one") X(COMMIT, "commit") \
	X(COMMIT_ONE, "commit_one") X(SWEEP, "sweep") X(ADMIN, "admin") X(OTHER, "other")
#define STATS_BATCHES(X) X(LOOKUP, "lookup") X(COMMIT, "commit")
/* The first two characters of an SQLSTATE; or what ends a statement without one. */
#define STATS_SQL_CLASSES(X) \
	X(08, "08") X(22, "22") X(23, "23") X(25, "25") X(26, "26") X(28, "28") X(40, "40") \
	X(42, "42") X(53, "53") X(55, "55") X(57, "57") X(58, "58") X(P0, "P0") X(XX, "XX") \
	X(LOST, "lost") X(TIMEOUT, "timeout") X(OTHER, "other")
#define STATS_LINKS(X) X(DOWN, "down") X(CONNECTING, "connecting") X(UP, "up")
#define STATS_CHANGES(X) \
	X(ADDED, "added") X(REFRESHED, "refreshed") X(REMOVED, "removed") X(EXPIRED, "expired") \
	X(REPLACED, "replaced")
#define STATS_RECALLS(X) X(HIT, "hit") X(MISS, "miss") X(REFUSED, "refused")
#define STATS_SCOPES(X) X(SOURCE, "source") X(AOR, "aor") X(QUEUE, "queue")
#define STATS_BANS(X) X(AUTOMATIC, "automatic") X(MANUAL, "manual")
#define STATS_RELOADS(X) X(APPLIED, "applied") X(REFUSED, "refused")
#define STATS_OUTCOMES(X) \
	X(OK, "ok") X(CHALLENGED, "challenged") X(FAILED, "failed") X(REFUSED, "refused") \
	X(UNAVAILABLE, "unavailable")
/* clang-format on */

/* X(LABEL and prefix of its ids, "name", its words) */
#define STATS_LABELS(X)                               \
	X(TRANSPORT, "transport", STATS_TRANSPORTS)   \
	X(METHOD, "method", STATS_METHODS)            \
	X(SIP_CODE, "code", STATS_SIP_CODES)          \
	X(HTTP_CODE, "code", STATS_HTTP_CODES)        \
	X(CLOSE, "cause", STATS_CAUSES)               \
	X(TLS_VERSION, "version", STATS_TLS_VERSIONS) \
	X(TLS_RESULT, "result", STATS_TLS_RESULTS)    \
	X(SQL, "statement", STATS_STATEMENTS)         \
	X(ROWS, "statement", STATS_BATCHES)           \
	X(SQL_CLASS, "class", STATS_SQL_CLASSES)      \
	X(LINK, "state", STATS_LINKS)                 \
	X(CHANGE, "change", STATS_CHANGES)            \
	X(RECALL, "result", STATS_RECALLS)            \
	X(SCOPE, "scope", STATS_SCOPES)               \
	X(BANS, "scope", STATS_BANS)                  \
	X(RELOADED, "result", STATS_RELOADS)          \
	X(OUTCOME, "outcome", STATS_OUTCOMES)

#define X(id, word) TRANSPORT_##id,
enum transport { STATS_TRANSPORTS(X) TRANSPORT_COUNT };
#undef X
#define X(id, word) METHOD_##id,
enum stats_method { STATS_METHODS(X) METHOD_COUNT };
#undef X
#define X(id, word) SIP_CODE_##id,
enum stats_sip_code { STATS_SIP_CODES(X) SIP_CODE_COUNT };
#undef X
#define X(id, word) HTTP_CODE_##id,
enum stats_http_code { STATS_HTTP_CODES(X) HTTP_CODE_COUNT };
#undef X
#define X(id, word) CLOSE_##id,
/* Why a connection ended. */
enum close_cause { STATS_CAUSES(X) CLOSE_COUNT };
#undef X
#define X(id, word) TLS_VERSION_##id,
enum stats_tls_version { STATS_TLS_VERSIONS(X) TLS_VERSION_COUNT };
#undef X
#define X(id, word) TLS_RESULT_##id,
enum stats_tls_result { STATS_TLS_RESULTS(X) TLS_RESULT_COUNT };
#undef X
#define X(id, word) SQL_##id,
enum stats_sql { STATS_STATEMENTS(X) SQL_COUNT };
#undef X
#define X(id, word) ROWS_##id,
enum stats_rows { STATS_BATCHES(X) ROWS_COUNT };
#undef X
#define X(id, word) SQL_CLASS_##id,
enum stats_sql_class { STATS_SQL_CLASSES(X) SQL_CLASS_COUNT };
#undef X
#define X(id, word) LINK_##id,
enum stats_link { STATS_LINKS(X) LINK_COUNT };
#undef X
#define X(id, word) CHANGE_##id,
/* What became of a binding. */
enum binding_change { STATS_CHANGES(X) CHANGE_COUNT };
#undef X
#define X(id, word) RECALL_##id,
/* Of a remembered record: what became of a request that could use one. */
enum stats_recall { STATS_RECALLS(X) RECALL_COUNT };
#undef X
#define X(id, word) SCOPE_##id,
enum stats_scope { STATS_SCOPES(X) SCOPE_COUNT };
#undef X
#define X(id, word) BANS_##id,
enum stats_bans { STATS_BANS(X) BANS_COUNT };
#undef X
#define X(id, word) RELOADED_##id,
enum stats_reload { STATS_RELOADS(X) RELOADED_COUNT };
#undef X
#define X(id, word) OUTCOME_##id,
enum stats_outcome { STATS_OUTCOMES(X) OUTCOME_COUNT };
#undef X

#define NONE_COUNT 1u
#define WORKER_COUNT 1u /* a page is one of a worker: its numbers are shown apart, not summed */
/* The domains of the configuration, numbered by the master (base/node.h); 0: none of them. */
#define DOMAIN_OTHER 0u
#define DOMAIN_COUNT 65u
/* Rows of admin/routes.c; the last two them: a path or caller that was refused, a health listener.
 */
#define ROUTE_COUNT 64u
#define ROUTE_NONE (ROUTE_COUNT - 2)
#define ROUTE_HEALTH (ROUTE_COUNT - 1)

enum stats_label {
	STATS_LABEL_NONE,
	STATS_LABEL_WORKER,
	STATS_LABEL_REASON,
	STATS_LABEL_DOMAIN, /* its words are in struct node */
	STATS_LABEL_ROUTE,  /* its words are in admin/routes.c */
#define X(id, name, words) STATS_LABEL_##id,
	STATS_LABELS(X)
#undef X
};

/* --- counters ------------------------------------------------------------------------- */

/* Without labels: X(id, "name", "help"); "keepalives" is rollcall_keepalives_total in /metrics. */
#define COUNTERS(X)                                                                               \
	X(keepalives, "keepalives", "CRLF keep-alives")                                           \
	X(stray_responses, "stray_responses", "responses that nobody waits for, dropped")         \
	X(transactions_evicted, "transactions_evicted", "answers forgotten early for memory")     \
	X(sips_strict_refused, "sips_strict_refused", "requests that contacts = strict refused")  \
	X(sips_strict_would_refuse, "sips_strict_would_refuse",                                   \
	  "requests that contacts = strict would refuse")                                         \
	X(repetitions, "repetitions", "repeated REGISTERs answered 200 without a change (D-04)")  \
	X(connections_refused, "connections_refused", "stream connections refused by a limit")    \
	X(probes, "probes", "connections that came and went without a word")                      \
	X(udp_truncated, "udp_truncated", "datagrams or answers that did not fit")                \
	X(udp_send_full, "udp_send_full",                                                         \
	  "answers thrown away, because a send buffer was full or filled")                        \
	X(udp_receive_drops, "udp_receive_drops", "datagrams that the kernel dropped unread")     \
	X(db_lookups, "db_lookups", "records read")                                               \
	X(db_commits, "db_commits", "commits acknowledged by PostgreSQL")                         \
	X(db_conflicts, "db_conflicts", "commits refused by the version guard and decided again") \
	X(db_unknown, "db_unknown", "commits whose outcome had to be looked up")                  \
	X(db_retries, "db_retries", "statements sent again")                                      \
	X(db_batches, "db_batches", "batches sent")                                               \
	X(db_connects, "db_connects", "connections to PostgreSQL made")                           \
	X(log_dropped, "log_dropped", "lines of the log that nobody took")                        \
	X(failures_lost, "failures_lost", "failures that nobody could count towards a ban")       \
	X(stream_pauses, "stream_pauses", "waits of streamed lists for the sake of phones")

/* What is so just now; nothing of it outlives the process that wrote it. */
#define GAUGES(X)                                                                          \
	X(transactions_live, "transactions_live", "server transactions in memory now")     \
	X(requests_live, "requests_live", "requests being worked on now")                  \
	X(tls_handshakes_waiting, "tls_handshakes_waiting",                                \
	  "TLS handshakes that wait for their turn now")                                   \
	X(db_queue_length, "db_queue_length", "operations accepted and not completed now") \
	X(ready, "workers_ready", "workers that would serve a phone now")

/* With labels: X(COUNTER or GAUGE, id, "name in /metrics", "help", LABEL…) */
#define COUNTERS_1(X)                                                                              \
	X(COUNTER, sip_requests, "sip_requests_total", "SIP requests that were parsed", METHOD)    \
	X(COUNTER, sip_responses, "sip_responses_total", "SIP responses sent", SIP_CODE)           \
	X(COUNTER, parse_errors, "sip_parse_errors_total",                                         \
	  "messages refused or dropped by the parser", TRANSPORT)                                  \
	X(COUNTER, retransmissions, "sip_retransmissions_total",                                   \
	  "requests that came again while their transaction lives", TRANSPORT)                     \
	X(COUNTER, binding_changes, "binding_changes_total", "bindings changed, once committed",   \
	  CHANGE)                                                                                  \
	X(COUNTER, received_bytes, "received_bytes_total", "octets received", TRANSPORT)           \
	X(COUNTER, sent_bytes, "sent_bytes_total", "octets sent", TRANSPORT)                       \
	X(GAUGE, connections_live, "connections", "stream connections open now", TRANSPORT)        \
	X(COUNTER, connections_opened, "connections_opened_total", "stream connections accepted",  \
	  TRANSPORT)                                                                               \
	X(GAUGE, db_lanes, "db_connections", "connections to PostgreSQL", LINK)                    \
	X(COUNTER, db_errors, "db_errors_total", "statements that failed or were lost", SQL_CLASS) \
	X(COUNTER, remembered_records, "remembered_records_total",                                 \
	  "changes that a remembered record spared a look-up, or did not", RECALL)                 \
	X(COUNTER, rate_limited, "rate_limited_total", "requests over a limit", SCOPE)             \
	X(COUNTER, bans, "bans_total", "bans that this node made", BANS)                           \
	X(GAUGE, banned_prefixes, "banned_prefixes", "bans in force on this node", BANS)           \
	X(COUNTER, config_reloads, "config_reloads_total", "reloads of the configuration", RELOADED)
#define COUNTERS_2(X)                                                                          \
	X(COUNTER, connections_closed, "connections_closed_total", "stream connections ended", \
	  TRANSPORT, CLOSE)                                                                    \
	X(COUNTER, tls_handshakes, "tls_handshakes_total", "TLS handshakes", TLS_VERSION,      \
	  TLS_RESULT)                                                                          \
	X(COUNTER, admin_requests, "admin_requests_total", "HTTP requests answered", ROUTE,    \
	  HTTP_CODE)
#define COUNTERS_3(X)                                                                             \
	X(COUNTER, registrations, "registrations_total",                                          \
	  "outcomes of REGISTERs, refusals of other requests and of connections", DOMAIN, REASON, \
	  TRANSPORT)

/* X(id, "name in /metrics", "help", LABEL, bounds); counted by observe_id(index, value). */
#define HISTOGRAMS(X)                                                                       \
	X(registration_duration, "registration_duration_seconds",                           \
	  "time from a whole REGISTER to its answer", OUTCOME, TIMES)                       \
	X(tls_handshake_duration, "tls_handshake_duration_seconds",                         \
	  "time from accept to the end of the handshake", TLS_RESULT, TIMES)                \
	X(db_query_duration, "db_query_duration_seconds",                                   \
	  "time from sending a statement to its answer", SQL, SHORT_TIMES)                  \
	X(db_batch_rows, "db_batch_rows", "operations in one statement", ROWS, COUNTS)      \
	X(queue_delay, "worker_queue_delay_seconds",                                        \
	  "how long a turn of a worker's loop kept what arrived meanwhile waiting", WORKER, \
	  SHORT_TIMES)                                                                      \
	X(admin_request_duration, "admin_request_duration_seconds",                         \
	  "time from the head of an HTTP request to its answer", ROUTE, TIMES)

/* Upper bounds of the buckets, of times in microseconds. */
#define STATS_BOUNDS_TIMES \
	1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000, 2500000, 5000000
#define STATS_BOUNDS_SHORT_TIMES                                                               \
	100, 250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000, \
		5000000
#define STATS_BOUNDS_COUNTS 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024
#define STATS_BUCKETS 15u /* the last one has no bound */

enum stats_bounds { STATS_TIMES, STATS_SHORT_TIMES, STATS_COUNTS };

struct histogram {
	uint64_t sum; /* of the values, in their unit */
	uint64_t buckets[STATS_BUCKETS];
};

#define STATS_CERTIFICATES 64u

struct stats {
#define X(id, name, help) uint64_t id;
	COUNTERS(X)
	GAUGES(X)
#undef X
	uint64_t outcomes[REASON_COUNT][TRANSPORT_COUNT]; /* registrations of all domains */
#define X(type, id, name, help, a) uint64_t id[a##_COUNT];
	COUNTERS_1(X)
#undef X
#define X(type, id, name, help, a, b) uint64_t id[a##_COUNT][b##_COUNT];
	COUNTERS_2(X)
#undef X
#define X(type, id, name, help, a, b, c) uint64_t id[a##_COUNT][b##_COUNT][c##_COUNT];
	COUNTERS_3(X)
#undef X
#define X(id, name, help, label, bounds) struct histogram id[label##_COUNT];
	HISTOGRAMS(X)
#undef X
	/* What has no sum over the processes. */
	uint64_t loop_turn_ms;	     /* monotonic time of the last turn of the loop */
	uint64_t store_usable;	     /* 1: the store of this process takes operations */
	uint64_t tls_missing;	     /* 1: its TLS listeners have no certificate to serve */
	uint64_t loop_busy_us;	     /* spent in its turns, waiting left out */
	uint64_t udp_drops_seen;     /* the kernel's own count, of the sockets served now */
	uint64_t udp_receive_buffer; /* octets, the smallest of the UDP sockets so far; 0: none */
	uint64_t udp_send_buffer;    /* the same */
	int64_t certificates[STATS_CERTIFICATES]; /* ends of those served, seconds since 1970, in
						     the order of the configuration; 0: none */
};

extern struct stats *stats;

/* count pages in anonymous shared memory, zeroed; NULL when memory is out. Made by the master
 * before it forks. */
struct stats *stats_map(size_t count);
void stats_use(struct stats *page);
/* Adds page to sum, number by number; what has no sum is left out. */
void stats_add(struct stats *sum, const struct stats *page);
/* The process of this page is gone: its connections are closed, and nothing of it is live. */
void stats_bury(struct stats *page);

/* --- counting ------------------------------------------------------------------------- */

static inline void
stats_outcome(enum reason reason, enum transport transport, unsigned domain)
{
	stats->outcomes[reason][transport]++;
	stats->registrations[domain][reason][transport]++;
}

/* The index of a status; that of 500, with which it belongs, for one that is not in the table. */
enum stats_sip_code stats_sip_code(unsigned status);
enum stats_http_code stats_http_code(unsigned status);
/* That of an SQLSTATE. */
enum stats_sql_class stats_sql_class(const char *sqlstate);

void histogram_add(struct histogram *histogram, enum stats_bounds bounds, uint64_t value);
#define X(id, name, help, label, bounds)                                 \
	static inline void observe_##id(unsigned index, uint64_t value)  \
	{                                                                \
		histogram_add(&stats->id[index], STATS_##bounds, value); \
	}
HISTOGRAMS(X)
#undef X

/* --- reading -------------------------------------------------------------------------- */

const char *transport_word(enum transport transport); /* "udp", "tcp", "tls" */

/* The sum over an array of counters: STATS_SUM(stats->received_bytes). */
#define STATS_SUM(array) stats_total((const uint64_t *)(array), sizeof(array) / sizeof(uint64_t))
uint64_t stats_total(const uint64_t *numbers, size_t count);

/* Of all versions. */
uint64_t stats_handshakes(const struct stats *page, enum stats_tls_result result);

/* Calls each(name, help, value) for every counter and gauge as /stats names them: sums over labels,
 * outcomes left out. */
void stats_each(const struct stats *page,
		void (*each)(const char *name, const char *help, uint64_t value, void *arg),
		void *arg);

enum stats_type { STATS_COUNTER, STATS_GAUGE, STATS_HISTOGRAM };

/* One metric: where its numbers are in a page, the last label varying fastest. */
struct stats_family {
	const char *name; /* without "rollcall_" */
	const char *help;
	enum stats_type type;
	enum stats_bounds bounds; /* of a histogram */
	size_t offset;
	enum stats_label labels[3];
};
extern const struct stats_family stats_families[];
extern const size_t stats_family_count;

/* "transport"; "" for STATS_LABEL_NONE. */
const char *stats_label_name(enum stats_label label);
/* How many values it has in a page. */
unsigned stats_label_count(enum stats_label label);
/* Of a value; NULL for domains and routes, whose words are elsewhere. */
const char *stats_label_word(enum stats_label label, unsigned index);

/* The upper bounds of the buckets but the last, in the unit of the values. */
const uint64_t *stats_bounds(enum stats_bounds bounds, unsigned *count);
/* The value below which the share (0 to 1) of all lies, interpolated in its bucket; 0 without any.
 */
double histogram_quantile(const struct histogram *histogram, enum stats_bounds bounds,
			  double share);
