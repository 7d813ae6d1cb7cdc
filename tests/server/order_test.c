/*
 * Section 2 of the requirements: when a request has several faults, the first line of the order
 * decides. Each line is written here as what it takes to break it; then every two of them are
 * broken in one request, which must be answered as if it had the first fault alone.
 */
#include <stdio.h>

#include "server/site.h"

#define C1 "<sip:alice@192.0.2.10:5062>"

/* A request in the making: what is set by one fault must not undo what another one set, so the
 * Request-URI is kept in parts and the fields are gathered. */
struct broken {
	struct site *site;
	struct site_request request;
	const char *scheme, *host, *headers, *version;
	char parameters[2100];
	char fields[2048];
};

struct fault {
	const char *line;
	void (*before)(struct site *); /* while all is well */
	void (*apply)(struct broken *);
	int status; /* 0: no answer */
	enum reason reason;
	const char *text; /* that the answer holds */
};

static void
add_field(struct broken *broken, const char *line)
{
	size_t len = strlen(broken->fields);
	snprintf(broken->fields + len, sizeof(broken->fields) - len, "%s\r\n", line);
}

/* --- the faults, in the order of the requirements ------------------------------------------ */

static void
is_response(struct broken *b)
{
	b->request.start = "SIP/2.0 200 OK";
}

static void
is_no_sip(struct broken *b)
{
	b->request.start = "REGISTER sip:example.com";
}

static void
has_no_via(struct broken *b)
{
	b->request.via = "";
}

static void
has_other_version(struct broken *b)
{
	b->version = "SIP/7.0";
}

static void
has_bad_line(struct broken *b)
{
	add_field(b, "no colon");
}

static void
has_two_lengths(struct broken *b)
{
	add_field(b, "Content-Length: 9");
}

static void
has_large_body(struct broken *b)
{
	b->site->policy.limits.max_body_bytes = 8;
	b->request.end = "Content-Length: 9\r\n\r\n123456789";
}

static void
has_bad_call_id(struct broken *b)
{
	b->request.call_id = "";
}

static void
has_other_cseq_method(struct broken *b)
{
	b->request.cseq_method = "OPTIONS";
}

static void
send_before(struct site *site, struct site_request request)
{
	site_send(site, request);
	site_pass(site, 100);
	ck_assert_int_eq(sent_status(site, fake_sent_count(site->net) - 1), 200);
}

static void
known_before(struct site *site)
{
	send_before(site, (struct site_request){ .branch = "z9hG4bK-again", .call_id = "known" });
}

static void
is_known(struct broken *b)
{
	b->request.branch = "z9hG4bK-again";
	b->request.method = NULL; /* part of what a transaction is matched by */
}

static void
has_refused_method(struct broken *b)
{
	b->request.method = "INVITE";
}

static void
has_long_uri(struct broken *b)
{
	memset(b->parameters, 'a', sizeof(b->parameters) - 1);
	b->parameters[0] = ';';
}

static void
has_other_scheme(struct broken *b)
{
	b->scheme = "http";
}

static void
has_uri_headers(struct broken *b)
{
	b->headers = "?a=b";
}

static void
has_foreign_domain(struct broken *b)
{
	b->host = "nowhere.example";
}

static void
merged_before(struct site *site)
{
	send_before(site, (struct site_request){ .call_id = "merged" });
}

static void
is_merged(struct broken *b)
{
	b->request.call_id = "merged";
}

static void
requires_unknown(struct broken *b)
{
	add_field(b, "Require: foo");
}

static void
has_unknown_body(struct broken *b)
{
	add_field(b, "Content-Type: text/plain");
	b->request.end = "Content-Length: 2\r\n\r\nhi";
}

static void
has_bad_contact(struct broken *b)
{
	add_field(b, "Contact: <sip:a@192.0.2.1:>");
}

static void
is_sips_without_tls(struct broken *b)
{
	b->scheme = "sips";
}

static void
domain_wants_tls(struct broken *b)
{
	b->site->domain.require_tls = true;
}

static void
database_is_down(struct broken *b)
{
	fake_store_set_state(b->site->store, STORE_DOWN);
}

static void
is_for_other_realm(struct broken *b)
{
	b->request.realm = "elsewhere";
}

static void
has_foreign_digest_uri(struct broken *b)
{
	b->request.digest_uri = "sip:attacker.example";
}

static void
has_foreign_nonce(struct broken *b)
{
	b->request.nonce_aor = "carol@example.com";
}

static void
lookup_fails(struct broken *b)
{
	fake_store_next_lookup(b->site->store, LOOKUP_UNAVAILABLE);
}

static void
has_wrong_password(struct broken *b)
{
	b->request.password = "wrong";
}

static void
is_for_somebody_else(struct broken *b)
{
	b->request.login = "bob";
	b->request.password = "bob's";
	b->request.to = "<sip:alice@example.com>";
	b->request.nonce_aor = "alice@example.com";
}

static void
has_star_and_more(struct broken *b)
{
	add_field(b, "Contact: *");
	add_field(b, "Contact: <sip:alice@192.0.2.9>");
}

static void
has_many_contacts(struct broken *b)
{
	for (int i = 0; i < 11; i++) {
		char line[64];
		snprintf(line, sizeof(line), "Contact: <sip:alice@192.0.2.%d>", 100 + i);
		add_field(b, line);
	}
}

static void
has_sips_contact(struct broken *b)
{
	add_field(b, "Contact: <sips:alice@192.0.2.8>");
}

static void
registers_the_aor(struct broken *b)
{
	add_field(b, "Contact: <sip:alice@example.com>");
}

static void
contradicts_itself(struct broken *b)
{
	add_field(b, "Contact: <sip:alice@192.0.2.7>;q=0.1, <sip:alice@192.0.2.7>;q=0.2");
}

static void
is_too_brief(struct broken *b)
{
	add_field(b, "Contact: <sip:alice@192.0.2.6>;expires=5");
}

static void
late_before(struct site *site)
{
	send_before(site, (struct site_request){ .call_id = "late", .cseq = 7, .contact = C1 });
}

static void
is_late(struct broken *b)
{
	b->request.call_id = "late";
	b->request.cseq = 6;
	add_field(b, "Contact: " C1);
}

static void
full_before(struct site *site)
{
	send_before(site,
		    (struct site_request){ .call_id = "full", .contact = "<sip:alice@192.0.2.5>" });
}

static void
is_one_too_many(struct broken *b)
{
	b->site->policy.max_contacts = 1;
	add_field(b, "Contact: <sip:alice@192.0.2.4>");
}

static const struct fault faults[] = {
	{ "ORD-06", NULL, is_response, 0, REASON_NONE, NULL },
	{ "ORD-07", NULL, is_no_sip, 0, REASON_MALFORMED, NULL },
	{ "ORD-08", NULL, has_no_via, 0, REASON_MALFORMED, NULL },
	{ "ORD-10", NULL, has_other_version, 505, REASON_VERSION_UNSUPPORTED, NULL },
	{ "ORD-11", NULL, has_bad_line, 400, REASON_MALFORMED, "Malformed Header Line" },
	{ "ORD-12", NULL, has_two_lengths, 400, REASON_MALFORMED, "Repeated Content-Length" },
	{ "ORD-13", NULL, has_large_body, 413, REASON_TOO_LARGE, NULL },
	{ "ORD-14", NULL, has_bad_call_id, 400, REASON_MALFORMED, "Malformed Call-ID" },
	{ "ORD-15", NULL, has_other_cseq_method, 400, REASON_MALFORMED, "CSeq Method Differs" },
	{ "ORD-16", known_before, is_known, 200, REASON_NONE, "Call-ID: known" },
	{ "ORD-19", NULL, has_refused_method, 405, REASON_METHOD_NOT_ALLOWED, "\r\nAllow: " },
	{ "ORD-20", NULL, has_long_uri, 414, REASON_URI_TOO_LONG, NULL },
	{ "ORD-21", NULL, has_other_scheme, 416, REASON_SCHEME_UNSUPPORTED, NULL },
	{ "ORD-22", NULL, has_uri_headers, 400, REASON_MALFORMED, "Header Fields in Request-URI" },
	{ "ORD-24", NULL, has_foreign_domain, 404, REASON_DOMAIN_NOT_SERVED, NULL },
	{ "ORD-25", merged_before, is_merged, 482, REASON_MERGED, NULL },
	{ "ORD-26", NULL, requires_unknown, 420, REASON_EXTENSION_UNSUPPORTED, "Unsupported: foo" },
	{ "ORD-27", NULL, has_unknown_body, 415, REASON_BODY_UNSUPPORTED, "\r\nAccept: " },
	{ "ORD-28", NULL, has_bad_contact, 400, REASON_MALFORMED, "Malformed Contact" },
	{ "ORD-29", NULL, is_sips_without_tls, 400, REASON_SIPS_MISMATCH, "SIPS requires TLS" },
	{ "ORD-30", NULL, domain_wants_tls, 403, REASON_TLS_REQUIRED, "TLS Required" },
	{ "ORD-31", NULL, database_is_down, 503, REASON_DATABASE_UNAVAILABLE, "Retry-After: " },
	{ "ORD-32", NULL, is_for_other_realm, 401, REASON_REALM_MISMATCH, NULL },
	{ "ORD-33", NULL, has_foreign_digest_uri, 400, REASON_URI_MISMATCH, "Digest uri" },
	{ "ORD-34", NULL, has_foreign_nonce, 401, REASON_NONCE_INVALID, "stale=true" },
	{ "ORD-35", NULL, lookup_fails, 503, REASON_DATABASE_UNAVAILABLE, "Retry-After: " },
	{ "ORD-36", NULL, has_wrong_password, 401, REASON_BAD_PASSWORD, NULL },
	{ "ORD-37", NULL, is_for_somebody_else, 403, REASON_IDENTITY_MISMATCH, NULL },
	{ "ORD-42", NULL, has_star_and_more, 400, REASON_CONTACT_INVALID, "* Must Be the Only" },
	{ "ORD-43", NULL, has_many_contacts, 403, REASON_TOO_MANY_CONTACTS, "Contacts in Request" },
	{ "ORD-44", NULL, has_sips_contact, 400, REASON_SIPS_MISMATCH, "SIPS" },
	{ "ORD-45", NULL, registers_the_aor, 403, REASON_CONTACT_INVALID, "Address-of-Record" },
	{ "ORD-46", NULL, contradicts_itself, 400, REASON_CONTACT_INVALID, "Contradictory" },
	{ "ORD-47", NULL, is_too_brief, 423, REASON_INTERVAL_TOO_BRIEF, "Min-Expires: 60" },
	{ "ORD-48", late_before, is_late, 500, REASON_OUT_OF_ORDER, "CSeq Out of Order" },
	{ "ORD-49", full_before, is_one_too_many, 403, REASON_TOO_MANY_CONTACTS,
	  "Too Many Contacts\r\n" },
};
#define FAULTS (sizeof(faults) / sizeof(faults[0]))

/* --- breaking ------------------------------------------------------------------------------ */

static void
write_start(struct broken *b, char *uri, size_t uri_cap, char *start, size_t start_cap)
{
	snprintf(uri, uri_cap, "%s:%s%s%s", b->scheme, b->host, b->parameters, b->headers);
	b->request.uri = uri;
	if (b->version != NULL && b->request.start == NULL) {
		const char *method = b->request.method == NULL ? "REGISTER" : b->request.method;
		snprintf(start, start_cap, "%s %s %s", method, uri, b->version);
		b->request.start = start;
	}
}

static void
send_broken(struct site *site, const struct fault *first, const struct fault *second)
{
	char uri[2300], start[2400];
	struct broken b = { .site = site, .scheme = "sip", .host = "example.com", .headers = "" };
	b.request = (struct site_request){ .call_id = "broken", .cseq = 9, .size = 1000 };
	if (second != NULL)
		second->apply(&b);
	first->apply(&b);
	if (b.request.call_id != NULL && strcmp(b.request.call_id, "merged") == 0)
		b.request.cseq = 1;
	b.request.fields = b.fields;
	write_start(&b, uri, sizeof(uri), start, sizeof(start));
	site_send(site, b.request);
	site_pass(site, 100);
}

static unsigned
outcomes(const struct site *site, enum reason reason)
{
	return (unsigned)site->stats.outcomes[reason][TRANSPORT_UDP];
}

static void
check(const struct fault *first, const struct fault *second)
{
	struct site site;
	site_open(&site);
	if (first->before != NULL)
		first->before(&site);
	if (second != NULL && second->before != NULL)
		second->before(&site);
	fake_sent_forget(site.net);
	unsigned bindings = row_bindings(&site, "alice@example.com");
	unsigned before = outcomes(&site, first->reason);
	send_broken(&site, first, second);
	struct str text = sent_text(&site, 0);
	const char *other = second == NULL ? "" : second->line;
	ck_assert_msg(sent_status(&site, 0) == first->status, "%s %s: %.*s", first->line, other,
		      STR_ARG(text));
	ck_assert_msg(first->text == NULL ||
			      memmem(text.p, text.len, first->text, strlen(first->text)) != NULL,
		      "%s %s: %.*s", first->line, other, STR_ARG(text));
	ck_assert_msg(first->status == 200 || outcomes(&site, first->reason) == before + 1,
		      "%s %s: %s was not counted", first->line, other, reason_word(first->reason));
	bool stale = memmem(text.p, text.len, "stale=true", 10) != NULL;
	ck_assert_msg(stale == (first->reason == REASON_NONCE_INVALID), "%s %s: %.*s", first->line,
		      other, STR_ARG(text));
	ck_assert_uint_eq(row_bindings(&site, "alice@example.com"), bindings);
	site_close(&site);
}

/* ORD-06 to ORD-49, UAS-8.2-1: each line by itself */
START_TEST(one_fault)
{
	for (size_t i = 0; i < FAULTS; i++)
		check(&faults[i], NULL);
}
END_TEST

/* ORD-06 to ORD-49, UAS-8.2-1: of any two, the first line decides */
START_TEST(two_faults)
{
	for (size_t i = 0; i < FAULTS; i++)
		for (size_t j = i + 1; j < FAULTS; j++)
			check(&faults[i], &faults[j]);
}
END_TEST

/* ORD-15, ORD-18: an unknown method is 501 before its CSeq is compared, and before its URI */
START_TEST(unknown_method)
{
	static const struct site_request cases[] = {
		{ .method = "FOO" },
		{ .method = "FOO", .cseq_method = "OPTIONS" },
		{ .method = "FOO", .uri = "http:example.com" },
		{ .method = "FOO", .uri = "sip:nowhere.example", .fields = "Require: foo\r\n" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct site site;
		site_open(&site);
		site_send(&site, cases[i]);
		ck_assert_msg(sent_status(&site, 0) == 501, "case %zu", i);
		ck_assert(!str_empty(sent_field(&site, 0, "Allow")));
		site_close(&site);
	}
}
END_TEST

/* ORD-12, ORD-14, ORD-17: ACK is never answered and CANCEL is matched, whatever is wrong further
 * down; what is malformed is answered 400, but not to an ACK */
START_TEST(ack_and_cancel)
{
	static const struct {
		struct site_request request;
		int status;
	} cases[] = {
		{ { .method = "ACK" }, 0 },
		{ { .method = "ACK", .uri = "http:x" }, 0 },
		{ { .method = "ACK", .call_id = "" }, 0 },
		{ { .method = "ACK", .fields = "Content-Length: 1\r\n" }, 0 },
		{ { .method = "CANCEL" }, 481 },
		{ { .method = "CANCEL", .uri = "http:x", .fields = "Require: foo\r\n" }, 481 },
		{ { .method = "CANCEL", .call_id = "" }, 400 },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct site site;
		site_open(&site);
		site_send(&site, cases[i].request);
		ck_assert_msg(sent_status(&site, 0) == cases[i].status, "case %zu", i);
		site_close(&site);
	}
}
END_TEST

/* ORD-22 to ORD-27, ORD-31, ORD-38: OPTIONS */
START_TEST(options)
{
	static const struct {
		struct site_request request;
		bool draining;
		int status;
	} cases[] = {
		{ { .uri = "sip:nowhere.example", .fields = "Max-Forwards: 0\r\n" }, false, 200 },
		{ { .uri = "sip:bob@nowhere.example", .fields = "Max-Forwards: 0\r\n" },
		  false,
		  200 },
		{ { .uri = "sip:nowhere.example?a=b", .fields = "Max-Forwards: 0\r\n" },
		  false,
		  400 },
		{ { .uri = "sip:nowhere.example", .fields = "Max-Forwards: 0\r\nRequire: foo\r\n" },
		  false,
		  420 },
		{ { .uri = "sip:nowhere.example", .fields = "Max-Forwards: 0\r\n" }, true, 503 },
		{ { .uri = "sip:nowhere.example", .fields = "Require: foo\r\n" }, false, 404 },
		{ { .uri = "sip:alice@example.com", .fields = "Require: foo\r\n" }, false, 420 },
		{ { .uri = "sips:alice@example.com" }, false, 400 },
		{ { .uri = "sip:alice@example.com" }, true, 404 },
		{ { .uri = "sip:example.com", .fields = "Contact: <sip:@>\r\n" }, false, 200 },
		{ { .uri = "sip:example.com", .to = "<tel:+1>" }, false, 200 },
		{ { .uri = "sip:example.com" }, true, 503 },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct site site;
		site_open(&site);
		if (cases[i].draining)
			requests_drain(site.requests, true);
		struct site_request request = cases[i].request;
		request.method = "OPTIONS";
		request.no_credentials = true;
		request.size = 400;
		site_send(&site, request);
		ck_assert_msg(sent_status(&site, 0) == cases[i].status, "case %zu: %d", i,
			      sent_status(&site, 0));
		site_close(&site);
	}
}
END_TEST

SUITE(order, one_fault, two_faults, unknown_method, ack_and_cancel, options)
