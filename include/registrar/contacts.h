/*
 * What a REGISTER says about contacts, as syntax: To, Contact, Path and Expires (ORD-28). What it
 * means is decided after authorisation, in src/registrar/plan.c.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"
#include "sip/address.h"
#include "sip/message.h"

struct answer;

/* Contact values that are kept; registration.max_contacts_per_request is never more. */
#define CONTACTS_MAX 100u
/* The whole Path: it is stored with each binding, and listed once in the answer. */
#define PATH_OCTETS_MAX 4096u

struct contact {
	struct sip_address address;
	struct str params; /* as written, without expires */
	int16_t q;	   /* thousandths, -1: not given */
	bool expires_given;
	uint32_t expires_s;  /* the contact's own, read as D-06 says */
	struct str instance; /* +sip.instance without its quotes; empty without */
};

struct contacts {
	struct contact *list; /* in the order of the request, without the "*" */
	uint32_t count;
	uint32_t values; /* Contact values, "*" and those over CONTACTS_MAX included; 0: a fetch */
	bool star;	 /* one of them is "*"; alone when values is 1 */
	bool expires_given; /* the Expires field */
	uint32_t expires_s;
	bool path_not_sips; /* a Path value with a sip: URI (SPS-5.2-4) */
	struct str path;    /* all Path values in their order, joined by commas */
};

/*
 * Reads the To URI (sip: or sips:), the Contact and Path values with q, expires and
 * +sip.instance, and the Expires field of a REGISTER, with the lengths of PAR-LIM-5. False, and
 * *answer is the 400 to send, when one of them breaks the grammar (or a 500 when the arena is
 * exhausted). contacts points into the request and the arena.
 */
bool contacts_parse(struct contacts *contacts, struct answer *answer,
		    const struct sip_message *request, struct arena *arena);

/* The interval that a contact asks for: its own, else that of the Expires field, else default_s
 * (RFC 3261 §10.3 step 7). */
uint32_t contacts_interval(const struct contacts *contacts, const struct contact *contact,
			   uint32_t default_s);
