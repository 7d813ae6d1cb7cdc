/* WWW-Authenticate: RFC 7616 §3.3, RFC 8760 §2.3. One row an algorithm, the same nonce in each. */
#pragma once

#include <stdbool.h>

#include "auth/credentials.h"
#include "base/str.h"
#include "base/writer.h"

/* Writes a whole "WWW-Authenticate: Digest …" line with CRLF for each algorithm on offer. */
void challenge_write(struct writer *w, struct str realm, struct str nonce,
		     const struct digest_offer *offer, bool stale);
