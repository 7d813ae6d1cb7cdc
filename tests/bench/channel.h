/* One connection of a phone: TCP, or TLS 1.3 over it. Nothing blocks. */
#pragma once

#include <netinet/in.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>

enum channel_state { CHANNEL_CLOSED, CHANNEL_CONNECTING, CHANNEL_HANDSHAKING, CHANNEL_OPEN };

struct channel {
	enum channel_state state;
	int fd;
	SSL *ssl; /* NULL: plain TCP, or forgotten */
};

/* What all channels of a run have in common; NULL when libssl refuses. ca: a PEM file that the
 * server's certificate for server_name must lead to; NULL: whatever it shows is good. */
SSL_CTX *channel_context(const char *ca);

/* False (closed) when it cannot even begin. from: the address it comes from. */
bool channel_connect(struct channel *channel, const struct sockaddr_in *from,
		     const struct sockaddr_in *to, SSL_CTX *context, const char *server_name);
/* Goes on with connecting and the handshake; false (closed) when that fails. */
bool channel_advance(struct channel *channel);

/* Octets, 0 when there is nothing now, -1 (closed) when the other side ended it. */
ssize_t channel_read(struct channel *channel, char *octets, size_t cap);
/* The handshake needs room to write rather than something to read. */
bool channel_wants_room(const struct channel *channel);
/* There is more that only channel_read knows of, not the kernel. */
bool channel_holds_more(const struct channel *channel);
/* All or nothing goes out: 1, 0 when it does not fit now (then the same again), -1 (closed). */
int channel_write(struct channel *channel, const char *octets, size_t len);

/* Lets go of what TLS needs: the connection stays, the server cannot tell, nobody can talk. */
void channel_forget_tls(struct channel *channel);
void channel_close(struct channel *channel);
/* Closes; over TLS the other end is told first. */
void channel_end(struct channel *channel);
