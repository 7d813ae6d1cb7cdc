/* Notes from one process to another. */
#include "base/memo.h"

#include <stdlib.h>

#include "support/check_main.h"

static char *
written(struct memo *memo, size_t *len)
{
	int fd = memo_close(memo);
	ck_assert_int_ge(fd, 0);
	char *text = memo_read(fd, len);
	ck_assert_ptr_nonnull(text);
	return text;
}

START_TEST(lines_come_back)
{
	struct memo memo;
	struct str fields[MEMO_FIELDS_MAX];
	size_t len;
	memo_open(&memo);
	memo_line(&memo, "error", "a.conf", "12", "no\tsuch\noption \x7f → é", NULL);
	memo_line(&memo, "alone", NULL);
	memo_line(&memo, "six", "", "2", "3", "4", "5", NULL);
	char *text = written(&memo, &len);
	struct str rest = { text, len };
	ck_assert(memo_next(&rest, fields));
	ck_assert(str_eq(fields[0], STR("error")) && str_eq(fields[1], STR("a.conf")) &&
		  str_eq(fields[2], STR("12")));
	ck_assert(str_eq(fields[3], STR("no such option   → é")));
	ck_assert(str_empty(fields[4]) && str_empty(fields[5]));
	ck_assert(memo_next(&rest, fields));
	ck_assert(str_eq(fields[0], STR("alone")) && str_empty(fields[1]));
	ck_assert(memo_next(&rest, fields));
	ck_assert(str_empty(fields[1]) && str_eq(fields[5], STR("5")));
	ck_assert(!memo_next(&rest, fields));
	free(text);
}
END_TEST

START_TEST(what_is_too_much_is_left_out)
{
	static char large[MEMO_BYTES_MAX / 2 - 64];
	struct memo memo;
	struct str fields[MEMO_FIELDS_MAX];
	size_t len, lines = 0;
	memset(large, 'x', sizeof(large) - 1);
	memo_open(&memo);
	for (int i = 0; i < 4; i++)
		memo_line(&memo, "applied", large, NULL);
	memo_line(&memo, "last", NULL);
	char *text = written(&memo, &len);
	ck_assert_uint_le(len, MEMO_BYTES_MAX);
	struct str rest = { text, len };
	while (memo_next(&rest, fields)) {
		lines++;
		ck_assert(str_eq(fields[0], lines < 3 ? STR("applied") : STR("last")));
	}
	ck_assert_uint_eq(lines, 3);
	free(text);
}
END_TEST

START_TEST(nothing_is_a_memo_too)
{
	struct memo memo;
	struct str fields[MEMO_FIELDS_MAX];
	size_t len;
	memo_open(&memo);
	char *text = written(&memo, &len);
	struct str rest = { text, len };
	ck_assert(!memo_next(&rest, fields));
	free(text);
	ck_assert_ptr_null(memo_read(-1, &len));
	memo = (struct memo){ .fd = -1 };
	memo_line(&memo, "lost", NULL);
	ck_assert_int_eq(memo_close(&memo), -1);
}
END_TEST

SUITE(memo, lines_come_back, what_is_too_much_is_left_out, nothing_is_a_memo_too)
