/* Counters: pages of plain numbers in shared memory, one writer each. */
#include "base/stats.h"

#include <sys/mman.h>

static struct stats private_page;
struct stats *stats = &private_page;

const char *
transport_word(enum transport transport)
{
	static const char *const words[] = { "udp", "tcp", "tls" };
	return words[transport];
}

struct stats *
stats_map(size_t count)
{
	void *map = mmap(NULL, count * sizeof(struct stats), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return map == MAP_FAILED ? NULL : map;
}

void
stats_use(struct stats *page)
{
	stats = page;
}

void
stats_add(struct stats *sum, const struct stats *page)
{
#define X(id, name, help) sum->id += page->id;
	COUNTERS(X)
	GAUGES(X)
#undef X
	for (unsigned reason = 0; reason < REASON_COUNT; reason++)
		for (unsigned transport = 0; transport < TRANSPORT_COUNT; transport++)
			sum->outcomes[reason][transport] += page->outcomes[reason][transport];
}

void
stats_bury(struct stats *page)
{
	page->connections_closed += page->connections_live;
#define X(id, name, help) page->id = 0;
	GAUGES(X)
#undef X
}

void
stats_each(const struct stats *page, void (*each)(const char *, const char *, uint64_t, void *),
	   void *arg)
{
#define X(id, name, help) each(name, help, page->id, arg);
	COUNTERS(X)
	GAUGES(X)
#undef X
}
