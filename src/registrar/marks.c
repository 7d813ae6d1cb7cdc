/*
 * The highest count accepted for each live nonce. A mark that is forgotten, because it expired or
 * because there are too many, leaves its second as the floor: what was issued up to then and has no
 * mark is used up. So forgetting never makes a captured request good again, whatever the clocks of
 * the nodes say.
 */
#include "marks.h"

#include <string.h>

static bool
same_nonce(const struct nonce *a, const struct nonce *b)
{
	return memcmp(a->id, b->id, sizeof(a->id)) == 0;
}

uint32_t
marks_count(const struct credentials *credentials)
{
	return credentials->qop == DIGEST_QOP_NONE ? UINT32_MAX : credentials->nc;
}

enum mark_verdict
marks_judge(const struct record *record, const struct nonce *nonce, uint32_t nc)
{
	for (uint32_t i = 0; i < record->mark_count; i++) {
		const struct nonce_mark *mark = &record->marks[i];
		if (!same_nonce(&mark->nonce, nonce))
			continue;
		if (nc == mark->nc)
			return MARK_EQUAL;
		return nc > mark->nc ? MARK_FRESH : MARK_USED;
	}
	return nonce->issued_s <= record->mark_floor_s ? MARK_USED : MARK_FRESH;
}

bool
marks_floor_ahead(const struct record *record, int64_t now_ms)
{
	return (int64_t)record->mark_floor_s * 1000 > now_ms;
}

static void
forget(struct record *after, uint32_t index)
{
	uint32_t issued_s = after->marks[index].nonce.issued_s;
	if (issued_s > after->mark_floor_s)
		after->mark_floor_s = issued_s;
	after->marks[index] = after->marks[--after->mark_count];
}

static uint32_t
oldest_mark(const struct record *record)
{
	uint32_t oldest = 0;
	for (uint32_t i = 1; i < record->mark_count; i++)
		if (record->marks[i].nonce.issued_s < record->marks[oldest].nonce.issued_s)
			oldest = i;
	return oldest;
}

bool
marks_raise(struct record *after, const struct record *record, const struct nonce *nonce,
	    uint32_t nc, int64_t now_ms, uint32_t ttl_s, struct arena *arena)
{
	after->marks = arena_array(arena, (size_t)record->mark_count + 1, sizeof(*after->marks));
	if (after->marks == NULL)
		return false;
	after->mark_count = 0;
	after->mark_floor_s = record->mark_floor_s;
	struct nonce_mark raised = { *nonce, nc };
	for (uint32_t i = 0; i < record->mark_count; i++) {
		const struct nonce_mark *mark = &record->marks[i];
		if (!same_nonce(&mark->nonce, nonce))
			after->marks[after->mark_count++] = *mark;
		else if (mark->nc > nc)
			raised.nc = mark->nc;
	}
	for (uint32_t i = after->mark_count; i-- > 0;) {
		int64_t end_ms = ((int64_t)after->marks[i].nonce.issued_s + ttl_s) * 1000;
		if (end_ms < now_ms)
			forget(after, i);
	}
	while (after->mark_count >= MARKS_MAX)
		forget(after, oldest_mark(after));
	after->marks[after->mark_count++] = raised;
	return true;
}
