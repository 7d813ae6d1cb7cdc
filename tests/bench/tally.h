/*
 * What is counted in the measured window, and the JSON object that says it.
 *
 * Window: from tally_begin to tally_end. What is answered in it counts, whenever it was sent. What
 * is answered after it is "late", what is never answered is "lost", so that nothing vanishes.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "latencies.h"
#include "options.h"

#define TALLY_STATUSES 700

/* One interval of --series. */
struct moment {
	uint64_t t_ms; /* its end, from the start of the window */
	uint64_t registered, refused, lost, p50_us, p99_us;
};

enum tally_phase { TALLY_BEFORE, TALLY_WINDOW, TALLY_AFTER };

struct tally {
	enum tally_phase phase;
	uint64_t start_us, end_us;
	uint64_t unprepared; /* clients that could not register before the window */
	uint64_t begun, registered, challenged, lost, late, retransmitted, disconnected;
	uint64_t refused[TALLY_STATUSES];
	struct latencies latency;
	/* CPU at the start, then what was used in the window */
	uint64_t cpu_ns[CHARGES_MAX], own_cpu_ns;
	/* of --idle: before, and when all connections are there */
	uint64_t pss_kb[2][CHARGES_MAX];
	/* series */
	uint64_t interval_us, interval_end_us;
	struct moment now; /* the counts of the interval that runs */
	struct latencies now_latency;
	struct moment *moments;
	uint32_t moment_count, moment_room;
};

void tally_begin(struct tally *tally, const struct options *options, uint64_t now_us);
void tally_end(struct tally *tally, const struct options *options, uint64_t now_us);
/* Once in a while, at least a few times an interval: ends the intervals that are over. */
void tally_tick(struct tally *tally, uint64_t now_us);

void tally_registered(struct tally *tally, uint64_t latency_us);
void tally_refused(struct tally *tally, unsigned status);
void tally_lost(struct tally *tally);

/* Reads the memory of what is charged: a snapshot for pss_kb. */
void tally_memory(uint64_t pss_kb[static CHARGES_MAX], const struct options *options);

void tally_print(const struct tally *tally, const struct options *options);
