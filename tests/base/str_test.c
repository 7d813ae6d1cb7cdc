/* Slices: comparisons, cutting, numbers, at their edges. */
#include "base/str.h"

#include "support/check_main.h"
#include "support/guard.h"

START_TEST(equality_counts_octets)
{
	ck_assert(str_eq(STR("a\0b"), STR("a\0b")));
	ck_assert(!str_eq(STR("a\0b"), STR("a\0c")));
	ck_assert(!str_eq(STR("abc"), STR("ab")));
	ck_assert(str_eq(STR(""), str_of(NULL)));
	ck_assert(str_ieq(STR("SIP-2.0[\x80"), STR("sip-2.0[\x80")));
	/* Octets that differ by 0x20 only are no letters. */
	ck_assert(!str_ieq(STR("["), STR("{")));
	ck_assert(!str_ieq(STR("\xc0"), STR("\xe0")));
	ck_assert(!str_ieq(STR("ab"), STR("abc")));
}
END_TEST

START_TEST(prefixes)
{
	ck_assert(str_starts(STR("sips:a"), STR("sips:")));
	ck_assert(str_starts(STR("a"), STR("")));
	ck_assert(!str_starts(STR("sip"), STR("sips")));
	ck_assert(!str_starts(STR("SIPS:"), STR("sips:")));
	ck_assert(str_istarts(STR("SIPS:"), STR("sips:")));
	ck_assert(!str_istarts(STR("SIP"), STR("sips")));
}
END_TEST

START_TEST(order_is_of_unsigned_octets)
{
	ck_assert_int_lt(str_cmp(STR("a"), STR("b")), 0);
	ck_assert_int_gt(str_cmp(STR("\x80"), STR("a")), 0);
	ck_assert_int_lt(str_cmp(STR("a"), STR("aa")), 0);
	ck_assert_int_gt(str_cmp(STR("aa"), STR("a")), 0);
	ck_assert_int_eq(str_cmp(STR("aa"), STR("aa")), 0);
	ck_assert_int_eq(str_cmp(str_of(NULL), STR("")), 0);
}
END_TEST

START_TEST(trimming)
{
	ck_assert(str_eq(str_trim(STR(" \t a b\t ")), STR("a b")));
	ck_assert(str_empty(str_trim(STR(" \t "))));
	ck_assert(str_empty(str_trim(str_of(NULL))));
	ck_assert(str_eq(str_trim(STR("\ra\n")), STR("\ra\n")));
}
END_TEST

START_TEST(slices_end_with_their_source)
{
	struct str s = STR("abcdef");
	ck_assert(str_eq(str_slice(s, 2, 3), STR("cde")));
	ck_assert(str_eq(str_slice(s, 4, SIZE_MAX), STR("ef")));
	ck_assert(str_empty(str_slice(s, 6, 1)));
	ck_assert(str_empty(str_slice(s, SIZE_MAX, SIZE_MAX)));
	ck_assert_ptr_eq(str_slice(s, 7, 1).p, s.p + s.len);
	ck_assert(str_empty(str_slice(str_of(NULL), 0, 1)));
}
END_TEST

START_TEST(cutting_at_the_first_separator)
{
	struct str head, tail;
	ck_assert(str_cut(STR("a=b=c"), '=', &head, &tail));
	ck_assert(str_eq(head, STR("a")) && str_eq(tail, STR("b=c")));
	ck_assert(str_cut(STR("="), '=', &head, &tail));
	ck_assert(str_empty(head) && str_empty(tail));
	ck_assert(!str_cut(STR("abc"), '=', &head, &tail));
	ck_assert(str_eq(head, STR("abc")) && str_empty(tail));
	ck_assert(!str_cut(str_of(NULL), '=', &head, &tail));
	ck_assert(str_empty(head) && str_empty(tail));
}
END_TEST

START_TEST(numbers_stop_at_their_limit)
{
	uint64_t value = 7;
	ck_assert(str_to_u64(STR("255"), 255, &value) && value == 255);
	ck_assert(!str_to_u64(STR("256"), 255, &value));
	ck_assert(str_to_u64(STR("0000000000000000000000000255"), 255, &value));
	ck_assert(str_to_u64(STR("18446744073709551615"), UINT64_MAX, &value));
	ck_assert_uint_eq(value, UINT64_MAX);
	ck_assert(!str_to_u64(STR("18446744073709551616"), UINT64_MAX, &value));
	ck_assert(!str_to_u64(STR("99999999999999999999"), UINT64_MAX, &value));
	static const char *const bad[] = { "", " 1", "1 ", "-1", "+1", "1a", "0x1", "1.0" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct str text = guard_copy(str_of(bad[i]));
		value = 7;
		ck_assert_msg(!str_to_u64(text, UINT64_MAX, &value), "%s", bad[i]);
		ck_assert_uint_eq(value, 7);
		guard_free(text);
	}
}
END_TEST

START_TEST(copies_are_cut_and_ended)
{
	char buf[4];
	ck_assert_str_eq(str_copy(buf, sizeof(buf), STR("abc")), "abc");
	ck_assert_str_eq(str_copy(buf, sizeof(buf), STR("abcd")), "abc");
	ck_assert_str_eq(str_copy(buf, 1, STR("abcd")), "");
	buf[0] = 'x';
	str_copy(buf, 0, STR("abcd"));
	ck_assert_int_eq(buf[0], 'x');
	ck_assert_str_eq(str_copy(buf, sizeof(buf), str_of(NULL)), "");
}
END_TEST

START_TEST(hex_digits)
{
	for (int c = 0; c < 256; c++) {
		int expected = c >= '0' && c <= '9'   ? c - '0'
			       : c >= 'a' && c <= 'f' ? c - 'a' + 10
			       : c >= 'A' && c <= 'F' ? c - 'A' + 10
						      : -1;
		ck_assert_int_eq(ascii_hex((char)c), expected);
	}
}
END_TEST

SUITE(str, equality_counts_octets, prefixes, order_is_of_unsigned_octets, trimming,
      slices_end_with_their_source, cutting_at_the_first_separator, numbers_stop_at_their_limit,
      copies_are_cut_and_ended, hex_digits)
