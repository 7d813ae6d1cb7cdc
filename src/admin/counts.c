/*
 * How many accounts and bindings there are, counted in the background for status and metrics: small
 * steps in the order of the key, each followed by a rest of nineteen times what it took, so that
 * the count has about a twentieth of one connection. What was counted is shown once a pass is
 * complete.
 */
#include <stdio.h>
#include <string.h>

#include "admin_internal.h"
#include "base/log.h"

#define COUNT_EVERY_MS 30000u
#define COUNT_SOON_MS 500u
#define STEP_ROWS 2000
#define REST_SHARE 19u
#define TEXT(number) #number
#define TEXT_OF(number) TEXT(number)

/* In the order of admin_counts.sql. */
enum column {
	COLUMN_LOOKED_AT,
	COLUMN_LAST,
	COLUMN_ACCOUNTS,
	COLUMN_ADDRESSES,
	COLUMN_DOMAIN,
	COLUMN_TRANSPORT,
	COLUMN_BINDINGS,
	COLUMN_USERS,
	COLUMN_OWN,
	COLUMN_UNREADABLE,
	COLUMN_FIRST_UNREADABLE,
};

static void step(struct timer *timer);

static void
rest(struct admin *admin, uint64_t ms)
{
	timer_start(admin->loop, &admin->counting.timer, ms, step);
}

static uint64_t
number(const struct store_rows *rows, int row, enum column column)
{
	uint64_t value = 0;
	str_to_u64(store_rows_value(rows, row, (int)column), INT64_MAX, &value);
	return value;
}

static bool
transport_of(struct str word, unsigned *transport)
{
	for (*transport = 0; *transport < TRANSPORT_COUNT; ++*transport)
		if (str_eq(word, str_of(transport_word((enum transport) * transport))))
			return true;
	return false;
}

static void
add_group(struct admin *admin, const struct store_rows *rows, int row)
{
	struct binding_counts *counts = &admin->counting.next;
	char domain[256];
	unsigned transport;
	str_copy(domain, sizeof(domain), store_rows_value(rows, row, COLUMN_DOMAIN));
	unsigned label = node_domain_find(&admin->memory->node->domains, domain);
	counts->bindings_of_node += (int64_t)number(rows, row, COLUMN_OWN);
	counts->bindings_total += (int64_t)number(rows, row, COLUMN_BINDINGS);
	if (!transport_of(store_rows_value(rows, row, COLUMN_TRANSPORT), &transport))
		return;
	counts->bindings[label][transport] += number(rows, row, COLUMN_BINDINGS);
	counts->users[label][transport] += number(rows, row, COLUMN_USERS);
}

static void
add_unreadable(struct counting *counting, const struct store_rows *rows)
{
	if (counting->next.unreadable == 0)
		str_copy(counting->unreadable, sizeof(counting->unreadable),
			 store_rows_value(rows, 0, COLUMN_FIRST_UNREADABLE));
	counting->next.unreadable += (int64_t)number(rows, 0, COLUMN_UNREADABLE);
}

/* Only when there are more than before: they stay until somebody mends them. */
static void
log_unreadable(const struct counting *counting, int64_t before)
{
	struct log_line line;
	int64_t count = counting->next.unreadable;
	if (count <= before || !log_begin(&line, LOG_LEVEL_WARNING, "db.unreadable"))
		return;
	log_number(&line, "addresses", count);
	log_user(&line, "first", str_of(counting->unreadable));
	log_text(&line, "message",
		 STR("column bindings of table aor is not what the daemon writes there; such an "
		     "address is left out of lists and counts, and its phones are refused"));
	log_end(&line);
}

static void
end_pass(struct admin *admin)
{
	struct counting *counting = &admin->counting;
	log_unreadable(counting, admin->counts.unreadable);
	admin->counts = counting->next;
	admin->counts.known = true;
	counting->cursor[0] = '\0';
	rest(admin, COUNT_EVERY_MS);
}

static void
step_done(struct store_query *query, enum query_result result, const struct store_rows *rows)
{
	struct admin *admin = container_of(query, struct admin, counting.query);
	struct counting *counting = &admin->counting;
	if (result != QUERY_DONE) { /* from the beginning, later */
		counting->cursor[0] = '\0';
		rest(admin, admin->counts.known ? COUNT_EVERY_MS : COUNT_SOON_MS);
		return;
	}
	counting->next.accounts += (int64_t)number(rows, 0, COLUMN_ACCOUNTS);
	counting->next.addresses += (int64_t)number(rows, 0, COLUMN_ADDRESSES);
	for (int row = 0; row < store_rows_count(rows); row++)
		if (!store_rows_null(rows, row, COLUMN_DOMAIN))
			add_group(admin, rows, row);
	add_unreadable(counting, rows);
	struct str last = store_rows_value(rows, 0, COLUMN_LAST);
	if (number(rows, 0, COLUMN_LOOKED_AT) < STEP_ROWS || last.len >= sizeof(counting->cursor)) {
		end_pass(admin);
		return;
	}
	str_copy(counting->cursor, sizeof(counting->cursor), last);
	rest(admin, REST_SHARE * (loop_now_ms(admin->loop) - query->started_ms) + 1);
}

static void
step(struct timer *timer)
{
	struct admin *admin = container_of(timer, struct admin, counting.timer);
	struct counting *counting = &admin->counting;
	if (counting->cursor[0] == '\0')
		memset(&counting->next, 0, sizeof(counting->next));
	snprintf(counting->now, sizeof(counting->now), "%lld",
		 (long long)loop_real_ms(admin->loop) + store_clock_offset_ms(admin->store));
	counting->query =
		(struct store_query){ .name = "admin_counts",
				      .param_count = 4,
				      .params = { counting->cursor, TEXT_OF(STEP_ROWS),
						  counting->now, admin->memory->node->name },
				      .patient = true,
				      .done = step_done };
	store_run(admin->store, &counting->query);
}

void
counts_start(struct admin *admin)
{
	rest(admin, 0);
}

void
counts_stop(struct admin *admin)
{
	timer_stop(&admin->counting.timer);
}
