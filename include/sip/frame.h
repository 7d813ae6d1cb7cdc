/* Where one message of a stream ends: RFC 3261 §18.3, §7.5, RFC 5626 §5.4. Stateless: call again
 * with more octets, and with what the last call found out about those that were there. */
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

/* What is known of octets at the front of a stream; all zero: nothing. It spares work, and changes
 * no frame: who sends a header section octet by octet must not have each of them looked at again
 * with every one that follows. */
struct sip_frame_known {
	size_t searched; /* the empty line does not begin in so many octets */
	bool judged;	 /* the first line has ended, and is no garbage */
};

struct sip_frame {
	enum sip_frame_status status;
	size_t used;
	/* SIP_FRAME_MORE with the header section complete: octets the whole message will have; else
	 * 0. */
	size_t expected;
	bool started;		      /* a message has begun: more than half a ping is there */
	struct sip_frame_known known; /* SIP_FRAME_MORE: for the next call with these octets */
};

/* Never reads beyond octets; the body itself is never searched, and neither is what is known. A
 * single CR at the end is SIP_FRAME_MORE, and so is a single CRLF, which may be half a ping. */
struct sip_frame sip_frame(struct str octets, struct sip_frame_known known,
			   const struct sip_limits *limits);
