/* The Authorization field: RFC 7616 §3.4, RFC 3261 §25.1. Never split at commas between rows
 * (PAR-7.3.1-4). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"
#include "sip/message.h"

enum digest_algorithm { DIGEST_MD5, DIGEST_SHA256, DIGEST_SHA512_256, DIGEST_ALGORITHM_COUNT };
/* "MD5", "SHA-256", "SHA-512-256". */
struct str digest_algorithm_name(enum digest_algorithm algorithm);
bool digest_algorithm_parse(struct str name, enum digest_algorithm *algorithm);

enum digest_qop { DIGEST_QOP_NONE, DIGEST_QOP_AUTH };

struct credentials {
	struct str username; /* unquoted, escapes undone, as all of these */
	struct str realm;
	struct str nonce;
	struct str uri; /* hashed exactly as sent */
	struct str response;
	struct str cnonce;
	struct str nc_text;
	uint32_t nc;
	enum digest_qop qop;
	enum digest_algorithm algorithm;
};

/* The algorithms that a domain offers, most preferred first (D-10), and whether it refuses
 * credentials in the form of RFC 2069 (D-11). */
struct digest_offer {
	enum digest_algorithm algorithms[DIGEST_ALGORITHM_COUNT];
	uint8_t count;
	bool requires_qop;
};

/* In ascending order of what a row without success tells. */
enum credentials_status {
	CREDENTIALS_FOUND,
	CREDENTIALS_NONE,	 /* no row for us: other scheme, empty nonce or response (ORD-32) */
	CREDENTIALS_OTHER_REALM, /* Digest rows, but none for our realm */
	CREDENTIALS_NOT_OFFERED, /* our realm, but an algorithm or qop that was not offered */
	CREDENTIALS_MALFORMED,	 /* our realm and broken (AUT-7616-3.4-8), or no realm is to be read
				  */
};

/* Parameters of one row; a row with more is malformed. */
#define CREDENTIALS_PARAMS_MAX 32u

/*
 * The first Digest row for the realm with an offered algorithm and qop (AUT-22.3-1, -2). What had
 * to be unescaped lies in the arena: ask arena_ok() before believing the result. *credentials means
 * something only when found. A row that names no realm at all counts as malformed, but does not
 * stand in the way of a good one.
 */
enum credentials_status credentials_find(struct credentials *credentials,
					 const struct sip_message *request, struct str realm,
					 const struct digest_offer *offer, struct arena *arena);
