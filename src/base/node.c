/* Shared memory of a node; made once, before the first fork. */
#include "base/node.h"

#include <sys/mman.h>

#include "base/clock.h"

bool
node_memory_map(struct node_memory *memory, uint32_t workers)
{
	void *map = mmap(NULL, sizeof(struct node), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (map == MAP_FAILED)
		return false;
	*memory = (struct node_memory){ .node = map,
					.pages = stats_map(workers + 1),
					.page_count = workers + 1,
					.bans = bans_map(),
					.failures = failures_map(workers) };
	memory->node->worker_count = workers;
	random_bytes(&memory->node->instance, sizeof(memory->node->instance));
	return memory->pages != NULL && memory->bans != NULL && memory->failures != NULL;
}
