/*
 * A whole request path on fakes: loop, store and net of tests/support, the configuration of
 * section 1.3 of the requirements, and requests written as text with valid credentials unless asked
 * otherwise. Most tests read: send, let time pass, look at what was sent.
 */
#pragma once

#include "base/arena.h"
#include "base/log.h"
#include "base/stats.h"
#include "registrar/policy.h"
#include "server/limits.h"
#include "server/request.h"
#include "support/check_main.h"
#include "support/fake_loop.h"
#include "support/fake_net.h"
#include "support/fake_store.h"

#define ALICE "s3cret Pa55word!"

struct site {
	struct loop *loop;
	struct store *store;
	struct limits *limits;
	struct requests *requests;
	struct net *net;
	struct policy policy;
	struct domain domain;
	struct domain_name name;
	struct limits_settings limits_settings;
	struct requests_settings settings;
	struct peer host; /* "192.0.2.4:40000", over UDP */
	struct arena_pool pool;
	struct arena arena;
	unsigned made; /* requests written so far: makes branches and nonces fresh */
	struct stats stats;
};

/* What one request differs in from the usual one. NULL and 0: as usual. */
struct site_request {
	const char *method; /* REGISTER */
	const char *uri;    /* sip:example.com */
	const char *start;  /* the whole start line */
	const char *via;    /* the whole value */
	const char *branch; /* fresh */
	const char *from_tag;
	const char *to; /* the whole value */
	const char *call_id;
	unsigned cseq;		 /* 1 */
	const char *cseq_method; /* that of the request */
	const char *contact;	 /* the value; none: a fetch */
	const char *fields;	 /* further header lines, CRLF after each */
	const char *login;	 /* alice */
	const char *password;	 /* hers */
	const char *realm;
	const char *digest_uri;
	const char *nonce_aor; /* the nonce is for this address; that of the login */
	unsigned nonce;	       /* the number of a nonce; 0: a fresh one */
	unsigned nc;	       /* 1 */
	unsigned size;	       /* padded to so many octets, at least */
	bool no_credentials;
	const char *end; /* Content-Length, the empty line, the body */
};

/* With settings changed by the test between init and open; open does the rest. */
void site_init(struct site *site);
void site_start(struct site *site);
/* Both. */
void site_open(struct site *site);
void site_close(struct site *site);
void site_pass(struct site *site, uint64_t ms);

struct str site_text(struct site *site, struct site_request request);
/* Writes it and sends it from site->host. */
void site_send(struct site *site, struct site_request request);

/* The status of the index-th answer, 0 when there is none. */
int sent_status(const struct site *site, size_t index);
struct str sent_text(const struct site *site, size_t index);
/* The value of a header field of an answer; empty without. */
struct str text_field(struct str text, const char *name);
struct str sent_field(const struct site *site, size_t index, const char *name);
/* The tag in the To field. */
struct str sent_to_tag(const struct site *site, size_t index);
/* How many answers have this status. */
unsigned sent_with_status(const struct site *site, int status);
/* How many bindings the row of "LOGIN@example.com" has. */
unsigned row_bindings(const struct site *site, const char *aor);
