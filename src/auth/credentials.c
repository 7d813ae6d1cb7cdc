/*
 * Authorization rows. A row is first split into its parameters, as text, and only then judged: by
 * its realm, which tells whether it is meant for us at all, before anything else in it can be
 * wrong.
 */
#include "auth/credentials.h"

#include "sip/scan.h"

struct row {
	struct sip_param params[CREDENTIALS_PARAMS_MAX];
	uint32_t count;
	bool broken; /* bad syntax, or a parameter twice; params holds what was before it */
	bool ours;   /* names our realm */
};

static const struct str algorithm_names[DIGEST_ALGORITHM_COUNT] = {
	[DIGEST_MD5] = { "MD5", 3 },
	[DIGEST_SHA256] = { "SHA-256", 7 },
	[DIGEST_SHA512_256] = { "SHA-512-256", 11 },
};

struct str
digest_algorithm_name(enum digest_algorithm algorithm)
{
	return algorithm_names[algorithm];
}

bool
digest_algorithm_parse(struct str name, enum digest_algorithm *algorithm)
{
	for (size_t i = 0; i < DIGEST_ALGORITHM_COUNT; i++) {
		if (str_ieq(name, algorithm_names[i])) {
			*algorithm = (enum digest_algorithm)i;
			return true;
		}
	}
	return false;
}

/* --- a row as text ----------------------------------------------------------------------- */

static bool
row_has(const struct row *row, struct str name, struct str *value)
{
	for (uint32_t i = 0; i < row->count; i++) {
		if (str_ieq(row->params[i].name, name)) {
			*value = row->params[i].value;
			return true;
		}
	}
	return false;
}

/* auth-param = token EQUAL ( token / quoted-string ). Quotes are taken or left for every
 * parameter: AUT-7616-3.4-2. */
static bool
take_param(struct sip_scan *scan, struct row *row)
{
	struct str name;
	struct str value;
	if (!sip_take_token(scan, &name) || !sip_take_separator(scan, '='))
		return false;
	if (!sip_take_quoted(scan, &value) && !sip_take_token(scan, &value))
		return false;
	struct str other;
	if (row->count == CREDENTIALS_PARAMS_MAX || row_has(row, name, &other))
		return false;
	row->params[row->count++] = (struct sip_param){ name, value, true };
	return true;
}

static void
row_split(struct row *row, struct sip_scan scan)
{
	*row = (struct row){ .count = 0 };
	do
		row->broken = !take_param(&scan, row);
	while (!row->broken && sip_take_separator(&scan, ','));
	sip_skip_lws(&scan);
	row->broken = row->broken || !str_empty(scan.rest);
}

/* True when the row is of the Digest scheme; scan then stands at its parameters. */
static bool
is_digest(struct sip_scan *scan)
{
	struct str scheme;
	if (!sip_take_token(scan, &scheme) || !str_ieq(scheme, STR("Digest")))
		return false;
	sip_skip_lws(scan);
	return true;
}

/* --- what it means ----------------------------------------------------------------------- */

static bool
take(const struct row *row, struct str name, struct str *value, struct arena *arena)
{
	struct str text;
	if (!row_has(row, name, &text))
		return false;
	*value = sip_unquote(text, arena);
	return true;
}

/* A client that has no challenge yet may say so with empty values (RFC 8760 §2.7). */
static bool
is_blank(const struct row *row, struct str name)
{
	struct str text;
	return row_has(row, name, &text) && str_eq(text, STR("\"\""));
}

/* nc-value = 8LHEX; either case is read (PAR-25-6). */
static bool
nonce_count_parse(struct str text, uint32_t *count)
{
	if (text.len != 8)
		return false;
	*count = 0;
	for (size_t i = 0; i < text.len; i++) {
		int digit = ascii_hex(text.p[i]);
		if (digit < 0)
			return false;
		*count = *count << 4 | (uint32_t)digit;
	}
	return true;
}

/* What RFC 7616 §3.4 demands of any answer. */
static bool
is_complete(struct credentials *c, const struct row *row, struct arena *arena)
{
	struct str other;
	return take(row, STR("username"), &c->username, arena) &&
	       !row_has(row, STR("username*"), &other) &&
	       take(row, STR("nonce"), &c->nonce, arena) && take(row, STR("uri"), &c->uri, arena) &&
	       take(row, STR("response"), &c->response, arena);
}

/* With qop, nc and cnonce are needed; without it they mean nothing. */
static enum credentials_status
judge_qop(struct credentials *c, const struct row *row, bool required, struct arena *arena)
{
	struct str qop;
	c->qop = DIGEST_QOP_NONE;
	c->nc_text = c->cnonce = (struct str){ NULL, 0 };
	c->nc = 0;
	if (!take(row, STR("qop"), &qop, arena))
		return required ? CREDENTIALS_NOT_OFFERED : CREDENTIALS_FOUND;
	if (!take(row, STR("cnonce"), &c->cnonce, arena) ||
	    !take(row, STR("nc"), &c->nc_text, arena) || !nonce_count_parse(c->nc_text, &c->nc))
		return CREDENTIALS_MALFORMED;
	c->qop = DIGEST_QOP_AUTH;
	return str_ieq(qop, STR("auth")) ? CREDENTIALS_FOUND : CREDENTIALS_NOT_OFFERED;
}

static bool
is_session(struct str algorithm)
{
	struct str suffix = STR("-sess");
	return algorithm.len > suffix.len &&
	       str_ieq(str_slice(algorithm, algorithm.len - suffix.len, suffix.len), suffix);
}

static bool
is_offered(const struct digest_offer *offer, enum digest_algorithm algorithm)
{
	for (uint8_t i = 0; i < offer->count; i++)
		if (offer->algorithms[i] == algorithm)
			return true;
	return false;
}

static enum credentials_status
judge_algorithm(struct credentials *c, const struct row *row, const struct digest_offer *offer,
		struct arena *arena)
{
	struct str name = STR("MD5"); /* when there is none: RFC 7616 §3.3 */
	take(row, STR("algorithm"), &name, arena);
	if (is_session(name) && c->qop == DIGEST_QOP_NONE)
		return CREDENTIALS_MALFORMED;
	if (!digest_algorithm_parse(name, &c->algorithm) || !is_offered(offer, c->algorithm))
		return CREDENTIALS_NOT_OFFERED;
	return CREDENTIALS_FOUND;
}

static enum credentials_status
judge(struct credentials *c, struct row *row, struct str realm, const struct digest_offer *offer,
      struct arena *arena)
{
	bool named = take(row, STR("realm"), &c->realm, arena);
	row->ours = named && str_eq(c->realm, realm);
	if (named && !row->ours)
		return CREDENTIALS_OTHER_REALM;
	if (row->broken || !named)
		return CREDENTIALS_MALFORMED;
	if (is_blank(row, STR("nonce")) || is_blank(row, STR("response")))
		return CREDENTIALS_NONE;
	if (!is_complete(c, row, arena))
		return CREDENTIALS_MALFORMED;
	enum credentials_status qop = judge_qop(c, row, offer->requires_qop, arena);
	if (qop == CREDENTIALS_MALFORMED)
		return qop;
	enum credentials_status algorithm = judge_algorithm(c, row, offer, arena);
	return algorithm == CREDENTIALS_FOUND ? qop : algorithm;
}

enum credentials_status
credentials_find(struct credentials *credentials, const struct sip_message *request,
		 struct str realm, const struct digest_offer *offer, struct arena *arena)
{
	enum credentials_status most = CREDENTIALS_NONE;
	struct str value;
	for (uint16_t next = request->first[SIP_HEADER_AUTHORIZATION];
	     sip_message_row(request, &next, &value);) {
		struct sip_scan scan = { value };
		if (!is_digest(&scan))
			continue;
		struct row row;
		row_split(&row, scan);
		enum credentials_status status = judge(credentials, &row, realm, offer, arena);
		if (status == CREDENTIALS_FOUND || (status == CREDENTIALS_MALFORMED && row.ours))
			return status;
		if (status > most) /* the enum goes from nothing at all to nearly ours */
			most = status;
	}
	return most;
}
