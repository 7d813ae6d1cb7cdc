/* How far an import is. */
#include <time.h>
#include <unistd.h>

#include "import.h"

#define BAR_WIDTH 30

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
draw_bar(const struct progress *progress, size_t done, double share, double rate)
{
	fputs("\rimporting   ", stderr);
	for (int i = 0; i < BAR_WIDTH; i++)
		fputs(i < (int)(share * BAR_WIDTH) ? "█" : "░", stderr);
	fprintf(stderr, "  %zu/%zu  %3.0f%%  %.0f/s  %.1fs left ", done, progress->whole,
		share * 100, rate, rate > 0 ? (double)(progress->whole - done) / rate : 0.0);
}

void
progress_show(struct progress *progress, size_t done)
{
	double spent = progress_seconds(progress);
	double rate = spent > 0 ? (double)done / spent : 0;
	double share = progress->whole == 0 ? 1 : (double)done / (double)progress->whole;
	unsigned step = (unsigned)(share * 10);
	if (progress->quiet)
		return;
	if (isatty(STDERR_FILENO))
		draw_bar(progress, done, share, rate);
	else if (step > progress->last_step)
		fprintf(stderr, "importing   %zu/%zu  %u%%  %.0f/s\n", done, progress->whole,
			step * 10, rate);
	progress->last_step = step;
}

void
progress_end(const struct progress *progress)
{
	if (isatty(STDERR_FILENO) && !progress->quiet)
		fputc('\n', stderr);
}
