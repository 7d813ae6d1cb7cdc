/* name-addr and addr-spec. */
#include "sip/address.h"

#include "parsed.h"
#include "support/check_main.h"

struct address_case {
	const char *text;
	const char *uri; /* NULL: refused */
	const char *display;
	const char *params;
};

static void
check_address(const struct address_case *c)
{
	struct sip_address address;
	struct str text = guard_copy(str_of(c->text));
	ck_assert_msg(sip_address_parse(&address, text) == (c->uri != NULL), "%s", c->text);
	if (c->uri != NULL) {
		ck_assert_slice_eq(address.uri.text, str_of(c->uri));
		ck_assert_slice_eq(address.display, str_of(c->display));
		ck_assert_slice_eq(address.params, str_of(c->params));
		ck_assert(address.bracketed == (strchr(c->text, '<') != NULL));
	}
	guard_free(text);
}

/* PAR-20.10-1, PAR-20.10-2, PAR-20.10-3, PAR-7.3.1-8, PAR-25-2, PAR-25-5 */
START_TEST(addresses_are_split)
{
	static const struct address_case cases[] = {
		{ "sip:a@h.example", "sip:a@h.example", "", "" },
		{ "sip:a@h.example;tag=x;y", "sip:a@h.example", "", ";tag=x;y" },
		{ "sip:a@h.example ; tag=x", "sip:a@h.example", "", "; tag=x" },
		{ "<sip:a@h.example;lr>;tag=x", "sip:a@h.example;lr", "", ";tag=x" },
		{ "<sip:a@h.example?x=y>", "sip:a@h.example?x=y", "", "" },
		{ "A. Bell <sip:a@h.example>", "sip:a@h.example", "A. Bell", "" },
		{ "caller<sip:a@h.example>", "sip:a@h.example", "caller", "" },
		{ "\"a,b;c\" <sip:a,b;c@192.0.2.1>", "sip:a,b;c@192.0.2.1", "\"a,b;c\"", "" },
		{ "\"x<\\\"y\"<sip:a@h.example>\t;\tfoo = \"x;y\" ; bar", "sip:a@h.example",
		  "\"x<\\\"y\"", ";\tfoo = \"x;y\" ; bar" },
		{ "<tel:+358-555-1234567;postd=pp22>", "tel:+358-555-1234567;postd=pp22", "", "" },
		{ "isbn:2983792873", "isbn:2983792873", "", "" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check_address(&cases[i]);
	/* A '<' in a quoted parameter makes no name-addr. */
	struct sip_address address;
	ck_assert(sip_address_parse(&address, STR("sip:a@h.example;x=\"<\"")));
	ck_assert(!address.bracketed);
	ck_assert_slice_eq(address.params, STR(";x=\"<\""));
}
END_TEST

/* PAR-20.10-1, PAR-20.10-3, PAR-20.10-4, PAR-7.3.1-6, PAR-25-2, PAR-25-4 */
START_TEST(addresses_that_are_refused)
{
	static const char *const cases[] = {
		"",
		" ",
		"*;expires=0",
		"\"A\" *",
		"sip:a@h.example?x=y",
		"sip:a,b@h.example",
		"< sip:a@h.example>",
		"<sip:a@h.example >",
		"<>",
		"<sip:a@h.example",
		"Bell, Alexander <sip:a@h.example>",
		"\"Mr. J. User <sip:a@h.example>",
		"\"a\" b <sip:a@h.example>",
		"a@b <sip:a@h.example>",
		"\xc3\xa9 <sip:a@h.example>",
		"<sip:a@h.example> x",
		"<sip:a@h.example>x",
		"<sip:a@h.example>;;tag=x",
		"<sip:a@h.example>;",
		"<sip:a@h.example>;expires=60;expires=90",
		"<sip:a@h.example><sip:b@h.example>",
		"sip:a@h.example;tag=\"x",
		"alan@jasomi.com",
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check_address(&(struct address_case){ .text = cases[i] });
}
END_TEST

/* PAR-LIM-5: a URI of 2048 octets and one of 2049 */
START_TEST(long_uris)
{
	char text[SIP_MAX_URI + 8] = "<sip:h.example;";
	struct sip_address address;
	size_t start = strlen(text);
	memset(text + start, 'x', sizeof(text) - start);
	text[SIP_MAX_URI + 1] = '>';
	ck_assert(sip_address_parse(&address, (struct str){ text, SIP_MAX_URI + 2 }));
	ck_assert_uint_eq(address.uri.text.len, SIP_MAX_URI);
	text[SIP_MAX_URI + 1] = 'x';
	text[SIP_MAX_URI + 2] = '>';
	ck_assert(!sip_address_parse(&address, (struct str){ text, SIP_MAX_URI + 3 }));
}
END_TEST

SUITE(address, addresses_are_split, addresses_that_are_refused, long_uris)
