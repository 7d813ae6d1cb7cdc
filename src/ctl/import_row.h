/* A row of the CSV file as the API wants it. */
#pragma once

#include <jansson.h>

#include "csv.h"

struct import_columns {
	const char *names[CSV_FIELDS_MAX];
	size_t count;
};
/* The first line names the columns; false with an error. */
bool import_columns(struct import_columns *columns, struct csv_reader *reader, const char *path);
/*
 * The row as an object; with *why set when it is no good, as far as can be said without the daemon.
 * NULL (and *why) when there is no object to show.
 */
json_t *import_row(const struct import_columns *columns, const struct csv_record *record,
		   const char **why);
