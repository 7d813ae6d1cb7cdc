/* The MAC of a nonce, against the vectors of RFC 4231, and hashing without memory. */
#include "auth/crypto.h"

#include <string.h>

#include "support/check_main.h"

/* RFC 4231, 4.2, 4.3, 4.4: keys shorter than a block. */
START_TEST(mac_of_rfc_4231)
{
	static const struct {
		const char *key;
		const char *data;
		const char *mac;
	} cases[] = {
		{ "\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b"
		  "\x0b",
		  "Hi There",
		  "\xb0\x34\x4c\x61\xd8\xdb\x38\x53\x5c\xa8\xaf\xce\xaf\x0b\xf1\x2b"
		  "\x88\x1d\xc2\x00\xc9\x83\x3d\xa7\x26\xe9\x37\x6c\x2e\x32\xcf\xf7" },
		{ "Jefe", "what do ya want for nothing?",
		  "\x5b\xdc\xc1\x46\xbf\x60\x75\x4e\x6a\x04\x24\x26\x08\x95\x75\xc7"
		  "\x5a\x00\x3f\x08\x9d\x27\x39\x83\x9d\xec\x58\xb9\x64\xec\x38\x43" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *data = cases[i].data;
		const struct str parts[] = { { data, 3 }, { data + 3, strlen(data) - 3 } };
		uint8_t mac[CRYPTO_MAC_BYTES];
		crypto_mac((const uint8_t *)cases[i].key, strlen(cases[i].key), parts, 2, mac);
		ck_assert_mem_eq(mac, cases[i].mac, sizeof(mac));
	}
}
END_TEST

/* A key that fills the block. */
START_TEST(mac_with_the_longest_key)
{
	static const uint8_t wanted[] = { 0xc8, 0xcc, 0xb8, 0xe0, 0xcb, 0xf0, 0xf2, 0x84 };
	uint8_t key[CRYPTO_MAC_KEY_MAX], mac[CRYPTO_MAC_BYTES];
	memset(key, 0xaa, sizeof(key));
	crypto_mac(key, sizeof(key), &STR("longest key"), 1, mac);
	ck_assert_mem_eq(mac, wanted, sizeof(wanted));
}
END_TEST

SUITE(crypto, mac_of_rfc_4231, mac_with_the_longest_key)
