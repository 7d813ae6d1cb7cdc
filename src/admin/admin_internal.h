/* The admin's own state, shared by the files of this folder. */
#pragma once

#include "admin/admin.h"
#include "exchange.h"
#include "net/tls.h"
#include "pace.h"

#define WAITING_MAX 64u
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
	bool due;     /* MHD_run() is owed */
	bool resting; /* there was no descriptor for a connection */
};

struct token {
	enum role role;
	unsigned char hash[TOKEN_HASH_BYTES];
};
struct tokens {
	struct token items[TOKENS_MAX];
	size_t count;
};

/* What counts.c has found. */
struct binding_counts {
	bool known; /* one pass is complete */
	int64_t accounts;
	int64_t addresses; /* with a live binding */
	int64_t bindings_total;
	int64_t bindings_of_node; /* that this node wrote last */
	int64_t unreadable;	  /* addresses whose bindings somebody broke */
	uint64_t bindings[DOMAIN_COUNT][TRANSPORT_COUNT];
	uint64_t users[DOMAIN_COUNT][TRANSPORT_COUNT]; /* with a binding over this transport */
};

/* A pass that is under way. */
struct counting {
	struct timer timer;
	struct store_query query;
	struct binding_counts next;
	char unreadable[256]; /* the first of them */
	char cursor[8192];
	char now[24];
};

/* The numbers of one second, summed over the workers, for recent.c. */
struct recent_sample {
	uint64_t at_us;
	uint64_t registers[OUTCOME_COUNT]; /* answered so far */
	uint64_t took[STATS_BUCKETS];	   /* durations of those that succeeded */
	uint64_t asked[STATS_BUCKETS];	   /* and of look-ups and commits in the database */
	uint64_t busy_us[NODE_WORKERS_MAX];
};

#define RECENT_SAMPLES 11u /* ten seconds lie between the first and the last */

struct recent {
	struct timer timer;
	uint64_t taken;
	struct recent_sample ring[RECENT_SAMPLES];
};

/* What processes.c has found. */
struct processes {
	struct timer timer;
	void *folder;	    /* of descriptors, being read; NULL: none */
	uint32_t index;	    /* whose it is */
	uint64_t counting;  /* descriptors of this pass */
	bool missed;	    /* one could not be looked at */
	uint64_t open_fds;  /* of the last complete one */
	uint64_t cpu_ticks; /* shown last */
};

/* metrics.c: what was rendered last. */
struct metrics {
	struct MHD_Response *response; /* NULL: there was no memory for it */
	size_t len;
	struct budget rendering;
	struct budget sending;
};

struct admin {
	struct loop *loop;
	const struct config *config;
	const struct policy *policy;
	struct store *store;
	const struct node_memory *memory;
	struct surface *surfaces;
	size_t surface_count;
	struct timer waking; /* until the surfaces that need the store are served … */
	uint64_t awake_ms;   /* … at the latest then */
	struct tokens tokens;
	struct arena_pool pool;
	struct fifo clients;	/* client.c: those that have to send something */
	struct fifo deadlines;	/* of exchanges that are suspended, and of streams */
	unsigned waiting_count; /* exchanges of which the store or the master has something */
	unsigned stream_count;
	json_t *certificates; /* as they are listed, but with the time of their end in expires_in */
	char certificate_trouble[512]; /* why they could not be read again, or "" */
	struct list pauses;	       /* exchanges between two pages */
	struct list commands;	       /* exchanges that wait for the master */
	uint32_t last_command;	       /* the id of the last one asked */
	bool (*ask)(void *arg, uint32_t id, const struct command *command);
	void *ask_arg;
	struct metrics metrics;
	struct recent recent;
	struct processes processes;
	struct counting counting;
	struct binding_counts counts; /* of the last complete pass */
	struct ban_keeper *bans;
	struct heartbeat *heartbeat;
};

/* request.c: the callbacks of libmicrohttpd; arg is the surface. */
enum MHD_Result request_handle(void *arg, struct MHD_Connection *connection, const char *url,
			       const char *method, const char *version, const char *upload,
			       size_t *upload_len, void **own);
void request_completed(void *arg, struct MHD_Connection *connection, void **own,
		       enum MHD_RequestTerminationCode why);

/* tokens.c: "read HEX" or "admin HEX" a line, HEX the SHA-256 of the token. False with a sentence
 * when the file is no good; tokens are as before then. */
bool tokens_load(struct tokens *tokens, const char *path, char *error, size_t error_cap);
/* That of an Authorization field. */
enum role tokens_role(const struct tokens *tokens, const char *authorization);

/* certificates.c */
#define CERTIFICATE_DAYS 14 /* before its end one is worth a warning */
void certificates_close(struct admin *admin);
/* The one that ends first, as {"certificate","expires_in"}; null without any. */
json_t *certificates_next(const struct admin *admin);
/* True, with a sentence, when one of them wants somebody's attention. */
bool certificates_warn(const struct admin *admin, char *text, size_t cap, char *reason,
		       size_t reason_cap);

/* health.c */
void health_answer(struct exchange *x, const char *path);
json_t *health_checks(const struct admin *admin, bool *ready, const char **state);
/* The words of all states, NULL behind the last; and the one of now. */
extern const char *const health_states[];
const char *health_state(const struct admin *admin);
/* metrics.c */
void metrics_answer(struct exchange *x);
void metrics_close(struct admin *admin);
/* recent.c: of the last ten seconds. */
void recent_start(struct admin *admin);
void recent_stop(struct admin *admin);
/* The share of its time that the worker did not wait in. */
double recent_busy(const struct admin *admin, uint32_t worker);
/* That of the busiest one. */
double recent_busiest(const struct admin *admin);
/* Rate, shares and quantiles of REGISTERs; null before there are two samples. */
json_t *recent_json(const struct admin *admin);
/* processes.c: of all processes of the node. */
void processes_start(struct admin *admin);
void processes_stop(struct admin *admin);
double processes_cpu_seconds(struct admin *admin);
double processes_resident_bytes(const struct admin *admin);
double processes_max_fds(const struct admin *admin);
/* counts.c. It has a query of the store, so stop it after the store was closed. */
void counts_start(struct admin *admin);
void counts_stop(struct admin *admin);

/* routes.c */
struct route {
	const char *method;
	const char *path; /* segments; "{}" takes one */
	enum role role;
	const char *arguments; /* those it knows, separated by blanks */
	void (*handle)(struct exchange *x);
};
/* Is it a list that comes as NDJSON and CSV too (list.h)? */
bool route_streams(const struct route *route);
/* As metrics name and number them (base/stats.h): "GET /api/v1/users/{}". */
unsigned route_count(void);
unsigned route_index(const struct route *route);
void route_word(unsigned index, char *word, size_t cap);
/* That of a method and path, with the segments that "{}" took, still encoded; HEAD is found as GET.
 * NULL, with the methods that the path has in allow, "" when there is no such path. */
#define ALLOW_BYTES 64
#define SEGMENTS_MAX 4
const struct route *route_find(struct str method, struct str path, struct str *segments,
			       unsigned *segment_count, char allow[static ALLOW_BYTES]);

/* The handlers */
void bindings_list(struct exchange *x);
void bindings_stats(struct exchange *x);
void aor_show(struct exchange *x);
void bindings_remove(struct exchange *x);
void users_list(struct exchange *x);
void users_create(struct exchange *x);
void users_batch(struct exchange *x);
void user_show(struct exchange *x);
void user_change(struct exchange *x);
void user_delete(struct exchange *x);
void stats_show(struct exchange *x);
void certificates_list(struct exchange *x);
void bans_list(struct exchange *x);
void bans_add(struct exchange *x);
void bans_remove(struct exchange *x);
void nodes_list(struct exchange *x);
void config_show(struct exchange *x);
void config_check(struct exchange *x);
void reload(struct exchange *x);
void drain(struct exchange *x);
void undrain(struct exchange *x);
void log_level_show(struct exchange *x);
void log_level_change(struct exchange *x);
void openapi_show(struct exchange *x);
