#include "base/chain.h"

#include <stdlib.h>

#define CHAINS_MIN 16u

bool
chains_open(struct chains *chains, size_t elements)
{
	size_t count = CHAINS_MIN;
	while (count < elements)
		count *= 2;
	*chains = (struct chains){ .first = calloc(count, sizeof(*chains->first)),
				   .mask = count - 1 };
	return chains->first != NULL;
}

void
chains_close(struct chains *chains)
{
	free(chains->first);
	chains->first = NULL;
}
