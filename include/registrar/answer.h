/* An answer as a value: decided by inspect.c and register.c, written by answer_write(). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "auth/nonce.h"
#include "base/reason.h"
#include "base/str.h"
#include "base/writer.h"
#include "registrar/policy.h"
#include "registrar/record.h"
#include "sip/message.h"

#define ANSWER_DATAGRAM_MAX 65507u /* what fits into UDP over IPv4 */

struct answer {
	int status;
	const char *phrase; /* NULL: the usual one */
	enum reason reason;
	bool failed_login; /* leaves auth.failure_delay after arrival (D-08) */
	bool changed;	   /* bindings changed */

	/* What the status needs; see the table in section 8.2 of the requirements. */
	struct str unsupported; /* 420: "foo, bar" */
	uint32_t min_expires_s; /* 423 */
	uint32_t retry_after_s; /* 503 */
	int warning;		/* 480: 380 or 381 */
	struct str warning_agent;
	bool accept;			/* 415 by type, OPTIONS 200 */
	bool accept_encoding;		/* 415 by coding, OPTIONS 200 */
	bool accept_language;		/* 415 by language, OPTIONS 200 */
	bool allow;			/* 405, 501, OPTIONS 200 */
	bool supported;			/* 200 */
	const struct domain *challenge; /* 401 */
	bool stale;
	char nonce[NONCE_TEXT_LEN + 1];
	struct str path;		/* REGISTER 200: of the request … */
	struct str service_route;	/* … and of the domain */
	const struct binding *bindings; /* REGISTER 200 */
	uint32_t binding_count;
	int64_t now_ms; /* for expires and Date; a live binding is listed with 1 at least */
	bool date;
};

/* The answer to a message with a fault of status 400 or more, Allow with a 501 included. */
void answer_fault(struct answer *answer, enum sip_fault fault);
/* 503 with a Retry-After spread over limits.retry_after by random (D-27). */
void answer_unavailable(struct answer *answer, enum reason reason, const struct policy *policy,
			uint32_t random);

/*
 * The whole response. to_tag as sip_response_begin(). False when it does not fit w.
 */
bool answer_write(struct writer *w, const struct answer *answer, const struct policy *policy,
		  const struct sip_message *request, const struct endpoint *source,
		  struct str to_tag);
