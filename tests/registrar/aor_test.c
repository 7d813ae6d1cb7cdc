/* The canonical address-of-record. */
#include "registrar/aor.h"

#include "request.h"

struct fixture {
	struct baseline baseline;
	struct arena_pool pool;
	struct arena arena;
};

static void
fixture_init(struct fixture *f, size_t arena_bytes)
{
	baseline_init(&f->baseline);
	arena_pool_init(&f->pool, 1 << 20);
	arena_init(&f->arena, &f->pool, arena_bytes);
}

static void
fixture_clear(struct fixture *f)
{
	arena_reset(&f->arena);
	arena_pool_clear(&f->pool);
}

static bool
make(struct aor *aor, struct fixture *f, const char *text)
{
	struct sip_uri uri;
	ck_assert_msg(sip_uri_parse(&uri, str_of(text)), "%s", text);
	return aor_from_uri(aor, &uri, &f->baseline.domains[0], &f->arena);
}

/*
 * URI-10.3.5-1, URI-10.3.5-2, URI-10.3.5-3, URI-10.3.5-4, URI-19.1.1-9, URI-19.1.2-3,
 * URI-19.1.2-5, SPS-5.2-1, REG-DB-3: one spelling for whatever means the same user, ASCII only
 */
START_TEST(an_address_has_one_key)
{
	const struct {
		const char *uri, *key, *user;
	} cases[] = {
		{ "sip:alice@example.com", "alice@example.com", "alice" },
		{ "sips:alice@example.com", "alice@example.com", "alice" },
		{ "sips:%61lice@EXAMPLE.com.;user=phone", "alice@example.com", "alice" },
		{ "sip:alice:secret@example.com:5070;x=y?Subject=a", "alice@example.com", "alice" },
		{ "sip:alice@registrar.example.com", "alice@example.com", "alice" },
		{ "sip:Alice@example.com", "Alice@example.com", "Alice" },
		{ "sip:a;b@example.com", "a%3Bb@example.com", "a%3Bb" },
		{ "sip:a%3bb@example.com", "a%3Bb@example.com", "a%3Bb" },
		{ "sip:+1(23)@example.com", "%2B1(23)@example.com", "%2B1(23)" },
		{ "sip:null-%00-null@example.com", "null-%00-null@example.com", "null-%00-null" },
		{ "sip:null-@example.com", "null-@example.com", "null-" },
		{ "sip:%FF@example.com", "%FF@example.com", "%FF" },
		{ "sip:a%40b@example.com", "a%40b@example.com", "a%40b" },
		{ "sip:a%2541@example.com", "a%2541@example.com", "a%2541" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fixture f;
		fixture_init(&f, 1 << 16);
		struct aor aor;
		ck_assert_msg(make(&aor, &f, cases[i].uri), "%s", cases[i].uri);
		ck_assert_msg(str_eq(aor.key, str_of(cases[i].key)), "%s: %.*s", cases[i].uri,
			      STR_ARG(aor.key));
		ck_assert(str_eq(aor.user, str_of(cases[i].user)));
		ck_assert(str_eq(aor.domain, STR("example.com")));
		fixture_clear(&f);
	}
}
END_TEST

/* REG-10.3.5-3: no user part, no address-of-record; nor in another scheme */
START_TEST(other_uris_have_none)
{
	struct fixture f;
	fixture_init(&f, 1 << 16);
	struct aor aor;
	ck_assert(!make(&aor, &f, "sip:example.com"));
	ck_assert(!make(&aor, &f, "sips:example.com;user=phone"));
	ck_assert(!make(&aor, &f, "tel:+358-555-1234567"));
	ck_assert(!make(&aor, &f, "mailto:alice@example.com"));
	ck_assert(arena_ok(&f.arena));
	fixture_clear(&f);
}
END_TEST

/* URI-19.1.2-5: an escape that is broken is no name, whoever took it for one */
START_TEST(a_broken_escape_is_none)
{
	struct fixture f;
	fixture_init(&f, 1 << 16);
	struct aor aor;
	struct sip_uri uri;
	ck_assert(sip_uri_parse(&uri, STR("sip:alice@example.com")));
	uri.user = STR("a%4");
	ck_assert(!aor_from_uri(&aor, &uri, &f.baseline.domains[0], &f.arena));
	fixture_clear(&f);
}
END_TEST

/* URI-10.3.5-3: also a name of which every octet grows when it is written */
START_TEST(the_longest_name_fits)
{
	char text[SIP_MAX_URI + 1] = "sip:";
	size_t end = SIP_MAX_URI - strlen("@example.com");
	memset(text + 4, ';', end - 4);
	memcpy(text + end, "@example.com", sizeof("@example.com"));
	struct fixture f;
	fixture_init(&f, 1 << 16);
	struct aor aor;
	ck_assert(make(&aor, &f, text));
	ck_assert_uint_eq(aor.user.len, 3 * (end - 4));
	ck_assert_uint_eq(aor.key.len, aor.user.len + strlen("@example.com"));
	ck_assert(str_starts(aor.key, STR("%3B%3B")));
	fixture_clear(&f);
}
END_TEST

/* Memory out is refused and seen in the arena. */
START_TEST(exhaustion_is_refused)
{
	struct fixture f;
	fixture_init(&f, 16);
	struct aor aor;
	ck_assert(!make(&aor, &f, "sip:alice@example.com"));
	ck_assert(!arena_ok(&f.arena));
	fixture_clear(&f);
}
END_TEST

SUITE(aor, an_address_has_one_key, other_uris_have_none, a_broken_escape_is_none,
      the_longest_name_fits, exhaustion_is_refused)
