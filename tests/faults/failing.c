/*
 * Preloaded into a server: makes calls fail that the test has chosen, the n-th allocation or the
 * n-th read, or one from each place in the code after the other. What is to fail stands in a file
 * that both map: struct plan, written by tests/scenarios/harness/failing.py.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <grp.h>
#include <link.h>
#include <poll.h>
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
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEPTH_MAX 16
#define PLACES 16384 /* a power of two */

struct plan {
	char call[24];		/* empty: nothing fails */
	int32_t pid;		/* in this process only; 0: in any */
	int32_t error;		/* errno */
	int32_t depth;		/* of callers that make a place, each of which fails once; 0: all */
	char spared[20];	/* a library below which nothing fails; empty: none */
	_Atomic int64_t before; /* so many calls go well first */
	_Atomic int64_t times;	/* so many fail then */
	_Atomic int64_t failed; /* so many did */
	uint64_t caller;	/* of the last, within … */
	char where[32];		/* … this program or library, for people */
	_Atomic uint64_t places[PLACES]; /* those that failed, by their hash */
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

/* --- places: the same ones in each process and each run, wherever its libraries lie */

static __thread bool looking __attribute__((tls_model("initial-exec")));

struct place {
	uint64_t hash;
	bool spared;
};

static struct place
place_of(void *const *frames, int count)
{
	struct place place = { .hash = 1469598103934665603u };
	for (int i = 0; i < count; i++) {
		struct dl_find_object object;
		if (_dl_find_object(frames[i], &object) != 0)
			continue;
		uint64_t at = (uint64_t)frames[i] - (uint64_t)object.dlfo_link_map->l_addr;
		if (i < plan->depth)
			place.hash = (place.hash ^ at) * 1099511628211u;
		if (plan->spared[0] != '\0' &&
		    strstr(object.dlfo_link_map->l_name, plan->spared) != NULL)
			place.spared = true;
	}
	return place;
}

/* True when it was not among them yet; a full table has everything. */
static bool
remember(uint64_t hash)
{
	for (uint64_t i = 0; i < PLACES; i++) {
		uint64_t none = 0;
		_Atomic uint64_t *slot = &plan->places[(hash + i) & (PLACES - 1)];
		if (atomic_compare_exchange_strong(slot, &none, hash))
			return true;
		if (none == hash)
			return false;
	}
	return false;
}

/* Skips our own frames: this one, that of fails(), and that of the call which takes the place of
 * the real one. */
#define OWN 3
static __attribute__((noinline)) bool
new_place(void)
{
	void *frames[OWN + DEPTH_MAX];
	looking = true;
	int count = backtrace(frames, OWN + DEPTH_MAX) - OWN;
	looking = false;
	struct place place = place_of(frames + OWN, count);
	return !place.spared && remember(place.hash);
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

/* Before a place is remembered: of two processes that are there at once only one may fail. */
static bool
take_turn(void)
{
	if (atomic_fetch_sub(&plan->times, 1) > 0)
		return true;
	atomic_fetch_add(&plan->times, 1);
	return false;
}

static void
give_turn_back(void)
{
	atomic_fetch_add(&plan->times, 1);
}

static __attribute__((noinline)) bool
fails(const char *call, void *caller)
{
	if (plan == NULL || looking || strcmp(plan->call, call) != 0 ||
	    (plan->pid != 0 && plan->pid != getpid()))
		return false;
	if (atomic_fetch_sub(&plan->before, 1) > 0 || !take_turn())
		return false;
	if (plan->depth > 0 && !new_place()) {
		give_turn_back();
		return false;
	}
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

static bool
listens(int fd)
{
	int yes = 0;
	socklen_t len = sizeof(yes);
	return plan != NULL && getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &yes, &len) == 0 &&
	       yes != 0;
}

/* To take something out never fails for want of anything. In "epoll_ctl of a listener" each process
 * fails at the same place, however many there are. */
int
epoll_ctl(int epoll, int what, int fd, struct epoll_event *event)
{
	static int (*real)(int epoll, int what, int fd, struct epoll_event *event);
	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, "epoll_ctl");
	if (what != EPOLL_CTL_DEL &&
	    (fails("epoll_ctl", __builtin_return_address(0)) ||
	     (listens(fd) && fails("epoll_ctl of a listener", __builtin_return_address(0)))))
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
CALL(int, socketpair, (int domain, int type, int protocol, int ends[2]),
     (domain, type, protocol, ends))
CALL(int, signalfd, (int fd, const sigset_t *signals, int flags), (fd, signals, flags))
CALL(int, epoll_create1, (int flags), (flags))
CALL(int, poll, (struct pollfd * list, nfds_t count, int ms), (list, count, ms))
CALL(ssize_t, sendto,
     (int fd, const void *data, size_t size, int flags, const struct sockaddr *to, socklen_t len),
     (fd, data, size, flags, to, len))
CALL(ssize_t, getrandom, (void *data, size_t size, unsigned flags), (data, size, flags))
CALL(ssize_t, pread, (int fd, void *data, size_t size, off_t at), (fd, data, size, at))
CALL(ssize_t, __pread_chk, (int fd, void *data, size_t size, off_t at, size_t room),
     (fd, data, size, at, room))
CALL(int, dup, (int fd), (fd))
CALL(int, pipe2, (int ends[2], int flags), (ends, flags))
CALL(int, fsync, (int fd), (fd))
CALL(int, initgroups, (const char *name, gid_t group), (name, group))
CALL(int, setresgid, (gid_t actual, gid_t effective, gid_t saved), (actual, effective, saved))
CALL(int, setresuid, (uid_t actual, uid_t effective, uid_t saved), (actual, effective, saved))
CALL(int, setrlimit, (__rlimit_resource_t what, const struct rlimit *limit), (what, limit))
CALL(pid_t, waitpid, (pid_t pid, int *status, int options), (pid, status, options))

/* As the C library's own behind a read that failed: the end, and the flag that ferror() tells. */
int
getc(FILE *file)
{
	static int (*real)(FILE * file);
	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, "getc");
	if (!fails("getc", __builtin_return_address(0)))
		return real(file);
	file->_flags |= _IO_ERR_SEEN;
	return EOF;
}

/* A name: FILE, DIR or memory that could not be had is NULL. */
#define CALL_POINTER(type, name, none, params, args)                                 \
	type name params;                                                            \
	type name params                                                             \
	{                                                                            \
		static type(*real) params;                                           \
		if (real == NULL)                                                    \
			*(void **)&real = dlsym(RTLD_NEXT, #name);                   \
		return fails(#name, __builtin_return_address(0)) ? none : real args; \
	}

CALL_POINTER(FILE *, fopen, NULL, (const char *path, const char *mode), (path, mode))
FILE *fopen64(const char *path, const char *mode);
FILE *
fopen64(const char *path, const char *mode)
{
	return fopen(path, mode);
}

CALL_POINTER(FILE *, fdopen, NULL, (int fd, const char *mode), (fd, mode))
CALL_POINTER(FILE *, open_memstream, NULL, (char **text, size_t *len), (text, len))
CALL_POINTER(DIR *, opendir, NULL, (const char *path), (path))
CALL_POINTER(void *, mmap, MAP_FAILED,
	     (void *at, size_t size, int protection, int flags, int fd, off_t offset),
	     (at, size, protection, flags, fd, offset))

int
open(const char *path, int flags, ...)
{
	static int (*real)(const char *path, int flags, ...);
	va_list args;
	va_start(args, flags);
	mode_t mode = (flags & O_CREAT) != 0 ? va_arg(args, mode_t) : 0;
	va_end(args);
	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, "open");
	return fails("open", __builtin_return_address(0)) ? -1 : real(path, flags, mode);
}

/* What is behind the command is a number or an address, which travel alike. */
int
fcntl(int fd, int command, ...)
{
	static int (*real)(int fd, int command, ...);
	va_list args;
	va_start(args, command);
	void *value = va_arg(args, void *);
	va_end(args);
	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, "fcntl");
	return fails("fcntl", __builtin_return_address(0)) ? -1 : real(fd, command, value);
}
int fcntl64(int fd, int command, ...) __attribute__((alias("fcntl")));

int
prctl(int option, ...)
{
	static int (*real)(int option, ...);
	unsigned long values[4];
	va_list args;
	va_start(args, option);
	for (unsigned i = 0; i < 4; i++)
		values[i] = va_arg(args, unsigned long);
	va_end(args);
	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, "prctl");
	return fails("prctl", __builtin_return_address(0))
		       ? -1
		       : real(option, values[0], values[1], values[2], values[3]);
}
