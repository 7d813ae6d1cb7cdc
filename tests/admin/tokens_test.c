/* Files of tokens and the roles that they give. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin/admin_internal.h"
#include "support/check_main.h"

/* SHA-256 of "reader" and "writer" */
#define READER "3d0941964aa3ebdcb00ccef58b1bb399f9f898465e9886d5aec7f31090a0fb30"
#define WRITER "b93006774cbdd4b299389a03ac3d88c3a76b460d538795bc12718011a909fba5"

static char path[] = "/tmp/rollcall-tokens.XXXXXX";

static bool
load(struct tokens *tokens, const char *text, char *error, size_t cap)
{
	char name[sizeof(path)];
	memcpy(name, path, sizeof(path));
	int fd = mkstemp(name);
	FILE *file = fdopen(fd, "w");
	fputs(text, file);
	fclose(file);
	bool good = tokens_load(tokens, name, error, cap);
	unlink(name);
	return good;
}

START_TEST(roles_come_from_the_file)
{
	struct tokens tokens = { .count = 0 };
	char error[512] = "";
	ck_assert_msg(load(&tokens, "# who may what\n\n  read " READER "  \r\nadmin " WRITER, error,
			   sizeof(error)),
		      "%s", error);
	ck_assert_uint_eq(tokens.count, 2);
	ck_assert_int_eq(tokens_role(&tokens, "Bearer reader"), ROLE_READ);
	ck_assert_int_eq(tokens_role(&tokens, "bearer   reader "), ROLE_READ);
	ck_assert_int_eq(tokens_role(&tokens, "Bearer writer"), ROLE_ADMIN);
	const char *const strangers[] = { "",
					  "Bearer",
					  "Bearer ",
					  "Basic reader",
					  "reader",
					  "Bearer Reader",
					  "Bearer readers",
					  READER,
					  ("Bearer " READER) };
	for (size_t i = 0; i < sizeof(strangers) / sizeof(*strangers); i++)
		ck_assert_int_eq(tokens_role(&tokens, strangers[i]), ROLE_NONE);
}
END_TEST

START_TEST(no_token_is_none)
{
	struct tokens tokens = { .count = 0 };
	char error[512];
	/* what sha256sum says of nothing */
	ck_assert(load(&tokens,
		       "admin e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n",
		       error, sizeof(error)));
	ck_assert_int_eq(tokens_role(&tokens, "Bearer "), ROLE_NONE);
	ck_assert_int_eq(tokens_role(&tokens, "Bearer    "), ROLE_NONE);
}
END_TEST

START_TEST(the_higher_of_two_roles_counts)
{
	struct tokens tokens = { .count = 0 };
	char error[512];
	ck_assert(load(&tokens, "admin " READER "\nread " READER "\n", error, sizeof(error)));
	ck_assert_int_eq(tokens_role(&tokens, "Bearer reader"), ROLE_ADMIN);
}
END_TEST

START_TEST(a_bad_file_names_its_line_and_changes_nothing)
{
	const struct {
		const char *text, *line;
	} cases[] = {
		{ "read " READER "\nwrite " READER "\n", ":2:" },
		{ "read secret\n", ":1:" },
		{ "\n\nread " READER "00\n", ":3:" },
		{ "read\t" READER "\n", ":1:" },
		{ "reader\n", ":1:" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct tokens tokens = { .count = 0 };
		char error[512] = "";
		ck_assert(load(&tokens, "read " READER "\n", error, sizeof(error)));
		ck_assert(!load(&tokens, cases[i].text, error, sizeof(error)));
		ck_assert_msg(strstr(error, cases[i].line) != NULL, "%s", error);
		ck_assert_msg(strstr(error, "secret") == NULL, "%s", error);
		ck_assert_int_eq(tokens_role(&tokens, "Bearer reader"), ROLE_READ);
	}
}
END_TEST

START_TEST(so_many_tokens_and_no_more)
{
	char *text = calloc(TOKENS_MAX + 1, 100), error[512];
	struct tokens tokens = { .count = 0 };
	size_t len = 0;
	for (unsigned i = 0; i < TOKENS_MAX; i++)
		len += (size_t)snprintf(text + len, 100, "read " READER "\n");
	ck_assert(load(&tokens, text, error, sizeof(error)));
	ck_assert_uint_eq(tokens.count, TOKENS_MAX);
	snprintf(text + len, 100, "read " READER "\n");
	ck_assert(!load(&tokens, text, error, sizeof(error)));
	free(text);
}
END_TEST

START_TEST(no_file_is_no_tokens)
{
	struct tokens tokens = { .count = 0 };
	char error[512] = "";
	ck_assert(tokens_load(&tokens, "", error, sizeof(error)));
	ck_assert(!tokens_load(&tokens, "/nonexistent/tokens", error, sizeof(error)));
	ck_assert_str_eq(error, "admin.tokens_file /nonexistent/tokens: No such file or directory");
}
END_TEST

SUITE(tokens, roles_come_from_the_file, no_token_is_none, the_higher_of_two_roles_counts,
      a_bad_file_names_its_line_and_changes_nothing, so_many_tokens_and_no_more,
      no_file_is_no_tokens)
