/* Octets of the wire as text that no database refuses (D-12), and back. */
#include "store/rows.h"

static bool
is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '\\';
}

void
wire_encode(struct writer *w, struct str octets)
{
	static const char digits[] = "0123456789ABCDEF";
	size_t start = 0;
	for (size_t i = 0; i < octets.len; i++) {
		unsigned char c = (unsigned char)octets.p[i];
		if (is_plain(c))
			continue;
		char escape[] = { '\\', 'x', digits[c >> 4], digits[c & 15] };
		writer_str(w, str_slice(octets, start, i - start));
		writer_str(w, (struct str){ escape, sizeof(escape) });
		start = i + 1;
	}
	writer_str(w, str_slice(octets, start, octets.len));
}

bool
wire_decode(struct writer *w, struct str text)
{
	struct str plain, rest;
	while (str_cut(text, '\\', &plain, &rest)) {
		if (rest.len < 3 || rest.p[0] != 'x')
			return false;
		int high = ascii_hex(rest.p[1]);
		int low = ascii_hex(rest.p[2]);
		if (high < 0 || low < 0)
			return false;
		writer_str(w, plain);
		writer_char(w, (char)(high << 4 | low));
		text = str_slice(rest, 3, rest.len);
	}
	writer_str(w, plain);
	return true;
}
