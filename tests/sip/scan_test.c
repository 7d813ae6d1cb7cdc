/* Tokens, quoted strings, parameters, lists, intervals. */
#include "sip/scan.h"

#include "parsed.h"
#include "support/check_main.h"

/* PAR-25-1, PAR-25-3: the characters of token and word, one by one */
START_TEST(token_and_word_are_sets_of_characters)
{
	static const char token[] = "-.!%*_+`'~";
	static const char word[] = "-.!%*_+`'~()<>:\\\"/[]?{}";
	for (unsigned c = 0; c < 256; c++) {
		char octet = (char)c;
		bool alnum =
			(c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
		bool in_token = alnum || (c != 0 && strchr(token, (int)c) != NULL);
		bool in_word = alnum || (c != 0 && strchr(word, (int)c) != NULL);
		struct str s = { &octet, 1 };
		ck_assert_msg(sip_is_token(s) == in_token, "token 0x%02x", c);
		ck_assert_msg(sip_is_word(s) == in_word, "word 0x%02x", c);
		ck_assert(sip_is_token_char((unsigned char)c) == in_token);
	}
	ck_assert(!sip_is_token(STR("")));
	ck_assert(!sip_is_word(STR("")));
	ck_assert(!sip_is_token(STR("a b")));
}
END_TEST

/* PAR-25-2: what ends, what escapes, what does not end */
START_TEST(quoted_strings)
{
	static const struct {
		struct str text;
		size_t len; /* 0: refused */
	} cases[] = {
		{ { "\"\"", 2 }, 2 },
		{ { "\"a\" b", 5 }, 3 },
		{ { "\"a\\\"b\"", 6 }, 6 },
		{ { "\"a\\\\\"b\"", 7 }, 5 },
		{ { "\"\\\0\"", 4 }, 4 },
		{ { "\"BEL:\\\x07\"", 8 }, 8 },
		{ { "\"\xd1\x8e\"", 4 }, 4 },
		{ { "\"\\\x7f\"", 4 }, 4 },
		{ { "\"\\\x80\"", 4 }, 0 },
		{ { "\"a", 2 }, 0 },
		{ { "\"\\\r\"", 4 }, 0 },
		{ { "\"a\\\"", 4 }, 0 },
		{ { "\"a\\", 3 }, 0 },
		{ { "\"a\rb\"", 5 }, 0 },
		{ { "\"a\\\nb\"", 6 }, 0 },
		{ { "\"BEL:\x07\"", 7 }, 0 },
		{ { "\"\0\"", 3 }, 0 },
		{ { "\"a\x7f\"", 4 }, 0 },
		{ { "\"a\tb\"", 5 }, 5 },
		{ { "\"\x1b[2J\"", 6 }, 0 },
		{ { "\"\\\x1b\"", 4 }, 4 },
		{ { "a\"b\"", 4 }, 0 },
		{ { "", 0 }, 0 },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct str text = guard_copy(cases[i].text), quoted;
		struct sip_scan scan = { text };
		bool taken = sip_take_quoted(&scan, &quoted);
		ck_assert_msg(taken == (cases[i].len > 0), "case %zu", i);
		if (taken) {
			ck_assert_uint_eq(quoted.len, cases[i].len);
			ck_assert_ptr_eq(scan.rest.p, text.p + quoted.len);
		} else {
			ck_assert_ptr_eq(scan.rest.p, text.p);
			ck_assert_uint_eq(scan.rest.len, text.len);
		}
		guard_free(text);
	}
}
END_TEST

#define OCTETS(literal)                        \
	{                                      \
		(literal), sizeof(literal) - 1 \
	}

/* SEC-26.1-1, PAR-25-2: only in a quoted string a backslash escapes, and only there an escaped
 * control octet goes back; one that does not end is none, and nothing behind it is */
START_TEST(copies_are_clean)
{
	static const struct {
		struct str text;
		const char *copy; /* NULL: the same */
	} cases[] = {
		{ OCTETS(""), NULL },
		{ OCTETS("plain\t\\\\ text"), NULL },
		{ OCTETS("\"\\\x1b\""), NULL },
		{ OCTETS("\"a\\\0\\\x7f\" b \"\\\x01\""), NULL },
		{ OCTETS("\xc3\xa9\\\xff\x80"), NULL },
		{ OCTETS("\0a\x7f\x1b"), "?a??" },
		{ OCTETS("\\\x1b"), "\\?" },
		{ OCTETS("\\\\\x1b\\"), "\\\\?\\" },
		{ OCTETS("a\\\x1b\"\\\x1b\"\\\x1b"), "a\\?\"\\\x1b\"\\?" },
		{ OCTETS("\\\"\\\x1b\""), "\\\"\\\x1b\"" },
		{ OCTETS("\"\\\x1b"), "\"\\?" },
		{ OCTETS("\"\\\x1b\\\""), "\"\\?\\\"" },
		{ OCTETS("\"a\x1b\\\x1b\""), "\"a?\\?\"" },
		{ OCTETS("\"\\\x1b\\\x80\"\"\\\x1b\""), "\"\\?\\\x80\"\"\\?\"" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char copy[64];
		struct str text = guard_copy(cases[i].text);
		struct writer w = writer_on(copy, sizeof(copy));
		sip_write_clean(&w, text);
		ck_assert_msg(str_eq(writer_text(&w),
				     cases[i].copy == NULL ? text : str_of(cases[i].copy)),
			      "case %zu", i);
		guard_free(text);
	}
	char copy[64];
	struct writer w = writer_on(copy, sizeof(copy));
	sip_write_plain(&w, STR("a\t\"\\\x1b\"\0\x7f"));
	ck_assert_slice_eq(writer_text(&w), STR("a\t\"\\?\"??"));
}
END_TEST

/* PAR-25-2, PAR-7-2: escapes are undone, NUL and all; a token is its own value */
START_TEST(unquoting)
{
	struct arena_pool pool;
	struct arena arena;
	arena_pool_init(&pool, 65536);
	arena_init(&arena, &pool, 65536);
	ck_assert_slice_eq(sip_unquote(STR("token"), &arena), STR("token"));
	ck_assert_slice_eq(sip_unquote(STR("\"plain\""), &arena), STR("plain"));
	ck_assert_slice_eq(sip_unquote(STR("\"\""), &arena), STR(""));
	ck_assert_slice_eq(sip_unquote(STR(""), &arena), STR(""));
	ck_assert_slice_eq(sip_unquote(STR("\""), &arena), STR("\""));
	ck_assert_uint_eq(arena.used_bytes, 0);
	ck_assert_slice_eq(sip_unquote(STR("\"a\\\"b\\\\c\\d\""), &arena), STR("a\"b\\cd"));
	ck_assert_slice_eq(sip_unquote(STR("\"x\\\0y\""), &arena), STR("x\0y"));
	ck_assert_slice_eq(sip_unquote(STR("\"a\\\""), &arena), STR("a\\"));
	arena_reset(&arena);

	struct arena none;
	arena_init(&none, &pool, 0);
	ck_assert(str_empty(sip_unquote(STR("\"a\\b\""), &none)));
	ck_assert(!arena_ok(&none));
	arena_pool_clear(&pool);
}
END_TEST

/* PAR-25-5: names and values, white space, IPv6 references */
START_TEST(parameters_in_order)
{
	struct str text = guard_copy(STR(" ; foo = \"x;y\" ;bar;h=[2001:db8::1] ; r=2001:db8::9 "));
	static const struct {
		const char *name, *value;
		bool has_value;
	} expected[] = { { "foo", "\"x;y\"", true },
			 { "bar", "", false },
			 { "h", "[2001:db8::1]", true },
			 { "r", "2001:db8::9", true } };
	struct str rest = text;
	struct sip_param param;
	bool bad;
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		ck_assert(sip_next_param(&rest, &param, &bad));
		ck_assert_slice_eq(param.name, str_of(expected[i].name));
		ck_assert_slice_eq(param.value, str_of(expected[i].value));
		ck_assert(param.has_value == expected[i].has_value);
	}
	ck_assert(!sip_next_param(&rest, &param, &bad) && !bad);
	ck_assert(sip_params_valid(text));
	guard_free(text);
}
END_TEST

/* PAR-25-4, PAR-25-5, PAR-7.3.1-6: empty ones, bad values, repeated names */
START_TEST(parameters_that_are_refused)
{
	static const char *const bad[] = {
		";",	    ";;a",  ";a;",	";a=",	    ";a=;b",  ";=x",	   "a=b",
		";a=\"x",   ";a b", ";a=x y",	";a=[::1",  ";a=[x]", ";a=a:b",	   ";a=b/c",
		";a=\"\"x", ";a,b", ";a=1;A=2", ";a;b=2;a", ";a@b",   ";\xc3\xa9",
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct str text = guard_copy(str_of(bad[i]));
		ck_assert_msg(!sip_params_valid(text), "%s", bad[i]);
		guard_free(text);
	}
	ck_assert(sip_params_valid(STR("")));
	ck_assert(sip_params_valid(STR("  ")));
}
END_TEST

/* PAR-7.3.1-6: as many as the limit says, and one more */
START_TEST(parameters_are_limited)
{
	char text[1024];
	struct writer w = writer_on(text, sizeof(text));
	for (unsigned i = 0; i < SIP_MAX_PARAMS; i++)
		writer_printf(&w, ";p%u", i);
	ck_assert(sip_params_valid(writer_text(&w)));
	writer_str(&w, STR(";q"));
	ck_assert(!sip_params_valid(writer_text(&w)));
}
END_TEST

/* PAR-7.3-1, PAR-7.3.1-8: names without case; quoted semicolons hide nothing */
START_TEST(parameters_are_found_by_name)
{
	struct str text = guard_copy(STR(";a=\"x;tag=no\" ; TAG = yes;ob"));
	struct sip_param param;
	ck_assert(sip_find_param(text, STR("tag"), &param));
	ck_assert_slice_eq(param.value, STR("yes"));
	ck_assert(sip_find_param(text, STR("ob"), &param) && !param.has_value);
	ck_assert(!sip_find_param(text, STR("o"), &param));
	ck_assert(!sip_find_param(STR(""), STR("a"), &param));
	guard_free(text);
	/* Parameters of a URI have other characters and are found too. */
	ck_assert(sip_find_param(STR(";x=a/b:c&d;transport=tls"), STR("transport"), &param));
	ck_assert_slice_eq(param.value, STR("tls"));
}
END_TEST

/* PAR-7.3.1-8, PAR-25-4: commas that separate and commas that do not */
START_TEST(comma_lists)
{
	static const struct {
		const char *text;
		const char *members[4];
		bool bad;
	} cases[] = {
		{ "a", { "a" }, false },
		{ " a ,\tb ", { "a", "b" }, false },
		{ "\"a,b\" <sip:a,b;c@192.0.2.1>, c",
		  { "\"a,b\" <sip:a,b;c@192.0.2.1>", "c" },
		  false },
		{ "\"<\" <sip:x>,y", { "\"<\" <sip:x>", "y" }, false },
		{ "\"a\\\",b\",c", { "\"a\\\",b\"", "c" }, false },
		{ "", { NULL }, true },
		{ "  ", { NULL }, true },
		{ ",a", { NULL }, true },
		{ "a,", { "a" }, true },
		{ "a,,b", { "a" }, true },
		{ "\"a,b", { "\"a,b" }, false },
		{ "<a,b", { "<a,b" }, false },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct str text = guard_copy(str_of(cases[i].text)), rest = text, member;
		bool bad;
		size_t count = 0;
		for (; sip_next_member(&rest, &member, &bad); count++) {
			ck_assert_msg(cases[i].members[count] != NULL, "%s", cases[i].text);
			ck_assert_slice_eq(member, str_of(cases[i].members[count]));
		}
		ck_assert_msg(cases[i].members[count] == NULL && bad == cases[i].bad, "%s",
			      cases[i].text);
		guard_free(text);
	}
}
END_TEST

/* PAR-20.19-1: D-06 */
START_TEST(intervals)
{
	ck_assert_uint_eq(sip_delta_seconds(STR("0")), 0);
	ck_assert_uint_eq(sip_delta_seconds(STR(" 60 ")), 60);
	ck_assert_uint_eq(sip_delta_seconds(STR("0060")), 60);
	ck_assert_uint_eq(sip_delta_seconds(STR("4294967295")), UINT32_MAX);
	ck_assert_uint_eq(sip_delta_seconds(STR("4294967296")), UINT32_MAX);
	ck_assert_uint_eq(sip_delta_seconds(STR("18446744073709551617")), UINT32_MAX);
	ck_assert_uint_eq(sip_delta_seconds(STR("1000000000000000000000000000000000")), UINT32_MAX);
	static const char *const malformed[] = { "",	   "-1",  "+5",
						 "abc",	   "60s", "1.5",
						 "\"60\"", "6 0", "Thu, 01 Dec 1994 16:00:00 GMT" };
	for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++)
		ck_assert_uint_eq(sip_delta_seconds(str_of(malformed[i])), 3600);
}
END_TEST

SUITE(scan, token_and_word_are_sets_of_characters, quoted_strings, copies_are_clean, unquoting,
      parameters_in_order, parameters_that_are_refused, parameters_are_limited,
      parameters_are_found_by_name, comma_lists, intervals)
