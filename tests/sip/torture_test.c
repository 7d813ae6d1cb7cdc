/* Every message of RFC 4475 and RFC 5118 with the parser's verdict; what the server answers to
 * those that parse is for the tests of registrar and server. */
#include <stdio.h>

#include "parsed.h"
#include "sip/frame.h"
#include "support/check_main.h"

static struct parsed parsed;
static char file_octets[65536];

static struct str
load(const char *name)
{
	char path[1024];
	int len = snprintf(path, sizeof(path), TEST_DATA "/torture/%s.dat", name);
	ck_assert_int_lt(len, (int)sizeof(path));
	FILE *file = fopen(path, "rb");
	ck_assert_msg(file != NULL, "%s", path);
	size_t size = fread(file_octets, 1, sizeof(file_octets), file);
	fclose(file);
	ck_assert_uint_gt(size, 0);
	return (struct str){ file_octets, size };
}

struct verdict {
	const char *file;
	enum sip_fault fault;
};

static void
check_verdicts(const struct verdict *verdicts, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		parse(&parsed, load(verdicts[i].file));
		ck_assert_msg(parsed.fault == verdicts[i].fault, "%s: fault %d \"%s\", not %d",
			      verdicts[i].file, (int)parsed.fault, sip_fault_phrase(parsed.fault),
			      (int)verdicts[i].fault);
		release(&parsed);
	}
}
#define CHECK_VERDICTS(table) check_verdicts(table, sizeof(table) / sizeof((table)[0]))

/* TOR-4475-unreason, TOR-4475-noreason, TOR-4475-scalarlg, TOR-4475-bigcode, TOR-4475-bcast,
 * TOR-4475-test, PAR-7.2-1, ORD-06, ORD-07: no answer at all */
START_TEST(what_is_no_request_is_dropped)
{
	static const struct verdict verdicts[] = {
		{ "rfc4475/unreason", SIP_FAULT_RESPONSE },
		{ "rfc4475/noreason", SIP_FAULT_RESPONSE },
		{ "rfc4475/scalarlg", SIP_FAULT_RESPONSE },
		{ "rfc4475/bigcode", SIP_FAULT_RESPONSE },
		{ "rfc4475/bcast", SIP_FAULT_RESPONSE },
		{ "rfc4475/test", SIP_FAULT_NOT_SIP },
	};
	CHECK_VERDICTS(verdicts);
	for (size_t i = 0; i < sizeof(verdicts) / sizeof(verdicts[0]); i++)
		ck_assert_int_eq(sip_fault_status(verdicts[i].fault), 0);
}
END_TEST

/* TOR-4475-badinv01, TOR-4475-clerr, TOR-4475-ncl, TOR-4475-scalar02, TOR-4475-quotbal,
 * TOR-4475-ltgtruri, TOR-4475-lwsruri, TOR-4475-lwsstart, TOR-4475-trws, TOR-4475-badaspec,
 * TOR-4475-baddn, TOR-4475-mismatch01, TOR-4475-insuf, TOR-4475-multi01, TOR-4475-mcl01,
 * TOR-5118-ipv6-in-sdp, PAR-7.1-1, PAR-7.1-3, PAR-20.10-3, PAR-20.14-1, PAR-8.1.1-1: 400 */
START_TEST(broken_requests_are_answered_400)
{
	static const struct verdict verdicts[] = {
		{ "rfc4475/badinv01", SIP_FAULT_VIA },
		{ "rfc4475/clerr", SIP_FAULT_BODY_SHORT },
		{ "rfc4475/ncl", SIP_FAULT_CONTENT_LENGTH },
		{ "rfc4475/scalar02", SIP_FAULT_CSEQ },
		{ "rfc4475/quotbal", SIP_FAULT_TO },
		{ "rfc4475/ltgtruri", SIP_FAULT_START_LINE },
		{ "rfc4475/lwsruri", SIP_FAULT_START_LINE },
		{ "rfc4475/lwsstart", SIP_FAULT_START_LINE },
		{ "rfc4475/trws", SIP_FAULT_START_LINE },
		{ "rfc4475/badaspec", SIP_FAULT_TO },
		{ "rfc4475/baddn", SIP_FAULT_NO_EMPTY_LINE },
		{ "rfc4475/mismatch01", SIP_FAULT_CSEQ_METHOD },
		{ "rfc4475/insuf", SIP_FAULT_TO_MISSING },
		{ "rfc4475/multi01", SIP_FAULT_TO_REPEATED },
		{ "rfc4475/mcl01", SIP_FAULT_CONTENT_LENGTH_REPEATED },
		{ "rfc5118/ipv6-in-sdp", SIP_FAULT_BODY_SHORT },
	};
	CHECK_VERDICTS(verdicts);
	for (size_t i = 0; i < sizeof(verdicts) / sizeof(verdicts[0]); i++)
		ck_assert_int_eq(sip_fault_status(verdicts[i].fault), 400);
}
END_TEST

/* TOR-4475-badvers, TOR-4475-mismatch02, PAR-7.1-5, PAR-20.16-2 */
START_TEST(versions_and_methods_have_their_own_codes)
{
	static const struct verdict verdicts[] = {
		{ "rfc4475/badvers", SIP_FAULT_VERSION },
		{ "rfc4475/mismatch02", SIP_FAULT_METHOD_UNKNOWN },
	};
	CHECK_VERDICTS(verdicts);
	ck_assert_int_eq(sip_fault_status(SIP_FAULT_VERSION), 505);
	ck_assert_int_eq(sip_fault_status(SIP_FAULT_METHOD_UNKNOWN), 501);
}
END_TEST

/* TOR-4475-baddate, TOR-4475-sdp01, TOR-4475-bext01, TOR-4475-invut, TOR-4475-regaut01,
 * TOR-4475-escruri, TOR-4475-zeromf, PAR-8.2.2-2: the parser finds no fault */
START_TEST(requests_that_others_judge_parse)
{
	static const struct verdict verdicts[] = {
		{ "rfc4475/baddate", 0 },	   { "rfc4475/sdp01", 0 },
		{ "rfc4475/bext01", 0 },	   { "rfc4475/invut", 0 },
		{ "rfc4475/regaut01", 0 },	   { "rfc4475/escruri", 0 },
		{ "rfc4475/zeromf", 0 },	   { "rfc4475/unkscm", 0 },
		{ "rfc4475/novelsc", 0 },	   { "rfc4475/unksm2", 0 },
		{ "rfc4475/regbadct", 0 },	   { "rfc4475/regescrt", 0 },
		{ "rfc4475/cparam01", 0 },	   { "rfc4475/cparam02", 0 },
		{ "rfc4475/escnull", 0 },	   { "rfc5118/ipv6-good", 0 },
		{ "rfc5118/ipv6-bad", 0 },	   { "rfc5118/port-ambiguous", 0 },
		{ "rfc5118/port-unambiguous", 0 }, { "rfc5118/mult-ip-in-sdp", 0 },
	};
	CHECK_VERDICTS(verdicts);
}
END_TEST

/* TOR-4475-wsinv, PAR-7.3.1-1, PAR-7.3.1-2, PAR-20.42-1, PAR-20.16-1 */
START_TEST(wsinv_parses_despite_its_white_space)
{
	parse(&parsed, load("rfc4475/wsinv"));
	const struct sip_message *m = &parsed.message;
	ck_assert_int_eq(parsed.fault, SIP_FAULT_NONE);
	ck_assert_slice_eq(m->cseq_text, STR("0009"));
	ck_assert_slice_eq(m->cseq_line, STR("0009 INVITE"));
	ck_assert_uint_eq(m->cseq, 9);
	ck_assert_slice_eq(m->to_tag, STR("1918181833n"));
	ck_assert_slice_eq(m->from_tag, STR("98asjd8"));
	ck_assert_slice_eq(m->from.display, STR("\"J Rosenberg \\\\\\\"\""));
	ck_assert_slice_eq(m->via.branch, STR("390skdjuw"));
	ck_assert(!sip_via_has_cookie(&m->via));
	struct sip_values values = sip_message_values(m, SIP_HEADER_VIA);
	struct str sent_by[3], value;
	size_t count = 0;
	while (sip_next_value(&values, &value)) {
		struct sip_via via;
		ck_assert_uint_lt(count, 3);
		ck_assert(sip_via_parse(&via, value) && !via.bad_params);
		sent_by[count++] = via.sent_by;
	}
	ck_assert_uint_eq(count, 3);
	ck_assert_slice_eq(sent_by[0], STR("192.0.2.2"));
	ck_assert_slice_eq(sent_by[1], STR("spindle.example.com"));
	ck_assert_slice_eq(sent_by[2], STR("192.168.255.111"));
	ck_assert_uint_eq(m->body.len, 150);
	release(&parsed);
}
END_TEST

/* TOR-4475-intmeth, PAR-7-2, PAR-25-2, PAR-25-3: NUL, BEL and DEL escaped in a quoted string */
START_TEST(intmeth_keeps_its_nul)
{
	struct str text = load("rfc4475/intmeth");
	parse(&parsed, text);
	const struct sip_message *m = &parsed.message;
	ck_assert_int_eq(parsed.fault, SIP_FAULT_NONE);
	ck_assert_int_eq(m->method, SIP_METHOD_UNKNOWN);
	ck_assert_slice_eq(m->method_text, STR("!interesting-Method0123456789_*+`.%indeed'~"));
	ck_assert_slice_eq(m->to.display, STR("\"BEL:\\\x07 NUL:\\\0 DEL:\\\x7f\""));
	ck_assert_slice_eq(m->call_id, STR("intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{"));
	struct sip_uri uri;
	ck_assert(sip_uri_parse(&uri, m->uri_text));
	ck_assert_slice_eq(uri.host.text, STR("example.com"));
	/* The To of an answer is the request's octet for octet, plus a tag. */
	char answer[4096];
	struct endpoint source = { { 4, { 192, 0, 2, 4 } }, 5060 };
	struct writer w = writer_on(answer, sizeof(answer));
	sip_response_begin(&w, m, &source, 501, NULL, STR("t"), STR(""));
	ck_assert(writer_ok(&w));
	const char *to = memmem(text.p, text.len, "To: ", 4);
	const char *end = memmem(to, 200, "\r\n", 2);
	ck_assert(memmem(answer, w.len, to, (size_t)(end - to)) != NULL);
	release(&parsed);
}
END_TEST

/* TOR-4475-esc01, TOR-4475-esc02, TOR-4475-escnull, TOR-4475-semiuri, URI-19.1.1-2,
 * URI-19.1.2-3, URI-19.1.2-5, PAR-7.1-6, PAR-25-1 */
START_TEST(escapes_are_undone_once_and_only_in_components)
{
	char text[256];
	struct sip_uri uri;

	parse(&parsed, load("rfc4475/esc01"));
	ck_assert_int_eq(parsed.fault, SIP_FAULT_NONE);
	ck_assert(sip_uri_parse(&uri, parsed.message.uri_text));
	ck_assert_slice_eq(uri.user, STR("sips%3Auser%40example.com"));
	ck_assert_slice_eq(uri.host.text, STR("example.net"));
	bool found;
	struct sip_address contact;
	struct str value = sip_message_value(&parsed.message, SIP_HEADER_CONTACT, &found);
	ck_assert(found && sip_address_parse(&contact, value));
	struct sip_uri plain, twice;
	ck_assert(sip_uri_parse(&plain, STR("sip:caller@host5.example.net;lr;name=value%2541")));
	ck_assert(sip_uri_equal(&contact.uri, &plain));
	ck_assert(sip_uri_parse(&twice, STR("sip:caller@host5.example.net;lr;name=valueA")));
	ck_assert(!sip_uri_equal(&contact.uri, &twice));
	release(&parsed);

	parse(&parsed, load("rfc4475/esc02"));
	ck_assert_int_eq(parsed.fault, SIP_FAULT_NONE);
	ck_assert_int_eq(parsed.message.method, SIP_METHOD_UNKNOWN);
	ck_assert_slice_eq(parsed.message.method_text, STR("RE%47IST%45R"));
	ck_assert_uint_eq(parsed.message.rows[SIP_HEADER_CONTACT], 2);
	release(&parsed);

	parse(&parsed, load("rfc4475/escnull"));
	struct writer w = writer_on(text, sizeof(text));
	ck_assert(sip_canonical_escape(&w, parsed.message.to.uri.user));
	ck_assert_slice_eq(writer_text(&w), STR("null-%00-null"));
	release(&parsed);

	parse(&parsed, load("rfc4475/semiuri"));
	ck_assert_int_eq(parsed.fault, SIP_FAULT_NONE);
	ck_assert(sip_uri_parse(&uri, parsed.message.uri_text));
	ck_assert_slice_eq(uri.user, STR("user;par=u%40example.net"));
	ck_assert_slice_eq(uri.host.text, STR("example.com"));
	ck_assert(str_empty(uri.params));
	release(&parsed);
}
END_TEST

static const struct endpoint source = { { 4, { 192, 0, 2, 99 } }, 40000 };

static struct str
answer(char *buffer, size_t cap, int status, const char *phrase)
{
	struct writer w = writer_on(buffer, cap);
	sip_response_begin(&w, &parsed.message, &source, status, phrase, STR("9fxced76sl"),
			   STR(""));
	sip_response_end(&w);
	ck_assert(writer_ok(&w));
	return writer_text(&w);
}

/* TOR-4475-longreq, PAR-LIM-5, PAR-7.3.3-1, UAS-8.2.6.2-1: 34 Vias under every spelling of the
 * name */
START_TEST(longreq_keeps_its_34_vias)
{
	static char text[8192];
	struct str value;
	parse(&parsed, load("rfc4475/longreq"));
	const struct sip_message *m = &parsed.message;
	ck_assert_int_eq(parsed.fault, SIP_FAULT_NONE);
	ck_assert_uint_eq(m->rows[SIP_HEADER_VIA], 34);
	ck_assert(str_empty(m->via.branch));
	struct str written = answer(text, sizeof(text), 405, NULL);
	const char *at = written.p;
	uint16_t row = m->first[SIP_HEADER_VIA];
	for (size_t i = 0; sip_message_row(m, &row, &value); i++) {
		at = memmem(at, (size_t)(written.p + written.len - at), value.p, value.len);
		ck_assert_msg(at != NULL, "Via %zu of 34", i + 1);
	}
	release(&parsed);
}
END_TEST

/* TOR-4475-transports: an unknown transport is legal */
START_TEST(transports_has_five_vias)
{
	static char text[4096];
	parse(&parsed, load("rfc4475/transports"));
	ck_assert_int_eq(parsed.fault, SIP_FAULT_NONE);
	ck_assert_uint_eq(parsed.message.rows[SIP_HEADER_VIA], 5);
	struct str written = answer(text, sizeof(text), 404, NULL);
	static const char vias[] =
		"SIP/2.0 404 Not Found\r\n"
		"Via: SIP/2.0/UDP t1.example.com;branch=z9hG4bKkdjuw;received=192.0.2.99\r\n"
		"Via: SIP/2.0/SCTP t2.example.com;branch=z9hG4bKklasjdhf\r\n"
		"Via: SIP/2.0/TLS t3.example.com;branch=z9hG4bK2980unddj\r\n"
		"Via: SIP/2.0/UNKNOWN t4.example.com;branch=z9hG4bKasd0f3en\r\n"
		"Via: SIP/2.0/TCP t5.example.com;branch=z9hG4bK0a9idfnee\r\n";
	ck_assert(str_starts(written, STR(vias)));
	release(&parsed);
}
END_TEST

/* TOR-4475-quotbal, TOR-4475-insuf, TOR-4475-multi01, TOR-4475-badinv01, PAR-8.1.1-1,
 * UAS-8.2.6.2-2, UAS-21.4.1-1: what a broken request gets back */
START_TEST(answers_copy_what_can_be_copied)
{
	static const struct {
		const char *file;
		const char *answer;
	} cases[] = {
		{ "rfc4475/quotbal", "SIP/2.0 400 Malformed To header field\r\n"
				     "Via: SIP/2.0/UDP 192.0.2.59:5050;branch=z9hG4bKkdjuw39234"
				     ";received=192.0.2.99\r\n"
				     "From: sip:caller@example.net;tag=93334\r\n"
				     "To: \"Mr. J. User <sip:j.user@example.com>;tag=9fxced76sl\r\n"
				     "Call-ID: quotbal.aksdj\r\n"
				     "CSeq: 8 INVITE\r\n"
				     "Content-Length: 0\r\n\r\n" },
		{ "rfc4475/insuf",
		  "SIP/2.0 400 Missing To header field\r\n"
		  "Via: SIP/2.0/UDP 192.0.2.95;branch=z9hG4bKkdj.insuf;received=192.0.2.99\r\n"
		  "CSeq: 193942 INVITE\r\n"
		  "Content-Length: 0\r\n\r\n" },
		{ "rfc4475/multi01",
		  "SIP/2.0 400 Repeated To header field\r\n"
		  "Via: SIP/2.0/UDP 192.0.2.25;branch=z9hG4bKkdjuw;received=192.0.2.99\r\n"
		  "From: sip:caller@example.com;tag=3413415\r\n"
		  "To: sip:user@example.com;tag=9fxced76sl\r\n"
		  "Call-ID: multi01.98asdh@192.0.2.1\r\n"
		  "CSeq: 5 INVITE\r\n"
		  "Content-Length: 0\r\n\r\n" },
		{ "rfc4475/badinv01", "SIP/2.0 400 Malformed Via header field\r\n"
				      "Via: SIP/2.0/UDP 192.0.2.15;;;received=192.0.2.99,;,,\r\n"
				      "From: sip:caller@example.net;tag=134161461246\r\n"
				      "To: sip:j.user@example.com;tag=9fxced76sl\r\n"
				      "Call-ID: badinv01.0ha0isndaksdjasdf3234nas\r\n"
				      "CSeq: 8 INVITE\r\n"
				      "Content-Length: 0\r\n\r\n" },
	};
	static char text[4096];
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		parse(&parsed, load(cases[i].file));
		struct str written = answer(text, sizeof(text), sip_fault_status(parsed.fault),
					    sip_fault_phrase(parsed.fault));
		ck_assert_slice_eq(written, str_of(cases[i].answer));
		release(&parsed);
	}
}
END_TEST

/* TOR-4475-lwsdisp, TOR-4475-badbranch, TOR-4475-inv2543, TOR-4475-mpart01, TOR-4475-unksm2,
 * TOR-4475-regbadct, TOR-4475-regescrt, URI-19.1.1-10, TOR-4475-cparam01, TOR-4475-cparam02,
 * PAR-20.10-1, PAR-20.10-2, PAR-20.42-2, PAR-20.20-1, TRN-18.3-3: what is special in files that
 * parse */
START_TEST(oddities_of_rfc4475_are_understood)
{
	struct sip_address contact;
	struct sip_param param;
	bool found;

	parse(&parsed, load("rfc4475/lwsdisp"));
	ck_assert_int_eq(parsed.fault, SIP_FAULT_NONE);
	ck_assert_slice_eq(parsed.message.from.display, STR("caller"));
	release(&parsed);

	parse(&parsed, load("rfc4475/badbranch"));
	ck_assert_int_eq(parsed.fault, SIP_FAULT_NONE);
	ck_assert(str_empty(parsed.message.via.branch));
	ck_assert(!sip_via_has_cookie(&parsed.message.via));
	release(&parsed);

	parse(&parsed, load("rfc4475/inv2543"));
	ck_assert_int_eq(parsed.fault, SIP_FAULT_NONE);
	ck_assert(str_empty(parsed.message.from_tag));
	ck_assert(str_starts(parsed.message.body, STR("v=0\r\n")));
	ck_assert_ptr_eq(parsed.message.body.p + parsed.message.body.len,
			 parsed.text.p + parsed.text.len);
	release(&parsed);

	parse(&parsed, load("rfc4475/mpart01"));
	ck_assert_int_eq(parsed.fault, SIP_FAULT_NONE);
	ck_assert_uint_eq(parsed.message.body.len, 553);
	ck_assert(parsed.message.via.has_rport);
	release(&parsed);

	parse(&parsed, load("rfc4475/unksm2"));
	ck_assert_int_eq(parsed.message.to.uri.scheme, SIP_SCHEME_OTHER);
	ck_assert_int_eq(parsed.message.from.uri.scheme, SIP_SCHEME_OTHER);
	release(&parsed);

	parse(&parsed, load("rfc4475/regbadct"));
	ck_assert(!sip_address_parse(
		&contact, sip_message_value(&parsed.message, SIP_HEADER_CONTACT, &found)));
	release(&parsed);

	parse(&parsed, load("rfc4475/regescrt"));
	ck_assert(sip_address_parse(
		&contact, sip_message_value(&parsed.message, SIP_HEADER_CONTACT, &found)));
	ck_assert_slice_eq(contact.uri.headers, STR("?Route=%3Csip:sip.example.com%3E"));
	ck_assert(!sip_uri_equal(&contact.uri, &parsed.message.to.uri));
	release(&parsed);

	parse(&parsed, load("rfc4475/cparam01"));
	ck_assert(sip_address_parse(
		&contact, sip_message_value(&parsed.message, SIP_HEADER_CONTACT, &found)));
	ck_assert(sip_find_param(contact.params, STR("unknownparam"), &param));
	ck_assert(str_empty(contact.uri.params));
	release(&parsed);

	parse(&parsed, load("rfc4475/cparam02"));
	ck_assert(sip_address_parse(
		&contact, sip_message_value(&parsed.message, SIP_HEADER_CONTACT, &found)));
	ck_assert(sip_find_param(contact.uri.params, STR("unknownparam"), &param));
	ck_assert(str_empty(contact.params));
	release(&parsed);
}
END_TEST

/* TOR-4475-unkscm, TOR-4475-novelsc, TOR-4475-escruri, TOR-5118-ipv6-good, TOR-5118-ipv6-bad,
 * TOR-5118-port-ambiguous, TOR-5118-port-unambiguous, TOR-5118-ipv6-bug-abnf-3-colons,
 * TOR-5118-ipv6-correct-abnf-2-colons, URI-25-1, URI-25-2, URI-25-3 */
START_TEST(request_uris)
{
	static const struct {
		const char *file;
		bool good;
		enum sip_scheme scheme;
		const char *address; /* of the host, canonical */
		uint16_t port;
	} cases[] = {
		{ "rfc4475/unkscm", true, SIP_SCHEME_OTHER, NULL, 0 },
		{ "rfc4475/novelsc", true, SIP_SCHEME_OTHER, NULL, 0 },
		{ "rfc4475/escruri", true, SIP_SCHEME_SIP, NULL, 0 },
		{ "rfc5118/ipv6-good", true, SIP_SCHEME_SIP, "2001:db8::10", 0 },
		{ "rfc5118/ipv6-bad", false, SIP_SCHEME_SIP, NULL, 0 },
		{ "rfc5118/port-ambiguous", true, SIP_SCHEME_SIP, "2001:db8::10:5070", 0 },
		{ "rfc5118/port-unambiguous", true, SIP_SCHEME_SIP, "2001:db8::10", 5070 },
		{ "rfc5118/ipv6-bug-abnf-3-colons", true, SIP_SCHEME_SIP, "2001:db8::c000:201", 0 },
		{ "rfc5118/ipv6-correct-abnf-2-colons", true, SIP_SCHEME_SIP, "2001:db8::c000:201",
		  0 },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sip_uri uri;
		char text[64];
		struct writer w = writer_on(text, sizeof(text));
		parse(&parsed, load(cases[i].file));
		ck_assert_int_eq(parsed.fault, SIP_FAULT_NONE);
		ck_assert_msg(sip_uri_parse(&uri, parsed.message.uri_text) == cases[i].good, "%s",
			      cases[i].file);
		if (cases[i].good) {
			ck_assert_int_eq(uri.scheme, cases[i].scheme);
			ck_assert_uint_eq(uri.port, cases[i].port);
		}
		if (cases[i].address != NULL) {
			ip_write(&w, &uri.host.ip);
			ck_assert_slice_eq(writer_text(&w), str_of(cases[i].address));
		}
		release(&parsed);
	}
}
END_TEST

/* TOR-5118-via-received-param-with-delim, TOR-5118-via-received-param-no-delim,
 * TOR-5118-mult-ip-in-header, TOR-5118-ipv4-mapped-ipv6, PAR-20.42-3, URI-25-4, TRN-18.2.1-4 */
START_TEST(vias_of_rfc5118)
{
	static const struct {
		const char *file;
		const char *top; /* as the answer carries it */
		size_t rows;
	} cases[] = {
		{ "rfc5118/via-received-param-with-delim",
		  "Via: SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bKas3-111;received=192.0.2.99\r\n",
		  1 },
		{ "rfc5118/via-received-param-no-delim",
		  "Via: SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bKas3;received=192.0.2.99\r\n", 1 },
		{ "rfc5118/mult-ip-in-header",
		  "Via: SIP/2.0/UDP [2001:db8::9:1]:6050;branch=z9hG4bKas3-111"
		  ";received=192.0.2.99\r\n"
		  "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKjhja8781hjuaij65144\r\n"
		  "Via: SIP/2.0/TCP [2001:db8::9:255];branch=z9hG4bK451jj;received=192.0.2.200\r\n",
		  3 },
		{ "rfc5118/ipv4-mapped-ipv6",
		  "Via: SIP/2.0/UDP [::ffff:192.0.2.10]:19823;branch=z9hG4bKbh19"
		  ";received=192.0.2.99\r\n"
		  "Via: SIP/2.0/UDP [::ffff:192.0.2.2];branch=z9hG4bKas3-111\r\n",
		  2 },
	};
	static char text[4096];
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		parse(&parsed, load(cases[i].file));
		ck_assert_int_eq(parsed.fault, SIP_FAULT_NONE);
		ck_assert_uint_eq(parsed.message.rows[SIP_HEADER_VIA], cases[i].rows);
		struct str written = answer(text, sizeof(text), 200, NULL);
		ck_assert_msg(memmem(written.p, written.len, cases[i].top, strlen(cases[i].top)) !=
				      NULL,
			      "%s: %.*s", cases[i].file, STR_ARG(written));
		release(&parsed);
	}
}
END_TEST

struct framed {
	const char *file;
	enum sip_frame_status first;
	enum sip_fault fault; /* of what the frame hands over */
	enum sip_frame_status then;
};

/* TOR-4475-dblreq, TOR-4475-inv2543, TOR-4475-ncl, TOR-4475-mcl01, TOR-4475-clerr,
 * TOR-4475-mpart01, TOR-4475-test, TOR-5118-mult-ip-in-sdp, TOR-5118-ipv4-mapped-ipv6,
 * TRN-18.3-4, TRN-18.3-5, TRN-18.3-6: the same octets on a stream */
START_TEST(files_on_a_stream)
{
	static const struct framed cases[] = {
		{ "rfc4475/dblreq", SIP_FRAME_MESSAGE, SIP_FAULT_NONE, SIP_FRAME_MESSAGE },
		{ "rfc4475/inv2543", SIP_FRAME_BROKEN, SIP_FAULT_CONTENT_LENGTH_MISSING, 0 },
		{ "rfc4475/ncl", SIP_FRAME_BROKEN, SIP_FAULT_CONTENT_LENGTH, 0 },
		{ "rfc4475/mcl01", SIP_FRAME_BROKEN, SIP_FAULT_CONTENT_LENGTH_REPEATED, 0 },
		{ "rfc4475/clerr", SIP_FRAME_MORE, 0, 0 },
		{ "rfc4475/wsinv", SIP_FRAME_MESSAGE, SIP_FAULT_NONE, SIP_FRAME_MORE },
		{ "rfc4475/mpart01", SIP_FRAME_MESSAGE, SIP_FAULT_NONE, SIP_FRAME_MORE },
		{ "rfc4475/test", SIP_FRAME_GARBAGE, 0, 0 },
		{ "rfc4475/baddn", SIP_FRAME_MORE, 0, 0 },
		{ "rfc4475/bigcode", SIP_FRAME_MESSAGE, SIP_FAULT_RESPONSE, SIP_FRAME_MORE },
		{ "rfc5118/mult-ip-in-sdp", SIP_FRAME_MESSAGE, SIP_FAULT_NONE, SIP_FRAME_GARBAGE },
		{ "rfc5118/ipv4-mapped-ipv6", SIP_FRAME_MESSAGE, SIP_FAULT_NONE,
		  SIP_FRAME_GARBAGE },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct str octets = load(cases[i].file);
		struct sip_frame frame = sip_frame(octets, NOTHING_KNOWN, &default_limits);
		ck_assert_msg(frame.status == cases[i].first, "%s: %d", cases[i].file,
			      (int)frame.status);
		if (frame.status != SIP_FRAME_MESSAGE && frame.status != SIP_FRAME_BROKEN)
			continue;
		parse_limited(&parsed, str_slice(octets, 0, frame.used), SIP_STREAM,
			      &default_limits);
		ck_assert_msg(parsed.fault == cases[i].fault, "%s: %s", cases[i].file,
			      sip_fault_phrase(parsed.fault));
		ck_assert(sip_fault_closes(parsed.fault) == (frame.status == SIP_FRAME_BROKEN));
		release(&parsed);
		if (frame.status == SIP_FRAME_BROKEN)
			continue;
		do {
			octets = str_slice(octets, frame.used, octets.len);
			frame = sip_frame(octets, NOTHING_KNOWN, &default_limits);
		} while (frame.status == SIP_FRAME_SKIP);
		ck_assert_msg(frame.status == cases[i].then, "%s, then: %d", cases[i].file,
			      (int)frame.status);
	}
}
END_TEST

/* TOR-4475-dblreq, PAR-7.5-2, TRN-18.3-1 */
START_TEST(a_datagram_holds_one_message)
{
	parse(&parsed, load("rfc4475/dblreq"));
	ck_assert_int_eq(parsed.fault, SIP_FAULT_NONE);
	ck_assert_int_eq(parsed.message.method, SIP_METHOD_REGISTER);
	ck_assert_uint_eq(parsed.message.rows[SIP_HEADER_VIA], 1);
	ck_assert_uint_eq(parsed.message.body.len, 0);
	release(&parsed);
}
END_TEST

SUITE(torture, what_is_no_request_is_dropped, broken_requests_are_answered_400,
      versions_and_methods_have_their_own_codes, requests_that_others_judge_parse,
      wsinv_parses_despite_its_white_space, intmeth_keeps_its_nul,
      escapes_are_undone_once_and_only_in_components, longreq_keeps_its_34_vias,
      transports_has_five_vias, answers_copy_what_can_be_copied, oddities_of_rfc4475_are_understood,
      request_uris, vias_of_rfc5118, files_on_a_stream, a_datagram_holds_one_message)
