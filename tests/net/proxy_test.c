/* PROXY headers of both versions, each set against an unreadable page. */
#include "net/proxy.h"

#include <stdio.h>
#include <string.h>

#include "support/check_main.h"
#include "support/guard.h"

#define V2 "\r\n\r\n\0\r\nQUIT\n"
#define V4_ADDRESSES "\xc0\x00\x02\x01\xc6\x33\x64\x07\x9c\x40\x13\xc4" /* 192.0.2.1:40000 … */

static struct proxy_header header;

static enum proxy_status
parsed(enum proxy_version version, struct str octets)
{
	struct str copy = guard_copy(octets);
	enum proxy_status status = proxy_parse(&header, version, copy);
	guard_free(copy);
	return status;
}

static void
ck_endpoint(const struct endpoint *endpoint, const char *expected)
{
	char text[64];
	struct writer w = writer_on(text, sizeof(text) - 1);
	endpoint_write(&w, endpoint);
	text[w.len] = '\0';
	ck_assert_str_eq(text, expected);
}

/* Every shorter piece asks for more, and what follows is left alone. */
static void
ck_whole(enum proxy_version version, struct str octets, const char *source, const char *destination)
{
	char longer[8192];
	for (size_t len = 0; len < octets.len; len++)
		ck_assert_int_eq(parsed(version, str_slice(octets, 0, len)), PROXY_MORE);
	memcpy(longer, octets.p, octets.len);
	memcpy(longer + octets.len, "REGISTER", 8);
	ck_assert_int_eq(parsed(version, (struct str){ longer, octets.len + 8 }), PROXY_WHOLE);
	ck_assert_int_eq(parsed(version, octets), PROXY_WHOLE);
	ck_assert_uint_eq(header.len, octets.len);
	ck_assert_int_eq(header.forwarded, source != NULL);
	if (source != NULL) {
		ck_endpoint(&header.source, source);
		ck_endpoint(&header.destination, destination);
	}
}

START_TEST(lines)
{
	char longest[PROXY_V1_MAX + 1];
	ck_whole(PROXY_V1, STR("PROXY TCP4 192.0.2.1 198.51.100.7 40000 5060\r\n"),
		 "192.0.2.1:40000", "198.51.100.7:5060");
	ck_whole(PROXY_V1, STR("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n"),
		 "255.255.255.255:65535", "255.255.255.255:65535");
	ck_whole(PROXY_V1, STR("PROXY TCP6 2001:db8::1 2001:db8::2 0 5061\r\n"), "[2001:db8::1]:0",
		 "[2001:db8::2]:5061");
	ck_whole(PROXY_V1, STR("PROXY TCP6 ::ffff:192.0.2.1 ::ffff:c633:6407 1 2\r\n"),
		 "192.0.2.1:1", "198.51.100.7:2");
	ck_whole(PROXY_V1, STR("PROXY UNKNOWN\r\n"), NULL, NULL);
	ck_whole(PROXY_V1, STR("PROXY UNKNOWN whatever it may be\r\n"), NULL, NULL);
	/* The longest line that may be, and one octet more. */
	snprintf(longest, sizeof(longest), "PROXY UNKNOWN %091d\r\n", 0);
	ck_whole(PROXY_V1, str_of(longest), NULL, NULL);
	char over[PROXY_V1_MAX + 2];
	snprintf(over, sizeof(over), "PROXY UNKNOWN %092d\r\n", 0);
	ck_assert_int_eq(parsed(PROXY_V1, str_of(over)), PROXY_BROKEN);
	ck_assert_int_eq(parsed(PROXY_V1, (struct str){ over, 105 }), PROXY_MORE);
	ck_assert_int_eq(parsed(PROXY_V1, (struct str){ over, 106 }), PROXY_BROKEN);
}
END_TEST

START_TEST(lines_that_are_none)
{
	static const char *const absent[] = {
		"REGISTER sip:example.com SIP/2.0\r\n",
		"PUBLISH",
		"PROXYTCP4",
		"\r\n",
		"proxy TCP4",
		" PROXY TCP4",
	};
	static const char *const broken[] = {
		"PROXY \r\n",
		"PROXY TCP4\r\n",
		"PROXY TCP5 192.0.2.1 198.51.100.7 40000 5060\r\n",
		"PROXY tcp4 192.0.2.1 198.51.100.7 40000 5060\r\n",
		"PROXY  TCP4 192.0.2.1 198.51.100.7 40000 5060\r\n",
		"PROXY TCP4  192.0.2.1 198.51.100.7 40000 5060\r\n",
		"PROXY TCP4 192.0.2.1 198.51.100.7 40000\r\n",
		"PROXY TCP4 192.0.2.1 198.51.100.7 40000 5060 \r\n",
		"PROXY TCP4 192.0.2.1 198.51.100.7 40000 5060 1\r\n",
		"PROXY TCP4 192.0.2.1 198.51.100.7 65536 5060\r\n",
		"PROXY TCP4 192.0.2.1 198.51.100.7 040 5060\r\n",
		"PROXY TCP4 192.0.2.1 198.51.100.7 -1 5060\r\n",
		"PROXY TCP4 192.0.2.1 198.51.100.7  5060\r\n",
		"PROXY TCP4 192.0.2.256 198.51.100.7 40000 5060\r\n",
		"PROXY TCP4 2001:db8::1 2001:db8::2 40000 5060\r\n",
		"PROXY TCP6 192.0.2.1 198.51.100.7 40000 5060\r\n",
		"PROXY TCP6 [2001:db8::1] [2001:db8::2] 40000 5060\r\n",
		"PROXY TCP4 192.0.2.1 198.51.100.7 40000 5060\r REGISTER",
		"PROXY UNKNOWNS\r\n",
	};
	for (size_t i = 0; i < sizeof(absent) / sizeof(*absent); i++)
		ck_assert_msg(parsed(PROXY_V1, str_of(absent[i])) == PROXY_ABSENT, "%s", absent[i]);
	for (size_t i = 0; i < sizeof(broken) / sizeof(*broken); i++)
		ck_assert_msg(parsed(PROXY_V1, str_of(broken[i])) == PROXY_BROKEN, "%s", broken[i]);
	ck_assert_int_eq(parsed(PROXY_V1, STR(V2 "\x20\x00\x00\x00")), PROXY_ABSENT);
}
END_TEST

static struct str
v2_of(char *buf, unsigned version_command, unsigned family_protocol, size_t len, struct str body)
{
	memcpy(buf, V2, 12);
	buf[12] = (char)version_command;
	buf[13] = (char)family_protocol;
	buf[14] = (char)(len >> 8);
	buf[15] = (char)len;
	memcpy(buf + 16, body.p, body.len);
	return (struct str){ buf, 16 + body.len };
}

START_TEST(binary_headers)
{
	char buf[PROXY_V2_MAX + 1], body[PROXY_V2_MAX];
	static const struct str six = STR("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"
					  "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc6\x33\x64\x07"
					  "\xff\xff\x00\x00");
	for (unsigned protocol = 1; protocol <= 2; protocol++) {
		ck_whole(PROXY_V2, v2_of(buf, 0x21, 0x10 | protocol, 12, STR(V4_ADDRESSES)),
			 "192.0.2.1:40000", "198.51.100.7:5060");
		ck_whole(PROXY_V2, v2_of(buf, 0x21, 0x20 | protocol, 36, six),
			 "[2001:db8::1]:65535", "198.51.100.7:0");
	}
	/* TLVs behind the addresses are skipped, whatever they say of their own length. */
	memset(body, 0xff, sizeof(body));
	memcpy(body, V4_ADDRESSES, 12);
	ck_whole(PROXY_V2, v2_of(buf, 0x21, 0x11, 200, (struct str){ body, 200 }),
		 "192.0.2.1:40000", "198.51.100.7:5060");
	/* A probe of the balancer's own has no addresses to believe, even if some are there. */
	ck_whole(PROXY_V2, v2_of(buf, 0x20, 0x00, 0, STR("")), NULL, NULL);
	ck_whole(PROXY_V2, v2_of(buf, 0x20, 0x11, 12, STR(V4_ADDRESSES)), NULL, NULL);
	ck_whole(PROXY_V2, v2_of(buf, 0x20, 0xff, 3, STR("abc")), NULL, NULL);
	/* Nor has a client without an IP address. */
	ck_whole(PROXY_V2, v2_of(buf, 0x21, 0x00, 0, STR("")), NULL, NULL);
	ck_whole(PROXY_V2, v2_of(buf, 0x21, 0x00, 3, STR("abc")), NULL, NULL);
	ck_whole(PROXY_V2, v2_of(buf, 0x21, 0x10, 12, STR(V4_ADDRESSES)), NULL, NULL);
	ck_whole(PROXY_V2, v2_of(buf, 0x21, 0x31, 216, (struct str){ body, 216 }), NULL, NULL);
	/* The longest that is read, and one octet more. */
	ck_whole(PROXY_V2,
		 v2_of(buf, 0x21, 0x11, PROXY_V2_MAX - 16, (struct str){ body, PROXY_V2_MAX - 16 }),
		 "192.0.2.1:40000", "198.51.100.7:5060");
	ck_assert_int_eq(parsed(PROXY_V2, v2_of(buf, 0x21, 0x11, PROXY_V2_MAX - 15, STR(""))),
			 PROXY_BROKEN);
}
END_TEST

START_TEST(binary_headers_that_are_none)
{
	char buf[512], body[300] = V4_ADDRESSES;
	static const struct {
		unsigned version_command, family_protocol;
		size_t len;
	} broken[] = {
		{ 0x11, 0x11, 12 },    { 0x31, 0x11, 12 }, { 0x22, 0x11, 12 },
		{ 0x2f, 0x11, 12 },    { 0x21, 0x41, 12 }, { 0x21, 0xf1, 12 },
		{ 0x21, 0x13, 12 },    { 0x21, 0x1f, 12 }, { 0x21, 0x11, 11 },
		{ 0x21, 0x11, 0 },     { 0x21, 0x21, 35 }, { 0x21, 0x22, 12 },
		{ 0x21, 0x31, 215 },   { 0x01, 0x11, 12 }, { 0x20, 0x11, 4081 },
		{ 0x21, 0x11, 65535 },
	};
	static const struct str absent[] = {
		STR("REGISTER"),
		STR("\n"),
		STR("\r\n\r\nREGISTER"),
		STR("\r\n\r\n\0\r\nQUIT\r"),
		STR("PROXY TCP4 192.0.2.1 198.51.100.7 40000 5060\r\n"),
		STR("\x16\x03\x01"),
	};
	for (size_t i = 0; i < sizeof(broken) / sizeof(*broken); i++) {
		size_t there = broken[i].len < sizeof(body) ? broken[i].len : sizeof(body);
		ck_assert_msg(parsed(PROXY_V2, v2_of(buf, broken[i].version_command,
						     broken[i].family_protocol, broken[i].len,
						     (struct str){ body, there })) == PROXY_BROKEN,
			      "%zu", i);
	}
	for (size_t i = 0; i < sizeof(absent) / sizeof(*absent); i++)
		ck_assert_msg(parsed(PROXY_V2, absent[i]) == PROXY_ABSENT, "%zu", i);
}
END_TEST

SUITE(proxy, lines, lines_that_are_none, binary_headers, binary_headers_that_are_none)
