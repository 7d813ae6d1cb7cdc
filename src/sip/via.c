/*
 * Via values. A value whose parameters are broken is still parsed as far as its sent-by, so that
 * the 400 that it deserves finds its way back; the value is written back from the text it came in,
 * and only received and rport are ours.
 */
#include "sip/via.h"

#include "sip/scan.h"

#define MAGIC_COOKIE STR("z9hG4bK")

/* sent-protocol LWS: name "/" version "/" transport */
static bool
take_protocol(struct sip_scan *scan, struct sip_via *via)
{
	struct str name;
	if (!sip_take_token(scan, &name) || !sip_take_separator(scan, '/') ||
	    !sip_take_token(scan, &via->version) || !sip_take_separator(scan, '/') ||
	    !sip_take_token(scan, &via->transport))
		return false;
	size_t left = scan->rest.len;
	sip_skip_lws(scan);
	return scan->rest.len < left;
}

/* host [ COLON port ], white space allowed around the colon. */
static bool
take_sent_by(struct sip_scan *scan, struct sip_via *via)
{
	const char *start = scan->rest.p;
	if (!sip_host_take(&scan->rest, &via->host))
		return false;
	if (sip_take_separator(scan, ':') && !sip_port_take(&scan->rest, &via->port))
		return false;
	via->sent_by = (struct str){ start, (size_t)(scan->rest.p - start) };
	return true;
}

static void
note_param(struct sip_via *via, const struct sip_param *param)
{
	if (str_ieq(param->name, STR("branch")))
		via->branch = param->value;
	else if (str_ieq(param->name, STR("rport")))
		via->has_rport = true;
	else if (str_ieq(param->name, STR("received")))
		via->has_received = true;
	else if (str_ieq(param->name, STR("maddr")))
		via->maddr = param->value;
	else if (str_ieq(param->name, STR("ttl")))
		via->ttl = param->value;
}

bool
sip_via_parse(struct sip_via *via, struct str value)
{
	struct sip_scan scan = { str_trim(value) };
	*via = (struct sip_via){ .text = scan.rest };
	if (!take_protocol(&scan, via) || !take_sent_by(&scan, via))
		return false;
	sip_skip_lws(&scan);
	via->params = scan.rest;
	via->bad_params = !sip_params_valid(via->params);
	struct sip_param param;
	bool bad;
	for (struct str rest = via->params; sip_next_param(&rest, &param, &bad);)
		note_param(via, &param);
	/* The bare cookie names no transaction: PAR-20.42-2. */
	if (str_ieq(via->branch, MAGIC_COOKIE))
		via->branch.len = 0;
	return true;
}

bool
sip_via_has_cookie(const struct sip_via *via)
{
	return str_istarts(via->branch, MAGIC_COOKIE);
}

/* The parameters as they came, without received and rport; what cannot be parsed is kept as it is.
 */
static void
write_params(struct writer *w, struct str params)
{
	struct str rest = params;
	struct sip_param param;
	bool bad;
	for (;;) {
		struct str left = rest;
		if (!sip_next_param(&rest, &param, &bad)) {
			sip_write_clean(w, left);
			return;
		}
		if (!str_ieq(param.name, STR("received")) && !str_ieq(param.name, STR("rport")))
			writer_str(w, str_slice(left, 0, left.len - rest.len));
	}
}

static bool
source_differs(const struct sip_via *via, const struct ip *source)
{
	struct ip sent_by = ip_unmapped(via->host.ip);
	return !ip_equal(&sent_by, source);
}

void
sip_via_write(struct writer *w, const struct sip_via *via, const struct endpoint *source)
{
	struct ip ip = ip_unmapped(source->ip);
	writer_str(w, (struct str){ via->text.p, (size_t)(via->params.p - via->text.p) });
	write_params(w, via->params);
	if (via->has_received || via->has_rport || source_differs(via, &ip)) {
		writer_str(w, STR(";received="));
		ip_write(w, &ip);
	}
	if (via->has_rport) {
		writer_str(w, STR(";rport="));
		writer_u64(w, source->port);
	}
}

struct endpoint
sip_via_response_target(const struct sip_via *via, const struct endpoint *source)
{
	struct endpoint target = *source;
	if (!via->has_rport)
		target.port = via->port != 0 ? via->port : 5060;
	return target;
}
