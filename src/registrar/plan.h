/* RFC 3261 §10.3 steps 6 and 7: what the bindings will be, or why they stay as they are. */
#pragma once

#include <stdbool.h>

#include "registrar/record.h"
#include "registrar/register.h"

/*
 * Decides ORD-41 to ORD-49 for r against the record that was read. r->answer is a 200 and
 * r->after.bindings the list to store, or r->answer is the refusal and r->after.bindings holds the
 * live bindings as they were.
 */
void plan_bindings(struct registration *r, const struct record *record);
/* The live bindings as they are, and the 200 that lists them. False when the arena is exhausted. */
bool plan_nothing(struct registration *r, const struct record *record);
