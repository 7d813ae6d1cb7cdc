/* Accept fields: see the header. */
#include "accept.h"

#define THOUSAND 1000u

static const struct {
	enum media media;
	struct str type;
	struct str anything_like_it;
	bool of_lists;
} offers[] = {
	{ MEDIA_JSON, { "application/json", 16 }, { "application/*", 13 }, false },
	{ MEDIA_NDJSON, { "application/x-ndjson", 20 }, { "application/*", 13 }, true },
	{ MEDIA_CSV, { "text/csv", 8 }, { "text/*", 6 }, true },
};

/* "0.25" in thousandths; THOUSAND + 1 for what is no weight. */
static unsigned
weight_of(struct str text)
{
	struct str whole, digits;
	uint64_t value, fraction = 0;
	bool point = str_cut(text, '.', &whole, &digits);
	if (whole.len != 1 || !str_to_u64(whole, 1, &value) || digits.len > 3)
		return THOUSAND + 1;
	if (point && digits.len > 0 && !str_to_u64(digits, THOUSAND, &fraction))
		return THOUSAND + 1;
	for (size_t i = digits.len; point && i < 3; i++)
		fraction *= 10;
	value = value * THOUSAND + (point ? fraction : 0);
	return value > THOUSAND ? THOUSAND + 1 : (unsigned)value;
}

/* The weight among the parameters; other parameters say nothing of our types. */
static unsigned
weight_among(struct str parameters)
{
	struct str one;
	for (bool more = true; more;) {
		more = str_cut(parameters, ';', &one, &parameters);
		one = str_trim(one);
		if (str_istarts(one, STR("q=")))
			return weight_of(str_slice(one, 2, one.len));
	}
	return THOUSAND;
}

/* What the field gives to one type: the weight of the range that fits it best, 0 without one. */
static unsigned
weight_for(struct str field, struct str type, struct str anything_like_it)
{
	unsigned weight = 0, best_fit = 0;
	struct str range, name, parameters;
	for (bool more = true; more;) {
		more = str_cut(field, ',', &range, &field);
		if (!str_cut(range, ';', &name, &parameters))
			parameters = STR("");
		name = str_trim(name);
		unsigned fit = str_ieq(name, type)		 ? 3
			       : str_ieq(name, anything_like_it) ? 2
			       : str_eq(name, STR("*/*"))	 ? 1
								 : 0;
		unsigned given = weight_among(parameters);
		if (fit > best_fit && given <= THOUSAND) {
			best_fit = fit;
			weight = given;
		}
	}
	return weight;
}

enum media
accept_media(struct str field, bool is_list)
{
	enum media best = MEDIA_NONE;
	unsigned best_weight = 0;
	if (str_empty(str_trim(field)))
		return MEDIA_JSON;
	for (size_t i = 0; i < sizeof(offers) / sizeof(*offers); i++) {
		unsigned weight = weight_for(field, offers[i].type, offers[i].anything_like_it);
		if ((is_list || !offers[i].of_lists) && weight > best_weight) {
			best = offers[i].media;
			best_weight = weight;
		}
	}
	return best;
}
