/*
 * libcrypto as we use it. Each hash has a context that is made once and used again and again.
 * libcrypto allocates its inside anew with each use, so it is given a place of ours for that:
 * hashing cannot fail for want of memory then. If it fails all the same the library is broken; a
 * wrong digest could let somebody in, so the process ends instead.
 */
#include "crypto.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_BYTES 64 /* of SHA-256 */
#define INNER_PAD 0x36
#define OUTER_PAD 0x5c
#define PLACE_BYTES 512 /* SHA-512 takes 216 */

static struct hash {
	EVP_MD *type;
	EVP_MD_CTX *context;
	alignas(max_align_t) uint8_t place[PLACE_BYTES];
	bool taken; /* the place is */
} hashes[DIGEST_ALGORITHM_COUNT];
/* The one that begins: what libcrypto allocates now is the inside of its context. */
static struct hash *beginning;

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

static struct hash *
hash_at(const void *memory)
{
	for (size_t i = 0; i < DIGEST_ALGORITHM_COUNT; i++)
		if (memory == hashes[i].place)
			return &hashes[i];
	return NULL;
}

static void *
take_memory(size_t size, const char *file, int line)
{
	struct hash *hash = beginning;
	(void)file;
	(void)line;
	beginning = NULL;
	if (hash == NULL || hash->taken || size > PLACE_BYTES)
		return malloc(size);
	hash->taken = true;
	return hash->place;
}

static void *
resize_memory(void *memory, size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	must(hash_at(memory) == NULL);
	return realloc(memory, size);
}

static void
give_memory(void *memory, const char *file, int line)
{
	(void)file;
	(void)line;
	struct hash *hash = hash_at(memory);
	if (hash != NULL)
		hash->taken = false;
	else
		free(memory);
}

static bool
hash_open(struct hash *hash, const char *name)
{
	if (hash->context != NULL)
		return true;
	hash->type = EVP_MD_fetch(NULL, name, NULL);
	hash->context = EVP_MD_CTX_new();
	return hash->type != NULL && hash->context != NULL;
}

bool
crypto_open(void)
{
	bool complete = true;
	/* Refused once libcrypto has allocated: then hashing takes the memory of all. */
	CRYPTO_set_mem_functions(take_memory, resize_memory, give_memory);
	for (size_t i = 0; i < DIGEST_ALGORITHM_COUNT; i++)
		complete = complete && hash_open(&hashes[i], hash_names[i]);
	if (!complete)
		crypto_close();
	return complete;
}

void
crypto_close(void)
{
	for (size_t i = 0; i < DIGEST_ALGORITHM_COUNT; i++) {
		EVP_MD_CTX_free(hashes[i].context);
		EVP_MD_free(hashes[i].type);
		hashes[i] = (struct hash){ 0 };
	}
}

static void
begin(struct hash *hash)
{
	beginning = hash;
	must(EVP_DigestInit_ex2(hash->context, hash->type, NULL) == 1);
	beginning = NULL;
}

static void
add(const struct hash *hash, const void *octets, size_t len)
{
	must(EVP_DigestUpdate(hash->context, octets, len) == 1);
}

static void
end(const struct hash *hash, uint8_t *out, size_t wanted)
{
	unsigned len = 0;
	must(EVP_DigestFinal_ex(hash->context, out, &len) == 1);
	must(len == wanted);
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
	struct hash *hash = &hashes[algorithm];
	begin(hash);
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			add(hash, ":", 1);
		add(hash, parts[i].p, parts[i].len);
	}
	end(hash, out, crypto_hash_len(algorithm));
}

static void
begin_padded(struct hash *hash, const uint8_t *key, size_t key_len, uint8_t pad)
{
	uint8_t block[BLOCK_BYTES];
	memset(block, pad, sizeof(block));
	for (size_t i = 0; i < key_len; i++)
		block[i] ^= key[i];
	begin(hash);
	add(hash, block, sizeof(block));
	crypto_wipe(block, sizeof(block));
}

/* RFC 2104. The one of the library allocates with each use. */
void
crypto_mac(const uint8_t *key, size_t key_len, const struct str *parts, size_t count,
	   uint8_t out[static CRYPTO_MAC_BYTES])
{
	struct hash *hash = &hashes[DIGEST_SHA256];
	must(key_len > 0 && key_len <= CRYPTO_MAC_KEY_MAX);
	begin_padded(hash, key, key_len, INNER_PAD);
	for (size_t i = 0; i < count; i++)
		add(hash, parts[i].p, parts[i].len);
	end(hash, out, CRYPTO_MAC_BYTES);
	begin_padded(hash, key, key_len, OUTER_PAD);
	add(hash, out, CRYPTO_MAC_BYTES);
	end(hash, out, CRYPTO_MAC_BYTES);
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
	for (size_t i = 0; i < DIGEST_ALGORITHM_COUNT; i++)
		must(EVP_MD_CTX_reset(hashes[i].context) == 1);
}
