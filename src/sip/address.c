/*
 * name-addr and addr-spec. A display name is tokens or one quoted string and must be followed by
 * '<', which no addr-spec can be after its first token; so one look ahead tells the two forms
 * apart.
 */
#include "sip/address.h"

#include "sip/scan.h"

/* Consumes the display name if a '<' follows it. */
static bool
take_display(struct sip_scan *scan, struct str *display)
{
	struct sip_scan ahead = *scan;
	struct str part;
	if (!sip_take_quoted(&ahead, &part))
		while (sip_take_token(&ahead, &part))
			sip_skip_lws(&ahead);
	sip_skip_lws(&ahead);
	if (ahead.rest.len == 0 || ahead.rest.p[0] != '<')
		return false;
	*display = str_trim((struct str){ scan->rest.p, (size_t)(ahead.rest.p - scan->rest.p) });
	*scan = ahead;
	return true;
}

/* "<" URI ">" */
static bool
take_bracketed(struct sip_scan *scan, struct str *uri)
{
	const char *end = memchr(scan->rest.p, '>', scan->rest.len);
	if (end == NULL)
		return false;
	size_t len = (size_t)(end - scan->rest.p);
	*uri = str_slice(scan->rest, 1, len - 1);
	scan->rest = str_slice(scan->rest, len + 1, scan->rest.len);
	return true;
}

/* Without brackets the first semicolon ends the URI, which may hold no comma or question mark (RFC
 * 3261 §20). */
static bool
take_bare(struct sip_scan *scan, struct str *uri)
{
	struct str value = scan->rest;
	const char *semicolon = memchr(value.p, ';', value.len);
	size_t len = semicolon == NULL ? value.len : (size_t)(semicolon - value.p);
	*uri = str_trim((struct str){ value.p, len });
	scan->rest = str_slice(value, len, value.len);
	return uri->len > 0 && memchr(uri->p, ',', uri->len) == NULL &&
	       memchr(uri->p, '?', uri->len) == NULL;
}

bool
sip_address_parse(struct sip_address *address, struct str value)
{
	struct sip_scan scan = { str_trim(value) };
	struct str uri;
	*address = (struct sip_address){ .text = scan.rest };
	if (scan.rest.len == 0)
		return false;
	address->bracketed = take_display(&scan, &address->display);
	if (!(address->bracketed ? take_bracketed(&scan, &uri) : take_bare(&scan, &uri)))
		return false;
	if (uri.len > SIP_MAX_URI || !sip_uri_parse(&address->uri, uri))
		return false;
	sip_skip_lws(&scan);
	address->params = scan.rest;
	return sip_params_valid(address->params);
}
