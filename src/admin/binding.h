/* A binding as the API shows it. */
#pragma once

#include "admin_internal.h"
#include "arguments.h"
#include "json.h"

/* Milliseconds since 1970 by the clock of the database, which is what expiry is measured by. */
int64_t binding_now_ms(const struct exchange *x);
/* A row of admin_bindings.sql; text is decoded in the arena. */
json_t *binding_row_json(struct arena *arena, const struct store_rows *rows, int row,
			 int64_t now_ms);
/* A binding of the record of that address. */
json_t *binding_json(const struct binding *b, struct str key, int64_t now_ms);
/* The names of what it has, in order, NULL at the end: the columns of a CSV. */
extern const char *const binding_fields[];
