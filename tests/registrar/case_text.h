/* The text of tests/cases, line by line; see the README there. */
#pragma once

#include <stdbool.h>

#include "base/str.h"

/* One line with what continues it. */
struct case_line {
	struct str word;
	struct str rest;
	struct str more; /* whole lines, still indented */
	int line;
};

/* The next line of rest, without its end. */
struct str case_take_line(struct str *rest);
/* The next line that says something, with its number. False at the end. */
bool case_take_directive(struct str *rest, int *line, struct case_line *directive);
/* The next "key=value" or word; false at the end. */
bool case_take_word(struct str *rest, struct str *key, struct str *value);
/* "CONTACT key=value …": takes the contact, which ends where the first key begins. */
struct str case_cut_contact(struct str *rest);
