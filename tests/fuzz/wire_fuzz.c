/* Wire text: what is encoded is printable ASCII and comes back; any text is decoded or refused, and
 * what was decoded has one form, whatever was read. */
#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "store/rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Nothing is escaped that need not be, and what is has capitals; the text can be decoded. */
static bool
is_canonical(struct str text)
{
	static const char digits[] = "0123456789ABCDEF";
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.p[i];
		if (c < 0x20 || c > 0x7e)
			return false;
		if (c != '\\')
			continue;
		const char *high = memchr(digits, text.p[i + 2], 16);
		const char *low = memchr(digits, text.p[i + 3], 16);
		if (high == NULL || low == NULL)
			return false;
		c = (unsigned char)((high - digits) << 4 | (low - digits));
		if (c >= 0x20 && c < 0x7f && c != '\\')
			return false;
		i += 3;
	}
	return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str input = { (const char *)data, size };
	char *text = malloc(4 * size + 1);
	char *back = malloc(4 * size + 1);
	assert(text != NULL && back != NULL);

	struct writer encoded = writer_on(text, 4 * size);
	wire_encode(&encoded, input);
	assert(writer_ok(&encoded));
	for (size_t i = 0; i < encoded.len; i++)
		assert(text[i] >= 0x20 && text[i] < 0x7f);
	struct writer decoded = writer_on(back, size);
	assert(wire_decode(&decoded, writer_text(&encoded)) && writer_ok(&decoded));
	assert(str_eq(writer_text(&decoded), input));

	/* the input itself as text: if it decodes, it has one canonical form, its own or another */
	decoded = writer_on(back, size);
	if (wire_decode(&decoded, input)) {
		assert(writer_ok(&decoded) && decoded.len <= size);
		encoded = writer_on(text, 4 * size);
		wire_encode(&encoded, writer_text(&decoded));
		assert(writer_ok(&encoded) && is_canonical(writer_text(&encoded)));
		assert(str_eq(writer_text(&encoded), input) == is_canonical(input));
	}
	free(back);
	free(text);
	return 0;
}
