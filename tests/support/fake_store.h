/*
 * The store in memory, with the guard of the real one. It answers from the loop, after a delay, or
 * when it is let go; what it does to the next operations can be scripted.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "store/store.h"

enum fake_commit {
	FAKE_COMMIT_DONE,
	FAKE_COMMIT_CONFLICT, /* somebody else wrote the row just before */
	FAKE_COMMIT_FAILED,
	FAKE_COMMIT_UNAVAILABLE,
	FAKE_COMMIT_OVERDUE,
	FAKE_COMMIT_LOST,   /* the connection went before it was done */
	FAKE_COMMIT_LANDED, /* and after */
};

struct store *fake_store_open(struct loop *loop);
/* An account and its own address LOGIN@example.com. */
void fake_store_account(struct store *store, const char *login, const char *password);
/* A new one; that raises the version of the address. */
void fake_store_password(struct store *store, const char *login, const char *password);
/* Another server takes over, which has not got the last commit of each row. */
void fake_store_failover(struct store *store);
void fake_store_set_state(struct store *store, enum store_state state);
/* For how long it has been down. */
void fake_store_set_down(struct store *store, uint64_t down_ms);
void fake_store_set_offset(struct store *store, int64_t offset_ms);
/* No nonce key was read yet. */
void fake_store_forget_keys(struct store *store);
/* Every operation takes so long. */
void fake_store_set_delay(struct store *store, uint64_t delay_ms);
/* Nothing completes until it is let go. */
void fake_store_freeze(struct store *store, bool frozen);
/* What waits was sent already, in vain, and waits for its second try. */
void fake_store_repeat(struct store *store);
/* What the next look-ups and commits bring, in order; afterwards all goes well. */
void fake_store_next_lookup(struct store *store, enum lookup_result result);
void fake_store_next_commit(struct store *store, enum fake_commit commit);

unsigned fake_store_lookups(const struct store *store);
unsigned fake_store_commits(const struct store *store);
unsigned fake_store_waiting(const struct store *store);
/* The row of the address; NULL when it has none. */
const struct record *fake_store_row(const struct store *store, const char *aor);
