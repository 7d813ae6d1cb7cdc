/* The challenge as text. */
#include "auth/challenge.h"

#include "support/check_main.h"

#define NONCE "AQdpVbkAKgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

static const struct digest_offer usual = { .algorithms = { DIGEST_SHA256, DIGEST_MD5 },
					   .count = 2 };

/* AUT-8760-2.3-1, AUT-22.4-3, AUT-7616-3.3-1, AUT-7616-3.3-7, AUT-22.1-2, AUT-22-1: a row an
 * algorithm in the operator's order, Digest only, quotes where they belong, no domain */
START_TEST(one_row_for_each_algorithm)
{
	char buf[512];
	struct writer w = writer_on(buf, sizeof(buf));
	challenge_write(&w, STR("example.com"), STR(NONCE), &usual, false);
	ck_assert(writer_ok(&w));
	ck_assert(str_eq(writer_text(&w), STR("WWW-Authenticate: Digest realm=\"example.com\", "
					      "nonce=\"" NONCE "\", algorithm=SHA-256, "
					      "qop=\"auth\"\r\n"
					      "WWW-Authenticate: Digest realm=\"example.com\", "
					      "nonce=\"" NONCE "\", algorithm=MD5, "
					      "qop=\"auth\"\r\n")));
}
END_TEST

/* AUT-7616-3.3-1, AUT-7616-3.3-5: stale is there when asked for, without quotes, in every row */
START_TEST(stale_is_not_quoted)
{
	char buf[512];
	struct writer w = writer_on(buf, sizeof(buf));
	const struct digest_offer offer = { .algorithms = { DIGEST_SHA512_256 }, .count = 1 };
	challenge_write(&w, STR("other.example"), STR(NONCE), &offer, true);
	ck_assert(str_eq(writer_text(&w), STR("WWW-Authenticate: Digest realm=\"other.example\", "
					      "nonce=\"" NONCE "\", stale=true, "
					      "algorithm=SHA-512-256, qop=\"auth\"\r\n")));
}
END_TEST

/* A challenge that does not fit marks the writer. */
START_TEST(no_room_is_noticed)
{
	char buf[512];
	struct writer whole = writer_on(buf, sizeof(buf));
	challenge_write(&whole, STR("example.com"), STR(NONCE), &usual, false);
	struct writer exact = writer_on(buf, whole.len);
	challenge_write(&exact, STR("example.com"), STR(NONCE), &usual, false);
	ck_assert(writer_ok(&exact));
	struct writer less = writer_on(buf, whole.len - 1);
	challenge_write(&less, STR("example.com"), STR(NONCE), &usual, false);
	ck_assert(!writer_ok(&less));
}
END_TEST

SUITE(challenge, one_row_for_each_algorithm, stale_is_not_quoted, no_room_is_noticed)
