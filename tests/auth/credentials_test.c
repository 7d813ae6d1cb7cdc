/* Authorization rows, good and bad. */
#include "auth/credentials.h"

#include <stdio.h>
#include <stdlib.h>

#include "auth/digest.h"
#include "support/check_main.h"
#include "support/guard.h"

#define ROWS_MAX 8
#define REALM STR("example.com")

static const struct digest_offer usual = { .algorithms = { DIGEST_SHA256, DIGEST_MD5 },
					   .count = 2 };

/* A message that has nothing but Authorization rows, and what was found in it. */
struct found {
	struct arena_pool pool;
	struct arena arena;
	struct sip_header headers[ROWS_MAX];
	struct sip_message message;
	enum credentials_status status;
	struct credentials credentials;
};

static struct found *
find_rows(const char *const *rows, const struct digest_offer *offer)
{
	struct found *f = calloc(1, sizeof(*f));
	ck_assert_ptr_nonnull(f);
	arena_pool_init(&f->pool, 1 << 20);
	arena_init(&f->arena, &f->pool, 1 << 20);
	f->message.headers = f->headers;
	for (size_t i = 0; i < SIP_HEADER_COUNT; i++)
		f->message.first[i] = SIP_NO_HEADER;
	for (; *rows != NULL; rows++) {
		uint16_t at = f->message.header_count++;
		ck_assert_uint_lt(at, ROWS_MAX);
		f->headers[at] = (struct sip_header){
			.id = SIP_HEADER_AUTHORIZATION,
			.name = STR("Authorization"),
			.value = guard_copy(str_of(*rows)),
			.next = SIP_NO_HEADER,
		};
		if (at == 0)
			f->message.first[SIP_HEADER_AUTHORIZATION] = 0;
		else
			f->headers[at - 1].next = at;
		f->message.rows[SIP_HEADER_AUTHORIZATION]++;
	}
	f->status = credentials_find(&f->credentials, &f->message, REALM, offer, &f->arena);
	ck_assert(arena_ok(&f->arena));
	return f;
}

static struct found *
find(const char *row)
{
	const char *const rows[] = { row, NULL };
	return find_rows(rows, &usual);
}

static void
release(struct found *f)
{
	for (uint16_t i = 0; i < f->message.header_count; i++)
		guard_free(f->headers[i].value);
	arena_reset(&f->arena);
	arena_pool_clear(&f->pool);
	free(f);
}

static void
expect(const char *row, enum credentials_status status)
{
	struct found *f = find(row);
	ck_assert_msg(f->status == status, "%d instead of %d: %s", f->status, status, row);
	release(f);
}

#define VEC08_RESPONSE "5aab7cd60f6f0059f7997e1b959ba3b17723e92b86d9f151205b23e1647816eb"
#define SIP_NONCE "MDAwMTpub25jZS1mb3ItdGVzdHM6MDAwMQ=="
#define HEAD "Digest username=\"alice\", realm=\"example.com\""
#define MIDDLE ", nonce=\"" SIP_NONCE "\", uri=\"sips:example.com\""
#define QOP ", qop=auth, nc=00000001, cnonce=\"f7a9c3d1b2e84650\""
#define TAIL ", response=\"" VEC08_RESPONSE "\""
#define SHA256 ", algorithm=SHA-256"
#define VEC08_ROW HEAD MIDDLE SHA256 QOP TAIL

static void
check_slice(struct str s, const char *text)
{
	ck_assert_msg(str_eq(s, str_of(text)), "%.*s instead of %s", STR_ARG(s), text);
}

/* VEC-08, AUT-22.4-1, AUT-7616-3.4.1-1: the field of the requirements, as sent after unfolding */
START_TEST(a_complete_row_is_read)
{
	struct found *f = find(VEC08_ROW);
	ck_assert_int_eq(f->status, CREDENTIALS_FOUND);
	const struct credentials *c = &f->credentials;
	check_slice(c->username, "alice");
	check_slice(c->realm, "example.com");
	check_slice(c->nonce, SIP_NONCE);
	check_slice(c->uri, "sips:example.com");
	check_slice(c->response, VEC08_RESPONSE);
	check_slice(c->cnonce, "f7a9c3d1b2e84650");
	check_slice(c->nc_text, "00000001");
	ck_assert_uint_eq(c->nc, 1);
	ck_assert_int_eq(c->qop, DIGEST_QOP_AUTH);
	ck_assert_int_eq(c->algorithm, DIGEST_SHA256);
	ck_assert(digest_verify(c, STR("REGISTER"),
				STR("a4c1c931d86ef0626b7ade820ba3faae00c4a2e5bd6694dd947ddbcdfb99a"
				    "e4c")));
	release(f);
}
END_TEST

/* VEC-29, AUT-7616-3.4.5-1: what is hashed are the values without quotes and escapes */
START_TEST(escapes_are_undone)
{
	struct found *f = find(
		"Digest username=\"al\\\"ice\", realm=\"\\example.com\"" MIDDLE SHA256 QOP ", "
		"response=\"5bd38c4f48fe0804c01a8b7b99ad2b92d18af3e4e6a17a0995dad926821161eb\"");
	ck_assert_int_eq(f->status, CREDENTIALS_FOUND);
	check_slice(f->credentials.username, "al\"ice");
	check_slice(f->credentials.realm, "example.com");
	ck_assert(digest_verify(&f->credentials, STR("REGISTER"),
				STR("75fa1fd78d9b65510f7563e522e44a06a568efb434c37953aa6b77282ac56"
				    "2a0")));
	release(f);
}
END_TEST

/* PAR-25-6, AUT-7616-3.4-2, PAR-7.3-1, AUT-7616-3.3-6, PAR-7.3.1-2: spellings that a receiver
 * takes, and opaque or unknown parameters that change nothing */
START_TEST(other_spellings_are_read)
{
	const char *const rows[] = {
		"dIGEST USERNAME=\"alice\",REALM=\"example.com\",Nonce=\"" SIP_NONCE
		"\",uri=\"sips:example.com\",ALGORITHM=sha-256,QOP=AUTH,NC=00000001,"
		"CNONCE=\"f7a9c3d1b2e84650\",Response=\"" VEC08_RESPONSE "\"",
		HEAD MIDDLE ", algorithm=\"SHA-256\", qop=\"auth\", nc=\"00000001\", "
			    "cnonce=\"f7a9c3d1b2e84650\"" TAIL,
		"Digest\t username = \"alice\"\t, realm= \"example.com\" ,nonce =\"" SIP_NONCE
		"\", uri=\"sips:example.com\"" SHA256 QOP TAIL,
		HEAD MIDDLE SHA256 QOP TAIL ", opaque=\"x, y=\\\"z\", userhash=false, other=1",
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct found *f = find(rows[i]);
		ck_assert_msg(f->status == CREDENTIALS_FOUND, "row %zu: %d", i, f->status);
		ck_assert_int_eq(f->credentials.algorithm, DIGEST_SHA256);
		ck_assert_int_eq(f->credentials.qop, DIGEST_QOP_AUTH);
		ck_assert_uint_eq(f->credentials.nc, 1);
		check_slice(f->credentials.username, "alice");
		release(f);
	}
	struct found *f = find(HEAD MIDDLE ", qop=auth, nc=0000aBcD, cnonce=\"\"" TAIL);
	ck_assert_uint_eq(f->credentials.nc, 0xabcd);
	check_slice(f->credentials.nc_text, "0000aBcD");
	release(f);
	f = find(HEAD MIDDLE ", qop=auth, nc=fedcba98, cnonce=\"x\"" TAIL);
	ck_assert_uint_eq(f->credentials.nc, 0xfedcba98);
	release(f);
}
END_TEST

/* AUT-7616-3.3-8, AUT-22.4-2: no algorithm is MD5, no qop is the form of RFC 2069, whatever nc and
 * cnonce say */
START_TEST(what_is_left_out_has_a_meaning)
{
	struct found *f = find(HEAD MIDDLE ", nc=zz, cnonce=\"x\"" TAIL);
	ck_assert_int_eq(f->status, CREDENTIALS_FOUND);
	ck_assert_int_eq(f->credentials.algorithm, DIGEST_MD5);
	ck_assert_int_eq(f->credentials.qop, DIGEST_QOP_NONE);
	ck_assert_uint_eq(f->credentials.cnonce.len + f->credentials.nc_text.len, 0);
	ck_assert_uint_eq(f->credentials.nc, 0);
	release(f);
}
END_TEST

/* AUT-22.3-2, AUT-22-1, AUT-7616-3.4-1, AUT-7616-3.4.2-1, AUT-7616-3.4.3-1, AUT-7616-3.7-1,
 * ORD-32: not for us, or not what was offered: as good as none;
 * so is the form of RFC 2069 where it is refused (D-11) */
START_TEST(what_was_not_asked_for_is_no_credential)
{
	expect("NoOneKnowsThisScheme opaque-data=here", CREDENTIALS_NONE);
	expect("Basic YWxpY2U6czNjcmV0IFBhNTV3b3JkIQ==", CREDENTIALS_NONE);
	expect("", CREDENTIALS_NONE);
	expect("Digestive realm=\"example.com\"", CREDENTIALS_NONE);
	expect("Digest realm=\"other.example\"", CREDENTIALS_OTHER_REALM);
	expect("Digest realm=\"Example.com\"", CREDENTIALS_OTHER_REALM);
	expect("Digest realm=\"other.example\", broken", CREDENTIALS_OTHER_REALM);
	expect(HEAD MIDDLE ", algorithm=SHA-512-256" QOP TAIL, CREDENTIALS_NOT_OFFERED);
	expect(HEAD MIDDLE ", algorithm=SHA-256-sess" QOP TAIL, CREDENTIALS_NOT_OFFERED);
	expect(HEAD MIDDLE ", algorithm=MD5-sess" QOP TAIL, CREDENTIALS_NOT_OFFERED);
	expect(HEAD MIDDLE ", algorithm=AKAv1-MD5" QOP TAIL, CREDENTIALS_NOT_OFFERED);
	expect(HEAD MIDDLE ", algorithm=-sess" TAIL, CREDENTIALS_NOT_OFFERED); /* of nothing */
	expect(HEAD MIDDLE SHA256 ", qop=auth-int, nc=00000001, cnonce=\"x\"" TAIL,
	       CREDENTIALS_NOT_OFFERED);

	const struct digest_offer sha_only = { .algorithms = { DIGEST_SHA256 }, .count = 1 };
	const char *const md5[] = { HEAD MIDDLE QOP TAIL, NULL };
	struct found *f = find_rows(md5, &sha_only);
	ck_assert_int_eq(f->status, CREDENTIALS_NOT_OFFERED);
	release(f);
	const struct digest_offer strict = { .algorithms = { DIGEST_MD5 },
					     .count = 1,
					     .requires_qop = true };
	const char *const rfc2069[] = { HEAD MIDDLE TAIL, NULL };
	f = find_rows(rfc2069, &strict);
	ck_assert_int_eq(f->status, CREDENTIALS_NOT_OFFERED);
	release(f);
	f = find_rows(md5, &strict);
	ck_assert_int_eq(f->status, CREDENTIALS_FOUND);
	release(f);
	const char *const none[] = { NULL };
	f = find_rows(none, &usual);
	ck_assert_int_eq(f->status, CREDENTIALS_NONE);
	release(f);
}
END_TEST

/* AUT-8760-2.7-1, ORD-32: a client that has no challenge yet */
START_TEST(empty_nonce_or_response_is_no_credential)
{
	expect(HEAD ", nonce=\"\", uri=\"sip:example.com\", response=\"\"", CREDENTIALS_NONE);
	expect(HEAD ", nonce=\"\", uri=\"sip:example.com\"" TAIL, CREDENTIALS_NONE);
	expect(HEAD MIDDLE ", response=\"\"", CREDENTIALS_NONE);
	expect("Digest realm=\"example.com\", nonce=\"\"", CREDENTIALS_NONE);
}
END_TEST

/* AUT-7616-3.4-8, AUT-7616-3.4-5, AUT-7616-3.4-3, ORD-33, PAR-25-4: missing, repeated and broken;
 * a count of seven or nine digits */
START_TEST(broken_credentials_for_us_are_malformed)
{
	const char *const rows[] = {
		"Digest",
		"Digest garbage",
		"Digest realm=\"example.com",
		"Digest username=\"alice\"" MIDDLE SHA256 QOP TAIL, /* no realm */
		"Digest realm=\"example.com\"" MIDDLE SHA256 QOP TAIL,
		HEAD ", uri=\"sips:example.com\"" SHA256 QOP TAIL,
		HEAD ", nonce=\"" SIP_NONCE "\"" SHA256 QOP TAIL,
		HEAD MIDDLE SHA256 QOP, /* no response */
		HEAD MIDDLE SHA256 ", qop=auth, nc=00000001" TAIL,
		HEAD MIDDLE SHA256 ", qop=auth, cnonce=\"x\"" TAIL,
		HEAD MIDDLE SHA256 ", qop=auth-int, cnonce=\"x\"" TAIL,
		HEAD MIDDLE SHA256 ", qop=auth, nc=0000001, cnonce=\"x\"" TAIL,
		HEAD MIDDLE SHA256 ", qop=auth, nc=000000001, cnonce=\"x\"" TAIL,
		HEAD MIDDLE SHA256 ", qop=auth, nc=0000000g, cnonce=\"x\"" TAIL,
		HEAD MIDDLE SHA256 ", qop=auth, nc=\"\", cnonce=\"x\"" TAIL,
		HEAD MIDDLE ", algorithm=MD5-sess" TAIL,
		HEAD MIDDLE ", algorithm=SHA-256-sess, cnonce=\"x\"" TAIL,
		HEAD MIDDLE SHA256 QOP TAIL ", username=\"alice\"",
		HEAD MIDDLE SHA256 QOP TAIL ", USERNAME=\"bob\"",
		HEAD MIDDLE SHA256 QOP TAIL ", realm=\"other.example\"",
		HEAD MIDDLE SHA256 QOP TAIL ", x=1, x=1",
		HEAD MIDDLE SHA256 QOP TAIL ", username*=UTF-8''alice",
		HEAD MIDDLE SHA256 QOP TAIL ",",
		HEAD ",," MIDDLE SHA256 QOP TAIL,
		HEAD MIDDLE SHA256 QOP TAIL " x=1",
		HEAD MIDDLE SHA256 QOP TAIL ", x",
		HEAD MIDDLE SHA256 QOP TAIL ", x=",
		HEAD MIDDLE SHA256 QOP TAIL ", x=\"y",
		HEAD MIDDLE SHA256 QOP TAIL ", x=\"y\"z",
		HEAD MIDDLE SHA256 QOP TAIL "; x=1",
		HEAD ", nonce=" SIP_NONCE ", uri=\"sips:example.com\"" SHA256 QOP TAIL,
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		expect(rows[i], CREDENTIALS_MALFORMED);
}
END_TEST

/* AUT-22.3-1, AUT-8760-2.3-2, PAR-7.3.1-4: each row by itself, the first that fits */
START_TEST(the_first_fitting_row_is_used)
{
	const char *other = "Digest username=\"x\", realm=\"a.example\", nonce=\"n\", "
			    "uri=\"sip:a.example\", response=\"r\"";
	const char *md5 = "Digest username=\"md5\", realm=\"example.com\"" MIDDLE QOP TAIL;
	const char *blank = HEAD ", nonce=\"\", uri=\"sip:example.com\", response=\"\"";
	const char *truncated = HEAD MIDDLE SHA256 QOP;
	const char *sess = HEAD MIDDLE ", algorithm=MD5-sess" QOP TAIL;
	const struct {
		const char *rows[5];
		enum credentials_status status;
		enum digest_algorithm algorithm;
	} cases[] = {
		{ { other, VEC08_ROW, md5 }, CREDENTIALS_FOUND, DIGEST_SHA256 },
		{ { other, md5, VEC08_ROW }, CREDENTIALS_FOUND, DIGEST_MD5 },
		{ { "Basic eA==", blank, sess, md5 }, CREDENTIALS_FOUND, DIGEST_MD5 },
		{ { "Digest garbage", md5 }, CREDENTIALS_FOUND, DIGEST_MD5 },
		{ { truncated, VEC08_ROW }, CREDENTIALS_MALFORMED, 0 },
		{ { VEC08_ROW, truncated }, CREDENTIALS_FOUND, DIGEST_SHA256 },
		{ { sess, other, blank }, CREDENTIALS_NOT_OFFERED, 0 },
		{ { blank, other }, CREDENTIALS_OTHER_REALM, 0 },
		{ { "Digest garbage", other }, CREDENTIALS_MALFORMED, 0 },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct found *f = find_rows(cases[i].rows, &usual);
		ck_assert_msg(f->status == cases[i].status, "case %zu: %d", i, f->status);
		if (f->status == CREDENTIALS_FOUND)
			ck_assert_msg(f->credentials.algorithm == cases[i].algorithm, "case %zu",
				      i);
		release(f);
	}
	const char *const joined[] = { "Digest realm=\"a.example\", " VEC08_ROW, NULL };
	struct found *f = find_rows(joined, &usual);
	ck_assert_int_ne(f->status, CREDENTIALS_FOUND);
	release(f);
}
END_TEST

/* AUT-7616-3.4-8: a row may be long, but not have more parameters than the limit */
START_TEST(parameters_are_limited)
{
	for (unsigned extra = 22; extra <= 24; extra++) {
		char row[1024];
		struct writer w = writer_on(row, sizeof(row));
		writer_text_z(&w, VEC08_ROW); /* nine */
		for (unsigned i = 0; i < extra; i++)
			writer_printf(&w, ", x%u=1", i);
		writer_char(&w, '\0');
		ck_assert(writer_ok(&w));
		expect(row, 9 + extra <= CREDENTIALS_PARAMS_MAX ? CREDENTIALS_FOUND
								: CREDENTIALS_MALFORMED);
	}
}
END_TEST

/* AUT-8760-2.3-1: names that go into challenges are read again, without case */
START_TEST(algorithm_names_are_read_back)
{
	enum digest_algorithm algorithm;
	for (int i = 0; i < DIGEST_ALGORITHM_COUNT; i++) {
		ck_assert(digest_algorithm_parse(digest_algorithm_name((enum digest_algorithm)i),
						 &algorithm));
		ck_assert_int_eq((int)algorithm, i);
	}
	ck_assert(digest_algorithm_parse(STR("md5"), &algorithm));
	ck_assert_int_eq(algorithm, DIGEST_MD5);
	ck_assert(!digest_algorithm_parse(STR("MD5-sess"), &algorithm));
	ck_assert(!digest_algorithm_parse(STR(""), &algorithm));
}
END_TEST

/* Memory out while an escape is undone is for the caller to see, not a row that means something
 * else. */
START_TEST(exhaustion_is_seen_in_the_arena)
{
	struct found *f =
		find("Digest username=\"al\\ice\", realm=\"example.com\"" MIDDLE SHA256 QOP TAIL);
	struct arena none;
	arena_init(&none, &f->pool, 0);
	struct credentials c;
	credentials_find(&c, &f->message, REALM, &usual, &none);
	ck_assert(!arena_ok(&none));
	arena_reset(&none);
	release(f);
}
END_TEST

SUITE(credentials, a_complete_row_is_read, escapes_are_undone, other_spellings_are_read,
      what_is_left_out_has_a_meaning, what_was_not_asked_for_is_no_credential,
      empty_nonce_or_response_is_no_credential, broken_credentials_for_us_are_malformed,
      the_first_fitting_row_is_used, parameters_are_limited, algorithm_names_are_read_back,
      exhaustion_is_seen_in_the_arena)
