/* What a session needs of the TLS server that it belongs to. */
#pragma once

#include <openssl/types.h>
#include <stdbool.h>
#include <stdint.h>

#include "net/tls.h"

/* The context that a handshake starts with; SNI may switch it. */
SSL_CTX *server_context(const struct tls_server *server);
/* False while tls.client_auth is off: then what a resumed session knows of its client was judged by
 * other settings, and is worth nothing. */
bool server_asks_clients(SSL *ssl);
/* One ticket, or none as long as the server has no secret. */
void server_allow_tickets(const struct tls_server *server, SSL *ssl);
/* Real time for the steps that follow. */
void server_set_time(SSL *ssl, int64_t real_s);
