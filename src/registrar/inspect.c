/*
 * RFC 3261 §8.2 before authentication, as a list of questions in the order of the contract
 * (ORD-18 to ORD-31). Each question either finds nothing or refuses; the first that refuses
 * decides, so the order of the calls in inspect_request() is the order of the requirements.
 */
#include "registrar/inspect.h"

#include "sip/scan.h"

struct question {
	struct inspection *inspection;
	struct answer *answer;
	const struct policy *policy;
	const struct sip_message *request;
	const struct origin *origin;
	const struct readiness *readiness;
	struct arena *arena;
};

static bool
refuse(struct question *q, int status, enum reason reason, const char *phrase)
{
	q->answer->status = status;
	q->answer->reason = reason;
	q->answer->phrase = phrase;
	return false;
}

static bool
method_is_supported(struct question *q)
{
	enum sip_method method = q->request->method;
	if (method == SIP_METHOD_REGISTER || method == SIP_METHOD_OPTIONS)
		return true;
	q->answer->allow = true;
	return refuse(q, method == SIP_METHOD_UNKNOWN ? 501 : 405, REASON_METHOD_NOT_ALLOWED, NULL);
}

/* scheme = ALPHA *( ALPHA / DIGIT / "+" / "-" / "." ), RFC 3261 §25.1. */
static bool
is_scheme(struct str text)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = ascii_lower(text.p[i]);
		bool letter = c >= 'a' && c <= 'z';
		bool other = (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
		if (!letter && (i == 0 || !other))
			return false;
	}
	return text.len > 0;
}

/* The scheme is judged before the rest, since a URI of another scheme has a grammar that nobody
 * here knows (§8.2.2.1). */
static bool
uri_is_usable(struct question *q)
{
	struct str text = q->request->uri_text;
	struct sip_uri *uri = &q->inspection->uri;
	struct str scheme;
	struct str rest;
	if (text.len > SIP_MAX_URI)
		return refuse(q, 414, REASON_URI_TOO_LONG, NULL);
	bool foreign = str_cut(text, ':', &scheme, &rest) && is_scheme(scheme) &&
		       !str_ieq(scheme, STR("sip")) && !str_ieq(scheme, STR("sips"));
	if (foreign)
		return refuse(q, 416, REASON_SCHEME_UNSUPPORTED, NULL);
	if (!sip_uri_parse(uri, text))
		return refuse(q, 400, REASON_MALFORMED, "Malformed Request-URI");
	if (!str_empty(uri->headers))
		return refuse(q, 400, REASON_MALFORMED, "Header Fields in Request-URI");
	return true;
}

static bool
is_options(const struct question *q)
{
	return q->request->method == SIP_METHOD_OPTIONS;
}

/* User, port and parameters take no part (D-34). An OPTIONS that may go no further is for whoever
 * has it (§11), and one to a bare address is a probe of this very server. */
static bool
domain_is_served(struct question *q)
{
	const struct sip_uri *uri = &q->inspection->uri;
	q->inspection->domain = NULL;
	if (is_options(q) && q->request->max_forwards_zero)
		return true;
	q->inspection->domain = policy_domain(q->policy, &uri->host);
	if (q->inspection->domain != NULL)
		return true;
	if (is_options(q) && !uri->has_user && uri->host.ip.family != 0)
		return true;
	return refuse(q, 404, REASON_DOMAIN_NOT_SERVED, NULL);
}

static bool
is_not_merged(struct question *q, bool merged)
{
	return !merged || refuse(q, 482, REASON_MERGED, NULL);
}

/* Room for all values of a list field joined with ", ": a row of n values has n - 1 commas and n
 * octets at least, so the spaces that are added never more than double it. */
static size_t
joined_room(const struct sip_message *request, enum sip_header_id id)
{
	size_t len = 0;
	struct str value;
	for (uint16_t row = request->first[id]; sip_message_row(request, &row, &value);)
		len += 2 * value.len + 2;
	return len;
}

/* Path is the one extension that a client can ask for here; any other tag is unknown, and so is
 * that of Path when it is switched off (REG-10.3.2-2). */
static bool
supports(const struct policy *policy, struct str tag)
{
	return policy->path != PATH_OFF && str_ieq(tag, STR("path"));
}

static bool
required_is_supported(struct question *q)
{
	const struct sip_message *request = q->request;
	if (request->rows[SIP_HEADER_REQUIRE] == 0)
		return true;
	size_t room = joined_room(request, SIP_HEADER_REQUIRE);
	char *buf = arena_alloc(q->arena, room);
	if (buf == NULL)
		return refuse(q, 500, REASON_INTERNAL, NULL);
	struct writer w = writer_on(buf, room);
	struct sip_values tags = sip_message_values(request, SIP_HEADER_REQUIRE);
	struct str tag;
	bool any = false;
	while (sip_next_value(&tags, &tag)) {
		if (!sip_is_token(tag))
			return refuse(q, 400, REASON_MALFORMED, "Malformed Require header field");
		any = true;
		if (supports(q->policy, tag))
			continue;
		if (w.len > 0)
			writer_str(&w, STR(", "));
		writer_str(&w, tag);
	}
	if (tags.bad || !any || !writer_ok(&w))
		return refuse(q, 400, REASON_MALFORMED, "Malformed Require header field");
	if (w.len == 0)
		return true;
	q->answer->unsupported = writer_text(&w);
	return refuse(q, 420, REASON_EXTENSION_UNSUPPORTED, NULL);
}

/* m-type SLASH m-subtype *( SEMI m-parameter ); white space around the slash is legal. */
static bool
is_media_type(struct str text)
{
	struct sip_scan scan = { text };
	struct str token;
	if (!sip_take_token(&scan, &token) || !sip_take_separator(&scan, '/') ||
	    !sip_take_token(&scan, &token))
		return false;
	sip_skip_lws(&scan);
	bool bad = false;
	struct sip_param param;
	while (sip_next_param(&scan.rest, &param, &bad))
		;
	return !bad;
}

/* disp-type *( SEMI disp-param ). Without a handling parameter the body must be understood
 * (§20.11). */
static bool
disposition_parse(struct str text, bool *optional)
{
	struct sip_scan scan = { text };
	struct str type;
	if (!sip_take_token(&scan, &type))
		return false;
	sip_skip_lws(&scan);
	bool bad = false;
	struct sip_param param;
	while (sip_next_param(&scan.rest, &param, &bad))
		if (str_ieq(param.name, STR("handling")))
			*optional = str_ieq(param.value, STR("optional"));
	return !bad;
}

/* True when every value of the list field is the one that is understood, or a part of it after a
 * hyphen ("en-GB"). */
static bool
lists_only(const struct sip_message *request, enum sip_header_id id, struct str understood,
	   bool *bad)
{
	struct sip_values values = sip_message_values(request, id);
	struct str value;
	bool only = true;
	while (sip_next_value(&values, &value)) {
		struct str primary;
		struct str rest;
		str_cut(value, '-', &primary, &rest);
		only = only && str_ieq(primary, understood);
	}
	*bad = *bad || values.bad;
	return only;
}

/* No type of body is understood, so one that must be is refused; coding and language are named
 * beside it when they too would be an obstacle (§8.2.3, D-29). */
static bool
refuse_body(struct question *q)
{
	bool bad = false;
	bool coding = lists_only(q->request, SIP_HEADER_CONTENT_ENCODING, STR("identity"), &bad);
	bool language = lists_only(q->request, SIP_HEADER_CONTENT_LANGUAGE, STR("en"), &bad);
	if (bad)
		return refuse(q, 400, REASON_MALFORMED,
			      "Malformed Content-Encoding or Content-Language");
	q->answer->accept = true;
	q->answer->accept_encoding = !coding;
	q->answer->accept_language = !language;
	return refuse(q, 415, REASON_BODY_UNSUPPORTED, NULL);
}

static bool
body_can_be_ignored(struct question *q)
{
	const struct sip_message *request = q->request;
	if (request->rows[SIP_HEADER_CONTENT_TYPE] > 1)
		return refuse(q, 400, REASON_MALFORMED, "Repeated Content-Type header field");
	if (request->rows[SIP_HEADER_CONTENT_DISPOSITION] > 1)
		return refuse(q, 400, REASON_MALFORMED,
			      "Repeated Content-Disposition header field");
	if (str_empty(request->body))
		return true;
	bool found;
	struct str type = sip_message_value(request, SIP_HEADER_CONTENT_TYPE, &found);
	if (!found)
		return refuse(q, 400, REASON_MALFORMED, "Missing Content-Type header field");
	if (!is_media_type(type))
		return refuse(q, 400, REASON_MALFORMED, "Malformed Content-Type header field");
	struct str disposition = sip_message_value(request, SIP_HEADER_CONTENT_DISPOSITION, &found);
	bool optional = false;
	if (found && !disposition_parse(disposition, &optional))
		return refuse(q, 400, REASON_MALFORMED,
			      "Malformed Content-Disposition header field");
	return optional || refuse_body(q);
}

static bool
fields_are_well_formed(struct question *q)
{
	return is_options(q) ||
	       contacts_parse(&q->inspection->contacts, q->answer, q->request, q->arena);
}

/* The hop before us broke the protocol (RFC 5630 §4, D-15): no challenge, lest the client send a
 * digest over it. */
static bool
sips_came_over_tls(struct question *q)
{
	return q->inspection->uri.scheme != SIP_SCHEME_SIPS || q->origin->secure ||
	       refuse(q, 400, REASON_SIPS_MISMATCH, "SIPS requires TLS");
}

static bool
refuse_scheme(struct question *q, int warning, enum reason reason)
{
	q->answer->warning = warning;
	q->answer->warning_agent = q->inspection->domain->name;
	return refuse(q, 480, reason, NULL);
}

/* RFC 5630 §5.1.2 and the operator's require_tls. */
static bool
domain_admits(struct question *q)
{
	if (is_options(q))
		return true;
	const struct domain *domain = q->inspection->domain;
	bool sips = q->inspection->uri.scheme == SIP_SCHEME_SIPS;
	if (domain->schemes == DOMAIN_SCHEMES_SIPS && !sips)
		return refuse_scheme(q, 381, REASON_SIPS_REQUIRED);
	if (domain->schemes == DOMAIN_SCHEMES_SIP && sips)
		return refuse_scheme(q, 380, REASON_SIPS_NOT_ALLOWED);
	if (domain->require_tls && !q->origin->secure)
		return refuse(q, 403, REASON_TLS_REQUIRED, "TLS Required");
	return true;
}

/* RFC 3327 §6.1: whoever adds a Path draws the calls of the phone to itself, and a password does
 * not cover the field. Judged before there is a challenge: the fault is the hop's, not the
 * phone's. */
static bool
path_is_trusted(struct question *q)
{
	bool matters = q->policy->path_requires_certificate && q->policy->path != PATH_OFF &&
		       !str_empty(q->inspection->contacts.path);
	return !matters || q->origin->authenticated ||
	       refuse(q, 403, REASON_PATH_NOT_TRUSTED, "Path Not Trusted");
}

/* An OPTIONS about a user is refused anyway (ORD-38); all others ask for this server itself. */
static bool
asks_for_user(const struct inspection *inspection)
{
	return inspection->domain != NULL && inspection->uri.has_user;
}

static bool
server_is_ready(struct question *q)
{
	enum reason reason = q->readiness->registers;
	if (is_options(q))
		reason = asks_for_user(q->inspection) ? REASON_NONE : q->readiness->options;
	if (reason == REASON_NONE)
		return true;
	answer_unavailable(q->answer, reason, q->policy, q->readiness->random);
	return false;
}

bool
inspect_request(struct inspection *inspection, struct answer *answer, const struct policy *policy,
		const struct sip_message *request, const struct origin *origin,
		const struct readiness *readiness, bool merged, struct arena *arena)
{
	*inspection = (struct inspection){ .domain = NULL };
	struct question q = { inspection, answer, policy, request, origin, readiness, arena };
	return method_is_supported(&q) &&    /* ORD-18, ORD-19 */
	       uri_is_usable(&q) &&	     /* ORD-20 to ORD-22 */
	       domain_is_served(&q) &&	     /* ORD-23, ORD-24 */
	       is_not_merged(&q, merged) &&  /* ORD-25 */
	       required_is_supported(&q) &&  /* ORD-26 */
	       body_can_be_ignored(&q) &&    /* ORD-27 */
	       fields_are_well_formed(&q) && /* ORD-28 */
	       sips_came_over_tls(&q) &&     /* ORD-29 */
	       domain_admits(&q) &&	     /* ORD-30 */
	       path_is_trusted(&q) &&	     /* ORD-30, PTH-3327-6-1 */
	       server_is_ready(&q);	     /* ORD-31 */
}

void
options_answer(struct answer *answer, const struct inspection *inspection)
{
	if (asks_for_user(inspection)) {
		/* Whether the user exists or not: nobody is told (D-22). */
		answer->status = 404;
		answer->reason = REASON_AOR_UNKNOWN;
		return;
	}
	answer->status = 200;
	answer->allow = true;
	answer->accept = true;
	answer->accept_encoding = true;
	answer->accept_language = true;
	answer->supported = true;
}
