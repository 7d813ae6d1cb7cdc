/* The loop with time that a test makes pass. The timers are the real ones. */
#pragma once

#include <stdint.h>

#include "net/loop.h"

#define FAKE_REAL_MS 1700000000000

/* Lets time pass: every timer fires at its own time, each in a turn of its own. */
void fake_loop_pass(struct loop *loop, uint64_t ms);
/* Ends the turn without time passing. */
void fake_loop_settle(struct loop *loop);
/* The real clock is set, forwards or back; the monotonic one does not notice. */
void fake_loop_set_real(struct loop *loop, int64_t real_ms);
