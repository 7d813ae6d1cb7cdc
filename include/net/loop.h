/*
 * One thread, one epoll: watched descriptors, timers, and work put off to the end of the turn. A
 * callback may close anything, itself included: what is closed in a turn is released when the turn
 * ends, so that no event that epoll already returned finds freed memory.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"

struct loop;

/* Embedded by whoever watches; zero it first. */
struct watch {
	int fd;
	void (*ready)(struct watch *watch, bool readable, bool writable);
	bool active;
	bool want_read;
	bool want_write;
};

struct loop *loop_open(void);
void loop_close(struct loop *loop);

/*
 * Starts, changes or stops watching. loop_watch is false, with errno, when epoll refuses. Error and
 * hang-up come as whichever of the two is wanted; a watch that wants neither stays active and hears
 * nothing. Stop watching before fd is closed.
 */
bool loop_watch(struct loop *loop, struct watch *watch, int fd, bool readable, bool writable);
void loop_unwatch(struct loop *loop, struct watch *watch);

/* Monotonic and real time of the start of this turn. */
uint64_t loop_now_ms(const struct loop *loop);
uint64_t loop_now_us(const struct loop *loop); /* the same, to measure with */
int64_t loop_real_ms(const struct loop *loop);

/* Turns until loop_stop(), which lets the turn that calls it end. */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop);
/* One turn, waiting at most wait_ms; a second when that is -1 or more, so that the heartbeat
 * (stats->loop_turn_ms) goes on. */
void loop_turn(struct loop *loop, int wait_ms);

/* Called at the end of each turn in the order of registration: flush what was queued. Zero it
 * first. */
struct turn_end {
	struct list link;
	void (*call)(struct turn_end *end);
};
void loop_at_turn_end(struct loop *loop, struct turn_end *end);
void loop_no_turn_end(struct turn_end *end);
/* Something was queued for a turn_end. When that end has already begun, or no turn is running, the
 * next turn does not wait. */
void loop_wake(struct loop *loop);

/* Memory given to free() at the end of this turn. */
void loop_release(struct loop *loop, void *memory);
