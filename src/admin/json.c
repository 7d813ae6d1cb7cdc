/* Values of answers: see the header. */
#include "json.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/writer.h"
#include "store/rows.h"

/* U+FFFD */
#define REPLACEMENT "\xef\xbf\xbd"

/* Length of the UTF-8 sequence at p, or 0 when it is not one (Unicode 15, table 3-7). */
static size_t
utf8_length(const unsigned char *p, size_t left)
{
	if (p[0] < 0x80)
		return 1;
	size_t len = p[0] >= 0xc2 && p[0] <= 0xdf   ? 2
		     : p[0] >= 0xe0 && p[0] <= 0xef ? 3
		     : p[0] >= 0xf0 && p[0] <= 0xf4 ? 4
						    : 0;
	if (len == 0 || len > left)
		return 0;
	for (size_t i = 1; i < len; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return len;
}

json_t *
json_octets(struct str octets)
{
	size_t cap = octets.len * (sizeof(REPLACEMENT) - 1);
	char *text = malloc(cap + 1);
	struct writer w = writer_on(text, text == NULL ? 0 : cap);
	const unsigned char *p = (const unsigned char *)octets.p;
	for (size_t i = 0; text != NULL && i < octets.len;) {
		size_t len = utf8_length(p + i, octets.len - i);
		writer_str(&w, len == 0 ? STR(REPLACEMENT) : str_slice(octets, i, len));
		i += len == 0 ? 1 : len;
	}
	json_t *value = text == NULL ? NULL : json_stringn(text, w.len);
	free(text);
	return value;
}

json_t *
json_wire(struct arena *arena, struct str wire)
{
	char *text = arena_alloc(arena, wire.len + 1);
	struct writer w = writer_on(text, text == NULL ? 0 : wire.len);
	return wire_decode(&w, wire) ? json_octets(writer_text(&w)) : json_octets(wire);
}

json_t *
json_aor(struct str key)
{
	return json_sprintf("sip:%.*s", STR_ARG(key));
}

json_t *
json_time(int64_t real_ms)
{
	char text[25];
	clock_rfc3339(real_ms, text);
	text[19] = 'Z';
	return json_stringn(text, 20);
}

/* Four digits: no real number here (q) has more, and 0.3 is to stay 0.3. */
char *
json_written(const json_t *document)
{
	return document == NULL ? NULL
				: json_dumps(document, JSON_COMPACT | JSON_PRESERVE_ORDER |
							       JSON_REAL_PRECISION(4));
}
