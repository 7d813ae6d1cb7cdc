/* The syntax of To, Contact, Path and Expires. */
#include "registrar/contacts.h"

#include <stdio.h>
#include <stdlib.h>

#include "registrar/rig.h"
#include "support/check_main.h"
#include "support/guard.h"

static struct rig rig;
static struct contacts contacts;
static struct answer answer;

/* Parses a REGISTER with these lines, its octets set against an unreadable page. */
static bool
parse_with(const char *to, const char *lines, struct arena *arena)
{
	char text[200000];
	struct writer w = writer_on(text, sizeof(text));
	writer_text_z(&w, "REGISTER sip:example.com SIP/2.0\r\n"
			  "Via: SIP/2.0/UDP h.example;branch=z9hG4bK1\r\n"
			  "From: <sip:alice@example.com>;tag=1\r\nTo: ");
	writer_text_z(&w, to);
	writer_text_z(&w, "\r\nCall-ID: a\r\nCSeq: 1 REGISTER\r\n");
	writer_text_z(&w, lines);
	writer_text_z(&w, "\r\n");
	ck_assert(writer_ok(&w));
	struct sip_message message;
	struct str copy = guard_copy(writer_text(&w));
	size_t count = sip_message_lines(copy);
	struct sip_header *headers = calloc(count, sizeof(*headers));
	struct sip_limits limits = { 200000, 200000 };
	enum sip_fault fault = sip_message_parse(&message, (char *)(uintptr_t)copy.p, copy.len,
						 SIP_DATAGRAM, &limits, headers, count);
	ck_assert_str_eq(sip_fault_phrase(fault), "");
	bool good = contacts_parse(&contacts, &answer, &message, arena);
	free(headers); /* the copy stays: contacts points into it until the test ends */
	return good;
}

static bool
parse(const char *lines)
{
	bool good = parse_with("<sip:alice@example.com>", lines, &rig.arena);
	if (!good) {
		ck_assert_int_eq(answer.status, 400);
		ck_assert_int_eq(answer.reason, REASON_MALFORMED);
		ck_assert_ptr_nonnull(answer.phrase);
	}
	return good;
}

/* "Contact: <sip:aaa…@h>" with a URI of len octets */
static const char *
long_contact(char *buf, size_t len)
{
	struct writer w = writer_on(buf, 8192);
	writer_text_z(&w, "Contact: <sip:");
	for (size_t i = 0; i < len - 6; i++)
		writer_char(&w, 'a');
	writer_text_z(&w, "@h>\r\n");
	writer_char(&w, '\0');
	return buf;
}

/* PAR-20.10-5: thousandths, at most three decimals, a leading dot is tolerated */
START_TEST(q_values)
{
	static const struct {
		const char *text;
		int q; /* -1: refused */
	} cases[] = {
		{ "0", 0 },	   { "1", 1000 },   { "0.", 0 },      { "1.", 1000 },
		{ "0.5", 500 },	   { ".5", 500 },   { "0.333", 333 }, { "0.05", 50 },
		{ "1.000", 1000 }, { "1.0", 1000 }, { "0.999", 999 }, { "1.001", -1 },
		{ "1.5", -1 },	   { "2", -1 },	    { "0.3333", -1 }, { "-1", -1 },
		{ "00.5", -1 },	   { ".", -1 },	    { "x", -1 },      { "0.x", -1 },
		{ "\"0.5\"", -1 }, { "0.5.5", -1 }, { "1.0000", -1 },
	};
	rig_open(&rig);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char lines[100];
		snprintf(lines, sizeof(lines), "Contact: <sip:a@h>;q=%s\r\n", cases[i].text);
		ck_assert_msg(parse(lines) == (cases[i].q >= 0), "q=%s", cases[i].text);
		if (cases[i].q >= 0)
			ck_assert_int_eq(contacts.list[0].q, cases[i].q);
	}
	ck_assert(!parse("Contact: <sip:a@h>;q\r\n"));
	ck_assert(parse("Contact: <sip:a@h>\r\n"));
	ck_assert_int_eq(contacts.list[0].q, -1);
	rig_close(&rig);
}
END_TEST

/* PAR-7.3.1-6, PAR-20.10-4, PAR-25-4, ORD-28, URI-19.1.1-1, URI-19.1.1-3, URI-19.1.1-5,
 * URI-19.1.1-6, URI-19.1.1-7: what a REGISTER may not contain */
START_TEST(malformed_fields)
{
	static const char *const cases[] = {
		"Contact: <sip:a@h>;expires=60;expires=90\r\n",
		"Contact: *;expires=0\r\n",
		"Contact: \"all\" *\r\n",
		"Contact: <*>\r\n",
		"Contact: <sip:a@h>,,<sip:b@h>\r\n",
		"Contact:\r\n",
		"Contact: <sip:a@h>;;x\r\n",
		"Contact: <sip:a@h>;q=2, <sip:b@h>\r\n",
		"Contact: <sip:b@h>, <sip:a@h\r\n",
		"Contact: <sip:a@b@h>\r\n",
		"Contact: <sip:@h>\r\n",
		"Contact: <sip:a@h:>\r\n",
		"Contact: <sip:a@h;x=1;x=2>\r\n",
		"Contact: <sips:a@h;transport=udp>\r\n",
		"Contact: sip:a@h?x=y\r\n",
		"Path: sip:p@h\r\n",
		"Path: <sip:p@h\r\n",
		"Path: <tel:+1>\r\n",
		"Path: <sip:p@h>,\r\n",
		"Expires: 60\r\nExpires: 60\r\n",
	};
	rig_open(&rig);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		ck_assert_msg(!parse(cases[i]), "%s", cases[i]);
	rig_close(&rig);
}
END_TEST

/* SEC-26.1-1, ORD-28: what is shown to other devices holds no control octet, escaped or not; other
 * octets that are no text may stay (REG-DB-3) */
START_TEST(control_octets)
{
	rig_open(&rig);
	ck_assert(!parse("Contact: \"\x1b[2J\" <sip:a@h>\r\n"));
	ck_assert(!parse("Contact: \"\\\x1b[2J\" <sip:a@h>\r\n"));
	ck_assert(!parse("Contact: <sip:a@h>;x=\"\\\x7f\"\r\n"));
	ck_assert_str_eq(answer.phrase, "Control Character in Contact");
	ck_assert(!parse("Contact: \x1b<sip:a@h>\r\n"));
	ck_assert_str_eq(answer.phrase, "Control Character in Contact");
	ck_assert(parse("Contact: \"a\tb\xff\" <sip:a@h>\t;x\r\n"));
	rig_close(&rig);
}
END_TEST

/* REG-10.2-2, ORD-28: To is a SIP or SIPS URI */
START_TEST(to_is_sip)
{
	rig_open(&rig);
	ck_assert(parse_with("<sip:alice@example.com>", "", &rig.arena));
	ck_assert(parse_with("sips:alice@example.com", "", &rig.arena));
	ck_assert(!parse_with("<tel:+1>", "", &rig.arena));
	ck_assert_int_eq(answer.status, 400);
	rig_close(&rig);
}
END_TEST

/* PAR-LIM-5: a Contact URI of 2048 octets, an instance of 256; not one more */
START_TEST(lengths)
{
	char lines[8192];
	rig_open(&rig);
	ck_assert(parse(long_contact(lines, SIP_MAX_URI)));
	ck_assert_uint_eq(contacts.list[0].address.uri.text.len, SIP_MAX_URI);
	ck_assert(!parse(long_contact(lines, SIP_MAX_URI + 1)));

	char instance[SIP_MAX_INSTANCE + 2];
	memset(instance, 'i', sizeof(instance));
	snprintf(lines, sizeof(lines), "Contact: <sip:a@h>;+sip.instance=\"%.*s\"\r\n",
		 (int)SIP_MAX_INSTANCE, instance);
	ck_assert(parse(lines));
	ck_assert_uint_eq(contacts.list[0].instance.len, SIP_MAX_INSTANCE);
	snprintf(lines, sizeof(lines), "Contact: <sip:a@h>;+sip.instance=\"%.*s\"\r\n",
		 (int)SIP_MAX_INSTANCE + 1, instance);
	ck_assert(!parse(lines));
	rig_close(&rig);
}
END_TEST

/* PTH-3327-5.3-1, PTH-3327-4-1: the values in their order, whatever rows they came in; what is
 * shown elsewhere holds no control octets */
START_TEST(path_values)
{
	rig_open(&rig);
	ck_assert(parse("Contact: <sip:a@h>\r\n"));
	ck_assert(str_empty(contacts.path));
	ck_assert(parse("Path: <sip:a;lr> , \"x, y\" <sip:b>;z=1\r\nPath: <sips:c@h>\r\n"));
	ck_assert(str_eq(contacts.path, STR("<sip:a;lr>,\"x, y\" <sip:b>;z=1,<sips:c@h>")));
	ck_assert(!parse("Path: \"\\\x01\" <sip:a;lr>\r\n"));
	rig_close(&rig);
}
END_TEST

/* SEC-26.1.5-3: what is stored with each binding is bounded as a whole too */
START_TEST(path_is_bounded)
{
	char lines[8192];
	rig_open(&rig);
	for (size_t extra = 0; extra < 2; extra++) {
		struct writer w = writer_on(lines, sizeof(lines));
		writer_text_z(&w, "Path: ");
		for (size_t i = 0; i < PATH_OCTETS_MAX / 8 - 1; i++)
			writer_text_z(&w, "<sip:a>,");
		writer_text_z(&w, extra == 0 ? "<sip:aa>\r\n" : "<sip:aaa>\r\n");
		writer_char(&w, '\0');
		ck_assert(parse(lines) == (extra == 0));
		ck_assert(extra == 1 || contacts.path.len == PATH_OCTETS_MAX);
	}
	rig_close(&rig);
}
END_TEST

/* PAR-LIM-5: a Path URI is held to the same limit */
START_TEST(path_lengths)
{
	char lines[8192];
	rig_open(&rig);
	for (size_t extra = 0; extra < 2; extra++) {
		long_contact(lines, SIP_MAX_URI + extra);
		memcpy(lines, "Path:    ", 9);
		ck_assert(parse(lines) == (extra == 0));
	}
	rig_close(&rig);
}
END_TEST

/* SEC-26.1.5-3, PAR-LIM-5: memory for contacts is bounded before anybody has logged in; all are
 * read */
START_TEST(number_of_contacts)
{
	char lines[8192];
	rig_open(&rig);
	for (unsigned extra = 0; extra < 2; extra++) {
		struct writer w = writer_on(lines, sizeof(lines));
		writer_text_z(&w, "Contact: ");
		for (unsigned i = 1; i < CONTACTS_MAX + extra; i++)
			writer_text_z(&w, "<sip:a@h>, ");
		writer_text_z(&w, "<sip:last@h>\r\n");
		writer_char(&w, '\0');
		ck_assert(parse(lines));
		ck_assert_uint_eq(contacts.values, CONTACTS_MAX + extra);
		ck_assert_uint_eq(contacts.count, CONTACTS_MAX);
	}
	rig_close(&rig);
}
END_TEST

/* REG-10.3.8-5, CAP-3840-6-1: every parameter but expires is kept, octet for octet */
START_TEST(params_without_expires)
{
	static const struct {
		const char *given;
		const char *kept;
	} cases[] = {
		{ "", "" },
		{ ";expires=60", "" },
		{ ";a;expires=60", ";a" },
		{ ";expires=60;a", ";a" },
		{ ";a=\"x;y\";EXPIRES=60;b", ";a=\"x;y\";b" },
		{ ";expires;b", ";b" },
		{ ";expired=60", ";expired=60" },
	};
	rig_open(&rig);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char lines[200];
		snprintf(lines, sizeof(lines), "Contact: <sip:a@h>%s\r\n", cases[i].given);
		ck_assert(parse(lines));
		struct str params = contacts.list[0].params;
		ck_assert_msg(str_eq(params, str_of(cases[i].kept)), "%s became %.*s",
			      cases[i].given, STR_ARG(params));
	}
	rig_close(&rig);
}
END_TEST

/* REG-10.3.7-1, PAR-20.19-1: which interval a contact asks for */
START_TEST(intervals)
{
	rig_open(&rig);
	ck_assert(parse("Contact: <sip:a@h>;expires=120, <sip:b@h>, <sip:c@h>;expires=x\r\n"
			"Expires: 600\r\n"));
	ck_assert_uint_eq(contacts_interval(&contacts, &contacts.list[0], 1), 120);
	ck_assert_uint_eq(contacts_interval(&contacts, &contacts.list[1], 1), 600);
	ck_assert_uint_eq(contacts_interval(&contacts, &contacts.list[2], 1), 3600);
	ck_assert(parse("Contact: <sip:a@h>\r\n"));
	ck_assert(!contacts.expires_given);
	ck_assert_uint_eq(contacts_interval(&contacts, &contacts.list[0], 1), 1);
	ck_assert(parse("Contact: <sip:a@h>\r\nExpires: soon\r\n"));
	ck_assert_uint_eq(contacts_interval(&contacts, &contacts.list[0], 1), 3600);
	ck_assert(parse("Contact: <sip:a@h>\r\nExpires: 99999999999\r\n"));
	ck_assert_uint_eq(contacts_interval(&contacts, &contacts.list[0], 1), UINT32_MAX);
	rig_close(&rig);
}
END_TEST

/* REG-10.3.6-1: how "*" and what stands beside it are told */
START_TEST(stars)
{
	rig_open(&rig);
	ck_assert(parse("Contact: *\r\n"));
	ck_assert(contacts.star);
	ck_assert_uint_eq(contacts.values, 1);
	ck_assert_uint_eq(contacts.count, 0);
	ck_assert(parse("Contact: *\r\nContact: *\r\n"));
	ck_assert_uint_eq(contacts.values, 2);
	ck_assert(parse("Contact: <sip:a@h>, *\r\n"));
	ck_assert_uint_eq(contacts.values, 2);
	ck_assert_uint_eq(contacts.count, 1);
	ck_assert(parse(""));
	ck_assert(!contacts.star);
	ck_assert_uint_eq(contacts.values, 0);
	rig_close(&rig);
}
END_TEST

/* SPS-5.2-4: one Path value that is not SIPS is enough */
START_TEST(path_schemes)
{
	rig_open(&rig);
	ck_assert(parse("Path: <sips:p@h;lr>, <sips:q@h;lr>\r\n"));
	ck_assert(!contacts.path_not_sips);
	ck_assert(parse("Path: <sips:p@h;lr>\r\nPath: <sip:q@h;lr>\r\n"));
	ck_assert(contacts.path_not_sips);
	rig_close(&rig);
}
END_TEST

/* UAS-8.2-1: an arena that ends too early refuses, whatever its size */
START_TEST(memory_runs_out)
{
#define CONTACT "Contact: <sip:a@h>;x;expires=60;y;+sip.instance=\"a\\\"b\"\r\n"
	static const char *const lines[] = { CONTACT, CONTACT "Path: <sip:p@h>\r\n" };
	rig_open(&rig);
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		bool good = false;
		for (size_t bytes = 0; !good; bytes += 16) {
			struct arena small;
			arena_init(&small, &rig.pool, bytes);
			good = parse_with("<sip:alice@example.com>", lines[i], &small);
			if (!good)
				ck_assert_int_eq(answer.status, 500);
			arena_reset(&small);
			ck_assert_uint_lt(bytes, 10000);
		}
	}
	rig_close(&rig);
}
END_TEST

SUITE(contacts, q_values, malformed_fields, control_octets, to_is_sip, lengths, path_values,
      path_is_bounded, path_lengths, number_of_contacts, params_without_expires, intervals, stars,
      path_schemes, memory_runs_out)
