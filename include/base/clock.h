/*
 * Two clocks, read only at the edge (event loop, main): the core gets its time as an argument.
 * Monotonic time measures durations and deadlines; real time, in milliseconds since 1970, stamps
 * bindings and nonces.
 */
#pragma once

#include <stdint.h>

uint64_t clock_monotonic_ms(void);
uint64_t clock_monotonic_us(void);
int64_t clock_real_ms(void);

/* Octets from the kernel; ends the process when there are none (never seen on Linux after boot). */
void random_bytes(void *octets, uint64_t len);

/* "2026-03-04T11:15:02.113Z" (RFC 3339, 25 octets with NUL) of a real time. */
void clock_rfc3339(int64_t real_ms, char out[static 25]);
/* "Sat, 13 Nov 2010 23:29:00 GMT" (RFC 3261 §20.17, 30 octets with NUL), English whatever the
 * locale. */
void clock_rfc1123(int64_t real_ms, char out[static 30]);
