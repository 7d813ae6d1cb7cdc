/* Floating point by hand: which doubling, and where within it. */
#include "histogram.h"

static uint64_t
lower_bound(unsigned doubling, unsigned step)
{
	uint64_t base = doubling == 0 ? 0 : (uint64_t)HISTOGRAM_STEPS << (doubling - 1);
	uint64_t width = doubling <= 1 ? 1 : (uint64_t)1 << (doubling - 1);
	return base + step * width;
}

void
histogram_add(struct histogram *h, uint64_t us)
{
	unsigned doubling = 0;
	uint64_t scaled = us;
	while (scaled >= 2 * HISTOGRAM_STEPS && doubling < HISTOGRAM_DOUBLINGS - 2) {
		scaled >>= 1;
		doubling++;
	}
	unsigned row = us < HISTOGRAM_STEPS ? 0 : doubling + 1;
	unsigned step = (unsigned)(scaled % HISTOGRAM_STEPS);
	h->buckets[row][step]++;
	h->count++;
	if (us > h->max_us)
		h->max_us = us;
}

uint64_t
histogram_quantile(const struct histogram *h, double share)
{
	uint64_t wanted = (uint64_t)(share * (double)h->count), seen = 0;
	for (unsigned row = 0; row < HISTOGRAM_DOUBLINGS; row++)
		for (unsigned step = 0; step < HISTOGRAM_STEPS; step++) {
			seen += h->buckets[row][step];
			if (seen > wanted || (seen == h->count && seen > 0))
				return lower_bound(row, step);
		}
	return 0;
}
