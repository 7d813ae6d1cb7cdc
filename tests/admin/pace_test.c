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

START_TEST(a_fifth_of_the_time_for_what_many_ask_for)
{
	static const struct {
		uint64_t took_us, rest_us;
	} cases[] = {
		{ 0, 0 },
		{ 1, 4 },
		{ 4000, 16000 },
		{ 249999, 999996 },
		{ 250000, 1000000 },
		{ 250001, 1000000 },
		{ 5000000, 1000000 },
		{ UINT64_MAX, 1000000 },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		ck_assert_uint_eq(pace_rest_us(cases[i].took_us), cases[i].rest_us);
}
END_TEST

SUITE(pace, nothing_at_leisure_and_most_of_the_time_when_busy,
      a_fifth_of_the_time_for_what_many_ask_for)
