/*
 * The way from files to values, shared by the files of this module: source.c and override.c make
 * settings (texts with their place), value.c turns each into a value, check.c and listeners.c look
 * at the whole. Whoever finds a mistake complains and goes on.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/str.h"
#include "config/config.h"
#include "config/keys.h"

/* Where something was said: a file and line, "-o …" or "environment …" without line, or nowhere. */
struct place {
	const char *file; /* NULL: nowhere, as the default is */
	unsigned line;
	unsigned rank; /* order of the files, then of the overrides */
};

/* One assignment. */
struct setting {
	struct setting *next;
	const struct config_key *key;
	const char **values;
	size_t count, room;
	struct place place;
};

/* One titled section, or all sections of that name taken together. */
struct section {
	struct section *next;
	enum config_section kind;
	const char *title; /* NULL unless titled */
	struct place place;
	struct setting *settings;
	bool sound; /* section_apply() had nothing to complain about */
};

struct complaint {
	struct complaint *next;
	struct place place;
	bool warning;
	const char *text;
};

struct loader {
	struct config *config;
	struct arena *arena; /* the configuration's own */
	struct section *once[CONFIG_SECTION_COUNT];
	struct section *titled; /* in the order of the files */
	struct complaint *complaints;
	size_t complaint_count, error_count;
	bool broken; /* a file could not be read to its end: what is missing may be there */
	size_t text_bytes;
	unsigned files;
};

/* Zeroed memory that lives as long as the configuration; ends the process with a sentence when
 * there is none. */
void *loader_alloc(struct loader *loader, size_t size)
	__attribute__((returns_nonnull, warn_unused_result));
char *loader_copy(struct loader *loader, struct str s) __attribute__((returns_nonnull));
char *loader_printf(struct loader *loader, const char *format, ...)
	__attribute__((format(printf, 2, 3), returns_nonnull));

/* Notes a mistake, printed by place when everything is read. */
void complain(struct loader *loader, struct place place, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void warn(struct loader *loader, struct place place, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void complaints_tell(const struct loader *loader,
		     void (*note)(const struct config_note *note, void *arg), void *arg);

/* A pointer to the items and, right behind it in the owner, their number. */
struct endpoint_array {
	struct endpoint *items;
	size_t count;
};
struct prefix_array {
	struct ip_prefix *items;
	size_t count;
};
#define NOWHERE ((struct place){ NULL, 0, 0 })

/* NULL when the section does not set it. */
struct setting *section_setting(const struct section *section, const char *key);
void section_append(struct section *section, struct setting *setting);
void setting_append(struct loader *loader, struct setting *setting, const char *value);
/* Where key is set, else where its section is. */
struct place section_place(const struct section *section, const char *key);
const struct config_key *key_find(enum config_section section, struct str name);
bool section_find(struct str name, enum config_section *section);
/* "; did you mean …?" for a key or a section that does not exist; empty when nothing is near. */
const char *suggest_key(struct loader *loader, enum config_section section, struct str name);
const char *suggest_section(struct loader *loader, struct str name);
const char *suggest_word(struct loader *loader, const char *words, struct str word);

/* Reads path and conf.d beside it; text instead, when it is given. */
void source_read(struct loader *loader, const char *path);
void source_read_text(struct loader *loader, struct str text, const char *name);
/* Turns the comments of a text into blanks; an unclosed one stays. */
void comments_blank(char *text, size_t len);
/* The environment, then the command line; both replace what the files said. */
void override_read(struct loader *loader, const struct config_override *overrides, size_t count);

/* Splits a list as -o and the environment write it: commas between, braces and quotes around are
 * allowed. */
void list_split(struct loader *loader, struct setting *setting, struct str text);

/* Sets every field of owner (the configuration or a titled part of it) from section or default. */
void section_apply(struct loader *loader, struct section *section, void *owner);
/* One setting into its field; complains and leaves the field alone when it does not fit. */
void value_parse(struct loader *loader, const struct setting *setting, void *field);
void value_parse_list(struct loader *loader, const struct setting *setting, void *field);
bool text_has_control(struct str text);
bool type_is_list(enum config_type type);
/* Words separated by blanks, for people. */
const char *with_commas(struct loader *loader, const char *words);
/* What libpq will say of database.url, a good one by database_url_judge(): of names of options,
 * ports and the values that are usually mistaken; it looks at others when it connects. */
void database_options_check(struct loader *loader, struct place place);
/* Which of the key's words text is; complains when it is none. */
bool word_index(struct loader *loader, const struct setting *setting, struct str text,
		size_t *index);
/* A host name or address in its one written form; NULL, with *why, when it is neither. */
char *host_parse(struct loader *loader, struct str text, const char **why);
/* As config files spell it. */
void value_print(const struct config_key *key, const void *field, FILE *out);
/* The default of a key that has one, likewise. */
void default_print(const struct config_key *key, FILE *out);
void quantity_print(const struct config_key *key, uint64_t value, FILE *out);
/* "1h", "64k" as a string of the loader. */
const char *quantity_text(struct loader *loader, const struct config_key *key, uint64_t value);
/* The n-th word of a list separated by blanks; false behind the last. */
bool word_at(const char *words, size_t n, struct str *word);

/* From here on the first section of that kind; NULL when there is none. */
struct section *section_of_kind(struct section *from, enum config_section kind);

/* ", line 3", ", the default": where a value was set, as whoever reads a message at seen_from needs
 * it. */
const char *setting_origin(struct loader *loader, const struct setting *setting,
			   struct place seen_from);
/* As a string of the loader. */
const char *endpoint_text(struct loader *loader, const struct endpoint *endpoint);
/* Whether what arrives at endpoint is heard at wide. */
bool endpoint_covers(const struct endpoint *wide, const struct endpoint *endpoint);

/* What "auto" means here. */
void values_resolve(struct loader *loader);
/* Fills the listeners from their sections, or the standard ones, and checks them. */
void listeners_read(struct loader *loader);
/* The rules that span keys and sections. */
void whole_check(struct loader *loader);
/* The one about ports, admin.listen and health.listen beside the listeners. */
void ports_check(struct loader *loader);

/* The sections that a configuration was made of, kept for their places. */
struct config_sources {
	const struct section *once[CONFIG_SECTION_COUNT];
	const struct section *titled;
};
const struct config_sources *config_sources(const struct config *config);
/* The struct that the index-th section of that kind fills, and its title (NULL for those that have
 * none); NULL behind the last. */
const void *section_owner(const struct config *config, enum config_section kind, size_t index,
			  const char **title);
