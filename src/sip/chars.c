/* The table of character classes. Each octet has one row, so that a class is one look-up and one
 * AND. */
#include "chars.h"

#define URI_ALL (CHAR_USER | CHAR_PASSWORD | CHAR_URI_PARAM | CHAR_URI_HEADER | CHAR_URIC)
#define MARK (URI_ALL | CHAR_UNRESERVED)
#define ALNUM (CHAR_TOKEN | CHAR_WORD | CHAR_HOST | CHAR_SCHEME | MARK)
#define TOKEN (CHAR_TOKEN | CHAR_WORD)

const uint16_t char_classes[256] = {
	['0' ... '9'] = ALNUM | CHAR_DIGIT,
	['A' ... 'Z'] = ALNUM | CHAR_ALPHA,
	['a' ... 'z'] = ALNUM | CHAR_ALPHA,
	['-'] = TOKEN | MARK | CHAR_HOST | CHAR_SCHEME,
	['.'] = TOKEN | MARK | CHAR_HOST | CHAR_SCHEME,
	['_'] = TOKEN | MARK | CHAR_HOST, /* no host name has one, many computers do */
	['!'] = TOKEN | MARK,
	['~'] = TOKEN | MARK,
	['*'] = TOKEN | MARK,
	['\''] = TOKEN | MARK,
	['('] = CHAR_WORD | MARK,
	[')'] = CHAR_WORD | MARK,
	['%'] = TOKEN,
	['`'] = TOKEN,
	['<'] = CHAR_WORD,
	['>'] = CHAR_WORD,
	['\\'] = CHAR_WORD,
	['"'] = CHAR_WORD,
	['{'] = CHAR_WORD,
	['}'] = CHAR_WORD,
	['['] = CHAR_WORD | CHAR_URI_PARAM | CHAR_URI_HEADER | CHAR_URIC,
	[']'] = CHAR_WORD | CHAR_URI_PARAM | CHAR_URI_HEADER | CHAR_URIC,
	['+'] = TOKEN | URI_ALL | CHAR_SCHEME | CHAR_RESERVED,
	[';'] = CHAR_USER | CHAR_URIC | CHAR_RESERVED,
	['/'] = CHAR_WORD | CHAR_USER | CHAR_URI_PARAM | CHAR_URI_HEADER | CHAR_URIC |
		CHAR_RESERVED,
	['?'] = CHAR_WORD | CHAR_USER | CHAR_URI_HEADER | CHAR_URIC | CHAR_RESERVED,
	[':'] = CHAR_WORD | CHAR_URI_PARAM | CHAR_URI_HEADER | CHAR_URIC | CHAR_RESERVED,
	['@'] = CHAR_URIC | CHAR_RESERVED,
	['&'] = CHAR_USER | CHAR_PASSWORD | CHAR_URI_PARAM | CHAR_URIC | CHAR_RESERVED,
	['='] = CHAR_USER | CHAR_PASSWORD | CHAR_URIC | CHAR_RESERVED,
	['$'] = URI_ALL | CHAR_RESERVED,
	[','] = CHAR_USER | CHAR_PASSWORD | CHAR_URIC | CHAR_RESERVED,
};

size_t
chars_span(struct str s, unsigned classes)
{
	size_t i = 0;
	while (i < s.len && char_is(s.p[i], classes))
		i++;
	return i;
}

size_t
chars_span_escaped(struct str s, unsigned classes)
{
	size_t i = 0;
	while (i < s.len) {
		if (s.p[i] == '%') {
			if (s.len - i < 3 || ascii_hex(s.p[i + 1]) < 0 || ascii_hex(s.p[i + 2]) < 0)
				break;
			i += 3;
		} else if (char_is(s.p[i], classes)) {
			i++;
		} else {
			break;
		}
	}
	return i;
}

bool
chars_only(struct str s, unsigned classes)
{
	return s.len > 0 && chars_span(s, classes) == s.len;
}

bool
chars_only_escaped(struct str s, unsigned classes)
{
	return s.len > 0 && chars_span_escaped(s, classes) == s.len;
}
