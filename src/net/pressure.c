/*
 * Who is still answered over a datagram socket whose send buffer fills. Answers to a neighbour that
 * is not there wait for seconds in the kernel until ARP, or its like, has given up, and all that
 * time they are charged to the socket over which everybody is answered; whoever can forge sources
 * of our own network can cause that. So while the buffer fills, a stranger gets one answer in the
 * time that such answers wait, which is all that an honest one needs and bounds what each forged
 * one may hold; and the last quarter is for those who have proved a password. An address that has
 * lately shown one is no stranger: it is there, so nothing waits for it, and many phones may stand
 * behind it, each of which begins with a challenge.
 */
#include <linux/sock_diag.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/table.h"
#include "internal.h"

#define WAIT_MS 3000u	  /* mcast_solicit times retrans_time_ms, as Linux has them */
#define PLACES 4096u	  /* more than the neighbours that Linux knows at a time (gc_thresh3) */
#define PROOF_MS 3600000u /* phones that share an address seldom leave it silent for longer */
#define SETS 512u
#define SET_PLACES 8u

/* Two that meet in a place take it from each other, which makes the bound milder. */
struct stranger {
	unsigned hash;
	uint32_t answered_ms; /* the lower bits are enough */
};

struct proof {
	unsigned hash;
	uint64_t until_ms; /* 0: of nobody */
};

/* Proofs apart, because anybody can forge as many strangers as he likes. Of a set the oldest goes,
 * and an address with many phones, which needs it most, is seldom that. */
struct pressure {
	struct stranger strangers[PLACES];
	struct proof proofs[SETS][SET_PLACES];
};

struct pressure *
pressure_open(void)
{
	return calloc(1, sizeof(struct pressure));
}

void
pressure_close(struct pressure *pressure)
{
	free(pressure);
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

static unsigned
hash_of(const struct ip *ip)
{
	return table_hash(ip->octets, ip->family == 4 ? 4 : 16);
}

/* Noted also when there is room, so that who begins to fill the buffer is known when it is. */
static bool
answered_lately(struct pressure *pressure, unsigned hash, uint64_t now_ms)
{
	struct stranger *place = &pressure->strangers[hash % PLACES];
	bool lately = place->hash == hash && (uint32_t)now_ms - place->answered_ms < WAIT_MS;
	if (!lately)
		*place = (struct stranger){ hash, (uint32_t)now_ms };
	return lately;
}

/* The place of its proof, or the one that it would take. */
static struct proof *
proof_place(struct pressure *pressure, unsigned hash)
{
	struct proof *set = pressure->proofs[hash % SETS], *oldest = set;
	for (unsigned i = 0; i < SET_PLACES; i++) {
		if (set[i].hash == hash)
			return &set[i];
		if (set[i].until_ms < oldest->until_ms)
			oldest = &set[i];
	}
	return oldest;
}

static bool
proved_lately(struct pressure *pressure, unsigned hash, uint64_t now_ms)
{
	const struct proof *place = proof_place(pressure, hash);
	return place->hash == hash && now_ms < place->until_ms;
}

void
pressure_note_proof(struct net *net, const struct ip *of)
{
	unsigned hash = hash_of(of);
	*proof_place(net->pressure, hash) =
		(struct proof){ hash, loop_now_ms(net->loop) + PROOF_MS };
}

bool
pressure_admits(struct served *served, const struct ip *to, bool proved)
{
	struct pressure *pressure = served->net->pressure;
	uint64_t now_ms = loop_now_ms(served->net->loop);
	unsigned quarters = quarters_full(served, now_ms);
	if (proved)
		return true;
	if (quarters >= 3)
		return false;
	unsigned hash = hash_of(to);
	return proved_lately(pressure, hash, now_ms) || !answered_lately(pressure, hash, now_ms) ||
	       quarters == 0;
}
