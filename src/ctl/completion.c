/*
 * completion bash: a function for bash made of the table of commands. What an option takes is read
 * from the usage: "--transport udp|tcp|tls" are words, FILE is a file, all else is free.
 */
#include <ctype.h>
#include <string.h>

#include "base/reason.h"
#include "base/str.h"
#include "ctl.h"

/* The first command of each noun. */
static bool
is_first(const struct ctl_command *command)
{
	for (const struct ctl_command *c = ctl_commands; c != command; c++)
		if (strcmp(c->noun, command->noun) == 0)
			return false;
	return true;
}

static void
print_option(const char *name, bool is_text, void *arg)
{
	(void)is_text;
	(void)arg;
	printf(" --%s", name);
}

/* The formats of a command are not those of another one. */
static void
print_if_had(const char *name, bool is_text, void *arg)
{
	if (options_may(arg, name))
		print_option(name, is_text, NULL);
}

static void
print_if_valued(const char *name, bool is_text, void *arg)
{
	(void)arg;
	if (is_text)
		printf("|--%s", name);
}

/* What stands behind "--name " in a usage: "udp|tcp|tls". */
static struct str
value_of(const char *usage, const char *name)
{
	struct str value = { NULL, 0 };
	char option[40];
	snprintf(option, sizeof(option), "--%s ", name);
	const char *at = strstr(usage, option);
	if (at == NULL)
		return value;
	value.p = at + strlen(option);
	value.len = strcspn(value.p, " ]");
	return value;
}

/* Words for us to offer: those in lower case ("own|domain|LIST" has two). */
static void
print_choices(struct str value)
{
	struct str word;
	for (bool more = true; more;) {
		more = str_cut(value, '|', &word, &value);
		if (!str_empty(word) && islower((unsigned char)word.p[0]))
			printf("%.*s ", STR_ARG(word));
	}
}

static void
print_value_case(const char *name, bool is_text, void *arg)
{
	const struct ctl_command *command = arg;
	struct str value = value_of(command->usage, name);
	if (!is_text || str_empty(value))
		return;
	printf("\t'%s %s --%s') ", command->noun, command->verb == NULL ? "" : command->verb, name);
	if (str_eq(value, STR("FILE")))
		fputs("_rollcallctl_files;", stdout);
	else if (memchr(value.p, '|', value.len) != NULL) {
		fputs("COMPREPLY=($(compgen -W '", stdout);
		print_choices(value);
		fputs("' -- \"$current\"));", stdout);
	}
	fputs(" return 0 ;;\n", stdout);
}

static void
print_nouns(void)
{
	fputs("\t' ') words='-h", stdout);
	options_each(NULL, print_option, NULL);
	for (const struct ctl_command *c = ctl_commands; c->noun != NULL; c++)
		if (is_first(c))
			printf(" %s", c->noun);
	fputs("' ;;\n", stdout);
}

static void
print_verbs(void)
{
	for (const struct ctl_command *c = ctl_commands; c->noun != NULL; c++) {
		if (!is_first(c) || c->verb == NULL)
			continue;
		printf("\t'%s ') words='-h", c->noun);
		for (const struct ctl_command *v = c; v->noun != NULL; v++)
			if (strcmp(v->noun, c->noun) == 0)
				printf(" %s", v->verb);
		fputs("' ;;\n", stdout);
	}
}

static void
print_arguments(void)
{
	for (const struct ctl_command *c = ctl_commands; c->noun != NULL; c++) {
		printf("\t'%s %s') words='-h", c->noun, c->verb == NULL ? "" : c->verb);
		options_each(c, print_option, NULL);
		options_each(NULL, print_if_had, (void *)(uintptr_t)c);
		if (c->run == ctl_explain)
			for (unsigned i = 1; i < REASON_COUNT; i++)
				printf(" %s", reason_word((enum reason)i));
		printf("'%s ;;\n",
		       strncmp(c->usage, "FILE", 4) == 0 || strncmp(c->usage, "[FILE", 5) == 0
			       ? "; files=1"
			       : "");
	}
}

/* Options that take a value, which therefore is no noun and no verb. */
static void
print_valued(void)
{
	fputs("-c", stdout);
	options_each(NULL, print_if_valued, NULL);
	for (const struct ctl_command *c = ctl_commands; c->noun != NULL; c++)
		options_each(c, print_if_valued, NULL);
}

enum ctl_exit
ctl_completion_bash(const struct ctl_options *options)
{
	(void)options;
	fputs("# bash completion for rollcallctl, made by: rollcallctl completion bash\n"
	      "_rollcallctl_files() { # words are no file names: a directory \"user\" adds no / to "
	      "them\n"
	      "\tcompopt -o filenames 2>/dev/null\n"
	      "\tmapfile -t -O \"${#COMPREPLY[@]}\" COMPREPLY < <(compgen -f -- \"$current\")\n"
	      "}\n"
	      "_rollcallctl() {\n"
	      "\tlocal current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}\n"
	      "\tlocal noun='' verb='' words='' files='' word i\n"
	      "\tCOMPREPLY=()\n"
	      "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	      "\t\tword=${COMP_WORDS[i]}\n"
	      "\t\tcase $word in\n\t\t",
	      stdout);
	print_valued();
	fputs(") ((i++)) ;;\n"
	      "\t\t-*) ;;\n"
	      "\t\t*) if [ -z \"$noun\" ]; then noun=$word; elif [ -z \"$verb\" ]; then "
	      "verb=$word; fi ;;\n"
	      "\t\tesac\n"
	      "\tdone\n"
	      "\tcase $noun in\n\t",
	      stdout);
	for (const struct ctl_command *c = ctl_commands, *last = NULL; c->noun != NULL; c++)
		if (c->verb == NULL) {
			printf("%s%s", last == NULL ? "" : "|", c->noun);
			last = c;
		}
	fputs(") verb='' ;;\n"
	      "\tesac\n"
	      "\tcase \"$noun $verb $previous\" in\n",
	      stdout);
	for (const struct ctl_command *c = ctl_commands; c->noun != NULL; c++)
		options_each(c, print_value_case, (void *)(uintptr_t)c);
	fputs("\t*' -c'|*' --config'|*' --token-file') _rollcallctl_files; return 0 ;;\n"
	      "\t*' --url') return 0 ;;\n"
	      "\tesac\n"
	      "\tcase \"$noun $verb\" in\n",
	      stdout);
	print_nouns();
	print_verbs();
	print_arguments();
	fputs("\tesac\n"
	      "\tCOMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
	      "\tif [ -n \"$files\" ]; then _rollcallctl_files; fi\n"
	      "}\n"
	      "complete -F _rollcallctl rollcallctl\n",
	      stdout);
	return CTL_DONE;
}
