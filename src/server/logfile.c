/*
 * Every line is one write(2) at the end of the file (O_APPEND), so that any number of processes can
 * share it. Only regular files: whatever else has a name (a pipe, a device) could make the writer
 * wait.
 */
#include "logfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

#define MODE 0640

int
logfile_open(const char *path, char *error, size_t error_cap)
{
	struct stat entry;
	if (path[0] == '\0')
		return STDERR_FILENO;
	int fd =
		open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, MODE);
	if (fd < 0 && errno != ENXIO) {
		snprintf(error, error_cap, "cannot write log.file %s: %s", path, strerror(errno));
		return -1;
	}
	if (fd < 0 || fstat(fd, &entry) != 0 || !S_ISREG(entry.st_mode)) {
		snprintf(
			error, error_cap,
			"log.file %s is not a regular file; name one, or leave it empty for stderr",
			path);
		if (fd >= 0)
			close(fd);
		return -1;
	}
	return fd;
}

bool
logfile_check(const char *path, char *error, size_t error_cap)
{
	char directory[4096];
	const char *slash = strrchr(path, '/');
	if (path[0] == '\0')
		return true;
	snprintf(directory, sizeof(directory), "%.*s", slash == NULL ? 1 : (int)(slash - path) + 1,
		 slash == NULL ? "." : path);
	bool exists = access(path, F_OK) == 0;
	if (access(exists ? path : directory, exists ? W_OK : W_OK | X_OK) == 0)
		return true;
	snprintf(error, error_cap, "cannot write log.file %s: %s", path, strerror(errno));
	return false;
}

void
logfile_use(struct children *children, int fd)
{
	log_file_is_new(); /* before anybody writes to it */
	children_tell(children, &(struct control_message){ .verb = CONTROL_LOG }, fd);
	log_output(fd);
}

void
logfile_reopen(struct children *children, const char *path)
{
	char error[512];
	int fd = logfile_open(path, error, sizeof(error));
	if (fd < 0)
		log_message(LOG_LEVEL_ERROR, "log.reopen", "%s; the old one is still written to",
			    error);
	else
		logfile_use(children, fd);
}
