/* What the command line asks for. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "charge.h"
#include "client.h"
#include "plan.h"

#define SLOTS_MAX (1u << 20)
#define SOCKETS_MAX 20000

enum transport { UDP, TCP, TLS };

struct options {
	const char *host;
	uint16_t port;
	enum transport transport;
	enum mode mode;
	uint32_t users;
	uint32_t first; /* number of the first user */
	uint32_t slots; /* requests outstanding at most */
	uint32_t sockets;
	double rate; /* registrations a second; 0: closed loop */
	double seconds;
	uint32_t turn_us;   /* a turn of the loop takes at least so long */
	uint32_t series_ms; /* 0: no series */
	bool wait;	    /* say when a window could begin, wait for a word */
	uint32_t windows;
	bool abandon;	/* what is outstanding at the end of the window */
	uint32_t idle;	/* connections that register once and stay; 0: a run of registrations */
	double hold;	/* seconds that these stay before memory is read */
	const char *ca; /* NULL: any certificate is good */
	struct charge charges[CHARGES_MAX];
	unsigned charge_count;
};

/* Fills both, or prints what is wrong and ends the program with status 2. */
void options_read(struct options *options, struct clients *all, int argc, char **argv);
