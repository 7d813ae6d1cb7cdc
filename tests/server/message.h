/* A parsed request for the tests that need no more than its fields. */
#pragma once

#include <stdio.h>
#include <stdlib.h>

#include "sip/message.h"
#include "support/check_main.h"
#include "support/guard.h"

struct parsed {
	struct str text;
	struct sip_header headers[16];
	struct sip_message message;
};

/* The usual REGISTER with these; NULL: as usual. */
static inline void
parse_register(struct parsed *parsed, const char *method, const char *via, const char *from_tag,
	       const char *call_id, unsigned cseq)
{
	static const struct sip_limits limits = { 65535, 65535 };
	char text[1024];
	int len = snprintf(text, sizeof(text),
			   "%s sip:example.com SIP/2.0\r\n"
			   "Via: %s\r\nFrom: <sip:alice@example.com>;tag=%s\r\n"
			   "To: <sip:alice@example.com>\r\nCall-ID: %s\r\nCSeq: %u %s\r\n\r\n",
			   method, via, from_tag, call_id, cseq, method);
	parsed->text = guard_copy((struct str){ text, (size_t)len });
	enum sip_fault fault =
		sip_message_parse(&parsed->message, (char *)(uintptr_t)parsed->text.p,
				  parsed->text.len, SIP_DATAGRAM, &limits, parsed->headers, 16);
	ck_assert_int_eq(fault, SIP_FAULT_NONE);
}

static inline void
parsed_free(struct parsed *parsed)
{
	guard_free(parsed->text);
}
