/*
 * A nonce is its own memory: when it was made, and a MAC that only we can have put there, for one
 * realm and one address-of-record. 30 octets are exactly 40 letters of base64url, so there is no
 * padding, no unused bit and one spelling only.
 */
#include "auth/nonce.h"

#include "base/writer.h"
#include "crypto.h"

#define VERSION 1
#define MAC_BYTES 16
#define HEAD_BYTES (2 + NONCE_ID_BYTES) /* version, key, time, random: what the MAC covers */
#define NONCE_BYTES (HEAD_BYTES + MAC_BYTES)
#define FUTURE_S 5 /* clocks of two nodes may differ by this much */

_Static_assert(NONCE_BYTES % 3 == 0 && NONCE_BYTES / 3 * 4 == NONCE_TEXT_LEN,
	       "a nonce fills its base64url text");

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void
encode(const uint8_t octets[static NONCE_BYTES], char out[static NONCE_TEXT_LEN + 1])
{
	for (size_t from = 0, to = 0; from < NONCE_BYTES; from += 3, to += 4) {
		uint32_t group = (uint32_t)octets[from] << 16 | (uint32_t)octets[from + 1] << 8 |
				 octets[from + 2];
		for (size_t i = 0; i < 4; i++)
			out[to + i] = letters[group >> (18 - 6 * i) & 63];
	}
	out[NONCE_TEXT_LEN] = '\0';
}

static int
letter_value(char c)
{
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '-' ? 62 : c == '_' ? 63 : -1;
}

static bool
decode(struct str text, uint8_t octets[static NONCE_BYTES])
{
	if (text.len != NONCE_TEXT_LEN)
		return false;
	for (size_t from = 0, to = 0; from < NONCE_TEXT_LEN; from += 4, to += 3) {
		uint32_t group = 0;
		for (size_t i = 0; i < 4; i++) {
			int value = letter_value(text.p[from + i]);
			if (value < 0)
				return false;
			group = group << 6 | (uint32_t)value;
		}
		octets[to] = (uint8_t)(group >> 16);
		octets[to + 1] = (uint8_t)(group >> 8);
		octets[to + 2] = (uint8_t)group;
	}
	return true;
}

/* The zero octet keeps realm and address apart; neither can hold one. */
static void
sign(const struct nonce_key *key, const uint8_t head[static HEAD_BYTES], struct str realm,
     struct str aor, uint8_t mac[static CRYPTO_MAC_BYTES])
{
	const struct str parts[] = { { (const char *)head, HEAD_BYTES }, realm, { "", 1 }, aor };
	crypto_mac(key->secret, sizeof(key->secret), parts, 4, mac);
}

/* The newest key that every node knows by now; while there is none, the oldest, which is the one
 * most likely known. */
static const struct nonce_key *
minting_key(const struct nonce_keys *keys, int64_t now_ms)
{
	for (uint8_t i = 0; i < keys->count; i++)
		if (keys->keys[i].created_ms <= now_ms - NONCE_KEY_SETTLE_MS)
			return &keys->keys[i];
	return keys->count == 0 ? NULL : &keys->keys[keys->count - 1];
}

static const struct nonce_key *
key_by_id(const struct nonce_keys *keys, uint8_t id)
{
	for (uint8_t i = 0; i < keys->count; i++)
		if (keys->keys[i].id == id)
			return &keys->keys[i];
	return NULL;
}

bool
nonce_mint(const struct nonce_keys *keys, struct str realm, struct str aor, int64_t now_ms,
	   const uint8_t random[static 8], char out[static NONCE_TEXT_LEN + 1])
{
	const struct nonce_key *key = minting_key(keys, now_ms);
	if (key == NULL)
		return false;
	uint32_t now_s = (uint32_t)(now_ms / 1000);
	uint8_t octets[HEAD_BYTES + CRYPTO_MAC_BYTES] = { VERSION,
							  key->id,
							  (uint8_t)(now_s >> 24),
							  (uint8_t)(now_s >> 16),
							  (uint8_t)(now_s >> 8),
							  (uint8_t)now_s };
	memcpy(octets + 6, random, 8);
	sign(key, octets, realm, aor, octets + HEAD_BYTES);
	encode(octets, out);
	return true;
}

enum nonce_verdict
nonce_judge(const struct nonce_keys *keys, struct str text, struct str realm, struct str aor,
	    int64_t now_ms, uint32_t ttl_s, struct nonce *nonce)
{
	uint8_t octets[NONCE_BYTES];
	if (!decode(text, octets) || octets[0] != VERSION)
		return NONCE_FORGED;
	const struct nonce_key *key = key_by_id(keys, octets[1]);
	if (key == NULL)
		return NONCE_FORGED;
	uint8_t mac[CRYPTO_MAC_BYTES];
	sign(key, octets, realm, aor, mac);
	if (!crypto_equal(mac, octets + HEAD_BYTES, MAC_BYTES))
		return NONCE_FORGED;

	uint32_t issued_s = (uint32_t)octets[2] << 24 | (uint32_t)octets[3] << 16 |
			    (uint32_t)octets[4] << 8 | octets[5];
	int64_t age_s = now_ms / 1000 - (int64_t)issued_s;
	if (age_s < -FUTURE_S)
		return NONCE_FORGED;
	if (age_s > (int64_t)ttl_s)
		return NONCE_EXPIRED;
	memcpy(nonce->id, octets + 2, NONCE_ID_BYTES);
	nonce->issued_s = issued_s;
	return NONCE_GOOD;
}
