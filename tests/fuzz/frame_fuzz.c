/* A stream fed in pieces, each with what is known of those before, gives the same frames as the
 * whole. The first octet says how the rest is cut. */
#include "fuzz.h"
#include "sip/frame.h"

#define MAX_FRAMES 256u

static const struct sip_limits limits = { 1024, 512 };

struct frames {
	struct sip_frame list[MAX_FRAMES];
	size_t count;
	bool over; /* the stream would be closed */
	struct sip_frame_known known;
};

/* Takes every frame that is there; *used moves behind them. */
static void
take_frames(struct frames *frames, struct str octets, size_t *used)
{
	while (!frames->over && frames->count < MAX_FRAMES) {
		struct str rest = str_slice(octets, *used, octets.len);
		struct sip_frame frame = sip_frame(rest, frames->known, &limits);
		frames->known = frame.known;
		FUZZ_CHECK(frame.used <= rest.len && frame.known.searched <= rest.len);
		if (frame.status == SIP_FRAME_MORE) {
			FUZZ_CHECK(frame.used == 0 && rest.len <= limits.max_message_bytes);
			FUZZ_CHECK(frame.expected == 0 || frame.expected > rest.len);
			return;
		}
		frames->over = frame.status >= SIP_FRAME_BROKEN;
		FUZZ_CHECK(frames->over || frame.used > 0);
		frames->list[frames->count++] = frame;
		*used += frame.used;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct frames whole = { .count = 0 }, pieces = { .count = 0 };
	if (size == 0)
		return 0;
	struct str octets = { (const char *)data + 1, size - 1 };
	size_t used = 0;
	take_frames(&whole, octets, &used);
	size_t used_in_pieces = 0, there = 0;
	uint32_t random = data[0];
	while (there < octets.len) {
		random = random * 1103515245u + 12345u;
		size_t piece = 1 + (random >> 16) % (1 + data[0] % 64u);
		there = piece < octets.len - there ? there + piece : octets.len;
		take_frames(&pieces, str_slice(octets, 0, there), &used_in_pieces);
	}
	FUZZ_CHECK(pieces.count == whole.count && used_in_pieces == used);
	for (size_t i = 0; i < whole.count; i++) {
		FUZZ_CHECK(pieces.list[i].status == whole.list[i].status);
		FUZZ_CHECK(pieces.list[i].used == whole.list[i].used);
	}
	return 0;
}
