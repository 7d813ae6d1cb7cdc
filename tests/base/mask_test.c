/* Nobody can be recognized in what is masked, and what is not personal stays readable. */
#include "base/mask.h"

#include "support/check_main.h"
#include "support/guard.h"

struct mask_case {
	const char *text;
	const char *masked;
};

static void
expect(void (*mask)(struct writer *w, struct str text), const struct mask_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char out[512];
		struct writer w = writer_on(out, sizeof(out) - 1);
		struct str text = guard_copy(str_of(cases[i].text));
		mask(&w, text);
		guard_free(text);
		ck_assert(writer_ok(&w));
		out[w.len] = '\0';
		ck_assert_str_eq(out, cases[i].masked);
	}
}
#define EXPECT(mask, cases) expect(mask, cases, sizeof(cases) / sizeof(*(cases)))

START_TEST(addresses)
{
	static const struct mask_case cases[] = {
		{ "", "" },
		{ "192.0.2.17", "192.0.2.0/24" },
		{ "192.0.2.17:5060", "192.0.2.0/24" },
		{ "from 192.0.2.17; and 198.51.100.1.", "from 192.0.2.0/24; and 198.51.100.0/24." },
		{ "host192.0.2.17x", "host192.0.2.0/24x" },
		{ "2001:db8:1:2::9", "2001:db8:1::/48" },
		{ "[2001:db8:1:2::9]:5061", "2001:db8:1::/48" },
		{ "[2001:db8:1:2::9]", "2001:db8:1::/48" },
		{ "peer=2001:db8:1:2::9,", "peer=2001:db8:1::/48," },
		{ "::ffff:192.0.2.17", "::/48" },
		/* not addresses */
		{ "12:04:41", "12:04:41" },
		{ "1.2.3", "1.2.3" },
		{ "1.2.3.456", "1.2.3.0/24"
			       "6" },
		{ "Bria 6.7 [x] a:b", "Bria 6.7 [x] a:b" },
		{ "[", "[" },
		{ "TLS::routines", "TLS::routines" },
	};
	EXPECT(mask_addresses, cases);
}
END_TEST

START_TEST(users)
{
	static const struct mask_case cases[] = {
		{ "", "" },
		{ "bob", "b***" },
		{ "b", "b***" },
		{ "bob@example.com", "b***@example.com" },
		{ "sip:bob@example.com", "sip:b***@example.com" },
		{ "SIPS:bob:secret@example.com", "SIPS:b***@example.com" },
		{ "bob@192.0.2.17", "b***@192.0.2.0/24" },
		{ "a b@c@example.com", "a***@example.com" },
		{ "@example.com", "@example.com" },
		{ "+49301234567", "+***" },
	};
	EXPECT(mask_user, cases);
}
END_TEST

START_TEST(texts)
{
	static const struct mask_case cases[] = {
		{ "", "" },
		{ "Grandstream GXP2170 1.0.11.3", "Grandstream GXP2170 1.0.11.0/24" },
		{ "Linphone/5.2 (belle-sip/5.2)", "Linphone/5.2 (belle-sip/5.2)" },
		{ "<sips:bob@192.0.2.17:5061;line=1>", "<sips:b***@192.0.2.0/24;line=1>" },
		{ "/api/v1/users/bob@example.com/x", "/api/v1/users/b***@example.com/x" },
		{ "/api/v1/users/bob%40example.com", "/api/v1/users/b***%40example.com" },
		{ "call tel:+49301234567 now", "call tel:+*** now" },
		{ "\"Bob\" <bob@example.com>, carl@example.com",
		  "\"Bob\" <b***@example.com>, c***@example.com" },
		{ "@ @@ %40", "@ @***@ %40" },
	};
	EXPECT(mask_text, cases);
}
END_TEST

/* Cut by the end of the buffer, never spilled over it. */
START_TEST(small_buffers)
{
	static const char text[] = "bob@example.com 192.0.2.17 2001:db8::1";
	for (size_t cap = 0; cap < sizeof(text); cap++) {
		char out[64];
		struct writer w = writer_on(out, cap);
		mask_text(&w, STR("bob@example.com 192.0.2.17 2001:db8::1"));
		ck_assert_uint_le(w.len, cap);
		ck_assert(memmem(out, w.len, "bob", 3) == NULL);
	}
}
END_TEST

SUITE(mask, addresses, users, texts, small_buffers)
