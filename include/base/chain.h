/*
 * Hash chains for tables whose size is known when they are made. The links lie in the elements, so
 * putting one in allocates nothing and cannot fail. Memory of the chains is touched as they are
 * used. The hash is the caller's: table_hash() where others choose what is hashed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct chain_link {
	struct chain_link *next;
	struct chain_link **at; /* what points here; NULL: in no chain */
};

struct chains {
	struct chain_link **first;
	size_t mask;
};

/* As many chains as elements or some more. False when memory is out; chains_close() is harmless
 * then. */
bool chains_open(struct chains *chains, size_t elements);
/* The elements stay as they are. */
void chains_close(struct chains *chains);

static inline struct chain_link *
chain_first(const struct chains *chains, size_t hash)
{
	return chains->first[hash & chains->mask];
}
static inline void
chain_add(struct chains *chains, size_t hash, struct chain_link *link)
{
	struct chain_link **first = &chains->first[hash & chains->mask];
	*link = (struct chain_link){ .next = *first, .at = first };
	if (*first != NULL)
		(*first)->at = &link->next;
	*first = link;
}
/* Harmless when it is in none; zeroes are. */
static inline void
chain_remove(struct chain_link *link)
{
	if (link->at == NULL)
		return;
	*link->at = link->next;
	if (link->next != NULL)
		link->next->at = link->at;
	link->at = NULL;
}
#define chain_each(link, chains, hash)                                              \
	for (struct chain_link *link = chain_first((chains), (hash)); link != NULL; \
	     link = link->next)
