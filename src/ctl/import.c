/*
 * user import: a first pass checks every row and writes those that are no good beside the file, a
 * second one sends batches. Columns: username, domain and either password or ha1_md5, ha1_sha256,
 * ha1_sha512_256; optional login, display_name, enabled, max_contacts, may_register.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "client.h"
#include "csv.h"

#define BATCH 1000u
#define BAR_WIDTH 30

static const char *const known_columns[] = { "username",     "domain",	    "password",
					     "ha1_md5",	     "ha1_sha256",  "ha1_sha512_256",
					     "login",	     "enabled",	    "display_name",
					     "max_contacts", "may_register" };
#define KNOWN (sizeof(known_columns) / sizeof(*known_columns))

struct import {
	const struct ctl_options *options;
	const char *path;
	FILE *rejects;
	char rejects_path[4096];
	struct csv_reader reader;
	const char *columns[CSV_FIELDS_MAX]; /* entries of known_columns */
	size_t column_count;
	size_t rows; /* good ones, from the first pass */
	size_t sent;
	size_t added, updated, skipped, rejected;
	json_t *batch;
	size_t lines[BATCH];
	double started;
	unsigned last_step;
};

static double
seconds_now(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* --- reading ----------------------------------------------------------------------------- */

static bool
read_columns(struct import *import)
{
	struct csv_record record;
	const char *why = "the file is empty";
	if (csv_next(&import->reader, &record, &why) != CSV_RECORD) {
		ctl_error("%s: %s", import->path, why);
		return false;
	}
	import->column_count = record.count;
	for (size_t i = 0; i < record.count; i++) {
		import->columns[i] = NULL;
		for (size_t k = 0; k < KNOWN; k++)
			if (strcmp(record.fields[i], known_columns[k]) == 0)
				import->columns[i] = known_columns[k];
		if (import->columns[i] == NULL) {
			ctl_error("%s:1: there is no column \"%s\"; the first line names the "
				  "columns, e.g. "
				  "username,domain,password",
				  import->path, record.fields[i]);
			return false;
		}
	}
	return true;
}

static bool
rewind_file(struct import *import)
{
	rewind(import->reader.file);
	import->reader.line = 0;
	return read_columns(import);
}

/* The row as the API wants it; NULL with *why. */
static json_t *
row_object(const struct import *import, const struct csv_record *record, const char **why)
{
	if (record->count != import->column_count) {
		*why = "wrong number of fields";
		return NULL;
	}
	json_t *row = json_object();
	for (size_t i = 0; i < record->count; i++) {
		const char *column = import->columns[i], *text = record->fields[i];
		json_t *value;
		if (*text == '\0')
			continue;
		if (strcmp(column, "enabled") == 0)
			value = json_boolean(strchr("1tTyY", text[0]) != NULL);
		else if (strcmp(column, "max_contacts") == 0)
			value = json_integer(strtol(text, NULL, 10));
		else
			value = json_string(text);
		if (value == NULL) {
			*why = "not UTF-8";
			json_decref(row);
			return NULL;
		}
		json_object_set_new(row, column, value);
	}
	return row;
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

static void
reject(struct import *import, size_t line, const char *user, const char *why)
{
	import->rejected++;
	if (import->rejects == NULL) {
		import->rejects = fopen(import->rejects_path, "we");
		if (import->rejects == NULL)
			return;
		fputs("line,user,problem\n", import->rejects);
	}
	fprintf(import->rejects, "%zu,\"%s\",\"%s\"\n", line, user == NULL ? "" : user, why);
}

/* The next good row, or NULL at the end; bad ones are rejected when note is set. */
static json_t *
next_row(struct import *import, size_t *line, bool note)
{
	struct csv_record record;
	for (;;) {
		const char *why = NULL;
		enum csv_read read = csv_next(&import->reader, &record, &why);
		if (read == CSV_END)
			return NULL;
		if (read == CSV_RECORD && record.count == 1 && record.fields[0][0] == '\0')
			continue;
		json_t *row = read == CSV_RECORD ? row_object(import, &record, &why) : NULL;
		if (row != NULL)
			why = row_flaw(row);
		explicit_bzero(record.text, sizeof(record.text));
		*line = record.line;
		if (row != NULL && why == NULL)
			return row;
		if (note)
			reject(import, record.line,
			       json_string_value(json_object_get(row, "username")), why);
		json_decref(row);
	}
}

/* --- progress ---------------------------------------------------------------------------- */

static void
draw_bar(const struct import *import, double share, double rate)
{
	fputs("\rimporting   ", stderr);
	for (int i = 0; i < BAR_WIDTH; i++)
		fputs(i < (int)(share * BAR_WIDTH) ? "█" : "░", stderr);
	fprintf(stderr, "  %zu/%zu  %3.0f%%  %.0f/s  %.1fs left ", import->sent, import->rows,
		share * 100, rate, rate > 0 ? (double)(import->rows - import->sent) / rate : 0.0);
}

/* A bar on a terminal; elsewhere a line for each tenth. */
static void
show_progress(struct import *import)
{
	double spent = seconds_now() - import->started;
	double rate = spent > 0 ? (double)import->sent / spent : 0;
	double share = import->rows == 0 ? 1 : (double)import->sent / (double)import->rows;
	unsigned step = (unsigned)(share * 10);
	if (import->options->quiet)
		return;
	if (isatty(STDERR_FILENO))
		draw_bar(import, share, rate);
	else if (step > import->last_step)
		fprintf(stderr, "importing   %zu/%zu  %u%%  %.0f/s\n", import->sent, import->rows,
			step * 10, rate);
	import->last_step = step;
}

/* --- sending ----------------------------------------------------------------------------- */

static void
count_results(struct import *import, json_t *results)
{
	size_t index;
	json_t *result;
	json_array_foreach(results, index, result)
	{
		const char *word = json_string_value(json_object_get(result, "result"));
		const char *detail = json_string_value(json_object_get(result, "detail"));
		json_t *row = json_array_get(import->batch, index);
		if (word == NULL || index >= BATCH)
			continue;
		import->added += strcmp(word, "added") == 0;
		import->updated += strcmp(word, "updated") == 0;
		import->skipped += strcmp(word, "skipped") == 0;
		if (strcmp(word, "rejected") == 0)
			reject(import, import->lines[index],
			       json_string_value(json_object_get(row, "username")),
			       detail == NULL ? "refused" : detail);
	}
}

static enum ctl_exit
send_batch(struct import *import)
{
	json_t *answer;
	const char *rule =
		import->options->on_duplicate == NULL ? "fail" : import->options->on_duplicate;
	json_t *body = json_pack("{s:s,s:O}", "on_duplicate", rule, "users", import->batch);
	enum ctl_exit code = client_call(import->options, "POST", "users:batch", body, &answer);
	json_decref(body);
	if (code == CTL_DONE) {
		count_results(import, json_object_get(answer, "results"));
		import->sent += json_array_size(import->batch);
		json_array_clear(import->batch);
		show_progress(import);
	}
	json_decref(answer);
	return code;
}

static enum ctl_exit
send_all(struct import *import)
{
	size_t line;
	json_t *row;
	enum ctl_exit code = CTL_DONE;
	import->started = seconds_now();
	import->batch = json_array();
	while (code == CTL_DONE && (row = next_row(import, &line, false)) != NULL) {
		import->lines[json_array_size(import->batch)] = line;
		json_array_append_new(import->batch, row);
		if (json_array_size(import->batch) == BATCH)
			code = send_batch(import);
	}
	if (code == CTL_DONE && json_array_size(import->batch) > 0)
		code = send_batch(import);
	json_decref(import->batch);
	if (isatty(STDERR_FILENO) && !import->options->quiet)
		fputc('\n', stderr);
	return code;
}

static enum ctl_exit
check_then_send(struct import *import)
{
	size_t line;
	if (!read_columns(import))
		return CTL_FAILED;
	for (json_t *row; (row = next_row(import, &line, true)) != NULL; json_decref(row))
		import->rows++;
	ctl_say(import->options, "checking    %zu rows, %zu problems%s%s",
		import->rows + import->rejected, import->rejected,
		import->rejected == 0 ? "" : " written to ",
		import->rejected == 0 ? "" : import->rejects_path);
	if (import->options->dry_run)
		return import->rejected == 0 ? CTL_DONE : CTL_FAILED;
	if (!rewind_file(import))
		return CTL_FAILED;
	enum ctl_exit code = send_all(import);
	ctl_say(import->options,
		"imported    %zu users in %.1fs (%zu updated, %zu skipped, %zu rejected%s%s)",
		import->added + import->updated, seconds_now() - import->started, import->updated,
		import->skipped, import->rejected, import->rejected == 0 ? "" : ": ",
		import->rejected == 0 ? "" : import->rejects_path);
	if (code == CTL_DONE && import->rejected > 0)
		return CTL_FAILED;
	return code;
}

enum ctl_exit
ctl_user_import(const struct ctl_options *options)
{
	static struct import import;
	import.options = options;
	import.path = options->arguments[0];
	snprintf(import.rejects_path, sizeof(import.rejects_path), "%s.rejects", import.path);
	import.reader.file = fopen(import.path, "re");
	if (import.reader.file == NULL) {
		ctl_error("%s: %s", import.path, strerror(errno));
		return CTL_FAILED;
	}
	enum ctl_exit code = check_then_send(&import);
	fclose(import.reader.file);
	if (import.rejects != NULL)
		fclose(import.rejects);
	return code;
}
