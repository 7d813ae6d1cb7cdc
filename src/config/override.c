/*
 * Settings that do not come from files: ROLLCALL_SECTION_KEY in the environment, then -o
 * section.key=value. Each replaces what was said before it.
 */
#include <stdlib.h>
#include <unistd.h>

#include "load.h"

#define PREFIX "ROLLCALL_"
#define RANK_ENVIRONMENT 1000000u
#define RANK_COMMAND_LINE 2000000u

static struct str
without(struct str text, char first, char last)
{
	if (text.len >= 2 && text.p[0] == first && text.p[text.len - 1] == last)
		return str_trim(str_slice(text, 1, text.len - 2));
	return text;
}

void
list_split(struct loader *loader, struct setting *setting, struct str text)
{
	struct str rest = str_trim(text);
	if (!type_is_list(setting->key->type)) {
		setting_append(loader, setting, loader_copy(loader, text));
		return;
	}
	rest = without(rest, '{', '}');
	bool more = rest.len > 0;
	while (more) {
		struct str item;
		more = str_cut(rest, ',', &item, &rest);
		item = without(str_trim(item), '"', '"');
		setting_append(loader, setting, loader_copy(loader, item));
	}
}

static void
override(struct loader *loader, const struct config_key *key, struct str value, struct place place)
{
	struct section *section = loader->once[key->section];
	struct setting *setting = section_setting(section, key->name);
	if (setting == NULL) {
		setting = loader_alloc(loader, sizeof(*setting));
		setting->key = key;
		section_append(section, setting);
	}
	setting->count = 0;
	setting->place = place;
	list_split(loader, setting, value);
}

static char
ascii_upper(char c)
{
	return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

/* The rest of text behind name in capitals and "_"; false when it begins otherwise. */
static bool
after_name(struct str text, const char *name, struct str *rest)
{
	size_t len = strlen(name);
	if (text.len <= len || text.p[len] != '_')
		return false;
	for (size_t i = 0; i < len; i++)
		if (text.p[i] != ascii_upper(name[i]))
			return false;
	*rest = str_slice(text, len + 1, text.len);
	return true;
}

static void
lower_name(struct str name, char *out, size_t cap)
{
	str_copy(out, cap, name);
	for (; *out != '\0'; out++)
		*out = ascii_lower(*out);
}

/* Variables of rollcallctl and others share the prefix: only those that begin with a section are
 * ours. */
static void
read_variable(struct loader *loader, struct str variable)
{
	struct str name, value, key_name;
	char lower[64];
	if (!str_starts(variable, STR(PREFIX)) || !str_cut(variable, '=', &name, &value))
		return;
	struct place place = { loader_printf(loader, "environment %.*s", STR_ARG(name)), 0,
			       RANK_ENVIRONMENT };
	name = str_slice(name, sizeof(PREFIX) - 1, name.len);
	for (unsigned i = 0; i < CONFIG_SECTION_COUNT; i++) {
		if (config_sections[i].titled ||
		    !after_name(name, config_sections[i].name, &key_name))
			continue;
		lower_name(key_name, lower, sizeof(lower));
		const struct config_key *key = key_find((enum config_section)i, str_of(lower));
		if (key != NULL)
			override(loader, key, value, place);
		else
			warn(loader, place, "no such option \"%s\" in %s%s", lower,
			     config_sections[i].name,
			     suggest_key(loader, (enum config_section)i, str_of(lower)));
	}
}

static void
read_argument(struct loader *loader, const char *text, unsigned rank)
{
	struct str path, value, section_name, key_name;
	enum config_section section;
	struct place place = { "-o", 0, rank };
	if (!str_cut(str_of(text), '=', &path, &value) ||
	    !str_cut(str_trim(path), '.', &section_name, &key_name)) {
		complain(loader, place, "\"%s\" is not section.key=value", text);
		return;
	}
	place.file = loader_printf(loader, "-o %.*s", STR_ARG(path));
	if (!section_find(section_name, &section)) {
		complain(loader, place, "no such section \"%.*s\"%s", STR_ARG(section_name),
			 suggest_section(loader, section_name));
		return;
	}
	const struct config_key *key = key_find(section, key_name);
	if (config_sections[section].titled)
		complain(loader, place, "options of %s sections can be set in a file only",
			 config_sections[section].name);
	else if (key == NULL)
		complain(loader, place, "no such option \"%.*s\" in %s%s", STR_ARG(key_name),
			 config_sections[section].name, suggest_key(loader, section, key_name));
	else
		override(loader, key, value, place);
}

void
override_read(struct loader *loader, const struct config_override *overrides, size_t count)
{
	for (char **variable = environ; variable != NULL && *variable != NULL; variable++)
		read_variable(loader, str_of(*variable));
	for (size_t i = 0; i < count; i++)
		read_argument(loader, overrides[i].text, RANK_COMMAND_LINE + (unsigned)i);
}
