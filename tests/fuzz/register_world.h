/*
 * The world of register_fuzz.c: two addresses of example.com with rows in memory that a commit
 * changes under its version guard, accounts whose passwords are known, every nonce that was ever
 * made, and a store that fails as a script says. What is true (who may, which count is fresh) is
 * kept here apart from the registrar, so that its decisions can be held against it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "fuzz.h"
#include "registrar/rig.h"

#define WORLD_SCENE_OCTETS 10
#define WORLD_STEP_OCTETS 8
#define WORLD_END '\xff' /* ends the stored contacts, and each step; no text holds it */
#define WORLD_NONCES 24
#define WORLD_READ_MAX 16 /* look-ups of one request */

struct world_row {
	struct str key;
	struct record *now;	   /* one piece of memory */
	struct record *remembered; /* as this process saw it last; NULL: not yet */
	struct str remembered_login;
};

/* A nonce that somebody was given. */
struct world_nonce {
	char text[NONCE_TEXT_LEN + 1];
	struct str aor;
	bool ours; /* made under our key and realm */
	int64_t issued_s;
	uint64_t next_nc; /* counts below it are used up */
};

/* What the database does to a request, in turn; then all goes well. */
struct world_script {
	enum rig_commit commits[2];
	bool meanwhile[2]; /* somebody else writes first, or after what landed */
	enum lookup_result lookups[2];
	uint8_t who; /* writes meanwhile */
	bool certificate, recall;
	size_t arena_limit;
};

struct world {
	struct rig rig; /* policy, accounts, time, and the texts of requests */
	struct world_row rows[2];
	struct world_nonce nonces[WORLD_NONCES];
	size_t nonce_count;
	bool odd;	      /* a stored URI cannot be read */
	const size_t *within; /* the memory of each request, whatever its step says; or NULL */

	/* The request that runs. */
	struct arena arena;
	struct sip_header *headers;
	char *octets;
	size_t octet_count;
	struct sip_message message;
	struct registration registration;
	struct world_script script;
	struct record *reads[WORLD_READ_MAX]; /* what it was shown; its plan points there */
	unsigned read_count, commit_count, stored;
	const struct record *seen; /* that it decided by last */
	bool silent;		   /* it is no request, and gets no answer */
	bool again;		   /* it is the copy of a request that runs elsewhere */
	bool overtaken;		   /* the row changed after it was read, or after it was stored */
};

/* Once a process; then once an input. */
void world_prepare(void);
void world_open(struct world *world, const uint8_t *scene);
void world_close(struct world *world);
/* A binding as one Contact value makes it; "!" before a URI of any kind, which an older version
 * might have stored. */
void world_stored(struct world *world, struct str line);
/* All of them are there. */
void world_settle(struct world *world);

/* The request of a step, as text in the arena of the rig. */
struct str world_request(struct world *world, const uint8_t *step, struct str fields);
/* Its whole way; every commit passes check_commit(). */
void world_run(struct world *world, struct str request);
/* Afterwards: what it pointed to goes. */
void world_forget(struct world *world);

/* --- what is true --- */

struct world_row *world_row(struct world *world, struct str aor);
/* The credentials answer a nonce of ours, not too old, for this address, with the password of an
 * account that may log in. */
bool world_authentic(const struct world *world);
bool world_authorized(const struct world *world);
struct world_nonce *world_nonce(struct world *world, struct str text);

/* --- register_check.c --- */

/* About to be stored: what was read, and what registration.after makes of it. */
void check_commit(struct world *world, const struct record *read);
/* The answer. */
void check_answer(struct world *world);
