/*
 * The keys change with the epoch, which is half a rotation long: the current epoch seals, the one
 * before is still opened (and renewed), anything older means a full handshake. They are derived
 * once an epoch: an HKDF is a twentieth of a handshake, and who could read the keys could read the
 * secret beside them.
 */
#include "tickets.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <string.h>

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

/* NULL when they cannot be derived. */
static const struct ticket_keys *
keys_of(struct tickets *tickets, int64_t epoch)
{
	struct ticket_keys *keys = &tickets->epochs[epoch & 1].keys;
	if (tickets->epochs[epoch & 1].derived && tickets->epochs[epoch & 1].epoch == epoch)
		return keys;
	tickets->epochs[epoch & 1].derived = derive(tickets, epoch, keys);
	tickets->epochs[epoch & 1].epoch = epoch;
	return tickets->epochs[epoch & 1].derived ? keys : NULL;
}

void
tickets_take_secret(struct tickets *tickets, const uint8_t secret[static 32])
{
	if (tickets->has_secret &&
	    CRYPTO_memcmp(tickets->secret, secret, sizeof(tickets->secret)) == 0)
		return;
	memcpy(tickets->secret, secret, sizeof(tickets->secret));
	tickets->has_secret = true;
	OPENSSL_cleanse(tickets->epochs, sizeof(tickets->epochs));
}

static bool
init_mac(EVP_MAC_CTX *mac, const struct ticket_keys *keys)
{
	char digest[] = "SHA256";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, (void *)keys->mac,
						  sizeof(keys->mac)),
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end(),
	};
	return EVP_MAC_CTX_set_params(mac, params) == 1;
}

bool
tickets_seal(struct tickets *tickets, int64_t now_s, unsigned char name[static 16],
	     unsigned char iv[static 16], EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
	const struct ticket_keys *keys = keys_of(tickets, epoch_of(tickets, now_s));
	if (keys == NULL || RAND_bytes(iv, 16) != 1 ||
	    EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, keys->cipher, iv) != 1 ||
	    !init_mac(mac, keys))
		return false;
	memcpy(name, keys->name, sizeof(keys->name));
	return true;
}

/* TICKETS_GOOD when the ticket was sealed in this epoch. */
static enum tickets_verdict
unseal_with(struct tickets *tickets, int64_t epoch, const unsigned char name[static 16],
	    const unsigned char iv[static 16], EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
	const struct ticket_keys *keys = keys_of(tickets, epoch);
	if (keys == NULL)
		return TICKETS_ERROR;
	if (memcmp(name, keys->name, sizeof(keys->name)) != 0)
		return TICKETS_UNKNOWN;
	bool ready = EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, keys->cipher, iv) == 1 &&
		     init_mac(mac, keys);
	return ready ? TICKETS_GOOD : TICKETS_ERROR;
}

enum tickets_verdict
tickets_unseal(struct tickets *tickets, int64_t now_s, const unsigned char name[static 16],
	       const unsigned char iv[static 16], EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
	int64_t now = epoch_of(tickets, now_s);
	enum tickets_verdict verdict = unseal_with(tickets, now, name, iv, cipher, mac);
	if (verdict != TICKETS_UNKNOWN)
		return verdict;
	verdict = unseal_with(tickets, now - 1, name, iv, cipher, mac);
	return verdict == TICKETS_GOOD ? TICKETS_RENEW : verdict;
}
