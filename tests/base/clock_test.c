/* Dates as text, whatever the locale; random octets; clocks that go forward. */
#include "base/clock.h"

#include <locale.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "support/check_main.h"

#define EXAMPLE_MS 1289690940000 /* the date of RFC 3261 §20.17 */

/* Compiles the French locale where the system has only its source; false when it has not even
 * that. */
static bool
speak_french(const char *folder)
{
	char command[512];
	snprintf(command, sizeof(command),
		 "localedef -i fr_FR -f UTF-8 %s/fr_FR.UTF-8 >/dev/null 2>&1", folder);
	int status = system(command);
	(void)status;
	setenv("LOCPATH", folder, 1);
	setenv("LC_ALL", "fr_FR.UTF-8", 1);
	return setlocale(LC_ALL, "") != NULL;
}

/* UAS-20.17-1: RFC 1123 form in GMT, English names whatever the locale */
START_TEST(date_is_english_in_france)
{
	char folder[] = "/tmp/rollcall-locale-XXXXXX";
	char command[64], day[32], out[30];
	struct tm saturday = { .tm_wday = 6 };
	ck_assert_ptr_nonnull(mkdtemp(folder));
	bool french = speak_french(folder);
	strftime(day, sizeof(day), "%a", &saturday);
	clock_rfc1123(EXAMPLE_MS, out);
	snprintf(command, sizeof(command), "rm -r %s", folder);
	int removed = system(command);
	(void)removed;
	unsetenv("LOCPATH");
	setenv("LC_ALL", "C", 1);
	setlocale(LC_ALL, "C");
	if (french)
		ck_assert_str_eq(day, "sam.");
	ck_assert_str_eq(out, "Sat, 13 Nov 2010 23:29:00 GMT");
}
END_TEST

/* UAS-20.17-1: two digits for the day, all names */
START_TEST(date_forms)
{
	static const struct {
		int64_t ms;
		const char *text;
	} cases[] = {
		{ 0, "Thu, 01 Jan 1970 00:00:00 GMT" },
		{ 999, "Thu, 01 Jan 1970 00:00:00 GMT" },
		{ -1, "Wed, 31 Dec 1969 23:59:59 GMT" },
		{ 951782400000, "Tue, 29 Feb 2000 00:00:00 GMT" },
		{ 1772622902113, "Wed, 04 Mar 2026 11:15:02 GMT" },
		{ 4102444799000, "Thu, 31 Dec 2099 23:59:59 GMT" },
		{ 1776000000000, "Sun, 12 Apr 2026 13:20:00 GMT" },
		{ 1780000000000, "Thu, 28 May 2026 20:26:40 GMT" },
		{ 1782000000000, "Sun, 21 Jun 2026 00:00:00 GMT" },
		{ 1784000000000, "Tue, 14 Jul 2026 03:33:20 GMT" },
		{ 1786000000000, "Thu, 06 Aug 2026 07:06:40 GMT" },
		{ 1789000000000, "Thu, 10 Sep 2026 00:26:40 GMT" },
		{ 1791000000000, "Sat, 03 Oct 2026 04:00:00 GMT" },
		{ 1792252800000, "Sat, 17 Oct 2026 16:00:00 GMT" },
		{ 1791820800000, "Mon, 12 Oct 2026 16:00:00 GMT" },
		{ 1791561600000, "Fri, 09 Oct 2026 16:00:00 GMT" },
	};
	char out[30];
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		clock_rfc1123(cases[i].ms, out);
		ck_assert_str_eq(out, cases[i].text);
	}
}
END_TEST

START_TEST(rfc3339_has_milliseconds)
{
	char out[25];
	clock_rfc3339(1772622902113, out);
	ck_assert_str_eq(out, "2026-03-04T11:15:02.113Z");
	clock_rfc3339(0, out);
	ck_assert_str_eq(out, "1970-01-01T00:00:00.000Z");
	clock_rfc3339(-1, out);
	ck_assert_str_eq(out, "1969-12-31T23:59:59.999Z");
	/* Out of the form's years nothing overflows. */
	clock_rfc3339(INT64_MAX, out);
	ck_assert_uint_le(strlen(out), 24);
	clock_rfc3339(INT64_MIN, out);
	ck_assert_uint_le(strlen(out), 24);
}
END_TEST

START_TEST(clocks_go_forward)
{
	uint64_t us = clock_monotonic_us();
	uint64_t ms = clock_monotonic_ms();
	ck_assert_uint_ge(clock_monotonic_us(), us);
	ck_assert_uint_ge(ms, us / 1000);
	ck_assert_int_gt(clock_real_ms(), EXAMPLE_MS);
	ck_assert_int_le(llabs(clock_real_ms() / 1000 - (long long)time(NULL)), 1);
}
END_TEST

START_TEST(random_octets_fill_the_buffer)
{
	unsigned char a[1024] = { 0 }, b[1024] = { 0 };
	unsigned seen = 0;
	random_bytes(a, sizeof(a) - 1);
	random_bytes(b, sizeof(b) - 1);
	ck_assert_int_ne(memcmp(a, b, sizeof(a)), 0);
	ck_assert_int_eq(a[1023], 0);
	for (size_t i = 1000; i < 1023; i++)
		seen |= a[i];
	ck_assert_uint_ne(seen, 0);
	random_bytes(a, 0);
}
END_TEST

/* SEC: a nonce or a tag that two workers draw alike would be known to one of them from the other */
START_TEST(a_child_draws_its_own)
{
	unsigned char first[16], ours[16], theirs[16];
	int pipes[2];
	random_bytes(first, sizeof(first)); /* what is drawn ahead is there */
	ck_assert_int_eq(pipe(pipes), 0);
	pid_t child = fork();
	ck_assert_int_ge(child, 0);
	random_bytes(ours, sizeof(ours));
	if (child == 0) {
		ssize_t written = write(pipes[1], ours, sizeof(ours));
		_exit(written != (ssize_t)sizeof(ours));
	}
	ck_assert_int_eq(read(pipes[0], theirs, sizeof(theirs)), (ssize_t)sizeof(theirs));
	ck_assert_int_eq(waitpid(child, NULL, 0), child);
	ck_assert_int_ne(memcmp(ours, theirs, sizeof(ours)), 0);
	close(pipes[0]);
	close(pipes[1]);
}
END_TEST

SUITE(clock, date_is_english_in_france, date_forms, rfc3339_has_milliseconds, clocks_go_forward,
      random_octets_fill_the_buffer, a_child_draws_its_own)
