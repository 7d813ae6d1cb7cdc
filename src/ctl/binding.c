/* binding list, show, remove, stats */
#include <stdlib.h>
#include <string.h>

#include "pages.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

/* The Contact, and the address of the source where it is another one: "sip:alice@192.0.2.5:5060
 * (203.0.113.9)"; with its port where only that is another. */
static char *
cell_contact(json_t *item)
{
	char *contact = output_text(item, "contact"), *source = output_text(item, "source"),
	     *both = NULL;
	if (contact != NULL && source != NULL && strstr(contact, source) == NULL) {
		char *port = strrchr(source, ':');
		if (port != NULL)
			*port = '\0';
		if (port != NULL && strstr(contact, source) != NULL)
			*port = ':';
		if (asprintf(&both, "%s (%s)", contact, source) < 0)
			both = NULL;
	}
	free(source);
	if (both == NULL)
		return contact;
	free(contact);
	return both;
}

/* "tcp secure" is TLS that a balancer ended. */
static char *
cell_flow(json_t *item)
{
	char *transport = output_text(item, "transport"), *both = NULL;
	bool offloaded = transport != NULL && strcmp(transport, "tls") != 0 &&
			 json_is_true(json_object_get(item, "secure"));
	if (!offloaded || asprintf(&both, "%s secure", transport) < 0)
		return transport;
	free(transport);
	return both;
}

static char *
cell_expires(json_t *item)
{
	char span[32], *text;
	output_duration(span, sizeof(span),
			json_integer_value(json_object_get(item, "expires_in")));
	return asprintf(&text, "in %s", span) < 0 ? NULL : text;
}

static char *
cell_since(json_t *item)
{
	char span[32];
	output_duration(span, sizeof(span),
			output_age(json_string_value(json_object_get(item, "created_at"))));
	return strdup(span);
}

static const struct column list_columns[] = {
	{ "AOR", false, output_aor, NULL },   { "CONTACT", false, cell_contact, NULL },
	{ "FLOW", false, cell_flow, NULL },   { "EXPIRES", false, cell_expires, NULL },
	{ "SINCE", false, cell_since, NULL }, { "AGENT", true, NULL, "user_agent" },
};
/* The last one only where there is a Path. */
static const struct column show_columns[] = {
	{ "ID", false, NULL, "id" },	       { "CONTACT", false, cell_contact, NULL },
	{ "FLOW", false, cell_flow, NULL },    { "EXPIRES", false, cell_expires, NULL },
	{ "AGENT", true, NULL, "user_agent" }, { "PATH", false, NULL, "path" },
};
static const struct column stats_columns[] = {
	{ "VALUE", false, NULL, "value" },
	{ "BINDINGS", false, NULL, "bindings" },
};
static const char *const fields[] = { "id",	    "aor",	  "contact",	"instance",
				      "transport",  "secure",	  "source",	"peer",
				      "node",	    "q",	  "path",	"call_id",
				      "cseq",	    "user_agent", "created_at", "updated_at",
				      "expires_at", "expires_in", NULL };
static const char *const stats_fields[] = { "value", "bindings", NULL };

static const struct listing list_listing = { .columns = list_columns,
					     .column_count = COUNT(list_columns),
					     .fields = fields };
static const struct listing show_listing = { .columns = show_columns,
					     .column_count = COUNT(show_columns) - 1,
					     .fields = fields };
static const struct listing path_listing = { .columns = show_columns,
					     .column_count = COUNT(show_columns),
					     .fields = fields };
static const struct listing stats_listing = { .columns = stats_columns,
					      .column_count = COUNT(stats_columns),
					      .fields = stats_fields };

/* "5m" from now, or a time. */
static bool
add_expiry(struct client_path *path, const struct ctl_options *options)
{
	char number[24];
	uint64_t seconds;
	if (options->expires_before == NULL || strchr(options->expires_before, 'T') != NULL) {
		client_path_argument(path, "expires_before", options->expires_before);
		return true;
	}
	if (!ctl_seconds("expires-before", options->expires_before, &seconds))
		return false;
	snprintf(number, sizeof(number), "%llu", (unsigned long long)seconds);
	client_path_argument(path, "expires_before", number);
	return true;
}

enum ctl_exit
ctl_binding_list(const struct ctl_options *options)
{
	struct client_path path;
	client_path_start(&path, "bindings");
	client_path_argument(&path, "domain", options->domain);
	client_path_argument(&path, "user", options->user);
	client_path_argument(&path, "ip", options->ip);
	client_path_argument(&path, "transport", options->transport);
	client_path_argument(&path, "agent", options->agent);
	if (!add_expiry(&path, options))
		return CTL_USAGE;
	return pages_print(options, &path, &list_listing, "no bindings");
}

static bool
has_path(json_t *items)
{
	size_t index;
	json_t *item;
	json_array_foreach(items, index, item) if (json_array_size(json_object_get(item, "path")) >
						   0) return true;
	return false;
}

enum ctl_exit
ctl_binding_show(const struct ctl_options *options)
{
	json_t *answer;
	enum ctl_exit code = client_user_call(options, "GET", "aors", NULL, &answer);
	if (code != CTL_DONE)
		return code;
	json_t *items = json_object_get(answer, "bindings");
	if (options->format == CTL_JSON)
		output_json(answer);
	else if (json_array_size(items) == 0 && options->format == CTL_TABLE)
		ctl_say(options, "%s has no bindings", options->arguments[0]);
	else
		output_rows(options->format, items, has_path(items) ? &path_listing : &show_listing,
			    true);
	json_decref(answer);
	return CTL_DONE;
}

static bool
confirm_removal(const struct ctl_options *options)
{
	char *question;
	if (asprintf(&question, "Remove %s%s of %s?", options->all ? "all bindings" : "binding ",
		     options->all ? "" : options->id, options->arguments[0]) < 0)
		return false;
	bool yes = ctl_confirm(options, question);
	free(question);
	return yes;
}

enum ctl_exit
ctl_binding_remove(const struct ctl_options *options)
{
	struct client_path path;
	json_t *answer = NULL;
	if (options->all == (options->id != NULL) || (options->id != NULL && !*options->id)) {
		ctl_error("say which: --id ID (see binding show) or --all");
		return CTL_USAGE;
	}
	if (!confirm_removal(options))
		return CTL_FAILED;
	enum ctl_exit code = client_user_path(options, "aors", &path);
	if (code != CTL_DONE)
		return code;
	client_path_segment(&path, "bindings");
	if (options->id != NULL)
		client_path_segment(&path, options->id);
	code = client_call(options, "DELETE", &path, NULL, &answer);
	json_decref(answer);
	if (code == CTL_DONE)
		ctl_say(options, "removed");
	return code;
}

enum ctl_exit
ctl_binding_stats(const struct ctl_options *options)
{
	struct client_path path;
	if (options->by == NULL) {
		ctl_error("say by what: --by agent, transport, domain or node");
		return CTL_USAGE;
	}
	client_path_start(&path, "bindings:stats");
	client_path_argument(&path, "by", options->by);
	return pages_print_whole(options, &path, "items", &stats_listing, "no bindings");
}
