/*
 * token create: a token of 256 random bits, shown once. The daemon keeps only its SHA-256, a line
 * "role hash" in admin.tokens_file, so whoever reads the file learns no token.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>
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

/* A line of somebody's that lacks its end gets one first. */
static bool
ends_open(int fd)
{
	char last;
	off_t end = lseek(fd, 0, SEEK_END);
	return end > 0 && pread(fd, &last, 1, end - 1) == 1 && last != '\n';
}

static enum ctl_exit
append(const char *path, const char *line)
{
	bool fresh = access(path, F_OK) != 0;
	int fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, FILE_MODE);
	if (fd >= 0 && fresh) {
		fchmod(fd, FILE_MODE);
		ctl_give_to_group(fd);
	}
	bool written = fd >= 0 && dprintf(fd, "%s%s\n", ends_open(fd) ? "\n" : "", line) > 0 &&
		       fsync(fd) == 0;
	enum ctl_exit code = written ? CTL_DONE : errno == EACCES ? CTL_NOT_ALLOWED : CTL_FAILED;
	if (!written)
		ctl_error("%s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return code;
}

enum ctl_exit
token_add(const char *path, const char *role, char **token)
{
	unsigned char secret[TOKEN_BYTES], hash[SHA256_DIGEST_LENGTH];
	char hex[2 * TOKEN_BYTES + 1], line[128];
	random_bytes(secret, sizeof(secret));
	struct writer w = writer_on(hex, sizeof(hex) - 1);
	writer_hex(&w, secret, sizeof(secret));
	hex[w.len] = '\0';
	SHA256((const unsigned char *)hex, w.len, hash);
	w = writer_on(line, sizeof(line) - 1);
	writer_printf(&w, "%s ", role);
	writer_hex(&w, hash, sizeof(hash));
	line[w.len] = '\0';
	enum ctl_exit code = append(path, line);
	*token = code == CTL_DONE ? strdup(hex) : NULL;
	explicit_bzero(secret, sizeof(secret));
	explicit_bzero(hex, sizeof(hex));
	return code == CTL_DONE && *token == NULL ? CTL_FAILED : code;
}

static void
show(const struct ctl_options *options, const char *path, const char *token)
{
	if (options->format == CTL_TABLE) {
		puts(token);
	} else {
		json_t *document = json_pack("{s:s,s:s,s:s}", "token", token, "role", options->role,
					     "tokens_file", path);
		output_json(document);
		json_decref(document);
	}
	ctl_say(options,
		"This is shown once; %s keeps its hash.\n"
		"next: rollcallctl reload, then rollcallctl status --url http://HOST:PORT "
		"--token-file FILE",
		path);
}

enum ctl_exit
ctl_token_create(const struct ctl_options *options)
{
	const char *file = options->config == NULL ? CTL_CONFIG_DEFAULT : options->config;
	char *token;
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
		code = token_add(config->admin.tokens_file, options->role, &token);
		if (code == CTL_DONE) {
			show(options, config->admin.tokens_file, token);
			explicit_bzero(token, strlen(token));
			free(token);
		}
	}
	config_free(config);
	return code;
}
