/*
 * One pass over the text, which need not be of any grammar: it is cut at the octets that end a user
 * part everywhere (blanks, quotes, brackets, slashes …), and each piece is looked at by itself.
 * What only looks like an address is shortened too: rather that than one that stays.
 */
#include "base/mask.h"

#include <string.h>

#define NETWORK_BITS_4 24
#define NETWORK_BITS_6 48
#define IP4_TEXT_MIN 7u
#define IP4_TEXT_MAX 15u
#define IP6_TEXT_MIN 2u
#define IP6_TEXT_MAX 45u

void
mask_prefix(struct writer *w, const struct ip_prefix *prefix)
{
	uint8_t most = prefix->ip.family == 6 ? NETWORK_BITS_6 : NETWORK_BITS_4;
	struct ip_prefix network = { .bits = prefix->bits < most ? prefix->bits : most };
	network.ip = ip_masked(prefix->ip, network.bits);
	ip_prefix_write(w, &network);
}

void
mask_ip(struct writer *w, const struct ip *ip)
{
	mask_prefix(w, &(struct ip_prefix){ .ip = *ip, .bits = UINT8_MAX });
}

static bool
is_one_of(char c, const char *set)
{
	return c != '\0' && strchr(set, c) != NULL;
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* How many of the first most octets of text are of the set. */
static size_t
run_of(struct str text, const char *set, size_t most)
{
	size_t len = 0;
	while (len < text.len && len < most && is_one_of(text.p[len], set))
		len++;
	return len;
}

/* How many octets of text are the longest address that it begins with; 0: none. before stands in
 * front of it. */
static size_t
address_at(struct str text, char before, struct ip *ip)
{
	if (is_digit(before) || before == '.')
		return 0;
	for (size_t len = run_of(text, "0123456789.", IP4_TEXT_MAX); len >= IP4_TEXT_MIN; len--)
		if (ip4_parse(str_slice(text, 0, len), ip))
			return len;
	size_t len = run_of(text, "0123456789abcdefABCDEF:.", IP6_TEXT_MAX);
	if (is_letter(before) || memchr(text.p, ':', len) == NULL)
		return 0;
	for (; len >= IP6_TEXT_MIN; len--)
		if (ip6_parse(str_slice(text, 0, len), ip))
			return len;
	return 0;
}

/* In "[2001:db8::1]:5060" and "192.0.2.1:5060" the rest behind the address. */
static size_t
port_at(struct str text)
{
	size_t len = text.len > 0 && text.p[0] == ']' ? 1 : 0;
	if (len == text.len || text.p[len] != ':')
		return len;
	size_t digits = run_of(str_slice(text, len + 1, SIZE_MAX), "0123456789", 5);
	return digits == 0 ? len : len + 1 + digits;
}

void
mask_addresses(struct writer *w, struct str text)
{
	for (size_t i = 0; i < text.len && writer_ok(w);) {
		struct ip ip;
		size_t bracket = text.p[i] == '[';
		char before = i == 0 || bracket ? '\0' : text.p[i - 1];
		size_t len = address_at(str_slice(text, i + bracket, SIZE_MAX), before, &ip);
		if (len == 0) {
			writer_char(w, text.p[i++]);
			continue;
		}
		mask_ip(w, &ip);
		i += bracket + len;
		i += port_at(str_slice(text, i, SIZE_MAX));
	}
}

/* --- users ------------------------------------------------------------------------------- */

#define PIECE_ENDS " \t\r\n\"'<>(){},;/?&=\\"

/* Where the "@" of a piece stands and how long it is written; false: it has none. */
static bool
find_at(struct str piece, size_t *at, size_t *len)
{
	for (size_t i = piece.len; i-- > 0;) {
		bool escaped = piece.len - i >= 3 && memcmp(piece.p + i, "%40", 3) == 0;
		if (piece.p[i] != '@' && !escaped)
			continue;
		*at = i;
		*len = escaped ? 3 : 1;
		return true;
	}
	return false;
}

static size_t
scheme_of(struct str piece)
{
	static const char *const schemes[] = { "sip:", "sips:", "tel:" };
	for (unsigned i = 0; i < sizeof(schemes) / sizeof(*schemes); i++)
		if (str_istarts(piece, str_of(schemes[i])))
			return strlen(schemes[i]);
	return 0;
}

static void
shortened(struct writer *w, struct str name)
{
	if (str_empty(name))
		return;
	writer_char(w, name.p[0]);
	writer_text_z(w, "***");
}

static void
mask_piece(struct writer *w, struct str piece, bool is_user)
{
	size_t scheme = scheme_of(piece), at, len;
	bool is_number = str_istarts(piece, STR("tel:"));
	writer_str(w, str_slice(piece, 0, scheme));
	piece = str_slice(piece, scheme, SIZE_MAX);
	if (find_at(piece, &at, &len)) {
		shortened(w, str_slice(piece, 0, at));
		writer_str(w, str_slice(piece, at, len));
		mask_addresses(w, str_slice(piece, at + len, SIZE_MAX));
	} else if (is_user || is_number) {
		shortened(w, piece);
	} else {
		mask_addresses(w, piece);
	}
}

void
mask_user(struct writer *w, struct str user)
{
	mask_piece(w, user, true);
}

void
mask_text(struct writer *w, struct str text)
{
	for (size_t i = 0; i < text.len && writer_ok(w);) {
		size_t len = 0;
		while (i + len < text.len && !is_one_of(text.p[i + len], PIECE_ENDS))
			len++;
		mask_piece(w, str_slice(text, i, len), false);
		i += len;
		if (i < text.len)
			writer_char(w, text.p[i++]);
	}
}
