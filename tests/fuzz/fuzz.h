/* What the fuzz targets share: a check that also stops a release build, and input as slices. */
#pragma once

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Of a target that reads into an arena: the input once more with nothing at all to allocate, then
 * with more and more: it is out of memory, or as ever. The replay does so with each file of a
 * corpus. */
void fuzz_little_memory(const uint8_t *data, size_t size);

/* The next limit: everything that an arena tells apart at first, then a quarter more. */
static inline size_t
fuzz_more_memory(size_t limit)
{
	return limit < 256 ? limit + 16 : limit + limit / 4;
}

#define FUZZ_CHECK(condition)                                                           \
	do {                                                                            \
		if (!(condition)) {                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
			abort();                                                        \
		}                                                                       \
	} while (0)

/* An empty slice may lie anywhere; any other one lies inside whole. */
static inline bool
fuzz_inside(struct str part, struct str whole)
{
	uintptr_t from = (uintptr_t)part.p, begin = (uintptr_t)whole.p;
	return part.len == 0 || (from >= begin && from - begin <= whole.len &&
				 part.len <= whole.len - (from - begin));
}
