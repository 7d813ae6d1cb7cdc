/* Header rows by name, and lists over all their rows. */
#include "parsed.h"
#include "support/check_main.h"

static struct parsed parsed;
static char buffer[8192];

/* PAR-7.3-1, PAR-7.3.3-1, PAR-7.3.3-2: every name, its compact form, any case; other letters are
 * unknown fields */
START_TEST(header_names)
{
	static const struct {
		const char *row;
		enum sip_header_id id;
	} cases[] = {
#define X(id, name, compact, kind) { name, SIP_HEADER_##id },
		SIP_HEADERS(X)
#undef X
			{ "CONTACT", SIP_HEADER_CONTACT },
		{ "contact", SIP_HEADER_CONTACT },
		{ "m", SIP_HEADER_CONTACT },
		{ "M", SIP_HEADER_CONTACT },
		{ "v", SIP_HEADER_VIA },
		{ "f", SIP_HEADER_FROM },
		{ "t", SIP_HEADER_TO },
		{ "i", SIP_HEADER_CALL_ID },
		{ "l", SIP_HEADER_CONTENT_LENGTH },
		{ "c", SIP_HEADER_CONTENT_TYPE },
		{ "e", SIP_HEADER_CONTENT_ENCODING },
		{ "K", SIP_HEADER_SUPPORTED },
		{ "s", SIP_HEADER_OTHER },
		{ "a", SIP_HEADER_OTHER },
		{ "x", SIP_HEADER_OTHER },
		{ "u", SIP_HEADER_OTHER },
		{ "0", SIP_HEADER_OTHER },
		{ "Contacts", SIP_HEADER_OTHER },
		{ "C%6Fntact", SIP_HEADER_OTHER },
		{ "Min-Expires", SIP_HEADER_OTHER },
		{ "WWW-Authenticate", SIP_HEADER_OTHER },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char row[64];
		struct writer w = writer_on(row, sizeof(row) - 1);
		writer_printf(&w, "%s\t : x\r\n", cases[i].row);
		row[w.len] = '\0';
		parse(&parsed, usual_request(buffer, sizeof(buffer), REGISTER_LINE, row, ""));
		const struct sip_header *last =
			&parsed.message.headers[parsed.message.header_count - 1];
		ck_assert_slice_eq(last->name, str_of(cases[i].row));
		ck_assert_msg(last->id == cases[i].id, "%s", cases[i].row);
		ck_assert_slice_eq(last->value, STR("x"));
		release(&parsed);
	}
}
END_TEST

/* PAR-7-3, PAR-7.3.2-1, PAR-8.2.2-1, PAR-8.2.2-2: fields that nobody here reads may hold anything,
 * and change nothing that is read */
START_TEST(unused_fields)
{
	static const char rows[] = "UnknownHeader: ;;,,;;,;\r\n"
				   "Date: Fri, 01 Jan 2010 16:00:00 EST\r\n"
				   "Subject: \xff\xfe \"\r\n"
				   "User-Agent: (((\xff\r\nTimestamp: never\r\n"
				   "Allow: ,,\r\nMin-Expires: 9999\r\n"
				   "WWW-Authenticate: \"\r\n";
	bool found;
	parse(&parsed, usual_request(buffer, sizeof(buffer), REGISTER_LINE, rows, ""));
	ck_assert_int_eq(parsed.fault, SIP_FAULT_NONE);
	ck_assert_uint_eq(parsed.message.header_count, 5 + 8);
	ck_assert_slice_eq(sip_message_value(&parsed.message, SIP_HEADER_USER_AGENT, &found),
			   STR("(((\xff"));
	sip_message_value(&parsed.message, SIP_HEADER_EXPIRES, &found);
	ck_assert(!found);
	sip_message_value(&parsed.message, SIP_HEADER_AUTHORIZATION, &found);
	ck_assert(!found);
	release(&parsed);
}
END_TEST

/* PAR-7.3.1-3, PAR-7.3.1-5, PAR-25-4, PAR-7.3.1-4 */
START_TEST(rows_of_a_list_are_one_list)
{
	static const char *const forms[] = {
		"Contact: a, b\r\nX: y\r\nm: c\r\nAuthorization: Digest a=1, b=2\r\n",
		"m: a\r\nContact: b\r\nCONTACT: c\r\nAuthorization: Digest a=1, b=2\r\n",
		"Authorization: Digest a=1, b=2\r\nContact: a,b ,c\r\n",
	};
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		parse(&parsed, usual_request(buffer, sizeof(buffer), REGISTER_LINE, forms[i], ""));
		struct sip_values values = sip_message_values(&parsed.message, SIP_HEADER_CONTACT);
		struct str value;
		for (char expected = 'a'; expected <= 'c'; expected++) {
			ck_assert(sip_next_value(&values, &value));
			ck_assert_slice_eq(value, ((struct str){ &expected, 1 }));
		}
		ck_assert(!sip_next_value(&values, &value) && !values.bad);
		uint16_t row = parsed.message.first[SIP_HEADER_AUTHORIZATION];
		ck_assert(sip_message_row(&parsed.message, &row, &value));
		ck_assert_slice_eq(value, STR("Digest a=1, b=2"));
		ck_assert(!sip_message_row(&parsed.message, &row, &value));
		release(&parsed);
	}
}
END_TEST

/* PAR-25-4, PAR-20.32-1: empty Supported is legal, empty Require is not; tags without case */
START_TEST(option_tags)
{
	static const struct {
		const char *rows;
		enum sip_header_id id;
		bool lists_path, bad;
	} cases[] = {
		{ "Supported: PATH\r\n", SIP_HEADER_SUPPORTED, true, false },
		{ "Supported:\r\nk: gruu , path\r\n", SIP_HEADER_SUPPORTED, true, false },
		{ "Supported:\r\n", SIP_HEADER_SUPPORTED, false, false },
		{ "Supported: a,,path\r\n", SIP_HEADER_SUPPORTED, false, true },
		{ "Supported: pathfinder\r\n", SIP_HEADER_SUPPORTED, false, false },
		{ "Require: path\r\n", SIP_HEADER_REQUIRE, true, false },
		{ "Require:\r\n", SIP_HEADER_REQUIRE, false, true },
		{ "Require: a,\r\n", SIP_HEADER_REQUIRE, false, true },
		{ "", SIP_HEADER_REQUIRE, false, false },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		parse(&parsed,
		      usual_request(buffer, sizeof(buffer), REGISTER_LINE, cases[i].rows, ""));
		ck_assert_int_eq(parsed.fault, SIP_FAULT_NONE);
		ck_assert_msg(sip_message_lists(&parsed.message, cases[i].id, STR("path")) ==
				      cases[i].lists_path,
			      "%s", cases[i].rows);
		struct sip_values values = sip_message_values(&parsed.message, cases[i].id);
		struct str value;
		while (sip_next_value(&values, &value))
			ck_assert(sip_is_token(value));
		ck_assert_msg(values.bad == cases[i].bad, "%s", cases[i].rows);
		release(&parsed);
	}
}
END_TEST

SUITE(values, header_names, unused_fields, rows_of_a_list_are_one_list, option_tags)
