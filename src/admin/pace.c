/* The pace of streams and of what many may ask for: see the header. */
#include "pace.h"

#define BUSY 0.1       /* from here on the whole pause is made */
#define PAUSE_PAGES 19 /* as long as so many pages: a twentieth of the time is for the stream */
#define PAUSE_MAX_US 1000000u
#define REST_TIMES 4 /* as long as it took */
#define REST_MAX_US 1000000u

uint64_t
pace_pause_us(double busy, uint64_t page_us)
{
	double share = busy >= BUSY ? 1 : busy / BUSY;
	double pause_us = (double)page_us * PAUSE_PAGES * share;
	return pause_us < PAUSE_MAX_US ? (uint64_t)pause_us : PAUSE_MAX_US;
}

uint64_t
pace_rest_us(uint64_t took_us)
{
	return took_us < REST_MAX_US / REST_TIMES ? took_us * REST_TIMES : REST_MAX_US;
}
