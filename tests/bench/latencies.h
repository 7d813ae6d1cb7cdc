/* Latencies from 1 us to over an hour, to within 1 %: 128 buckets for each doubling. */
#pragma once

#include <stdint.h>

#define LATENCIES_STEPS 128
#define LATENCIES_DOUBLINGS 32

struct latencies {
	uint64_t count;
	uint64_t max_us;
	uint64_t buckets[LATENCIES_DOUBLINGS][LATENCIES_STEPS];
};

void latencies_add(struct latencies *latencies, uint64_t us);
/* The latency that share (0 to 1) of them do not exceed; 0 without any. */
uint64_t latencies_quantile(const struct latencies *latencies, double share);
