/* Doubly linked list, embedded: the links lie in the object, the list owns nothing. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct list {
	struct list *next;
	struct list *prev;
};

#define container_of(pointer, type, member) \
	((type *)(void *)((char *)(pointer)-offsetof(type, member)))

static inline void
list_init(struct list *head)
{
	head->next = head->prev = head;
}
static inline bool
list_empty(const struct list *head)
{
	return head->next == head;
}
static inline void
list_append(struct list *head, struct list *node)
{
	node->prev = head->prev;
	node->next = head;
	head->prev->next = node;
	head->prev = node;
}
static inline void
list_prepend(struct list *head, struct list *node)
{
	list_append(head->next, node);
}
/* Takes node out of whichever list it is in and leaves it as an empty list; harmless when it is in
 * none. */
static inline void
list_remove(struct list *node)
{
	node->prev->next = node->next;
	node->next->prev = node->prev;
	list_init(node);
}
/* The oldest node, still linked; NULL when empty. */
static inline struct list *
list_first(const struct list *head)
{
	return list_empty(head) ? NULL : head->next;
}
/* The same, taken out. */
static inline struct list *
list_take_first(struct list *head)
{
	struct list *node = head->next;
	if (node == head)
		return NULL;
	head->next = node->next;
	node->next->prev = head;
	list_init(node);
	return node;
}
/* All of from go behind those of to. */
static inline void
list_move_all(struct list *from, struct list *to)
{
	if (list_empty(from))
		return;
	from->next->prev = to->prev;
	from->prev->next = to;
	to->prev->next = from->next;
	to->prev = from->prev;
	list_init(from);
}
#define list_each(node, head) \
	for (struct list *node = (head)->next; node != (head); node = node->next)
