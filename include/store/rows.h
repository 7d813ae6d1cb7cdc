/*
 * The bindings and nonce marks of a row as JSON, and back. Wire text is stored as ASCII: octets
 * below 0x20, from 0x7F up, and the backslash are written \xHH (D-12); one encoder, one decoder.
 */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/str.h"
#include "base/writer.h"
#include "registrar/record.h"

/* Into ASCII without backslash surprises; and back. The decoder is false on a broken escape. */
void wire_encode(struct writer *w, struct str octets);
bool wire_decode(struct writer *w, struct str text);

/* The JSON of the bindings column; false when memory is out. The text lives in the arena. */
bool rows_bindings_write(struct str *json, const struct record *record, struct arena *arena);
bool rows_bindings_read(struct record *record, struct str json, struct arena *arena);
/* The JSON of the marks column: marks and floor. */
bool rows_marks_write(struct str *json, const struct record *record, struct arena *arena);
bool rows_marks_read(struct record *record, struct str json, struct arena *arena);
