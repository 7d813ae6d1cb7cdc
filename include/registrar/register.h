/*
 * RFC 3261 §10.3 as three short functions. Each takes what is known and returns what it needs next;
 * waiting is the caller's business, so nothing here knows a socket or a database.
 *
 *   register_begin ──► REGISTER_LOOKUP ──► register_decide ──► REGISTER_COMMIT ──► register_finish
 * ──► REGISTER_REPLY
 *
 * With a record that is remembered, register_recall() may take the place of the look-up and
 * register_decide().
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "auth/credentials.h"
#include "auth/nonce.h"
#include "base/arena.h"
#include "base/stats.h"
#include "registrar/answer.h"
#include "registrar/aor.h"
#include "registrar/inspect.h"
#include "registrar/policy.h"
#include "registrar/record.h"
#include "sip/message.h"

enum register_next {
	REGISTER_REPLY,	 /* r->answer is final */
	REGISTER_LOOKUP, /* read the record of r->aor and the account of r->credentials.username in
			    r->aor.domain */
	REGISTER_COMMIT, /* store r->after if the version is still r->version */
};

enum lookup_result {
	LOOKUP_FOUND,
	LOOKUP_UNAVAILABLE,
	LOOKUP_TIMEOUT,
	LOOKUP_OVERDUE, /* never sent: it waited behind too many others */
	LOOKUP_FAILED,
};
enum commit_result {
	COMMIT_DONE,
	COMMIT_CONFLICT,    /* the version has moved; nothing changed */
	COMMIT_FAILED,	    /* refused by the database; nothing changed */
	COMMIT_UNAVAILABLE, /* never sent; nothing changed */
	COMMIT_OVERDUE,	    /* the same: it waited behind too many others */
	COMMIT_UNKNOWN,	    /* sent, and the connection was lost: look the row up (REG-DB-5) */
};

/* The parts of registration.random. */
enum register_random {
	RANDOM_NONCE = 0,   /* 8 octets */
	RANDOM_RETRY = 8,   /* 4: Retry-After */
	RANDOM_JITTER = 12, /* 4: how much a granted interval is shortened */
	RANDOM_ID = 16,	    /* 10: binding ids */
};

struct registration {
	/* Given by the caller before register_begin(). */
	const struct policy *policy;
	const struct nonce_keys *nonce_keys;
	const struct sip_message *request;
	struct inspection inspection;
	struct origin origin;
	struct arena *arena;
	int64_t now_ms;	    /* real time of arrival, corrected to the database's clock (REG-DB-2) */
	uint8_t random[32]; /* fresh, for the nonce, binding ids and jitter */
	unsigned retries;   /* commits with an unknown outcome before giving up: database.retries */

	/* Worked out on the way; the server reads aor and credentials for the look-up. */
	struct aor aor;
	struct credentials credentials;
	struct nonce nonce;
	unsigned attempts; /* commits whose outcome was unknown so far */
	bool recheck;	   /* the outcome of a commit is unknown until a look-up decides it */
	bool sure;	   /* a look-up must find what a commit waits for (store.h) */
	bool repetition;   /* of the request that made the bindings (D-04) */
	bool unproved;	   /* a repetition, count included, from elsewhere: captured, perhaps */
	bool strict_would_refuse; /* accepted only because contacts = compatible (D-16) */

	/* What to commit: the whole row after the change. Expired bindings and marks are gone from
	 * it. */
	int64_t version;
	struct record after;
	uint32_t changes[CHANGE_COUNT]; /* what that does, to be counted once it is done */

	struct answer answer;
};

/* Steps 1 to 3 and 5 as far as the message alone tells; a challenge costs no trip to the database.
 */
enum register_next register_begin(struct registration *r);
/* Steps 3 to 7: authenticate, authorize, plan all changes or none. record is NULL unless result is
 * LOOKUP_FOUND. */
enum register_next register_decide(struct registration *r, enum lookup_result result,
				   const struct record *record);
/*
 * The same from a record that this process remembers, which may be old: REGISTER_COMMIT when the
 * request is accepted by it, for the guard of the commit proves that it was current;
 * REGISTER_LOOKUP in every other case. So memory may say yes, and only the database says no. Only
 * for a record whose account is that of its own address: whatever changes that account raises the
 * version of the address.
 */
enum register_next register_recall(struct registration *r, const struct record *remembered);
/* Step 8, or once more from the look-up. */
enum register_next register_finish(struct registration *r, enum commit_result result);
