/* Floating point by hand: which doubling, and where within it. */
#include "latencies.h"

static uint64_t
lower_bound(unsigned doubling, unsigned step)
{
	uint64_t base = doubling == 0 ? 0 : (uint64_t)LATENCIES_STEPS << (doubling - 1);
	uint64_t width = doubling <= 1 ? 1 : (uint64_t)1 << (doubling - 1);
	return base + step * width;
}

void
latencies_add(struct latencies *latencies, uint64_t us)
{
	unsigned doubling = 0;
	uint64_t scaled = us;
	while (scaled >= 2 * LATENCIES_STEPS && doubling < LATENCIES_DOUBLINGS - 2) {
		scaled >>= 1;
		doubling++;
	}
	unsigned row = us < LATENCIES_STEPS ? 0 : doubling + 1;
	unsigned step = (unsigned)(scaled % LATENCIES_STEPS);
	latencies->buckets[row][step]++;
	latencies->count++;
	if (us > latencies->max_us)
		latencies->max_us = us;
}

uint64_t
latencies_quantile(const struct latencies *latencies, double share)
{
	uint64_t wanted = (uint64_t)(share * (double)latencies->count), seen = 0;
	for (unsigned row = 0; row < LATENCIES_DOUBLINGS; row++)
		for (unsigned step = 0; step < LATENCIES_STEPS; step++) {
			seen += latencies->buckets[row][step];
			if (seen > wanted || (seen == latencies->count && seen > 0))
				return lower_bound(row, step);
		}
	return 0;
}
