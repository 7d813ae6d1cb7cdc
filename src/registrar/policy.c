/* Questions to the operator's decisions. The domains are few (tens), so they are asked one after
 * another. */
#include "registrar/policy.h"

static bool
domain_has(const struct domain *domain, const struct sip_host *host)
{
	struct sip_host name = { .text = domain->name };
	if (host->ip.family != 0)
		ip_parse(domain->name, &name.ip);
	if (sip_host_equal(&name, host))
		return true;
	for (uint32_t i = 0; i < domain->alias_count; i++)
		if (sip_host_equal(&domain->aliases[i], host))
			return true;
	return false;
}

const struct domain *
policy_domain(const struct policy *policy, const struct sip_host *host)
{
	for (uint32_t i = 0; i < policy->domain_count; i++)
		if (domain_has(&policy->domains[i], host))
			return &policy->domains[i];
	return NULL;
}

uint32_t
policy_retry_after_s(const struct policy *policy, uint32_t random)
{
	if (policy->retry_after_max_s <= policy->retry_after_min_s)
		return policy->retry_after_min_s;
	uint64_t choices = (uint64_t)policy->retry_after_max_s - policy->retry_after_min_s + 1;
	return policy->retry_after_min_s + (uint32_t)(random % choices);
}
