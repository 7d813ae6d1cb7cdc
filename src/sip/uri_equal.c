/*
 * RFC 3261 §19.1.4 for whole URIs. Not transitive, because a parameter that only one of them has is
 * mostly ignored: never hash or index by this.
 */
#include "sip/uri.h"

#include "component.h"

/* What a URI has of one kind, read once. Each is compared with each of the other URI, by hashes, so
 * that only what is alike is compared octet by octet. */
struct part {
	struct sip_param param;
	unsigned name_hash;
	unsigned value_hash;
};
struct parts {
	struct part list[SIP_MAX_PARAMS];
	unsigned count;
};

static void
parts_read(struct parts *parts, struct str text,
	   bool (*next)(struct str *rest, struct sip_param *param, bool *bad))
{
	bool bad;
	parts->count = 0;
	while (parts->count < SIP_MAX_PARAMS &&
	       next(&text, &parts->list[parts->count].param, &bad)) {
		struct part *part = &parts->list[parts->count++];
		part->name_hash = component_hash(part->param.name);
		part->value_hash = component_hash(part->param.value);
	}
}

static bool
same_name(const struct part *a, const struct part *b)
{
	return a->name_hash == b->name_hash &&
	       component_equal(a->param.name, b->param.name, CASE_IGNORED);
}

static bool
same_value(const struct part *a, const struct part *b)
{
	return a->value_hash == b->value_hash &&
	       component_equal(a->param.value, b->param.value, CASE_IGNORED);
}

static const struct part *
part_find(const struct parts *parts, const struct part *like)
{
	for (unsigned i = 0; i < parts->count; i++)
		if (same_name(&parts->list[i], like))
			return &parts->list[i];
	return NULL;
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
params_fit(const struct parts *a, const struct parts *b)
{
	for (unsigned i = 0; i < a->count; i++) {
		const struct part *ours = &a->list[i], *theirs = part_find(b, ours);
		/* A value is never empty, so one without differs from any. */
		if (theirs == NULL ? param_counts_alone(ours->param.name)
				   : !same_value(ours, theirs))
			return false;
	}
	return true;
}

static bool
params_agree(struct str a, struct str b)
{
	struct parts ours, theirs;
	if (str_eq(a, b))
		return true;
	parts_read(&ours, a, sip_next_uri_param);
	parts_read(&theirs, b, sip_next_uri_param);
	return params_fit(&ours, &theirs) && params_fit(&theirs, &ours);
}

static unsigned
count_like(const struct parts *parts, const struct part *like)
{
	unsigned count = 0;
	for (unsigned i = 0; i < parts->count; i++)
		count += same_name(&parts->list[i], like) && same_value(&parts->list[i], like);
	return count;
}

/* The same headers, each as often, in any order. */
static bool
headers_equal(struct str a, struct str b)
{
	struct parts ours, theirs;
	if (str_eq(a, b))
		return true;
	parts_read(&ours, a, sip_next_uri_header);
	parts_read(&theirs, b, sip_next_uri_header);
	if (ours.count != theirs.count)
		return false;
	for (unsigned i = 0; i < ours.count; i++)
		if (count_like(&ours, &ours.list[i]) != count_like(&theirs, &ours.list[i]))
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
	       headers_equal(a->headers, b->headers);
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
