/* OpenSSL's calls on one connection, with their many outcomes brought down to four. */
#include "session.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "server.h"

/* A read of the socket costs as much as handling so many octets. */
#define READ_COST 128u

/* OpenSSL reads until it has plaintext, or a message of the handshake, to show for it. A peer
 * decides how much comes before that, key updates or renegotiations without end, or a message in
 * records of one octet; so the socket is said to be empty when one turn's share is used up. What is
 * left stays in the kernel, where epoll sees it. */
static long
bound_reads(BIO *bio, int operation, const char *octets, size_t len, int i, long l, int result,
	    size_t *got)
{
	struct session_bounds *bounds = (void *)BIO_get_callback_arg(bio);
	(void)octets;
	(void)len;
	(void)i;
	(void)l;
	if (operation == BIO_CB_READ && bounds->allowance == 0) {
		BIO_clear_retry_flags(bio);
		BIO_set_retry_read(bio);
		return -1;
	}
	if (operation == (BIO_CB_READ | BIO_CB_RETURN)) {
		size_t cost = result > 0 && *got > READ_COST ? *got : READ_COST;
		bounds->allowance -= cost < bounds->allowance ? cost : bounds->allowance;
	}
	return result;
}

/* A key update is 27 octets and a key to be derived, a ClientHello that is refused may be 4 and an
 * alert to be written; a buffer holds hundreds, which OpenSSL goes through in one call. So, once
 * there were too many, it is told that nothing follows. */
static void
count_message(int sent, int version, int type, const void *octets, size_t len, SSL *ssl, void *arg)
{
	struct session_bounds *bounds = arg;
	(void)version;
	(void)octets;
	(void)len;
	if (!sent && type == SSL3_RT_HANDSHAKE && ++bounds->messages > SESSION_UPDATES_MAX)
		SSL_set_shutdown(ssl, SSL_get_shutdown(ssl) | SSL_RECEIVED_SHUTDOWN);
}

SSL *
session_open(struct tls_server *server, int fd, struct session_bounds *bounds)
{
	ERR_clear_error();
	SSL *ssl = SSL_new(server_context(server));
	if (ssl == NULL)
		return NULL;
	if (SSL_set_fd(ssl, fd) != 1) {
		SSL_free(ssl);
		return NULL;
	}
	BIO_set_callback_ex(SSL_get_rbio(ssl), bound_reads);
	BIO_set_callback_arg(SSL_get_rbio(ssl), (char *)bounds);
	SSL_set_msg_callback(ssl, count_message);
	SSL_set_msg_callback_arg(ssl, bounds);
	SSL_set_accept_state(ssl);
	server_allow_tickets(server, ssl);
	return ssl;
}

static struct session_bounds *
bounds_of(SSL *ssl)
{
	return (void *)BIO_get_callback_arg(SSL_get_rbio(ssl));
}

/* result is what the call returned, when that was not success; other is SSL_ERROR_WANT_WRITE for a
 * call that reads, and the other way round. */
static enum io_result
outcome(SSL *ssl, int result, int other, bool *wants_other)
{
	int error = SSL_get_error(ssl, result);
	switch (error) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		*wants_other = error == other;
		return IO_AGAIN;
	case SSL_ERROR_ZERO_RETURN:
		return IO_END;
	default:
		return IO_BROKEN;
	}
}

/* A peer that goes away in mid-handshake leaves nothing in the error queue. */
enum io_result
session_handshake(SSL *ssl, int64_t real_s, bool *wants_write)
{
	ERR_clear_error();
	server_set_time(ssl, real_s);
	bounds_of(ssl)->allowance = SCRATCH_BYTES;
	int result = SSL_do_handshake(ssl);
	if (result == 1)
		return IO_DONE;
	enum io_result io = outcome(ssl, result, SSL_ERROR_WANT_WRITE, wants_write);
	return io == IO_BROKEN && ERR_peek_error() == 0 ? IO_END : io;
}

void
session_read_ahead(SSL *ssl)
{
	SSL_set_read_ahead(ssl, 1);
}

bool
session_holds(SSL *ssl)
{
	return SSL_has_pending(ssl) == 1;
}

void
session_allow(SSL *ssl)
{
	bounds_of(ssl)->allowance = SCRATCH_BYTES;
}

uint64_t
session_taken(SSL *ssl)
{
	return BIO_number_read(SSL_get_rbio(ssl));
}

enum io_result
session_read(SSL *ssl, char *octets, size_t cap, size_t *got, bool *wants_write)
{
	ERR_clear_error();
	int result = SSL_read_ex(ssl, octets, cap, got);
	return result == 1 ? IO_DONE : outcome(ssl, result, SSL_ERROR_WANT_WRITE, wants_write);
}

enum io_result
session_write(SSL *ssl, const char *octets, size_t len, size_t *sent, bool *wants_read)
{
	ERR_clear_error();
	struct session_bounds *bounds = bounds_of(ssl);
	size_t allowed = bounds->allowance;
	bounds->allowance = 0; /* in the middle of a key update it reads, too */
	int result = SSL_write_ex(ssl, octets, len, sent);
	bounds->allowance = allowed;
	return result == 1 ? IO_DONE : outcome(ssl, result, SSL_ERROR_WANT_READ, wants_read);
}

void
session_shut(SSL *ssl)
{
	if (!SSL_is_init_finished(ssl) || SSL_get_shutdown(ssl) & SSL_SENT_SHUTDOWN)
		return;
	ERR_clear_error();
	SSL_shutdown(ssl);
}

bool
session_heard(SSL *ssl)
{
	return session_taken(ssl) > 0;
}

bool
session_answered(SSL *ssl)
{
	return BIO_number_written(SSL_get_wbio(ssl)) > 0;
}

bool
session_resumed(SSL *ssl)
{
	return SSL_session_reused(ssl) == 1;
}

bool
session_authenticated(SSL *ssl)
{
	return server_asks_clients(ssl) && SSL_get0_peer_certificate(ssl) != NULL &&
	       SSL_get_verify_result(ssl) == X509_V_OK;
}

enum stats_tls_version
session_version(SSL *ssl)
{
	if (ssl == NULL || !SSL_is_init_finished(ssl))
		return TLS_VERSION_NONE;
	return SSL_version(ssl) == TLS1_2_VERSION ? TLS_VERSION_1_2 : TLS_VERSION_1_3;
}

enum reason
session_failure(SSL *ssl, struct writer *words)
{
	unsigned long error = ERR_peek_last_error();
	const char *text = ERR_reason_error_string(error);
	writer_text_z(words, text != NULL ? text : "connection lost");
	if (SSL_get_verify_result(ssl) != X509_V_OK) {
		writer_text_z(words, ": ");
		writer_text_z(words, X509_verify_cert_error_string(SSL_get_verify_result(ssl)));
	}
	switch (ERR_GET_REASON(error)) {
	case SSL_R_NO_SHARED_CIPHER:
	case SSL_R_UNSUPPORTED_PROTOCOL:
	case SSL_R_NO_SUITABLE_KEY_SHARE:
	case SSL_R_NO_SHARED_GROUPS:
		return REASON_TLS_NO_SHARED_CIPHER;
	case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
	case SSL_R_CERTIFICATE_VERIFY_FAILED:
		return REASON_TLS_BAD_CLIENT_CERTIFICATE;
	default:
		return REASON_TLS_HANDSHAKE_FAILED;
	}
}
