/* How far an import is: its rate, its end, and lines that stay one line on any terminal. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "ctl/captured.h"
#include "ctl/import.h"
#include "support/check_main.h"

/* What progress_show() writes to a terminal of that many columns. */
static void
on_terminal(struct progress *progress, size_t done, unsigned short columns, char text[static 1024])
{
	struct winsize size = { .ws_row = 24, .ws_col = columns };
	int master = posix_openpt(O_RDWR | O_NOCTTY), saved = dup(STDERR_FILENO);
	ck_assert(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
	int slave = open(ptsname(master), O_RDWR | O_NOCTTY);
	ck_assert(slave >= 0 && ioctl(slave, TIOCSWINSZ, &size) == 0);
	fflush(stderr);
	dup2(slave, STDERR_FILENO);
	progress_show(progress, done);
	fflush(stderr);
	dup2(saved, STDERR_FILENO);
	ssize_t len = 0, got;
	fcntl(master, F_SETFL, O_NONBLOCK);
	while ((got = read(master, text + len, (size_t)(1023 - len))) > 0)
		len += got;
	text[len] = '\0';
	close(saved);
	close(slave);
	close(master);
}

/* Signs between the CR in front and the sequence that clears the rest of the line. */
static unsigned
columns_of(const char *text)
{
	unsigned columns = 0;
	const char *end = strstr(text, "\033[K");
	ck_assert_msg(text[0] == '\r' && end != NULL && end[3] == '\0', "%s", text);
	for (text++; text < end; text++)
		columns += ((unsigned char)*text & 0xc0) != 0x80;
	return columns;
}

START_TEST(a_line_fits_its_terminal)
{
	static const unsigned short widths[] = { 1, 5, 12, 13, 14, 40, 60, 80, 95, 96, 97, 200 };
	char text[1024];
	for (size_t i = 0; i < sizeof(widths) / sizeof(*widths); i++) {
		struct progress progress;
		progress_start(&progress, 2000000, false);
		progress.started -= 10;
		on_terminal(&progress, 1000000, widths[i], text);
		unsigned columns = columns_of(text);
		ck_assert_msg(columns < widths[i] || columns == 12, "%u of %u: %s", columns,
			      widths[i], text);
		ck_assert_msg((strstr(text, "█") != NULL) == (widths[i] >= 80), "%s", text);
		ck_assert_msg((strstr(text, "s left") != NULL) == (widths[i] >= 80), "%s", text);
	}
}
END_TEST

/* Terminals that do not know how wide they are say 0. */
START_TEST(a_terminal_without_a_width_has_the_whole_bar)
{
	struct progress progress;
	char text[1024];
	progress_start(&progress, 10, false);
	on_terminal(&progress, 10, 0, text);
	unsigned bar = 0;
	for (const char *at = text; (at = strstr(at, "█")) != NULL; at++)
		bar++;
	ck_assert_uint_eq(bar, 30);
	ck_assert_msg(strstr(text, "10/10  100%") != NULL, "%s", text);
}
END_TEST

START_TEST(rows_of_an_earlier_run_are_no_speed)
{
	struct progress progress;
	struct capture c;
	unsigned rate = 0;
	progress_start(&progress, 1000000, false);
	progress.before = 500000;
	progress.started -= 1000;
	capture_start(&c, stderr);
	progress_show(&progress, 600000);
	const char *said = capture_end(&c);
	ck_assert_msg(sscanf(said, "importing   600 000/1 000 000   60%%   %u/s", &rate) == 1, "%s",
		      said);
	ck_assert_msg(rate >= 90 && rate <= 100, "%s", said);
}
END_TEST

START_TEST(a_file_that_grew_has_no_time_left)
{
	struct progress progress;
	char text[1024];
	progress_start(&progress, 10, false);
	progress.started -= 10;
	on_terminal(&progress, 2000, 120, text);
	ck_assert_msg(strstr(text, "2 000/2 000  100%") != NULL && strstr(text, "   0.0s left"),
		      "%s", text);
}
END_TEST

SUITE(progress, a_line_fits_its_terminal, a_terminal_without_a_width_has_the_whole_bar,
      rows_of_an_earlier_run_are_no_speed, a_file_that_grew_has_no_time_left)
