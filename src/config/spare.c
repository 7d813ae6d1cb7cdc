/*
 * Blocks taken from the end of the heap and given back to it under a lid: the newest is kept, so
 * the heap cannot shrink below it. They are small enough not to get pages of their own, which would
 * go back to the kernel.
 */
#include "spare.h"

#include <stdlib.h>

struct spare_block {
	struct spare_block *older;
	char octets[32 * 1024 - 64];
};

static void
free_blocks(struct spare_block *newest)
{
	while (newest != NULL) {
		struct spare_block *older = newest->older;
		free(newest);
		newest = older;
	}
}

bool
spare_take(struct spare *spare, size_t octets)
{
	struct spare_block *newest = NULL;
	size_t count = octets / sizeof(*newest) + 2; /* one is the lid */
	while (count-- > 0) {
		struct spare_block *block = malloc(sizeof(*block));
		if (block == NULL) {
			free_blocks(newest);
			return false;
		}
		block->older = newest;
		newest = block;
	}
	free_blocks(newest->older);
	newest->older = NULL;
	spare->lid = newest;
	return true;
}

void
spare_release(struct spare *spare)
{
	free_blocks(spare->lid);
	spare->lid = NULL;
}
