/* Slices: see the header. Lengths are explicit everywhere, so that NUL and octets from 0x80 are
 * ordinary. */
#include "base/str.h"

bool
str_ieq_octets(const char *a, const char *b, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (a[i] != b[i] && ascii_lower(a[i]) != ascii_lower(b[i]))
			return false;
	return true;
}

bool
str_starts(struct str s, struct str prefix)
{
	return s.len >= prefix.len && str_eq((struct str){ s.p, prefix.len }, prefix);
}

bool
str_istarts(struct str s, struct str prefix)
{
	return s.len >= prefix.len && str_ieq((struct str){ s.p, prefix.len }, prefix);
}

int
str_cmp(struct str a, struct str b)
{
	size_t common = a.len < b.len ? a.len : b.len;
	int order = common == 0 ? 0 : memcmp(a.p, b.p, common);
	if (order != 0)
		return order;
	return (a.len > b.len) - (a.len < b.len);
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

struct str
str_trim(struct str s)
{
	while (s.len > 0 && is_blank(s.p[0])) {
		s.p++;
		s.len--;
	}
	while (s.len > 0 && is_blank(s.p[s.len - 1]))
		s.len--;
	return s;
}

struct str
str_slice(struct str s, size_t offset, size_t len)
{
	if (offset >= s.len)
		return (struct str){ s.p == NULL ? NULL : s.p + s.len, 0 };
	size_t left = s.len - offset;
	return (struct str){ s.p + offset, len < left ? len : left };
}

bool
str_cut(struct str s, char separator, struct str *head, struct str *tail)
{
	const char *at = s.len == 0 ? NULL : memchr(s.p, separator, s.len);
	if (at == NULL) {
		*head = s;
		*tail = (struct str){ s.p == NULL ? NULL : s.p + s.len, 0 };
		return false;
	}
	*head = (struct str){ s.p, (size_t)(at - s.p) };
	*tail = (struct str){ at + 1, s.len - head->len - 1 };
	return true;
}

bool
str_to_u64(struct str s, uint64_t limit, uint64_t *value)
{
	uint64_t sum = 0;
	if (s.len == 0)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		uint64_t digit = (uint64_t)(s.p[i] - '0');
		if (sum > (UINT64_MAX - digit) / 10)
			return false;
		sum = sum * 10 + digit;
	}
	if (sum > limit)
		return false;
	*value = sum;
	return true;
}

char *
str_copy(char *buf, size_t cap, struct str s)
{
	if (cap == 0)
		return buf;
	size_t len = s.len < cap ? s.len : cap - 1;
	if (len > 0)
		memcpy(buf, s.p, len);
	buf[len] = '\0';
	return buf;
}

int
ascii_hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}
