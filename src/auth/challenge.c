/* The challenge of a 401, as short as it may be: over UDP it goes to whoever claims to have asked.
 * No domain and no opaque (RFC 7616 §3.3 makes both optional). */
#include "auth/challenge.h"

void
challenge_write(struct writer *w, struct str realm, struct str nonce,
		const struct digest_offer *offer, bool stale)
{
	for (uint8_t i = 0; i < offer->count; i++) {
		writer_str(w, STR("WWW-Authenticate: Digest realm="));
		writer_quoted(w, realm);
		writer_str(w, STR(", nonce="));
		writer_quoted(w, nonce);
		if (stale)
			writer_str(w, STR(", stale=true"));
		writer_str(w, STR(", algorithm="));
		writer_str(w, digest_algorithm_name(offer->algorithms[i]));
		writer_str(w, STR(", qop=\"auth\"\r\n"));
	}
}
