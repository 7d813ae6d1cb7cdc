/* One binding: when it lives, what it matches, how it is written. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "registrar/contacts.h"
#include "registrar/record.h"
#include "registrar/register.h"

/* RFC 3261 §20.19: an expired binding is absent at once, whatever the row still holds. */
bool binding_live(const struct binding *binding, int64_t now_ms);
/* Octet for octet the contact, its display name and parameters included. */
bool binding_is(const struct binding *binding, const struct contact *contact);
/* What is stored with each binding that r writes, and returned to its client (RFC 3327 §5.3). */
struct str registration_path(const struct registration *r);
/* The request has its Call-ID and no higher CSeq (RFC 3261 §10.3 step 7). */
bool binding_outdates(const struct binding *binding, const struct sip_message *request);
/* Touched last by this very request. */
bool binding_made_by(const struct binding *binding, const struct sip_message *request);
/*
 * What the contact becomes, with everything but id and created_ms, which a refresh inherits.
 * granted_s is the interval that was granted.
 */
struct binding binding_of(const struct contact *contact, const struct registration *r,
			  uint32_t requested_s, uint32_t granted_s);
/* Makes it a new one: a fresh id, created now. index tells apart those of one request. */
void binding_born(struct binding *binding, const struct registration *r, uint32_t index);
