/* Which kind of registration comes next. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum mode { MODE_REFRESH, MODE_FULL, MODE_FIRST, MODE_MIXED };

enum kind {
	KIND_REFRESH, /* with the nonce at hand */
	KIND_FULL,    /* begins without credentials, is challenged, answers */
	KIND_FIRST,   /* the same under a new Call-ID, of a client that is not registered */
	KIND_REMOVAL, /* Expires: 0, with the nonce at hand */
};

/* Of a client that is registered or not. In MODE_MIXED *seed (not 0) decides among 90 % refresh, 8
 * % full, 1 % removal, and some 1 % first registrations of those who were removed before. */
enum kind plan_kind(enum mode mode, bool registered, uint32_t *seed);
