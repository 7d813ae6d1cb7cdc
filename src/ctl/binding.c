/* binding list, show, remove */
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "output.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))
#define PATH_BYTES 4096
#define PAGE "1000"

static char *
cell_aor(json_t *item)
{
	char *text = output_text(item, "aor");
	if (text != NULL && strncmp(text, "sip:", 4) == 0)
		memmove(text, text + 4, strlen(text) - 3);
	return text;
}

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

static char *
cell_transport(json_t *item)
{
	return output_text(item, "transport");
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
	{ "AOR", false, cell_aor },	   { "CONTACT", false, cell_contact },
	{ "FLOW", false, cell_transport }, { "EXPIRES", false, cell_expires },
	{ "SINCE", false, cell_since },	   { "AGENT", true, cell_agent },
};
static const struct column show_columns[] = {
	{ "ID", false, cell_id },	   { "CONTACT", false, cell_contact },
	{ "FLOW", false, cell_transport }, { "EXPIRES", false, cell_expires },
	{ "AGENT", true, cell_agent },
};
static const char *const csv_fields[] = { "id",		"aor",	      "contact",    "instance",
					  "transport",	"secure",     "source",	    "node",
					  "q",		"call_id",    "cseq",	    "user_agent",
					  "created_at", "updated_at", "expires_at", "expires_in",
					  NULL };

static void
add_argument(char *path, size_t cap, const char *name, const char *value)
{
	char escaped[1024];
	size_t len = strlen(path);
	if (value == NULL || strlen(value) * 3 + 1 > sizeof(escaped))
		return;
	client_escape(escaped, value);
	snprintf(path + len, cap - len, "%c%s=%s", strchr(path, '?') == NULL ? '?' : '&', name,
		 escaped);
}

/* One page: the rows as the format asks, and a word about what is left. */
enum ctl_exit
ctl_binding_list(const struct ctl_options *options)
{
	char path[PATH_BYTES] = "bindings";
	json_t *answer;
	add_argument(path, sizeof(path), "domain", options->domain);
	add_argument(path, sizeof(path), "user", options->user);
	add_argument(path, sizeof(path), "transport", options->transport);
	add_argument(path, sizeof(path), "page_size",
		     options->limit != NULL ? options->limit : PAGE);
	add_argument(path, sizeof(path), "page_token", options->page_token);
	enum ctl_exit code = client_call(options, "GET", path, NULL, &answer);
	if (code != CTL_DONE)
		return code;
	json_t *items = json_object_get(answer, "items");
	const char *token = json_string_value(json_object_get(answer, "next_page_token"));
	if (json_array_size(items) == 0 && options->format == CTL_TABLE)
		ctl_say(options, "no bindings");
	else
		output_list(options, items, list_columns, COUNT(list_columns), csv_fields);
	if (token != NULL)
		ctl_say(options, "%zu shown; more: --page-token %s", json_array_size(items), token);
	json_decref(answer);
	return CTL_DONE;
}

enum ctl_exit
ctl_binding_show(const struct ctl_options *options)
{
	char user[2048], path[PATH_BYTES];
	json_t *answer;
	if (!client_user(options, options->arguments[0], user, sizeof(user)))
		return CTL_FAILED;
	snprintf(path, sizeof(path), "aors/%s", user);
	enum ctl_exit code = client_call(options, "GET", path, NULL, &answer);
	if (code != CTL_DONE)
		return code;
	json_t *items = json_object_get(answer, "bindings");
	if (options->format == CTL_JSON)
		output_json(answer);
	else if (json_array_size(items) == 0 && options->format == CTL_TABLE)
		ctl_say(options, "%s has no bindings", options->arguments[0]);
	else
		output_list(options, items, show_columns, COUNT(show_columns), csv_fields);
	json_decref(answer);
	return CTL_DONE;
}

enum ctl_exit
ctl_binding_remove(const struct ctl_options *options)
{
	char user[2048], path[PATH_BYTES], question[512];
	json_t *answer;
	if (options->all == (options->id != NULL)) {
		ctl_error("say which: --id ID (see binding show) or --all");
		return CTL_USAGE;
	}
	if (!client_user(options, options->arguments[0], user, sizeof(user)))
		return CTL_FAILED;
	snprintf(question, sizeof(question), "Remove %s%s of %s?",
		 options->all ? "all bindings" : "binding ", options->all ? "" : options->id,
		 options->arguments[0]);
	if (!ctl_confirm(options, question))
		return CTL_FAILED;
	char id[256] = "";
	if (options->id != NULL && strlen(options->id) * 3 < sizeof(id))
		client_escape(id, options->id);
	snprintf(path, sizeof(path), "aors/%s/bindings%s%s", user, options->all ? "" : "/", id);
	enum ctl_exit code = client_call(options, "DELETE", path, NULL, &answer);
	json_decref(answer);
	if (code == CTL_DONE)
		ctl_say(options, "removed");
	return code;
}
