/* The tables of keys.h as data, and how they are searched. */
#include "config/keys.h"

#include "load.h"

#define ONCE false
#define TITLED true
const struct config_section_row config_sections[CONFIG_SECTION_COUNT] = {
#define X(name, kind, help) [CONFIG_SECTION_##name] = { #name, kind, help },
	CONFIG_SECTIONS(X)
#undef X
};

#define RESTART false
#define RELOAD true
const struct config_key config_keys[] = {
#define X(section_, key_, owner_, field_, type_, default_, least_, most_, words_, when_, help_) \
	{ .section = CONFIG_SECTION_##section_,                                                 \
	  .name = #key_,                                                                        \
	  .type = CONFIG_##type_,                                                               \
	  .default_text = default_,                                                             \
	  .least = least_,                                                                      \
	  .most = most_,                                                                        \
	  .words = words_,                                                                      \
	  .reload = when_,                                                                      \
	  .help = help_,                                                                        \
	  .offset = offsetof(struct owner_, field_),                                            \
	  .width = sizeof(((struct owner_ *)NULL)->field_) },
	CONFIG_KEYS(X)
#undef X
};
const size_t config_key_count = sizeof(config_keys) / sizeof(*config_keys);

const struct config_key *
key_find(enum config_section section, struct str name)
{
	for (size_t i = 0; i < config_key_count; i++)
		if (config_keys[i].section == section && str_eq(name, str_of(config_keys[i].name)))
			return &config_keys[i];
	return NULL;
}

bool
section_find(struct str name, enum config_section *section)
{
	for (unsigned i = 0; i < CONFIG_SECTION_COUNT; i++) {
		if (str_eq(name, str_of(config_sections[i].name))) {
			*section = (enum config_section)i;
			return true;
		}
	}
	return false;
}

bool
word_at(const char *words, size_t n, struct str *word)
{
	struct str rest = str_of(words);
	bool more = true;
	for (size_t i = 0; i <= n; i++) {
		if (!more)
			return false;
		more = str_cut(rest, ' ', word, &rest);
	}
	return word->len > 0;
}
