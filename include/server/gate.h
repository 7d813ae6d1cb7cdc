/*
 * One request an address-of-record at a time, in order of arrival (REG-10.3-6). Entered before the
 * password is proved, so what one source may queue is bounded, and sources take turns.
 */
#pragma once

#include <stdbool.h>

#include "base/ip.h"
#include "base/list.h"
#include "base/str.h"

#define GATE_WAITING_PER_SOURCE 8

struct gate;

/* Embedded in the request; key and source live until gate_leave(). */
struct gate_pass {
	struct str key;
	struct ip source; /* already masked to limits.ipv6_prefix */
	bool exempt;	  /* no bound for this source */
	void (*enter)(struct gate_pass *
			      pass); /* called from gate_leave() of the one before, or not at all */
	struct list link;
	void *seat;
};

enum gate_answer { GATE_ENTERED, GATE_WAIT, GATE_FULL };

struct gate *gate_open(void);
void gate_close(struct gate *gate);
enum gate_answer gate_enter(struct gate *gate, struct gate_pass *pass);
/* Lets the next one in, which may call back at once. */
void gate_leave(struct gate *gate, struct gate_pass *pass);
