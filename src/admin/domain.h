/* The names under which a domain is known: what SIP takes for it (registrar/policy.h), people may
 * write too. */
#pragma once

#include "arguments.h"

/* Writes the address under the name of the domain that serves it, by that name or an alias. False,
 * with the address as it was, when none does. */
bool address_serve(struct exchange *x, struct address *address);
/*
 * A second try, for who looks at something and has found nothing under the address as it was given:
 * true when another name of it was put in its place. The given one comes first because a database
 * may hold rows from before an alias was one.
 */
bool address_by_alias(struct exchange *x, struct address *address);
/*
 * For who changes something: 404, with the other name of the address where it has one. He is not
 * taken there: a request that is sent again, because its answer was lost, would change or delete
 * another account than the one it has already had.
 */
void address_unknown(struct exchange *x, const struct address *address);
/* Answers 400 for an alias: rows have the name of the domain, and a list of none looks like an
 * answer (NULL is any domain). */
bool domain_no_alias(struct exchange *x, const char *name);
