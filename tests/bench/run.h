/*
 * Slots: each has at most one request outstanding and works through its own clients (slot, slot +
 * slots, slot + 2 slots, …), so that no client ever has two. In a closed loop a slot begins the
 * next when it is answered; at a fixed rate the slot that waited longest takes what is due, and
 * latency counts from when it was due, so that a slow server cannot hide behind a generator that
 * waits for it.
 */
#pragma once

#include "options.h"
#include "tally.h"
#include "wire.h"

struct slot {
	uint64_t due_us; /* when it should have been sent */
	uint64_t sent_us;
	uint32_t user; /* index of its client */
	uint32_t serial;
	uint8_t tries;	    /* transmissions of one message: 1, 2, 4, … */
	uint8_t challenges; /* that this registration met */
	uint8_t kind;
	bool busy, credentials;
};

struct run {
	const struct options *options;
	struct clients *all;
	struct wire *wire;
	struct tally *tally;
	struct client *clients;
	struct slot *slots;
	uint32_t *free; /* slots that wait for work, the longest waiting first */
	uint32_t free_first, free_count;
	uint32_t spent; /* slots that have no client left */
	uint32_t seed;
	uint64_t looked_us;   /* when silence was looked for */
	uint64_t answered_us; /* when the last answer came */
	struct wire_user answers;
};

void run_init(struct run *run);
/* Everybody registers once and has a nonce, which nobody counts. False when nobody has been
 * answered for 20 s: the registrar is gone. */
bool run_warm_up(struct run *run);
/* The window, then waits for what is still outstanding. */
void run_measure(struct run *run);
/* Does nothing for --hold seconds but notice what is disconnected. */
void run_hold(struct run *run);
