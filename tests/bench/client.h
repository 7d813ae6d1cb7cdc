/*
 * One simulated phone: its account, its nonce with the count of its uses, its CSeq. Writes
 * REGISTERs and reads answers; knows no sockets. It shares no code with the server on purpose, like
 * tests/support/phone.c.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLIENT_MESSAGE_MAX 2048
#define CLIENT_HEX_MAX 65
#define CLIENT_NONCE_MAX 128

/* What all clients of a run have in common. */
struct clients {
	const char *domain;   /* Request-URI and realm */
	const char *password; /* of every account */
	const char *prefix;   /* user N is prefixN */
	bool sha256;	      /* else MD5 */
	unsigned expires_s;
	char ha2[CLIENT_HEX_MAX];
};

struct client {
	uint32_t number;
	uint32_t cseq;
	uint32_t nc;		      /* of the last request with this nonce */
	char nonce[CLIENT_NONCE_MAX]; /* empty: none yet */
	char ha1[CLIENT_HEX_MAX];     /* empty: not computed yet */
};

/* Once, before any client. False when libcrypto has no such hash. */
bool clients_init(struct clients *all);

/*
 * The next REGISTER of this client as a datagram from local ("192.0.2.1:5060") with branch and tag
 * of the slot; returns its length. A request that is repeated is kept by the caller.
 */
size_t client_register(const struct clients *all, struct client *client, const char *local,
		       uint32_t slot, uint32_t serial, char out[static CLIENT_MESSAGE_MAX]);

struct answer {
	unsigned status; /* 0: it could not be read */
	uint32_t slot;
	uint32_t serial;
};
/* octets end with a NUL behind len. */
struct answer client_answer_read(const char *octets, size_t len);
/* Takes the nonce out of a 401 for the algorithm of the run; false when there is none. */
bool client_challenged(const struct clients *all, struct client *client, const char *octets);
