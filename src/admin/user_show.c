/* Accounts as the API shows them: which hashes there are, and themselves only in an export. */
#include <string.h>

#include "admin_internal.h"
#include "auth/digest.h"
#include "domain.h"
#include "json.h"
#include "list.h"
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
	CHANGED,
	HA1, /* in admin_users.sql: one for each algorithm, what was seen, and the last of them */
	SEEN = HA1 + DIGEST_ALGORITHM_COUNT
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

/* False, and as it is stored, when it cannot be read. */
static bool
login_octets(struct arena *arena, struct str wire, struct str *login)
{
	char *text = arena_alloc(arena, wire.len + 1);
	struct writer w = writer_on(text, text == NULL ? 0 : wire.len);
	bool good = wire_decode(&w, wire) && writer_ok(&w);
	*login = good ? writer_text(&w) : wire;
	return good;
}

json_t *
user_json(struct arena *arena, const struct store_rows *rows, int row)
{
	struct str login;
	login_octets(arena, store_rows_value(rows, row, LOGIN), &login);
	json_t *user = json_pack(
		"{s:o,s:o,s:o,s:o,s:b,s:o,s:o,s:o,s:o,s:o,s:o}", "aor",
		json_aor(store_rows_value(rows, row, AOR)), "username",
		json_octets(store_rows_value(rows, row, USERNAME)), "domain",
		json_octets(store_rows_value(rows, row, DOMAIN)), "login", json_octets(login),
		"enabled", is_true(rows, row, ENABLED), "display_name",
		json_display_name(rows, row), "max_contacts", json_max_contacts(rows, row),
		"may_register", json_may_register(rows, row), "algorithms",
		json_algorithms(rows, row), "created_at", json_moment(rows, row, CREATED),
		"changed_at", json_moment(rows, row, CHANGED));
	if (!json_says(login))
		json_object_set_new(user, "login_octets",
				    json_octets(argument_user_part(arena, login)));
	return user;
}

struct str
user_created_on(struct arena *arena, const struct store_rows *rows)
{
	json_t *moment = json_moment(rows, 0, CREATED);
	struct str day = str_slice(str_of(json_string_value(moment)), 0, sizeof("2026-02-11") - 1);
	day = arena_copy(arena, day);
	json_decref(moment);
	return day;
}

bool
user_login(struct exchange *x, const struct store_rows *rows, struct str *login,
	   const char **stored)
{
	struct str wire = store_rows_value(rows, 0, LOGIN);
	*stored = arena_text(&x->arena, wire);
	return login_octets(&x->arena, wire, login);
}

void
user_answer(struct exchange *x, const struct store_rows *rows)
{
	if (store_rows_count(rows) == 0)
		exchange_unknown_user(x);
	else
		exchange_answer(x, 200, user_json(&x->arena, rows, 0));
}

static void
show_found(struct exchange *x, const struct store_rows *rows)
{
	struct address *address = x->work;
	if (store_rows_count(rows) > 0 || !address_by_alias(x, address)) {
		user_answer(x, rows);
		return;
	}
	x->query.params[0] = arena_text(&x->arena, address->key);
	exchange_query(x, "admin_user", 1, show_found);
}

void
user_show(struct exchange *x)
{
	struct address *address = arena_alloc(&x->arena, sizeof(*address));
	if (address == NULL || !address_of_path(x, address))
		return;
	x->work = address;
	x->query.params[0] = arena_text(&x->arena, address->key);
	exchange_query(x, "admin_user", 1, show_found);
}

/* --- the list ------------------------------------------------------------------------- */

/* Where the user part gives the login, an import does without it. */
static bool
login_is_implied(const json_t *item)
{
	const char *octets = json_string_value(json_object_get(item, "login_octets"));
	return octets != NULL &&
	       strcmp(octets, json_string_value(json_object_get(item, "username"))) == 0;
}

static json_t *
user_item(struct exchange *x, const struct store_rows *rows, int row)
{
	json_t *item = user_json(&x->page_arena, rows, row);
	if (x->media == MEDIA_CSV && login_is_implied(item))
		json_object_set_new(item, "login", json_null());
	return item;
}

/* A login that a CSV does not say would be another one after an import, of which these are no
 * hashes: without them the import refuses the row. */
static bool
hashes_mislead(const struct exchange *x, const json_t *item)
{
	return x->media == MEDIA_CSV && json_object_get(item, "login_octets") != NULL &&
	       !login_is_implied(item);
}

static json_t *
user_item_with_hashes(struct exchange *x, const struct store_rows *rows, int row)
{
	json_t *item = user_item(x, rows, row);
	bool hidden = hashes_mislead(x, item);
	for (int a = 0; a < DIGEST_ALGORITHM_COUNT; a++) {
		struct str hash = store_rows_value(rows, row, HA1 + a);
		json_object_set_new(item, user_ha1_columns[a],
				    hidden || str_empty(hash) ? json_null() : json_octets(hash));
	}
	return item;
}

/* The columns are those of an import, so that an export is one. */
#define COLUMNS \
	"username", "domain", "login", "display_name", "enabled", "max_contacts", "may_register"
static const char *const columns[] = { COLUMNS, NULL };
static const char *const columns_with_hashes[] = { COLUMNS, "ha1_md5", "ha1_sha256",
						   "ha1_sha512_256", NULL };

/* Operators write accounts, not the network, and user import reads them again. */
static const struct list_kind users = { .statement = "admin_users",
					.param_count = 8,
					.seen_column = SEEN,
					.item = user_item,
					.columns = columns,
					.exact = true };
static const struct list_kind users_with_hashes = { .statement = "admin_users",
						    .param_count = 8,
						    .seen_column = SEEN,
						    .item = user_item_with_hashes,
						    .columns = columns_with_hashes,
						    .exact = true };

void
users_list(struct exchange *x)
{
	static const char *const algorithms[] = { "md5-only", NULL };
	static const char *const includes[] = { "hashes", NULL };
	const char *include, **filters = &x->query.params[LIST_PARAMS];
	if (!argument_word(x, "algorithm", algorithms, &filters[0]) ||
	    !argument_word(x, "include", includes, &include))
		return;
	if (include != NULL && x->role < ROLE_ADMIN)
		exchange_problem(x, 403, "forbidden", "Not allowed",
				 "Whoever has a hash can log in with it; this token may only read.",
				 "include", "Use a token of role admin.");
	else
		list_answer(x, include == NULL ? &users : &users_with_hashes, filters[0] != NULL,
			    x->admin->counts.known ? x->admin->counts.accounts : -1);
}
