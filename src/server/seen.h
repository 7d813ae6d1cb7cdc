/*
 * What became of datagrams, by a hash of their octets: a client that hears nothing sends the same
 * ones again and again, and in a storm what comes again must be known before anything of it is
 * read. Whoever is let in at the third try waits for seconds, while a fresh one that could have
 * been served at once gets silence in its turn. So in a storm what was silenced stays so; and what
 * was taken on is looked at in full, because its answer may have been lost.
 */
#pragma once

#include <stdbool.h>

struct seen;

/* 8 MB, touched as datagrams come, and 16 MB in storms. NULL when memory is out. */
struct seen *seen_open(void);
/* NULL is allowed. */
void seen_close(struct seen *seen);
/*
 * hash is always the table_hash() of the octets. One in thousands is taken for another. Of those
 * taken on about the last two million are known, of the silenced ones twice as many.
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
