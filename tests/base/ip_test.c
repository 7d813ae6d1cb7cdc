/* Addresses, endpoints and prefixes: text in and out, and what they contain. */
#include "base/ip.h"

#include "support/check_main.h"
#include "support/guard.h"

static const char *
written(const struct ip *ip, char out[64])
{
	struct writer w = writer_on(out, 63);
	ip_write(&w, ip);
	out[w.len] = '\0';
	return out;
}

struct text_case {
	const char *text;
	const char *canonical; /* NULL: refused */
};

static void
check_text(const struct text_case *c, bool (*parse)(struct str, struct ip *))
{
	struct str text = guard_copy(str_of(c->text));
	struct ip ip = { .family = 77 };
	char out[64];
	bool good = parse(text, &ip);
	ck_assert_msg(good == (c->canonical != NULL), "%s", c->text);
	if (good)
		ck_assert_str_eq(written(&ip, out), c->canonical);
	else
		ck_assert_msg(ip.family == 77, "%s changed its output", c->text);
	guard_free(text);
}

START_TEST(ip4_text)
{
	static const struct text_case cases[] = {
		{ "192.0.2.1", "192.0.2.1" },
		{ "0.0.0.0", "0.0.0.0" },
		{ "255.255.255.255", "255.255.255.255" },
		{ "010.0.0.08", "10.0.0.8" }, /* RFC 3261: 1*3DIGIT, never octal */
		{ "256.0.0.1", NULL },
		{ "1.2.3", NULL },
		{ "1.2.3.4.5", NULL },
		{ "1.2.3.", NULL },
		{ ".1.2.3", NULL },
		{ "1..2.3", NULL },
		{ "1.2.3.0004", NULL },
		{ "0x1.2.3.4", NULL },
		{ " 1.2.3.4", NULL },
		{ "1.2.3.4 ", NULL },
		{ "", NULL },
		{ "1", NULL },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		check_text(&cases[i], ip4_parse);
}
END_TEST

START_TEST(ip6_text)
{
	static const struct text_case cases[] = {
		{ "2001:db8:0:0:0:0:0:1", "2001:db8::1" },
		{ "2001:DB8::1", "2001:db8::1" },
		{ "::", "::" },
		{ "::1", "::1" },
		{ "1::", "1::" },
		{ "1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0" },
		{ "::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8" },
		{ "1:2:3::5:6:7:8", "1:2:3:0:5:6:7:8" },
		{ "0:0:1:0:0:0:1:0", "0:0:1::1:0" },
		{ "::ffff:192.0.2.1", "::ffff:192.0.2.1" },
		{ "64:ff9b::192.0.2.33", "64:ff9b::c000:221" },
		{ "1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304" },
		{ "1:2:3:4:5:6:7:8::", NULL },
		{ "::1:2:3:4:5:6:7:8", NULL },
		{ "1:2:3:4::5:6:7:8", NULL },
		{ "1:2:3:4:5:6:7", NULL },
		{ "1:2:3:4:5:6:7:8:9", NULL },
		{ "1:2:3:4:5:6:7:1.2.3.4", NULL },
		{ "1:2:3:4:5::1.2.3.4:7", NULL },
		{ "1.2.3.4::", NULL },
		{ "1::2::3", NULL },
		{ ":::", NULL },
		{ "1:::2", NULL },
		{ ":1::2", NULL },
		{ "1::2:", NULL },
		{ ":1:2:3:4:5:6:7", NULL },
		{ "1:2:3:4:5:6:7:", NULL },
		{ "::12345", NULL },
		{ "::g", NULL },
		{ "::1%eth0", NULL },
		{ "[::1]", NULL },
		{ ":", NULL },
		{ "", NULL },
		{ "::256.0.0.1", NULL },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		check_text(&cases[i], ip6_parse);
}
END_TEST

START_TEST(either_family)
{
	static const struct text_case cases[] = {
		{ "192.0.2.1", "192.0.2.1" },
		{ "2001:db8::1", "2001:db8::1" },
		{ "[::1]", "::1" },
		{ "[192.0.2.1]", NULL },
		{ "[::1", NULL },
		{ "::1]", NULL },
		{ "[]", NULL },
		{ "example.com", NULL },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		check_text(&cases[i], ip_parse);
}
END_TEST

START_TEST(equality_loopback_and_mapping)
{
	struct ip a, b;
	ck_assert(ip_parse(STR("::ffff:127.0.0.1"), &a) && ip_parse(STR("127.0.0.1"), &b));
	ck_assert(!ip_equal(&a, &b));
	ck_assert(!ip_loopback(&a));
	a = ip_unmapped(a);
	ck_assert(ip_equal(&a, &b));
	ck_assert(ip_loopback(&a));
	ck_assert(ip_parse(STR("127.255.255.255"), &a) && ip_loopback(&a));
	ck_assert(ip_parse(STR("128.0.0.1"), &a) && !ip_loopback(&a));
	ck_assert(ip_parse(STR("::1"), &a) && ip_loopback(&a));
	ck_assert(ip_parse(STR("::2"), &a) && !ip_loopback(&a));
	ck_assert(ip_parse(STR("0.0.0.0"), &a) && ip_any(&a));
	ck_assert(ip_parse(STR("0.0.0.1"), &a) && !ip_any(&a));
	ck_assert(ip_parse(STR("::"), &a) && ip_any(&a));
	ck_assert(ip_parse(STR("::1"), &a) && !ip_any(&a));
	struct ip kept = ip_unmapped(a);
	ck_assert(ip_equal(&kept, &a));
	/* IPv4 is four octets; what lies behind them does not count. */
	ck_assert(ip_parse(STR("10.0.0.1"), &a));
	b = a;
	b.octets[4] = 1;
	ck_assert(ip_equal(&a, &b));
}
END_TEST

START_TEST(endpoint_text)
{
	static const struct {
		const char *text;
		const char *canonical;
	} cases[] = {
		{ "192.0.2.1:5060", "192.0.2.1:5060" },
		{ "[2001:DB8::1]:65535", "[2001:db8::1]:65535" },
		{ "0.0.0.0:0", "0.0.0.0:0" },
		{ "192.0.2.1:65536", NULL },
		{ "192.0.2.1:", NULL },
		{ "192.0.2.1", NULL },
		{ "2001:db8::1:5060", NULL },
		{ "[2001:db8::1]", NULL },
		{ "[192.0.2.1]:5060", NULL },
		{ "example.com:5060", NULL },
		{ "192.0.2.1:50a", NULL },
		{ ":5060", NULL },
		{ "", NULL },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct str text = guard_copy(str_of(cases[i].text));
		struct endpoint endpoint = { .port = 9 };
		char out[64];
		bool good = endpoint_parse(text, &endpoint);
		ck_assert_msg(good == (cases[i].canonical != NULL), "%s", cases[i].text);
		if (good) {
			struct writer w = writer_on(out, sizeof(out));
			endpoint_write(&w, &endpoint);
			ck_assert(str_eq(writer_text(&w), str_of(cases[i].canonical)));
			ck_assert(endpoint_equal(&endpoint, &endpoint));
		} else {
			ck_assert_uint_eq(endpoint.port, 9);
		}
		guard_free(text);
	}
	struct endpoint a, b;
	ck_assert(endpoint_parse(STR("10.0.0.1:1"), &a) && endpoint_parse(STR("10.0.0.1:2"), &b));
	ck_assert(!endpoint_equal(&a, &b));
	ck_assert(endpoint_parse(STR("10.0.0.2:1"), &b));
	ck_assert(!endpoint_equal(&a, &b));
}
END_TEST

START_TEST(prefixes_contain)
{
	static const struct {
		const char *prefix;
		const char *ip;
		bool inside;
	} cases[] = {
		{ "192.0.2.0/24", "192.0.2.255", true },
		{ "192.0.2.0/24", "192.0.3.0", false },
		{ "192.0.2.77/24", "192.0.2.1", true }, /* host bits are cleared */
		{ "192.0.2.128/25", "192.0.2.127", false },
		{ "10.0.0.0/31", "10.0.0.1", true },
		{ "10.0.0.0/31", "10.0.0.2", false },
		{ "192.0.2.1", "192.0.2.1", true },
		{ "192.0.2.1", "192.0.2.0", false },
		{ "0.0.0.0/0", "203.0.113.9", true },
		{ "0.0.0.0/0", "::1", false },
		{ "2001:db8::/32", "2001:db8:ffff::1", true },
		{ "2001:db8::/32", "2001:db9::", false },
		{ "2001:db8:8000::/33", "2001:db8:7fff::", false },
		{ "::1/128", "::1", true },
		{ "::1", "::2", false },
		{ "::/0", "10.0.0.1", false },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct ip_prefix prefix;
		struct ip ip;
		ck_assert(ip_prefix_parse(str_of(cases[i].prefix), &prefix));
		ck_assert(ip_parse(str_of(cases[i].ip), &ip));
		ck_assert_msg(ip_prefix_contains(&prefix, &ip) == cases[i].inside, "%s in %s",
			      cases[i].ip, cases[i].prefix);
	}
}
END_TEST

START_TEST(prefix_lengths)
{
	struct ip_prefix prefix;
	ck_assert(ip_prefix_parse(STR("10.0.0.0/32"), &prefix) && prefix.bits == 32);
	ck_assert(ip_prefix_parse(STR("::/128"), &prefix) && prefix.bits == 128);
	ck_assert(ip_prefix_parse(STR("10.0.0.0"), &prefix) && prefix.bits == 32);
	static const char *const bad[] = { "10.0.0.0/33", "::/129", "10.0.0.0/",  "10.0.0/8",
					   "/8",	  "",	    "10.0.0.0/-1" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		ck_assert_msg(!ip_prefix_parse(str_of(bad[i]), &prefix), "%s", bad[i]);
}
END_TEST

START_TEST(prefix_text)
{
	static const char *const cases[][2] = {
		{ "10.0.0.7/8", "10.0.0.0/8" },
		{ "192.0.2.1", "192.0.2.1/32" },
		{ "0.0.0.0/0", "0.0.0.0/0" },
		{ "2001:db8::1", "2001:db8::1/128" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct ip_prefix prefix;
		char out[64] = "";
		struct writer w = writer_on(out, sizeof(out) - 1);
		ck_assert(ip_prefix_parse(str_of(cases[i][0]), &prefix));
		ip_prefix_write(&w, &prefix);
		ck_assert_str_eq(out, cases[i][1]);
	}
}
END_TEST

SUITE(ip, ip4_text, ip6_text, either_family, equality_loopback_and_mapping, endpoint_text,
      prefixes_contain, prefix_lengths, prefix_text)
