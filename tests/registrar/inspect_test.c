/* ORD-18 to ORD-31, one after another and against each other. */
#include "registrar/inspect.h"

#include <stdio.h>

#include "request.h"

/* One request and everything that judges it; a case changes what it is about. */
struct scene {
	struct baseline baseline;
	struct origin origin;
	struct readiness readiness;
	bool merged;
	struct request *request;
	struct inspection inspection;
	struct answer answer;
	bool passed;
};

static void
scene_init(struct scene *s)
{
	memset(s, 0, sizeof(*s));
	baseline_init(&s->baseline);
	s->origin.transport = TRANSPORT_UDP;
}

static void
over_tls(struct scene *s)
{
	s->origin.transport = TRANSPORT_TLS;
	s->origin.secure = true;
}

static void
inspect(struct scene *s, const char *start, const char *extra, const char *body)
{
	if (s->request != NULL)
		request_free(s->request);
	s->request = request_make(start, extra, body);
	s->answer = (struct answer){ .status = 0 };
	s->passed = inspect_request(&s->inspection, &s->answer, &s->baseline.policy,
				    &s->request->message, &s->origin, &s->readiness, s->merged,
				    &s->request->arena);
}

/* status 0: passes. */
static void
expect(struct scene *s, const char *start, const char *extra, int status, enum reason reason)
{
	inspect(s, start, extra, "");
	ck_assert_msg(s->passed == (status == 0) && s->answer.status == status, "%s %s: %d %s",
		      start, extra, s->answer.status,
		      s->answer.phrase == NULL ? "" : s->answer.phrase);
	ck_assert_msg(s->answer.reason == reason, "%s: %s", start, reason_word(s->answer.reason));
	ck_assert_msg(s->answer.challenge == NULL, "%s", start);
}

static void
scene_end(struct scene *s)
{
	request_free(s->request);
}

#define OK 0, REASON_NONE

/* ORD-18, ORD-19, UAS-8.2.1-1, UAS-8.2.1-2, PAR-7.1-6, REG-10.3-1: before anything else about the
 * request is looked at */
START_TEST(methods_are_judged_first)
{
	static const char *const known[] = { "INVITE",	"BYE",	"SUBSCRIBE", "NOTIFY", "PUBLISH",
					     "MESSAGE", "INFO", "REFER",     "UPDATE", "PRACK" };
	struct scene s;
	scene_init(&s);
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		char start[64];
		snprintf(start, sizeof(start), "%s foo:bar", known[i]);
		expect(&s, start, "Require: foo\r\n", 405, REASON_METHOD_NOT_ALLOWED);
		ck_assert(s.answer.allow);
	}
	expect(&s, "NEWMETHOD foo:bar", "", 501, REASON_METHOD_NOT_ALLOWED);
	ck_assert(s.answer.allow);
	expect(&s, "register sip:example.com", "", 501, REASON_METHOD_NOT_ALLOWED);
	expect(&s, "REGISTER sip:example.com", "", OK);
	expect(&s, "OPTIONS sip:example.com", "", OK);
	scene_end(&s);
}
END_TEST

/* ORD-20, PAR-LIM-4: at the limit and one octet over it, whatever the scheme */
START_TEST(a_request_uri_has_a_limit)
{
	struct scene s;
	scene_init(&s);
	for (int i = 0; i < 2; i++) {
		for (size_t len = SIP_MAX_URI; len <= SIP_MAX_URI + 1; len++) {
			char start[SIP_MAX_URI + 32];
			struct writer w = writer_on(start, sizeof(start));
			writer_str(&w, STR("OPTIONS "));
			writer_text_z(&w, i == 0 ? "sip:example.com;x=" : "tel:");
			while (w.len < strlen("OPTIONS ") + len)
				writer_char(&w, '1');
			writer_char(&w, '\0');
			int right = i == 0 ? 0 : 416;
			enum reason reason = i == 0 ? REASON_NONE : REASON_SCHEME_UNSUPPORTED;
			if (len > SIP_MAX_URI) {
				right = 414;
				reason = REASON_URI_TOO_LONG;
			}
			expect(&s, start, "", right, reason);
		}
	}
	scene_end(&s);
}
END_TEST

/* ORD-21, ORD-22, UAS-8.2.2.1-1, URI-19.1.1-4, URI-19.1.2-4, URI-25-1, D-34: a foreign scheme is
 * 416 whatever follows it; a bad sip: URI and one with header fields are 400 */
START_TEST(a_request_uri_is_judged_by_scheme_then_syntax)
{
	struct scene s;
	scene_init(&s);
	expect(&s, "REGISTER nobodyKnowsThisScheme:totallyopaquecontent", "", 416,
	       REASON_SCHEME_UNSUPPORTED);
	expect(&s, "OPTIONS soap.beep://192.0.2.103:3002", "", 416, REASON_SCHEME_UNSUPPORTED);
	expect(&s, "REGISTER tel:+358", "", 416, REASON_SCHEME_UNSUPPORTED);
	expect(&s, "REGISTER s1p+x-y.z:%zz", "", 416, REASON_SCHEME_UNSUPPORTED);
	expect(&s, "REGISTER az09:x", "", 416, REASON_SCHEME_UNSUPPORTED);
	static const char *const broken[] = {
		"REGISTER example.com",
		"REGISTER 1sip:example.com",
		"REGISTER :example.com",
		"REGISTER a{:example.com",
		"REGISTER a`:example.com",
		"REGISTER a/:example.com",
		"REGISTER a;:example.com",
		"REGISTER sip:",
		"REGISTER sip:ex%61mple.com",
		"REGISTER sip:bob@444.555.666.777",
		"REGISTER sip:a@b@example.com",
		"REGISTER sip:example.com:70000",
		"REGISTER sips:example.com;transport=udp",
		"REGISTER sip:example.com?Subject=a",
		"OPTIONS sip:example.com?Route=%3Csip:a%3E",
	};
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		expect(&s, broken[i], "", 400, REASON_MALFORMED);
		ck_assert_ptr_nonnull(s.answer.phrase);
	}
	expect(&s, "OPTIONS SIP:example.com", "", OK);
	scene_end(&s);
}
END_TEST

/* ORD-24, REG-10.3.1-1, REG-10.2-1, UAS-8.2.2.1-2, UAS-8.2.2.1-3, URI-10.3.5-4: the host alone
 * decides, and OPTIONS may also name this machine by an address */
START_TEST(a_domain_must_be_served)
{
	struct scene s;
	scene_init(&s);
	expect(&s, "REGISTER sip:nowhere.example", "", 404, REASON_DOMAIN_NOT_SERVED);
	expect(&s, "OPTIONS sip:nowhere.example", "", 404, REASON_DOMAIN_NOT_SERVED);
	expect(&s, "REGISTER sip:192.0.2.200", "", 404, REASON_DOMAIN_NOT_SERVED);
	expect(&s, "OPTIONS sip:alice@192.0.2.200", "", 404, REASON_DOMAIN_NOT_SERVED);
	expect(&s, "OPTIONS sip:192.0.2.200:5080", "", OK);
	ck_assert_ptr_null(s.inspection.domain);
	expect(&s, "OPTIONS sip:[2001:db8::99]", "", OK);

	expect(&s, "REGISTER sip:alice@example.com:5070;transport=tcp", "", OK);
	ck_assert_ptr_eq(s.inspection.domain, &s.baseline.domains[0]);
	expect(&s, "REGISTER sip:[2001:db8::10]", "", OK);
	ck_assert_ptr_eq(s.inspection.domain, &s.baseline.domains[0]);
	expect(&s, "REGISTER sip:other.example", "", OK);
	ck_assert_ptr_eq(s.inspection.domain, &s.baseline.domains[1]);
	expect(&s, "OPTIONS sip:example.com", "To: tel:+1\r\n", OK);
	scene_end(&s);
}
END_TEST

/* ORD-23, UAS-11-2, PAR-8.1.1.6-1: OPTIONS that may go no further is answered here, for any host
 * and user; REGISTER does not care */
START_TEST(max_forwards_0_ends_here)
{
	struct scene s;
	scene_init(&s);
	expect(&s, "OPTIONS sip:user@nowhere.example", "Max-Forwards: 0\r\n", OK);
	options_answer(&s.answer, &s.inspection);
	ck_assert_int_eq(s.answer.status, 200);
	expect(&s, "OPTIONS sip:alice@example.com", "Max-Forwards: 0\r\n", OK);
	s.answer = (struct answer){ .status = 0 };
	options_answer(&s.answer, &s.inspection);
	ck_assert_int_eq(s.answer.status, 200);
	expect(&s, "OPTIONS sip:user@nowhere.example", "Max-Forwards: 1\r\n", 404,
	       REASON_DOMAIN_NOT_SERVED);
	expect(&s, "OPTIONS sip:example.com", "Max-Forwards: 0\r\nRequire: foo\r\n", 420,
	       REASON_EXTENSION_UNSUPPORTED);
	expect(&s, "REGISTER sip:example.com", "Max-Forwards: 0\r\n", OK);
	expect(&s, "REGISTER sip:nowhere.example", "Max-Forwards: 0\r\n", 404,
	       REASON_DOMAIN_NOT_SERVED);
	scene_end(&s);
}
END_TEST

/* ORD-25, UAS-8.2.2.2-1: after the domain, before Require */
START_TEST(a_merged_request_is_a_loop)
{
	struct scene s;
	scene_init(&s);
	s.merged = true;
	expect(&s, "REGISTER sip:example.com", "Require: foo\r\n", 482, REASON_MERGED);
	expect(&s, "OPTIONS sip:example.com", "", 482, REASON_MERGED);
	expect(&s, "REGISTER sip:nowhere.example", "", 404, REASON_DOMAIN_NOT_SERVED);
	scene_end(&s);
}
END_TEST

/* ORD-26, UAS-8.2.2.3-1, UAS-8.2.2.3-3, REG-10.3.2-1, REG-10.3.2-2, PAR-25-4, PAR-20.32-1:
 * Unsupported lists every tag that is unknown or switched off; Proxy-Require and Supported are not
 * asked */
START_TEST(unknown_tags_cannot_be_required)
{
	const struct {
		const char *fields, *unsupported; /* NULL: malformed */
	} cases[] = {
		{ "Require: foo, bar\r\n", "foo, bar" },
		{ "Require: foo,bar\r\nRequire: path\r\n", "foo, bar, path" },
		{ "require:outbound\r\n", "outbound" },
		{ "Require: gruu , pref\r\nRequire: gin,sec-agree\r\n",
		  "gruu, pref, gin, sec-agree" },
		{ "Require: a,b,c,d,e,f,g,h,i,j\r\nRequire: k\r\nRequire: l\r\n",
		  "a, b, c, d, e, f, g, h, i, j, k, l" },
		{ "Supported: foo\r\nRequire: foo\r\n", "foo" },
		{ "Require:\r\n", NULL },
		{ "Require: foo,,bar\r\n", NULL },
		{ "Require: foo,\r\n", NULL },
		{ "Require: f(o)o\r\n", NULL },
		{ "Require: foo bar\r\n", NULL },
		{ "Require: foo\r\nRequire:\r\n", NULL },
	};
	struct scene s;
	scene_init(&s);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool bad = cases[i].unsupported == NULL;
		expect(&s, "REGISTER sip:example.com", cases[i].fields, bad ? 400 : 420,
		       bad ? REASON_MALFORMED : REASON_EXTENSION_UNSUPPORTED);
		ck_assert_msg(str_eq(s.answer.unsupported, str_of(cases[i].unsupported)),
			      "%s: %.*s", cases[i].fields, STR_ARG(s.answer.unsupported));
	}
	expect(&s, "OPTIONS sip:example.com", "Proxy-Require: foo\r\n", OK);
	expect(&s, "REGISTER sip:example.com", "Supported: foo\r\nSupported:\r\n", OK);
	scene_end(&s);
}
END_TEST

/* ORD-27, UAS-8.2.3-1, UAS-8.2.3-2, PAR-20.15-1, PAR-7.3.1-7, D-29: a body must be ignorable */
START_TEST(bodies_are_refused_unless_optional)
{
	static const char *const text = "Content-Type: text/plain\r\n";
	const struct {
		const char *fields, *body;
		int status;
		bool encoding, language;
	} cases[] = {
		{ "Content-Type: text/plain\r\n", "x", 415, false, false },
		{ "c: application / sdp ; x=\"y;z\"\r\n", "x", 415, false, false },
		{ "Content-Type: text/plain\r\nContent-Encoding: gzip\r\n", "x", 415, true, false },
		{ "Content-Type: text/plain\r\ne: identity\r\n", "x", 415, false, false },
		{ "Content-Type: text/plain\r\ne: identity, gzip\r\n", "x", 415, true, false },
		{ "Content-Type: text/plain\r\nContent-Language: fr\r\n", "x", 415, false, true },
		{ "Content-Type: text/plain\r\nContent-Language: en-GB, EN\r\n", "x", 415, false,
		  false },
		{ "Content-Type: text/plain\r\nContent-Disposition: render\r\n", "x", 415, false,
		  false },
		{ "Content-Type: text/plain\r\nContent-Disposition: render;handling=required\r\n",
		  "x", 415, false, false },
		{ "Content-Type: text/plain\r\nContent-Disposition: render ;handling=optional\r\n",
		  "x", 0, false, false },
		{ "Content-Type: a/b\r\nContent-Disposition: x ; y=z ; Handling = OPTIONAL\r\n",
		  "x", 0, false, false },
		{ "Content-Type: a/b\r\nContent-Encoding: gzip\r\n"
		  "Content-Disposition: x;handling=optional\r\n",
		  "x", 0, false, false },
		{ "", "x", 400, false, false },
		{ "Content-Disposition: render;handling=optional\r\n", "x", 400, false, false },
		{ "Content-Type: text\r\n", "x", 400, false, false },
		{ "Content-Type: text/\r\n", "x", 400, false, false },
		{ "Content-Type: text/plain;;\r\n", "x", 400, false, false },
		{ "Content-Type: text/plain x\r\n", "x", 400, false, false },
		{ "Content-Type: a/b\r\nContent-Disposition: ;handling=optional\r\n", "x", 400,
		  false, false },
		{ "Content-Type: a/b\r\nContent-Disposition: x;handling=\r\n", "x", 400, false,
		  false },
		{ "Content-Type: a/b\r\nContent-Encoding: ,gzip\r\n", "x", 400, false, false },
		{ "Content-Type: a/b\r\nContent-Type: a/b\r\n", "", 400, false, false },
		{ "Content-Disposition: x\r\nContent-Disposition: x\r\n", "", 400, false, false },
		{ "", "", 0, false, false },
		{ "Content-Type: audio/x\r\n", "", 0, false, false },
		{ "Content-Type: rubbish\r\nContent-Encoding: gzip\r\n", "", 0, false, false },
	};
	struct scene s;
	scene_init(&s);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (int method = 0; method < 2; method++) {
			inspect(&s,
				method == 0 ? "REGISTER sip:example.com"
					    : "OPTIONS sip:example.com",
				cases[i].fields, cases[i].body);
			ck_assert_msg(s.answer.status == cases[i].status, "case %zu: %d", i,
				      s.answer.status);
			ck_assert_msg(s.passed == (cases[i].status == 0), "case %zu", i);
			ck_assert_msg(s.answer.accept == (cases[i].status == 415), "case %zu", i);
			ck_assert_msg(s.answer.accept_encoding == cases[i].encoding, "case %zu", i);
			ck_assert_msg(s.answer.accept_language == cases[i].language, "case %zu", i);
		}
	}
	inspect(&s, "REGISTER sip:example.com", text, "x");
	ck_assert_int_eq(s.answer.reason, REASON_BODY_UNSUPPORTED);
	scene_end(&s);
}
END_TEST

/* ORD-28, REG-10.2-2, UAS-8.2.2.1-3, AUT-22-2: what a REGISTER uses is well-formed; OPTIONS uses
 * none of it, Authorization neither */
START_TEST(fields_used_are_well_formed)
{
	static const char *const bad[] = {
		"To: <isbn:2983792873>\r\n",
		"Contact: sip:user@example.com?Route=%3Csip:sip.example.com%3E\r\n",
		"Contact: <sip:a@192.0.2.1>;q=1.5\r\n",
		"Contact: <sip:a@192.0.2.1>;expires=60;expires=90\r\n",
		"Path: sip:a b\r\n",
		"Expires: 1\r\nExpires: 1\r\n",
	};
	struct scene s;
	scene_init(&s);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		expect(&s, "REGISTER sip:example.com", bad[i], 400, REASON_MALFORMED);
		expect(&s, "OPTIONS sip:example.com", bad[i], OK);
	}
	expect(&s, "OPTIONS sip:example.com", "Authorization: Digest garbage\r\n", OK);
	expect(&s, "REGISTER sip:example.com",
	       "Contact: <sip:a@192.0.2.1>;expires=60, <sip:b@192.0.2.1>\r\n", OK);
	ck_assert_uint_eq(s.inspection.contacts.count, 2);
	scene_end(&s);
}
END_TEST

/* ORD-29, SPS-26.2.2-1, SPS-3.1.3-1: SIPS came over TLS, or the hop before broke the protocol; SIP
 * may come over anything */
START_TEST(sips_requires_tls)
{
	static const char *const starts[] = { "REGISTER sips:example.com",
					      "OPTIONS sips:example.com",
					      "OPTIONS sips:alice@example.com" };
	struct scene s;
	scene_init(&s);
	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
		s.origin = (struct origin){ .transport = TRANSPORT_UDP };
		expect(&s, starts[i], "", 400, REASON_SIPS_MISMATCH);
		ck_assert_str_eq(s.answer.phrase, "SIPS requires TLS");
		s.origin.transport = TRANSPORT_TCP;
		expect(&s, starts[i], "", 400, REASON_SIPS_MISMATCH);
		over_tls(&s);
		expect(&s, starts[i], "", OK);
	}
	expect(&s, "REGISTER sip:example.com", "", OK);
	scene_end(&s);
}
END_TEST

/* ORD-30, SPS-5.1.2-2, SPS-5.1.2-3, AUT-26.4.1-1: what the operator allows in a domain, asked of
 * REGISTER only and before any challenge */
START_TEST(domains_have_a_policy)
{
	struct scene s;
	scene_init(&s);
	struct domain *domain = &s.baseline.domains[0];

	domain->schemes = DOMAIN_SCHEMES_SIPS;
	domain->require_tls = true;
	expect(&s, "REGISTER sip:example.com", "", 480, REASON_SIPS_REQUIRED);
	ck_assert_int_eq(s.answer.warning, 381);
	ck_assert(str_eq(s.answer.warning_agent, STR("example.com")));
	expect(&s, "OPTIONS sip:example.com", "", OK);
	expect(&s, "REGISTER sip:other.example", "", OK);
	over_tls(&s);
	expect(&s, "REGISTER sips:example.com", "", OK);

	domain->schemes = DOMAIN_SCHEMES_SIP;
	expect(&s, "REGISTER sips:example.com", "", 480, REASON_SIPS_NOT_ALLOWED);
	ck_assert_int_eq(s.answer.warning, 380);
	expect(&s, "OPTIONS sips:example.com", "", OK);
	expect(&s, "REGISTER sip:example.com", "", OK);

	s.origin = (struct origin){ .transport = TRANSPORT_TCP };
	expect(&s, "REGISTER sip:example.com", "", 403, REASON_TLS_REQUIRED);
	expect(&s, "OPTIONS sip:example.com", "", OK);
	domain->require_tls = false;
	expect(&s, "REGISTER sip:example.com", "", OK);
	scene_end(&s);
}
END_TEST

/* ORD-31, ORD-38, UAS-20.33-1, REG-DB-6: while not ready, with a Retry-After; an OPTIONS about a
 * user is not a question to the server */
START_TEST(a_server_that_is_not_ready_says_so)
{
	struct scene s;
	scene_init(&s);
	s.readiness = (struct readiness){ .options = REASON_DRAINING,
					  .registers = REASON_NONE,
					  .random = 7 };
	expect(&s, "REGISTER sip:example.com", "", OK);
	expect(&s, "OPTIONS sip:example.com", "", 503, REASON_DRAINING);
	ck_assert_uint_eq(s.answer.retry_after_s, 27);
	expect(&s, "OPTIONS sip:192.0.2.200", "", 503, REASON_DRAINING);
	expect(&s, "OPTIONS sip:a@nowhere.example", "Max-Forwards: 0\r\n", 503, REASON_DRAINING);
	expect(&s, "OPTIONS sip:alice@example.com", "", OK);
	s.readiness = (struct readiness){ .registers = REASON_DATABASE_UNAVAILABLE };
	expect(&s, "REGISTER sip:example.com", "", 503, REASON_DATABASE_UNAVAILABLE);
	ck_assert_uint_eq(s.answer.retry_after_s, 20);
	expect(&s, "OPTIONS sip:example.com", "", OK);
	scene_end(&s);
}
END_TEST

/* UAS-11-1, UAS-11.2-1, UAS-11.2-2, UAS-11.2-4, ORD-38, SEC-26.1.5-5, D-22: for the domain itself
 * 200 with all that is understood, for a user the same 404 whoever it is */
START_TEST(options_are_answered)
{
	struct scene s;
	scene_init(&s);
	static const char *const servers[] = { "OPTIONS sip:example.com",
					       "OPTIONS sip:[2001:db8::10]",
					       "OPTIONS sip:192.0.2.200" };
	for (size_t i = 0; i < sizeof(servers) / sizeof(servers[0]); i++) {
		expect(&s, servers[i], "Contact: <sip:x@192.0.2.1>\r\n", OK);
		options_answer(&s.answer, &s.inspection);
		ck_assert_int_eq(s.answer.status, 200);
		ck_assert(s.answer.allow && s.answer.accept && s.answer.accept_encoding &&
			  s.answer.accept_language && s.answer.supported);
		ck_assert_uint_eq(s.answer.binding_count, 0);
		ck_assert(!s.answer.changed);
	}
	static const char *const users[] = { "OPTIONS sip:alice@example.com",
					     "OPTIONS sip:nobody@example.com" };
	for (size_t i = 0; i < sizeof(users) / sizeof(users[0]); i++) {
		expect(&s, users[i], "", OK);
		options_answer(&s.answer, &s.inspection);
		ck_assert_int_eq(s.answer.status, 404);
		ck_assert_int_eq(s.answer.reason, REASON_AOR_UNKNOWN);
		ck_assert(!s.answer.allow);
	}
	scene_end(&s);
}
END_TEST

/*
 * ORD-18, ORD-20, ORD-21, ORD-22, ORD-24, ORD-25, ORD-26, ORD-27, ORD-28, ORD-29, ORD-30, ORD-31:
 * a request that has all the faults is judged by the first; with that one mended, by the next
 */
START_TEST(the_first_fault_decides)
{
	struct scene s;
	scene_init(&s);
	s.merged = true;
	s.readiness.registers = REASON_OVERLOADED;
	s.baseline.domains[0].schemes = DOMAIN_SCHEMES_SIP;
	s.baseline.domains[0].require_tls = true;
#define FAULTS "Require: foo\r\nContact: <sip:a@192.0.2.1>;q=2\r\n"
	inspect(&s, "UNKNOWN tel:1?x", FAULTS, "x");
	ck_assert_int_eq(s.answer.status, 501);
	inspect(&s, "REGISTER tel:1?x", FAULTS, "x");
	ck_assert_int_eq(s.answer.status, 416);
	inspect(&s, "REGISTER sips:nowhere.example?x=y", FAULTS, "x");
	ck_assert_int_eq(s.answer.status, 400);
	inspect(&s, "REGISTER sips:nowhere.example", FAULTS, "x");
	ck_assert_int_eq(s.answer.status, 404);
	inspect(&s, "REGISTER sips:example.com", FAULTS, "x");
	ck_assert_int_eq(s.answer.status, 482);
	s.merged = false;
	inspect(&s, "REGISTER sips:example.com", FAULTS, "x");
	ck_assert_int_eq(s.answer.status, 420);
	inspect(&s, "REGISTER sips:example.com",
		"Content-Type: a/b\r\nContact: <sip:a@192.0.2.1>;q=2\r\n", "x");
	ck_assert_int_eq(s.answer.status, 415);
	expect(&s, "REGISTER sips:example.com", "Contact: <sip:a@192.0.2.1>;q=2\r\n", 400,
	       REASON_MALFORMED);
	expect(&s, "REGISTER sips:example.com", "", 400, REASON_SIPS_MISMATCH);
	over_tls(&s);
	expect(&s, "REGISTER sips:example.com", "", 480, REASON_SIPS_NOT_ALLOWED);
	s.origin = (struct origin){ .transport = TRANSPORT_UDP };
	expect(&s, "REGISTER sip:example.com", "", 403, REASON_TLS_REQUIRED);
	over_tls(&s);
	expect(&s, "REGISTER sip:example.com", "", 503, REASON_OVERLOADED);
	s.readiness.registers = REASON_NONE;
	expect(&s, "REGISTER sip:example.com", "", OK);
	scene_end(&s);
}
END_TEST

/* UAS-20.34-1, UAS-12.2.2-1, PAR-7.3.2-1, PAR-8.2.2-1: fields that are nobody's business here */
START_TEST(other_fields_are_ignored)
{
	struct scene s;
	scene_init(&s);
	expect(&s, "REGISTER sip:example.com", "Route: <sip:example.com;lr>\r\n", OK);
	expect(&s, "REGISTER sip:example.com", "To: <sip:alice@example.com>;tag=x\r\n", OK);
	expect(&s, "REGISTER sip:example.com", "Min-Expires: 9999\r\n", OK);
	expect(&s, "REGISTER sip:example.com", "UnknownHeader: ;;,,;;,;\r\n", OK);
	expect(&s, "REGISTER sip:example.com", "Transfer-Encoding: chunked\r\n", OK);
	scene_end(&s);
}
END_TEST

/* Memory out is an error of ours, and never passes. */
START_TEST(exhaustion_is_500)
{
	struct scene s;
	scene_init(&s);
	s.request = request_make("REGISTER sip:example.com", "Require: foo\r\n", "");
	struct arena none;
	arena_init(&none, &s.request->pool, 0);
	ck_assert(!inspect_request(&s.inspection, &s.answer, &s.baseline.policy,
				   &s.request->message, &s.origin, &s.readiness, false, &none));
	ck_assert_int_eq(s.answer.status, 500);
	ck_assert_int_eq(s.answer.reason, REASON_INTERNAL);
	arena_reset(&none);
	scene_end(&s);
}
END_TEST

SUITE(inspect, methods_are_judged_first, a_request_uri_has_a_limit,
      a_request_uri_is_judged_by_scheme_then_syntax, a_domain_must_be_served,
      max_forwards_0_ends_here, a_merged_request_is_a_loop, unknown_tags_cannot_be_required,
      bodies_are_refused_unless_optional, fields_used_are_well_formed, sips_requires_tls,
      domains_have_a_policy, a_server_that_is_not_ready_says_so, options_are_answered,
      the_first_fault_decides, other_fields_are_ignored, exhaustion_is_500)
