/*
 * One request an address-of-record at a time, in order of arrival (REG-10.3-6). Entered before the
 * password is proved, so what one source may queue is bounded, and sources take turns: whoever
 * holds a nonce can make alice wait for one request of his at a time, not for all of them. Sources
 * that anybody can forge have places of their own, and those that a connection proved others.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/ip.h"
#include "base/list.h"
#include "base/str.h"

#define GATE_WAITING_PER_SOURCE 8
#define GATE_SOURCES_WAITING 64 /* of either sort, for one address */

struct gate;

/* Embedded in the request; key and source live until gate_leave(). */
struct gate_pass {
	struct str key;
	struct ip source; /* already masked to limits.ipv6_prefix */
	bool exempt;	  /* no bounds for this source */
	bool proved;	  /* nobody can have forged it */
	void (*enter)(struct gate_pass *
			      pass); /* called from gate_leave() of the one before, or not at all */
	struct list link;
	void *seat;
};

enum gate_answer {
	GATE_ENTERED,
	GATE_WAIT,
	GATE_FULL,
	GATE_CROWD, /* too many sources wait that may be forged, as this one may */
};

/* capacity: passes inside or waiting at any time; one more is GATE_FULL. NULL when memory is out.
 */
struct gate *gate_open(size_t capacity);
void gate_close(struct gate *gate);
enum gate_answer gate_enter(struct gate *gate, struct gate_pass *pass);
/*
 * For a pass that is inside; lets the next one in, which calls back before this returns. A pass
 * that leaves again within its own enter() is fine: the chain is followed in a loop, not by
 * recursion.
 */
void gate_leave(struct gate *gate, struct gate_pass *pass);
