/* What the commands of rollcallctl share: the options, the table of commands, exit codes. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

#include "base/str.h"

#define CTL_PASSWORD_MAX 256u

enum ctl_exit {
	CTL_DONE = 0,
	CTL_FAILED = 1,
	CTL_USAGE = 2,
	CTL_NOT_FOUND = 3,
	CTL_NOT_ALLOWED = 4,
	CTL_UNREACHABLE = 5,
	CTL_CONFLICT = 6,
	CTL_UNHEALTHY = 7,
};

enum ctl_format { CTL_TABLE, CTL_JSON, CTL_NDJSON, CTL_CSV };
/* Those that a command has beside its words or table. */
enum ctl_formats {
	CTL_WORDS = 0,					/* it prints no data */
	CTL_DOCUMENT = 1 << CTL_JSON | 1 << CTL_NDJSON, /* on one line */
	CTL_ROWS = CTL_DOCUMENT | 1 << CTL_CSV,
};

struct ctl_options {
	enum ctl_format format;
	bool quiet;
	bool no_color;
	bool silent; /* calls say nothing of failures that time may mend: they are tried again */
	long patience_ms; /* for the answer of a call; 0: a minute */
	bool yes;
	bool help;
	bool version;
	const char *url; /* of the API (unix:PATH, http://…), of the database for db */
	const char *token_file;
	const char *config; /* file that names socket and database when --url does not */
	const char *domain;
	const char *user;
	const char *transport;
	const char *algorithm;
	const char *limit;
	const char *page_token;
	const char *id;
	const char *login;
	const char *may_register;
	const char *display_name;
	const char *on_duplicate;
	const char *role;
	const char *database, *chain, *key; /* of the configuration that init writes */
	const char *ip;
	const char *agent;
	const char *expires_before;
	const char *by;
	const char *wait;
	const char *span; /* --for */
	const char *comment;
	bool origin;
	bool now;
	bool resume;
	bool with_hashes;
	bool all;
	bool password_stdin;
	bool dry_run;
	char **arguments; /* behind noun and verb */
	int argument_count;
};

struct ctl_command {
	const char *noun;
	const char *verb;  /* NULL: the noun is the whole command */
	const char *usage; /* names the options that the command takes beside those for all */
	const char *purpose;
	const char *example;
	int least, most; /* arguments */
	enum ctl_formats formats;
	enum ctl_exit (*run)(const struct ctl_options *options);
};

extern const struct ctl_command ctl_commands[]; /* ends with noun NULL */

/* Everything from the command line on; the status to exit with. */
int ctl_main(int argc, char **argv);

/*
 * options.c: takes the options out of argv, wherever they stand, and leaves noun, verb and
 * arguments from optind on. False, with an error, on one that does not exist or lacks its value.
 */
bool options_take(struct ctl_options *options, int argc, char **argv);
/* False, with an error, when one was given that this command does not take: a misplaced --dry-run
 * must not do the deed, and who asks for JSON is not to parse words. */
bool options_fit(const struct ctl_options *options, const struct ctl_command *command);

/* Calls each for the options that a command names in its usage, NULL: for those of all commands. */
void options_each(const struct ctl_command *command,
		  void (*each)(const char *name, bool is_text, void *arg), void *arg);
/* Whether name is no format, or one that the command has. */
bool options_may(const struct ctl_command *command, const char *name);

/* "error: …" on stderr; line ends at the end of what it says are dropped, and control characters
 * shown as a question mark, here and in the others. */
void ctl_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void ctl_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Words for people on stderr, unless quiet. */
void ctl_say(const struct ctl_options *options, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* The seconds of "90s", "10m", "1h" or "2d", at least 1; false, with an error about --option. */
bool ctl_seconds(const char *option, const char *text, uint64_t *seconds);
/* "did you mean": word is the nearest considered so far, NULL while none is near. */
struct nearest {
	const char *wanted;
	const char *word;
	size_t distance;
};
void nearest_consider(struct nearest *nearest, const char *word);
/* Asks on the terminal, unless --yes; without a terminal the answer is no, and says how. */
bool ctl_confirm(const struct ctl_options *options, const char *question);
/* A password from stdin (first line) or, on a terminal, asked twice without echo. NULL, with an
 * error, when there is none. */
json_t *ctl_password(const struct ctl_options *options, const char *user);

/* Where the configuration is when nobody says otherwise. */
#define CTL_CONFIG_DEFAULT "/etc/rollcall/rollcall.conf"

/* colour.c: what a terminal shows green, yellow, red; nothing but the text elsewhere, with
 * --no-color and with NO_COLOR in the environment. */
enum ctl_colour { CTL_GOOD, CTL_WARN, CTL_BAD };
void ctl_coloured(const struct ctl_options *options, enum ctl_colour colour, const char *text);

/* Files of ours belong to group rollcall, where there is one. */
void ctl_give_to_group(int fd);
/* token.c: makes a random token, appends its hash to path and prints it. Where that fails path is
 * as it was. */
enum ctl_exit token_make(const struct ctl_options *options, const char *path, const char *role);

/* user.c, export.c, import.c, binding.c, ban.c, cluster.c, control.c, ready.c, status.c,
 * database.c, migrate.c */
enum ctl_exit ctl_user_add(const struct ctl_options *options);
enum ctl_exit ctl_user_list(const struct ctl_options *options);
enum ctl_exit ctl_user_show(const struct ctl_options *options);
enum ctl_exit ctl_user_passwd(const struct ctl_options *options);
enum ctl_exit ctl_user_enable(const struct ctl_options *options);
enum ctl_exit ctl_user_disable(const struct ctl_options *options);
enum ctl_exit ctl_user_delete(const struct ctl_options *options);
enum ctl_exit ctl_user_import(const struct ctl_options *options);
enum ctl_exit ctl_binding_list(const struct ctl_options *options);
enum ctl_exit ctl_binding_show(const struct ctl_options *options);
enum ctl_exit ctl_binding_remove(const struct ctl_options *options);
enum ctl_exit ctl_binding_stats(const struct ctl_options *options);
enum ctl_exit ctl_user_export(const struct ctl_options *options);
enum ctl_exit ctl_ban_list(const struct ctl_options *options);
enum ctl_exit ctl_ban_add(const struct ctl_options *options);
enum ctl_exit ctl_ban_remove(const struct ctl_options *options);
enum ctl_exit ctl_node_list(const struct ctl_options *options);
enum ctl_exit ctl_certificate_list(const struct ctl_options *options);
enum ctl_exit ctl_config_check(const struct ctl_options *options);
enum ctl_exit ctl_config_show(const struct ctl_options *options);
enum ctl_exit ctl_reload(const struct ctl_options *options);
enum ctl_exit ctl_log_level(const struct ctl_options *options);
enum ctl_exit ctl_drain(const struct ctl_options *options);
enum ctl_exit ctl_undrain(const struct ctl_options *options);
enum ctl_exit ctl_ready(const struct ctl_options *options);
enum ctl_exit ctl_status(const struct ctl_options *options);
enum ctl_exit ctl_db_migrate(const struct ctl_options *options);
enum ctl_exit ctl_db_status(const struct ctl_options *options);
enum ctl_exit ctl_completion_bash(const struct ctl_options *options);
enum ctl_exit ctl_doctor(const struct ctl_options *options);
enum ctl_exit ctl_token_create(const struct ctl_options *options);
enum ctl_exit ctl_init(const struct ctl_options *options);
enum ctl_exit ctl_explain(const struct ctl_options *options);
enum ctl_exit ctl_version(const struct ctl_options *options);
