/* Names of domains: see the header. */
#include "domain.h"

#include <stdio.h>
#include <string.h>

#include "admin_internal.h"
#include "sip/host.h"

static bool
is_called(const char *text, const struct sip_host *host)
{
	struct sip_host name = { .text = str_of(text) };
	if (host->ip.family != 0)
		ip_parse(name.text, &name.ip);
	return sip_host_equal(&name, host);
}

static bool
has_name(const struct config_domain *domain, const struct sip_host *host)
{
	bool found = is_called(domain->name, host);
	for (size_t i = 0; i < domain->aliases.count && !found; i++)
		found = is_called(domain->aliases.items[i], host);
	return found;
}

/* NULL when none does. Nearly always it is a name to the letter, and there may be thousands. */
static const struct config_domain *
serving(const struct config *config, struct str name)
{
	struct sip_host host = { .text = name };
	for (size_t i = 0; i < config->domain_count; i++)
		if (str_eq(str_of(config->domains[i].name), name))
			return &config->domains[i];
	ip_parse(name, &host.ip);
	for (size_t i = 0; i < config->domain_count; i++)
		if (has_name(&config->domains[i], &host))
			return &config->domains[i];
	return NULL;
}

bool
address_serve(struct exchange *x, struct address *address)
{
	const struct config_domain *domain = serving(x->admin->config, address->domain);
	struct address served;
	if (domain == NULL ||
	    !address_join(&x->arena, address->user, str_of(domain->name), &served))
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
	const struct config_domain *domain =
		name == NULL ? NULL : serving(x->admin->config, str_of(name));
	char hint[300];
	if (domain == NULL || strcmp(domain->name, name) == 0)
		return true;
	snprintf(hint, sizeof(hint), "Write %s, the name of the domain.", domain->name);
	exchange_problem(x, 400, "invalid_field", "An argument is no good",
			 "It is an alias of a domain, which no account has.", "domain", hint);
	return false;
}
