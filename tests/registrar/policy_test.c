/* Which domain serves a host. */
#include "registrar/policy.h"

#include <stdio.h>

#include "request.h"

/* REG-10.3.1-1, URI-10.3.5-4, REG-10.3-5: names without case and final dot, aliases, addresses by
 * value, and nothing else */
START_TEST(a_host_has_its_domain)
{
	const struct {
		const char *uri;
		int domain; /* -1: none */
	} cases[] = {
		{ "sip:example.com", 0 },
		{ "sip:EXAMPLE.Com", 0 },
		{ "sip:example.com.", 0 },
		{ "sip:registrar.example.com", 0 },
		{ "sip:Registrar.Example.COM.", 0 },
		{ "sip:[2001:db8::10]", 0 },
		{ "sip:[2001:DB8:0:0:0:0:0:10]", 0 },
		{ "sip:alice@example.com:5070;transport=tcp", 0 },
		{ "sips:other.example", 1 },
		{ "sip:nowhere.example", -1 },
		{ "sip:sip.example.com", -1 },
		{ "sip:example.co", -1 },
		{ "sip:example.comm", -1 },
		{ "sip:[2001:db8::11]", -1 },
		{ "sip:192.0.2.1", -1 },
	};
	struct baseline b;
	baseline_init(&b);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sip_uri uri;
		ck_assert_msg(sip_uri_parse(&uri, str_of(cases[i].uri)), "%s", cases[i].uri);
		const struct domain *domain = policy_domain(&b.policy, &uri.host);
		const struct domain *right =
			cases[i].domain < 0 ? NULL : &b.domains[cases[i].domain];
		ck_assert_msg(domain == right, "%s", cases[i].uri);
	}
}
END_TEST

/* REG-10.3.1-1: a domain may itself be named by an address */
START_TEST(a_domain_may_be_an_address)
{
	struct baseline b;
	baseline_init(&b);
	struct domain_name *other = baseline_name(&b, "other.example");
	other->host = (struct sip_host){ .text = STR("192.0.2.7") };
	ck_assert(ip_parse(other->host.text, &other->host.ip));
	policy_order_names(&b.policy);
	struct sip_uri uri;
	ck_assert(sip_uri_parse(&uri, STR("sip:192.0.2.7:5080")));
	ck_assert_ptr_eq(policy_domain(&b.policy, &uri.host), &b.domains[1]);
	ck_assert(sip_uri_parse(&uri, STR("sip:192.0.2.70")));
	ck_assert_ptr_null(policy_domain(&b.policy, &uri.host));
}
END_TEST

/* REG-10.3.1-1: whichever of many it is, and whatever their order was in the configuration */
START_TEST(many_domains_are_told_apart)
{
	enum { COUNT = 1000 };
	static char texts[COUNT + 1][32];
	static struct domain domains[COUNT];
	static struct domain_name names[COUNT];
	for (unsigned i = 0; i <= COUNT; i++)
		snprintf(texts[i], sizeof(texts[i]), "d%u.example", i * 7919 % 1009);
	for (unsigned i = 0; i < COUNT; i++)
		names[i] = (struct domain_name){ .host.text = str_of(texts[i]),
						 .domain = &domains[i] };
	struct policy policy = { .names = names, .name_count = COUNT };
	policy_order_names(&policy);
	for (unsigned i = 0; i <= COUNT; i++) {
		struct sip_host host = { .text = str_of(texts[i]) };
		ck_assert_ptr_eq(policy_domain(&policy, &host), i < COUNT ? &domains[i] : NULL);
	}
	policy.name_count = 1;
	ck_assert_ptr_eq(policy_domain(&policy, &names[0].host), names[0].domain);
	policy.name_count = 0;
	ck_assert_ptr_null(policy_domain(&policy, &(struct sip_host){ .text = str_of(texts[0]) }));
}
END_TEST

/* UAS-20.33-1, REG-DB-6: whole seconds, spread over the range and never outside it */
START_TEST(retry_after_is_spread)
{
	struct baseline b;
	baseline_init(&b);
	bool seen[128] = { false };
	for (uint32_t random = 0; random < 1000; random++) {
		uint32_t seconds = policy_retry_after_s(&b.policy, random * 2654435761u);
		ck_assert(seconds >= 20 && seconds <= 90);
		seen[seconds] = true;
	}
	ck_assert(seen[20] && seen[55] && seen[90]);
	ck_assert(policy_retry_after_s(&b.policy, UINT32_MAX) <= 90);

	b.policy.retry_after_min_s = b.policy.retry_after_max_s = 30;
	ck_assert_uint_eq(policy_retry_after_s(&b.policy, 12345), 30);
	b.policy.retry_after_min_s = 0;
	b.policy.retry_after_max_s = UINT32_MAX;
	ck_assert_uint_eq(policy_retry_after_s(&b.policy, UINT32_MAX), UINT32_MAX);
}
END_TEST

SUITE(policy, many_domains_are_told_apart, a_host_has_its_domain, a_domain_may_be_an_address,
      retry_after_is_spread)
