/* What the processes of one node know of each other, in shared memory: written by the master, read
 * by all; bans, failures and what is atomic have writers of their own. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bans.h"
#include "base/stats.h"

#define NODE_WORKERS_MAX 64

/* The domains that have a label of their own in metrics, by its number; 0 is that of all others. A
 * domain keeps its number, and so its counters, also when a reload has removed it. */
struct node_domains {
	uint32_t count;
	char names[DOMAIN_COUNT][256];
};

struct node {
	char name[64];
	int64_t started_ms;  /* real time */
	int64_t loaded_ms;   /* real time of the last good configuration */
	bool config_refused; /* a newer one was no good */
	uint64_t instance;   /* of this start, at random */
	int32_t master_pid;
	int32_t worker_pids[NODE_WORKERS_MAX]; /* 0: none just now */
	uint32_t worker_count;
	uint32_t worker_deaths;
	bool serving;		 /* the listeners are open and the first start is finished */
	bool stopping;		 /* draining: readiness is off */
	uint64_t drain_began_ms; /* monotonic, while stopping */
	int32_t log_level; /* enum log_level, of all processes; the configured one, or for a while
			      another */
	int64_t log_until_ms;	   /* real time of its end, 0: none */
	_Atomic bool log_torn;	   /* see log_share() */
	_Atomic bool store_was_up; /* see store_settings */
	/* the same: of look-ups, of commits */
	_Atomic uint32_t store_refusals[2];
	_Atomic uint64_t store_timeline; /* likewise: see store_settings */
	struct node_domains domains;
};

/* A node and the counter pages of its processes: pages[0] to [worker_count - 1] of the workers,
 * then those of the admin and of the master. */
struct node_memory {
	struct node *node;
	struct stats *pages;
	size_t page_count;
	struct bans *bans;	   /* written by the admin process */
	struct failures *failures; /* one a worker */
};
/* False when memory is out. */
bool node_memory_map(struct node_memory *memory, uint32_t workers);
struct stats *node_admin_page(const struct node_memory *memory);
struct stats *node_master_page(const struct node_memory *memory);

/* The master's: gives the domain a number while there is one, before any worker hears of it. */
void node_domain_add(struct node_domains *domains, const char *name);
/* The number of a domain, DOMAIN_OTHER without. */
unsigned node_domain_find(const struct node_domains *domains, const char *name);

/*
 * What all processes agree on, from shared memory alone. A worker serves when its own page says so;
 * the node is ready when it is not draining, its loops turn, and at least one worker serves, over
 * TLS too where that is configured.
 */
#define NODE_STUCK_MS 5000u
/* The first worker whose loop stands still, or worker_count; a worker that is not there just now is
 * not stuck. */
uint32_t node_stuck_worker(const struct node_memory *memory, uint64_t now_ms);
/* Of all workers, from phones and relays. */
uint64_t node_connections(const struct node_memory *memory);
uint32_t node_serving_workers(const struct node_memory *memory);
/* Of those, the ones that have TLS listeners and no certificate. */
uint32_t node_workers_without_tls(const struct node_memory *memory);
bool node_ready(const struct node_memory *memory, uint64_t now_ms);
