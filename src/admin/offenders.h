/*
 * Failures a source, as many sources as fit; the one that failed longest ago is forgotten first.
 * Counting begins with the first failure and begins anew when the window has passed since.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/ip.h"

#define OFFENDERS_MAX 16384u

struct offenders;

/* NULL when memory is out. */
struct offenders *offenders_open(void);
void offenders_close(struct offenders *offenders);
/* One more failure. True when it is number most within the window: the source is forgotten then. */
bool offenders_count(struct offenders *offenders, const struct ip *source, uint32_t most,
		     uint64_t window_ms, uint64_t now_ms);
