/* The names under which a domain is known: what SIP takes for it (registrar/policy.h), people may
 * write too. */
#pragma once

#include "arguments.h"

/* Writes the address under the name of the domain that serves it, by that name or an alias. False,
 * with the address as it was, when none does. */
bool address_serve(struct exchange *x, struct address *address);
/*
 * A second try, for who has found nothing under the address as it was given: true when another name
 * of it was put in its place. The given one comes first because a database may hold rows from
 * before an alias was one, and nobody is to delete another account than he has named.
 */
bool address_by_alias(struct exchange *x, struct address *address);
