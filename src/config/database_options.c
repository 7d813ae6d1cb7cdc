/*
 * What libpq would say of database.url when it connects, said when the file is read: of names, and
 * of the values that are usually mistaken. Names are told, values never: one of them may be a
 * password in the wrong place.
 */
#include <libpq-fe.h>

#include "load.h"

#define NAME_SHOWN 32u

/* Words that libpq looks at when it connects only. */
static const struct {
	const char *option, *words;
} choices[] = {
	{ "sslmode", "disable allow prefer require verify-ca verify-full" },
	{ "target_session_attrs", "any read-write read-only primary standby prefer-standby" },
	{ "gssencmode", "disable prefer require" },
	{ "channel_binding", "disable prefer require" },
};
static const char *const numbers[] = {
	"connect_timeout",     "keepalives",	   "keepalives_idle",
	"keepalives_interval", "keepalives_count", "tcp_user_timeout"
};

static bool
is_word_of(const char *words, struct str text)
{
	struct str word;
	for (size_t i = 0; word_at(words, i, &word); i++)
		if (str_eq(text, word))
			return true;
	return false;
}

static bool
is_number(struct str text, uint64_t least, uint64_t most)
{
	uint64_t value;
	return str_to_u64(str_trim(text), most, &value) && value >= least;
}

/* Less than nothing is no limit. */
static bool
is_time(struct str text)
{
	text = str_trim(text);
	return is_number(str_slice(text, str_starts(text, STR("-")), text.len), 0, INT32_MAX);
}

/* One for each host; an empty one is the usual one. */
static bool
are_ports(struct str rest)
{
	struct str port;
	bool more = true, good = true;
	while (more && good) {
		more = str_cut(rest, ',', &port, &rest);
		good = str_empty(port) || is_number(port, 1, 65535);
	}
	return good;
}

static void
check_option(struct loader *loader, struct place place, const PQconninfoOption *option)
{
	struct str name = str_of(option->keyword), value = str_of(option->val);
	for (size_t i = 0; i < sizeof(choices) / sizeof(*choices); i++)
		if (str_eq(name, str_of(choices[i].option)) && !is_word_of(choices[i].words, value))
			complain(loader, place, "database.url: %s is none of %s%s", option->keyword,
				 with_commas(loader, choices[i].words),
				 suggest_word(loader, choices[i].words, value));
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		if (str_eq(name, str_of(numbers[i])) && !is_time(value))
			complain(loader, place, "database.url: %s is not a number",
				 option->keyword);
	if (str_eq(name, STR("port")) && !are_ports(value))
		complain(loader, place, "database.url: port is not a number from 1 to 65535");
}

/* Every option that this libpq has, with blanks between. */
static const char *
known_options(struct loader *loader)
{
	PQconninfoOption *options = PQconninfoParse("", NULL);
	const char *words = "";
	for (const PQconninfoOption *o = options; o != NULL && o->keyword != NULL; o++)
		words = loader_printf(loader, "%s%s%s", words, *words == '\0' ? "" : " ",
				      o->keyword);
	PQconninfoFree(options);
	return words;
}

static bool
option_letter(char c)
{
	return c == '_' || (c >= '0' && c <= '9') ||
	       (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z');
}

/* What stands in quotes behind one of these is the name of an option, and looks like one. */
static bool
unknown_name(struct str said, struct str *name)
{
	static const char *const openings[] = { "invalid URI query parameter: \"",
						"invalid connection option \"" };
	for (size_t i = 0; i < sizeof(openings) / sizeof(*openings); i++) {
		struct str opening = str_of(openings[i]), rest;
		if (!str_starts(said, opening))
			continue;
		str_cut(str_slice(said, opening.len, said.len), '"', name, &rest);
		for (size_t k = 0; k < name->len; k++)
			if (!option_letter(name->p[k]))
				return false;
		return name->len > 0 && name->len <= NAME_SHOWN;
	}
	return false;
}

static void
complain_of_url(struct loader *loader, struct place place, struct str said)
{
	struct str name;
	if (unknown_name(said, &name))
		complain(loader, place, "database.url: libpq has no option \"%.*s\"%s",
			 STR_ARG(name), suggest_word(loader, known_options(loader), name));
	else
		complain(loader, place,
			 "database.url is not what libpq can read (it is not shown, for it may "
			 "hold a password); write postgresql://user@host/name?option=value, with "
			 "%%XX for what is special");
}

void
database_options_check(struct loader *loader, struct place place)
{
	char *said = NULL;
	PQconninfoOption *options = PQconninfoParse(loader->config->database.url, &said);
	if (options == NULL)
		complain_of_url(loader, place, str_of(said == NULL ? "" : said));
	for (const PQconninfoOption *o = options; o != NULL && o->keyword != NULL; o++)
		if (o->val != NULL)
			check_option(loader, place, o);
	PQconninfoFree(options);
	PQfreemem(said);
}
