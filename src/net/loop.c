/*
 * One turn: wait, read the clocks, events, timers, what was put off to the end of the turn, release
 * of memory. Level-triggered, so work left over in one turn comes back in the next. Whoever stops
 * watching is struck from the events that epoll has already returned: nothing stale ever fires.
 */
#include "net/loop.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/stats.h"
#include "timers.h"

#define EVENTS_PER_TURN 64 /* whoever is left over comes first in the next turn */
#define HEARTBEAT_MS 1000  /* an idle loop turns too, so that a stuck one is told from it */

struct loop {
	int epoll_fd;
	bool stopped;
	bool again; /* something was put off after the end of the turn had begun */
	uint64_t now_ms;
	uint64_t now_us;
	int64_t real_ms;
	struct timers timers;
	struct list turn_ends;
	struct epoll_event events[EVENTS_PER_TURN];
	int event_count;
	int event_next; /* those before it have fired */
	void **released;
	size_t released_count;
	size_t released_cap;
};

static void
read_clocks(struct loop *loop)
{
	loop->now_us = clock_monotonic_us();
	loop->now_ms = loop->now_us / 1000;
	loop->real_ms = clock_real_ms();
	stats->loop_turn_ms = loop->now_ms;
}

struct loop *
loop_open(void)
{
	struct loop *loop = calloc(1, sizeof(*loop));
	if (loop == NULL)
		return NULL;
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll_fd < 0) {
		free(loop);
		return NULL;
	}
	timers_init(&loop->timers);
	list_init(&loop->turn_ends);
	read_clocks(loop);
	return loop;
}

static void
free_released(struct loop *loop)
{
	while (loop->released_count > 0)
		free(loop->released[--loop->released_count]);
}

void
loop_close(struct loop *loop)
{
	if (loop == NULL)
		return;
	free_released(loop);
	free(loop->released);
	close(loop->epoll_fd);
	free(loop);
}

uint64_t
loop_now_ms(const struct loop *loop)
{
	return loop->now_ms;
}

uint64_t
loop_now_us(const struct loop *loop)
{
	return loop->now_us;
}

int64_t
loop_real_ms(const struct loop *loop)
{
	return loop->real_ms;
}

struct timers *
loop_timers(struct loop *loop)
{
	return &loop->timers;
}

/* A watch that wants nothing is out of epoll: a hang-up would be reported for ever otherwise. */
static bool
registered(const struct watch *watch)
{
	return watch->active && (watch->want_read || watch->want_write);
}

static void
strike_events(struct loop *loop, const struct watch *watch)
{
	for (int i = loop->event_next; i < loop->event_count; i++)
		if (loop->events[i].data.ptr == watch)
			loop->events[i].data.ptr = NULL;
}

bool
loop_watch(struct loop *loop, struct watch *watch, int fd, bool readable, bool writable)
{
	bool was = registered(watch);
	if (was && watch->fd == fd && watch->want_read == readable && watch->want_write == writable)
		return true;
	struct epoll_event event = {
		.events = (readable ? (uint32_t)EPOLLIN : 0) | (writable ? (uint32_t)EPOLLOUT : 0),
		.data.ptr = watch,
	};
	bool wanted = readable || writable;
	int result = 0;
	if (was && watch->fd != fd) {
		epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
		strike_events(loop, watch);
		was = false;
	}
	if (was && wanted)
		result = epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, fd, &event);
	/* a descriptor that was closed and opened again unseen is no longer in epoll */
	if (wanted && (!was || (result < 0 && errno == ENOENT)))
		result = epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event);
	else if (was && !wanted)
		epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
	if (result < 0) {
		watch->active = false;
		return false;
	}
	watch->fd = fd;
	watch->active = true;
	watch->want_read = readable;
	watch->want_write = writable;
	return true;
}

void
loop_unwatch(struct loop *loop, struct watch *watch)
{
	if (registered(watch))
		epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
	watch->active = watch->want_read = watch->want_write = false;
	strike_events(loop, watch);
}

static void
fire_events(struct loop *loop)
{
	while (loop->event_next < loop->event_count) {
		const struct epoll_event *event = &loop->events[loop->event_next++];
		struct watch *watch = event->data.ptr;
		if (watch == NULL)
			continue;
		bool broken = event->events & (EPOLLERR | EPOLLHUP);
		bool readable = watch->want_read && (broken || event->events & EPOLLIN);
		bool writable = watch->want_write && (broken || event->events & EPOLLOUT);
		if (readable || writable)
			watch->ready(watch, readable, writable);
	}
	loop->event_count = loop->event_next = 0;
}

void
loop_at_turn_end(struct loop *loop, struct turn_end *end)
{
	list_append(&loop->turn_ends, &end->link);
}

void
loop_no_turn_end(struct turn_end *end)
{
	if (end->link.next != NULL)
		list_remove(&end->link);
}

void
loop_wake(struct loop *loop)
{
	loop->again = true;
}

/* Each is put back before it is called, so it may leave, or let others leave, as it likes. */
static void
end_turn(struct loop *loop)
{
	struct list ends;
	list_init(&ends);
	while (!list_empty(&loop->turn_ends)) {
		struct list *node = loop->turn_ends.next;
		list_remove(node);
		list_append(&ends, node);
	}
	loop->again = false;
	while (!list_empty(&ends)) {
		struct list *node = ends.next;
		list_remove(node);
		list_append(&loop->turn_ends, node);
		struct turn_end *end = container_of(node, struct turn_end, link);
		end->call(end);
	}
}

void
loop_release(struct loop *loop, void *memory)
{
	if (loop->released_count == loop->released_cap) {
		size_t cap = loop->released_cap == 0 ? 64 : 2 * loop->released_cap;
		void **grown = reallocarray(loop->released, cap, sizeof(*grown));
		if (grown == NULL)
			return; /* a leak when memory is out is better than a stale pointer */
		loop->released = grown;
		loop->released_cap = cap;
	}
	loop->released[loop->released_count++] = memory;
}

/* Not longer than until the next timer is due. */
static int
time_to_wait(const struct loop *loop, int wait_ms)
{
	uint64_t due_ms;
	if (loop->again)
		return 0;
	uint64_t left = wait_ms < 0 || wait_ms > HEARTBEAT_MS ? HEARTBEAT_MS : (uint64_t)wait_ms;
	if (timers_next(&loop->timers, &due_ms)) {
		uint64_t now = clock_monotonic_ms();
		uint64_t until_due = due_ms > now ? due_ms - now : 0;
		if (until_due < left)
			left = until_due;
	}
	return (int)left;
}

/* What came meanwhile has waited for so long. */
static void
measure(const struct loop *loop)
{
	uint64_t spent_us = clock_monotonic_us() - loop->now_us;
	stats->loop_busy_us += spent_us;
	observe_queue_delay(0, spent_us);
}

void
loop_turn(struct loop *loop, int wait_ms)
{
	int count = epoll_wait(loop->epoll_fd, loop->events, EVENTS_PER_TURN,
			       time_to_wait(loop, wait_ms));
	loop->event_count = count < 0 ? 0 : count;
	loop->event_next = 0;
	read_clocks(loop);
	fire_events(loop);
	timers_run(&loop->timers, loop->now_ms);
	end_turn(loop);
	free_released(loop);
	measure(loop);
}

void
loop_run(struct loop *loop)
{
	while (!loop->stopped)
		loop_turn(loop, -1);
	loop->stopped = false;
}

void
loop_stop(struct loop *loop)
{
	loop->stopped = true;
}
