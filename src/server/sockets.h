/*
 * Listening sockets, opened and held by the master. For SIP one SO_REUSEPORT socket a worker, so
 * that a worker that dies is replaced on the same sockets: what is queued survives and no client
 * changes worker.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/ip.h"
#include "base/node.h"
#include "base/stats.h"
#include "config/config.h"

struct listening {
	enum transport transport;
	struct endpoint bound;
	const char *listener; /* title of its section, in the configuration it was planned from */
	int fds[NODE_WORKERS_MAX]; /* -1: not open */
	bool open;
};

struct sockets {
	struct listening *items;
	size_t count;
};

/* What the configuration asks for, nothing opened yet; false when memory is out. */
bool sockets_plan(struct sockets *sockets, const struct config *config);
/* The item that serves the same transport and address; NULL when there is none. */
struct listening *sockets_find(const struct sockets *sockets, const struct listening *like);
/* Is one of them open that the kernel would not let another process open item beside? So it is when
 * a bind is narrowed or widened, and when tcp becomes tls. */
bool sockets_meet(const struct sockets *sockets, const struct listening *item);
/* One socket a worker; false with a sentence in error that names whoever has the port.
 * port_is_ours: it meets sockets of ours, so that nobody need be asked. */
bool listening_open(struct listening *item, uint32_t workers, bool port_is_ours, char *error,
		    size_t error_cap);
/* Would it work? Nothing stays open. */
bool listening_possible(const struct listening *item, bool port_is_ours, char *error,
			size_t error_cap);
void listening_close(struct listening *item, uint32_t workers);
/* The socket of one worker alone: closed, the kernel spreads its share to the others; opened again
 * later, also on an address that the host has no more (one that moves between nodes may come back),
 * or false with errno. Nothing happens to one that is closed, or open, already. */
void listening_close_one(struct listening *item, uint32_t worker);
bool listening_open_one(struct listening *item, uint32_t worker);
/* Forgets the plan; open descriptors are the caller's. */
void sockets_free(struct sockets *sockets);

/* A single listening TCP socket (admin, health); -1 with a sentence in error. what: "admin.listen".
 */
int sockets_open_http(const struct endpoint *endpoint, const char *what, char *error,
		      size_t error_cap);
/* The admin's Unix socket, mode 0660; a dead one is replaced, a live one is an error. */
int sockets_open_unix(const char *path, char *error, size_t error_cap);
