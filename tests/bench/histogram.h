/* Latencies from 1 us to over an hour, to within 1 %: 128 buckets for each doubling. */
#pragma once

#include <stdint.h>

#define HISTOGRAM_STEPS 128
#define HISTOGRAM_DOUBLINGS 32

struct histogram {
	uint64_t count;
	uint64_t max_us;
	uint64_t buckets[HISTOGRAM_DOUBLINGS][HISTOGRAM_STEPS];
};

void histogram_add(struct histogram *h, uint64_t us);
/* The latency that share (0 to 1) of them do not exceed; 0 without any. */
uint64_t histogram_quantile(const struct histogram *h, double share);
