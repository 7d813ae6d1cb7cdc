/* user add, list, show, passwd, enable, disable, delete */
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "output.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))
#define PATH_BYTES 4096
#define PASSWORD_BYTES 300

static char *
cell_user(json_t *item)
{
	char *text = output_text(item, "aor");
	if (text != NULL && strncmp(text, "sip:", 4) == 0)
		memmove(text, text + 4, strlen(text) - 3);
	return text;
}

static char *
cell_login(json_t *item)
{
	return output_text(item, "login");
}

static char *
cell_enabled(json_t *item)
{
	return strdup(json_is_true(json_object_get(item, "enabled")) ? "enabled" : "disabled");
}

static char *
cell_algorithms(json_t *item)
{
	return output_text(item, "algorithms");
}

static char *
cell_may_register(json_t *item)
{
	return output_text(item, "may_register");
}

static char *
cell_changed(json_t *item)
{
	char span[32], *text;
	output_duration(span, sizeof(span),
			output_age(json_string_value(json_object_get(item, "changed_at"))));
	return asprintf(&text, "%s ago", span) < 0 ? NULL : text;
}

static const struct column columns[] = {
	{ "USER", false, cell_user },	    { "LOGIN", false, cell_login },
	{ "STATE", false, cell_enabled },   { "HASHES", false, cell_algorithms },
	{ "CHANGED", false, cell_changed }, { "MAY REGISTER", true, cell_may_register },
};
static const char *const csv_fields[] = { "username",
					  "domain",
					  "login",
					  "enabled",
					  "display_name",
					  "max_contacts",
					  "may_register",
					  "algorithms",
					  "created_at",
					  "changed_at",
					  NULL };

static void
print_user(const struct ctl_options *options, json_t *user)
{
	json_t *items = json_pack("[O]", user);
	if (options->format == CTL_JSON)
		output_json(user);
	else
		output_list(options, items, columns, COUNT(columns), csv_fields);
	json_decref(items);
}

/* --- add --------------------------------------------------------------------------------- */

/* "own", "domain", or a comma list of addresses. */
static json_t *
json_may_register(const char *text)
{
	if (strcmp(text, "own") == 0 || strcmp(text, "domain") == 0)
		return json_string(text);
	json_t *list = json_array();
	struct str rest = str_of(text), item;
	for (bool more = true; more;) {
		more = str_cut(rest, ',', &item, &rest);
		item = str_trim(item);
		if (!str_empty(item))
			json_array_append_new(list, json_stringn(item.p, item.len));
	}
	return list;
}

/* The two halves of USER; a bare name takes the only domain that is served. Buffers of 1024. */
static bool
split_user(const struct ctl_options *options, char *name, char *domain)
{
	char segment[2048];
	struct str decoded[2];
	if (!client_user(options, options->arguments[0], segment, sizeof(segment)))
		return false;
	const char *text = options->arguments[0];
	text = strncmp(text, "sip:", 4) == 0	? text + 4
	       : strncmp(text, "sips:", 5) == 0 ? text + 5
						: text;
	const char *at = strrchr(text, '@');
	const char *segment_at = strrchr(segment, '@');
	decoded[0] = (struct str){ text, at == NULL ? strlen(text) : (size_t)(at - text) };
	decoded[1] = segment_at == NULL ? (struct str){ "", 0 } : str_of(segment_at + 1);
	str_copy(name, 1024, decoded[0]);
	str_copy(domain, 1024, decoded[1]);
	return true;
}

enum ctl_exit
ctl_user_add(const struct ctl_options *options)
{
	char name[1024], domain[1024], password[PASSWORD_BYTES];
	json_t *answer;
	if (!split_user(options, name, domain) ||
	    !ctl_password(options, options->arguments[0], password, sizeof(password)))
		return CTL_FAILED;
	json_t *body = json_pack("{s:s,s:s,s:s}", "username", name, "domain", domain, "password",
				 password);
	explicit_bzero(password, sizeof(password));
	if (body == NULL) {
		ctl_error("name and password must be UTF-8");
		return CTL_USAGE;
	}
	if (options->login != NULL)
		json_object_set_new(body, "login", json_string(options->login));
	if (options->display_name != NULL)
		json_object_set_new(body, "display_name", json_string(options->display_name));
	if (options->may_register != NULL)
		json_object_set_new(body, "may_register", json_may_register(options->may_register));
	enum ctl_exit code = client_call(options, "POST", "users", body, &answer);
	json_decref(body);
	if (code == CTL_DONE && options->format != CTL_TABLE)
		print_user(options, answer);
	else if (code == CTL_DONE)
		ctl_say(options, "added %s@%s", name, domain);
	json_decref(answer);
	return code;
}

/* --- list, show -------------------------------------------------------------------------- */

enum ctl_exit
ctl_user_list(const struct ctl_options *options)
{
	char path[PATH_BYTES], domain[1024] = "", user[1024] = "", token[1024] = "";
	const struct {
		const char *from;
		char *to;
	} copies[] = { { options->domain, domain },
		       { options->user, user },
		       { options->page_token, token } };
	json_t *answer;
	for (size_t i = 0; i < COUNT(copies); i++)
		if (copies[i].from != NULL && strlen(copies[i].from) < 300)
			client_escape(copies[i].to, copies[i].from);
	snprintf(path, sizeof(path),
		 "users?domain=%s&user=%s&page_token=%s&page_size=%s&algorithm=%s", domain, user,
		 token, options->limit == NULL ? "1000" : options->limit,
		 options->algorithm == NULL ? "" : options->algorithm);
	enum ctl_exit code = client_call(options, "GET", path, NULL, &answer);
	if (code != CTL_DONE)
		return code;
	json_t *items = json_object_get(answer, "items");
	const char *next = json_string_value(json_object_get(answer, "next_page_token"));
	if (json_array_size(items) == 0 && options->format == CTL_TABLE)
		ctl_say(options, "no users");
	else
		output_list(options, items, columns, COUNT(columns), csv_fields);
	if (next != NULL)
		ctl_say(options, "%zu shown; more: --page-token %s", json_array_size(items), next);
	json_decref(answer);
	return CTL_DONE;
}

static bool
user_path(const struct ctl_options *options, char *path, size_t cap)
{
	char user[2048];
	if (!client_user(options, options->arguments[0], user, sizeof(user)))
		return false;
	snprintf(path, cap, "users/%s", user);
	return true;
}

enum ctl_exit
ctl_user_show(const struct ctl_options *options)
{
	char path[PATH_BYTES];
	json_t *answer;
	if (!user_path(options, path, sizeof(path)))
		return CTL_FAILED;
	enum ctl_exit code = client_call(options, "GET", path, NULL, &answer);
	if (code == CTL_DONE)
		print_user(options, answer);
	json_decref(answer);
	return code;
}

/* --- changes ----------------------------------------------------------------------------- */

static enum ctl_exit
change(const struct ctl_options *options, json_t *body, const char *done)
{
	char path[PATH_BYTES];
	json_t *answer = NULL;
	enum ctl_exit code = CTL_FAILED;
	if (user_path(options, path, sizeof(path)))
		code = client_call(options, "PATCH", path, body, &answer);
	json_decref(body);
	json_decref(answer);
	if (code == CTL_DONE)
		ctl_say(options, "%s", done);
	return code;
}

enum ctl_exit
ctl_user_passwd(const struct ctl_options *options)
{
	char password[PASSWORD_BYTES];
	if (!ctl_password(options, options->arguments[0], password, sizeof(password)))
		return CTL_FAILED;
	json_t *body = json_pack("{s:s}", "password", password);
	explicit_bzero(password, sizeof(password));
	if (body == NULL) {
		ctl_error("the password must be UTF-8");
		return CTL_USAGE;
	}
	return change(options, body, "password changed; the old one no longer works");
}

enum ctl_exit
ctl_user_enable(const struct ctl_options *options)
{
	return change(options, json_pack("{s:b}", "enabled", 1), "enabled");
}

enum ctl_exit
ctl_user_disable(const struct ctl_options *options)
{
	return change(options, json_pack("{s:b}", "enabled", 0),
		      "disabled; bindings stay until they expire or are removed");
}

enum ctl_exit
ctl_user_delete(const struct ctl_options *options)
{
	char path[PATH_BYTES], question[400];
	json_t *answer;
	if (!user_path(options, path, sizeof(path)))
		return CTL_FAILED;
	snprintf(question, sizeof(question), "Delete %s with all its bindings?",
		 options->arguments[0]);
	if (!ctl_confirm(options, question))
		return CTL_FAILED;
	enum ctl_exit code = client_call(options, "DELETE", path, NULL, &answer);
	json_decref(answer);
	if (code == CTL_DONE)
		ctl_say(options, "deleted");
	return code;
}
