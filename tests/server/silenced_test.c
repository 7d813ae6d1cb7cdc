/* What got silence in this storm, and only in this one. */
#include "server/silenced.h"

#include <stdio.h>

#include "base/table.h"
#include "support/check_main.h"

static struct str
datagram(char *room, size_t size, unsigned number)
{
	return (struct str){ room, (size_t)snprintf(room, size, "REGISTER %u", number) };
}

START_TEST(silence_lasts_for_one_storm)
{
	char room[64];
	table_seed();
	struct silenced *silenced = silenced_open();
	unsigned known = 0, wrong = 0;
	for (unsigned i = 0; i < 10000; i++)
		silenced_note(silenced, datagram(room, sizeof(room), i));
	for (unsigned i = 0; i < 10000; i++) {
		known += silenced_has(silenced, datagram(room, sizeof(room), i));
		wrong += silenced_has(silenced, datagram(room, sizeof(room), 10000 + i));
	}
	ck_assert_uint_ge(known, 9800);
	ck_assert_uint_le(wrong, 10);
	silenced_forget(silenced);
	ck_assert(!silenced_has(silenced, datagram(room, sizeof(room), 1)));
	silenced_close(silenced);
}
END_TEST

SUITE(silenced, silence_lasts_for_one_storm)
