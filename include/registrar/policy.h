/* What the operator decided: domains and limits, as values. Built by server/ from the
 * configuration, read-only here. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "auth/credentials.h"
#include "base/str.h"
#include "sip/message.h"
#include "sip/uri.h"

enum domain_schemes { DOMAIN_SCHEMES_BOTH, DOMAIN_SCHEMES_SIPS, DOMAIN_SCHEMES_SIP };
enum domain_contacts { DOMAIN_CONTACTS_STRICT, DOMAIN_CONTACTS_COMPATIBLE };
/* D-23. Off: Path is a field that nobody here understands. Strict: a client must say that it knows
 * the extension. */
enum path_policy { PATH_OFF, PATH_STRICT, PATH_LENIENT };

struct domain {
	struct str name; /* lower case; the realm too */
	unsigned label;	 /* its number in counters (base/node.h) */
	enum domain_schemes schemes;
	bool require_tls;
	enum domain_contacts contacts;
	struct digest_offer offer;
	struct str service_route; /* RFC 3608, as one field value; empty: none */
};

/* One of the names that a domain has: its own or an alias. */
struct domain_name {
	struct sip_host host;
	const struct domain *domain;
};

struct policy {
	struct domain_name *names; /* of all domains, in the order of
				    * policy_order_names(); never NULL */
	size_t name_count;
	struct str server_header; /* empty: none */
	struct str node;
	struct sip_limits limits;
	uint32_t expires_default_s;
	uint32_t expires_min_s;
	uint32_t expires_max_s;
	uint32_t expires_jitter_percent;
	uint32_t max_contacts;
	uint32_t max_contacts_per_request;
	bool replace_oldest; /* on_max_contacts = replace_oldest */
	enum path_policy path;
	bool path_requires_certificate; /* PTH-3327-6-1 */
	uint32_t nonce_ttl_s;
	uint32_t retry_after_min_s;
	uint32_t retry_after_max_s;
};

/* Puts the names in the order in which policy_domain() finds them; no two are equal. */
void policy_order_names(struct policy *policy);
/* The domain that serves the host, by name or alias (REG-10.3.1-1, URI-10.3.5-4); NULL when none
 * does. */
const struct domain *policy_domain(const struct policy *policy, const struct sip_host *host);
/* Retry-After in seconds, spread by random over limits.retry_after (D-27). */
uint32_t policy_retry_after_s(const struct policy *policy, uint32_t random);
