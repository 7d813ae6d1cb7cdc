/*
 * The syntax of what a REGISTER asks for, before anybody knows who asks: every value is read, and
 * one that breaks the grammar refuses the whole request (RFC 3261 §10.3 wants all or nothing).
 */
#include "registrar/contacts.h"

#include "registrar/answer.h"
#include "sip/scan.h"

static bool
malformed(struct answer *answer, const char *phrase)
{
	*answer = (struct answer){ .status = 400, .phrase = phrase, .reason = REASON_MALFORMED };
	return false;
}

static bool
exhausted(struct answer *answer)
{
	*answer = (struct answer){ .status = 500, .reason = REASON_INTERNAL };
	return false;
}

/* RFC 3261 §25.1 qvalue in thousandths; a leading dot is tolerated (PAR-20.10-5). */
static bool
parse_q(struct str text, int16_t *q)
{
	struct str whole, decimals = { NULL, 0 };
	bool dot = str_cut(text, '.', &whole, &decimals);
	if (whole.len > 1 || decimals.len > 3 || (str_empty(whole) && str_empty(decimals)))
		return false;
	uint64_t ones = 0, thousandths = 0;
	if (!str_empty(whole) && !str_to_u64(whole, 1, &ones))
		return false;
	if (dot && !str_empty(decimals) && !str_to_u64(decimals, 999, &thousandths))
		return false;
	for (size_t digits = decimals.len; digits < 3; digits++)
		thousandths *= 10;
	uint64_t value = ones * 1000 + thousandths;
	*q = (int16_t)value;
	return value <= 1000;
}

/* Leaves out the octets from cut to the parameters that follow it. */
static struct str
params_without(struct str params, struct str cut, struct arena *arena)
{
	size_t before = params.len - cut.len;
	struct str tail = cut;
	struct sip_param param;
	bool bad = false;
	(void)sip_next_param(&tail, &param, &bad);
	if (str_empty(tail))
		return str_slice(params, 0, before);
	if (before == 0)
		return tail;
	char *joined = arena_alloc(arena, before + tail.len);
	if (joined == NULL)
		return (struct str){ NULL, 0 };
	memcpy(joined, params.p, before);
	memcpy(joined + before, tail.p, tail.len);
	return (struct str){ joined, before + tail.len };
}

/* q, expires and +sip.instance mean something to a registrar; all others are kept as they are. */
static const char *
parse_contact_params(struct contact *contact, struct arena *arena)
{
	struct str rest = contact->address.params;
	struct str at = rest;
	struct sip_param param;
	bool bad = false;
	contact->params = rest;
	contact->q = -1;
	for (; sip_next_param(&rest, &param, &bad); at = rest) {
		if (str_ieq(param.name, STR("q")) && !parse_q(param.value, &contact->q))
			return "Malformed q in Contact";
		if (str_ieq(param.name, STR("+sip.instance"))) {
			contact->instance = sip_unquote(param.value, arena);
			if (contact->instance.len > SIP_MAX_INSTANCE)
				return "Instance-ID Too Long";
		}
		if (str_ieq(param.name, STR("expires"))) {
			contact->expires_given = true;
			contact->expires_s = sip_delta_seconds(param.value);
			contact->params = params_without(contact->address.params, at, arena);
		}
	}
	return bad ? "Malformed Contact header field" : NULL;
}

static bool
has_control(struct str text)
{
	for (size_t i = 0; i < text.len; i++)
		if (sip_is_control(text.p[i]))
			return true;
	return false;
}

/*
 * NULL, or the reason phrase of the 400. A quoted string may hold escaped control octets, but what
 * is registered is shown to other devices, programs and people, so here none is accepted.
 */
static const char *
parse_contact(struct contact *contact, struct str value, struct arena *arena)
{
	*contact = (struct contact){ .q = -1 };
	if (has_control(value))
		return "Control Character in Contact";
	if (!sip_address_parse(&contact->address, value))
		return "Malformed Contact header field";
	return parse_contact_params(contact, arena);
}

static bool
parse_contacts(struct contacts *contacts, struct answer *answer, const struct sip_message *request,
	       struct arena *arena)
{
	struct str value;
	struct sip_values count = sip_message_values(request, SIP_HEADER_CONTACT);
	while (sip_next_value(&count, &value))
		contacts->values++;
	if (count.bad)
		return malformed(answer, "Malformed Contact header field");

	uint32_t kept = contacts->values < CONTACTS_MAX ? contacts->values : CONTACTS_MAX;
	contacts->list = arena_array(arena, kept, sizeof(*contacts->list));
	if (contacts->list == NULL)
		return exhausted(answer);
	struct sip_values values = sip_message_values(request, SIP_HEADER_CONTACT);
	while (sip_next_value(&values, &value)) {
		if (str_eq(value, STR("*"))) {
			contacts->star = true;
			continue;
		}
		struct contact contact;
		const char *fault = parse_contact(&contact, value, arena);
		if (fault != NULL)
			return malformed(answer, fault);
		if (contacts->count < kept)
			contacts->list[contacts->count++] = contact;
	}
	return true;
}

/* RFC 3327 §4: name-addr only. It is read whether or not the extension is on, because SIPS looks at
 * its schemes. Like a Contact it is shown to other programs, so it has no control octets. */
static bool
parse_path(struct contacts *contacts, struct answer *answer, const struct sip_message *request,
	   struct arena *arena)
{
	if (request->rows[SIP_HEADER_PATH] == 0)
		return true;
	char *joined = arena_alloc(arena, PATH_OCTETS_MAX);
	if (joined == NULL)
		return exhausted(answer);
	struct writer w = writer_on(joined, PATH_OCTETS_MAX);
	struct str value;
	struct sip_values values = sip_message_values(request, SIP_HEADER_PATH);
	while (sip_next_value(&values, &value)) {
		struct sip_address hop;
		if (has_control(value))
			return malformed(answer, "Control Character in Path");
		if (!sip_address_parse(&hop, value) || !hop.bracketed ||
		    hop.uri.scheme == SIP_SCHEME_OTHER)
			return malformed(answer, "Malformed Path header field");
		contacts->path_not_sips |= hop.uri.scheme != SIP_SCHEME_SIPS;
		if (w.len > 0)
			writer_char(&w, ',');
		writer_str(&w, value);
	}
	if (values.bad)
		return malformed(answer, "Malformed Path header field");
	contacts->path = writer_text(&w);
	return writer_ok(&w) || malformed(answer, "Path Too Long");
}

static bool
parse_expires(struct contacts *contacts, struct answer *answer, const struct sip_message *request)
{
	if (request->rows[SIP_HEADER_EXPIRES] > 1)
		return malformed(answer, "Repeated Expires header field");
	struct str text = sip_message_value(request, SIP_HEADER_EXPIRES, &contacts->expires_given);
	contacts->expires_s = sip_delta_seconds(text);
	return true;
}

bool
contacts_parse(struct contacts *contacts, struct answer *answer, const struct sip_message *request,
	       struct arena *arena)
{
	*contacts = (struct contacts){ 0 };
	if (request->to.uri.scheme == SIP_SCHEME_OTHER)
		return malformed(answer, "To Must Be a SIP or SIPS URI");
	if (!parse_contacts(contacts, answer, request, arena) ||
	    !parse_path(contacts, answer, request, arena) ||
	    !parse_expires(contacts, answer, request))
		return false;
	return arena_ok(arena) ? true : exhausted(answer);
}

uint32_t
contacts_interval(const struct contacts *contacts, const struct contact *contact,
		  uint32_t default_s)
{
	if (contact->expires_given)
		return contact->expires_s;
	return contacts->expires_given ? contacts->expires_s : default_s;
}
