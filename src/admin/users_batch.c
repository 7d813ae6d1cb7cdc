/* users:batch: up to 1000 accounts in one statement, and a result for each row. */
#include <string.h>

#include "admin_internal.h"
#include "json.h"
#include "user.h"

#define BATCH_ROWS_MAX 1000u

static void
set_result(json_t *result, const char *outcome, const char *reason, const char *detail)
{
	json_object_set_new(result, "result", json_string(outcome));
	if (reason != NULL)
		json_object_set_new(result, "reason", json_string(reason));
	if (detail != NULL)
		json_object_set_new(result, "detail", json_string(detail));
}

/* x->held is the answer: rows that were refused have their result, the others get it now. */
static void
batch_written(struct exchange *x, const struct store_rows *rows)
{
	bool skip = strcmp(x->query.params[1], "skip") == 0;
	json_t *written = json_object();
	for (int row = 0; row < store_rows_count(rows); row++) {
		bool is_new = str_eq(store_rows_value(rows, row, 1), STR("t"));
		bool exists = store_rows_null(rows, row, 1);
		json_object_set_new(written, arena_text(&x->arena, store_rows_value(rows, row, 0)),
				    json_string(exists	 ? "exists"
						: is_new ? "added"
							 : "updated"));
	}
	size_t index;
	json_t *one;
	json_array_foreach(json_object_get(x->held, "results"), index, one)
	{
		const char *aor = json_string_value(json_object_get(one, "aor"));
		if (json_object_get(one, "result") != NULL || aor == NULL)
			continue;
		const char *how = json_string_value(json_object_get(written, aor));
		if (how == NULL)
			set_result(one, "rejected", "user_exists",
				   "The login belongs to another user of the domain.");
		else if (strcmp(how, "exists") == 0)
			set_result(one, skip ? "skipped" : "rejected", "user_exists",
				   "The user exists.");
		else
			set_result(one, how, NULL, NULL);
	}
	json_decref(written);
	exchange_answer(x, 200, json_incref(x->held));
}

/* False when the word stands in seen already. */
static bool
first_time(json_t *seen, const char *kind, const json_t *row, const char *field)
{
	json_t *key =
		json_sprintf("%s %s %s", kind, json_string_value(json_object_get(row, "domain")),
			     json_string_value(json_object_get(row, field)));
	const char *text = json_string_value(key);
	bool first = text != NULL && json_object_get(seen, text) == NULL;
	if (first)
		json_object_set_new(seen, text, json_true());
	json_decref(key);
	return first;
}

static void
sort_row(struct exchange *x, json_t *given, json_t *result, json_t *seen, json_t *good)
{
	struct flaw flaw = { .field = NULL };
	json_t *row = user_row(x, given, &flaw);
	if (row == NULL) {
		set_result(result, "rejected", flaw_reason(&flaw), flaw.sentence);
		return;
	}
	json_object_set(result, "aor", json_object_get(row, "aor"));
	if (!first_time(seen, "aor", row, "aor"))
		set_result(result, "rejected", "user_exists",
			   "The address stands twice in this batch.");
	else if (!first_time(seen, "login", row, "login"))
		set_result(result, "rejected", "user_exists",
			   "The login stands twice in this batch.");
	else
		json_array_append(good, row);
	json_decref(row);
}

static const char *
duplicate_rule(const json_t *document)
{
	static const char *const rules[] = { "fail", "skip", "update" };
	const json_t *value = json_object_get(document, "on_duplicate");
	if (value == NULL)
		return "fail";
	for (unsigned i = 0; i < sizeof(rules) / sizeof(*rules); i++)
		if (json_is_string(value) && strcmp(json_string_value(value), rules[i]) == 0)
			return rules[i];
	return NULL;
}

static bool
batch_known(struct exchange *x, json_t *document)
{
	const json_t *users = json_object_get(document, "users");
	const char *rule = duplicate_rule(document);
	size_t fields = json_object_get(document, "on_duplicate") == NULL ? 1 : 2;
	x->query.params[1] = rule;
	if (json_is_array(users) && json_array_size(users) <= BATCH_ROWS_MAX && rule != NULL &&
	    json_object_size(document) == fields)
		return true;
	exchange_problem(x, 400, "invalid_body", "Batch is no good",
			 "Expected {\"users\": [at most 1000 rows], \"on_duplicate\": \"fail\", "
			 "\"skip\" or \"update\"}.",
			 "users", NULL);
	return false;
}

void
users_batch(struct exchange *x)
{
	json_t *document = exchange_object(x);
	if (document == NULL)
		return;
	if (batch_known(x, document)) {
		json_t *results = json_array(), *good = json_array(), *seen = json_object();
		size_t index;
		json_t *given;
		json_array_foreach(json_object_get(document, "users"), index, given)
		{
			json_t *result = json_object();
			json_array_append_new(results, result);
			sort_row(x, given, result, seen, good);
		}
		json_decref(seen);
		x->held = json_pack("{s:o}", "results", results);
		x->query.params[0] = user_statement_text(x, good);
		exchange_query(x, "admin_users_write", 2, batch_written);
	}
	json_decref(document);
}
