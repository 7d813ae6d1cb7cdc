/* Parameters of one statement, built in one buffer that is kept and only ever grows. */
#pragma once

#include <libpq-fe.h>
#include <stdbool.h>

#include "base/writer.h"

#define PARAMS_MAX 8

struct params {
	struct writer writer; /* failed: the buffer is too small, see params_grow() */
	int count;
	size_t starts[PARAMS_MAX];
	bool nulls[PARAMS_MAX];
	/* What libpq takes, after params_finish(); all binary. */
	const char *values[PARAMS_MAX];
	int lengths[PARAMS_MAX];
	int formats[PARAMS_MAX];
};

/* As in pg_type. */
enum element { ELEMENT_INT8 = 20, ELEMENT_TEXT = 25, ELEMENT_TIME = 1184 };

/* Begins anew, in the same buffer. */
void params_begin(struct params *params);
/* The next parameter is what is written to params->writer from here on. */
void params_next(struct params *params);
void params_null(struct params *params);
void params_int8(struct params *params, int64_t value);
/* A timestamptz, from milliseconds since 1970. */
void params_time(struct params *params, int64_t real_ms);
/* Array elements: the header, then each element between begin and end. */
void params_array(struct params *params, enum element type, uint32_t count);
size_t params_element_begin(struct params *params);
void params_element_end(struct params *params, size_t begin, bool null);
/* False when the buffer was too small. */
bool params_finish(struct params *params);
/* A larger buffer, empty; false when memory or the limit is reached. */
bool params_grow(struct params *params);
void params_free(struct params *params);
