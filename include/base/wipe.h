/* Memory that held secrets: the allocator keeps what it gets back as it is. */
#pragma once

/* Zeroes what malloc() gave, whole, and frees it. NULL is allowed. */
void wipe_free(void *memory);
