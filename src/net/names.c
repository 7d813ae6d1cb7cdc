/*
 * The names in a certificate. Two questions are asked of them and must not be mixed up: which
 * certificate to show (ours to decide, wildcards are fine), and what a SIP client will accept (RFC
 * 5922 §7: whole names only).
 */
#include <openssl/x509v3.h>
#include <stdlib.h>

#include "certificate.h"

static void
add_name(struct certificate *c, enum certificate_name_kind kind, struct str text)
{
	struct certificate_name *name = &c->names[c->name_count];
	if (text.len == 0 || text.len >= sizeof(name->text) ||
	    memchr(text.p, '\0', text.len) != NULL)
		return;
	name->kind = kind;
	str_copy(name->text, sizeof(name->text), text);
	c->name_count++;
}

/* "sip:example.com" without a user part; a port or parameters do not belong to the domain. */
static void
add_uri(struct certificate *c, struct str uri)
{
	struct str scheme, rest, host, ignored;
	if (!str_cut(uri, ':', &scheme, &rest) || !str_ieq(scheme, STR("sip")) ||
	    memchr(rest.p, '@', rest.len) != NULL)
		return;
	str_cut(rest, ';', &host, &ignored);
	str_cut(host, ':', &host, &ignored);
	add_name(c, NAME_SIP_URI, host);
}

static struct str
octets_of(const ASN1_STRING *string)
{
	return (struct str){ (const char *)ASN1_STRING_get0_data(string),
			     (size_t)ASN1_STRING_length(string) };
}

static void
add_alternatives(struct certificate *c, const GENERAL_NAMES *alternatives)
{
	for (int i = 0; i < sk_GENERAL_NAME_num(alternatives); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(alternatives, i);
		if (name->type == GEN_DNS)
			add_name(c, NAME_DNS, octets_of(name->d.dNSName));
		else if (name->type == GEN_URI)
			add_uri(c, octets_of(name->d.uniformResourceIdentifier));
	}
}

static void
add_common_name(struct certificate *c)
{
	X509_NAME *subject = X509_get_subject_name(c->leaf);
	int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
	if (at >= 0)
		add_name(c, NAME_COMMON,
			 octets_of(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at))));
}

bool
certificate_collect_names(struct certificate *c)
{
	GENERAL_NAMES *alternatives = X509_get_ext_d2i(c->leaf, NID_subject_alt_name, NULL, NULL);
	int count = alternatives == NULL ? 1 : sk_GENERAL_NAME_num(alternatives);
	c->names = calloc(count > 0 ? (size_t)count : 1, sizeof(*c->names));
	if (c->names != NULL && alternatives != NULL)
		add_alternatives(c, alternatives);
	else if (c->names != NULL)
		add_common_name(c);
	GENERAL_NAMES_free(alternatives);
	return c->names != NULL;
}

static bool
wildcard_matches(struct str pattern, struct str host)
{
	struct str label, parent;
	return str_starts(pattern, STR("*.")) && str_cut(host, '.', &label, &parent) &&
	       label.len > 0 && str_ieq(parent, str_slice(pattern, 2, pattern.len));
}

bool
certificate_names_host(const struct certificate *c, struct str host, bool wildcard)
{
	for (size_t i = 0; i < c->name_count; i++) {
		struct str name = str_of(c->names[i].text);
		if (wildcard ? wildcard_matches(name, host) : str_ieq(name, host))
			return true;
	}
	return false;
}

/* Where there are SIP URIs, the other names say nothing about domains. */
static bool
identity(const struct certificate *c, const struct certificate_name *name)
{
	bool uris = false;
	for (size_t i = 0; i < c->name_count; i++)
		uris = uris || c->names[i].kind == NAME_SIP_URI;
	return !uris || name->kind == NAME_SIP_URI;
}

bool
certificate_identifies(const struct certificate *c, struct str domain)
{
	for (size_t i = 0; i < c->name_count; i++)
		if (identity(c, &c->names[i]) && str_ieq(str_of(c->names[i].text), domain))
			return true;
	return false;
}

/* A domain may stand there as URI and as DNS name. */
static bool
named_before(const struct certificate *c, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (str_ieq(str_of(c->names[i].text), str_of(c->names[at].text)))
			return true;
	return false;
}

const char *
certificate_name_shown(const struct certificate *c, size_t n)
{
	for (size_t i = 0; i < c->name_count; i++)
		if (!named_before(c, i) && n-- == 0)
			return c->names[i].text;
	return NULL;
}

void
certificate_write_identities(const struct certificate *c, struct writer *w)
{
	size_t before = w->len;
	for (size_t i = 0; i < c->name_count; i++) {
		if (!identity(c, &c->names[i]))
			continue;
		if (w->len > before)
			writer_text_z(w, ", ");
		writer_text_z(w, c->names[i].text);
	}
	if (w->len == before)
		writer_text_z(w, "no name");
}
