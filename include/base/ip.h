/* IP addresses, endpoints and prefixes as values; text in and out. No resolver, no sockets. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "base/writer.h"

struct ip {
	uint8_t family;	    /* 4, 6, or 0 for none */
	uint8_t octets[16]; /* network order; 4 or 16 of them count */
};
struct endpoint {
	struct ip ip;
	uint16_t port; /* host order */
};
struct ip_prefix {
	struct ip ip;
	uint8_t bits;
};

/* Dotted quad, each 0 to 255, no leading "0x" or octal reading. */
bool ip4_parse(struct str text, struct ip *ip);
/* RFC 3986 IPv6address without brackets or zone. */
bool ip6_parse(struct str text, struct ip *ip);
/* Either; IPv6 with or without brackets. */
bool ip_parse(struct str text, struct ip *ip);
/* Canonical text (RFC 5952), IPv6 without brackets. */
void ip_write(struct writer *w, const struct ip *ip);
bool ip_equal(const struct ip *a, const struct ip *b);
bool ip_loopback(const struct ip *ip);
/* 0.0.0.0 or ::, which listen on all addresses of their family. */
bool ip_any(const struct ip *ip);
/* ::ffff:a.b.c.d becomes a.b.c.d; anything else stays. */
struct ip ip_unmapped(struct ip ip);

/* "192.0.2.1:5060", "[2001:db8::1]:5060". */
bool endpoint_parse(struct str text, struct endpoint *endpoint);
void endpoint_write(struct writer *w, const struct endpoint *endpoint);
bool endpoint_equal(const struct endpoint *a, const struct endpoint *b);

/* "192.0.2.0/24", "2001:db8::/32"; a bare address is a full-length prefix. Host bits must be zero
 * or are cleared. */
bool ip_prefix_parse(struct str text, struct ip_prefix *prefix);
void ip_prefix_write(struct writer *w, const struct ip_prefix *prefix);
bool ip_prefix_contains(const struct ip_prefix *prefix, const struct ip *ip);
/* The address with everything after its first bits cleared. */
struct ip ip_masked(struct ip ip, uint8_t bits);
