/* name-addr and addr-spec of From, To, Contact and Path: RFC 3261 §20.10, §25.1. */
#pragma once

#include <stdbool.h>

#include "base/str.h"
#include "sip/uri.h"

struct sip_address {
	struct str text;    /* the whole value */
	struct str display; /* as written, quotes included; empty without */
	struct sip_uri uri;
	struct str params; /* header parameters ";tag=x;y" or empty */
	bool bracketed;
};

/*
 * One value, whole. False on a syntax error, a repeated parameter included (PAR-20.10-*,
 * PAR-7.3.1-6). The URI itself is parsed; an address whose URI breaks the grammar is refused.
 */
bool sip_address_parse(struct sip_address *address, struct str value);
