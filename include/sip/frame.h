/* Where one message of a stream ends: RFC 3261 §18.3, §7.5, RFC 5626 §5.4. Stateless: call again
 * with more octets. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"
#include "sip/message.h"

enum sip_frame_status {
	SIP_FRAME_MORE,	     /* nothing complete yet */
	SIP_FRAME_SKIP,	     /* take used octets: CRLFs before a start line that ask for nothing */
	SIP_FRAME_PING,	     /* take used octets: a double CRLF, answer one CRLF */
	SIP_FRAME_MESSAGE,   /* take used octets: one whole message */
	SIP_FRAME_BROKEN,    /* header section complete, its length unusable or over a limit: parse
				used octets, answer, close */
	SIP_FRAME_TOO_LARGE, /* header section over the limit: parse used octets if a Via is
				readable, answer 513, close */
	SIP_FRAME_GARBAGE,   /* cannot become a request: close */
};

struct sip_frame {
	enum sip_frame_status status;
	size_t used;
	/* SIP_FRAME_MORE with the header section complete: octets the whole message will have; else
	 * 0. */
	size_t expected;
	bool started; /* a message has begun: more than half a ping is there */
};

/* Never reads beyond octets; the body itself is never searched. A single CR at the end is
 * SIP_FRAME_MORE, and so is a single CRLF, which may be half a ping. */
struct sip_frame sip_frame(struct str octets, const struct sip_limits *limits);
