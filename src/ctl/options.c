/* The options of all commands in one table; a command takes those that its usage names. */
#include <ctype.h>
#include <getopt.h>
#include <stddef.h>
#include <string.h>

#include "ctl.h"

#define TEXT(member) offsetof(struct ctl_options, member), true
#define FLAG(member) offsetof(struct ctl_options, member), false

struct known {
	const char *name;
	size_t offset;
	bool is_text;
	bool for_all;
	int format; /* of those that choose one, else -1 */
};

static const struct known known[] = {
	{ "json", 0, false, true, CTL_JSON },
	{ "ndjson", 0, false, true, CTL_NDJSON },
	{ "csv", 0, false, true, CTL_CSV },
	{ "no-color", FLAG(no_color), true, -1 },
	{ "yes", FLAG(yes), true, -1 },
	{ "quiet", FLAG(quiet), true, -1 },
	{ "help", FLAG(help), true, -1 },
	{ "version", FLAG(version), true, -1 },
	{ "url", TEXT(url), true, -1 },
	{ "token-file", TEXT(token_file), true, -1 },
	{ "config", TEXT(config), true, -1 },
	{ "domain", TEXT(domain), false, -1 },
	{ "user", TEXT(user), false, -1 },
	{ "transport", TEXT(transport), false, -1 },
	{ "algorithm", TEXT(algorithm), false, -1 },
	{ "limit", TEXT(limit), false, -1 },
	{ "page-token", TEXT(page_token), false, -1 },
	{ "id", TEXT(id), false, -1 },
	{ "all", FLAG(all), false, -1 },
	{ "login", TEXT(login), false, -1 },
	{ "may-register", TEXT(may_register), false, -1 },
	{ "display-name", TEXT(display_name), false, -1 },
	{ "on-duplicate", TEXT(on_duplicate), false, -1 },
	{ "role", TEXT(role), false, -1 },
	{ "database", TEXT(database), false, -1 },
	{ "chain", TEXT(chain), false, -1 },
	{ "key", TEXT(key), false, -1 },
	{ "ip", TEXT(ip), false, -1 },
	{ "agent", TEXT(agent), false, -1 },
	{ "expires-before", TEXT(expires_before), false, -1 },
	{ "by", TEXT(by), false, -1 },
	{ "wait", TEXT(wait), false, -1 },
	{ "for", TEXT(span), false, -1 },
	{ "comment", TEXT(comment), false, -1 },
	{ "origin", FLAG(origin), false, -1 },
	{ "now", FLAG(now), false, -1 },
	{ "resume", FLAG(resume), false, -1 },
	{ "with-hashes", FLAG(with_hashes), false, -1 },
	{ "password-stdin", FLAG(password_stdin), false, -1 },
	{ "dry-run", FLAG(dry_run), false, -1 },
};
#define KNOWN (sizeof(known) / sizeof(*known))
#define LONG 256 /* what getopt_long() returns for known[n] is LONG + n */

static void
take(struct ctl_options *options, const struct known *option)
{
	char *member = (char *)options + option->offset;
	if (option->format > CTL_TABLE)
		options->format = (enum ctl_format)option->format;
	else if (option->is_text)
		*(const char **)(void *)member = optarg;
	else if (option->format < 0)
		*(bool *)(void *)member = true;
}

/* argv[optind - 1] is what was not understood, unless optopt names a letter. */
static void
complain(char **argv)
{
	const char *word = argv[optind - 1];
	struct nearest nearest = { .wanted = word + strspn(word, "-") };
	if (optopt >= LONG) {
		ctl_error("--%s takes no value", known[optopt - LONG].name);
		return;
	}
	if (optopt != 0) {
		ctl_error("no such option -%c; see rollcallctl -h", optopt);
		return;
	}
	for (size_t i = 0; i < KNOWN; i++)
		nearest_consider(&nearest, known[i].name);
	if (nearest.word != NULL)
		ctl_error("no such option %s; did you mean --%s?", word, nearest.word);
	else
		ctl_error("no such option %s; see rollcallctl -h", word);
}

bool
options_take(struct ctl_options *options, int argc, char **argv)
{
	struct option rows[KNOWN + 1];
	for (size_t i = 0; i < KNOWN; i++)
		rows[i] = (struct option){ known[i].name,
					   known[i].is_text ? required_argument : no_argument, NULL,
					   LONG + (int)i };
	rows[KNOWN] = (struct option){ NULL, 0, NULL, 0 };
	opterr = 0;
	optind = 0; /* from the start, also when called again */
	for (int option; (option = getopt_long(argc, argv, ":c:qhV", rows, NULL)) != -1;) {
		if (option == '?') {
			complain(argv);
			return false;
		}
		if (option == ':') {
			ctl_error("%s needs a value", argv[optind - 1]);
			return false;
		}
		options->quiet = options->quiet || option == 'q';
		options->help = options->help || option == 'h';
		options->version = options->version || option == 'V';
		if (option == 'c')
			options->config = optarg;
		if (option >= LONG)
			take(options, &known[option - LONG]);
	}
	return true;
}

static bool
is_given(const struct ctl_options *options, const struct known *option)
{
	const char *member = (const char *)options + option->offset;
	return option->is_text ? *(const char *const *)(const void *)member != NULL
			       : *(const bool *)(const void *)member;
}

static bool
named_in(const char *usage, const char *name)
{
	size_t len = strlen(name);
	for (const char *at = usage; (at = strstr(at, "--")) != NULL; at += 2)
		if (strncmp(at + 2, name, len) == 0 && !isalnum((unsigned char)at[2 + len]) &&
		    at[2 + len] != '-')
			return true;
	return false;
}

void
options_each(const struct ctl_command *command,
	     void (*each)(const char *name, bool is_text, void *arg), void *arg)
{
	for (size_t i = 0; i < KNOWN; i++)
		if (command == NULL ? known[i].for_all : named_in(command->usage, known[i].name))
			each(known[i].name, known[i].is_text, arg);
}

bool
options_may(const struct ctl_command *command, const char *name)
{
	for (size_t i = 0; i < KNOWN; i++)
		if (strcmp(known[i].name, name) == 0)
			return known[i].format < 0 || command->formats & 1 << known[i].format;
	return false;
}

/* "--json, --ndjson"; empty when the command has none. */
static void
write_formats(char *text, size_t cap, const struct ctl_command *command)
{
	size_t len = 0;
	text[0] = '\0';
	for (size_t i = 0; i < KNOWN; i++)
		if (known[i].format >= 0 && options_may(command, known[i].name))
			len += (size_t)snprintf(text + len, cap - len, "%s--%s",
						len == 0 ? "" : ", ", known[i].name);
}

static bool
format_fits(const struct ctl_options *options, const struct ctl_command *command)
{
	char formats[64];
	const char *wanted = NULL;
	for (size_t i = 0; i < KNOWN; i++)
		if (known[i].format == (int)options->format)
			wanted = known[i].name;
	if (wanted == NULL || options_may(command, wanted))
		return true;
	write_formats(formats, sizeof(formats), command);
	ctl_error("%s%s%s has no --%s; %s%s", command->noun, command->verb == NULL ? "" : " ",
		  command->verb == NULL ? "" : command->verb, wanted,
		  *formats == '\0' ? "it prints words, no data" : "it has ", formats);
	return false;
}

bool
options_fit(const struct ctl_options *options, const struct ctl_command *command)
{
	for (size_t i = 0; i < KNOWN; i++) {
		if (known[i].for_all || !is_given(options, &known[i]) ||
		    named_in(command->usage, known[i].name))
			continue;
		ctl_error("%s%s%s takes no --%s; see rollcallctl %s -h", command->noun,
			  command->verb == NULL ? "" : " ",
			  command->verb == NULL ? "" : command->verb, known[i].name, command->noun);
		return false;
	}
	return format_fits(options, command);
}
