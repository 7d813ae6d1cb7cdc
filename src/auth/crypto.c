/*
 * libcrypto as we use it. A hash that fails after it was fetched means that memory is out or the
 * library is broken; a wrong digest could let somebody in, so the process ends instead.
 */
#include "crypto.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdlib.h>
#include <string.h>

struct crypto {
	EVP_MD *hashes[DIGEST_ALGORITHM_COUNT];
	EVP_MD_CTX *hash;
	EVP_MAC *hmac;
	EVP_MAC_CTX *mac;
	uint8_t mac_key[CRYPTO_MAC_KEY_MAX]; /* that mac was keyed with last */
	size_t mac_key_len;		     /* 0: not yet */
};

static struct crypto crypto;

/* SHA-512/256 of FIPS 180-4, not SHA-512 cut short (D-35). */
static const char *const hash_names[DIGEST_ALGORITHM_COUNT] = {
	[DIGEST_MD5] = "MD5",
	[DIGEST_SHA256] = "SHA2-256",
	[DIGEST_SHA512_256] = "SHA2-512/256",
};

static void
must(bool done)
{
	if (!done)
		abort();
}

static bool
crypto_is_open(void)
{
	bool complete = crypto.hash != NULL && crypto.mac != NULL;
	for (size_t i = 0; i < DIGEST_ALGORITHM_COUNT; i++)
		complete = complete && crypto.hashes[i] != NULL;
	return complete;
}

bool
crypto_open(void)
{
	if (crypto_is_open())
		return true;
	for (size_t i = 0; i < DIGEST_ALGORITHM_COUNT; i++)
		crypto.hashes[i] = EVP_MD_fetch(NULL, hash_names[i], NULL);
	crypto.hash = EVP_MD_CTX_new();
	crypto.hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	crypto.mac = crypto.hmac == NULL ? NULL : EVP_MAC_CTX_new(crypto.hmac);
	if (crypto_is_open())
		return true;
	crypto_close();
	return false;
}

void
crypto_close(void)
{
	EVP_MAC_CTX_free(crypto.mac);
	EVP_MAC_free(crypto.hmac);
	EVP_MD_CTX_free(crypto.hash);
	for (size_t i = 0; i < DIGEST_ALGORITHM_COUNT; i++)
		EVP_MD_free(crypto.hashes[i]);
	OPENSSL_cleanse(&crypto, sizeof(crypto));
}

size_t
crypto_hash_len(enum digest_algorithm algorithm)
{
	return algorithm == DIGEST_MD5 ? 16 : 32;
}

void
crypto_hash(enum digest_algorithm algorithm, const struct str *parts, size_t count,
	    uint8_t out[static CRYPTO_HASH_MAX])
{
	must(EVP_DigestInit_ex2(crypto.hash, crypto.hashes[algorithm], NULL) == 1);
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			must(EVP_DigestUpdate(crypto.hash, ":", 1) == 1);
		must(EVP_DigestUpdate(crypto.hash, parts[i].p, parts[i].len) == 1);
	}
	unsigned len = 0;
	must(EVP_DigestFinal_ex(crypto.hash, out, &len) == 1);
	must(len == crypto_hash_len(algorithm));
}

/* To key it costs four times what a MAC costs, and nearly all are made with the same key. */
static void
key_mac(const uint8_t *key, size_t key_len)
{
	char name[] = "SHA2-256";
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
		OSSL_PARAM_construct_end(),
	};
	must(key_len > 0 && key_len <= sizeof(crypto.mac_key));
	if (key_len == crypto.mac_key_len && CRYPTO_memcmp(key, crypto.mac_key, key_len) == 0) {
		must(EVP_MAC_init(crypto.mac, NULL, 0, NULL) == 1);
		return;
	}
	must(EVP_MAC_init(crypto.mac, key, key_len, params) == 1);
	memcpy(crypto.mac_key, key, key_len);
	crypto.mac_key_len = key_len;
}

void
crypto_mac(const uint8_t *key, size_t key_len, const struct str *parts, size_t count,
	   uint8_t out[static CRYPTO_MAC_BYTES])
{
	key_mac(key, key_len);
	for (size_t i = 0; i < count; i++)
		must(EVP_MAC_update(crypto.mac, (const unsigned char *)parts[i].p, parts[i].len) ==
		     1);
	size_t len = 0;
	must(EVP_MAC_final(crypto.mac, out, &len, CRYPTO_MAC_BYTES) == 1);
	must(len == CRYPTO_MAC_BYTES);
}

bool
crypto_equal(const void *a, const void *b, size_t len)
{
	return CRYPTO_memcmp(a, b, len) == 0;
}

void
crypto_wipe(void *octets, size_t len)
{
	OPENSSL_cleanse(octets, len);
}

void
crypto_forget(void)
{
	must(EVP_MD_CTX_reset(crypto.hash) == 1);
}
