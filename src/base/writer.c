/* Bounded output: a piece that does not fit is left out whole and the writer is marked. */
#include "base/writer.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void
writer_str(struct writer *w, struct str s)
{
	if (s.len > w->cap - w->len) {
		w->failed = true;
		return;
	}
	if (s.len > 0)
		memcpy(w->buf + w->len, s.p, s.len);
	w->len += s.len;
}

void
writer_text_z(struct writer *w, const char *text)
{
	writer_str(w, str_of(text));
}

void
writer_u64(struct writer *w, uint64_t value)
{
	char digits[20];
	size_t start = sizeof(digits);
	do {
		digits[--start] = (char)('0' + value % 10);
		value /= 10;
	} while (value > 0);
	writer_str(w, (struct str){ digits + start, sizeof(digits) - start });
}

void
writer_i64(struct writer *w, int64_t value)
{
	if (value < 0)
		writer_char(w, '-');
	writer_u64(w, value < 0 ? -(uint64_t)value : (uint64_t)value);
}

void
writer_hex(struct writer *w, const void *octets, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *octet = octets;
	for (size_t i = 0; i < len; i++) {
		writer_char(w, digits[octet[i] >> 4]);
		writer_char(w, digits[octet[i] & 15]);
	}
}

void
writer_printf(struct writer *w, const char *format, ...)
{
	char text[1024];
	va_list args;
	va_start(args, format);
	int len = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (len < 0 || (size_t)len >= sizeof(text))
		w->failed = true;
	else
		writer_str(w, (struct str){ text, (size_t)len });
}

void
writer_quoted(struct writer *w, struct str s)
{
	writer_char(w, '"');
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] == '"' || s.p[i] == '\\')
			writer_char(w, '\\');
		writer_char(w, s.p[i]);
	}
	writer_char(w, '"');
}
