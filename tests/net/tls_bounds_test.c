/* What one TLS connection may take of a worker: few octets in a turn, and in all not for ever
 * without a message to show for them. */
#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "tls_world.h"

#define MEGABYTE 1048576
#define UPDATES_MAX 32u /* between messages */

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

static void
update_keys(struct tls_client *client, unsigned times)
{
	while (times-- > 0) {
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

/* T18: OpenSSL handles what it has taken off the socket for as long as there is any; a turn gives
 * it some of that, fewer when keys are updated. */
START_TEST(key_updates_take_turns)
{
	struct tls_world w;
	struct tls_client client;
	bounds_open(&w, &client);
	BIO *wire = hold_back(&client);
	for (unsigned i = 0; i < 10; i++) {
		update_keys(&client, UPDATES_MAX);
		say(&client, "again\n");
	}
	wire_flush(&client, wire);
	unsigned turns = 0;
	while (w.world.lines < 11 && turns++ < 100)
		loop_turn(w.world.loop, 20);
	ck_assert_uint_eq(w.world.lines, 11);
	ck_assert_uint_ge(turns, 5);
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
	for (unsigned i = 1; i <= 100; i++) {
		update_keys(&client, UPDATES_MAX);
		say(&client, "again\n");
		wire_flush(&client, wire);
		UNTIL(&w.world, w.world.lines == 1 + i);
	}
	ck_assert_uint_eq(w.world.closes, 0);
	tls_finish(&client);
	tls_world_close(&w);
}
END_TEST

static void
ends_for_updates(struct tls_world *w, struct tls_client *client)
{
	UNTIL(&w->world, tls_over(client));
	ck_assert(!client->failed); /* it is told so */
	tls_finish(client);
	UNTIL(&w->world, w->world.closes == 1);
	ck_assert_int_eq(w->world.cause, CLOSE_PROTOCOL);
	ck_assert_uint_eq(stats->outcomes[REASON_TLS_HANDSHAKE_FAILED][TRANSPORT_TLS], 1);
	ck_assert_uint_eq(handshakes_done(), 1);
	ck_assert_uint_eq(stats_handshakes(stats, TLS_RESULT_FAILED), 0);
	tls_world_close(w);
}

/* T18: key updates and nothing else end the connection; what comes behind is not looked at. */
START_TEST(key_updates_without_end)
{
	struct tls_world w;
	struct tls_client client;
	bounds_open(&w, &client);
	BIO *wire = hold_back(&client);
	update_keys(&client, UPDATES_MAX + 1);
	say(&client, "again\n");
	wire_flush(&client, wire);
	ends_for_updates(&w, &client);
	ck_assert_uint_eq(w.world.lines, 1);
}
END_TEST

/* T18: keep-alives between them, which are no messages, make them no better. */
START_TEST(key_updates_between_pings)
{
	struct tls_world w;
	struct tls_client client;
	bounds_open(&w, &client);
	w.world.silent = true;
	BIO *wire = hold_back(&client);
	for (unsigned i = 1; i <= UPDATES_MAX; i++) {
		update_keys(&client, 1);
		say(&client, "\n");
		wire_flush(&client, wire);
		UNTIL(&w.world, w.world.lines == 1 + i);
	}
	ck_assert_uint_eq(w.world.closes, 0);
	update_keys(&client, 1);
	say(&client, "\n");
	wire_flush(&client, wire);
	ends_for_updates(&w, &client);
}
END_TEST

/* T18: few of them that are mostly padding are as bad as many. */
START_TEST(key_updates_of_a_whole_record)
{
	struct tls_world w;
	struct tls_client client;
	bounds_open(&w, &client);
	BIO *wire = hold_back(&client);
	SSL_set_block_padding(client.ssl, 16384);
	update_keys(&client, 5);
	wire_flush(&client, wire);
	ends_for_updates(&w, &client);
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

/* Nothing that can be done is left to do: a turn waits for its time. */
static bool
rests(struct world *world)
{
	for (int i = 0; i < 5; i++)
		loop_turn(world->loop, 1);
	uint64_t before = clock_monotonic_ms();
	loop_turn(world->loop, 50);
	return clock_monotonic_ms() - before >= 25;
}

/* Sockets on both sides with little room, those of the server from now on. */
static void
narrow(int fd)
{
	int room = 4096;
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
}

/* Key updates that want one of ours, from a client that reads nothing, until the server takes none.
 */
static void
fill_both_ways(struct world *world, struct tls_client *client, BIO *wire)
{
	for (int idle = 0; idle < 20;) {
		char *octets;
		ck_assert_int_eq(SSL_key_update(client->ssl, SSL_KEY_UPDATE_REQUESTED), 1);
		ck_assert_int_eq(SSL_do_handshake(client->ssl), 1);
		say(client, "\n");
		long len = BIO_get_mem_data(wire, &octets), sent = 0;
		while (sent < len && idle < 20) {
			ssize_t count = send(client->raw.fd, octets + sent, (size_t)(len - sent),
					     MSG_NOSIGNAL);
			sent += count > 0 ? count : 0;
			idle = count > 0 ? 0 : idle + 1;
			loop_turn(world->loop, 1);
		}
		(void)BIO_reset(wire);
	}
}

/* T18: what TLS must write before it can read is waited for, and not what can be read; behind a
 * pause and while we close it is not waited for either. */
START_TEST(a_mute_client_is_no_spin)
{
	for (int closing = 0; closing <= 1; closing++) {
		struct tls_world w;
		struct tls_client client;
		tls_world_prepare(&w);
		tls_world_open(&w);
		narrow(w.world.listener);
		tls_prepare(&client);
		tls_connect(&client, &w.world, NULL, NULL);
		narrow(client.raw.fd);
		tls_talk(&w.world, &client);
		fill_both_ways(&w.world, &client, hold_back(&client));
		ck_assert_uint_eq(w.world.closes, 0);
		ck_assert(rests(&w.world));
		peer_pause(w.world.net, &w.world.peer, true);
		ck_assert(rests(&w.world));
		peer_pause(w.world.net, &w.world.peer, false);
		ck_assert(rests(&w.world));
		unsigned had = w.world.lines;
		if (closing) {
			peer_owes(w.world.net, &w.world.peer, 1);
			net_shutdown(w.world.net);
			ck_assert(rests(&w.world));
		} else {
			UNTIL(&w.world, (tls_read(&client), w.world.lines > had));
		}
		tls_finish(&client);
		tls_world_close(&w);
	}
}
END_TEST

static unsigned char secret[32]; /* that the client's records are made with */

/* "CLIENT_TRAFFIC_SECRET_0 RANDOM SECRET" */
static void
note_secret(const SSL *ssl, const char *line)
{
	size_t len;
	(void)ssl;
	if (strncmp(line, "CLIENT_TRAFFIC_SECRET_0 ", 24) == 0)
		ck_assert_int_eq(OPENSSL_hexstr2buf_ex(secret, sizeof(secret), &len,
						       strrchr(line, ' ') + 1, '\0'),
				 1);
}

/* RFC 8446 §7.3 */
static void
expand(const char *label, unsigned char *out, size_t len)
{
	int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_int("mode", &mode),
		OSSL_PARAM_construct_utf8_string("digest", (char[]){ "SHA256" }, 0),
		OSSL_PARAM_construct_octet_string("key", secret, sizeof(secret)),
		OSSL_PARAM_construct_octet_string("prefix", (char[]){ "tls13 " }, 6),
		OSSL_PARAM_construct_octet_string("label", (void *)label, strlen(label)),
		OSSL_PARAM_construct_end(),
	};
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "TLS13-KDF", NULL);
	EVP_KDF_CTX *context = EVP_KDF_CTX_new(kdf);
	ck_assert_int_eq(EVP_KDF_derive(context, out, len, params), 1);
	EVP_KDF_CTX_free(context);
	EVP_KDF_free(kdf);
}

/* The record of the client with this number, one that TLS would not make. */
static void
send_record(struct tls_client *client, unsigned char number, const char *octets, unsigned char len)
{
	unsigned char key[16], nonce[12], record[64] = { 23, 3, 3, 0, (unsigned char)(len + 16) };
	EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
	int done;
	expand("key", key, sizeof(key));
	expand("iv", nonce, sizeof(nonce));
	nonce[11] ^= number;
	ck_assert_int_eq(EVP_EncryptInit_ex(cipher, EVP_aes_128_gcm(), NULL, key, nonce), 1);
	EVP_EncryptUpdate(cipher, NULL, &done, record, 5);
	EVP_EncryptUpdate(cipher, record + 5, &done, (const unsigned char *)octets, len);
	EVP_EncryptFinal_ex(cipher, record + 5 + len, &done);
	EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_GCM_GET_TAG, 16, record + 5 + len);
	EVP_CIPHER_CTX_free(cipher);
	ck_assert_int_eq(send(client->raw.fd, record, 21u + len, 0), 21 + len);
}

/* T18: in the middle of a key update TLS must read before it can write; an answer waits for that,
 * and not for room in the socket. */
START_TEST(half_a_key_update_is_no_spin)
{
	struct tls_world w;
	struct tls_client client;
	tls_world_prepare(&w);
	tls_world_open(&w);
	w.world.hold = true;
	tls_prepare(&client);
	SSL_CTX_set_keylog_callback(client.context, note_secret);
	tls_connect(&client, &w.world, NULL, NULL);
	UNTIL(&w.world, tls_shake(&client));
	say(&client, "hello\n");
	UNTIL(&w.world, w.world.lines == 1);
	send_record(&client, 1, "\x18\0\0\1\x16", 5);
	world_lapse(&w.world, 10);
	ck_assert(peer_send(w.world.net, &w.world.peer, NULL, STR("answer\n")));
	ck_assert(rests(&w.world));
	send_record(&client, 2, "\0\x16", 2); /* its body */
	UNTIL(&w.world, tls_read(&client) == 7);
	tls_finish(&client);
	tls_world_close(&w);
}
END_TEST

SUITE(tls_bounds, key_updates_take_turns, key_updates_between_messages, key_updates_without_end,
      key_updates_between_pings, key_updates_of_a_whole_record, a_hello_in_crumbs,
      a_mute_client_is_no_spin, half_a_key_update_is_no_spin)
