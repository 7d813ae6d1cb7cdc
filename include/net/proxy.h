/*
 * The header of HAProxy's PROXY protocol, versions 1 and 2, by which a load balancer says for whom
 * it opens a connection or passes on a datagram. Pure: octets in, a value out. Which version is
 * spoken is a setting and never guessed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/ip.h"
#include "base/str.h"

enum proxy_version { PROXY_OFF, PROXY_V1, PROXY_V2 };

#define PROXY_V1_MAX 107 /* octets of the line with its CR LF, by the specification */
#define PROXY_V2_MAX                                                               \
	4096 /* octets with all TLVs, our limit: addresses take 52, and a client's \
		certificate may be among the rest */

enum proxy_status {
	PROXY_MORE,   /* all of it belongs to the header, which goes on */
	PROXY_WHOLE,  /* the first header->len octets are one */
	PROXY_ABSENT, /* no header of this version begins so */
	PROXY_BROKEN, /* one began, and what follows is against the rules */
};

struct proxy_header {
	size_t len;
	bool forwarded; /* false: the balancer speaks for itself (LOCAL, UNKNOWN), or for somebody
			   who has no IP address; the addresses of the connection count */
	struct endpoint source;
	struct endpoint destination; /* where the client sent it: an address of the balancer */
};

/* version is V1 or V2. *header is written when the result is PROXY_WHOLE. */
enum proxy_status proxy_parse(struct proxy_header *header, enum proxy_version version,
			      struct str octets);
