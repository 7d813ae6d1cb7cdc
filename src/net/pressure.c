/*
 * Who is still answered over a datagram socket whose send buffer fills. Answers to a neighbour that
 * is not there wait for seconds in the kernel until ARP, or its like, has given up, and all that
 * time they are charged to the socket over which everybody is answered; whoever can forge sources
 * of our own network can cause that. So while the buffer fills, a stranger gets one answer in the
 * time that such answers wait, which is all that an honest one needs and bounds what each forged
 * one may hold; and the last quarter is for those who have proved a password.
 */
#include <linux/sock_diag.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/table.h"
#include "internal.h"

#define WAIT_MS 3000u /* mcast_solicit times retrans_time_ms, as Linux has them */
#define PLACES 4096u  /* more than the neighbours that Linux knows at a time (gc_thresh3) */

/* Two that meet in a place take it from each other, which makes the bound milder. */
struct stranger {
	unsigned hash;
	uint32_t answered_ms; /* the lower bits are enough */
};

struct strangers {
	struct stranger places[PLACES];
};

struct strangers *
strangers_open(void)
{
	return calloc(1, sizeof(struct strangers));
}

void
strangers_close(struct strangers *strangers)
{
	free(strangers);
}

/* How many quarters are taken; asked at most once in a millisecond and batch. */
static unsigned
quarters_full(struct served *served, uint64_t now_ms)
{
	uint32_t memory[SK_MEMINFO_VARS] = { 0 };
	socklen_t len = sizeof(memory);
	if (served->filled_ms == now_ms)
		return served->fill;
	served->filled_ms = now_ms;
	served->fill = 0;
	if (getsockopt(served->watch.fd, SOL_SOCKET, SO_MEMINFO, memory, &len) == 0 &&
	    memory[SK_MEMINFO_SNDBUF] > 0)
		served->fill = (unsigned)((uint64_t)memory[SK_MEMINFO_WMEM_ALLOC] * 4 /
					  memory[SK_MEMINFO_SNDBUF]);
	return served->fill;
}

/* Noted also when there is room, so that who begins to fill the buffer is known when it is. */
static bool
answered_lately(struct strangers *strangers, const struct ip *to, uint64_t now_ms)
{
	unsigned hash = table_hash(to->octets, to->family == 4 ? 4 : 16);
	struct stranger *place = &strangers->places[hash % PLACES];
	bool lately = place->hash == hash && (uint32_t)now_ms - place->answered_ms < WAIT_MS;
	if (!lately)
		*place = (struct stranger){ hash, (uint32_t)now_ms };
	return lately;
}

bool
pressure_admits(struct served *served, const struct ip *to, bool proved)
{
	struct net *net = served->net;
	uint64_t now_ms = loop_now_ms(net->loop);
	unsigned quarters = quarters_full(served, now_ms);
	if (proved)
		return true;
	if (quarters >= 3)
		return false;
	return !answered_lately(net->strangers, to, now_ms) || quarters == 0;
}
