/*
 * What reloads have closed in the master. The workers do so a moment later, each when it hears of
 * it, and until the last of them has the port is taken, by us: it may be opened again, unless
 * somebody else has it too.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sockets.h"

struct closing_socket;

struct closing {
	struct closing_socket *items;
	size_t count;
};

/* Before the item is closed. When memory is out it is as if the workers had closed it already. */
void closing_add(struct closing *closing, const struct listening *item, uint32_t workers,
		 uint64_t now_ms);
/* Is the port of the item still taken by what was closed, and by nobody but us? running are the
 * sockets that are open now. */
bool closing_has(const struct closing *closing, const struct sockets *running,
		 const struct listening *item, uint64_t now_ms);
void closing_free(struct closing *closing);
