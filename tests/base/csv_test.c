/* Cells of CSV files: quoted, no formula, and the same text when they are read again. */
#include "base/csv.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "support/check_main.h"

static char *
cell(const char *text)
{
	char *written;
	size_t len;
	FILE *out = open_memstream(&written, &len);
	ck_assert_ptr_nonnull(out);
	csv_write_cell(out, text);
	fclose(out);
	return written;
}

START_TEST(cells_are_quoted_and_no_formula)
{
	const struct {
		const char *text, *cell;
	} cases[] = {
		{ "plain", "plain" },	    { "a,b", "\"a,b\"" },
		{ "a\"b", "\"a\"\"b\"" },   { "a\r\nb", "\"a\r\nb\"" },
		{ "=1+1", "\"'=1+1\"" },    { "+49123", "\"'+49123\"" },
		{ "-1", "\"'-1\"" },	    { "@SUM(1)", "\"'@SUM(1)\"" },
		{ "\tx", "\"'\tx\"" },	    { "'=1", "\"''=1\"" },
		{ "'quoted'", "'quoted'" }, { "-", "-" },
		{ "a=1", "a=1" },	    { "", "" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char *written = cell(cases[i].text);
		ck_assert_str_eq(written, cases[i].cell);
		free(written);
	}
}
END_TEST

START_TEST(what_was_guarded_is_read_as_it_was)
{
	const char *const texts[] = { "=1+1", "'=1+1", "''-x", "'x", "'", "-", "", "plain" };
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		char *written = cell(texts[i]);
		size_t len = strlen(written);
		bool quoted = written[0] == '"';
		written[quoted ? len - 1 : len] = '\0';
		ck_assert_str_eq(csv_plain(written + quoted), texts[i]);
		free(written);
	}
}
END_TEST

SUITE(csv, cells_are_quoted_and_no_formula, what_was_guarded_is_read_as_it_was)
