/* The admin's own state, shared by the files of this folder. */
#pragma once

#include "admin/admin.h"
#include "exchange.h"
#include "net/timer.h"

#define SUSPENDED_MAX 64u
#define TOKENS_MAX 64u
#define TOKEN_HASH_BYTES 32u

/* One libmicrohttpd daemon. */
struct surface {
	struct admin *admin;
	struct MHD_Daemon *daemon;
	struct watch watch;
	struct timer timer;
	struct turn_end end;
	bool is_socket; /* callers are known by their credentials */
	bool is_health;
	bool due; /* MHD_run() is owed */
};

struct token {
	enum role role;
	unsigned char hash[TOKEN_HASH_BYTES];
};

#define SURFACES_MAX 18

struct admin {
	struct loop *loop;
	const struct config *config;
	struct store *store;
	const struct node_memory *memory;
	struct surface surfaces[SURFACES_MAX];
	size_t surface_count;
	struct token tokens[TOKENS_MAX];
	size_t token_count;
	struct arena_pool pool;
	struct list suspended;
	unsigned suspended_count;
	struct timer count_timer;
	struct store_query count_query;
	bool counting;
	int64_t bindings; /* from the last background count, -1: not yet */
	int64_t users_with_bindings;
	int64_t users;
};

/* tokens.c: "read HEX" or "admin HEX" a line, HEX the SHA-256 of the token. False with a sentence
 * when the file is no good. */
bool tokens_load(struct admin *admin, const char *path, char *error, size_t error_cap);
enum role tokens_role(const struct admin *admin, const char *authorization);

/* health.c */
void health_answer(struct exchange *x);
json_t *health_checks(const struct admin *admin, bool *ready, const char **state);
/* status.c */
void status_count_start(struct admin *admin);

/* routes.c */
struct route {
	const char *method;
	const char *path; /* segments; "{}" takes one */
	enum role role;
	void (*handle)(struct exchange *x);
};
/* NULL with *other_method set when the path exists for another method. */
const struct route *route_find(struct exchange *x, struct str path, bool *other_method);

/* The handlers */
void bindings_list(struct exchange *x);
void aor_show(struct exchange *x);
void bindings_remove(struct exchange *x);
void users_list(struct exchange *x);
void users_create(struct exchange *x);
void users_batch(struct exchange *x);
void user_show(struct exchange *x);
void user_change(struct exchange *x);
void user_delete(struct exchange *x);
void stats_show(struct exchange *x);
