/* Session tickets: who issues them, who opens them, for how long, and for whom no more. */
#include <sys/socket.h>

#include "../../src/net/server.h"
#include "../../src/net/session.h"
#include "tls_world.h"

static const uint8_t secret[32] = "the secret of the whole cluster";
static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

static struct tls_server *
server_with(const struct tls_settings *settings, const uint8_t *ticket_secret)
{
	struct tls_server *server = tls_opened(settings);
	if (ticket_secret != NULL)
		tls_server_ticket_secret(server, ticket_secret);
	return server;
}

static bool
resumed_tls12(const struct tls_client *client)
{
	return SSL_version(client->ssl) == TLS1_2_VERSION && SSL_session_reused(client->ssl);
}

static bool authenticated; /* the client, in the eyes of the last server of resumes() */

/* Connects to one server as of real_s, without any net between; true when the ticket was honoured.
 * Its successor, if there is one, is in the client afterwards. */
static bool
resumes(struct tls_client *client, struct tls_server *server, int64_t real_s,
	const char *server_name)
{
	int pair[2];
	bool wants_write, wants_read, server_done = false, client_done = false;
	char octet;
	size_t got;
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	SSL *ssl = session_open(server, pair[0], &(struct session_bounds){ 0 });
	client->ssl = SSL_new(client->context);
	SSL_set_connect_state(client->ssl);
	SSL_set_app_data(client->ssl, client);
	SSL_set_fd(client->ssl, pair[1]);
	if (server_name != NULL)
		SSL_set_tlsext_host_name(client->ssl, server_name);
	if (client->ticket != NULL)
		SSL_set_session(client->ssl, client->ticket);
	for (int i = 0; i < 20 && !(server_done && client_done); i++) {
		client_done = client_done || SSL_do_handshake(client->ssl) == 1;
		server_done =
			server_done || session_handshake(ssl, real_s, &wants_write) == IO_DONE;
	}
	ck_assert_msg(server_done && client_done, "%s",
		      ERR_reason_error_string(ERR_peek_last_error()));
	ck_assert_int_eq(session_write(ssl, "x", 1, &got, &wants_read), IO_DONE);
	ck_assert_int_eq(SSL_read(client->ssl, &octet, 1), 1); /* and the ticket before it */
	if (resumed_tls12(client)) /* OpenSSL tells nobody of a ticket renewed in TLS 1.2 */
		keep_ticket(client->ssl, SSL_get1_session(client->ssl));
	bool resumed = session_resumed(ssl);
	authenticated = session_authenticated(ssl);
	ck_assert_int_eq(SSL_session_reused(client->ssl), resumed);
	session_shut(ssl);
	SSL_shutdown(client->ssl);
	SSL_free(ssl);
	SSL_free(client->ssl);
	client->ssl = NULL;
	close(pair[0]);
	close(pair[1]);
	return resumed;
}

static void
prepare_version(struct tls_client *client, int version)
{
	tls_prepare(client);
	SSL_CTX_set_min_proto_version(client->context, version);
	SSL_CTX_set_max_proto_version(client->context, version);
}

START_TEST(no_tickets_without_a_secret)
{
	struct tls_world w;
	tls_world_prepare(&w);
	for (int i = 0; i < 4; i++) {
		struct tls_client client;
		w.settings.tickets = i < 2;
		struct tls_server *server = server_with(&w.settings, i < 2 ? NULL : secret);
		prepare_version(&client, versions[i % 2]);
		ck_assert(!resumes(&client, server, 1000000, NULL));
		if (client.ticket != NULL)
			ck_assert(!SSL_SESSION_has_ticket(client.ticket));
		ck_assert(!resumes(&client, server, 1000000, NULL));
		tls_finish(&client);
		tls_server_release(server);
	}
	tls_world_forget(&w);
}
END_TEST

/* TLS-9325-3.4-1: any node with the secret opens the ticket, whatever certificate was chosen, and
 * in TLS 1.3 with a fresh key exchange; nobody else does */
START_TEST(tickets_are_good_on_every_node)
{
	struct tls_world w;
	tls_world_prepare(&w);
	struct tls_server *one = server_with(&w.settings, secret);
	struct tls_server *two = server_with(&w.settings, secret);
	struct tls_server *foreign = server_with(&w.settings, (const uint8_t[32]){ 1 });
	for (int i = 0; i < 4; i++) {
		struct tls_client client;
		const char *name = i < 2 ? NULL : "other.example";
		prepare_version(&client, versions[i % 2]);
		ck_assert(!resumes(&client, one, 1000000, name));
		ck_assert_uint_eq(SSL_SESSION_get_ticket_lifetime_hint(client.ticket), 43200);
		ck_assert(resumes(&client, two, 1000000, name));
		ck_assert(resumes(&client, one, 1000000, name));
		ck_assert(!resumes(&client, foreign, 1000000, name));
		tls_finish(&client);
	}
	tls_server_release(one);
	tls_server_release(two);
	tls_server_release(foreign);
	tls_world_forget(&w);
}
END_TEST

START_TEST(a_new_secret_ends_old_tickets_at_once)
{
	struct tls_world w;
	struct tls_client client;
	tls_world_prepare(&w);
	struct tls_server *server = server_with(&w.settings, secret);
	prepare_version(&client, TLS1_3_VERSION);
	ck_assert(!resumes(&client, server, 1000000, NULL));
	ck_assert(resumes(&client, server, 1000000, NULL));
	tls_server_ticket_secret(server, (const uint8_t[32]){ 1 });
	ck_assert(!resumes(&client, server, 1000000, NULL));
	ck_assert(resumes(&client, server, 1000000, NULL));
	tls_finish(&client);
	tls_server_release(server);
	tls_world_forget(&w);
}
END_TEST

START_TEST(tls13_resumes_with_a_key_exchange_only)
{
	struct tls_world w;
	tls_world_prepare(&w);
	struct tls_server *server = server_with(&w.settings, secret);
	struct tls_client client;
	prepare_version(&client, TLS1_3_VERSION);
	ck_assert(!resumes(&client, server, 1000000, NULL));
	/* a client that would do without is not obliged: psk_ke is not accepted */
	SSL_CTX_set_options(client.context, SSL_OP_ALLOW_NO_DHE_KEX);
	ck_assert_uint_eq(SSL_CTX_get_options(server_context(server)) & SSL_OP_ALLOW_NO_DHE_KEX, 0);
	ck_assert(resumes(&client, server, 1000000, NULL));
	tls_finish(&client);
	tls_server_release(server);
	tls_world_forget(&w);
}
END_TEST

/* TLS-9325-3.4-1: sealed in one half of a rotation, opened and renewed in the next, refused after
 * that; the clock alone decides, to the second */
START_TEST(keys_rotate)
{
	static const struct {
		int64_t sealed, opened;
		bool resumes;
	} cases[] = {
		{ 86400, 86400, true },
		{ 86400, 86400 + 43199, true },
		{ 86400, 86400 + 43200, true },
		{ 86400, 86400 + 86399, true },
		{ 86400, 86400 + 86400, false },
		{ 86400 + 43199, 86400 + 86400, false },
		{ 86400 + 43199, 86400 + 86399, true },
		{ 86400, 3 * 86400, false },
		{ 86400, 86399, false },
	};
	struct tls_world w;
	tls_world_prepare(&w);
	struct tls_server *server = server_with(&w.settings, secret);
	for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
		struct tls_client client;
		prepare_version(&client, versions[i % 2]);
		ck_assert(!resumes(&client, server, cases[i / 2].sealed, NULL));
		bool resumed = resumes(&client, server, cases[i / 2].opened, NULL);
		ck_assert_msg(resumed == cases[i / 2].resumes, "case %zu", i / 2);
		/* whatever happened, the client now holds a ticket of the new time */
		ck_assert(resumes(&client, server, cases[i / 2].opened + 43199, NULL));
		tls_finish(&client);
	}
	tls_server_release(server);
	tls_world_forget(&w);
}
END_TEST

/* TLS-26.3.1-1: the client's certificate is judged again when its ticket is opened */
START_TEST(resumed_clients_are_verified_again)
{
	struct tls_world w;
	tls_world_prepare(&w);
	struct identity middle =
		pki_issue(&w.pki, (struct wish){ .name = "Middle", .ca = true, .issuer = &w.root });
	struct identity phones[2] = {
		pki_issue(&w.pki, (struct wish){ .name = "direct", .issuer = &w.root }),
		pki_issue(&w.pki, (struct wish){ .name = "below", .issuer = &middle }),
	};
	struct identity other = pki_issue(&w.pki, (struct wish){ .name = "Other", .ca = true });
	struct tls_server *open = server_with(&w.settings, secret);
	w.settings.client_ca = PKI_CHAIN(&w.pki, w.root.x);
	w.settings.client_auth = TLS_CLIENT_AUTH_REQUIRE;
	struct tls_server *strict = server_with(&w.settings, secret);
	w.settings.client_ca = PKI_CHAIN(&w.pki, other.x, w.root.x);
	struct tls_server *both = server_with(&w.settings, secret);
	w.settings.client_ca = PKI_CHAIN(&w.pki, other.x);
	w.settings.client_auth = TLS_CLIENT_AUTH_REQUEST;
	struct tls_server *changed = server_with(&w.settings, secret);
	for (int i = 0; i < 4; i++) {
		struct tls_client client;
		bool direct = i < 2;
		prepare_version(&client, versions[i % 2]);
		ck_assert(!resumes(&client, open, 1000000, NULL));
		/* who was never asked is asked once, and then may go on without */
		ck_assert(!resumes(&client, changed, 1000000, NULL));
		ck_assert(resumes(&client, changed, 1000000, NULL));
		SSL_CTX_use_certificate(client.context, phones[!direct].x);
		SSL_CTX_use_PrivateKey(client.context, phones[!direct].key);
		if (!direct)
			SSL_CTX_add1_chain_cert(client.context, middle.x);
		/* a ticket without a certificate is not enough */
		ck_assert(!resumes(&client, strict, 1000000, NULL));
		ck_assert(authenticated);
		/* the ticket holds the certificate but no intermediates */
		ck_assert_int_eq(resumes(&client, strict, 1000000, NULL), direct);
		ck_assert(authenticated);
		ck_assert_int_eq(resumes(&client, both, 1000000, NULL), direct);
		ck_assert(authenticated);
		/* a server that asks for none judges none, whatever the ticket holds */
		ck_assert(resumes(&client, open, 1000000, NULL));
		ck_assert(!authenticated);
		/* who issued it is trusted no more; without a certificate the client may go on */
		SSL_CTX *bare = SSL_CTX_new(TLS_client_method());
		SSL_CTX_set_max_proto_version(bare, versions[i % 2]);
		SSL_CTX_free(client.context);
		client.context = bare;
		ck_assert(!resumes(&client, changed, 1000000, NULL));
		ck_assert(!authenticated);
		tls_finish(&client);
	}
	identity_free(&middle);
	identity_free(&phones[0]);
	identity_free(&phones[1]);
	identity_free(&other);
	tls_server_release(open);
	tls_server_release(strict);
	tls_server_release(both);
	tls_server_release(changed);
	tls_world_forget(&w);
}
END_TEST

/* TLS-9325-3.10-1: tickets allow no early data, and a client that sends some all the same is not
 * heard */
START_TEST(early_data_is_off)
{
	struct tls_world w;
	struct tls_client client;
	size_t written;
	tls_world_prepare(&w);
	tls_world_open(&w);
	tls_server_ticket_secret(w.world.tls, secret);
	prepare_version(&client, TLS1_3_VERSION);
	tls_connect(&client, &w.world, NULL, NULL);
	tls_talk(&w.world, &client);
	ck_assert_ptr_nonnull(client.ticket);
	ck_assert_uint_eq(SSL_SESSION_get_max_early_data(client.ticket), 0);
	tls_disconnect(&client);
	ck_assert_uint_eq(stats_handshakes(stats, TLS_RESULT_RESUMED), 0);
	SSL_SESSION_set_max_early_data(client.ticket, 1000);
	SSL_SESSION *ticket = client.ticket;
	SSL_SESSION_up_ref(ticket);
	tls_connect(&client, &w.world, NULL, ticket);
	UNTIL(&w.world, SSL_write_early_data(client.ssl, "early\n", 6, &written) == 1);
	tls_talk(&w.world, &client);
	ck_assert_int_eq(SSL_get_early_data_status(client.ssl), SSL_EARLY_DATA_REJECTED);
	ck_assert_uint_eq(w.world.lines, 2); /* those of tls_talk() */
	ck_assert_uint_eq(stats_handshakes(stats, TLS_RESULT_RESUMED), 1);
	SSL_SESSION_free(ticket);
	tls_finish(&client);
	tls_world_close(&w);
}
END_TEST

SUITE(resumption, no_tickets_without_a_secret, tickets_are_good_on_every_node,
      a_new_secret_ends_old_tickets_at_once, tls13_resumes_with_a_key_exchange_only, keys_rotate,
      resumed_clients_are_verified_again, early_data_is_off)
