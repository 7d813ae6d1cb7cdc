/*
 * token create: a token of 256 random bits, shown once. The daemon keeps only its SHA-256, a line
 * "role hash" in admin.tokens_file, so whoever reads the file learns no token.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <openssl/sha.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/writer.h"
#include "config/config.h"
#include "ctl.h"
#include "output.h"

#define TOKEN_BYTES 32u
#define FILE_MODE 0640

void
ctl_give_to_group(int fd)
{
	const struct group *group = getgrnam("rollcall");
	if (group != NULL && fchown(fd, (uid_t)-1, group->gr_gid) != 0)
		ctl_error("cannot give the file to group rollcall: %s", strerror(errno));
}

/* The file while a token is added to it; locked, so that what is taken back is nobody else's. */
struct tokens {
	const char *path;
	int fd;
	off_t size; /* before */
	bool fresh; /* it was made for this token */
};

static enum ctl_exit
tokens_open(struct tokens *tokens, const char *path)
{
	const int flags = O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC;
	tokens->path = path;
	tokens->fd = open(path, flags | O_EXCL, FILE_MODE);
	tokens->fresh = tokens->fd >= 0;
	if (tokens->fresh) {
		fchmod(tokens->fd, FILE_MODE);
		ctl_give_to_group(tokens->fd);
	} else if (errno == EEXIST) {
		tokens->fd = open(path, flags, FILE_MODE);
	}
	if (tokens->fd < 0 || flock(tokens->fd, LOCK_EX) != 0) {
		enum ctl_exit code = errno == EACCES ? CTL_NOT_ALLOWED : CTL_FAILED;
		ctl_error("%s: %s", path, strerror(errno));
		if (tokens->fd >= 0)
			close(tokens->fd);
		return code;
	}
	tokens->size = lseek(tokens->fd, 0, SEEK_END);
	return CTL_DONE;
}

/* A line of somebody's that lacks its end gets one first. */
static bool
tokens_append(const struct tokens *tokens, const char *line)
{
	char last = '\n';
	bool known = tokens->size == 0 || pread(tokens->fd, &last, 1, tokens->size - 1) == 1;
	bool written = known && dprintf(tokens->fd, "%s%s\n", last == '\n' ? "" : "\n", line) > 0 &&
		       fsync(tokens->fd) == 0;
	if (!written)
		ctl_error("%s: %s", tokens->path, strerror(errno));
	return written;
}

static void
tokens_restore(const struct tokens *tokens)
{
	if ((tokens->fresh ? unlink(tokens->path) : ftruncate(tokens->fd, tokens->size)) != 0)
		ctl_error("%s keeps a line that is no good: %s", tokens->path, strerror(errno));
}

/* False, with an error, when nobody can have read it. */
static bool
show(const struct ctl_options *options, const char *path, const char *role, const char *token)
{
	signal(SIGPIPE, SIG_IGN); /* a reader that is gone is a failure like a full disk */
	if (options->format == CTL_TABLE) {
		puts(token);
	} else {
		json_t *document = json_pack("{s:s,s:s,s:s}", "token", token, "role", role,
					     "tokens_file", path);
		if (document == NULL) {
			ctl_error("%s is not UTF-8, so there is no JSON", path);
			return false;
		}
		output_document(options->format, document);
		json_decref(document);
	}
	if (output_arrived())
		return true;
	ctl_error("the token was not shown and is lost; %s does not have it", path);
	return false;
}

enum ctl_exit
token_make(const struct ctl_options *options, const char *path, const char *role)
{
	unsigned char secret[TOKEN_BYTES], hash[SHA256_DIGEST_LENGTH];
	char hex[2 * TOKEN_BYTES + 1], line[128];
	struct tokens tokens;
	enum ctl_exit code = tokens_open(&tokens, path);
	if (code != CTL_DONE)
		return code;
	random_bytes(secret, sizeof(secret));
	struct writer w = writer_on(hex, sizeof(hex) - 1);
	writer_hex(&w, secret, sizeof(secret));
	hex[w.len] = '\0';
	SHA256((const unsigned char *)hex, w.len, hash);
	w = writer_on(line, sizeof(line) - 1);
	writer_printf(&w, "%s ", role);
	writer_hex(&w, hash, sizeof(hash));
	line[w.len] = '\0';
	if (!tokens_append(&tokens, line) || !show(options, path, role, hex)) {
		tokens_restore(&tokens);
		code = CTL_FAILED;
	}
	close(tokens.fd);
	explicit_bzero(secret, sizeof(secret));
	explicit_bzero(hex, sizeof(hex));
	return code;
}

enum ctl_exit
ctl_token_create(const struct ctl_options *options)
{
	const char *file = options->config == NULL ? CTL_CONFIG_DEFAULT : options->config;
	if (options->role == NULL ||
	    (strcmp(options->role, "read") != 0 && strcmp(options->role, "admin") != 0)) {
		ctl_error("say what it may do: --role read or --role admin");
		return CTL_USAGE;
	}
	struct config *config = config_load(file, NULL, 0, stderr);
	if (config == NULL)
		return CTL_FAILED;
	enum ctl_exit code = CTL_FAILED;
	if (config->admin.tokens_file[0] == '\0') {
		ctl_error("admin.tokens_file is not set in %s; write admin { tokens_file = "
			  "\"/etc/rollcall/tokens\" }",
			  file);
	} else {
		code = token_make(options, config->admin.tokens_file, options->role);
		if (code == CTL_DONE)
			ctl_say(options,
				"This is shown once; %s keeps its hash.\n"
				"next: rollcallctl reload, then rollcallctl status --url "
				"http://HOST:PORT --token-file FILE",
				config->admin.tokens_file);
	}
	config_free(config);
	return code;
}
