/* The command line of rollcallctl: noun, then verb, options anywhere; help with examples; "did you
 * mean". */
#include "ctl.h"

#include <getopt.h>
#include <string.h>

#include "output.h"

const struct ctl_command ctl_commands[] = {
	{ "status", NULL, "", "one-screen summary", "rollcallctl status", 0, 0, CTL_DOCUMENT,
	  ctl_status },
	{ "ready", NULL, "[--wait 30s]", "exit status 0 when phones are served, for scripts",
	  "rollcallctl ready --wait 30s", 0, 0, CTL_WORDS, ctl_ready },
	{ "binding", "list",
	  "[--domain D] [--user PREFIX] [--ip CIDR] [--transport T] [--agent TEXT] "
	  "[--expires-before 5m] [--limit N] [--page-token TOKEN]",
	  "list live bindings", "rollcallctl binding list --user ali --limit 3", 0, 0, CTL_ROWS,
	  ctl_binding_list },
	{ "binding", "show", "USER", "the bindings of one user, with their ids",
	  "rollcallctl binding show alice@example.com", 1, 1, CTL_ROWS, ctl_binding_show },
	{ "binding", "remove", "USER --id ID | --all", "remove one binding or all",
	  "rollcallctl binding remove alice@example.com --all", 1, 1, CTL_WORDS,
	  ctl_binding_remove },
	{ "binding", "stats", "--by agent|transport|domain|node", "count live bindings",
	  "rollcallctl binding stats --by agent", 0, 0, CTL_ROWS, ctl_binding_stats },
	{ "user", "add",
	  "USER [--password-stdin] [--login L] [--display-name N] [--may-register own|domain|LIST]",
	  "make an account", "rollcallctl user add alice@example.com", 1, 1, CTL_ROWS,
	  ctl_user_add },
	{ "user", "list",
	  "[--domain D] [--user PREFIX] [--algorithm md5-only] [--limit N] [--page-token TOKEN]",
	  "list accounts", "rollcallctl user list --algorithm md5-only", 0, 0, CTL_ROWS,
	  ctl_user_list },
	{ "user", "show", "USER", "one account", "rollcallctl user show alice@example.com", 1, 1,
	  CTL_ROWS, ctl_user_show },
	{ "user", "passwd", "USER [--password-stdin]", "set a new password",
	  "rollcallctl user passwd alice@example.com", 1, 1, CTL_ROWS, ctl_user_passwd },
	{ "user", "disable", "USER", "refuse its log-ins",
	  "rollcallctl user disable alice@example.com", 1, 1, CTL_ROWS, ctl_user_disable },
	{ "user", "enable", "USER", "allow them again", "rollcallctl user enable alice@example.com",
	  1, 1, CTL_ROWS, ctl_user_enable },
	{ "user", "delete", "USER [--yes]", "delete an account and its bindings",
	  "rollcallctl user delete alice@example.com", 1, 1, CTL_WORDS, ctl_user_delete },
	{ "user", "import", "FILE.csv [--dry-run] [--resume] [--on-duplicate skip|update|fail]",
	  "accounts from a CSV file", "rollcallctl user import staff.csv --dry-run", 1, 1,
	  CTL_WORDS, ctl_user_import },
	{ "user", "export", "[FILE] [--domain D] [--user PREFIX] [--with-hashes]",
	  "accounts as CSV that user import reads",
	  "rollcallctl user export accounts.csv --with-hashes", 0, 1, CTL_ROWS, ctl_user_export },
	{ "ban", "list", "[--limit N] [--page-token TOKEN]", "prefixes that get silence",
	  "rollcallctl ban list", 0, 0, CTL_ROWS, ctl_ban_list },
	{ "ban", "add", "CIDR --for 1h [--comment TEXT]", "silence for an address or a prefix",
	  "rollcallctl ban add 203.0.113.0/24 --for 1h", 1, 1, CTL_ROWS, ctl_ban_add },
	{ "ban", "remove", "CIDR", "end a ban", "rollcallctl ban remove 203.0.113.0/24", 1, 1,
	  CTL_WORDS, ctl_ban_remove },
	{ "node", "list", "", "the nodes on this database", "rollcallctl node list", 0, 0, CTL_ROWS,
	  ctl_node_list },
	{ "certificate", "list", "", "what TLS clients are shown, and for how long",
	  "rollcallctl certificate list", 0, 0, CTL_ROWS, ctl_certificate_list },
	{ "config", "check", "", "what a reload would do, without doing it",
	  "rollcallctl config check", 0, 0, CTL_DOCUMENT, ctl_config_check },
	{ "config", "show", "[--origin]", "the configuration in force, and where it came from",
	  "rollcallctl config show --origin", 0, 0, CTL_ROWS, ctl_config_show },
	{ "reload", NULL, "", "read configuration, tokens and certificates again",
	  "rollcallctl reload", 0, 0, CTL_DOCUMENT, ctl_reload },
	{ "log", "level", "[LEVEL] [--for 10m]", "show the level of the log, or change it",
	  "rollcallctl log level debug --for 10m", 0, 1, CTL_DOCUMENT, ctl_log_level },
	{ "drain", NULL, "[--now]", "serve until clients have moved, then end", "rollcallctl drain",
	  0, 0, CTL_DOCUMENT, ctl_drain },
	{ "undrain", NULL, "", "serve again, while the listeners are open", "rollcallctl undrain",
	  0, 0, CTL_DOCUMENT, ctl_undrain },
	{ "db", "status", "[--url postgresql://…]", "schema version of the database",
	  "rollcallctl db status", 0, 0, CTL_DOCUMENT, ctl_db_status },
	{ "db", "migrate", "[--url postgresql://…] [--dry-run]", "bring the schema up to date",
	  "rollcallctl db migrate --dry-run", 0, 0, CTL_WORDS, ctl_db_migrate },
	{ "init", NULL, "[--domain D] [--database URL] [--chain FILE --key FILE]",
	  "write a first configuration and a token; asks for what is not given",
	  "rollcallctl init --domain example.com --database "
	  "postgresql://rollcall@localhost/rollcall",
	  0, 0, CTL_DOCUMENT, ctl_init },
	{ "doctor", NULL, "", "what is wrong between phones and database, and what to do",
	  "rollcallctl doctor", 0, 0, CTL_ROWS, ctl_doctor },
	{ "token", "create", "--role read|admin",
	  "make a token for the API over TCP; it is shown once",
	  "rollcallctl token create --role read", 0, 0, CTL_DOCUMENT, ctl_token_create },
	{ "explain", NULL, "[REASON]", "what a reason word means; without one, all of them",
	  "rollcallctl explain bad_password", 0, 1, CTL_ROWS, ctl_explain },
	{ "completion", "bash", "", "completion for bash, on stdout",
	  "rollcallctl completion bash > /etc/bash_completion.d/rollcallctl", 0, 0, CTL_WORDS,
	  ctl_completion_bash },
	{ "version", NULL, "", "the version", "rollcallctl version", 0, 0, CTL_DOCUMENT,
	  ctl_version },
	{ NULL, NULL, NULL, NULL, NULL, 0, 0, CTL_WORDS, NULL },
};

/* --- help ----------------------------------------------------------------------------- */

/* Of all commands, or of one noun. */
static void
print_commands(const char *noun, FILE *out)
{
	for (const struct ctl_command *c = ctl_commands; c->noun != NULL; c++) {
		char name[32];
		if (noun != NULL && strcmp(noun, c->noun) != 0)
			continue;
		snprintf(name, sizeof(name), "%s%s%s", c->noun, c->verb == NULL ? "" : " ",
			 c->verb == NULL ? "" : c->verb);
		fprintf(out, "  %-17s %s\n", name, c->purpose);
	}
}

static void
print_help(FILE *out)
{
	fputs("usage: rollcallctl COMMAND [OPTION]...\n\n", out);
	print_commands(NULL, out);
	fputs("\nOptions for all\n"
	      "  --json, --ndjson, --csv   for programs instead of a table\n"
	      "  -q                        no words on stderr but errors\n"
	      "  --no-color                no colours on a terminal (also: NO_COLOR=1)\n"
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

/* --- finding the command -------------------------------------------------------------- */

static const struct ctl_command *
find_command(const char *noun, const char *verb)
{
	for (const struct ctl_command *c = ctl_commands; c->noun != NULL; c++)
		if (strcmp(c->noun, noun) == 0 &&
		    (c->verb == NULL || (verb != NULL && strcmp(c->verb, verb) == 0)))
			return c;
	return NULL;
}

static bool
noun_exists(const char *noun)
{
	for (const struct ctl_command *c = ctl_commands; c->noun != NULL; c++)
		if (strcmp(c->noun, noun) == 0)
			return true;
	return false;
}

/* The nearest noun, or the nearest verb of a noun that exists. */
static void
complain(const char *noun, const char *verb)
{
	bool exists = noun_exists(noun);
	struct nearest nearest = { .wanted = exists && verb != NULL ? verb : noun };
	if (exists && verb == NULL) {
		ctl_error("\"%s\" needs a verb:", noun);
		print_commands(noun, stderr);
		return;
	}
	for (const struct ctl_command *c = ctl_commands; c->noun != NULL; c++)
		if (!exists || strcmp(c->noun, noun) == 0)
			nearest_consider(&nearest, exists ? c->verb : c->noun);
	if (nearest.word != NULL)
		ctl_error("no such command \"%s\"; did you mean \"%s%s%s\"?", nearest.wanted,
			  exists ? noun : "", exists ? " " : "", nearest.word);
	else
		ctl_error("no such command \"%s\"; see rollcallctl -h", nearest.wanted);
}

/* --- running it ----------------------------------------------------------------------- */

static enum ctl_exit
run_command(const struct ctl_command *command, struct ctl_options *options, char **words, int count)
{
	int used = command->verb == NULL ? 1 : 2;
	options->arguments = words + used;
	options->argument_count = count - used;
	if (!options_fit(options, command))
		return CTL_USAGE;
	if (options->argument_count < command->least || options->argument_count > command->most) {
		ctl_error(options->argument_count < command->least ? "something is missing"
								   : "too many words");
		print_command_help(command, stderr);
		return CTL_USAGE;
	}
	enum ctl_exit code = command->run(options);
	return output_arrived() || code != CTL_DONE ? code : CTL_FAILED;
}

static enum ctl_exit
run_words(struct ctl_options *options, char **words, int count)
{
	const char *noun = words[0], *verb = count > 1 ? words[1] : NULL;
	const struct ctl_command *command = find_command(noun, verb);
	if (command != NULL && options->help) {
		print_command_help(command, stdout);
		return CTL_DONE;
	}
	if (command != NULL)
		return run_command(command, options, words, count);
	if (options->help && verb == NULL && noun_exists(noun)) {
		print_commands(noun, stdout);
		return CTL_DONE;
	}
	complain(noun, verb);
	return CTL_USAGE;
}

int
ctl_main(int argc, char **argv)
{
	struct ctl_options options = { .format = CTL_TABLE };
	if (!options_take(&options, argc, argv))
		return CTL_USAGE;
	if (options.version)
		return (int)run_words(&options, (char *[]){ (char[]){ "version" } }, 1);
	if (optind < argc)
		return (int)run_words(&options, argv + optind, argc - optind);
	print_help(stdout);
	return options.help ? CTL_DONE : CTL_USAGE;
}
