/*
 * Accounts over HTTP. A clear password is hashed before anything else is done with it, once for
 * each algorithm, and never stored or logged.
 */
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>

#include "admin_internal.h"
#include "auth/digest.h"
#include "base/clock.h"
#include "store/rows.h"

#define BATCH_ROWS_MAX 1000u
#define LOGIN_MAX 256u
#define PASSWORD_MAX 256u

static const char *const ha1_columns[DIGEST_ALGORITHM_COUNT] = {
	[DIGEST_MD5] = "ha1_md5",
	[DIGEST_SHA256] = "ha1_sha256",
	[DIGEST_SHA512_256] = "ha1_sha512_256",
};

/* --- showing ----------------------------------------------------------------------------- */

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
	char text[25];
	str_to_u64(store_rows_value(rows, row, column), INT64_MAX, &value);
	clock_rfc3339((int64_t)value / 1000 * 1000, text);
	text[19] = 'Z';
	return json_stringn(text, 20);
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
	if (store_rows_null(rows, row, MAY_REGISTER))
		return json_string("own");
	struct str text = store_rows_value(rows, row, MAY_REGISTER);
	json_t *list = json_loadb(text.p, text.len, 0, NULL);
	const char *first = json_string_value(json_array_get(list, 0));
	if (first == NULL || strcmp(first, "*") != 0)
		return list == NULL ? json_string("own") : list;
	json_decref(list);
	return json_string("domain");
}

static json_t *
json_user(struct exchange *x, const struct store_rows *rows, int row)
{
	char aor[3 * 2048];
	struct writer w = writer_on(aor, sizeof(aor));
	uint64_t max_contacts;
	writer_str(&w, STR("sip:"));
	writer_str(&w, store_rows_value(rows, row, AOR));
	bool limited =
		str_to_u64(store_rows_value(rows, row, MAX_CONTACTS), INT32_MAX, &max_contacts);
	return json_pack("{s:o,s:o,s:o,s:o,s:b,s:o,s:o,s:o,s:o,s:o,s:o}", "aor",
			 json_octets(writer_text(&w)), "username",
			 json_octets(store_rows_value(rows, row, USERNAME)), "domain",
			 json_octets(store_rows_value(rows, row, DOMAIN)), "login",
			 json_wire(x, store_rows_value(rows, row, LOGIN)), "enabled",
			 is_true(rows, row, ENABLED), "display_name",
			 store_rows_null(rows, row, DISPLAY_NAME)
				 ? json_null()
				 : json_octets(store_rows_value(rows, row, DISPLAY_NAME)),
			 "max_contacts",
			 limited ? json_integer((json_int_t)max_contacts) : json_null(),
			 "may_register", json_may_register(rows, row), "algorithms",
			 json_algorithms(rows, row), "created_at", json_moment(rows, row, CREATED),
			 "changed_at", json_moment(rows, row, CHANGED));
}

static void
unknown_user(struct exchange *x)
{
	exchange_problem(x, 404, "aor_unknown", "No such user",
			 "This address-of-record has no account.", NULL,
			 "rollcallctl user list shows those that exist.");
}

static void
show_done(struct store_query *query, enum query_result result, const struct store_rows *rows)
{
	struct exchange *x = container_of(query, struct exchange, query);
	if (result != QUERY_DONE)
		exchange_database_problem(x, result, query->sqlstate);
	else if (store_rows_count(rows) == 0)
		unknown_user(x);
	else
		exchange_answer(x, 200, json_user(x, rows, 0));
}

/* The address of the path as first parameter. */
static bool
address_param(struct exchange *x, struct str *user, struct str *domain)
{
	struct str key;
	if (!exchange_aor(x, x->segments[0], &key, user, domain))
		return false;
	x->query.params[0] = exchange_z(x, key);
	return true;
}

void
user_show(struct exchange *x)
{
	struct str user, domain;
	if (address_param(x, &user, &domain))
		exchange_query(x, "admin_user", 1, show_done);
}

static void
list_done(struct store_query *query, enum query_result result, const struct store_rows *rows)
{
	struct exchange *x = container_of(query, struct exchange, query);
	const unsigned *page_size = x->work;
	if (result != QUERY_DONE) {
		exchange_database_problem(x, result, query->sqlstate);
		return;
	}
	int count = store_rows_count(rows);
	int shown = count > (int)*page_size ? (int)*page_size : count;
	json_t *items = json_array();
	for (int row = 0; row < shown; row++)
		json_array_append_new(items, json_user(x, rows, row));
	json_t *page = json_pack("{s:o}", "items", items);
	if (count > shown)
		json_object_set_new(
			page, "next_page_token",
			exchange_page_token(x, store_rows_value(rows, shown - 1, AOR), STR("")));
	exchange_answer(x, 200, page);
}

void
users_list(struct exchange *x)
{
	static const char *const names[] = { "domain", "user", "algorithm" };
	unsigned *page_size = arena_alloc(&x->arena, sizeof(*page_size));
	char *rows = arena_alloc(&x->arena, 16);
	struct str after, after_id;
	if (page_size == NULL || rows == NULL || !exchange_page(x, page_size, &after, &after_id))
		return;
	for (unsigned i = 0; i < 3; i++) {
		struct str value = exchange_argument(x, names[i]);
		x->query.params[i] = str_empty(value) ? NULL : exchange_z(x, value);
	}
	if (x->query.params[2] != NULL && strcmp(x->query.params[2], "md5-only") != 0) {
		exchange_problem(x, 400, "invalid_argument", "algorithm is no good",
				 "algorithm can be md5-only.", "algorithm", NULL);
		return;
	}
	snprintf(rows, 16, "%u", *page_size + 1);
	x->work = page_size;
	x->query.params[3] = exchange_z(x, after);
	x->query.params[4] = rows;
	exchange_query(x, "admin_users", 5, list_done);
}

/* --- reading documents
 * ------------------------------------------------------------------------------------------- */

/* What is wrong with a document: a sentence and the field, or field NULL when nothing is. */
struct flaw {
	const char *field;
	const char *sentence;
};

static bool
known_fields(json_t *given, const char *const *names, struct flaw *flaw)
{
	const char *key;
	json_t *value;
	json_object_foreach(given, key, value)
	{
		bool known = false;
		for (const char *const *name = names; *name != NULL && !known; name++)
			known = strcmp(*name, key) == 0;
		if (!known) {
			*flaw = (struct flaw){ key, "There is no such field." };
			return false;
		}
	}
	return true;
}

static bool
is_hash(const json_t *value, size_t digits)
{
	const char *text = json_string_value(value);
	if (text == NULL || strlen(text) != digits)
		return false;
	for (; *text != '\0'; text++)
		if (ascii_hex(*text) < 0)
			return false;
	return true;
}

static void
add_lower(json_t *row, const char *column, const char *hex)
{
	char text[DIGEST_HEX_MAX + 1];
	size_t len = strlen(hex);
	for (size_t i = 0; i <= len; i++)
		text[i] = ascii_lower(hex[i]);
	json_object_set_new(row, column, json_string(text));
}

/* Hashes from the password, or those that were given. False when there is neither. */
static bool
add_hashes(json_t *row, json_t *given, struct str login, struct str domain, struct flaw *flaw)
{
	json_t *password = json_object_get(given, "password");
	bool any = password != NULL;
	if (password != NULL) {
		struct str text = { json_string_value(password), json_string_length(password) };
		if (text.p == NULL || text.len == 0 || text.len > PASSWORD_MAX) {
			*flaw = (struct flaw){ "password",
					       "The password must be a text of 1 to 256 octets." };
			return false;
		}
		for (int a = 0; a < DIGEST_ALGORITHM_COUNT; a++) {
			char ha1[DIGEST_HEX_MAX + 1];
			digest_ha1((enum digest_algorithm)a, login, domain, text, ha1);
			json_object_set_new(row, ha1_columns[a], json_string(ha1));
			OPENSSL_cleanse(ha1, sizeof(ha1));
		}
	}
	for (int a = 0; a < DIGEST_ALGORITHM_COUNT; a++) {
		json_t *hash = json_object_get(given, ha1_columns[a]);
		if (hash == NULL || json_is_null(hash))
			continue;
		if (password != NULL || !is_hash(hash, digest_hex_len((enum digest_algorithm)a))) {
			*flaw = (struct flaw){
				ha1_columns[a],
				"Give the hex digits of H(login:domain:password), and no password."
			};
			return false;
		}
		add_lower(row, ha1_columns[a], json_string_value(hash));
		any = true;
	}
	return any;
}

/* "own", "domain" or a list of addresses, as the column has it. */
static bool
add_may_register(struct exchange *x, json_t *row, json_t *value, struct flaw *flaw)
{
	const char *word = json_string_value(value);
	if (word != NULL && strcmp(word, "own") == 0) {
		json_object_set_new(row, "may_register", json_null());
		return true;
	}
	if (word != NULL && strcmp(word, "domain") == 0) {
		json_object_set_new(row, "may_register", json_pack("[s]", "*"));
		return true;
	}
	*flaw = (struct flaw){ "may_register",
			       "may_register is \"own\", \"domain\" or a list of addresses." };
	if (!json_is_array(value) || json_array_size(value) == 0)
		return false;
	json_t *list = json_array();
	size_t index;
	json_t *item;
	json_array_foreach(value, index, item)
	{
		struct str text = { json_string_value(item), json_string_length(item) }, key, user,
			   domain;
		if (text.p == NULL || !exchange_aor_parse(x, text, &key, &user, &domain)) {
			json_decref(list);
			return false;
		}
		json_array_append_new(list, json_octets(key));
	}
	*flaw = (struct flaw){ NULL, NULL };
	json_object_set_new(row, "may_register", list);
	return true;
}

/* Fields that creating and changing have in common. */
static bool
add_options(struct exchange *x, json_t *row, json_t *given, struct flaw *flaw)
{
	json_t *enabled = json_object_get(given, "enabled");
	json_t *display_name = json_object_get(given, "display_name");
	json_t *max_contacts = json_object_get(given, "max_contacts");
	json_t *may_register = json_object_get(given, "may_register");
	if (enabled != NULL && !json_is_boolean(enabled))
		*flaw = (struct flaw){ "enabled", "enabled is true or false." };
	else if (display_name != NULL && !json_is_null(display_name) &&
		 (!json_is_string(display_name) || json_string_length(display_name) > 256 ||
		  strlen(json_string_value(display_name)) != json_string_length(display_name)))
		*flaw = (struct flaw){ "display_name",
				       "display_name is a text of at most 256 octets." };
	else if (max_contacts != NULL && !json_is_null(max_contacts) &&
		 (json_integer_value(max_contacts) < 1 || json_integer_value(max_contacts) > 1000))
		*flaw = (struct flaw){ "max_contacts", "max_contacts is a number from 1 to 1000." };
	else if (may_register != NULL && !add_may_register(x, row, may_register, flaw))
		return false;
	if (flaw->field != NULL)
		return false;
	if (enabled != NULL)
		json_object_set(row, "enabled", enabled);
	if (display_name != NULL)
		json_object_set(row, "display_name", display_name);
	if (max_contacts != NULL)
		json_object_set(row, "max_contacts", max_contacts);
	return true;
}

static bool
domain_served(const struct admin *admin, struct str domain)
{
	for (size_t i = 0; i < admin->config->domain_count; i++)
		if (str_eq(domain, str_of(admin->config->domains[i].name)))
			return true;
	return false;
}

/* The digest user name: given, or the user part with its escapes undone. In the arena. */
static bool
login_of(struct exchange *x, json_t *given, struct str username, struct str *login,
	 struct flaw *flaw)
{
	json_t *value = json_object_get(given, "login");
	if (value != NULL) {
		*login = arena_copy(&x->arena, (struct str){ json_string_value(value),
							     json_string_length(value) });
		if (!json_is_string(value) || login->len == 0 || login->len > LOGIN_MAX) {
			*flaw = (struct flaw){ "login", "login is a text of 1 to 256 octets." };
			return false;
		}
		return true;
	}
	*login = exchange_decoded(x, username);
	return true;
}

/* An account as the columns of table account; NULL with *flaw set. */
static json_t *
account_row(struct exchange *x, json_t *given, struct flaw *flaw)
{
	static const char *const names[] = { "username",       "domain",       "login",
					     "password",       "ha1_md5",      "ha1_sha256",
					     "ha1_sha512_256", "display_name", "enabled",
					     "max_contacts",   "may_register", NULL };
	struct str name = { json_string_value(json_object_get(given, "username")),
			    json_string_length(json_object_get(given, "username")) };
	const char *domain_text = json_string_value(json_object_get(given, "domain"));
	struct str key, user, domain, login;
	if (!json_is_object(given)) {
		*flaw = (struct flaw){ "users", "Each row is a JSON object." };
		return NULL;
	}
	if (!known_fields(given, names, flaw))
		return NULL;
	if (name.p == NULL || name.len == 0 || name.len > LOGIN_MAX ||
	    memchr(name.p, '@', name.len) != NULL) {
		*flaw = (struct flaw){ "username",
				       "username is the part before the @, 1 to 256 octets." };
		return NULL;
	}
	if (domain_text == NULL ||
	    !exchange_aor_join(x, name, str_of(domain_text), &key, &user, &domain) ||
	    !domain_served(x->admin, domain)) {
		*flaw = (struct flaw){ "domain", "The domain is not served here." };
		return NULL;
	}
	if (!login_of(x, given, user, &login, flaw))
		return NULL;
	char wire[4 * LOGIN_MAX + 1];
	struct writer w = writer_on(wire, sizeof(wire));
	wire_encode(&w, login);
	json_t *row = json_pack("{s:o,s:o,s:o,s:o}", "aor", json_octets(key), "domain",
				json_octets(domain), "username", json_octets(user), "login",
				json_octets(writer_text(&w)));
	if (add_options(x, row, given, flaw) && add_hashes(row, given, login, domain, flaw))
		return row;
	if (flaw->field == NULL)
		*flaw = (struct flaw){ "password", "Give a password or at least one ha1_ hash." };
	json_decref(row);
	return NULL;
}

static void
flaw_problem(struct exchange *x, const struct flaw *flaw)
{
	bool domain = strcmp(flaw->field, "domain") == 0;
	exchange_problem(x, domain ? 422 : 400, domain ? "domain_not_served" : "invalid_field",
			 "A field is no good", flaw->sentence, flaw->field,
			 domain ? "Add a domain section to the configuration and reload." : NULL);
}

/* The document as text for the statement, in the arena; the JSON value is given up. */
static const char *
statement_text(struct exchange *x, json_t *value)
{
	size_t len = json_dumpb(value, NULL, 0, JSON_COMPACT);
	char *text = arena_alloc(&x->arena, len + 1);
	if (text != NULL)
		text[json_dumpb(value, text, len, JSON_COMPACT)] = '\0';
	json_decref(value);
	return text == NULL ? "[]" : text;
}

/* --- creating ---------------------------------------------------------------------------- */

static void
create_shown(struct store_query *query, enum query_result result, const struct store_rows *rows)
{
	struct exchange *x = container_of(query, struct exchange, query);
	const struct str *key = x->work;
	if (result != QUERY_DONE || store_rows_count(rows) == 0) {
		exchange_database_problem(x, result, query->sqlstate);
		return;
	}
	exchange_created(x, *key, json_user(x, rows, 0));
}

static void
create_done(struct store_query *query, enum query_result result, const struct store_rows *rows)
{
	struct exchange *x = container_of(query, struct exchange, query);
	const struct str *key = x->work;
	char detail[400], hint[400];
	if (result != QUERY_DONE) {
		exchange_database_problem(x, result, query->sqlstate);
		return;
	}
	if (store_rows_count(rows) == 1) {
		x->query.params[0] = exchange_z(x, *key);
		exchange_query(x, "admin_user", 1, create_shown);
		return;
	}
	snprintf(detail, sizeof(detail),
		 "%.*s exists already, or its login belongs to another address of the domain.",
		 STR_ARG(str_slice(*key, 0, 256)));
	snprintf(hint, sizeof(hint), "Change it with PATCH /api/v1/users/%.*s.",
		 STR_ARG(str_slice(*key, 0, 256)));
	exchange_problem(x, 409, "user_exists", "User already exists", detail, "username", hint);
}

void
users_create(struct exchange *x)
{
	struct flaw flaw = { NULL, NULL };
	struct str *key = arena_alloc(&x->arena, sizeof(*key));
	json_t *given = exchange_object(x);
	if (given == NULL)
		return;
	json_t *row = key == NULL ? NULL : account_row(x, given, &flaw);
	if (row == NULL) {
		if (flaw.field == NULL)
			flaw = (struct flaw){ "username", "Out of memory." };
		flaw_problem(x, &flaw);
		json_decref(given);
		return;
	}
	json_decref(given);
	*key = arena_copy(&x->arena, str_of(json_string_value(json_object_get(row, "aor"))));
	x->work = key;
	x->query.params[0] = statement_text(x, json_pack("[o]", row));
	x->query.params[1] = "fail";
	exchange_query(x, "admin_users_write", 2, create_done);
}

/* --- batches ----------------------------------------------------------------------------- */

struct batch_work {
	json_t *results; /* one object a row of the request, in order */
	const char *on_duplicate;
};

static void
set_result(json_t *result, const char *outcome, const char *reason, const char *detail)
{
	json_object_set_new(result, "result", json_string(outcome));
	if (reason != NULL)
		json_object_set_new(result, "reason", json_string(reason));
	if (detail != NULL)
		json_object_set_new(result, "detail", json_string(detail));
}

static void
batch_done(struct store_query *query, enum query_result result, const struct store_rows *rows)
{
	struct exchange *x = container_of(query, struct exchange, query);
	struct batch_work *work = x->work;
	if (result != QUERY_DONE) {
		json_decref(work->results);
		exchange_database_problem(x, result, query->sqlstate);
		return;
	}
	json_t *written = json_object();
	for (int row = 0; row < store_rows_count(rows); row++)
		json_object_set_new(written, exchange_z(x, store_rows_value(rows, row, 0)),
				    json_string(is_true(rows, row, 1) ? "added" : "updated"));
	bool skip = strcmp(work->on_duplicate, "skip") == 0;
	size_t index;
	json_t *one;
	json_array_foreach(work->results, index, one)
	{
		const char *aor = json_string_value(json_object_get(one, "aor"));
		const char *how =
			json_string_value(json_object_get(written, aor == NULL ? "" : aor));
		if (json_object_get(one, "result") != NULL)
			continue;
		if (how != NULL)
			set_result(one, how, NULL, NULL);
		else
			set_result(one, skip ? "skipped" : "rejected", "user_exists",
				   "The user exists, or the login is taken.");
	}
	json_decref(written);
	exchange_answer(x, 200, json_pack("{s:o}", "results", work->results));
}

/* Good rows go to the statement, the others get their result at once. A second row for an address
 * is one of the others. */
static json_t *
sort_rows(struct exchange *x, json_t *users, json_t *results)
{
	json_t *good = json_array(), *seen = json_object();
	size_t index;
	json_t *given;
	json_array_foreach(users, index, given)
	{
		struct flaw flaw = { NULL, NULL };
		json_t *row = account_row(x, given, &flaw);
		json_t *result = json_object();
		json_array_append_new(results, result);
		if (row == NULL) {
			set_result(result, "rejected",
				   strcmp(flaw.field, "domain") == 0 ? "domain_not_served"
								     : "invalid_field",
				   flaw.sentence);
			continue;
		}
		json_object_set(result, "aor", json_object_get(row, "aor"));
		const char *aor = json_string_value(json_object_get(row, "aor"));
		if (json_object_get(seen, aor) != NULL) {
			set_result(result, "rejected", "user_exists",
				   "The address stands twice in this batch.");
			json_decref(row);
			continue;
		}
		json_object_set_new(seen, aor, json_true());
		json_array_append_new(good, row);
	}
	json_decref(seen);
	return good;
}

static const char *
duplicate_rule(json_t *document)
{
	static const char *const rules[] = { "fail", "skip", "update" };
	json_t *value = json_object_get(document, "on_duplicate");
	if (value == NULL)
		return "fail";
	for (unsigned i = 0; i < 3; i++)
		if (json_is_string(value) && strcmp(json_string_value(value), rules[i]) == 0)
			return rules[i];
	return NULL;
}

void
users_batch(struct exchange *x)
{
	struct batch_work *work = arena_alloc(&x->arena, sizeof(*work));
	json_t *document = exchange_object(x);
	if (document == NULL)
		return;
	json_t *users = json_object_get(document, "users");
	if (work == NULL || !json_is_array(users) || json_array_size(users) > BATCH_ROWS_MAX ||
	    duplicate_rule(document) == NULL) {
		exchange_problem(x, 400, "invalid_body", "Batch is no good",
				 "Expected {\"users\": [at most 1000 rows], \"on_duplicate\": "
				 "\"fail\", \"skip\" or \"update\"}.",
				 "users", NULL);
		json_decref(document);
		return;
	}
	work->on_duplicate = duplicate_rule(document);
	work->results = json_array();
	x->work = work;
	json_t *good = sort_rows(x, users, work->results);
	json_decref(document);
	x->query.params[0] = statement_text(x, good);
	x->query.params[1] = work->on_duplicate;
	exchange_query(x, "admin_users_write", 2, batch_done);
}

/* --- changing and deleting
 * --------------------------------------------------------------------------------------- */

static void
change_done(struct store_query *query, enum query_result result, const struct store_rows *rows)
{
	struct exchange *x = container_of(query, struct exchange, query);
	if (result != QUERY_DONE)
		exchange_database_problem(x, result, query->sqlstate);
	else if (store_rows_count(rows) == 0)
		unknown_user(x);
	else
		exchange_query(x, "admin_user", 1, show_done);
}

struct change_work {
	json_t *given;
	struct str domain;
};

/* A new password is hashed with the login that the account has. */
static void
change_found(struct store_query *query, enum query_result result, const struct store_rows *rows)
{
	struct exchange *x = container_of(query, struct exchange, query);
	struct change_work *work = x->work;
	struct flaw flaw = { NULL, NULL };
	json_t *row = json_object();
	bool has_hash = json_object_get(work->given, "password") != NULL;
	for (int a = 0; a < DIGEST_ALGORITHM_COUNT; a++)
		has_hash = has_hash || json_object_get(work->given, ha1_columns[a]) != NULL;
	if (result != QUERY_DONE) {
		exchange_database_problem(x, result, query->sqlstate);
	} else if (store_rows_count(rows) == 0) {
		unknown_user(x);
	} else {
		struct str stored = store_rows_value(rows, 0, LOGIN);
		char *text = arena_alloc(&x->arena, stored.len + 1);
		struct writer w = writer_on(text, text == NULL ? 0 : stored.len);
		if (!wire_decode(&w, stored))
			flaw = (struct flaw){ "login", "The stored login cannot be read." };
		else if (add_options(x, row, work->given, &flaw) && has_hash)
			add_hashes(row, work->given, writer_text(&w), work->domain, &flaw);
		if (flaw.field != NULL) {
			flaw_problem(x, &flaw);
		} else {
			x->query.params[1] = statement_text(x, json_incref(row));
			exchange_query(x, "admin_user_change", 2, change_done);
		}
	}
	json_decref(row);
	json_decref(work->given);
}

void
user_change(struct exchange *x)
{
	static const char *const names[] = { "password",       "ha1_md5",      "ha1_sha256",
					     "ha1_sha512_256", "display_name", "enabled",
					     "max_contacts",   "may_register", NULL };
	struct change_work *work = arena_alloc(&x->arena, sizeof(*work));
	struct flaw flaw;
	struct str user;
	if (work == NULL || !address_param(x, &user, &work->domain))
		return;
	work->given = exchange_object(x);
	if (work->given == NULL)
		return;
	if (!known_fields(work->given, names, &flaw)) {
		flaw_problem(x, &flaw);
		json_decref(work->given);
		return;
	}
	x->work = work;
	exchange_query(x, "admin_user", 1, change_found);
}

static void
delete_done(struct store_query *query, enum query_result result, const struct store_rows *rows)
{
	struct exchange *x = container_of(query, struct exchange, query);
	if (result != QUERY_DONE)
		exchange_database_problem(x, result, query->sqlstate);
	else if (store_rows_count(rows) == 0)
		unknown_user(x);
	else
		exchange_answer(x, 204, NULL);
}

void
user_delete(struct exchange *x)
{
	struct str user, domain;
	if (address_param(x, &user, &domain))
		exchange_query(x, "admin_user_delete", 1, delete_done);
}
