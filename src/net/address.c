/* Socket addresses in and out; everything above knows struct endpoint only. */
#include "address.h"

#include <netinet/in.h>
#include <string.h>

bool
address_from_sockaddr(const struct sockaddr_storage *from, struct endpoint *endpoint)
{
	if (from->ss_family == AF_INET) {
		const struct sockaddr_in *four = (const struct sockaddr_in *)from;
		*endpoint = (struct endpoint){ .ip.family = 4, .port = ntohs(four->sin_port) };
		memcpy(endpoint->ip.octets, &four->sin_addr, 4);
		return true;
	}
	if (from->ss_family == AF_INET6) {
		const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)from;
		*endpoint = (struct endpoint){ .ip.family = 6, .port = ntohs(six->sin6_port) };
		memcpy(endpoint->ip.octets, &six->sin6_addr, 16);
		endpoint->ip = ip_unmapped(endpoint->ip);
		return true;
	}
	return false;
}

socklen_t
address_to_sockaddr(const struct endpoint *endpoint, int interface, struct sockaddr_storage *to)
{
	memset(to, 0, sizeof(*to));
	if (endpoint->ip.family == 4) {
		struct sockaddr_in *four = (struct sockaddr_in *)to;
		four->sin_family = AF_INET;
		four->sin_port = htons(endpoint->port);
		memcpy(&four->sin_addr, endpoint->ip.octets, 4);
		return sizeof(*four);
	}
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)to;
	six->sin6_family = AF_INET6;
	six->sin6_port = htons(endpoint->port);
	memcpy(&six->sin6_addr, endpoint->ip.octets, 16);
	if (address_link_local(&endpoint->ip))
		six->sin6_scope_id = (uint32_t)interface;
	return sizeof(*six);
}

bool
address_link_local(const struct ip *ip)
{
	return ip->family == 6 && ip->octets[0] == 0xfe && (ip->octets[1] & 0xc0) == 0x80;
}
