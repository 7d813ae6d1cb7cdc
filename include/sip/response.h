/* Building a response: RFC 3261 §8.2.6. Written straight into a bounded buffer; ask writer_ok() at
 * the end. */
#pragma once

#include "base/ip.h"
#include "base/str.h"
#include "base/writer.h"
#include "sip/message.h"

/*
 * Status line, every Via (the top one with received and rport), From, To (with to_tag when the
 * request had none and to_tag is not empty), Call-ID, CSeq, and Server when not empty. Fields that
 * the request lacks are left out. phrase NULL: the one of sip/status.h.
 */
void sip_response_begin(struct writer *w, const struct sip_message *request,
			const struct endpoint *source, int status, const char *phrase,
			struct str to_tag, struct str server);
/* One header field. value must hold no CR or LF: what came from the network was checked by the
 * parser. */
void sip_response_header(struct writer *w, struct str name, struct str value);
/* Content-Length: 0 and the empty line. */
void sip_response_end(struct writer *w);

/* The list of Allow, the same everywhere (UAS-20.5-1, D-28). */
#define SIP_ALLOW "REGISTER, OPTIONS, CANCEL, ACK"
