/* A row of lookup.sql as a record that lives in the arena of the request. */
#include <jansson.h>
#include <stdlib.h>

#include "base/log.h"
#include "inside.h"
#include "store/rows.h"

/* In the order of lookup.sql. */
enum column {
	COLUMN_N,
	COLUMN_VERSION,
	COLUMN_FORMAT,
	COLUMN_BINDINGS,
	COLUMN_MARKS,
	COLUMN_MAX_CONTACTS,
	COLUMN_ACCOUNT,
	COLUMN_ENABLED,
	COLUMN_HA1_MD5,
	COLUMN_HA1_SHA256,
	COLUMN_HA1_SHA512_256,
	COLUMN_MAY_REGISTER,
	COLUMN_CLOCK_MS,
};

static struct str
value(const PGresult *rows, int row, int column)
{
	return (struct str){ PQgetvalue(rows, row, column),
			     (size_t)PQgetlength(rows, row, column) };
}

static int64_t
number(const PGresult *rows, int row, int column)
{
	return strtoll(PQgetvalue(rows, row, column), NULL, 10);
}

static bool
is_null(const PGresult *rows, int row, int column)
{
	return PQgetisnull(rows, row, column) != 0;
}

int64_t
record_clock_ms(const PGresult *rows, int row)
{
	return number(rows, row, COLUMN_CLOCK_MS);
}

int64_t
record_place(const PGresult *rows, int row, uint32_t count)
{
	int64_t n = number(rows, row, COLUMN_N);
	return n >= 1 && n <= (int64_t)count ? n - 1 : -1;
}

static bool
read_address(struct record *record, const PGresult *rows, int row, struct arena *arena)
{
	record->exists = !is_null(rows, row, COLUMN_VERSION);
	if (!record->exists)
		return true;
	if (number(rows, row, COLUMN_FORMAT) > ROWS_FORMAT) {
		log_message(LOG_LEVEL_ERROR, "db.row",
			    "a row has format %s, this version reads %d; install a newer rollcall",
			    PQgetvalue(rows, row, COLUMN_FORMAT), ROWS_FORMAT);
		return false;
	}
	record->version = number(rows, row, COLUMN_VERSION);
	if (!is_null(rows, row, COLUMN_MAX_CONTACTS))
		record->max_contacts = (uint32_t)number(rows, row, COLUMN_MAX_CONTACTS);
	return rows_bindings_read(record, value(rows, row, COLUMN_BINDINGS), arena) &&
	       rows_marks_read(record, value(rows, row, COLUMN_MARKS), arena);
}

static bool
read_allowed(struct account *account, const json_t *json, struct arena *arena)
{
	size_t count = json_array_size(json);
	account->may_register = MAY_REGISTER_LIST;
	account->allowed = arena_array(arena, count, sizeof(*account->allowed));
	if (account->allowed == NULL || count > UINT32_MAX)
		return false;
	for (size_t i = 0; i < count; i++) {
		const char *text = json_string_value(json_array_get(json, i));
		if (text == NULL)
			return false;
		if (strcmp(text, "*") == 0)
			account->may_register = MAY_REGISTER_DOMAIN;
		account->allowed[i] = arena_copy(arena, str_of(text));
	}
	account->allowed_count = (uint32_t)count;
	return true;
}

static bool
read_account(struct account *account, const PGresult *rows, int row, struct arena *arena)
{
	static const int ha1_columns[DIGEST_ALGORITHM_COUNT] = {
		[DIGEST_MD5] = COLUMN_HA1_MD5,
		[DIGEST_SHA256] = COLUMN_HA1_SHA256,
		[DIGEST_SHA512_256] = COLUMN_HA1_SHA512_256,
	};
	account->found = !is_null(rows, row, COLUMN_ACCOUNT);
	if (!account->found)
		return true;
	account->enabled = PQgetvalue(rows, row, COLUMN_ENABLED)[0] == 't';
	account->aor = arena_copy(arena, value(rows, row, COLUMN_ACCOUNT));
	for (int i = 0; i < DIGEST_ALGORITHM_COUNT; i++)
		account->ha1[i] = arena_copy(arena, value(rows, row, ha1_columns[i]));
	account->may_register = MAY_REGISTER_OWN;
	if (is_null(rows, row, COLUMN_MAY_REGISTER))
		return true;
	struct str text = value(rows, row, COLUMN_MAY_REGISTER);
	json_t *json = json_loadb(text.p, text.len, 0, NULL);
	bool good = json != NULL && read_allowed(account, json, arena);
	json_decref(json);
	return good;
}

bool
record_read(struct store_op *op, const PGresult *rows, int row)
{
	struct record *record = arena_alloc(op->arena, sizeof(*record));
	bool good = record != NULL && read_address(record, rows, row, op->arena) &&
		    read_account(&record->account, rows, row, op->arena) && arena_ok(op->arena);
	op->record = good ? record : NULL;
	return good;
}
