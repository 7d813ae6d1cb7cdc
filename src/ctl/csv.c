/* A record at a time, in constant memory. */
#include "csv.h"

#include <string.h>

struct cursor {
	struct csv_reader *reader;
	struct csv_record *record;
	size_t used;
	const char *why; /* what is wrong, once something is */
};

static void
put(struct cursor *cursor, char c)
{
	if (cursor->used + 1 < sizeof(cursor->record->text))
		cursor->record->text[cursor->used++] = c;
	else
		cursor->why = "line too long";
}

static int
take(struct cursor *cursor)
{
	int c = getc(cursor->reader->file);
	if (c == '\n')
		cursor->reader->line++;
	if (c == '\0')
		cursor->why = "NUL in text";
	return c;
}

/* Behind an opening quote; returns what follows the closing one. */
static int
take_quoted(struct cursor *cursor)
{
	for (;;) {
		int c = take(cursor);
		if (c == EOF) {
			cursor->why = "quote never ends";
			return EOF;
		}
		if (c == '"') {
			c = take(cursor);
			if (c != '"')
				return c;
		}
		put(cursor, (char)c);
	}
}

/* One field; returns the octet that ended it. */
static int
take_field(struct cursor *cursor, int c)
{
	struct csv_record *record = cursor->record;
	if (record->count == CSV_FIELDS_MAX)
		cursor->why = "too many fields";
	else
		record->fields[record->count++] = record->text + cursor->used;
	if (c == '"')
		c = take_quoted(cursor);
	for (; c != ',' && c != '\n' && c != EOF; c = take(cursor))
		put(cursor, (char)c);
	if (c != ',' && cursor->used > 0 && record->text[cursor->used - 1] == '\r')
		cursor->used--;
	put(cursor, '\0');
	return c;
}

enum csv_read
csv_next(struct csv_reader *reader, struct csv_record *record, const char **why)
{
	struct cursor cursor = { .reader = reader, .record = record };
	record->count = 0;
	record->line = reader->line + 1;
	int c = take(&cursor);
	if (c == EOF)
		return CSV_END;
	for (c = take_field(&cursor, c); c == ',';)
		c = take_field(&cursor, take(&cursor));
	*why = cursor.why;
	return cursor.why == NULL ? CSV_RECORD : CSV_BAD;
}
