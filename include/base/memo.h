/*
 * A note from one process to another: lines of tab-separated fields in a file in memory, whose
 * descriptor travels. The first field says what the line is. Controls within a field become blanks,
 * so that no field can break a line.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "base/str.h"

#define MEMO_BYTES_MAX (4u * 1024 * 1024) /* what comes behind it is left out */
#define MEMO_FIELDS_MAX 6

struct memo {
	FILE *out; /* NULL: without memory, and then nothing is written */
	int fd;
	size_t bytes;
};

void memo_open(struct memo *memo);
/* One line of texts, the last one NULL. */
void memo_line(struct memo *memo, const char *kind, ...) __attribute__((sentinel));
/* The descriptor, now the caller's; -1 when memory was out. */
int memo_close(struct memo *memo);

/* A file in memory with a stream that writes it, or -1; both are the caller's. */
int memory_file(const char *name, FILE **out);
/* The text of a descriptor, malloc'd, and closes it; NULL when it cannot be read. */
char *memo_read(int fd, size_t *len);
/* The next line of what memo_read() gave: its fields, the absent ones empty. False behind the last.
 */
bool memo_next(struct str *rest, struct str fields[static MEMO_FIELDS_MAX]);
