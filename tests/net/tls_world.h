/* A world with a TLS listener, and TLS clients of it. */
#pragma once

#include <openssl/ssl.h>

#include "pki.h"
#include "world.h"

/* A TLS client beside the plain one of world.h, whose buffer it fills. */
struct tls_client {
	struct client raw;
	SSL_CTX *context;
	SSL *ssl;
	SSL_SESSION *ticket; /* the newest the server gave */
	bool failed;
	int alert; /* that the server sent, or 0 */
};

static inline void
note_alert(const SSL *ssl, int where, int value)
{
	struct tls_client *client = SSL_get_app_data(ssl);
	if ((where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT && value >> 8 == SSL3_AL_FATAL)
		client->alert = value & 0xff;
}

static inline int
keep_ticket(SSL *ssl, SSL_SESSION *session)
{
	struct tls_client *client = SSL_get_app_data(ssl);
	SSL_SESSION_free(client->ticket);
	client->ticket = session;
	return 1;
}

/* A client that takes anything; what it offers may be narrowed before it starts. */
static inline void
tls_prepare(struct tls_client *client)
{
	*client = (struct tls_client){ .raw.fd = -1, .context = SSL_CTX_new(TLS_client_method()) };
	SSL_CTX_set_security_level(client->context, 0);
	SSL_CTX_set_session_cache_mode(client->context,
				       SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
	SSL_CTX_sess_set_new_cb(client->context, keep_ticket);
}

/* Connects; the server name and a ticket of an earlier connection may be NULL. */
static inline void
tls_connect(struct tls_client *client, const struct world *world, const char *server_name,
	    SSL_SESSION *ticket)
{
	client_open(&client->raw, world);
	client->ssl = SSL_new(client->context);
	SSL_set_connect_state(client->ssl);
	SSL_set_app_data(client->ssl, client);
	SSL_set_info_callback(client->ssl, note_alert);
	SSL_set_fd(client->ssl, client->raw.fd);
	if (server_name != NULL)
		SSL_set_tlsext_host_name(client->ssl, server_name);
	if (ticket != NULL)
		SSL_set_session(client->ssl, ticket);
}

static inline bool
again(const struct tls_client *client, int result)
{
	int error = SSL_get_error(client->ssl, result);
	return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
}

/* True when it is over, one way or the other. */
static inline bool
tls_shake(struct tls_client *client)
{
	ERR_clear_error();
	int result = SSL_do_handshake(client->ssl);
	client->failed = result != 1 && !again(client, result);
	return result == 1 || client->failed;
}

/* In TLS 1.3 the server's verdict on a client comes after the client's handshake is over. */
static inline size_t
tls_read(struct tls_client *client)
{
	char buf[16384];
	ERR_clear_error();
	int count = SSL_read(client->ssl, buf, sizeof(buf));
	if (count > 0)
		client_keep(&client->raw, buf, (size_t)count);
	else if (SSL_get_error(client->ssl, count) == SSL_ERROR_ZERO_RETURN)
		client->raw.ended = true;
	else
		client->failed = client->failed || !again(client, count);
	return client->raw.len;
}

static inline bool
tls_over(struct tls_client *client)
{
	tls_read(client);
	return client->failed || client->raw.ended;
}

static inline void
tls_disconnect(struct tls_client *client)
{
	if (client->ssl != NULL && !client->failed)
		SSL_shutdown(client->ssl); /* or OpenSSL forgets the ticket */
	SSL_free(client->ssl);
	client->ssl = NULL;
	client_close(&client->raw);
}

static inline void
tls_finish(struct tls_client *client)
{
	tls_disconnect(client);
	SSL_SESSION_free(client->ticket);
	SSL_CTX_free(client->context);
}

/* A line there and back, which also brings the tickets of TLS 1.3. */
static inline void
tls_talk(struct world *world, struct tls_client *client)
{
	UNTIL(world, tls_shake(client));
	ck_assert_msg(!client->failed, "%s", ERR_reason_error_string(ERR_peek_last_error()));
	client->raw.len = 0;
	ck_assert_int_eq(SSL_write(client->ssl, "hello\n", 6), 6);
	UNTIL(world, tls_read(client) >= 9 || client->failed);
	ck_assert_str_eq(client->raw.got, "re:hello\n");
}

static inline uint64_t
handshakes_done(void)
{
	return stats_handshakes(stats, TLS_RESULT_FULL) +
	       stats_handshakes(stats, TLS_RESULT_RESUMED);
}

/* Connects with what is prepared and expects to be refused, by this alert if not 0. */
static inline void
tls_refused(struct world *world, struct tls_client *client, const char *server_name, int alert)
{
	uint64_t failures = stats_handshakes(stats, TLS_RESULT_FAILED);
	tls_connect(client, world, server_name, NULL);
	UNTIL(world, tls_shake(client));
	UNTIL(world, client->failed || tls_over(client));
	ck_assert(client->failed);
	if (alert != 0)
		ck_assert_int_eq(client->alert, alert);
	UNTIL(world, stats_handshakes(stats, TLS_RESULT_FAILED) == failures + 1);
	ck_assert_uint_eq(world->lines, 0);
	tls_finish(client);
	UNTIL(world, net_connections(world->net) == 0);
}

static inline const char *
shown_name(const struct tls_client *client)
{
	X509 *x = SSL_get0_peer_certificate(client->ssl);
	static char name[128]; /* one test, one process */
	X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName, name, sizeof(name));
	return name;
}

/* The server side of most tests: two certificates, EC and RSA. */
struct tls_world {
	struct world world;
	struct pki pki;
	struct identity root, ec, rsa;
	struct tls_certificate_settings certificates[2];
	struct tls_settings settings;
};

static inline void
tls_world_prepare(struct tls_world *w)
{
	struct pki *pki = &w->pki;
	pki_open(pki);
	w->root = pki_issue(pki, (struct wish){ .name = "Root", .ca = true });
	w->ec = pki_issue(pki, (struct wish){ .name = "ec",
					      .names = "URI:sip:example.com,DNS:reg.example.com",
					      .issuer = &w->root });
	w->rsa = pki_issue(pki, (struct wish){ .name = "rsa",
					       .names = "DNS:other.example,DNS:*.wild.example",
					       .issuer = &w->root,
					       .rsa_bits = 2048 });
	w->certificates[0] =
		(struct tls_certificate_settings){ "main", PKI_CHAIN(pki, w->ec.x, w->root.x),
						   pki_key(pki, w->ec.key) };
	w->certificates[1] =
		(struct tls_certificate_settings){ "second", PKI_CHAIN(pki, w->rsa.x, w->root.x),
						   pki_key(pki, w->rsa.key) };
	w->settings = usual_tls(w->certificates, 2);
}

static inline void
tls_world_open(struct tls_world *w)
{
	world_open(&w->world, usual_settings(), TRANSPORT_TLS, "127.0.0.1",
		   tls_opened(&w->settings));
}

static inline void
tls_world_forget(struct tls_world *w)
{
	identity_free(&w->root);
	identity_free(&w->ec);
	identity_free(&w->rsa);
	pki_close(&w->pki);
}

static inline void
tls_world_close(struct tls_world *w)
{
	world_close(&w->world);
	tls_world_forget(w);
}
