/* A message parsed from a copy that ends at an unreadable page. */
#pragma once

#include <check.h>

#include "sip/frame.h"
#include "sip/message.h"
#include "sip/response.h"
#include "support/guard.h"

static const struct sip_limits default_limits = { .max_message_bytes = 65535,
						  .max_body_bytes = 65535 };

#define NOTHING_KNOWN ((struct sip_frame_known){ 0, false })

struct parsed {
	struct str text; /* the copy, unfolded by the parser */
	enum sip_fault fault;
	struct sip_message message;
	struct sip_header headers[SIP_MAX_LINES + 1];
};

static inline void
parse_limited(struct parsed *parsed, struct str text, enum sip_framing framing,
	      const struct sip_limits *limits)
{
	size_t capacity = sip_message_lines(text);
	ck_assert_uint_le(capacity, SIP_MAX_LINES + 1);
	parsed->text = guard_copy(text);
	parsed->fault = sip_message_parse(&parsed->message, (char *)parsed->text.p, text.len,
					  framing, limits, parsed->headers, capacity);
}

static inline void
parse(struct parsed *parsed, struct str text)
{
	parse_limited(parsed, text, SIP_DATAGRAM, &default_limits);
}

static inline void
release(struct parsed *parsed)
{
	guard_free(parsed->text);
}

#define ck_assert_slice_eq(slice, literal)                                                      \
	do {                                                                                    \
		struct str slice_ = (slice);                                                    \
		struct str literal_ = (literal);                                                \
		ck_assert_msg(str_eq(slice_, literal_), "%s is \"%.*s\", not \"%.*s\"", #slice, \
			      STR_ARG(slice_), STR_ARG(literal_));                              \
	} while (0)

/* A request with the usual fields; start and extra are put around them. Into buffer, which is large
 * enough for every test here. */
static inline struct str
request_text(char *buffer, size_t cap, const char *start, const char *fields, const char *body)
{
	struct writer w = writer_on(buffer, cap);
	writer_text_z(&w, start);
	writer_text_z(&w, "\r\n");
	writer_text_z(&w, fields);
	writer_text_z(&w, "\r\n");
	writer_text_z(&w, body);
	ck_assert(writer_ok(&w));
	return writer_text(&w);
}

#define VIA_ROW "Via: SIP/2.0/UDP 192.0.2.4:5062;branch=z9hG4bK74bf9;rport\r\n"
#define TO_ROW "To: <sip:alice@example.com>\r\n"
#define FROM_ROW "From: <sip:alice@example.com>;tag=a48s\r\n"
#define CALL_ID_ROW "Call-ID: 843817637684230@998sdasdh09\r\n"
#define CSEQ_ROW "CSeq: 1826 REGISTER\r\n"
#define USUAL_ROWS VIA_ROW TO_ROW FROM_ROW CALL_ID_ROW CSEQ_ROW
#define REGISTER_LINE "REGISTER sip:example.com SIP/2.0"

/* The usual rows, then extra. */
static inline struct str
usual_request(char *buffer, size_t cap, const char *start, const char *extra, const char *body)
{
	char fields[4096];
	struct writer w = writer_on(fields, sizeof(fields));
	writer_text_z(&w, USUAL_ROWS);
	writer_text_z(&w, extra);
	writer_char(&w, '\0');
	ck_assert(writer_ok(&w));
	return request_text(buffer, cap, start, fields, body);
}
