/*
 * The header fields that the server reads. X(ID, long name, compact form or 0, kind)
 * SINGLE: at most once. LIST: comma list, any number of rows. ROWS: any number of rows, never split
 * at commas. LOOSE: read, but a repeat or bad syntax harms nobody (the first row counts).
 */
#pragma once

#define SIP_HEADERS(X)                                           \
	X(VIA, "Via", 'v', LIST)                                 \
	X(FROM, "From", 'f', SINGLE)                             \
	X(TO, "To", 't', SINGLE)                                 \
	X(CALL_ID, "Call-ID", 'i', SINGLE)                       \
	X(CSEQ, "CSeq", 0, SINGLE)                               \
	X(MAX_FORWARDS, "Max-Forwards", 0, SINGLE)               \
	X(CONTENT_LENGTH, "Content-Length", 'l', SINGLE)         \
	X(CONTENT_TYPE, "Content-Type", 'c', SINGLE)             \
	X(CONTENT_ENCODING, "Content-Encoding", 'e', LIST)       \
	X(CONTENT_LANGUAGE, "Content-Language", 0, LIST)         \
	X(CONTENT_DISPOSITION, "Content-Disposition", 0, SINGLE) \
	X(EXPIRES, "Expires", 0, SINGLE)                         \
	X(CONTACT, "Contact", 'm', LIST)                         \
	X(AUTHORIZATION, "Authorization", 0, ROWS)               \
	X(REQUIRE, "Require", 0, LIST)                           \
	X(SUPPORTED, "Supported", 'k', LIST)                     \
	X(PATH, "Path", 0, LIST)                                 \
	X(USER_AGENT, "User-Agent", 0, LOOSE)                    \
	X(TIMESTAMP, "Timestamp", 0, LOOSE)

enum sip_header_id {
#define X(id, name, compact, kind) SIP_HEADER_##id,
	SIP_HEADERS(X)
#undef X
		SIP_HEADER_OTHER,
	SIP_HEADER_COUNT
};
