/* The SQL of sql/queries, by name, and the few that the request path uses, by number. */
#pragma once

#include <stdbool.h>

enum statement {
	STATEMENT_LOOKUP,
	STATEMENT_LOOKUP_ONE,
	STATEMENT_LOOKUP_SURE,
	STATEMENT_COMMIT,
	STATEMENT_COMMIT_ONE,
	STATEMENT_COMMIT_FREE,
	STATEMENT_PREPARED_COUNT, /* those before are prepared in each session */
	STATEMENT_CHECK_TIMELINE = STATEMENT_PREPARED_COUNT,
	STATEMENT_CHECK_SERVER,
	STATEMENT_CHECK_SCHEMA,
	STATEMENT_SESSION,
	STATEMENT_END_SESSIONS,
	STATEMENT_END_NAMELESS,
	STATEMENT_TRANSACTION,
	STATEMENT_COUNT,
};

const char *statement_name(enum statement statement);
const char *statement_text(enum statement statement);
/* NULL when there is no such file. */
const char *statement_find(const char *name);
/* The number of the last file of sql/schema. */
int statement_schema_version(void);
