/* The same seed gives the same run. */
#include "plan.h"

/* Marsaglia's xorshift, 32 bits */
static uint32_t
draw(uint32_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}

enum kind
plan_kind(enum mode mode, bool registered, uint32_t *seed)
{
	switch (mode) {
	case MODE_REFRESH:
		return KIND_REFRESH;
	case MODE_FULL:
		return KIND_FULL;
	case MODE_FIRST:
		return KIND_FIRST;
	case MODE_MIXED:
		break;
	}
	if (!registered)
		return KIND_FIRST;
	uint32_t percent = draw(seed) % 100;
	return percent < 1 ? KIND_REMOVAL : percent < 9 ? KIND_FULL : KIND_REFRESH;
}
