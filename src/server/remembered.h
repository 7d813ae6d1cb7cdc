/*
 * The records that a worker wrote last, so that the next change of the same address goes straight
 * to its commit, in one trip to the database instead of two. What lies here may be old: the guard
 * of the commit finds that out (register_recall), as long as one server gives the versions. Only
 * records whose account is that of their own address are kept.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "registrar/record.h"

#define REMEMBERED_BYTES_MAX 8192u /* a larger record is not kept */

struct remembered;

/* Up to limit records, each of at most REMEMBERED_BYTES_MAX octets; memory is taken as they come.
 * limit 0 keeps none. NULL when memory is out. */
struct remembered *remembered_open(uint32_t limit);
/* NULL is allowed. Octets are wiped: there are password hashes among them. */
void remembered_close(struct remembered *remembered);

/* A copy, in the arena, of the record of this address that was read for this login, and written to
 * this server (store_server); NULL when there is none. */
const struct record *remembered_find(struct remembered *remembered, struct str aor,
				     struct str login, uint32_t server, struct arena *arena);
/* Is there one, whoever logged in, and on whichever server? */
bool remembered_knows(struct remembered *remembered, struct str aor);
/* Copies the record, in place of an older one of the address. When all places are taken, the one
 * that was used longest ago is given up. */
void remembered_keep(struct remembered *remembered, struct str aor, struct str login,
		     uint32_t server, const struct record *record);
/* The record of this address is not what the database holds. */
void remembered_forget(struct remembered *remembered, struct str aor);
