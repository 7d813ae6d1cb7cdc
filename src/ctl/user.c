/* user add, list, show, passwd, enable, disable, delete */
#include <stdlib.h>
#include <string.h>

#include "may_register.h"
#include "pages.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static char *
cell_enabled(json_t *item)
{
	return strdup(json_is_true(json_object_get(item, "enabled")) ? "enabled" : "disabled");
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
	{ "USER", false, output_aor, NULL },	  { "LOGIN", false, NULL, "login" },
	{ "STATE", false, cell_enabled, NULL },	  { "HASHES", false, NULL, "algorithms" },
	{ "CHANGED", false, cell_changed, NULL }, { "MAY REGISTER", true, NULL, "may_register" },
};
static const char *const fields[] = { "username",
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

static const struct listing listing = { .columns = columns,
					.column_count = COUNT(columns),
					.fields = fields };

/* --- add ------------------------------------------------------------------------------ */

/* Name and domain apart: the domain is behind the last @. */
static json_t *
identity(const char *user)
{
	const char *at = strrchr(user, '@');
	json_t *body = json_pack("{s:o,s:s}", "username", json_stringn(user, (size_t)(at - user)),
				 "domain", at + 1);
	if (body == NULL)
		ctl_error("the name is not UTF-8; write other octets as %%HH");
	return body;
}

/* False when a text is not UTF-8. */
static bool
add_options(json_t *body, const struct ctl_options *options)
{
	return (options->login == NULL ||
		json_object_set_new(body, "login", json_string(options->login)) == 0) &&
	       (options->display_name == NULL ||
		json_object_set_new(body, "display_name", json_string(options->display_name)) ==
			0) &&
	       (options->may_register == NULL ||
		json_object_set_new(body, "may_register",
				    may_register_json(options->may_register)) == 0);
}

/* The name as it was given; the domain may have been an alias. */
static void
tell_added(const struct ctl_options *options, const char *user, const char *domain)
{
	const char *at = strrchr(user, '@');
	ctl_say(options, "added %.*s@%s", (int)(at - user), user, domain == NULL ? at + 1 : domain);
}

static enum ctl_exit
add_user(const struct ctl_options *options, const char *user)
{
	struct client_path path;
	json_t *answer, *body = identity(user);
	if (body == NULL)
		return CTL_USAGE;
	if (!add_options(body, options)) {
		ctl_error("login, display name and addresses must be UTF-8");
		json_decref(body);
		return CTL_USAGE;
	}
	json_t *password = ctl_password(options, user);
	if (password == NULL) {
		json_decref(body);
		return CTL_FAILED;
	}
	json_object_set_new(body, "password", password);
	client_path_start(&path, "users");
	enum ctl_exit code = client_call(options, "POST", &path, body, &answer);
	json_decref(body);
	if (code == CTL_DONE && options->format != CTL_TABLE)
		output_item(options->format, answer, &listing);
	else if (code == CTL_DONE)
		tell_added(options, user, json_string_value(json_object_get(answer, "domain")));
	json_decref(answer);
	return code;
}

enum ctl_exit
ctl_user_add(const struct ctl_options *options)
{
	char *user;
	enum ctl_exit code = client_user(options, &user);
	if (code != CTL_DONE)
		return code;
	code = add_user(options, user);
	free(user);
	return code;
}

/* --- list, show ----------------------------------------------------------------------- */

enum ctl_exit
ctl_user_list(const struct ctl_options *options)
{
	struct client_path path;
	client_path_start(&path, "users");
	client_path_argument(&path, "domain", options->domain);
	client_path_argument(&path, "user", options->user);
	client_path_argument(&path, "algorithm", options->algorithm);
	return pages_print(options, &path, &listing, "no users");
}

enum ctl_exit
ctl_user_show(const struct ctl_options *options)
{
	json_t *answer;
	enum ctl_exit code = client_user_call(options, "GET", "users", NULL, &answer);
	if (code == CTL_DONE)
		output_item(options->format, answer, &listing);
	json_decref(answer);
	return code;
}

/* --- changes -------------------------------------------------------------------------- */

/* body is given up. */
static enum ctl_exit
change(const struct ctl_options *options, json_t *body, const char *done)
{
	json_t *answer;
	enum ctl_exit code = client_user_call(options, "PATCH", "users", body, &answer);
	json_decref(body);
	if (code == CTL_DONE && options->format != CTL_TABLE)
		output_item(options->format, answer, &listing);
	else if (code == CTL_DONE)
		ctl_say(options, "%s", done);
	json_decref(answer);
	return code;
}

enum ctl_exit
ctl_user_passwd(const struct ctl_options *options)
{
	json_t *password = ctl_password(options, options->arguments[0]);
	if (password == NULL)
		return CTL_FAILED;
	return change(options, json_pack("{s:o}", "password", password),
		      "password changed; the old one no longer works");
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

static bool
confirm_delete(const struct ctl_options *options)
{
	char *question;
	if (asprintf(&question, "Delete %s with all its bindings?", options->arguments[0]) < 0)
		return false;
	bool yes = ctl_confirm(options, question);
	free(question);
	return yes;
}

enum ctl_exit
ctl_user_delete(const struct ctl_options *options)
{
	json_t *answer;
	if (!confirm_delete(options))
		return CTL_FAILED;
	enum ctl_exit code = client_user_call(options, "DELETE", "users", NULL, &answer);
	json_decref(answer);
	if (code == CTL_DONE)
		ctl_say(options, "deleted");
	return code;
}
