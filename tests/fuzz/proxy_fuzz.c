/* A PROXY header is the same however it is cut: every shorter piece asks for more, and no octet
 * behind it matters. The first octet chooses the version. */
#include "fuzz.h"
#include "net/proxy.h"

static bool
same(const struct proxy_header *a, const struct proxy_header *b)
{
	return a->len == b->len && a->forwarded == b->forwarded &&
	       endpoint_equal(&a->source, &b->source) &&
	       endpoint_equal(&a->destination, &b->destination);
}

/* A copy of its own, so that a sanitizer sees a read behind its end. */
static enum proxy_status
parse_copy(struct proxy_header *header, enum proxy_version version, struct str octets)
{
	char *copy = malloc(octets.len == 0 ? 1 : octets.len);
	FUZZ_CHECK(copy != NULL);
	if (octets.len > 0)
		memcpy(copy, octets.p, octets.len);
	enum proxy_status status = proxy_parse(header, version, (struct str){ copy, octets.len });
	free(copy);
	return status;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct proxy_header header, piece;
	if (size == 0)
		return 0;
	enum proxy_version version = data[0] % 2 == 0 ? PROXY_V1 : PROXY_V2;
	size_t most = version == PROXY_V1 ? PROXY_V1_MAX : PROXY_V2_MAX;
	struct str octets = { (const char *)data + 1, size - 1 };
	enum proxy_status status = parse_copy(&header, version, octets);
	FUZZ_CHECK(status != PROXY_MORE || octets.len < most);
	if (status != PROXY_WHOLE)
		return 0;
	FUZZ_CHECK(header.len <= octets.len && header.len <= most);
	FUZZ_CHECK(!header.forwarded || header.source.ip.family != 0);
	FUZZ_CHECK(!header.forwarded || header.destination.ip.family != 0);
	for (size_t len = 0; len < header.len; len++)
		FUZZ_CHECK(parse_copy(&piece, version, str_slice(octets, 0, len)) == PROXY_MORE);
	FUZZ_CHECK(parse_copy(&piece, version, str_slice(octets, 0, header.len)) == PROXY_WHOLE);
	FUZZ_CHECK(same(&piece, &header));
	return 0;
}
