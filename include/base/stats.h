/*
 * Counters of one process in shared memory: a single writer, summed by whoever reads. X(id, "name",
 * "help"). `stats` points at this process's page from stats_use() on; before that at a private one,
 * so that counting never fails.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/reason.h"

enum transport { TRANSPORT_UDP, TRANSPORT_TCP, TRANSPORT_TLS, TRANSPORT_COUNT };
const char *transport_word(enum transport transport); /* "udp", "tcp", "tls" */

#define COUNTERS(X)                                                                               \
	X(requests, "requests", "SIP requests that were parsed")                                  \
	X(responses, "responses", "SIP responses sent")                                           \
	X(parse_errors, "parse_errors", "messages refused or dropped by the parser")              \
	X(retransmissions, "retransmissions", "requests answered from a transaction")             \
	X(keepalives, "keepalives", "CRLF keep-alives")                                           \
	X(stray_responses, "stray_responses", "responses that nobody waits for, dropped")         \
	X(transactions_evicted, "transactions_evicted", "answers forgotten early for memory")     \
	X(sips_strict_refused, "sips_strict_refused", "requests that contacts = strict refused")  \
	X(sips_strict_would_refuse, "sips_strict_would_refuse",                                   \
	  "requests that contacts = strict would refuse")                                         \
	X(repetitions, "repetitions", "repeated REGISTERs answered 200 without a change (D-04)")  \
	X(connections_opened, "connections_opened", "stream connections accepted")                \
	X(connections_closed, "connections_closed", "stream connections ended")                   \
	X(connections_refused, "connections_refused", "stream connections refused by a limit")    \
	X(probes, "probes", "connections that came and went without a word")                      \
	X(tls_handshakes, "tls_handshakes", "TLS handshakes completed")                           \
	X(tls_resumed, "tls_resumed", "of these, resumed by a ticket")                            \
	X(tls_failures, "tls_failures", "TLS handshakes failed")                                  \
	X(udp_truncated, "udp_truncated", "datagrams or answers that did not fit")                \
	X(udp_send_full, "udp_send_full", "answers lost on a full socket buffer")                 \
	X(received_bytes, "received_bytes", "octets received")                                    \
	X(sent_bytes, "sent_bytes", "octets sent")                                                \
	X(db_lookups, "db_lookups", "records read")                                               \
	X(db_commits, "db_commits", "commits acknowledged by PostgreSQL")                         \
	X(db_conflicts, "db_conflicts", "commits refused by the version guard and decided again") \
	X(db_unknown, "db_unknown", "commits whose outcome had to be looked up")                  \
	X(db_errors, "db_errors", "statements that failed")                                       \
	X(db_retries, "db_retries", "statements sent again")                                      \
	X(db_batches, "db_batches", "batches sent")                                               \
	X(db_connects, "db_connects", "connections to PostgreSQL made")                           \
	X(bindings_expired, "bindings_expired", "expired bindings swept")                         \
	X(bans_automatic, "bans_automatic", "sources banned after limits.ban_after failures")     \
	X(bans_manual, "bans_manual", "bans made through the admin API")                          \
	X(failures_lost, "failures_lost", "failures that nobody could count towards a ban")

/* What is so just now; nothing of it outlives the process that wrote it. */
#define GAUGES(X)                                                                      \
	X(transactions_live, "transactions_live", "server transactions in memory now") \
	X(requests_live, "requests_live", "requests being worked on now")              \
	X(connections_live, "connections_live", "stream connections open now")         \
	X(db_up, "db_up", "lanes connected now")                                       \
	X(banned_prefixes, "banned_prefixes", "bans in force on this node")            \
	X(ready, "workers_ready", "workers that would serve a phone now")

struct stats {
#define X(id, name, help) uint64_t id;
	COUNTERS(X)
	GAUGES(X)
#undef X
	uint64_t outcomes[REASON_COUNT][TRANSPORT_COUNT]; /* requests and connections by reason */
	uint64_t loop_turn_ms; /* monotonic time of the last turn of the loop */
};

extern struct stats *stats;

/* count pages in anonymous shared memory, zeroed; NULL when memory is out. Made by the master
 * before it forks. */
struct stats *stats_map(size_t count);
void stats_use(struct stats *page);
/* Adds page to sum, field by field; times are not added. */
void stats_add(struct stats *sum, const struct stats *page);
/* The process of this page is gone: its connections are closed, and nothing of it is live. */
void stats_bury(struct stats *page);
/* Calls each(name, help, value) for every counter and gauge of page, outcomes left out. */
void stats_each(const struct stats *page,
		void (*each)(const char *name, const char *help, uint64_t value, void *arg),
		void *arg);
