/* Rows of an import: see the header. */
#include "import_row.h"

#include <string.h>
#include <strings.h>

#include "base/csv.h"
#include "base/str.h"
#include "ctl.h"
#include "may_register.h"

static const char *const known_columns[] = { "username",     "domain",	    "password",
					     "ha1_md5",	     "ha1_sha256",  "ha1_sha512_256",
					     "login",	     "enabled",	    "display_name",
					     "max_contacts", "may_register" };
#define KNOWN (sizeof(known_columns) / sizeof(*known_columns))

static bool
has_column(const struct import_columns *columns, const char *name)
{
	for (size_t i = 0; i < columns->count; i++)
		if (strcmp(columns->names[i], name) == 0)
			return true;
	return false;
}

/* One of known_columns; NULL with an error. */
static const char *
column_named(const struct import_columns *columns, const char *text, const char *path)
{
	struct nearest nearest = { .wanted = text };
	for (size_t k = 0; k < KNOWN; k++) {
		if (strcmp(text, known_columns[k]) == 0) {
			if (!has_column(columns, text))
				return known_columns[k];
			ctl_error("%s:1: the column \"%s\" stands twice", path, text);
			return NULL;
		}
		nearest_consider(&nearest, known_columns[k]);
	}
	if (nearest.word != NULL)
		ctl_error("%s:1: there is no column \"%s\"; did you mean \"%s\"?", path, text,
			  nearest.word);
	else
		ctl_error("%s:1: there is no column \"%s\"; the first line names the columns, e.g. "
			  "username,domain,password",
			  path, text);
	return NULL;
}

bool
import_columns(struct import_columns *columns, struct csv_reader *reader, const char *path)
{
	struct csv_record record;
	const char *why = "the file is empty";
	columns->count = 0;
	if (csv_next(reader, &record, &why) != CSV_RECORD) {
		ctl_error("%s: %s", path, why);
		return false;
	}
	for (size_t i = 0; i < record.count; i++) {
		const char *name = column_named(columns, record.fields[i], path);
		if (name == NULL)
			return false;
		columns->names[columns->count++] = name;
	}
	if (has_column(columns, "username") && has_column(columns, "domain"))
		return true;
	ctl_error("%s:1: the columns username and domain are needed", path);
	return false;
}

/* yes, true, 1 or no, false, 0; NULL for anything else. */
static json_t *
json_truth(const char *text)
{
	static const char *const words[] = { "no", "yes", "false", "true", "0", "1", "n", "y" };
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (strcasecmp(text, words[i]) == 0)
			return json_boolean(i % 2);
	return NULL;
}

static json_t *
json_number(const char *text)
{
	uint64_t value;
	return str_to_u64(str_of(text), INT32_MAX, &value) ? json_integer((json_int_t)value) : NULL;
}

/* Export writes no passwords, so what stands in front of one is the user's own. */
static json_t *
json_words(const char *column, const char *text)
{
	bool secret = strcmp(column, "password") == 0 || strncmp(column, "ha1_", 4) == 0;
	return json_string(secret ? text : csv_plain(text));
}

static json_t *
json_field(const char *column, const char *text, const char **why)
{
	json_t *value;
	if (strcmp(column, "enabled") == 0) {
		value = json_truth(text);
		*why = value == NULL ? "enabled is neither yes nor no" : NULL;
	} else if (strcmp(column, "max_contacts") == 0) {
		value = json_number(text);
		*why = value == NULL ? "max_contacts is no number" : NULL;
	} else {
		value = strcmp(column, "may_register") == 0 ? may_register_json(text)
							    : json_words(column, text);
		*why = value == NULL ? "not UTF-8" : NULL;
	}
	return value;
}

/* What can be said without the daemon. */
static const char *
row_flaw(json_t *row)
{
	const char *name = json_string_value(json_object_get(row, "username"));
	if (name == NULL)
		return "no username";
	if (strpbrk(name, " @\t") != NULL)
		return "user part has a space or an @";
	if (json_object_get(row, "domain") == NULL)
		return "no domain";
	if (json_object_get(row, "password") == NULL && json_object_get(row, "ha1_md5") == NULL &&
	    json_object_get(row, "ha1_sha256") == NULL &&
	    json_object_get(row, "ha1_sha512_256") == NULL)
		return "no password";
	return NULL;
}

json_t *
import_row(const struct import_columns *columns, const struct csv_record *record, const char **why)
{
	if (record->count != columns->count) {
		*why = "wrong number of fields";
		return NULL;
	}
	json_t *row = json_object();
	*why = NULL;
	for (size_t i = 0; i < record->count && *why == NULL; i++)
		if (record->fields[i][0] != '\0')
			json_object_set_new(row, columns->names[i],
					    json_field(columns->names[i], record->fields[i], why));
	if (*why == NULL)
		*why = row_flaw(row);
	return row;
}
