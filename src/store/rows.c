/*
 * The JSON columns of an address-of-record. One table says which key holds which member of a
 * binding; writing and reading both walk it. Written by hand, because the text is ASCII already and
 * goes straight into the parameters of a statement; read with jansson, because others may have
 * edited it.
 */
#include "store/rows.h"

#include <jansson.h>
#include <stddef.h>

enum field_kind { FIELD_WIRE, FIELD_U32, FIELD_TIME, FIELD_Q, FIELD_TRANSPORT, FIELD_SECURE };

struct field {
	struct str key;
	enum field_kind kind;
	size_t at;
	bool required;
};

#define FIELD_KEY(literal)                   \
	{                                    \
		literal, sizeof(literal) - 1 \
	}

/* Short keys: beyond 2 KB a row leaves its page and refreshes get dear. */
static const struct field fields[] = {
	{ FIELD_KEY("id"), FIELD_WIRE, offsetof(struct binding, id), true },
	{ FIELD_KEY("u"), FIELD_WIRE, offsetof(struct binding, uri), true },
	{ FIELD_KEY("d"), FIELD_WIRE, offsetof(struct binding, display), false },
	{ FIELD_KEY("p"), FIELD_WIRE, offsetof(struct binding, params), false },
	{ FIELD_KEY("q"), FIELD_Q, offsetof(struct binding, q), false },
	{ FIELD_KEY("r"), FIELD_U32, offsetof(struct binding, requested_s), false },
	{ FIELD_KEY("e"), FIELD_TIME, offsetof(struct binding, expires_ms), true },
	{ FIELD_KEY("c"), FIELD_WIRE, offsetof(struct binding, call_id), true },
	{ FIELD_KEY("s"), FIELD_U32, offsetof(struct binding, cseq), true },
	{ FIELD_KEY("i"), FIELD_WIRE, offsetof(struct binding, instance), false },
	{ FIELD_KEY("a"), FIELD_WIRE, offsetof(struct binding, user_agent), false },
	{ FIELD_KEY("h"), FIELD_WIRE, offsetof(struct binding, path), false },
	{ FIELD_KEY("n"), FIELD_WIRE, offsetof(struct binding, node), false },
	{ FIELD_KEY("t"), FIELD_TRANSPORT, offsetof(struct binding, transport), false },
	{ FIELD_KEY("w"), FIELD_SECURE, offsetof(struct binding, secure), false },
	{ FIELD_KEY("f"), FIELD_WIRE, offsetof(struct binding, source), false },
	{ FIELD_KEY("g"), FIELD_WIRE, offsetof(struct binding, peer), false },
	{ FIELD_KEY("k"), FIELD_TIME, offsetof(struct binding, created_ms), false },
	{ FIELD_KEY("m"), FIELD_TIME, offsetof(struct binding, updated_ms), false },
};
#define FIELD_COUNT (sizeof(fields) / sizeof(*fields))

#define Q_MAX 1000

/* Wire text as a JSON string: its backslashes are doubled, so an odd octet becomes \\xHH. */
static void
write_wire(struct writer *w, struct str octets)
{
	size_t start = 0;
	writer_char(w, '"');
	for (size_t i = 0; i < octets.len; i++) {
		unsigned char c = (unsigned char)octets.p[i];
		if (c >= 0x20 && c < 0x7f && c != '\\' && c != '"')
			continue;
		writer_str(w, str_slice(octets, start, i - start));
		writer_char(w, '\\');
		wire_encode(w, str_slice(octets, i, 1));
		start = i + 1;
	}
	writer_str(w, str_slice(octets, start, octets.len));
	writer_char(w, '"');
}

/* What the transport alone tells is left out. */
static bool
secure_by_transport(const struct binding *binding)
{
	return binding->transport == TRANSPORT_TLS;
}

/* False when the value is one that is left out. */
static bool
present(const struct field *field, const struct binding *binding, const void *member)
{
	if (field->required)
		return true;
	if (field->kind == FIELD_WIRE)
		return !str_empty(*(const struct str *)member);
	if (field->kind == FIELD_SECURE)
		return binding->secure != secure_by_transport(binding);
	return field->kind != FIELD_Q || *(const int16_t *)member >= 0;
}

static void
write_value(struct writer *w, const struct field *field, const void *member)
{
	switch (field->kind) {
	case FIELD_WIRE:
		write_wire(w, *(const struct str *)member);
		break;
	case FIELD_U32:
		writer_u64(w, *(const uint32_t *)member);
		break;
	case FIELD_TIME:
		writer_i64(w, *(const int64_t *)member);
		break;
	case FIELD_Q:
		writer_i64(w, *(const int16_t *)member);
		break;
	case FIELD_TRANSPORT:
		write_wire(w, str_of(transport_word(*(const enum transport *)member)));
		break;
	case FIELD_SECURE:
		writer_text_z(w, *(const bool *)member ? "true" : "false");
		break;
	}
}

static void
write_binding(struct writer *w, const struct binding *binding)
{
	char separator = '{';
	for (size_t i = 0; i < FIELD_COUNT; i++) {
		const void *member = (const char *)binding + fields[i].at;
		if (!present(&fields[i], binding, member))
			continue;
		writer_char(w, separator);
		writer_char(w, '"');
		writer_str(w, fields[i].key);
		writer_str(w, STR("\":"));
		write_value(w, &fields[i], member);
		separator = ',';
	}
	writer_char(w, '}');
}

void
rows_bindings_write(struct writer *w, const struct record *record)
{
	writer_char(w, '[');
	for (uint32_t i = 0; i < record->binding_count; i++) {
		if (i > 0)
			writer_char(w, ',');
		write_binding(w, &record->bindings[i]);
	}
	writer_char(w, ']');
}

static bool
read_wire(struct str *value, const json_t *json, struct arena *arena)
{
	if (!json_is_string(json))
		return false;
	size_t len = json_string_length(json);
	char *octets = arena_alloc(arena, len);
	if (octets == NULL)
		return false;
	struct writer w = writer_on(octets, len);
	if (!wire_decode(&w, (struct str){ json_string_value(json), len }))
		return false;
	*value = writer_text(&w);
	return true;
}

static bool
read_number(int64_t *value, const json_t *json, int64_t min, int64_t max)
{
	if (!json_is_integer(json))
		return false;
	*value = json_integer_value(json);
	return *value >= min && *value <= max;
}

static bool
read_u32(uint32_t *value, const json_t *json)
{
	int64_t number;
	if (!read_number(&number, json, 0, UINT32_MAX))
		return false;
	*value = (uint32_t)number;
	return true;
}

static bool
read_transport(enum transport *value, const json_t *json)
{
	if (!json_is_string(json))
		return false;
	for (int i = 0; i < TRANSPORT_COUNT; i++) {
		if (strcmp(json_string_value(json), transport_word((enum transport)i)) == 0) {
			*value = (enum transport)i;
			return true;
		}
	}
	return false;
}

static bool
read_value(const struct field *field, void *member, const json_t *json, struct arena *arena)
{
	int64_t number;
	switch (field->kind) {
	case FIELD_WIRE:
		return read_wire(member, json, arena);
	case FIELD_U32:
		return read_u32(member, json);
	case FIELD_TIME:
		return read_number(member, json, INT64_MIN, INT64_MAX);
	case FIELD_Q:
		if (!read_number(&number, json, 0, Q_MAX))
			return false;
		*(int16_t *)member = (int16_t)number;
		return true;
	case FIELD_TRANSPORT:
		return read_transport(member, json);
	case FIELD_SECURE:
		*(bool *)member = json_is_true(json);
		return json_is_boolean(json);
	}
	return false;
}

static bool
read_binding(struct binding *binding, const json_t *json, struct arena *arena)
{
	if (!json_is_object(json))
		return false;
	binding->q = -1;
	for (size_t i = 0; i < FIELD_COUNT; i++) {
		const json_t *value = json_object_get(json, fields[i].key.p);
		if (value == NULL && fields[i].required)
			return false;
		if (value != NULL &&
		    !read_value(&fields[i], (char *)binding + fields[i].at, value, arena))
			return false;
	}
	if (json_object_get(json, "w") == NULL)
		binding->secure = secure_by_transport(binding);
	return true;
}

static bool
read_bindings(struct record *record, const json_t *json, struct arena *arena)
{
	if (!json_is_array(json))
		return false;
	size_t count = json_array_size(json);
	struct binding *bindings = arena_array(arena, count, sizeof(*bindings));
	if (bindings == NULL || count > UINT32_MAX)
		return false;
	for (size_t i = 0; i < count; i++)
		if (!read_binding(&bindings[i], json_array_get(json, i), arena))
			return false;
	record->bindings = bindings;
	record->binding_count = (uint32_t)count;
	return true;
}

bool
rows_bindings_read(struct record *record, struct str text, struct arena *arena)
{
	record->bindings = NULL;
	record->binding_count = 0;
	json_t *json = json_loadb(text.p, text.len, 0, NULL);
	bool good = read_bindings(record, json, arena);
	json_decref(json);
	return good;
}

void
rows_marks_write(struct writer *w, const struct record *record)
{
	writer_char(w, '{');
	if (record->mark_floor_s > 0) {
		writer_text_z(w, "\"f\":");
		writer_u64(w, record->mark_floor_s);
		writer_text_z(w, record->mark_count > 0 ? "," : "");
	}
	for (uint32_t i = 0; i < record->mark_count; i++) {
		const struct nonce_mark *mark = &record->marks[i];
		writer_text_z(w, i == 0 ? "\"m\":[[\"" : ",[\"");
		writer_hex(w, mark->nonce.id, sizeof(mark->nonce.id));
		writer_text_z(w, "\",");
		writer_u64(w, mark->nonce.issued_s);
		writer_char(w, ',');
		writer_u64(w, mark->nc);
		writer_char(w, ']');
	}
	writer_text_z(w, record->mark_count > 0 ? "]}" : "}");
}

static bool
read_nonce_id(uint8_t id[static NONCE_ID_BYTES], const json_t *json)
{
	if (!json_is_string(json) || json_string_length(json) != (size_t)2 * NONCE_ID_BYTES)
		return false;
	const char *hex = json_string_value(json);
	for (size_t i = 0; i < NONCE_ID_BYTES; i++) {
		int high = ascii_hex(hex[2 * i]);
		int low = ascii_hex(hex[2 * i + 1]);
		if (high < 0 || low < 0)
			return false;
		id[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static bool
read_mark(struct nonce_mark *mark, const json_t *json)
{
	return json_is_array(json) && json_array_size(json) == 3 &&
	       read_nonce_id(mark->nonce.id, json_array_get(json, 0)) &&
	       read_u32(&mark->nonce.issued_s, json_array_get(json, 1)) &&
	       read_u32(&mark->nc, json_array_get(json, 2));
}

static bool
read_marks(struct record *record, const json_t *json, struct arena *arena)
{
	const json_t *floor = json_object_get(json, "f");
	const json_t *list = json_object_get(json, "m");
	if (!json_is_object(json) || (list != NULL && !json_is_array(list)))
		return false;
	if (floor != NULL && !read_u32(&record->mark_floor_s, floor))
		return false;
	size_t count = json_array_size(list);
	record->marks = arena_array(arena, count, sizeof(*record->marks));
	if (record->marks == NULL || count > UINT32_MAX)
		return false;
	for (size_t i = 0; i < count; i++)
		if (!read_mark(&record->marks[i], json_array_get(list, i)))
			return false;
	record->mark_count = (uint32_t)count;
	return true;
}

bool
rows_marks_read(struct record *record, struct str text, struct arena *arena)
{
	record->marks = NULL;
	record->mark_count = 0;
	record->mark_floor_s = 0;
	json_t *json = json_loadb(text.p, text.len, 0, NULL);
	bool good = read_marks(record, json, arena);
	json_decref(json);
	if (!good) {
		record->marks = NULL;
		record->mark_floor_s = 0;
	}
	return good;
}
