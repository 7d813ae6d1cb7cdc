/*
 * Bans, and the failures that lead to them, in the shared memory of a node. The admin process alone
 * decides and publishes; workers look up and report. A set that is published lies in one of two
 * halves while the other one is written, so nobody waits for anybody, and a writer that dies in
 * between leaves the last set in force.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/ip.h"
#include "base/reason.h"

/* A whole set takes 640 KB; what is over it is not banned, those that end soonest first. */
#define BANS_MAX 16384
#define FAILURES_MAX 4096u

struct ban {
	struct ip_prefix prefix; /* no mapped IPv4 address; nothing set behind its bits */
	bool manual;		 /* by an operator: holds for datagrams too */
	bool saved;		 /* the database knows it */
	enum reason reason;	 /* of the failure that filled the measure */
	uint64_t until_ms;	 /* monotonic, which is one clock for all processes */
};

/* Ordered by family, length and address. */
struct ban_set {
	uint32_t count;
	struct ban items[BANS_MAX];
};
struct ban *ban_set_find(struct ban_set *set, const struct ip_prefix *prefix);
/* Adds it, or puts it in the place of the one of the same prefix. False when the set is full. */
bool ban_set_put(struct ban_set *set, const struct ban *ban);
void ban_set_remove(struct ban_set *set, const struct ban *ban);

struct bans;

/* In shared memory, empty; NULL when memory is out. */
struct bans *bans_map(void);
/* By the one writer. */
void bans_publish(struct bans *bans, const struct ban_set *set);
/* What was published last; the writer's successor goes on from there. */
const struct ban_set *bans_published(const struct bans *bans);
/* Another number after each publication. */
uint32_t bans_turn(const struct bans *bans);
/* Is the source banned? manual_only: automatic bans do not count. */
bool bans_match(const struct bans *bans, const struct ip *source, bool manual_only,
		uint64_t now_ms);

/* The failures of one process on their way to the admin process; one writer, one reader. */
struct failure {
	struct ip source;
	enum reason reason;
};
struct failures {
	_Atomic uint32_t written;
	_Atomic uint32_t taken;
	struct failure items[FAILURES_MAX];
};
/* count of them in shared memory, empty; NULL when memory is out. */
struct failures *failures_map(uint32_t count);
/* False when there is no room: the admin process has been gone for a while. */
bool failures_report(struct failures *failures, const struct failure *failure);
bool failures_take(struct failures *failures, struct failure *failure);
