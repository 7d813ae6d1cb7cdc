/* What the fuzz targets share: a check that also stops a release build, and input as slices. */
#pragma once

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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
