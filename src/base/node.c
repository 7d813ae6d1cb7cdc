/* Shared memory of a node; made once, before the first fork. */
#include "base/node.h"

#include <sys/mman.h>

bool
node_memory_map(struct node_memory *memory, uint32_t workers)
{
	void *map = mmap(NULL, sizeof(struct node), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (map == MAP_FAILED)
		return false;
	*memory = (struct node_memory){ .node = map,
					.pages = stats_map(workers + 1),
					.page_count = workers + 1 };
	memory->node->worker_count = workers;
	return memory->pages != NULL;
}

size_t
node_stuck_worker(const struct node_memory *memory, uint64_t now_ms, uint64_t *still_ms)
{
	size_t i;
	for (i = 0; i < memory->node->worker_count; i++) {
		uint64_t turned = memory->pages[i].loop_turn_ms;
		*still_ms = turned != 0 && now_ms > turned ? now_ms - turned : 0;
		if (*still_ms > NODE_STUCK_MS)
			break;
	}
	return i;
}
