/*
 * A registrar without network and database: REGISTER requests are written as text, with valid
 * credentials unless asked otherwise, and run through inspection, begin, decide and finish against
 * a row in memory. The configuration is that of section 1.3 of the requirements.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "registrar/inspect.h"
#include "registrar/policy.h"
#include "registrar/register.h"

#define RIG_NOW_MS 1700000000000

/* What one REGISTER differs in from the usual one. Empty and 0: as usual. */
struct rig_request {
	struct str uri;	    /* sip:example.com */
	struct str to;	    /* the To value, <sip:alice@example.com> */
	struct str call_id; /* a */
	struct str cseq;    /* 1 */
	struct str fields;  /* further header lines, CRLF after each */
	enum transport transport;
	struct str source;   /* 192.0.2.10:5062 */
	struct str dialled;  /* the address that it was sent to; not known */
	bool certificate;    /* the client showed a verified one */
	struct str login;    /* alice */
	struct str password; /* of alice */
	struct str realm;    /* of the credentials */
	struct str digest_uri;
	struct str method; /* hashed */
	enum digest_algorithm algorithm;
	bool no_qop;
	bool no_credentials;
	struct str nonce;	/* as it is; else one is minted: */
	struct str nonce_aor;	/* for this address, that of To */
	struct str nonce_realm; /* for this realm */
	int64_t nonce_age_s;
	uint32_t nc; /* 0: 1 */
};

/* What the store does to the commits of a request, in turn; after the last one all are done. */
enum rig_commit {
	RIG_COMMIT_DONE,
	RIG_COMMIT_CONFLICT,
	RIG_COMMIT_FAILED,
	RIG_COMMIT_UNAVAILABLE,
	RIG_COMMIT_OVERDUE,
	RIG_COMMIT_LOST,   /* the connection went before it was done */
	RIG_COMMIT_LANDED, /* and after */
};
#define RIG_SCRIPT_MAX 8

struct rig {
	struct arena_pool pool;
	struct arena arena; /* of the case: rows, requests, answers */
	struct policy policy;
	struct domain domains[2];
	struct domain_name names[4];
	struct nonce_keys keys;
	int64_t now_ms;
	uint32_t seed; /* of everything random; rises */
	unsigned retries;

	struct record record; /* of the address, whichever it is */
	struct account accounts[8];
	struct str logins[8];
	uint32_t account_count;

	enum rig_commit commits[RIG_SCRIPT_MAX];
	unsigned commit_count;
	enum lookup_result lookups[RIG_SCRIPT_MAX];
	unsigned lookup_count;
	/* Called before a commit that is to conflict, to change the row as somebody else would. */
	void (*meanwhile)(struct rig *rig);

	/* Of the last request. */
	struct sip_message message;
	struct registration registration;
	struct answer answer;
	struct str nonce;    /* that it carried */
	struct str response; /* as written */
	unsigned looked_up;
	unsigned committed; /* commits that changed the row */
};

void rig_open(struct rig *rig);
/* The names of its domains once more, for a copy of the rig, whose pointers are those of the other.
 */
void rig_names(struct rig *rig);
void rig_close(struct rig *rig);
/* Accounts alice, bob and gateway of section 1.3; password NULL: none of that algorithm. */
struct account *rig_account(struct rig *rig, struct str login, struct str password);
/* Parses a copy of the text, as the server would. */
enum sip_fault rig_parse(struct rig *rig, struct sip_message *message, struct str text);
/* The text of a request. */
struct str rig_write(struct rig *rig, const struct rig_request *request);
/* The whole way of one REGISTER; the answer is in rig->answer and rig->response. */
void rig_register(struct rig *rig, const struct rig_request *request);
/* The same in steps: inspection and begin; then decide and finish until there is an answer. What
 * the parser refuses is answered as it says. */
enum register_next rig_begin(struct rig *rig, const struct rig_request *request);
void rig_run(struct rig *rig, enum register_next next);
/* A binding as the Contact value would have made it, of Call-ID "other", CSeq 1, with half an hour
 * left. */
struct binding *rig_given(struct rig *rig, struct str contact);
const struct binding *rig_binding(const struct rig *rig, struct str uri);
