/* The list of bindings, with its filters. */
#include <stdio.h>

#include "binding.h"
#include "list.h"

/* Columns of admin_bindings.sql behind those of a binding. */
#define SEEN_COLUMN 17

static json_t *
binding_item(struct exchange *x, const struct store_rows *rows, int row)
{
	return binding_row_json(&x->page_arena, rows, row, binding_now_ms(x));
}

void
bindings_list(struct exchange *x)
{
	static const struct list_kind kind = { .statement = "admin_bindings",
					       .param_count = 12,
					       .seen_column = SEEN_COLUMN,
					       .item = binding_item,
					       .columns = binding_fields };
	static const char *const transports[] = { "udp", "tcp", "tls", NULL };
	const char **filters = &x->query.params[LIST_PARAMS];
	int64_t now_ms = binding_now_ms(x);
	char now[24];
	snprintf(now, sizeof(now), "%lld", (long long)now_ms);
	filters[0] = arena_text(&x->arena, str_of(now));
	if (!argument_word(x, "transport", transports, &filters[1]) ||
	    !argument_prefix(x, "ip", &filters[2]) || !argument_wire(x, "agent", &filters[3]) ||
	    !argument_moment(x, "expires_before", now_ms, &filters[4]))
		return;
	bool selective = filters[1] != NULL || filters[2] != NULL || filters[3] != NULL ||
			 filters[4] != NULL;
	list_answer(x, &kind, selective,
		    x->admin->counts.known ? x->admin->counts.bindings_total : -1);
}
