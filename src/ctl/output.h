/* Tables for people, CSV and JSON for programs. */
#pragma once

#include "ctl.h"

struct column {
	const char *title;
	bool cut; /* may be shortened to fit 100 columns; identifying columns are not */
	/* The cell's text; malloc'd. */
	char *(*cell)(json_t *item);
};

/* Items as the format asks; csv_fields (NULL-terminated) are the keys of the CSV columns. */
void output_list(const struct ctl_options *options, json_t *items, const struct column *columns,
		 size_t column_count, const char *const *csv_fields);
/* One document, indented; used by --json. */
void output_json(json_t *document);
/* Text of a member for cells: strings as they are (controls replaced), lists comma-joined, null as
 * "-". */
char *output_text(json_t *item, const char *key);
/* "3d 02h", "48m", "12s" of seconds. */
void output_duration(char *out, size_t cap, int64_t seconds);
/* Seconds from a time "2026-03-04T11:15:02Z" to now. */
int64_t output_age(const char *rfc3339);
