/* Nonces: what a mint makes, a judge with the same keys believes, and nobody else's. */
#include "auth/nonce.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>

#include "support/check_main.h"
#include "support/guard.h"

#define NOW_MS INT64_C(1767225600000) /* 2026-01-01 00:00:00 */
#define REALM STR("example.com")
#define ALICE STR("alice@example.com")
#define TTL_S 300u

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static struct nonce_key
key_of(uint8_t id, int64_t created_ms)
{
	struct nonce_key key = { .id = id, .created_ms = created_ms };
	memset(key.secret, id, sizeof(key.secret));
	return key;
}

static struct nonce_keys
one_key(void)
{
	return (struct nonce_keys){ .keys = { key_of(7, NOW_MS - 3600000) }, .count = 1 };
}

static void
mint(const struct nonce_keys *keys, int64_t now_ms, uint64_t random, char out[NONCE_TEXT_LEN + 1])
{
	uint8_t octets[8];
	memcpy(octets, &random, sizeof(octets));
	ck_assert(nonce_mint(keys, REALM, ALICE, now_ms, octets, out));
}

static enum nonce_verdict
judge(const struct nonce_keys *keys, const char *text, int64_t now_ms)
{
	struct nonce nonce;
	return nonce_judge(keys, str_of(text), REALM, ALICE, now_ms, TTL_S, &nonce);
}

/* AUT-7616-3.3-3, AUT-7616-3.3-2: checking needs no stored state, and the text is base64url only */
START_TEST(a_minted_nonce_is_good)
{
	struct nonce_keys keys = one_key();
	char text[NONCE_TEXT_LEN + 1];
	mint(&keys, NOW_MS, 42, text);
	ck_assert_uint_eq(strlen(text), NONCE_TEXT_LEN);
	ck_assert_uint_eq(strspn(text, alphabet), NONCE_TEXT_LEN);

	struct nonce nonce = { .issued_s = 0 };
	struct str guarded = guard_copy(str_of(text));
	ck_assert_int_eq(nonce_judge(&keys, guarded, REALM, ALICE, NOW_MS, TTL_S, &nonce),
			 NONCE_GOOD);
	guard_free(guarded);
	ck_assert_uint_eq(nonce.issued_s, NOW_MS / 1000);
	const uint8_t id[NONCE_ID_BYTES] = { 0x69, 0x55, 0xb9, 0x00, 42 };
	ck_assert_mem_eq(nonce.id, id, sizeof(id));
}
END_TEST

/* A nonce of the form that is agreed between nodes, put together without the code under test. */
static void
assemble(const struct nonce_key *key, uint8_t version, char out[NONCE_TEXT_LEN + 1])
{
	static const char bound[] = "example.com\0alice@example.com";
	uint8_t octets[14 + EVP_MAX_MD_SIZE] = { version, key->id, 0x69, 0x55, 0xb9, 0x00, 42 };
	uint8_t signed_octets[14 + sizeof(bound) - 1];
	memcpy(signed_octets, octets, 14);
	memcpy(signed_octets + 14, bound, sizeof(bound) - 1);
	ck_assert_ptr_nonnull(HMAC(EVP_sha256(), key->secret, sizeof(key->secret), signed_octets,
				   sizeof(signed_octets), octets + 14, NULL));
	ck_assert_int_eq(EVP_EncodeBlock((unsigned char *)out, octets, 30), NONCE_TEXT_LEN);
	for (char *c = out; *c != '\0'; c++)
		*c = *c == '+' ? '-' : *c == '/' ? '_' : *c;
}

/* AUT-7616-3.3-2, AUT-7616-3.3-3, D-03: every release and node makes the same nonce of the same
 * input, and one of another version is not ours */
START_TEST(the_format_is_agreed)
{
	struct nonce_keys keys = one_key();
	char minted[NONCE_TEXT_LEN + 1];
	char assembled[NONCE_TEXT_LEN + 1];
	mint(&keys, NOW_MS, 42, minted);
	assemble(&keys.keys[0], 1, assembled);
	ck_assert_str_eq(minted, assembled);
	assemble(&keys.keys[0], 2, assembled);
	ck_assert_int_eq(judge(&keys, assembled, NOW_MS), NONCE_FORGED);
}
END_TEST

static int
compare_texts(const void *a, const void *b)
{
	return memcmp(a, b, NONCE_TEXT_LEN);
}

/* AUT-7616-3.3-2: a new one for each 401, 10^5 of them in one second */
START_TEST(nonces_are_distinct)
{
	enum { COUNT = 100000 };
	struct nonce_keys keys = one_key();
	char(*texts)[NONCE_TEXT_LEN + 1] = malloc(COUNT * sizeof(*texts));
	ck_assert_ptr_nonnull(texts);
	for (uint64_t i = 0; i < COUNT; i++)
		mint(&keys, NOW_MS, i, texts[i]);
	qsort(texts, COUNT, sizeof(*texts), compare_texts);
	for (size_t i = 1; i < COUNT; i++)
		ck_assert_str_ne(texts[i - 1], texts[i]);
	free(texts);
}
END_TEST

/* AUT-7616-3.3-2: all of what was drawn is in it */
START_TEST(each_random_octet_counts)
{
	struct nonce_keys keys = one_key();
	char first[NONCE_TEXT_LEN + 1], other[NONCE_TEXT_LEN + 1];
	mint(&keys, NOW_MS, 42, first);
	for (unsigned octet = 0; octet < 8; octet++) {
		mint(&keys, NOW_MS, 42 ^ UINT64_C(0x80) << 8 * octet, other);
		ck_assert_msg(strcmp(first, other) != 0, "octet %u", octet);
	}
}
END_TEST

/* AUT-7616-5.5-1: life ends after the last second of its time, and a clock that steps back does not
 * make it longer than that time */
START_TEST(a_nonce_has_its_time)
{
	struct nonce_keys keys = one_key();
	char text[NONCE_TEXT_LEN + 1];
	mint(&keys, NOW_MS, 1, text);
	const struct {
		int64_t age_ms;
		enum nonce_verdict verdict;
	} cases[] = {
		{ 0, NONCE_GOOD },
		{ 300000, NONCE_GOOD },
		{ 300999, NONCE_GOOD },
		{ 301000, NONCE_EXPIRED },
		{ INT64_C(1) << 40, NONCE_EXPIRED },
		{ -5000, NONCE_GOOD },
		{ -5001, NONCE_FORGED },
		{ -6000, NONCE_FORGED },
		{ -NOW_MS, NONCE_FORGED },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ck_assert_msg(judge(&keys, text, NOW_MS + cases[i].age_ms) == cases[i].verdict,
			      "case %zu", i);
}
END_TEST

/* ORD-34, AUT-7616-3.3-4: bound to the realm and the address-of-record, and to where one ends and
 * the other begins */
START_TEST(a_nonce_is_for_one_address)
{
	struct nonce_keys keys = one_key();
	char text[NONCE_TEXT_LEN + 1];
	mint(&keys, NOW_MS, 1, text);
	const struct {
		struct str realm, aor;
	} others[] = {
		{ STR("other.example"), STR("alice@example.com") },
		{ STR("example.com"), STR("bob@example.com") },
		{ STR("example.com"), STR("Alice@example.com") },
		{ STR("example.com"), STR("") },
		{ STR("example.coma"), STR("lice@example.com") },
		{ STR("example.co"), STR("malice@example.com") },
	};
	struct nonce nonce;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		ck_assert_int_eq(nonce_judge(&keys, str_of(text), others[i].realm, others[i].aor,
					     NOW_MS, TTL_S, &nonce),
				 NONCE_FORGED);
	ck_assert_int_eq(judge(&keys, text, NOW_MS), NONCE_GOOD);
}
END_TEST

static void
expect_no_other_spelling(const struct nonce_keys *keys, char *text)
{
	for (size_t i = 0; i < NONCE_TEXT_LEN; i++) {
		char kept = text[i];
		for (int c = 1; c < 256; c++) {
			text[i] = (char)c;
			if (text[i] != kept)
				ck_assert_msg(judge(keys, text, NOW_MS) == NONCE_FORGED,
					      "octet %d at %zu", c, i);
		}
		text[i] = kept;
	}
	ck_assert_int_eq(judge(keys, text, NOW_MS), NONCE_GOOD);
}

/* AUT-7616-3.3-3: every letter counts; no other spelling of a nonce passes for it, whichever
 * letters it has */
START_TEST(a_changed_nonce_is_forged)
{
	struct nonce_keys keys = one_key();
	char text[NONCE_TEXT_LEN + 1];
	bool seen[256] = { false };
	unsigned letters = 0;
	for (uint64_t random = 0; letters < sizeof(alphabet) - 1; random++) {
		unsigned before = letters;
		ck_assert_uint_lt(random, 1000);
		mint(&keys, NOW_MS, random, text);
		for (const char *c = text; *c != '\0'; c++) {
			letters += !seen[(unsigned char)*c];
			seen[(unsigned char)*c] = true;
		}
		if (letters > before)
			expect_no_other_spelling(&keys, text);
	}
}
END_TEST

/* ORD-34: what is not a nonce of ours at all, of any length */
START_TEST(other_texts_are_forged)
{
	struct nonce_keys keys = one_key();
	char text[NONCE_TEXT_LEN + 3];
	mint(&keys, NOW_MS, 1, text);
	for (size_t len = 0; len < NONCE_TEXT_LEN; len++) {
		struct str cut = guard_copy((struct str){ text, len });
		struct nonce nonce;
		ck_assert_int_eq(nonce_judge(&keys, cut, REALM, ALICE, NOW_MS, TTL_S, &nonce),
				 NONCE_FORGED);
		guard_free(cut);
	}
	memcpy(text + NONCE_TEXT_LEN, "=", 2);
	ck_assert_int_eq(judge(&keys, text, NOW_MS), NONCE_FORGED);
	/* right behind a good one, whose octets may still lie where the next are decoded to */
	text[NONCE_TEXT_LEN] = '\0';
	enum nonce_verdict good = judge(&keys, text, NOW_MS);
	memcpy(text + NONCE_TEXT_LEN, "A", 2);
	enum nonce_verdict longer = judge(&keys, text, NOW_MS);
	ck_assert_int_eq(good, NONCE_GOOD);
	ck_assert_int_eq(longer, NONCE_FORGED);
	ck_assert_int_eq(judge(&keys, "MDAwMTpub25jZS1mb3ItdGVzdHM6MDAwMQ==", NOW_MS),
			 NONCE_FORGED);
}
END_TEST

/* AUT-7616-3.3-3: a predecessor stays good while the cluster keeps it, and no longer */
START_TEST(keys_rotate)
{
	struct nonce_keys before = one_key();
	char text[NONCE_TEXT_LEN + 1];
	mint(&before, NOW_MS, 1, text);

	struct nonce_keys rotated = { .keys = { key_of(8, NOW_MS), before.keys[0] }, .count = 2 };
	ck_assert_int_eq(judge(&rotated, text, NOW_MS), NONCE_GOOD);

	struct nonce_keys gone = { .keys = { key_of(8, NOW_MS) }, .count = 1 };
	ck_assert_int_eq(judge(&gone, text, NOW_MS), NONCE_FORGED);

	struct nonce_keys renamed = { .keys = { key_of(8, NOW_MS) }, .count = 1 };
	renamed.keys[0].id = 7;
	ck_assert_int_eq(judge(&renamed, text, NOW_MS), NONCE_FORGED);
}
END_TEST

/* The id of the key that minted is the second octet. */
static int
minted_with(const struct nonce_keys *keys, int64_t now_ms)
{
	char text[NONCE_TEXT_LEN + 1];
	mint(keys, now_ms, 1, text);
	const char *second = strchr(alphabet, text[1]);
	const char *third = strchr(alphabet, text[2]);
	return (int)((second - alphabet) & 15) << 4 | (int)(third - alphabet) >> 2;
}

/* AUT-7616-3.3-3: a new key waits until every node has read it; the very first does not */
START_TEST(a_new_key_settles_before_it_mints)
{
	struct nonce_keys keys = { .keys = { key_of(9, NOW_MS), key_of(7, NOW_MS - 3600000) },
				   .count = 2 };
	ck_assert_int_eq(minted_with(&keys, NOW_MS), 7);
	ck_assert_int_eq(minted_with(&keys, NOW_MS + NONCE_KEY_SETTLE_MS - 1), 7);
	ck_assert_int_eq(minted_with(&keys, NOW_MS + NONCE_KEY_SETTLE_MS), 9);

	keys.count = 1;
	ck_assert_int_eq(minted_with(&keys, NOW_MS), 9);

	keys = (struct nonce_keys){ .keys = { key_of(9, NOW_MS), key_of(8, NOW_MS - 10) },
				    .count = 2 };
	ck_assert_int_eq(minted_with(&keys, NOW_MS), 8);

	keys = (struct nonce_keys){ .keys = { key_of(9, NOW_MS), key_of(8, NOW_MS - 100000),
					      key_of(7, NOW_MS - 3600000) },
				    .count = 3 };
	ck_assert_int_eq(minted_with(&keys, NOW_MS), 8);

	const uint8_t random[8] = { 0 };
	char text[NONCE_TEXT_LEN + 1];
	keys.count = 0;
	ck_assert(!nonce_mint(&keys, REALM, ALICE, NOW_MS, random, text));
}
END_TEST

SUITE(nonce, a_minted_nonce_is_good, the_format_is_agreed, nonces_are_distinct,
      each_random_octet_counts, a_nonce_has_its_time, a_nonce_is_for_one_address,
      a_changed_nonce_is_forged, other_texts_are_forged, keys_rotate,
      a_new_key_settles_before_it_mints)
