/*
 * One datagram of NAME=VALUE lines a message; the protocol is documented and stable, so it needs no
 * library. A supervisor that does not read is not waited for.
 */
#include "notify.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"

static struct sockaddr_un supervisor;
static socklen_t supervisor_len; /* 0: nobody listens */
static uint64_t watchdog_ms;	 /* between two signs of life; 0: nobody waits for them */
static uint64_t next_sign_ms;
static char owed[256]; /* the last state, as long as it could not be told; empty: it was */

/* A path, or "@name" in the abstract namespace. */
static void
find_supervisor(const char *name)
{
	size_t len = name == NULL ? 0 : strlen(name);
	if (len < 2 || len >= sizeof(supervisor.sun_path) || (name[0] != '/' && name[0] != '@'))
		return;
	supervisor.sun_family = AF_UNIX;
	memcpy(supervisor.sun_path, name, len);
	if (name[0] == '@')
		supervisor.sun_path[0] = '\0';
	supervisor_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
}

static void
find_watchdog(const char *period_us, const char *pid)
{
	uint64_t us, wanted_pid;
	if (!str_to_u64(str_of(period_us), UINT64_MAX, &us))
		return;
	if (pid != NULL &&
	    (!str_to_u64(str_of(pid), UINT64_MAX, &wanted_pid) || wanted_pid != (uint64_t)getpid()))
		return;
	watchdog_ms = us / 2000;
}

void
notify_open(void)
{
	find_supervisor(getenv("NOTIFY_SOCKET"));
	find_watchdog(getenv("WATCHDOG_USEC"), getenv("WATCHDOG_PID"));
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
}

/* Something was short, or the supervisor has much to read. */
static bool
passing(int error)
{
	return error == EAGAIN || error == EINTR || error == ENOBUFS || error == ENOMEM ||
	       error == EMFILE || error == ENFILE;
}

/* False when it is to be told again; nobody may be there, or not want to hear. */
static bool
tell(const char *text)
{
	if (supervisor_len == 0)
		return true;
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return !passing(errno);
	bool told = sendto(fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&supervisor,
			   supervisor_len) >= 0 ||
		    !passing(errno);
	close(fd);
	return told;
}

/* A supervisor that missed it would end us: it waits for READY=1. */
static void
tell_state(const char *text)
{
	snprintf(owed, sizeof(owed), "%s", text);
	if (tell(text))
		owed[0] = '\0';
}

void
notify_ready(const char *status)
{
	char text[sizeof(owed)];
	snprintf(text, sizeof(text), "READY=1\nSTATUS=%s", status);
	tell_state(text);
}

void
notify_reloading(void)
{
	char text[80];
	snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%ju",
		 (uintmax_t)clock_monotonic_us());
	tell_state(text);
}

void
notify_stopping(const char *status)
{
	char text[sizeof(owed)];
	snprintf(text, sizeof(text), "STOPPING=1\nSTATUS=%s", status);
	tell_state(text);
}

/* A state that is still owed is told with the newest status, not with its own behind it. */
void
notify_status(const char *status)
{
	char text[sizeof(owed)];
	char *stale = strstr(owed, "\nSTATUS=");
	if (stale != NULL)
		snprintf(stale, sizeof(owed) - (size_t)(stale - owed), "\nSTATUS=%s", status);
	snprintf(text, sizeof(text), "STATUS=%s", status);
	tell(text);
}

void
notify_turn(bool good, uint64_t now_ms)
{
	if (owed[0] != '\0' && tell(owed))
		owed[0] = '\0';
	if (watchdog_ms == 0 || !good || now_ms < next_sign_ms)
		return;
	if (tell("WATCHDOG=1"))
		next_sign_ms = now_ms + watchdog_ms;
}
