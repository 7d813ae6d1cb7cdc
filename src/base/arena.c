/*
 * A bump allocator over chunks of a bounded pool. An object larger than a chunk gets one of its own
 * size. A large chunk has pages of its own, of which those count that are used, and gives them
 * back: in the heap a configuration, which outlives a reload by minutes, would lie between the
 * connections of that time and leave a hole.
 */
#include "base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define ALIGNMENT alignof(max_align_t)
#define LARGE_BYTES (128u << 10) /* above any message */

struct arena_chunk {
	struct arena_chunk *next;
	size_t size; /* of octets[] */
	size_t used;
	alignas(max_align_t) unsigned char octets[];
};

static size_t
chunk_bytes(size_t size)
{
	return sizeof(struct arena_chunk) + size;
}

static bool
is_large(size_t size)
{
	return chunk_bytes(size) >= LARGE_BYTES;
}

/* Zeroed; NULL without memory. */
static struct arena_chunk *
new_chunk(size_t size)
{
	if (!is_large(size))
		return calloc(1, chunk_bytes(size));
	void *pages = mmap(NULL, chunk_bytes(size), PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return pages == MAP_FAILED ? NULL : pages;
}

static void
free_chunk(struct arena_chunk *chunk)
{
	if (is_large(chunk->size))
		munmap(chunk, chunk_bytes(chunk->size));
	else
		free(chunk);
}

static struct arena_chunk *
take_chunk(struct arena_pool *pool, size_t size)
{
	if (size > SIZE_MAX - sizeof(struct arena_chunk) ||
	    chunk_bytes(size) > pool->limit_bytes - pool->used_bytes)
		return NULL;
	struct arena_chunk *chunk;
	if (size == ARENA_CHUNK_BYTES && pool->free != NULL) {
		chunk = pool->free;
		pool->free = chunk->next;
		pool->kept_bytes -= chunk_bytes(size);
	} else {
		chunk = new_chunk(size);
		if (chunk == NULL)
			return NULL;
		chunk->size = size;
	}
	pool->used_bytes += chunk_bytes(size);
	chunk->used = 0;
	return chunk;
}

/* Chunks of the usual size are kept, but no more than a quarter of the limit. */
static void
give_chunk(struct arena_pool *pool, struct arena_chunk *chunk)
{
	size_t bytes = chunk_bytes(chunk->size);
	pool->used_bytes -= bytes;
	explicit_bzero(chunk->octets, chunk->used);
	if (chunk->size != ARENA_CHUNK_BYTES || pool->kept_bytes + bytes > pool->limit_bytes / 4) {
		free_chunk(chunk);
		return;
	}
	chunk->next = pool->free;
	pool->free = chunk;
	pool->kept_bytes += bytes;
}

void
arena_pool_init(struct arena_pool *pool, size_t limit_bytes)
{
	*pool = (struct arena_pool){ .limit_bytes = limit_bytes };
}

void
arena_pool_clear(struct arena_pool *pool)
{
	while (pool->free != NULL) {
		struct arena_chunk *chunk = pool->free;
		pool->free = chunk->next;
		free(chunk);
	}
	pool->kept_bytes = 0;
}

void
arena_init(struct arena *arena, struct arena_pool *pool, size_t limit_bytes)
{
	*arena = (struct arena){ .pool = pool, .limit_bytes = limit_bytes };
}

static struct arena_chunk *
chunk_with_room(struct arena *arena, size_t size)
{
	struct arena_chunk *newest = arena->chunks;
	if (newest != NULL && newest->size - newest->used >= size)
		return newest;
	struct arena_chunk *chunk =
		take_chunk(arena->pool, size > ARENA_CHUNK_BYTES ? size : ARENA_CHUNK_BYTES);
	if (chunk == NULL)
		return NULL;
	/* A chunk made for one large object goes behind the newest, which may still have room for
	 * small ones. */
	if (newest != NULL && size > ARENA_CHUNK_BYTES) {
		chunk->next = newest->next;
		newest->next = chunk;
	} else {
		chunk->next = newest;
		arena->chunks = chunk;
	}
	return chunk;
}

bool
arena_reserve(struct arena *arena, size_t size)
{
	const struct arena_chunk *newest = arena->chunks;
	if (size > arena->limit_bytes - arena->used_bytes)
		return false;
	if (newest != NULL && newest->size - newest->used >= size)
		return true;
	struct arena_chunk *chunk = take_chunk(arena->pool, size);
	if (chunk == NULL)
		return false;
	chunk->next = arena->chunks;
	arena->chunks = chunk;
	return true;
}

void *
arena_alloc(struct arena *arena, size_t size)
{
	if (arena->failed)
		return NULL;
	size_t rounded = size == 0 ? ALIGNMENT : (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	struct arena_chunk *chunk = NULL;
	if (rounded >= size && rounded <= arena->limit_bytes - arena->used_bytes)
		chunk = chunk_with_room(arena, rounded);
	if (chunk == NULL) {
		arena->failed = true;
		return NULL;
	}
	void *memory = chunk->octets + chunk->used;
	chunk->used += rounded;
	arena->used_bytes += rounded;
	return memory;
}

void *
arena_array(struct arena *arena, size_t count, size_t size)
{
	if (size != 0 && count > SIZE_MAX / size) {
		arena->failed = true;
		return NULL;
	}
	return arena_alloc(arena, count * size);
}

struct str
arena_copy(struct arena *arena, struct str s)
{
	char *copy = arena_alloc(arena, s.len);
	if (copy == NULL)
		return (struct str){ NULL, 0 };
	if (s.len > 0)
		memcpy(copy, s.p, s.len);
	return (struct str){ copy, s.len };
}

void
arena_reset(struct arena *arena)
{
	while (arena->chunks != NULL) {
		struct arena_chunk *chunk = arena->chunks;
		arena->chunks = chunk->next;
		give_chunk(arena->pool, chunk);
	}
	arena->used_bytes = 0;
	arena->failed = false;
}
