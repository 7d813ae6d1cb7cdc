/* The pace of streams, by the load of the workers and the time of a page; and of what many ask for.
 */
#include "admin/pace.h"

#include "support/check_main.h"

START_TEST(nothing_at_leisure_and_most_of_the_time_when_busy)
{
	static const struct {
		double busy;
		uint64_t page_us, pause_us;
	} cases[] = {
		{ 0, 8000, 0 },	       { 0.05, 8000, 76000 },  { 0.1, 8000, 152000 },
		{ 0.2, 8000, 152000 }, { 1, 8000, 152000 },    { 1, 0, 0 },
		{ 1, 50000, 950000 },  { 1, 900000, 1000000 }, { 1, UINT64_MAX, 1000000 },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		ck_assert_uint_eq(pace_pause_us(cases[i].busy, cases[i].page_us),
				  cases[i].pause_us);
}
END_TEST

#define SECOND UINT64_C(1000000)

/* How often work of took_us is done in ten seconds when it is asked for each millisecond. */
static unsigned
done_in_ten_seconds(uint64_t took_us, uint64_t *longest_pause_us)
{
	struct budget budget = { 0 };
	unsigned done = 0;
	uint64_t last_us = SECOND;
	*longest_pause_us = 0;
	for (uint64_t now_us = SECOND; now_us < 11 * SECOND; now_us += 1000) {
		if (!budget_allows(&budget, now_us))
			continue;
		done++;
		budget_spend(&budget, took_us);
		if (now_us - last_us > *longest_pause_us)
			*longest_pause_us = now_us - last_us;
		last_us = now_us;
	}
	return done;
}

START_TEST(a_fifth_of_the_time_for_what_many_ask_for)
{
	static const struct {
		uint64_t took_us;
		unsigned least, most;
		uint64_t longest_us;
	} cases[] = {
		{ 100, 10000, 10000, 1000 },  { 5000, 415, 425, 30000 },
		{ 50000, 41, 43, 300000 },    { 150000, 13, 15, 800000 },
		{ 1000000, 10, 11, 1100000 }, { UINT64_MAX, 10, 11, 1100000 },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		uint64_t longest_us;
		unsigned done = done_in_ten_seconds(cases[i].took_us, &longest_us);
		ck_assert_msg(done >= cases[i].least && done <= cases[i].most, "case %zu: %u", i,
			      done);
		ck_assert_msg(longest_us <= cases[i].longest_us, "case %zu: %llu us", i,
			      (unsigned long long)longest_us);
	}
}
END_TEST

/* Whoever asks now and then never waits, also when it is soon after the last time. */
START_TEST(a_few_at_once_are_no_crowd)
{
	struct budget budget = { 0 };
	for (uint64_t now_us = SECOND; now_us < 60 * SECOND; now_us += SECOND)
		for (int i = 0; i < 9; i++) {
			ck_assert(budget_allows(&budget, now_us));
			budget_spend(&budget, 10000);
		}
}
END_TEST

SUITE(pace, nothing_at_leisure_and_most_of_the_time_when_busy,
      a_fifth_of_the_time_for_what_many_ask_for, a_few_at_once_are_no_crowd)
