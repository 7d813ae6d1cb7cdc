/* Output: columns as wide as their widest cell, the last ones cut where the line would pass 100
 * characters. */
#include "output.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LINE_WIDTH 100u
#define COLUMNS_MAX 12u

/* Columns on the screen; UTF-8 continuation octets take none. */
static size_t
width(const char *text)
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
	bool cut = width(text) > wide;
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
		size_t least = width(columns[i].title) > 8 ? width(columns[i].title) : 8;
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
print_table(json_t *items, const struct column *columns, size_t count)
{
	size_t rows = json_array_size(items), wide[COLUMNS_MAX];
	char **cells = calloc(rows * count + 1, sizeof(*cells));
	if (cells == NULL)
		return;
	for (size_t i = 0; i < count; i++)
		wide[i] = width(columns[i].title);
	for (size_t row = 0; row < rows; row++) {
		for (size_t i = 0; i < count; i++) {
			char *cell = columns[i].cell(json_array_get(items, row));
			cells[row * count + i] = cell;
			if (cell != NULL && width(cell) > wide[i])
				wide[i] = width(cell);
		}
	}
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

/* RFC 4180; a cell that a spreadsheet would take for a formula gets an apostrophe in front. */
static void
print_csv_cell(const char *text)
{
	bool formula = text[0] != '\0' && strchr("=+-@\t\r", text[0]) != NULL && text[1] != '\0';
	if (strpbrk(text, ",\"\r\n") == NULL && !formula) {
		fputs(text, stdout);
		return;
	}
	putchar('"');
	if (formula)
		putchar('\'');
	for (; *text != '\0'; text++) {
		if (*text == '"')
			putchar('"');
		putchar(*text);
	}
	putchar('"');
}

static void
print_csv(json_t *items, const char *const *fields)
{
	for (size_t i = 0; fields[i] != NULL; i++)
		printf("%s%s", i == 0 ? "" : ",", fields[i]);
	fputs("\r\n", stdout);
	size_t index;
	json_t *item;
	json_array_foreach(items, index, item)
	{
		for (size_t i = 0; fields[i] != NULL; i++) {
			json_t *value = json_object_get(item, fields[i]);
			char *text = json_is_null(value) ? NULL : output_text(item, fields[i]);
			if (i > 0)
				putchar(',');
			print_csv_cell(text == NULL ? "" : text);
			free(text);
		}
		fputs("\r\n", stdout);
	}
}

void
output_list(const struct ctl_options *options, json_t *items, const struct column *columns,
	    size_t column_count, const char *const *csv_fields)
{
	size_t index;
	json_t *item;
	switch (options->format) {
	case CTL_JSON: {
		json_t *document = json_pack("{s:O}", "items", items);
		output_json(document);
		json_decref(document);
		return;
	}
	case CTL_NDJSON:
		json_array_foreach(items, index, item)
		{
			json_dumpf(item, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
			putchar('\n');
		}
		return;
	case CTL_CSV:
		print_csv(items, csv_fields);
		return;
	case CTL_TABLE:
		print_table(items, columns, column_count);
		return;
	}
}

void
output_json(json_t *document)
{
	json_dumpf(document, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
	putchar('\n');
}

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

char *
output_text(json_t *item, const char *key)
{
	json_t *value = json_object_get(item, key);
	char *text;
	if (json_is_array(value))
		text = joined(value);
	else if (json_is_string(value))
		text = strdup(json_string_value(value));
	else if (value == NULL || json_is_null(value))
		text = strdup("-");
	else
		text = json_dumps(value, JSON_ENCODE_ANY);
	for (char *c = text; c != NULL && *c != '\0'; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
	return text;
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
