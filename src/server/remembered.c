/* A hash table of records, each one piece of memory that is written over as long as it fits. It has
 * its size from the beginning, so that no request pays for moving the others. */
#include "remembered.h"

#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "base/table.h"

#define SPARED_AT_ONCE 8u
#define SPARE_BYTES 64u /* so that the next record of the address, a little longer, fits too */

struct kept {
	struct kept *next; /* in its chain */
	struct list age;
	unsigned hash;
	uint32_t server;
	bool used; /* since it came to its place among the ages */
	uint32_t aor_len, login_len;
	uint32_t size, room;		     /* of octets[] */
	_Alignas(max_align_t) char octets[]; /* the record, then aor and login */
};

struct remembered {
	struct kept **chains;
	size_t mask;
	struct list ages;
	uint32_t count, limit;
};

struct remembered *
remembered_open(uint32_t limit)
{
	struct remembered *remembered = calloc(1, sizeof(*remembered));
	size_t chains = 16;
	if (remembered == NULL)
		return NULL;
	while (chains < limit)
		chains *= 2;
	remembered->chains = calloc(chains, sizeof(struct kept *)); /* untouched until used */
	if (remembered->chains == NULL) {
		free(remembered);
		return NULL;
	}
	remembered->mask = chains - 1;
	remembered->limit = limit;
	list_init(&remembered->ages);
	return remembered;
}

static struct kept **
find(struct remembered *remembered, unsigned hash, struct str aor)
{
	struct kept **at = &remembered->chains[hash & remembered->mask];
	while (*at != NULL) {
		const struct kept *kept = *at;
		const char *key = kept->octets + kept->size - kept->aor_len - kept->login_len;
		if (kept->hash == hash && str_eq((struct str){ key, kept->aor_len }, aor))
			break;
		at = &(*at)->next;
	}
	return at;
}

static void
give_up(struct remembered *remembered, struct kept **at)
{
	struct kept *kept = *at;
	*at = kept->next;
	list_remove(&kept->age);
	remembered->count--;
	explicit_bzero(kept->octets, kept->room); /* an earlier record may have been longer */
	free(kept);
}

/* The one used longest ago, nearly: one that was used begins anew, a few at a time, which spares
 * every use the neighbours in the list. */
static const struct kept *
next_to_go(struct remembered *remembered)
{
	for (unsigned i = 0; i < SPARED_AT_ONCE; i++) {
		struct kept *oldest = container_of(remembered->ages.next, struct kept, age);
		if (!oldest->used)
			break;
		oldest->used = false;
		list_remove(&oldest->age);
		list_append(&remembered->ages, &oldest->age);
	}
	return container_of(remembered->ages.next, struct kept, age);
}

static void
give_up_oldest(struct remembered *remembered)
{
	const struct kept *oldest = next_to_go(remembered);
	struct kept **at = &remembered->chains[oldest->hash & remembered->mask];
	while (*at != oldest)
		at = &(*at)->next;
	give_up(remembered, at);
}

void
remembered_close(struct remembered *remembered)
{
	if (remembered == NULL)
		return;
	while (remembered->count > 0)
		give_up_oldest(remembered);
	free(remembered->chains);
	free(remembered);
}

const struct record *
remembered_find(struct remembered *remembered, struct str aor, struct str login, uint32_t server,
		struct arena *arena)
{
	struct kept *kept = *find(remembered, table_hash(aor.p, aor.len), aor);
	if (kept == NULL || kept->server != server)
		return NULL;
	struct str own = { kept->octets + kept->size - kept->login_len, kept->login_len };
	void *memory = str_eq(own, login) ? arena_alloc(arena, kept->size) : NULL;
	if (memory == NULL)
		return NULL;
	kept->used = true;
	return record_copy(memory, (const struct record *)(const void *)kept->octets);
}

bool
remembered_knows(struct remembered *remembered, struct str aor)
{
	return *find(remembered, table_hash(aor.p, aor.len), aor) != NULL;
}

/* A place with room for size octets: the one of the address, or a new one. */
static struct kept *
place(struct remembered *remembered, struct str aor, uint32_t size)
{
	unsigned hash = table_hash(aor.p, aor.len);
	struct kept **at = find(remembered, hash, aor);
	if (*at != NULL && (*at)->room >= size) {
		(*at)->used = true;
		return *at;
	}
	if (*at != NULL)
		give_up(remembered, at);
	else if (remembered->count == remembered->limit)
		give_up_oldest(remembered);
	struct kept *kept = malloc(sizeof(*kept) + size + SPARE_BYTES);
	if (kept == NULL)
		return NULL;
	struct kept **chain = &remembered->chains[hash & remembered->mask];
	*kept = (struct kept){ .next = *chain, .hash = hash, .room = size + SPARE_BYTES };
	*chain = kept;
	list_append(&remembered->ages, &kept->age);
	remembered->count++;
	return kept;
}

void
remembered_keep(struct remembered *remembered, struct str aor, struct str login, uint32_t server,
		const struct record *record)
{
	size_t record_bytes = record_size(record);
	size_t size = record_bytes + aor.len + login.len;
	bool own = str_eq(record->account.aor, aor);
	if (remembered->limit == 0 || !own || size > REMEMBERED_BYTES_MAX) {
		remembered_forget(remembered, aor);
		return;
	}
	struct kept *kept = place(remembered, aor, (uint32_t)size);
	if (kept == NULL)
		return;
	record_copy(kept->octets, record);
	kept->server = server;
	memcpy(kept->octets + record_bytes, aor.p, aor.len);
	memcpy(kept->octets + record_bytes + aor.len, login.p, login.len);
	kept->size = (uint32_t)size;
	kept->aor_len = (uint32_t)aor.len;
	kept->login_len = (uint32_t)login.len;
}

void
remembered_forget(struct remembered *remembered, struct str aor)
{
	struct kept **at = find(remembered, table_hash(aor.p, aor.len), aor);
	if (*at != NULL)
		give_up(remembered, at);
}
