/* Statements of other modules, by the name of their file; and the rows they get to see. */
#include <assert.h>

#include "inside.h"

void
store_query_add(struct store *store, struct store_query *query)
{
	list_append(&store->queries, &query->link);
	loop_wake(store->loop);
}

void
store_query_finish(struct store_query *query, enum query_result result, PGresult *rows)
{
	struct store_rows seen = { rows };
	query->done(query, result, rows == NULL ? NULL : &seen);
}

void
store_run(struct store *store, struct store_query *query)
{
	assert(statement_find(query->name) != NULL);
	query->tries = 0;
	query->sqlstate[0] = '\0';
	query->in_vain = false;
	query->started_ms = loop_now_ms(store->loop);
	if (store->state == STORE_UP) {
		store_query_add(store, query);
		return;
	}
	list_append(&store->refused_queries, &query->link);
	loop_wake(store->loop);
}

int
store_rows_count(const struct store_rows *rows)
{
	return PQntuples(rows->result);
}

struct str
store_rows_value(const struct store_rows *rows, int row, int column)
{
	return (struct str){ PQgetvalue(rows->result, row, column),
			     (size_t)PQgetlength(rows->result, row, column) };
}

bool
store_rows_null(const struct store_rows *rows, int row, int column)
{
	return PQgetisnull(rows->result, row, column) != 0;
}
