/* Counters, and one printf after another. */
#include "tally.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- the window --------------------------------------------------------------------------- */

void
tally_begin(struct tally *tally, const struct options *options, uint64_t now_us)
{
	tally->interval_us = (uint64_t)options->series_ms * 1000;
	if (tally->interval_us > 0) {
		tally->moment_room =
			(uint32_t)(options->seconds * 1e6 / (double)tally->interval_us) + 2;
		tally->moments = calloc(tally->moment_room, sizeof(*tally->moments));
	}
	for (unsigned i = 0; i < options->charge_count; i++)
		tally->cpu_ns[i] = charge_cpu_ns(options->charges[i].root);
	tally->own_cpu_ns = charge_own_cpu_ns();
	tally->start_us = now_us;
	tally->interval_end_us = now_us + tally->interval_us;
	tally->phase = TALLY_WINDOW;
}

void
tally_end(struct tally *tally, const struct options *options, uint64_t now_us)
{
	tally->own_cpu_ns = charge_own_cpu_ns() - tally->own_cpu_ns;
	for (unsigned i = 0; i < options->charge_count; i++)
		tally->cpu_ns[i] = charge_cpu_ns(options->charges[i].root) - tally->cpu_ns[i];
	tally_tick(tally, now_us);
	tally->end_us = now_us;
	tally->phase = TALLY_AFTER;
}

static void
end_interval(struct tally *tally)
{
	tally->now.t_ms = (tally->interval_end_us - tally->start_us) / 1000;
	tally->now.p50_us = latencies_quantile(&tally->now_latency, 0.5);
	tally->now.p99_us = latencies_quantile(&tally->now_latency, 0.99);
	if (tally->moment_count < tally->moment_room)
		tally->moments[tally->moment_count++] = tally->now;
	tally->now = (struct moment){ 0 };
	memset(&tally->now_latency, 0, sizeof(tally->now_latency));
	tally->interval_end_us += tally->interval_us;
}

void
tally_tick(struct tally *tally, uint64_t now_us)
{
	while (tally->phase == TALLY_WINDOW && tally->moments != NULL &&
	       now_us >= tally->interval_end_us)
		end_interval(tally);
}

void
tally_memory(uint64_t pss_kb[static CHARGES_MAX], const struct options *options)
{
	for (unsigned i = 0; i < options->charge_count; i++)
		pss_kb[i] = charge_pss_kb(options->charges[i].root);
}

/* --- what happens ------------------------------------------------------------------------- */

void
tally_registered(struct tally *tally, uint64_t latency_us)
{
	tally->late += tally->phase == TALLY_AFTER;
	if (tally->phase != TALLY_WINDOW)
		return;
	tally->registered++;
	latencies_add(&tally->latency, latency_us);
	if (tally->moments == NULL)
		return;
	tally->now.registered++;
	latencies_add(&tally->now_latency, latency_us);
}

void
tally_refused(struct tally *tally, unsigned status)
{
	tally->late += tally->phase == TALLY_AFTER;
	if (tally->phase != TALLY_WINDOW)
		return;
	tally->refused[status < TALLY_STATUSES ? status : 0]++;
	tally->now.refused++;
}

void
tally_lost(struct tally *tally)
{
	tally->lost += tally->phase != TALLY_BEFORE;
	tally->now.lost += tally->phase == TALLY_WINDOW;
}

/* --- the report --------------------------------------------------------------------------- */

static double
each(const struct tally *tally, uint64_t ns)
{
	return tally->registered == 0 ? 0 : (double)ns / 1e3 / (double)tally->registered;
}

static void
print_refused(const struct tally *tally)
{
	const char *between = "";
	printf("\"refused\":{");
	for (unsigned i = 0; i < TALLY_STATUSES; i++)
		if (tally->refused[i] > 0) {
			printf("%s\"%u\":%" PRIu64, between, i, tally->refused[i]);
			between = ",";
		}
	printf("},");
}

static void
print_cpu(const struct tally *tally, const struct options *options)
{
	printf("\"cpu_us\":{");
	for (unsigned i = 0; i < options->charge_count; i++)
		printf("%s\"%s\":%.2f", i > 0 ? "," : "", options->charges[i].name,
		       each(tally, tally->cpu_ns[i]));
	printf("},\"generator_cpu_us\":%.2f", each(tally, tally->own_cpu_ns));
}

static void
print_memory(const struct tally *tally, const struct options *options)
{
	printf(",\"memory\":{");
	for (unsigned i = 0; i < options->charge_count; i++) {
		uint64_t before = tally->pss_kb[0][i], after = tally->pss_kb[1][i];
		double growth = (double)after - (double)before;
		printf("%s\"%s\":{\"before_kb\":%" PRIu64 ",\"after_kb\":%" PRIu64
		       ",\"pss_per_connection_kb\":%.2f}",
		       i > 0 ? "," : "", options->charges[i].name, before, after,
		       tally->registered == 0 ? 0 : growth / (double)tally->registered);
	}
	printf("}");
}

static void
print_series(const struct tally *tally)
{
	printf(",\"series\":[");
	for (uint32_t i = 0; i < tally->moment_count; i++) {
		const struct moment *m = &tally->moments[i];
		printf("%s{\"t_ms\":%" PRIu64 ",\"registered\":%" PRIu64 ",\"refused\":%" PRIu64
		       ",\"lost\":%" PRIu64 ",\"p50_us\":%" PRIu64 ",\"p99_us\":%" PRIu64 "}",
		       i > 0 ? "," : "", m->t_ms, m->registered, m->refused, m->lost, m->p50_us,
		       m->p99_us);
	}
	printf("]");
}

void
tally_print(const struct tally *tally, const struct options *options)
{
	double seconds = (double)(tally->end_us - tally->start_us) / 1e6;
	printf("{\"start_us\":%" PRIu64 ",\"seconds\":%.3f,\"unprepared\":%" PRIu64
	       ",\"begun\":%" PRIu64 ",\"registered\":%" PRIu64
	       ",\"per_second\":%.0f,\"challenged\":%" PRIu64 ",",
	       tally->start_us, seconds, tally->unprepared, tally->begun, tally->registered,
	       (double)tally->registered / seconds, tally->challenged);
	print_refused(tally);
	printf("\"late\":%" PRIu64 ",\"lost\":%" PRIu64 ",\"retransmitted\":%" PRIu64
	       ",\"disconnected\":%" PRIu64 ",\"p50_us\":%" PRIu64 ",\"p90_us\":%" PRIu64
	       ",\"p99_us\":%" PRIu64 ",\"max_us\":%" PRIu64 ",",
	       tally->late, tally->lost, tally->retransmitted, tally->disconnected,
	       latencies_quantile(&tally->latency, 0.5), latencies_quantile(&tally->latency, 0.9),
	       latencies_quantile(&tally->latency, 0.99), tally->latency.max_us);
	print_cpu(tally, options);
	if (tally->moments != NULL)
		print_series(tally);
	if (options->idle > 0)
		print_memory(tally, options);
	puts("}");
}
