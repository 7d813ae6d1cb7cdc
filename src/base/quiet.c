/* A table of fixed size without chains: two sources that meet in a slot take it from each other,
 * which costs a line more, never one less. */
#include "base/quiet.h"

#include "base/table.h"

uint32_t
quiet_count(struct quiet *quiet, const struct ip *source, enum reason reason, uint64_t now_ms)
{
	unsigned hash = table_hash(source, sizeof(*source)) + (unsigned)reason;
	struct quiet_slot *slot = &quiet->slots[hash % QUIET_SLOTS];
	uint64_t second = now_ms / 1000 + 1; /* 0: never */
	if (slot->reason != reason || !ip_equal(&slot->source, source))
		*slot = (struct quiet_slot){ .source = *source, .reason = reason };
	if (quiet->second != second)
		quiet->lines = 0;
	quiet->second = second;
	if (slot->second == second || quiet->lines == QUIET_LINES) {
		slot->held_back++;
		return 0;
	}
	quiet->lines++;
	uint32_t count = slot->held_back + 1;
	slot->held_back = 0;
	slot->second = second;
	return count;
}
