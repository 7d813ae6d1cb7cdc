/* What became of a datagram: silence lasts for one storm, and what was taken on stays so. */
#include "server/seen.h"

#include <stdio.h>

#include "base/str.h"
#include "base/table.h"
#include "support/check_main.h"

static unsigned
datagram(unsigned number)
{
	char room[64];
	int len = snprintf(room, sizeof(room), "REGISTER %u", number);
	return table_hash(room, (size_t)len);
}

START_TEST(silence_lasts_for_one_storm)
{
	table_seed();
	struct seen *seen = seen_open(SEEN_TAKEN);
	ck_assert_ptr_nonnull(seen);
	unsigned known = 0, wrong = 0;
	for (unsigned i = 0; i < 100000; i++)
		seen_note_silenced(seen, datagram(i));
	for (unsigned i = 0; i < 100000; i++) {
		known += seen_was_silenced(seen, datagram(i));
		wrong += seen_was_silenced(seen, datagram(100000 + i));
		wrong += seen_was_taken(seen, datagram(i));
	}
	ck_assert_uint_eq(known, 100000);
	ck_assert_uint_le(wrong, 20);
	seen_new_storm(seen);
	ck_assert(!seen_was_silenced(seen, datagram(1)));
	seen_close(seen);
}
END_TEST

/* A storm of minutes: the old ones give way. */
START_TEST(the_last_ones_are_known)
{
	table_seed();
	struct seen *seen = seen_open(SEEN_TAKEN / 4);
	ck_assert_ptr_nonnull(seen);
	unsigned known = 0;
	for (unsigned i = 0; i < 1500000; i++)
		seen_note_silenced(seen, datagram(i));
	for (unsigned i = 1375000; i < 1500000; i++)
		known += seen_was_silenced(seen, datagram(i));
	ck_assert_uint_ge(known, 124975);
	seen_close(seen);
}
END_TEST

START_TEST(what_was_taken_on_outlasts_storms)
{
	table_seed();
	struct seen *seen = seen_open(SEEN_TAKEN / 4);
	ck_assert_ptr_nonnull(seen);
	unsigned known = 0;
	ck_assert(!seen_was_taken(seen, datagram(1)));
	seen_note_silenced(seen, datagram(1));
	for (unsigned i = 1; i <= 150000; i++)
		seen_note_taken(seen, datagram(i));
	ck_assert(seen_was_silenced(seen, datagram(1)));
	seen_new_storm(seen);
	for (unsigned i = 1; i <= 150000; i++)
		known += seen_was_taken(seen, datagram(i));
	ck_assert_uint_ge(known, 149975);
	seen_close(seen);
}
END_TEST

/* Some hundred thousand storms later their numbers begin anew. */
START_TEST(storms_without_end)
{
	table_seed();
	struct seen *seen = seen_open(1024);
	ck_assert_ptr_nonnull(seen);
	for (unsigned i = 0; i < 600000; i++) {
		seen_new_storm(seen);
		seen_note_silenced(seen, datagram(2));
		ck_assert(seen_was_silenced(seen, datagram(2)));
	}
	seen_close(seen);
}
END_TEST

SUITE(seen, silence_lasts_for_one_storm, the_last_ones_are_known, what_was_taken_on_outlasts_storms,
      storms_without_end)
