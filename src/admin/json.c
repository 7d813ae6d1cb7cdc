/* Values of answers: see the header. */
#include "json.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/csv.h"
#include "base/harmless.h"
#include "base/wipe.h"
#include "base/writer.h"
#include "store/rows.h"

/* --- memory ------------------------------------------------------------------------------ */

static bool refused; /* since the last question; jansson's allocator takes no argument */

static void *
allocate(size_t size)
{
	void *memory = malloc(size);
	refused = refused || memory == NULL;
	return memory;
}

void
json_use_memory(void)
{
	json_set_alloc_funcs(allocate, wipe_free);
}

void
json_begin(void)
{
	refused = false;
}

bool
json_whole(void)
{
	bool whole = !refused;
	refused = false;
	return whole;
}

json_t *
json_read(const char *text, size_t len, json_error_t *error, bool *no_room)
{
	json_begin();
	json_t *document = json_loadb(text, len, JSON_REJECT_DUPLICATES, error);
	*no_room = refused;
	return document;
}

/* --- values ------------------------------------------------------------------------------ */

/* U+FFFD */
#define REPLACEMENT "\xef\xbf\xbd"

/*
 * Length of the UTF-8 sequence at p, or 0 when it is not one (Unicode 15, table 3-7) or a NUL: a
 * phone may send one, but whoever reads \u0000 cuts his text off there or refuses all of it, as
 * jansson and PostgreSQL do.
 */
static size_t
utf8_length(const unsigned char *p, size_t left)
{
	if (p[0] == '\0')
		return 0;
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
	char *text = allocate(cap + 1);
	struct writer w = writer_on(text, text == NULL ? 0 : cap);
	const unsigned char *p = (const unsigned char *)octets.p;
	for (size_t i = 0; text != NULL && i < octets.len;) {
		size_t len = utf8_length(p + i, octets.len - i);
		writer_str(&w, len == 0 ? STR(REPLACEMENT) : str_slice(octets, i, len));
		i += len == 0 ? 1 : len;
	}
	json_t *value = text == NULL ? NULL : json_stringn(text, w.len);
	wipe_free(text);
	return value;
}

bool
json_says(struct str octets)
{
	const unsigned char *p = (const unsigned char *)octets.p;
	for (size_t i = 0, len; i < octets.len; i += len) {
		len = utf8_length(p + i, octets.len - i);
		if (len == 0)
			return false;
	}
	return true;
}

json_t *
json_wire(struct arena *arena, struct str wire)
{
	char *text = arena_alloc(arena, wire.len + 1);
	struct writer w = writer_on(text, text == NULL ? 0 : wire.len);
	refused = refused || text == NULL;
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

/* As many digits as a double surely has: 0.3 is to stay 0.3. Who measures rounds. */
#define FLAGS (JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(15))

char *
json_written(const json_t *document)
{
	return document == NULL ? NULL : json_dumps(document, FLAGS);
}

void
json_write(FILE *out, const json_t *document)
{
	json_dumpf(document, out, FLAGS);
}

static json_t *
joined(const json_t *list)
{
	json_t *text = json_string(""), *item;
	size_t index;
	json_array_foreach(list, index, item)
	{
		json_t *longer = json_sprintf("%s%s%s", json_string_value(text),
					      index == 0 ? "" : ",", json_string_value(item));
		json_decref(text);
		text = longer;
	}
	return text;
}

static void
write_text(FILE *out, const char *text, bool exact)
{
	char *copy = NULL;
	if (!exact && text != NULL) {
		size_t size = strlen(text) + 1;
		copy = allocate(size);
		if (copy != NULL) {
			memcpy(copy, text, size);
			harmless(copy, true);
		}
		text = copy;
	}
	csv_write_cell(out, text == NULL ? "" : text);
	wipe_free(copy);
}

void
json_write_cell(FILE *out, const json_t *value, bool exact)
{
	if (json_is_string(value)) {
		write_text(out, json_string_value(value), exact);
	} else if (json_is_array(value)) {
		json_t *text = joined(value);
		write_text(out, json_string_value(text), exact);
		json_decref(text);
	} else if (value != NULL && !json_is_null(value)) {
		json_dumpf(value, out, FLAGS | JSON_ENCODE_ANY);
	}
}
