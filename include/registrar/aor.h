/* The canonical address-of-record: RFC 3261 §10.3 step 5, D-12. "sip:" is not part of it:
 * user@domain. */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/str.h"
#include "registrar/policy.h"
#include "sip/uri.h"

struct aor {
	struct str key;	 /* "alice@example.com", every octet of the user part outside unreserved
			    written %HH */
	struct str user; /* its two halves */
	struct str domain;
};

/* False when the URI has no user part (REG-10.3.5-3), is not SIP or SIPS, or the arena is
 * exhausted. */
bool aor_from_uri(struct aor *aor, const struct sip_uri *uri, const struct domain *domain,
		  struct arena *arena);
