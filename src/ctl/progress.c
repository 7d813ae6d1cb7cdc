/* How far an import is. */
#include <limits.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "import.h"
#include "output.h"

#define BAR_WIDTH 30
#define HEAD "importing   "

static double
seconds_now(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void
progress_start(struct progress *progress, size_t whole, bool quiet)
{
	*progress = (struct progress){ .whole = whole, .started = seconds_now(), .quiet = quiet };
}

double
progress_seconds(const struct progress *progress)
{
	return seconds_now() - progress->started;
}

static void
counts(const struct progress *progress, size_t done, double rate, char so_far[static 32],
       char whole[static 32], char pace[static 32])
{
	output_count(so_far, 32, (int64_t)done);
	output_count(whole, 32, (int64_t)progress->whole);
	output_count(pace, 32, (int64_t)rate);
}

/* Octets that fit behind HEAD; a line as wide as the terminal would begin a new one each time. */
static int
room(void)
{
	struct winsize size;
	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
		return INT_MAX;
	return size.ws_col < sizeof(HEAD) ? 0 : size.ws_col - (int)sizeof(HEAD);
}

/* What does not fit goes: the bar first, then the end of the words. */
static void
draw_bar(const struct progress *progress, size_t done, double share, double rate)
{
	char words[160], so_far[32], whole[32], pace[32];
	counts(progress, done, rate, so_far, whole, pace);
	int len = snprintf(words, sizeof(words), "   %s/%s  %3.0f%%   %s/s   %.1fs left", so_far,
			   whole, share * 100, pace,
			   rate > 0 ? (double)(progress->whole - done) / rate : 0.0);
	int space = room(), width = space - len;
	width = width < 0 ? 0 : width > BAR_WIDTH ? BAR_WIDTH : width;
	fputs("\r" HEAD, stderr);
	for (int i = 0; i < width; i++)
		fputs(i < (int)(share * width) ? "█" : "░", stderr);
	fprintf(stderr, "%.*s\033[K", space, words);
}

static void
print_step(const struct progress *progress, size_t done, unsigned step, double rate)
{
	char so_far[32], whole[32], pace[32];
	counts(progress, done, rate, so_far, whole, pace);
	fprintf(stderr, HEAD "%s/%s   %u%%   %s/s\n", so_far, whole, step * 10, pace);
}

void
progress_show(struct progress *progress, size_t done)
{
	double spent = progress_seconds(progress);
	double rate = spent > 0 ? (double)(done - progress->before) / spent : 0;
	if (done > progress->whole) /* the file grew meanwhile */
		progress->whole = done;
	double share = progress->whole == 0 ? 1 : (double)done / (double)progress->whole;
	unsigned step = (unsigned)(share * 10);
	if (progress->quiet)
		return;
	if (isatty(STDERR_FILENO))
		draw_bar(progress, done, share, rate);
	else if (step > progress->last_step)
		print_step(progress, done, step, rate);
	progress->last_step = step;
}

void
progress_end(const struct progress *progress)
{
	if (isatty(STDERR_FILENO) && !progress->quiet)
		fputc('\n', stderr);
}
