/*
 * Memory of one request: allocate freely, ask once, release all at once. Failure is sticky, so a
 * caller may make many allocations and check arena_ok() at the end of a step. Chunks come from a
 * pool that is bounded for a whole worker.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

#define ARENA_CHUNK_BYTES 4096

struct arena_chunk;

/* Chunks shared by the arenas of one process; used_bytes never exceeds limit_bytes. */
struct arena_pool {
	struct arena_chunk *free;
	size_t used_bytes; /* lent to arenas */
	size_t kept_bytes; /* waiting in the free list */
	size_t limit_bytes;
};

struct arena {
	struct arena_pool *pool;
	struct arena_chunk *chunks; /* newest first */
	size_t used_bytes;	    /* lent to the caller, alignment included */
	size_t limit_bytes;
	bool failed;
};

void arena_pool_init(struct arena_pool *pool, size_t limit_bytes);
void arena_pool_clear(struct arena_pool *pool);

void arena_init(struct arena *arena, struct arena_pool *pool, size_t limit_bytes);
/* Takes the memory for so many octets of small objects at once, so that to allocate them cannot
 * fail. False when memory is out or it is over a limit; the arena is as good as before then. */
bool arena_reserve(struct arena *arena, size_t size);
/* Zeroed and aligned for any type; NULL, and failed from then on, over a limit. size 0 gives a
 * valid pointer. */
void *arena_alloc(struct arena *arena, size_t size) __attribute__((warn_unused_result, __malloc__));
/* An array of count elements of size octets; overflow counts as exhaustion. */
void *arena_array(struct arena *arena, size_t count, size_t size)
	__attribute__((warn_unused_result, __malloc__));
/* A copy that lives as long as the arena; empty after a failure. */
struct str arena_copy(struct arena *arena, struct str s) __attribute__((warn_unused_result));
static inline bool
arena_ok(const struct arena *arena)
{
	return !arena->failed;
}
/* Gives everything back to the pool, zeroed (requests hold credentials); the arena can be used
 * again. */
void arena_reset(struct arena *arena);
