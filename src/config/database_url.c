/*
 * Is there a password in a libpq connection string? Both of its forms are walked as libpq does
 * (PostgreSQL documentation, "Connection Strings"), because a password in the configuration ends up
 * in its printed form.
 */
#include "load.h"

static bool
secret_name(struct str name)
{
	return str_eq(name, STR("password")) || str_eq(name, STR("sslpassword"));
}

/* %70assword is password to libpq; a name too long for the buffer is none of ours. */
static bool
encoded_secret_name(struct str name)
{
	char decoded[32];
	size_t len = 0;
	for (size_t i = 0; i < name.len && len < sizeof(decoded); i++) {
		int high = i + 2 < name.len ? ascii_hex(name.p[i + 1]) : -1;
		int low = i + 2 < name.len ? ascii_hex(name.p[i + 2]) : -1;
		if (name.p[i] == '%' && high >= 0 && low >= 0) {
			decoded[len++] = (char)(high << 4 | low);
			i += 2;
		} else {
			decoded[len++] = name.p[i];
		}
	}
	return secret_name((struct str){ decoded, len });
}

/* What follows "postgresql://". */
static bool
uri_has_password(struct str rest)
{
	struct str hosts, path, query, user, login, password, parameter, name, value;
	/* libpq looks for "@" up to the first "/" and knows no "?" there. */
	str_cut(rest, '/', &hosts, &path);
	if (str_cut(hosts, '@', &login, &hosts) && str_cut(login, ':', &user, &password))
		return true;
	str_cut(rest, '?', &path, &query);
	bool more = query.len > 0;
	while (more) {
		more = str_cut(query, '&', &parameter, &query);
		str_cut(parameter, '=', &name, &value);
		if (encoded_secret_name(name))
			return true;
	}
	return false;
}

static bool
blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static void
skip_blanks(struct str *rest)
{
	while (rest->len > 0 && blank(rest->p[0]))
		*rest = str_slice(*rest, 1, rest->len);
}

static void
skip_value(struct str *rest)
{
	bool quoted = rest->len > 0 && rest->p[0] == '\'';
	size_t i = quoted ? 1 : 0;
	while (i < rest->len && !(quoted ? rest->p[i] == '\'' : blank(rest->p[i])))
		i += rest->p[i] == '\\' ? 2 : 1;
	*rest = str_slice(*rest, quoted ? i + 1 : i, rest->len);
}

static bool
keywords_have_password(struct str rest)
{
	struct str name, tail;
	while (str_cut(rest, '=', &name, &tail)) {
		skip_blanks(&name);
		while (name.len > 0 && blank(name.p[name.len - 1]))
			name.len--;
		if (secret_name(name))
			return true;
		skip_blanks(&tail);
		skip_value(&tail);
		rest = tail;
	}
	return false;
}

enum database_url
database_url_judge(struct str url)
{
	static const char *const schemes[] = { "postgresql://", "postgres://" };
	for (size_t i = 0; i < sizeof(schemes) / sizeof(*schemes); i++) {
		struct str scheme = str_of(schemes[i]);
		if (!str_starts(url, scheme))
			continue;
		bool secret = uri_has_password(str_slice(url, scheme.len, url.len));
		return secret ? DATABASE_URL_PASSWORD : DATABASE_URL_GOOD;
	}
	struct str name, value;
	if (!str_cut(url, '=', &name, &value))
		return DATABASE_URL_UNKNOWN;
	return keywords_have_password(url) ? DATABASE_URL_PASSWORD : DATABASE_URL_GOOD;
}
