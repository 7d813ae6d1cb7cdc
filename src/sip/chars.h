/* Character classes of RFC 3261 §25.1 as one table of bits; used by the parsers of this module
 * only. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

enum char_class {
	CHAR_TOKEN = 1 << 0,
	CHAR_WORD = 1 << 1,
	CHAR_ALPHA = 1 << 2,
	CHAR_DIGIT = 1 << 3,
	CHAR_HOST = 1 << 4,   /* of a name or an IPv4 address */
	CHAR_SCHEME = 1 << 5, /* after the first letter */
	/* Components of a URI; an escape is legal in each besides. */
	CHAR_USER = 1 << 6,
	CHAR_PASSWORD = 1 << 7,
	CHAR_URI_PARAM = 1 << 8,
	CHAR_URI_HEADER = 1 << 9,
	CHAR_URIC = 1 << 10,	   /* of any other absoluteURI */
	CHAR_UNRESERVED = 1 << 11, /* alphanum and mark */
	CHAR_RESERVED = 1 << 12,   /* an escape of it is not equal to it, §19.1.4 */
};

extern const uint16_t char_classes[256];

static inline bool
char_is(char c, unsigned classes)
{
	return (char_classes[(unsigned char)c] & classes) != 0;
}

/* Length of the prefix whose octets are all of one of the classes. */
size_t chars_span(struct str s, unsigned classes);
/* The same, %HH taken as one of them; stops before an escape that is broken. */
size_t chars_span_escaped(struct str s, unsigned classes);
/* True when s is not empty and nothing but that. */
bool chars_only(struct str s, unsigned classes);
bool chars_only_escaped(struct str s, unsigned classes);
