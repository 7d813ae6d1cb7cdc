/* The store of a process, which does without the password of the database until it can be read. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/node.h"
#include "config/config.h"
#include "net/loop.h"
#include "net/timer.h"
#include "store/store.h"

struct database {
	struct store *store;
	struct loop *loop;
	struct timer look;
	char password_file[4096]; /* as long as the key may be */
};

/* Fills database, which lives as long as the store; NULL when memory is out. A password file that
 * cannot be read is told; it is looked at as long as a connection is missing. */
struct store *database_open(struct database *database, struct loop *loop,
			    const struct config *config, uint32_t connections, bool commits,
			    struct node *node);
