/*
 * A request as slices of its octets. The parser owns nothing and allocates nothing: the caller
 * lends the octets, which are unfolded in place before anything points at them, and the array of
 * headers.
 *
 *   stream octets ─ sip_frame() ─► one message ─ sip_message_parse() ─► struct sip_message, or the
 * fault to answer
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/reason.h"
#include "base/str.h"
#include "sip/address.h"
#include "sip/headers.h"
#include "sip/scan.h"
#include "sip/uri.h"
#include "sip/via.h"

enum sip_method {
	SIP_METHOD_UNKNOWN,
	SIP_METHOD_REGISTER,
	SIP_METHOD_OPTIONS,
	SIP_METHOD_ACK,
	SIP_METHOD_CANCEL,
	SIP_METHOD_KNOWN, /* INVITE, BYE and the others that are understood as methods and refused
			     with 405 */
};

#define SIP_MAX_LINES 1000u /* header lines of a message (PAR-LIM-2) */
#define SIP_MAX_VIAS 70u    /* Via values (PAR-LIM-5) */
#define SIP_MAX_CALL_ID 512u
#define SIP_MAX_INSTANCE 256u
#define SIP_MAX_USER_AGENT 256u /* stored, longer ones are cut */

struct sip_limits {
	uint32_t max_message_bytes; /* 65535 at most */
	uint32_t max_body_bytes;
};

enum sip_framing { SIP_DATAGRAM, SIP_STREAM };

/*
 * X(ID, status, reason phrase, reason, stream): what is wrong with a message. Status 0: no answer.
 * stream: whether a stream can go on after it (KEEP) or not (CLOSE): where the next message begins
 * is unknown, or was perhaps another question to somebody who read its lines otherwise, or the
 * sender does not speak SIP (ORD-07, -08, -11 to -13).
 */
enum sip_stream_fate { SIP_STREAM_KEEP, SIP_STREAM_CLOSE };
#define SIP_FAULTS(X)                                                                        \
	X(NONE, 0, "", NONE, KEEP)                                                           \
	X(RESPONSE, 0, "", NONE, KEEP)                                                       \
	X(NOT_SIP, 0, "", MALFORMED, CLOSE)                                                  \
	X(NO_VIA, 0, "", MALFORMED, CLOSE)                                                   \
	X(VERSION, 505, "Version Not Supported", VERSION_UNSUPPORTED, KEEP)                  \
	X(START_LINE, 400, "Malformed Request-Line", MALFORMED, KEEP)                        \
	X(LINE_END, 400, "Bare CR or LF in Header Section", MALFORMED, CLOSE)                \
	X(HEADER_LINE, 400, "Malformed Header Line", MALFORMED, CLOSE)                       \
	X(NO_EMPTY_LINE, 400, "Missing Empty Line after Header Section", MALFORMED, KEEP)    \
	X(CONTENT_LENGTH, 400, "Malformed Content-Length", MALFORMED, CLOSE)                 \
	X(CONTENT_LENGTH_REPEATED, 400, "Repeated Content-Length", MALFORMED, CLOSE)         \
	X(CONTENT_LENGTH_MISSING, 400, "Missing Content-Length", MALFORMED, CLOSE)           \
	X(BODY_SHORT, 400, "Body Shorter than Content-Length", MALFORMED, CLOSE)             \
	X(BODY_TOO_LARGE, 413, "Request Entity Too Large", TOO_LARGE, CLOSE)                 \
	X(MESSAGE_TOO_LARGE, 513, "Message Too Large", TOO_LARGE, CLOSE)                     \
	X(VIA, 400, "Malformed Via header field", MALFORMED, KEEP)                           \
	X(TOO_MANY_VIAS, 400, "Too Many Via values", MALFORMED, KEEP)                        \
	X(TO_MISSING, 400, "Missing To header field", MALFORMED, KEEP)                       \
	X(TO, 400, "Malformed To header field", MALFORMED, KEEP)                             \
	X(TO_REPEATED, 400, "Repeated To header field", MALFORMED, KEEP)                     \
	X(FROM_MISSING, 400, "Missing From header field", MALFORMED, KEEP)                   \
	X(FROM, 400, "Malformed From header field", MALFORMED, KEEP)                         \
	X(FROM_REPEATED, 400, "Repeated From header field", MALFORMED, KEEP)                 \
	X(CALL_ID_MISSING, 400, "Missing Call-ID header field", MALFORMED, KEEP)             \
	X(CALL_ID, 400, "Malformed Call-ID header field", MALFORMED, KEEP)                   \
	X(CALL_ID_REPEATED, 400, "Repeated Call-ID header field", MALFORMED, KEEP)           \
	X(CSEQ_MISSING, 400, "Missing CSeq header field", MALFORMED, KEEP)                   \
	X(CSEQ, 400, "Malformed CSeq header field", MALFORMED, KEEP)                         \
	X(CSEQ_REPEATED, 400, "Repeated CSeq header field", MALFORMED, KEEP)                 \
	X(MAX_FORWARDS_REPEATED, 400, "Repeated Max-Forwards header field", MALFORMED, KEEP) \
	X(CSEQ_METHOD, 400, "CSeq Method Differs from Request Method", MALFORMED, KEEP)      \
	X(METHOD_UNKNOWN, 501, "Not Implemented", METHOD_NOT_ALLOWED, KEEP)

enum sip_fault {
#define X(id, status, phrase, reason, stream) SIP_FAULT_##id,
	SIP_FAULTS(X)
#undef X
		SIP_FAULT_COUNT
};
int sip_fault_status(enum sip_fault fault);
const char *sip_fault_phrase(enum sip_fault fault);
enum reason sip_fault_reason(enum sip_fault fault);
/* True when a stream is to be closed after the answer, if any. */
bool sip_fault_closes(enum sip_fault fault);

#define SIP_NO_HEADER UINT16_MAX

struct sip_header {
	enum sip_header_id id;
	struct str name;
	struct str value; /* unfolded, without white space around it */
	uint16_t next;	  /* index of the next row of the same id, or SIP_NO_HEADER */
};

struct sip_message {
	struct str method_text;
	enum sip_method method;
	struct str uri_text; /* parsed by registrar/inspect.c, after the method was judged (ORD-18
				to ORD-22) */

	struct sip_header *headers;
	uint16_t header_count;
	uint16_t first[SIP_HEADER_COUNT];
	uint16_t rows[SIP_HEADER_COUNT];

	struct sip_via via; /* the topmost value */
	struct sip_address to;
	struct sip_address from;
	struct str to_tag; /* empty: none */
	struct str from_tag;
	struct str call_id;
	struct str cseq_text; /* the number as written */
	struct str cseq_method;
	uint32_t cseq;
	bool max_forwards_zero;
	struct str body;

	/* What an answer can copy even when the message has a fault; empty where absent. */
	struct str to_text;
	struct str from_text;
	struct str call_id_text;
	struct str cseq_line;
};

/* Header rows to reserve for sip_message_parse: lines in the header section, at most SIP_MAX_LINES
 * + 1. */
size_t sip_message_lines(struct str octets);
/*
 * Parses the octets of one datagram or of one framed message (ORD-06 to ORD-08, ORD-10 to ORD-15,
 * first match decides). text is unfolded in place (PAR-7.3.1-2), nothing else in it changes. On a
 * fault with a status, via and the *_text fields are good enough for sip_response_begin(). method
 * is set whenever the start line could be split.
 */
enum sip_fault sip_message_parse(struct sip_message *message, char *text, size_t len,
				 enum sip_framing framing, const struct sip_limits *limits,
				 struct sip_header *headers, size_t header_capacity);

/* The value of the first row, or an empty slice with *found false. */
struct str sip_message_value(const struct sip_message *message, enum sip_header_id id, bool *found);

/*
 * Walks the rows of one field in order: start with *row = message->first[id]; false at the end.
 *   for (uint16_t row = m->first[id]; sip_message_row(m, &row, &value);)
 */
bool sip_message_row(const struct sip_message *message, uint16_t *row, struct str *value);

/* Walks the values of a list field over all rows, as if they were one (PAR-7.3.1-3). */
struct sip_values {
	const struct sip_message *message;
	enum sip_header_id id;
	uint16_t row; /* the next one */
	struct str rest;
	bool bad; /* an empty member, or a row without any where that is illegal (PAR-25-4: any
		     field here but Supported): the walk ended there */
};
struct sip_values sip_message_values(const struct sip_message *message, enum sip_header_id id);
bool sip_next_value(struct sip_values *values, struct str *value);

/* True when the list field (Require, Supported) names the option tag, without case. */
bool sip_message_lists(const struct sip_message *message, enum sip_header_id id, struct str tag);
