/* Values of answers. Text of the network becomes valid JSON whatever it holds. */
#pragma once

#include <stdint.h>

#include <jansson.h>

#include "base/arena.h"
#include "base/str.h"

/* Octets that are not UTF-8 become U+FFFD. */
json_t *json_octets(struct str octets);
/* The same for wire text of the database (D-12), decoded in the arena. */
json_t *json_wire(struct arena *arena, struct str wire);
/* "sip:" and the canonical key. */
json_t *json_aor(struct str key);
/* Whole seconds, "2026-03-04T11:15:02Z", of milliseconds since 1970. */
json_t *json_time(int64_t real_ms);
/* Compact text, malloc'd; NULL for NULL or without memory. */
char *json_written(const json_t *document);
