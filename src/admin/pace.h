/*
 * How much of the time may go to what is dear.
 *
 * How long a stream waits between two pages, so that phones feel little of it: nothing on a node at
 * leisure, most of the time on a busy one. Whatever a page costs, here or in PostgreSQL, it costs
 * that in a small part of the time, and then most registrations do not meet it at all.
 */
#pragma once

#include <stdint.h>

/* Microseconds, at most a second. busy: the part of its time that the busiest worker works, 0 to 1;
 * page_us: what the last page took, from the question to its last line. */
uint64_t pace_pause_us(double busy, uint64_t page_us);

/* How long the work that took so long is not done anew, so that however many ask for it, four
 * fifths of the time are left for others; at most a second. */
uint64_t pace_rest_us(uint64_t took_us);
