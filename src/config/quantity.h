/* Numbers with a unit, for value.c and print.c. */
#pragma once

#include "load.h"

struct unit {
	const char *suffix; /* NULL ends a table */
	uint64_t factor;
};
enum quantity_verdict {
	QUANTITY_GOOD,
	QUANTITY_NO_NUMBER,
	QUANTITY_NO_UNIT,
	QUANTITY_UNKNOWN_UNIT,
	QUANTITY_TOO_LARGE /* number times unit is over 64 bits */
};

/* Largest first; for a rate: what it is per. */
const struct unit *units_of(enum config_type type);
/* Digits, then exactly one of the units. *number is set unless there is none, *unit when good. */
enum quantity_verdict quantity_parse(const struct unit *units, struct str text, uint64_t *number,
				     const struct unit **unit);
void quantity_complain(struct loader *loader, const struct setting *setting, struct str text,
		       enum quantity_verdict verdict, uint64_t number);
void range_complain(struct loader *loader, const struct setting *setting, struct str text);
