/* By the number of its inode a socket is known again in /proc/net, whoever holds it: see the
 * header. */
#include "closing.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "portowner.h"

#define CLOSING_MS 15000u /* a worker that stands still is ended before (children.c) */

struct closing_socket {
	uint64_t inode;
	uint64_t until_ms; /* by then all workers have closed it, or are dead */
};

struct question {
	const struct closing *closing;
	const struct sockets *running;
	uint64_t now_ms;
	bool closed; /* one of them was */
};

static uint64_t
inode_of(int fd)
{
	struct stat entry;
	return fd >= 0 && fstat(fd, &entry) == 0 ? entry.st_ino : 0;
}

static void
drop_old(struct closing *closing, uint64_t now_ms)
{
	size_t kept = 0;
	for (size_t i = 0; i < closing->count; i++)
		if (closing->items[i].until_ms > now_ms)
			closing->items[kept++] = closing->items[i];
	closing->count = kept;
}

void
closing_add(struct closing *closing, const struct listening *item, uint32_t workers,
	    uint64_t now_ms)
{
	drop_old(closing, now_ms);
	struct closing_socket *grown =
		reallocarray(closing->items, closing->count + workers, sizeof(*closing->items));
	if (grown == NULL)
		return;
	closing->items = grown;
	for (uint32_t i = 0; i < workers; i++)
		closing->items[closing->count++] =
			(struct closing_socket){ .inode = inode_of(item->fds[i]),
						 .until_ms = now_ms + CLOSING_MS };
}

static bool
is_running(const struct sockets *running, uint64_t inode)
{
	for (size_t i = 0; i < running->count; i++)
		for (unsigned w = 0; w < NODE_WORKERS_MAX; w++)
			if (inode_of(running->items[i].fds[w]) == inode)
				return true;
	return false;
}

static bool
is_ours(uint64_t inode, void *arg)
{
	struct question *question = arg;
	const struct closing *closing = question->closing;
	for (size_t i = 0; i < closing->count; i++)
		if (closing->items[i].inode == inode &&
		    closing->items[i].until_ms > question->now_ms) {
			question->closed = true;
			return true;
		}
	return is_running(question->running, inode);
}

bool
closing_has(const struct closing *closing, const struct sockets *running,
	    const struct listening *item, uint64_t now_ms)
{
	struct question question = { .closing = closing, .running = running, .now_ms = now_ms };
	return closing->count > 0 &&
	       port_holders(item->bound.port, item->transport == TRANSPORT_UDP, is_ours,
			    &question) &&
	       question.closed;
}

void
closing_free(struct closing *closing)
{
	free(closing->items);
	*closing = (struct closing){ 0 };
}
