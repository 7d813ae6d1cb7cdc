/* binding list, show, remove */
#include <stdlib.h>
#include <string.h>

#include "pages.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

/* The Contact, and the source where it is another: "sip:alice@192.0.2.5:5060 (203.0.113.9:5060)".
 */
static char *
cell_contact(json_t *item)
{
	char *contact = output_text(item, "contact"), *source = output_text(item, "source"),
	     *both = NULL;
	if (contact != NULL && source != NULL && strstr(contact, source) == NULL &&
	    asprintf(&both, "%s (%s)", contact, source) < 0)
		both = NULL;
	free(source);
	if (both == NULL)
		return contact;
	free(contact);
	return both;
}

/* "tls", or with the proxies to go through: "udp via <sip:edge.example.com;lr>". */
static char *
cell_transport(json_t *item)
{
	char *transport = output_text(item, "transport"), *path, *both = NULL;
	if (json_array_size(json_object_get(item, "path")) == 0)
		return transport;
	path = output_text(item, "path");
	if (transport == NULL || path == NULL || asprintf(&both, "%s via %s", transport, path) < 0)
		both = NULL;
	free(path);
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

static char *
cell_agent(json_t *item)
{
	return output_text(item, "user_agent");
}

static char *
cell_id(json_t *item)
{
	return output_text(item, "id");
}

static const struct column list_columns[] = {
	{ "AOR", false, output_aor },	   { "CONTACT", false, cell_contact },
	{ "FLOW", false, cell_transport }, { "EXPIRES", false, cell_expires },
	{ "SINCE", false, cell_since },	   { "AGENT", true, cell_agent },
};
static const struct column show_columns[] = {
	{ "ID", false, cell_id },	   { "CONTACT", false, cell_contact },
	{ "FLOW", false, cell_transport }, { "EXPIRES", false, cell_expires },
	{ "AGENT", true, cell_agent },
};
static const char *const fields[] = { "id",	    "aor",	  "contact",	"instance",
				      "transport",  "secure",	  "source",	"peer",
				      "node",	    "q",	  "path",	"call_id",
				      "cseq",	    "user_agent", "created_at", "updated_at",
				      "expires_at", "expires_in", NULL };

static const struct listing list_listing = { list_columns, COUNT(list_columns), fields };
static const struct listing show_listing = { show_columns, COUNT(show_columns), fields };

enum ctl_exit
ctl_binding_list(const struct ctl_options *options)
{
	struct client_path path;
	client_path_start(&path, "bindings");
	client_path_argument(&path, "domain", options->domain);
	client_path_argument(&path, "user", options->user);
	client_path_argument(&path, "transport", options->transport);
	return pages_print(options, &path, &list_listing, "no bindings");
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
		output_rows(options->format, items, &show_listing, true);
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
