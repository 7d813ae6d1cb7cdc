/* The only place that talks to libcrypto. A context an algorithm and process, made once: fetching
 * costs more than hashing a line. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/credentials.h"
#include "base/str.h"

#define CRYPTO_HASH_MAX 32
#define CRYPTO_MAC_BYTES 32
#define CRYPTO_MAC_KEY_MAX 64 /* a block of SHA-256: longer keys would be hashed first */

/* False when an algorithm is missing; closes what it opened then. Opening twice is harmless. */
bool crypto_open(void);
void crypto_close(void);

/* Octets of a hash: 16 or 32. */
size_t crypto_hash_len(enum digest_algorithm algorithm);
/* The hash of the parts joined with ':'. */
void crypto_hash(enum digest_algorithm algorithm, const struct str *parts, size_t count,
		 uint8_t out[static CRYPTO_HASH_MAX]);
/* HMAC-SHA-256 over the parts, one after another. */
void crypto_mac(const uint8_t *key, size_t key_len, const struct str *parts, size_t count,
		uint8_t out[static CRYPTO_MAC_BYTES]);
/* Compares without telling by time where the difference is. */
bool crypto_equal(const void *a, const void *b, size_t len);
void crypto_wipe(void *octets, size_t len);
/* Wipes the last block of what was hashed, which stays in the context otherwise. */
void crypto_forget(void);
