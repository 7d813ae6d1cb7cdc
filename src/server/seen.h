/*
 * What became of datagrams, by a hash of their octets: a client that hears nothing sends the same
 * ones again and again, and in a storm what comes again must be known before anything of it is
 * read. Whoever is let in at the third try waits for seconds, while a fresh one that could have
 * been served at once gets silence in its turn. So in a storm what was silenced stays so; and what
 * was taken on is looked at in full, because its answer may have been lost.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct seen;

/*
 * About the last `taken` of those taken on are known and twice as many of the silenced: 4 octets
 * for each, touched as datagrams come. taken is a power of two from 16 on; below SEEN_TAKEN others
 * are mistaken for known ones more often. NULL when memory is out.
 */
#define SEEN_TAKEN (2u << 20)
struct seen *seen_open(uint32_t taken);
/* NULL is allowed. */
void seen_close(struct seen *seen);
/*
 * hash is always the table_hash() of the octets. One in thousands is taken for another.
 */
/* It may be noted as taken soon: fetches its place meanwhile. */
void seen_expect(const struct seen *seen, unsigned hash);
void seen_note_taken(struct seen *seen, unsigned hash);
bool seen_was_taken(const struct seen *seen, unsigned hash);
/* Holds until seen_new_storm(). */
void seen_note_silenced(struct seen *seen, unsigned hash);
bool seen_was_silenced(const struct seen *seen, unsigned hash);
/* Another storm: what was silenced before may be served. */
void seen_new_storm(struct seen *seen);
