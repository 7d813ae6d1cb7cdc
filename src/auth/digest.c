/*
 * The arithmetic of digest authentication. An answer is judged with the same work whether there is
 * a hash to judge it by or not, so that time does not tell who has an account (D-08).
 */
#include "auth/digest.h"

#include "base/writer.h"
#include "crypto.h"

bool
digest_init(void)
{
	return crypto_open();
}

void
digest_clear(void)
{
	crypto_close();
}

size_t
digest_hex_len(enum digest_algorithm algorithm)
{
	return 2 * crypto_hash_len(algorithm);
}

/* Hex of the hash of the parts joined with ':'. */
static struct str
hash_hex(enum digest_algorithm algorithm, const struct str *parts, size_t count,
	 char out[static DIGEST_HEX_MAX + 1])
{
	uint8_t octets[CRYPTO_HASH_MAX];
	crypto_hash(algorithm, parts, count, octets);
	struct writer w = writer_on(out, DIGEST_HEX_MAX);
	writer_hex(&w, octets, crypto_hash_len(algorithm));
	out[w.len] = '\0';
	crypto_wipe(octets, sizeof(octets));
	return writer_text(&w);
}

void
digest_ha1(enum digest_algorithm algorithm, struct str username, struct str realm,
	   struct str password, char out[static DIGEST_HEX_MAX + 1])
{
	const struct str a1[] = { username, realm, password };
	hash_hex(algorithm, a1, 3, out);
	crypto_forget();
}

void
digest_response(const struct credentials *credentials, struct str method, struct str ha1,
		char out[static DIGEST_HEX_MAX + 1])
{
	char buf[DIGEST_HEX_MAX + 1];
	const struct str a2[] = { method, credentials->uri };
	struct str ha2 = hash_hex(credentials->algorithm, a2, 2, buf);
	if (credentials->qop == DIGEST_QOP_AUTH) {
		const struct str parts[] = { ha1,
					     credentials->nonce,
					     credentials->nc_text,
					     credentials->cnonce,
					     STR("auth"),
					     ha2 };
		hash_hex(credentials->algorithm, parts, 6, out);
	} else {
		/* RFC 2069, which RFC 3261 §22.4 keeps alive. */
		const struct str parts[] = { ha1, credentials->nonce, ha2 };
		hash_hex(credentials->algorithm, parts, 3, out);
	}
}

/* The response in lower case, or NULs when its length is not that of the algorithm: no expected
 * response has those. */
static void
lower_response(struct str response, size_t len, char out[static DIGEST_HEX_MAX])
{
	memset(out, 0, DIGEST_HEX_MAX);
	if (response.len != len)
		return;
	for (size_t i = 0; i < len; i++)
		out[i] = ascii_lower(response.p[i]);
}

bool
digest_verify(const struct credentials *credentials, struct str method, struct str ha1)
{
	static const char nobody[] =
		"0000000000000000000000000000000000000000000000000000000000000000";
	size_t len = digest_hex_len(credentials->algorithm);
	bool known = ha1.len == len;
	struct str used = known ? ha1 : (struct str){ nobody, len };

	char expected[DIGEST_HEX_MAX + 1];
	char given[DIGEST_HEX_MAX];
	digest_response(credentials, method, used, expected);
	lower_response(credentials->response, len, given);
	bool equal = crypto_equal(expected, given, len);
	crypto_wipe(expected, sizeof(expected));
	return equal && known;
}
