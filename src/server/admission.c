/*
 * Nobody knows beforehand how much a database can do, and while it pauses it looks like one that
 * has become slow. So everybody is let in at first, and the store gives up what turns out to wait
 * for too long. The limit shrinks at once to what the last answer proves, and grows by one with
 * each answer while it is in use, so it doubles in the time that a request waits; but never beyond
 * what the answers prove. What was learned in a storm is forgotten when it is over.
 */
#include "admission.h"

#define LIMIT_LEAST 64u /* a short pause of the database teaches nothing worse */
#define TOLD_A_SECOND 20000u
#define TOLD_A_SECOND_FULL 5000u
#define TOLD_AT_ONCE 64u
#define WORK_MS 100u
#define WORK_FULL_PERCENT 85u

void
admission_open(struct admission *admission, uint64_t target_ms, uint32_t most)
{
	*admission = (struct admission){
		.target_ms = target_ms, .limit = most, .most = most, .allowance = TOLD_AT_ONCE
	};
}

void
admission_forget(struct admission *admission)
{
	admission->limit = admission->most;
}

void
admission_learn(struct admission *admission, uint32_t before, uint64_t waited_ms)
{
	if (admission->target_ms == 0 || before < LIMIT_LEAST / 2)
		return; /* one row that is locked says nothing about the others */
	uint64_t proved = admission->most;
	if (waited_ms > 0)
		proved = ((uint64_t)before + 1) * admission->target_ms / waited_ms;
	if (proved > admission->most)
		proved = admission->most;
	if (proved < LIMIT_LEAST)
		proved = LIMIT_LEAST;
	bool in_use = before >= admission->limit / 2;
	if (waited_ms > admission->target_ms && proved < admission->limit)
		admission->limit = (uint32_t)proved;
	else if (in_use && proved > admission->limit)
		admission->limit++;
}

bool
admission_room(const struct admission *admission, uint32_t waiting, bool refresh)
{
	uint32_t limit = refresh ? admission->limit : admission->limit / 2;
	return admission->target_ms == 0 || waiting < limit;
}

void
admission_work(struct admission *admission, uint64_t busy_us, uint64_t now_ms)
{
	uint64_t elapsed_ms = now_ms - admission->work_ms;
	if (elapsed_ms < WORK_MS)
		return;
	admission->full = (busy_us - admission->busy_us) / 10 >= elapsed_ms * WORK_FULL_PERCENT;
	admission->work_ms = now_ms;
	admission->busy_us = busy_us;
}

bool
admission_would_tell(struct admission *admission, uint64_t now_ms)
{
	uint32_t a_second = admission->full ? TOLD_A_SECOND_FULL : TOLD_A_SECOND;
	uint64_t earned = (now_ms - admission->told_ms) * a_second / 1000;
	if (earned > 0) {
		uint32_t most = a_second / 50 > TOLD_AT_ONCE ? a_second / 50 : TOLD_AT_ONCE;
		earned += admission->allowance;
		admission->allowance = earned < most ? (uint32_t)earned : most;
		admission->told_ms = now_ms;
	}
	return admission->allowance > 0;
}

bool
admission_tell(struct admission *admission, uint64_t now_ms)
{
	if (!admission_would_tell(admission, now_ms))
		return false;
	admission->allowance--;
	return true;
}
