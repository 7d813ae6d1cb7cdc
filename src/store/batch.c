/*
 * Operations become one statement: an array a column, or plain values for one alone. Each statement
 * gets a sync of its own, so that what one spoils does not touch the others.
 */
#include <stdlib.h>

#include "base/stats.h"
#include "inside.h"
#include "store/rows.h"

struct batch *
batch_new(struct lane *lane, enum batch_kind kind, enum statement statement)
{
	struct list *node = list_first(&lane->spare);
	if (node == NULL)
		return NULL;
	struct batch *batch = container_of(node, struct batch, link);
	batch->kind = kind;
	batch->statement = statement;
	batch->count = 0;
	batch->query = NULL;
	batch->mark[0] = '\0';
	batch->sent_ms = loop_now_ms(lane->store->loop);
	batch->sent_us = loop_now_us(lane->store->loop);
	return batch;
}

bool
batch_post(struct lane *lane, struct batch *batch)
{
	if (lane->in_flight == 0)
		lane->heard_ms = batch->sent_ms;
	list_remove(&batch->link);
	list_append(&lane->flight, &batch->link);
	lane->in_flight++;
	return PQpipelineSync(lane->conn) == 1;
}

static void
put_text(struct params *params, struct str octets)
{
	wire_encode(&params->writer, octets);
}

static bool
put_aor(struct params *params, const struct store_op *op)
{
	put_text(params, op->aor);
	return true;
}

static bool
put_domain(struct params *params, const struct store_op *op)
{
	put_text(params, op->domain);
	return true;
}

static bool
put_login(struct params *params, const struct store_op *op)
{
	put_text(params, op->login);
	return true;
}

static bool
put_version(struct params *params, const struct store_op *op)
{
	params_int8(params, op->version);
	return true;
}

static bool
put_bindings(struct params *params, const struct store_op *op)
{
	rows_bindings_write(&params->writer, op->after);
	return true;
}

static bool
put_marks(struct params *params, const struct store_op *op)
{
	rows_marks_write(&params->writer, op->after);
	return true;
}

/* False without a binding: null. */
static bool
put_expires(struct params *params, const struct store_op *op)
{
	int64_t last_ms = INT64_MIN;
	for (uint32_t i = 0; i < op->after->binding_count; i++)
		if (op->after->bindings[i].expires_ms > last_ms)
			last_ms = op->after->bindings[i].expires_ms;
	if (op->after->binding_count > 0)
		params_time(params, last_ms);
	return op->after->binding_count > 0;
}

/* False without an end: null. */
static bool
put_until(struct params *params, const struct store_op *op)
{
	if (op->until_ms != 0)
		params_time(params, op->until_ms);
	return op->until_ms != 0;
}

/* One parameter: an array with an element for each operation, or the value of the only one. */
static void
put_column(struct params *params, const struct batch *batch, bool alone, enum element type,
	   bool (*put)(struct params *params, const struct store_op *op))
{
	params_next(params);
	if (alone) {
		if (!put(params, batch->ops[0]))
			params_null(params);
		return;
	}
	params_array(params, type, batch->count);
	for (uint32_t i = 0; i < batch->count; i++) {
		size_t begin = params_element_begin(params);
		bool present = put(params, batch->ops[i]);
		params_element_end(params, begin, !present);
	}
}

static void
put_columns(struct params *params, const struct store *store, const struct batch *batch, bool alone)
{
	params_begin(params);
	put_column(params, batch, alone, ELEMENT_TEXT, put_aor);
	if (batch->kind == BATCH_LOOKUP) {
		put_column(params, batch, alone, ELEMENT_TEXT, put_domain);
		put_column(params, batch, alone, ELEMENT_TEXT, put_login);
		return;
	}
	put_column(params, batch, alone, ELEMENT_INT8, put_version);
	put_column(params, batch, alone, ELEMENT_TEXT, put_bindings);
	put_column(params, batch, alone, ELEMENT_TEXT, put_marks);
	put_column(params, batch, alone, ELEMENT_TIME, put_expires);
	params_next(params);
	put_text(params, str_of(store->node));
	put_column(params, batch, alone, ELEMENT_TIME, put_until);
}

static bool
hand_over(struct lane *lane, struct batch *batch)
{
	const struct params *p = &lane->store->params;
	if (!setup_send_transaction(lane, batch))
		return false;
	if (lane->store->settings.prepared)
		return PQsendQueryPrepared(lane->conn, statement_name(batch->statement), p->count,
					   p->values, p->lengths, p->formats, 0) == 1;
	return PQsendQueryParams(lane->conn, statement_text(batch->statement), p->count, NULL,
				 p->values, p->lengths, p->formats, 0) == 1;
}

/* All wait for the standby when one of them has to. */
static enum statement
statement_for(const struct store *store, const struct batch *batch, bool alone)
{
	if (batch->kind == BATCH_COMMIT && store_is_careful(store))
		return STATEMENT_COMMIT_FREE;
	if (batch->kind == BATCH_COMMIT)
		return alone ? STATEMENT_COMMIT_ONE : STATEMENT_COMMIT;
	for (uint32_t i = 0; i < batch->count; i++)
		if (batch->ops[i]->sure)
			return STATEMENT_LOOKUP_SURE;
	return alone ? STATEMENT_LOOKUP_ONE : STATEMENT_LOOKUP;
}

static void
take_ops(struct batch *batch, struct list *queue, uint32_t most)
{
	while (batch->count < most && !list_empty(queue)) {
		struct list *node = queue->next;
		list_remove(node);
		batch->ops[batch->count++] = container_of(node, struct store_op, link);
	}
}

static int
by_key(const void *a, const void *b)
{
	const struct store_op *const *one = a, *const *other = b;
	return str_cmp((*one)->aor, (*other)->aor);
}

/* The database takes locks in this order, so that two of us never wait for each other in a circle.
 */
static void
sort_ops(struct batch *batch)
{
	qsort(batch->ops, batch->count, sizeof(*batch->ops), by_key);
}

/* At the head of where they waited. */
static void
put_back(struct store *store, struct batch *batch)
{
	while (batch->count > 0) {
		struct store_op *op = batch->ops[--batch->count];
		list_prepend(store_queue_of(store, op), &op->link);
	}
}

void
batch_return(struct store *store, struct batch *batch)
{
	for (uint32_t i = 0; i < batch->count; i++)
		batch->ops[i]->again_ms = loop_now_ms(store->loop);
	stats->db_retries += batch->count;
	put_back(store, batch);
	loop_wake(store->loop);
}

void
batch_part(struct store *store, struct batch *batch)
{
	for (uint32_t i = 0; i < batch->count; i++) {
		batch->ops[i]->alone = true;
		list_append(&store->alone, &batch->ops[i]->link);
		stats->db_retries++;
	}
	loop_wake(store->loop);
}

bool
batch_send_ops(struct lane *lane, struct list *queue, enum batch_kind kind, bool alone)
{
	struct store *store = lane->store;
	struct batch *batch = batch_new(lane, kind, STATEMENT_COUNT);
	take_ops(batch, queue, alone ? 1 : store->settings.batch_rows);
	batch->statement = statement_for(store, batch, alone);
	if (kind == BATCH_COMMIT)
		sort_ops(batch);
	do {
		put_columns(&store->params, store, batch,
			    batch->statement == STATEMENT_LOOKUP_ONE ||
				    batch->statement == STATEMENT_COMMIT_ONE);
	} while (!params_finish(&store->params) && params_grow(&store->params));
	if (!writer_ok(&store->params.writer)) {
		if (batch->count > 1)
			batch_part(store, batch); /* one of them is too long for all */
		else
			batch_fail_ops(store, batch, LOOKUP_FAILED, COMMIT_FAILED);
		return true;
	}
	if (!hand_over(lane, batch)) {
		put_back(store, batch);
		return false;
	}
	stats->db_batches++;
	observe_db_batch_rows(kind == BATCH_LOOKUP ? ROWS_LOOKUP : ROWS_COMMIT, batch->count);
	return batch_post(lane, batch);
}

bool
batch_send_query(struct lane *lane, struct store_query *query)
{
	struct batch *batch = batch_new(lane, BATCH_QUERY, STATEMENT_COUNT);
	if (!setup_send_transaction(lane, batch) ||
	    PQsendQueryParams(lane->conn, statement_find(query->name), query->param_count, NULL,
			      query->params, NULL, NULL, 0) != 1)
		return false;
	list_remove(&query->link);
	batch->query = query;
	return batch_post(lane, batch);
}

bool
batch_send_ping(struct lane *lane)
{
	struct batch *batch = batch_new(lane, BATCH_PING, STATEMENT_CHECK_SERVER);
	return PQsendQueryParams(lane->conn, statement_text(STATEMENT_CHECK_SERVER), 0, NULL, NULL,
				 NULL, NULL, 0) == 1 &&
	       batch_post(lane, batch);
}

void
batch_fail_ops(struct store *store, struct batch *batch, enum lookup_result lookup,
	       enum commit_result commit)
{
	for (uint32_t i = 0; i < batch->count; i++) {
		struct store_op *op = batch->ops[i];
		if (op == NULL)
			continue;
		batch->ops[i] = NULL;
		if (op->kind == OP_LOOKUP)
			store_lookup_fail(store, op, lookup);
		else
			store_commit_end(store, op, commit);
	}
}
