/*
 * The keys change with the epoch, which is half a rotation long: the current epoch seals, the one
 * before is still opened (and renewed), anything older means a full handshake. They are derived for
 * each ticket and wiped at once; an HKDF costs nothing beside the handshake.
 */
#include "tickets.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <string.h>

struct ticket_keys {
	uint8_t name[16];
	uint8_t cipher[32]; /* AES-256-CBC */
	uint8_t mac[32];    /* HMAC-SHA256 */
};

static int64_t
epoch_of(const struct tickets *tickets, int64_t now_s)
{
	int64_t length = tickets->rotation_s / 2;
	return now_s / (length > 0 ? length : 1);
}

static bool
derive(const struct tickets *tickets, int64_t epoch, struct ticket_keys *keys)
{
	char salt[] = "rollcall session tickets";
	char digest[] = "SHA256";
	uint8_t info[8];
	for (int i = 0; i < 8; i++)
		info[i] = (uint8_t)((uint64_t)epoch >> (56 - 8 * i));
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)tickets->secret,
						  sizeof(tickets->secret)),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, salt, sizeof(salt) - 1),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info, sizeof(info)),
		OSSL_PARAM_construct_end(),
	};
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_KDF_CTX *context = kdf == NULL ? NULL : EVP_KDF_CTX_new(kdf);
	bool ok = context != NULL &&
		  EVP_KDF_derive(context, (unsigned char *)keys, sizeof(*keys), params) == 1;
	EVP_KDF_CTX_free(context);
	EVP_KDF_free(kdf);
	return ok;
}

static bool
init_mac(EVP_MAC_CTX *mac, struct ticket_keys *keys)
{
	char digest[] = "SHA256";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, keys->mac, sizeof(keys->mac)),
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end(),
	};
	return EVP_MAC_CTX_set_params(mac, params) == 1;
}

bool
tickets_seal(const struct tickets *tickets, int64_t now_s, unsigned char name[static 16],
	     unsigned char iv[static 16], EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
	struct ticket_keys keys;
	bool ok = derive(tickets, epoch_of(tickets, now_s), &keys) && RAND_bytes(iv, 16) == 1 &&
		  EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, keys.cipher, iv) == 1 &&
		  init_mac(mac, &keys);
	if (ok)
		memcpy(name, keys.name, sizeof(keys.name));
	OPENSSL_cleanse(&keys, sizeof(keys));
	return ok;
}

/* TICKETS_GOOD when the ticket was sealed in this epoch. */
static enum tickets_verdict
unseal_with(const struct tickets *tickets, int64_t epoch, const unsigned char name[static 16],
	    const unsigned char iv[static 16], EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
	struct ticket_keys keys;
	enum tickets_verdict verdict = TICKETS_ERROR;
	if (derive(tickets, epoch, &keys)) {
		if (memcmp(name, keys.name, sizeof(keys.name)) != 0)
			verdict = TICKETS_UNKNOWN;
		else if (EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, keys.cipher, iv) ==
				 1 &&
			 init_mac(mac, &keys))
			verdict = TICKETS_GOOD;
	}
	OPENSSL_cleanse(&keys, sizeof(keys));
	return verdict;
}

enum tickets_verdict
tickets_unseal(const struct tickets *tickets, int64_t now_s, const unsigned char name[static 16],
	       const unsigned char iv[static 16], EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
	int64_t now = epoch_of(tickets, now_s);
	enum tickets_verdict verdict = unseal_with(tickets, now, name, iv, cipher, mac);
	if (verdict != TICKETS_UNKNOWN)
		return verdict;
	verdict = unseal_with(tickets, now - 1, name, iv, cipher, mac);
	return verdict == TICKETS_GOOD ? TICKETS_RENEW : verdict;
}
