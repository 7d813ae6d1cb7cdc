/*
 * Keys of session tickets (RFC 5077, RFC 8446 §4.6.1; RFC 9325 §3.4), derived from the secret of
 * the cluster and the time, so that all workers of all nodes share them and nobody has to send them
 * about.
 */
#pragma once

#include <openssl/types.h>
#include <stdbool.h>
#include <stdint.h>

struct tickets {
	bool enabled;
	bool has_secret;
	uint8_t secret[32];
	uint32_t rotation_s; /* a ticket lives at most half of it, its key all of it */
};

enum tickets_verdict { TICKETS_ERROR, TICKETS_UNKNOWN, TICKETS_GOOD, TICKETS_RENEW };

/* Draws an iv and readies cipher and mac for a new ticket. */
bool tickets_seal(const struct tickets *tickets, int64_t now_s, unsigned char name[static 16],
		  unsigned char iv[static 16], EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac);
/* Finds the key by its name among those of now and readies cipher and mac to open the ticket. */
enum tickets_verdict tickets_unseal(const struct tickets *tickets, int64_t now_s,
				    const unsigned char name[static 16],
				    const unsigned char iv[static 16], EVP_CIPHER_CTX *cipher,
				    EVP_MAC_CTX *mac);
