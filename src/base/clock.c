/* The kernel's clocks and random octets, and dates as text without the C library's locale. */
#include "base/clock.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

static struct timespec
read_clock(clockid_t id)
{
	struct timespec now;
	clock_gettime(id, &now);
	return now;
}

uint64_t
clock_monotonic_us(void)
{
	struct timespec now = read_clock(CLOCK_MONOTONIC);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

uint64_t
clock_monotonic_ms(void)
{
	return clock_monotonic_us() / 1000;
}

int64_t
clock_real_ms(void)
{
	struct timespec now = read_clock(CLOCK_REALTIME);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void
draw(unsigned char *at, size_t len)
{
	while (len > 0) {
		ssize_t got = getrandom(at, len, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			perror("getrandom");
			abort();
		}
		at += got;
		len -= (size_t)got;
	}
}

/* Octets drawn ahead, because a REGISTER needs 40 of them and a system call costs more than they
 * do. */
static struct {
	unsigned char octets[4096];
	size_t left; /* those at the end are unused */
	bool watched;
} pool;

/* A child must not draw what its parent draws. */
static void
forget_pool(void)
{
	explicit_bzero(pool.octets, sizeof(pool.octets));
	pool.left = 0;
}

static void
fill_pool(void)
{
	if (!pool.watched && pthread_atfork(NULL, NULL, forget_pool) != 0)
		abort();
	pool.watched = true;
	draw(pool.octets, sizeof(pool.octets));
	pool.left = sizeof(pool.octets);
}

void
random_bytes(void *octets, uint64_t len)
{
	if (len > sizeof(pool.octets) / 16) {
		draw(octets, len);
		return;
	}
	if (pool.left < len)
		fill_pool();
	unsigned char *next = pool.octets + sizeof(pool.octets) - pool.left;
	memcpy(octets, next, len);
	explicit_bzero(next, len);
	pool.left -= len;
}

/* Milliseconds within their second, before 1970 too. */
static int
millisecond(int64_t real_ms)
{
	return (int)((real_ms % 1000 + 1000) % 1000);
}

static struct tm
civil(int64_t real_ms)
{
	time_t seconds = (time_t)(real_ms / 1000 - (real_ms % 1000 < 0));
	struct tm tm;
	gmtime_r(&seconds, &tm);
	return tm;
}

void
clock_rfc3339(int64_t real_ms, char out[static 25])
{
	struct tm tm = civil(real_ms);
	char text[80];
	snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900,
		 tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, millisecond(real_ms));
	snprintf(out, 25, "%.24s", text);
}

void
clock_rfc1123(int64_t real_ms, char out[static 30])
{
	static const char days[][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
	static const char months[][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
					  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	static int64_t last_s = INT64_MIN;
	static char last[30];
	int64_t seconds = real_ms / 1000 - (real_ms % 1000 < 0);
	if (seconds == last_s) { /* as for nearly every answer */
		memcpy(out, last, sizeof(last));
		return;
	}
	struct tm tm = civil(real_ms);
	char text[80];
	snprintf(text, sizeof(text), "%s, %02d %s %04d %02d:%02d:%02d GMT", days[tm.tm_wday],
		 tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min,
		 tm.tm_sec);
	snprintf(last, sizeof(last), "%.29s", text);
	last_s = seconds;
	memcpy(out, last, sizeof(last));
}
