/*
 * What an operator commands: configuration, reload, draining, log level. The master does it; the
 * handlers here turn a body into a command and a report into an answer.
 */
#include <stdio.h>

#include "admin_internal.h"
#include "base/memo.h"
#include "json.h"

#define FOR_MAX (7 * 24 * 3600)

/* --- configuration -------------------------------------------------------------------- */

/* There was no room for the memo, here or in the master: an empty list would be a lie. advice says
 * what has become of the command. */
static bool
memo_lost(struct exchange *x, struct str memo, const char *advice)
{
	if (memo.p != NULL)
		return false;
	exchange_problem(x, 503, "overloaded", "Answer lost",
			 "There is no memory or no descriptor left for the answer.", NULL, advice);
	return true;
}

/* "reload" or "restart" as it is, values as a file spells them. */
static void
config_told(struct exchange *x, enum command_outcome outcome, struct str memo)
{
	struct str fields[MEMO_FIELDS_MAX];
	(void)outcome;
	if (memo_lost(x, memo, "Nothing was changed. Try again in a second."))
		return;
	json_t *options = json_array();
	while (memo_next(&memo, fields))
		json_array_append_new(options, json_pack("{s:o,s:o,s:o,s:o,s:o}", "key",
							 json_octets(fields[1]), "value",
							 json_octets(fields[2]), "origin",
							 json_octets(fields[3]), "default",
							 json_octets(fields[5]), "applied_on",
							 json_octets(fields[4])));
	exchange_answer(x, 200, json_pack("{s:o}", "options", options));
}

void
config_show(struct exchange *x)
{
	exchange_command(x, &(struct command){ .verb = COMMAND_CONFIG }, config_told);
}

struct findings {
	json_t *errors, *applied, *needs_restart, *warnings;
};

static json_t *
json_error_of(const struct str *fields)
{
	uint64_t line;
	json_t *error =
		json_pack("{s:o,s:o,s:o}", "file",
			  str_empty(fields[1]) ? json_null() : json_octets(fields[1]), "line",
			  str_to_u64(fields[2], UINT32_MAX, &line) ? json_integer((json_int_t)line)
								   : json_null(),
			  "message", json_octets(fields[3]));
	return error;
}

/* "rollcall.conf:12: sentence" */
static json_t *
json_warning_of(const struct str *fields)
{
	char text[2048];
	snprintf(text, sizeof(text), "%.*s%s%.*s%s%.*s", STR_ARG(fields[1]),
		 str_empty(fields[2]) ? "" : ":", STR_ARG(fields[2]),
		 str_empty(fields[1]) ? "" : ": ", STR_ARG(fields[3]));
	return json_octets(str_of(text));
}

static struct findings
read_findings(struct str memo, bool good)
{
	struct findings found = { json_array(), json_array(), json_array(), json_array() };
	struct str fields[MEMO_FIELDS_MAX];
	while (memo_next(&memo, fields)) {
		if (str_eq(fields[0], STR("error")))
			json_array_append_new(found.errors, json_error_of(fields));
		else if (str_eq(fields[0], STR("warning")))
			json_array_append_new(found.warnings, json_warning_of(fields));
		else if (good && str_eq(fields[0], STR("applied")))
			json_array_append_new(found.applied, json_octets(fields[1]));
		else if (good && str_eq(fields[0], STR("needs_restart")))
			json_array_append_new(found.needs_restart, json_octets(fields[1]));
	}
	return found;
}

static void
check_told(struct exchange *x, enum command_outcome outcome, struct str memo)
{
	bool good = outcome == COMMAND_DONE;
	if (memo_lost(x, memo, "Nothing was changed. Try again in a second."))
		return;
	struct findings found = read_findings(memo, good);
	exchange_answer(x, 200,
			json_pack("{s:b,s:o,s:o,s:o,s:o}", "ok", good, "errors", found.errors,
				  "applied", found.applied, "needs_restart", found.needs_restart,
				  "warnings", found.warnings));
}

static void
too_late(struct exchange *x)
{
	exchange_problem(x, 409, "too_late", "Too late",
			 "The listeners are closed already: this daemon is going to end.", NULL,
			 "Start it again when it has ended.");
}

static void
reload_told(struct exchange *x, enum command_outcome outcome, struct str memo)
{
	if (outcome == COMMAND_TOO_LATE) {
		too_late(x);
		return;
	}
	if (memo_lost(x, memo,
		      outcome == COMMAND_DONE ? "The configuration is applied; the log says more."
					      : "The configuration is refused; the log says why."))
		return;
	struct findings found = read_findings(memo, outcome == COMMAND_DONE);
	if (outcome == COMMAND_DONE) {
		json_decref(found.errors);
		exchange_answer(x, 200,
				json_pack("{s:o,s:o,s:o}", "applied", found.applied,
					  "needs_restart", found.needs_restart, "warnings",
					  found.warnings));
		return;
	}
	json_decref(found.applied);
	json_decref(found.needs_restart);
	json_decref(found.warnings);
	exchange_problem_list(x, 422, "config_invalid", "Configuration refused",
			      "The previous configuration is still running.", found.errors,
			      "POST /api/v1/config:check looks without applying.");
}

static void
command_without_body(struct exchange *x, enum command_verb verb,
		     void (*then)(struct exchange *, enum command_outcome, struct str))
{
	json_t *none = exchange_options(x, "");
	if (none == NULL)
		return;
	json_decref(none);
	exchange_command(x, &(struct command){ .verb = verb }, then);
}

void
config_check(struct exchange *x)
{
	command_without_body(x, COMMAND_CHECK, check_told);
}

void
reload(struct exchange *x)
{
	command_without_body(x, COMMAND_RELOAD, reload_told);
}

/* --- draining ------------------------------------------------------------------------- */

static void
drain_told(struct exchange *x, enum command_outcome outcome, struct str memo)
{
	const struct config *config = x->admin->config;
	(void)outcome;
	(void)memo;
	exchange_answer(x, 202,
			json_pack("{s:s,s:f,s:f,s:f}", "state", "draining", "drain_delay",
				  (double)config->health.drain_delay / 1000, "drain_spread",
				  (double)config->health.drain_spread / 1000, "drain_timeout",
				  (double)config->health.drain_timeout / 1000));
}

void
drain(struct exchange *x)
{
	json_t *options = exchange_options(x, "now");
	if (options == NULL)
		return;
	json_t *now = json_object_get(options, "now");
	bool good = now == NULL || json_is_boolean(now);
	bool at_once = json_is_true(now);
	json_decref(options);
	if (!good) {
		exchange_problem(x, 400, "invalid_field", "Invalid field", "now is true or false.",
				 "now", NULL);
		return;
	}
	exchange_command(x,
			 &(struct command){ .verb = at_once ? COMMAND_DRAIN_NOW : COMMAND_DRAIN },
			 drain_told);
}

static void
undrain_told(struct exchange *x, enum command_outcome outcome, struct str memo)
{
	(void)memo;
	if (outcome == COMMAND_TOO_LATE) {
		too_late(x);
		return;
	}
	exchange_answer(x, 200, json_pack("{s:s}", "state", health_state(x->admin)));
}

void
undrain(struct exchange *x)
{
	command_without_body(x, COMMAND_UNDRAIN, undrain_told);
}

/* --- log level ------------------------------------------------------------------------ */

static void
answer_level(struct exchange *x)
{
	const struct node *node = x->admin->memory->node;
	exchange_answer(
		x, 200,
		json_pack("{s:s,s:s,s:o}", "level", log_level_word((enum log_level)node->log_level),
			  "configured", log_level_word(x->admin->config->log.level), "until",
			  node->log_until_ms == 0 ? json_null() : json_time(node->log_until_ms)));
}

void
log_level_show(struct exchange *x)
{
	answer_level(x);
}

static void
level_told(struct exchange *x, enum command_outcome outcome, struct str memo)
{
	(void)outcome;
	(void)memo;
	answer_level(x);
}

void
log_level_change(struct exchange *x)
{
	struct command command = { .verb = COMMAND_LOG_LEVEL };
	json_t *options = exchange_options(x, "level for");
	if (options == NULL)
		return;
	const char *word = json_string_value(json_object_get(options, "level"));
	json_t *seconds = json_object_get(options, "for");
	json_int_t number = json_integer_value(seconds);
	if (word == NULL || !log_level_parse(str_of(word), &command.level)) {
		exchange_problem(x, 400, "invalid_field", "Invalid field",
				 "level is error, warning, notice, info or debug.", "level", NULL);
	} else if (seconds != NULL && (number < 1 || number > FOR_MAX)) {
		exchange_problem(x, 400, "invalid_field", "Invalid field",
				 "for is a number of seconds, at most 604800 (a week).", "for",
				 "Leave it out for a level that stays.");
	} else {
		command.seconds = (uint32_t)number;
		exchange_command(x, &command, level_told);
	}
	json_decref(options);
}
