/*
 * A record as one piece of memory: its arrays and texts lie behind it, so that it can be kept and
 * given up as a whole.
 */
#include "registrar/record.h"

#include <stdalign.h>
#include <stddef.h>
#include <string.h>

#define ALIGNMENT alignof(max_align_t)

static const size_t binding_texts[] = {
	offsetof(struct binding, id),	      offsetof(struct binding, uri),
	offsetof(struct binding, display),    offsetof(struct binding, params),
	offsetof(struct binding, call_id),    offsetof(struct binding, instance),
	offsetof(struct binding, user_agent), offsetof(struct binding, path),
	offsetof(struct binding, node),	      offsetof(struct binding, source),
	offsetof(struct binding, peer),
};
#define BINDING_TEXTS (sizeof(binding_texts) / sizeof(*binding_texts))

/* Where the next piece goes; base NULL: the pieces are only measured. */
struct piece {
	char *base;
	size_t used;
};

static void *
put(struct piece *piece, const void *octets, size_t size)
{
	char *copy = piece->base == NULL ? NULL : piece->base + piece->used;
	if (copy != NULL && size > 0)
		memcpy(copy, octets, size);
	piece->used += size;
	return copy;
}

static void *
put_array(struct piece *piece, const void *elements, size_t count, size_t size)
{
	piece->used = (piece->used + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	return put(piece, elements, count * size);
}

/* copy is where the slice lies in the copy, NULL when measuring. */
static void
put_text(struct piece *piece, struct str text, struct str *copy)
{
	const char *at = put(piece, text.p, text.len);
	if (copy != NULL)
		copy->p = at;
}

static void
put_bindings(struct piece *piece, const struct record *record, struct record *copy)
{
	struct binding *bindings = put_array(piece, record->bindings, record->binding_count,
					     sizeof(*record->bindings));
	if (copy != NULL)
		copy->bindings = bindings;
	for (uint32_t i = 0; i < record->binding_count; i++) {
		for (size_t j = 0; j < BINDING_TEXTS; j++) {
			const char *from = (const char *)&record->bindings[i] + binding_texts[j];
			char *to =
				bindings == NULL ? NULL : (char *)&bindings[i] + binding_texts[j];
			put_text(piece, *(const struct str *)(const void *)from,
				 (struct str *)(void *)to);
		}
	}
}

static void
put_account(struct piece *piece, const struct account *account, struct account *copy)
{
	struct str *allowed = put_array(piece, account->allowed, account->allowed_count,
					sizeof(*account->allowed));
	if (copy != NULL)
		copy->allowed = allowed;
	for (uint32_t i = 0; i < account->allowed_count; i++)
		put_text(piece, account->allowed[i], allowed == NULL ? NULL : &allowed[i]);
	put_text(piece, account->aor, copy == NULL ? NULL : &copy->aor);
	for (int i = 0; i < DIGEST_ALGORITHM_COUNT; i++)
		put_text(piece, account->ha1[i], copy == NULL ? NULL : &copy->ha1[i]);
}

static size_t
put_record(struct piece *piece, const struct record *record)
{
	struct record *copy = put_array(piece, record, 1, sizeof(*record));
	put_bindings(piece, record, copy);
	struct nonce_mark *marks =
		put_array(piece, record->marks, record->mark_count, sizeof(*record->marks));
	if (copy != NULL)
		copy->marks = marks;
	put_account(piece, &record->account, copy == NULL ? NULL : &copy->account);
	return piece->used;
}

/* Octets of the JSON of a binding beside its texts, and of a text beside its octets: punctuation
 * and keys, and numbers as long as they get. */
#define STORED_BINDING_OCTETS 140u
#define STORED_TEXT_OCTETS 7u

/* What is no printable ASCII is stored as \\xHH, a quote as \" (D-12). */
static size_t
stored_text_octets(struct str text)
{
	size_t octets = text.len == 0 ? 0 : STORED_TEXT_OCTETS;
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.p[i];
		if (c < 0x20 || c >= 0x7f || c == '\\')
			octets += 5;
		else
			octets += c == '"' ? 2 : 1;
	}
	return octets;
}

size_t
binding_stored_octets(const struct binding *binding)
{
	size_t octets = STORED_BINDING_OCTETS;
	for (size_t i = 0; i < BINDING_TEXTS; i++) {
		const char *at = (const char *)binding + binding_texts[i];
		octets += stored_text_octets(*(const struct str *)(const void *)at);
	}
	return octets;
}

size_t
record_size(const struct record *record)
{
	return put_record(&(struct piece){ 0 }, record);
}

struct record *
record_copy(void *memory, const struct record *record)
{
	put_record(&(struct piece){ .base = memory }, record);
	return memory;
}
