/* See fake_loop.h: net/loop.h without epoll. Nothing in these tests has a descriptor to watch. */
#include "support/fake_loop.h"

#include <stdlib.h>

#include "net/timers.h"

struct loop {
	uint64_t now_ms;
	int64_t real_ms;
	struct timers timers;
	struct list turn_ends;
	void **released;
	size_t released_count;
	size_t released_cap;
};

struct loop *
loop_open(void)
{
	struct loop *loop = calloc(1, sizeof(*loop));
	if (loop == NULL)
		return NULL;
	loop->now_ms = 1000000;
	loop->real_ms = FAKE_REAL_MS;
	timers_init(&loop->timers);
	list_init(&loop->turn_ends);
	return loop;
}

void
loop_close(struct loop *loop)
{
	fake_loop_settle(loop);
	free(loop->released);
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
	return loop->now_ms * 1000;
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
	(void)loop; /* a turn ends when the test says so */
}

void
loop_release(struct loop *loop, void *memory)
{
	if (loop->released_count == loop->released_cap) {
		size_t cap = loop->released_cap == 0 ? 64 : 2 * loop->released_cap;
		void **grown = reallocarray(loop->released, cap, sizeof(*grown));
		if (grown == NULL)
			abort();
		loop->released = grown;
		loop->released_cap = cap;
	}
	loop->released[loop->released_count++] = memory;
}

void
fake_loop_settle(struct loop *loop)
{
	list_each (node, &loop->turn_ends) {
		struct turn_end *end = container_of(node, struct turn_end, link);
		end->call(end);
	}
	while (loop->released_count > 0)
		free(loop->released[--loop->released_count]);
}

static void
move_to(struct loop *loop, uint64_t now_ms)
{
	loop->real_ms += (int64_t)(now_ms - loop->now_ms);
	loop->now_ms = now_ms;
}

void
fake_loop_pass(struct loop *loop, uint64_t ms)
{
	uint64_t end_ms = loop->now_ms + ms;
	uint64_t due_ms;
	fake_loop_settle(loop);
	while (timers_next(&loop->timers, &due_ms) && due_ms <= end_ms) {
		move_to(loop, due_ms > loop->now_ms ? due_ms : loop->now_ms);
		timers_run(&loop->timers, loop->now_ms);
		fake_loop_settle(loop);
	}
	move_to(loop, end_ms);
}

void
fake_loop_set_real(struct loop *loop, int64_t real_ms)
{
	loop->real_ms = real_ms;
}
