/*
 * An answer that is made while it is sent: chunk by chunk, so that a list of a million costs no
 * more than one page. libmicrohttpd asks for octets; when a chunk is used up, the connection is
 * suspended and next() asks the store; what comes is put, and the connection goes on. At no time is
 * there more than one chunk here and one page on its way.
 *
 * Neither PostgreSQL nor the client may take longer than admin.request_timeout for one chunk. When
 * one does, or a page fails, the connection is cut within the chunked coding, without its end: the
 * client knows then that it has not seen everything.
 */
#pragma once

#include "exchange.h"

/* Begins the answer 200 with a first chunk of malloc'd octets, which is taken over, and zeroed when
 * it is used up. last: there will be no other. False, and answered, when it cannot begin; the chunk
 * is freed then. */
bool stream_start(struct exchange *x, const char *type, char *chunk, size_t len, bool last,
		  void (*next)(struct exchange *x));
/* What next() asked for, some time after it; chunk as above, and it may be empty. */
void stream_put(struct exchange *x, char *chunk, size_t len, bool last);
/* Ends it so that the client notices. */
void stream_cut(struct exchange *x);
/* With the exchange. */
void stream_free(struct exchange *x);
