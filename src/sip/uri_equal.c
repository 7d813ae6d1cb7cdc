/*
 * RFC 3261 §19.1.4 for whole URIs. Not transitive, because a parameter that only one of them has is
 * mostly ignored: never hash or index by this.
 */
#include "sip/uri.h"

#include "component.h"

static bool
param_find(struct str params, struct str name, struct sip_param *param)
{
	bool bad;
	while (sip_next_uri_param(&params, param, &bad))
		if (component_equal(param->name, name, CASE_IGNORED))
			return true;
	return false;
}

/* Parameters that matter even when only one of the URIs has them. */
static bool
param_counts_alone(struct str name)
{
	static const struct str names[] = {
		{ "user", 4 }, { "ttl", 3 }, { "method", 6 }, { "maddr", 5 }, { "transport", 9 },
	};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (component_equal(name, names[i], CASE_IGNORED))
			return true;
	return false;
}

/* Every parameter of a has its like in b, or is one that b may lack. */
static bool
params_agree(struct str a, struct str b)
{
	struct sip_param ours, theirs;
	bool bad;
	while (sip_next_uri_param(&a, &ours, &bad)) {
		if (param_find(b, ours.name, &theirs)) {
			/* A value is never empty, so one without differs from any. */
			if (!component_equal(ours.value, theirs.value, CASE_IGNORED))
				return false;
		} else if (param_counts_alone(ours.name)) {
			return false;
		}
	}
	return true;
}

static unsigned
header_count(struct str headers, const struct sip_param *like)
{
	struct sip_param header;
	unsigned count = 0;
	bool bad;
	while (sip_next_uri_header(&headers, &header, &bad))
		if (like == NULL || (component_equal(header.name, like->name, CASE_IGNORED) &&
				     component_equal(header.value, like->value, CASE_IGNORED)))
			count++;
	return count;
}

/* The same headers, each as often, in any order. */
static bool
headers_equal(struct str a, struct str b)
{
	struct sip_param header;
	bool bad;
	if (header_count(a, NULL) != header_count(b, NULL))
		return false;
	for (struct str rest = a; sip_next_uri_header(&rest, &header, &bad);)
		if (header_count(a, &header) != header_count(b, &header))
			return false;
	return true;
}

static bool
equal_but_scheme(const struct sip_uri *a, const struct sip_uri *b)
{
	return a->has_user == b->has_user && a->has_password == b->has_password &&
	       a->port == b->port && component_equal(a->user, b->user, CASE_MATTERS) &&
	       component_equal(a->password, b->password, CASE_MATTERS) &&
	       sip_host_equal(&a->host, &b->host) && params_agree(a->params, b->params) &&
	       params_agree(b->params, a->params) && headers_equal(a->headers, b->headers);
}

static bool
other_equal(const struct sip_uri *a, const struct sip_uri *b)
{
	return str_ieq(a->scheme_text, b->scheme_text) && str_eq(a->opaque, b->opaque);
}

bool
sip_uri_equal(const struct sip_uri *a, const struct sip_uri *b)
{
	if (a->scheme != b->scheme)
		return false;
	return a->scheme == SIP_SCHEME_OTHER ? other_equal(a, b) : equal_but_scheme(a, b);
}

bool
sip_uri_equal_but_scheme(const struct sip_uri *a, const struct sip_uri *b)
{
	bool a_is_other = a->scheme == SIP_SCHEME_OTHER;
	if (a_is_other != (b->scheme == SIP_SCHEME_OTHER))
		return false;
	return a_is_other ? other_equal(a, b) : equal_but_scheme(a, b);
}
