/* Names of domains: see the header. */
#include "domain.h"

#include <stdio.h>

#include "admin_internal.h"
#include "registrar/policy.h"

/* NULL when none does. */
static const struct domain *
serving(const struct admin *admin, struct str name)
{
	struct sip_host host = { .text = name };
	ip_parse(name, &host.ip);
	return policy_domain(admin->policy, &host);
}

bool
address_serve(struct exchange *x, struct address *address)
{
	const struct domain *domain = serving(x->admin, address->domain);
	struct address served;
	if (domain == NULL || !address_join(&x->arena, address->user, domain->name, &served))
		return false;
	*address = served;
	return true;
}

bool
address_by_alias(struct exchange *x, struct address *address)
{
	struct str given = address->key;
	return address_serve(x, address) && !str_eq(address->key, given);
}

void
address_unknown(struct exchange *x, const struct address *address)
{
	struct address other = *address;
	char hint[600];
	if (!address_by_alias(x, &other)) {
		exchange_unknown_user(x);
		return;
	}
	snprintf(hint, sizeof(hint), "It has an alias of a domain; write %.*s.",
		 STR_ARG(str_slice(other.key, 0, 512)));
	exchange_problem(x, 404, "aor_unknown", "No such user",
			 "This address-of-record has no account.", NULL, hint);
}

bool
domain_no_alias(struct exchange *x, const char *name)
{
	const struct domain *domain = name == NULL ? NULL : serving(x->admin, str_of(name));
	char hint[300];
	if (domain == NULL || str_eq(domain->name, str_of(name)))
		return true;
	snprintf(hint, sizeof(hint), "Write %.*s, the name of the domain.", STR_ARG(domain->name));
	exchange_problem(x, 400, "invalid_field", "An argument is no good",
			 "It is an alias of a domain, which no account has.", "domain", hint);
	return false;
}
