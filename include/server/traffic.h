/*
 * Does nearly everything come from one address? Then it may be a load balancer that hides its
 * clients, which makes limits and logs useless. Two windows of requests find out without a table:
 * the first elects a candidate by majority vote, the second counts it.
 */
#pragma once

#include <stdint.h>

#include "base/ip.h"
#include "base/str.h"

#define TRAFFIC_WINDOW 200u	 /* requests */
#define TRAFFIC_SHARE 90u	 /* percent of them, … */
#define TRAFFIC_ADDRESSES 20u	 /* … for so many addresses-of-record: more than one busy phone */
#define TRAFFIC_TOLD_MS 3600000u /* once an hour */

/* All zero at first. */
struct traffic {
	uint32_t seen;
	struct ip favourite; /* of the vote in this window … */
	uint32_t votes;
	struct ip candidate; /* … and of that before, which is counted: */
	uint32_t matched;
	uint64_t addresses[4]; /* a bit for each of its addresses-of-record, by hash */
	uint64_t told_ms;      /* 0: never */
};

/* One REGISTER. The percentage of source when it is time to tell of it, else 0. */
uint32_t traffic_note(struct traffic *traffic, const struct ip *source, struct str aor,
		      uint64_t now_ms);
