/* Cells of CSV files: see the header. */
#include "base/csv.h"

#include <stdbool.h>
#include <string.h>

/* A sign of a formula with something behind it, behind any number of apostrophes. */
static bool
runs(const char *text)
{
	text += strspn(text, "'");
	return text[0] != '\0' && strchr("=+-@\t\r", text[0]) != NULL && text[1] != '\0';
}

void
csv_write_cell(FILE *out, const char *text)
{
	bool formula = runs(text);
	if (strpbrk(text, ",\"\r\n") == NULL && !formula) {
		fputs(text, out);
		return;
	}
	fputs(formula ? "\"'" : "\"", out);
	for (; *text != '\0'; text++) {
		if (*text == '"')
			fputc('"', out);
		fputc(*text, out);
	}
	fputc('"', out);
}

const char *
csv_plain(const char *text)
{
	return text[0] == '\'' && runs(text) ? text + 1 : text;
}
