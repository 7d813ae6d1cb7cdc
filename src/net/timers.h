/* What loop.c asks of timer.c: all that waits in one loop. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"

struct timers {
	struct list fifos;
	struct list singles; /* soonest first */
};

void timers_init(struct timers *timers);
/* When the next one is due; false when none waits. */
bool timers_next(const struct timers *timers, uint64_t *due_ms);
/* Calls all that are due, the soonest first. */
void timers_run(struct timers *timers, uint64_t now_ms);

struct loop;
struct timers *loop_timers(struct loop *loop);
