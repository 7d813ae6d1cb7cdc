/* See fake_store.h: store/store.h as far as server/ uses it. */
#include "support/fake_store.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "auth/digest.h"
#include "net/timer.h"

#define ROWS_MAX 32
#define SCRIPT_MAX 64
#define KIND_LOOKUP 0
#define KIND_COMMIT 1

struct row {
	struct str login;
	struct str aor;
	struct account account;
	struct record record;
};

struct store {
	struct loop *loop;
	struct arena_pool pool;
	struct arena arena; /* of all rows, ever */
	struct row rows[ROWS_MAX];
	unsigned row_count;
	struct nonce_keys keys;
	enum store_state state;
	uint64_t down_ms;
	int64_t offset_ms;
	uint32_t server;

	struct list queue;
	struct timer timer;
	uint64_t delay_ms;
	bool frozen;
	enum lookup_result next_lookups[SCRIPT_MAX];
	unsigned next_lookup, next_lookup_count;
	enum fake_commit next_commits[SCRIPT_MAX];
	unsigned next_commit, next_commit_count;
	unsigned lookups, commits;
};

struct store *
fake_store_open(struct loop *loop)
{
	struct store *store = calloc(1, sizeof(*store));
	assert(store != NULL);
	store->loop = loop;
	store->state = STORE_UP;
	store->server = 1;
	store->delay_ms = 1;
	arena_pool_init(&store->pool, 256u << 20);
	arena_init(&store->arena, &store->pool, 256u << 20);
	list_init(&store->queue);
	store->keys = (struct nonce_keys){ .count = 1 };
	store->keys.keys[0] = (struct nonce_key){ .id = 1 };
	memset(store->keys.keys[0].secret, 0x5A, NONCE_KEY_BYTES);
	return store;
}

void
store_close(struct store *store)
{
	while (!list_empty(&store->queue)) {
		struct store_op *op =
			container_of(list_first(&store->queue), struct store_op, link);
		list_remove(&op->link);
		op->looked_up = LOOKUP_UNAVAILABLE;
		op->committed = COMMIT_UNAVAILABLE;
		op->done(op);
	}
	timer_stop(&store->timer);
	arena_reset(&store->arena);
	arena_pool_clear(&store->pool);
	free(store);
}

static void
set_password(struct store *store, struct row *row, const char *password)
{
	for (int i = 0; i < DIGEST_ALGORITHM_COUNT; i++) {
		char hex[DIGEST_HEX_MAX + 1];
		digest_ha1((enum digest_algorithm)i, row->login, STR("example.com"),
			   str_of(password), hex);
		row->account.ha1[i] = arena_copy(&store->arena, str_of(hex));
	}
}

void
fake_store_account(struct store *store, const char *login, const char *password)
{
	assert(store->row_count < ROWS_MAX);
	struct row *row = &store->rows[store->row_count++];
	char aor[128];
	snprintf(aor, sizeof(aor), "%s@example.com", login);
	row->login = arena_copy(&store->arena, str_of(login));
	row->aor = arena_copy(&store->arena, str_of(aor));
	row->account = (struct account){ .found = true, .enabled = true, .aor = row->aor };
	set_password(store, row, password);
	row->record = (struct record){ .exists = true, .version = 100 };
}

void
fake_store_password(struct store *store, const char *login, const char *password)
{
	for (unsigned i = 0; i < store->row_count; i++) {
		struct row *row = &store->rows[i];
		if (!str_eq(row->login, str_of(login)))
			continue;
		set_password(store, row, password);
		row->record.version++;
	}
}

void
fake_store_failover(struct store *store)
{
	store->server++;
	for (unsigned i = 0; i < store->row_count; i++)
		store->rows[i].record.version--;
}

static struct row *
row_of(const struct store *store, struct str aor)
{
	for (unsigned i = 0; i < store->row_count; i++)
		if (str_eq(store->rows[i].aor, aor))
			return (struct row *)(uintptr_t)&store->rows[i];
	return NULL;
}

/* --- look-ups and commits ------------------------------------------------------------------ */

/* Rows come out with their strings in the store's arena, which outlives every request. */
static void
run_lookup(struct store *store, struct store_op *op)
{
	op->looked_up = store->next_lookup < store->next_lookup_count
				? store->next_lookups[store->next_lookup++]
				: LOOKUP_FOUND;
	if (op->looked_up != LOOKUP_FOUND)
		return;
	const struct row *row = row_of(store, op->aor);
	op->record = arena_alloc(op->arena, sizeof(*op->record));
	assert(op->record != NULL);
	if (row != NULL)
		*op->record = row->record;
	for (unsigned i = 0; i < store->row_count; i++)
		if (str_eq(store->rows[i].login, op->login) &&
		    str_eq(op->domain, STR("example.com")))
			op->record->account = store->rows[i].account;
}

static struct str
keep(struct store *store, struct str s)
{
	return arena_copy(&store->arena, s);
}

static void
write_row(struct store *store, struct row *row, const struct record *after)
{
	struct record *record = &row->record;
	int64_t version = record->version + 1;
	*record = *after;
	record->version = version;
	record->account = (struct account){ 0 };
	record->bindings =
		arena_array(&store->arena, after->binding_count, sizeof(*record->bindings));
	record->marks = arena_array(&store->arena, after->mark_count, sizeof(*record->marks));
	assert(arena_ok(&store->arena));
	for (uint32_t i = 0; i < after->mark_count; i++)
		record->marks[i] = after->marks[i];
	for (uint32_t i = 0; i < after->binding_count; i++) {
		struct binding *b = &record->bindings[i];
		*b = after->bindings[i];
		struct str *texts[] = { &b->id,		&b->uri,     &b->display,
					&b->params,	&b->call_id, &b->instance,
					&b->user_agent, &b->node,    &b->source };
		for (unsigned k = 0; k < sizeof(texts) / sizeof(texts[0]); k++)
			*texts[k] = keep(store, *texts[k]);
	}
}

static enum commit_result
commit_result(struct store *store, struct store_op *op, enum fake_commit script)
{
	struct row *row = row_of(store, op->aor);
	assert(row != NULL);
	if (script == FAKE_COMMIT_CONFLICT)
		row->record.version++;
	if (script == FAKE_COMMIT_FAILED)
		return COMMIT_FAILED;
	if (script == FAKE_COMMIT_UNAVAILABLE)
		return COMMIT_UNAVAILABLE;
	if (script == FAKE_COMMIT_OVERDUE)
		return COMMIT_OVERDUE;
	if (script == FAKE_COMMIT_LOST)
		return COMMIT_UNKNOWN;
	bool late =
		op->until_ms != 0 && op->until_ms < loop_real_ms(store->loop) + store->offset_ms;
	if (row->record.version != op->version || late)
		return COMMIT_CONFLICT;
	write_row(store, row, op->after);
	return script == FAKE_COMMIT_LANDED ? COMMIT_UNKNOWN : COMMIT_DONE;
}

static void
run_commit(struct store *store, struct store_op *op)
{
	enum fake_commit script = store->next_commit < store->next_commit_count
					  ? store->next_commits[store->next_commit++]
					  : FAKE_COMMIT_DONE;
	op->committed = commit_result(store, op, script);
}

static void arm(struct store *store);

static void
work(struct timer *timer)
{
	struct store *store = container_of(timer, struct store, timer);
	uint64_t now_ms = loop_now_ms(store->loop);
	while (!store->frozen && !list_empty(&store->queue)) {
		struct store_op *op =
			container_of(list_first(&store->queue), struct store_op, link);
		if (op->started_ms + store->delay_ms > now_ms)
			break;
		list_remove(&op->link);
		if (op->kind == KIND_LOOKUP)
			run_lookup(store, op);
		else
			run_commit(store, op);
		op->done(op);
	}
	arm(store);
}

static void
arm(struct store *store)
{
	timer_stop(&store->timer);
	if (store->frozen || list_empty(&store->queue))
		return;
	struct store_op *op = container_of(list_first(&store->queue), struct store_op, link);
	uint64_t due_ms = op->started_ms + store->delay_ms;
	uint64_t now_ms = loop_now_ms(store->loop);
	timer_start(store->loop, &store->timer, due_ms > now_ms ? due_ms - now_ms : 0, work);
}

static void
queue(struct store *store, struct store_op *op, uint8_t kind)
{
	op->kind = kind;
	op->started_ms = loop_now_ms(store->loop);
	list_append(&store->queue, &op->link);
	arm(store);
}

void
store_lookup(struct store *store, struct store_op *op)
{
	store->lookups++;
	queue(store, op, KIND_LOOKUP);
}

void
store_commit(struct store *store, struct store_op *op)
{
	store->commits++;
	queue(store, op, KIND_COMMIT);
}

/* --- state --------------------------------------------------------------------------------- */

enum store_state
store_state(const struct store *store)
{
	return store->state;
}

uint64_t
store_down_ms(const struct store *store)
{
	return store->state == STORE_UP ? 0 : store->down_ms;
}

const struct nonce_keys *
store_nonce_keys(const struct store *store)
{
	return &store->keys;
}

uint32_t
store_server(const struct store *store)
{
	return store->server;
}

int64_t
store_clock_offset_ms(const struct store *store)
{
	return store->offset_ms;
}

void
fake_store_set_state(struct store *store, enum store_state state)
{
	store->state = state;
}

void
fake_store_set_down(struct store *store, uint64_t down_ms)
{
	store->down_ms = down_ms;
}

void
fake_store_set_offset(struct store *store, int64_t offset_ms)
{
	store->offset_ms = offset_ms;
}

void
fake_store_forget_keys(struct store *store)
{
	store->keys.count = 0;
}

void
fake_store_set_delay(struct store *store, uint64_t delay_ms)
{
	store->delay_ms = delay_ms;
	arm(store);
}

void
fake_store_freeze(struct store *store, bool frozen)
{
	store->frozen = frozen;
	arm(store);
}

void
fake_store_repeat(struct store *store)
{
	list_each (node, &store->queue)
		container_of(node, struct store_op, link)->tries++;
}

void
fake_store_next_lookup(struct store *store, enum lookup_result result)
{
	assert(store->next_lookup_count < SCRIPT_MAX);
	store->next_lookups[store->next_lookup_count++] = result;
}

void
fake_store_next_commit(struct store *store, enum fake_commit commit)
{
	assert(store->next_commit_count < SCRIPT_MAX);
	store->next_commits[store->next_commit_count++] = commit;
}

unsigned
fake_store_lookups(const struct store *store)
{
	return store->lookups;
}

unsigned
fake_store_commits(const struct store *store)
{
	return store->commits;
}

unsigned
fake_store_waiting(const struct store *store)
{
	unsigned count = 0;
	list_each (node, &store->queue)
		count++;
	return count;
}

const struct record *
fake_store_row(const struct store *store, const char *aor)
{
	const struct row *row = row_of(store, str_of(aor));
	return row == NULL ? NULL : &row->record;
}
