/* Lists: see the header. */
#include "list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accept.h"
#include "admin_internal.h"
#include "base/csv.h"
#include "base/textfile.h"
#include "base/wipe.h"
#include "domain.h"
#include "json.h"
#include "stream.h"

#define CHUNK_ROWS 256u	     /* of a stream: some milliseconds, in which nobody else is served */
#define SELECTIVE_ROWS 1000u /* looked at by one statement */
#define ID_LAST "~"	     /* behind every id of an address */
#define KEY_LAST "\x7f"	     /* behind every key */

struct listing {
	const struct list_kind *kind;
	struct page page;
	const char *domain;
	struct str prefix; /* of user parts */
	const char *until;
	bool selective;
	unsigned rows;	/* wanted of the statement that runs */
	unsigned limit; /* looked at by it */
	uint64_t give_up_ms;
	int64_t total;
	bool is_first; /* page */
};

static struct str
user_part(struct str key)
{
	const char *at = key.len == 0 ? NULL : memrchr(key.p, '@', key.len);
	return at == NULL ? key : str_slice(key, 0, (size_t)(at - key.p));
}

static const char *
number_text(struct arena *arena, uint64_t value)
{
	char text[24];
	snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	return arena_text(arena, str_of(text));
}

static void list_rows(struct exchange *x, const struct store_rows *rows);

static void
ask(struct exchange *x)
{
	struct listing *list = x->work;
	const char **params = x->query.params;
	unsigned least = list->selective ? SELECTIVE_ROWS : CHUNK_ROWS;
	struct str from = list->domain == NULL ? list->page.after : user_part(list->page.after);
	list->rows = x->media == MEDIA_JSON
			     ? list->page.size + 1 - (unsigned)json_array_size(x->held)
			     : CHUNK_ROWS;
	list->limit = list->rows > least ? list->rows : least;
	params[0] = arena_text(&x->page_arena, list->page.after);
	params[1] = arena_text(&x->page_arena, list->page.after_id);
	params[2] = number_text(&x->page_arena, list->rows);
	params[3] = number_text(&x->page_arena, list->limit);
	params[4] = list->domain;
	params[5] =
		arena_text(&x->page_arena, str_cmp(from, list->prefix) > 0 ? from : list->prefix);
	params[6] = list->until;
	x->query.patient = true;
	if (!arena_ok(&x->page_arena))
		exchange_out_of_memory(x);
	else
		exchange_query(x, list->kind->statement, list->kind->param_count, list_rows);
}

/* --- what a statement brought --------------------------------------------------------- */

struct batch {
	int count;    /* rows with an item */
	bool is_last; /* nothing is behind it */
};

static struct batch
batch_of(const struct listing *list, const struct store_rows *rows)
{
	struct batch batch = { .count = store_rows_count(rows) };
	uint64_t seen = 0;
	if (batch.count == 1 && store_rows_null(rows, 0, 0))
		batch.count = 0;
	if (store_rows_count(rows) > 0)
		str_to_u64(store_rows_value(rows, 0, list->kind->seen_column), UINT32_MAX, &seen);
	batch.is_last = batch.count < (int)list->rows && seen < list->limit;
	return batch;
}

/* The next statement goes on behind that row, or, with no row, behind all that was looked at. What
 * the last one was given is not needed any more. */
static void
go_on_behind(struct exchange *x, const struct store_rows *rows, int row)
{
	struct listing *list = x->work;
	int column = row < 0 ? list->kind->seen_column + 1 : 0;
	struct str id = row < 0 ? STR(ID_LAST) : store_rows_value(rows, row, 1);
	arena_reset(&x->page_arena);
	list->page.after =
		arena_copy(&x->page_arena, store_rows_value(rows, row < 0 ? 0 : row, column));
	list->page.after_id = arena_copy(&x->page_arena, id);
}

/* --- a page --------------------------------------------------------------------------- */

static void
answer_page(struct exchange *x, bool is_last)
{
	const struct listing *list = x->work;
	int64_t total = is_last && list->is_first ? (int64_t)json_array_size(x->held) : list->total;
	json_t *page = json_pack("{s:O}", "items", x->held);
	if (!is_last)
		json_object_set_new(
			page, "next_page_token",
			page_token(&x->page_arena, list->page.after, list->page.after_id));
	json_object_set_new(page, "total_estimate",
			    total < 0 ? json_null() : json_integer((json_int_t)total));
	exchange_answer(x, 200, page);
}

/* One row more than fits is asked for, so that there is no token without a page behind it. A search
 * that takes long ends with what it has found, and a token to go on from there. */
static void
page_rows(struct exchange *x, const struct store_rows *rows)
{
	struct listing *list = x->work;
	struct batch batch = batch_of(list, rows);
	bool full = batch.count == (int)list->rows;
	int shown = full ? batch.count - 1 : batch.count;
	for (int row = 0; row < shown; row++)
		json_array_append_new(x->held, list->kind->item(x, rows, row));
	if (!batch.is_last)
		go_on_behind(x, rows, full ? shown - 1 : -1);
	if (batch.is_last || json_array_size(x->held) >= list->page.size ||
	    loop_now_ms(x->admin->loop) >= list->give_up_ms)
		answer_page(x, batch.is_last);
	else
		ask(x);
}

/* --- a stream ------------------------------------------------------------------------- */

static void
write_csv_line(FILE *out, const struct list_kind *kind, json_t *item)
{
	for (size_t i = 0; kind->columns[i] != NULL; i++) {
		if (i > 0)
			fputc(',', out);
		if (item == NULL)
			csv_write_cell(out, kind->columns[i]);
		else
			json_write_cell(out, json_object_get(item, kind->columns[i]), kind->exact);
	}
	fputs("\r\n", out);
}

static void
write_items(struct exchange *x, FILE *out, const struct store_rows *rows, int count)
{
	const struct listing *list = x->work;
	if (x->media == MEDIA_CSV && x->stream == NULL)
		write_csv_line(out, list->kind, NULL);
	for (int row = 0; row < count; row++) {
		json_t *item = list->kind->item(x, rows, row);
		if (x->media == MEDIA_CSV) {
			write_csv_line(out, list->kind, item);
		} else {
			json_write(out, item);
			fputc('\n', out);
		}
		json_decref(item);
	}
}

static void
stream_rows(struct exchange *x, const struct store_rows *rows)
{
	struct listing *list = x->work;
	struct batch batch = batch_of(list, rows);
	bool full = batch.count == (int)list->rows;
	struct textfile chunk;
	FILE *out = textfile_open(&chunk);
	if (out != NULL)
		write_items(x, out, rows, batch.count);
	bool whole = json_whole() && arena_ok(&x->page_arena);
	if (!textfile_close(out, &chunk) || !whole) {
		wipe_free(chunk.text);
		exchange_out_of_memory(x);
		return;
	}
	go_on_behind(x, rows, full ? batch.count - 1 : -1);
	if (x->stream != NULL)
		stream_put(x, chunk.text, chunk.len, batch.is_last);
	else
		stream_start(x,
			     x->media == MEDIA_CSV ? "text/csv; charset=utf-8; header=present"
						   : "application/x-ndjson",
			     chunk.text, chunk.len, batch.is_last, ask);
}

static void
list_rows(struct exchange *x, const struct store_rows *rows)
{
	if (x->media == MEDIA_JSON)
		page_rows(x, rows);
	else
		stream_rows(x, rows);
}

/* --- asking for one ------------------------------------------------------------------- */

/* The first key that does not begin with the prefix; printable ASCII, so the octet behind its last
 * one is no carry. */
static const char *
behind_prefix(struct arena *arena, struct str prefix)
{
	struct str until = arena_copy(arena, prefix);
	if (str_empty(until))
		return KEY_LAST;
	char *text = arena_alloc(arena, until.len + 1);
	if (text == NULL)
		return KEY_LAST;
	memcpy(text, until.p, until.len);
	text[until.len - 1]++;
	return text;
}

void
list_answer(struct exchange *x, const struct list_kind *kind, bool selective, int64_t total)
{
	struct listing *list = arena_alloc(&x->arena, sizeof(*list));
	const char *prefix;
	if (list == NULL || !page_asked(x, &list->page) || !argument_domain(x, &list->domain) ||
	    !domain_no_alias(x, list->domain) || !argument_user_param(x, &prefix))
		return;
	list->kind = kind;
	list->prefix = str_of(prefix);
	list->until = behind_prefix(&x->arena, list->prefix);
	list->selective = selective;
	list->is_first = str_empty(list->page.after);
	list->give_up_ms =
		loop_now_ms(x->admin->loop) + x->admin->config->admin.request_timeout / 2;
	list->total = selective || list->domain != NULL || prefix != NULL ? -1 : total;
	x->work = list;
	if (x->media == MEDIA_JSON)
		x->held = json_array();
	ask(x);
}
