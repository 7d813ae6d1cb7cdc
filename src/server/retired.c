/* Whoever reloads every minute shall not pay for it with memory, so what was replaced is not kept
 * for a time but for the requests that began with it. */
#include "retired.h"

#define LOOK_MS 1000u

static void
release(struct retired *retired)
{
	list_remove(&retired->link);
	retired->release(retired);
}

static void
look(struct timer *timer)
{
	struct retirement *retirement = container_of(timer, struct retirement, look);
	struct list *next;
	for (struct list *node = retirement->all.next; node != &retirement->all; node = next) {
		struct retired *retired = container_of(node, struct retired, link);
		next = node->next;
		if (!requests_use(retirement->requests, retired->policy))
			release(retired);
	}
	timer_stop(&retirement->look);
	if (!list_empty(&retirement->all))
		timer_start(retirement->loop, &retirement->look, LOOK_MS, look);
}

void
retirement_open(struct retirement *retirement, struct loop *loop, const struct requests *requests)
{
	*retirement = (struct retirement){ .loop = loop, .requests = requests };
	list_init(&retirement->all);
}

void
retirement_add(struct retirement *retirement, struct retired *retired)
{
	list_init(&retired->link);
	list_append(&retirement->all, &retired->link);
	look(&retirement->look);
}

void
retirement_close(struct retirement *retirement)
{
	timer_stop(&retirement->look);
	while (!list_empty(&retirement->all))
		release(container_of(retirement->all.next, struct retired, link));
}
