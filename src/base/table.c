/* The one hash of all tables. */
#include "base/table.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/clock.h"

static unsigned char secret[XXH3_SECRET_SIZE_MIN];

void
table_seed(void)
{
	random_bytes(secret, sizeof(secret));
}

unsigned
table_hash(const void *key, size_t len)
{
	return (unsigned)XXH3_64bits_withSecret(key, len, secret, sizeof(secret));
}
