/* Each type of value at its limits, and the message one step beyond. */
#include "config/keys.h"
#include "loading.h"

/* A configuration that is good but for one line of one section. */
static struct loaded
load_line(const char *section, const char *line)
{
	char text[1024];
	snprintf(text, sizeof(text), DOMAIN CERTIFICATE "%s {\n\t%s\n}\n", section, line);
	return load_text(text);
}

struct line_case {
	const char *section, *line;
	const char *message; /* behind "test.conf:4: error: "; NULL: good */
};

static void
check_line(const struct line_case *c)
{
	struct loaded loaded = load_line(c->section, c->line);
	char expected[512] = "";
	if (c->message != NULL)
		snprintf(expected, sizeof(expected), "test.conf:4: error: %s\n", c->message);
	ck_assert_str_eq(loaded.messages, expected);
	ck_assert_msg((loaded.config != NULL) == (c->message == NULL), "%s", c->line);
	unload(&loaded);
}

#define CHECK_LINES(cases)                                            \
	for (size_t n = 0; n < sizeof(cases) / sizeof(*(cases)); n++) \
	check_line(&(cases)[n])

START_TEST(counts)
{
	static const struct line_case cases[] = {
		{ "server", "workers = 1", NULL },
		{ "server", "workers = 64", NULL },
		{ "server", "workers = auto", NULL },
		{ "server", "workers = 0", "workers = 0 is out of range 1-64" },
		{ "server", "workers = 65", "workers = 65 is out of range 1-64" },
		{ "server", "workers = many", "workers = many is not a number" },
		{ "server", "workers = -1", "workers = -1 is not a number" },
		{ "server", "workers = 1.5", "workers = 1.5 has an unknown unit; use none" },
		{ "server", "workers = \"\"", "workers =  is not a number" },
		{ "server", "workers = {1, 2}", "workers takes one value" },
		{ "registration", "max_contacts = 1", NULL },
		{ "registration", "max_contacts = 1000", NULL },
		{ "registration", "max_contacts = auto", "max_contacts = auto is not a number" },
		{ "registration", "max_contacts = 99999999999999999999",
		  "max_contacts = 99999999999999999999 is out of range 1-1000" },
		{ "registration", "max_contacts = 4294967297",
		  "max_contacts = 4294967297 is out of range 1-1000" },
		{ "registration", "expires_jitter = 0%", NULL },
		{ "registration", "expires_jitter = \"50%\"", NULL },
		{ "registration", "expires_jitter = 51%",
		  "expires_jitter = 51% is out of range 0%-50%" },
		{ "registration", "expires_jitter = 10",
		  "expires_jitter = 10 has no unit; write 10%" },
		{ "database", "retries = 0", NULL },
		{ "limits", "ipv6_prefix = 129", "ipv6_prefix = 129 is out of range 1-128" },
	};
	CHECK_LINES(cases);
}
END_TEST

START_TEST(durations)
{
	static const struct line_case cases[] = {
		{ "registration", "expires_min = 1s", NULL },
		{ "registration", "expires_min = 60",
		  "expires_min = 60 has no unit; write 60s or 1m" },
		{ "registration", "expires_min = 45",
		  "expires_min = 45 has no unit; write 45s or 45m" },
		{ "registration", "expires_min = 60S",
		  "expires_min = 60S has an unknown unit; use ms, s, m, h or d" },
		{ "registration", "expires_min = \"60 s\"",
		  "expires_min = 60 s has an unknown unit; use ms, s, m, h or d" },
		{ "registration", "expires_min = 1.5h",
		  "expires_min = 1.5h has an unknown unit; use ms, s, m, h or d" },
		{ "registration", "expires_min = 0s", "expires_min = 0s is out of range 1s-1d" },
		{ "registration", "expires_min = 999ms",
		  "expires_min = 999ms is out of range 1s-1d" },
		{ "registration", "expires_min = 1500ms",
		  "expires_min = 1500ms is not in whole seconds" },
		{ "registration", "expires_min = soon",
		  "expires_min = soon is not a number with a unit: ms, s, m, h or d" },
		{ "registration", "expires_max = 365d", NULL },
		{ "registration", "expires_max = 366d",
		  "expires_max = 366d is out of range 1s-365d" },
		{ "registration", "expires_max = 18446744073709551615d",
		  "expires_max = 18446744073709551615d is out of range 1s-365d" },
		{ "auth", "failure_delay = 0ms", NULL },
		{ "auth", "failure_delay = 1500ms",
		  "failure_delay = 1500ms is out of range 0s-1s" },
		{ "limits", "retry_after = 1s-1s", NULL },
		{ "limits", "retry_after = \"1s - 1h\"", NULL },
		{ "limits", "retry_after = 20s",
		  "retry_after = 20s is not a range; write 20s-90s" },
		{ "limits", "retry_after = 90s-20s",
		  "retry_after = 90s-20s: the range ends before it begins" },
		{ "limits", "retry_after = 20-90s",
		  "retry_after = 20 has no unit; write 20s or 20m" },
		{ "limits", "retry_after = 0s-90s", "retry_after = 0s is out of range 1s-1h" },
		{ "limits", "retry_after = 20s-61m", "retry_after = 61m is out of range 1s-1h" },
	};
	CHECK_LINES(cases);
}
END_TEST

START_TEST(sizes_and_rates)
{
	static const struct line_case cases[] = {
		{ "server", "max_body_size = 0k", NULL },
		{ "server", "max_message_size = 64k", NULL },
		{ "server", "max_message_size = 65k",
		  "max_message_size = 65k is out of range 4k-64k" },
		{ "server", "max_message_size = 3k",
		  "max_message_size = 3k is out of range 4k-64k" },
		{ "server", "max_message_size = 64",
		  "max_message_size = 64 has no unit; write 64k or 64m" },
		{ "server", "max_message_size = 64kb",
		  "max_message_size = 64kb has an unknown unit; use k, m or g" },
		{ "server", "transaction_memory = 64g", NULL },
		{ "server", "transaction_memory = 1023k",
		  "transaction_memory = 1023k is out of range 1m-64g" },
		{ "server", "transaction_memory = 18446744073709551615g",
		  "transaction_memory = 18446744073709551615g is out of range 1m-64g" },
		{ "limits", "per_ip_rate = 1/h", NULL },
		{ "limits", "per_ip_rate = \"1000000/s\"", NULL },
		{ "limits", "per_ip_rate = 20",
		  "per_ip_rate = 20 has no unit; write 20/s or 20/m" },
		{ "limits", "per_ip_rate = 0/s", "per_ip_rate = 0/s is out of range 1-1000000" },
		{ "limits", "per_ip_rate = 1000001/s",
		  "per_ip_rate = 1000001/s is out of range 1-1000000" },
		{ "limits", "per_ip_rate = 20/d",
		  "per_ip_rate = 20/d has an unknown unit; use /s, /m or /h" },
		{ "limits", "per_ip_rate = fast",
		  "per_ip_rate = fast is not a number with a unit: /s, /m or /h" },
	};
	CHECK_LINES(cases);
}
END_TEST

START_TEST(words_and_switches)
{
	static const struct line_case cases[] = {
		{ "domain \"a.example\"", "require_tls = ja",
		  "require_tls = ja is neither yes nor no" },
		{ "domain \"a.example\"", "schemes = sip", NULL },
		{ "domain \"a.example\"", "schemes = sipz",
		  "schemes = sipz is none of both, sips, sip; did you mean \"sips\"?" },
		{ "domain \"a.example\"", "schemes = SIPS",
		  "schemes = SIPS is none of both, sips, sip" },
		{ "domain \"a.example\"", "schemes = \"\"",
		  "schemes =  is none of both, sips, sip" },
		{ "domain \"a.example\"", "contacts = lenient",
		  "contacts = lenient is none of strict, compatible" },
		{ "domain \"a.example\"", "algorithms = {\"SHA256\"}",
		  "algorithms = SHA256 is none of MD5, SHA-256, SHA-512-256; did you mean "
		  "\"SHA-256\"?" },
		{ "domain \"a.example\"", "algorithms = {\"MD5\", \"MD5\"}",
		  "algorithms names MD5 twice" },
		{ "domain \"a.example\"", "algorithms = MD5", NULL },
		{ "tls", "min_version = 1.1",
		  "min_version = 1.1 is none of 1.2, 1.3; did you mean \"1.2\"?" },
		{ "database", "durability = ignored",
		  "durability = ignored is none of required, ignore; did you mean \"ignore\"?" },
		{ "log", "level = verbose",
		  "level = verbose is none of error, warning, notice, info, debug" },
		{ "listener \"x\"", "transport = {\"tcp\", \"sctp\"}",
		  "transport = sctp is none of udp, tcp, tls" },
	};
	CHECK_LINES(cases);
}
END_TEST

START_TEST(addresses)
{
	static const struct line_case cases[] = {
		{ "listener \"x\"", "bind = {\"127.0.0.1:1\", \"[::1]:65535\"}", NULL },
		{ "listener \"x\"", "bind = {\"127.0.0.1\"}",
		  "bind: \"127.0.0.1\" is not address:port, e.g. 0.0.0.0:5060 or [::]:5060" },
		{ "listener \"x\"", "bind = {\"*:5060\"}",
		  "bind: \"*:5060\" is not address:port, e.g. 0.0.0.0:5060 or [::]:5060" },
		{ "listener \"x\"", "bind = {\"127.0.0.1:0\"}",
		  "bind: \"127.0.0.1:0\" is not address:port, e.g. 0.0.0.0:5060 or [::]:5060" },
		{ "listener \"x\"", "bind = {\"127.0.0.1:65536\"}",
		  "bind: \"127.0.0.1:65536\" is not address:port, e.g. 0.0.0.0:5060 or [::]:5060" },
		{ "health", "listen = {}", NULL },
		{ "admin", "listen = \"\"", NULL },
		{ "admin", "listen = \"[::1]:8080\"", NULL },
		{ "admin", "listen = \"127.0.0.1:0\"",
		  "listen = 127.0.0.1:0 is not address:port, e.g. 127.0.0.1:8080 or [::1]:8080" },
		{ "admin", "listen = localhost",
		  "listen = localhost is not address:port, e.g. 127.0.0.1:8080 or [::1]:8080" },
		{ "limits", "exempt = {}", NULL },
		{ "limits", "exempt = {\"0.0.0.0/0\", \"::/0\", \"10.0.0.1\"}", NULL },
		{ "limits", "exempt = {\"10.0.0.0/33\"}",
		  "exempt: \"10.0.0.0/33\" is not an address or prefix, e.g. 192.0.2.0/24 or "
		  "2001:db8::/32" },
		{ "limits", "exempt = {\"10.0/8\"}",
		  "exempt: \"10.0/8\" is not an address or prefix, e.g. 192.0.2.0/24 or "
		  "2001:db8::/32" },
	};
	CHECK_LINES(cases);
}
END_TEST

START_TEST(texts)
{
	static const struct line_case cases[] = {
		{ "server", "server_header = \"\"", NULL },
		{ "server", "server_header = \"a\\r\\nVia: x\"",
		  "server_header contains a control character" },
		{ "server", "name = {a, b}", "name takes one value" },
		{ "server",
		  "name = 123456789012345678901234567890123456789012345678901234567890123", NULL },
		{ "server",
		  "name = 1234567890123456789012345678901234567890123456789012345678901234",
		  "name is longer than 63 octets" },
		{ "admin", "socket = \"\"", "socket is empty" },
		{ "limits", "drop_agents = {\"\"}", "drop_agents has an empty item" },
		{ "limits", "drop_agents = {\"a\", \"a\"}", "drop_agents names a twice" },
		{ "limits", "drop_agents = {\"a\\n\"}",
		  "drop_agents contains a control character" },
		{ "limits", "drop_agents = {}", NULL },
	};
	CHECK_LINES(cases);
}
END_TEST

/* An item of {} is there, and is not the default. */
START_TEST(lists_that_must_not_be_empty)
{
	expect_bad(DOMAIN CERTIFICATE "server { name = {} }\n",
		   "test.conf:3: error: name takes one value\n");
	expect_bad("domain \"a.example\" {\n\talgorithms = {}\n}\n" CERTIFICATE,
		   "test.conf:1: error: algorithms is empty\n");
	expect_bad(DOMAIN "listener \"x\" {\n\ttransport = {}\n}\n",
		   "test.conf:2: error: transport is empty\n");
}
END_TEST

/* UAS-20.35-1, AUT-8760-2.3-1, REG-10.3.7-1: the defaults show no version, offer SHA-256 before
 * MD5 and grant 3600 seconds */
START_TEST(defaults)
{
	struct loaded loaded = load_good(DOMAIN CERTIFICATE);
	const struct config *c = loaded.config;
	ck_assert_str_eq(loaded.messages, "");
	ck_assert_str_eq(c->server.header, "rollcall");
	ck_assert_uint_eq(c->server.max_message_size, 65536);
	ck_assert_uint_eq(c->server.max_body_size, 65536);
	ck_assert_uint_eq(c->server.transaction_memory, 256u << 20);
	ck_assert_uint_eq(c->domain_count, 1);
	ck_assert_str_eq(c->domains[0].name, "example.com");
	ck_assert_uint_eq(c->domains[0].aliases.count, 0);
	ck_assert_int_eq(c->domains[0].schemes, CONFIG_SCHEMES_BOTH);
	ck_assert(!c->domains[0].require_tls && !c->domains[0].require_qop);
	ck_assert(!c->domains[0].compatible);
	ck_assert_uint_eq(c->domains[0].algorithms.count, 2);
	ck_assert_str_eq(c->domains[0].algorithms.items[0], "SHA-256");
	ck_assert_str_eq(c->domains[0].algorithms.items[1], "MD5");
	ck_assert(!c->tls.min_tls13 && c->tls.session_tickets && !c->tls.sni_strict);
	ck_assert_int_eq(c->tls.client_auth, CONFIG_CLIENT_AUTH_OFF);
	ck_assert_uint_eq(c->tls.handshake_timeout, 10000);
	ck_assert_uint_eq(c->connection.idle_timeout, 240000);
	ck_assert_uint_eq(c->connection.udp_receive_buffer, 16u << 20);
	ck_assert_uint_eq(c->connection.udp_send_buffer, 4u << 20);
	ck_assert_uint_eq(c->auth.nonce_ttl, 300000);
	ck_assert_uint_eq(c->auth.failure_delay, 20);
	ck_assert_uint_eq(c->registration.expires_default, 3600000);
	ck_assert_uint_eq(c->registration.expires_min, 60000);
	ck_assert_uint_eq(c->registration.expires_max, 7200000);
	ck_assert_uint_eq(c->registration.expires_jitter, 10);
	ck_assert_uint_eq(c->registration.max_contacts, 10);
	ck_assert(!c->registration.replace_oldest);
	ck_assert(c->database.prepared && !c->database.allow_unsafe);
	ck_assert_uint_eq(c->limits.per_ip_rate.count, 50);
	ck_assert_uint_eq(c->limits.per_ip_rate.per_ms, 1000);
	ck_assert_uint_eq(c->limits.exempt_count, 2);
	ck_assert_uint_eq(c->limits.exempt[0].bits, 8);
	ck_assert_uint_eq(c->limits.drop_agents.count, 4);
	ck_assert_uint_eq(c->limits.retry_after_min, 20000);
	ck_assert_uint_eq(c->limits.retry_after_max, 90000);
	ck_assert(c->admin.listen_on);
	ck_assert_uint_eq(c->admin.listen.port, 8080);
	ck_assert_uint_eq(c->health.listen_count, 2);
	ck_assert(c->health.fail_on_database);
	ck_assert_int_eq(c->log.level, LOG_LEVEL_INFO);
	ck_assert_int_eq(c->log.format, CONFIG_LOG_AUTO);
	unload(&loaded);
}
END_TEST

START_TEST(values_arrive)
{
	struct loaded loaded = load_good(
		"domain \"EXAMPLE.com\" { aliases = {\"Reg.Example.COM\", \"[2001:DB8:0::10]\", "
		"\"192.0.2.7\"} schemes = sips require_tls = on contacts = compatible "
		"require_qop = true "
		"algorithms = {\"MD5\", \"SHA-512-256\"} }\n" CERTIFICATE
		"server { workers = 3 max_connections = 300 server_header = \"\" name = 'reg-1' }\n"
		"tls { min_version = 1.3 client_auth = require client_ca = \"/ca.pem\" }\n"
		"registration { on_max_contacts = replace_oldest }\n"
		"database { statements = unnamed durability = ignore }\n"
		"limits { per_aor_rate = 90/m retry_after = 1s-2m }\n"
		"health { db_policy = ignore listen = {\"127.0.0.1:9\"} }\n"
		"admin { listen = \"\" }\n"
		"log { level = debug format = json }\n");
	const struct config *c = loaded.config;
	ck_assert_str_eq(loaded.messages, "");
	ck_assert_ptr_nonnull(c);
	ck_assert_str_eq(c->domains[0].name, "example.com");
	ck_assert_uint_eq(c->domains[0].aliases.count, 3);
	ck_assert_str_eq(c->domains[0].aliases.items[0], "reg.example.com");
	ck_assert_str_eq(c->domains[0].aliases.items[1], "[2001:db8::10]");
	ck_assert_str_eq(c->domains[0].aliases.items[2], "192.0.2.7");
	ck_assert_int_eq(c->domains[0].schemes, CONFIG_SCHEMES_SIPS);
	ck_assert(c->domains[0].require_tls && c->domains[0].require_qop);
	ck_assert(c->domains[0].compatible);
	ck_assert_str_eq(c->domains[0].algorithms.items[0], "MD5");
	ck_assert_str_eq(c->domains[0].algorithms.items[1], "SHA-512-256");
	ck_assert_uint_eq(c->server.workers, 3);
	ck_assert_uint_eq(c->server.max_connections, 300);
	ck_assert_str_eq(c->server.header, "");
	ck_assert_str_eq(c->server.name, "reg-1");
	ck_assert(c->tls.min_tls13);
	ck_assert_int_eq(c->tls.client_auth, CONFIG_CLIENT_AUTH_REQUIRE);
	ck_assert_str_eq(c->certificates[0].chain, "/c.pem");
	ck_assert_str_eq(c->certificates[0].key, "/k.pem");
	ck_assert(c->registration.replace_oldest);
	ck_assert(!c->database.prepared && c->database.allow_unsafe);
	ck_assert_uint_eq(c->limits.per_aor_rate.count, 90);
	ck_assert_uint_eq(c->limits.per_aor_rate.per_ms, 60000);
	ck_assert_uint_eq(c->limits.retry_after_max, 120000);
	ck_assert(!c->health.fail_on_database && c->health.listen_count == 1);
	ck_assert(!c->admin.listen_on);
	ck_assert_int_eq(c->log.level, LOG_LEVEL_DEBUG);
	ck_assert_int_eq(c->log.format, CONFIG_LOG_JSON);
	unload(&loaded);
}
END_TEST

SUITE(value, counts, durations, sizes_and_rates, words_and_switches, addresses, texts,
      lists_that_must_not_be_empty, defaults, values_arrive)
