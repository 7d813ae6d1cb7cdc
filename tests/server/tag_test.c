/* To tags that repeat without memory. */
#include "server/tag.h"

#include "server/message.h"

#define VIA "SIP/2.0/UDP 192.0.2.4;branch=z9hG4bK-1"

struct made {
	char tag[TAG_LEN + 1];
};

static struct made
tag_of(const struct tag_secret *secret, const char *method, const char *via, const char *from_tag,
       const char *call_id, unsigned cseq)
{
	struct parsed parsed;
	struct made made;
	parse_register(&parsed, method, via, from_tag, call_id, cseq);
	tag_write(secret, &parsed.message, made.tag);
	parsed_free(&parsed);
	return made;
}

/* UAS-8.2.7-3, UAS-8.2.6.2-3: the tag repeats for a retransmission and depends on the branch,
 * sent-by, From tag, Call-ID and CSeq, and on the secret; TXN-9.2-2: not on the method */
START_TEST(tag_repeats)
{
	struct tag_secret secret, other;
	tag_secret_draw(&secret);
	tag_secret_draw(&other);
	struct made first = tag_of(&secret, "REGISTER", VIA, "f", "a", 1);
	ck_assert_uint_eq(strlen(first.tag), 16);
	ck_assert_str_eq(first.tag, tag_of(&secret, "REGISTER", VIA, "f", "a", 1).tag);
	ck_assert_str_eq(first.tag, tag_of(&secret, "CANCEL", VIA, "f", "a", 1).tag);
	ck_assert_str_ne(first.tag, tag_of(&other, "REGISTER", VIA, "f", "a", 1).tag);
	ck_assert_str_ne(first.tag, tag_of(&secret, "REGISTER", VIA "x", "f", "a", 1).tag);
	ck_assert_str_ne(first.tag, tag_of(&secret, "REGISTER",
					   "SIP/2.0/UDP 192.0.2.5;branch=z9hG4bK-1", "f", "a", 1)
					    .tag);
	ck_assert_str_ne(first.tag, tag_of(&secret, "REGISTER", VIA, "g", "a", 1).tag);
	ck_assert_str_ne(first.tag, tag_of(&secret, "REGISTER", VIA, "f", "b", 1).tag);
	ck_assert_str_ne(first.tag, tag_of(&secret, "REGISTER", VIA, "f", "a", 2).tag);
	/* Octets do not move from one part to the next. */
	ck_assert_str_ne(tag_of(&secret, "REGISTER", VIA, "ab", "c", 1).tag,
			 tag_of(&secret, "REGISTER", VIA, "a", "bc", 1).tag);
}
END_TEST

static int
compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct made));
}

/* UAS-19.3-1: 100,000 tags, all distinct */
START_TEST(tags_are_distinct)
{
	enum { COUNT = 100000 };
	struct tag_secret secret;
	tag_secret_draw(&secret);
	struct made *made = calloc(COUNT, sizeof(*made));
	struct parsed parsed;
	parse_register(&parsed, "REGISTER", VIA, "f", "a", 1);
	for (unsigned i = 0; i < COUNT; i++) {
		parsed.message.cseq = i;
		tag_write(&secret, &parsed.message, made[i].tag);
	}
	qsort(made, COUNT, sizeof(*made), compare);
	for (unsigned i = 1; i < COUNT; i++)
		ck_assert_str_ne(made[i - 1].tag, made[i].tag);
	parsed_free(&parsed);
	free(made);
}
END_TEST

/* UAS-19.3-1: never the From tag, in whatever case that is written */
START_TEST(tag_differs_from_the_from_tag)
{
	char tag[TAG_LEN + 1], again[TAG_LEN + 1];
	tag_text(0xABCDEF0123456789u, STR(""), tag);
	tag_text(0xABCDEF0123456789u, str_of(tag), again);
	ck_assert_str_ne(tag, again);
	ck_assert_uint_eq(strlen(again), TAG_LEN);
	char upper[TAG_LEN + 1];
	for (int i = 0; i <= TAG_LEN; i++)
		upper[i] = tag[i] >= 'a' && tag[i] <= 'f' ? (char)(tag[i] - 32) : tag[i];
	tag_text(0xABCDEF0123456789u, str_of(upper), again);
	ck_assert_str_ne(tag, again);
	tag_text(0xABCDEF0123456789u, STR("other"), again);
	ck_assert_str_eq(tag, again);
}
END_TEST

SUITE(tag, tag_repeats, tags_are_distinct, tag_differs_from_the_from_tag)
