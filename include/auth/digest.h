/* Digest arithmetic: RFC 7616 §3.4, RFC 8760. One hash context an algorithm, made once. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "auth/credentials.h"
#include "base/str.h"

#define DIGEST_HEX_MAX 64

/* Fetches the algorithms from libcrypto, those of nonces too; false when one is missing. Once, at
 * start, before anything else uses libcrypto, or hashing needs memory that may be out; children
 * inherit it. */
bool digest_init(void);
void digest_clear(void);

/* Hex digits of a hash: 32 for MD5, 64 for the others. */
size_t digest_hex_len(enum digest_algorithm algorithm);
/* HA1 = H(username:realm:password), lower-case hex with a final NUL. */
void digest_ha1(enum digest_algorithm algorithm, struct str username, struct str realm,
		struct str password, char out[static DIGEST_HEX_MAX + 1]);
/* The response that credentials should carry, for the method and the hex HA1: with qop=auth and
 * without qop. */
void digest_response(const struct credentials *credentials, struct str method, struct str ha1,
		     char out[static DIGEST_HEX_MAX + 1]);
/*
 * True when the response fits. ha1 empty (unknown user, disabled, no hash for the algorithm): the
 * same work is done on a dummy and the answer is false. Constant time; hex of either case is
 * accepted (PAR-25-6).
 */
bool digest_verify(const struct credentials *credentials, struct str method, struct str ha1);
