/*
 * Timers. Nearly every duration is constant, so most wait in a FIFO of their own kind: no heap, no
 * wheel. A single timer is for what happens now and then. After a change of the duration old
 * entries keep their time. Nothing is due in the turn in which it was started.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "net/loop.h"

struct fifo_entry {
	struct list link;
	uint64_t due_ms;
};
/* All entries wait the same duration. */
struct fifo {
	struct loop *loop;
	struct list link;    /* in the loop */
	struct list entries; /* soonest first */
	struct list longer;  /* likewise; from before the duration was made shorter */
	uint64_t duration_ms;
	void (*due)(struct fifo *fifo,
		    struct fifo_entry *entry); /* the entry is already out of the fifo */
};
void fifo_open(struct fifo *fifo, struct loop *loop, uint64_t duration_ms,
	       void (*due)(struct fifo *, struct fifo_entry *));
void fifo_close(struct fifo *fifo);
/* Of the waits that begin from now on. */
void fifo_set_duration(struct fifo *fifo, uint64_t duration_ms);
/* (Re)starts the entry's wait. A zeroed entry is in no fifo. */
void fifo_start(struct fifo *fifo, struct fifo_entry *entry);
void fifo_stop(struct fifo_entry *entry);
bool fifo_waits(const struct fifo_entry *entry);

/* One-shot; start it again from its callback to repeat. Zero it first. */
struct timer {
	struct list link;
	uint64_t due_ms;
	void (*due)(struct timer *timer);
};
void timer_start(struct loop *loop, struct timer *timer, uint64_t delay_ms,
		 void (*due)(struct timer *));
void timer_stop(struct timer *timer);
