/* What one TLS connection may take of a worker: few octets in a turn, and in all not for ever
 * without a message to show for them. */
#include "tls_world.h"

#define MEGABYTE 1048576

/* A client whose handshake is done, and that has had an answer. */
static void
bounds_open(struct tls_world *w, struct tls_client *client)
{
	tls_world_prepare(w);
	tls_world_open(w);
	tls_prepare(client);
	tls_connect(client, &w->world, NULL, NULL);
	tls_talk(&w->world, client);
	world_lapse(&w->world, 5);
}

/* From now on what the client writes is kept; wire_flush() sends it. */
static BIO *
hold_back(struct tls_client *client)
{
	BIO *wire = BIO_new(BIO_s_mem());
	SSL_set0_wbio(client->ssl, wire);
	return wire;
}

/* At least so many octets of key updates, each of 27. */
static void
update_keys(struct tls_client *client, BIO *wire, size_t octets)
{
	size_t until = BIO_ctrl_pending(wire) + octets;
	while (BIO_ctrl_pending(wire) < until) {
		ck_assert_int_eq(SSL_key_update(client->ssl, SSL_KEY_UPDATE_NOT_REQUESTED), 1);
		ck_assert_int_eq(SSL_do_handshake(client->ssl), 1);
	}
}

static void
say(struct tls_client *client, const char *line)
{
	ck_assert_int_eq(SSL_write(client->ssl, line, (int)strlen(line)), (int)strlen(line));
}

/* All that was kept, in one go: there is room for it in the socket. */
static void
wire_flush(struct tls_client *client, BIO *wire)
{
	char *octets;
	long len = BIO_get_mem_data(wire, &octets);
	ck_assert_int_eq(send(client->raw.fd, octets, (size_t)len, MSG_NOSIGNAL), len);
	(void)BIO_reset(wire);
}

/* T18: OpenSSL handles key updates for as long as there are any; a turn gives it a few. */
START_TEST(key_updates_take_turns)
{
	struct tls_world w;
	struct tls_client client;
	bounds_open(&w, &client);
	BIO *wire = hold_back(&client);
	update_keys(&client, wire, 60000);
	say(&client, "again\n");
	wire_flush(&client, wire);
	unsigned turns = 0;
	while (w.world.lines == 1 && turns++ < 100)
		loop_turn(w.world.loop, 20);
	ck_assert_uint_eq(w.world.lines, 2);
	ck_assert_uint_ge(turns, 2);
	tls_finish(&client);
	tls_world_close(&w);
}
END_TEST

/* T18: key updates now and then are as good as any number of them, for every message begins to
 * count anew. */
START_TEST(key_updates_between_messages)
{
	struct tls_world w;
	struct tls_client client;
	bounds_open(&w, &client);
	BIO *wire = hold_back(&client);
	for (unsigned i = 1; i <= 5; i++) {
		update_keys(&client, wire, 50000);
		say(&client, "again\n");
		wire_flush(&client, wire);
		UNTIL(&w.world, w.world.lines == 1 + i);
	}
	ck_assert_uint_eq(w.world.closes, 0);
	tls_finish(&client);
	tls_world_close(&w);
}
END_TEST

/* T18: key updates and nothing else end the connection. */
START_TEST(key_updates_without_end)
{
	struct tls_world w;
	struct tls_client client;
	bounds_open(&w, &client);
	BIO *wire = hold_back(&client);
	update_keys(&client, wire, 100000);
	wire_flush(&client, wire);
	UNTIL(&w.world, tls_over(&client));
	tls_finish(&client);
	UNTIL(&w.world, w.world.closes == 1);
	ck_assert_int_eq(w.world.cause, CLOSE_PROTOCOL);
	ck_assert_uint_eq(stats->outcomes[REASON_TLS_HANDSHAKE_FAILED][TRANSPORT_TLS], 1);
	ck_assert_uint_eq(handshakes_done(), 1);
	ck_assert_uint_eq(stats_handshakes(stats, TLS_RESULT_FAILED), 0);
	tls_world_close(&w);
}
END_TEST

/* The beginning of a ClientHello of so many octets, in records of this length. */
static size_t
fragment_hello(unsigned char *wire, size_t octets, size_t record)
{
	size_t len = 0;
	for (size_t at = 0; at < octets; at += record) {
		const unsigned char head[] = { 22, 3, 1, 0, (unsigned char)record };
		memcpy(wire + len, head, sizeof(head));
		memset(wire + len + sizeof(head), 3, record);
		len += sizeof(head) + record;
	}
	const unsigned char hello[] = { 1, 1, 255, 100 }; /* 131,000 octets */
	for (size_t i = 0; i < sizeof(hello); i++)
		wire[5 + i / record * (5 + record) + i % record] = hello[i];
	return len;
}

/* T18, TLS-OPS-1: a ClientHello in crumbs is many steps, and one that is longer than any is
 * refused. */
START_TEST(a_hello_in_crumbs)
{
	enum { HELLO = 131000 };
	static unsigned char wire[MEGABYTE];
	struct tls_world w;
	struct client client;
	struct net_settings settings = *usual_settings();
	settings.handshakes_per_turn = 1;
	tls_world_prepare(&w);
	for (size_t record = 1; record <= 100; record += 99) {
		size_t len = fragment_hello(wire, HELLO, record), sent = 0, turns = 0;
		uint64_t failures = stats_handshakes(stats, TLS_RESULT_FAILED);
		world_open(&w.world, &settings, TRANSPORT_TLS, "127.0.0.1",
			   tls_opened(&w.settings));
		client_open(&client, &w.world);
		while (stats_handshakes(stats, TLS_RESULT_FAILED) == failures && turns++ < 1000) {
			ssize_t count = send(client.fd, wire + sent, len - sent, MSG_NOSIGNAL);
			sent += count > 0 ? (size_t)count : 0;
			loop_turn(w.world.loop, 20);
		}
		ck_assert_uint_ge(turns, record == 1 ? 200 : 8);
		UNTIL(&w.world, client_ended(&client));
		client_close(&client);
		UNTIL(&w.world, w.world.closes == 1);
		ck_assert_int_eq(w.world.cause, CLOSE_HANDSHAKE);
		world_close(&w.world);
	}
	ck_assert_uint_eq(stats->outcomes[REASON_TLS_HANDSHAKE_FAILED][TRANSPORT_TLS], 2);
	tls_world_forget(&w);
}
END_TEST

SUITE(tls_bounds, key_updates_take_turns, key_updates_between_messages, key_updates_without_end,
      a_hello_in_crumbs)
