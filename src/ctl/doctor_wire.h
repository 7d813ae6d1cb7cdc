/* One SIP request and its answer over UDP, TCP or TLS, waiting for it. */
#pragma once

#include <curl/curl.h>

#include "base/ip.h"
#include "base/stats.h"

#define WIRE_BYTES 8192u

struct wire {
	enum transport transport;
	CURL *curl; /* of a stream; NULL for UDP */
	int fd;
	struct endpoint local;
	char answer[WIRE_BYTES]; /* the last one, NUL-terminated */
};

/* False with *why set (static). Certificates are not checked: the name that phones use is unknown
 * here. */
bool wire_open(struct wire *wire, enum transport transport, const struct endpoint *to,
	       const char **why);
void wire_close(struct wire *wire);
/* Whether this host can reach itself at [::1]. */
bool wire_ipv6_here(void);
/* The status of the final answer with this CSeq number, 0 without any in time. UDP is repeated as
 * RFC 3261 §17.1.2.2 says. */
int wire_exchange(struct wire *wire, const char *request, size_t len, unsigned cseq);
