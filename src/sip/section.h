/*
 * Where the pieces of a message begin and end: start line, rows of the header section. Shared by
 * sip_frame() and sip_message_parse(), which must never disagree.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"
#include "sip/headers.h"
#include "sip/message.h"

/* Octets before the first CR or LF; all, when there is none. */
size_t section_line_len(struct str octets);

enum section_end { SECTION_END_CRLF, SECTION_END_BARE, SECTION_END_NONE };

/*
 * The line that *rest starts with, without its end; false when *rest is empty. A bare CR or LF ends
 * a line too, so that no line holds one: the message is refused (PAR-7.1-2), but its answer is
 * built.
 */
bool section_next_line(struct str *rest, struct str *line, enum section_end *end);

/* One header field: a line and those that continue it. */
struct section_row {
	struct str first; /* the first line, without its end */
	struct str whole; /* all lines, without the last end */
	size_t lines;	  /* of more than SIP_MAX_LINES only one more is read */
	bool bare_end;	  /* a bare CR or LF among the line ends */
	bool ended;	  /* the last line has an end */
};
/* False when *rest is empty. The empty line that ends the section is a row with an empty first. */
bool section_next_row(struct str *rest, struct section_row *row);

enum start_kind { START_REQUEST, START_RESPONSE, START_NOT_SIP };
struct start_line {
	struct str method;
	struct str uri;
	struct str version;
	bool malformed; /* ORD-11: a request by its looks, to be answered 400 */
};
/* ORD-06, ORD-07. */
enum start_kind start_line_split(struct start_line *start, struct str line);

enum sip_header_id section_header_id(struct str name);
/* PAR-20.14-1: 1*DIGIT, at most 2^31-1. */
bool section_content_length(struct str value, size_t *length);
