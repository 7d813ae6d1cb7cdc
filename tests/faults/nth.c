/*
 * Allocations of the product in a unit test binary (see without_memory() in CMakeLists.txt): the
 * one with the number in ROLLCALL_FAIL_AT fails, counted from the beginning of each test, which is
 * a process of its own. Each test that got so far leaves its number in the file ROLLCALL_FAILED.
 * What got less far the last time is in vain: with ROLLCALL_ONLY, such a file, the others end at
 * once.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static unsigned long count;
static unsigned test; /* that was begun last */
static pid_t first;   /* the process that begins them */

static void
before_fork(void)
{
	test += getpid() == first;
}

__attribute__((constructor)) static void
count_tests(void)
{
	first = getpid();
	pthread_atfork(before_fork, NULL, NULL);
}

static bool
is_wanted(void)
{
	const char *path = getenv("ROLLCALL_ONLY");
	FILE *wanted = path == NULL ? NULL : fopen(path, "re");
	unsigned number = 0;
	if (wanted == NULL)
		return true;
	while (number != test && fscanf(wanted, "%u", &number) == 1)
		;
	fclose(wanted);
	return number == test;
}

void test_begins(void);

void
test_begins(void)
{
	if (!is_wanted())
		_exit(0);
}

static bool
fails(void)
{
	const char *at = getenv("ROLLCALL_FAIL_AT"), *failed = getenv("ROLLCALL_FAILED");
	if (at == NULL || failed == NULL || ++count != strtoul(at, NULL, 10))
		return false;
	int fd = open(failed, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
	if (fd < 0 || dprintf(fd, "%u\n", test) < 0)
		abort();
	close(fd);
	errno = ENOMEM;
	return true;
}

void *failing_malloc(size_t octets);
void *failing_calloc(size_t members, size_t octets);
void *failing_realloc(void *at, size_t octets);
void *failing_reallocarray(void *at, size_t members, size_t octets);
char *failing_strdup(const char *text);
char *failing_strndup(const char *text, size_t octets);
int failing_vasprintf(char **text, const char *format, va_list arguments);
int failing_asprintf(char **text, const char *format, ...);
FILE *failing_open_memstream(char **text, size_t *octets);
FILE *failing_fopen(const char *path, const char *mode);
FILE *failing_fdopen(int fd, const char *mode);

void *
failing_malloc(size_t octets)
{
	return fails() ? NULL : malloc(octets);
}

void *
failing_calloc(size_t members, size_t octets)
{
	return fails() ? NULL : calloc(members, octets);
}

void *
failing_realloc(void *at, size_t octets)
{
	return fails() ? NULL : realloc(at, octets);
}

void *
failing_reallocarray(void *at, size_t members, size_t octets)
{
	return fails() ? NULL : reallocarray(at, members, octets);
}

char *
failing_strdup(const char *text)
{
	return fails() ? NULL : strdup(text);
}

char *
failing_strndup(const char *text, size_t octets)
{
	return fails() ? NULL : strndup(text, octets);
}

int
failing_vasprintf(char **text, const char *format, va_list arguments)
{
	return fails() ? -1 : vasprintf(text, format, arguments);
}

int
failing_asprintf(char **text, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	int octets = failing_vasprintf(text, format, arguments);
	va_end(arguments);
	return octets;
}

FILE *
failing_open_memstream(char **text, size_t *octets)
{
	return fails() ? NULL : open_memstream(text, octets);
}

FILE *
failing_fopen(const char *path, const char *mode)
{
	return fails() ? NULL : fopen(path, mode);
}

FILE *
failing_fdopen(int fd, const char *mode)
{
	return fails() ? NULL : fdopen(fd, mode);
}
