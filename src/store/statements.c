/* The SQL that was embedded at build time from sql/. */
#include "statements.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "sql_files.h"

static const char *const names[STATEMENT_COUNT] = {
	[STATEMENT_LOOKUP] = "lookup",
	[STATEMENT_LOOKUP_ONE] = "lookup_one",
	[STATEMENT_LOOKUP_SURE] = "lookup_sure",
	[STATEMENT_COMMIT] = "commit",
	[STATEMENT_COMMIT_ONE] = "commit_one",
	[STATEMENT_COMMIT_FREE] = "commit_free",
	[STATEMENT_CHECK_TIMELINE] = "check_timeline",
	[STATEMENT_CHECK_SERVER] = "check_server",
	[STATEMENT_CHECK_SCHEMA] = "check_schema",
	[STATEMENT_SESSION] = "session",
	[STATEMENT_END_SESSIONS] = "end_sessions",
	[STATEMENT_END_NAMELESS] = "end_nameless",
	[STATEMENT_TRANSACTION] = "transaction",
};

const char *
statement_find(const char *name)
{
	for (const struct sql_file *file = sql_queries; file->name != NULL; file++)
		if (strcmp(file->name, name) == 0)
			return file->text;
	return NULL;
}

const char *
statement_name(enum statement statement)
{
	return names[statement];
}

const char *
statement_text(enum statement statement)
{
	const char *text = statement_find(names[statement]);
	assert(text != NULL);
	return text;
}

int
statement_schema_version(void)
{
	long version = 0;
	for (const struct sql_file *file = sql_schema; file->name != NULL; file++)
		version = strtol(file->name, NULL, 10);
	return (int)version;
}
