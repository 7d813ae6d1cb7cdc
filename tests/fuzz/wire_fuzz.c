/* Wire text: what is encoded is printable ASCII and comes back; any text is decoded or refused. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "store/rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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

	/* the input itself as text: if it decodes, it has one canonical form */
	decoded = writer_on(back, size);
	if (wire_decode(&decoded, input)) {
		assert(writer_ok(&decoded) && decoded.len <= size);
		encoded = writer_on(text, 4 * size);
		wire_encode(&encoded, writer_text(&decoded));
		assert(writer_ok(&encoded));
	}
	free(back);
	free(text);
	return 0;
}
