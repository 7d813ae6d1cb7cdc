/* Judging a new configuration beside the running one. Nothing that runs is touched here. */
#include "reload.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin/admin.h"
#include "base/clock.h"
#include "base/log.h"
#include "logfile.h"
#include "place.h"
#include "process.h"
#include "settings.h"

#define LINES_LOGGED_MAX 100u

/* --- findings ---------------------------------------------------------------------------- */

static bool
find_fault(struct memo *memo, const char *sentence)
{
	memo_line(memo, "error", "", "", sentence, NULL);
	return false;
}

/* With its place in the configuration. */
static bool
find_fault_at(struct memo *memo, struct place_of place, const char *sentence)
{
	memo_line(memo, "error", place.file, place.line, sentence, NULL);
	return false;
}

static void
find_warning(const char *sentence, void *memo)
{
	memo_line(memo, "warning", "", "", sentence, NULL);
}

static void
find_note(const struct config_note *note, void *memo)
{
	char line[16] = "";
	if (note->line > 0)
		snprintf(line, sizeof(line), "%u", note->line);
	memo_line(memo, note->warning ? "warning" : "error", note->file == NULL ? "" : note->file,
		  line, note->text, NULL);
}

static void
find_change(const char *sentence, void *memo)
{
	memo_line(memo, "applied", sentence, NULL);
}

static void
find_restart(const char *key, void *memo)
{
	memo_line(memo, "needs_restart", key, NULL);
}

struct config *
config_load_memo(const struct launch *launch, struct memo *memo)
{
	return config_load_noted(launch->config_path, launch->overrides, launch->override_count,
				 find_note, memo);
}

/* --- files ------------------------------------------------------------------------------- */

static bool
take_marks(struct certificate_marks *marks, const struct tls_server *server)
{
	size_t count = tls_server_certificates(server, NULL, 0);
	struct tls_certificate_info *info = calloc(count + 1, sizeof(*info));
	marks->items = calloc(count + 1, sizeof(*marks->items));
	bool taken = info != NULL && marks->items != NULL;
	if (taken) {
		tls_server_certificates(server, info, count);
		marks->count = count;
	}
	for (size_t i = 0; taken && i < marks->count; i++) {
		snprintf(marks->items[i].name, sizeof(marks->items[i].name), "%s", info[i].name);
		memcpy(marks->items[i].fingerprint, info[i].fingerprint, TLS_FINGERPRINT_BYTES);
		marks->items[i].not_after = info[i].not_after;
	}
	free(info);
	return taken;
}

void
certificate_marks_free(struct certificate_marks *marks)
{
	free(marks->items);
	*marks = (struct certificate_marks){ 0 };
}

/* A TLS side is built and thrown away: what would fail in the workers fails here first. */
static bool
judge_certificates(const struct config *config, struct certificate_marks *marks, struct memo *memo)
{
	char error[512];
	struct tls_server *server =
		settings_tls(config, NULL, error, sizeof(error), find_warning, memo);
	if (server == NULL)
		return error[0] == '\0' || find_fault_at(memo, place_of_tls(config, error), error);
	bool taken = take_marks(marks, server);
	tls_server_release(server);
	return taken || find_fault(memo, "out of memory");
}

static bool
judge_password(const struct config *config, struct memo *memo)
{
	struct store_settings store;
	char password[CONFIG_PASSWORD_BYTES], application[96], error[512];
	bool good = settings_store(&store, config, 1, password, sizeof(password), application,
				   sizeof(application), error, sizeof(error));
	explicit_bzero(password, sizeof(password));
	return good || find_fault_at(memo, place_of_key(config, "database.password_file"), error);
}

/* Children that cannot read what they need would die and be replaced for ever. */
bool
files_judge(const struct config *config, struct certificate_marks *marks, struct memo *memo)
{
	bool good = judge_certificates(config, marks, memo);
	return judge_password(config, memo) && good;
}

/* --- sockets ----------------------------------------------------------------------------- */

static void
close_added(struct sockets *plan, const struct running *running)
{
	for (size_t i = 0; i < plan->count; i++)
		if (plan->items[i].open && sockets_find(running->sockets, &plan->items[i]) == NULL)
			listening_close(&plan->items[i], running->workers);
}

/* Sockets that are in the new plan and not in the old one are opened; all or none. Those in both
 * are taken over. */
static bool
open_added(struct sockets *plan, const struct reload *reload, const struct running *running,
	   bool check, struct memo *memo)
{
	char error[512], key[300];
	bool good = true;
	for (size_t i = 0; i < plan->count; i++) {
		struct listening *item = &plan->items[i];
		const struct listening *before = sockets_find(running->sockets, item);
		bool ours =
			sockets_meet(running->sockets, item) || sockets_meet(plan, item) ||
			closing_has(running->closing, running->sockets, item, clock_monotonic_ms());
		if (before != NULL) {
			memcpy(item->fds, before->fds, sizeof(item->fds));
			item->open = before->open;
		} else if (check ? !listening_possible(item, ours, error, sizeof(error))
				 : !listening_open(item, running->workers, ours, error,
						   sizeof(error))) {
			snprintf(key, sizeof(key), "listener.%s.bind", item->listener);
			good = find_fault_at(memo, place_of_key(reload->config, key), error);
		}
	}
	if (!good)
		close_added(plan, running);
	return good;
}

/* --- the whole --------------------------------------------------------------------------- */

/* The effective configuration as a file in memory, which every child reads: all see the same text,
 * or none. */
static int
config_to_memory(const struct config *config)
{
	FILE *out;
	int fd = memory_file("rollcall-configuration", &out);
	if (fd < 0)
		return -1;
	config_print(config, out);
	bool written = fflush(out) == 0 && !ferror(out);
	fclose(out);
	if (written)
		return fd;
	close(fd);
	return -1;
}

static void
find_unread(const struct config_note *note, void *memo)
{
	char sentence[512];
	snprintf(sentence, sizeof(sentence), "the workers could not read it: %s", note->text);
	if (!note->warning)
		find_fault(memo, sentence);
}

/* A child that could not read it would have to end, and all of them get the same. */
static bool
hand_out(struct reload *reload, struct memo *memo)
{
	reload->text = config_to_memory(reload->config);
	if (reload->text < 0)
		return find_fault(memo, "out of memory");
	struct config *again = process_parse_config(reload->text, find_unread, memo);
	config_free(again);
	return again != NULL;
}

static const struct certificate_mark *
find_mark(const struct certificate_marks *marks, const char *name)
{
	for (size_t i = 0; i < marks->count; i++)
		if (strcmp(marks->items[i].name, name) == 0)
			return &marks->items[i];
	return NULL;
}

static void
compare_certificates(const struct certificate_marks *old, const struct certificate_marks *new,
		     struct memo *memo)
{
	for (size_t i = 0; i < new->count; i++) {
		const struct certificate_mark *mark = &new->items[i];
		const struct certificate_mark *before = find_mark(old, mark->name);
		char date[25], sentence[256];
		if (before != NULL &&
		    memcmp(before->fingerprint, mark->fingerprint, TLS_FINGERPRINT_BYTES) == 0)
			continue;
		clock_rfc3339(mark->not_after * 1000, date);
		snprintf(sentence, sizeof(sentence), "certificate %s (expires %.10s)", mark->name,
			 date);
		memo_line(memo, "applied", sentence, NULL);
	}
}

/* What needs a restart keeps its value until then: the sockets and the shared memory are made for
 * so many workers. */
static void
compare(struct reload *reload, const struct running *running, struct memo *memo)
{
	config_needs_restart(running->config, reload->config, find_restart, memo);
	config_keep(reload->config, running->config);
	config_differences(running->config, reload->config, find_change, memo);
	compare_certificates(running->marks, &reload->marks, memo);
}

static bool
judge_log(struct reload *reload, bool check, struct memo *memo)
{
	const char *path = reload->config->log.file;
	char error[512];
	if (check)
		return logfile_check(path, error, sizeof(error)) ||
		       find_fault_at(memo, place_of_key(reload->config, "log.file"), error);
	reload->log = logfile_open(path, error, sizeof(error));
	return reload->log >= 0 ||
	       find_fault_at(memo, place_of_key(reload->config, "log.file"), error);
}

void
reload_prepare(struct reload *reload, struct config *config, const struct running *running,
	       bool check, struct memo *memo)
{
	*reload = (struct reload){ .config = config, .text = -1, .log = -1 };
	bool good = files_judge(config, &reload->marks, memo);
	if (good) {
		compare(reload, running, memo);
		settings_exposed(config, find_warning, memo);
		admin_tokens_judge(config, "the tokens read before stay in force", find_warning,
				   memo);
	}
	if (!sockets_plan(&reload->plan, config))
		good = find_fault(memo, "out of memory");
	if (good && !check)
		good = hand_out(reload, memo);
	good = judge_log(reload, check || !good, memo) && good;
	/* A port that is taken is worth telling even when a file is no good. */
	reload->good = open_added(&reload->plan, reload, running, check || !good, memo) && good;
	if (!reload->good)
		reload_forget(reload);
}

void
reload_forget(struct reload *reload)
{
	if (reload->text >= 0)
		close(reload->text);
	if (reload->log >= 0 && reload->log != STDERR_FILENO)
		close(reload->log);
	sockets_free(&reload->plan);
	certificate_marks_free(&reload->marks);
	config_free(reload->config);
	*reload = (struct reload){ .text = -1, .log = -1 };
}

/* --- log --------------------------------------------------------------------------------- */

/* The log is ASCII. */
static void
without_arrow(struct str text, char *out, size_t cap)
{
	static const char arrow[] = "→";
	const char *at = memmem(text.p, text.len, arrow, sizeof(arrow) - 1);
	struct writer w = writer_on(out, cap - 1);
	size_t before = at == NULL ? text.len : (size_t)(at - text.p);
	writer_str(&w, str_slice(text, 0, before));
	if (at != NULL) {
		writer_text_z(&w, "->");
		writer_str(&w, str_slice(text, before + sizeof(arrow) - 1, text.len));
	}
	out[w.len] = '\0';
}

static const char refused[] = "reload refused, still running the previous configuration: ";

static void
log_placed(enum log_level level, const char *before, const struct str *fields)
{
	struct str file = fields[1], line = fields[2];
	log_message(level, "reload", "%s%.*s%s%.*s%s%s%.*s", before, STR_ARG(file),
		    str_empty(line) ? "" : ":", STR_ARG(line), str_empty(file) ? "" : ": ",
		    level == LOG_LEVEL_ERROR ? "error: " : "", STR_ARG(fields[3]));
}

static void
log_applied(const struct str *fields)
{
	char sentence[1024];
	without_arrow(fields[1], sentence, sizeof(sentence));
	log_message(LOG_LEVEL_NOTICE, "reload", "applied: %s", sentence);
}

/* Of warnings and changes the first ones, so that a file with a thousand new domains does not bury
 * the log; of errors all, for the last one may be the reason. */
void
reload_log(const char *text, size_t len, bool good)
{
	struct str rest = { text, len }, fields[MEMO_FIELDS_MAX];
	char keys[1024];
	struct writer w = writer_on(keys, sizeof(keys) - 1);
	bool told = good;
	for (unsigned lines = 0; memo_next(&rest, fields);) {
		bool room = lines < LINES_LOGGED_MAX;
		if (str_eq(fields[0], STR("error"))) {
			log_placed(LOG_LEVEL_ERROR, refused, fields);
			told = true;
		} else if (str_eq(fields[0], STR("warning"))) {
			if (room)
				log_placed(LOG_LEVEL_WARNING, "", fields);
			lines++;
		} else if (good && str_eq(fields[0], STR("applied"))) {
			if (room)
				log_applied(fields);
			lines++;
		} else if (good) {
			writer_printf(&w, "%s%.*s", w.len == 0 ? "" : " ", STR_ARG(fields[1]));
		}
	}
	if (!told) /* the memo had no room either */
		log_message(LOG_LEVEL_ERROR, "reload", "%sout of memory or descriptors", refused);
	if (w.len > 0)
		log_message(LOG_LEVEL_WARNING, "reload", "these take effect after a restart: %.*s",
			    (int)w.len, keys);
	if (good)
		log_message(LOG_LEVEL_NOTICE, "reload", "configuration applied");
}
