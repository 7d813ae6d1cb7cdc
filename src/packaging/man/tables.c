/*
 * tables commands | keys: the parts of the manual pages that are facts of the program, in scdoc's
 * format, from the tables that drive the program itself. Run by the build, never installed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/keys.h"
#include "ctl.h"

/* What scdoc would take for markup is not. */
static void
print(const char *text)
{
	for (; *text != '\0'; text++) {
		if (strchr("*_\\#~<>+", *text) != NULL)
			putchar('\\');
		putchar(*text);
	}
}

static void
print_command(const struct ctl_command *command)
{
	putchar('*');
	print(command->noun);
	if (command->verb != NULL) {
		putchar(' ');
		print(command->verb);
	}
	fputs("* ", stdout);
	print(command->usage);
	fputs("\n\t", stdout);
	print(command->purpose);
	fputs(": *", stdout);
	print(command->example);
	fputs("*\n\n", stdout);
}

static void
print_help(const char *help)
{
	for (const char *c = help; *c != '\0'; c++) {
		char letter[] = { *c == '\n' ? ' ' : *c, '\0' };
		print(letter);
	}
}

static void
print_key(const struct config_key *key)
{
	putchar('*');
	print(key->name);
	fputs("*", stdout);
	if (key->default_text == NULL) {
		fputs(", must be given", stdout);
	} else {
		fputs(" = ", stdout);
		print(key->default_text[0] == '\0' ? "\"\"" : key->default_text);
	}
	fputs(key->reload ? " (R)\n\t" : "\n\t", stdout);
	if (key->help[0] == '\0' && key->words != NULL) {
		fputs("one of: ", stdout);
		print(key->words);
	} else if (key->help[0] == '\0') {
		fputs("(its name says it)", stdout);
	} else {
		print_help(key->help);
	}
	fputs("\n\n", stdout);
}

static void
print_section(enum config_section section)
{
	const struct config_section_row *row = &config_sections[section];
	printf("## %s%s\n\n", row->name, row->titled ? " \"NAME\"" : "");
	if (row->help[0] != '\0') {
		print_help(row->help);
		fputs("\n\n", stdout);
	}
	for (size_t i = 0; i < config_key_count; i++)
		if (config_keys[i].section == section)
			print_key(&config_keys[i]);
}

int
main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "commands") == 0) {
		for (const struct ctl_command *c = ctl_commands; c->noun != NULL; c++)
			print_command(c);
	} else if (argc == 2 && strcmp(argv[1], "keys") == 0) {
		for (int section = 0; section < CONFIG_SECTION_COUNT; section++)
			print_section((enum config_section)section);
	} else {
		return EXIT_FAILURE;
	}
	return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
