/*
 * The configuration as values: read with libConfuse, checked against the table in config/keys.h,
 * explained with file and line. Section numbers are those of docs/operations.md. All memory belongs
 * to the struct config.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/ip.h"
#include "base/log.h"
#include "base/stats.h"

enum config_schemes { CONFIG_SCHEMES_BOTH, CONFIG_SCHEMES_SIPS, CONFIG_SCHEMES_SIP };
enum config_path { CONFIG_PATH_NO, CONFIG_PATH_YES, CONFIG_PATH_LENIENT };
enum config_client_auth {
	CONFIG_CLIENT_AUTH_OFF,
	CONFIG_CLIENT_AUTH_REQUEST,
	CONFIG_CLIENT_AUTH_REQUIRE
};
enum config_log_format { CONFIG_LOG_AUTO, CONFIG_LOG_TEXT, CONFIG_LOG_JOURNAL, CONFIG_LOG_JSON };

struct config_list {
	char **items;
	size_t count;
};
struct config_domain {
	char *name; /* lower case */
	struct config_list aliases;
	enum config_schemes schemes;
	bool require_tls;
	bool require_qop;
	bool compatible;	       /* contacts = compatible */
	struct config_list algorithms; /* checked names */
	struct config_list service_route;
};
enum config_proxy { CONFIG_PROXY_OFF, CONFIG_PROXY_V1, CONFIG_PROXY_V2 };
struct config_listener {
	char *name;
	struct endpoint *binds;
	size_t bind_count;
	bool udp, tcp, tls;
	bool udp_only;
	enum config_proxy proxy_protocol;
	struct ip_prefix *proxy_from;
	size_t proxy_from_count;
	bool tls_offloaded;
};
struct config_certificate {
	char *name, *chain, *key;
};
struct config_rate {
	uint32_t count;
	uint32_t per_ms; /* "20/s": 20 per 1000 */
};

#define CONFIG_SIP_SOCKETS_MAX 256u /* for each address and transport of all listeners */
#define CONFIG_HEALTH_LISTENERS_MAX 16u

/* Durations in ms, sizes in octets. */
struct config {
	struct {
		char *name;
		char *user;	  /* empty: nobody else */
		uint32_t workers; /* auto resolved */
		char *header;
		uint32_t max_connections; /* auto resolved, per node */
		uint32_t max_message_size, max_body_size;
		uint64_t transaction_memory; /* per worker */
	} server;
	struct config_domain *domains;
	size_t domain_count;
	struct config_listener *
		listeners; /* without any: udp and tcp 5060, tls 5061 when there is a certificate */
	size_t listener_count;
	struct config_certificate *certificates;
	size_t certificate_count;
	struct {
		bool min_tls13;
		char *ciphers;
		enum config_client_auth client_auth;
		char *client_ca;
		uint64_t handshake_timeout;
		bool session_tickets;
		uint64_t ticket_rotation;
		bool sni_strict;
		uint64_t reload_interval;
	} tls;
	struct {
		uint64_t first_message_timeout, message_timeout, idle_timeout;
		uint32_t max_per_ip;
		uint32_t udp_receive_buffer;
		uint32_t udp_send_buffer;
	} connection;
	struct {
		uint64_t nonce_ttl, nonce_key_rotation, failure_delay;
		uint32_t remembered_records;
	} auth;
	struct {
		uint64_t expires_default, expires_min, expires_max;
		uint32_t expires_jitter; /* percent */
		uint32_t max_contacts, max_contacts_per_request;
		bool replace_oldest;
		enum config_path path;
		bool path_requires_certificate;
	} registration;
	struct {
		char *url;
		char *password_file;
		uint32_t connections_per_worker;
		bool prepared;
		uint64_t connect_timeout, query_timeout;
		uint32_t queue_limit, batch_rows, retries;
		bool allow_unsafe; /* durability = ignore: ready although fsync or
				      synchronous_commit is off */
	} database;
	struct {
		struct config_rate per_ip_rate, per_aor_rate;
		uint32_t per_ip_burst;
		uint32_t ipv6_prefix;
		uint32_t ban_after;
		uint64_t ban_window, ban_time;
		struct ip_prefix *exempt;
		size_t exempt_count;
		/* exempt, and proxy_from of all listeners: a load balancer that names no client
		 * does not answer for what its clients do */
		struct ip_prefix *unlimited;
		size_t unlimited_count;
		struct config_list drop_agents;
		uint64_t overload_delay, retry_after_min, retry_after_max;
	} limits;
	struct {
		char *socket;
		bool listen_on;
		struct endpoint listen;
		char *tokens_file;
		uint64_t request_timeout;
		uint32_t max_connections, page_size_max;
	} admin;
	struct {
		struct endpoint *listen;
		size_t listen_count;
		bool metrics;
		bool fail_on_database; /* db_policy */
		uint64_t db_grace;
		uint64_t drain_delay, drain_spread, drain_timeout;
	} health;
	struct {
		enum log_level level;
		enum config_log_format format;
		char *file; /* empty: stderr */
		bool masked;
	} log;
	void *memory; /* the parser's own */
};

/* The listener that a socket belongs to; NULL when it is gone from the configuration. */
const struct config_listener *config_listener_at(const struct config *config,
						 enum transport transport,
						 const struct endpoint *bound);

/* One "-o section.key=value" without the "-o"; titled sections are not settable this way. A list is
 * written with commas: limits.exempt=10.0.0.0/8,::1. */
struct config_override {
	const char *text;
};

/*
 * Reads path and conf.d/ *.conf beside it, the environment (ROLLCALL_SECTION_KEY), then the
 * overrides, each of which wins over what came before. path NULL: no files, and no domain or
 * listener is needed (for rollcallctl). All errors and warnings go to errors in the order of the
 * files, one line each: "file:line: error: ..." or "warning: ..."; NULL when there was an error.
 */
struct config *config_load(const char *path, const struct config_override *overrides,
			   size_t override_count, FILE *errors) __attribute__((warn_unused_result));
/* The same of a text in memory of any length, called name in messages: no conf.d, include,
 * environment or overrides. */
struct config *config_load_text(struct str text, const char *name, FILE *errors)
	__attribute__((warn_unused_result));
/* What reading has to say: a mistake or a warning, and where. file NULL: nowhere in particular;
 * line 0: the whole of it. */
struct config_note {
	const char *file;
	unsigned line;
	bool warning;
	const char *text; /* may hold control characters of the file */
};
/* config_load() that calls note for each line instead of writing it. */
struct config *config_load_noted(const char *path, const struct config_override *overrides,
				 size_t override_count,
				 void (*note)(const struct config_note *note, void *arg), void *arg)
	__attribute__((warn_unused_result));
struct config *config_load_text_noted(struct str text, const char *name,
				      void (*note)(const struct config_note *note, void *arg),
				      void *arg) __attribute__((warn_unused_result));
void config_free(struct config *config); /* NULL is nothing */

/* Of a libpq connection string: whether it is one, and whether it holds a password. */
enum database_url { DATABASE_URL_GOOD, DATABASE_URL_UNKNOWN, DATABASE_URL_PASSWORD };
enum database_url database_url_judge(struct str url);

#define CONFIG_PASSWORD_BYTES 256u
/* The first line of a password file, without its end, into password, which the caller wipes; cap is
 * CONFIG_PASSWORD_BYTES or less. False with a sentence in error when the file cannot be read, or
 * the line is empty or does not fit. */
bool config_password(const char *path, char *password, size_t cap, char *error, size_t error_cap)
	__attribute__((warn_unused_result));

/* The commented default file; and the effective configuration (passwords never are part of it).
 * Both can be loaded again. */
void config_print_default(FILE *out);
void config_print(const struct config *config, FILE *out);

/* One option as it is in force. */
struct config_option {
	const char *key;	  /* "limits.ipv6_prefix", "listener.tls.bind" */
	const char *value;	  /* as a file spells it */
	const char *default_text; /* likewise; NULL: there is none, it must be given */
	const char *origin;	  /* "rollcall.conf:12", "environment ROLLCALL_…", "command line",
				     "default" */
	bool reload;		  /* applied on reload; otherwise it needs a restart */
};
/* All of them, in the order of the table; boot is where the keys that need a restart came from, and
 * may be the same as config. The option lives as long as the call. Passwords are never part of a
 * configuration. */
void config_options(const struct config *config, const struct config *boot,
		    void (*each)(const struct config_option *option, void *arg), void *arg);

/* What a reload changes, a sentence each: "limits.ipv6_prefix 64 → 56", "domain a.example added".
 * Keys that need a restart are not among them. */
void config_differences(const struct config *old, const struct config *new,
			void (*each)(const char *sentence, void *arg), void *arg);
/* The keys that differ and need a restart ("server.workers"); returns their number. */
size_t config_needs_restart(const struct config *old, const struct config *new,
			    void (*each)(const char *key, void *arg), void *arg);
/* fresh gets the values that running has of the keys that need a restart. It borrows them: they
 * must live as long. */
void config_keep(struct config *fresh, const struct config *running);
