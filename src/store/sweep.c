/*
 * The sweep of expired rows. It walks the primary key in small steps, so that there is no index on
 * the expiry, which every refresh would have to touch, and no step that holds many rows.
 */
#include "base/stats.h"
#include "inside.h"

#define PAGE_ROWS 200
#define TEXT(number) #number
#define TEXT_OF(number) TEXT(number)

/* In the order of sweep.sql. */
enum column { COLUMN_LOOKED_AT, COLUMN_LAST, COLUMN_BINDINGS };

static void step_due(struct timer *timer);

static void
pause_for(struct store *store, uint64_t pause_ms)
{
	timer_start(store->loop, &store->sweep.timer, pause_ms, step_due);
}

static void
end_pass(struct store *store)
{
	store->sweep.cursor[0] = '\0';
	pause_for(store, store->sweep.period_ms);
}

static uint64_t
number(const struct store_rows *rows, enum column column)
{
	uint64_t value = 0;
	str_to_u64(store_rows_value(rows, 0, (int)column), UINT32_MAX, &value);
	return value;
}

static void
step_done(struct store_query *query, enum query_result result, const struct store_rows *rows)
{
	struct store *store = container_of(query, struct store, sweep.query);
	struct sweep *sweep = &store->sweep;
	if (result != QUERY_DONE) {
		end_pass(store);
		return;
	}
	stats->binding_changes[CHANGE_EXPIRED] += number(rows, COLUMN_BINDINGS);
	struct str last = store_rows_value(rows, 0, COLUMN_LAST);
	if (number(rows, COLUMN_LOOKED_AT) < PAGE_ROWS || last.len >= sizeof(sweep->cursor)) {
		end_pass(store);
		return;
	}
	str_copy(sweep->cursor, sizeof(sweep->cursor), last);
	pause_for(store, sweep->pause_ms);
}

static void
step_due(struct timer *timer)
{
	struct store *store = container_of(timer, struct store, sweep.timer);
	struct store_query *query = &store->sweep.query;
	query->name = "sweep";
	query->param_count = 3;
	query->params[0] = store->sweep.cursor;
	query->params[1] = TEXT_OF(PAGE_ROWS);
	query->params[2] = store->node;
	query->done = step_done;
	store_run(store, query);
}

void
store_sweep_every(struct store *store, uint64_t period_ms, uint64_t pause_ms)
{
	store->sweep.period_ms = period_ms;
	store->sweep.pause_ms = pause_ms;
	timer_stop(&store->sweep.timer);
	pause_for(store, pause_ms);
}
