/* A request for a test, parsed from its text, with an arena and the domains of the baseline. */
#pragma once

#include <stdlib.h>

#include "base/arena.h"
#include "registrar/policy.h"
#include "sip/message.h"
#include "support/check_main.h"
#include "support/guard.h"

struct request {
	struct arena_pool pool;
	struct arena arena;
	struct str octets;
	struct sip_header *headers;
	struct sip_message message;
	enum sip_fault fault;
};

/* text is the whole message; the lines end in CRLF. */
static inline struct request *
request_parse(struct str text)
{
	const struct sip_limits limits = { .max_message_bytes = 65535, .max_body_bytes = 65535 };
	struct request *r = calloc(1, sizeof(*r));
	ck_assert_ptr_nonnull(r);
	arena_pool_init(&r->pool, 1 << 20);
	arena_init(&r->arena, &r->pool, 1 << 20);
	size_t lines = sip_message_lines(text);
	r->headers = calloc(lines, sizeof(*r->headers));
	r->octets = guard_copy(text);
	r->fault = sip_message_parse(&r->message, (char *)(uintptr_t)r->octets.p, r->octets.len,
				     SIP_DATAGRAM, &limits, r->headers, lines);
	return r;
}

static inline void
request_free(struct request *r)
{
	arena_reset(&r->arena);
	arena_pool_clear(&r->pool);
	free(r->headers);
	guard_free(r->octets);
	free(r);
}

/*
 * The fields that every request needs, then extra ("Require: foo\r\n…"), then the body. start is
 * "REGISTER sip:example.com"; a row of extra takes the place of the To that is usual.
 */
static inline struct request *
request_make(const char *start, const char *extra, const char *body)
{
	char text[32768];
	struct writer w = writer_on(text, sizeof(text));
	struct str method, uri;
	str_cut(str_of(start), ' ', &method, &uri);
	writer_text_z(&w, start);
	writer_str(&w, STR(" SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1;rport\r\n"
			   "From: <sip:alice@example.com>;tag=f1\r\n"));
	if (!str_istarts(str_of(extra), STR("To:")))
		writer_str(&w, STR("To: Alice <sip:alice@example.com>\r\n"));
	writer_str(&w, STR("Call-ID: c1@192.0.2.1\r\nCSeq: 1 "));
	writer_str(&w, method);
	writer_str(&w, STR("\r\n"));
	writer_text_z(&w, extra);
	writer_printf(&w, "Content-Length: %zu\r\n\r\n", strlen(body));
	writer_text_z(&w, body);
	ck_assert(writer_ok(&w));
	struct request *r = request_parse(writer_text(&w));
	ck_assert_msg(r->fault == SIP_FAULT_NONE, "%s: %s", start, sip_fault_phrase(r->fault));
	return r;
}

/* The baseline of the requirements (1.3): two domains, two aliases of the first. */
struct baseline {
	struct domain_name names[4];
	struct domain domains[2];
	struct policy policy;
};

static inline void
baseline_init(struct baseline *b)
{
	const struct digest_offer offer = { .algorithms = { DIGEST_SHA256, DIGEST_MD5 },
					    .count = 2 };
	*b = (struct baseline){
		.names = { { .host.text = STR("example.com"), .domain = &b->domains[0] },
			   { .host.text = STR("registrar.example.com"), .domain = &b->domains[0] },
			   { .host.text = STR("[2001:db8::10]"), .domain = &b->domains[0] },
			   { .host.text = STR("other.example"), .domain = &b->domains[1] } },
		.domains = { { .name = STR("example.com"), .offer = offer },
			     { .name = STR("other.example"), .offer = offer } },
		.policy = { .names = b->names,
			    .name_count = 4,
			    .limits = { .max_message_bytes = 65535, .max_body_bytes = 65535 },
			    .expires_default_s = 3600,
			    .expires_min_s = 60,
			    .expires_max_s = 7200,
			    .max_contacts = 10,
			    .max_contacts_per_request = 10,
			    .nonce_ttl_s = 300,
			    .retry_after_min_s = 20,
			    .retry_after_max_s = 90 },
	};
	ip_parse(b->names[2].host.text, &b->names[2].host.ip);
	policy_order_names(&b->policy);
}

static inline struct domain_name *
baseline_name(struct baseline *b, const char *name)
{
	for (size_t i = 0; i < b->policy.name_count; i++)
		if (str_eq(b->names[i].host.text, str_of(name)))
			return &b->names[i];
	ck_abort_msg("no %s", name);
}
