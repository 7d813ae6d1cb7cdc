/* Shared memory of a node; made once, before the first fork. */
#include "base/node.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "base/clock.h"

#define OTHER "other"

bool
node_memory_map(struct node_memory *memory, uint32_t workers)
{
	void *map = mmap(NULL, sizeof(struct node), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (map == MAP_FAILED)
		return false;
	*memory = (struct node_memory){ .node = map,
					.pages = stats_map(workers + 2),
					.page_count = workers + 2,
					.bans = bans_map(),
					.failures = failures_map(workers) };
	memory->node->worker_count = workers;
	snprintf(memory->node->domains.names[DOMAIN_OTHER], sizeof(OTHER), OTHER);
	memory->node->domains.count = 1;
	random_bytes(&memory->node->instance, sizeof(memory->node->instance));
	return memory->pages != NULL && memory->bans != NULL && memory->failures != NULL;
}

struct stats *
node_admin_page(const struct node_memory *memory)
{
	return &memory->pages[memory->node->worker_count];
}

struct stats *
node_master_page(const struct node_memory *memory)
{
	return &memory->pages[memory->node->worker_count + 1];
}

unsigned
node_domain_find(const struct node_domains *domains, const char *name)
{
	for (uint32_t i = 0; i < domains->count; i++)
		if (strcmp(domains->names[i], name) == 0)
			return i;
	return DOMAIN_OTHER;
}

void
node_domain_add(struct node_domains *domains, const char *name)
{
	bool full = domains->count == DOMAIN_COUNT || strlen(name) >= sizeof(domains->names[0]);
	if (full || strcmp(name, OTHER) == 0 || node_domain_find(domains, name) != DOMAIN_OTHER)
		return;
	snprintf(domains->names[domains->count], sizeof(domains->names[0]), "%s", name);
	domains->count++; /* last: whoever reads meanwhile finds a whole name */
}

uint32_t
node_stuck_worker(const struct node_memory *memory, uint64_t now_ms)
{
	const struct node *node = memory->node;
	uint32_t i = 0;
	for (; i < node->worker_count; i++) {
		uint64_t turned_ms = memory->pages[i].loop_turn_ms;
		if (node->worker_pids[i] != 0 && turned_ms != 0 &&
		    now_ms > turned_ms + NODE_STUCK_MS)
			break;
	}
	return i;
}

uint64_t
node_connections(const struct node_memory *memory)
{
	uint64_t count = 0;
	for (uint32_t i = 0; i < memory->node->worker_count; i++)
		count += STATS_SUM(memory->pages[i].connections_live);
	return count;
}

uint32_t
node_serving_workers(const struct node_memory *memory)
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < memory->node->worker_count; i++)
		count += memory->pages[i].ready != 0;
	return count;
}

uint32_t
node_workers_without_tls(const struct node_memory *memory)
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < memory->node->worker_count; i++)
		count += memory->pages[i].ready != 0 && memory->pages[i].tls_missing != 0;
	return count;
}

bool
node_ready(const struct node_memory *memory, uint64_t now_ms)
{
	const struct node *node = memory->node;
	uint32_t serving = node_serving_workers(memory);
	return node->serving && !node->stopping && serving > node_workers_without_tls(memory) &&
	       node_stuck_worker(memory, now_ms) == node->worker_count;
}
