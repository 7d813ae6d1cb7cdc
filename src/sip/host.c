/*
 * Hosts. What a host is can be told by its first octet: '[' opens an IPv6 address; the rest is a
 * name unless it reads as four numbers.
 */
#include "sip/host.h"

#include "chars.h"

/* "2001:db8:::192.0.2.1", which the grammar of RFC 2373 produced: one colon is dropped. */
static bool
three_colons_parse(struct str text, struct ip *ip)
{
	char copy[64];
	const char *gap = memmem(text.p, text.len, ":::", 3);
	struct ip ip4;
	if (gap == NULL || text.len > sizeof(copy))
		return false;
	size_t head = (size_t)(gap - text.p) + 2;
	struct str tail = str_slice(text, head + 1, text.len);
	if (!ip4_parse(tail, &ip4))
		return false;
	memcpy(copy, text.p, head);
	memcpy(copy + head, tail.p, tail.len);
	return ip6_parse((struct str){ copy, head + tail.len }, ip);
}

static bool
is_label(struct str label)
{
	return label.len > 0 && label.p[0] != '-' && label.p[label.len - 1] != '-';
}

/* *( domainlabel "." ) toplabel [ "." ]; the octets are of CHAR_HOST already. Names that computers
 * give themselves hold underscores, which separate nothing in SIP and so mislead nobody. */
static bool
is_hostname(struct str name)
{
	struct str label, rest = name;
	if (name.len > 0 && name.p[name.len - 1] == '.')
		rest.len--;
	while (str_cut(rest, '.', &label, &rest))
		if (!is_label(label))
			return false;
	return is_label(label) && char_is(label.p[0], CHAR_ALPHA);
}

static bool
reference_take(struct str *rest, struct sip_host *host)
{
	const char *end = memchr(rest->p, ']', rest->len);
	if (end == NULL)
		return false;
	host->text = (struct str){ rest->p, (size_t)(end - rest->p) + 1 };
	struct str inside = str_slice(host->text, 1, host->text.len - 2);
	if (!ip6_parse(inside, &host->ip) && !three_colons_parse(inside, &host->ip))
		return false;
	*rest = str_slice(*rest, host->text.len, rest->len);
	return true;
}

bool
sip_host_take(struct str *rest, struct sip_host *host)
{
	*host = (struct sip_host){ 0 };
	if (rest->len > 0 && rest->p[0] == '[')
		return reference_take(rest, host);
	host->text = (struct str){ rest->p, chars_span(*rest, CHAR_HOST) };
	if (host->text.len == 0)
		return false;
	if (!ip4_parse(host->text, &host->ip) && !is_hostname(host->text))
		return false;
	*rest = str_slice(*rest, host->text.len, rest->len);
	return true;
}

bool
sip_port_take(struct str *rest, uint16_t *port)
{
	struct str digits = { rest->p, chars_span(*rest, CHAR_DIGIT) };
	uint64_t value;
	if (!str_to_u64(digits, UINT16_MAX, &value) || value == 0)
		return false;
	*port = (uint16_t)value;
	*rest = str_slice(*rest, digits.len, rest->len);
	return true;
}

bool
sip_hostport_parse(struct sip_host *host, uint16_t *port, struct str text, struct str *rest)
{
	*port = 0;
	if (!sip_host_take(&text, host))
		return false;
	if (text.len > 0 && text.p[0] == ':') {
		text = str_slice(text, 1, text.len);
		if (!sip_port_take(&text, port))
			return false;
	}
	*rest = text;
	return true;
}

static struct str
without_final_dot(struct str name)
{
	if (name.len > 0 && name.p[name.len - 1] == '.')
		name.len--;
	return name;
}

bool
sip_host_equal(const struct sip_host *a, const struct sip_host *b)
{
	if (a->ip.family != 0 || b->ip.family != 0)
		return ip_equal(&a->ip, &b->ip);
	return str_ieq(without_final_dot(a->text), without_final_dot(b->text));
}

/* Shorter ones first, which is known without a look at their octets. */
static int
name_order(struct str a, struct str b)
{
	if (a.len != b.len)
		return a.len < b.len ? -1 : 1;
	for (size_t i = 0; i < a.len; i++) {
		int apart = (unsigned char)ascii_lower(a.p[i]) - (unsigned char)ascii_lower(b.p[i]);
		if (apart != 0)
			return apart;
	}
	return 0;
}

int
sip_host_order(const struct sip_host *a, const struct sip_host *b)
{
	if (a->ip.family != b->ip.family)
		return a->ip.family < b->ip.family ? -1 : 1;
	if (a->ip.family != 0)
		return memcmp(a->ip.octets, b->ip.octets, a->ip.family == 4 ? 4 : 16);
	return name_order(without_final_dot(a->text), without_final_dot(b->text));
}
