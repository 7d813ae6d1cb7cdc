/* The host of a URI or of a Via: RFC 3261 §25.1, RFC 5954. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/ip.h"
#include "base/str.h"

struct sip_host {
	struct str text; /* as written; an IPv6 reference with its brackets */
	struct ip ip;	 /* family 0: a name */
};

/*
 * The host that *rest starts with: a name, an IPv4 address, or an IPv6 address in brackets, where
 * ":::" before an embedded IPv4 address is read as "::" (URI-25-1 to -4, RFC 5118 §4.10). A name
 * may hold underscores, which RFC 3261 §25.1 does not have (decision 8). *rest moves behind it only
 * on success.
 */
bool sip_host_take(struct str *rest, struct sip_host *host);
/* The digits of a port, 1 to 65535 (URI-19.1.1-5). */
bool sip_port_take(struct str *rest, uint16_t *port);
/* host [":" port] of a URI; port 0 when absent. Leaves what follows in *rest. */
bool sip_hostport_parse(struct sip_host *host, uint16_t *port, struct str text, struct str *rest);
/* Names without case and final dot, addresses by value (URI-5954-4.2-1). */
bool sip_host_equal(const struct sip_host *a, const struct sip_host *b);
/* An order in which those that are equal, and no others, are 0 apart: <0, 0, >0. */
int sip_host_order(const struct sip_host *a, const struct sip_host *b);
