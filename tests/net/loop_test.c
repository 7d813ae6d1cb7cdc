/* The loop with real descriptors: order of a turn, what fires and what must not. */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/stats.h"
#include "net/loop.h"
#include "net/timer.h"
#include "world.h"

unsigned epoll_refuses;
int __real_epoll_ctl(int epoll_fd, int operation, int fd, struct epoll_event *event);
int __wrap_epoll_ctl(int epoll_fd, int operation, int fd, struct epoll_event *event);
int
__wrap_epoll_ctl(int epoll_fd, int operation, int fd, struct epoll_event *event)
{
	if (operation != EPOLL_CTL_ADD || epoll_refuses == 0)
		return __real_epoll_ctl(epoll_fd, operation, fd, event);
	epoll_refuses--;
	errno = ENOMEM;
	return -1;
}

/* A socket pair whose near end is watched; what happened is noted. */
struct pipe_end {
	struct watch watch;
	struct loop *loop;
	int near, far;
	unsigned reads, writes;
	struct pipe_end *to_stop;
};

static void
note(struct watch *watch, bool readable, bool writable)
{
	struct pipe_end *end = container_of(watch, struct pipe_end, watch);
	end->reads += readable;
	end->writes += writable;
	if (end->to_stop != NULL)
		loop_unwatch(end->loop, &end->to_stop->watch);
}

static void
pipe_open(struct pipe_end *end, struct loop *loop)
{
	int pair[2];
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	*end = (struct pipe_end){ .loop = loop, .near = pair[0], .far = pair[1] };
	end->watch.ready = note;
	ck_assert(loop_watch(loop, &end->watch, end->near, true, false));
}

static void
pipe_close(struct pipe_end *end)
{
	loop_unwatch(end->loop, &end->watch);
	close(end->near);
	close(end->far);
}

START_TEST(events_come_as_wanted)
{
	struct loop *loop = loop_open();
	ck_assert_ptr_nonnull(loop);
	struct pipe_end end;
	pipe_open(&end, loop);
	loop_turn(loop, 0);
	ck_assert_uint_eq(end.reads + end.writes, 0);
	ck_assert_int_eq(write(end.far, "x", 1), 1);
	loop_turn(loop, 0);
	ck_assert_uint_eq(end.reads, 1);
	ck_assert_uint_eq(end.writes, 0);
	loop_turn(loop, 0); /* level-triggered: nobody has read it */
	ck_assert_uint_eq(end.reads, 2);
	ck_assert(loop_watch(loop, &end.watch, end.near, false, true));
	loop_turn(loop, 0);
	ck_assert_uint_eq(end.reads, 2);
	ck_assert_uint_eq(end.writes, 1);
	pipe_close(&end);
	loop_close(loop);
}
END_TEST

START_TEST(who_wants_nothing_hears_no_hang_up)
{
	struct loop *loop = loop_open();
	ck_assert_ptr_nonnull(loop);
	struct pipe_end end;
	pipe_open(&end, loop);
	ck_assert(loop_watch(loop, &end.watch, end.near, false, false));
	close(end.far);
	end.far = -1;
	loop_turn(loop, 0);
	ck_assert_uint_eq(end.reads + end.writes, 0);
	ck_assert(loop_watch(loop, &end.watch, end.near, false, true));
	loop_turn(loop, 0);
	ck_assert_uint_eq(end.writes, 1);
	ck_assert_uint_eq(end.reads, 0);
	pipe_close(&end);
	loop_close(loop);
}
END_TEST

START_TEST(stopped_in_the_same_turn_does_not_fire)
{
	struct loop *loop = loop_open();
	ck_assert_ptr_nonnull(loop);
	struct pipe_end a, b;
	pipe_open(&a, loop);
	pipe_open(&b, loop);
	a.to_stop = &b;
	b.to_stop = &a;
	ck_assert_int_eq(write(a.far, "x", 1), 1);
	ck_assert_int_eq(write(b.far, "x", 1), 1);
	loop_turn(loop, 0);
	ck_assert_uint_eq(a.reads + b.reads, 1);
	loop_turn(loop, 0);
	ck_assert_uint_eq(a.reads + b.reads, 2); /* the one that fired is still watched */
	pipe_close(&a);
	pipe_close(&b);
	loop_close(loop);
}
END_TEST

struct swap {
	struct watch watch;
	struct loop *loop;
	struct watch *other;
	int quiet_fd;
	unsigned calls;
};

static void
swap_other(struct watch *watch, bool readable, bool writable)
{
	struct swap *swap = container_of(watch, struct swap, watch);
	(void)readable;
	(void)writable;
	swap->calls++;
	loop_unwatch(swap->loop, swap->other);
	loop_watch(swap->loop, swap->other, swap->quiet_fd, true, false);
}

/* Each gives the other a descriptor on which nothing has happened; the event of the old one, which
 * epoll has already returned, must not be taken for the new one's. */
START_TEST(an_event_of_the_past_is_nobodys)
{
	struct loop *loop = loop_open();
	ck_assert_ptr_nonnull(loop);
	int pairs[4][2];
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pairs[i]), 0);
	struct swap a = { .loop = loop, .quiet_fd = pairs[2][0] };
	struct swap b = { .loop = loop, .quiet_fd = pairs[3][0] };
	a.watch.ready = b.watch.ready = swap_other;
	a.other = &b.watch;
	b.other = &a.watch;
	ck_assert(loop_watch(loop, &a.watch, pairs[0][0], true, false));
	ck_assert(loop_watch(loop, &b.watch, pairs[1][0], true, false));
	ck_assert_int_eq(write(pairs[0][1], "x", 1), 1);
	ck_assert_int_eq(write(pairs[1][1], "x", 1), 1);
	loop_turn(loop, 0);
	ck_assert_uint_eq(a.calls + b.calls, 1);
	loop_unwatch(loop, &a.watch);
	loop_unwatch(loop, &b.watch);
	for (int i = 0; i < 4; i++) {
		close(pairs[i][0]);
		close(pairs[i][1]);
	}
	loop_close(loop);
}
END_TEST

START_TEST(refused_descriptor_is_told)
{
	struct loop *loop = loop_open();
	ck_assert_ptr_nonnull(loop);
	struct watch watch = { .ready = note };
	ck_assert(!loop_watch(loop, &watch, -1, true, false));
	ck_assert(!watch.active);
	loop_close(loop);
}
END_TEST

struct order {
	struct turn_end end;
	struct loop *loop;
	char *text;
	char letter;
	bool leaves;
};

static void
note_end(struct turn_end *end)
{
	struct order *order = container_of(end, struct order, end);
	size_t len = strlen(order->text);
	order->text[len] = order->letter;
	if (order->leaves)
		loop_no_turn_end(end);
}

START_TEST(turn_ends_run_in_order_and_may_leave)
{
	struct loop *loop = loop_open();
	ck_assert_ptr_nonnull(loop);
	char text[16] = "";
	struct order orders[3];
	for (int i = 0; i < 3; i++) {
		orders[i] = (struct order){ .text = text, .letter = "abc"[i], .leaves = i == 1 };
		orders[i].end.call = note_end;
		loop_at_turn_end(loop, &orders[i].end);
	}
	loop_turn(loop, 0);
	loop_turn(loop, 0);
	ck_assert_str_eq(text, "abcac");
	loop_close(loop);
}
END_TEST

struct waking {
	struct turn_end end;
	struct loop *loop;
	unsigned calls;
};

static void
wake_once(struct turn_end *end)
{
	struct waking *waking = container_of(end, struct waking, end);
	if (waking->calls++ == 0)
		loop_wake(waking->loop);
}

START_TEST(work_put_off_late_does_not_wait)
{
	struct loop *loop = loop_open();
	ck_assert_ptr_nonnull(loop);
	struct waking waking = { .end.call = wake_once, .loop = loop };
	loop_at_turn_end(loop, &waking.end);
	loop_turn(loop, 0);
	uint64_t before = clock_monotonic_ms();
	loop_turn(loop, 9000);
	ck_assert_uint_lt(clock_monotonic_ms() - before, 8000);
	ck_assert_uint_eq(waking.calls, 2);
	loop_close(loop);
}
END_TEST

struct late {
	struct watch watch;
	struct turn_end end;
	struct loop *loop;
	char *memory;
	char seen;
};

static void
release_now(struct watch *watch, bool readable, bool writable)
{
	struct late *late = container_of(watch, struct late, watch);
	(void)readable;
	(void)writable;
	loop_unwatch(late->loop, watch);
	loop_release(late->loop, late->memory);
}

static void
look_again(struct turn_end *end)
{
	struct late *late = container_of(end, struct late, end);
	late->seen = late->memory[0];
}

/* The memory is read after it was released in the same turn; AddressSanitizer is the judge, of the
 * read as of the leak. */
START_TEST(released_memory_lives_until_the_turn_ends)
{
	struct loop *loop = loop_open();
	ck_assert_ptr_nonnull(loop);
	int pair[2];
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	struct late late = { .loop = loop, .memory = malloc(8) };
	late.watch.ready = release_now;
	late.end.call = look_again;
	late.memory[0] = 'm';
	ck_assert(loop_watch(loop, &late.watch, pair[0], true, false));
	loop_at_turn_end(loop, &late.end);
	ck_assert_int_eq(write(pair[1], "x", 1), 1);
	loop_turn(loop, 0);
	ck_assert_int_eq(late.seen, 'm');
	loop_no_turn_end(&late.end);
	for (int i = 0; i < 1000; i++)
		loop_release(loop, malloc(1));
	loop_close(loop);
	close(pair[0]);
	close(pair[1]);
}
END_TEST

struct stopper {
	struct timer timer;
	struct loop *loop;
};

static void
stop_loop(struct timer *timer)
{
	loop_stop(container_of(timer, struct stopper, timer)->loop);
}

START_TEST(runs_until_stopped_with_a_heartbeat)
{
	struct loop *loop = loop_open();
	ck_assert_ptr_nonnull(loop);
	struct stopper stopper = { .loop = loop };
	stats->loop_turn_ms = 0;
	timer_start(loop, &stopper.timer, 5, stop_loop);
	loop_run(loop);
	ck_assert_uint_eq(stats->loop_turn_ms, loop_now_ms(loop));
	ck_assert_uint_gt(stats->loop_turn_ms, 0);
	int64_t difference = clock_real_ms() - loop_real_ms(loop);
	ck_assert_int_lt(difference, 5000);
	ck_assert_int_ge(difference, 0);
	loop_close(loop);
}
END_TEST

SUITE(loop, events_come_as_wanted, who_wants_nothing_hears_no_hang_up,
      stopped_in_the_same_turn_does_not_fire, an_event_of_the_past_is_nobodys,
      refused_descriptor_is_told, turn_ends_run_in_order_and_may_leave,
      work_put_off_late_does_not_wait, released_memory_lives_until_the_turn_ends,
      runs_until_stopped_with_a_heartbeat)
