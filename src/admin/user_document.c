/*
 * Documents about accounts, checked field by field. Hashes of a password that is replaced never
 * stay: whoever gives one hash gives all that there shall be.
 */
#include <openssl/crypto.h>
#include <string.h>

#include "admin_internal.h"
#include "auth/digest.h"
#include "domain.h"
#include "json.h"
#include "store/rows.h"
#include "user.h"

#define LOGIN_MAX 256u
#define PASSWORD_MAX 256u
#define DISPLAY_NAME_MAX 256u
#define MOST_CONTACTS 1000

const char *const user_ha1_columns[DIGEST_ALGORITHM_COUNT] = {
	[DIGEST_MD5] = "ha1_md5",
	[DIGEST_SHA256] = "ha1_sha256",
	[DIGEST_SHA512_256] = "ha1_sha512_256",
};

/* --- flaws ---------------------------------------------------------------------------- */

static bool
flawed(struct flaw *flaw, const char *field, const char *sentence)
{
	*flaw = (struct flaw){ .field = field, .sentence = sentence };
	return false;
}

const char *
flaw_reason(const struct flaw *flaw)
{
	return flaw->sentence == NULL ? "overloaded"
	       : flaw->not_served     ? "domain_not_served"
				      : "invalid_field";
}

void
flaw_problem(struct exchange *x, const struct flaw *flaw)
{
	/* Nothing may be wrong with it, but for the want of memory. */
	if (flaw->sentence == NULL || !json_whole()) {
		exchange_out_of_memory(x);
		return;
	}
	exchange_problem(x, flaw->not_served ? 422 : 400, flaw_reason(flaw), "A field is no good",
			 flaw->sentence, flaw->field,
			 flaw->not_served ? "Add a domain section to the configuration and reload."
					  : flaw->hint);
}

static bool
known_fields(json_t *given, const char *const *names, struct flaw *flaw)
{
	const char *key;
	json_t *value;
	json_object_foreach(given, key, value)
	{
		bool known = false;
		for (const char *const *name = names; *name != NULL && !known; name++)
			known = strcmp(*name, key) == 0;
		if (!known)
			return flawed(flaw, key, "There is no such field.");
	}
	return true;
}

/* A text without NUL of 1 to most octets. */
static bool
is_text(const json_t *value, size_t most)
{
	size_t len = json_string_length(value);
	return json_is_string(value) && len > 0 && len <= most &&
	       strlen(json_string_value(value)) == len;
}

/* --- hashes --------------------------------------------------------------------------- */

static bool
is_hash(const json_t *value, size_t digits)
{
	const char *text = json_string_value(value);
	if (text == NULL || strlen(text) != digits)
		return false;
	for (; *text != '\0'; text++)
		if (ascii_hex(*text) < 0)
			return false;
	return true;
}

static void
add_lower(json_t *row, const char *column, const char *hex)
{
	char text[DIGEST_HEX_MAX];
	size_t len = strlen(hex);
	for (size_t i = 0; i < len; i++)
		text[i] = ascii_lower(hex[i]);
	json_object_set_new(row, column, json_stringn(text, len));
}

static bool
add_hashes_of(json_t *row, const json_t *password, struct str login, struct str domain,
	      struct flaw *flaw)
{
	char ha1[DIGEST_HEX_MAX + 1];
	if (!is_text(password, PASSWORD_MAX))
		return flawed(flaw, "password", "The password must be a text of 1 to 256 octets.");
	for (int a = 0; a < DIGEST_ALGORITHM_COUNT; a++) {
		digest_ha1((enum digest_algorithm)a, login, domain,
			   str_of(json_string_value(password)), ha1);
		json_object_set_new(row, user_ha1_columns[a], json_string(ha1));
	}
	OPENSSL_cleanse(ha1, sizeof(ha1));
	return true;
}

/* Those that were given; the others become null. */
static bool
add_hashes_given(json_t *row, json_t *given, struct flaw *flaw)
{
	bool any = false;
	for (int a = 0; a < DIGEST_ALGORITHM_COUNT; a++) {
		json_t *hash = json_object_get(given, user_ha1_columns[a]);
		json_object_set_new(row, user_ha1_columns[a], json_null());
		if (hash == NULL || json_is_null(hash))
			continue;
		if (!is_hash(hash, digest_hex_len((enum digest_algorithm)a)))
			return flawed(flaw, user_ha1_columns[a],
				      "It must be the hex digits of H(login:domain:password).");
		add_lower(row, user_ha1_columns[a], json_string_value(hash));
		any = true;
	}
	return any || flawed(flaw, "password", "Give a password or at least one ha1_ hash.");
}

static bool
has_hashes(json_t *given)
{
	bool any = false;
	for (int a = 0; a < DIGEST_ALGORITHM_COUNT; a++)
		any = any || json_object_get(given, user_ha1_columns[a]) != NULL;
	return any;
}

static bool
add_hashes(json_t *row, json_t *given, struct str login, struct str domain, struct flaw *flaw)
{
	const json_t *password = json_object_get(given, "password");
	if (password == NULL)
		return add_hashes_given(row, given, flaw);
	if (has_hashes(given))
		return flawed(flaw, "password", "Give a password or hashes, not both.");
	return add_hashes_of(row, password, login, domain, flaw);
}

/* --- what creating and changing have in common ---------------------------------------- */

/* Whoever logs in is looked for in the domain of the address that he registers, so no address of
 * another one is ever his; nor is one that no To can name, as "bob@example.com;transport=tls". */
static bool
could_register(struct exchange *x, struct str domain, struct address *address, struct flaw *flaw)
{
	if (str_eq(address->domain, domain) ||
	    (address_serve(x, address) && str_eq(address->domain, domain)))
		return true;
	flawed(flaw, "may_register", "An address in it is of another domain than the account.");
	flaw->hint = "Write user@domain, without port and parameters; who logs in to another "
		     "domain needs an account there.";
	return false;
}

static bool
no_list(struct flaw *flaw)
{
	return flawed(flaw, "may_register",
		      "may_register is \"own\", \"domain\" or a list of addresses.");
}

static bool
add_allowed(struct exchange *x, json_t *row, json_t *value, struct str domain, struct flaw *flaw)
{
	json_t *list = json_array();
	size_t index;
	json_t *item;
	json_object_set_new(row, "may_register", list);
	json_array_foreach(value, index, item)
	{
		struct str text = { json_string_value(item), json_string_length(item) };
		struct address address;
		if (text.p == NULL || !address_parse(&x->arena, text, &address))
			return no_list(flaw);
		if (!could_register(x, domain, &address, flaw))
			return false;
		json_array_append_new(list, json_octets(address.key));
	}
	return json_array_size(list) > 0 || no_list(flaw);
}

/* "own", "domain" or a list of addresses, as the column has it. */
static bool
add_may_register(struct exchange *x, json_t *row, json_t *value, struct str domain,
		 struct flaw *flaw)
{
	const char *word = json_string_value(value);
	if (word != NULL && strcmp(word, "own") == 0)
		json_object_set_new(row, "may_register", json_null());
	else if (word != NULL && strcmp(word, "domain") == 0)
		json_object_set_new(row, "may_register", json_pack("[s]", "*"));
	else
		return add_allowed(x, row, value, domain, flaw);
	return true;
}

static bool
add_options(struct exchange *x, json_t *row, json_t *given, struct str domain, struct flaw *flaw)
{
	json_t *enabled = json_object_get(given, "enabled");
	json_t *name = json_object_get(given, "display_name");
	json_t *contacts = json_object_get(given, "max_contacts");
	json_t *may_register = json_object_get(given, "may_register");
	if (enabled != NULL && !json_is_boolean(enabled))
		return flawed(flaw, "enabled", "enabled is true or false.");
	if (name != NULL && !json_is_null(name) && !is_text(name, DISPLAY_NAME_MAX))
		return flawed(flaw, "display_name", "display_name is a text of 1 to 256 octets.");
	if (contacts != NULL && !json_is_null(contacts) &&
	    (json_integer_value(contacts) < 1 || json_integer_value(contacts) > MOST_CONTACTS))
		return flawed(flaw, "max_contacts", "max_contacts is a number from 1 to 1000.");
	if (enabled != NULL)
		json_object_set(row, "enabled", enabled);
	if (name != NULL)
		json_object_set(row, "display_name", name);
	if (contacts != NULL)
		json_object_set(row, "max_contacts", contacts);
	return may_register == NULL || add_may_register(x, row, may_register, domain, flaw);
}

/* --- a new account -------------------------------------------------------------------- */

static bool
address_of(struct exchange *x, json_t *given, struct address *address, struct flaw *flaw)
{
	const json_t *name = json_object_get(given, "username");
	struct str user = str_of(json_string_value(name));
	struct str domain = str_of(json_string_value(json_object_get(given, "domain")));
	if (!is_text(name, LOGIN_MAX) || memchr(user.p, '@', user.len) != NULL)
		return flawed(flaw, "username",
			      "username is the part before the @, 1 to 256 octets.");
	if (!address_join(&x->arena, user, STR("x"), address))
		return flawed(flaw, "username", "A % in it needs two hex digits behind it.");
	bool joined = address_join(&x->arena, user, domain, address);
	struct str named = joined ? address->domain : STR("");
	if (!joined || !address_serve(x, address)) {
		flawed(flaw, "domain", "The domain is not served here.");
		flaw->not_served = true;
		return false;
	}
	/* The realm of a challenge is the domain's name: other hashes fit no password. */
	return !has_hashes(given) || str_eq(named, address->domain) ||
	       flawed(flaw, "domain", "Hashes need the name of the domain, not an alias of it.");
}

/* The digest user name: given, or the user part with its escapes undone. */
static bool
login_of(struct exchange *x, json_t *given, struct str user, struct str *login, struct flaw *flaw)
{
	const json_t *value = json_object_get(given, "login");
	if (value != NULL && !is_text(value, LOGIN_MAX))
		return flawed(flaw, "login", "login is a text of 1 to 256 octets.");
	*login = value != NULL ? arena_copy(&x->arena, str_of(json_string_value(value)))
			       : argument_decoded(&x->arena, user);
	return true;
}

static json_t *
identity_row(const struct address *address, struct str login)
{
	char wire[4 * LOGIN_MAX];
	struct writer w = writer_on(wire, sizeof(wire));
	wire_encode(&w, login);
	return json_pack("{s:o,s:o,s:o,s:o}", "aor", json_octets(address->key), "domain",
			 json_octets(address->domain), "username", json_octets(address->user),
			 "login", json_octets(writer_text(&w)));
}

json_t *
user_row(struct exchange *x, json_t *given, struct flaw *flaw)
{
	static const char *const names[] = { "username",     "domain",	       "login",
					     "password",     "ha1_md5",	       "ha1_sha256",
					     "display_name", "ha1_sha512_256", "enabled",
					     "max_contacts", "may_register",   NULL };
	struct address address;
	struct str login;
	if (!json_is_object(given)) {
		flawed(flaw, "users", "Each row is a JSON object.");
		return NULL;
	}
	if (!known_fields(given, names, flaw) || !address_of(x, given, &address, flaw) ||
	    !login_of(x, given, address.user, &login, flaw))
		return NULL;
	json_t *row = identity_row(&address, login);
	if (row != NULL && add_options(x, row, given, address.domain, flaw) &&
	    add_hashes(row, given, login, address.domain, flaw))
		return row;
	json_decref(row);
	return NULL;
}

/* --- a change ------------------------------------------------------------------------- */

bool
user_change_known(json_t *given, struct flaw *flaw)
{
	static const char *const names[] = { "password",       "ha1_md5",      "ha1_sha256",
					     "ha1_sha512_256", "display_name", "enabled",
					     "max_contacts",   "may_register", NULL };
	return known_fields(given, names, flaw);
}

json_t *
user_change_row(struct exchange *x, json_t *given, struct str login, struct str domain,
		struct flaw *flaw)
{
	bool new_password = json_object_get(given, "password") != NULL || has_hashes(given);
	json_t *row = json_object();
	if (add_options(x, row, given, domain, flaw) &&
	    (!new_password || add_hashes(row, given, login, domain, flaw)))
		return row;
	json_decref(row);
	return NULL;
}

const char *
user_statement_text(struct exchange *x, json_t *value)
{
	size_t len = json_dumpb(value, NULL, 0, JSON_COMPACT);
	char *text = arena_alloc(&x->arena, len + 1);
	if (text != NULL)
		text[json_dumpb(value, text, len, JSON_COMPACT)] = '\0';
	json_decref(value);
	return text;
}
