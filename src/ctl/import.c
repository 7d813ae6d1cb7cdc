/*
 * user import: a first pass checks every row and writes those that are no good beside the file, a
 * second one sends batches. Columns: username, domain and either password or ha1_md5, ha1_sha256,
 * ha1_sha512_256; optional login, display_name, enabled, max_contacts, may_register. How far it
 * came stands beside the file too, for --resume. A dry run touches nothing that stands there.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/csv.h"
#include "client.h"
#include "import.h"
#include "import_row.h"
#include "output.h"

#define BATCH_BYTES 1000000u /* the daemon takes 4 MB */

/* --- reading -------------------------------------------------------------------------- */

static bool
open_file(struct import *import)
{
	struct stat entry;
	int fd = open(import->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe does not wait */
	if (fd >= 0)
		import->reader.file = fdopen(fd, "r");
	if (import->reader.file == NULL || fstat(fd, &entry) != 0) {
		ctl_error("%s: %s", import->path, strerror(errno));
		return false;
	}
	if (!S_ISREG(entry.st_mode)) {
		ctl_error("%s is read twice and must be a regular file", import->path);
		return false;
	}
	import->size = (uint64_t)entry.st_size;
	if (fingerprint_of(fd, import->fingerprint))
		return true;
	ctl_error("%s: %s", import->path, strerror(errno));
	return false;
}

/* --- where to go on --------------------------------------------------------------------- */

/* "FINGERPRINT LINE REJECTED": of the file, the last line whose row was stored, and how many rows
 * were rejected so far. */
static bool
read_resume(struct import *import)
{
	char text[FINGERPRINT_LEN + 64] = "";
	uint64_t line = 0, rejected = 0;
	struct str first, rest, second, third;
	FILE *file = fopen(import->resume_path, "re");
	if (file == NULL) {
		ctl_error("%s: %s; there is nothing to resume", import->resume_path,
			  strerror(errno));
		return false;
	}
	bool read = fgets(text, sizeof(text), file) != NULL;
	fclose(file);
	text[strcspn(text, "\n")] = '\0';
	if (!read || !str_cut(str_of(text), ' ', &first, &rest) ||
	    !str_cut(rest, ' ', &second, &third) || first.len != FINGERPRINT_LEN ||
	    !str_to_u64(second, SIZE_MAX, &line) || !str_to_u64(third, SIZE_MAX, &rejected)) {
		ctl_error("%s is no good; import from the start with --on-duplicate skip",
			  import->resume_path);
		return false;
	}
	if (!str_eq(first, str_of(import->fingerprint))) {
		ctl_error("%s has changed since; import from the start with --on-duplicate skip",
			  import->path);
		return false;
	}
	import->done_line = (size_t)line;
	import->rejected = (size_t)rejected;
	import->uncertain = true;
	return true;
}

/* For nobody else, as the file itself should be: whoever guesses its one unknown password could
 * tell by the fingerprint that he is right. */
static FILE *
create_private(const char *path)
{
	unlink(path);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
	if (fd >= 0 && file == NULL)
		close(fd);
	return file;
}

/* The old one or the new one, whenever somebody stops us. Without it an interrupted import can
 * still be repeated from the start. */
static void
note_progress(struct import *import, size_t line)
{
	char *fresh;
	if (asprintf(&fresh, "%s.new", import->resume_path) < 0)
		return;
	FILE *file = create_private(fresh);
	if (file != NULL) {
		fprintf(file, "%s %zu %zu\n", import->fingerprint, line, import->rejected);
		if (fclose(file) != 0 || rename(fresh, import->resume_path) != 0)
			unlink(fresh);
	}
	free(fresh);
}

/* The first ones, as many as a line has room for. */
static void
show_problem(struct import *import, size_t line, const char *why)
{
	char text[sizeof(import->problems)];
	int len = snprintf(text, sizeof(text), "%sline %zu: %s",
			   import->problems[0] == '\0' ? "" : " · ", line, why);
	size_t used = strlen(import->problems);
	if (!import->problems_full && len > 0 && used + (size_t)len < sizeof(import->problems))
		memcpy(import->problems + used, text, (size_t)len + 1);
	else
		import->problems_full = true;
}

/* Those of an interrupted run stay: their rows are not looked at again. */
static void
open_rejects(struct import *import)
{
	if (import->rejects != NULL || import->rejects_failed)
		return;
	import->rejects = fopen(import->rejects_path, import->options->resume ? "ae" : "we");
	if (import->rejects != NULL && ftell(import->rejects) == 0)
		fputs("line,user,problem\n", import->rejects);
}

/* At once, so that whoever stops the import has them; true when the file has it. A dry run leaves
 * the file as it is: an import that stopped may go on, and its rejects are told nowhere else. */
static bool
write_reject(struct import *import, size_t line, const char *user, const char *why)
{
	if (import->options->dry_run)
		return false;
	open_rejects(import);
	if (import->rejects != NULL) {
		fprintf(import->rejects, "%zu,", line);
		csv_write_cell(import->rejects, user == NULL ? "" : user);
		fputc(',', import->rejects);
		csv_write_cell(import->rejects, why);
		fputc('\n', import->rejects);
	}
	if (import->rejects != NULL && fflush(import->rejects) == 0)
		return true;
	if (!import->rejects_failed)
		ctl_error("%s: %s", import->rejects_path, strerror(errno));
	if (import->rejects != NULL)
		fclose(import->rejects);
	import->rejects = NULL;
	import->rejects_failed = true;
	return false;
}

static void
reject(struct import *import, size_t line, json_t *row, const char *why)
{
	const char *user = json_string_value(json_object_get(row, "username"));
	import->rejected++;
	if (!import->options->dry_run) /* it shows them all */
		show_problem(import, line, why);
	if (!write_reject(import, line, user, why))
		fprintf(stderr, "line %zu: %s\n", line, why);
}

/* The next good row, or NULL at the end and where the file cannot be read: a row that lost its end
 * there may look like a good one. Bad ones are rejected when note is set, unless an earlier run has
 * done it. */
static json_t *
next_row(struct import *import, size_t *line, size_t *bytes, bool note)
{
	struct csv_record record;
	for (;;) {
		const char *why = NULL;
		enum csv_read read = csv_next(&import->reader, &record, &why);
		if (read == CSV_END || ferror(import->reader.file))
			return NULL;
		if (read == CSV_RECORD && record.count == 1 && record.fields[0][0] == '\0')
			continue;
		json_t *row =
			read == CSV_RECORD ? import_row(&import->columns, &record, &why) : NULL;
		*bytes = record.used;
		*line = record.line;
		explicit_bzero(record.text, sizeof(record.text));
		if (row != NULL && why == NULL)
			return row;
		import->bad += note;
		if (note && !import->options->resume)
			reject(import, record.line, row, why);
		json_decref(row);
	}
}

/* --- sending -------------------------------------------------------------------------- */

/* The file may have an alias of it, which no list knows. */
static void
note_domain(struct import *import, const json_t *result)
{
	const char *aor = json_string_value(json_object_get(result, "aor"));
	const char *at = aor == NULL ? NULL : strrchr(aor, '@');
	if (import->domain == NULL && at != NULL)
		import->domain = strdup(at + 1);
}

static void
count_results(struct import *import, json_t *results)
{
	size_t index;
	json_t *result;
	json_array_foreach(results, index, result)
	{
		const char *word = json_string_value(json_object_get(result, "result"));
		const char *detail = json_string_value(json_object_get(result, "detail"));
		if (word == NULL || index >= IMPORT_BATCH)
			continue;
		import->added += strcmp(word, "added") == 0;
		import->updated += strcmp(word, "updated") == 0;
		import->skipped += strcmp(word, "skipped") == 0;
		note_domain(import, result);
		if (strcmp(word, "rejected") == 0)
			reject(import, import->lines[index], json_array_get(import->batch, index),
			       detail == NULL ? "refused" : detail);
	}
}

static enum ctl_exit
send_batch(struct import *import)
{
	struct client_path path;
	json_t *answer;
	size_t count = json_array_size(import->batch);
	if (count == 0)
		return CTL_DONE;
	bool certain = !import->uncertain || strcmp(import->rule, "fail") != 0;
	json_t *body = json_pack("{s:s,s:O}", "on_duplicate", certain ? import->rule : "skip",
				 "users", import->batch);
	client_path_start(&path, "users:batch");
	enum ctl_exit code = client_call(import->options, "POST", &path, body, &answer);
	json_decref(body);
	if (code == CTL_DONE) {
		count_results(import, json_object_get(answer, "results"));
		import->sent += count;
		import->uncertain = false;
		import->done_line = import->lines[count - 1];
		note_progress(import, import->done_line);
		progress_show(&import->progress, import->sent);
	} else {
		ctl_error("stopped at line %zu; when that is mended say --resume to go on",
			  import->lines[0]);
		note_progress(import, import->lines[0] - 1);
	}
	json_array_clear(import->batch);
	import->batch_bytes = 0;
	json_decref(answer);
	return code;
}

static bool
size_changed(const struct import *import)
{
	struct stat entry;
	return fstat(fileno(import->reader.file), &entry) != 0 ||
	       (uint64_t)entry.st_size != import->size;
}

/* The next row of the second pass; NULL at the end, and in front of what the first pass did not
 * see: a row too many, or the last one of a file that was cut off, perhaps in the middle of it. */
static json_t *
next_to_send(struct import *import, size_t *line, size_t *bytes)
{
	json_t *row = next_row(import, line, bytes, false);
	if (row == NULL)
		return NULL;
	import->read_again++;
	if (import->read_again <= import->good &&
	    (!feof(import->reader.file) || !size_changed(import)))
		return row;
	json_decref(row);
	return NULL;
}

/* Behind the last row: whether all that was checked was read again, and nothing else. False with an
 * error, and with what --resume needs. */
static bool
read_whole(struct import *import)
{
	char now[FINGERPRINT_LEN + 1] = "";
	bool whole = import->read_again == import->good && !size_changed(import);
	bool failed = ferror(import->reader.file) ||
		      (whole && !fingerprint_of(fileno(import->reader.file), now));
	if (failed)
		ctl_error("%s: %s; when that is mended say --resume to go on", import->path,
			  strerror(errno));
	else if (!whole || strcmp(now, import->fingerprint) != 0)
		ctl_error("%s has changed since it was checked; restore it and say --resume, or "
			  "import it from the start with --on-duplicate skip",
			  import->path);
	else
		return true;
	note_progress(import, import->done_line);
	return false;
}

static enum ctl_exit
send_all(struct import *import)
{
	size_t line, bytes;
	json_t *row;
	enum ctl_exit code = CTL_DONE;
	import->batch = json_array();
	while (code == CTL_DONE && (row = next_to_send(import, &line, &bytes)) != NULL) {
		if (line <= import->done_line) {
			import->sent++;
			import->progress.before++;
			json_decref(row);
			continue;
		}
		import->lines[json_array_size(import->batch)] = line;
		json_array_append_new(import->batch, row);
		import->batch_bytes += bytes;
		if (json_array_size(import->batch) == IMPORT_BATCH ||
		    import->batch_bytes > BATCH_BYTES)
			code = send_batch(import);
	}
	if (code == CTL_DONE)
		code = read_whole(import) ? send_batch(import) : CTL_FAILED;
	json_decref(import->batch);
	progress_end(&import->progress);
	if (code == CTL_DONE)
		unlink(import->resume_path);
	return code;
}

/* --- both passes ---------------------------------------------------------------------- */

/* ": PATH" of the rejects, or nothing; a dry run writes none, but those of an earlier run stand. */
static const char *
rejects_named(const struct import *import, const char *word)
{
	bool written = !import->options->dry_run || import->options->resume;
	bool named = import->rejected > 0 && !import->rejects_failed && written;
	return named ? word : "";
}

static const char *
plural(size_t count)
{
	return count == 1 ? "" : "s";
}

static bool
check_all(struct import *import)
{
	size_t line, bytes;
	if (!import_columns(&import->columns, &import->reader, import->path))
		return false;
	for (json_t *row; (row = next_row(import, &line, &bytes, true)) != NULL; json_decref(row))
		import->good++;
	if (ferror(import->reader.file)) {
		ctl_error("%s: %s", import->path, strerror(errno));
		return false;
	}
	size_t rows = import->good + import->bad;
	char count[32], problems[32];
	output_count(count, sizeof(count), (int64_t)rows);
	output_count(problems, sizeof(problems), (int64_t)import->bad);
	ctl_say(import->options, "checking    %s row%s, %s problem%s%s%s", count, plural(rows),
		problems, plural(import->bad), rejects_named(import, " written to "),
		rejects_named(import, import->rejects_path));
	if (import->problems[0] != '\0')
		ctl_say(import->options, "            %s", import->problems);
	progress_start(&import->progress, import->good, import->options->quiet);
	return true;
}

static void
tell_result(const struct import *import)
{
	size_t users = import->added + import->updated;
	char count[32], updated[32], rejected[32], number[32], skipped[48] = "";
	output_count(count, sizeof(count), (int64_t)users);
	output_count(updated, sizeof(updated), (int64_t)import->updated);
	output_count(rejected, sizeof(rejected), (int64_t)import->rejected);
	output_count(number, sizeof(number), (int64_t)import->skipped);
	if (import->skipped > 0)
		snprintf(skipped, sizeof(skipped), ", %s skipped", number);
	ctl_say(import->options, "imported    %s user%s in %.1fs (%s updated, %s rejected%s%s%s)",
		count, plural(users), progress_seconds(&import->progress), updated, rejected,
		rejects_named(import, ": "), rejects_named(import, import->rejects_path), skipped);
	if (users > 0 && import->domain != NULL)
		ctl_say(import->options, "next        rollcallctl user list --domain %s",
			import->domain);
}

static enum ctl_exit
check_then_send(struct import *import)
{
	if (import->options->resume && !read_resume(import))
		return CTL_FAILED;
	if (!import->options->resume && !import->options->dry_run) {
		/* of the time before: they belong together */
		unlink(import->resume_path);
		unlink(import->rejects_path);
	}
	if (!check_all(import))
		return CTL_FAILED;
	if (import->options->dry_run)
		return import->rejected == 0 ? CTL_DONE : CTL_FAILED;
	csv_rewind(&import->reader);
	if (!import_columns(&import->columns, &import->reader, import->path))
		return CTL_FAILED;
	enum ctl_exit code = send_all(import);
	tell_result(import);
	if (code == CTL_DONE && import->rejected > 0)
		return CTL_FAILED;
	return code;
}

/* NULL with an error. */
static const char *
duplicate_rule(const struct ctl_options *options)
{
	static const char *const rules[] = { "fail", "skip", "update" };
	const char *given = options->on_duplicate == NULL ? "fail" : options->on_duplicate;
	for (size_t i = 0; i < sizeof(rules) / sizeof(*rules); i++)
		if (strcmp(given, rules[i]) == 0)
			return rules[i];
	ctl_error("--on-duplicate is skip, update or fail");
	return NULL;
}

enum ctl_exit
ctl_user_import(const struct ctl_options *options)
{
	struct import import = { .options = options, .path = options->arguments[0] };
	enum ctl_exit code = CTL_FAILED;
	import.rule = duplicate_rule(options);
	if (import.rule == NULL)
		return CTL_USAGE;
	if (asprintf(&import.rejects_path, "%s.rejects", import.path) < 0 ||
	    asprintf(&import.resume_path, "%s.resume", import.path) < 0)
		return CTL_FAILED;
	if (open_file(&import))
		code = check_then_send(&import);
	if (import.reader.file != NULL)
		fclose(import.reader.file);
	if (import.rejects != NULL)
		fclose(import.rejects);
	free(import.rejects_path);
	free(import.resume_path);
	free(import.domain);
	return code;
}
