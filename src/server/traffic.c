/* See server/traffic.h. The vote is that of Boyer and Moore: whoever has more than half of a window
 * is its favourite at the end; whether it has, only counting tells. */
#include "server/traffic.h"

#include "base/table.h"

static void
vote(struct traffic *traffic, const struct ip *source)
{
	if (traffic->votes == 0)
		traffic->favourite = *source;
	if (ip_equal(&traffic->favourite, source))
		traffic->votes++;
	else
		traffic->votes--;
}

static void
count(struct traffic *traffic, const struct ip *source, struct str aor)
{
	if (!ip_equal(&traffic->candidate, source))
		return;
	unsigned bit = table_hash(aor.p, aor.len) % 256;
	traffic->addresses[bit / 64] |= 1ull << bit % 64;
	traffic->matched++;
}

static uint32_t
address_count(const struct traffic *traffic)
{
	uint32_t bits = 0;
	for (unsigned i = 0; i < 4; i++)
		bits += (uint32_t)__builtin_popcountll(traffic->addresses[i]);
	return bits;
}

uint32_t
traffic_note(struct traffic *traffic, const struct ip *source, struct str aor, uint64_t now_ms)
{
	vote(traffic, source);
	count(traffic, source, aor);
	if (++traffic->seen < TRAFFIC_WINDOW)
		return 0;
	uint32_t share = traffic->matched * 100 / traffic->seen;
	bool tell = share >= TRAFFIC_SHARE && address_count(traffic) >= TRAFFIC_ADDRESSES &&
		    (traffic->told_ms == 0 || now_ms - traffic->told_ms >= TRAFFIC_TOLD_MS);
	*traffic = (struct traffic){ .candidate = traffic->favourite,
				     .told_ms = tell ? now_ms : traffic->told_ms };
	return tell ? share : 0;
}
