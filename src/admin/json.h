/* Values of answers. Text of the network becomes valid JSON whatever it holds. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

#include "base/arena.h"
#include "base/str.h"

/* Before the first document: they hold passwords on their way to a hash, and are zeroed. */
void json_use_memory(void);
/* Before a piece of work: what others found no memory for is not its fault. */
void json_begin(void);
/* False when a value made since then, or since the last question, found no memory, so that what was
 * made may lack something: it is asked before anything is answered, or sent to the database. */
bool json_whole(void);
/* A document without duplicate keys, or NULL; no_room tells one that found no memory from one that
 * is none, which to jansson is the same. */
json_t *json_read(const char *text, size_t len, json_error_t *error, bool *no_room);
/* A NUL and octets that are not UTF-8 become U+FFFD. */
json_t *json_octets(struct str octets);
/* Does that say them as they are? */
bool json_says(struct str octets);
/* The same for wire text of the database (D-12), decoded in the arena. */
json_t *json_wire(struct arena *arena, struct str wire);
/* "sip:" and the canonical key. */
json_t *json_aor(struct str key);
/* Whole seconds, "2026-03-04T11:15:02Z", of milliseconds since 1970. */
json_t *json_time(int64_t real_ms);
/* Compact text, malloc'd; NULL for NULL or without memory. */
char *json_written(const json_t *document);
/* The same text into a file. */
void json_write(FILE *out, const json_t *document);
/* A value as a cell of a CSV: nothing for null, a list's texts with commas between them. Unless it
 * is to be exact, it commands no terminal on its way through a file; tabs stay. */
void json_write_cell(FILE *out, const json_t *value, bool exact);
