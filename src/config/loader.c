/*
 * The loader's memory, its list of complaints and its sections. Complaints are kept in the order of
 * their places, so that an operator can walk through the file with them.
 */
#include <stdarg.h>
#include <stdlib.h>

#include "load.h"

#define COMPLAINTS_MAX 100

void *
loader_alloc(struct loader *loader, size_t size)
{
	void *memory = arena_alloc(loader->arena, size);
	if (memory == NULL) {
		fprintf(stderr, "error: out of memory while reading the configuration\n");
		abort();
	}
	return memory;
}

char *
loader_copy(struct loader *loader, struct str s)
{
	return str_copy(loader_alloc(loader, s.len + 1), s.len + 1, s);
}

static char *
formatted(struct loader *loader, const char *format, va_list args)
{
	char text[1024];
	int len = vsnprintf(text, sizeof(text), format, args);
	if (len < 0)
		text[0] = '\0';
	return loader_copy(loader, str_of(text));
}

char *
loader_printf(struct loader *loader, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	char *text = formatted(loader, format, args);
	va_end(args);
	return text;
}

static bool
before(struct place a, struct place b)
{
	return a.rank < b.rank || (a.rank == b.rank && a.line < b.line);
}

static void
keep(struct loader *loader, bool warning, struct place place, const char *text)
{
	if (!warning)
		loader->error_count++;
	if (++loader->complaint_count > COMPLAINTS_MAX)
		return;
	struct complaint *complaint = loader_alloc(loader, sizeof(*complaint));
	struct complaint **at = &loader->complaints;
	while (*at != NULL && !before(place, (*at)->place))
		at = &(*at)->next;
	*complaint =
		(struct complaint){ .next = *at, .place = place, .warning = warning, .text = text };
	*at = complaint;
}

void
complain(struct loader *loader, struct place place, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	keep(loader, false, place, formatted(loader, format, args));
	va_end(args);
}

void
warn(struct loader *loader, struct place place, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	keep(loader, true, place, formatted(loader, format, args));
	va_end(args);
}

void
complaints_tell(const struct loader *loader,
		void (*note)(const struct config_note *note, void *arg), void *arg)
{
	for (const struct complaint *c = loader->complaints; c != NULL; c = c->next)
		note(&(struct config_note){ .file = c->place.file,
					    .line = c->place.line,
					    .warning = c->warning,
					    .text = c->text },
		     arg);
	if (loader->complaint_count > COMPLAINTS_MAX) {
		char more[64];
		snprintf(more, sizeof(more), "%zu more", loader->complaint_count - COMPLAINTS_MAX);
		note(&(struct config_note){ .text = more }, arg);
	}
}

struct setting *
section_setting(const struct section *section, const char *key)
{
	for (struct setting *s = section->settings; s != NULL; s = s->next)
		if (strcmp(s->key->name, key) == 0)
			return s;
	return NULL;
}

void
section_append(struct section *section, struct setting *setting)
{
	struct setting **at = &section->settings;
	while (*at != NULL)
		at = &(*at)->next;
	setting->next = NULL;
	*at = setting;
}

void
setting_append(struct loader *loader, struct setting *setting, const char *value)
{
	if (setting->count == setting->room) {
		size_t room = setting->room == 0 ? 4 : setting->room * 2;
		const char **values = loader_alloc(loader, room * sizeof(*values));
		if (setting->count > 0)
			memcpy(values, setting->values, setting->count * sizeof(*values));
		setting->values = values;
		setting->room = room;
	}
	setting->values[setting->count++] = value;
}

struct place
section_place(const struct section *section, const char *key)
{
	const struct setting *setting = section_setting(section, key);
	return setting == NULL ? section->place : setting->place;
}
