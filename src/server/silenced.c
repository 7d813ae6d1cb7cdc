/* A place for each hash, in which the rest of it and the number of the storm stand. */
#include "silenced.h"

#include <stdint.h>
#include <stdlib.h>

#include "base/table.h"

#define PLACE_BITS 20u
#define STORM_BITS 20u

struct silenced {
	uint32_t storm; /* from 1 on, so that an empty place is of none */
	uint32_t marks[1u << PLACE_BITS];
};

struct silenced *
silenced_open(void)
{
	struct silenced *silenced = calloc(1, sizeof(*silenced));
	if (silenced != NULL)
		silenced->storm = 1;
	return silenced;
}

void
silenced_close(struct silenced *silenced)
{
	free(silenced);
}

void
silenced_forget(struct silenced *silenced)
{
	silenced->storm = silenced->storm % ((1u << STORM_BITS) - 1) + 1;
}

static uint32_t
mark(const struct silenced *silenced, unsigned hash)
{
	return hash >> PLACE_BITS << STORM_BITS | silenced->storm;
}

void
silenced_note(struct silenced *silenced, struct str tag)
{
	unsigned hash = table_hash(tag.p, tag.len);
	silenced->marks[hash % (1u << PLACE_BITS)] = mark(silenced, hash);
}

bool
silenced_has(const struct silenced *silenced, struct str tag)
{
	unsigned hash = table_hash(tag.p, tag.len);
	return silenced->marks[hash % (1u << PLACE_BITS)] == mark(silenced, hash);
}
