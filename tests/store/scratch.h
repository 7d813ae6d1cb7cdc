/*
 * A scratch schema in a real PostgreSQL (URL in ROLLCALL_TEST_DATABASE), and a store with a loop on
 * top of it. Waiting means turning the loop until something is so; a minute of that fails the test.
 */
#pragma once

#include <libpq-fe.h>

#include "base/arena.h"
#include "net/loop.h"
#include "store/store.h"

/* --- the database, over a plain connection of the test's own */

/* Empties the scratch schema and applies sql/schema to it. */
void scratch_reset(void);
/* The same in parts: empties it; applies the files with these numbers, and those between them. */
void scratch_empty(void);
void scratch_migrate(int from, int to);
const char *scratch_url(void);
/* Runs SQL and fails the test when the database refuses. */
void scratch_exec(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The SQLSTATE of a refusal; "" when it was carried out. */
const char *scratch_try(const char *sql);
/* The only value of a query, as number or text. */
int64_t scratch_number(const char *format, ...) __attribute__((format(printf, 1, 2)));
const char *scratch_text(const char *format, ...) __attribute__((format(printf, 1, 2)));
PGconn *scratch_connection(void);
/* The text of a file under sql/, which the caller frees. */
char *scratch_sql(const char *path);
/* An account user@example.com and with it an address. */
void scratch_account(const char *user);

/* --- a store */

struct bench {
	struct loop *loop;
	struct store *store;
	struct store_settings settings;
	struct arena_pool pool;
	struct arena arena;
};

/* Settings that a test may change before bench_start(). */
void bench_init(struct bench *bench);
void bench_start(struct bench *bench);
/* Both, and waits until it is up. */
void bench_up(struct bench *bench);
void bench_close(struct bench *bench);
void bench_wait_state(struct bench *bench, enum store_state state);

struct probe {
	struct store_op op;
	unsigned done; /* how often */
};
void probe_lookup(struct bench *bench, struct probe *probe, const char *user, const char *login);
void probe_commit(struct bench *bench, struct probe *probe, const char *user, int64_t version,
		  const struct record *after);
/* Turns the loop until all have completed. */
void probe_wait(struct bench *bench, struct probe *probes, unsigned count);
/* In one step: the record of user, or what a commit came to. */
struct record *bench_lookup(struct bench *bench, const char *user);
enum commit_result bench_commit(struct bench *bench, const char *user, int64_t version,
				const struct record *after);

/* A record with one binding to call_id and cseq that lives an hour. */
struct record one_binding(struct binding *binding, const char *call_id, uint32_t cseq);

#define WAIT_UNTIL(bench, condition)                                                   \
	do {                                                                           \
		uint64_t wait_began = loop_now_ms((bench)->loop);                      \
		while (!(condition)) {                                                 \
			loop_turn((bench)->loop, 20);                                  \
			ck_assert_msg(loop_now_ms((bench)->loop) - wait_began < 55000, \
				      "never so: %s; store: %s", #condition,           \
				      store_trouble((bench)->store));                  \
		}                                                                      \
	} while (0)
