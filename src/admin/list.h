/*
 * Lists: by the page as JSON, whole as NDJSON or CSV. Behind all of them is one kind of statement:
 * it looks at a bounded number of rows behind a key and tells how far it came, so that a filter
 * that fits nothing costs many short statements and never a long one.
 */
#pragma once

#include "arguments.h"

struct list_kind {
	/* Its parameters 1 to 7 and its first two and last two columns are those of
	 * admin_bindings.sql; what is between is the handler's own. */
	const char *statement;
	int param_count;
	int seen_column; /* how many it looked at; the last of them is in the next one */
	/* JSON of a row; text is decoded in x->page_arena */
	json_t *(*item)(struct exchange *x, const struct store_rows *rows, int row);
	const char *const *columns; /* of the CSV: names of what items have, NULL at the end */
	bool exact;		    /* what the CSV has is read again, octet for octet */
};

#define LIST_PARAMS 7 /* params that belong to the list; filters follow */

/*
 * Answers with the list, as x->media asks. Filters are in x->query.params from LIST_PARAMS on.
 * selective: one of them lets few rows through. total: of the whole list without filters, negative
 * when unknown. Arguments domain, user, page_size and page_token are read here.
 */
void list_answer(struct exchange *x, const struct list_kind *kind, bool selective, int64_t total);
