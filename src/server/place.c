/* Places are looked up by what config_options() tells of each option. */
#include "place.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"

struct search {
	const char *key;
	const char *sentence; /* NULL: by the key */
	struct place_of found;
};

/* "rollcall.conf:12"; other origins have no line. */
static struct place_of
split(const char *origin)
{
	struct place_of place = { "", "" };
	uint64_t line;
	const char *colon = strrchr(origin, ':');
	if (colon == NULL || !str_to_u64(str_of(colon + 1), UINT32_MAX, &line))
		return place;
	str_copy(place.file, sizeof(place.file), (struct str){ origin, (size_t)(colon - origin) });
	snprintf(place.line, sizeof(place.line), "%u", (unsigned)line);
	return place;
}

static void
compare_key(const struct config_option *option, void *arg)
{
	struct search *search = arg;
	if (strcmp(option->key, search->key) == 0)
		search->found = split(option->origin);
}

struct place_of
place_of_key(const struct config *config, const char *key)
{
	struct search search = { .key = key };
	config_options(config, config, compare_key, &search);
	return search.found;
}

/* It quotes the path, or begins with "certificate NAME: ". */
static bool
is_about(const char *sentence, const struct config_option *option)
{
	struct str section, title, name, rest, value = str_of(option->value);
	char begins[300];
	if (value.len > 2 && value.p[0] == '"')
		value = str_slice(value, 1, value.len - 2);
	if (!str_empty(value) && memmem(sentence, strlen(sentence), value.p, value.len) != NULL)
		return true;
	if (!str_cut(str_of(option->key), '.', &section, &rest) ||
	    !str_cut(rest, '.', &title, &name) || !str_eq(name, STR("chain")))
		return false;
	snprintf(begins, sizeof(begins), "certificate %.*s: ", STR_ARG(title));
	return strncmp(sentence, begins, strlen(begins)) == 0;
}

static void
compare_tls(const struct config_option *option, void *arg)
{
	struct search *search = arg;
	struct place_of place = split(option->origin);
	bool tls = strncmp(option->key, "certificate.", 12) == 0 ||
		   strcmp(option->key, "tls.client_ca") == 0 ||
		   strcmp(option->key, "tls.ciphers") == 0;
	if (tls && place.line[0] != '\0' && is_about(search->sentence, option))
		search->found = place; /* a key that does not fit comes behind its chain */
}

struct place_of
place_of_tls(const struct config *config, const char *sentence)
{
	struct search search = { .sentence = sentence };
	config_options(config, config, compare_tls, &search);
	return search.found;
}
