/*
 * The key under which bindings live. Everything that RFC 3261 §10.3 step 5 removes (scheme,
 * password, port, parameters, headers) is simply not looked at; what is left is written in the one
 * spelling of D-12.
 */
#include "registrar/aor.h"

/* An octet of the user part takes three when escaped; those that are escaped already shrink. */
static size_t
key_room(const struct sip_uri *uri, const struct domain *domain)
{
	return 3 * uri->user.len + 1 + domain->name.len;
}

bool
aor_from_uri(struct aor *aor, const struct sip_uri *uri, const struct domain *domain,
	     struct arena *arena)
{
	if (uri->scheme == SIP_SCHEME_OTHER || !uri->has_user)
		return false;
	size_t room = key_room(uri, domain);
	char *buf = arena_alloc(arena, room);
	if (buf == NULL)
		return false;
	struct writer w = writer_on(buf, room);
	bool whole = sip_canonical_escape(&w, uri->user);
	size_t user_len = w.len;
	writer_char(&w, '@');
	writer_str(&w, domain->name);
	aor->key = writer_text(&w);
	aor->user = str_slice(aor->key, 0, user_len);
	aor->domain = str_slice(aor->key, user_len + 1, domain->name.len);
	return whole;
}
