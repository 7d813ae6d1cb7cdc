/* Accounts as the API shows them: never a hash, only which there are. */
#include <stdio.h>
#include <string.h>

#include "admin_internal.h"
#include "auth/digest.h"
#include "json.h"
#include "store/rows.h"
#include "user.h"

/* The columns of admin_user.sql and admin_users.sql. */
enum column {
	AOR,
	USERNAME,
	DOMAIN,
	LOGIN,
	ENABLED,
	DISPLAY_NAME,
	MAX_CONTACTS,
	MAY_REGISTER,
	MD5,
	SHA256,
	SHA512_256,
	CREATED,
	CHANGED
};

static bool
is_true(const struct store_rows *rows, int row, int column)
{
	return str_eq(store_rows_value(rows, row, column), STR("t"));
}

static json_t *
json_moment(const struct store_rows *rows, int row, int column)
{
	uint64_t value = 0;
	str_to_u64(store_rows_value(rows, row, column), INT64_MAX, &value);
	return json_time((int64_t)value);
}

static json_t *
json_algorithms(const struct store_rows *rows, int row)
{
	json_t *list = json_array();
	for (int a = 0; a < DIGEST_ALGORITHM_COUNT; a++)
		if (is_true(rows, row, MD5 + a))
			json_array_append_new(
				list, json_octets(digest_algorithm_name((enum digest_algorithm)a)));
	return list;
}

static json_t *
json_may_register(const struct store_rows *rows, int row)
{
	struct str text = store_rows_value(rows, row, MAY_REGISTER);
	json_t *list = json_loadb(text.p, text.len, 0, NULL); /* none for SQL null */
	const char *first = json_string_value(json_array_get(list, 0));
	if (list != NULL && (first == NULL || strcmp(first, "*") != 0))
		return list;
	json_decref(list);
	return json_string(first == NULL ? "own" : "domain");
}

static json_t *
json_display_name(const struct store_rows *rows, int row)
{
	return store_rows_null(rows, row, DISPLAY_NAME)
		       ? json_null()
		       : json_octets(store_rows_value(rows, row, DISPLAY_NAME));
}

static json_t *
json_max_contacts(const struct store_rows *rows, int row)
{
	uint64_t value;
	bool limited = str_to_u64(store_rows_value(rows, row, MAX_CONTACTS), INT32_MAX, &value);
	return limited ? json_integer((json_int_t)value) : json_null();
}

json_t *
user_json(struct exchange *x, const struct store_rows *rows, int row)
{
	return json_pack("{s:o,s:o,s:o,s:o,s:b,s:o,s:o,s:o,s:o,s:o,s:o}", "aor",
			 json_aor(store_rows_value(rows, row, AOR)), "username",
			 json_octets(store_rows_value(rows, row, USERNAME)), "domain",
			 json_octets(store_rows_value(rows, row, DOMAIN)), "login",
			 json_wire(&x->arena, store_rows_value(rows, row, LOGIN)), "enabled",
			 is_true(rows, row, ENABLED), "display_name", json_display_name(rows, row),
			 "max_contacts", json_max_contacts(rows, row), "may_register",
			 json_may_register(rows, row), "algorithms", json_algorithms(rows, row),
			 "created_at", json_moment(rows, row, CREATED), "changed_at",
			 json_moment(rows, row, CHANGED));
}

bool
user_login(struct exchange *x, const struct store_rows *rows, struct str *login)
{
	struct str stored = store_rows_value(rows, 0, LOGIN);
	char *text = arena_alloc(&x->arena, stored.len + 1);
	struct writer w = writer_on(text, text == NULL ? 0 : stored.len);
	bool good = wire_decode(&w, stored) && writer_ok(&w);
	*login = writer_text(&w);
	return good;
}

void
user_answer(struct exchange *x, const struct store_rows *rows)
{
	if (store_rows_count(rows) == 0)
		exchange_unknown_user(x);
	else
		exchange_answer(x, 200, user_json(x, rows, 0));
}

void
user_show(struct exchange *x)
{
	struct address address;
	if (!address_of_path(x, &address))
		return;
	x->query.params[0] = arena_text(&x->arena, address.key);
	exchange_query(x, "admin_user", 1, user_answer);
}

static void
list_rows(struct exchange *x, const struct store_rows *rows)
{
	const struct page *asked = x->work;
	int count = store_rows_count(rows);
	int shown = count > (int)asked->size ? (int)asked->size : count;
	json_t *items = json_array();
	for (int row = 0; row < shown; row++)
		json_array_append_new(items, user_json(x, rows, row));
	json_t *page = json_pack("{s:o}", "items", items);
	if (count > shown)
		json_object_set_new(
			page, "next_page_token",
			page_token(&x->arena, store_rows_value(rows, shown - 1, AOR), STR("")));
	exchange_answer(x, 200, page);
}

void
users_list(struct exchange *x)
{
	struct page *page = arena_alloc(&x->arena, sizeof(*page));
	const char **params = x->query.params;
	char rows[16];
	if (page == NULL || !page_asked(x, page) || !argument_param(x, "domain", &params[0]) ||
	    !argument_user_param(x, &params[1]) || !argument_param(x, "algorithm", &params[2]))
		return;
	if (params[2] != NULL && strcmp(params[2], "md5-only") != 0) {
		exchange_problem(x, 400, "invalid_argument", "algorithm is no good",
				 "algorithm can be md5-only.", "algorithm", NULL);
		return;
	}
	snprintf(rows, sizeof(rows), "%u", page->size + 1);
	x->work = page;
	params[3] = arena_text(&x->arena, page->after);
	params[4] = arena_text(&x->arena, str_of(rows));
	x->query.patient = true;
	exchange_query(x, "admin_users", 5, list_rows);
}
