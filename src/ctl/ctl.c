/* The command line of rollcallctl: noun, then verb, options anywhere; help with examples; "did you
 * mean". */
#include "ctl.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/distance.h"

const struct ctl_command ctl_commands[] = {
	{ "status", NULL, "", "one-screen summary", "rollcallctl status", 0, 0, ctl_status },
	{ "binding", "list",
	  "[--domain D] [--user PREFIX] [--transport T] [--limit N] [--page-token TOKEN]",
	  "list live bindings", "rollcallctl binding list --user ali --limit 3", 0, 0,
	  ctl_binding_list },
	{ "binding", "show", "USER", "the bindings of one user, with their ids",
	  "rollcallctl binding show alice@example.com", 1, 1, ctl_binding_show },
	{ "binding", "remove", "USER --id ID | --all", "remove one binding or all",
	  "rollcallctl binding remove alice@example.com --all", 1, 1, ctl_binding_remove },
	{ "user", "add",
	  "USER [--password-stdin] [--login L] [--display-name N] [--may-register own|domain|LIST]",
	  "make an account", "rollcallctl user add alice@example.com", 1, 1, ctl_user_add },
	{ "user", "list",
	  "[--domain D] [--user PREFIX] [--algorithm md5-only] [--limit N] [--page-token TOKEN]",
	  "list accounts", "rollcallctl user list --algorithm md5-only", 0, 0, ctl_user_list },
	{ "user", "show", "USER", "one account", "rollcallctl user show alice@example.com", 1, 1,
	  ctl_user_show },
	{ "user", "passwd", "USER [--password-stdin]", "set a new password",
	  "rollcallctl user passwd alice@example.com", 1, 1, ctl_user_passwd },
	{ "user", "disable", "USER", "refuse its log-ins",
	  "rollcallctl user disable alice@example.com", 1, 1, ctl_user_disable },
	{ "user", "enable", "USER", "allow them again", "rollcallctl user enable alice@example.com",
	  1, 1, ctl_user_enable },
	{ "user", "delete", "USER [--yes]", "delete an account and its bindings",
	  "rollcallctl user delete alice@example.com", 1, 1, ctl_user_delete },
	{ "user", "import", "FILE.csv [--dry-run] [--on-duplicate skip|update|fail]",
	  "accounts from a CSV file", "rollcallctl user import staff.csv --dry-run", 1, 1,
	  ctl_user_import },
	{ "db", "status", "[--url postgresql://…]", "schema version of the database",
	  "rollcallctl db status", 0, 0, ctl_db_status },
	{ "db", "migrate", "[--url postgresql://…] [--dry-run]", "bring the schema up to date",
	  "rollcallctl db migrate --dry-run", 0, 0, ctl_db_migrate },
	{ "explain", NULL, "REASON", "what a reason word means", "rollcallctl explain bad_password",
	  1, 1, ctl_explain },
	{ "version", NULL, "", "the version", "rollcallctl version", 0, 0, ctl_version },
	{ NULL, NULL, NULL, NULL, NULL, 0, 0, NULL },
};

/* --- words ------------------------------------------------------------------------------- */

void
ctl_error(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	fputs("error: ", stderr);
	vfprintf(stderr, format, args);
	va_end(args);
	size_t len = strlen(format);
	if (len == 0 || format[len - 1] != '\n')
		fputc('\n', stderr);
}

void
ctl_say(const struct ctl_options *options, const char *format, ...)
{
	va_list args;
	if (options->quiet)
		return;
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

bool
ctl_confirm(const struct ctl_options *options, const char *question)
{
	char answer[16];
	if (options->yes)
		return true;
	if (!isatty(STDIN_FILENO)) {
		ctl_error("%s Nothing was done; say --yes", question);
		return false;
	}
	fprintf(stderr, "%s [y/N] ", question);
	return fgets(answer, sizeof(answer), stdin) != NULL &&
	       (answer[0] == 'y' || answer[0] == 'Y');
}

static bool
read_line(const char *prompt, char *line, size_t cap)
{
	fputs(prompt, stderr);
	bool read = fgets(line, (int)cap, stdin) != NULL;
	line[read ? strcspn(line, "\r\n") : 0] = '\0';
	return read && line[0] != '\0';
}

static bool
ask_twice(const char *user, char *password, size_t cap)
{
	struct termios before, silent;
	char prompt[400], again[512];
	if (tcgetattr(STDIN_FILENO, &before) != 0)
		return false;
	silent = before;
	silent.c_lflag &= ~(tcflag_t)ECHO;
	tcsetattr(STDIN_FILENO, TCSANOW, &silent);
	snprintf(prompt, sizeof(prompt), "Password for %s: ", user);
	bool good = read_line(prompt, password, cap) &&
		    read_line("\nOnce more: ", again, sizeof(again));
	tcsetattr(STDIN_FILENO, TCSANOW, &before);
	fputc('\n', stderr);
	if (good && strcmp(password, again) != 0) {
		ctl_error("the two differ");
		good = false;
	}
	explicit_bzero(again, sizeof(again));
	return good;
}

bool
ctl_password(const struct ctl_options *options, const char *user, char *password, size_t cap)
{
	if (!options->password_stdin && isatty(STDIN_FILENO))
		return ask_twice(user, password, cap);
	if (!options->password_stdin) {
		ctl_error("no terminal to ask for the password; say --password-stdin");
		return false;
	}
	if (read_line("", password, cap))
		return true;
	ctl_error("stdin holds no password");
	return false;
}

/* --- help -------------------------------------------------------------------------------- */

static void
print_help(FILE *out)
{
	fputs("usage: rollcallctl COMMAND [OPTION]...\n\n", out);
	for (const struct ctl_command *c = ctl_commands; c->noun != NULL; c++) {
		char name[32];
		snprintf(name, sizeof(name), "%s%s%s", c->noun, c->verb == NULL ? "" : " ",
			 c->verb == NULL ? "" : c->verb);
		fprintf(out, "  %-16s %s\n", name, c->purpose);
	}
	fputs("\nOptions for all\n"
	      "  --json, --ndjson, --csv   for programs instead of a table\n"
	      "  -q                        no words on stderr but errors\n"
	      "  --yes                     do not ask\n"
	      "  --url URL                 unix:PATH or http://HOST:PORT (ROLLCALL_URL); for db: "
	      "postgresql://…\n"
	      "  --token-file FILE         for http (ROLLCALL_TOKEN_FILE)\n"
	      "  -c FILE                   configuration that names socket and database\n"
	      "  -h                        help, also behind a command\n"
	      "\nUSER is alice@example.com, sip:alice@example.com, or alice when one domain is "
	      "served.\n"
	      "Exit: 0 done, 1 failed, 2 usage, 3 not found, 4 not allowed, 5 unreachable, 6 "
	      "conflict, 7 unhealthy.\n"
	      "\nExamples\n"
	      "  rollcallctl user add alice@example.com\n"
	      "  rollcallctl binding list --user ali --limit 3\n",
	      out);
}

static void
print_command_help(const struct ctl_command *command, FILE *out)
{
	fprintf(out, "%s\nusage: rollcallctl %s%s%s %s\nexample: %s\n", command->purpose,
		command->noun, command->verb == NULL ? "" : " ",
		command->verb == NULL ? "" : command->verb, command->usage, command->example);
}

static const struct ctl_command *
find_command(const char *noun, const char *verb)
{
	for (const struct ctl_command *c = ctl_commands; c->noun != NULL; c++)
		if (strcmp(c->noun, noun) == 0 &&
		    (c->verb == NULL || (verb != NULL && strcmp(c->verb, verb) == 0)))
			return c;
	return NULL;
}

/* The nearest noun, or the nearest verb of a noun that exists. */
static void
complain(const char *noun, const char *verb)
{
	const char *best = NULL;
	size_t best_distance = 3;
	bool noun_exists = false;
	for (const struct ctl_command *c = ctl_commands; c->noun != NULL; c++)
		noun_exists = noun_exists || strcmp(c->noun, noun) == 0;
	for (const struct ctl_command *c = ctl_commands; c->noun != NULL; c++) {
		if (noun_exists && strcmp(c->noun, noun) != 0)
			continue;
		const char *candidate = noun_exists ? c->verb : c->noun;
		size_t distance =
			str_distance(str_of(candidate), str_of(noun_exists ? verb : noun));
		if (distance < best_distance) {
			best = candidate;
			best_distance = distance;
		}
	}
	const char *wrong = noun_exists && verb != NULL ? verb : noun;
	if (best != NULL)
		ctl_error("no such command \"%s\"; did you mean \"%s%s%s\"?", wrong,
			  noun_exists ? noun : "", noun_exists ? " " : "", best);
	else if (noun_exists)
		ctl_error("\"%s\" needs a verb; see rollcallctl -h", noun);
	else
		ctl_error("no such command \"%s\"; see rollcallctl -h", wrong);
}

/* --- options ----------------------------------------------------------------------------- */

enum {
	OPT_JSON = 256,
	OPT_NDJSON,
	OPT_CSV,
	OPT_NO_COLOR,
	OPT_YES,
	OPT_URL,
	OPT_TOKEN_FILE,
	OPT_DOMAIN,
	OPT_USER,
	OPT_TRANSPORT,
	OPT_ALGORITHM,
	OPT_LIMIT,
	OPT_PAGE_TOKEN,
	OPT_ID,
	OPT_ALL,
	OPT_LOGIN,
	OPT_MAY_REGISTER,
	OPT_DISPLAY_NAME,
	OPT_ON_DUPLICATE,
	OPT_PASSWORD_STDIN,
	OPT_DRY_RUN,
};

static const struct option long_options[] = {
	{ "json", no_argument, NULL, OPT_JSON },
	{ "ndjson", no_argument, NULL, OPT_NDJSON },
	{ "csv", no_argument, NULL, OPT_CSV },
	{ "no-color", no_argument, NULL, OPT_NO_COLOR },
	{ "yes", no_argument, NULL, OPT_YES },
	{ "quiet", no_argument, NULL, 'q' },
	{ "help", no_argument, NULL, 'h' },
	{ "url", required_argument, NULL, OPT_URL },
	{ "token-file", required_argument, NULL, OPT_TOKEN_FILE },
	{ "domain", required_argument, NULL, OPT_DOMAIN },
	{ "user", required_argument, NULL, OPT_USER },
	{ "transport", required_argument, NULL, OPT_TRANSPORT },
	{ "algorithm", required_argument, NULL, OPT_ALGORITHM },
	{ "limit", required_argument, NULL, OPT_LIMIT },
	{ "page-token", required_argument, NULL, OPT_PAGE_TOKEN },
	{ "id", required_argument, NULL, OPT_ID },
	{ "all", no_argument, NULL, OPT_ALL },
	{ "login", required_argument, NULL, OPT_LOGIN },
	{ "may-register", required_argument, NULL, OPT_MAY_REGISTER },
	{ "display-name", required_argument, NULL, OPT_DISPLAY_NAME },
	{ "on-duplicate", required_argument, NULL, OPT_ON_DUPLICATE },
	{ "password-stdin", no_argument, NULL, OPT_PASSWORD_STDIN },
	{ "dry-run", no_argument, NULL, OPT_DRY_RUN },
	{ NULL, 0, NULL, 0 },
};

static void
take_text(struct ctl_options *options, int option)
{
	const struct {
		int option;
		const char **to;
	} texts[] = { { 'c', &options->config },
		      { OPT_URL, &options->url },
		      { OPT_TOKEN_FILE, &options->token_file },
		      { OPT_DOMAIN, &options->domain },
		      { OPT_USER, &options->user },
		      { OPT_TRANSPORT, &options->transport },
		      { OPT_ALGORITHM, &options->algorithm },
		      { OPT_LIMIT, &options->limit },
		      { OPT_PAGE_TOKEN, &options->page_token },
		      { OPT_ID, &options->id },
		      { OPT_LOGIN, &options->login },
		      { OPT_MAY_REGISTER, &options->may_register },
		      { OPT_DISPLAY_NAME, &options->display_name },
		      { OPT_ON_DUPLICATE, &options->on_duplicate } };
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		if (texts[i].option == option)
			*texts[i].to = optarg;
}

/* False on an unknown option; getopt has said so. */
static bool
take_options(struct ctl_options *options, int argc, char **argv, bool *help)
{
	for (int option; (option = getopt_long(argc, argv, "c:qh", long_options, NULL)) != -1;) {
		switch (option) {
		case OPT_JSON:
			options->format = CTL_JSON;
			break;
		case OPT_NDJSON:
			options->format = CTL_NDJSON;
			break;
		case OPT_CSV:
			options->format = CTL_CSV;
			break;
		case OPT_YES:
			options->yes = true;
			break;
		case OPT_ALL:
			options->all = true;
			break;
		case OPT_PASSWORD_STDIN:
			options->password_stdin = true;
			break;
		case OPT_DRY_RUN:
			options->dry_run = true;
			break;
		case 'q':
			options->quiet = true;
			break;
		case 'h':
			*help = true;
			break;
		case OPT_NO_COLOR: /* there is none yet */
			break;
		case '?':
			return false;
		default:
			take_text(options, option);
			break;
		}
	}
	return true;
}

int
ctl_main(int argc, char **argv)
{
	struct ctl_options options = { .format = CTL_TABLE };
	bool help = false;
	if (!take_options(&options, argc, argv, &help))
		return CTL_USAGE;
	if (optind == argc) {
		print_help(stdout);
		return help ? CTL_DONE : CTL_USAGE;
	}
	const char *noun = argv[optind], *verb = optind + 1 < argc ? argv[optind + 1] : NULL;
	const struct ctl_command *command = find_command(noun, verb);
	if (command == NULL) {
		complain(noun, verb == NULL ? "" : verb);
		return CTL_USAGE;
	}
	if (help) {
		print_command_help(command, stdout);
		return CTL_DONE;
	}
	int used = command->verb == NULL ? 1 : 2;
	options.arguments = argv + optind + used;
	options.argument_count = argc - optind - used;
	if (options.argument_count < command->least || options.argument_count > command->most) {
		print_command_help(command, stderr);
		return CTL_USAGE;
	}
	return (int)command->run(&options);
}
