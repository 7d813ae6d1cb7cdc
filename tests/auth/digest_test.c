/* Digest arithmetic against the vectors of docs/rfc.md, and what must not pass. */
#include "auth/digest.h"

#include <stdlib.h>

#include "support/check_main.h"

#define MD5_HA1 "96426ea1e8ce7499dbbebb4b128469be"
#define SHA256_HA1 "a4c1c931d86ef0626b7ade820ba3faae00c4a2e5bd6694dd947ddbcdfb99ae4c"
#define SHA512_256_HA1 "6d2f91875628cade7d0002081fc75b843caba4a1ef9d884b51b990f4c46bfaf5"

/* Once for the whole binary. */
__attribute__((constructor)) static void
open_libcrypto(void)
{
	if (!digest_init())
		abort();
}

struct vector {
	const char *id;
	enum digest_algorithm algorithm;
	const char *username, *realm, *password, *method, *uri, *nonce;
	const char *cnonce, *nc; /* NULL: without qop */
	const char *response;
};

/* The inputs that the SIP vectors have in common. */
#define ALICE "alice", "example.com", "s3cret Pa55word!", "REGISTER"
#define SIP_NONCE "MDAwMTpub25jZS1mb3ItdGVzdHM6MDAwMQ=="
#define SIP_CNONCE "f7a9c3d1b2e84650"
#define PLAIN "sips:example.com", SIP_NONCE, NULL, NULL
#define AUTH "sips:example.com", SIP_NONCE, SIP_CNONCE, "00000001"

#define MUFASA "Mufasa", "http-auth@example.org", "Circle of Life", "GET", "/dir/index.html"
#define MUFASA_NONCE "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
#define MUFASA_CNONCE "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
#define JASON "J\xc3\xa4s\xc3\xb8n Doe", "api@example.org", "Secret, or not?", "GET", "/doe.json"
#define JASON_NONCE "5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK"
#define JASON_CNONCE "NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v"
#define BOB "bob", "biloxi.com", "zanzibar", "INVITE", "sip:bob@biloxi.com"
#define OLD_NONCE "dcd98b7102dd2f0e8b11d0f600bfb0c093"

static const struct vector vectors[] = {
	{ "VEC-01", DIGEST_MD5, ALICE, PLAIN, "44dc597a715bd1641ee02ec2df8a1475" },
	{ "VEC-02", DIGEST_MD5, ALICE, AUTH, "10c902a0691e50a2515398d933f27942" },
	{ "VEC-07", DIGEST_SHA256, ALICE, PLAIN,
	  "18cf8087144afc924f7a5d225bcbda25013149891ae9cd29bdd68fe348cf4b7a" },
	{ "VEC-08", DIGEST_SHA256, ALICE, AUTH,
	  "5aab7cd60f6f0059f7997e1b959ba3b17723e92b86d9f151205b23e1647816eb" },
	{ "VEC-13", DIGEST_SHA512_256, ALICE, PLAIN,
	  "b42a2e3590d1656f4b88df1d0fec3fc817faeb43a1f6a0206e6aaaa544b08eea" },
	{ "VEC-14", DIGEST_SHA512_256, ALICE, AUTH,
	  "45ad737f811600f99ebcb2875f63fbc9825c8b34d42b0bdcfb0d61a57737cfb7" },
	{ "VEC-19", DIGEST_MD5, MUFASA, MUFASA_NONCE, MUFASA_CNONCE, "00000001",
	  "8ca523f5e9506fed4657c9700eebdbec" },
	{ "VEC-20", DIGEST_SHA512_256, JASON, JASON_NONCE, JASON_CNONCE, "00000001",
	  "3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5" },
	{ "VEC-21", DIGEST_SHA256, MUFASA, MUFASA_NONCE, MUFASA_CNONCE, "00000001",
	  "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1" },
	{ "VEC-22", DIGEST_SHA256, ALICE, "sips:example.com", SIP_NONCE, SIP_CNONCE, "00000002",
	  "4641aa5634a920a6c15cef1467921fae1f23589a95d279bb3154fa9d652a385e" },
	{ "VEC-29", DIGEST_SHA256, "al\"ice", "example.com", "s3cret Pa55word!", "REGISTER", AUTH,
	  "5bd38c4f48fe0804c01a8b7b99ad2b92d18af3e4e6a17a0995dad926821161eb" },
	{ "VEC-30", DIGEST_SHA256, "alice@example.com", "example.com", "s3cret Pa55word!",
	  "REGISTER", AUTH, "96af2f930b88ab109baaeb1fa2bb4926c9123c0bc63ef3529a4726da214844aa" },
	{ "VEC-31", DIGEST_SHA256, "alice", "example.com", "p\xc3\xa4ssw\xc3\xb6rd", "REGISTER",
	  AUTH, "6d61648696800d9c6db513738d4867bb87f61c0f57c59337cb4a5a3529fc2d49" },
	{ "VEC-31 decomposed", DIGEST_SHA256, "alice", "example.com", "pa\xcc\x88sswo\xcc\x88rd",
	  "REGISTER", AUTH, "ec3e971cf226c0bdf8fd8c6208db0e449ca3accf265ec3570b7a4f57e05c815d" },
	{ "VEC-32", DIGEST_MD5, ALICE, "sip:example.com", SIP_NONCE, SIP_CNONCE, "00000001",
	  "471281c9a8d245268077d658c3057136" },
	{ "VEC-33", DIGEST_SHA256, ALICE, "sip:example.com", SIP_NONCE, SIP_CNONCE, "00000001",
	  "ffca9e0fb6b0f34e647dbdfd442d1cb31247406b7050bfd7fd9ff1d0162fce62" },
	{ "VEC-34", DIGEST_SHA256, "alice", "example.com", "wrong", "REGISTER", AUTH,
	  "de0cbd3462dd49cd8026c775f016e3d40fc4d8024b563a084e05c9603be67b61" },
	{ "VEC-35", DIGEST_MD5, "Mufasa", "testrealm@host.com", "Circle Of Life", "GET",
	  "/dir/index.html", OLD_NONCE, "0a4f113b", "00000001",
	  "6629fae49393a05397450978507c4ef1" },
	{ "VEC-36", DIGEST_MD5, BOB, OLD_NONCE, NULL, NULL, "bf57e4e0d0bffc0fbaedce64d59add5e" },
	{ "VEC-37", DIGEST_MD5, BOB, OLD_NONCE, "0a4f113b", "00000001",
	  "89eb0059246c02b2f6ee02c7961d5ea3" },
};

static struct credentials
credentials_of(const struct vector *v)
{
	return (struct credentials){
		.username = str_of(v->username),
		.realm = str_of(v->realm),
		.nonce = str_of(v->nonce),
		.uri = str_of(v->uri),
		.response = str_of(v->response),
		.cnonce = str_of(v->cnonce),
		.nc_text = str_of(v->nc),
		.qop = v->nc == NULL ? DIGEST_QOP_NONE : DIGEST_QOP_AUTH,
		.algorithm = v->algorithm,
	};
}

static struct credentials
vec08(void)
{
	const struct vector *v = &vectors[3];
	ck_assert_str_eq(v->id, "VEC-08");
	return credentials_of(v);
}

/*
 * VEC-01, VEC-02, VEC-07, VEC-08, VEC-13, VEC-14, VEC-19, VEC-20, VEC-21, VEC-22, VEC-29, VEC-30,
 * VEC-31, VEC-32, VEC-33, VEC-34, VEC-35, VEC-36, VEC-37, AUT-7616-3.4.1-1, AUT-22.4-2,
 * AUT-7616-3.7-1, AUT-8760-2.2-2, AUT-22.4-1: every response is the one that was worked out
 * elsewhere
 */
START_TEST(responses_are_those_of_the_vectors)
{
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		const struct vector *v = &vectors[i];
		char ha1[DIGEST_HEX_MAX + 1];
		char response[DIGEST_HEX_MAX + 1];
		digest_ha1(v->algorithm, str_of(v->username), str_of(v->realm), str_of(v->password),
			   ha1);
		struct credentials c = credentials_of(v);
		digest_response(&c, str_of(v->method), str_of(ha1), response);
		ck_assert_msg(strcmp(response, v->response) == 0, "%s: %s", v->id, response);
		ck_assert_msg(digest_verify(&c, str_of(v->method), str_of(ha1)), "%s", v->id);
	}
}
END_TEST

/* AUT-7616-3.6-1, VEC-29, VEC-30: the hash that is stored, one for each algorithm */
START_TEST(ha1_is_what_the_database_holds)
{
	const struct {
		enum digest_algorithm algorithm;
		const char *username;
		const char *ha1;
	} cases[] = {
		{ DIGEST_MD5, "alice", MD5_HA1 },
		{ DIGEST_SHA256, "alice", SHA256_HA1 },
		{ DIGEST_SHA512_256, "alice", SHA512_256_HA1 },
		{ DIGEST_SHA256, "al\"ice",
		  "75fa1fd78d9b65510f7563e522e44a06a568efb434c37953aa6b77282ac562a0" },
		{ DIGEST_SHA256, "alice@example.com",
		  "696c85d6987b1d15e268b1f6a80507e4281adc5afdffb174b4532c005c52905f" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char ha1[DIGEST_HEX_MAX + 1];
		digest_ha1(cases[i].algorithm, str_of(cases[i].username), STR("example.com"),
			   STR("s3cret Pa55word!"), ha1);
		ck_assert_str_eq(ha1, cases[i].ha1);
		ck_assert_uint_eq(digest_hex_len(cases[i].algorithm), strlen(ha1));
	}
}
END_TEST

/* VEC-20, AUT-8760-2.2-2: what RFC 7616 §3.9.2 prints was cut from SHA-512 and must not pass */
START_TEST(the_response_printed_in_rfc_7616_is_refused)
{
	struct vector v = vectors[7];
	ck_assert_str_eq(v.id, "VEC-20");
	v.response = "ae66e67d6b427bd3f120414a82e4acff38e8ecd9101d6c861229025f607a79dd";
	struct credentials c = credentials_of(&v);
	char ha1[DIGEST_HEX_MAX + 1];
	digest_ha1(v.algorithm, str_of(v.username), str_of(v.realm), str_of(v.password), ha1);
	ck_assert(!digest_verify(&c, str_of(v.method), str_of(ha1)));
}
END_TEST

/* VEC-31, VEC-34: a wrong password, the decomposed form of the right one included */
START_TEST(a_wrong_password_is_refused)
{
	struct credentials c = vec08();
	c.response = STR("de0cbd3462dd49cd8026c775f016e3d40fc4d8024b563a084e05c9603be67b61");
	ck_assert(!digest_verify(&c, STR("REGISTER"), STR(SHA256_HA1)));

	char ha1[DIGEST_HEX_MAX + 1];
	digest_ha1(DIGEST_SHA256, STR("alice"), STR("example.com"), STR("p\xc3\xa4ssw\xc3\xb6rd"),
		   ha1);
	c.response = STR("ec3e971cf226c0bdf8fd8c6208db0e449ca3accf265ec3570b7a4f57e05c815d");
	ck_assert(!digest_verify(&c, STR("REGISTER"), str_of(ha1)));
}
END_TEST

/* AUT-7616-3.4.6-1: the method is the request's */
START_TEST(a_digest_for_another_method_is_refused)
{
	struct credentials c = vec08();
	ck_assert(digest_verify(&c, STR("REGISTER"), STR(SHA256_HA1)));
	ck_assert(!digest_verify(&c, STR("OPTIONS"), STR(SHA256_HA1)));
	ck_assert(!digest_verify(&c, STR("register"), STR(SHA256_HA1)));
}
END_TEST

/* PAR-25-6: digits of the response may be of either case, and nothing else may differ */
START_TEST(case_of_the_response_is_free)
{
	struct credentials c = vec08();
	c.response = STR("5AAB7CD60F6F0059F7997E1B959BA3B17723E92B86D9F151205B23E1647816EB");
	ck_assert(digest_verify(&c, STR("REGISTER"), STR(SHA256_HA1)));

	for (size_t i = 0; i < 64; i++) {
		char changed[65];
		str_copy(changed, sizeof(changed), vec08().response);
		changed[i] = changed[i] == '0' ? '1' : '0';
		c.response = str_of(changed);
		ck_assert_msg(!digest_verify(&c, STR("REGISTER"), STR(SHA256_HA1)), "digit %zu", i);
	}
}
END_TEST

/* AUT-8760-2.2-1: the response is as long as the algorithm makes it; shorter and longer ones are
 * neither read past their end nor accepted */
START_TEST(a_response_of_another_length_is_refused)
{
	const char *right = "5aab7cd60f6f0059f7997e1b959ba3b17723e92b86d9f151205b23e1647816eb00";
	for (size_t len = 0; len <= 66; len++) {
		struct credentials c = vec08();
		c.response = (struct str){ right, len };
		ck_assert_int_eq(digest_verify(&c, STR("REGISTER"), STR(SHA256_HA1)), len == 64);
	}
	struct credentials md5 = credentials_of(&vectors[1]);
	md5.response = STR("10c902a0691e50a2515398d933f2794210c902a0691e50a2515398d933f27942");
	ck_assert(!digest_verify(&md5, STR("REGISTER"), STR(MD5_HA1)));
}
END_TEST

/* AUT-22.4-2: the two forms do not stand in for each other */
START_TEST(qop_is_part_of_the_digest)
{
	struct credentials c = vec08();
	c.qop = DIGEST_QOP_NONE;
	ck_assert(!digest_verify(&c, STR("REGISTER"), STR(SHA256_HA1)));
	c = vec08();
	c.nc_text = STR("00000002");
	ck_assert(!digest_verify(&c, STR("REGISTER"), STR(SHA256_HA1)));
	c = vec08();
	c.cnonce = STR("f7a9c3d1b2e84651");
	ck_assert(!digest_verify(&c, STR("REGISTER"), STR(SHA256_HA1)));
	c = vec08();
	c.uri = STR("sips:example.com:5061");
	ck_assert(!digest_verify(&c, STR("REGISTER"), STR(SHA256_HA1)));
}
END_TEST

/* AUT-7616-3.4-7, AUT-7616-3.6-1: without a hash nothing passes, not even a response made for the
 * hash that stands in; a hash of another algorithm is none */
START_TEST(nobody_gets_in_without_a_hash)
{
	const char zeros[] = "0000000000000000000000000000000000000000000000000000000000000000";
	struct credentials c = vec08();
	ck_assert(!digest_verify(&c, STR("REGISTER"), STR("")));
	ck_assert(!digest_verify(&c, STR("REGISTER"), STR(MD5_HA1)));

	char response[DIGEST_HEX_MAX + 1];
	digest_response(&c, STR("REGISTER"), str_of(zeros), response);
	c.response = str_of(response);
	ck_assert(digest_verify(&c, STR("REGISTER"), str_of(zeros)));
	ck_assert(!digest_verify(&c, STR("REGISTER"), STR("")));
}
END_TEST

/* AUT-7616-3.7-1: opening twice and closing twice is harmless, and what was closed opens again */
START_TEST(init_and_clear_are_a_pair)
{
	ck_assert(digest_init());
	digest_clear();
	digest_clear();
	ck_assert(digest_init());
	struct credentials c = vec08();
	ck_assert(digest_verify(&c, STR("REGISTER"), STR(SHA256_HA1)));
}
END_TEST

SUITE(digest, responses_are_those_of_the_vectors, ha1_is_what_the_database_holds,
      the_response_printed_in_rfc_7616_is_refused, a_wrong_password_is_refused,
      a_digest_for_another_method_is_refused, case_of_the_response_is_free,
      a_response_of_another_length_is_refused, qop_is_part_of_the_digest,
      nobody_gets_in_without_a_hash, init_and_clear_are_a_pair)
