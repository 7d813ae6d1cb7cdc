/*
 * One simulated phone: its account, its nonce with the count of its uses, its CSeq and Call-ID.
 * Writes REGISTERs and reads answers; knows no sockets. It shares no code with the server on
 * purpose, like tests/support/phone.c.
 *
 * A REGISTER is laid together from pieces that are the same for everybody (written once by
 * clients_init) and the few fields that are not, because this program shares its cores with what it
 * measures.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLIENT_MESSAGE_MAX 1536
#define CLIENT_HEX_MAX 64
#define CLIENT_NONCE_MAX 128
#define CLIENT_WORD_MAX 64  /* of domain, password, prefix and contact */
#define CLIENT_LOCAL_MAX 24 /* "192.0.2.1:5060" */
#define CLIENT_PIECES 16

struct piece {
	size_t len;
	char text[384];
};

/* What all clients of a run have in common. */
struct clients {
	const char *domain;    /* Request-URI and realm */
	const char *password;  /* of every account */
	const char *prefix;    /* user N is prefixN */
	const char *contact;   /* host and port of every Contact */
	const char *transport; /* in Via: "UDP", "TCP" or "TLS" */
	bool sha256;	       /* else MD5 */
	unsigned expires_s;
	uint32_t run;	/* tells this run's branches, tags and Call-IDs from those of runs before */
	size_t hex_len; /* of a digest */
	char ha2[CLIENT_HEX_MAX];
	struct evp_md_ctx_st *hash;
	struct piece pieces[CLIENT_PIECES];
};

struct client {
	uint32_t number;
	uint32_t call; /* counts Call-IDs */
	uint32_t cseq;
	uint32_t nc;	    /* of the last request with this nonce */
	uint16_t nonce_len; /* 0: none yet */
	bool has_ha1;
	bool registered; /* the last answer said so */
	char nonce[CLIENT_NONCE_MAX];
	char ha1[CLIENT_HEX_MAX];
};

/* One message of a client; the same request gives the same octets, so that none is kept for a
 * retransmission. */
struct request {
	const char *local; /* "192.0.2.1:5060", for Via */
	size_t local_len;
	uint32_t slot, serial; /* come back in the answer */
	bool credentials;
	bool removal; /* Expires: 0 */
};

/* Once, before any client. False when libcrypto has no such hash or a word is too long. */
bool clients_init(struct clients *all);
void clients_clear(struct clients *all);

/* Counts CSeq, and nc when there are to be credentials: before each request that is new. */
void client_next(struct client *client, bool credentials);
/* Writes the request, returns its length. */
size_t client_write(const struct clients *all, struct client *client, const struct request *request,
		    char out[static CLIENT_MESSAGE_MAX]);

struct answer {
	unsigned status; /* 0: it could not be read, or belongs to somebody else */
	uint32_t slot;
	uint32_t serial;
};
struct answer client_answer_read(const struct clients *all, const char *octets, size_t len);
/* Takes the nonce out of a 401 for the algorithm of the run; false when there is none. */
bool client_challenged(const struct clients *all, struct client *client, const char *octets,
		       size_t len);
/* Octets of the first message in what a stream brought, with its body: 0 when it is not whole. */
size_t client_frame(const char *octets, size_t len);
