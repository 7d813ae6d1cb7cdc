/*
 * How much of the time may go to what is dear.
 *
 * How long a stream waits between two pages, so that phones feel little of it: nothing on a node at
 * leisure, most of the time on a busy one. Whatever a page costs, here or in PostgreSQL, it costs
 * that in a small part of the time, and then most registrations do not meet it at all.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Microseconds, at most a second. busy: the part of its time that the busiest worker works, 0 to 1;
 * page_us: what the last page took, from the question to its last line. */
uint64_t pace_pause_us(double busy, uint64_t page_us);

/* For work that anybody may ask for: a fifth of the time, and a tenth of a second at once. Zero is
 * a budget that nothing was spent of. */
struct budget {
	int64_t left_us; /* below 0: it took longer than there was left */
	uint64_t at_us;	 /* until when it is counted */
};
/* May it be done now? When it took very long, again after a second at most. */
bool budget_allows(struct budget *budget, uint64_t now_us);
/* It took so long. */
void budget_spend(struct budget *budget, uint64_t took_us);
