/*
 * The bans of this node: from the failures that workers report, from the admin API and from the
 * other nodes, by way of the table ban. Its set is what workers see; PostgreSQL is what outlives a
 * restart and what the others learn from. While it is away failures still ban here, and are written
 * when it is back.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/bans.h"
#include "base/node.h"
#include "config/config.h"
#include "net/loop.h"
#include "net/timer.h"
#include "store/store.h"

struct ban_keeper;

/* config lives until another one is given. NULL when memory is out. What was in force before a
 * predecessor died is in force still. */
struct ban_keeper *ban_keeper_open(struct loop *loop, struct store *store,
				   const struct node_memory *memory, const struct config *config);
void ban_keeper_configure(struct ban_keeper *keeper, const struct config *config);
/* After store_close(). */
void ban_keeper_close(struct ban_keeper *keeper);

/* False when BANS_MAX manual ones are in force, and this prefix has none. */
bool ban_keeper_fits(const struct ban_keeper *keeper, const struct ip_prefix *prefix);
/* What the database has just been told: holds at once, here; elsewhere within seconds. */
void ban_keeper_put(struct ban_keeper *keeper, const struct ip_prefix *prefix, bool manual,
		    uint64_t left_ms);
/* False when there was no such ban. */
bool ban_keeper_remove(struct ban_keeper *keeper, const struct ip_prefix *prefix);
