/* To tags that need no memory: RFC 3261 §8.2.7, §19.3. */
#pragma once

#include <stdint.h>

#include "base/str.h"
#include "sip/message.h"

#define TAG_LEN 16
#define TAG_SECRET_BYTES 192

/* Octets drawn at start that make the tags of this worker unpredictable. */
struct tag_secret {
	uint8_t octets[TAG_SECRET_BYTES];
};
void tag_secret_draw(struct tag_secret *secret);

/*
 * 64 bits of a keyed hash of the top Via's branch and sent-by, From tag, Call-ID and CSeq number:
 * the same for each retransmission, and for the CANCEL of a request (UAS-8.2.7-3, TXN-9.2-2).
 */
void tag_write(const struct tag_secret *secret, const struct sip_message *request,
	       char out[static TAG_LEN + 1]);
/* The text of a hash, never equal to the From tag (UAS-19.3-1). */
void tag_text(uint64_t hash, struct str from_tag, char out[static TAG_LEN + 1]);
