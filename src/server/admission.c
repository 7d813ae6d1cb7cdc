/*
 * The limit shrinks at once to what the last answer proves, and grows by one with each answer while
 * it is in use, so it doubles in the time that a request waits; but never beyond what the answers
 * prove. There is nothing to recover from when a storm ends: the queue is empty then.
 */
#include "admission.h"

#define LIMIT_FIRST 256u
#define LIMIT_LEAST 64u /* a short pause of the database teaches nothing worse */
#define TOLD_EVERY_MS 2u
#define TOLD_AT_ONCE 64u

void
admission_open(struct admission *admission, uint64_t target_ms, uint32_t most)
{
	*admission = (struct admission){ .target_ms = target_ms,
					 .limit = most < LIMIT_FIRST ? most : LIMIT_FIRST,
					 .most = most,
					 .allowance = TOLD_AT_ONCE };
}

void
admission_learn(struct admission *admission, uint32_t before, uint64_t waited_ms)
{
	if (admission->target_ms == 0)
		return;
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

bool
admission_tell(struct admission *admission, uint64_t now_ms)
{
	uint64_t earned = (now_ms - admission->told_ms) / TOLD_EVERY_MS;
	if (earned > 0)
		admission->told_ms = now_ms;
	if (earned > TOLD_AT_ONCE - admission->allowance)
		admission->allowance = TOLD_AT_ONCE;
	else
		admission->allowance += (uint32_t)earned;
	if (admission->allowance == 0)
		return false;
	admission->allowance--;
	return true;
}
