/* The mistakes that an operator makes, and the sentence that each one gets. */
#include "loading.h"

#define NO_TLS                                                                                  \
	"warning: no certificate section: TLS is not served; add certificate \"main\" { chain " \
	"= \"...\" key = \"...\" }\n"

START_TEST(unknown_names)
{
	expect_bad(DOMAIN CERTIFICATE "registration {\n\texpire_max = 2h\n}\n",
		   "test.conf:4: error: no such option \"expire_max\" in registration; did you "
		   "mean \"expires_max\"?\n");
	expect_bad(DOMAIN CERTIFICATE "limits {\n\tworkers = 2\n}\n",
		   "test.conf:4: error: no such option \"workers\" in limits; it belongs to "
		   "section server\n");
	expect_bad(DOMAIN CERTIFICATE "limits { quux = 2 }\n",
		   "test.conf:3: error: no such option \"quux\" in limits\n");
	expect_bad(DOMAIN CERTIFICATE "limts {\n}\n",
		   "test.conf:3: error: no such section \"limts\"; did you mean \"limits\"?\n");
	expect_bad("listner \"x\" {}\n", "test.conf:1: error: no such section \"listner\"; did you "
					 "mean \"listener\"?\n");
	/* Every section has its own keys: those of others are unknown there. */
	expect_bad(DOMAIN CERTIFICATE "metrics = yes\n",
		   "test.conf:3: error: no such section \"metrics\"\n");
}
END_TEST

START_TEST(one_run_reports_all)
{
	expect_bad("server {\n"
		   "\tworker = 2\n"
		   "\tnam = {\"x\"}\n"
		   "\tworkers = 99\n"
		   "}\n" DOMAIN CERTIFICATE "log { levl = info level = inof }\n",
		   "test.conf:2: error: no such option \"worker\" in server; did you mean "
		   "\"workers\"?\n"
		   "test.conf:3: error: no such option \"nam\" in server; did you mean \"name\"?\n"
		   "test.conf:4: error: workers = 99 is out of range 1-64\n"
		   "test.conf:8: error: no such option \"levl\" in log; did you mean \"level\"?\n"
		   "test.conf:8: error: level = inof is none of error, warning, notice, info, "
		   "debug; did you mean \"info\"?\n");
}
END_TEST

#define URL(text) DOMAIN CERTIFICATE "database {\n\turl = \"" text "\"\n}\n"
#define URL_FAULT "test.conf:4: error: database.url"

/* What libpq would find out when it connects; a value is never repeated, nor what looks like one.
 */
START_TEST(options_of_the_database)
{
	static const char *const good[] = {
		URL("postgresql://u@a,b:5433,[::1]:5434/"
		    "x?target_session_attrs=read-write&sslmode=verify-full"),
		URL("postgresql:///x?host=/run/pg&port=&connect_timeout=-1&keepalives_idle=%2010"),
		URL("host=a,b port=5432,5433 user=u application_name='a b' gssencmode=disable"),
		URL("postgresql://u@a/x?ssl=true"),
	};
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		expect_good(good[i], "");
	expect_bad(URL("postgresql:///x?sslmod=require"),
		   URL_FAULT ": libpq has no option \"sslmod\"; did you mean \"sslmode\"?\n");
	expect_bad(URL("host=a passwort=hunter2"),
		   URL_FAULT ": libpq has no option \"passwort\"; did you mean \"password\"?\n");
	expect_bad(URL("postgresql:///x?sslmode=verify_full"),
		   URL_FAULT ": sslmode is none of disable, allow, prefer, require, verify-ca, "
			     "verify-full; did you mean \"verify-full\"?\n");
	expect_bad(URL("postgresql:///x?target_session_attrs=readwrite"),
		   URL_FAULT ": target_session_attrs is none of any, read-write, read-only, "
			     "primary, standby, prefer-standby; did you mean \"read-write\"?\n");
	expect_bad(URL("host=a port=abc"), URL_FAULT ": port is not a number from 1 to 65535\n");
	expect_bad(URL("postgresql://a:5432,b:65536/x"),
		   URL_FAULT ": port is not a number from 1 to 65535\n");
	expect_bad(URL("postgresql:///x?connect_timeout=5s&keepalives=yes"),
		   URL_FAULT ": connect_timeout is not a number\n" URL_FAULT
			     ": keepalives is not a number\n");
}
END_TEST

START_TEST(urls_that_libpq_cannot_read)
{
	static const char *const bad[] = {
		URL("postgresql://u@a/x?hunter2"),
		URL("postgresql://hunter2%zz@a/x"),
		URL("host=a hunter2 user=u"),
		URL("host='a user=hunter2"),
		URL("postgresql://u@[::1/hunter2"),
		URL("postgresql:///x?hun%20ter2=x"),
		URL("host=a hunter2hunter2hunter2hunter2hunter2=x"),
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct loaded loaded = load_text(bad[i]);
		ck_assert_ptr_null(loaded.config);
		ck_assert_msg(strstr(loaded.messages, URL_FAULT " is not what libpq can read ") ==
				      loaded.messages,
			      "%s: %s", bad[i], loaded.messages);
		ck_assert_ptr_null(strstr(loaded.messages, "ter2"));
		unload(&loaded);
	}
}
END_TEST

START_TEST(repeated_options)
{
	expect_bad(DOMAIN CERTIFICATE "server {\n\tworkers = 1\n\tworkers = 2\n}\n",
		   "test.conf:5: error: workers is set twice, first at line 4\n");
	expect_bad(DOMAIN CERTIFICATE "server { workers = 1 }\nserver { workers = 1 }\n",
		   "test.conf:4: error: workers is set twice, first at line 3\n");
	expect_bad(DOMAIN CERTIFICATE "limits {\n\texempt = {\"::1\"}\n\texempt = {}\n}\n",
		   "test.conf:3: error: exempt is set twice, first at line 4\n");
	expect_good(DOMAIN CERTIFICATE "server { workers = 1 }\nserver { name = a }\n", "");
	/* What libConfuse calls appending is one assignment in two parts. */
	struct loaded loaded = load_text(
		DOMAIN CERTIFICATE "limits { exempt = {\"::1\"} exempt += {\"::2\", \"::3\"} }\n");
	ck_assert_str_eq(loaded.messages, "");
	ck_assert_uint_eq(loaded.config->limits.exempt_count, 3);
	unload(&loaded);
}
END_TEST

START_TEST(repeated_titles)
{
	expect_bad(DOMAIN CERTIFICATE "listener \"x\" {\n\ttransport = {\"tcp\"}\n}\n"
				      "listener \"x\" { bind = {\"127.0.0.1:1\"} }\n",
		   "test.conf:6: error: listener \"x\" is defined twice, first at line 3\n");
	expect_bad(DOMAIN CERTIFICATE CERTIFICATE,
		   "test.conf:3: error: certificate \"main\" is defined twice, first at line 2\n");
	expect_bad(
		DOMAIN DOMAIN CERTIFICATE,
		"test.conf:2: error: domain \"example.com\" is defined twice, first at line 1\n");
	expect_bad(DOMAIN CERTIFICATE "listener {}\n",
		   "test.conf:3: error: missing title for section 'listener'\n");
	expect_bad(DOMAIN CERTIFICATE "certificate \"\" { chain = a key = b }\n",
		   "test.conf:3: error: the title of certificate is empty\n");
	expect_bad(DOMAIN CERTIFICATE "listener \"a\\nb\" { transport = {\"tcp\"} }\n",
		   "test.conf:3: error: the title of listener contains a control character\n");
}
END_TEST

START_TEST(contradictions)
{
	expect_bad(DOMAIN CERTIFICATE "registration {\n\texpires_min = 2h\n\texpires_max = 1h\n}\n",
		   "test.conf:4: error: expires_min (2h) is larger than expires_max (1h, line 5)\n"
		   "test.conf:4: warning: expires_min is over 1h; shorter intervals from 1h on are "
		   "granted all the same (RFC 3261 section 10.3)\n");
	expect_bad(DOMAIN CERTIFICATE "registration {\n\texpires_max = 30m\n}\n",
		   "test.conf:4: error: expires_default (1h, the default) is larger than "
		   "expires_max (30m)\n");
	expect_bad(DOMAIN CERTIFICATE "registration { expires_default = 30s }\n",
		   "test.conf:3: error: expires_min (1m, the default) is larger than "
		   "expires_default (30s)\n");
	expect_bad(DOMAIN CERTIFICATE "registration { expires_default = 3h }\n",
		   "test.conf:3: error: expires_default (3h) is larger than expires_max (2h, the "
		   "default)\n");
	expect_bad(DOMAIN CERTIFICATE "server { max_message_size = 8k max_body_size = 9k }\n",
		   "test.conf:3: error: max_body_size (9k) is larger than max_message_size (8k, "
		   "line 3)\n");
	expect_bad(DOMAIN CERTIFICATE "auth { nonce_ttl = 13h }\n",
		   "test.conf:3: error: nonce_ttl (13h) is larger than nonce_key_rotation (12h, "
		   "the default)\n");
	expect_bad(DOMAIN CERTIFICATE "health { drain_delay = 91s }\n",
		   "test.conf:3: error: drain_delay (91s) is larger than drain_timeout (90s, the "
		   "default)\n");
	expect_bad(DOMAIN CERTIFICATE "health { drain_spread = 91s }\n",
		   "test.conf:3: error: drain_spread (91s) is larger than drain_timeout (90s, the "
		   "default)\n");
	expect_good(DOMAIN CERTIFICATE "health {\n\tdrain_spread = 80s\n}\n",
		    "test.conf:4: warning: drain_delay (20s, the default) and drain_spread (80s) "
		    "together are longer than drain_timeout (90s, the default), and what is left "
		    "then is closed as one wave; write drain_timeout = 100s\n");
	expect_good(
		DOMAIN CERTIFICATE "health {\n\tdrain_delay = 50s\n\tdrain_spread = 11s\n\t"
				   "drain_timeout = 1m\n}\n",
		"test.conf:6: warning: drain_delay (50s, line 4) and drain_spread (11s, line 5) "
		"together are longer than drain_timeout (1m), and what is left then is closed "
		"as one wave; write drain_timeout = 61s\n");
	expect_good(DOMAIN CERTIFICATE "health { drain_spread = 70s }\n", "");
	expect_bad(DOMAIN CERTIFICATE "tls { client_auth = require }\n",
		   "test.conf:3: error: client_auth needs client_ca: the PEM file of those who may "
		   "sign client certificates\n");
	/* PTH-3327-6-1 */
#define ONLY_CERTIFIED "registration { path_requires_certificate = yes }\n"
	expect_bad(DOMAIN CERTIFICATE ONLY_CERTIFIED,
		   "test.conf:3: error: path_requires_certificate needs client certificates, and "
		   "client_auth is off; write tls { client_auth = request client_ca = "
		   "\"/etc/rollcall/tls/edge-ca.pem\" }\n");
	expect_bad(DOMAIN "listener \"a\" {\n transport = {\"tcp\"}\n}\n" ONLY_CERTIFIED
			  "tls { client_auth = request client_ca = \"/ca.pem\" }\n",
		   "test.conf:5: error: path_requires_certificate needs a listener that ends TLS "
		   "itself, to see client certificates; add listener \"tls\" { transport = "
		   "{\"tls\"} }\n");
	expect_good(DOMAIN CERTIFICATE
		    "registration { path = no path_requires_certificate = yes }\n",
		    "test.conf:3: warning: path_requires_certificate has no effect with path = no; "
		    "write path = yes, or remove it\n");
	expect_good(DOMAIN CERTIFICATE ONLY_CERTIFIED
		    "tls { client_auth = request client_ca = \"/ca.pem\" }\n",
		    "");
	/* Equal is no contradiction. */
	expect_good(DOMAIN CERTIFICATE
		    "registration { expires_min = 1h expires_default = 1h expires_max = 1h }\n",
		    "");
}
END_TEST

/* REG-10.3.7-3: with a minimum over one hour the configuration warns */
START_TEST(minimum_over_one_hour)
{
	expect_good(DOMAIN CERTIFICATE
		    "registration { expires_min = 4000s expires_default = 4000s }\n",
		    "test.conf:3: warning: expires_min is over 1h; shorter intervals from 1h on "
		    "are granted all the same (RFC 3261 section 10.3)\n");
	expect_good(DOMAIN CERTIFICATE "registration { expires_min = 3600s }\n", "");
}
END_TEST

/* PAR-LIM-3: the body limit is the message limit unless it is given */
START_TEST(body_limit_follows)
{
	struct loaded loaded = load_text(DOMAIN CERTIFICATE "server { max_message_size = 16k }\n");
	ck_assert_str_eq(loaded.messages, "");
	ck_assert_uint_eq(loaded.config->server.max_body_size, 16384);
	unload(&loaded);
	loaded = load_text(DOMAIN CERTIFICATE "server { max_body_size = 16k }\n");
	ck_assert_uint_eq(loaded.config->server.max_body_size, 16384);
	ck_assert_uint_eq(loaded.config->server.max_message_size, 65536);
	unload(&loaded);
}
END_TEST

START_TEST(domains)
{
	expect_bad(CERTIFICATE, "error: no domain section; name at least one, e.g. domain "
				"\"example.com\" {}\n");
	expect_bad("domain \"exa_mple.com\" {}\n" CERTIFICATE,
		   "test.conf:1: error: domain \"exa_mple.com\" is not a host name; letters, "
		   "digits and hyphens between dots\n");
	expect_bad("domain \"b\xc3\xbc"
		   "cher.example\" {}\n" CERTIFICATE,
		   "test.conf:1: error: domain \"b\xc3\xbc"
		   "cher.example\" is not a host name; "
		   "write it in its ASCII form (xn--...)\n");
	expect_bad("domain \"example.com.\" {}\n" CERTIFICATE,
		   "test.conf:1: error: domain \"example.com.\" is not a host name; leave out the "
		   "dot at the end\n");
	expect_bad(DOMAIN "domain \"Example.COM\" {}\n" CERTIFICATE,
		   "test.conf:2: error: domain \"example.com\": example.com already belongs to "
		   "domain \"example.com\"\n");
	expect_bad(DOMAIN "domain \"b.example\" {\n\taliases = {\"example.com\"}\n}\n" CERTIFICATE,
		   "test.conf:3: error: domain \"b.example\": example.com already belongs to "
		   "domain \"example.com\"\n");
	expect_bad("domain \"a.example\" { aliases = {\"X.example\"} }\n"
		   "domain \"b.example\" { aliases = {\"x.example\"} }\n" CERTIFICATE,
		   "test.conf:2: error: domain \"b.example\": x.example already belongs to domain "
		   "\"a.example\"\n");
	expect_bad("domain \"a.example\" { aliases = {\"x.example\"} }\n"
		   "domain \"x.example\" { }\n" CERTIFICATE,
		   "test.conf:2: error: domain \"x.example\": x.example already belongs to domain "
		   "\"a.example\"\n");
	expect_bad("domain \"a.example\" { aliases = {\"A.example\"} }\n" CERTIFICATE,
		   "test.conf:1: error: domain \"a.example\": its alias a.example is its own "
		   "name\n");
	expect_bad("domain \"a.example\" {\n\taliases = {\"-x\", \"ok\"}\n}\n" CERTIFICATE,
		   "test.conf:2: error: aliases: \"-x\" is not a host name; letters, digits and "
		   "hyphens between dots\n");
	expect_good("domain \"192.0.2.1\" {}\ndomain \"xn--bcher-kva.example\" {}\n" CERTIFICATE,
		    "");
}
END_TEST

/* PTH-3608-6.3-1, SPS-5.2-6: each hop is a name-addr with lr, of the scheme that the domain's
 * clients can use */
START_TEST(service_routes)
{
#define ROUTED(more) "domain \"a.example\" {\n\t" more "\n}\n" CERTIFICATE
	static const char what[] = "test.conf:2: error: domain \"a.example\": service_route ";
	static const struct {
		const char *text, *complaint; /* NULL: good */
	} cases[] = {
		{ ROUTED("service_route = {\"<sip:p1.example;lr>\", "
			 "\"<sip:[2001:db8::1]:5070;lr>\"}"),
		  NULL },
		{ ROUTED("schemes = sips service_route = {\"Proxy <sips:p1.example;x;LR>\"}"),
		  NULL },
		{ ROUTED("service_route = {\"sip:p1.example;lr\"}"),
		  "sip:p1.example;lr is not a SIP URI in angle brackets; write "
		  "\"<sip:proxy.example.com;lr>\"" },
		{ ROUTED("service_route = {\"<tel:+1;lr>\"}"),
		  "<tel:+1;lr> is not a SIP URI in angle brackets; write "
		  "\"<sip:proxy.example.com;lr>\"" },
		{ ROUTED("service_route = {\"<sip:p1.example>;lr\"}"),
		  "<sip:p1.example>;lr has no ;lr inside its angle brackets; write "
		  "\"<sip:proxy.example.com;lr>\"" },
		{ ROUTED("service_route = {\"<sips:p1.example;lr>\"}"),
		  "<sips:p1.example;lr> must be a sip: URI, which serves sips: too; sips: is for "
		  "schemes = sips" },
		{ ROUTED("schemes = sips service_route = {\"<sip:p1.example;lr>\"}"),
		  "<sip:p1.example;lr> must be a sips: URI, because schemes = sips" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char message[512];
		snprintf(message, sizeof(message), "%s%s\n", what,
			 cases[i].complaint == NULL ? "" : cases[i].complaint);
		if (cases[i].complaint == NULL)
			expect_good(cases[i].text, "");
		else
			expect_bad(cases[i].text, message);
	}
#undef ROUTED
}
END_TEST

START_TEST(host_names_at_their_limits)
{
	static const struct {
		int label, labels;
		bool good;
	} cases[] = {
		{ 63, 1, true },   { 64, 1, false }, { 1, 127, true },
		{ 1, 128, false }, { 0, 1, false },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char name[600] = "", text[800];
		for (int n = 0; n < cases[i].labels; n++) {
			size_t len = strlen(name);
			snprintf(name + len, sizeof(name) - len, "%s%.*s", n == 0 ? "" : ".",
				 cases[i].label,
				 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
				 "aaaa");
		}
		snprintf(text, sizeof(text), "domain \"%s\" {}\n" CERTIFICATE, name);
		struct loaded loaded = load_text(text);
		ck_assert_msg((loaded.config != NULL) == cases[i].good, "%s", name);
		unload(&loaded);
	}
}
END_TEST

START_TEST(tls_only_domains_without_tls)
{
	expect_good("domain \"a.example\" {\n\trequire_tls = yes\n}\n"
		    "domain \"b.example\" {\n\tschemes = sips\n}\n"
		    "listener \"x\" { bind = {\"127.0.0.1:5060\"} }\n",
		    "test.conf:2: warning: domain \"a.example\" is served over TLS only, and no "
		    "listener speaks TLS\n"
		    "test.conf:5: warning: domain \"b.example\" is served over TLS only, and no "
		    "listener speaks TLS\n");
}
END_TEST

START_TEST(certificates)
{
	expect_bad(DOMAIN "certificate \"main\" {\n\tkey = a\n}\n",
		   "test.conf:2: error: certificate \"main\" has no chain\n");
	expect_bad(DOMAIN "certificate \"main\" {\n}\n",
		   "test.conf:2: error: certificate \"main\" has no chain\n"
		   "test.conf:2: error: certificate \"main\" has no key\n");
	expect_bad(DOMAIN "certificate \"main\" { chain = \"\" key = a }\n",
		   "test.conf:2: error: chain is empty\n");
}
END_TEST

START_TEST(admin_is_loopback)
{
	expect_bad(DOMAIN CERTIFICATE "admin {\n\tlisten = \"0.0.0.0:8080\"\n}\n",
		   "test.conf:4: error: admin.listen 0.0.0.0:8080 is not loopback; use 127.0.0.1 "
		   "and put a TLS proxy in front (docs/operations.md)\n");
	expect_bad(DOMAIN CERTIFICATE "admin { listen = \"[::ffff:127.0.0.1]:80\" }\n",
		   "test.conf:3: error: admin.listen [::ffff:127.0.0.1]:80 is not loopback; use "
		   "127.0.0.1 and put a TLS proxy in front (docs/operations.md)\n");
	expect_good(DOMAIN CERTIFICATE "admin { listen = \"127.8.0.1:80\" }\n", "");
}
END_TEST

/* To the kernel HTTP and SIP over TCP or TLS are the same, and an address of all is each of them.
 */
START_TEST(ports_of_http_are_taken_once)
{
#define HEALTH_AT(list) "health {\n\tlisten = {" list "}\n}\n"
#define LISTENER_AT(transport, bind) \
	"listener \"a\" {\n transport = {\"" transport "\"}\n bind = {\"" bind "\"}\n}\n"
	expect_bad(DOMAIN CERTIFICATE HEALTH_AT("\"127.0.0.1:8081\", \"127.0.0.1:8081\""),
		   "test.conf:4: error: health.listen names 127.0.0.1:8081 twice; remove one\n");
	expect_bad(
		DOMAIN CERTIFICATE HEALTH_AT("\"[::1]:8081\", \"[::]:8081\""),
		"test.conf:4: error: health.listen [::]:8081 takes the port of [::1]:8081 in the "
		"same list; remove one\n");
	expect_bad(DOMAIN CERTIFICATE
		   "admin { listen = \"127.0.0.1:8082\" }\n" HEALTH_AT("\"0.0.0.0:8082\""),
		   "test.conf:5: error: health.listen 0.0.0.0:8082 takes the port of admin.listen "
		   "(127.0.0.1:8082, line 3); give one another port\n");
	expect_bad(DOMAIN CERTIFICATE "admin {\n\tlisten = \"127.0.0.1:8081\"\n}\n",
		   "test.conf:4: error: admin.listen 127.0.0.1:8081 takes the port of "
		   "health.listen (0.0.0.0:8081, the default); give one another port\n");
	expect_bad(DOMAIN CERTIFICATE HEALTH_AT("\"127.0.0.1:8080\""),
		   "test.conf:4: error: health.listen 127.0.0.1:8080 takes the port of "
		   "admin.listen (127.0.0.1:8080, the default); give one another port\n");
	expect_bad(DOMAIN CERTIFICATE HEALTH_AT("\"127.0.0.1:5060\"") "listener \"sip\" {}\n",
		   "test.conf:4: error: health.listen 127.0.0.1:5060 takes the port of listener "
		   "\"sip\" bind (0.0.0.0:5060, the default); give one another port\n");
	expect_bad(DOMAIN CERTIFICATE LISTENER_AT("tls", "0.0.0.0:9000")
			   HEALTH_AT("\"192.0.2.1:9000\""),
		   "test.conf:8: error: health.listen 192.0.2.1:9000 takes the port of listener "
		   "\"a\" bind (0.0.0.0:9000, line 5); give one another port\n");
	expect_bad(DOMAIN CERTIFICATE LISTENER_AT("tcp", "127.0.0.1:8081"),
		   "test.conf:5: error: listener \"a\" bind 127.0.0.1:8081 takes the port of "
		   "health.listen (0.0.0.0:8081, the default); give one another port\n");
	expect_bad(DOMAIN CERTIFICATE LISTENER_AT("tcp", "0.0.0.0:8080"),
		   "test.conf:5: error: listener \"a\" bind 0.0.0.0:8080 takes the port of "
		   "admin.listen (127.0.0.1:8080, the default); give one another port\n");
}
END_TEST

START_TEST(ports_of_http_beside_others)
{
	expect_good(DOMAIN CERTIFICATE HEALTH_AT("\"127.0.0.1:8081\", \"127.0.0.2:8081\", "
						 "\"[::]:8081\", \"[::]:8080\""),
		    "");
	expect_good(DOMAIN CERTIFICATE "listener \"a\" { transport = {\"udp\"} udp_only = yes bind "
				       "= {\"0.0.0.0:8080\", \"0.0.0.0:8081\"} }\n",
		    "");
	/* Nobody listens there. */
	expect_good(
		DOMAIN CERTIFICATE LISTENER_AT("tcp", "127.0.0.1:8080") "admin { listen = \"\" }\n",
		"");
	/* What was not understood is not held against its default. */
	expect_bad(DOMAIN CERTIFICATE HEALTH_AT("\"127.0.0.1:8080\"") "admin { listen = x }\n",
		   "test.conf:6: error: listen = x is not address:port, e.g. 127.0.0.1:8080 or "
		   "[::1]:8080\n");
}
END_TEST

/* What would be read otherwise than it was meant, or match nobody: sources are IPv4 where they can.
 */
START_TEST(prefixes_mean_what_they_say)
{
#define EXEMPT(prefix) DOMAIN CERTIFICATE "limits {\n\texempt = {\"" prefix "\"}\n}\n"
#define IN_CLOTHES(prefix, meant)                                                           \
	"test.conf:4: error: exempt: \"" prefix "\" is IPv4 in the clothes of IPv6, which " \
	"matches nobody; write " meant "\n"
#define BITS_BEHIND(prefix, all, one)                                                           \
	"test.conf:4: error: exempt: \"" prefix "\" has bits set behind its length; write " all \
	" for all of them, or " one "\n"
	expect_bad(EXEMPT("::ffff:10.0.0.0/104"), IN_CLOTHES("::ffff:10.0.0.0/104", "10.0.0.0/8"));
	expect_bad(EXEMPT("::ffff:10.0.0.7"), IN_CLOTHES("::ffff:10.0.0.7", "10.0.0.7/32"));
	expect_bad(EXEMPT("::ffff:0:0/96"), IN_CLOTHES("::ffff:0:0/96", "0.0.0.0/0"));
	expect_bad(EXEMPT("10.0.3.7/8"), BITS_BEHIND("10.0.3.7/8", "10.0.0.0/8", "10.0.3.7"));
	expect_bad(EXEMPT("2001:db8::7/32"),
		   BITS_BEHIND("2001:db8::7/32", "2001:db8::/32", "2001:db8::7"));
	expect_bad(DOMAIN CERTIFICATE "listener \"a\" { transport = {\"tcp\"} proxy_protocol = v2\n"
				      "proxy_from = {\"10.0.3.7/24\"} }\n",
		   "test.conf:4: error: proxy_from: \"10.0.3.7/24\" has bits set behind its "
		   "length; write 10.0.3.0/24 for all of them, or 10.0.3.7\n");
	expect_good(EXEMPT("10.0.3.7\", \"10.0.3.7/32\", \"0.0.0.0/0\", \"::/0\", \"::/95"), "");
}
END_TEST

#define WAY_OUT                                                                          \
	"test.conf:4: error: database.url contains a password; write it into a file of " \
	"its own and name that in database.password_file\n"

START_TEST(passwords_stay_out)
{
	static const struct {
		const char *url;
		const char *messages;
	} cases[] = {
		{ "postgresql://rollcall@db1,db2/rollcall?sslmode=verify-full", "" },
		{ "postgres:///rollcall", "" },
		{ "postgresql://", "" },
		{ "postgresql://[::1]:5432/rollcall", "" },
		{ "postgresql://h/a:b@c", "" },
		{ "postgresql://h/d?options=a:b@c", "" },
		{ "postgresql://h/d?passfile=/x", "" },
		{ "host=/run/x dbname=rollcall", "" },
		{ "host=/run/x options='password=x'", "" },
		{ "host=x options=a\\\\ password=x", "" },
		{ "postgresql://u:s3cret@h/d", WAY_OUT },
		{ "postgres://u:@h/d", WAY_OUT },
		{ "postgresql://u:p@h1,h2", WAY_OUT },
		{ "postgresql://u:p@h?x", WAY_OUT },
		{ "postgresql://u:p?q@h/d", WAY_OUT },
		{ "postgresql://h/d?password=s3cret", WAY_OUT },
		{ "postgresql://h/d?a=b&%70assword=s3cret", WAY_OUT },
		{ "postgresql://h/d?sslpassword=s3cret", WAY_OUT },
		{ "host=x password=s3cret", WAY_OUT },
		{ "host=x  password = 's3cret'", WAY_OUT },
		{ "user='a b' password=s3cret", WAY_OUT },
		{ "mysql://h/d", "test.conf:4: error: database.url is neither "
				 "postgresql://user@host/name nor host=... dbname=...\n" },
		{ "", "test.conf:4: error: url is empty\n" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char text[512];
		snprintf(text, sizeof(text), DOMAIN CERTIFICATE "database {\n\turl = \"%s\"\n}\n",
			 cases[i].url);
		struct loaded loaded = load_text(text);
		ck_assert_msg(strcmp(loaded.messages, cases[i].messages) == 0, "%s: %s",
			      cases[i].url, loaded.messages);
		ck_assert((loaded.config != NULL) == (cases[i].messages[0] == '\0'));
		unload(&loaded);
	}
}
END_TEST

START_TEST(too_many_connections_for_the_descriptors)
{
	struct loaded loaded = load_text(
		DOMAIN CERTIFICATE "server {\n\tworkers = 1\n\tmax_connections = 10000000\n}\n");
	ck_assert_ptr_nonnull(loaded.config);
	ck_assert_ptr_nonnull(strstr(loaded.messages,
				     "test.conf:5: warning: max_connections 10000000 but the "
				     "process may open "));
	ck_assert_ptr_nonnull(strstr(loaded.messages, " files; set LimitNOFILE=\n"));
	unload(&loaded);
}
END_TEST

START_TEST(connections_for_every_worker)
{
	expect_bad(
		DOMAIN CERTIFICATE "server {\n\tworkers = 64\n\tmax_connections = 20\n}\n",
		"test.conf:5: error: max_connections 20 is none for some of 64 workers; set it to "
		"64 or more, or workers to less\n");
}
END_TEST

START_TEST(names_of_a_node)
{
	static const char *const names[] = { "caf\xe9", "caf\xc3\xa9", "a b" };
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		char text[256];
		snprintf(text, sizeof(text), DOMAIN CERTIFICATE "server { name = \"%s\" }\n",
			 names[i]);
		expect_bad(text, "test.conf:3: error: name may have printable ASCII only, and no "
				 "blank, e.g. reg-1\n");
	}
}
END_TEST

START_TEST(a_standard_listener_whose_name_is_taken)
{
	static const char standard[] =
		"test.conf:4: error: an empty listener stands for the standard ones, \"sip\" and "
		"\"tls\": give the other listener \"sip\" another name, or this one its bind and "
		"transport\n";
	expect_bad(DOMAIN CERTIFICATE "listener \"sip\" { bind = {\"192.0.2.1:5070\"} }\n"
				      "listener \"tls\" {}\n",
		   standard);
}
END_TEST

START_TEST(broken_syntax)
{
	expect_bad(DOMAIN "server {\n\tworkers 3\n}\n",
		   "test.conf:3: error: missing equal sign after option 'workers'\n");
	static const char *const unclosed[] = {
		"server {\n\tworkers = 3\n",
		"server {\n\tname = \"abc\n",
		"server {\n\tname = 'abc\n",
		"limits {\n\texempt = {\"::1\",\n",
		"limits {\n\texempt = {\"::1\"\n",
		"server {\n\tname =\n",
		"server {\n\tname\n",
		"server {\n\t/* }\n",
		"server\n\n",
		"domain \"x\"\n\n",
		"\n\"",

		"server {\n}/*",
		"server {\n\tworkers = 3",
	};
	for (size_t i = 0; i < sizeof(unclosed) / sizeof(*unclosed); i++) {
		char text[512];
		snprintf(text, sizeof(text), DOMAIN "%s", unclosed[i]);
		expect_bad(text, "test.conf:3: error: the file ends within a section, list, string "
				 "or comment\n");
	}
	expect_good(DOMAIN CERTIFICATE "server { workers = 3 } # no line feed", "");
	expect_good(DOMAIN CERTIFICATE "server { workers = 3 }", "");
	expect_good(DOMAIN CERTIFICATE "/* a comment } */", "");
	expect_good("\r\n" DOMAIN "\r\n" CERTIFICATE "server {\r\n\tworkers = 3\r\n}\r\n", "");
	expect_bad(DOMAIN "}\n", "test.conf:2: error: unexpected closing brace\n");
	expect_bad(DOMAIN "limits {}\ndomain|aliases = {\"x.example\"}\n",
		   "test.conf:3: error: aliases stands outside of its section\n");
	/* The scanner starts afresh after each of these. */
	expect_good(DOMAIN CERTIFICATE, "");
	/* Nobody's terminal is reprogrammed by a message. */
	expect_bad(DOMAIN CERTIFICATE "\"\x1b[2J\" = 1\n",
		   "test.conf:3: error: no such section \"\\x1b[2J\"\n");
	expect_bad(DOMAIN CERTIFICATE "log {\n\tformat = journal\n\tfile = \"/var/log/x\"\n}\n",
		   "test.conf:5: error: log.file with format = journal: the journal reads stderr; "
		   "write format = json or text, or no file\n");
	expect_bad("", NO_TLS "error: no domain section; name at least one, e.g. domain "
			      "\"example.com\" {}\n");
}
END_TEST

/* Behind a comment every place is still the right one, and nothing is taken for a comment that is
 * part of a value. */
START_TEST(comments_keep_the_lines)
{
	static const char *const comments[] = {
		"# one line\n",
		"// one line\n",
		"//one line\n",
		"#\n",
		"#\"\n",
		"/* one */\n",
		"# /*\n",
		"log { # behind a brace\n level = info } # }\n",
		"# \xe2\x80\xa6 more than thirty-two octets ..............\n",
		"/* two\n lines ' */\n",
		"/**/ /* # */ /* \n // \n*/\n",
	};
	for (size_t i = 0; i < sizeof(comments) / sizeof(*comments); i++) {
		char text[512], message[128];
		unsigned line = 1;
		snprintf(text, sizeof(text),
			 "%s%s" DOMAIN CERTIFICATE "server { # \n\tworkers = 65 }", comments[i],
			 comments[i]);
		for (const char *p = text; *p != '\0'; p++)
			line += *p == '\n';
		snprintf(message, sizeof(message),
			 "test.conf:%u: error: workers = 65 is out of range 1-64\n", line);
		if (strstr(comments[i], "level") != NULL)
			snprintf(message, sizeof(message),
				 "test.conf:4: error: level is set twice, first at line 2\n"
				 "test.conf:%u: error: workers = 65 is out of range 1-64\n",
				 line);
		expect_bad(text, message);
	}
	struct loaded loaded =
		load_text(DOMAIN CERTIFICATE "server { name = \"a#b//c/*d\\\"#\" }\n"
					     "database { url = postgresql://r@db/r }\n"
					     "admin { socket = '/tmp/#x//y' } # z\n"
					     "log { format = journal }\n");
	ck_assert_str_eq(loaded.messages, "");
	ck_assert_ptr_nonnull(loaded.config);
	ck_assert_str_eq(loaded.config->server.name, "a#b//c/*d\"#");
	ck_assert_str_eq(loaded.config->database.url, "postgresql://r@db/r");
	ck_assert_str_eq(loaded.config->admin.socket, "/tmp/#x//y");
	ck_assert_int_eq(loaded.config->log.format, CONFIG_LOG_JOURNAL);
	unload(&loaded);
}
END_TEST

START_TEST(many_errors_are_counted)
{
	char text[16384] = DOMAIN CERTIFICATE;
	size_t len = strlen(text), lines = 0;
	for (int i = 0; i < 120; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len,
					"listener \"l%d\" { bind = {\"x\"} }\n", i);
	struct loaded loaded = load_text(text);
	ck_assert_ptr_null(loaded.config);
	for (const char *c = loaded.messages; *c != '\0'; c++)
		lines += *c == '\n';
	ck_assert_uint_eq(lines, 101);
	ck_assert_ptr_nonnull(strstr(loaded.messages, "\nerror: 20 more\n"));
	unload(&loaded);
}
END_TEST

/* So many addresses in a list. */
static void
write_addresses(FILE *out, unsigned count, unsigned first_port)
{
	for (unsigned i = 0; i < count; i++)
		fprintf(out, "%s\"127.0.0.1:%u\"", i == 0 ? "" : ", ", first_port + i);
}

/* What is over is not left out in silence. */
static void
expect_sockets(unsigned tcp, unsigned both, unsigned health, const char *messages)
{
	char *text;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	ck_assert_ptr_nonnull(out);
	fprintf(out, DOMAIN CERTIFICATE "listener \"a\" { transport = {\"tcp\"} bind = {");
	write_addresses(out, tcp, 1000);
	fprintf(out, "} }\nlistener \"b\" {\n bind = {");
	write_addresses(out, both, 2000);
	fprintf(out, "}\n}\nhealth {\n listen = {");
	write_addresses(out, health, 3000);
	fprintf(out, "}\n}\n");
	fclose(out);
	if (messages[0] == '\0')
		expect_good(text, "");
	else
		expect_bad(text, messages);
	free(text);
}

START_TEST(too_many_sockets)
{
	expect_sockets(250, 3, 16, "");
	expect_sockets(250, 4, 16,
		       "test.conf:5: error: listener \"b\": more than 256 sockets for SIP, one for "
		       "each address and transport of all listeners, which make 258; bind 0.0.0.0 "
		       "or [::] instead of single addresses\n");
	expect_sockets(257, 1, 16,
		       "test.conf:3: error: listener \"a\": more than 256 sockets for SIP, one for "
		       "each address and transport of all listeners, which make 259; bind 0.0.0.0 "
		       "or [::] instead of single addresses\n");
	expect_sockets(1, 1, 17,
		       "test.conf:8: error: listen names 17 addresses, and there is room for 16; "
		       "write 0.0.0.0 or [::] instead of single addresses\n");
}
END_TEST

SUITE(message, unknown_names, one_run_reports_all, options_of_the_database,
      urls_that_libpq_cannot_read, repeated_options, repeated_titles, contradictions,
      minimum_over_one_hour, body_limit_follows, domains, service_routes,
      host_names_at_their_limits, tls_only_domains_without_tls, certificates, admin_is_loopback,
      ports_of_http_are_taken_once, ports_of_http_beside_others, prefixes_mean_what_they_say,
      passwords_stay_out, too_many_connections_for_the_descriptors, connections_for_every_worker,
      names_of_a_node, a_standard_listener_whose_name_is_taken, too_many_sockets, broken_syntax,
      comments_keep_the_lines, many_errors_are_counted)
