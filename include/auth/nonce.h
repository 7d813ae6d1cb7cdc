/*
 * Nonces that any worker of any node can judge without state (D-03):
 * base64url of version(1) key id(1) time in seconds(4) random(8) HMAC-SHA-256(key, these, realm,
 * address-of-record)(16).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

#define NONCE_TEXT_LEN 40
#define NONCE_KEY_BYTES 32
#define NONCE_KEYS_MAX 8
#define NONCE_ID_BYTES 12 /* time and random: names one nonce of one address-of-record */

struct nonce_key {
	uint8_t id;
	uint8_t secret[NONCE_KEY_BYTES];
	int64_t created_ms; /* real time */
};

/* The keys of the cluster, as the database has them. Newest first. */
struct nonce_keys {
	struct nonce_key keys[NONCE_KEYS_MAX];
	uint8_t count;
};

/* A key mints only from this long after it was made, so that every node has read it by then; the
 * first one at once. */
#define NONCE_KEY_SETTLE_MS 60000

enum nonce_verdict { NONCE_GOOD, NONCE_EXPIRED, NONCE_FORGED };

struct nonce {
	uint8_t id[NONCE_ID_BYTES];
	uint32_t issued_s;
};

/* False when there is no key. random is 8 octets that nobody can guess. */
bool nonce_mint(const struct nonce_keys *keys, struct str realm, struct str aor, int64_t now_ms,
		const uint8_t random[static 8], char out[static NONCE_TEXT_LEN + 1]);
/* Forged: not ours, for another realm or address, key gone, or from the future by more than 5 s.
 * *nonce is set when good. */
enum nonce_verdict nonce_judge(const struct nonce_keys *keys, struct str text, struct str realm,
			       struct str aor, int64_t now_ms, uint32_t ttl_s, struct nonce *nonce);
