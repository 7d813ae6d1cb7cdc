/* What can be said about any request before it is known who sent it: RFC 3261 §8.2, lines ORD-18 to
 * ORD-31. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/ip.h"
#include "base/stats.h"
#include "registrar/answer.h"
#include "registrar/contacts.h"
#include "registrar/policy.h"
#include "sip/message.h"

/* Where a request came from. */
struct origin {
	enum transport transport;
	bool secure;		/* TLS, ended here or in front by whom we trust */
	bool authenticated;	/* over a TLS connection whose client certificate was verified */
	struct endpoint source; /* the client … */
	struct endpoint hop;	/* … and whoever handed its request to us, which may be it */
	struct ip dialled;	/* the address that the client sent it to; family 0: not known */
};

/* What only the server knows about its own state. */
struct readiness {
	enum reason options;   /* REASON_NONE while ready; else why OPTIONS gets 503: the verdict of
				  /readyz */
	enum reason registers; /* REASON_NONE, or why REGISTER gets 503 (overloaded,
				  database_unavailable) */
	uint32_t random;       /* fresh, spreads the Retry-After of a 503 */
};

struct inspection {
	struct sip_uri uri;	     /* the Request-URI */
	const struct domain *domain; /* NULL: an address literal or Max-Forwards 0 (OPTIONS) */
	struct contacts contacts;    /* of a REGISTER */
};

/*
 * True when the request may go on: a REGISTER to register_begin(), an OPTIONS to options_answer().
 * False when *answer, empty before, says what to answer. ACK and CANCEL never come here; ORD-25
 * (merged) is asked by server/ through `merged`.
 */
bool inspect_request(struct inspection *inspection, struct answer *answer,
		     const struct policy *policy, const struct sip_message *request,
		     const struct origin *origin, const struct readiness *readiness, bool merged,
		     struct arena *arena);

/* The answer to an OPTIONS that passed inspection (UAS-11-1 to UAS-11.2-4, ORD-38). */
void options_answer(struct answer *answer, const struct inspection *inspection);
