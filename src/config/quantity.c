/*
 * Numbers with a unit, both ways. A unit is a suffix and what it multiplies by; reading wants one,
 * writing takes the largest that leaves nothing over.
 */
#include "quantity.h"

static const struct unit durations[] = {
	{ "d", CONFIG_DAY },	{ "h", CONFIG_HOUR }, { "m", CONFIG_MINUTE },
	{ "s", CONFIG_SECOND }, { "ms", 1 },	      { NULL, 0 }
};
static const struct unit sizes[] = {
	{ "g", CONFIG_GIGA }, { "m", CONFIG_MEGA }, { "k", CONFIG_KILO }, { NULL, 0 }
};
static const struct unit percents[] = { { "%", 1 }, { NULL, 0 } };
static const struct unit numbers[] = { { "", 1 }, { NULL, 0 } };
/* What a rate is per, in ms. */
static const struct unit periods[] = {
	{ "/h", CONFIG_HOUR }, { "/m", CONFIG_MINUTE }, { "/s", CONFIG_SECOND }, { NULL, 0 }
};

const struct unit *
units_of(enum config_type type)
{
	switch (type) {
	case CONFIG_DURATION:
	case CONFIG_SECONDS:
	case CONFIG_SPAN:
		return durations;
	case CONFIG_SIZE:
		return sizes;
	case CONFIG_PERCENT:
		return percents;
	case CONFIG_RATE:
		return periods;
	default:
		return numbers;
	}
}

enum quantity_verdict
quantity_parse(const struct unit *units, struct str text, uint64_t *number,
	       const struct unit **unit)
{
	size_t digits = 0;
	while (digits < text.len && text.p[digits] >= '0' && text.p[digits] <= '9')
		digits++;
	if (digits == 0)
		return QUANTITY_NO_NUMBER;
	struct str suffix = str_slice(text, digits, text.len);
	if (!str_to_u64(str_slice(text, 0, digits), UINT64_MAX, number))
		return QUANTITY_TOO_LARGE;
	for (*unit = units; (*unit)->suffix != NULL; (*unit)++) {
		if (!str_eq(suffix, str_of((*unit)->suffix)))
			continue;
		bool fits = *number <= UINT64_MAX / (*unit)->factor;
		return fits ? QUANTITY_GOOD : QUANTITY_TOO_LARGE;
	}
	return suffix.len == 0 ? QUANTITY_NO_UNIT : QUANTITY_UNKNOWN_UNIT;
}

void
quantity_print(const struct config_key *key, uint64_t value, FILE *out)
{
	const struct unit *unit = units_of(key->type);
	if (key->type == CONFIG_RATE)
		unit = numbers;
	while (unit[1].suffix != NULL && (value == 0 || value % unit->factor != 0))
		unit++;
	/* 0 takes the last unit but for durations, where "0s" reads better than "0ms". */
	bool zero_seconds = value == 0 && unit->factor == 1 && unit->suffix[0] == 'm';
	fprintf(out, "%llu%s", (unsigned long long)(value / unit->factor),
		zero_seconds ? "s" : unit->suffix);
}

const char *
quantity_text(struct loader *loader, const struct config_key *key, uint64_t value)
{
	char text[64] = "";
	FILE *out = fmemopen(text, sizeof(text) - 1, "w");
	if (out == NULL)
		return "";
	quantity_print(key, value, out);
	fclose(out);
	return loader_copy(loader, str_of(text));
}

/* "60s or 1m": the number with the units that make sense of it. */
static const char *
with_units(struct loader *loader, const struct config_key *key, uint64_t number)
{
	unsigned long long n = number;
	switch (key->type) {
	case CONFIG_SIZE:
		return loader_printf(loader, "%lluk or %llum", n, n);
	case CONFIG_PERCENT:
		return loader_printf(loader, "%llu%%", n);
	case CONFIG_RATE:
		return loader_printf(loader, "%llu/s or %llu/m", n, n);
	default:
		if (n >= 60 && n % 60 == 0)
			return loader_printf(loader, "%llus or %llum", n, n / 60);
		return loader_printf(loader, "%llus or %llum", n, n);
	}
}

static const char *
unit_names(enum config_type type)
{
	switch (type) {
	case CONFIG_DURATION:
	case CONFIG_SECONDS:
	case CONFIG_SPAN:
		return "ms, s, m, h or d";
	case CONFIG_SIZE:
		return "k, m or g";
	case CONFIG_PERCENT:
		return "%";
	case CONFIG_RATE:
		return "/s, /m or /h";
	default:
		return "none";
	}
}

void
quantity_complain(struct loader *loader, const struct setting *setting, struct str text,
		  enum quantity_verdict verdict, uint64_t number)
{
	const struct config_key *key = setting->key;
	switch (verdict) {
	case QUANTITY_GOOD:
		return;
	case QUANTITY_NO_NUMBER:
		complain(loader, setting->place, "%s = %.*s is not a number%s%s", key->name,
			 STR_ARG(text), units_of(key->type) == numbers ? "" : " with a unit: ",
			 units_of(key->type) == numbers ? "" : unit_names(key->type));
		return;
	case QUANTITY_NO_UNIT:
		complain(loader, setting->place, "%s = %.*s has no unit; write %s", key->name,
			 STR_ARG(text), with_units(loader, key, number));
		return;
	case QUANTITY_UNKNOWN_UNIT:
		complain(loader, setting->place, "%s = %.*s has an unknown unit; use %s", key->name,
			 STR_ARG(text), unit_names(key->type));
		return;
	case QUANTITY_TOO_LARGE:
		range_complain(loader, setting, text);
		return;
	}
}

void
range_complain(struct loader *loader, const struct setting *setting, struct str text)
{
	const struct config_key *key = setting->key;
	complain(loader, setting->place, "%s = %.*s is out of range %s-%s", key->name,
		 STR_ARG(text), quantity_text(loader, key, key->least),
		 quantity_text(loader, key, key->most));
}
