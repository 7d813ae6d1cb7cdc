/* What request.c, reply.c, report.c and stream.c share: all requests of a worker, and one of them.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "admission.h"
#include "base/arena.h"
#include "base/chain.h"
#include "base/list.h"
#include "base/quiet.h"
#include "net/loop.h"
#include "net/net.h"
#include "net/timer.h"
#include "registrar/register.h"
#include "remembered.h"
#include "seen.h"
#include "server/gate.h"
#include "server/request.h"
#include "server/traffic.h"
#include "server/transaction.h"
#include "store/store.h"
#include "tag.h"

/* The largest message with all that is made of it, once for each time that it is decided again. */
#define REQUEST_ARENA_LIMIT (4u * 1024 * 1024)
#define REPLY_STREAM_MAX (192u * 1024)
#define AMPLIFICATION_MAX 3u  /* SEC-26.1.5-1 */
#define TRYING_AFTER_MS 3500u /* RFC 4320 §4.1: when Timer E of the client has reached T2 */
#define RECHECK_MS 100u	      /* between look-ups for a commit whose outcome is unknown */

/* Requests in flight on one connection; a connection without any has none. */
struct flow {
	struct chain_link chain; /* by slot */
	struct list link;	 /* free */
	uint32_t slot;
	uint32_t generation;
	uint32_t in_flight;
	bool paused;
	bool distrusted; /* a log-in over it failed while its source was banned */
};

/* Since a REGISTER found no room, until none has for a while (readiness.c). */
struct storm {
	bool on;
	bool full;	/* there was no room since the last tick */
	unsigned quiet; /* ticks without that */
	struct timer tick;
};

struct requests {
	struct loop *loop;
	struct store *store;
	struct limits *limits;
	struct net *net;
	struct net_user user;
	const struct node_memory *node; /* NULL: nobody else to agree with */
	struct requests_settings settings;
	struct transactions *transactions;
	struct gate *gate;
	struct remembered *remembered;
	struct tag_secret tags;
	struct arena_pool memory;

	struct request *pool; /* one more than may be held: it answers what needs no waiting */
	uint32_t pool_size;
	uint32_t pool_used; /* from here on nobody has touched it: memory grows with the load */
	struct list free;
	uint32_t live;
	struct fifo trying;   /* 3.5 s after arrival */
	struct fifo failures; /* auth.failure_delay after arrival */
	struct fifo rechecks; /* the database is away and must be asked once more */
	struct list in_store; /* waiting for the store, longest first, but for who is sent again */
	uint32_t in_store_count;    /* with those */
	struct admission admission; /* to them */
	uint32_t shed;		    /* datagrams that got silence instead */
	struct storm storm;
	struct seen *seen; /* datagrams */
	struct chains flow_chains;
	struct flow *flows;
	uint32_t flows_used;
	struct list free_flows;

	bool draining;
	bool overloaded;
	bool overload_told;	/* the log says so */
	uint64_t overloaded_ms; /* when it was so last */
	struct traffic traffic;
	uint64_t http_told_ms;	   /* when the log last told of a probe on a SIP port; 0: never */
	int64_t latest_ms;	   /* the time given to the last registration … */
	uint64_t latest_at_ms;	   /* … and what the loop's clock said then */
	struct quiet failed_log;   /* auth.failed */
	struct quiet refused_log;  /* request.refused, of whom we know */
	struct quiet stranger_log; /* the same, of all others */
	char scratch[REPLY_STREAM_MAX]; /* the response being built */
};

struct request {
	struct list link; /* free; or in requests.in_store */
	struct requests *all;
	struct arena arena;
	struct peer peer;
	uint64_t arrived_ms;
	uint64_t arrived_us; /* the same, to measure with */
	size_t size_bytes;   /* as received */
	unsigned datagram;   /* hash of its octets, over UDP */
	struct sip_message message;
	struct registration registration; /* its answer is that of any request */
	char to_tag[TAG_LEN + 1];

	/* From here on only when it waits for something. */
	bool held;
	bool inside;  /* the gate */
	bool delayed; /* its answer is ready and waits for failure_delay to be over */
	bool delay_over;
	uint32_t server; /* of the database, when the commit was given to it */
	bool recalled;	 /* decided on a remembered record: the commit is to prove it */
	bool recognized; /* a record was read and the digest was right, and not captured */
	bool counted;	 /* by limits.per_aor_rate */
	struct transaction_key key;
	struct transaction *transaction;
	struct gate_pass pass;
	struct store_op op;
	uint64_t timed_ms; /* when registration.now_ms was read, by the loop's clock */
	int64_t until_ms;  /* when what is decided is too old to be stored */
	uint64_t asked_ms; /* when the store was */
	uint32_t before;   /* so many waited for it then */
	struct fifo_entry trying;
	struct fifo_entry failure;
	struct fifo_entry recheck;
};

/* request.c: takes the octets of one message through all steps. datagram: their hash, over UDP.
 * False: nothing sensible can follow on this connection. */
bool request_start(struct requests *all, const struct peer *peer, struct str octets,
		   unsigned datagram);

/* stream.c */
extern const struct net_user stream_user;
bool streams_open(struct requests *all);
void streams_close(struct requests *all);
/* A request from this connection waits, or waits no more: what limits.max_per_stream counts. */
void stream_enter(struct requests *all, const struct peer *peer);
void stream_leave(struct requests *all, const struct peer *peer);
/* A log-in over it has failed: if its source is banned, that was the last one. */
void stream_guessed(struct requests *all, const struct peer *peer);
/* It was: what came over it with that one, and was not judged yet, is not to be. */
bool stream_distrusted(const struct requests *all, const struct peer *peer);

/* reply.c */
/*
 * Writes the answer into the scratch buffer, sends it where §18.2.2 says and reports the outcome.
 * Returns what was sent, valid until the next answer; empty when it had to stay unsaid.
 */
struct str reply_send(struct request *rq);
/* 200 or 481 to a CANCEL (§9.2). */
void reply_cancel(struct request *rq, const struct transaction *cancelled);
/* 100 for a request whose answer takes long (RFC 4320 §4.1). */
void reply_trying(struct request *rq);
/* A response that is already written: over the connection of the request, or to the source of the
 * datagram. False when the peer is gone. */
bool reply_octets(struct request *rq, struct str octets);

/* report.c: one event in the log and one count for each outcome. */
void report_answer(struct requests *all, const struct request *rq, enum reason reason);
/* For what is not answered. */
void report_silence(const struct peer *peer, enum reason reason);
/* A message that was understood, by its method. */
void report_method(const struct request *rq);
/* A REGISTER came in: when nearly all come from one address, the log asks whether that is a load
 * balancer. */
void report_traffic(struct requests *all, const struct request *rq);
/* What was refused: true when it is HTTP, and then the log says so, once an hour. */
bool report_foreign(struct requests *all, const struct peer *peer, struct str octets);
