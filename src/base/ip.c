/*
 * Addresses as values. The IPv6 reader follows RFC 3986 by hand because inet_pton wants
 * NUL-terminated text; the writer of IPv6 is inet_ntop, which is canonical (RFC 5952).
 */
#include "base/ip.h"

#include <arpa/inet.h>

bool
ip4_parse(struct str text, struct ip *ip)
{
	struct ip result = { .family = 4 };
	for (int i = 0; i < 4; i++) {
		struct str part;
		uint64_t value;
		bool dot = str_cut(text, '.', &part, &text);
		if (dot != (i < 3) || part.len > 3 || !str_to_u64(part, 255, &value))
			return false;
		result.octets[i] = (uint8_t)value;
	}
	*ip = result;
	return true;
}

static bool
hex_group(struct str part, uint16_t *group)
{
	unsigned value = 0;
	if (part.len == 0 || part.len > 4)
		return false;
	for (size_t i = 0; i < part.len; i++) {
		int digit = ascii_hex(part.p[i]);
		if (digit < 0)
			return false;
		value = value << 4 | (unsigned)digit;
	}
	*group = (uint16_t)value;
	return true;
}

/* Groups separated by single colons, the last one possibly an IPv4 address; -1 when it is not that.
 */
static int
hex_groups(struct str text, uint16_t groups[8], bool may_end_in_ip4)
{
	int count = 0;
	if (text.len == 0)
		return 0;
	for (;;) {
		struct str part;
		struct ip ip4;
		bool more = str_cut(text, ':', &part, &text);
		if (!more && may_end_in_ip4 && count <= 6 && ip4_parse(part, &ip4)) {
			groups[count] = (uint16_t)(ip4.octets[0] << 8 | ip4.octets[1]);
			groups[count + 1] = (uint16_t)(ip4.octets[2] << 8 | ip4.octets[3]);
			return count + 2;
		}
		if (count == 8 || !hex_group(part, &groups[count]))
			return -1;
		count++;
		if (!more)
			return count;
	}
}

bool
ip6_parse(struct str text, struct ip *ip)
{
	uint16_t groups[8] = { 0 };
	const char *gap = text.len == 0 ? NULL : memmem(text.p, text.len, "::", 2);
	if (gap == NULL) {
		if (hex_groups(text, groups, true) != 8)
			return false;
	} else {
		uint16_t head[8], tail[8];
		struct str before = { text.p, (size_t)(gap - text.p) };
		struct str after = { gap + 2, text.len - before.len - 2 };
		int head_count = hex_groups(before, head, false);
		int tail_count = hex_groups(after, tail, true);
		if (head_count < 0 || tail_count < 0 || head_count + tail_count > 7)
			return false;
		for (int i = 0; i < head_count; i++)
			groups[i] = head[i];
		for (int i = 0; i < tail_count; i++)
			groups[8 - tail_count + i] = tail[i];
	}
	*ip = (struct ip){ .family = 6 };
	for (int i = 0; i < 8; i++) {
		ip->octets[2 * i] = (uint8_t)(groups[i] >> 8);
		ip->octets[2 * i + 1] = (uint8_t)groups[i];
	}
	return true;
}

bool
ip_parse(struct str text, struct ip *ip)
{
	if (text.len > 2 && text.p[0] == '[' && text.p[text.len - 1] == ']')
		return ip6_parse(str_slice(text, 1, text.len - 2), ip);
	return ip4_parse(text, ip) || ip6_parse(text, ip);
}

void
ip_write(struct writer *w, const struct ip *ip)
{
	char text[INET6_ADDRSTRLEN];
	if (ip->family == 4) {
		for (int i = 0; i < 4; i++) {
			if (i > 0)
				writer_char(w, '.');
			writer_u64(w, ip->octets[i]);
		}
		return;
	}
	inet_ntop(AF_INET6, ip->octets, text, sizeof(text));
	writer_text_z(w, text);
}

bool
ip_equal(const struct ip *a, const struct ip *b)
{
	return a->family == b->family && memcmp(a->octets, b->octets, a->family == 4 ? 4 : 16) == 0;
}

bool
ip_loopback(const struct ip *ip)
{
	static const uint8_t one[16] = { [15] = 1 };
	return ip->family == 4 ? ip->octets[0] == 127 : memcmp(ip->octets, one, 16) == 0;
}

bool
ip_any(const struct ip *ip)
{
	static const uint8_t zero[16];
	return memcmp(ip->octets, zero, ip->family == 4 ? 4 : 16) == 0;
}

struct ip
ip_unmapped(struct ip ip)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	if (ip.family != 6 || memcmp(ip.octets, mapped, sizeof(mapped)) != 0)
		return ip;
	struct ip result = { .family = 4 };
	memcpy(result.octets, ip.octets + 12, 4);
	return result;
}

bool
endpoint_parse(struct str text, struct endpoint *endpoint)
{
	uint64_t port;
	const char *colon = text.len == 0 ? NULL : memrchr(text.p, ':', text.len);
	if (colon == NULL)
		return false;
	struct str host = { text.p, (size_t)(colon - text.p) };
	if (!str_to_u64((struct str){ colon + 1, text.len - host.len - 1 }, 65535, &port))
		return false;
	bool bracketed = host.len > 0 && host.p[0] == '[';
	if (bracketed ? !ip_parse(host, &endpoint->ip) : !ip4_parse(host, &endpoint->ip))
		return false;
	endpoint->port = (uint16_t)port;
	return true;
}

void
endpoint_write(struct writer *w, const struct endpoint *endpoint)
{
	bool six = endpoint->ip.family == 6;
	if (six)
		writer_char(w, '[');
	ip_write(w, &endpoint->ip);
	if (six)
		writer_char(w, ']');
	writer_char(w, ':');
	writer_u64(w, endpoint->port);
}

bool
endpoint_equal(const struct endpoint *a, const struct endpoint *b)
{
	return a->port == b->port && ip_equal(&a->ip, &b->ip);
}

struct ip
ip_masked(struct ip ip, uint8_t bits)
{
	for (unsigned i = 0; i < 16; i++) {
		unsigned kept = bits > 8 * i ? bits - 8 * i : 0;
		if (kept < 8)
			ip.octets[i] = (uint8_t)(ip.octets[i] & (0xff00u >> kept));
	}
	return ip;
}

bool
ip_prefix_parse(struct str text, struct ip_prefix *prefix)
{
	struct str address, length;
	uint64_t bits;
	bool slash = str_cut(text, '/', &address, &length);
	if (!ip_parse(address, &prefix->ip))
		return false;
	uint64_t most = prefix->ip.family == 4 ? 32 : 128;
	bits = most;
	if (slash && !str_to_u64(length, most, &bits))
		return false;
	prefix->bits = (uint8_t)bits;
	prefix->ip = ip_masked(prefix->ip, prefix->bits);
	return true;
}

void
ip_prefix_write(struct writer *w, const struct ip_prefix *prefix)
{
	ip_write(w, &prefix->ip);
	writer_char(w, '/');
	writer_u64(w, prefix->bits);
}

bool
ip_prefix_contains(const struct ip_prefix *prefix, const struct ip *ip)
{
	struct ip masked = ip_masked(*ip, prefix->bits);
	return ip_equal(&prefix->ip, &masked);
}
