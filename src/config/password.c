/* The password of the database, in a file of its own, so that it is in no configuration. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "config/config.h"

bool
config_password(const char *path, char *password, size_t cap, char *error, size_t error_cap)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : read(fd, password, cap - 1);
	int reason = errno;
	char more;
	bool whole = len < (ssize_t)cap - 1 || memchr(password, '\n', (size_t)len) != NULL ||
		     read(fd, &more, 1) == 0;
	if (fd >= 0)
		close(fd);
	if (len < 0) {
		snprintf(error, error_cap,
			 "database.password_file %s: %s; it must hold the password in its first "
			 "line",
			 path, strerror(reason));
		return false;
	}
	if (!whole) {
		snprintf(error, error_cap,
			 "database.password_file %s: the first line is longer than %zu octets",
			 path, cap - 1);
		return false;
	}
	password[len] = '\0';
	password[strcspn(password, "\r\n")] = '\0';
	if (password[0] == '\0')
		snprintf(error, error_cap,
			 "database.password_file %s: is empty; it must hold the password in its "
			 "first line",
			 path);
	return password[0] != '\0';
}
