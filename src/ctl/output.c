/* Output: columns as wide as their widest cell, the last ones cut where the line would pass 100
 * characters. */
#include "output.h"

#include <errno.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/csv.h"
#include "base/harmless.h"
#include "base/writer.h"

#define LINE_WIDTH 100u
/* As many as a double surely has: 0.3 is to stay 0.3. */
#define DIGITS JSON_REAL_PRECISION(15)

static char *
joined(json_t *list)
{
	size_t len = 1, index;
	json_t *item;
	json_array_foreach(list, index, item) len += json_string_length(item) + 2;
	char *text = calloc(1, len);
	if (text == NULL)
		return NULL;
	char *end = text;
	json_array_foreach(list, index, item) end +=
		snprintf(end, len - (size_t)(end - text), "%s%s", index == 0 ? "" : ", ",
			 json_string_value(item) == NULL ? "?" : json_string_value(item));
	return text;
}

static char *
text_of(json_t *item, const char *key)
{
	json_t *value = json_object_get(item, key);
	if (json_is_array(value))
		return joined(value);
	if (json_is_string(value))
		return strdup(json_string_value(value));
	if (value == NULL || json_is_null(value))
		return strdup("-");
	return json_dumps(value, JSON_ENCODE_ANY | DIGITS);
}

size_t
output_width(const char *text)
{
	size_t count = 0;
	for (; *text != '\0'; text++)
		count += ((unsigned char)*text & 0xc0) != 0x80;
	return count;
}

static void
print_cell(const char *text, size_t wide, bool last)
{
	size_t shown = 0;
	const char *c = text;
	bool cut = output_width(text) > wide;
	for (; *c != '\0'; c++) {
		bool starts = ((unsigned char)*c & 0xc0) != 0x80;
		if (starts && cut && shown + 1 >= wide)
			break;
		shown += starts;
		putchar(*c);
	}
	if (cut) {
		fputs("…", stdout);
		shown++;
	}
	if (!last)
		printf("%*s", (int)(wide - shown) + 2, "");
}

static void
narrow(size_t *wide, const struct column *columns, size_t count)
{
	size_t total = 2 * (count - 1);
	for (size_t i = 0; i < count; i++)
		total += wide[i];
	for (size_t i = count; i-- > 0 && total > LINE_WIDTH;) {
		size_t least =
			output_width(columns[i].title) > 8 ? output_width(columns[i].title) : 8;
		if (!columns[i].cut || wide[i] <= least)
			continue;
		size_t give = total - LINE_WIDTH;
		if (give > wide[i] - least)
			give = wide[i] - least;
		wide[i] -= give;
		total -= give;
	}
}

static void
make_cells(json_t *items, const struct column *columns, size_t count, char **cells, size_t *wide)
{
	for (size_t i = 0; i < count; i++)
		wide[i] = output_width(columns[i].title);
	for (size_t row = 0; row < json_array_size(items); row++) {
		for (size_t i = 0; i < count; i++) {
			json_t *item = json_array_get(items, row);
			char *cell = columns[i].cell != NULL ? columns[i].cell(item)
							     : output_text(item, columns[i].key);
			cells[row * count + i] = cell;
			if (cell != NULL && output_width(cell) > wide[i])
				wide[i] = output_width(cell);
		}
	}
}

static void
print_table(json_t *items, const struct column *columns, size_t count)
{
	size_t rows = json_array_size(items), wide[COLUMNS_MAX];
	char **cells = calloc(rows * count + 1, sizeof(*cells));
	if (cells == NULL)
		return;
	make_cells(items, columns, count, cells, wide);
	narrow(wide, columns, count);
	for (size_t i = 0; i < count; i++)
		print_cell(columns[i].title, wide[i], i + 1 == count);
	putchar('\n');
	for (size_t cell = 0; cell < rows * count; cell++) {
		bool last = cell % count + 1 == count;
		print_cell(cells[cell] == NULL ? "?" : cells[cell], wide[cell % count], last);
		if (last)
			putchar('\n');
		free(cells[cell]);
	}
	free(cells);
}

/* --- for programs --------------------------------------------------------------------- */

static char *
csv_text(json_t *item, const char *key, bool exact)
{
	return exact && !isatty(STDOUT_FILENO) ? text_of(item, key) : output_text(item, key);
}

static void
print_csv(json_t *items, const struct listing *listing, bool first)
{
	const char *const *fields = listing->fields;
	for (size_t i = 0; first && fields[i] != NULL; i++)
		printf("%s%s", i == 0 ? "" : ",", fields[i]);
	fputs(first ? "\r\n" : "", stdout);
	size_t index;
	json_t *item;
	json_array_foreach(items, index, item)
	{
		for (size_t i = 0; fields[i] != NULL; i++) {
			json_t *value = json_object_get(item, fields[i]);
			char *text = json_is_null(value)
					     ? NULL
					     : csv_text(item, fields[i], listing->exact);
			if (i > 0)
				putchar(',');
			csv_write_cell(stdout, text == NULL ? "" : text);
			free(text);
		}
		fputs("\r\n", stdout);
	}
}

/* Octets beyond ASCII may be commands to a terminal. */
static void
print_json(json_t *document, size_t flags)
{
	json_dumpf(document, stdout,
		   flags | JSON_PRESERVE_ORDER | DIGITS |
			   (isatty(STDOUT_FILENO) ? JSON_ENSURE_ASCII : 0));
	putchar('\n');
}

void
output_json(json_t *document)
{
	print_json(document, JSON_INDENT(2));
}

void
output_document(enum ctl_format format, json_t *document)
{
	print_json(document, format == CTL_NDJSON ? JSON_COMPACT : JSON_INDENT(2));
}

void
output_item(enum ctl_format format, json_t *item, const struct listing *listing)
{
	json_t *items = json_pack("[O]", item);
	if (format == CTL_JSON)
		output_json(item);
	else
		output_rows(format, items, listing, true);
	json_decref(items);
}

bool
output_arrived(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return true;
	ctl_error("cannot write the output: %s", strerror(errno));
	__fpurge(stdout);
	clearerr(stdout);
	return false;
}

void
output_rows(enum ctl_format format, json_t *items, const struct listing *listing, bool first)
{
	size_t index;
	json_t *item;
	switch (format) {
	case CTL_JSON: {
		json_t *document = json_pack("{s:O}", "items", items);
		output_json(document);
		json_decref(document);
		return;
	}
	case CTL_NDJSON:
		json_array_foreach(items, index, item) print_json(item, JSON_COMPACT);
		return;
	case CTL_CSV:
		print_csv(items, listing, first);
		return;
	case CTL_TABLE:
		print_table(items, listing->columns, listing->column_count);
		return;
	}
}

/* --- texts ---------------------------------------------------------------------------- */

void
output_harmless(char *text)
{
	harmless(text, false);
}

char *
output_text(json_t *item, const char *key)
{
	char *text = text_of(item, key);
	if (text != NULL)
		output_harmless(text);
	return text;
}

char *
output_aor(json_t *item)
{
	char *text = output_text(item, "aor");
	if (text != NULL && strncmp(text, "sip:", 4) == 0)
		memmove(text, text + 4, strlen(text) - 3);
	return text;
}

void
output_count(char *out, size_t cap, int64_t count)
{
	char digits[24];
	struct writer w = writer_on(out, cap - 1);
	size_t len = (size_t)snprintf(digits, sizeof(digits), "%lld", (long long)count);
	for (size_t i = 0; i < len; i++) {
		if (i > 0 && (len - i) % 3 == 0)
			writer_char(&w, ' ');
		writer_char(&w, digits[i]);
	}
	out[w.len] = '\0';
}

void
output_duration(char *out, size_t cap, int64_t seconds)
{
	int64_t s = seconds < 0 ? 0 : seconds;
	if (s >= 86400)
		snprintf(out, cap, "%lldd %02lldh", (long long)(s / 86400),
			 (long long)(s % 86400 / 3600));
	else if (s >= 3600)
		snprintf(out, cap, "%lldh %02lldm", (long long)(s / 3600),
			 (long long)(s % 3600 / 60));
	else if (s >= 60)
		snprintf(out, cap, "%lldm", (long long)(s / 60));
	else
		snprintf(out, cap, "%llds", (long long)s);
}

int64_t
output_age(const char *rfc3339)
{
	struct tm tm = { 0 };
	if (rfc3339 == NULL || strptime(rfc3339, "%Y-%m-%dT%H:%M:%S", &tm) == NULL)
		return 0;
	return (int64_t)(time(NULL) - timegm(&tm));
}
