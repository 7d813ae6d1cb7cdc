/* "did you mean": the nearest name that exists, when it is near enough to be a slip of the hand. */
#include "base/distance.h"
#include "load.h"

struct nearest {
	struct str wanted;
	struct str word;
	size_t distance;
};

static struct nearest
nearest_to(struct str wanted)
{
	size_t allowed = wanted.len < 5 ? 1 : wanted.len / 3;
	return (struct nearest){ .wanted = wanted, .distance = allowed + 1 };
}

static void
consider(struct nearest *nearest, struct str word)
{
	size_t distance = str_distance(nearest->wanted, word);
	if (distance < nearest->distance)
		*nearest = (struct nearest){ nearest->wanted, word, distance };
}

static const char *
question(struct loader *loader, const struct nearest *nearest)
{
	if (nearest->word.len == 0)
		return "";
	return loader_printf(loader, "; did you mean \"%.*s\"?", STR_ARG(nearest->word));
}

const char *
suggest_key(struct loader *loader, enum config_section section, struct str name)
{
	struct nearest nearest = nearest_to(name);
	const struct config_key *elsewhere = NULL;
	for (size_t i = 0; i < config_key_count; i++) {
		const struct config_key *key = &config_keys[i];
		if (key->section == section)
			consider(&nearest, str_of(key->name));
		else if (str_eq(name, str_of(key->name)))
			elsewhere = key;
	}
	if (nearest.word.len == 0 && elsewhere != NULL)
		return loader_printf(loader, "; it belongs to section %s",
				     config_sections[elsewhere->section].name);
	return question(loader, &nearest);
}

const char *
suggest_section(struct loader *loader, struct str name)
{
	struct nearest nearest = nearest_to(name);
	for (unsigned i = 0; i < CONFIG_SECTION_COUNT; i++)
		consider(&nearest, str_of(config_sections[i].name));
	return question(loader, &nearest);
}

const char *
suggest_word(struct loader *loader, const char *words, struct str wanted)
{
	struct nearest nearest = nearest_to(wanted);
	struct str word;
	for (size_t i = 0; word_at(words, i, &word); i++)
		consider(&nearest, word);
	return question(loader, &nearest);
}
