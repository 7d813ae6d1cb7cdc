/* Accounts over HTTP: creating, changing, deleting. */
#include <stdint.h>
#include <stdio.h>

#include "admin_internal.h"
#include "domain.h"
#include "user.h"

/* --- creating ------------------------------------------------------------------------- */

static void
create_shown(struct exchange *x, const struct store_rows *rows)
{
	char location[2048];
	if (store_rows_count(rows) == 0) { /* deleted again at once */
		exchange_unknown_user(x);
		return;
	}
	snprintf(location, sizeof(location), "/api/v1/users/%s",
		 argument_encoded(&x->arena, x->query.params[0]));
	exchange_answer(x, 201, user_json(&x->arena, rows, 0));
	exchange_header(x, "Location", location);
}

/* Why it was refused: the address has an account, or the login belongs to another one. */
static void
create_refused(struct exchange *x, const struct store_rows *rows)
{
	const char *key = x->query.params[0];
	char detail[400], hint[1024];
	bool exists = store_rows_count(rows) > 0;
	if (exists)
		snprintf(detail, sizeof(detail), "%.256s was created on %.*s.", key,
			 STR_ARG(user_created_on(&x->arena, rows)));
	else
		snprintf(detail, sizeof(detail),
			 "The login belongs to another address of the domain of %.256s.", key);
	const char *encoded = argument_encoded(&x->arena, key);
	if (strlen(encoded) < sizeof(hint) - 64)
		snprintf(hint, sizeof(hint), "Change it with PATCH /api/v1/users/%s.", encoded);
	else
		snprintf(hint, sizeof(hint), "Change it with PATCH.");
	exchange_problem(x, 409, "user_exists",
			 exists ? "User already exists" : "Login already exists", detail,
			 exists ? "username" : "login",
			 exists ? hint : "Give another login, or none: it is the username then.");
}

static void
create_written(struct exchange *x, const struct store_rows *rows)
{
	bool is_new = store_rows_count(rows) == 1 && !store_rows_null(rows, 0, 1);
	x->written = is_new;
	x->query.params[0] = x->work;
	exchange_query(x, "admin_user", 1, is_new ? create_shown : create_refused);
}

void
users_create(struct exchange *x)
{
	struct flaw flaw = { .field = NULL };
	x->held = exchange_object(x);
	if (x->held == NULL)
		return;
	json_t *row = user_row(x, x->held, &flaw);
	if (row == NULL) {
		flaw_problem(x, &flaw);
		return;
	}
	x->work = (void *)(uintptr_t)arena_text(
		&x->arena, str_of(json_string_value(json_object_get(row, "aor"))));
	x->query.params[0] = user_statement_text(x, json_pack("[o]", row));
	x->query.params[1] = "fail";
	exchange_query(x, "admin_users_write", 2, create_written);
}

/* --- changing ------------------------------------------------------------------------- */

#define READINGS_MAX 4u /* so often it is read again that somebody has changed meanwhile */

struct change {
	struct address address;
	unsigned readings;
};

static void change_found(struct exchange *x, const struct store_rows *rows);

/* No row: it is gone, or somebody has changed its login since it was read. */
static void
change_written(struct exchange *x, const struct store_rows *rows)
{
	struct change *change = x->work;
	x->written = store_rows_count(rows) > 0;
	if (x->written)
		exchange_query(x, "admin_user", 1, user_answer);
	else if (++change->readings < READINGS_MAX)
		exchange_query(x, "admin_user", 1, change_found);
	else
		exchange_problem(x, 409, "conflict", "Changed meanwhile",
				 "The login was changed at the same time, again and again.", NULL,
				 "Try again.");
}

/* A new password is hashed with the login that the account has, and written where it still has it.
 */
static void
change_found(struct exchange *x, const struct store_rows *rows)
{
	const struct change *change = x->work;
	struct flaw flaw = { .field = NULL };
	struct str login;
	if (store_rows_count(rows) == 0) {
		address_unknown(x, &change->address);
		return;
	}
	if (!user_login(x, rows, &login, &x->query.params[2])) {
		exchange_out_of_memory(x);
		return;
	}
	json_t *row = user_change_row(x, x->held, login, change->address.domain, &flaw);
	if (row == NULL) {
		flaw_problem(x, &flaw);
		return;
	}
	x->query.params[1] = user_statement_text(x, row);
	exchange_query(x, "admin_user_change", 3, change_written);
}

void
user_change(struct exchange *x)
{
	struct change *change = arena_alloc(&x->arena, sizeof(*change));
	struct flaw flaw;
	if (change == NULL || !address_of_path(x, &change->address))
		return;
	x->held = exchange_object(x);
	if (x->held == NULL)
		return;
	if (!user_change_known(x->held, &flaw)) {
		flaw_problem(x, &flaw);
		return;
	}
	change->readings = 0;
	x->work = change;
	x->query.params[0] = arena_text(&x->arena, change->address.key);
	exchange_query(x, "admin_user", 1, change_found);
}

/* --- deleting ------------------------------------------------------------------------- */

static void
deleted(struct exchange *x, const struct store_rows *rows)
{
	if (store_rows_count(rows) > 0)
		exchange_answer_empty(x, 204);
	else
		address_unknown(x, x->work);
}

void
user_delete(struct exchange *x)
{
	struct address *address = arena_alloc(&x->arena, sizeof(*address));
	if (address == NULL || !address_of_path(x, address))
		return;
	x->work = address;
	x->query.params[0] = arena_text(&x->arena, address->key);
	exchange_query(x, "admin_user_delete", 1, deleted);
}
