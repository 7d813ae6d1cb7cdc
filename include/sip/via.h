/* One Via value: RFC 3261 §20.42, RFC 3581. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/ip.h"
#include "base/str.h"
#include "base/writer.h"
#include "sip/uri.h"

struct sip_via {
	struct str text;      /* the whole value */
	struct str version;   /* "2.0" */
	struct str transport; /* "UDP", also unknown ones */
	struct sip_host host; /* sent-by */
	uint16_t port;	      /* 0: none */
	struct str sent_by;   /* host and port as written */
	struct str params;    /* ";branch=…" or empty */
	struct str branch;    /* empty when absent or the bare cookie (PAR-20.42-2) */
	struct str maddr;
	struct str ttl;
	bool has_rport;	   /* present, with or without a value */
	bool has_received; /* the client gave one; it is replaced */
	bool bad_params;   /* sent-protocol and sent-by can be used, the rest is malformed */
};

/* False when there is no usable sent-protocol and sent-by (ORD-08). */
bool sip_via_parse(struct sip_via *via, struct str value);
/* True when branch starts with z9hG4bK and has more. */
bool sip_via_has_cookie(const struct sip_via *via);
/*
 * The value as a response carries it: received added when sent-by is a name or another address, or
 * rport is present; rport filled when present; values that the client gave for either are replaced
 * (TRN-18.2.1-3, -4, TRN-3581-1, -2).
 */
void sip_via_write(struct writer *w, const struct sip_via *via, const struct endpoint *source);
/* Where a UDP response goes: always an address of the source (D-18), the port by RFC 3581 §4 and
 * RFC 3261 §18.2.2. */
struct endpoint sip_via_response_target(const struct sip_via *via, const struct endpoint *source);
