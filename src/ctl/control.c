/* config check, config show, reload, log level, drain, undrain: what the daemon is told to do. */
#include <stdlib.h>
#include <string.h>

#include "pages.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static enum ctl_exit
command(const struct ctl_options *options, const char *method, const char *where, json_t *body,
	json_t **answer)
{
	struct client_path path;
	client_path_start(&path, where);
	enum ctl_exit code = client_call(options, method, &path, body, answer);
	json_decref(body);
	return code;
}

/* --- configuration -------------------------------------------------------------------- */

static size_t
print_list(json_t *report, const char *member, const char *words)
{
	json_t *list = json_object_get(report, member), *item;
	size_t index;
	json_array_foreach(list, index, item) printf("%-14s %s\n", words, json_string_value(item));
	return json_array_size(list);
}

static void
print_report(json_t *report, const char *applied, const char *nothing)
{
	size_t lines = print_list(report, "applied", applied);
	lines += print_list(report, "needs_restart", "needs restart");
	lines += print_list(report, "warnings", "warning");
	if (lines == 0)
		puts(nothing);
}

enum ctl_exit
ctl_config_check(const struct ctl_options *options)
{
	json_t *answer, *error;
	size_t index;
	enum ctl_exit code = command(options, "POST", "config:check", NULL, &answer);
	if (code == CTL_UNREACHABLE)
		ctl_say(options, "rollcalld -t checks a file without a daemon");
	if (code != CTL_DONE)
		return code;
	bool good = json_is_true(json_object_get(answer, "ok"));
	if (options->format != CTL_TABLE) {
		output_document(options->format, answer);
	} else {
		json_array_foreach(json_object_get(answer, "errors"), index, error)
			client_print_error(stdout, error);
		print_report(answer, "would apply", good ? "nothing would change" : "not applied");
	}
	json_decref(answer);
	return good ? CTL_DONE : CTL_FAILED;
}

enum ctl_exit
ctl_config_show(const struct ctl_options *options)
{
	static const struct column columns[] = {
		{ "KEY", false, NULL, "key" },
		{ "VALUE", true, NULL, "value" },
		{ "ORIGIN", false, NULL, "origin" },
	};
	static const char *const fields[] = { "key",	 "value",      "origin",
					      "default", "applied_on", NULL };
	const struct listing listing = { .columns = columns,
					 .column_count = COUNT(columns) - !options->origin,
					 .fields = fields };
	struct client_path path;
	client_path_start(&path, "config");
	return pages_print_whole(options, &path, "options", &listing, "no options");
}

enum ctl_exit
ctl_reload(const struct ctl_options *options)
{
	json_t *answer;
	enum ctl_exit code = command(options, "POST", "reload", NULL, &answer);
	if (code != CTL_DONE)
		return code;
	if (options->format != CTL_TABLE)
		output_document(options->format, answer);
	else
		print_report(answer, "applied", "nothing changed");
	json_decref(answer);
	return CTL_DONE;
}

/* --- log ------------------------------------------------------------------------------ */

static json_t *
wanted_level(const struct ctl_options *options)
{
	uint64_t seconds;
	json_t *body = json_pack("{s:s}", "level", options->arguments[0]);
	if (options->span == NULL)
		return body;
	if (!ctl_seconds("for", options->span, &seconds)) {
		json_decref(body);
		return NULL;
	}
	json_object_set_new(body, "for", json_integer((json_int_t)seconds));
	return body;
}

enum ctl_exit
ctl_log_level(const struct ctl_options *options)
{
	bool change = options->argument_count > 0;
	json_t *answer, *body = NULL;
	if (!change && options->span != NULL) {
		ctl_error("say which level: error, warning, notice, info or debug");
		return CTL_USAGE;
	}
	if (change && (body = wanted_level(options)) == NULL)
		return CTL_USAGE;
	enum ctl_exit code = command(options, change ? "PUT" : "GET", "log-level", body, &answer);
	if (code != CTL_DONE)
		return code;
	const char *until = json_string_value(json_object_get(answer, "until"));
	if (options->format != CTL_TABLE)
		output_document(options->format, answer);
	else
		printf("%s%s%s\n", json_string_value(json_object_get(answer, "level")),
		       until == NULL ? "" : " until ", until == NULL ? "" : until);
	json_decref(answer);
	return CTL_DONE;
}

/* --- draining ------------------------------------------------------------------------- */

enum ctl_exit
ctl_drain(const struct ctl_options *options)
{
	json_t *answer;
	if (!ctl_confirm(options, options->now ? "Close the listeners now, move all clients away "
						 "and end this node?"
					       : "Move all clients away and end this node?"))
		return CTL_FAILED;
	enum ctl_exit code =
		command(options, "POST", "drain", json_pack("{s:b}", "now", options->now), &answer);
	if (code != CTL_DONE)
		return code;
	if (options->format != CTL_TABLE)
		output_document(options->format, answer);
	else
		ctl_say(options, "draining; rollcallctl undrain takes it back while the listeners "
				 "are open");
	json_decref(answer);
	return CTL_DONE;
}

enum ctl_exit
ctl_undrain(const struct ctl_options *options)
{
	json_t *answer;
	enum ctl_exit code = command(options, "DELETE", "drain", NULL, &answer);
	if (code != CTL_DONE)
		return code;
	if (options->format != CTL_TABLE)
		output_document(options->format, answer);
	else
		ctl_say(options, "%s", json_string_value(json_object_get(answer, "state")));
	json_decref(answer);
	return CTL_DONE;
}
