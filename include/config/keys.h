/*
 * Every configuration key, one row each: the parser, the checks, both printers and the manual page
 * read this table. Durations are in ms, sizes in octets.
 *
 * CONFIG_SECTIONS: X(name, ONCE or TITLED, "what it is for")
 * CONFIG_KEYS: X(section, key, owner, field, TYPE, default, least, most, words, when, help)
 *   owner    the struct that field lies in: config, or that of one titled section
 *   default  as an operator would write it; list items separated by commas; NULL: must be given
 *   words    the choices of CHOICE (by value of the field) and WORDS, separated by blanks
 *   when     RELOAD: applied on reload; RESTART: needs one
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONFIG_SECOND 1000ull
#define CONFIG_MINUTE (60 * CONFIG_SECOND)
#define CONFIG_HOUR (60 * CONFIG_MINUTE)
#define CONFIG_DAY (24 * CONFIG_HOUR)
#define CONFIG_KILO 1024ull
#define CONFIG_MEGA (1024 * CONFIG_KILO)
#define CONFIG_GIGA (1024 * CONFIG_MEGA)
#define CONFIG_CONNECTIONS_MAX 10000000u

enum config_type {
	CONFIG_TEXT,	   /* char *: anything without control characters */
	CONFIG_COUNT,	   /* uint32_t */
	CONFIG_AUTO_COUNT, /* uint32_t, or "auto" */
	CONFIG_PERCENT,	   /* uint32_t: "10%" */
	CONFIG_SIZE,	   /* uint32_t or uint64_t: k m g */
	CONFIG_DURATION,   /* uint64_t: ms s m h d */
	CONFIG_SECONDS,	   /* uint64_t: a duration of whole seconds */
	CONFIG_SPAN,	   /* two uint64_t: "20s-90s", whole seconds */
	CONFIG_RATE,	   /* struct config_rate: "20/s" */
	CONFIG_SWITCH,	   /* bool: yes or no */
	CONFIG_CHOICE,	   /* bool or an enum: the index of the word */
	CONFIG_WORDS,	   /* struct config_list of words, each once */
	CONFIG_TRANSPORTS, /* bools udp, tcp, tls of a listener */
	CONFIG_HOSTS,	   /* struct config_list: host names or addresses, lower case */
	CONFIG_LIST,	   /* struct config_list: any texts */
	CONFIG_ENDPOINT,   /* struct endpoint, port 0 when empty */
	CONFIG_ENDPOINTS,  /* pointer and count of struct endpoint */
	CONFIG_PREFIXES	   /* pointer and count of struct ip_prefix */
};

#define CONFIG_SECTIONS(X)                                                                       \
	X(server, ONCE, "")                                                                      \
	X(domain, TITLED, "one section per served domain (at least one)")                        \
	X(listener, TITLED,                                                                      \
	  "any number; without any, or for an empty one: udp and tcp on 5060, tls on 5061 when " \
	  "there is a certificate")                                                              \
	X(certificate, TITLED,                                                                   \
	  "chosen by SNI; the first one is the default; files re-read on reload and every "      \
	  "tls.reload_interval")                                                                 \
	X(tls, ONCE, "")                                                                         \
	X(connection, ONCE, "")                                                                  \
	X(auth, ONCE, "")                                                                        \
	X(registration, ONCE, "")                                                                \
	X(database, ONCE, "")                                                                    \
	X(limits, ONCE, "")                                                                      \
	X(admin, ONCE, "")                                                                       \
	X(health, ONCE, "")                                                                      \
	X(log, ONCE, "")

/* clang-format off: one row a key reads best unbroken */
#define CONFIG_KEYS(X)                                                                             \
	X(server, name, config, server.name, TEXT, "", 0, 63, NULL, RESTART,                       \
	  "node name shown everywhere: ASCII without blanks; empty = host name")                   \
	X(server, user, config, server.user, TEXT, "", 0, 255, NULL, RESTART,                      \
	  "who to become when started as root; empty = whoever started it, as the unit does")      \
	X(server, workers, config, server.workers, AUTO_COUNT, "auto", 1, 64, NULL, RESTART,       \
	  "worker processes, one event loop each: auto = cores, 1-64")                             \
	X(server, server_header, config, server.header, TEXT, "rollcall", 0, 255, NULL, RELOAD,    \
	  "SIP Server header, empty = none")                                                       \
	X(server, max_connections, config, server.max_connections, AUTO_COUNT, "auto", 16,         \
	  CONFIG_CONNECTIONS_MAX, NULL, RESTART,                                                   \
	  "per node; auto = workers x (descriptor limit - 512)")                                   \
	X(server, max_message_size, config, server.max_message_size, SIZE, "64k", 4 * CONFIG_KILO, \
	  64 * CONFIG_KILO, NULL, RELOAD, "a larger message is answered 513; 4k-64k")              \
	X(server, max_body_size, config, server.max_body_size, SIZE, "64k", 0, 64 * CONFIG_KILO,   \
	  NULL, RELOAD,                                                                            \
	  "a larger body is answered 413; when not given, max_message_size if that is smaller")    \
	X(server, transaction_memory, config, server.transaction_memory, SIZE, "256m",             \
	  CONFIG_MEGA, 64 * CONFIG_GIGA, NULL, RELOAD,                                             \
	  "remembered answers for UDP retransmissions, per worker")                                \
	X(domain, aliases, config_domain, aliases, HOSTS, "", 0, 0, NULL, RELOAD,                  \
	  "other names and addresses of the domain")                                               \
	X(domain, schemes, config_domain, schemes, CHOICE, "both", 0, 0, "both sips sip", RELOAD,  \
	  "both | sips | sip : which schemes are served (480 with Warning 381 or 380 for the "     \
	  "other)")                                                                                \
	X(domain, require_tls, config_domain, require_tls, SWITCH, "no", 0, 0, NULL, RELOAD,       \
	  "yes: requests that came without TLS are answered 403")                                  \
	X(domain, contacts, config_domain, compatible, CHOICE, "strict", 0, 0,                     \
	  "strict compatible", RELOAD,                                                             \
	  "strict | compatible : compatible accepts SIP contacts where RFC 5630 wants SIPS")       \
	X(domain, algorithms, config_domain, algorithms, WORDS, "SHA-256, MD5", 1, 0,              \
	  "MD5 SHA-256 SHA-512-256", RELOAD,                                                       \
	  "order = preference in the challenges; old phones may need {\"MD5\"}")                   \
	X(domain, require_qop, config_domain, require_qop, SWITCH, "no", 0, 0, NULL, RELOAD,       \
	  "yes: credentials without qop, which only clients older than RFC 2617 send, are "        \
	  "challenged again instead of being good for one request")                                \
	X(domain, service_route, config_domain, service_route, LIST, "", 0, 0, NULL, RELOAD,       \
	  "Service-Route in each 200 to REGISTER (RFC 3608): proxies of outgoing calls, "          \
	  "{\"<sip:proxy.example.com;lr>\"}, in visiting order; sips: when schemes = sips")        \
	X(listener, bind, config_listener, binds, ENDPOINTS, "", 0, 0, NULL, RELOAD,               \
	  "addresses with port; default: every address, port 5060, or 5061 for tls")               \
	X(listener, transport, config_listener, udp, TRANSPORTS, "udp, tcp", 1, 0, "udp tcp tls",  \
	  RELOAD,                                                                                  \
	  "udp, tcp, or tls; RFC 3261 18.2.1: udp without tcp on the same port is refused unless " \
	  "udp_only = yes")                                                                        \
	X(listener, udp_only, config_listener, udp_only, SWITCH, "no", 0, 0, NULL, RELOAD,         \
	  "yes: udp may be alone")                                                                 \
	X(listener, proxy_protocol, config_listener, proxy_protocol, CHOICE, "off", 0, 0,          \
	  "off v1 v2", RELOAD,                                                                     \
	  "off | v1 | v2 ; never guessed. proxy_from is then required and other peers are "        \
	  "refused")                                                                               \
	X(listener, proxy_from, config_listener, proxy_from, PREFIXES, "", 0, 0, NULL, RELOAD,     \
	  "the load balancers that may connect when proxy_protocol or tls_offloaded is on, e.g. "  \
	  "{\"10.0.3.0/24\"}")                                                                     \
	X(listener, tls_offloaded, config_listener, tls_offloaded, SWITCH, "no", 0, 0, NULL,       \
	  RELOAD,                                                                                  \
	  "yes: a trusted load balancer ended TLS, transport is tcp, Via may say TLS, counts as "  \
	  "secure")                                                                                \
	X(certificate, chain, config_certificate, chain, TEXT, NULL, 1, 4095, NULL, RELOAD,        \
	  "PEM file: the certificate, then its issuers")                                           \
	X(certificate, key, config_certificate, key, TEXT, NULL, 1, 4095, NULL, RELOAD,            \
	  "PEM file of the private key")                                                           \
	X(tls, min_version, config, tls.min_tls13, CHOICE, "1.2", 0, 0, "1.2 1.3", RELOAD,         \
	  "1.2 | 1.3")                                                                             \
	X(tls, ciphers, config, tls.ciphers, TEXT, "ECDHE+AESGCM:ECDHE+CHACHA20", 1, 4095, NULL,   \
	  RELOAD, "OpenSSL cipher list for TLS 1.2")                                               \
	X(tls, client_auth, config, tls.client_auth, CHOICE, "off", 0, 0, "off request require",   \
	  RELOAD, "off | request | require ; client_ca = PEM bundle when not off")                 \
	X(tls, client_ca, config, tls.client_ca, TEXT, "", 0, 4095, NULL, RELOAD, "")              \
	X(tls, handshake_timeout, config, tls.handshake_timeout, DURATION, "10s", CONFIG_SECOND,   \
	  5 * CONFIG_MINUTE, NULL, RELOAD, "")                                                     \
	X(tls, session_tickets, config, tls.session_tickets, SWITCH, "yes", 0, 0, NULL, RELOAD,    \
	  "keys derived from the cluster secret, the same on every worker and node")               \
	X(tls, ticket_rotation, config, tls.ticket_rotation, DURATION, "24h", CONFIG_MINUTE,       \
	  7 * CONFIG_DAY, NULL, RELOAD, "a new ticket key this often; lifetime half of this")      \
	X(tls, sni_strict, config, tls.sni_strict, SWITCH, "no", 0, 0, NULL, RELOAD,               \
	  "RFC 9325 suggests yes; phones often send a balancer's name or an address")              \
	X(tls, reload_interval, config, tls.reload_interval, DURATION, "1h", CONFIG_SECOND,        \
	  7 * CONFIG_DAY, NULL, RELOAD,                                                            \
	  "certificate files, client_ca too, are read again this often")                           \
	X(connection, first_message_timeout, config, connection.first_message_timeout, DURATION,   \
	  "10s", CONFIG_SECOND, CONFIG_HOUR, NULL, RELOAD,                                         \
	  "the first request must have begun within")                                              \
	X(connection, message_timeout, config, connection.message_timeout, DURATION, "30s",        \
	  CONFIG_SECOND, CONFIG_HOUR, NULL, RELOAD, "a started message must be whole within")      \
	X(connection, idle_timeout, config, connection.idle_timeout, DURATION, "240s",             \
	  CONFIG_SECOND, CONFIG_DAY, NULL, RELOAD,                                                 \
	  "not applied while the connection carries a live binding; otherwise closed when "        \
	  "neither SIP nor keep-alive "                                                            \
	  "(CRLF CRLF) arrived for so long")                                                       \
	X(connection, max_per_ip, config, connection.max_per_ip, COUNT, "256", 1, 1000000, NULL,   \
	  RELOAD,                                                                                  \
	  "connections of one source, counted by each worker; limits.exempt names exceptions")     \
	X(connection, udp_receive_buffer, config, connection.udp_receive_buffer, SIZE, "16m",      \
	  64 * CONFIG_KILO, CONFIG_GIGA, NULL, RESTART,                                            \
	  "per socket; the kernel caps it at net.core.rmem_max")                                   \
	X(connection, udp_send_buffer, config, connection.udp_send_buffer, SIZE, "4m",             \
	  64 * CONFIG_KILO, CONFIG_GIGA, NULL, RESTART,                                            \
	  "per socket; the kernel caps it at net.core.wmem_max")                                   \
	X(auth, nonce_ttl, config, auth.nonce_ttl, SECONDS, "5m", CONFIG_SECOND, CONFIG_DAY, NULL, \
	  RESTART, "a nonce is good for so long")                                                  \
	X(auth, nonce_key_rotation, config, auth.nonce_key_rotation, DURATION, "12h",              \
	  CONFIG_MINUTE, 30 * CONFIG_DAY, NULL, RESTART,                                           \
	  "nonce keys live in the database, shared by all nodes; a new one is made this often, "   \
	  "the previous stays valid")                                                              \
	X(auth, failure_delay, config, auth.failure_delay, DURATION, "20ms", 0, CONFIG_SECOND,     \
	  NULL, RELOAD, "every credential failure leaves this long after arrival")                 \
	X(auth, remembered_records, config, auth.remembered_records, COUNT, "1000000", 0,          \
	  100000000, NULL, RESTART,                                                                \
	  "records that a worker remembers, so that a refresh takes one trip to the database; "    \
	  "about 1 KB each, taken as addresses register; 0 = none")                                \
	X(registration, expires_default, config, registration.expires_default, SECONDS, "1h",      \
	  CONFIG_SECOND, 365 * CONFIG_DAY, NULL, RELOAD,                                           \
	  "granted when the phone names no interval")                                              \
	X(registration, expires_min, config, registration.expires_min, SECONDS, "60s",             \
	  CONFIG_SECOND, CONFIG_DAY, NULL, RELOAD, "a shorter interval is answered 423")           \
	X(registration, expires_max, config, registration.expires_max, SECONDS, "2h",              \
	  CONFIG_SECOND, 365 * CONFIG_DAY, NULL, RELOAD, "a longer interval is shortened to this") \
	X(registration, expires_jitter, config, registration.expires_jitter, PERCENT, "10%", 0,    \
	  50, NULL, RELOAD,                                                                        \
	  "granted expiry is shortened by up to this share, never below the minimum, to spread "   \
	  "refreshes")                                                                             \
	X(registration, max_contacts, config, registration.max_contacts, COUNT, "10", 1, 1000,     \
	  NULL, RELOAD, "bindings of one address-of-record")                                       \
	X(registration, max_contacts_per_request, config, registration.max_contacts_per_request,   \
	  COUNT, "10", 1, 1000, NULL, RELOAD, "")                                                  \
	X(registration, on_max_contacts, config, registration.replace_oldest, CHOICE, "reject", 0, \
	  0, "reject replace_oldest", RELOAD,                                                      \
	  "the oldest bindings of the same +sip.instance always go first; then reject | "          \
	  "replace_oldest")                                                                        \
	X(registration, path, config, registration.path, CHOICE, "yes", 0, 0, "no yes lenient",    \
	  RESTART,                                                                                 \
	  "Path of edge proxies (RFC 3327), stored with each binding: yes | lenient | no ; yes = " \
	  "answered 420 unless Supported names path, lenient = stored all the same")               \
	X(registration, path_requires_certificate, config, registration.path_requires_certificate, \
	  SWITCH, "no", 0, 0, NULL, RELOAD,                                                        \
	  "yes: Path is accepted only over TLS from who shows a certificate of tls.client_ca, "    \
	  "403 to all others; needs tls.client_auth")                                              \
	X(database, url, config, database.url, TEXT, "postgresql:///rollcall", 1, 4095, NULL,      \
	  RESTART,                                                                                 \
	  "libpq URL; several hosts allowed; without a password in it. For example\n"              \
	  "\"postgresql://rollcall@db1,db2/"                                                       \
	  "rollcall?target_session_attrs=read-write&sslmode=verify-full\"")                        \
	X(database, password_file, config, database.password_file, TEXT, "", 0, 4095, NULL,        \
	  RESTART,                                                                                 \
	  "for example \"/etc/rollcall/db-password\"; with a systemd credential "                  \
	  "\"${CREDENTIALS_DIRECTORY}/db-password\"")                                              \
	X(database, connections_per_worker, config, database.connections_per_worker, COUNT, "2",   \
	  1, 64, NULL, RESTART, "")                                                                \
	X(database, statements, config, database.prepared, CHOICE, "prepared", 0, 0,               \
	  "unnamed prepared", RESTART,                                                             \
	  "prepared | unnamed (needed behind PgBouncer in transaction mode)")                      \
	X(database, connect_timeout, config, database.connect_timeout, DURATION, "5s", 100,        \
	  CONFIG_MINUTE, NULL, RESTART, "to find its name, and as long again to connect")          \
	X(database, query_timeout, config, database.query_timeout, DURATION, "5s", 100,            \
	  CONFIG_MINUTE, NULL, RESTART,                                                            \
	  "the deadline of a request already sent; new ones get 503 once a connection is silent "  \
	  "for 500 ms")                                                                            \
	X(database, queue_limit, config, database.queue_limit, COUNT, "20000", 1, 1000000, NULL,   \
	  RESTART, "waiting requests per worker; over it 503")                                     \
	X(database, batch_rows, config, database.batch_rows, COUNT, "64", 1, 1024, NULL, RESTART,  \
	  "1 = one-row statements, for distributed engines")                                       \
	X(database, retries, config, database.retries, COUNT, "3", 0, 10, NULL, RESTART,           \
	  "after a conflict or a lost connection")                                                 \
	X(database, durability, config, database.allow_unsafe, CHOICE, "required", 0, 0,           \
	  "required ignore", RESTART,                                                              \
	  "required | ignore : ignore = ready although fsync or synchronous_commit is off; 200 "   \
	  "may then be forgotten")                                                                 \
	X(limits, per_ip_rate, config, limits.per_ip_rate, RATE, "50/s", 1, 1000000, NULL, RELOAD, \
	  "requests and TLS handshakes of one source, datagrams by themselves, counted by each "   \
	  "worker; /s, /m or /h")                                                                  \
	X(limits, per_ip_burst, config, limits.per_ip_burst, COUNT, "200", 1, 1000000, NULL,       \
	  RELOAD, "")                                                                              \
	X(limits, per_aor_rate, config, limits.per_aor_rate, RATE, "2/s", 1, 1000000, NULL,        \
	  RELOAD, "registrations and fetches of one address-of-record, with the right password")   \
	X(limits, ipv6_prefix, config, limits.ipv6_prefix, COUNT, "64", 1, 128, NULL, RELOAD,      \
	  "IPv6 sources count by prefixes of so many bits")                                        \
	X(limits, ban_after, config, limits.ban_after, COUNT, "20", 0, 1000000, NULL, RELOAD,      \
	  "failed log-ins over TCP or TLS from one address within ban_window, then nothing of it " \
	  "is read for ban_time; 0 = never. UDP sources are only slowed")                          \
	X(limits, ban_window, config, limits.ban_window, DURATION, "5m", CONFIG_SECOND,            \
	  CONFIG_DAY, NULL, RELOAD, "")                                                            \
	X(limits, ban_time, config, limits.ban_time, DURATION, "15m", CONFIG_SECOND,               \
	  30 * CONFIG_DAY, NULL, RELOAD, "")                                                       \
	X(limits, exempt, config, limits.exempt, PREFIXES, "127.0.0.0/8, ::1/128", 0, 0, NULL,     \
	  RELOAD,                                                                                  \
	  "exempt from the rates and bans of this section and from connection.max_per_ip; never "  \
	  "from sizes and deadlines")                                                              \
	X(limits, drop_agents, config, limits.drop_agents, LIST,                                   \
	  "friendly-scanner, sipvicious, sipcli, VaxSIPUserAgent", 0, 0, NULL, RELOAD,             \
	  "User-Agent prefixes dropped without an answer")                                         \
	X(limits, overload_delay, config, limits.overload_delay, DURATION, "500ms", 1,             \
	  CONFIG_MINUTE, NULL, RELOAD,                                                             \
	  "the longest wait for the database; from half of it on new work gets 503 with "          \
	  "Retry-After in the range, or, over UDP, silence")                                       \
	X(limits, retry_after, config, limits.retry_after_min, SPAN, "20s-90s", CONFIG_SECOND,     \
	  CONFIG_HOUR, NULL, RELOAD, "")                                                           \
	X(admin, socket, config, admin.socket, TEXT, "/run/rollcall/admin.sock", 1, 107, NULL,     \
	  RESTART, "")                                                                             \
	X(admin, listen, config, admin.listen, ENDPOINT, "127.0.0.1:8080", 0, 0, NULL, RESTART,    \
	  "empty = no TCP admin. Loopback only: put a TLS proxy in front for more")                \
	X(admin, tokens_file, config, admin.tokens_file, TEXT, "/etc/rollcall/tokens", 0, 4095,    \
	  NULL, RELOAD, "")                                                                        \
	X(admin, request_timeout, config, admin.request_timeout, DURATION, "5s", 100,              \
	  5 * CONFIG_MINUTE, NULL, RESTART, "")                                                    \
	X(admin, max_connections, config, admin.max_connections, COUNT, "256", 1, 10000, NULL,     \
	  RESTART, "")                                                                             \
	X(admin, page_size_max, config, admin.page_size_max, COUNT, "1000", 1, 10000, NULL,        \
	  RELOAD, "")                                                                              \
	X(health, listen, config, health.listen, ENDPOINTS, "0.0.0.0:8081, [::]:8081", 0, 0, NULL, \
	  RESTART, "only probes live here; no login")                                              \
	X(health, metrics, config, health.metrics, SWITCH, "yes", 0, 0, NULL, RELOAD,              \
	  "/metrics for Prometheus on the same listeners")                                         \
	X(health, db_policy, config, health.fail_on_database, CHOICE, "fail", 0, 0, "ignore fail", \
	  RELOAD,                                                                                  \
	  "database gone: fail = not ready after db_grace, ignore = stay ready and answer 503 + "  \
	  "Retry-After in SIP")                                                                    \
	X(health, db_grace, config, health.db_grace, DURATION, "30s", 0, CONFIG_HOUR, NULL,        \
	  RELOAD, "")                                                                              \
	X(health, drain_delay, config, health.drain_delay, DURATION, "20s", 0, CONFIG_HOUR, NULL,  \
	  RELOAD, "not ready, still serving, for so long")                                         \
	X(health, drain_spread, config, health.drain_spread, DURATION, "30s", 0, CONFIG_HOUR,      \
	  NULL, RELOAD, "then connections are closed over this time")                              \
	X(health, drain_timeout, config, health.drain_timeout, DURATION, "90s", 0,                 \
	  3 * CONFIG_HOUR, NULL, RELOAD, "the end, whatever is still open")                        \
	X(log, level, config, log.level, CHOICE, "info", 0, 0, "error warning notice info debug",  \
	  RELOAD, "error | warning | notice | info | debug")                                       \
	X(log, format, config, log.format, CHOICE, "auto", 0, 0, "auto text journal json", RELOAD, \
	  "auto: text on a terminal, journal prefix under systemd, else json")                     \
	X(log, file, config, log.file, TEXT, "", 0, 4095, NULL, RELOAD,                            \
	  "empty = stderr; USR1 opens it again, for logrotate")                                    \
	X(log, personal_data, config, log.masked, CHOICE, "full", 0, 0, "full masked", RELOAD,     \
	  "full | masked (user parts and addresses shortened)")
/* clang-format on */

enum config_section {
#define X(name, kind, help) CONFIG_SECTION_##name,
	CONFIG_SECTIONS(X)
#undef X
		CONFIG_SECTION_COUNT
};

struct config_section_row {
	const char *name;
	bool titled;
	const char *help; /* empty: the name says it */
};
struct config_key {
	enum config_section section;
	const char *name;
	enum config_type type;
	const char *default_text; /* NULL: must be given */
	uint64_t least, most;	  /* of TEXT: octets; of lists: items, most 0 = any number */
	const char *words;
	bool reload;
	const char *help;
	size_t offset, width; /* of the field in its owner */
};

extern const struct config_section_row config_sections[CONFIG_SECTION_COUNT];
/* Ordered by section. */
extern const struct config_key config_keys[];
extern const size_t config_key_count;
