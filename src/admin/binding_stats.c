/* How many bindings there are of each kind: added up here, some addresses at a time, so that no
 * statement takes long. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "binding.h"

#define ADDRESSES "2000"
#define VALUES_MAX 10000u /* told apart; agents are what phones say they are */
#define SHOWN_MAX 1000u
#define OTHERS "(others)"

/* The columns of admin_binding_stats.sql. */
enum column { VALUE, BINDINGS, SEEN, LAST };

static void
add(json_t *counts, json_t *value, json_int_t bindings)
{
	const char *name = json_string_value(value);
	if (name == NULL ||
	    (json_object_get(counts, name) == NULL && json_object_size(counts) >= VALUES_MAX))
		name = OTHERS;
	bindings += json_integer_value(json_object_get(counts, name));
	json_object_set_new(counts, name, json_integer(bindings));
	json_decref(value);
}

static int
more_first(const void *a, const void *b)
{
	json_t *const *left = a, *const *right = b;
	json_int_t l = json_integer_value(json_object_get(*left, "bindings"));
	json_int_t r = json_integer_value(json_object_get(*right, "bindings"));
	return l != r ? (l < r ? 1 : -1)
		      : strcmp(json_string_value(json_object_get(*left, "value")),
			       json_string_value(json_object_get(*right, "value")));
}

static void
answer_counts(struct exchange *x)
{
	size_t count = 0, size = json_object_size(x->held);
	json_t **all = arena_array(&x->arena, size, sizeof(json_t *));
	const char *name;
	json_t *bindings, *items = json_array();
	if (all != NULL) {
		json_object_foreach(x->held, name, bindings)
		{
			all[count] = json_pack("{s:s,s:O}", "value", name, "bindings", bindings);
			count += all[count] != NULL;
		}
		qsort(all, count, sizeof(json_t *), more_first);
	}
	for (size_t i = 0; i < count; i++) {
		if (i < SHOWN_MAX)
			json_array_append(items, all[i]);
		json_decref(all[i]);
	}
	exchange_answer(x, 200, json_pack("{s:s,s:o}", "by", x->query.params[3], "items", items));
}

static void
counted(struct exchange *x, const struct store_rows *rows)
{
	uint64_t bindings;
	arena_reset(&x->page_arena);
	for (int row = 0; row < store_rows_count(rows); row++)
		if (str_to_u64(store_rows_value(rows, row, BINDINGS), INT64_MAX, &bindings) &&
		    bindings > 0)
			add(x->held, json_wire(&x->page_arena, store_rows_value(rows, row, VALUE)),
			    (json_int_t)bindings);
	if (!str_eq(store_rows_value(rows, 0, SEEN), STR(ADDRESSES))) {
		answer_counts(x);
		return;
	}
	x->query.params[0] = arena_text(&x->page_arena, store_rows_value(rows, 0, LAST));
	exchange_query(x, "admin_binding_stats", 4, counted);
}

void
bindings_stats(struct exchange *x)
{
	static const char *const words[] = { "agent", "transport", "domain", "node", NULL };
	char now[24];
	if (!argument_word(x, "by", words, &x->query.params[3]))
		return;
	if (x->query.params[3] == NULL)
		x->query.params[3] = "transport";
	snprintf(now, sizeof(now), "%lld", (long long)binding_now_ms(x));
	x->held = json_object();
	x->query.params[0] = "";
	x->query.params[1] = ADDRESSES;
	x->query.params[2] = arena_text(&x->arena, str_of(now));
	x->query.patient = true;
	exchange_query(x, "admin_binding_stats", 4, counted);
}
