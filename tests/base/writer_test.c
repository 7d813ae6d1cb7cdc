/* Bounded output: full at the limit, failed one octet further, and failed from then on. */
#include "base/writer.h"

#include "support/check_main.h"

START_TEST(full_is_not_failed)
{
	char buf[5] = "";
	struct writer w = writer_on(buf, 4);
	writer_str(&w, STR("ab"));
	writer_str(&w, STR("cd"));
	ck_assert(writer_ok(&w));
	ck_assert(str_eq(writer_text(&w), STR("abcd")));
	writer_str(&w, STR(""));
	ck_assert(writer_ok(&w));
	writer_char(&w, 'e');
	ck_assert(!writer_ok(&w));
	ck_assert(str_eq(writer_text(&w), STR("abcd")));
	ck_assert_int_eq(buf[4], '\0');
}
END_TEST

START_TEST(failure_stays)
{
	char buf[4];
	struct writer w = writer_on(buf, sizeof(buf));
	writer_text_z(&w, "abcde");
	ck_assert(!writer_ok(&w));
	writer_char(&w, 'x');
	ck_assert(!writer_ok(&w));
	struct writer none = writer_on(NULL, 0);
	writer_str(&none, str_of(NULL));
	ck_assert(writer_ok(&none));
	writer_char(&none, 'x');
	ck_assert(!writer_ok(&none));
}
END_TEST

START_TEST(numbers)
{
	char buf[64];
	struct writer w = writer_on(buf, sizeof(buf));
	writer_u64(&w, 0);
	writer_char(&w, ' ');
	writer_u64(&w, 10);
	writer_char(&w, ' ');
	writer_u64(&w, UINT64_MAX);
	ck_assert(str_eq(writer_text(&w), STR("0 10 18446744073709551615")));
	w = writer_on(buf, 19);
	writer_u64(&w, UINT64_MAX);
	ck_assert(!writer_ok(&w));
}
END_TEST

START_TEST(hex_is_lower_case)
{
	char buf[8];
	struct writer w = writer_on(buf, sizeof(buf));
	writer_hex(&w, "\x00\x0f\xa5\xff", 4);
	ck_assert(writer_ok(&w));
	ck_assert(str_eq(writer_text(&w), STR("000fa5ff")));
	writer_hex(&w, "\x01", 1);
	ck_assert(!writer_ok(&w));
}
END_TEST

START_TEST(formats_up_to_1023_octets)
{
	char buf[2048], text[1025];
	memset(text, 'x', sizeof(text));
	struct writer w = writer_on(buf, sizeof(buf));
	writer_printf(&w, "%s=%d", "a", -1);
	ck_assert(str_eq(writer_text(&w), STR("a=-1")));
	writer_printf(&w, "%.*s", 1023, text);
	ck_assert(writer_ok(&w));
	ck_assert_uint_eq(w.len, 4 + 1023);
	writer_printf(&w, "%.*s", 1024, text);
	ck_assert(!writer_ok(&w));
	ck_assert_uint_eq(w.len, 4 + 1023);
}
END_TEST

START_TEST(quoted_strings)
{
	char buf[64];
	struct writer w = writer_on(buf, sizeof(buf));
	writer_quoted(&w, STR("a\"b\\c d"));
	ck_assert(str_eq(writer_text(&w), STR("\"a\\\"b\\\\c d\"")));
	w = writer_on(buf, sizeof(buf));
	writer_quoted(&w, STR(""));
	ck_assert(str_eq(writer_text(&w), STR("\"\"")));
}
END_TEST

SUITE(writer, full_is_not_failed, failure_stays, numbers, hex_is_lower_case,
      formats_up_to_1023_octets, quoted_strings)
