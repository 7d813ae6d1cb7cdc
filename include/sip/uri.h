/* SIP, SIPS and other URIs: RFC 3261 §19.1, §25.1, RFC 5954. A parsed URI is slices of the text it
 * was parsed from. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/ip.h"
#include "base/str.h"
#include "base/writer.h"

enum sip_scheme { SIP_SCHEME_SIP, SIP_SCHEME_SIPS, SIP_SCHEME_OTHER };

struct sip_host {
	struct str text; /* as written; an IPv6 reference with its brackets */
	struct ip ip;	 /* family 0: a name */
};

struct sip_uri {
	enum sip_scheme scheme;
	struct str text;	/* the whole URI */
	struct str scheme_text; /* without the colon */
	struct str user;	/* as written, escapes and all; meaningful when has_user */
	struct str password;	/* when has_password */
	struct sip_host host;
	uint16_t port;	    /* 0: none */
	struct str params;  /* ";x=y;z" or empty */
	struct str headers; /* "?x=y&z=w" or empty */
	struct str opaque;  /* what follows the colon of another scheme */
	bool has_user;
	bool has_password;
};

/*
 * Parses the whole of text, which may be any absoluteURI; false on a syntax error (URI-19.1.1-*,
 * URI-19.1.2-*, URI-25-*). A sips URI with transport=udp is an error (URI-19.1.1-7).
 */
bool sip_uri_parse(struct sip_uri *uri, struct str text);
/* host [":" port] of a Via or URI; port 0 when absent. Leaves what follows in *rest. */
bool sip_hostport_parse(struct sip_host *host, uint16_t *port, struct str text, struct str *rest);
/* Names without case and final dot, addresses by value (URI-5954-4.2-1). */
bool sip_host_equal(const struct sip_host *a, const struct sip_host *b);
/* RFC 3261 §19.1.4; not transitive (URI-19.1.4-1 to -12, pairs 1 to 27). */
bool sip_uri_equal(const struct sip_uri *a, const struct sip_uri *b);
/* The same, but sip: and sips: forms of one URI are equal too (D-14). */
bool sip_uri_equal_but_scheme(const struct sip_uri *a, const struct sip_uri *b);
/*
 * Writes the component with every escape undone and every octet outside the unreserved characters
 * written %HH in upper case: the canonical form of D-12. Decodes once only (URI-19.1.2-3). False
 * when an escape is broken.
 */
bool sip_canonical_escape(struct writer *w, struct str component);
