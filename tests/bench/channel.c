/* Over loopback a message of a few hundred octets goes out whole or not at all, so plain TCP treats
 * a part as a failure. */
#include "channel.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <sys/socket.h>
#include <unistd.h>

/* SSL_VERIFY_NONE alone would verify and then not mind. */
static int
any_is_good(X509_STORE_CTX *store, void *argument)
{
	(void)store, (void)argument;
	return 1;
}

SSL_CTX *
channel_context(const char *ca)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	if (context == NULL || SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) != 1)
		return NULL;
	/* One read for a whole record, buffers only while there is something in them. */
	SSL_CTX_set_read_ahead(context, 1);
	SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_verify(context, ca != NULL ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
	if (ca == NULL)
		SSL_CTX_set_cert_verify_callback(context, any_is_good, NULL);
	else if (SSL_CTX_load_verify_file(context, ca) != 1)
		return NULL;
	return context;
}

void
channel_close(struct channel *channel)
{
	channel_forget_tls(channel);
	if (channel->state != CHANNEL_CLOSED)
		close(channel->fd);
	channel->state = CHANNEL_CLOSED;
}

void
channel_end(struct channel *channel)
{
	if (channel->state == CHANNEL_OPEN && channel->ssl != NULL)
		SSL_shutdown(channel->ssl);
	channel_close(channel);
}

void
channel_forget_tls(struct channel *channel)
{
	SSL_free(channel->ssl); /* the BIO of SSL_set_fd leaves the descriptor open */
	channel->ssl = NULL;
}

static bool
begin_tls(struct channel *channel, SSL_CTX *context, const char *server_name)
{
	channel->ssl = SSL_new(context);
	if (channel->ssl == NULL || SSL_set_fd(channel->ssl, channel->fd) != 1 ||
	    SSL_set_tlsext_host_name(channel->ssl, server_name) != 1 ||
	    SSL_set1_host(channel->ssl, server_name) != 1)
		return false;
	SSL_set_connect_state(channel->ssl);
	return true;
}

bool
channel_connect(struct channel *channel, const struct sockaddr_in *from,
		const struct sockaddr_in *to, SSL_CTX *context, const char *server_name)
{
	int yes = 1;
	*channel = (struct channel){ .fd = socket(AF_INET,
						  SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0) };
	if (channel->fd < 0)
		return false;
	channel->state = CHANNEL_CONNECTING;
	/* The port is chosen with the other end in view: 28,000 from each address, not from all. */
	setsockopt(channel->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof(yes));
	setsockopt(channel->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	if (bind(channel->fd, (const struct sockaddr *)from, sizeof(*from)) == 0 &&
	    (connect(channel->fd, (const struct sockaddr *)to, sizeof(*to)) == 0 ||
	     errno == EINPROGRESS) &&
	    (context == NULL || begin_tls(channel, context, server_name)))
		return true;
	channel_close(channel);
	return false;
}

/* What libssl says of a call that did not get through: false (closed) when it never will. */
static bool
only_waits(struct channel *channel, int result)
{
	int error = SSL_get_error(channel->ssl, result);
	if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
		return true;
	ERR_clear_error();
	channel_close(channel);
	return false;
}

bool
channel_advance(struct channel *channel)
{
	if (channel->state == CHANNEL_CONNECTING) {
		int error = 0;
		socklen_t len = sizeof(error);
		getsockopt(channel->fd, SOL_SOCKET, SO_ERROR, &error, &len);
		if (error != 0) {
			channel_close(channel);
			return false;
		}
		channel->state = channel->ssl != NULL ? CHANNEL_HANDSHAKING : CHANNEL_OPEN;
	}
	if (channel->state == CHANNEL_HANDSHAKING) {
		int result = SSL_do_handshake(channel->ssl);
		if (result == 1)
			channel->state = CHANNEL_OPEN;
		else
			return only_waits(channel, result);
	}
	return true;
}

ssize_t
channel_read(struct channel *channel, char *octets, size_t cap)
{
	size_t len = 0;
	if (channel->ssl != NULL) {
		if (SSL_read_ex(channel->ssl, octets, cap, &len) == 1)
			return (ssize_t)len;
		return only_waits(channel, 0) ? 0 : -1;
	}
	ssize_t got = recv(channel->fd, octets, cap, 0);
	if (got > 0)
		return got;
	if (got < 0 && errno == EAGAIN)
		return 0;
	channel_close(channel);
	return -1;
}

bool
channel_wants_room(const struct channel *channel)
{
	return channel->ssl != NULL && SSL_want_write(channel->ssl);
}

bool
channel_holds_more(const struct channel *channel)
{
	return channel->ssl != NULL && SSL_has_pending(channel->ssl) == 1;
}

int
channel_write(struct channel *channel, const char *octets, size_t len)
{
	size_t sent = 0;
	if (channel->ssl != NULL) {
		if (SSL_write_ex(channel->ssl, octets, len, &sent) == 1)
			return 1;
		return only_waits(channel, 0) ? 0 : -1;
	}
	ssize_t put = send(channel->fd, octets, len, MSG_NOSIGNAL);
	if (put == (ssize_t)len)
		return 1;
	if (put < 0 && errno == EAGAIN)
		return 0;
	channel_close(channel);
	return -1;
}
