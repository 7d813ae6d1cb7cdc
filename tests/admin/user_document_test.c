/* Documents about accounts: what becomes of each field, and what is wrong with the others. */
#include "admin/user.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/admin_internal.h"
#include "auth/digest.h"
#include "registrar/policy.h"
#include "support/check_main.h"

#define MD5_OF_PW "9fee4a3f0cbc9b7b9ec7f5bd8b0a0e53"

static const struct domain domains[] = { { .name = STR("example.com") },
					 { .name = STR("other.example") } };
static struct domain_name names[] = {
	{ .host.text = STR("example.com"), .domain = &domains[0] },
	{ .host.text = STR("registrar.example.com"), .domain = &domains[0] },
	{ .host.text = STR("[2001:db8::10]"), .domain = &domains[0] },
	{ .host.text = STR("other.example"), .domain = &domains[1] },
};
static struct policy policy = { .names = names, .name_count = sizeof(names) / sizeof(names[0]) };
static struct admin admin = { .policy = &policy };
static struct exchange x;

static void
begin(void)
{
	digest_init();
	for (size_t i = 0; i < policy.name_count; i++)
		ip_parse(names[i].host.text, &names[i].host.ip);
	policy_order_names(&policy);
	arena_pool_init(&admin.pool, (size_t)1 << 20);
	x = (struct exchange){ .admin = &admin };
	arena_init(&x.arena, &admin.pool, (size_t)1 << 20);
}

static void
end(void)
{
	arena_reset(&x.arena);
	arena_pool_clear(&admin.pool);
	digest_clear();
}

static json_t *
parsed(const char *text)
{
	json_error_t error;
	json_t *document = json_loads(text, 0, &error);
	ck_assert_msg(document != NULL, "%s: %s", error.text, text);
	return document;
}

static const char *
member(json_t *row, const char *key)
{
	return json_string_value(json_object_get(row, key));
}

START_TEST(a_password_becomes_three_hashes_and_goes_no_further)
{
	struct flaw flaw = { .field = NULL };
	char ha1[DIGEST_HEX_MAX + 1];
	begin();
	json_t *given = parsed("{\"username\":\"a;b\",\"domain\":\"EXAMPLE.com\",\"password\":"
			       "\"secret\",\"may_register\":\"domain\"}");
	json_t *row = user_row(&x, given, &flaw);
	ck_assert_ptr_nonnull(row);
	ck_assert_str_eq(member(row, "aor"), "a%3Bb@example.com");
	ck_assert_str_eq(member(row, "username"), "a%3Bb");
	ck_assert_str_eq(member(row, "domain"), "example.com");
	ck_assert_str_eq(member(row, "login"), "a;b");
	digest_ha1(DIGEST_MD5, STR("a;b"), STR("example.com"), STR("secret"), ha1);
	ck_assert_str_eq(member(row, "ha1_md5"), ha1);
	digest_ha1(DIGEST_SHA256, STR("a;b"), STR("example.com"), STR("secret"), ha1);
	ck_assert_str_eq(member(row, "ha1_sha256"), ha1);
	digest_ha1(DIGEST_SHA512_256, STR("a;b"), STR("example.com"), STR("secret"), ha1);
	ck_assert_str_eq(member(row, "ha1_sha512_256"), ha1);
	char *text = json_dumps(row, 0);
	ck_assert_ptr_null(strstr(text, "secret"));
	free(text);
	json_decref(row);
	json_decref(given);
	end();
}
END_TEST

/* URI-10.3.5-4: whoever writes an alias, in any of its spellings, means the domain */
START_TEST(an_alias_is_its_domain)
{
	static const char *const given_domains[] = { "registrar.example.com",
						     "Registrar.Example.COM.", "[2001:DB8:0::10]" };
	for (size_t i = 0; i < sizeof(given_domains) / sizeof(*given_domains); i++) {
		struct flaw flaw = { .field = NULL };
		char text[256], ha1[DIGEST_HEX_MAX + 1];
		begin();
		snprintf(text, sizeof(text),
			 "{\"username\":\"a;b\",\"domain\":\"%s\",\"password\":\"x\","
			 "\"may_register\":[\"c;d@%s\"]}",
			 given_domains[i], given_domains[i]);
		json_t *given = parsed(text);
		json_t *row = user_row(&x, given, &flaw);
		ck_assert_msg(row != NULL, "%s", text);
		ck_assert_str_eq(member(row, "aor"), "a%3Bb@example.com");
		ck_assert_str_eq(member(row, "domain"), "example.com");
		ck_assert_str_eq(
			json_string_value(json_array_get(json_object_get(row, "may_register"), 0)),
			"c%3Bd@example.com");
		digest_ha1(DIGEST_MD5, STR("a;b"), STR("example.com"), STR("x"), ha1);
		ck_assert_str_eq(member(row, "ha1_md5"), ha1);
		json_decref(row);
		json_decref(given);
		end();
	}
}
END_TEST

/* The database may hold one of a domain that is served no more, or not yet. */
START_TEST(an_account_of_another_domain_can_be_changed)
{
	struct flaw flaw = { .field = NULL };
	begin();
	json_t *given = parsed("{\"may_register\":[\"b@gone.example\"]}");
	json_t *row = user_change_row(&x, given, STR("a"), STR("gone.example"), &flaw);
	ck_assert_ptr_nonnull(row);
	json_decref(row);
	ck_assert_ptr_null(user_change_row(&x, given, STR("a"), STR("example.com"), &flaw));
	ck_assert_str_eq(flaw.field, "may_register");
	ck_assert_ptr_nonnull(flaw.hint);
	json_decref(given);
	end();
}
END_TEST

START_TEST(a_login_may_be_any_octets)
{
	struct flaw flaw = { .field = NULL };
	begin();
	json_t *given = parsed("{\"username\":\"a%00%C3%A9\",\"domain\":\"example.com\","
			       "\"password\":\"x\"}");
	json_t *row = user_row(&x, given, &flaw);
	ck_assert_ptr_nonnull(row);
	ck_assert_str_eq(member(row, "login"), "a\\x00\\xC3\\xA9");
	json_decref(row);
	json_decref(given);
	end();
}
END_TEST

/* One hash that is replaced while the others stay would leave the old password good. */
START_TEST(one_new_hash_replaces_all)
{
	struct flaw flaw = { .field = NULL };
	begin();
	json_t *given = parsed("{\"ha1_md5\":\"9FEE4A3F0CBC9B7B9EC7F5BD8B0A0E53\"}");
	json_t *row = user_change_row(&x, given, STR("a"), STR("example.com"), &flaw);
	ck_assert_ptr_nonnull(row);
	ck_assert_str_eq(member(row, "ha1_md5"), MD5_OF_PW);
	ck_assert(json_is_null(json_object_get(row, "ha1_sha256")));
	ck_assert(json_is_null(json_object_get(row, "ha1_sha512_256")));
	json_decref(row);
	json_decref(given);
	end();
}
END_TEST

START_TEST(a_change_without_password_has_no_hashes)
{
	struct flaw flaw = { .field = NULL };
	begin();
	json_t *given = parsed("{\"enabled\":false,\"may_register\":\"own\"}");
	json_t *row = user_change_row(&x, given, STR("a"), STR("example.com"), &flaw);
	ck_assert_ptr_nonnull(row);
	ck_assert_uint_eq(json_object_size(row), 2);
	ck_assert(json_is_null(json_object_get(row, "may_register")));
	json_decref(row);
	json_decref(given);
	end();
}
END_TEST

#define ALICE "\"username\":\"alice\",\"domain\":\"example.com\""
#define TEXT64 "aaaaaaaabbbbbbbbccccccccddddddddeeeeeeeeffffffffgggggggghhhhhhhh"
#define TEXT256 TEXT64 TEXT64 TEXT64 TEXT64

START_TEST(every_flaw_names_its_field)
{
	const struct {
		const char *text, *field; /* NULL: good */
	} cases[] = {
		{ "{" ALICE ",\"password\":\"x\"}", NULL },
		{ "{" ALICE "}", "password" },
		{ "[]", "users" },
		{ "{\"domain\":\"example.com\",\"password\":\"x\"}", "username" },
		{ "{\"username\":7,\"domain\":\"example.com\",\"password\":\"x\"}", "username" },
		{ "{\"username\":\"a@b\",\"domain\":\"example.com\",\"password\":\"x\"}",
		  "username" },
		{ "{\"username\":\"a%4\",\"domain\":\"example.com\",\"password\":\"x\"}",
		  "username" },
		{ "{\"username\":\"" TEXT256 "\",\"domain\":\"example.com\",\"password\":\"x\"}",
		  NULL },
		{ "{\"username\":\"" TEXT256 "a\",\"domain\":\"example.com\",\"password\":\"x\"}",
		  "username" },
		{ "{\"username\":\"alice\",\"password\":\"x\"}", "domain" },
		{ "{\"username\":\"alice\",\"domain\":\"example.net\",\"password\":\"x\"}",
		  "domain" },
		{ "{" ALICE ",\"password\":\"\"}", "password" },
		{ "{" ALICE ",\"password\":\"" TEXT256 "\"}", NULL },
		{ "{" ALICE ",\"password\":\"" TEXT256 "x\"}", "password" },
		{ "{" ALICE ",\"password\":null}", "password" },
		{ "{" ALICE ",\"password\":\"x\",\"ha1_md5\":\"" MD5_OF_PW "\"}", "password" },
		{ "{" ALICE ",\"ha1_md5\":\"" MD5_OF_PW "\"}", NULL },
		{ "{" ALICE ",\"ha1_md5\":\"" MD5_OF_PW "0\"}", "ha1_md5" },
		{ "{" ALICE ",\"ha1_sha256\":\"" MD5_OF_PW "\"}", "ha1_sha256" },
		{ "{" ALICE ",\"ha1_sha256\":null}", "password" },
		{ "{" ALICE ",\"password\":\"x\",\"login\":\"\"}", "login" },
		{ "{" ALICE ",\"password\":\"x\",\"login\":\"" TEXT256 "x\"}", "login" },
		{ "{" ALICE ",\"password\":\"x\",\"enabled\":1}", "enabled" },
		{ "{" ALICE ",\"password\":\"x\",\"display_name\":null}", NULL },
		{ "{" ALICE ",\"password\":\"x\",\"display_name\":\"\"}", "display_name" },
		{ "{" ALICE ",\"password\":\"x\",\"display_name\":\"" TEXT256 "x\"}",
		  "display_name" },
		{ "{" ALICE ",\"password\":\"x\",\"max_contacts\":1}", NULL },
		{ "{" ALICE ",\"password\":\"x\",\"max_contacts\":1000}", NULL },
		{ "{" ALICE ",\"password\":\"x\",\"max_contacts\":0}", "max_contacts" },
		{ "{" ALICE ",\"password\":\"x\",\"max_contacts\":1001}", "max_contacts" },
		{ "{" ALICE ",\"password\":\"x\",\"max_contacts\":\"5\"}", "max_contacts" },
		{ "{" ALICE ",\"password\":\"x\",\"may_register\":\"all\"}", "may_register" },
		{ "{" ALICE ",\"password\":\"x\",\"may_register\":[]}", "may_register" },
		{ "{" ALICE ",\"password\":\"x\",\"may_register\":[\"bob\"]}", "may_register" },
		{ "{" ALICE ",\"password\":\"x\",\"may_register\":[7]}", "may_register" },
		{ "{" ALICE ",\"password\":\"x\",\"may_register\":[\"bob@x\"]}", "may_register" },
		{ "{" ALICE ",\"password\":\"x\",\"may_register\":[\"sip:bob@Example.com.\"]}",
		  NULL },
		{ "{" ALICE ",\"password\":\"x\",\"may_register\":[\"bob@registrar.example.com\"]}",
		  NULL },
		{ "{" ALICE ",\"password\":\"x\",\"may_register\":[\"bob@other.example\"]}",
		  "may_register" },
		{ "{" ALICE
		  ",\"password\":\"x\",\"may_register\":[\"bob@example.com;transport=tls\"]}",
		  "may_register" },
		{ "{" ALICE ",\"password\":\"x\",\"may_register\":[\"bob@example.com:5060\"]}",
		  "may_register" },
		{ "{\"username\":\"a\",\"domain\":\"registrar.example.com\",\"password\":\"x\"}",
		  NULL },
		{ "{\"username\":\"a\",\"domain\":\"registrar.example.com\",\"ha1_md5\":"
		  "\"" MD5_OF_PW "\"}",
		  "domain" },
		{ "{" ALICE ",\"password\":\"x\",\"pasword\":\"x\"}", "pasword" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct flaw flaw = { .field = NULL };
		begin();
		json_t *given = parsed(cases[i].text);
		json_t *row = user_row(&x, given, &flaw);
		ck_assert_msg((row != NULL) == (cases[i].field == NULL), "%s", cases[i].text);
		if (cases[i].field != NULL)
			ck_assert_msg(strcmp(flaw.field, cases[i].field) == 0, "%s: %s",
				      cases[i].text, flaw.field);
		json_decref(row);
		json_decref(given);
		end();
	}
}
END_TEST

SUITE(user_document, a_password_becomes_three_hashes_and_goes_no_further, an_alias_is_its_domain,
      an_account_of_another_domain_can_be_changed, a_login_may_be_any_octets,
      one_new_hash_replaces_all, a_change_without_password_has_no_hashes,
      every_flaw_names_its_field)
