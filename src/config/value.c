/*
 * One setting into its field, by the type of its row. A text that does not fit leaves the field as
 * it was and adds a complaint that says what would fit.
 */
#include "quantity.h"

static void
store_number(const struct config_key *key, void *field, uint64_t value)
{
	if (key->width == sizeof(uint64_t))
		*(uint64_t *)field = value;
	else
		*(uint32_t *)field = (uint32_t)value;
}

/* A quantity within the range of its key. */
static bool
quantity(struct loader *loader, const struct setting *setting, struct str text, uint64_t *value)
{
	const struct config_key *key = setting->key;
	const struct unit *unit;
	uint64_t number = 0;
	enum quantity_verdict verdict = quantity_parse(units_of(key->type), text, &number, &unit);
	if (verdict != QUANTITY_GOOD) {
		quantity_complain(loader, setting, text, verdict, number);
		return false;
	}
	*value = number * unit->factor;
	if (*value < key->least || *value > key->most) {
		range_complain(loader, setting, text);
		return false;
	}
	if ((key->type == CONFIG_SECONDS || key->type == CONFIG_SPAN) &&
	    *value % CONFIG_SECOND != 0) {
		complain(loader, setting->place, "%s = %.*s is not in whole seconds", key->name,
			 STR_ARG(text));
		return false;
	}
	return true;
}

static void
parse_quantity(struct loader *loader, const struct setting *setting, struct str text, void *field)
{
	uint64_t value;
	if (setting->key->type == CONFIG_AUTO_COUNT && str_eq(text, STR("auto")))
		store_number(setting->key, field, 0);
	else if (quantity(loader, setting, text, &value))
		store_number(setting->key, field, value);
}

static void
parse_span(struct loader *loader, const struct setting *setting, struct str text, uint64_t *field)
{
	struct str from, to;
	uint64_t least, most;
	if (!str_cut(text, '-', &from, &to)) {
		complain(loader, setting->place, "%s = %.*s is not a range; write %s",
			 setting->key->name, STR_ARG(text), setting->key->default_text);
		return;
	}
	if (!quantity(loader, setting, str_trim(from), &least) ||
	    !quantity(loader, setting, str_trim(to), &most))
		return;
	if (least > most) {
		complain(loader, setting->place, "%s = %.*s: the range ends before it begins",
			 setting->key->name, STR_ARG(text));
		return;
	}
	field[0] = least;
	field[1] = most;
}

static void
parse_rate(struct loader *loader, const struct setting *setting, struct str text,
	   struct config_rate *rate)
{
	const struct config_key *key = setting->key;
	const struct unit *period;
	uint64_t number = 0;
	enum quantity_verdict verdict = quantity_parse(units_of(key->type), text, &number, &period);
	if (verdict != QUANTITY_GOOD && verdict != QUANTITY_TOO_LARGE)
		quantity_complain(loader, setting, text, verdict, number);
	else if (verdict == QUANTITY_TOO_LARGE || number < key->least || number > key->most)
		range_complain(loader, setting, text);
	else
		*rate = (struct config_rate){ (uint32_t)number, (uint32_t)period->factor };
}

static void
parse_switch(struct loader *loader, const struct setting *setting, struct str text, bool *field)
{
	static const char *const words[] = { "no", "yes", "off", "on", "false", "true" };
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (str_ieq(text, str_of(words[i]))) {
			*field = i % 2 == 1;
			return;
		}
	}
	complain(loader, setting->place, "%s = %.*s is neither yes nor no", setting->key->name,
		 STR_ARG(text));
}

const char *
with_commas(struct loader *loader, const char *words)
{
	char *text = loader_copy(loader, str_of(words));
	const char *result = "";
	struct str word;
	for (size_t i = 0; word_at(text, i, &word); i++)
		result = loader_printf(loader, "%s%s%.*s", result, i == 0 ? "" : ", ",
				       STR_ARG(word));
	return result;
}

bool
word_index(struct loader *loader, const struct setting *setting, struct str text, size_t *index)
{
	const struct config_key *key = setting->key;
	struct str word;
	for (*index = 0; word_at(key->words, *index, &word); (*index)++)
		if (str_eq(word, text))
			return true;
	complain(loader, setting->place, "%s = %.*s is none of %s%s", key->name, STR_ARG(text),
		 with_commas(loader, key->words), suggest_word(loader, key->words, text));
	return false;
}

static void
parse_choice(struct loader *loader, const struct setting *setting, struct str text, void *field)
{
	size_t index;
	if (!word_index(loader, setting, text, &index))
		return;
	if (setting->key->width == sizeof(bool))
		*(bool *)field = index == 1;
	else
		*(unsigned *)field = (unsigned)index;
}

bool
text_has_control(struct str text)
{
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.p[i] < 0x20 || text.p[i] == 0x7f)
			return true;
	return false;
}

/* The text itself is not shown: it may be a URL with a password. */
static void
parse_text(struct loader *loader, const struct setting *setting, struct str text, char **field)
{
	const struct config_key *key = setting->key;
	if (text_has_control(text))
		complain(loader, setting->place, "%s contains a control character", key->name);
	else if (text.len < key->least)
		complain(loader, setting->place, "%s is empty", key->name);
	else if (text.len > key->most)
		complain(loader, setting->place, "%s is longer than %u octets", key->name,
			 (unsigned)key->most);
	else
		*field = loader_copy(loader, text);
}

static void
parse_endpoint(struct loader *loader, const struct setting *setting, struct str text,
	       struct endpoint *field)
{
	struct endpoint endpoint = { .port = 0 };
	if (text.len > 0 && (!endpoint_parse(text, &endpoint) || endpoint.port == 0))
		complain(loader, setting->place,
			 "%s = %.*s is not address:port, e.g. 127.0.0.1:8080 or [::1]:8080",
			 setting->key->name, STR_ARG(text));
	else
		*field = endpoint;
}

static void
parse_single(struct loader *loader, const struct setting *setting, void *field)
{
	if (setting->count != 1) {
		complain(loader, setting->place, "%s takes one value", setting->key->name);
		return;
	}
	struct str text = str_of(setting->values[0]);
	switch (setting->key->type) {
	case CONFIG_SPAN:
		parse_span(loader, setting, text, field);
		return;
	case CONFIG_RATE:
		parse_rate(loader, setting, text, field);
		return;
	case CONFIG_SWITCH:
		parse_switch(loader, setting, text, field);
		return;
	case CONFIG_CHOICE:
		parse_choice(loader, setting, text, field);
		return;
	case CONFIG_TEXT:
		parse_text(loader, setting, text, field);
		return;
	case CONFIG_ENDPOINT:
		parse_endpoint(loader, setting, text, field);
		return;
	default:
		parse_quantity(loader, setting, text, field);
	}
}

void
value_parse(struct loader *loader, const struct setting *setting, void *field)
{
	if (type_is_list(setting->key->type))
		value_parse_list(loader, setting, field);
	else
		parse_single(loader, setting, field);
}

void
section_apply(struct loader *loader, struct section *section, void *owner)
{
	size_t errors_before = loader->error_count;
	for (size_t i = 0; i < config_key_count; i++) {
		const struct config_key *key = &config_keys[i];
		if (key->section != section->kind)
			continue;
		void *field = (char *)owner + key->offset;
		struct setting standard = { .key = key, .place = section->place };
		const struct setting *given = section_setting(section, key->name);
		if (key->default_text != NULL) {
			list_split(loader, &standard, str_of(key->default_text));
			value_parse(loader, &standard, field);
		}
		if (given != NULL)
			value_parse(loader, given, field);
		else if (key->default_text == NULL)
			complain(loader, section->place, "%s \"%s\" has no %s",
				 config_sections[key->section].name, section->title, key->name);
	}
	section->sound = loader->error_count == errors_before;
}
