/* rollcalld: the command line, then the master. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin/admin.h"
#include "auth/digest.h"
#include "base/log.h"
#include "logfile.h"
#include "privileges.h"
#include "process.h"
#include "settings.h"

#define DEFAULT_CONFIG "/etc/rollcall/rollcall.conf"

static void
usage(FILE *out)
{
	fputs("usage: rollcalld [-c FILE] [-t] [-q] [-o section.key=value]... "
	      "[--print-default-config] [--print-config] [-V] [-h]\n"
	      "\n"
	      "  -c FILE                  configuration, default " DEFAULT_CONFIG "\n"
	      "  -t                       check everything and exit: 0 good, 1 not\n"
	      "  -q                       with -t: say nothing when all is good\n"
	      "  -o section.key=value     wins over environment (ROLLCALL_SECTION_KEY) and file\n"
	      "  --print-default-config   the commented default file\n"
	      "  --print-config           the effective configuration\n"
	      "  -V, -h                   version, this help\n"
	      "\n"
	      "Runs in the foreground. HUP reloads, TERM and INT stop, USR1 reopens log.file, USR2 "
	      "toggles debug for 10 minutes.\n"
	      "Example: rollcalld -c rollcall.conf -o log.level=debug\n",
	      out);
}

struct choices {
	struct launch launch;
	bool check;
	bool quiet;
	bool print_config;
};

/* Exits by itself where there is nothing more to do. */
static void
read_choices(struct choices *choices, int argc, char **argv)
{
	enum { PRINT_DEFAULT = 256, PRINT };
	static const struct option options[] = { { "print-default-config", no_argument, NULL,
						   PRINT_DEFAULT },
						 { "print-config", no_argument, NULL, PRINT },
						 { "version", no_argument, NULL, 'V' },
						 { "help", no_argument, NULL, 'h' },
						 { NULL, 0, NULL, 0 } };
	struct launch *launch = &choices->launch;
	for (int option; (option = getopt_long(argc, argv, "c:tqo:Vh", options, NULL)) != -1;) {
		switch (option) {
		case 'c':
			launch->config_path = optarg;
			break;
		case 't':
			choices->check = true;
			break;
		case 'q':
			choices->quiet = true;
			break;
		case 'o':
			if (launch->override_count ==
			    sizeof(launch->overrides) / sizeof(*launch->overrides)) {
				fputs("error: too many -o\n", stderr);
				exit(2);
			}
			launch->overrides[launch->override_count++].text = optarg;
			break;
		case PRINT_DEFAULT:
			config_print_default(stdout);
			exit(EXIT_SUCCESS);
		case PRINT:
			choices->print_config = true;
			break;
		case 'V':
			puts("rollcalld " ROLLCALL_VERSION);
			exit(EXIT_SUCCESS);
		case 'h':
			usage(stdout);
			exit(EXIT_SUCCESS);
		default:
			usage(stderr);
			exit(2);
		}
	}
	if (optind < argc) {
		fprintf(stderr, "error: unexpected argument %s\n", argv[optind]);
		usage(stderr);
		exit(2);
	}
}

static void
print_error(const char *sentence)
{
	fprintf(stderr, "%serror: %s\n", log_stderr_mark(LOG_LEVEL_ERROR), sentence);
}

static void
print_warning(const char *sentence, void *arg)
{
	(void)arg;
	fprintf(stderr, "%swarning: %s\n", log_stderr_mark(LOG_LEVEL_WARNING), sentence);
}

/* What systemd keeps for the daemon (LoadCredential=) it hides from the check before a reload,
 * which the daemon's own look follows. */
static bool
hidden(const char *path)
{
	const char *directory = getenv("CREDENTIALS_DIRECTORY");
	size_t len = directory == NULL ? 0 : strlen(directory);
	return len > 0 && strncmp(path, directory, len) == 0 && path[len] == '/' &&
	       access(path, R_OK) != 0 && errno == EACCES;
}

/* What start would find out: certificates fit, the password file can be read, both by whom the
 * daemon becomes. Ports are left to whoever has them now. */
static int
check(const struct config *config, bool quiet)
{
	char error[512], password[CONFIG_PASSWORD_BYTES], application[96];
	struct store_settings store;
	struct tls_server *tls =
		settings_tls(config, NULL, error, sizeof(error), print_warning, NULL);
	bool good = tls != NULL || error[0] == '\0';
	if (tls != NULL)
		tls_server_release(tls);
	if (good && !hidden(config->database.password_file))
		good = settings_store(&store, config, 1, password, sizeof(password), application,
				      sizeof(application), error, sizeof(error));
	good = good && logfile_check(config->log.file, error, sizeof(error));
	explicit_bzero(password, sizeof(password));
	if (!good) {
		print_error(error);
		return EXIT_FAILURE;
	}
	settings_exposed(config, print_warning, NULL);
	admin_tokens_judge(config, "admin.listen refuses everybody", print_warning, NULL);
	if (!quiet)
		puts("configuration ok");
	return EXIT_SUCCESS;
}

static void
print_unread(const struct config_note *note, void *user)
{
	if (note->warning)
		return;
	fputs(log_stderr_mark(LOG_LEVEL_ERROR), stderr);
	if (note->file != NULL)
		fprintf(stderr, "%s:%u: ", note->file, note->line);
	fprintf(stderr, "error: user %s: %s\n", (const char *)user, note->text);
}

/* Becomes whom the configuration names and reads it once more as that one, as each reload will:
 * what root alone can read is found now. NULL after an error. */
static struct config *
settle(const struct launch *launch, struct config *config)
{
	char error[512], user[256];
	bool other = config->server.user[0] != '\0' && privileges_held();
	snprintf(user, sizeof(user), "%s", config->server.user);
	bool settled = privileges_settle(user, error, sizeof(error));
	if (!settled)
		print_error(error);
	if (settled && !other)
		return config;
	config_free(config);
	return settled ? config_load_noted(launch->config_path, launch->overrides,
					   launch->override_count, print_unread, user)
		       : NULL;
}

int
main(int argc, char **argv)
{
	static struct choices choices;
	read_choices(&choices, argc, argv);
	if (!digest_init()) {
		fprintf(stderr, "error: libcrypto has no MD5, SHA-256 or SHA-512/256\n");
		return EXIT_FAILURE;
	}
	if (choices.launch.config_path == NULL)
		choices.launch.config_path = DEFAULT_CONFIG;
	struct config *config = config_load(choices.launch.config_path, choices.launch.overrides,
					    choices.launch.override_count, stderr);
	if (config == NULL)
		return EXIT_FAILURE;
	if (choices.print_config) {
		config_print(config, stdout);
		config_free(config);
		return EXIT_SUCCESS;
	}
	log_own_pipe();
	/* Whoever is nobody special may check a configuration for another user. */
	if (!choices.check || privileges_held())
		config = settle(&choices.launch, config);
	if (config == NULL)
		return EXIT_FAILURE;
	if (choices.check) {
		int status = check(config, choices.quiet);
		config_free(config);
		return status;
	}
	return master_main(&choices.launch, config);
}
