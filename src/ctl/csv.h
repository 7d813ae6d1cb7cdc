/* Reading CSV: RFC 4180, LF or CRLF line ends, a byte order mark in front or not. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define CSV_FIELDS_MAX 16
#define CSV_RECORD_BYTES 8192

struct csv_record {
	char text[CSV_RECORD_BYTES]; /* the fields, one after the other, NUL-terminated */
	size_t used;
	const char *fields[CSV_FIELDS_MAX];
	size_t count;
	size_t line; /* where the record begins, from 1 */
};

enum csv_read { CSV_RECORD, CSV_END, CSV_BAD };

struct csv_reader {
	FILE *file;
	size_t line; /* lines that were read */
};

/* CSV_BAD: too long, too many fields, NUL, a quote that never ends or goes on behind its end; *why
 * says which, reading goes on with the next record. */
enum csv_read csv_next(struct csv_reader *reader, struct csv_record *record, const char **why);
/* From the start again. */
void csv_rewind(struct csv_reader *reader);
