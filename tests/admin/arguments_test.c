/* Addresses, escapes and page tokens: what comes out of them goes on to a statement. */
#include "admin/arguments.h"

#include <string.h>

#include "support/check_main.h"
#include "support/guard.h"

static struct arena_pool pool;
static struct arena arena;

static void
fresh(size_t limit)
{
	arena_pool_init(&pool, (size_t)1 << 20);
	arena_init(&arena, &pool, limit);
}

static void
done(void)
{
	arena_reset(&arena);
	arena_pool_clear(&pool);
}

static void
assert_str(struct str got, struct str wanted)
{
	ck_assert_msg(str_eq(got, wanted), "got \"%.*s\", wanted \"%.*s\"", STR_ARG(got),
		      STR_ARG(wanted));
}

START_TEST(escapes_are_undone_once)
{
	const struct {
		struct str raw, plain;
	} cases[] = {
		{ STR("alice"), STR("alice") },	  { STR("a%3Bb"), STR("a;b") },
		{ STR("a%3bb"), STR("a;b") },	  { STR("a%00b"), STR("a\0b") },
		{ STR("a%253Bb"), STR("a%3Bb") }, { STR("%C3%A9"), STR("\xc3\xa9") },
		{ STR("%"), STR("%") },		  { STR("a%3"), STR("a%3") },
		{ STR("a%zz%41"), STR("a%zzA") }, { STR(""), STR("") },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		fresh(4096);
		struct str raw = guard_copy(cases[i].raw);
		assert_str(argument_decoded(&arena, raw), cases[i].plain);
		guard_free(raw);
		done();
	}
}
END_TEST

START_TEST(a_segment_of_a_path_comes_back_as_it_was)
{
	const struct {
		const char *text, *segment;
	} cases[] = {
		{ "alice@example.com", "alice@example.com" },
		{ "50%25off@example.com", "50%2525off@example.com" },
		{ "a-._~!*'()z9@[2001:db8::1]", "a-._~!*'()z9@%5B2001%3Adb8%3A%3A1%5D" },
		{ "A/?#\xc3\xa9", "A%2F%3F%23%C3%A9" },
		{ "", "" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		fresh(4096);
		const char *segment = argument_encoded(&arena, cases[i].text);
		ck_assert_str_eq(segment, cases[i].segment);
		assert_str(argument_decoded(&arena, str_of(segment)), str_of(cases[i].text));
		done();
	}
	fresh(0);
	ck_assert_str_eq(argument_encoded(&arena, "alice"), "");
	done();
}
END_TEST

START_TEST(an_address_has_one_spelling)
{
	const struct {
		struct str text, key, user, domain;
	} cases[] = {
		{ STR("alice@example.com"), STR("alice@example.com"), STR("alice"),
		  STR("example.com") },
		{ STR("sip:alice@EXAMPLE.com"), STR("alice@example.com"), STR("alice"),
		  STR("example.com") },
		{ STR("alice@example.com."), STR("alice@example.com"), STR("alice"),
		  STR("example.com") },
		{ STR("SIPS:Alice@example.com"), STR("Alice@example.com"), STR("Alice"),
		  STR("example.com") },
		{ STR("a;b@x.org"), STR("a%3Bb@x.org"), STR("a%3Bb"), STR("x.org") },
		{ STR("a%3bb@x.org"), STR("a%3Bb@x.org"), STR("a%3Bb"), STR("x.org") },
		{ STR("a%61@x.org"), STR("aa@x.org"), STR("aa"), STR("x.org") },
		{ STR("a\0b@x.org"), STR("a%00b@x.org"), STR("a%00b"), STR("x.org") },
		{ STR("a b@x.org"), STR("a%20b@x.org"), STR("a%20b"), STR("x.org") },
		{ STR("\xc3\xa9@x.org"), STR("%C3%A9@x.org"), STR("%C3%A9"), STR("x.org") },
		{ STR("a@b@x.org"), STR("a%40b@x.org"), STR("a%40b"), STR("x.org") },
		{ STR("a/b@[2001:DB8::1]"), STR("a%2Fb@[2001:db8::1]"), STR("a%2Fb"),
		  STR("[2001:db8::1]") },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct address address;
		fresh(4096);
		struct str text = guard_copy(cases[i].text);
		ck_assert(address_parse(&arena, text, &address));
		assert_str(address.key, cases[i].key);
		assert_str(address.user, cases[i].user);
		assert_str(address.domain, cases[i].domain);
		guard_free(text);
		done();
	}
}
END_TEST

START_TEST(what_is_no_address)
{
	const struct str cases[] = { STR(""),	    STR("alice"),	  STR("@example.com"),
				     STR("alice@"), STR("sip:"),	  STR("sip:alice"),
				     STR("a%@x"),   STR("a%4@x"),	  STR("a%zz@x"),
				     STR("a@x\n"),  STR("a@\xc3\xa9.org") };
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct address address;
		fresh(4096);
		struct str text = guard_copy(cases[i]);
		ck_assert_msg(!address_parse(&arena, text, &address), "case %zu", i);
		guard_free(text);
		done();
	}
}
END_TEST

START_TEST(an_exhausted_arena_gives_no_address)
{
	struct address address;
	fresh(8);
	ck_assert(!address_parse(&arena, STR("alice@example.com"), &address));
	ck_assert(!arena_ok(&arena));
	done();
}
END_TEST

static bool
read_token(struct str token, struct page *page)
{
	struct str copy = guard_copy(token);
	bool good = page_token_read(&arena, copy, page);
	guard_free(copy);
	return good;
}

START_TEST(a_page_token_comes_back_as_it_was)
{
	const struct str ids[] = { STR(""), STR("1"), STR("12"),
				   STR("018f6c2e-7b1a-7c30-9a51-0b6f3f1c2d4e") };
	fresh(65536);
	for (size_t i = 0; i < sizeof(ids) / sizeof(*ids); i++) {
		struct page page;
		json_t *token = page_token(&arena, STR("a%3Bb@example.com"), ids[i]);
		const char *text = json_string_value(token);
		ck_assert_ptr_nonnull(text);
		ck_assert_msg(strpbrk(text, "+/=") == NULL, "%s needs escapes", text);
		ck_assert(read_token(str_of(text), &page));
		assert_str(page.after, STR("a%3Bb@example.com"));
		assert_str(page.after_id, ids[i]);
		json_decref(token);
	}
	done();
}
END_TEST

START_TEST(a_forged_page_token_is_refused)
{
	const struct str cases[] = { STR("x"),	      STR("A"),	      STR("AAAAA"),
				     STR("!!!!"),     STR("YWxpY2U"), /* no line feed */
				     STR("Cg"),			      /* no key */
				     STR("YQD_"),		      /* octets beyond ASCII */
				     STR("w6lAeAo"),		      /* é@x LF */
				     STR("YUB4Cv8"),		      /* a@x LF 0xFF */
				     STR("YUB4CgoK"),		      /* line feeds in the id */
				     STR("====") };
	fresh(65536);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct page page = { 0 };
		ck_assert_msg(!read_token(cases[i], &page), "case %zu", i);
	}
	done();
}
END_TEST

SUITE(arguments, escapes_are_undone_once, a_segment_of_a_path_comes_back_as_it_was,
      an_address_has_one_spelling, what_is_no_address, an_exhausted_arena_gives_no_address,
      a_page_token_comes_back_as_it_was, a_forged_page_token_is_refused)
