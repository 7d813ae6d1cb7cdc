/*
 * One request from its octets to its answer: parse, absorb, inspect, register, wait for the store,
 * reply. The story of docs/architecture.md in one file; everything it calls is either pure or a
 * queue.
 *
 *   net ─ datagram(), stream() ─► request_start() ─► transaction_find() ─► inspect_request() ─►
 *   register_begin() ─► gate_enter() ─► remembered_find(), register_recall(), or else
 *   store_lookup() … register_decide() ─► store_commit() …
 *   register_finish() ─► reply_send() ─► transaction_answered(), gate_leave(), arena_reset()
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "net/net.h"
#include "registrar/policy.h"
#include "server/limits.h"
#include "store/store.h"

struct requests;

struct requests_settings {
	const struct policy *policy; /* replaced as a whole by requests_configure(); the old one
					must outlive the requests that use it */
	uint64_t transaction_memory;
	uint64_t request_memory; /* arenas of requests in flight; fixed at start */
	uint32_t max_requests;	 /* in flight; over it 503. May become less, not more than at start
				  */
	uint32_t max_per_stream; /* in flight on one connection before reading pauses */
	uint64_t failure_delay_ms;
	uint32_t remembered_records; /* fixed at start */
	uint32_t datagrams_known;    /* SEEN_TAKEN, or less in tests; fixed at start */
	uint64_t overload_delay_ms;  /* the longest wait of a look-up before new work is shed */
	uint64_t deadline_ms; /* database.query_timeout: nothing new is asked of the store for
				 a request that is older (TXN-4321-1); 0: no deadline */
	uint64_t db_grace_ms;
	bool fail_on_database;
	unsigned retries;
	uint16_t health_port;		/* where HTTP probes belong */
	const char *const *drop_agents; /* User-Agent prefixes that get silence; not copied */
	size_t drop_agent_count;
};

/* The net and the user it calls are set afterwards: the net needs a user to be opened. NULL when
 * memory is out. */
struct requests *requests_open(struct loop *loop, struct store *store, struct limits *limits,
			       const struct requests_settings *settings);
/* NULL before the net is closed: what is still answered then goes nowhere. */
void requests_set_net(struct requests *requests, struct net *net);
/* What the net is to call. */
struct net_user *requests_net_user(struct requests *requests);
void requests_configure(struct requests *requests, const struct requests_settings *settings);
/* The shared memory of the node, by which OPTIONS gets the verdict of /readyz. */
struct node_memory;
void requests_set_node(struct requests *requests, const struct node_memory *node);
/* While draining OPTIONS gets 503 (readiness is off); REGISTER is served until the listeners close.
 */
void requests_drain(struct requests *requests, bool draining);
/* Ends the connections of banned sources at once: to be called after each change of the bans. */
void requests_close_banned(struct requests *requests);
/* Would a phone be served now? Draining does not count: until the listeners close it would. */
bool requests_ready(struct requests *requests);
/* In flight; shutting down waits for 0. */
uint32_t requests_live(const struct requests *requests);
/* Does one that is in flight refer to this policy? */
bool requests_use(const struct requests *requests, const struct policy *policy);
/* Server transactions in memory, completed ones included. */
uint64_t requests_transactions(const struct requests *requests);
/* After store_close(), which ends the requests that still wait. */
void requests_close(struct requests *requests);
