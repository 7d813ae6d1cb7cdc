/* Texts that are written like files. */
#include "base/textfile.h"

#include <stdlib.h>
#include <string.h>

#include "support/check_main.h"

START_TEST(what_is_written_is_the_text)
{
	struct textfile textfile;
	FILE *out = textfile_open(&textfile);
	ck_assert_ptr_nonnull(out);
	for (int i = 0; i < 20000; i++)
		fprintf(out, "%05d\n", i);
	ck_assert(textfile_close(out, &textfile));
	ck_assert_uint_eq(textfile.len, 120000);
	ck_assert_uint_eq(strlen(textfile.text), 120000);
	ck_assert_int_eq(strncmp(textfile.text, "00000\n00001\n", 12), 0);
	ck_assert_str_eq(textfile.text + 119994, "19999\n");
	free(textfile.text);
}
END_TEST

START_TEST(nothing_is_an_empty_text)
{
	struct textfile textfile;
	FILE *out = textfile_open(&textfile);
	ck_assert_ptr_nonnull(out);
	ck_assert(textfile_close(out, &textfile));
	ck_assert_str_eq(textfile.text, "");
	free(textfile.text);
}
END_TEST

START_TEST(an_error_leaves_no_text)
{
	struct textfile textfile;
	FILE *out = textfile_open(&textfile);
	ck_assert_ptr_nonnull(out);
	fputs("half of it", out);
	ck_assert_int_eq(fgetc(out), EOF); /* sets the error of a stream that is only written */
	ck_assert(!textfile_close(out, &textfile));
	ck_assert_ptr_null(textfile.text);
	ck_assert(!textfile_close(NULL, &textfile));
}
END_TEST

SUITE(textfile, what_is_written_is_the_text, nothing_is_an_empty_text, an_error_leaves_no_text)
