/*
 * A text in memory that is written like a file. open_memstream(3) of glibc loses in silence what it
 * finds no memory for; here such a write fails, and the text is none. Nor does it leave copies of
 * the text behind: who has to keep it secret frees it with wipe_free().
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct textfile {
	char *text; /* ends with NUL, which len does not count */
	size_t len;
	size_t cap;
	char buffer[4096]; /* of the stream */
};

/* NULL without memory. textfile must live until textfile_close(). */
FILE *textfile_open(struct textfile *textfile);
/* True when the text is whole: it is the caller's, to free(). Else there is none. out may be NULL.
 */
bool textfile_close(FILE *out, struct textfile *textfile);
