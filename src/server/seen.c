/*
 * Taken: a place for each hash. Silenced: a set of places for each hash, of which the longest used
 * gives way. A place has the upper bits of the hash and the era of the note; eras end with a storm,
 * and within one so that old notes can be told from new ones.
 */
#include "seen.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define TAKEN_BITS 20u
#define SET_BITS 18u
#define PLACES 16u /* of a set: one cache line */
#define ERA_MASK ((1u << SET_BITS) - 1)
#define NOTES_PER_ERA (1u << 16)

struct seen {
	uint32_t
		storm; /* the first era of this one; from 1 on, so that an empty place is of none */
	uint32_t era;
	uint32_t notes; /* in this era */
	uint32_t taken[1u << TAKEN_BITS];
	uint32_t silenced[1u << SET_BITS][PLACES];
};

struct seen *
seen_open(void)
{
	struct seen *seen = calloc(1, sizeof(*seen));
	if (seen != NULL)
		seen->storm = seen->era = 1;
	return seen;
}

void
seen_close(struct seen *seen)
{
	free(seen);
}

void
seen_note_taken(struct seen *seen, unsigned hash)
{
	seen->taken[hash % (1u << TAKEN_BITS)] = hash;
}

bool
seen_was_taken(const struct seen *seen, unsigned hash)
{
	return hash != 0 && seen->taken[hash % (1u << TAKEN_BITS)] == hash;
}

static void
next_era(struct seen *seen)
{
	seen->notes = 0;
	if (++seen->era <= ERA_MASK)
		return;
	memset(seen->silenced, 0, sizeof(seen->silenced));
	seen->storm = seen->era = 1;
}

void
seen_note_silenced(struct seen *seen, unsigned hash)
{
	uint32_t *set = seen->silenced[hash % (1u << SET_BITS)];
	unsigned oldest = 0;
	for (unsigned i = 1; i < PLACES; i++)
		if ((set[i] & ERA_MASK) < (set[oldest] & ERA_MASK))
			oldest = i;
	set[oldest] = (hash & ~ERA_MASK) | seen->era;
	if (++seen->notes == NOTES_PER_ERA)
		next_era(seen);
}

bool
seen_was_silenced(const struct seen *seen, unsigned hash)
{
	const uint32_t *set = seen->silenced[hash % (1u << SET_BITS)];
	for (unsigned i = 0; i < PLACES; i++)
		if (((set[i] ^ hash) & ~ERA_MASK) == 0 && (set[i] & ERA_MASK) >= seen->storm)
			return true;
	return false;
}

void
seen_new_storm(struct seen *seen)
{
	next_era(seen);
	seen->storm = seen->era;
}
