/* An account on its way in and out: JSON of a row, and a row of JSON. */
#pragma once

#include "arguments.h"
#include "exchange.h"

/* What is wrong with a document: a sentence and the field, or field NULL when nothing is. */
struct flaw {
	const char *field;
	const char *sentence;
	const char *hint; /* what to do about it, or NULL */
	bool not_served;  /* it is a domain, but none of ours */
};
/* Answers 400, or 422 for a domain that is not served. */
void flaw_problem(struct exchange *x, const struct flaw *flaw);
const char *flaw_reason(const struct flaw *flaw);

/* The columns of the hashes, in the order of enum digest_algorithm. */
extern const char *const user_ha1_columns[];
/* The rows of admin_user.sql and admin_users.sql as the API shows them; text is decoded in the
 * arena. */
json_t *user_json(struct arena *arena, const struct store_rows *rows, int row);

/* Answers 200 with the first row, or 404 when there is none. */
void user_answer(struct exchange *x, const struct store_rows *rows);
/* "2026-02-11", the day on which the account of the first row was made. */
struct str user_created_on(struct arena *arena, const struct store_rows *rows);
/* The digest user name of the first row, in octets and as the column has it; false when it cannot
 * be read. */
bool user_login(struct exchange *x, const struct store_rows *rows, struct str *login,
		const char **stored);

/*
 * A new account as the columns of table account; NULL with *flaw set. A clear password is hashed
 * here, once for each algorithm, and goes no further.
 */
json_t *user_row(struct exchange *x, json_t *given, struct flaw *flaw);
/* The columns to change, with hashes for this login; NULL with *flaw set. */
json_t *user_change_row(struct exchange *x, json_t *given, struct str login, struct str domain,
			struct flaw *flaw);
/* Has it only fields that can be changed? */
bool user_change_known(json_t *given, struct flaw *flaw);

/* The value as text for a statement, in the arena; the value is given up. */
const char *user_statement_text(struct exchange *x, json_t *value);
