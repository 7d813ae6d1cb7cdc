/* What the database says about one address-of-record and about the account that logs in. Values;
 * the store fills them. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "auth/credentials.h"
#include "auth/nonce.h"
#include "base/stats.h"
#include "base/str.h"

#define BINDING_ID_LEN 36 /* UUIDv7 text */
#define MARKS_MAX                                                                 \
	64 /* live nonces remembered an address-of-record: more than log-ins that \
	      race (REG-10.3-8) */

struct binding {
	struct str id;
	struct str uri;	      /* as registered, octet for octet */
	struct str display;   /* as written, quotes included */
	struct str params;    /* ";q=0.5;+sip.x=y" as written, without expires */
	int16_t q;	      /* thousandths, -1: not given */
	uint32_t requested_s; /* the interval that was asked for (D-04) */
	int64_t expires_ms;   /* real time */
	struct str call_id;
	uint32_t cseq;
	struct str instance;   /* value of +sip.instance without quotes, empty without */
	struct str user_agent; /* at most SIP_MAX_USER_AGENT */
	struct str path;       /* RFC 3327, as one field value; empty: none */
	struct str node;       /* the flow: where the REGISTER came in … */
	enum transport transport;
	bool secure;	   /* over TLS as far as the registrar could tell */
	struct str source; /* … and from, "192.0.2.1:5060" */
	struct str peer;   /* the load balancer that passed it on; empty: none */
	int64_t created_ms;
	int64_t updated_ms;
};

/* The highest nonce count accepted for one live nonce (D-03). A nonce used without qop counts
 * UINT32_MAX. */
struct nonce_mark {
	struct nonce nonce;
	uint32_t nc;
};

enum may_register { MAY_REGISTER_OWN, MAY_REGISTER_LIST, MAY_REGISTER_DOMAIN };

struct account {
	bool found;
	bool enabled;
	struct str aor;				/* its own address-of-record, canonical */
	struct str ha1[DIGEST_ALGORITHM_COUNT]; /* hex; empty: none for the algorithm */
	enum may_register may_register;
	struct str *allowed; /* canonical addresses, for MAY_REGISTER_LIST */
	uint32_t allowed_count;
};

struct record {
	bool exists; /* the address-of-record has a row */
	int64_t version;
	struct binding *bindings; /* expired ones may be among them */
	uint32_t binding_count;
	struct nonce_mark *marks;
	uint32_t mark_count;
	uint32_t mark_floor_s;	 /* nonces issued up to this second and not among the marks are used
				    up; 0: none */
	struct account account;	 /* of the login, which may be another address's */
	uint32_t max_contacts;	 /* of the address itself; 0: policy->max_contacts */
	int64_t clock_offset_ms; /* database time minus ours when it was read */
};

/*
 * At most so many octets of JSON are stored of the binding (store/rows.h), of which whoever only
 * guesses at a password has all read: those of an address stay under 100,000 and 512 for each
 * binding, else 403 (REG-10.3.7-17).
 */
size_t binding_stored_octets(const struct binding *binding);
/* Octets that record_copy() writes. */
size_t record_size(const struct record *record);
/* A copy with all that it points to, as one piece at memory: record_size() octets, aligned for any
 * type. */
struct record *record_copy(void *memory, const struct record *record);
