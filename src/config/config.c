/*
 * A configuration from its sources: defaults, files, environment, command line; then each section
 * into its struct, then the checks of the whole. Complaints are collected on the way and printed at
 * the end, so that one run shows all of them.
 */
#include "config/config.h"

#include <stdlib.h>

#include "base/log.h"
#include "load.h"

/* No limit in practice: what is read is bounded in source.c, and values are in proportion to it. */
#define MEMORY_MAX ((size_t)1 << 30)
#define MEMORY_FIRST ((size_t)512 << 10) /* defaults and all complaints */

struct memory {
	struct arena_pool pool;
	struct arena arena;
	struct config_sources sources;
};

static struct config *
new_config(struct loader *loader)
{
	struct config *config = calloc(1, sizeof(*config));
	struct memory *memory = calloc(1, sizeof(*memory));
	if (config == NULL || memory == NULL) {
		free(config);
		free(memory);
		return NULL;
	}
	arena_pool_init(&memory->pool, MEMORY_MAX);
	arena_init(&memory->arena, &memory->pool, MEMORY_MAX);
	config->memory = memory;
	if (!arena_reserve(&memory->arena, MEMORY_FIRST)) {
		config_free(config);
		return NULL;
	}
	*loader = (struct loader){ .config = config, .arena = &memory->arena };
	for (unsigned i = 0; i < CONFIG_SECTION_COUNT; i++) {
		loader->once[i] = loader_alloc(loader, sizeof(*loader->once[i]));
		loader->once[i]->kind = (enum config_section)i;
	}
	return config;
}

void
config_free(struct config *config)
{
	if (config == NULL)
		return;
	struct memory *memory = config->memory;
	arena_reset(&memory->arena);
	arena_pool_clear(&memory->pool);
	free(memory);
	free(config);
}

static size_t
count_titled(const struct loader *loader, enum config_section kind)
{
	size_t count = 0;
	for (const struct section *s = section_of_kind(loader->titled, kind); s != NULL;
	     s = section_of_kind(s->next, kind))
		count++;
	return count;
}

static void
apply_domains(struct loader *loader)
{
	struct config *config = loader->config;
	enum config_section kind = CONFIG_SECTION_domain;
	config->domains =
		loader_alloc(loader, count_titled(loader, kind) * sizeof(*config->domains));
	for (struct section *s = section_of_kind(loader->titled, kind); s != NULL;
	     s = section_of_kind(s->next, kind)) {
		struct config_domain *domain = &config->domains[config->domain_count++];
		domain->name = loader_copy(loader, str_of(s->title));
		section_apply(loader, s, domain);
	}
}

static void
apply_certificates(struct loader *loader)
{
	struct config *config = loader->config;
	enum config_section kind = CONFIG_SECTION_certificate;
	config->certificates =
		loader_alloc(loader, count_titled(loader, kind) * sizeof(*config->certificates));
	for (struct section *s = section_of_kind(loader->titled, kind); s != NULL;
	     s = section_of_kind(s->next, kind)) {
		struct config_certificate *certificate =
			&config->certificates[config->certificate_count++];
		certificate->name = loader_copy(loader, str_of(s->title));
		section_apply(loader, s, certificate);
	}
}

const struct config_sources *
config_sources(const struct config *config)
{
	return &((const struct memory *)config->memory)->sources;
}

/* NULL, with everything freed, when there was an error. */
static struct config *
finish(struct loader *loader, bool needs_domain, void (*note)(const struct config_note *, void *),
       void *arg)
{
	struct config *config = loader->config;
	struct memory *memory = config->memory;
	for (unsigned i = 0; i < CONFIG_SECTION_COUNT; i++)
		if (!config_sections[i].titled)
			section_apply(loader, loader->once[i], config);
	apply_domains(loader);
	apply_certificates(loader);
	values_resolve(loader);
	if (needs_domain)
		listeners_read(loader);
	if (needs_domain && config->domain_count == 0 && !loader->broken)
		complain(loader, NOWHERE,
			 "no domain section; name at least one, e.g. domain \"example.com\" {}");
	whole_check(loader);
	complaints_tell(loader, note, arg);
	memcpy(memory->sources.once, loader->once, sizeof(memory->sources.once));
	memory->sources.titled = loader->titled;
	if (loader->error_count == 0)
		return config;
	config_free(config);
	return NULL;
}

/* Texts come from files and may hold anything: a terminal sees printable characters alone. */
static void
print_safely(const char *text, FILE *out)
{
	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;
		if (c < 0x20 || c == 0x7f)
			fprintf(out, "\\x%02x", c);
		else
			fputc(c, out);
	}
}

static void
print_note(const struct config_note *note, void *arg)
{
	FILE *out = arg;
	if (out == stderr)
		fputs(log_stderr_mark(note->warning ? LOG_LEVEL_WARNING : LOG_LEVEL_ERROR), out);
	if (note->file != NULL) {
		print_safely(note->file, out);
		if (note->line > 0)
			fprintf(out, ":%u", note->line);
		fputs(": ", out);
	}
	fputs(note->warning ? "warning: " : "error: ", out);
	print_safely(note->text, out);
	fputc('\n', out);
}

struct config *
config_load_noted(const char *path, const struct config_override *overrides, size_t override_count,
		  void (*note)(const struct config_note *, void *), void *arg)
{
	struct loader loader;
	if (new_config(&loader) == NULL) {
		note(&(struct config_note){ .text = "out of memory" }, arg);
		return NULL;
	}
	if (path != NULL)
		source_read(&loader, path);
	override_read(&loader, overrides, override_count);
	return finish(&loader, path != NULL, note, arg);
}

struct config *
config_load(const char *path, const struct config_override *overrides, size_t override_count,
	    FILE *errors)
{
	return config_load_noted(path, overrides, override_count, print_note, errors);
}

struct config *
config_load_text_noted(struct str text, const char *name,
		       void (*note)(const struct config_note *, void *), void *arg)
{
	struct loader loader;
	if (new_config(&loader) == NULL) {
		note(&(struct config_note){ .text = "out of memory" }, arg);
		return NULL;
	}
	source_read_text(&loader, text, name);
	return finish(&loader, true, note, arg);
}

struct config *
config_load_text(struct str text, const char *name, FILE *errors)
{
	return config_load_text_noted(text, name, print_note, errors);
}

static bool
listener_has(const struct config_listener *listener, enum transport transport,
	     const struct endpoint *bound)
{
	const bool spoken[TRANSPORT_COUNT] = { listener->udp, listener->tcp, listener->tls };
	for (size_t i = 0; spoken[transport] && i < listener->bind_count; i++)
		if (endpoint_equal(&listener->binds[i], bound))
			return true;
	return false;
}

const struct config_listener *
config_listener_at(const struct config *config, enum transport transport,
		   const struct endpoint *bound)
{
	for (size_t i = 0; i < config->listener_count; i++)
		if (listener_has(&config->listeners[i], transport, bound))
			return &config->listeners[i];
	return NULL;
}
