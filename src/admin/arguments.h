/* What a request asks for, beside its body: arguments, addresses, pages. */
#pragma once

#include "exchange.h"

/* Percent-decoded in the arena; a broken escape stays as it is. */
struct str argument_decoded(struct arena *arena, struct str raw);
/* A text as a segment of a path, in the arena: argument_decoded() gives the text again. "" without
 * memory. */
const char *argument_encoded(struct arena *arena, const char *text);
/* Any octets as a user part has them, %HH outside the unreserved characters. */
struct str argument_user_part(struct arena *arena, struct str octets);
/* The value of a query argument; empty when absent. */
struct str argument(struct exchange *x, const char *name);
/* The same as a parameter of a statement: NULL when absent. False, and answered 400, when it holds
 * other octets than printable ASCII, which no value that we compare with has. */
bool argument_param(struct exchange *x, const char *name, const char **param);
/* A prefix of user parts, in the canonical spelling of the database. */
bool argument_user_param(struct exchange *x, const char **param);
/* The name of a domain, in lower case. */
bool argument_domain(struct exchange *x, const char **param);
/* A prefix of addresses in canonical text, of any of them alone too. */
bool argument_prefix(struct exchange *x, const char *name, const char **param);
/* A moment in ms since 1970: RFC 3339, or seconds from now_ms on. */
bool argument_moment(struct exchange *x, const char *name, int64_t now_ms, const char **param);
/* Any octets as wire text (D-12). */
bool argument_wire(struct exchange *x, const char *name, const char **param);
/* One of these words; NULL at the end of them. */
bool argument_word(struct exchange *x, const char *name, const char *const *words,
		   const char **param);
/* False, and answered, when there is an argument that stands twice or is not among names, which
 * blanks separate: a misspelt filter must not list everything. */
bool arguments_known(struct exchange *x, const char *names);

/* NUL-terminated copy in the arena, "" without memory. */
const char *arena_text(struct arena *arena, struct str s);

/* An address-of-record and its parts, canonical. */
struct address {
	struct str key; /* user@domain */
	struct str user;
	struct str domain;
};
/* From "alice@example.com" or "sip:alice@example.com", or from its two halves. */
bool address_parse(struct arena *arena, struct str text, struct address *address);
bool address_join(struct arena *arena, struct str user, struct str domain, struct address *address);
/* That of the path's first segment; false, and answered 400, when it is none. */
bool address_of_path(struct exchange *x, struct address *address);

/* page_size and page_token; false, and answered, when they are no good. */
struct page {
	unsigned size;
	struct str after; /* the page is behind this key and id, empty on the first */
	struct str after_id;
};
bool page_asked(struct exchange *x, struct page *page);
/* The token for the page behind that key and id. */
json_t *page_token(struct arena *arena, struct str key, struct str id);
bool page_token_read(struct arena *arena, struct str token, struct page *page);
