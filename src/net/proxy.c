/*
 * PROXY headers. Version 1 is a line of at most 107 octets; version 2 is a signature, two octets
 * that say what it is about, a length, addresses, and TLVs that are skipped. What a header may not
 * be is refused as early as it shows, so that a stranger's octets are not waited for.
 */
#include "net/proxy.h"

#define V1_SIGNATURE STR("PROXY ")
#define V2_SIGNATURE STR("\r\n\r\n\0\r\nQUIT\n")
#define V2_FIXED 16u

/* What is there of a signature agrees with it. */
static bool
may_begin_with(struct str octets, struct str signature)
{
	return str_starts(octets, str_slice(signature, 0, octets.len));
}

/* --- version 1 ----------------------------------------------------------------------------- */

/* Decimal, no sign, no leading zeros. */
static bool
take_port(struct str text, uint16_t *port)
{
	uint64_t value;
	if (text.len > 5 || (text.len > 1 && text.p[0] == '0') || !str_to_u64(text, 65535, &value))
		return false;
	*port = (uint16_t)value;
	return true;
}

/* "192.0.2.1 198.51.100.7 40000 5060": fields apart by one blank each. */
static bool
take_addresses(struct proxy_header *header, struct str text,
	       bool (*parse)(struct str text, struct ip *ip))
{
	struct str field[4];
	for (int i = 0; i < 4; i++)
		if (str_cut(text, ' ', &field[i], &text) != (i < 3))
			return false;
	if (!parse(field[0], &header->source.ip) || !parse(field[1], &header->destination.ip))
		return false;
	header->source.ip = ip_unmapped(header->source.ip);
	header->destination.ip = ip_unmapped(header->destination.ip);
	header->forwarded = true;
	return take_port(field[2], &header->source.port) &&
	       take_port(field[3], &header->destination.port);
}

/* The line without its end. What follows UNKNOWN is of no interest. */
static bool
read_line(struct proxy_header *header, struct str line)
{
	struct str protocol, rest;
	bool more = str_cut(str_slice(line, V1_SIGNATURE.len, line.len), ' ', &protocol, &rest);
	if (str_eq(protocol, STR("UNKNOWN")))
		return true;
	if (more && str_eq(protocol, STR("TCP4")))
		return take_addresses(header, rest, ip4_parse);
	if (more && str_eq(protocol, STR("TCP6")))
		return take_addresses(header, rest, ip6_parse);
	return false;
}

static enum proxy_status
parse_v1(struct proxy_header *header, struct str octets)
{
	if (!may_begin_with(octets, V1_SIGNATURE))
		return PROXY_ABSENT;
	struct str line = str_slice(octets, 0, PROXY_V1_MAX - 1), rest;
	if (!str_cut(line, '\r', &line, &rest))
		return octets.len < PROXY_V1_MAX - 1 ? PROXY_MORE : PROXY_BROKEN;
	if (octets.len == line.len + 1)
		return PROXY_MORE;
	if (octets.p[line.len + 1] != '\n' || line.len < V1_SIGNATURE.len)
		return PROXY_BROKEN;
	header->len = line.len + 2;
	return read_line(header, line) ? PROXY_WHOLE : PROXY_BROKEN;
}

/* --- version 2 ----------------------------------------------------------------------------- */

enum { COMMAND_LOCAL, COMMAND_PROXY, COMMAND_COUNT };
enum { FAMILY_UNSPEC, FAMILY_INET, FAMILY_INET6, FAMILY_UNIX, FAMILY_COUNT };
enum { PROTOCOL_UNSPEC, PROTOCOL_STREAM, PROTOCOL_DGRAM, PROTOCOL_COUNT };

static unsigned
octet_at(struct str octets, size_t at)
{
	return (unsigned char)octets.p[at];
}

static struct endpoint
endpoint_at(struct str octets, size_t ip_at, size_t port_at, size_t ip_octets)
{
	struct endpoint endpoint = { .ip = { .family = ip_octets == 4 ? 4 : 6 } };
	memcpy(endpoint.ip.octets, octets.p + ip_at, ip_octets);
	endpoint.ip = ip_unmapped(endpoint.ip);
	endpoint.port = (uint16_t)(octet_at(octets, port_at) << 8 | octet_at(octets, port_at + 1));
	return endpoint;
}

/* The part that its length counts: both addresses, then both ports, then TLVs. */
static bool
read_body(struct proxy_header *header, struct str body, unsigned family)
{
	static const size_t least[FAMILY_COUNT] = {
		[FAMILY_INET] = 12,
		[FAMILY_INET6] = 36,
		[FAMILY_UNIX] = 216,
	};
	if (body.len < least[family])
		return false;
	if (family != FAMILY_INET && family != FAMILY_INET6)
		return true;
	size_t ip = family == FAMILY_INET ? 4 : 16;
	header->forwarded = true;
	header->source = endpoint_at(body, 0, 2 * ip, ip);
	header->destination = endpoint_at(body, ip, 2 * ip + 2, ip);
	return true;
}

static enum proxy_status
parse_v2(struct proxy_header *header, struct str octets)
{
	if (!may_begin_with(octets, V2_SIGNATURE))
		return PROXY_ABSENT;
	if (octets.len < V2_FIXED)
		return PROXY_MORE;
	unsigned command = octet_at(octets, 12) & 0xf;
	unsigned family = octet_at(octets, 13) >> 4;
	unsigned protocol = octet_at(octets, 13) & 0xf;
	size_t len = V2_FIXED + (octet_at(octets, 14) << 8 | octet_at(octets, 15));
	if (octet_at(octets, 12) >> 4 != 2 || command >= COMMAND_COUNT || len > PROXY_V2_MAX)
		return PROXY_BROKEN;
	if (command == COMMAND_PROXY && (family >= FAMILY_COUNT || protocol >= PROTOCOL_COUNT))
		return PROXY_BROKEN;
	if (octets.len < len)
		return PROXY_MORE;
	header->len = len;
	if (command == COMMAND_LOCAL || protocol == PROTOCOL_UNSPEC)
		return PROXY_WHOLE;
	struct str body = str_slice(octets, V2_FIXED, len - V2_FIXED);
	return read_body(header, body, family) ? PROXY_WHOLE : PROXY_BROKEN;
}

enum proxy_status
proxy_parse(struct proxy_header *header, enum proxy_version version, struct str octets)
{
	*header = (struct proxy_header){ .len = 0 };
	return version == PROXY_V1 ? parse_v1(header, octets) : parse_v2(header, octets);
}
