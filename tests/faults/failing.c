/*
 * Preloaded into a server: makes one call fail that the test has chosen, the n-th allocation or the
 * n-th read, in a process that runs. What is to fail stands in a file that both map:
 * struct plan, written by tests/scenarios/harness/failing.py.
 */
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

struct plan {
	char call[24];		/* empty: nothing fails */
	int32_t pid;		/* in this process only; 0: in any */
	int32_t error;		/* errno */
	_Atomic int64_t before; /* so many calls go well first */
	_Atomic int64_t times;	/* so many fail then */
	_Atomic int64_t failed; /* so many did */
	uint64_t caller;	/* of the last, within … */
	char where[32];		/* … this program or library, for people */
};

static struct plan *plan;

/* A process that dies says where: people read it in its log. */
static void
dying(int number)
{
	void *frames[32];
	plan->call[0] = '\0';
	backtrace_symbols_fd(frames, backtrace(frames, 32), STDERR_FILENO);
	signal(number, SIG_DFL);
	raise(number);
}

__attribute__((constructor)) static void
map_plan(void)
{
	void *frame;
	const char *path = getenv("ROLLCALL_FAILING");
	int fd = path == NULL ? -1 : open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return;
	void *map = mmap(NULL, sizeof(*plan), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (map == MAP_FAILED)
		return;
	plan = map;
	backtrace(&frame, 1); /* it loads a library */
	signal(SIGABRT, dying);
	signal(SIGSEGV, dying);
}

static void
note_caller(const void *caller)
{
	Dl_info info;
	if (dladdr(caller, &info) == 0)
		return;
	const char *slash = strrchr(info.dli_fname, '/');
	plan->caller = (uint64_t)((const char *)caller - (const char *)info.dli_fbase);
	strncpy(plan->where, slash == NULL ? info.dli_fname : slash + 1, sizeof(plan->where) - 1);
}

static bool
fails(const char *call, void *caller)
{
	if (plan == NULL || strcmp(plan->call, call) != 0 ||
	    (plan->pid != 0 && plan->pid != getpid()))
		return false;
	if (atomic_fetch_sub(&plan->before, 1) > 0)
		return false;
	if (atomic_fetch_sub(&plan->times, 1) <= 0)
		return false;
	note_caller(caller);
	atomic_fetch_add(&plan->failed, 1);
	errno = plan->error;
	return true;
}

/* --- memory: the C library's own functions have these names, too */

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);

void *
malloc(size_t size)
{
	return fails("malloc", __builtin_return_address(0)) ? NULL : __libc_malloc(size);
}

void *
calloc(size_t count, size_t size)
{
	return fails("malloc", __builtin_return_address(0)) ? NULL : __libc_calloc(count, size);
}

void *
realloc(void *old, size_t size)
{
	return fails("malloc", __builtin_return_address(0)) ? NULL : __libc_realloc(old, size);
}

/* --- system calls */

#define CALL(type, name, params, args)                                             \
	type name params;                                                          \
	type name params                                                           \
	{                                                                          \
		static type(*real) params;                                         \
		if (real == NULL)                                                  \
			*(void **)&real = dlsym(RTLD_NEXT, #name);                 \
		return fails(#name, __builtin_return_address(0)) ? -1 : real args; \
	}

CALL(int, accept4, (int fd, struct sockaddr *from, socklen_t *len, int flags),
     (fd, from, len, flags))
CALL(int, socket, (int domain, int type, int protocol), (domain, type, protocol))
CALL(int, connect, (int fd, const struct sockaddr *to, socklen_t len), (fd, to, len))
CALL(int, getsockname, (int fd, struct sockaddr *name, socklen_t *len), (fd, name, len))
CALL(int, setsockopt, (int fd, int level, int option, const void *value, socklen_t len),
     (fd, level, option, value, len))

FILE *
fopen(const char *path, const char *mode)
{
	static FILE *(*real)(const char *path, const char *mode);
	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, "fopen");
	return fails("fopen", __builtin_return_address(0)) ? NULL : real(path, mode);
}

/* To take something out never fails for want of anything. */
int
epoll_ctl(int epoll, int what, int fd, struct epoll_event *event)
{
	static int (*real)(int epoll, int what, int fd, struct epoll_event *event);
	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, "epoll_ctl");
	if (what != EPOLL_CTL_DEL && fails("epoll_ctl", __builtin_return_address(0)))
		return -1;
	return real(epoll, what, fd, event);
}

CALL(int, epoll_wait, (int epoll, struct epoll_event *events, int most, int ms),
     (epoll, events, most, ms))
CALL(ssize_t, read, (int fd, void *data, size_t size), (fd, data, size))
CALL(ssize_t, write, (int fd, const void *data, size_t size), (fd, data, size))
CALL(ssize_t, writev, (int fd, const struct iovec *parts, int count), (fd, parts, count))
CALL(ssize_t, recv, (int fd, void *data, size_t size, int flags), (fd, data, size, flags))
CALL(ssize_t, send, (int fd, const void *data, size_t size, int flags), (fd, data, size, flags))
CALL(ssize_t, recvmsg, (int fd, struct msghdr *message, int flags), (fd, message, flags))
CALL(ssize_t, sendmsg, (int fd, const struct msghdr *message, int flags), (fd, message, flags))
CALL(int, recvmmsg,
     (int fd, struct mmsghdr *messages, unsigned count, int flags, struct timespec *wait),
     (fd, messages, count, flags, wait))
CALL(int, sendmmsg, (int fd, struct mmsghdr *messages, unsigned count, int flags),
     (fd, messages, count, flags))
CALL(ssize_t, __recv_chk, (int fd, void *data, size_t size, size_t room, int flags),
     (fd, data, size, room, flags))
CALL(ssize_t, __read_chk, (int fd, void *data, size_t size, size_t room), (fd, data, size, room))
CALL(int, ftruncate, (int fd, off_t length), (fd, length))
CALL(int, bind, (int fd, const struct sockaddr *to, socklen_t len), (fd, to, len))
CALL(int, listen, (int fd, int backlog), (fd, backlog))
CALL(int, memfd_create, (const char *name, unsigned flags), (name, flags))
CALL(pid_t, fork, (void), ())
