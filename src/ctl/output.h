/* Tables for people, CSV and JSON for programs. */
#pragma once

#include "ctl.h"

struct column {
	const char *title;
	bool cut; /* may be shortened to fit 100 columns; identifying columns are not */
	/* The cell's text; malloc'd. NULL: that of the member key. */
	char *(*cell)(json_t *item);
	const char *key;
};
#define COLUMNS_MAX 12u

/* How items of one kind are shown. */
struct listing {
	const struct column *columns; /* of the table */
	size_t column_count;	      /* at most COLUMNS_MAX */
	const char *const *fields;    /* keys of the CSV columns, ends with NULL */
	bool exact; /* CSV that is read again: in a file or a pipe every octet stays */
	/* A last touch to an item of a list of pages before it goes into a CSV, or NULL; false,
	 * with an error, ends the list. */
	bool (*ready)(json_t *item);
};

/* Items as a table, CSV (with its first line when first), NDJSON, or {"items": […]}. None of them
 * commands a terminal; CSV does not on its way through a file either, unless it is exact. */
void output_rows(enum ctl_format format, json_t *items, const struct listing *listing, bool first);
/* One document, indented; used by --json. */
void output_json(json_t *document);
/* One document for either: indented as JSON, on one line as NDJSON. */
void output_document(enum ctl_format format, json_t *document);
/* One object as a table or CSV of one row, or as a document. */
void output_item(enum ctl_format format, json_t *item, const struct listing *listing);
/* Whether all of the output has arrived. False, with an error: what did not, never will. */
bool output_arrived(void);

/* Text of a member for cells: strings as they are, lists comma-joined, null as "-"; whatever a
 * terminal would take for a command becomes "?". malloc'd. */
char *output_text(json_t *item, const char *key);
/* C0, DEL, and C1 (U+0080 to U+009F, in UTF-8 two octets) become "?", in place. */
void output_harmless(char *text);
/* Columns on the screen; UTF-8 continuation octets take none. */
size_t output_width(const char *text);
/* The same of "aor", without its scheme. */
char *output_aor(json_t *item);
/* "12 000", as people read it. */
void output_count(char *out, size_t cap, int64_t count);
/* "3d 02h", "48m", "12s" of seconds. */
void output_duration(char *out, size_t cap, int64_t seconds);
/* Seconds from a time "2026-03-04T11:15:02Z" to now. */
int64_t output_age(const char *rfc3339);
