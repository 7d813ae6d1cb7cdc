/* Zeroed before it is given back: see the header. */
#include "base/wipe.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

/* More than was asked for may be usable, and where the compiler sees both it takes the zeroing of
 * the rest for an overflow: it is not to see what the caller asked for (_FORTIFY_SOURCE=3). */
__attribute__((noinline)) void
wipe_free(void *memory)
{
	if (memory != NULL)
		explicit_bzero(memory, malloc_usable_size(memory));
	free(memory);
}
