/* Bounded output. Failure is sticky: write the whole thing, then ask writer_ok() once. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct writer {
	char *buf;
	size_t len;
	size_t cap;
	bool failed; /* something did not fit; what was written before it stays */
};

static inline struct writer
writer_on(char *buf, size_t cap)
{
	return (struct writer){ .buf = buf, .cap = cap };
}
static inline bool
writer_ok(const struct writer *w)
{
	return !w->failed;
}
static inline struct str
writer_text(const struct writer *w)
{
	return (struct str){ w->buf, w->len };
}
void writer_str(struct writer *w, struct str s);
void writer_text_z(struct writer *w, const char *text);
static inline void
writer_char(struct writer *w, char c)
{
	if (w->len == w->cap)
		w->failed = true;
	else
		w->buf[w->len++] = c;
}
void writer_u64(struct writer *w, uint64_t value);
void writer_i64(struct writer *w, int64_t value);
/* Lower-case hex, two digits an octet. */
void writer_hex(struct writer *w, const void *octets, size_t len);
/* At most 1023 octets a call; more counts as not fitting. */
void writer_printf(struct writer *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A quoted-string: double quotes around it, backslash before " and \ (RFC 3261 §25.1). */
void writer_quoted(struct writer *w, struct str s);
