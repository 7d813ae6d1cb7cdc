/* "did you mean": the nearest name that exists, when it is near enough to be a slip of the hand. */
#include "load.h"

/* Longer words are not compared: nobody misspells a key of that length. */
#define WORD_MAX 48

static size_t
least(size_t a, size_t b)
{
	return a < b ? a : b;
}

size_t
edit_distance(struct str a, struct str b)
{
	size_t rows[3][WORD_MAX + 1];
	if (a.len > WORD_MAX || b.len > WORD_MAX)
		return SIZE_MAX;
	size_t *before = rows[0], *above = rows[1], *row = rows[2];
	for (size_t j = 0; j <= b.len; j++)
		row[j] = j;
	for (size_t i = 1; i <= a.len; i++) {
		size_t *recycled = before;
		before = above;
		above = row;
		row = recycled;
		row[0] = i;
		for (size_t j = 1; j <= b.len; j++) {
			size_t changed = above[j - 1] + (a.p[i - 1] != b.p[j - 1]);
			row[j] = least(changed, least(above[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] && a.p[i - 2] == b.p[j - 1])
				row[j] = least(row[j], before[j - 2] + 1);
		}
	}
	return row[b.len];
}

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
	size_t distance = edit_distance(nearest->wanted, word);
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
