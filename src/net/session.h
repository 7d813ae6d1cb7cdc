/*
 * One TLS connection on the server's side: non-blocking steps over a descriptor. Failed steps leave
 * OpenSSL's error queue for session_failure(); every step begins with an empty one.
 */
#pragma once

#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/reason.h"
#include "base/str.h"
#include "base/writer.h"
#include "internal.h"
#include "net/tls.h"

/* Messages of TLS itself: a handshake has a few, and afterwards clients update a key after millions
 * of records (RFC 8446 §5.5), or never. */
#define SESSION_UPDATES_MAX 32u

/* NULL when memory is out. The server and *bounds must outlive it; free with SSL_free(). Adds to
 * the messages those of the handshake that the client sends, then its key updates and its
 * renegotiations, which are refused. Above SESSION_UPDATES_MAX it reads nothing more. */
SSL *session_open(struct tls_server *server, int fd, struct session_bounds *bounds);
/* real_s is the time by which tickets are judged. IO_DONE: the handshake is complete. Takes off the
 * socket what session_allow() says, as if that had been called. */
enum io_result session_handshake(SSL *ssl, int64_t real_s, bool *wants_write);
/* From now on takes off the socket whatever is there, several records at a time. */
void session_read_ahead(SSL *ssl);
/* True when it holds octets that it took off the socket but has not handed over. */
bool session_holds(SSL *ssl);
/* The calls of session_read() that follow take one buffer off the socket between them, and less
 * when it comes in crumbs; then they are IO_AGAIN, though epoll knows of more. */
void session_allow(SSL *ssl);
/* Octets that were taken off the socket so far, whatever became of them. */
uint64_t session_taken(SSL *ssl);
enum io_result session_read(SSL *ssl, char *octets, size_t cap, size_t *got, bool *wants_write);
/* Takes nothing off the socket, and nothing of what may be taken. */
enum io_result session_write(SSL *ssl, const char *octets, size_t len, size_t *sent,
			     bool *wants_read);
/* Says close_notify, once, if the handshake ever ended. */
void session_shut(SSL *ssl);
/* True when the client has sent anything at all. */
bool session_heard(SSL *ssl);
/* True when our side of the handshake was sent. */
bool session_answered(SSL *ssl);
/* True when the handshake was shortened by a ticket. */
bool session_resumed(SSL *ssl);
/* True when the client showed a certificate, now or in the session that this one resumes, and the
 * server's settings trust it. Of a handshake that is complete. */
bool session_authenticated(SSL *ssl);
/* Of a handshake that is complete; TLS_VERSION_NONE of one that is not. */
enum stats_tls_version session_version(SSL *ssl);
/* Why the last step was IO_BROKEN, in our word and in OpenSSL's. */
enum reason session_failure(SSL *ssl, struct writer *words);
