/*
 * Two components are equal when they read as the same symbols: an octet, or an escaped reserved
 * octet, which is a symbol of its own.
 */
#include "component.h"

#include "base/table.h"
#include "chars.h"

#define ESCAPED 0x100u

static unsigned
next_symbol(struct str *s, enum letter_case letter_case)
{
	unsigned symbol = (unsigned char)s->p[0];
	size_t used = 1;
	if (symbol == '%' && s->len >= 3) {
		int high = ascii_hex(s->p[1]), low = ascii_hex(s->p[2]);
		if (high >= 0 && low >= 0) {
			symbol = (unsigned)(high << 4 | low);
			used = 3;
		}
	}
	*s = (struct str){ s->p + used, s->len - used };
	if (used == 3 && char_is((char)symbol, CHAR_RESERVED))
		return symbol | ESCAPED;
	return letter_case == CASE_IGNORED ? (unsigned char)ascii_lower((char)symbol) : symbol;
}

bool
component_equal(struct str a, struct str b, enum letter_case letter_case)
{
	while (a.len > 0 && b.len > 0)
		if (next_symbol(&a, letter_case) != next_symbol(&b, letter_case))
			return false;
	return a.len == 0 && b.len == 0;
}

unsigned
component_hash(struct str s)
{
	struct {
		uint64_t before;
		uint16_t symbols[60];
	} block = { .before = 0 };
	while (s.len > 0) {
		size_t count = 0;
		while (s.len > 0 && count < sizeof(block.symbols) / sizeof(*block.symbols))
			block.symbols[count++] = (uint16_t)next_symbol(&s, CASE_IGNORED);
		block.before =
			table_hash(&block, sizeof(block.before) + count * sizeof(*block.symbols));
	}
	return (unsigned)block.before;
}
