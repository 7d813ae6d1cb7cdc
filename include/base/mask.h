/*
 * Text in which people cannot be recognized: user parts keep their first octet
 * ("a***@example.com"), addresses their network ("198.51.100.0/24", "2001:db8:1::/48"), ports go
 * with them. Output that does not fit ends where it is full.
 */
#pragma once

#include "base/ip.h"
#include "base/str.h"
#include "base/writer.h"

void mask_ip(struct writer *w, const struct ip *ip);
/* A prefix that is as wide as such a network stays. */
void mask_prefix(struct writer *w, const struct ip_prefix *prefix);
/* Every address that stands in the text. */
void mask_addresses(struct writer *w, struct str text);
/* And every user part, which is what stands before "@" or "%40". */
void mask_text(struct writer *w, struct str text);
/* The name of a user, with or without "@" and a domain. */
void mask_user(struct writer *w, struct str user);
