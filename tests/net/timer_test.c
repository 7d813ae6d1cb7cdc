/* Timers with durations of a few milliseconds: the loop itself waits for them, nothing else does.
 */
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "net/timer.h"
#include "support/check_main.h"

struct noted {
	struct fifo_entry entry;
	struct timer timer;
	char letter;
};

static char fired[32];
static size_t fired_count;

static void
note(char letter)
{
	fired[fired_count++] = letter;
	fired[fired_count] = '\0';
}

static void
entry_due(struct fifo *fifo, struct fifo_entry *entry)
{
	ck_assert_uint_ge(loop_now_ms(fifo->loop), entry->due_ms);
	note(container_of(entry, struct noted, entry)->letter);
}

static void
timer_due(struct timer *timer)
{
	note(container_of(timer, struct noted, timer)->letter);
}

static struct loop *
fresh_loop(void)
{
	fired_count = 0;
	fired[0] = '\0';
	struct loop *loop = loop_open();
	ck_assert_ptr_nonnull(loop);
	return loop;
}

/* Turns until so many have fired; ten seconds are an error. */
static void
turn_until(struct loop *loop, size_t count)
{
	uint64_t deadline = clock_monotonic_ms() + 10000;
	while (fired_count < count && clock_monotonic_ms() < deadline)
		loop_turn(loop, 100);
	ck_assert_uint_eq(fired_count, count);
}

START_TEST(the_soonest_first_whatever_its_kind)
{
	struct loop *loop = fresh_loop();
	struct fifo slow, quick;
	struct noted all[5] = { { .letter = 'a' },
				{ .letter = 'b' },
				{ .letter = 'c' },
				{ .letter = 'd' },
				{ .letter = 'e' } };
	fifo_open(&slow, loop, 30, entry_due);
	fifo_open(&quick, loop, 10, entry_due);
	fifo_start(&slow, &all[4].entry);
	fifo_start(&quick, &all[1].entry);
	fifo_start(&quick, &all[2].entry);
	timer_start(loop, &all[3].timer, 20, timer_due);
	timer_start(loop, &all[0].timer, 5, timer_due);
	turn_until(loop, 5);
	ck_assert_str_eq(fired, "abcde");
	fifo_close(&slow);
	fifo_close(&quick);
	loop_close(loop);
}
END_TEST

START_TEST(stopped_and_restarted)
{
	struct loop *loop = fresh_loop();
	struct fifo fifo;
	struct noted all[3] = { { .letter = 'a' }, { .letter = 'b' }, { .letter = 'c' } };
	struct noted never = { .letter = 'n' };
	fifo_open(&fifo, loop, 5, entry_due);
	fifo_stop(&never.entry); /* zeroed: in no list */
	timer_stop(&never.timer);
	for (int i = 0; i < 3; i++)
		fifo_start(&fifo, &all[i].entry);
	fifo_start(&fifo, &never.entry);
	timer_start(loop, &never.timer, 1, timer_due);
	fifo_start(&fifo, &all[0].entry); /* again: now behind the others */
	fifo_stop(&never.entry);
	timer_stop(&never.timer);
	turn_until(loop, 3);
	ck_assert_str_eq(fired, "bca");
	fifo_close(&fifo);
	loop_close(loop);
}
END_TEST

START_TEST(durations_that_change_often_keep_the_order)
{
	static const unsigned durations[] = { 30, 20, 25, 10, 40, 1 };
	struct loop *loop = fresh_loop();
	struct fifo fifo;
	struct noted all[6];
	fifo_open(&fifo, loop, 60, entry_due);
	for (unsigned i = 0; i < 6; i++) {
		all[i] = (struct noted){ .letter = (char)('a' + i) };
		fifo_set_duration(&fifo, durations[i]);
		fifo_start(&fifo, &all[i].entry);
	}
	turn_until(loop, 6);
	ck_assert_str_eq(fired, "fdbcae");
	for (unsigned i = 0; i < 6; i++) {
		fifo_set_duration(&fifo, durations[i] * 1000);
		fifo_start(&fifo, &all[i].entry);
	}
	fifo_stop(&all[3].entry);
	fifo_close(&fifo);
	for (unsigned i = 0; i < 6; i++)
		ck_assert(!fifo_waits(&all[i].entry));
	loop_close(loop);
}
END_TEST

/* CPU time, in the unit of clock(), of so many starts beside entries that wait longer. */
static clock_t
starts_beside(struct fifo *fifo, struct noted *entries, unsigned count)
{
	fifo_set_duration(fifo, 240000);
	for (unsigned i = 0; i < count; i++)
		fifo_start(fifo, &entries[i].entry);
	fifo_set_duration(fifo, 60000);
	clock_t begin = clock();
	for (unsigned i = 0; i < 1000; i++)
		fifo_start(fifo, &entries[i].entry);
	return clock() - begin;
}

/* Each message of each connection starts the idle time of it anew. */
START_TEST(a_shorter_duration_costs_nothing_later)
{
	struct loop *loop = fresh_loop();
	struct fifo fifo;
	struct noted *entries = calloc(50000, sizeof(*entries));
	ck_assert_ptr_nonnull(entries);
	fifo_open(&fifo, loop, 240000, entry_due);
	clock_t few = starts_beside(&fifo, entries, 1000);
	clock_t many = starts_beside(&fifo, entries, 50000);
	ck_assert_msg(many <= 10 * few + CLOCKS_PER_SEC / 10, "%ld ticks, beside few %ld",
		      (long)many, (long)few);
	fifo_close(&fifo);
	free(entries);
	loop_close(loop);
}
END_TEST

START_TEST(a_shorter_duration_holds_for_new_entries)
{
	struct loop *loop = fresh_loop();
	struct fifo fifo;
	struct noted all[3] = { { .letter = 'a' }, { .letter = 'b' }, { .letter = 'c' } };
	fifo_open(&fifo, loop, 40, entry_due);
	fifo_start(&fifo, &all[0].entry);
	fifo_set_duration(&fifo, 5);
	fifo_start(&fifo, &all[1].entry);
	fifo_start(&fifo, &all[2].entry);
	turn_until(loop, 3);
	ck_assert_str_eq(fired, "bca");
	fifo_close(&fifo);
	loop_close(loop);
}
END_TEST

static struct loop *again_loop;

static void
start_again(struct timer *timer)
{
	note('r');
	if (fired_count < 3)
		timer_start(again_loop, timer, 0, start_again);
}

START_TEST(nothing_is_due_in_the_turn_that_started_it)
{
	struct loop *loop = fresh_loop();
	struct timer timer = { 0 };
	again_loop = loop;
	timer_start(loop, &timer, 0, start_again);
	for (size_t seen = 0; seen < 3;) {
		loop_turn(loop, 100);
		ck_assert_uint_le(fired_count, seen + 1);
		seen = fired_count;
	}
	ck_assert_str_eq(fired, "rrr");
	loop_close(loop);
}
END_TEST

START_TEST(the_longest_delay_does_not_wrap)
{
	struct loop *loop = fresh_loop();
	struct noted all[2] = { { .letter = 'a' }, { .letter = 'b' } };
	timer_start(loop, &all[0].timer, UINT64_MAX, timer_due);
	timer_start(loop, &all[1].timer, 1, timer_due);
	turn_until(loop, 1);
	ck_assert_str_eq(fired, "b");
	ck_assert_uint_eq(all[0].timer.due_ms, UINT64_MAX);
	timer_stop(&all[0].timer);
	loop_close(loop);
}
END_TEST

static struct fifo *victim;

static void
close_victim(struct timer *timer)
{
	(void)timer;
	note('x');
	fifo_close(victim);
}

START_TEST(closing_a_fifo_silences_its_entries)
{
	struct loop *loop = fresh_loop();
	struct fifo fifo;
	struct noted entry = { .letter = 'e' };
	struct timer closer = { 0 };
	struct noted last = { .letter = 'l' };
	victim = &fifo;
	fifo_open(&fifo, loop, 10, entry_due);
	fifo_start(&fifo, &entry.entry);
	timer_start(loop, &closer, 5, close_victim);
	timer_start(loop, &last.timer, 20, timer_due);
	turn_until(loop, 2);
	ck_assert_str_eq(fired, "xl");
	loop_close(loop);
}
END_TEST

SUITE(timer, the_soonest_first_whatever_its_kind, stopped_and_restarted,
      a_shorter_duration_holds_for_new_entries, durations_that_change_often_keep_the_order,
      a_shorter_duration_costs_nothing_later, nothing_is_due_in_the_turn_that_started_it,
      the_longest_delay_does_not_wrap, closing_a_fifo_silences_its_entries)
