/*
 * Keys of session tickets (RFC 5077, RFC 8446 §4.6.1; RFC 9325 §3.4), derived from the secret of
 * the cluster and the time, so that all workers of all nodes share them and nobody has to send them
 * about.
 */
#pragma once

#include <openssl/types.h>
#include <stdbool.h>
#include <stdint.h>

struct ticket_keys {
	uint8_t name[16];
	uint8_t cipher[32]; /* AES-256-CBC */
	uint8_t mac[32];    /* HMAC-SHA256 */
};

struct tickets {
	bool enabled;
	bool has_secret;
	uint8_t secret[32];
	uint32_t rotation_s; /* a ticket lives at most half of it, its key all of it */
	/* Of the two epochs in use, each in its place by parity. */
	struct {
		bool derived;
		int64_t epoch;
		struct ticket_keys keys;
	} epochs[2];
};

/* From now on; what was derived from another secret is forgotten. */
void tickets_take_secret(struct tickets *tickets, const uint8_t secret[static 32]);

enum tickets_verdict { TICKETS_ERROR, TICKETS_UNKNOWN, TICKETS_GOOD, TICKETS_RENEW };

/* Draws an iv and readies cipher and mac for a new ticket. */
bool tickets_seal(struct tickets *tickets, int64_t now_s, unsigned char name[static 16],
		  unsigned char iv[static 16], EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac);
/* Finds the key by its name among those of now and readies cipher and mac to open the ticket. */
enum tickets_verdict tickets_unseal(struct tickets *tickets, int64_t now_s,
				    const unsigned char name[static 16],
				    const unsigned char iv[static 16], EVP_CIPHER_CTX *cipher,
				    EVP_MAC_CTX *mac);
