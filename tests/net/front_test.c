/* Listeners behind a load balancer: whom they believe, whose connection it then is, and that
 * nothing of what follows a header is lost. */
#include <netinet/tcp.h>

#include "tls_world.h"

#define SHORT_MS 300
#define LINE "PROXY TCP4 127.1.2.3 127.9.9.9 40000 5060\r\n"
#define BINARY                                                                               \
	"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0f\x7f\x01\x02\x03\x7f\x09\x09\x09\x9c\x40\x13\xc4" \
	"\x04\0\0"
#define LOCAL "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"

static void
guard_world(struct world *world, enum proxy_version proxy, const char *trusted, bool offloaded)
{
	struct ip_prefix prefix;
	ck_assert(ip_prefix_parse(str_of(trusted), &prefix));
	struct front front = { .listener = "sip",
			       .proxy = proxy,
			       .tls_offloaded = offloaded,
			       .trusted = &prefix,
			       .trusted_count = 1 };
	ck_assert(net_front(world->net, world->slot, &front));
}

static void
world_behind(struct world *world, enum proxy_version proxy, const char *trusted, bool offloaded)
{
	world_open(world, usual_settings(), TRANSPORT_TCP, "127.0.0.1", NULL);
	guard_world(world, proxy, trusted, offloaded);
}

static void
client_say(struct client *client, struct str octets)
{
	ck_assert_int_eq(write(client->fd, octets.p, octets.len), (ssize_t)octets.len);
}

static void
ck_client_is(const struct peer *peer, const char *source, const char *dialled)
{
	struct endpoint endpoint;
	struct ip ip;
	ck_assert(endpoint_parse(str_of(source), &endpoint));
	ck_assert(endpoint_equal(&peer->source, &endpoint));
	ck_assert(ip_parse(str_of(dialled), &ip));
	ck_assert(ip_equal(&peer->dialled, &ip));
	ck_assert(ip_loopback(&peer->hop.ip) && peer->hop.ip.octets[1] == 0);
	ck_assert(peer_relayed(peer));
}

/* One octet at a time, so that every place is one where it may stop. */
START_TEST(a_header_in_drips)
{
	static const struct {
		enum proxy_version version;
		struct str header;
	} cases[] = { { PROXY_V1, STR(LINE) }, { PROXY_V2, STR(BINARY) } };
	for (size_t i = 0; i < 2; i++) {
		struct world world;
		struct client client;
		world_behind(&world, cases[i].version, "127.0.0.1", false);
		client_open(&client, &world);
		for (size_t at = 0; at < cases[i].header.len; at++) {
			client_say(&client, str_slice(cases[i].header, at, 1));
			loop_turn(world.loop, 20);
			ck_assert_uint_eq(world.closes, 0);
			ck_assert_uint_eq(world.accepts, at + 1 == cases[i].header.len);
		}
		client_write(&client, "one\n");
		UNTIL(&world, client_read(&client) == 7);
		ck_client_is(&world.peer, "127.1.2.3:40000", "127.9.9.9");
		ck_assert(!world.peer.secure);
		client_close(&client);
		UNTIL(&world, world.closes == 1);
		ck_client_is(&world.closed_peer, "127.1.2.3:40000", "127.9.9.9");
		ck_assert_uint_eq(stats->probes, 0);
		world_close(&world);
	}
}
END_TEST

START_TEST(what_follows_in_the_same_segment_is_the_clients)
{
	struct world world;
	struct client client;
	world_behind(&world, PROXY_V1, "127.0.0.1", false);
	client_open(&client, &world);
	client_write(&client, LINE "one\n" LINE);
	UNTIL(&world, world.lines == 2);
	UNTIL(&world, client_read(&client) == 7 + 3 + strlen(LINE));
	ck_assert_mem_eq(client.got, "re:one\nre:PROXY", 15);
	client_close(&client);
	world_close(&world);
}
END_TEST

START_TEST(a_header_before_the_handshake)
{
	struct tls_world w;
	struct tls_client client;
	tls_world_prepare(&w);
	world_open(&w.world, usual_settings(), TRANSPORT_TLS, "127.0.0.1", tls_opened(&w.settings));
	guard_world(&w.world, PROXY_V2, "127.0.0.0/8", false);
	/* In a segment of its own, and together with the ClientHello. */
	for (int together = 0; together <= 1; together++) {
		unsigned accepts = w.world.accepts;
		int on = 1, off = 0;
		tls_prepare(&client);
		tls_connect(&client, &w.world, NULL, NULL);
		if (together)
			setsockopt(client.raw.fd, IPPROTO_TCP, TCP_CORK, &on, sizeof(on));
		client_say(&client.raw, STR(BINARY));
		if (together) {
			tls_shake(&client);
			setsockopt(client.raw.fd, IPPROTO_TCP, TCP_CORK, &off, sizeof(off));
		} else {
			UNTIL(&w.world, w.world.accepts == accepts + 1);
		}
		tls_talk(&w.world, &client);
		ck_client_is(&w.world.peer, "127.1.2.3:40000", "127.9.9.9");
		ck_assert(w.world.peer.secure);
		tls_finish(&client);
		UNTIL(&w.world, net_connections(w.world.net) == 0);
	}
	tls_world_close(&w);
}
END_TEST

/* Whoever is refused is told so in no octet, is counted, and is nobody's client. */
static void
ck_refused(enum proxy_version version, const char *trusted, struct str octets)
{
	struct world world;
	struct client client;
	uint64_t before = stats->outcomes[REASON_PROXY_HEADER_MISSING][TRANSPORT_TCP];
	uint64_t probes = stats->probes;
	world_behind(&world, version, trusted, false);
	client_open(&client, &world);
	client_say(&client, octets);
	UNTIL(&world, client_ended(&client));
	ck_assert_uint_eq(client.len, 0);
	client_close(&client);
	UNTIL(&world, net_connections(world.net) == 0);
	ck_assert_uint_eq(world.closes, world.accepts);
	ck_assert_uint_eq(world.stream_calls, 0);
	ck_assert_uint_eq(stats->outcomes[REASON_PROXY_HEADER_MISSING][TRANSPORT_TCP], before + 1);
	ck_assert_uint_eq(stats->probes, probes);
	world_close(&world);
}

START_TEST(who_lacks_the_header_is_refused)
{
	ck_refused(PROXY_V1, "127.0.0.1", STR("REGISTER sip:example.com SIP/2.0\r\n"));
	ck_refused(PROXY_V2, "127.0.0.1", STR("REGISTER sip:example.com SIP/2.0\r\n"));
	ck_refused(PROXY_V1, "127.0.0.1", STR(BINARY));
	ck_refused(PROXY_V2, "127.0.0.1", STR(LINE));
	ck_refused(PROXY_V1, "127.0.0.1", STR("PROXY TCP4 nonsense\r\n"));
	ck_refused(PROXY_V2, "127.0.0.1", STR("\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff"));
	/* A good header of somebody whom we have no reason to believe. */
	ck_refused(PROXY_V1, "127.0.0.2", STR(LINE));
	ck_refused(PROXY_V2, "10.0.0.0/8", STR(BINARY));
}
END_TEST

START_TEST(half_a_header_is_refused)
{
	struct world world;
	struct client client;
	world_behind(&world, PROXY_V2, "127.0.0.1", false);
	client_open(&client, &world);
	client_say(&client, STR("\r\n\r\n\0"));
	loop_turn(world.loop, 50);
	loop_turn(world.loop, 50);
	client_close(&client);
	UNTIL(&world, net_connections(world.net) == 0);
	ck_assert_uint_eq(stats->outcomes[REASON_PROXY_HEADER_MISSING][TRANSPORT_TCP], 1);
	ck_assert_uint_eq(stats->probes, 0);
	ck_assert_uint_eq(world.accepts, 0);
	world_close(&world);
}
END_TEST

START_TEST(http_is_left_to_the_user)
{
	struct world world;
	struct client client;
	world_behind(&world, PROXY_V2, "127.0.0.1", false);
	client_open(&client, &world);
	client_write(&client, "OPTIONS / HTTP/1.0\r\n\r\n");
	UNTIL(&world, client_ended(&client));
	ck_assert_uint_eq(world.foreign, 1);
	client_close(&client);
	world_close(&world);
}
END_TEST

START_TEST(the_balancer_speaks_for_itself)
{
	static const struct {
		enum proxy_version version;
		struct str header;
	} cases[] = { { PROXY_V1, STR("PROXY UNKNOWN\r\n") }, { PROXY_V2, STR(LOCAL) } };
	for (size_t i = 0; i < 2; i++) {
		struct world world;
		struct client client;
		world_behind(&world, cases[i].version, "127.0.0.1", false);
		client_open(&client, &world);
		client_say(&client, cases[i].header);
		client_write(&client, "one\n");
		UNTIL(&world, client_read(&client) == 7);
		ck_assert(!peer_relayed(&world.peer));
		ck_assert(ip_equal(&world.peer.dialled, &world.at.ip));
		client_close(&client);
		UNTIL(&world, world.closes == 1);
		ck_assert_uint_eq(stats->probes, i);
		/* With the header alone it is a probe. */
		client_open(&client, &world);
		client_say(&client, cases[i].header);
		UNTIL(&world, world.accepts == 2);
		client_close(&client);
		UNTIL(&world, world.closes == 2);
		ck_assert_uint_eq(stats->probes, i + 1);
		world_close(&world);
	}
}
END_TEST

/* A balancer that connects and leaves, and a stranger who does: neither is worth a word. */
START_TEST(silent_visitors_are_probes)
{
	static const char *const trusted[] = { "127.0.0.1", "127.0.0.2" };
	for (size_t i = 0; i < 2; i++) {
		struct world world;
		struct client client;
		world_behind(&world, PROXY_V2, trusted[i], false);
		client_open(&client, &world);
		UNTIL(&world, net_connections(world.net) == 1);
		client_close(&client);
		UNTIL(&world, net_connections(world.net) == 0);
		ck_assert_uint_eq(stats->probes, i + 1);
		ck_assert_uint_eq(world.closes, world.accepts);
		world_close(&world);
	}
	ck_assert_uint_eq(stats->outcomes[REASON_PROXY_HEADER_MISSING][TRANSPORT_TCP], 0);
}
END_TEST

/* max_per_ip is asked about the client, after its header, and about nobody before. */
START_TEST(the_client_is_who_is_accepted)
{
	struct world world;
	struct client client;
	world_behind(&world, PROXY_V1, "127.0.0.1", false);
	world.decline = true;
	client_open(&client, &world);
	UNTIL(&world, net_connections(world.net) == 1);
	client_write(&client, LINE);
	UNTIL(&world, client_ended(&client));
	ck_assert_uint_eq(stats->connections_refused, 1);
	ck_assert_uint_eq(stats->outcomes[REASON_CONNECTION_LIMIT][TRANSPORT_TCP],
			  0); /* not a cap */
	ck_assert_uint_eq(world.closes, 0);
	client_close(&client);
	world_close(&world);
}
END_TEST

/* SEC-26.1.5-4: a header that never ends does not keep its connection */
START_TEST(a_slow_header_is_late)
{
	struct net_settings settings = *usual_settings();
	settings.first_message_timeout_ms = settings.handshake_timeout_ms = SHORT_MS;
	for (int tls = 0; tls <= 1; tls++) {
		struct tls_world w;
		struct client client;
		enum transport transport = tls ? TRANSPORT_TLS : TRANSPORT_TCP;
		tls_world_prepare(&w);
		world_open(&w.world, &settings, transport, "127.0.0.1", tls_opened(&w.settings));
		guard_world(&w.world, PROXY_V1, "127.0.0.1", false);
		client_open(&client, &w.world);
		client_write(&client, "PROXY TCP4");
		UNTIL(&w.world, client_ended(&client));
		ck_assert_uint_eq(stats->outcomes[REASON_FIRST_MESSAGE_TIMEOUT][transport], 1);
		ck_assert_uint_eq(stats_handshakes(stats, TLS_RESULT_FAILED), 0);
		client_close(&client);
		UNTIL(&w.world, net_connections(w.world.net) == 0);
		tls_world_close(&w);
	}
}
END_TEST

START_TEST(tls_that_ended_in_front_is_secure)
{
	struct world world;
	struct client client;
	world_behind(&world, PROXY_OFF, "127.0.0.1", true);
	client_open(&client, &world);
	client_write(&client, "one\n");
	UNTIL(&world, client_read(&client) == 7);
	ck_assert(world.peer.secure);
	ck_assert_int_eq(world.peer.transport, TRANSPORT_TCP);
	ck_assert(!peer_relayed(&world.peer));
	client_close(&client);
	UNTIL(&world, world.closes == 1);
	/* Somebody else who says so is not believed. */
	guard_world(&world, PROXY_OFF, "127.0.0.2", true);
	client_open(&client, &world);
	client_write(&client, "one\n");
	UNTIL(&world, client_ended(&client));
	ck_assert_uint_eq(world.lines, 1);
	client_close(&client);
	UNTIL(&world, net_connections(world.net) == 0);
	world_close(&world);
}
END_TEST

START_TEST(without_it_a_header_is_what_the_client_said)
{
	struct world world;
	struct client client;
	world_open(&world, usual_settings(), TRANSPORT_TCP, "127.0.0.1", NULL);
	client_open(&client, &world);
	client_write(&client, LINE);
	UNTIL(&world, client_read(&client) == 3 + strlen(LINE));
	ck_assert(!peer_relayed(&world.peer));
	client_close(&client);
	world_close(&world);
}
END_TEST

START_TEST(datagrams)
{
	struct world world;
	char buf[64];
	size_t len = 0;
	world_open(&world, usual_settings(), TRANSPORT_UDP, "127.0.0.1", NULL);
	guard_world(&world, PROXY_V2, "127.0.0.1", false);
	int fd = connected_socket(SOCK_DGRAM, "127.0.0.1", world.at.port);
	static const struct str bad[] = {
		STR("hello"),
		STR("\r\n\r\n"),
		STR("\r\n\r\n\0\r\nQUIT\n\x21\x12\0\x0c\x7f\x01"),
		STR(LINE "hello"),
	};
	for (size_t i = 0; i < 4; i++) {
		ck_assert_int_eq(send(fd, bad[i].p, bad[i].len, 0), (ssize_t)bad[i].len);
		UNTIL(&world, stats->outcomes[REASON_PROXY_HEADER_MISSING][TRANSPORT_UDP] == i + 1);
	}
	ck_assert_uint_eq(world.datagrams, 0);
	/* The answer goes back to the balancer, which knows whom it is for. */
	ck_assert_int_eq(send(fd, BINARY "hello", sizeof(BINARY) + 4, 0), sizeof(BINARY) + 4);
	UNTIL(&world, (len = (size_t)recv(fd, buf, sizeof(buf), MSG_DONTWAIT)) < sizeof(buf));
	ck_assert_uint_eq(len, 5);
	ck_assert_mem_eq(buf, "hello", 5);
	ck_client_is(&world.peer, "127.1.2.3:40000", "127.9.9.9");
	ck_assert_int_eq(send(fd, LOCAL "hello", sizeof(LOCAL) + 4, 0), sizeof(LOCAL) + 4);
	UNTIL(&world, world.datagrams == 2);
	ck_assert(!peer_relayed(&world.peer));
	guard_world(&world, PROXY_V2, "127.0.0.2", false);
	ck_assert_int_eq(send(fd, BINARY "hello", sizeof(BINARY) + 4, 0), sizeof(BINARY) + 4);
	UNTIL(&world, stats->outcomes[REASON_PROXY_HEADER_MISSING][TRANSPORT_UDP] == 5);
	ck_assert_uint_eq(world.datagrams, 2);
	close(fd);
	world_close(&world);
}
END_TEST

SUITE(front, a_header_in_drips, what_follows_in_the_same_segment_is_the_clients,
      a_header_before_the_handshake, who_lacks_the_header_is_refused, half_a_header_is_refused,
      http_is_left_to_the_user, the_balancer_speaks_for_itself, silent_visitors_are_probes,
      the_client_is_who_is_accepted, a_slow_header_is_late, tls_that_ended_in_front_is_secure,
      without_it_a_header_is_what_the_client_said, datagrams)
