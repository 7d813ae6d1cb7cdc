/* ban list, add, remove */
#include <stdlib.h>

#include "pages.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static char *
cell_left(json_t *item)
{
	char span[32], *text;
	output_duration(span, sizeof(span),
			json_integer_value(json_object_get(item, "expires_in")));
	return asprintf(&text, "in %s", span) < 0 ? NULL : text;
}

static const struct column columns[] = {
	{ "PREFIX", false, NULL, "cidr" },   { "ENDS", false, cell_left, NULL },
	{ "REASON", false, NULL, "reason" }, { "ORIGIN", false, NULL, "origin" },
	{ "NODE", false, NULL, "node" },     { "COMMENT", true, NULL, "comment" },
};
static const char *const fields[] = { "cidr",	    "reason",	  "origin",	"node", "comment",
				      "created_at", "expires_at", "expires_in", NULL };
static const struct listing listing = { .columns = columns,
					.column_count = COUNT(columns),
					.fields = fields };

enum ctl_exit
ctl_ban_list(const struct ctl_options *options)
{
	struct client_path path;
	client_path_start(&path, "bans");
	return pages_print(options, &path, &listing, "nobody is banned");
}

/* What holds: a ban that ends later than the one that was asked for stays. */
static void
say_added(const struct ctl_options *options, json_t *ban, json_int_t asked)
{
	char span[32];
	json_int_t left = json_integer_value(json_object_get(ban, "expires_in"));
	output_duration(span, sizeof(span), left);
	ctl_say(options, "%s gets silence for %s%s",
		json_string_value(json_object_get(ban, "cidr")), span,
		left > asked ? "; it was already banned for longer" : "");
}

enum ctl_exit
ctl_ban_add(const struct ctl_options *options)
{
	struct client_path path;
	json_t *answer;
	uint64_t seconds;
	if (options->span == NULL) {
		ctl_error("say for how long: --for 1h");
		return CTL_USAGE;
	}
	if (!ctl_seconds("for", options->span, &seconds))
		return CTL_USAGE;
	json_t *body =
		json_pack("{s:s,s:I}", "cidr", options->arguments[0], "for", (json_int_t)seconds);
	if (body == NULL ||
	    (options->comment != NULL &&
	     json_object_set_new(body, "comment", json_string(options->comment)) != 0)) {
		ctl_error("the prefix and the comment must be UTF-8");
		json_decref(body);
		return CTL_USAGE;
	}
	client_path_start(&path, "bans");
	enum ctl_exit code = client_call(options, "POST", &path, body, &answer);
	json_decref(body);
	if (code != CTL_DONE)
		return code;
	if (options->format == CTL_TABLE)
		say_added(options, answer, (json_int_t)seconds);
	else
		output_item(options->format, answer, &listing);
	json_decref(answer);
	return CTL_DONE;
}

enum ctl_exit
ctl_ban_remove(const struct ctl_options *options)
{
	struct client_path path;
	json_t *answer;
	client_path_start(&path, "bans");
	client_path_segment(&path, options->arguments[0]);
	enum ctl_exit code = client_call(options, "DELETE", &path, NULL, &answer);
	json_decref(answer);
	if (code == CTL_DONE)
		ctl_say(options, "the ban of %s ended", options->arguments[0]);
	return code;
}
