/*
 * doctor: looks at everything between a phone and the database and says what is wrong and what to
 * do. It changes nothing: the account that it registers with has a random name and is deleted
 * again.
 */
#include "doctor.h"

#include <langinfo.h>
#include <locale.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/writer.h"
#include "client.h"
#include "output.h"

#define LINE_WIDTH 100u
#define HINT_COLUMN 55u
#define GAP 5u
#define GATHERED_BYTES 16384u /* the listeners of a configuration that has hundreds */

/* --- findings ------------------------------------------------------------------------- */

/* One more; NULL when memory is too short. */
static struct finding *
add_finding(struct doctor *doctor)
{
	if (doctor->count == doctor->room) {
		size_t room = doctor->room == 0 ? 64 : 2 * doctor->room;
		struct finding *more = realloc(doctor->findings, room * sizeof(*more));
		if (more == NULL)
			return NULL;
		doctor->findings = more;
		doctor->room = room;
	}
	return &doctor->findings[doctor->count++];
}

void
doctor_note(struct doctor *doctor, const char *check, enum ctl_colour mark, const char *hint,
	    const char *format, ...)
{
	char *text;
	va_list args;
	va_start(args, format);
	int len = vasprintf(&text, format, args);
	va_end(args);
	doctor->last = len < 0 ? NULL : add_finding(doctor);
	if (doctor->last == NULL) {
		doctor->lost++;
		if (len >= 0)
			free(text);
		return;
	}
	output_harmless(text);
	*doctor->last = (struct finding){
		.check = check, .mark = mark, .text = text, .hint = hint ? strdup(hint) : NULL
	};
}

void
doctor_brief(struct doctor *doctor, const char *format, ...)
{
	struct finding *finding = doctor->last;
	va_list args;
	va_start(args, format);
	if (finding != NULL && finding->brief == NULL &&
	    vasprintf(&finding->brief, format, args) < 0)
		finding->brief = NULL;
	va_end(args);
}

void
doctor_clear(struct doctor *doctor)
{
	for (size_t i = 0; i < doctor->count; i++) {
		free(doctor->findings[i].text);
		free(doctor->findings[i].hint);
		free(doctor->findings[i].brief);
	}
	free(doctor->findings);
	doctor->findings = doctor->last = NULL;
	doctor->count = doctor->room = 0;
}

static size_t
count_of(const struct doctor *doctor, enum ctl_colour mark)
{
	size_t count = 0;
	for (size_t i = 0; i < doctor->count; i++)
		count += doctor->findings[i].mark == mark;
	return count;
}

/* --- printing ------------------------------------------------------------------------- */

struct marks {
	const char *words[3];
	const char *arrow;
};

static const struct marks *
marks_here(void)
{
	static const struct marks utf8 = { { "✓", "!", "✗" }, "→" };
	static const struct marks ascii = { { "ok", "!", "x" }, "->" };
	return strcmp(nl_langinfo(CODESET), "UTF-8") == 0 ? &utf8 : &ascii;
}

static bool
same_line(const struct finding *a, const struct finding *b)
{
	return a->brief != NULL && b->brief != NULL && strcmp(a->check, b->check) == 0;
}

/* "listeners open: udp 5060, tls 5061": what is alike and well, each word once, where the first of
 * them stands. False for the others. */
static bool
gather(const struct doctor *doctor, size_t at, char *text, size_t cap)
{
	const struct finding *first = &doctor->findings[at];
	struct writer w = writer_on(text, cap - 1);
	for (size_t i = 0; i < at; i++)
		if (same_line(&doctor->findings[i], first))
			return false;
	writer_text_z(&w, strcmp(first->check, "listeners") == 0 ? "listeners open: "
								 : "self-registration: ");
	for (size_t i = at; i < doctor->count; i++) {
		const struct finding *finding = &doctor->findings[i];
		bool before = !same_line(finding, first);
		for (size_t k = at; !before && k < i; k++)
			before = same_line(&doctor->findings[k], finding) &&
				 strcmp(doctor->findings[k].brief, finding->brief) == 0;
		if (!before)
			writer_printf(&w, "%s%s", i == at ? "" : ", ", finding->brief);
	}
	text[w.len] = '\0';
	return true;
}

/* What is well shares a line as long as there is room; what is not has one of its own. */
static void
print_lines(const struct doctor *doctor)
{
	const struct marks *marks = marks_here();
	size_t column = 0;
	for (size_t i = 0; i < doctor->count; i++) {
		const struct finding *finding = &doctor->findings[i];
		const char *mark = marks->words[finding->mark], *said = finding->text;
		char gathered[GATHERED_BYTES];
		if (finding->brief != NULL && !gather(doctor, i, gathered, sizeof(gathered)))
			continue;
		if (finding->brief != NULL)
			said = gathered;
		size_t wide = output_width(mark) + 1 + output_width(said);
		if (column > 0 && (finding->mark != CTL_GOOD || column + GAP + wide > LINE_WIDTH)) {
			putchar('\n');
			column = 0;
		}
		printf("%*s", column > 0 ? (int)GAP : 0, "");
		ctl_coloured(doctor->options, finding->mark, mark);
		printf(" %s", said);
		column += (column > 0 ? GAP : 0) + wide;
		if (finding->hint != NULL)
			printf("%*s%s %s", column < HINT_COLUMN ? (int)(HINT_COLUMN - column) : 2,
			       "", marks->arrow, finding->hint);
		if (finding->mark != CTL_GOOD) {
			putchar('\n');
			column = 0;
		}
	}
	if (column > 0)
		putchar('\n');
	size_t problems = count_of(doctor, CTL_BAD), warnings = count_of(doctor, CTL_WARN);
	printf("%zu problem%s, %zu warning%s\n", problems, problems == 1 ? "" : "s", warnings,
	       warnings == 1 ? "" : "s");
}

static const struct listing listing = { .fields = (const char *const[]){ "check", "result", "text",
									 "hint", NULL } };

static void
print_document(const struct doctor *doctor)
{
	static const char *const words[] = { "good", "warning", "problem" };
	json_t *items = json_array();
	for (size_t i = 0; i < doctor->count; i++) {
		const struct finding *finding = &doctor->findings[i];
		json_array_append_new(items,
				      json_pack("{s:s,s:s,s:s,s:s?}", "check", finding->check,
						"result", words[finding->mark], "text",
						finding->text, "hint", finding->hint));
	}
	if (doctor->options->format == CTL_JSON) {
		json_t *document = json_pack("{s:O,s:I,s:I}", "checks", items, "problems",
					     (json_int_t)count_of(doctor, CTL_BAD), "warnings",
					     (json_int_t)count_of(doctor, CTL_WARN));
		output_json(document);
		json_decref(document);
	} else {
		output_rows(doctor->options->format, items, &listing, true);
	}
	json_decref(items);
}

enum ctl_exit
doctor_print(const struct doctor *doctor)
{
	if (doctor->options->format == CTL_TABLE)
		print_lines(doctor);
	else
		print_document(doctor);
	if (doctor->lost > 0)
		ctl_error("memory is too short for %zu more finding%s; free some and run it again",
			  doctor->lost, doctor->lost == 1 ? "" : "s");
	return count_of(doctor, CTL_BAD) + doctor->lost > 0 ? CTL_UNHEALTHY : CTL_DONE;
}

/* --- the examination ------------------------------------------------------------------ */

static void
note_configuration(const struct config_note *note, void *arg)
{
	char where[300] = "";
	if (note->file != NULL && note->line > 0)
		snprintf(where, sizeof(where), "%s:%u: ", note->file, note->line);
	else if (note->file != NULL)
		snprintf(where, sizeof(where), "%s: ", note->file);
	doctor_note(arg, "configuration", note->warning ? CTL_WARN : CTL_BAD, NULL, "%s%s", where,
		    note->text);
}

static struct config *
check_configuration(struct doctor *doctor, const char *path)
{
	struct config *config = config_load_noted(path, NULL, 0, note_configuration, doctor);
	if (doctor->count + doctor->lost == 0)
		doctor_note(doctor, "configuration", CTL_GOOD, NULL, "configuration valid");
	return config;
}

static void
ask_daemon(struct doctor *doctor)
{
	struct client_path path;
	size_t index;
	json_t *check;
	client_path_start(&path, "stats");
	if (client_call(doctor->options, "GET", &path, NULL, &doctor->stats) != CTL_DONE) {
		doctor_note(doctor, "daemon", CTL_BAD, "systemctl start rollcalld",
			    "rollcalld does not answer");
		return;
	}
	if (json_is_true(json_object_get(doctor->stats, "ready")))
		doctor_note(doctor, "daemon", CTL_GOOD, NULL, "rollcalld ready");
	json_array_foreach(json_object_get(doctor->stats, "checks"), index, check)
	{
		const char *name = json_string_value(json_object_get(check, "name"));
		const char *detail = json_string_value(json_object_get(check, "detail"));
		if (!json_is_true(json_object_get(check, "ok")))
			doctor_note(doctor, "daemon", CTL_BAD, NULL, "not ready: %s: %s",
				    name == NULL ? "?" : name, detail == NULL ? "?" : detail);
	}
}

static void
examine(struct doctor *doctor)
{
	ask_daemon(doctor);
	doctor_registration(doctor);
	doctor_health(doctor);
	doctor_database(doctor);
	doctor_certificates(doctor);
	doctor_limits(doctor);
	json_decref(doctor->stats);
}

enum ctl_exit
ctl_doctor(const struct ctl_options *options)
{
	struct ctl_options here = *options;
	setlocale(LC_CTYPE, ""); /* which marks can be shown */
	if (here.config == NULL)
		here.config = CTL_CONFIG_DEFAULT;
	struct doctor doctor = { .options = &here };
	struct config *config = check_configuration(&doctor, here.config);
	doctor.config = config;
	if (config != NULL)
		examine(&doctor);
	enum ctl_exit code = doctor_print(&doctor);
	doctor_clear(&doctor);
	config_free(config);
	return code;
}
