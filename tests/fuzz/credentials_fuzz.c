/*
 * Authorization rows, one a line of the input. Whatever they say, what is found has our realm, an
 * algorithm that was offered, and everything that a digest needs; and the same row written plainly
 * is found again with the same meaning.
 */
#include <stdint.h>
#include <stdlib.h>

#include "auth/credentials.h"
#include "base/writer.h"
#include "fuzz.h"

#define ROWS_MAX 16
#define REALM STR("example.com")
#define ARENA_BYTES ((size_t)4 << 20)

static const struct digest_offer offer = { .algorithms = { DIGEST_SHA256, DIGEST_MD5 },
					   .count = 2 };

static void
must(bool holds)
{
	if (!holds)
		abort();
}

/* Octets that can stand in a header value once it is unfolded. */
static bool
is_value(struct str row)
{
	return memchr(row.p, '\r', row.len) == NULL;
}

static void
add_row(struct sip_message *message, struct str row)
{
	uint16_t at = message->header_count++;
	message->headers[at] = (struct sip_header){ .id = SIP_HEADER_AUTHORIZATION,
						    .name = STR("Authorization"),
						    .value = str_trim(row),
						    .next = SIP_NO_HEADER };
	if (at == 0)
		message->first[SIP_HEADER_AUTHORIZATION] = 0;
	else
		message->headers[at - 1].next = at;
	message->rows[SIP_HEADER_AUTHORIZATION]++;
}

static void
message_init(struct sip_message *message, struct sip_header *headers)
{
	*message = (struct sip_message){ .headers = headers };
	for (size_t i = 0; i < SIP_HEADER_COUNT; i++)
		message->first[i] = SIP_NO_HEADER;
}

/* With all of ASCII escaped: control octets may stand in a value in no other way. */
static void
write_param(struct writer *w, const char *name, struct str value)
{
	writer_text_z(w, name);
	writer_char(w, '"');
	for (size_t i = 0; i < value.len; i++) {
		if ((unsigned char)value.p[i] < 0x80)
			writer_char(w, '\\');
		writer_char(w, value.p[i]);
	}
	writer_char(w, '"');
}

static struct str
write_plainly(const struct credentials *c, struct arena *arena)
{
	size_t room = 2 * (c->username.len + c->nonce.len + c->uri.len + c->response.len +
			   c->cnonce.len) +
		      200;
	char *buf = arena_alloc(arena, room);
	must(buf != NULL);
	struct writer w = writer_on(buf, room);
	write_param(&w, "Digest realm=", c->realm);
	write_param(&w, ", username=", c->username);
	write_param(&w, ", nonce=", c->nonce);
	write_param(&w, ", uri=", c->uri);
	write_param(&w, ", response=", c->response);
	writer_str(&w, STR(", algorithm="));
	writer_str(&w, digest_algorithm_name(c->algorithm));
	if (c->qop == DIGEST_QOP_AUTH) {
		writer_printf(&w, ", qop=auth, nc=%.*s", STR_ARG(c->nc_text));
		write_param(&w, ", cnonce=", c->cnonce);
	}
	must(writer_ok(&w));
	return writer_text(&w);
}

static void
check_found(const struct credentials *c, struct arena *arena)
{
	must(str_eq(c->realm, REALM));
	must(c->algorithm == DIGEST_SHA256 || c->algorithm == DIGEST_MD5);
	must(c->nc_text.len == (c->qop == DIGEST_QOP_AUTH ? 8 : 0));
	must(!str_empty(c->nonce) && !str_empty(c->response));

	struct sip_header header;
	struct sip_message again;
	message_init(&again, &header);
	add_row(&again, write_plainly(c, arena));
	struct credentials same;
	must(credentials_find(&same, &again, REALM, &offer, arena) == CREDENTIALS_FOUND);
	must(str_eq(same.username, c->username) && str_eq(same.nonce, c->nonce) &&
	     str_eq(same.uri, c->uri) && str_eq(same.response, c->response) &&
	     str_eq(same.cnonce, c->cnonce) && same.nc == c->nc && same.qop == c->qop &&
	     same.algorithm == c->algorithm);
}

static void
read_rows(struct sip_message *message, struct sip_header *headers, const uint8_t *data, size_t size)
{
	struct str rest = { (const char *)data, size };
	struct str row;
	bool more = true;
	message_init(message, headers);
	while (more && message->header_count < ROWS_MAX) {
		more = str_cut(rest, '\n', &row, &rest);
		if (is_value(row))
			add_row(message, row);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sip_header headers[ROWS_MAX];
	struct sip_message message;
	struct arena_pool pool;
	struct arena arena;
	struct credentials found;
	read_rows(&message, headers, data, size);
	arena_pool_init(&pool, ARENA_BYTES);
	arena_init(&arena, &pool, ARENA_BYTES);
	enum credentials_status status = credentials_find(&found, &message, REALM, &offer, &arena);
	if (arena_ok(&arena) && status == CREDENTIALS_FOUND)
		check_found(&found, &arena);
	arena_reset(&arena);
	arena_pool_clear(&pool);
	return 0;
}

static bool
same(const struct credentials *a, const struct credentials *b)
{
	return str_eq(a->username, b->username) && str_eq(a->realm, b->realm) &&
	       str_eq(a->nonce, b->nonce) && str_eq(a->uri, b->uri) &&
	       str_eq(a->response, b->response) && str_eq(a->cnonce, b->cnonce) &&
	       str_eq(a->nc_text, b->nc_text) && a->nc == b->nc && a->qop == b->qop &&
	       a->algorithm == b->algorithm;
}

/* Who sees that memory is out asks no further; who does not has the whole row. */
void
fuzz_little_memory(const uint8_t *data, size_t size)
{
	struct sip_header headers[ROWS_MAX];
	struct sip_message message;
	struct arena_pool pool;
	struct arena whole, part;
	struct credentials wanted, found;
	read_rows(&message, headers, data, size);
	arena_pool_init(&pool, 2 * ARENA_BYTES);
	arena_init(&whole, &pool, ARENA_BYTES);
	enum credentials_status status = credentials_find(&wanted, &message, REALM, &offer, &whole);
	for (size_t limit = 0; limit < ARENA_BYTES; limit = fuzz_more_memory(limit)) {
		arena_init(&part, &pool, limit);
		enum credentials_status now =
			credentials_find(&found, &message, REALM, &offer, &part);
		if (arena_ok(&part)) {
			must(now == status);
			must(now != CREDENTIALS_FOUND || same(&found, &wanted));
			limit = ARENA_BYTES; /* with more it is the same */
		}
		arena_reset(&part);
	}
	arena_reset(&whole);
	arena_pool_clear(&pool);
}
