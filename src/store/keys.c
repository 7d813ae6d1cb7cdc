/*
 * The secrets that all nodes share (D-03): read after the first connect and every half minute. Who
 * sees that there is none, or that the newest nonce key is old, adds the next; its number is the
 * primary key, so of several nodes one succeeds and all read the same.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/writer.h"
#include "inside.h"

#define READ_AGAIN_MS 30000
#define FAILED_AGAIN_MS 1000
#define AHEAD_MS \
	60000 /* as in secret_list.sql: a key so young was made by a clock that was ahead */
#define KEEP_MARGIN_MS 600000 /* beyond the life of a nonce: clocks differ, nodes read late */

/* In the order of secret_list.sql. */
enum column { COLUMN_PURPOSE, COLUMN_ID, COLUMN_SECRET, COLUMN_CREATED_MS, COLUMN_AGE_MS };

bool
keys_known(const struct store *store)
{
	return store->keys.nonce.count > 0 && store->keys.has_ticket;
}

static void
ask(struct store *store, const char *name, int param_count,
    void (*done)(struct store_query *, enum query_result, const struct store_rows *))
{
	struct store_query *query = &store->keys.query;
	query->name = name;
	query->param_count = param_count;
	query->done = done;
	store->keys.asking = true;
	store_query_add(store, query);
}

static void
rest(struct store *store, uint64_t pause_ms)
{
	store->keys.asking = false;
	store->keys.next_ms = loop_now_ms(store->loop) + pause_ms;
}

static bool
went_well(struct store *store, const struct store_query *query, enum query_result result)
{
	if (result == QUERY_DONE)
		return true;
	if (result == QUERY_FAILED)
		store_trouble_set(store, "%s: SQLSTATE %s; may this login use the table secret?",
				  query->name, query->sqlstate);
	rest(store, FAILED_AGAIN_MS);
	return false;
}

/* --- adding and dropping */

static void
on_trimmed(struct store_query *query, enum query_result result, const struct store_rows *rows)
{
	struct store *store = container_of(query, struct store, keys.query);
	(void)rows;
	if (went_well(store, query, result))
		rest(store, 0); /* the next tick reads what there is now */
}

/* A key is needed while nonces made with it live, and they are made until its successor has
 * settled. */
static void
trim(struct store *store)
{
	const struct store_settings *settings = &store->settings;
	unsigned long long keep = (unsigned long long)settings->key_rotation_ms +
				  settings->nonce_ttl_ms + KEEP_MARGIN_MS;
	snprintf(store->keys.keep_ms, sizeof(store->keys.keep_ms), "%llu", keep);
	store->keys.query.params[0] = store->keys.keep_ms;
	ask(store, "secret_trim", 1, on_trimmed);
}

static void
on_added(struct store_query *query, enum query_result result, const struct store_rows *rows)
{
	struct store *store = container_of(query, struct store, keys.query);
	(void)rows;
	explicit_bzero(store->keys.secret, sizeof(store->keys.secret));
	if (went_well(store, query, result))
		trim(store);
}

static void
add(struct store *store, const char *purpose, unsigned id)
{
	struct keys *keys = &store->keys;
	uint8_t secret[32];
	random_bytes(secret, sizeof(secret));
	struct writer w = writer_on(keys->secret, sizeof(keys->secret) - 1);
	writer_hex(&w, secret, sizeof(secret));
	explicit_bzero(secret, sizeof(secret));
	snprintf(keys->id, sizeof(keys->id), "%u", id % 256u);
	keys->query.params[0] = purpose;
	keys->query.params[1] = keys->id;
	keys->query.params[2] = keys->secret;
	ask(store, "secret_add", 3, on_added);
}

/* --- reading */

static bool
read_secret(uint8_t secret[static 32], struct str hex)
{
	if (hex.len != 2 * 32)
		return false;
	for (size_t i = 0; i < 32; i++) {
		int high = ascii_hex(hex.p[2 * i]);
		int low = ascii_hex(hex.p[2 * i + 1]);
		if (high < 0 || low < 0)
			return false;
		secret[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static int64_t
number(const struct store_rows *rows, int row, enum column column)
{
	return strtoll(store_rows_value(rows, row, (int)column).p, NULL, 10);
}

static void
note_row(struct keys *keys, struct nonce_keys *nonce, const struct store_rows *rows, int row)
{
	struct str hex = store_rows_value(rows, row, COLUMN_SECRET);
	if (str_eq(store_rows_value(rows, row, COLUMN_PURPOSE), STR("ticket"))) {
		if (!keys->has_ticket)
			keys->has_ticket = read_secret(keys->ticket, hex);
		return;
	}
	keys->taken[(uint8_t)number(rows, row, COLUMN_ID)] = true;
	if (nonce->count == NONCE_KEYS_MAX)
		return;
	struct nonce_key *key = &nonce->keys[nonce->count];
	if (!read_secret(key->secret, hex))
		return;
	key->id = (uint8_t)number(rows, row, COLUMN_ID);
	key->created_ms = number(rows, row, COLUMN_CREATED_MS);
	if (nonce->count == 0)
		keys->nonce_age_ms = number(rows, row, COLUMN_AGE_MS);
	nonce->count++;
}

/* One from the future is the newest only where there is no other, and never grows old. */
static bool
newest_is_old(const struct store *store)
{
	int64_t age_ms = store->keys.nonce_age_ms;
	return age_ms >= (int64_t)store->settings.key_rotation_ms || age_ms < -AHEAD_MS;
}

/* All who read the same list find the same number, so that one of them adds it. */
static uint8_t
next_id(const struct keys *keys)
{
	uint8_t id = keys->nonce.keys[0].id;
	for (int tries = 0; tries <= UINT8_MAX && keys->taken[id]; tries++)
		id++;
	return id;
}

static void
on_list(struct store_query *query, enum query_result result, const struct store_rows *rows)
{
	struct store *store = container_of(query, struct store, keys.query);
	struct keys *keys = &store->keys;
	struct nonce_keys nonce = { .count = 0 };
	if (!went_well(store, query, result))
		return;
	memset(keys->taken, 0, sizeof(keys->taken));
	for (int row = 0; row < store_rows_count(rows); row++)
		note_row(keys, &nonce, rows, row);
	keys->nonce = nonce;
	explicit_bzero(&nonce, sizeof(nonce));
	if (keys->nonce.count == 0)
		add(store, "nonce", 0);
	else if (!keys->has_ticket)
		add(store, "ticket", 0);
	else if (newest_is_old(store))
		add(store, "nonce", next_id(keys));
	else
		rest(store, READ_AGAIN_MS);
	store_review(store);
}

static void
read_list(struct store *store)
{
	ask(store, "secret_list", 0, on_list);
}

void
keys_tick(struct store *store)
{
	if (!store->keys.asking && loop_now_ms(store->loop) >= store->keys.next_ms &&
	    store_lanes_up(store) > 0)
		read_list(store);
}
