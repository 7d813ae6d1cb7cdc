/* For "did you mean". */
#pragma once

#include <stddef.h>

#include "base/str.h"

/* Damerau-Levenshtein distance, adjacent letters transposed at most once; SIZE_MAX for words over
 * 48 octets. */
size_t str_distance(struct str a, struct str b);
