/* Words on stderr, questions on the terminal. */
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/distance.h"
#include "ctl.h"
#include "output.h"

/* Line by line: what files and servers say may hold anything, and a terminal obeys it. */
static void
print(const char *before, char *text)
{
	size_t len = strlen(text);
	while (len > 0 && text[len - 1] == '\n') /* libpq ends its sentences so */
		text[--len] = '\0';
	fputs(before, stderr);
	for (char *line = text, *next; line != NULL; line = next) {
		next = strchr(line, '\n');
		if (next != NULL)
			*next++ = '\0';
		output_harmless(line);
		fprintf(stderr, "%s\n", line);
	}
}

static void
print_formatted(const char *before, const char *format, va_list args)
{
	char *text;
	if (vasprintf(&text, format, args) < 0)
		return;
	print(before, text);
	free(text);
}

void
ctl_error(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	print_formatted("error: ", format, args);
	va_end(args);
}

void
ctl_warn(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	print_formatted("warning: ", format, args);
	va_end(args);
}

void
ctl_say(const struct ctl_options *options, const char *format, ...)
{
	va_list args;
	if (options->quiet)
		return;
	va_start(args, format);
	print_formatted("", format, args);
	va_end(args);
}

void
nearest_consider(struct nearest *nearest, const char *word)
{
	size_t len = strlen(nearest->wanted);
	size_t allowed = len < 5 ? 1 : len / 3;
	size_t distance = str_distance(str_of(nearest->wanted), str_of(word));
	if (distance <= allowed && (nearest->word == NULL || distance < nearest->distance)) {
		nearest->word = word;
		nearest->distance = distance;
	}
}

bool
ctl_confirm(const struct ctl_options *options, const char *question)
{
	char answer[16];
	if (options->yes)
		return true;
	if (!isatty(STDIN_FILENO)) {
		ctl_error("%s Nobody is there to ask, so nothing was done; say --yes", question);
		return false;
	}
	fprintf(stderr, "%s [y/N] ", question);
	if (fgets(answer, sizeof(answer), stdin) != NULL && (answer[0] == 'y' || answer[0] == 'Y'))
		return true;
	ctl_say(options, "nothing was done");
	return false;
}

/* --- passwords ------------------------------------------------------------------------ */

/* One line without its end. False, with an error, when it is empty or does not fit. */
static bool
read_line(const char *prompt, char *line, size_t cap)
{
	fputs(prompt, stderr);
	if (fgets(line, (int)cap, stdin) == NULL)
		line[0] = '\0';
	size_t len = strcspn(line, "\r\n");
	if (line[len] == '\0' && len + 1 == cap) {
		ctl_error("the password is longer than %u octets", CTL_PASSWORD_MAX);
		return false;
	}
	line[len] = '\0';
	if (len == 0)
		ctl_error("there is no password");
	return len > 0;
}

static struct termios terminal_before;

/* Ctrl-C at the prompt: the terminal shows again what is typed. */
static void
on_interrupt(int signal_number)
{
	(void)signal_number;
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &terminal_before);
	_exit(130);
}

static bool
ask_twice(const char *user, char *password, size_t cap)
{
	struct termios silent;
	char *prompt, again[CTL_PASSWORD_MAX + 3];
	if (tcgetattr(STDIN_FILENO, &terminal_before) != 0 ||
	    asprintf(&prompt, "Password for %s: ", user) < 0)
		return false;
	silent = terminal_before;
	signal(SIGINT, on_interrupt);
	silent.c_lflag &= ~(tcflag_t)ECHO;
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
	bool good = read_line(prompt, password, cap) &&
		    read_line("\nOnce more: ", again, sizeof(again));
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &terminal_before);
	signal(SIGINT, SIG_DFL);
	fputc('\n', stderr);
	if (good && strcmp(password, again) != 0) {
		ctl_error("the two differ");
		good = false;
	}
	explicit_bzero(again, sizeof(again));
	free(prompt);
	return good;
}

json_t *
ctl_password(const struct ctl_options *options, const char *user)
{
	char password[CTL_PASSWORD_MAX + 3]; /* CR, LF, NUL */
	bool terminal = !options->password_stdin && isatty(STDIN_FILENO);
	json_t *value = NULL;
	if (!options->password_stdin && !terminal) {
		ctl_error("no terminal to ask for the password; say --password-stdin");
		return NULL;
	}
	if (terminal ? ask_twice(user, password, sizeof(password))
		     : read_line("", password, sizeof(password))) {
		value = json_string(password);
		if (value == NULL)
			ctl_error("the password is not UTF-8");
	}
	explicit_bzero(password, sizeof(password));
	return value;
}
