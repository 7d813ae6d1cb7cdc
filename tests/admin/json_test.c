/* Text of the network in JSON: valid whatever it was. */
#include "admin/json.h"

#include <stdlib.h>

#include "support/check_main.h"
#include "support/guard.h"

static void
assert_json(json_t *value, const char *wanted)
{
	char *text = json_dumps(value, JSON_ENCODE_ANY);
	ck_assert_ptr_nonnull(text);
	ck_assert_str_eq(text, wanted);
	free(text);
	json_decref(value);
}

/* SEC-26.1-1: control characters are escaped, and a NUL and what is not UTF-8 is replaced */
START_TEST(odd_octets_become_valid_text)
{
	const struct {
		struct str octets;
		const char *json;
	} cases[] = {
		{ STR(""), "\"\"" },
		{ STR("plain"), "\"plain\"" },
		{ STR("a\r\nb\x1b[0m"), "\"a\\r\\nb\\u001B[0m\"" },
		/* \u0000 is JSON, which PostgreSQL and jansson refuse, and C cuts off there */
		{ STR("x\0y"), "\"x\xef\xbf\xbdy\"" },
		{ STR("\"\\"), "\"\\\"\\\\\"" },
		{ STR("\xc3\xa9"), "\"\xc3\xa9\"" },
		{ STR("\xf0\x9f\x93\x9e"), "\"\xf0\x9f\x93\x9e\"" },
		{ STR("\xff"), "\"\xef\xbf\xbd\"" },
		{ STR("\xc3"), "\"\xef\xbf\xbd\"" },
		{ STR("\xc0\xaf"), "\"\xef\xbf\xbd\xef\xbf\xbd\"" }, /* overlong */
		{ STR("\xe0\x80\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
		{ STR("\xed\xa0\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" }, /* surrogate */
		{ STR("\xf4\x90\x80\x80"),
		  "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" }, /* U+110000 */
		{ STR("a\xe2\x82"), "\"a\xef\xbf\xbd\xef\xbf\xbd\"" },	    /* cut off */
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct str octets = guard_copy(cases[i].octets);
		assert_json(json_octets(octets), cases[i].json);
		guard_free(octets);
	}
}
END_TEST

START_TEST(what_is_not_said_as_it_is)
{
	const struct {
		struct str octets;
		bool said;
	} cases[] = {
		{ STR(""), true },	   { STR("a\r\x1b"), true },
		{ STR("\xc3\xa9"), true }, { STR("\xef\xbf\xbd"), true },
		{ STR("a\0"), false },	   { STR("\xff"), false },
		{ STR("ab\xc3"), false },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct str octets = guard_copy(cases[i].octets);
		ck_assert_msg(json_says(octets) == cases[i].said, "case %zu", i);
		guard_free(octets);
	}
}
END_TEST

START_TEST(wire_text_is_decoded)
{
	struct arena_pool pool;
	struct arena arena;
	arena_pool_init(&pool, 65536);
	arena_init(&arena, &pool, 65536);
	assert_json(json_wire(&arena, STR("caf\\xC3\\xA9")), "\"caf\xc3\xa9\"");
	assert_json(json_wire(&arena, STR("x\\x00y\\x1B")), "\"x\xef\xbf\xbdy\\u001B\"");
	assert_json(json_wire(&arena, STR("\\xFF")), "\"\xef\xbf\xbd\"");
	assert_json(json_wire(&arena, STR("broken\\x")), "\"broken\\\\x\"");
	arena_reset(&arena);
	arena_pool_clear(&pool);
}
END_TEST

START_TEST(times_are_whole_seconds)
{
	assert_json(json_time(0), "\"1970-01-01T00:00:00Z\"");
	assert_json(json_time(1772622902999), "\"2026-03-04T11:15:02Z\"");
}
END_TEST

START_TEST(a_q_value_is_written_as_it_was_given)
{
	json_t *document =
		json_pack("{s:f,s:f,s:f,s:f}", "a", 0.3, "b", 1.0, "c", 0.001, "d", 12345.6);
	char *text = json_written(document);
	ck_assert_str_eq(text, "{\"a\":0.3,\"b\":1.0,\"c\":0.001,\"d\":12345.6}");
	free(text);
	json_decref(document);
}
END_TEST

SUITE(json, odd_octets_become_valid_text, what_is_not_said_as_it_is, wire_text_is_decoded,
      times_are_whole_seconds, a_q_value_is_written_as_it_was_given)
