/* Memory that a library will find, for libraries that do not live through a failed allocation. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct spare {
	struct spare_block *lid;
};

/*
 * From here to spare_release() small allocations of this thread, so many octets together, are
 * served from memory that the process has already; no other thread may allocate meanwhile. False
 * when there is not so much, and then nothing is held.
 */
bool spare_take(struct spare *spare, size_t octets);
void spare_release(struct spare *spare);
