/* See privileges.h. A daemon that systemd starts as its own user has nothing left to give away. */
#include "privileges.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

static void
raise_descriptor_limit(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

/*
 * Secrets are in memory, so no core file has any of it (SEC-26.2-1). The limit does not hold where
 * the kernel pipes cores to a program; there the filter leaves out every mapping.
 */
static void
forbid_core_files(void)
{
	struct rlimit none = { 0, 0 };
	setrlimit(RLIMIT_CORE, &none);
	int fd = open("/proc/self/coredump_filter", O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	ssize_t written = write(fd, "0", 1);
	(void)written; /* a kernel without the filter has no more to offer */
	close(fd);
}

/* Nothing is ever executed from here; whoever takes a child over shall not gain by a set-uid
 * program either. */
static void
forbid_new_privileges(void)
{
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

/*
 * The kernel then hides the process from its own user, as one that may still know what root knew:
 * nobody could tell how many descriptors it has. It knows nothing of the kind, for all that was
 * read is the configuration, which that user must be able to read as well.
 */
static bool
take_identity(const struct passwd *user)
{
	return initgroups(user->pw_name, user->pw_gid) == 0 &&
	       setresgid(user->pw_gid, user->pw_gid, user->pw_gid) == 0 &&
	       setresuid(user->pw_uid, user->pw_uid, user->pw_uid) == 0 &&
	       prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0;
}

static bool
become(const char *name, char *error, size_t cap)
{
	errno = 0;
	const struct passwd *user = getpwnam(name);
	if (user == NULL && (errno == ENOMEM || errno == EMFILE || errno == ENFILE || errno == EIO))
		snprintf(error, cap, "server.user: cannot look %s up: %s", name, strerror(errno));
	else if (user == NULL)
		snprintf(error, cap,
			 "server.user: %s is no user of this host; make one with useradd --system "
			 "--user-group %s, or leave it empty",
			 name, name);
	if (user == NULL)
		return false;
	if (user->pw_uid == geteuid())
		return true;
	if (!privileges_held()) {
		snprintf(error, cap,
			 "server.user: only root can become %s; start as root or as %s, or "
			 "leave it empty",
			 name, name);
		return false;
	}
	if (take_identity(user))
		return true;
	snprintf(error, cap, "server.user: cannot become %s: %s", name, strerror(errno));
	return false;
}

bool
privileges_settle(const char *user, char *error, size_t cap)
{
	raise_descriptor_limit();
	forbid_core_files();
	forbid_new_privileges();
	return user[0] == '\0' || become(user, error, cap);
}

bool
privileges_held(void)
{
	return geteuid() == 0;
}
