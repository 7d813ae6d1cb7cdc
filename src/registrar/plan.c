/*
 * The plan is made on a copy of the live bindings, each with the mark of what the request does to
 * it: contacts match what was stored, never each other, and nothing outside the copy changes before
 * every rule has been passed (RFC 3261 §10.3 step 7: all or none).
 */
#include "plan.h"

#include "binding.h"

/* The Contact and Path fields of the 200 stay under this (REG-10.3.7-17); a row spends so much
 * beside its texts. */
#define LIST_MAX_BYTES 60000u
#define LIST_ROW_BYTES 40u
/* And the JSON of the bindings under this and so much for each: every guess at the password has it
 * read. Plain ones meet the limit above before. */
#define STORED_MAX_BYTES 100000u
#define STORED_ROW_BYTES 512u
#define ANSWER_OWN_BYTES 300u /* names of fields, tag, Date and the like */

enum entry_state { ENTRY_KEPT, ENTRY_WRITTEN, ENTRY_GONE };

struct entry {
	const struct binding *stored; /* NULL: new */
	struct sip_uri uri;	      /* of stored */
	bool comparable;	      /* uri could be read */
	enum entry_state state;
	bool replaced;		/* gone, for another one */
	struct binding binding; /* as it will be */
};

struct plan {
	struct registration *r;
	const struct contacts *contacts;
	struct entry *entries; /* the stored ones first */
	uint32_t count;
	uint32_t stored;
};

static bool
refuse(const struct plan *plan, int status, const char *phrase, enum reason reason)
{
	plan->r->answer = (struct answer){ .status = status, .phrase = phrase, .reason = reason };
	return false;
}

static uint32_t
requested(const struct plan *plan, const struct contact *contact)
{
	return contacts_interval(plan->contacts, contact, plan->r->policy->expires_default_s);
}

static bool
plan_init(struct plan *plan, struct registration *r, const struct record *record)
{
	*plan = (struct plan){ .r = r, .contacts = &r->inspection.contacts };
	size_t room = (size_t)record->binding_count + plan->contacts->count;
	plan->entries = arena_array(r->arena, room, sizeof(*plan->entries));
	if (plan->entries == NULL)
		return refuse(plan, 500, NULL, REASON_INTERNAL);
	for (uint32_t i = 0; i < record->binding_count; i++) {
		const struct binding *stored = &record->bindings[i];
		if (!binding_live(stored, r->now_ms))
			continue;
		struct entry *entry = &plan->entries[plan->count++];
		*entry = (struct entry){ .stored = stored, .binding = *stored };
		entry->comparable = sip_uri_parse(&entry->uri, stored->uri);
	}
	plan->stored = plan->count;
	memset(r->changes, 0, sizeof(r->changes));
	r->changes[CHANGE_EXPIRED] = record->binding_count - plan->stored;
	return true;
}

/* --- what the request says, before the row is compared: ORD-42 to ORD-47 --- */

static bool
star_is_alone(const struct plan *plan)
{
	const struct contacts *contacts = plan->contacts;
	if (!contacts->star)
		return true;
	if (contacts->values > 1)
		return refuse(plan, 400, "* Must Be the Only Contact", REASON_CONTACT_INVALID);
	if (!contacts->expires_given || contacts->expires_s != 0)
		return refuse(plan, 400, "Contact * Needs Expires: 0", REASON_CONTACT_INVALID);
	return true;
}

static bool
contacts_are_few(const struct plan *plan)
{
	uint32_t limit = plan->r->policy->max_contacts_per_request;
	if (plan->contacts->values <= (limit < CONTACTS_MAX ? limit : CONTACTS_MAX))
		return true;
	return refuse(plan, 403, "Too Many Contacts in Request", REASON_TOO_MANY_CONTACTS);
}

/*
 * RFC 5630 §5.1.1.1, §5.1.2, §5.2 as D-16 reads them. Contacts that go do not count, so that a
 * client can move from SIP to SIPS in one request. The schemes of From never matter, that of To
 * only for contacts that are not SIPS.
 */
static bool
sips_is_consistent(const struct plan *plan)
{
	struct registration *r = plan->r;
	bool some_sips = false, some_other = false;
	for (uint32_t i = 0; i < plan->contacts->count; i++) {
		const struct contact *contact = &plan->contacts->list[i];
		if (requested(plan, contact) == 0)
			continue;
		if (contact->address.uri.scheme == SIP_SCHEME_SIPS)
			some_sips = true;
		else
			some_other = true;
	}
	bool sips_request = r->inspection.uri.scheme == SIP_SCHEME_SIPS;
	bool sips_to = r->request->to.uri.scheme == SIP_SCHEME_SIPS;
	if (some_sips && (some_other || plan->contacts->path_not_sips))
		return refuse(plan, 400, "SIPS and Other Contacts or Path Mixed",
			      REASON_SIPS_MISMATCH);
	if (some_other && (sips_request || sips_to))
		return refuse(plan, 400, "SIPS Registration Needs SIPS Contacts",
			      REASON_SIPS_MISMATCH);
	if (!some_sips || sips_request)
		return true;
	if (r->inspection.domain->contacts == DOMAIN_CONTACTS_STRICT || !r->origin.secure)
		return refuse(plan, 400, "SIPS Contact Needs SIPS Request-URI",
			      REASON_SIPS_MISMATCH);
	r->strict_would_refuse = true;
	return true;
}

/*
 * D-36. The address-of-record in any of its spellings (escapes, aliases of the domain), with
 * nothing beside user and host that would make it another URI (RFC 3261 §19.1.4).
 */
static bool
names_aor(const struct registration *r, const struct sip_uri *uri)
{
	const struct domain *domain = r->inspection.domain;
	struct sip_uri bare = { .user = uri->user, .has_user = true, .host = uri->host };
	struct aor aor;
	return policy_domain(r->policy, &uri->host) == domain &&
	       sip_uri_equal_but_scheme(uri, &bare) && aor_from_uri(&aor, uri, domain, r->arena) &&
	       str_eq(aor.key, r->aor.key);
}

static bool
none_is_the_aor(const struct plan *plan)
{
	for (uint32_t i = 0; i < plan->contacts->count; i++)
		if (names_aor(plan->r, &plan->contacts->list[i].address.uri))
			return refuse(plan, 403, "Contact Is the Address-of-Record",
				      REASON_CONTACT_INVALID);
	return true;
}

/* The contact says what an earlier one of the request says (D-31). */
static bool
is_duplicate(const struct plan *plan, uint32_t index)
{
	const struct contact *contact = &plan->contacts->list[index];
	for (uint32_t i = 0; i < index; i++)
		if (sip_uri_equal(&plan->contacts->list[i].address.uri, &contact->address.uri))
			return true;
	return false;
}

static bool
is_identical(const struct plan *plan, const struct contact *a, const struct contact *b)
{
	return str_eq(a->address.uri.text, b->address.uri.text) && str_eq(a->params, b->params) &&
	       requested(plan, a) == requested(plan, b);
}

static bool
duplicates_agree(const struct plan *plan)
{
	const struct contact *list = plan->contacts->list;
	for (uint32_t i = 1; i < plan->contacts->count; i++)
		for (uint32_t j = 0; j < i; j++)
			if (sip_uri_equal(&list[i].address.uri, &list[j].address.uri) &&
			    !is_identical(plan, &list[i], &list[j]))
				return refuse(plan, 400, "Contradictory Contacts",
					      REASON_CONTACT_INVALID);
	return true;
}

/* RFC 3261 §10.3 step 7: an interval of an hour is never too brief, whatever the minimum (D-05). */
static bool
none_is_too_brief(const struct plan *plan)
{
	uint32_t min_s = plan->r->policy->expires_min_s;
	for (uint32_t i = 0; i < plan->contacts->count; i++) {
		uint32_t interval_s = requested(plan, &plan->contacts->list[i]);
		if (interval_s == 0 || interval_s >= 3600 || interval_s >= min_s)
			continue;
		refuse(plan, 423, NULL, REASON_INTERVAL_TOO_BRIEF);
		plan->r->answer.min_expires_s = min_s;
		return false;
	}
	return true;
}

/* --- what it does to the row: ORD-48, ORD-49 --- */

/* What was asked for, never more (RFC 3261 §10.3 step 7). Jitter spreads the refreshes of many
 * phones. */
static uint32_t
granted(const struct registration *r, uint32_t requested_s)
{
	const struct policy *policy = r->policy;
	uint32_t most_s = requested_s < policy->expires_max_s ? requested_s : policy->expires_max_s;
	if (most_s <= policy->expires_min_s)
		return most_s;
	uint32_t random;
	memcpy(&random, r->random + RANDOM_JITTER, sizeof(random));
	uint64_t share_s = (uint64_t)most_s * policy->expires_jitter_percent / 100;
	uint64_t spare_s = most_s - policy->expires_min_s;
	uint64_t cut_s = random % ((share_s < spare_s ? share_s : spare_s) + 1);
	return (uint32_t)(most_s - cut_s);
}

static bool
out_of_order(const struct plan *plan)
{
	return refuse(plan, 500, "CSeq Out of Order", REASON_OUT_OF_ORDER);
}

static bool
remove_all(struct plan *plan)
{
	for (uint32_t i = 0; i < plan->stored; i++) {
		if (binding_outdates(plan->entries[i].stored, plan->r->request))
			return out_of_order(plan);
		plan->entries[i].state = ENTRY_GONE;
	}
	return true;
}

static bool
stored_as_written(const struct plan *plan, const struct contact *contact)
{
	for (uint32_t i = 0; i < plan->stored; i++)
		if (str_eq(plan->entries[i].stored->uri, contact->address.uri.text))
			return true;
	return false;
}

/*
 * Equality is not transitive, so that several bindings may match: one that is octet for octet the
 * contact wins (D-30), but the other of a sip: and sips: pair goes in any case (D-14).
 */
static bool
matches(const struct entry *entry, const struct contact *contact, bool as_written)
{
	const struct sip_uri *uri = &contact->address.uri;
	if (str_eq(entry->stored->uri, uri->text))
		return true;
	if (!entry->comparable || (as_written && entry->uri.scheme == uri->scheme))
		return false;
	return sip_uri_equal_but_scheme(&entry->uri, uri);
}

/* Removes the matches, or makes the first of them the contact's and removes the others; without any
 * the contact is new. */
static bool
apply_contact(struct plan *plan, const struct contact *contact)
{
	struct entry *heir = NULL;
	bool as_written = stored_as_written(plan, contact);
	for (uint32_t i = 0; i < plan->stored; i++) {
		struct entry *entry = &plan->entries[i];
		if (!matches(entry, contact, as_written))
			continue;
		if (binding_outdates(entry->stored, plan->r->request))
			return out_of_order(plan);
		if (entry->state == ENTRY_WRITTEN)
			continue;
		entry->state = ENTRY_GONE;
		entry->replaced = requested(plan, contact) > 0;
		if (heir == NULL)
			heir = entry;
	}
	uint32_t requested_s = requested(plan, contact);
	if (requested_s == 0)
		return true;
	struct binding binding =
		binding_of(contact, plan->r, requested_s, granted(plan->r, requested_s));
	if (heir != NULL) {
		binding.id = heir->stored->id;
		binding.created_ms = heir->stored->created_ms;
	} else {
		heir = &plan->entries[plan->count++];
		heir->stored = NULL;
		binding_born(&binding, plan->r, plan->count);
	}
	heir->state = ENTRY_WRITTEN;
	heir->binding = binding;
	return true;
}

static bool
apply_contacts(struct plan *plan)
{
	if (plan->contacts->star)
		return remove_all(plan);
	for (uint32_t i = 0; i < plan->contacts->count; i++)
		if (!is_duplicate(plan, i) && !apply_contact(plan, &plan->contacts->list[i]))
			return false;
	return true;
}

static uint32_t
remaining(const struct plan *plan)
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < plan->count; i++)
		count += plan->entries[i].state != ENTRY_GONE;
	return count;
}

/* A phone that reconnected: its new binding has the instance of the old one. */
static bool
has_successor(const struct plan *plan, const struct binding *binding)
{
	if (str_empty(binding->instance))
		return false;
	for (uint32_t i = plan->stored; i < plan->count; i++)
		if (str_eq(plan->entries[i].binding.instance, binding->instance))
			return true;
	return false;
}

/* The binding that was refreshed longest ago and that the request leaves alone; NULL without. */
static struct entry *
oldest(const struct plan *plan, bool only_succeeded)
{
	struct entry *found = NULL;
	for (uint32_t i = 0; i < plan->stored; i++) {
		struct entry *entry = &plan->entries[i];
		if (entry->state != ENTRY_KEPT ||
		    (only_succeeded && !has_successor(plan, &entry->binding)))
			continue;
		if (found == NULL || entry->binding.updated_ms < found->binding.updated_ms)
			found = entry;
	}
	return found;
}

/* REG-10.3.7-17, D-07. Only what makes the list longer is held against the limit, so that a refresh
 * goes on when the limit was lowered. */
static bool
make_room(const struct plan *plan, uint32_t limit)
{
	uint32_t count = remaining(plan);
	for (; count > limit && count > plan->stored; count--) {
		struct entry *victim = oldest(plan, true);
		if (victim == NULL && plan->r->policy->replace_oldest)
			victim = oldest(plan, false);
		if (victim == NULL)
			return refuse(plan, 403, "Too Many Contacts", REASON_TOO_MANY_CONTACTS);
		victim->state = ENTRY_GONE;
		victim->replaced = true;
	}
	return true;
}

/* What the 200 has beside the list: it repeats fields of the request, any number of which may be
 * long (RFC 3261 §8.2.6.2). */
static size_t
answered_beside(const struct registration *r)
{
	const struct sip_message *request = r->request;
	size_t bytes = request->from_text.len + request->to_text.len + request->call_id_text.len +
		       request->cseq_line.len + r->policy->server_header.len +
		       r->inspection.domain->service_route.len + ANSWER_OWN_BYTES;
	struct str via;
	for (uint16_t row = request->first[SIP_HEADER_VIA]; sip_message_row(request, &row, &via);)
		bytes += via.len + STR("Via: \r\n").len;
	return bytes;
}

/* Asked before anything is stored: who could not be told what was done would be told 500. */
static bool
list_can_be_answered(const struct plan *plan)
{
	size_t bytes = 0;
	bool written = false;
	for (uint32_t i = 0; i < plan->count; i++) {
		const struct binding *binding = &plan->entries[i].binding;
		if (plan->entries[i].state == ENTRY_GONE)
			continue;
		written |= plan->entries[i].state == ENTRY_WRITTEN;
		bytes += binding->display.len + binding->uri.len + binding->params.len +
			 LIST_ROW_BYTES;
	}
	bytes += registration_path(plan->r).len;
	bool too_long = written && bytes >= LIST_MAX_BYTES;
	if (plan->r->origin.transport == TRANSPORT_UDP)
		too_long |= bytes + answered_beside(plan->r) > ANSWER_DATAGRAM_MAX;
	if (!too_long)
		return true;
	return refuse(plan, 403, "Contact List Too Long", REASON_TOO_MANY_CONTACTS);
}

static size_t
stored_before(const struct plan *plan)
{
	size_t octets = 0;
	for (uint32_t i = 0; i < plan->count; i++)
		if (plan->entries[i].stored != NULL)
			octets += binding_stored_octets(plan->entries[i].stored);
	return octets;
}

/* Path, Call-ID and the like are stored with each binding, and many an octet as five. Only what
 * makes the row longer is refused, so that a refresh goes on in one that is too long. */
static bool
list_can_be_stored(const struct plan *plan)
{
	size_t after = 0;
	for (uint32_t i = 0; i < plan->count; i++)
		if (plan->entries[i].state != ENTRY_GONE)
			after += binding_stored_octets(&plan->entries[i].binding);
	if (after < STORED_MAX_BYTES + (size_t)remaining(plan) * STORED_ROW_BYTES ||
	    after <= stored_before(plan))
		return true;
	return refuse(plan, 403, "Contact List Too Long", REASON_TOO_MANY_CONTACTS);
}

/* --- the outcome --- */

static bool
store_bindings(struct registration *r, const struct plan *plan)
{
	struct binding *bindings = arena_array(r->arena, plan->count, sizeof(*bindings));
	if (bindings == NULL)
		return refuse(plan, 500, NULL, REASON_INTERNAL);
	uint32_t count = 0;
	for (uint32_t i = 0; i < plan->count; i++)
		if (plan->entries[i].state != ENTRY_GONE)
			bindings[count++] = plan->entries[i].binding;
	r->after.bindings = bindings;
	r->after.binding_count = count;
	return true;
}

static enum reason
outcome(const struct plan *plan)
{
	if (plan->count > plan->stored)
		return REASON_REGISTERED;
	enum reason reason = REASON_FETCHED;
	for (uint32_t i = 0; i < plan->stored; i++) {
		if (plan->entries[i].state == ENTRY_WRITTEN)
			return REASON_REFRESHED;
		if (plan->entries[i].state == ENTRY_GONE)
			reason = REASON_REMOVED;
	}
	return reason;
}

static void
note_changes(const struct plan *plan)
{
	uint32_t *changes = plan->r->changes;
	for (uint32_t i = 0; i < plan->count; i++) {
		const struct entry *entry = &plan->entries[i];
		if (entry->state == ENTRY_GONE)
			changes[entry->replaced ? CHANGE_REPLACED : CHANGE_REMOVED]++;
		else if (entry->state == ENTRY_WRITTEN)
			changes[i < plan->stored ? CHANGE_REFRESHED : CHANGE_ADDED]++;
	}
}

static void
list_bindings(struct registration *r, enum reason reason)
{
	r->answer = (struct answer){
		.status = 200,
		.reason = reason,
		.changed = reason != REASON_FETCHED,
		.supported = true,
		.path = registration_path(r),
		.service_route = r->inspection.domain->service_route,
		.bindings = r->after.bindings,
		.binding_count = r->after.binding_count,
		.now_ms = r->now_ms,
		.date = true,
	};
}

bool
plan_nothing(struct registration *r, const struct record *record)
{
	struct plan plan;
	if (!plan_init(&plan, r, record) || !store_bindings(r, &plan))
		return false;
	list_bindings(r, REASON_FETCHED);
	return true;
}

void
plan_bindings(struct registration *r, const struct record *record)
{
	struct plan plan;
	uint32_t limit = record->max_contacts > 0 ? record->max_contacts : r->policy->max_contacts;
	bool agreed =
		plan_init(&plan, r, record) && store_bindings(r, &plan) && star_is_alone(&plan) &&
		contacts_are_few(&plan) && sips_is_consistent(&plan) && none_is_the_aor(&plan) &&
		duplicates_agree(&plan) && none_is_too_brief(&plan) && apply_contacts(&plan) &&
		make_room(&plan, limit) && list_can_be_answered(&plan) &&
		list_can_be_stored(&plan) && store_bindings(r, &plan);
	if (!agreed)
		return;
	note_changes(&plan);
	list_bindings(r, outcome(&plan));
}
