/* Where SIP is heard by default, and which sets of listeners are refused. */
#include "loading.h"

#define NO_TLS                                                                                  \
	"warning: no certificate section: TLS is not served; add certificate \"main\" { chain " \
	"= \"...\" key = \"...\" }\n"

static void
check_bind(const struct config_listener *listener, size_t index, const char *expected)
{
	char text[64];
	struct writer w = writer_on(text, sizeof(text));
	ck_assert_uint_lt(index, listener->bind_count);
	endpoint_write(&w, &listener->binds[index]);
	ck_assert(str_eq(writer_text(&w), str_of(expected)));
}

static void
check_standard(const struct config *config, bool with_tls)
{
	ck_assert_uint_eq(config->listener_count, with_tls ? 2 : 1);
	const struct config_listener *sip = &config->listeners[0];
	ck_assert_str_eq(sip->name, "sip");
	ck_assert(sip->udp && sip->tcp && !sip->tls);
	ck_assert_uint_eq(sip->bind_count, 2);
	check_bind(sip, 0, "0.0.0.0:5060");
	check_bind(sip, 1, "[::]:5060");
	if (!with_tls)
		return;
	const struct config_listener *tls = &config->listeners[1];
	ck_assert_str_eq(tls->name, "tls");
	ck_assert(!tls->udp && !tls->tcp && tls->tls);
	ck_assert_uint_eq(tls->bind_count, 2);
	check_bind(tls, 0, "0.0.0.0:5061");
	check_bind(tls, 1, "[::]:5061");
}

/* TRN-18.2.1-2: an absent or empty listener section means 5060 for UDP and TCP, 5061 for TLS */
START_TEST(standard_ports)
{
	struct loaded loaded = load_good(DOMAIN CERTIFICATE);
	ck_assert_str_eq(loaded.messages, "");
	check_standard(loaded.config, true);
	unload(&loaded);
	loaded = load_good(DOMAIN CERTIFICATE "listener \"any\" {}\n");
	ck_assert_str_eq(loaded.messages, "");
	check_standard(loaded.config, true);
	unload(&loaded);
	loaded = load_text(DOMAIN);
	ck_assert_str_eq(loaded.messages, NO_TLS);
	check_standard(loaded.config, false);
	unload(&loaded);
}
END_TEST

/* TRN-18.2.1-2: a listener without bind is on the port of its transport */
START_TEST(standard_port_of_a_transport)
{
	struct loaded loaded =
		load_good(DOMAIN CERTIFICATE "listener \"a\" { transport = {\"tcp\"} }\n"
					     "listener \"b\" { transport = {\"tls\"} }\n"
					     "listener \"c\" { bind = {\"127.0.0.1:5070\"} }\n");
	ck_assert_str_eq(loaded.messages, "");
	const struct config *config = loaded.config;
	ck_assert_uint_eq(config->listener_count, 3);
	check_bind(&config->listeners[0], 0, "0.0.0.0:5060");
	check_bind(&config->listeners[0], 1, "[::]:5060");
	ck_assert(!config->listeners[0].udp && config->listeners[0].tcp);
	check_bind(&config->listeners[1], 0, "0.0.0.0:5061");
	ck_assert(config->listeners[1].tls);
	check_bind(&config->listeners[2], 0, "127.0.0.1:5070");
	ck_assert(config->listeners[2].udp && config->listeners[2].tcp);
	unload(&loaded);
}
END_TEST

/* TRN-18.2.1-1: UDP without TCP on the same address and port is refused; the message names the rule
 * and the key that overrides it */
START_TEST(udp_has_a_tcp_twin)
{
	expect_bad(DOMAIN "listener \"x\" {\n\tbind = {\"127.0.0.1:5070\"}\n\ttransport = "
			  "{\"udp\"}\n}\n",
		   "test.conf:3: error: listener \"x\": udp 127.0.0.1:5070 without tcp on the same "
		   "port (RFC 3261 section 18.2.1); add \"tcp\" to transport or set udp_only = "
		   "yes\n");
	expect_good(DOMAIN "listener \"x\" { bind = {\"127.0.0.1:5070\"} transport = {\"udp\"} "
			   "udp_only = yes }\n",
		    "");
	expect_good(DOMAIN "listener \"x\" { bind = {\"127.0.0.1:5070\"} transport = {\"udp\"} }\n"
			   "listener \"y\" { bind = {\"127.0.0.1:5070\"} transport = {\"tcp\"} }\n",
		    "");
	/* TCP on every address is TCP on each of them, of its family. */
	expect_good(DOMAIN "listener \"x\" { bind = {\"127.0.0.1:5070\"} transport = {\"udp\"} }\n"
			   "listener \"y\" { bind = {\"0.0.0.0:5070\"} transport = {\"tcp\"} }\n",
		    "");
	static const char *const elsewhere[] = { "127.0.0.1:5071", "127.0.0.2:5070", "[::]:5070" };
	for (size_t i = 0; i < 3; i++) {
		char text[512];
		snprintf(text, sizeof(text),
			 DOMAIN "listener \"x\" { bind = {\"127.0.0.1:5070\"} transport = "
				"{\"udp\"} }\nlistener \"y\" { bind = {\"%s\"} transport = "
				"{\"tcp\"} }\n",
			 elsewhere[i]);
		struct loaded loaded = load_text(text);
		ck_assert_ptr_null(loaded.config);
		ck_assert_ptr_nonnull(strstr(loaded.messages, "RFC 3261 section 18.2.1"));
		unload(&loaded);
	}
	/* TLS is no twin. */
	expect_bad(DOMAIN CERTIFICATE "listener \"x\" { bind = {\"127.0.0.1:1\"} transport = "
				      "{\"udp\"} }\nlistener \"y\" { bind = {\"127.0.0.1:1\"} "
				      "transport = {\"tls\"} }\n",
		   "test.conf:3: error: listener \"x\": udp 127.0.0.1:1 without tcp on the same "
		   "port (RFC 3261 section 18.2.1); add \"tcp\" to transport or set udp_only = "
		   "yes\n");
}
END_TEST

START_TEST(tls_needs_its_own)
{
	expect_bad(DOMAIN "listener \"x\" {\n\ttransport = {\"tls\"}\n}\n",
		   "test.conf:3: error: listener \"x\": tls needs a certificate; add certificate "
		   "\"main\" { chain = \"...\" key = \"...\" }\n");
	expect_bad(DOMAIN CERTIFICATE "listener \"x\" { transport = {\"tls\", \"tcp\"} }\n",
		   "test.conf:3: error: listener \"x\": tls and tcp cannot share a port; give tls "
		   "a listener of its own\n");
	expect_bad(DOMAIN CERTIFICATE
		   "listener \"x\" { transport = {\"tls\", \"udp\"} udp_only = yes }\n",
		   "test.conf:3: error: listener \"x\": tls and udp cannot share a port; give tls "
		   "a listener of its own\n");
}
END_TEST

START_TEST(one_port_one_listener)
{
	expect_bad(DOMAIN "listener \"x\" { bind = {\"127.0.0.1:1\", \"127.0.0.1:1\"} }\n",
		   "test.conf:2: error: listener \"x\": 127.0.0.1:1 already belongs to listener "
		   "\"x\"\n");
	expect_bad(DOMAIN CERTIFICATE "listener \"x\" { bind = {\"127.0.0.1:1\"} }\n"
				      "listener \"y\" { bind = {\"127.0.0.1:1\"} transport = "
				      "{\"tls\"} }\n",
		   "test.conf:4: error: listener \"y\": 127.0.0.1:1 already belongs to listener "
		   "\"x\"\n");
	/* The standard listeners of an empty section count, too. */
	expect_bad(DOMAIN CERTIFICATE "listener \"x\" {}\nlistener \"y\" { bind = "
				      "{\"0.0.0.0:5060\"} }\n",
		   "test.conf:3: error: listener \"sip\": 0.0.0.0:5060 already belongs to listener "
		   "\"y\"\n");
	expect_good(DOMAIN
		    "listener \"x\" { bind = {\"127.0.0.1:1\", \"127.0.0.2:1\", \"[::1]:1\"} "
		    "}\n",
		    "");
}
END_TEST

#define LB "listener \"x\" {\n\ttransport = {\"tcp\"}\n\t"

START_TEST(load_balancers_are_named)
{
	struct ip balancer;
	ck_assert(ip_parse(STR("10.0.3.9"), &balancer));
	struct loaded loaded = load_good(
		DOMAIN "listener \"x\" { proxy_protocol = v2 proxy_from = {\"10.0.3.0/24\"} }\n"
		       "listener \"y\" { bind = {\"127.0.0.1:1\"} transport = {\"tcp\"} "
		       "tls_offloaded = yes proxy_from = {\"::1\"} }\n");
	ck_assert_str_eq(loaded.messages, "");
	const struct config_listener *x = &loaded.config->listeners[0];
	ck_assert_int_eq(x->proxy_protocol, CONFIG_PROXY_V2);
	ck_assert_uint_eq(x->proxy_from_count, 1);
	ck_assert_uint_eq(loaded.config->limits.unlimited_count, 4); /* two by default */
	ck_assert(ip_prefix_contains(&loaded.config->limits.unlimited[2], &balancer));
	ck_assert_uint_eq(loaded.config->limits.exempt_count, 2);
	ck_assert(!x->tls_offloaded && loaded.config->listeners[1].tls_offloaded);
	ck_assert_ptr_eq(config_listener_at(loaded.config, TRANSPORT_UDP, &x->binds[0]), x);
	ck_assert_ptr_null(config_listener_at(loaded.config, TRANSPORT_TLS, &x->binds[0]));
	unload(&loaded);
	expect_bad(DOMAIN LB "proxy_protocol = v1\n}\n",
		   "test.conf:4: error: listener \"x\": proxy_protocol needs proxy_from, the "
		   "addresses of the load balancers, e.g. proxy_from = {\"10.0.3.0/24\"}\n");
	expect_bad(DOMAIN LB "tls_offloaded = yes\n}\n",
		   "test.conf:4: error: listener \"x\": tls_offloaded needs proxy_from, the "
		   "addresses of the load balancers that end TLS, e.g. proxy_from = "
		   "{\"10.0.3.0/24\"}\n");
	expect_bad(
		DOMAIN LB "proxy_from = {\"::1\"}\n}\n",
		"test.conf:4: error: listener \"x\": proxy_from has no effect without "
		"proxy_protocol or tls_offloaded; set one of them, or remove proxy_from to serve "
		"everybody\n");
	expect_bad(DOMAIN LB "proxy_protocol = auto\n}\n",
		   "test.conf:4: error: proxy_protocol = auto is none of off, v1, v2\n");
}
END_TEST

/* A domain that is served over TLS only is served, too, by who ended TLS in front. */
START_TEST(tls_offloaded_is_tcp_alone)
{
	expect_bad(DOMAIN "listener \"x\" {\n\ttls_offloaded = yes\n\tproxy_from = {\"::1\"}\n}\n",
		   "test.conf:3: error: listener \"x\": tls_offloaded = yes is for what arrives "
		   "over tcp, without TLS; write transport = {\"tcp\"}\n");
	expect_bad(DOMAIN CERTIFICATE
		   "listener \"x\" {\n\ttransport = {\"tls\"}\n\ttls_offloaded = yes\n\tproxy_from "
		   "= {\"::1\"}\n}\n",
		   "test.conf:5: error: listener \"x\": tls_offloaded = yes is for what arrives "
		   "over tcp, without TLS; write transport = {\"tcp\"}\n");
	expect_bad(
		DOMAIN "listener \"x\" {\n\tproxy_protocol = v1\n\tproxy_from = {\"::1\"}\n}\n",
		"test.conf:3: error: listener \"x\": proxy_protocol = v1 knows no udp; write v2, "
		"or take udp out of transport\n");
	expect_good("domain \"example.com\" { require_tls = yes }\n" LB
		    "tls_offloaded = yes\n\tproxy_from = {\"::1\"}\n}\n",
		    "");
}
END_TEST

SUITE(listener, standard_ports, standard_port_of_a_transport, udp_has_a_tcp_twin, tls_needs_its_own,
      one_port_one_listener, load_balancers_are_named, tls_offloaded_is_tcp_alone)
