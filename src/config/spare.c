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

/* The newest of them, count and one more; NULL when there are not so many. */
static struct spare_block *
take_blocks(size_t count)
{
	struct spare_block *newest = NULL;
	do {
		struct spare_block *block = malloc(sizeof(*block));
		if (block == NULL) {
			free_blocks(newest);
			return NULL;
		}
		block->older = newest;
		newest = block;
	} while (count-- > 0);
	return newest;
}

bool
spare_take(struct spare *spare, size_t octets)
{
	spare->lid = take_blocks(octets / sizeof(*spare->lid) + 1);
	if (spare->lid == NULL)
		return false;
	free_blocks(spare->lid->older);
	spare->lid->older = NULL;
	return true;
}

void
spare_release(struct spare *spare)
{
	free_blocks(spare->lid);
	spare->lid = NULL;
}
