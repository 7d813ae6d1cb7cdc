/* SIP, SIPS and other URIs: RFC 3261 §19.1, §25.1, RFC 5954. A parsed URI is slices of the text it
 * was parsed from. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "base/writer.h"
#include "sip/host.h"
#include "sip/scan.h"

enum sip_scheme { SIP_SCHEME_SIP, SIP_SCHEME_SIPS, SIP_SCHEME_OTHER };

/* Octets of a Request-URI, and of the URI in a Contact, Path, To or From (PAR-LIM-4, -5). */
#define SIP_MAX_URI 2048u

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
 * URI-19.1.2-*, URI-25-*). A sips URI with transport=udp is an error (URI-19.1.1-7), and so are
 * more than SIP_MAX_PARAMS parameters or headers. The length is for the caller to judge.
 */
bool sip_uri_parse(struct sip_uri *uri, struct str text);
/* The next of ";name=value;name" of a URI; the characters differ from those of header parameters.
 * False at the end or at an error; *bad tells which. */
bool sip_next_uri_param(struct str *rest, struct sip_param *param, bool *bad);
/* The next of "?name=value&name=value"; the same. A value may be empty. */
bool sip_next_uri_header(struct str *rest, struct sip_param *header, bool *bad);
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
