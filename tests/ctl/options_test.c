/* The command line: options anywhere, those of another command refused, near misses named. */
#include <getopt.h>
#include <string.h>

#include "ctl/captured.h"
#include "ctl/ctl.h"
#include "support/check_main.h"

#define WORDS_MAX 12

/* The words of a line, with the program's name in front; cut out of text. */
static int
words_of(char *text, char **words)
{
	int count = 0;
	words[count++] = (char[]){ "rollcallctl" };
	for (char *word; count < WORDS_MAX && (word = strsep(&text, " ")) != NULL;)
		words[count++] = word;
	words[count] = NULL;
	return count;
}

static const char *
complaint(struct capture *c, const char *line, int *status)
{
	char text[256], *words[WORDS_MAX + 1];
	snprintf(text, sizeof(text), "%s", line);
	int count = words_of(text, words);
	capture_start(c, stderr);
	*status = ctl_main(count, words);
	return capture_end(c);
}

START_TEST(options_stand_anywhere)
{
	char text[] = "--limit 3 binding -q list --user=ali --json --yes";
	char *words[WORDS_MAX + 1];
	struct ctl_options options = { .format = CTL_TABLE };
	int count = words_of(text, words);
	ck_assert(options_take(&options, count, words));
	ck_assert_int_eq(count - optind, 2);
	ck_assert_str_eq(words[optind], "binding");
	ck_assert_str_eq(words[optind + 1], "list");
	ck_assert_str_eq(options.limit, "3");
	ck_assert_str_eq(options.user, "ali");
	ck_assert_int_eq(options.format, CTL_JSON);
	ck_assert(options.yes && options.quiet && !options.dry_run && !options.all);
}
END_TEST

START_TEST(wrong_lines_are_told_what_is_meant)
{
	const struct {
		const char *line, *said;
	} cases[] = {
		{ "stauts", "no such command \"stauts\"; did you mean \"status\"?" },
		{ "usr list", "no such command \"usr\"; did you mean \"user\"?" },
		{ "user lst", "no such command \"lst\"; did you mean \"user list\"?" },
		{ "binding remvoe a@x", "did you mean \"binding remove\"?" },
		{ "frobnicate", "no such command \"frobnicate\"; see rollcallctl -h" },
		{ "user", "\"user\" needs a verb:" },
		{ "user list --limt 3", "no such option --limt; did you mean --limit?" },
		{ "user list --frobnicate", "no such option --frobnicate; see rollcallctl -h" },
		{ "user list -x", "no such option -x" },
		{ "user list --limit", "--limit needs a value" },
		{ "user list --json=yes", "--json takes no value" },
		{ "user delete a@x --dry-run", "user delete takes no --dry-run" },
		{ "status --all", "status takes no --all" },
		{ "user list --id 7", "user list takes no --id" },
		{ "user show", "something is missing" },
		{ "user show a b", "too many words" },
		{ "user list --limit 0", "--limit 0 is no positive number" },
		{ "user list --limit many", "--limit many is no positive number" },
		{ "binding remove a@x", "say which: --id ID (see binding show) or --all" },
		{ "binding remove a@x --all --id 1", "say which" },
		{ "user import x.csv --on-duplicate replace",
		  "--on-duplicate is skip, update or fail" },
		{ "status --url ftp://x", "the daemon has no address like ftp://" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct capture c;
		int status;
		const char *said = complaint(&c, cases[i].line, &status);
		ck_assert_msg(strstr(said, cases[i].said) != NULL, "%s: %s", cases[i].line, said);
		ck_assert_msg(status == CTL_USAGE, "%s: status %d", cases[i].line, status);
	}
}
END_TEST

START_TEST(a_wrong_reason_is_told_the_nearest)
{
	struct capture c;
	int status;
	ck_assert_ptr_nonnull(strstr(complaint(&c, "explain bad_pasword", &status),
				     "there is no reason \"bad_pasword\"; did you mean "
				     "\"bad_password\"?"));
	ck_assert_int_eq(status, CTL_NOT_FOUND);
	ck_assert_ptr_nonnull(strstr(complaint(&c, "explain xyz", &status), "  bad_password\n"));
	ck_assert_int_eq(status, CTL_NOT_FOUND);
}
END_TEST

/* What it takes must stand in the usage, for that is where it is looked up. */
START_TEST(every_command_explains_itself)
{
	for (const struct ctl_command *command = ctl_commands; command->noun != NULL; command++) {
		char line[64], *words[WORDS_MAX + 1];
		struct capture c;
		snprintf(line, sizeof(line), "%s%s%s -h", command->noun,
			 command->verb == NULL ? "" : " ",
			 command->verb == NULL ? "" : command->verb);
		int count = words_of(line, words);
		capture_start(&c, stdout);
		int status = ctl_main(count, words);
		const char *help = capture_end(&c);
		ck_assert_int_eq(status, CTL_DONE);
		ck_assert_ptr_nonnull(strstr(help, command->purpose));
		ck_assert_ptr_nonnull(strstr(help, "\nusage: rollcallctl "));
		ck_assert_ptr_nonnull(strstr(help, "\nexample: rollcallctl "));
	}
}
END_TEST

SUITE(options, options_stand_anywhere, wrong_lines_are_told_what_is_meant,
      a_wrong_reason_is_told_the_nearest, every_command_explains_itself)
