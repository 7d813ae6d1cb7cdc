/*
 * The bindings and nonce marks of a row as JSON, and back. Wire text is stored as ASCII: octets
 * below 0x20, from 0x7F up, and the backslash are written \xHH (D-12); one encoder, one decoder.
 * The keys are listed in docs/schema.md.
 */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/str.h"
#include "base/writer.h"
#include "registrar/record.h"

/* Of the JSON that is written here (column format); rows of a higher one are not understood. */
#define ROWS_FORMAT 1

/* Octets into ASCII, HH in upper case: equal octets give equal text. */
void wire_encode(struct writer *w, struct str octets);
/* And back; HH in either case, other characters as they are. False on a broken escape. */
bool wire_decode(struct writer *w, struct str text);

/* The JSON of the bindings column: an array of objects, values that are empty left out. */
void rows_bindings_write(struct writer *w, const struct record *record);
/* False, and no bindings, when it is not such JSON or the arena is exhausted. */
bool rows_bindings_read(struct record *record, struct str json, struct arena *arena);

/* The JSON of the marks column: marks and floor. */
void rows_marks_write(struct writer *w, const struct record *record);
bool rows_marks_read(struct record *record, struct str json, struct arena *arena);
