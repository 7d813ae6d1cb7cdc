/*
 * Two questions about a row: did an earlier copy of this request make it, and did our own commit
 * reach it. Both are answered by what the row holds, never by what this process remembers.
 */
#include "repetition.h"

#include "binding.h"
#include "marks.h"

static bool
made_of(const struct record *record, const struct contact *contact, uint32_t requested_s,
	const struct registration *r)
{
	for (uint32_t i = 0; i < record->binding_count; i++) {
		const struct binding *binding = &record->bindings[i];
		if (binding_live(binding, r->now_ms) && binding_made_by(binding, r->request) &&
		    binding_is(binding, contact) && binding->requested_s == requested_s &&
		    str_eq(binding->path, registration_path(r)))
			return true;
	}
	return false;
}

bool
repetition_is_stored(const struct registration *r, const struct record *record)
{
	const struct contacts *contacts = &r->inspection.contacts;
	if (contacts->count == 0 || contacts->count != contacts->values)
		return false;
	for (uint32_t i = 0; i < contacts->count; i++) {
		const struct contact *contact = &contacts->list[i];
		uint32_t requested_s =
			contacts_interval(contacts, contact, r->policy->expires_default_s);
		if (!made_of(record, contact, requested_s, r))
			return false;
	}
	return true;
}

bool
repetition_is_at_home(const struct registration *r, const struct record *record)
{
	for (uint32_t i = 0; i < record->binding_count; i++) {
		const struct binding *binding = &record->bindings[i];
		struct endpoint source;
		if (binding_made_by(binding, r->request) &&
		    (!endpoint_parse(binding->source, &source) ||
		     !ip_equal(&source.ip, &r->origin.source.ip)))
			return false;
	}
	return true;
}

static const struct binding *
binding_with_id(const struct record *record, struct str id)
{
	for (uint32_t i = 0; i < record->binding_count; i++)
		if (str_eq(record->bindings[i].id, id))
			return &record->bindings[i];
	return NULL;
}

/* What the request wrote is there, and what it removed is not. A copy of it that another node
 * served in the same millisecond differs in the jitter of what was granted. */
static bool
bindings_have_landed(const struct registration *r, const struct record *record)
{
	for (uint32_t i = 0; i < r->after.binding_count; i++) {
		const struct binding *wanted = &r->after.bindings[i];
		if (!binding_made_by(wanted, r->request))
			continue;
		const struct binding *stored = binding_with_id(record, wanted->id);
		if (stored == NULL || !binding_made_by(stored, r->request) ||
		    stored->updated_ms != wanted->updated_ms ||
		    stored->expires_ms != wanted->expires_ms || !str_eq(stored->uri, wanted->uri))
			return false;
	}
	for (uint32_t i = 0; i < record->binding_count; i++)
		if (binding_live(&record->bindings[i], r->now_ms) &&
		    binding_with_id(&r->after, record->bindings[i].id) == NULL)
			return false;
	return true;
}

bool
repetition_has_landed(const struct registration *r, const struct record *record)
{
	return marks_judge(record, &r->nonce, marks_count(&r->credentials)) == MARK_EQUAL &&
	       (!r->answer.changed || bindings_have_landed(r, record));
}
