/* Questions to the operator's decisions. There may be thousands of domains, and each request asks
 * for some hosts: the names are in order. */
#include "registrar/policy.h"

#include <stdlib.h>

static int
order(const void *a, const void *b)
{
	const struct domain_name *left = a, *right = b;
	return sip_host_order(&left->host, &right->host);
}

void
policy_order_names(struct policy *policy)
{
	qsort(policy->names, policy->name_count, sizeof(*policy->names), order);
}

const struct domain *
policy_domain(const struct policy *policy, const struct sip_host *host)
{
	const struct domain_name wanted = { .host = *host };
	const struct domain_name *found =
		bsearch(&wanted, policy->names, policy->name_count, sizeof(wanted), order);
	return found == NULL ? NULL : found->domain;
}

uint32_t
policy_retry_after_s(const struct policy *policy, uint32_t random)
{
	if (policy->retry_after_max_s <= policy->retry_after_min_s)
		return policy->retry_after_min_s;
	uint64_t choices = (uint64_t)policy->retry_after_max_s - policy->retry_after_min_s + 1;
	return policy->retry_after_min_s + (uint32_t)(random % choices);
}
