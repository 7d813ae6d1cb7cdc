/* How components of URIs compare: RFC 3261 §19.1.4. */
#pragma once

#include <stdbool.h>

#include "base/str.h"

enum letter_case { CASE_MATTERS, CASE_IGNORED };

/* An escape equals its octet unless that octet is reserved; hex digits compare without case. */
bool component_equal(struct str a, struct str b, enum letter_case letter_case);
/* The same for components that are equal with CASE_IGNORED. Two that differ agree by chance, never
 * because somebody chose them so. */
unsigned component_hash(struct str s);
