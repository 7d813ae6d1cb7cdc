/*
 * A stateless UAS must give a retransmission the To tag that it gave the original (RFC 3261
 * §8.2.7), so the tag is a hash of what a retransmission repeats, under a secret.
 */
#include "tag.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/clock.h"
#include "base/writer.h"

_Static_assert(TAG_SECRET_BYTES >= XXH3_SECRET_SIZE_MIN, "the secret of XXH3");

void
tag_secret_draw(struct tag_secret *secret)
{
	random_bytes(secret->octets, sizeof(secret->octets));
}

/* With its length in front, so that octets cannot move from one part to the next unseen. */
static void
add(XXH3_state_t *state, struct str part)
{
	uint64_t len = part.len;
	XXH3_64bits_update(state, &len, sizeof(len));
	XXH3_64bits_update(state, part.p, part.len);
}

void
tag_write(const struct tag_secret *secret, const struct sip_message *request,
	  char out[static TAG_LEN + 1])
{
	XXH3_state_t state;
	XXH3_64bits_reset_withSecret(&state, secret->octets, sizeof(secret->octets));
	add(&state, request->via.branch);
	add(&state, request->via.sent_by);
	add(&state, request->from_tag);
	add(&state, request->call_id_text);
	XXH3_64bits_update(&state, &request->cseq, sizeof(request->cseq));
	tag_text(XXH3_64bits_digest(&state), request->from_tag, out);
}

void
tag_text(uint64_t hash, struct str from_tag, char out[static TAG_LEN + 1])
{
	struct writer w = writer_on(out, TAG_LEN);
	writer_hex(&w, &hash, sizeof(hash));
	out[TAG_LEN] = '\0';
	if (str_ieq(writer_text(&w), from_tag))
		out[0] = 'x'; /* no hex digit, so different now */
}
