/* Requests that come again: D-04, REG-DB-5. */
#pragma once

#include <stdbool.h>

#include "registrar/record.h"
#include "registrar/register.h"

/*
 * True when the bindings are what this very request made them: its Call-ID and CSeq, its contacts
 * octet for octet, with the same parameters, requested intervals and Path. "*", a removal and a
 * fetch are never that.
 */
bool repetition_is_stored(const struct registration *r, const struct record *record);
/* True when the bindings that this request made came from the address that it comes from now,
 * whatever the port: behind a NAT that may be another one. */
bool repetition_is_at_home(const struct registration *r, const struct record *record);
/* True when the row holds what r wanted to commit, so that the commit was not lost. */
bool repetition_has_landed(const struct registration *r, const struct record *record);
