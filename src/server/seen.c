/*
 * A set of places for each hash, of which the one noted first gives way: with one place for each,
 * one in a hundred was forgotten within the 3.5 s after which a client sends for the fourth time. A
 * place has the upper bits of the hash and the era of its note; eras end with a storm, and within
 * one so that old notes can be told from new ones.
 */
#include "seen.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define PLACES 16u   /* of a set */
#define ERA_BITS 17u /* a hash is told by the others, and by those that find its set */
#define ERA_MASK ((1u << ERA_BITS) - 1)
#define NOTES_PER_ERA (1u << 16)

struct notes {
	uint32_t first; /* era that counts; from 1 on, so that an empty place is of none */
	uint32_t era;
	uint32_t count; /* in this era */
	uint32_t set_mask;
	uint32_t *places;
};

struct seen {
	struct notes taken, silenced;
};

static bool
notes_open(struct notes *notes, uint32_t count)
{
	uint32_t *places = calloc(count, sizeof(*places));
	*notes = (struct notes){
		.first = 1, .era = 1, .set_mask = count / PLACES - 1, .places = places
	};
	return places != NULL;
}

struct seen *
seen_open(uint32_t taken)
{
	assert(taken >= PLACES && taken <= 1u << 30 && (taken & (taken - 1)) == 0);
	struct seen *seen = calloc(1, sizeof(*seen));
	if (seen == NULL)
		return NULL;
	bool opened = notes_open(&seen->taken, taken);
	opened = notes_open(&seen->silenced, 2 * taken) && opened;
	if (opened)
		return seen;
	seen_close(seen);
	return NULL;
}

void
seen_close(struct seen *seen)
{
	if (seen == NULL)
		return;
	free(seen->taken.places);
	free(seen->silenced.places);
	free(seen);
}

static uint32_t *
set_of(const struct notes *notes, unsigned hash)
{
	return notes->places + (size_t)(hash & notes->set_mask) * PLACES;
}

static void
next_era(struct notes *notes)
{
	notes->count = 0;
	if (++notes->era <= ERA_MASK)
		return;
	memset(notes->places, 0, ((size_t)notes->set_mask + 1) * PLACES * sizeof(*notes->places));
	notes->first = notes->era = 1;
}

static void
note(struct notes *notes, unsigned hash)
{
	uint32_t *set = set_of(notes, hash);
	unsigned oldest = 0;
	for (unsigned i = 1; i < PLACES; i++)
		if ((set[i] & ERA_MASK) < (set[oldest] & ERA_MASK))
			oldest = i;
	set[oldest] = (hash & ~ERA_MASK) | notes->era;
	if (++notes->count == NOTES_PER_ERA)
		next_era(notes);
}

static bool
has(const struct notes *notes, unsigned hash)
{
	const uint32_t *set = set_of(notes, hash);
	for (unsigned i = 0; i < PLACES; i++)
		if (((set[i] ^ hash) & ~ERA_MASK) == 0 && (set[i] & ERA_MASK) >= notes->first)
			return true;
	return false;
}

void
seen_expect(const struct seen *seen, unsigned hash)
{
	__builtin_prefetch(set_of(&seen->taken, hash));
}

void
seen_note_taken(struct seen *seen, unsigned hash)
{
	note(&seen->taken, hash);
}

bool
seen_was_taken(const struct seen *seen, unsigned hash)
{
	return has(&seen->taken, hash);
}

void
seen_note_silenced(struct seen *seen, unsigned hash)
{
	note(&seen->silenced, hash);
}

bool
seen_was_silenced(const struct seen *seen, unsigned hash)
{
	return has(&seen->silenced, hash);
}

void
seen_new_storm(struct seen *seen)
{
	next_era(&seen->silenced);
	seen->silenced.first = seen->silenced.era;
}
