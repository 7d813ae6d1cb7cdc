/*
 * Reading URIs. '@' is illegal everywhere but behind the user, so the first one found splits a SIP
 * URI without knowing what the user holds (RFC 3261 §19.1.3); each part is then checked against its
 * own class.
 */
#include "sip/uri.h"

#include "chars.h"
#include "component.h"

static struct str
before(struct str s, size_t count)
{
	return (struct str){ s.p, count };
}

static struct str
from(struct str s, size_t count)
{
	return (struct str){ s.p + count, s.len - count };
}

static bool
userinfo_parse(struct sip_uri *uri, struct str text)
{
	uri->has_user = true;
	uri->has_password = str_cut(text, ':', &uri->user, &uri->password);
	if (!chars_only_escaped(uri->user, CHAR_USER))
		return false;
	return chars_span_escaped(uri->password, CHAR_PASSWORD) == uri->password.len;
}

bool
sip_next_uri_param(struct str *rest, struct sip_param *param, bool *bad)
{
	*bad = false;
	if (rest->len == 0)
		return false;
	*bad = true;
	if (rest->p[0] != ';')
		return false;
	struct str s = from(*rest, 1);
	size_t len = chars_span_escaped(s, CHAR_URI_PARAM);
	if (len == 0)
		return false;
	*param = (struct sip_param){ .name = before(s, len) };
	s = from(s, len);
	param->value = before(s, 0);
	if (s.len > 0 && s.p[0] == '=') {
		s = from(s, 1);
		len = chars_span_escaped(s, CHAR_URI_PARAM);
		if (len == 0)
			return false;
		param->has_value = true;
		param->value = before(s, len);
		s = from(s, len);
	}
	if (s.len > 0 && s.p[0] != ';')
		return false;
	*rest = s;
	*bad = false;
	return true;
}

bool
sip_next_uri_header(struct str *rest, struct sip_param *header, bool *bad)
{
	*bad = false;
	if (rest->len == 0)
		return false;
	*bad = true;
	if (rest->p[0] != '?' && rest->p[0] != '&')
		return false;
	struct str s = from(*rest, 1);
	size_t len = chars_span_escaped(s, CHAR_URI_HEADER);
	if (len == 0 || len == s.len || s.p[len] != '=')
		return false;
	header->name = before(s, len);
	s = from(s, len + 1);
	header->has_value = true;
	header->value = before(s, chars_span_escaped(s, CHAR_URI_HEADER));
	s = from(s, header->value.len);
	if (s.len > 0 && s.p[0] != '&')
		return false;
	*rest = s;
	*bad = false;
	return true;
}

static bool
names_udp(const struct sip_param *param)
{
	return component_equal(param->name, STR("transport"), CASE_IGNORED) &&
	       component_equal(param->value, STR("udp"), CASE_IGNORED);
}

/* No name twice, not too many; sips goes with no unreliable transport (RFC 3261 §19.1.1, §26.2.2).
 */
static bool
params_valid(const struct sip_uri *uri)
{
	struct str seen[SIP_MAX_PARAMS];
	unsigned hashes[SIP_MAX_PARAMS];
	struct str rest = uri->params;
	struct sip_param param;
	unsigned count = 0;
	bool bad;
	while (sip_next_uri_param(&rest, &param, &bad)) {
		if (count == SIP_MAX_PARAMS)
			return false;
		unsigned hash = component_hash(param.name);
		for (unsigned i = 0; i < count; i++)
			if (hashes[i] == hash && component_equal(seen[i], param.name, CASE_IGNORED))
				return false;
		hashes[count] = hash;
		seen[count++] = param.name;
		if (uri->scheme == SIP_SCHEME_SIPS && names_udp(&param))
			return false;
	}
	return !bad;
}

static bool
headers_valid(struct str headers)
{
	struct sip_param header;
	unsigned count = 0;
	bool bad;
	while (sip_next_uri_header(&headers, &header, &bad))
		if (++count > SIP_MAX_PARAMS)
			return false;
	return !bad;
}

static bool
sip_part_parse(struct sip_uri *uri, struct str text)
{
	const char *at = text.len == 0 ? NULL : memchr(text.p, '@', text.len);
	if (at != NULL) {
		size_t len = (size_t)(at - text.p);
		if (!userinfo_parse(uri, before(text, len)))
			return false;
		text = from(text, len + 1);
	}
	if (!sip_hostport_parse(&uri->host, &uri->port, text, &text))
		return false;
	const char *question = text.len == 0 ? NULL : memchr(text.p, '?', text.len);
	size_t params_len = question == NULL ? text.len : (size_t)(question - text.p);
	uri->params = before(text, params_len);
	uri->headers = from(text, params_len);
	return params_valid(uri) && headers_valid(uri->headers);
}

bool
sip_uri_parse(struct sip_uri *uri, struct str text)
{
	struct str rest;
	*uri = (struct sip_uri){ .text = text };
	if (!str_cut(text, ':', &uri->scheme_text, &rest))
		return false;
	if (str_ieq(uri->scheme_text, STR("sip")))
		return sip_part_parse(uri, rest);
	if (str_ieq(uri->scheme_text, STR("sips"))) {
		uri->scheme = SIP_SCHEME_SIPS;
		return sip_part_parse(uri, rest);
	}
	uri->scheme = SIP_SCHEME_OTHER;
	uri->opaque = rest;
	return chars_only(uri->scheme_text, CHAR_SCHEME) &&
	       char_is(uri->scheme_text.p[0], CHAR_ALPHA) &&
	       chars_only_escaped(uri->opaque, CHAR_URIC);
}

bool
sip_canonical_escape(struct writer *w, struct str component)
{
	static const char digits[] = "0123456789ABCDEF";
	for (size_t i = 0; i < component.len; i++) {
		unsigned char octet = (unsigned char)component.p[i];
		if (octet == '%') {
			if (component.len - i < 3 || ascii_hex(component.p[i + 1]) < 0 ||
			    ascii_hex(component.p[i + 2]) < 0)
				return false;
			octet = (unsigned char)(ascii_hex(component.p[i + 1]) << 4 |
						ascii_hex(component.p[i + 2]));
			i += 2;
		}
		if (char_is((char)octet, CHAR_UNRESERVED)) {
			writer_char(w, (char)octet);
		} else {
			writer_char(w, '%');
			writer_char(w, digits[octet >> 4]);
			writer_char(w, digits[octet & 15]);
		}
	}
	return true;
}
