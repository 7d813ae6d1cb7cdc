/* Between the kernel's socket addresses and our endpoints. */
#pragma once

#include <stdbool.h>
#include <sys/socket.h>

#include "base/ip.h"

/* False for a family that is neither IPv4 nor IPv6. Mapped addresses come out as IPv4. */
bool address_from_sockaddr(const struct sockaddr_storage *from, struct endpoint *endpoint);
/* interface matters to link-local IPv6 addresses only. Returns the length. */
socklen_t address_to_sockaddr(const struct endpoint *endpoint, int interface,
			      struct sockaddr_storage *to);
/* fe80::/10: of no meaning without its interface. */
bool address_link_local(const struct ip *ip);
