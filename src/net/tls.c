/*
 * The TLS server: one OpenSSL context a certificate, all configured alike, because SNI switches the
 * context but only part of what hangs on it. What is negotiated follows RFC 9325; deviations for
 * old phones are settings, never defaults.
 */
#include "net/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "certificate.h"
#include "server.h"
#include "tickets.h"

#define SECURITY_LEVEL 2 /* 112 bits: no RSA below 2048, no SHA-1 */
#define VERIFY_DEPTH 8
/* The one that everybody has first (RFC 8446 §9.1): much of a handshake is the hash of its suite,
 * and processors know SHA-256 but not SHA-384. X25519 comes before P-256 because it costs less,
 * too. */
#define TLS13_SUITES "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"

struct tls_server {
	unsigned references;
	struct certificate *certificates;
	SSL_CTX **contexts; /* one each; a handshake starts with the first */
	size_t count;
	bool sni_strict;
	enum tls_client_auth client_auth;
	struct tickets tickets;
	int64_t now_s;
};

SSL_CTX *
server_context(const struct tls_server *server)
{
	return server->contexts[0];
}

static struct tls_server *
server_of(SSL *ssl)
{
	return SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
}

void
server_set_time(SSL *ssl, int64_t real_s)
{
	server_of(ssl)->now_s = real_s;
}

bool
server_asks_clients(SSL *ssl)
{
	return server_of(ssl)->client_auth != TLS_CLIENT_AUTH_OFF;
}

void
server_allow_tickets(const struct tls_server *server, SSL *ssl)
{
	bool allowed = server->tickets.enabled && server->tickets.has_secret;
	SSL_set_num_tickets(ssl, allowed ? 1 : 0);
	if (!allowed)
		SSL_set_options(ssl, SSL_OP_NO_TICKET);
}

/* Exact names of any certificate come before wildcards of any (D-40 when there is neither). */
static int
choose_certificate(SSL *ssl, int *alert, void *arg)
{
	struct tls_server *server = arg;
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	if (name == NULL)
		return SSL_TLSEXT_ERR_NOACK;
	for (int wildcard = 0; wildcard <= 1; wildcard++)
		for (size_t i = 0; i < server->count; i++)
			if (certificate_names_host(&server->certificates[i], str_of(name),
						   wildcard != 0)) {
				SSL_set_SSL_CTX(ssl, server->contexts[i]);
				return SSL_TLSEXT_ERR_OK;
			}
	if (!server->sni_strict)
		return SSL_TLSEXT_ERR_NOACK;
	*alert = SSL_AD_UNRECOGNIZED_NAME;
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* Asked only when the client offers ALPN (D-39). */
static int
choose_protocol(SSL *ssl, const unsigned char **chosen, unsigned char *chosen_len,
		const unsigned char *offered, unsigned offered_len, void *arg)
{
	static const unsigned char sip2[] = "\5sip/2";
	unsigned char *out;
	(void)ssl;
	(void)arg;
	if (SSL_select_next_proto(&out, chosen_len, sip2, sizeof(sip2) - 1, offered, offered_len) !=
	    OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*chosen = out;
	return SSL_TLSEXT_ERR_OK;
}

/* OpenSSL's numbers: -1 error, 0 no key, 1 good, 2 good and to be renewed. In TLS 1.3 clients use a
 * ticket once (RFC 8446 §C.4), so that each needs a successor. */
static int
ticket_key(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
	   EVP_MAC_CTX *mac, int sealing)
{
	struct tls_server *server = server_of(ssl);
	if (!server->tickets.has_secret)
		return 0;
	if (sealing)
		return tickets_seal(&server->tickets, server->now_s, name, iv, cipher, mac) ? 1
											    : -1;
	switch (tickets_unseal(&server->tickets, server->now_s, name, iv, cipher, mac)) {
	case TICKETS_GOOD:
		return SSL_version(ssl) >= TLS1_3_VERSION ? 2 : 1;
	case TICKETS_RENEW:
		return 2;
	case TICKETS_UNKNOWN:
		return 0;
	default:
		return -1;
	}
}

/* Into the ticket: whether the client was asked for a certificate. Who was not is asked as soon as
 * client_auth says so, and not when his last ticket is over, which he renews for ever. */
static int
ticket_made(SSL *ssl, void *arg)
{
	char asked = server_asks_clients(ssl);
	(void)arg;
	return SSL_SESSION_set1_ticket_appdata(SSL_get_session(ssl), &asked, sizeof(asked));
}

static bool
was_asked(SSL_SESSION *session)
{
	void *asked;
	size_t len;
	return SSL_SESSION_get0_ticket_appdata(session, &asked, &len) == 1 && len == 1 &&
	       *(const char *)asked != 0;
}

/* A resumed handshake shows no certificate; the one in the ticket is judged as of now. The ticket
 * holds no intermediates, so a chain that needs one comes out as a full handshake. */
static bool
still_trusted(SSL *ssl, SSL_SESSION *session)
{
	const struct tls_server *server = server_of(ssl);
	X509 *client = SSL_SESSION_get0_peer(session);
	if (server->client_auth == TLS_CLIENT_AUTH_OFF)
		return true;
	if (client == NULL)
		return server->client_auth != TLS_CLIENT_AUTH_REQUIRE && was_asked(session);
	X509_STORE_CTX *check = X509_STORE_CTX_new();
	bool trusted = false;
	if (check != NULL &&
	    X509_STORE_CTX_init(check, SSL_CTX_get_cert_store(server_context(server)), client,
				NULL) == 1 &&
	    X509_STORE_CTX_set_default(check, "ssl_client") == 1) {
		X509_VERIFY_PARAM_set_auth_level(X509_STORE_CTX_get0_param(check), SECURITY_LEVEL);
		trusted = X509_verify_cert(check) == 1;
	}
	X509_STORE_CTX_free(check);
	ERR_clear_error();
	return trusted;
}

static SSL_TICKET_RETURN
ticket_opened(SSL *ssl, SSL_SESSION *session, const unsigned char *name, size_t name_len,
	      SSL_TICKET_STATUS status, void *arg)
{
	(void)name;
	(void)name_len;
	(void)arg;
	if (status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW)
		return SSL_TICKET_RETURN_IGNORE_RENEW;
	if (!still_trusted(ssl, session))
		return SSL_TICKET_RETURN_IGNORE_RENEW;
	return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW;
}

/* RFC 9325 §3.1.1 (versions), §3.3 (no compression), §3.5 (no renegotiation), §3.10 (no early
 * data), §4.2 (server preference). */
static void
set_behaviour(SSL_CTX *context, const struct tls_settings *settings)
{
	SSL_CTX_set_min_proto_version(context,
				      settings->min_tls13 ? TLS1_3_VERSION : TLS1_2_VERSION);
	SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION);
	SSL_CTX_set_security_level(context, SECURITY_LEVEL);
	SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
					     SSL_OP_CIPHER_SERVER_PREFERENCE |
					     SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_clear_options(context, SSL_OP_ALLOW_NO_DHE_KEX | SSL_OP_LEGACY_SERVER_CONNECT);
	SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
					  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_max_early_data(context, 0);
}

static void
set_sessions(SSL_CTX *context, struct tls_server *server)
{
	static const unsigned char id[] = "rollcall";
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_session_id_context(context, id, sizeof(id) - 1);
	SSL_CTX_set_timeout(context, server->tickets.rotation_s / 2);
	SSL_CTX_set_tlsext_ticket_key_evp_cb(context, ticket_key);
	SSL_CTX_set_session_ticket_cb(context, ticket_made, ticket_opened, NULL);
}

static bool
set_ciphers(SSL_CTX *context, const struct tls_settings *settings, struct complaint *complaint)
{
	if (SSL_CTX_set_cipher_list(context, settings->ciphers) != 1)
		return certificate_complain(complaint,
					    "tls.ciphers \"%s\" names no cipher suite of TLS 1.2",
					    settings->ciphers);
	if (SSL_CTX_set_ciphersuites(context, TLS13_SUITES) != 1)
		return certificate_complain(complaint, "OpenSSL knows no cipher suite of TLS 1.3");
	return SSL_CTX_set1_groups_list(context, "X25519:P-256") == 1 ||
	       certificate_complain(complaint, "OpenSSL knows neither X25519 nor P-256");
}

static bool
set_client_auth(SSL_CTX *context, const struct tls_settings *settings, struct complaint *complaint)
{
	int mode = SSL_VERIFY_PEER;
	if (settings->client_auth == TLS_CLIENT_AUTH_OFF)
		return true;
	if (settings->client_auth == TLS_CLIENT_AUTH_REQUIRE)
		mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
	if (settings->client_ca == NULL || settings->client_ca[0] == '\0')
		return certificate_complain(complaint,
					    "tls.client_auth needs tls.client_ca, a file with the "
					    "CAs of the clients");
	FILE *file = open_for_tls(settings->client_ca, complaint);
	if (file == NULL)
		return false;
	fclose(file);
	STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(settings->client_ca);
	if (names == NULL || SSL_CTX_load_verify_file(context, settings->client_ca) != 1) {
		sk_X509_NAME_pop_free(names, X509_NAME_free);
		return certificate_complain(complaint, "%s: holds no certificate in PEM form",
					    settings->client_ca);
	}
	SSL_CTX_set_client_CA_list(context, names);
	SSL_CTX_set_verify(context, mode, NULL);
	SSL_CTX_set_verify_depth(context, VERIFY_DEPTH);
	return true;
}

static SSL_CTX *
open_context(struct tls_server *server, const struct tls_settings *settings,
	     const struct certificate *certificate, struct complaint *complaint)
{
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());
	if (context == NULL) {
		certificate_complain(complaint, "out of memory");
		return NULL;
	}
	SSL_CTX_set_app_data(context, server);
	set_behaviour(context, settings);
	set_sessions(context, server);
	SSL_CTX_set_tlsext_servername_callback(context, choose_certificate);
	SSL_CTX_set_tlsext_servername_arg(context, server);
	SSL_CTX_set_alpn_select_cb(context, choose_protocol, NULL);
	if (!set_ciphers(context, settings, complaint) ||
	    !set_client_auth(context, settings, complaint))
		goto fail;
	if (SSL_CTX_use_cert_and_key(context, certificate->leaf, certificate->key,
				     certificate->chain, 1) != 1) {
		certificate_complain(complaint, "certificate %s: %s", certificate->section,
				     ERR_reason_error_string(ERR_peek_last_error()));
		goto fail;
	}
	return context;
fail:
	ERR_clear_error();
	SSL_CTX_free(context);
	return NULL;
}

static const struct certificate *
find_section(const struct tls_server *server, const char *section)
{
	for (size_t i = 0; server != NULL && i < server->count; i++)
		if (strcmp(server->certificates[i].section, section) == 0)
			return &server->certificates[i];
	return NULL;
}

/* What is wrong with one must not keep the others from being renewed. Only the first fault is told.
 */
static bool
read_certificate(struct tls_server *server, size_t i, const struct tls_settings *settings,
		 struct complaint *fault)
{
	struct certificate *certificate = &server->certificates[i];
	char text[512];
	struct complaint complaint = { text, sizeof(text) };
	if (certificate_read(certificate, &settings->certificates[i], settings->any_date,
			     server->now_s, &complaint))
		return true;
	const struct certificate *before =
		find_section(settings->previous, settings->certificates[i].name);
	if (before == NULL)
		return certificate_complain(fault, "%s", text);
	if (fault->text[0] == '\0')
		certificate_complain(fault, "%s", text);
	certificate_clear(certificate);
	return certificate_copy(certificate, before) ||
	       certificate_complain(fault, "out of memory");
}

/* TLS-5922-6-1: SIPS clients refuse a certificate that does not name their domain. */
static void
warn_of_domains(const struct tls_server *server, const struct tls_settings *settings,
		void (*warn)(const char *, void *), void *arg)
{
	char names_buf[512], sentence[1024];
	struct writer names = writer_on(names_buf, sizeof(names_buf));
	certificate_write_identities(&server->certificates[0], &names);
	for (size_t d = 0; d < settings->domain_count; d++) {
		bool covered = false;
		for (size_t i = 0; i < server->count && !covered; i++)
			covered = certificate_identifies(&server->certificates[i],
							 str_of(settings->domains[d]));
		if (covered)
			continue;
		snprintf(sentence, sizeof(sentence),
			 "certificate %s covers %.*s but not served domain %s; SIPS clients there "
			 "will refuse it",
			 server->certificates[0].section, STR_ARG(writer_text(&names)),
			 settings->domains[d]);
		warn(sentence, arg);
	}
}

struct tls_server *
tls_server_open(const struct tls_settings *settings, char *error, size_t error_cap,
		void (*warn)(const char *, void *), void *arg)
{
	struct complaint complaint = { error, error_cap };
	struct tls_server *server = calloc(1, sizeof(*server));
	size_t count = settings->certificate_count;
	certificate_complain(&complaint, "out of memory");
	if (server == NULL)
		return NULL;
	server->references = 1;
	server->now_s = clock_real_ms() / 1000;
	server->sni_strict = settings->sni_strict;
	server->client_auth = settings->client_auth;
	server->tickets.enabled = settings->tickets;
	server->tickets.rotation_s = settings->ticket_rotation_s;
	server->certificates = calloc(count + 1, sizeof(*server->certificates));
	server->contexts = calloc(count + 1, sizeof(*server->contexts));
	if (server->certificates == NULL || server->contexts == NULL)
		goto fail;
	if (count == 0) {
		certificate_complain(&complaint,
				     "a tls listener needs a certificate section with chain and "
				     "key");
		goto fail;
	}
	error[0] = '\0';
	for (size_t i = 0; i < count; i++) {
		server->count = i + 1;
		if (!read_certificate(server, i, settings, &complaint))
			goto fail;
		if (server->certificates[i].key == NULL)
			continue;
		server->contexts[i] =
			open_context(server, settings, &server->certificates[i], &complaint);
		if (server->contexts[i] == NULL)
			goto fail;
	}
	if (warn != NULL)
		warn_of_domains(server, settings, warn, arg);
	return server;
fail:
	tls_server_release(server);
	return NULL;
}

struct tls_server *
tls_server_retain(struct tls_server *server)
{
	server->references++;
	return server;
}

void
tls_server_release(struct tls_server *server)
{
	if (server == NULL || --server->references > 0)
		return;
	for (size_t i = 0; i < server->count; i++) {
		SSL_CTX_free(server->contexts[i]);
		certificate_clear(&server->certificates[i]);
	}
	free(server->contexts);
	free(server->certificates);
	OPENSSL_cleanse(&server->tickets, sizeof(server->tickets));
	free(server);
}

void
tls_server_forget_keys(struct tls_server *server)
{
	for (size_t i = 0; i < server->count; i++) {
		SSL_CTX_free(server->contexts[i]);
		EVP_PKEY_free(server->certificates[i].key);
		server->contexts[i] = NULL;
		server->certificates[i].key = NULL;
	}
}

void
tls_server_ticket_secret(struct tls_server *server, const uint8_t secret[static 32])
{
	tickets_take_secret(&server->tickets, secret);
}

size_t
tls_server_certificates(const struct tls_server *server, struct tls_certificate_info *info,
			size_t capacity)
{
	for (size_t i = 0; i < server->count && i < capacity; i++)
		certificate_describe(&server->certificates[i], &info[i]);
	return server->count;
}

const char *
tls_server_certificate_name(const struct tls_server *server, size_t certificate, size_t n)
{
	return certificate_name_shown(&server->certificates[certificate], n);
}
