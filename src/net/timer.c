/*
 * Timers without a heap. What waits equally long is due in the order it started, so each kind is a
 * list whose head is the soonest. Nothing is due in the turn that started it, so a callback that
 * starts its timer again cannot keep the loop busy.
 */
#include "net/timer.h"

#include "timers.h"

static uint64_t
due_after(const struct loop *loop, uint64_t delay_ms)
{
	uint64_t now = loop_now_ms(loop);
	uint64_t longest = UINT64_MAX - now;
	if (delay_ms == 0)
		delay_ms = 1;
	return now + (delay_ms < longest ? delay_ms : longest);
}

static void
unlink_node(struct list *node)
{
	if (node->next != NULL)
		list_remove(node);
}

void
timers_init(struct timers *timers)
{
	list_init(&timers->fifos);
	list_init(&timers->singles);
}

static struct fifo_entry *
head_of(const struct list *entries)
{
	struct list *node = list_first(entries);
	return node == NULL ? NULL : container_of(node, struct fifo_entry, link);
}

static struct fifo_entry *
fifo_soonest(const struct fifo *fifo)
{
	struct fifo_entry *a = head_of(&fifo->entries), *b = head_of(&fifo->longer);
	if (a == NULL || b == NULL)
		return a == NULL ? b : a;
	return b->due_ms < a->due_ms ? b : a;
}

static struct fifo *
soonest_fifo(const struct timers *timers)
{
	struct fifo *soonest = NULL;
	list_each (node, &timers->fifos) {
		struct fifo *fifo = container_of(node, struct fifo, link);
		if (fifo_soonest(fifo) == NULL)
			continue;
		if (soonest == NULL || fifo_soonest(fifo)->due_ms < fifo_soonest(soonest)->due_ms)
			soonest = fifo;
	}
	return soonest;
}

static struct timer *
soonest_single(const struct timers *timers)
{
	struct list *node = list_first(&timers->singles);
	return node == NULL ? NULL : container_of(node, struct timer, link);
}

bool
timers_next(const struct timers *timers, uint64_t *due_ms)
{
	const struct fifo *fifo = soonest_fifo(timers);
	const struct timer *single = soonest_single(timers);
	if (fifo == NULL && single == NULL)
		return false;
	*due_ms = fifo == NULL ? single->due_ms : fifo_soonest(fifo)->due_ms;
	if (single != NULL && single->due_ms < *due_ms)
		*due_ms = single->due_ms;
	return true;
}

/* Looks for the soonest anew each time, because a callback may stop or close any of the others. */
void
timers_run(struct timers *timers, uint64_t now_ms)
{
	uint64_t due_ms;
	while (timers_next(timers, &due_ms) && due_ms <= now_ms) {
		struct fifo *fifo = soonest_fifo(timers);
		struct fifo_entry *entry = fifo == NULL ? NULL : fifo_soonest(fifo);
		if (entry != NULL && entry->due_ms == due_ms) {
			list_remove(&entry->link);
			fifo->due(fifo, entry);
		} else {
			struct timer *single = soonest_single(timers);
			list_remove(&single->link);
			single->due(single);
		}
	}
}

void
fifo_open(struct fifo *fifo, struct loop *loop, uint64_t duration_ms,
	  void (*due)(struct fifo *, struct fifo_entry *))
{
	*fifo = (struct fifo){ .loop = loop, .duration_ms = duration_ms, .due = due };
	list_init(&fifo->entries);
	list_init(&fifo->longer);
	list_append(&loop_timers(loop)->fifos, &fifo->link);
}

void
fifo_close(struct fifo *fifo)
{
	while (!list_empty(&fifo->entries))
		list_remove(fifo->entries.next);
	while (!list_empty(&fifo->longer))
		list_remove(fifo->longer.next);
	unlink_node(&fifo->link);
}

/* Into longer, in order, in one pass. */
static void
merge(struct fifo *fifo)
{
	struct list *at = fifo->longer.next, *node;
	while ((node = list_take_first(&fifo->entries)) != NULL) {
		uint64_t due_ms = container_of(node, struct fifo_entry, link)->due_ms;
		while (at != &fifo->longer &&
		       container_of(at, struct fifo_entry, link)->due_ms <= due_ms)
			at = at->next;
		list_append(at, node);
	}
}

void
fifo_set_duration(struct fifo *fifo, uint64_t duration_ms)
{
	if (duration_ms < fifo->duration_ms)
		merge(fifo);
	fifo->duration_ms = duration_ms;
}

void
fifo_start(struct fifo *fifo, struct fifo_entry *entry)
{
	unlink_node(&entry->link);
	entry->due_ms = due_after(fifo->loop, fifo->duration_ms);
	list_append(&fifo->entries, &entry->link);
}

void
fifo_stop(struct fifo_entry *entry)
{
	unlink_node(&entry->link);
}

bool
fifo_waits(const struct fifo_entry *entry)
{
	return entry->link.next != NULL && !list_empty(&entry->link);
}

void
timer_start(struct loop *loop, struct timer *timer, uint64_t delay_ms, void (*due)(struct timer *))
{
	unlink_node(&timer->link);
	timer->due_ms = due_after(loop, delay_ms);
	timer->due = due;
	struct list *singles = &loop_timers(loop)->singles;
	struct list *after = singles->prev;
	while (after != singles && container_of(after, struct timer, link)->due_ms > timer->due_ms)
		after = after->prev;
	list_append(after->next, &timer->link);
}

void
timer_stop(struct timer *timer)
{
	unlink_node(&timer->link);
}
