/*
 * How messages travel. A wire has paths (UDP sockets or connections); a message is written where
 * wire_room says and goes out with the next wire_flush, several in one system call.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client.h"
#include "options.h"

struct wire;

/* Who is told what happens on a wire. octets are valid during the call. */
struct wire_user {
	void (*answered)(struct wire_user *user, const char *octets, size_t len);
	void (*closed)(struct wire_user *user,
		       uint32_t path); /* a connection ended, with all on it */
};

struct wire {
	uint32_t paths;
	/* CLIENT_MESSAGE_MAX octets for one message; NULL when no more can go on this path now. */
	char *(*room)(struct wire *wire, uint32_t path);
	/* What was written into the room last given. */
	void (*send)(struct wire *wire, uint32_t path, size_t len);
	void (*flush)(struct wire *wire);
	/* Waits for at most so long and tells the user what came. */
	void (*wait)(struct wire *wire, uint64_t timeout_us, struct wire_user *user);
	/* "192.0.2.1:5060" of our side, once there was room on this path */
	const char *(*local)(const struct wire *wire, uint32_t path, size_t *len);
	/* Nothing more will be said on this path, which stays; NULL where that changes nothing. */
	void (*rest)(struct wire *wire, uint32_t path);
};

/* These end the program when they cannot have what they need. */
struct wire *udp_open(const struct options *options);
struct wire *stream_open(const struct options *options, const char *server_name);
/* Opens every connection and waits until all are open. */
void stream_open_all(struct wire *wire);
/* Closes every connection. Over TLS it says so first: Kamailio 5.6 with OpenSSL 3 may crash where
 * one ends without a word. */
void stream_end_all(struct wire *wire);

_Noreturn void die(const char *what);
uint64_t now_us(void);
