/* Handshakes of a real client with the net's TLS listener, both in this process. */
#include <poll.h>

#include "tls_world.h"

/* TLS-26.3.1-1, TLS-9325-3.1.1-2: without a client certificate, and 1.3 before 1.2, which works too
 */
START_TEST(versions_that_are_served)
{
	static const struct {
		int highest;
		const char *expected;
	} cases[] = { { 0, "TLSv1.3" }, { TLS1_2_VERSION, "TLSv1.2" } };
	struct tls_world w;
	tls_world_prepare(&w);
	tls_world_open(&w);
	for (size_t i = 0; i < 2; i++) {
		struct tls_client client;
		tls_prepare(&client);
		SSL_CTX_set_max_proto_version(client.context, cases[i].highest);
		tls_connect(&client, &w.world, NULL, NULL);
		tls_talk(&w.world, &client);
		ck_assert_str_eq(SSL_get_version(client.ssl), cases[i].expected);
		ck_assert_int_eq(w.world.peer.transport, TRANSPORT_TLS);
		ck_assert_uint_eq(handshakes_done(), i + 1);
		tls_finish(&client);
	}
	tls_world_close(&w);
}
END_TEST

/* TLS-9325-3.1.1-1: 1.1 and 1.0 are refused, and 1.2 where 1.3 is the minimum */
START_TEST(versions_that_are_not)
{
	static const int versions[] = { TLS1_VERSION, TLS1_1_VERSION, TLS1_2_VERSION };
	struct tls_world w;
	tls_world_prepare(&w);
	w.settings.min_tls13 = true;
	tls_world_open(&w);
	struct tls_server *strict = w.world.tls;
	w.settings.min_tls13 = false;
	struct tls_server *usual = tls_opened(&w.settings);
	for (int i = 0; i < 3; i++) {
		struct tls_client client;
		w.world.tls = versions[i] == TLS1_2_VERSION ? strict : usual;
		tls_prepare(&client);
		SSL_CTX_set_cipher_list(client.context, "ALL:@SECLEVEL=0");
		SSL_CTX_set_min_proto_version(client.context, versions[i]);
		SSL_CTX_set_max_proto_version(client.context, versions[i]);
		tls_refused(&w.world, &client, NULL, SSL_AD_PROTOCOL_VERSION);
	}
	ck_assert_uint_eq(stats->outcomes[REASON_TLS_NO_SHARED_CIPHER][TRANSPORT_TLS], 3);
	tls_server_release(usual);
	tls_world_close(&w);
}
END_TEST

/* TLS-9325-4.1-1, TLS-9325-4.2-1, TLS-9325-3.3-1, TLS-9325-3.5-1: what is chosen from which offer
 * in TLS 1.2, without compression, with secure renegotiation and extended master secret */
START_TEST(suites_of_tls12)
{
	static const struct {
		const char *server, *name, *offer, *chosen; /* NULL: refused */
	} cases[] = {
		{ NULL, "other.example", "AES128-SHA", NULL },
		{ NULL, "other.example", "AES128-GCM-SHA256", NULL },
		{ NULL, "other.example", "DHE-RSA-AES128-GCM-SHA256", NULL },
		{ NULL, "other.example", "ECDHE-RSA-AES128-SHA", NULL },
		{ NULL, "other.example", "eNULL", NULL },
		{ NULL, "other.example", "ECDHE-RSA-AES128-SHA:ECDHE-RSA-AES128-GCM-SHA256",
		  "ECDHE-RSA-AES128-GCM-SHA256" },
		{ NULL, NULL, "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384",
		  "ECDHE-ECDSA-AES256-GCM-SHA384" },
		{ NULL, NULL, "ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-ECDSA-CHACHA20-POLY1305" },
		{ "ECDHE+AESGCM:AES128-SHA", "other.example", "AES128-SHA", "AES128-SHA" },
	};
	struct tls_world w;
	tls_world_prepare(&w);
	const char *usual = w.settings.ciphers;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tls_client client;
		w.settings.ciphers = cases[i].server != NULL ? cases[i].server : usual;
		tls_world_open(&w);
		tls_prepare(&client);
		SSL_CTX_set_max_proto_version(client.context, TLS1_2_VERSION);
		ck_assert_int_eq(SSL_CTX_set_cipher_list(client.context, cases[i].offer), 1);
		if (cases[i].chosen == NULL) {
			tls_refused(&w.world, &client, cases[i].name, SSL_AD_HANDSHAKE_FAILURE);
		} else {
			tls_connect(&client, &w.world, cases[i].name, NULL);
			tls_talk(&w.world, &client);
			ck_assert_str_eq(SSL_get_cipher_name(client.ssl), cases[i].chosen);
			ck_assert_ptr_null(SSL_get_current_compression(client.ssl));
			ck_assert_int_eq((int)SSL_get_secure_renegotiation_support(client.ssl), 1);
			ck_assert_int_eq((int)SSL_get_extms_support(client.ssl), 1);
			tls_finish(&client);
		}
		world_close(&w.world);
	}
	tls_world_forget(&w);
}
END_TEST

/* The server's order counts, and its first is the cheapest */
START_TEST(suites_of_tls13)
{
	static const struct {
		const char *offer, *chosen;
	} cases[] = {
		{ "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256",
		  "TLS_AES_128_GCM_SHA256" },
		{ "TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384", "TLS_AES_256_GCM_SHA384" },
		{ "TLS_CHACHA20_POLY1305_SHA256", "TLS_CHACHA20_POLY1305_SHA256" },
	};
	struct tls_world w;
	tls_world_prepare(&w);
	tls_world_open(&w);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tls_client client;
		tls_prepare(&client);
		SSL_CTX_set_min_proto_version(client.context, TLS1_3_VERSION);
		ck_assert_int_eq(SSL_CTX_set_ciphersuites(client.context, cases[i].offer), 1);
		tls_connect(&client, &w.world, NULL, NULL);
		tls_talk(&w.world, &client);
		ck_assert_str_eq(SSL_get_cipher_name(client.ssl), cases[i].chosen);
		tls_finish(&client);
	}
	tls_world_close(&w);
}
END_TEST

/* TLS-9325-4.2-2: X25519 and P-256, nothing else */
START_TEST(groups)
{
	static const struct {
		const char *offer;
		int chosen; /* 0: refused */
	} cases[] = {
		{ "X25519", NID_X25519 }, { "P-256", NID_X9_62_prime256v1 },
		{ "P-384", 0 },		  { "P-521:P-256", NID_X9_62_prime256v1 },
		{ "ffdhe2048", 0 },
	};
	struct tls_world w;
	tls_world_prepare(&w);
	tls_world_open(&w);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tls_client client;
		tls_prepare(&client);
		SSL_CTX_set_min_proto_version(client.context, TLS1_3_VERSION);
		ck_assert_int_eq(SSL_CTX_set1_groups_list(client.context, cases[i].offer), 1);
		if (cases[i].chosen == 0) {
			unsigned lines = w.world.lines;
			w.world.lines = 0;
			tls_refused(&w.world, &client, NULL, SSL_AD_HANDSHAKE_FAILURE);
			w.world.lines = lines;
			continue;
		}
		tls_connect(&client, &w.world, NULL, NULL);
		tls_talk(&w.world, &client);
		ck_assert_int_eq((int)SSL_get_negotiated_group(client.ssl), cases[i].chosen);
		tls_finish(&client);
	}
	tls_world_close(&w);
}
END_TEST

/* TLS-5922-7.8-1, D-40: by exact name, by SIP URI, by wildcard of one label, else
 * the default */
START_TEST(certificates_by_name)
{
	static const struct {
		const char *name, *shown;
	} cases[] = {
		{ NULL, "ec" },		  { "reg.example.com", "ec" },	{ "REG.Example.COM", "ec" },
		{ "example.com", "ec" },  { "other.example", "rsa" },	{ "a.wild.example", "rsa" },
		{ "wild.example", "ec" }, { "a.b.wild.example", "ec" }, { "nosuch.example", "ec" },
		{ "192.0.2.1", "ec" },
	};
	struct tls_world w;
	tls_world_prepare(&w);
	tls_world_open(&w);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tls_client client;
		tls_prepare(&client);
		tls_connect(&client, &w.world, cases[i].name, NULL);
		tls_talk(&w.world, &client);
		ck_assert_str_eq(shown_name(&client), cases[i].shown);
		/* the intermediates come along */
		ck_assert_int_eq(sk_X509_num(SSL_get_peer_cert_chain(client.ssl)), 2);
		tls_finish(&client);
	}
	tls_world_close(&w);
}
END_TEST

/* TLS-9325-3.7-1, D-40: with sni_strict an unknown name is refused; a known one and none are not */
START_TEST(unknown_names_are_refused_when_strict)
{
	struct tls_world w;
	struct tls_client client;
	tls_world_prepare(&w);
	w.settings.sni_strict = true;
	tls_world_open(&w);
	tls_prepare(&client);
	tls_refused(&w.world, &client, "nosuch.example", SSL_AD_UNRECOGNIZED_NAME);
	tls_prepare(&client);
	tls_refused(&w.world, &client, "192.0.2.1", SSL_AD_UNRECOGNIZED_NAME);
	for (int i = 0; i < 2; i++) {
		tls_prepare(&client);
		tls_connect(&client, &w.world, i == 0 ? NULL : "other.example", NULL);
		tls_talk(&w.world, &client);
		tls_finish(&client);
	}
	tls_world_close(&w);
}
END_TEST

/* TLS-9325-3.8-1, D-39: enforced when offered, whatever the certificate; nothing offered is fine */
START_TEST(protocols_by_alpn)
{
	static const struct {
		const char *offer;
		bool accepted;
	} cases[] = {
		{ "\5sip/2", true },  { "\2h2\5sip/2", true },	{ "\2h2", false },
		{ "\5SIP/2", false }, { "\10http/1.1", false },
	};
	struct tls_world w;
	tls_world_prepare(&w);
	tls_world_open(&w);
	for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
		struct tls_client client;
		const char *offer = cases[i / 2].offer;
		const char *name = i % 2 == 0 ? NULL : "other.example";
		const unsigned char *chosen;
		unsigned len;
		tls_prepare(&client);
		SSL_CTX_set_alpn_protos(client.context, (const unsigned char *)offer,
					(unsigned)strlen(offer));
		w.world.lines = 0;
		if (!cases[i / 2].accepted) {
			tls_refused(&w.world, &client, name, SSL_AD_NO_APPLICATION_PROTOCOL);
			continue;
		}
		tls_connect(&client, &w.world, name, NULL);
		tls_talk(&w.world, &client);
		SSL_get0_alpn_selected(client.ssl, &chosen, &len);
		ck_assert_uint_eq(len, 5);
		ck_assert_mem_eq(chosen, "sip/2", 5);
		tls_finish(&client);
	}
	tls_world_close(&w);
}
END_TEST

/* TLS-9325-3.5-1: client-initiated renegotiation is refused */
START_TEST(renegotiation_is_refused)
{
	struct tls_world w;
	struct tls_client client;
	tls_world_prepare(&w);
	tls_world_open(&w);
	tls_prepare(&client);
	SSL_CTX_set_max_proto_version(client.context, TLS1_2_VERSION);
	tls_connect(&client, &w.world, NULL, NULL);
	tls_talk(&w.world, &client);
	ck_assert_int_eq(SSL_renegotiate(client.ssl), 1);
	UNTIL(&w.world, tls_shake(&client));
	ck_assert(client.failed);
	ck_assert_int_eq(ERR_GET_REASON(ERR_peek_last_error()), SSL_R_NO_RENEGOTIATION);
	tls_finish(&client);
	tls_world_close(&w);
}
END_TEST

/* TLS-9325-3.2-1: plain text on the TLS port is closed without an octet of an answer */
START_TEST(plain_text_gets_no_answer)
{
	static const char *const words[] = {
		"OPTIONS sip:example.com SIP/2.0\r\nVia: SIP/2.0/TCP h\r\n\r\n",
		"GET / HTTP/1.0\r\n\r\n",
		"\r\n\r\n\r\n\r\n",
	};
	struct tls_world w;
	tls_world_prepare(&w);
	tls_world_open(&w);
	for (size_t i = 0; i < 3; i++) {
		struct client client;
		client_open(&client, &w.world);
		client_write(&client, words[i]);
		UNTIL(&w.world, client_ended(&client));
		ck_assert_uint_eq(client.len, 0);
		client_close(&client);
		UNTIL(&w.world, w.world.closes == i + 1);
		ck_assert_int_eq(w.world.cause, CLOSE_HANDSHAKE);
	}
	ck_assert_uint_eq(w.world.stream_calls, 0);
	tls_world_close(&w);
}
END_TEST

/* TLS-OPS-1, SEC-26.1.5-4: silent handshakes end in time, and hold nobody up meanwhile */
START_TEST(half_open_handshakes)
{
	struct tls_world w;
	struct client silent[100];
	struct tls_client client;
	struct net_settings settings = *usual_settings();
	settings.handshake_timeout_ms = 500;
	tls_world_prepare(&w);
	world_open(&w.world, &settings, TRANSPORT_TLS, "127.0.0.1", tls_opened(&w.settings));
	for (int i = 0; i < 100; i++) {
		client_open(&silent[i], &w.world);
		ck_assert_int_eq(write(silent[i].fd, "\x16\x03\x01", 3), 3);
	}
	tls_prepare(&client);
	tls_connect(&client, &w.world, NULL, NULL);
	tls_talk(&w.world, &client);
	ck_assert_uint_eq(net_connections(w.world.net), 101 - w.world.closes);
	UNTIL(&w.world, w.world.closes == 100);
	ck_assert_int_eq(w.world.cause, CLOSE_HANDSHAKE_TIMEOUT);
	ck_assert_uint_eq(stats_handshakes(stats, TLS_RESULT_FAILED), 100);
	for (int i = 0; i < 100; i++)
		client_close(&silent[i]);
	client_open(&silent[0], &w.world);
	UNTIL(&w.world, w.world.accepts == 102);
	client_close(&silent[0]);
	UNTIL(&w.world, w.world.closes == 101);
	ck_assert_int_eq(w.world.cause, CLOSE_PEER);
	ck_assert_uint_eq(stats->probes, 1);
	ck_assert_uint_eq(stats_handshakes(stats, TLS_RESULT_FAILED),
			  100); /* a probe is no failure */
	tls_finish(&client);
	tls_world_close(&w);
}
END_TEST

/* TLS-OPS-1: nor is it the peer who is late when the process stood still, and his hello, or the end
 * of his handshake, has come meanwhile */
START_TEST(handshakes_that_have_arrived_are_not_late)
{
	enum { CROWD = 80, TIME_MS = 1000 };
	struct tls_world w;
	struct tls_client clients[CROWD];
	struct net_settings settings = *usual_settings();
	settings.handshake_timeout_ms = TIME_MS;
	settings.handshakes_per_turn = 4;
	tls_world_prepare(&w);
	world_open(&w.world, &settings, TRANSPORT_TLS, "127.0.0.1", tls_opened(&w.settings));
	for (int i = 0; i < CROWD; i++) {
		tls_prepare(&clients[i]);
		tls_connect(&clients[i], &w.world, NULL, NULL);
	}
	UNTIL(&w.world, w.world.accepts == CROWD);
	for (int stands = 0; stands < 2; stands++) {
		for (int i = 0; i < CROWD; i++)
			tls_shake(&clients[i]);
		poll(NULL, 0, TIME_MS + 100);
		loop_turn(w.world.loop, 0);
		UNTIL(&w.world, stats->tls_handshakes_waiting == 0);
		for (int i = 0; i < 3; i++)
			loop_turn(w.world.loop, 0);
	}
	ck_assert_uint_eq(handshakes_done(), CROWD);
	ck_assert_uint_eq(stats_handshakes(stats, TLS_RESULT_FAILED), 0);
	for (int i = 0; i < CROWD; i++)
		tls_finish(&clients[i]);
	tls_world_close(&w);
}
END_TEST

/* One step of a handshake in each turn. */
static void
open_with_one_step(struct tls_world *w)
{
	struct net_settings settings = *usual_settings();
	settings.handshakes_per_turn = 1;
	tls_world_prepare(w);
	world_open(&w->world, &settings, TRANSPORT_TLS, "127.0.0.1", tls_opened(&w->settings));
}

/* The hellos of so many clients are on the way. */
static void
say_hello(struct tls_world *w, struct tls_client *clients, int count)
{
	for (int i = 0; i < count; i++) {
		tls_prepare(&clients[i]);
		tls_connect(&clients[i], &w->world, NULL, NULL);
		ck_assert(!tls_shake(&clients[i]));
	}
}

/* TLS-OPS-1: so many steps of handshakes in one turn and no more, yet all get through */
START_TEST(handshakes_take_turns)
{
	struct tls_world w;
	struct tls_client clients[5];
	open_with_one_step(&w);
	say_hello(&w, clients, 5);
	loop_turn(w.world.loop, 100);
	ck_assert_uint_eq(net_connections(w.world.net), 5);
	for (unsigned turns = 0; handshakes_done() < 5 && turns < 1000; turns++) {
		uint64_t before = handshakes_done();
		loop_turn(w.world.loop, 100);
		ck_assert_uint_le(handshakes_done(), before + 1);
		for (int i = 0; i < 5; i++)
			tls_shake(&clients[i]);
	}
	ck_assert_uint_eq(handshakes_done(), 5);
	for (int i = 0; i < 5; i++)
		tls_finish(&clients[i]);
	tls_world_close(&w);
}
END_TEST

/* A flood of handshakes: who is connected already is answered in the turn in which he asks, and the
 * others take their steps in order of arrival. */
START_TEST(a_flood_of_handshakes_holds_nobody_up)
{
	enum { FLOOD = 40 };
	struct tls_world w;
	struct tls_client known, flood[FLOOD];
	open_with_one_step(&w);
	tls_prepare(&known);
	tls_connect(&known, &w.world, NULL, NULL);
	tls_talk(&w.world, &known);
	say_hello(&w, flood, FLOOD);
	UNTIL(&w.world, stats->tls_handshakes_waiting >= FLOOD / 2);
	for (int i = 0; stats->tls_handshakes_waiting > 1; i++) {
		size_t had = known.raw.len;
		uint64_t waiting = stats->tls_handshakes_waiting;
		ck_assert_int_eq(SSL_write(known.ssl, "again\n", 6), 6);
		loop_turn(w.world.loop, 0);
		ck_assert_uint_eq(tls_read(&known), had + 9);
		ck_assert_uint_ge(stats->tls_handshakes_waiting, waiting - 1);
	}
	ck_assert_uint_eq(handshakes_done(), 1);
	for (int i = 0, answered = 1; i < FLOOD; i++) {
		char octet;
		bool has = recv(flood[i].raw.fd, &octet, 1, MSG_PEEK) == 1;
		ck_assert_msg(answered || !has, "%d was overtaken", i - 1);
		answered = has;
	}
	for (int i = 0; i < FLOOD; i++)
		tls_talk(&w.world, &flood[i]);
	ck_assert_uint_eq(stats->tls_handshakes_waiting, 0);
	for (int i = 0; i < FLOOD; i++)
		tls_finish(&flood[i]);
	tls_finish(&known);
	tls_world_close(&w);
}
END_TEST

/* What had its signature is finished before more is begun, and whoever leaves the queue by closing
 * is out of it. */
START_TEST(the_half_through_go_before_beginners)
{
	struct tls_world w;
	struct tls_client clients[8];
	open_with_one_step(&w);
	say_hello(&w, clients, 8);
	UNTIL(&w.world, stats->tls_handshakes_waiting > 5);
	ck_assert(tls_shake(&clients[0]));
	for (int i = 0; i < 2; i++)
		loop_turn(w.world.loop, 0);
	ck_assert_uint_eq(handshakes_done(), 1);
	ck_assert_uint_ge(stats->tls_handshakes_waiting, 4);
	net_shutdown(w.world.net);
	UNTIL(&w.world, stats->tls_handshakes_waiting == 0);
	for (int i = 0; i < 8; i++)
		tls_finish(&clients[i]);
	UNTIL(&w.world, net_connections(w.world.net) == 0);
	ck_assert_uint_eq(handshakes_done(), 1);
	tls_world_close(&w);
}
END_TEST

/* Records that TLS took off the socket together, and that epoll cannot show any more, are read on:
 * after the handshake, after a pause, and when one turn has read its fill. */
START_TEST(nothing_stays_inside_tls)
{
	struct tls_world w;
	struct tls_client client;
	char line[4096];
	tls_world_prepare(&w);
	tls_world_open(&w);
	struct world *world = &w.world;
	tls_prepare(&client);
	SSL_CTX_set_max_proto_version(client.context, TLS1_3_VERSION);
	tls_connect(&client, world, NULL, NULL);
	UNTIL(world, tls_shake(&client)); /* its end of the handshake waits in the socket … */
	for (int i = 0; i < 3; i++)	  /* … with three records */
		ck_assert_int_eq(SSL_write(client.ssl, "early\n", 6), 6);
	UNTIL(world, tls_read(&client) == 27);
	world->pause_now = true;
	for (int i = 0; i < 5; i++)
		ck_assert_int_eq(SSL_write(client.ssl, "slow\n", 5), 5);
	for (unsigned i = 0; i < 5; i++) {
		UNTIL(world, world->lines == 4 + i);
		world_lapse(world, 5);
		ck_assert_uint_eq(world->lines, 4 + i);
		peer_pause(world->net, &world->peer, false);
	}
	world->pause_now = false;
	UNTIL(world, tls_read(&client) == 27 + 5 * 8);
	memset(line, 'x', sizeof(line));
	line[sizeof(line) - 1] = '\n';
	for (int i = 0; i < 20; i++)
		ck_assert_int_eq(SSL_write(client.ssl, line, sizeof(line)), sizeof(line));
	UNTIL(world, tls_read(&client) == 27 + 5 * 8 + 20 * (sizeof(line) + 3));
	tls_finish(&client);
	tls_world_close(&w);
}
END_TEST

/* T18: records of one octet each are no way to keep a worker: only a few are taken in a turn, but
 * in the end all of them. */
START_TEST(short_records_take_turns)
{
	enum { RECORDS = 600, A_TURN = 16 };
	struct tls_world w;
	struct tls_client client;
	tls_world_prepare(&w);
	tls_world_open(&w);
	struct world *world = &w.world;
	tls_prepare(&client);
	tls_connect(&client, world, NULL, NULL);
	tls_talk(world, &client);
	world_lapse(world, 5);
	for (int i = 0; i < RECORDS - 1; i++)
		ck_assert_int_eq(SSL_write(client.ssl, "x", 1), 1);
	ck_assert_int_eq(SSL_write(client.ssl, "\n", 1), 1);
	for (int turns = 0; turns < RECORDS && world->lines == 1; turns++) {
		unsigned before = world->stream_calls;
		loop_turn(world->loop, 20);
		/* Each time with what waits already: in its turn, and again at the end of it. */
		ck_assert_uint_le(world->stream_calls - before, 2 * (A_TURN + 1));
	}
	ck_assert_uint_eq(world->lines, 2);
	ck_assert_uint_eq(world->last_len, RECORDS);
	tls_finish(&client);
	tls_world_close(&w);
}
END_TEST

/* TLS-5923-8.3-1: closing sends what is owed, then close_notify; a client that says close_notify
 * first still gets what it is owed */
START_TEST(closing_says_so)
{
	for (int first = 0; first <= 1; first++) {
		struct tls_world w;
		struct tls_client client;
		tls_world_prepare(&w);
		tls_world_open(&w);
		w.world.hold = true;
		tls_prepare(&client);
		tls_connect(&client, &w.world, NULL, NULL);
		UNTIL(&w.world, tls_shake(&client));
		ck_assert_int_eq(SSL_write(client.ssl, "hello\n", 6), 6);
		UNTIL(&w.world, w.world.lines == 1);
		if (first)
			SSL_shutdown(client.ssl);
		else
			net_shutdown(w.world.net);
		for (int i = 0; i < 3; i++)
			loop_turn(w.world.loop, 1);
		ck_assert(peer_send(w.world.net, &w.world.peer, NULL, STR("answer\n")));
		peer_owes(w.world.net, &w.world.peer, -1);
		UNTIL(&w.world, tls_over(&client));
		ck_assert(!client.failed); /* an end without close_notify would be a failure */
		ck_assert_str_eq(client.raw.got, "answer\n");
		tls_finish(&client);
		UNTIL(&w.world, w.world.closes == 1);
		ck_assert_int_eq(w.world.cause, first ? CLOSE_PEER : CLOSE_SHUTDOWN);
		tls_world_close(&w);
	}
}
END_TEST

/* Octets that TLS holds, and that nobody wants any more, keep no loop busy while an answer is
 * waited for. */
START_TEST(closing_with_octets_inside_is_no_spin)
{
	struct tls_world w;
	struct tls_client client;
	char line[4096];
	tls_world_prepare(&w);
	tls_world_open(&w);
	struct world *world = &w.world;
	world->hold = true;
	tls_prepare(&client);
	tls_connect(&client, world, NULL, NULL);
	UNTIL(world, tls_shake(&client));
	world_lapse(world, 5);
	memset(line, 'x', sizeof(line));
	line[sizeof(line) - 1] = '\n';
	for (int i = 0; i < 20; i++)
		ck_assert_int_eq(SSL_write(client.ssl, line, sizeof(line)), sizeof(line));
	net_shutdown(world->net);
	ck_assert_uint_gt(world->lines, 0);
	ck_assert_uint_lt(world->lines, 20);
	for (int i = 0; i < 5; i++)
		loop_turn(world->loop, 1);
	uint64_t before = clock_monotonic_ms();
	loop_turn(world->loop, 50);
	ck_assert_uint_ge(clock_monotonic_ms() - before, 25);
	peer_owes(world->net, &world->peer, -(int)world->lines);
	UNTIL(world, tls_over(&client));
	tls_finish(&client);
	tls_world_close(&w);
}
END_TEST

/* TRN-18-4, TRN-18.1.1-1: a megabyte in pieces of all sizes, both ways and in one go */
START_TEST(bulk_over_tls)
{
	struct tls_world w;
	struct tls_client client;
	char line[30001];
	size_t sent = 0, expected = 0;
	tls_world_prepare(&w);
	tls_world_open(&w);
	tls_prepare(&client);
	tls_connect(&client, &w.world, NULL, NULL);
	UNTIL(&w.world, tls_shake(&client));
	SSL_set_mode(client.ssl, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	for (size_t len = 1; sent < 1000000; len = len * 3 % 30000 + 1) {
		memset(line, 'a' + (int)(len % 26), len);
		line[len - 1] = '\n';
		UNTIL(&w.world, (tls_read(&client), SSL_write(client.ssl, line, (int)len) > 0));
		sent += len;
		expected += len + 3;
	}
	UNTIL(&w.world, tls_read(&client) >= expected);
	ck_assert_uint_eq(client.raw.len, expected);
	tls_finish(&client);
	tls_world_close(&w);
}
END_TEST

/* TLS-OPS-1: after a reload new connections show the new certificate, old ones live on */
START_TEST(reload_drops_nobody)
{
	struct tls_world w;
	struct tls_client old, fresh;
	tls_world_prepare(&w);
	tls_world_open(&w);
	tls_prepare(&old);
	tls_connect(&old, &w.world, NULL, NULL);
	tls_talk(&w.world, &old);
	struct tls_settings settings = usual_tls(&w.certificates[1], 1);
	struct tls_server *before = w.world.tls;
	w.world.tls = tls_opened(&settings);
	tls_server_release(before);
	tls_prepare(&fresh);
	tls_connect(&fresh, &w.world, NULL, NULL);
	tls_talk(&w.world, &fresh);
	ck_assert_str_eq(shown_name(&fresh), "rsa");
	tls_talk(&w.world, &old);
	ck_assert_str_eq(shown_name(&old), "ec");
	tls_finish(&old);
	tls_finish(&fresh);
	tls_server_release(w.world.tls);
	w.world.tls = NULL; /* no certificate at all: nobody gets in */
	struct client nobody;
	client_open(&nobody, &w.world);
	UNTIL(&w.world, client_ended(&nobody));
	client_close(&nobody);
	tls_world_close(&w);
}
END_TEST

/* TLS-26.3.1-1, TLS-5922-7.4-1: client certificates off, asked for, demanded */
START_TEST(client_certificates)
{
	enum { NONE, GOOD, FOREIGN };
	static const struct {
		enum tls_client_auth mode;
		int shown;
		bool accepted;
	} cases[] = {
		{ TLS_CLIENT_AUTH_OFF, FOREIGN, true },
		{ TLS_CLIENT_AUTH_REQUEST, NONE, true },
		{ TLS_CLIENT_AUTH_REQUEST, GOOD, true },
		{ TLS_CLIENT_AUTH_REQUEST, FOREIGN, false },
		{ TLS_CLIENT_AUTH_REQUIRE, NONE, false },
		{ TLS_CLIENT_AUTH_REQUIRE, GOOD, true },
		{ TLS_CLIENT_AUTH_REQUIRE, FOREIGN, false },
	};
	struct tls_world w;
	tls_world_prepare(&w);
	struct identity phone =
		pki_issue(&w.pki, (struct wish){ .name = "phone", .issuer = &w.root });
	struct identity stranger = pki_issue(&w.pki, (struct wish){ .name = "stranger" });
	w.settings.client_ca = PKI_CHAIN(&w.pki, w.root.x);
	for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
		struct tls_client client;
		const struct identity *shown = cases[i / 2].shown == GOOD ? &phone : &stranger;
		w.settings.client_auth = cases[i / 2].mode;
		tls_world_open(&w);
		tls_prepare(&client);
		SSL_CTX_set_max_proto_version(client.context, i % 2 == 0 ? 0 : TLS1_2_VERSION);
		if (cases[i / 2].shown != NONE) {
			SSL_CTX_use_certificate(client.context, shown->x);
			SSL_CTX_use_PrivateKey(client.context, shown->key);
		}
		if (cases[i / 2].accepted) {
			tls_connect(&client, &w.world, "other.example", NULL);
			tls_talk(&w.world, &client);
			ck_assert(w.world.peer.authenticated == (cases[i / 2].shown == GOOD));
			tls_finish(&client);
		} else {
			tls_refused(&w.world, &client, "other.example", 0);
			uint64_t *outcomes = stats->outcomes[REASON_TLS_BAD_CLIENT_CERTIFICATE];
			ck_assert_uint_gt(outcomes[TRANSPORT_TLS], 0);
		}
		world_close(&w.world);
	}
	identity_free(&phone);
	identity_free(&stranger);
	tls_world_forget(&w);
}
END_TEST

SUITE(tls, versions_that_are_served, versions_that_are_not, suites_of_tls12, suites_of_tls13,
      groups, certificates_by_name, unknown_names_are_refused_when_strict, protocols_by_alpn,
      renegotiation_is_refused, plain_text_gets_no_answer, half_open_handshakes,
      handshakes_that_have_arrived_are_not_late, handshakes_take_turns,
      a_flood_of_handshakes_holds_nobody_up, the_half_through_go_before_beginners,
      nothing_stays_inside_tls, short_records_take_turns, closing_says_so,
      closing_with_octets_inside_is_no_spin, bulk_over_tls, reload_drops_nobody,
      client_certificates)
