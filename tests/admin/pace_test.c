/* The pace of streams, by the load of the workers and the time of a page. */
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

SUITE(pace, nothing_at_leisure_and_most_of_the_time_when_busy)
