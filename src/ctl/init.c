/*
 * init: a first configuration, with the few lines that cannot be guessed, and a first token beside
 * it. Nothing is overwritten, and nothing is written that the daemon would not take.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/exposed.h"
#include "base/textfile.h"
#include "config/config.h"
#include "ctl.h"

#define ANSWER_MAX 1024u
#define FILE_MODE 0640
#define SUGGESTED_URL "postgresql://rollcall@localhost/rollcall"

/* What goes into the file. */
struct answers {
	char domain[ANSWER_MAX], database[ANSWER_MAX], chain[ANSWER_MAX], key[ANSWER_MAX];
	char *tokens, *password; /* files beside the new one */
};

/* What is typed, to the end of its line. False, with an error, at the end of input. */
static bool
read_answer(const char *option, char answer[static ANSWER_MAX])
{
	size_t len = 0;
	int c;
	while ((c = getchar()) != EOF && c != '\n')
		if (len + 1 < ANSWER_MAX)
			answer[len++] = (char)c;
	answer[len] = '\0';
	answer[strcspn(answer, "\r")] = '\0';
	if (c == EOF && len == 0) {
		fputc('\n', stderr);
		ctl_error("the input ends without an answer; say --%s", option);
		return false;
	}
	return true;
}

/* What was given, else what is typed, else the suggestion. False, with an error, without any. */
static bool
ask(const char *option, const char *given, const char *question, const char *suggestion,
    char answer[static ANSWER_MAX])
{
	if (given == NULL && !isatty(STDIN_FILENO)) {
		ctl_error("no terminal to ask at; say --%s", option);
		return false;
	}
	if (given != NULL) {
		snprintf(answer, ANSWER_MAX, "%s", given);
	} else {
		fprintf(stderr, "%s [%s]: ", question, suggestion);
		if (!read_answer(option, answer))
			return false;
		if (answer[0] == '\0')
			snprintf(answer, ANSWER_MAX, "%s", suggestion);
	}
	if (strlen(answer) + 1 == ANSWER_MAX) {
		ctl_error("--%s is longer than %u octets", option, ANSWER_MAX - 2);
		return false;
	}
	if (strpbrk(answer, "\"\\$\n") != NULL) {
		ctl_error("--%s may not have \" \\ $ or a line end in it", option);
		return false;
	}
	return true;
}

/* A certificate may come later: without one there is no TLS, and the file says so. */
static bool
ask_certificate(const struct ctl_options *options, struct answers *answers)
{
	bool asks = options->chain == NULL && isatty(STDIN_FILENO);
	if ((options->chain == NULL) != (options->key == NULL)) {
		ctl_error("--chain and --key belong together");
		return false;
	}
	if (options->chain == NULL && !asks)
		return true;
	if (!ask("chain", options->chain, "Certificate chain, PEM; empty for none yet", "",
		 answers->chain))
		return false;
	return answers->chain[0] == '\0' || ask("key", options->key, "Its private key, PEM",
						"/etc/rollcall/tls/privkey.pem", answers->key);
}

static void
write_text(const struct answers *answers, FILE *out)
{
	bool has_password = access(answers->password, F_OK) == 0;
	fprintf(out,
		"# rollcall. All options with their defaults: rollcalld --print-default-config\n"
		"# After a change: rollcalld -t, then rollcallctl reload\n\n"
		"# one section for each served domain\n"
		"domain \"%s\" {\n}\n\n",
		answers->domain);
	if (answers->chain[0] != '\0')
		fprintf(out,
			"# what TLS clients are shown; read again on reload and every hour\n"
			"certificate \"main\" {\n\tchain = \"%s\"\n\tkey = \"%s\"\n}\n\n",
			answers->chain, answers->key);
	else
		fputs("# without a certificate there is no TLS, only UDP and TCP on 5060\n"
		      "# certificate \"main\" {\n"
		      "#\tchain = \"/etc/rollcall/tls/fullchain.pem\"\n"
		      "#\tkey = \"/etc/rollcall/tls/privkey.pem\"\n# }\n\n",
		      out);
	fprintf(out,
		"# without a password: that belongs into password_file\n"
		"database {\n\turl = \"%s\"\n"
		"%s\tpassword_file = \"%s\"\n}\n\n"
		"# the socket %s is always there; TCP only on loopback and with a token\n"
		"admin {\n#\tlisten = \"127.0.0.1:8080\"\n\ttokens_file = \"%s\"\n}\n\n"
		"# probes and metrics, for the load balancer\n"
		"health {\n#\tlisten = {\"0.0.0.0:8081\", \"[::]:8081\"}\n}\n",
		answers->database, has_password ? "" : "#", answers->password,
		"/run/rollcall/admin.sock", answers->tokens);
}

/* The text, malloc'd; NULL when it is nothing that the daemon would take, which was said. */
static char *
make_text(const struct answers *answers, const char *path)
{
	struct textfile textfile;
	FILE *out = textfile_open(&textfile);
	if (out != NULL)
		write_text(answers, out);
	if (!textfile_close(out, &textfile)) {
		ctl_error("out of memory");
		return NULL;
	}
	struct config *config = config_load_text(str_of(textfile.text), path, stderr);
	if (config == NULL) {
		free(textfile.text);
		return NULL;
	}
	config_free(config);
	return textfile.text;
}

static enum ctl_exit
write_new(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, FILE_MODE);
	if (fd < 0 && errno == EEXIST) {
		ctl_error("%s is there already and stays as it is; -c names another file", path);
		return CTL_CONFLICT;
	}
	if (fd < 0) {
		ctl_error("%s: %s", path, strerror(errno));
		return errno == EACCES ? CTL_NOT_ALLOWED : CTL_FAILED;
	}
	fchmod(fd, FILE_MODE);
	ctl_give_to_group(fd);
	bool written = dprintf(fd, "%s", text) > 0 && fsync(fd) == 0;
	if (!written) {
		ctl_error("%s: %s", path, strerror(errno));
		unlink(path);
	}
	close(fd);
	return written ? CTL_DONE : CTL_FAILED;
}

static enum ctl_exit
write_both(const struct ctl_options *options, const char *path, const char *text,
	   const char *tokens)
{
	enum ctl_exit code = write_new(path, text);
	if (code != CTL_DONE)
		return code;
	ctl_say(options, "wrote %s", path);
	code = token_make(options, tokens, "admin");
	if (code != CTL_DONE) { /* all or nothing, so that it can be tried again */
		unlink(path);
		ctl_say(options, "removed %s again", path);
		return code;
	}
	ctl_say(options,
		"This token of role admin is shown once; %s keeps its hash.\n"
		"next: rollcallctl db migrate, systemctl enable --now rollcalld, rollcallctl "
		"doctor",
		tokens);
	return CTL_DONE;
}

/* A file of that name in the directory of path, from the root: the daemon is started elsewhere.
 * malloc'd; NULL with an error. */
static char *
beside(const char *path, const char *name)
{
	const char *slash = strrchr(path, '/');
	char *file = NULL, *named = strndup(slash == NULL ? "." : path,
					    slash == NULL ? 1 : (size_t)(slash + 1 - path));
	char *directory = named == NULL ? NULL : realpath(named, NULL);
	if (directory == NULL)
		ctl_error("%s: %s", named == NULL ? path : named, strerror(errno));
	else if (asprintf(&file, "%s/%s", directory, name) < 0)
		file = NULL;
	free(directory);
	free(named);
	return file;
}

/* Nobody looks at the mode of a file that was there before. */
static void
warn_exposed(const char *name, const char *path)
{
	char said[2 * ANSWER_MAX + 128];
	if (exposed_say(name, path, said, sizeof(said)))
		ctl_warn("%s", said);
}

static enum ctl_exit
write_files(const struct ctl_options *options, const struct answers *answers, const char *path)
{
	if (answers->tokens == NULL || answers->password == NULL)
		return CTL_FAILED;
	char *text = make_text(answers, path);
	enum ctl_exit code =
		text == NULL ? CTL_FAILED : write_both(options, path, text, answers->tokens);
	free(text);
	if (code == CTL_DONE) {
		warn_exposed("database.password_file", answers->password);
		warn_exposed("certificate main: key", answers->key);
	}
	return code;
}

enum ctl_exit
ctl_init(const struct ctl_options *options)
{
	const char *path = options->config == NULL ? CTL_CONFIG_DEFAULT : options->config;
	struct answers answers = { .chain = "", .key = "" };
	if (access(path, F_OK) == 0) {
		ctl_error("%s is there already and stays as it is; -c names another file", path);
		return CTL_CONFLICT;
	}
	if (!ask("domain", options->domain, "Domain to serve", "example.com", answers.domain) ||
	    !ask("database", options->database, "Database URL, without a password", SUGGESTED_URL,
		 answers.database) ||
	    !ask_certificate(options, &answers))
		return CTL_USAGE;
	answers.tokens = beside(path, "tokens");
	answers.password = answers.tokens == NULL ? NULL : beside(path, "db-password");
	enum ctl_exit code = write_files(options, &answers, path);
	free(answers.password);
	free(answers.tokens);
	return code;
}
