/*
 * Shared bans: sorted arrays, two of them by turns. A look-up tries each prefix length in use by
 * bisection; there are few lengths, and no hash that an attacker could fill.
 */
#include "base/bans.h"

#include <string.h>
#include <sys/mman.h>

#define LENGTHS 129u
#define TRIES 8u

struct half {
	uint64_t lengths[2][LENGTHS / 64 + 1]; /* in use: IPv4, IPv6 */
	struct ban_set set;
};

/* turn counts publications; halves[turn % 2] is the one in force. */
struct bans {
	_Atomic uint32_t turn;
	_Atomic uint32_t count; /* of that half: nobody looks further when it is 0 */
	struct half halves[2];
};

static void *
map_shared(size_t size)
{
	void *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return map == MAP_FAILED ? NULL : map;
}

/* --- a set ------------------------------------------------------------------------------- */

static int
compare(const struct ip_prefix *a, const struct ip_prefix *b)
{
	if (a->ip.family != b->ip.family)
		return a->ip.family < b->ip.family ? -1 : 1;
	if (a->bits != b->bits)
		return a->bits < b->bits ? -1 : 1;
	return memcmp(a->ip.octets, b->ip.octets, sizeof(a->ip.octets));
}

/* Where prefix is, or would be. count is an argument because a reader may see a torn one. */
static uint32_t
place(const struct ban_set *set, uint32_t count, const struct ip_prefix *prefix)
{
	uint32_t low = 0, high = count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (compare(&set->items[middle].prefix, prefix) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct ban *
ban_set_find(struct ban_set *set, const struct ip_prefix *prefix)
{
	uint32_t at = place(set, set->count, prefix);
	return at < set->count && compare(&set->items[at].prefix, prefix) == 0 ? &set->items[at]
									       : NULL;
}

bool
ban_set_put(struct ban_set *set, const struct ban *ban)
{
	uint32_t at = place(set, set->count, &ban->prefix);
	bool known = at < set->count && compare(&set->items[at].prefix, &ban->prefix) == 0;
	if (!known) {
		if (set->count == BANS_MAX)
			return false;
		memmove(&set->items[at + 1], &set->items[at],
			(set->count - at) * sizeof(*set->items));
		set->count++;
	}
	set->items[at] = *ban;
	return true;
}

void
ban_set_remove(struct ban_set *set, const struct ban *ban)
{
	size_t at = (size_t)(ban - set->items);
	set->count--;
	memmove(&set->items[at], &set->items[at + 1], (set->count - at) * sizeof(*set->items));
}

/* --- publishing -------------------------------------------------------------------------- */

struct bans *
bans_map(void)
{
	return map_shared(sizeof(struct bans));
}

/* Readers of the half that is written now have seen turn - 1, and will see that it is over. */
void
bans_publish(struct bans *bans, const struct ban_set *set)
{
	uint32_t turn = atomic_load_explicit(&bans->turn, memory_order_relaxed) + 1;
	struct half *half = &bans->halves[turn % 2];
	atomic_thread_fence(memory_order_seq_cst);
	memset(half->lengths, 0, sizeof(half->lengths));
	half->set.count = set->count;
	for (uint32_t i = 0; i < set->count; i++) {
		const struct ip_prefix *prefix = &set->items[i].prefix;
		half->set.items[i] = set->items[i];
		half->lengths[prefix->ip.family == 6][prefix->bits / 64] |= UINT64_C(1)
									    << prefix->bits % 64;
	}
	/* whoever looks because of the turn must not be told that there is none */
	atomic_store_explicit(&bans->count, set->count, memory_order_release);
	atomic_store_explicit(&bans->turn, turn, memory_order_release);
}

const struct ban_set *
bans_published(const struct bans *bans)
{
	return &bans->halves[atomic_load(&bans->turn) % 2].set;
}

uint32_t
bans_turn(const struct bans *bans)
{
	return atomic_load_explicit(&bans->turn, memory_order_acquire);
}

/* --- looking up -------------------------------------------------------------------------- */

static bool
in_force(const struct ban_set *set, const struct ip_prefix *prefix, bool manual_only,
	 uint64_t now_ms)
{
	uint32_t count = set->count < BANS_MAX ? set->count : BANS_MAX;
	uint32_t at = place(set, count, prefix);
	if (at >= count || compare(&set->items[at].prefix, prefix) != 0)
		return false;
	const struct ban *ban = &set->items[at];
	return ban->until_ms > now_ms && (ban->manual || !manual_only);
}

static bool
find(const struct half *half, const struct ip *ip, bool manual_only, uint64_t now_ms)
{
	const uint64_t *lengths = half->lengths[ip->family == 6];
	for (unsigned word = 0; word <= LENGTHS / 64; word++) {
		for (uint64_t left = lengths[word]; left != 0; left &= left - 1) {
			uint8_t bits = (uint8_t)(64 * word + (unsigned)__builtin_ctzll(left));
			struct ip_prefix prefix = { .ip = ip_masked(*ip, bits), .bits = bits };
			if (in_force(&half->set, &prefix, manual_only, now_ms))
				return true;
		}
	}
	return false;
}

/* Published twice during one look-up, the half was not the same throughout: look again. That many
 * times is not seen; whoever is unlucky is served once more. */
bool
bans_match(const struct bans *bans, const struct ip *source, bool manual_only, uint64_t now_ms)
{
	if (atomic_load_explicit(&bans->count, memory_order_relaxed) == 0)
		return false;
	struct ip ip = ip_unmapped(*source);
	ip = ip_masked(ip, ip.family == 6 ? 128 : 32);
	for (unsigned i = 0; i < TRIES; i++) {
		uint32_t turn = atomic_load_explicit(&bans->turn, memory_order_acquire);
		bool found = find(&bans->halves[turn % 2], &ip, manual_only, now_ms);
		atomic_thread_fence(memory_order_seq_cst);
		if (bans_turn(bans) == turn)
			return found;
	}
	return false;
}

/* --- failures ---------------------------------------------------------------------------- */

struct failures *
failures_map(uint32_t count)
{
	return map_shared(count * sizeof(struct failures));
}

bool
failures_report(struct failures *failures, const struct failure *failure)
{
	uint32_t written = atomic_load_explicit(&failures->written, memory_order_relaxed);
	uint32_t taken = atomic_load_explicit(&failures->taken, memory_order_acquire);
	if (written - taken >= FAILURES_MAX)
		return false;
	failures->items[written % FAILURES_MAX] = *failure;
	atomic_store_explicit(&failures->written, written + 1, memory_order_release);
	return true;
}

bool
failures_take(struct failures *failures, struct failure *failure)
{
	uint32_t taken = atomic_load_explicit(&failures->taken, memory_order_relaxed);
	if (taken == atomic_load_explicit(&failures->written, memory_order_acquire))
		return false;
	*failure = failures->items[taken % FAILURES_MAX];
	atomic_store_explicit(&failures->taken, taken + 1, memory_order_release);
	return true;
}
