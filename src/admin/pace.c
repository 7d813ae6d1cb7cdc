/* The pace of streams and of what many may ask for: see the header. */
#include "pace.h"

#define BUSY 0.1       /* from here on the whole pause is made */
#define PAUSE_PAGES 19 /* as long as so many pages: a twentieth of the time is for the stream */
#define PAUSE_MAX_US 1000000u
#define BUDGET_PART 5 /* of the time */
#define BUDGET_MAX_US 100000
#define DEBT_MAX_US 200000 /* paid in a second */

uint64_t
pace_pause_us(double busy, uint64_t page_us)
{
	double share = busy >= BUSY ? 1 : busy / BUSY;
	double pause_us = (double)page_us * PAUSE_PAGES * share;
	return pause_us < PAUSE_MAX_US ? (uint64_t)pause_us : PAUSE_MAX_US;
}

bool
budget_allows(struct budget *budget, uint64_t now_us)
{
	uint64_t earned_us = (now_us - budget->at_us) / BUDGET_PART;
	budget->left_us = earned_us < BUDGET_MAX_US + DEBT_MAX_US
				  ? budget->left_us + (int64_t)earned_us
				  : BUDGET_MAX_US;
	if (budget->left_us > BUDGET_MAX_US)
		budget->left_us = BUDGET_MAX_US;
	budget->at_us += earned_us * BUDGET_PART;
	return budget->left_us > 0;
}

void
budget_spend(struct budget *budget, uint64_t took_us)
{
	if (took_us > BUDGET_MAX_US + DEBT_MAX_US)
		took_us = BUDGET_MAX_US + DEBT_MAX_US;
	budget->left_us -= (int64_t)took_us;
	if (budget->left_us < -DEBT_MAX_US)
		budget->left_us = -DEBT_MAX_US;
}
