/* Parsing, canonical form and comparison of URIs. */
#include "sip/uri.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "../../src/sip/component.h"
#include "base/writer.h"
#include "parsed.h"
#include "support/check_main.h"

static bool
parses(const char *text)
{
	struct sip_uri uri;
	struct str copy = guard_copy(str_of(text));
	bool good = sip_uri_parse(&uri, copy);
	guard_free(copy);
	return good;
}

/* URI-19.1.1-1, URI-19.1.1-2, URI-19.1.1-4 */
START_TEST(a_uri_is_split_into_its_parts)
{
	struct sip_uri uri;
	struct str text = guard_copy(
		STR("SiPs:al;x?/&=+$,%40:pa,ss@EXAMPLE.com.:5071;a=b;lr?to=x%40y&Empty="));
	ck_assert(sip_uri_parse(&uri, text));
	ck_assert_int_eq(uri.scheme, SIP_SCHEME_SIPS);
	ck_assert_slice_eq(uri.scheme_text, STR("SiPs"));
	ck_assert_slice_eq(uri.user, STR("al;x?/&=+$,%40"));
	ck_assert_slice_eq(uri.password, STR("pa,ss"));
	ck_assert(uri.has_user && uri.has_password);
	ck_assert_slice_eq(uri.host.text, STR("EXAMPLE.com."));
	ck_assert_uint_eq(uri.host.ip.family, 0);
	ck_assert_uint_eq(uri.port, 5071);
	ck_assert_slice_eq(uri.params, STR(";a=b;lr"));
	ck_assert_slice_eq(uri.headers, STR("?to=x%40y&Empty="));
	guard_free(text);

	ck_assert(sip_uri_parse(&uri, STR("sip:[2001:db8::9]")));
	ck_assert(!uri.has_user && !uri.has_password && uri.port == 0);
	ck_assert_uint_eq(uri.host.ip.family, 6);
	ck_assert(str_empty(uri.params) && str_empty(uri.headers));
	ck_assert(sip_uri_parse(&uri, STR("sip:bob:@h.example")));
	ck_assert(uri.has_password && str_empty(uri.password));
}
END_TEST

/* URI-19.1.1-1, URI-19.1.1-3, URI-19.1.1-5, URI-19.1.1-6, URI-19.1.1-7, URI-19.1.1-8,
 * URI-19.1.1-10, URI-19.1.2-1, URI-19.1.2-2, URI-19.1.2-4, URI-25-1, URI-25-2, URI-25-4,
 * URI-25-5: what is a URI and what is not */
START_TEST(the_grammar)
{
	static const struct {
		const char *text;
		bool good;
	} cases[] = {
		{ "sip:example.com", true },
		{ "sip:a@b@example.com", false },
		{ "sip:@192.0.2.1", false },
		{ "sip:", false },
		{ "sip", false },
		{ "", false },
		{ "example.com", false },
		{ "sip:a b@h.example", false },
		{ "sip:al\"ice@h.example", false },
		{ "sip:al<ice@h.example", false },
		{ "sip:al\x01ice@h.example", false },
		{ "sip:al\x7fice@h.example", false },
		{ "sip:al\xc3\xa9@h.example", false },
		{ "sip:a%4@h.example", false },
		{ "sip:a%@h.example", false },
		{ "sip:a%4g@h.example", false },
		{ "sip:a%00@h.example", true },
		{ "sip:a#b@h.example", false },
		{ "sip:a:b:c@h.example", false },
		{ "sip:a:b;c@h.example", false },
		/* ports */
		{ "sip:a@192.0.2.1:", false },
		{ "sip:a@192.0.2.1:0", false },
		{ "sip:a@192.0.2.1:1", true },
		{ "sip:a@192.0.2.1:65535", true },
		{ "sip:a@192.0.2.1:65536", false },
		{ "sip:a@192.0.2.1:70000", false },
		{ "sip:a@192.0.2.1:50x", false },
		/* hosts */
		{ "sip:bob@444.555.666.777", false },
		{ "sip:bob@1.2.3.256", false },
		{ "sip:bob@1.2.3", false },
		{ "sip:bob@h", true },
		{ "sip:bob@1h.2h", false },
		{ "sip:bob@1h.h2", true },
		{ "sip:bob@h.example.", true },
		{ "sip:bob@h..example", false },
		{ "sip:bob@.example", false },
		{ "sip:bob@-h.example", false },
		{ "sip:bob@h-.example", false },
		{ "sip:bob@h_h.example", true }, /* decision 8 */
		{ "sip:bob@_h", false },
		{ "sip:bob@h.example_", true },
		{ "sip:bob@10_0_0_1", false },
		{ "sip:ex%61mple.com", false },
		{ "sip:2001:db8::10", false },
		{ "sip:[2001:db8::10]", true },
		{ "sip:[2001:db8::10", false },
		{ "sip:[2001:db8::10]x", false },
		{ "sip:[192.0.2.1]", false },
		{ "sip:[]", false },
		{ "sip:a@[::ffff:192.0.2.128]", true },
		{ "sip:a@[2001:db8:::192.0.2.1]", true },
		{ "sip:a@[2001:db8:::1]", false },
		{ "sip:a@[2001:db8::::192.0.2.1]", false },
		{ "sip:a@[fe80::1%25eth0]", false },
		/* parameters and headers */
		{ "sip:a@h.example;x=1;x=2", false },
		{ "sip:a@h.example;x=1;X", false },
		{ "sip:a@h.example;x=1;%78=2", false },
		{ "sip:a@h.example;foo", true },
		{ "sip:a@h.example;", false },
		{ "sip:a@h.example;;a", false },
		{ "sip:a@h.example;a=", false },
		{ "sip:a@h.example;a=b=c", false },
		{ "sip:a@h.example;a=[]/:&+$%41", true },
		{ "sip:a@h.example;a=%4", false },
		{ "sip:a@h.example;a=\"b\"", false },
		{ "sip:a@h.example;maddr=[2001:db8::1]", true },
		{ "sip:user@example.com?Route=%3Csip:sip.example.com%3E", true },
		{ "sip:h.example?a=b&c=", true },
		{ "sip:h.example?", false },
		{ "sip:h.example?a", false },
		{ "sip:h.example?a=b&", false },
		{ "sip:h.example?a=b;c", false },
		/* transports */
		{ "sips:a@h.example;transport=udp", false },
		{ "sips:a@h.example;Transport=UDP", false },
		{ "sips:a@h.example;transport=tcp", true },
		{ "sips:a@h.example;transport=tls", true },
		{ "sip:a@h.example;transport=tls", true },
		{ "sip:a@h.example;transport=udp", true },
		/* other schemes */
		{ "tel:+358-555-1234567;postd=pp22", true },
		{ "mailto:a@h.example", true },
		{ "urn:uuid:0C67446E-F1A1-11D9-94D3-000A95A0E128", true },
		{ "soap.beep://192.0.2.103:3002", true },
		{ "http:", false },
		{ "http:a b", false },
		{ "http:a%4", false },
		{ ":x", false },
		{ "1ab:x", false },
		{ "a_b:x", false },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ck_assert_msg(parses(cases[i].text) == cases[i].good, "%s", cases[i].text);
}
END_TEST

/* URI-19.1.1-6: as many parameters and headers as the limit says, and one more */
START_TEST(parameters_and_headers_are_limited)
{
	char text[2048];
	struct sip_uri uri;
	struct writer w = writer_on(text, sizeof(text));
	writer_str(&w, STR("sip:h.example"));
	for (unsigned i = 0; i < SIP_MAX_PARAMS; i++)
		writer_printf(&w, ";p%u", i);
	struct writer more = w;
	ck_assert(sip_uri_parse(&uri, writer_text(&w)));
	for (unsigned i = 0; i < SIP_MAX_PARAMS; i++)
		writer_printf(&w, "%ch=%u", i == 0 ? '?' : '&', i);
	ck_assert(sip_uri_parse(&uri, writer_text(&w)));
	writer_str(&w, STR("&h=x"));
	ck_assert(!sip_uri_parse(&uri, writer_text(&w)));
	writer_str(&more, STR(";q"));
	ck_assert(!sip_uri_parse(&uri, writer_text(&more)));
}
END_TEST

/* URI-10.3.5-2, URI-10.3.5-3, URI-19.1.2-3, URI-19.1.2-5: the form of the address-of-record key */
START_TEST(canonical_escapes)
{
	static const struct {
		struct str user;
		const char *canonical; /* NULL: refused */
	} cases[] = {
		{ { "alice", 5 }, "alice" },
		{ { "%61lice", 7 }, "alice" },
		{ { "Alice", 5 }, "Alice" },
		{ { "a;b", 3 }, "a%3Bb" },
		{ { "a%3bb", 5 }, "a%3Bb" },
		{ { "-_.!~*'()", 9 }, "-_.!~*'()" },
		{ { "null-%00-null", 13 }, "null-%00-null" },
		{ { "value%2541", 10 }, "value%2541" },
		{ { "%ff", 3 }, "%FF" },
		{ { "a%4", 3 }, NULL },
		{ { "a%zz", 4 }, NULL },
		{ { "a%4z", 4 }, NULL },
		{ { "a%z4", 4 }, NULL },
		{ { "", 0 }, "" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[64];
		struct writer w = writer_on(text, sizeof(text));
		struct str user = guard_copy(cases[i].user);
		ck_assert_msg(sip_canonical_escape(&w, user) == (cases[i].canonical != NULL),
			      "case %zu", i);
		if (cases[i].canonical != NULL)
			ck_assert_slice_eq(writer_text(&w), str_of(cases[i].canonical));
		guard_free(user);
	}
}
END_TEST

struct pair {
	const char *a, *b;
	bool equal;
};

static void
check_pair(const struct pair *pair, bool (*equal)(const struct sip_uri *, const struct sip_uri *))
{
	struct sip_uri a, b;
	struct str a_text = guard_copy(str_of(pair->a)), b_text = guard_copy(str_of(pair->b));
	ck_assert_msg(sip_uri_parse(&a, a_text), "%s", pair->a);
	ck_assert_msg(sip_uri_parse(&b, b_text), "%s", pair->b);
	ck_assert_msg(equal(&a, &b) == pair->equal, "%s and %s", pair->a, pair->b);
	ck_assert_msg(equal(&b, &a) == pair->equal, "%s and %s, turned", pair->a, pair->b);
	ck_assert(equal(&a, &a) && equal(&b, &b));
	guard_free(a_text);
	guard_free(b_text);
}

/* URI-19.1.4-1, URI-19.1.4-2, URI-19.1.4-3, URI-19.1.4-4, URI-19.1.4-5, URI-19.1.4-6,
 * URI-19.1.4-7, URI-19.1.4-8, URI-19.1.4-9, URI-19.1.4-10, URI-5954-4.2-1, RFC 3261 §19.1.4: the
 * 27 pairs of the table */
START_TEST(the_27_pairs)
{
	static const struct pair pairs[] = {
		{ "sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp",
		  true },
		{ "sip:carol@chicago.com", "sip:carol@chicago.com", true },
		{ "sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5", true },
		{ "sip:carol@chicago.com;newparam=5", "sip:carol@chicago.com;security=on", true },
		{ "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
		  "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com", true },
		{ "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
		  "sip:alice@atlanta.com?priority=urgent&subject=project%20x", true },
		{ "SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP",
		  false },
		{ "sip:bob@biloxi.com", "sip:bob@biloxi.com:5060", false },
		{ "sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp", false },
		{ "sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp", false },
		{ "sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting", false },
		{ "sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4", false },
		{ "sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off",
		  false },
		{ "sip:bob@[::ffff:192.0.2.128]", "sip:bob@[::ffff:c000:280]", true },
		{ "sip:bob@[2001:db8::9:1]", "sip:bob@[2001:db8::9:01]", true },
		{ "sip:bob@[0:0:0:0:0:FFFF:129.144.52.38]", "sip:bob@[::FFFF:129.144.52.38]",
		  true },
		{ "sip:+358-555-1234567;postd=pp22@foo.com;user=phone",
		  "sip:+358-555-1234567;POSTD=PP22@foo.com;user=phone", false },
		{ "sip:alice@192.0.2.10", "sips:alice@192.0.2.10", false },
		{ "sip:a%3bb@h.example", "sip:a%3Bb@h.example", true },
		{ "sip:a%3Bb@h.example", "sip:a;b@h.example", false },
		{ "sip:alice:pw@h.example", "sip:alice@h.example", false },
		{ "sip:alice@h.example;user=ip", "sip:alice@h.example", false },
		{ "sip:alice@h.example;lr;ob", "sip:alice@h.example", true },
		{ "sip:alice@h.example;maddr=192.0.2.1", "sip:alice@h.example", false },
		{ "sip:alice@[2001:db8::1]:5060", "sip:alice@[2001:db8::1:5060]", false },
		{ "sip:alice@h.example;pn-prid=A", "sip:alice@h.example;pn-prid=B", false },
		{ "sip:alice@h.example;pn-prid=A", "sip:alice@h.example", true },
	};
	ck_assert_uint_eq(sizeof(pairs) / sizeof(pairs[0]), 27);
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		check_pair(&pairs[i], sip_uri_equal);
}
END_TEST

/* URI-19.1.4-4, URI-19.1.4-5, URI-19.1.4-7, URI-19.1.4-8, URI-19.1.4-10, URI-19.1.4-12 */
START_TEST(more_pairs)
{
	static const struct pair pairs[] = {
		{ "sip:h.example", "sip:H.Example.", true },
		{ "sip:a@h.example;method=INVITE", "sip:a@h.example", false },
		{ "sip:a@h.example;ttl=1", "sip:a@h.example", false },
		{ "sip:a@h.example;%74tl=1", "sip:a@h.example", false },
		{ "sip:a@h.example;lr", "sip:a@h.example;lr=on", false },
		{ "sip:a@h.example;x=%41", "sip:a@h.example;X=a", true },
		{ "sip:a@h.example;x=%2541", "sip:a@h.example;x=A", false },
		{ "sip:a@h.example?x=1&x=1&x=2", "sip:a@h.example?x=1&x=2&x=2", false },
		{ "sip:a@h.example?x=1&y=2", "sip:a@h.example?X=1&Y=2", true },
		{ "sip:a@h.example?x=1&y=2", "sip:a@h.example?z=1&y=2", false },
		{ "sip:a@h.example?x=1&y=2", "sip:a@h.example?x=1&z=2", false },
		{ "sip:a@h.example?x=1", "sip:a@h.example?x=1&x=1", false },
		{ "sip:a@h.example", "sip:h.example", false },
		{ "sip:a:@h.example", "sip:a@h.example", false },
		{ "sip:a:PW@h.example", "sip:a:pw@h.example", false },
		{ "sip:a@192.0.2.1", "sip:a@[::ffff:192.0.2.1]", false },
		{ "mailto:A@h.example", "mailto:a@h.example", false },
		{ "MAILTO:a@h.example", "mailto:a@h.example", true },
		{ "tel:+1", "sip:+1@h.example", false },
	};
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		check_pair(&pairs[i], sip_uri_equal);
}
END_TEST

/* URI-19.1.4-11: A = B and B = C, and yet A is not C */
START_TEST(equality_is_not_transitive)
{
	struct sip_uri on, plain, off;
	ck_assert(sip_uri_parse(&on, STR("sip:carol@chicago.com;security=on")));
	ck_assert(sip_uri_parse(&plain, STR("sip:carol@chicago.com")));
	ck_assert(sip_uri_parse(&off, STR("sip:carol@chicago.com;security=off")));
	ck_assert(sip_uri_equal(&on, &plain) && sip_uri_equal(&plain, &off));
	ck_assert(!sip_uri_equal(&on, &off));
}
END_TEST

/* SPS-5.1.1.1-2: for replacing bindings the scheme does not count (D-14) */
START_TEST(equal_but_for_the_scheme)
{
	static const struct pair pairs[] = {
		{ "sip:alice@192.0.2.10", "sips:alice@192.0.2.10", true },
		{ "sip:alice@192.0.2.10", "sips:bob@192.0.2.10", false },
		{ "tel:+1", "tel:+1", true },
		{ "tel:+1", "urn:+1", false },
		{ "sip:h.example", "tel:+1", false },
	};
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		check_pair(&pairs[i], sip_uri_equal_but_scheme);
}
END_TEST

/* A parameter with a value, one without, and one that is none. */
START_TEST(parameters_in_a_row)
{
	struct str rest = STR(";a=b;c;=d");
	struct sip_param param;
	bool bad = true;
	ck_assert(sip_next_uri_param(&rest, &param, &bad));
	ck_assert(!bad);
	ck_assert(param.has_value && str_eq(param.name, STR("a")) && str_eq(param.value, STR("b")));
	bad = true;
	ck_assert(sip_next_uri_param(&rest, &param, &bad));
	ck_assert(!bad);
	ck_assert(!param.has_value && str_eq(param.name, STR("c")) && str_empty(param.value));
	ck_assert(!sip_next_uri_param(&rest, &param, &bad));
	ck_assert(bad);
	rest = STR(";a=b?");
	ck_assert(!sip_next_uri_param(&rest, &param, &bad));
	ck_assert(bad);
	rest = STR("?x=y&z=");
	ck_assert(sip_next_uri_header(&rest, &param, &bad));
	ck_assert(!bad && param.has_value && str_eq(param.value, STR("y")));
	ck_assert(sip_next_uri_header(&rest, &param, &bad));
	ck_assert(!bad && param.has_value && str_empty(param.value));
	ck_assert(!sip_next_uri_header(&rest, &param, &bad));
	ck_assert(!bad);
}
END_TEST

/* URI-19.1.1-9: headers that are none */
START_TEST(headers_that_are_refused)
{
	static const char *const bad[] = { "x=y",    "?",	 "?=y",	  "?x",
					   "?x&y=z", "?x=y?z=1", "?x=y=", "&x" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct str text = guard_copy(str_of(bad[i])), rest = text;
		struct sip_param header;
		bool refused = false;
		ck_assert_msg(!sip_next_uri_header(&rest, &header, &refused), "%s", bad[i]);
		ck_assert_msg(refused, "%s", bad[i]);
		ck_assert_ptr_eq(rest.p, text.p);
		guard_free(text);
	}
}
END_TEST

/* "sip:a@b;aaa…1;aaa…2": so many names that differ in their end alone, of as many octets in all. */
static struct str
alike_named(char *buffer, size_t cap, unsigned count, char last)
{
	struct writer w = writer_on(buffer, cap);
	writer_text_z(&w, "sip:a@b");
	for (unsigned i = 0; i < count; i++) {
		writer_text_z(&w, ";");
		for (unsigned n = 0; n < 2048 / count - 4; n++)
			writer_text_z(&w, "a");
		writer_printf(&w, "%02u%c", i, last);
	}
	return writer_text(&w);
}

/* CPU time, in the unit of clock(), of so many comparisons; the least of some tries. */
static clock_t
compare_many(unsigned count)
{
	static char left[4096], right[4096];
	struct sip_uri a, b;
	clock_t least = 0;
	ck_assert(sip_uri_parse(&a, alike_named(left, sizeof(left), count, 'x')));
	ck_assert(sip_uri_parse(&b, alike_named(right, sizeof(right), count, 'y')));
	for (int try = 0; try < 5; try++) {
		clock_t begin = clock();
		for (unsigned i = 0; i < 2000; i++)
			ck_assert(sip_uri_equal(&a, &b));
		clock_t took = clock() - begin;
		least = try == 0 || took < least ? took : least;
	}
	return least;
}

/* A customer's contacts are all compared with all of his bindings, so what a
 * comparison costs goes with the octets and not with the square of the parameters. */
START_TEST(many_parameters_cost_no_more_than_long_ones)
{
	clock_t few = compare_many(8), many = compare_many(64);
	ck_assert_msg(many <= 4 * few + CLOCKS_PER_SEC / 50, "64 names: %ld, 8 names: %ld",
		      (long)many, (long)few);
}
END_TEST

struct hashed {
	unsigned hash, number;
};

static int
by_hash(const void *a, const void *b)
{
	const struct hashed *x = a, *y = b;
	return (x->hash > y->hash) - (x->hash < y->hash);
}

/* Two names that component_hash() does not tell apart; among so many there are some twenty such. */
static void
alike_hashed(char first[16], char second[16])
{
	enum { COUNT = 400000 };
	struct hashed *all = calloc(COUNT, sizeof(*all));
	ck_assert_ptr_nonnull(all);
	for (unsigned i = 0; i < COUNT; i++) {
		snprintf(first, 16, "n%u", i);
		all[i] = (struct hashed){ component_hash(str_of(first)), i };
	}
	qsort(all, COUNT, sizeof(*all), by_hash);
	size_t found = 1;
	while (found < COUNT && all[found].hash != all[found - 1].hash)
		found++;
	ck_assert_uint_lt(found, COUNT);
	snprintf(first, 16, "n%u", all[found - 1].number);
	snprintf(second, 16, "n%u", all[found].number);
	free(all);
}

/* URI-19.1.1-6, PAR-7.3.1-6: names and values of one hash are told apart by what they say. */
START_TEST(one_hash_is_not_one_name)
{
	char first[16], second[16], texts[4][64];
	struct sip_uri uris[4];
	alike_hashed(first, second);
	snprintf(texts[0], sizeof(texts[0]), ";%s;%s", first, second);
	ck_assert(sip_params_valid(str_of(texts[0])));
	static const char *const formats[] = { "sip:a@b;x=%1$s", "sip:a@b;x=%2$s",
					       "sip:a@b;%1$s=x;%2$s=y", "sip:a@b;%2$s=y;%1$s=x" };
	for (size_t i = 0; i < 4; i++) {
		snprintf(texts[i], sizeof(texts[i]), formats[i], first, second);
		ck_assert_msg(sip_uri_parse(&uris[i], str_of(texts[i])), "%s", texts[i]);
	}
	ck_assert(!sip_uri_equal(&uris[0], &uris[1]));
	ck_assert(sip_uri_equal(&uris[2], &uris[3]));
}
END_TEST

/* URI-5954-4.2-1: 0 apart are those that are equal, and no others; and it is an order. */
START_TEST(hosts_have_an_order)
{
	static const char *const texts[] = { "example.com",	"EXAMPLE.com.",	 "example.con",
					     "a.example",	"b-example.com", "b_example.com",
					     "192.0.2.1",	"192.0.2.10",	 "[2001:db8::1]",
					     "[2001:DB8:0::1]", "[2001:db8::2]", "[::c000:201]" };
	enum { COUNT = sizeof(texts) / sizeof(texts[0]) };
	struct sip_host hosts[COUNT];
	for (size_t i = 0; i < COUNT; i++) {
		struct str rest = str_of(texts[i]);
		ck_assert(sip_host_take(&rest, &hosts[i]) && rest.len == 0);
	}
	for (size_t i = 0; i < COUNT; i++)
		for (size_t j = 0; j < COUNT; j++) {
			int apart = sip_host_order(&hosts[i], &hosts[j]);
			ck_assert_msg((apart == 0) == sip_host_equal(&hosts[i], &hosts[j]), "%s %s",
				      texts[i], texts[j]);
			ck_assert((apart < 0) == (sip_host_order(&hosts[j], &hosts[i]) > 0));
			for (size_t k = 0; k < COUNT; k++)
				ck_assert(
					!(apart < 0 && sip_host_order(&hosts[j], &hosts[k]) < 0) ||
					sip_host_order(&hosts[i], &hosts[k]) < 0);
		}
}
END_TEST

SUITE(uri, hosts_have_an_order, parameters_in_a_row, headers_that_are_refused,
      one_hash_is_not_one_name, a_uri_is_split_into_its_parts, the_grammar,
      parameters_and_headers_are_limited, canonical_escapes, the_27_pairs, more_pairs,
      equality_is_not_transitive, equal_but_for_the_scheme,
      many_parameters_cost_no_more_than_long_ones)
