/* Binary parameters (PostgreSQL's send formats): arrays need no quoting. */
#include "params.h"

#include <arpa/inet.h>
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_BYTES ((size_t)64 << 10)
#define MOST_BYTES ((size_t)64 << 20)
#define EPOCH_2000_MS INT64_C(946684800000)

static void
put_u32(struct writer *w, uint32_t value)
{
	uint32_t octets = htonl(value);
	writer_str(w, (struct str){ (const char *)&octets, sizeof(octets) });
}

void
params_begin(struct params *params)
{
	params->writer = writer_on(params->writer.buf, params->writer.cap);
	params->count = 0;
}

void
params_next(struct params *params)
{
	params->starts[params->count] = params->writer.len;
	params->nulls[params->count] = false;
	params->count++;
}

void
params_null(struct params *params)
{
	params->nulls[params->count - 1] = true;
}

void
params_int8(struct params *params, int64_t value)
{
	uint64_t octets = htobe64((uint64_t)value);
	writer_str(&params->writer, (struct str){ (const char *)&octets, sizeof(octets) });
}

/* PostgreSQL counts microseconds since 2000. */
void
params_time(struct params *params, int64_t real_ms)
{
	params_int8(params, (real_ms - EPOCH_2000_MS) * 1000);
}

void
params_array(struct params *params, enum element type, uint32_t count)
{
	put_u32(&params->writer, 1); /* dimensions */
	put_u32(&params->writer, 1); /* there may be nulls */
	put_u32(&params->writer, type);
	put_u32(&params->writer, count);
	put_u32(&params->writer, 1); /* first index */
}

size_t
params_element_begin(struct params *params)
{
	put_u32(&params->writer, 0); /* the length, known at its end */
	return params->writer.len;
}

void
params_element_end(struct params *params, size_t begin, bool null)
{
	if (!writer_ok(&params->writer))
		return;
	uint32_t len = htonl(null ? UINT32_MAX : (uint32_t)(params->writer.len - begin));
	memcpy(params->writer.buf + begin - sizeof(len), &len, sizeof(len));
}

bool
params_finish(struct params *params)
{
	if (!writer_ok(&params->writer))
		return false;
	for (int i = 0; i < params->count; i++) {
		size_t end = i + 1 < params->count ? params->starts[i + 1] : params->writer.len;
		params->values[i] =
			params->nulls[i] ? NULL : params->writer.buf + params->starts[i];
		params->lengths[i] = (int)(end - params->starts[i]);
		params->formats[i] = 1;
	}
	return true;
}

bool
params_grow(struct params *params)
{
	size_t cap = params->writer.cap == 0 ? FIRST_BYTES : 2 * params->writer.cap;
	if (cap > MOST_BYTES)
		return false;
	char *buf = malloc(cap);
	if (buf == NULL)
		return false;
	free(params->writer.buf);
	params->writer = writer_on(buf, cap);
	return true;
}

void
params_free(struct params *params)
{
	free(params->writer.buf);
	params->writer = writer_on(NULL, 0);
}
