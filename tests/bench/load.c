/*
 * load: many phones that register, as cheaply as can be, for it shares its machine with what it
 * measures. load --help says what it does.
 *
 *   options   what is asked for             plan     which kind of registration comes next
 *   run       slots, pace, retransmission   client   one phone: writes REGISTERs, reads answers
 *   wire      how messages travel: udp,     tally    what is counted, and the report
 *             stream (with channel)
 *   charge    CPU and memory of processes   latencies
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "run.h"

uint64_t
now_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

_Noreturn void
die(const char *what)
{
	fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* Whoever started this chooses when the window begins. */
static void
wait_for_word(void)
{
	fputs("ready\n", stderr);
	while (getchar() > '\n')
		;
}

static void
measure(struct run *run)
{
	bool idle = run->options->idle > 0;
	if (idle)
		tally_memory(run->tally->pss_kb[0], run->options);
	run_measure(run);
	if (!idle)
		return;
	run_hold(run);
	tally_memory(run->tally->pss_kb[1], run->options);
}

/* False when nobody registered in one of them. */
static bool
measure_all(struct run *run)
{
	bool good = true;
	uint64_t unprepared = run->tally->unprepared;
	for (uint32_t i = 0; i < run->options->windows; i++) {
		free(run->tally->moments);
		*run->tally = (struct tally){ .unprepared = unprepared };
		if (run->options->wait)
			wait_for_word();
		measure(run);
		tally_print(run->tally, run->options);
		fflush(stdout);
		good = good && run->tally->registered > 0;
	}
	return good;
}

int
main(int argc, char **argv)
{
	static const char *const protocols[] = { "UDP", "TCP", "TLS" };
	static struct options options = { .host = "127.0.0.1",
					  .users = 20000,
					  .first = 1,
					  .slots = 128,
					  .seconds = 5,
					  .windows = 1,
					  .hold = 1 };
	static struct clients all = { .contact = "192.0.2.10:5062",
				      .sha256 = true,
				      .expires_s = 3600 };
	static struct tally tally;
	struct run run = { .options = &options, .all = &all, .tally = &tally };
	options_read(&options, &all, argc, argv);
	all.run = (uint32_t)now_us() ^ (uint32_t)getpid() << 16;
	all.transport = protocols[options.transport];
	if (!clients_init(&all)) {
		fputs("load: a word is too long, or libcrypto has no such hash\n", stderr);
		return 2;
	}
	prctl(PR_SET_TIMERSLACK, 1000); /* ns: a turn ends when it should */
	run_init(&run);
	run.wire =
		options.transport == UDP ? udp_open(&options) : stream_open(&options, all.domain);
	if (options.transport != UDP && options.idle == 0)
		stream_open_all(run.wire);
	if (options.mode != MODE_FIRST && !run_warm_up(&run)) {
		fputs("load: the registrar does not answer any more\n", stderr);
		return 1;
	}
	bool good = measure_all(&run);
	if (options.transport != UDP)
		stream_end_all(run.wire);
	return !good;
}
