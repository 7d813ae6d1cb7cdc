/* A record at a time, in constant memory. */
#include "csv.h"

struct cursor {
	struct csv_reader *reader;
	struct csv_record *record;
	const char *why; /* what is wrong, once something is */
};

static void
put(struct cursor *cursor, char c)
{
	struct csv_record *record = cursor->record;
	if (record->used < sizeof(record->text))
		record->text[record->used++] = c;
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

/* CRLF is a line end; any other CR is text. */
static int
take_line_end(struct cursor *cursor, int c)
{
	if (c != '\r')
		return c;
	c = take(cursor);
	if (c == '\n' || c == EOF)
		return c;
	ungetc(c, cursor->reader->file);
	return '\r';
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
				return take_line_end(cursor, c);
		}
		put(cursor, (char)c);
	}
}

static bool
ends_field(int c)
{
	return c == ',' || c == '\n' || c == EOF;
}

/* One field; returns the octet that ended it. */
static int
take_field(struct cursor *cursor, int c)
{
	struct csv_record *record = cursor->record;
	if (record->count == CSV_FIELDS_MAX)
		cursor->why = "too many fields";
	else
		record->fields[record->count++] = record->text + record->used;
	if (c == '"') {
		c = take_quoted(cursor);
		if (!ends_field(c) && cursor->why == NULL)
			cursor->why = "text behind a closing quote";
	}
	for (c = take_line_end(cursor, c); !ends_field(c); c = take_line_end(cursor, take(cursor)))
		put(cursor, (char)c);
	put(cursor, '\0');
	return c;
}

/* In front of the file only. */
static int
skip_mark(struct cursor *cursor, int c)
{
	if (c != 0xef || cursor->reader->line > 0 || ftell(cursor->reader->file) != 1)
		return c;
	int second = take(cursor), third = take(cursor);
	if (second != 0xbb || third != 0xbf)
		cursor->why = "not UTF-8";
	return take(cursor);
}

enum csv_read
csv_next(struct csv_reader *reader, struct csv_record *record, const char **why)
{
	struct cursor cursor = { .reader = reader, .record = record };
	record->count = record->used = 0;
	record->line = reader->line + 1;
	int c = skip_mark(&cursor, take(&cursor));
	if (c == EOF && cursor.why == NULL)
		return CSV_END;
	for (c = take_field(&cursor, c); c == ',';)
		c = take_field(&cursor, take(&cursor));
	if (cursor.why == NULL)
		return CSV_RECORD;
	*why = cursor.why;
	return CSV_BAD;
}

void
csv_rewind(struct csv_reader *reader)
{
	rewind(reader->file);
	reader->line = 0;
}
