/* Counts of failures: a hash whose order of insertion is that of the last failure. */
#include "offenders.h"

#include <stdlib.h>
#include <string.h>

#include "base/table.h"

struct offender {
	struct ip source; /* key: zero behind what counts */
	uint32_t failures;
	uint64_t since_ms;
	UT_hash_handle hh;
};

struct offenders {
	struct offender *table;
	struct offender *pool;
	uint32_t used;
};

struct offenders *
offenders_open(void)
{
	struct offenders *offenders = calloc(1, sizeof(*offenders));
	if (offenders == NULL)
		return NULL;
	offenders->pool = calloc(OFFENDERS_MAX, sizeof(*offenders->pool));
	if (offenders->pool == NULL) {
		free(offenders);
		return NULL;
	}
	return offenders;
}

void
offenders_close(struct offenders *offenders)
{
	if (offenders == NULL)
		return;
	HASH_CLEAR(hh, offenders->table);
	free(offenders->pool);
	free(offenders);
}

/* Unused so far, or that of whoever failed longest ago. */
static struct offender *
take(struct offenders *offenders)
{
	if (offenders->used < OFFENDERS_MAX)
		return &offenders->pool[offenders->used++];
	struct offender *oldest = offenders->table;
	if (oldest != NULL)
		HASH_DEL(offenders->table, oldest);
	return oldest;
}

/* His count, at the end of the order; NULL when memory is out. */
static struct offender *
offender_of(struct offenders *offenders, const struct ip *source, uint64_t now_ms)
{
	struct offender *offender;
	struct ip key = ip_masked(*source, source->family == 4 ? 32 : 128);
	HASH_FIND(hh, offenders->table, &key, sizeof(key), offender);
	if (offender != NULL) {
		HASH_DEL(offenders->table, offender);
	} else {
		offender = take(offenders);
		if (offender == NULL)
			return NULL;
		*offender = (struct offender){ .source = key, .since_ms = now_ms };
	}
	HASH_ADD(hh, offenders->table, source, sizeof(offender->source), offender);
	return offender->hh.tbl == NULL ? NULL : offender;
}

bool
offenders_count(struct offenders *offenders, const struct ip *source, uint32_t most,
		uint64_t window_ms, uint64_t now_ms)
{
	struct offender *offender = offender_of(offenders, source, now_ms);
	if (offender == NULL)
		return false;
	if (now_ms - offender->since_ms >= window_ms) {
		offender->since_ms = now_ms;
		offender->failures = 0;
	}
	if (++offender->failures < most)
		return false;
	offender->failures = 0; /* the next one begins anew, also when nobody could be banned */
	offender->since_ms = now_ms;
	return true;
}
