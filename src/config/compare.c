/*
 * Two configurations side by side: what a reload applies, what has to wait for a restart, and where
 * each value comes from. Values are compared and shown as they are printed, so that no type needs a
 * comparison of its own.
 */
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/textfile.h"
#include "load.h"

#define SENTENCE_MAX 1024

/* The value of the owner as it would be written, without owner the default; malloc'd, NULL without
 * memory. */
static char *
printed(const struct config_key *key, const void *owner)
{
	struct textfile textfile;
	FILE *out = textfile_open(&textfile);
	if (out != NULL && owner != NULL)
		value_print(key, (const char *)owner + key->offset, out);
	else if (out != NULL)
		default_print(key, out);
	return textfile_close(out, &textfile) ? textfile.text : NULL;
}

/* Out of memory counts as a difference: told in vain it does less harm than forgotten. */
static bool
differs(const struct config_key *key, const void *old, const void *new, char **before, char **after)
{
	*before = printed(key, old);
	*after = printed(key, new);
	return *before == NULL || *after == NULL || strcmp(*before, *after) != 0;
}

/* --- where from --- */

static const struct section *
section_source(const struct config *config, enum config_section kind, const char *title)
{
	const struct config_sources *sources = config_sources(config);
	if (title == NULL)
		return sources->once[kind];
	for (const struct section *s = sources->titled; s != NULL; s = s->next)
		if (s->kind == kind && strcasecmp(s->title, title) == 0)
			return s;
	return NULL; /* a standard listener */
}

static const struct setting *
source_of(const struct config *config, const struct config_key *key, const char *title)
{
	const struct section *section = section_source(config, key->section, title);
	return section == NULL ? NULL : section_setting(section, key->name);
}

static void
write_origin(const struct setting *setting, char *text, size_t cap)
{
	if (setting == NULL)
		snprintf(text, cap, "default");
	else if (setting->place.line > 0)
		snprintf(text, cap, "%s:%u", setting->place.file, setting->place.line);
	else if (strncmp(setting->place.file, "-o ", 3) == 0)
		snprintf(text, cap, "command line");
	else
		snprintf(text, cap, "%s", setting->place.file);
}

/* --- all options --- */

struct telling {
	void (*option)(const struct config_option *option, void *arg);
	void (*sentence)(const char *sentence, void *arg);
	void *arg;
};

static void
tell_option(const struct telling *telling, const struct config_key *key, const char *title,
	    const void *owner, const struct config *origin_of)
{
	char name[512], origin[PATH_MAX + 16];
	char *value = printed(key, owner);
	char *standard = key->default_text == NULL ? NULL : printed(key, NULL);
	const char *section = config_sections[key->section].name;
	snprintf(name, sizeof(name), title == NULL ? "%s%s.%s" : "%s.%s.%s", section,
		 title == NULL ? "" : title, key->name);
	write_origin(source_of(origin_of, key, title), origin, sizeof(origin));
	telling->option(&(struct config_option){ .key = name,
						 .value = value == NULL ? "" : value,
						 .default_text = standard,
						 .origin = origin,
						 .reload = key->reload },
			telling->arg);
	free(standard);
	free(value);
}

void
config_options(const struct config *config, const struct config *boot,
	       void (*each)(const struct config_option *, void *), void *arg)
{
	struct telling telling = { .option = each, .arg = arg };
	for (unsigned kind = 0; kind < CONFIG_SECTION_COUNT; kind++) {
		const char *title;
		const void *owner;
		for (size_t n = 0;
		     (owner = section_owner(config, (enum config_section)kind, n, &title)) != NULL;
		     n++)
			for (size_t i = 0; i < config_key_count; i++)
				if (config_keys[i].section == kind)
					tell_option(&telling, &config_keys[i], title, owner,
						    config_keys[i].reload ? config : boot);
	}
}

/* --- differences --- */

__attribute__((format(printf, 2, 3))) static void
say(const struct telling *telling, const char *format, ...)
{
	char sentence[SENTENCE_MAX];
	va_list args;
	va_start(args, format);
	vsnprintf(sentence, sizeof(sentence), format, args);
	va_end(args);
	telling->sentence(sentence, telling->arg);
}

/* The section of that title; NULL when there is none. */
static const void *
titled_owner(const struct config *config, enum config_section kind, const char *wanted)
{
	const char *title;
	const void *owner;
	for (size_t n = 0; (owner = section_owner(config, kind, n, &title)) != NULL; n++)
		if (strcmp(title, wanted) == 0)
			return owner;
	return NULL;
}

static void
compare_owners(const struct telling *telling, enum config_section kind, const char *title,
	       const void *old, const void *new)
{
	for (size_t i = 0; i < config_key_count; i++) {
		const struct config_key *key = &config_keys[i];
		char *before, *after;
		if (key->section != kind || !key->reload)
			continue;
		if (differs(key, old, new, &before, &after))
			say(telling, "%s%s%s%s%s %s → %s", config_sections[kind].name,
			    title == NULL ? "" : " ", title == NULL ? "" : title,
			    title == NULL ? "." : " ", key->name, before == NULL ? "?" : before,
			    after == NULL ? "?" : after);
		free(before);
		free(after);
	}
}

static void
compare_titled(const struct telling *telling, enum config_section kind, const struct config *old,
	       const struct config *new)
{
	const char *title;
	const void *owner;
	for (size_t n = 0; (owner = section_owner(new, kind, n, &title)) != NULL; n++) {
		const void *before = titled_owner(old, kind, title);
		if (before == NULL)
			say(telling, "%s %s added", config_sections[kind].name, title);
		else
			compare_owners(telling, kind, title, before, owner);
	}
	for (size_t n = 0; section_owner(old, kind, n, &title) != NULL; n++)
		if (titled_owner(new, kind, title) == NULL)
			say(telling, "%s %s removed", config_sections[kind].name, title);
}

void
config_differences(const struct config *old, const struct config *new,
		   void (*each)(const char *, void *), void *arg)
{
	struct telling telling = { .sentence = each, .arg = arg };
	for (unsigned i = 0; i < CONFIG_SECTION_COUNT; i++) {
		enum config_section kind = (enum config_section)i;
		if (config_sections[i].titled)
			compare_titled(&telling, kind, old, new);
		else
			compare_owners(&telling, kind, NULL, old, new);
	}
	/* The first one is the default. */
	if (old->certificate_count > 0 && new->certificate_count > 0 &&
	    strcmp(old->certificates[0].name, new->certificates[0].name) != 0)
		say(&telling, "default certificate %s → %s", old->certificates[0].name,
		    new->certificates[0].name);
}

/* What "auto" comes to follows from other keys. */
static bool
left_alone(const struct config_key *key, const struct config *old, const struct config *new)
{
	return key->type == CONFIG_AUTO_COUNT && source_of(old, key, NULL) == NULL &&
	       source_of(new, key, NULL) == NULL;
}

size_t
config_needs_restart(const struct config *old, const struct config *new,
		     void (*each)(const char *, void *), void *arg)
{
	size_t count = 0;
	for (size_t i = 0; i < config_key_count; i++) {
		const struct config_key *key = &config_keys[i];
		char name[128], *before, *after;
		if (key->reload || config_sections[key->section].titled ||
		    left_alone(key, old, new))
			continue;
		if (differs(key, old, new, &before, &after)) {
			snprintf(name, sizeof(name), "%s.%s", config_sections[key->section].name,
				 key->name);
			each(name, arg);
			count++;
		}
		free(before);
		free(after);
	}
	return count;
}

/* Those types of which the table names the first field alone. */
static size_t
value_bytes(const struct config_key *key)
{
	switch (key->type) {
	case CONFIG_SPAN:
		return 2 * key->width;
	case CONFIG_ENDPOINTS:
		return sizeof(struct endpoint_array);
	case CONFIG_PREFIXES:
		return sizeof(struct prefix_array);
	default:
		return key->width;
	}
}

void
config_keep(struct config *fresh, const struct config *running)
{
	for (size_t i = 0; i < config_key_count; i++) {
		const struct config_key *key = &config_keys[i];
		if (!key->reload && !config_sections[key->section].titled)
			memcpy((char *)fresh + key->offset, (const char *)running + key->offset,
			       value_bytes(key));
	}
	fresh->admin.listen_on = running->admin.listen_on;
}
