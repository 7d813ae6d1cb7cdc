/*
 * How many requests may wait for the store, so that none of them waits long. A request that comes
 * last waits for all before it, so it is their number that counts and not their age, which tells of
 * a storm only when it is too late. What the store was seen to do says how many are served within
 * the target.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct admission {
	uint64_t target_ms; /* the longest wait for the store; 0: any */
	uint32_t limit;	    /* so many are served within it, as far as is known */
	uint32_t most;	    /* the limit never grows beyond */
	uint64_t told_ms;   /* when the allowance was renewed last */
	uint32_t allowance; /* refusals that may still be told over UDP */
	uint64_t work_ms;   /* when the work of the loop was looked at last … */
	uint64_t busy_us;   /* … and how much there had been by then */
	bool full;	    /* it had no time left since the time before */
};

/* target_ms may change at any time. All are let in until an answer proves that they are too many.
 */
void admission_open(struct admission *admission, uint64_t target_ms, uint32_t most);
/* Lets all in again. */
void admission_forget(struct admission *admission);
/* One that found so many before it was served after waited_ms. */
void admission_learn(struct admission *admission, uint32_t before, uint64_t waited_ms);
/* May one more join so many that wait? Half of the room is for refreshes alone: a phone that is
 * registered is not to lose that because others want to be. */
bool admission_room(const struct admission *admission, uint32_t waiting, bool refresh);
/* The loop has been busy for so long since it began. */
void admission_work(struct admission *admission, uint64_t busy_us, uint64_t now_ms);
/* True when a datagram that is turned away gets an answer; else silence. While the loop has time,
 * 20,000 a second do, so that phones know when to come back and do not send again and again; when
 * it has none left, 5,000: to tell one costs as much as to let go of all that it would send again.
 */
bool admission_tell(struct admission *admission, uint64_t now_ms);
/* Would it be told? Renews what may be told, and takes nothing of it. */
bool admission_would_tell(struct admission *admission, uint64_t now_ms);
