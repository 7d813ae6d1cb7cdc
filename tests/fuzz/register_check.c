/*
 * What must be true of any registration, whatever was sent and however the store failed. A commit
 * is held against what it was decided by; an answer against the row. Numbers in brackets are those
 * of RFC 3261 §10.3.
 */
#include <string.h>

#include "answer_octets.h"
#include "register_world.h"
#include "registrar/aor.h"
#include "sip/scan.h"

#define MESSAGE_BYTES 70000u

static bool
live(const struct world *world, const struct binding *binding)
{
	return binding->expires_ms > world->registration.now_ms;
}

static bool
same(const struct binding *a, const struct binding *b)
{
	return str_eq(a->id, b->id) && str_eq(a->uri, b->uri) && str_eq(a->display, b->display) &&
	       str_eq(a->params, b->params) && a->q == b->q && a->requested_s == b->requested_s &&
	       a->expires_ms == b->expires_ms && str_eq(a->call_id, b->call_id) &&
	       a->cseq == b->cseq && str_eq(a->instance, b->instance) && str_eq(a->path, b->path) &&
	       a->created_ms == b->created_ms && a->updated_ms == b->updated_ms;
}

static const struct binding *
with_id(const struct record *record, struct str id)
{
	for (uint32_t i = 0; i < record->binding_count; i++)
		if (str_eq(record->bindings[i].id, id))
			return &record->bindings[i];
	return NULL;
}

static uint32_t
live_count(const struct world *world, const struct record *record)
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < record->binding_count; i++)
		count += live(world, &record->bindings[i]);
	return count;
}

/* The live bindings of before, all of them and as they were, in their order. */
static void
check_untouched(const struct world *world, const struct record *before, const struct record *after)
{
	uint32_t next = 0;
	for (uint32_t i = 0; i < before->binding_count; i++) {
		if (!live(world, &before->bindings[i]))
			continue;
		while (next < after->binding_count && !live(world, &after->bindings[next]))
			next++;
		FUZZ_CHECK(next < after->binding_count);
		FUZZ_CHECK(same(&before->bindings[i], &after->bindings[next++]));
	}
	FUZZ_CHECK(live_count(world, before) == live_count(world, after));
}

/* --- nonce counts (D-03) ------------------------------------------------------------------ */

static uint64_t
count_of(const struct registration *r)
{
	return r->credentials.qop == DIGEST_QOP_NONE ? UINT32_MAX : r->credentials.nc;
}

static const struct nonce_mark *
mark_of(const struct record *record, const struct nonce *nonce)
{
	for (uint32_t i = 0; i < record->mark_count; i++)
		if (memcmp(record->marks[i].nonce.id, nonce->id, NONCE_ID_BYTES) == 0)
			return &record->marks[i];
	return NULL;
}

/* What was used up stays so: by its mark, or by the floor. */
static void
check_marks(const struct world *world, const struct record *before)
{
	const struct registration *r = &world->registration;
	FUZZ_CHECK(r->after.mark_count <= MARKS_MAX);
	FUZZ_CHECK(r->after.mark_floor_s >= before->mark_floor_s);
	for (uint32_t i = 0; i < before->mark_count; i++) {
		const struct nonce_mark *was = &before->marks[i];
		const struct nonce_mark *is = mark_of(&r->after, &was->nonce);
		FUZZ_CHECK(is != NULL ? is->nc >= was->nc
				      : was->nonce.issued_s <= r->after.mark_floor_s);
	}
}

/* --- bindings: steps 6 and 7 ---------------------------------------------------------------- */

static uint32_t
interval(const struct world *world, const struct contact *contact)
{
	return contacts_interval(&world->registration.inspection.contacts, contact,
				 world->rig.policy.expires_default_s);
}

static bool
names(const struct contact *contact, const struct binding *binding)
{
	struct sip_uri uri;
	return str_eq(binding->uri, contact->address.uri.text) ||
	       (sip_uri_parse(&uri, binding->uri) &&
		sip_uri_equal_but_scheme(&uri, &contact->address.uri));
}

/* The contact that the binding is. */
static const struct contact *
contact_of(const struct world *world, const struct binding *binding)
{
	const struct contacts *contacts = &world->registration.inspection.contacts;
	for (uint32_t i = 0; i < contacts->count; i++) {
		const struct contact *contact = &contacts->list[i];
		if (str_eq(binding->uri, contact->address.uri.text) &&
		    str_eq(binding->display, contact->address.display) &&
		    str_eq(binding->params, contact->params) &&
		    binding->requested_s == interval(world, contact))
			return contact;
	}
	return NULL;
}

/* Granted is what was asked for or less, within the policy, and an hour is never too brief. */
static void
check_interval(const struct world *world, const struct binding *binding)
{
	const struct policy *policy = &world->rig.policy;
	int64_t granted_s = (binding->expires_ms - world->registration.now_ms) / 1000;
	uint32_t asked_s = binding->requested_s;
	uint32_t most_s = asked_s < policy->expires_max_s ? asked_s : policy->expires_max_s;
	FUZZ_CHECK(asked_s >= policy->expires_min_s || asked_s >= 3600);
	FUZZ_CHECK(granted_s >= 1 && granted_s <= most_s);
	FUZZ_CHECK(granted_s >= policy->expires_min_s || granted_s == most_s);
	FUZZ_CHECK(policy->expires_jitter_percent > 0 || granted_s == most_s);
	FUZZ_CHECK((most_s - granted_s) * 100 <= (int64_t)most_s * policy->expires_jitter_percent);
}

static bool
is_the_aor(const struct world *world, const struct sip_uri *uri)
{
	const struct registration *r = &world->registration;
	struct arena *arena = &((struct world *)(uintptr_t)world)->rig.arena; /* theirs may end */
	struct aor aor;
	struct sip_uri bare;
	char text[600];
	struct writer w = writer_on(text, sizeof(text));
	writer_str(&w, STR("sip:"));
	writer_str(&w, r->aor.key);
	return uri->scheme != SIP_SCHEME_OTHER && writer_ok(&w) &&
	       str_eq(uri->host.text, STR("example.com")) &&
	       sip_uri_parse(&bare, writer_text(&w)) &&
	       aor_from_uri(&aor, uri, r->inspection.domain, arena) &&
	       str_eq(aor.key, r->aor.key) && uri->port == 0 && !uri->has_password &&
	       str_empty(uri->params) && str_empty(uri->headers);
}

/* RFC 5630 as D-16 reads it; RFC 3261 §10.3 step 5 of a contact: D-36. */
static void
check_uri(const struct world *world, const struct binding *binding)
{
	const struct registration *r = &world->registration;
	bool sips_request = r->inspection.uri.scheme == SIP_SCHEME_SIPS;
	bool sips_to = r->request->to.uri.scheme == SIP_SCHEME_SIPS;
	struct sip_uri uri;
	FUZZ_CHECK(sip_uri_parse(&uri, binding->uri) && binding->uri.len <= SIP_MAX_URI);
	FUZZ_CHECK(uri.scheme == SIP_SCHEME_SIPS || (!sips_request && !sips_to));
	FUZZ_CHECK(uri.scheme != SIP_SCHEME_SIPS || r->origin.secure);
	FUZZ_CHECK(uri.scheme != SIP_SCHEME_SIPS || sips_request ||
		   r->inspection.domain->contacts == DOMAIN_CONTACTS_COMPATIBLE);
	FUZZ_CHECK(!is_the_aor(world, &uri));
	for (size_t i = 0; i < binding->display.len; i++)
		FUZZ_CHECK(!sip_is_control(binding->display.p[i]));
	for (size_t i = 0; i < binding->params.len; i++)
		FUZZ_CHECK(!sip_is_control(binding->params.p[i]));
}

static void
check_written(const struct world *world, const struct binding *binding, const struct binding *was)
{
	const struct registration *r = &world->registration;
	FUZZ_CHECK(contact_of(world, binding) != NULL);
	FUZZ_CHECK(str_eq(binding->call_id, r->request->call_id));
	FUZZ_CHECK(binding->cseq == r->request->cseq && binding->updated_ms == r->now_ms);
	FUZZ_CHECK(binding->created_ms == (was == NULL ? r->now_ms : was->created_ms));
	FUZZ_CHECK(str_eq(binding->path,
			  r->policy->path == PATH_OFF ? STR("") : r->inspection.contacts.path));
	FUZZ_CHECK(binding->secure == r->origin.secure);
	FUZZ_CHECK(was != NULL || binding->id.len == BINDING_ID_LEN);
	check_interval(world, binding);
	check_uri(world, binding);
}

/* A match of the same Call-ID gives way to a higher CSeq only. */
static void
check_order(const struct world *world, const struct binding *was)
{
	const struct registration *r = &world->registration;
	FUZZ_CHECK(!str_eq(was->call_id, r->request->call_id) || was->cseq < r->request->cseq);
}

static bool
somebody_names(const struct world *world, const struct binding *binding)
{
	const struct contacts *contacts = &world->registration.inspection.contacts;
	for (uint32_t i = 0; i < contacts->count; i++)
		if (names(&contacts->list[i], binding))
			return true;
	return contacts->star;
}

/* It had to go for a new one (D-07): of the same device, or because the operator wants it so. */
static bool
made_room(const struct world *world, const struct binding *gone)
{
	const struct record *after = &world->registration.after;
	for (uint32_t i = 0; !str_empty(gone->instance) && i < after->binding_count; i++)
		if (str_eq(after->bindings[i].instance, gone->instance))
			return true;
	return world->rig.policy.replace_oldest;
}

static void
check_what_was(const struct world *world, const struct record *before)
{
	const struct record *after = &world->registration.after;
	for (uint32_t i = 0; i < before->binding_count; i++) {
		const struct binding *was = &before->bindings[i];
		const struct binding *is = with_id(after, was->id);
		if (!live(world, was) || (is != NULL && same(was, is)))
			continue;
		if (is == NULL && made_room(world, was))
			continue;
		FUZZ_CHECK(somebody_names(world, was));
		check_order(world, was);
	}
}

static void
check_what_is(const struct world *world, const struct record *before)
{
	const struct record *after = &world->registration.after;
	for (uint32_t i = 0; i < after->binding_count; i++) {
		const struct binding *is = &after->bindings[i];
		const struct binding *was = with_id(before, is->id);
		FUZZ_CHECK(live(world, is) && with_id(after, is->id) == is);
		if (was == NULL || !same(was, is))
			check_written(world, is, was);
	}
}

/* Each contact has come true, or an equal one before it has. */
static void
check_contacts(const struct world *world)
{
	const struct registration *r = &world->registration;
	const struct contacts *contacts = &r->inspection.contacts;
	for (uint32_t i = 0; i < contacts->count; i++) {
		const struct contact *contact = &contacts->list[i];
		uint32_t asked_s = interval(world, contact);
		bool there = false, repeated = false;
		for (uint32_t j = 0; j < i; j++)
			repeated |= sip_uri_equal(&contacts->list[j].address.uri,
						  &contact->address.uri);
		for (uint32_t j = 0; j < r->after.binding_count; j++)
			there |= str_eq(r->after.bindings[j].uri, contact->address.uri.text);
		FUZZ_CHECK(repeated || there == (asked_s > 0));
		FUZZ_CHECK(asked_s == 0 || asked_s >= 3600 ||
			   asked_s >= world->rig.policy.expires_min_s);
	}
}

/* sip: and sips: of one URI are never there together (D-14), when this request brought one. */
static void
check_pairs(const struct world *world, const struct record *before)
{
	const struct record *after = &world->registration.after;
	for (uint32_t i = 0; i < after->binding_count; i++) {
		const struct binding *is = &after->bindings[i], *was = with_id(before, is->id);
		struct sip_uri a, b;
		if ((was != NULL && same(was, is)) || !sip_uri_parse(&a, is->uri))
			continue;
		for (uint32_t j = 0; j < after->binding_count; j++)
			if (j != i && sip_uri_parse(&b, after->bindings[j].uri))
				FUZZ_CHECK(a.scheme == b.scheme ||
					   !sip_uri_equal_but_scheme(&a, &b));
	}
}

static void
check_plan(const struct world *world, const struct record *before)
{
	const struct registration *r = &world->registration;
	const struct contacts *contacts = &r->inspection.contacts;
	uint32_t limit =
		before->max_contacts > 0 ? before->max_contacts : world->rig.policy.max_contacts;
	uint32_t lived = live_count(world, before);
	FUZZ_CHECK(contacts->values <= world->rig.policy.max_contacts_per_request);
	FUZZ_CHECK(r->after.binding_count <= (limit > lived ? limit : lived));
	if (contacts->star) {
		FUZZ_CHECK(contacts->values == 1 && contacts->expires_given);
		FUZZ_CHECK(contacts->expires_s == 0 && r->after.binding_count == 0);
	}
	check_what_was(world, before);
	check_what_is(world, before);
	check_contacts(world);
	check_pairs(world, before);
}

/* Its own count is used up with it; or, under a floor that lies ahead, it was, and a nonce that
 * nobody has seen may be used instead. */
static void
check_count(struct world *world, const struct record *before)
{
	const struct registration *r = &world->registration;
	const struct world_nonce *nonce = world_nonce(world, r->credentials.nonce);
	const struct nonce_mark *raised = mark_of(&r->after, &r->nonce);
	FUZZ_CHECK(nonce != NULL);
	if (r->answer.status != 401) {
		FUZZ_CHECK(count_of(r) >= nonce->next_nc);
		FUZZ_CHECK(raised != NULL && raised->nc == count_of(r));
		return;
	}
	struct nonce fresh;
	FUZZ_CHECK((int64_t)before->mark_floor_s * 1000 > r->now_ms);
	FUZZ_CHECK(r->answer.stale && r->answer.reason == REASON_NONCE_REPLAYED);
	FUZZ_CHECK(nonce_judge(r->nonce_keys, str_of(r->answer.nonce), STR("example.com"),
			       r->aor.key, r->now_ms, 1, &fresh) == NONCE_GOOD);
	/* Its mark is there already when a commit of this answer landed and nobody heard of it. */
	const struct nonce_mark *was = mark_of(before, &fresh);
	FUZZ_CHECK(was == NULL || (world->stored > 0 && was->nc == 0));
	FUZZ_CHECK(mark_of(&r->after, &fresh)->nc == 0);
}

void
check_commit(struct world *world, const struct record *read)
{
	const struct registration *r = &world->registration;
	FUZZ_CHECK(world_authentic(world) && world_authorized(world)); /* 3, 4 */
	FUZZ_CHECK(read != NULL && read->exists && r->version == read->version);
	FUZZ_CHECK(r->credentials.qop == DIGEST_QOP_AUTH ||
		   !r->inspection.domain->offer.requires_qop); /* D-11 */
	check_count(world, read);
	check_marks(world, read);
	if (r->answer.status == 200 && r->inspection.contacts.values > 0 && !r->repetition)
		check_plan(world, read);
	else
		check_untouched(world, read, &r->after);
}

/* --- the answer: step 8 ----------------------------------------------------------------------- */

/* RFC 3327 §5.3, D-23: each value can be a Route, none when it is off, and the client agreed. */
static void
check_path(const struct world *world)
{
	const struct answer *answer = &world->registration.answer;
	struct str rest = answer->path, value;
	bool bad = false;
	while (answer->path.len > 0 && sip_next_member(&rest, &value, &bad)) {
		struct sip_address hop;
		FUZZ_CHECK(sip_address_parse(&hop, value));
		FUZZ_CHECK(hop.bracketed && hop.uri.scheme != SIP_SCHEME_OTHER);
	}
	bool told = sip_message_lists(&world->message, SIP_HEADER_SUPPORTED, STR("path"));
	FUZZ_CHECK(!bad && answer->path.len <= PATH_OCTETS_MAX);
	FUZZ_CHECK(str_empty(answer->path) || world->rig.policy.path == PATH_LENIENT ||
		   (world->rig.policy.path == PATH_STRICT && told));
}

/* Lines end in CRLF, one empty line ends them all, and no control octet is where none may be. */
static void
check_lines(struct str text, const struct answer *answer)
{
	uint32_t contacts = 0, challenges = 0;
	bool ended = false;
	FUZZ_CHECK(str_starts(text, STR("SIP/2.0 ")));
	while (text.len > 0) {
		struct str line, rest;
		FUZZ_CHECK(!ended && str_cut(text, '\n', &line, &rest));
		FUZZ_CHECK(line.len > 0 && line.p[line.len - 1] == '\r');
		FUZZ_CHECK(answer_line_clean(line.p, line.len - 1));
		contacts += str_starts(line, STR("Contact: "));
		challenges += str_starts(line, STR("WWW-Authenticate: Digest "));
		ended = line.len == 1;
		text = rest;
	}
	FUZZ_CHECK(ended && contacts == answer->binding_count);
	FUZZ_CHECK(challenges == (answer->challenge == NULL ? 0 : answer->challenge->offer.count));
}

/* Our own parser reads the fields as those of a request: the bindings are there, all of them. */
static void
check_read_again(const struct world *world, struct str text)
{
	static char copy[MESSAGE_BYTES];
	const struct answer *answer = &world->registration.answer;
	struct writer w = writer_on(copy, sizeof(copy));
	struct str status, fields;
	FUZZ_CHECK(str_cut(text, '\n', &status, &fields));
	writer_str(&w, STR("REGISTER sip:h SIP/2.0\r\n"));
	writer_str(&w, fields);
	FUZZ_CHECK(writer_ok(&w));
	const struct sip_limits limits = { 65535, 65535 };
	size_t lines = sip_message_lines(writer_text(&w));
	struct sip_header *headers = calloc(lines, sizeof(*headers));
	struct sip_message message;
	struct contacts contacts;
	struct answer refusal;
	struct arena_pool pool;
	struct arena arena;
	arena_pool_init(&pool, 8u << 20);
	arena_init(&arena, &pool, 8u << 20);
	enum sip_fault fault =
		sip_message_parse(&message, copy, w.len, SIP_DATAGRAM, &limits, headers, lines);
	/* A parameter more, rport or tag, may be one too many for our limits. */
	FUZZ_CHECK(fault == SIP_FAULT_NONE || fault == SIP_FAULT_VIA || fault == SIP_FAULT_TO);
	if (fault == SIP_FAULT_NONE) {
		FUZZ_CHECK(contacts_parse(&contacts, &refusal, &message, &arena));
		FUZZ_CHECK(contacts.count == answer->binding_count && !contacts.star);
		FUZZ_CHECK(str_eq(contacts.path, answer->path));
		for (uint32_t i = 0; i < contacts.count; i++) {
			const struct binding *binding = &answer->bindings[i];
			const struct contact *contact = &contacts.list[i];
			int64_t left_ms = binding->expires_ms - world->registration.now_ms;
			FUZZ_CHECK(str_eq(contact->address.uri.text, binding->uri));
			FUZZ_CHECK(str_eq(contact->address.display, binding->display));
			FUZZ_CHECK(str_eq(contact->params, binding->params));
			FUZZ_CHECK(contact->expires_s == (left_ms + 999) / 1000);
		}
	}
	arena_reset(&arena);
	arena_pool_clear(&pool);
	free(headers);
}

static void
check_accepted(struct world *world)
{
	const struct registration *r = &world->registration;
	const struct world_row *row = world_row(world, r->aor.key);
	FUZZ_CHECK(world_authentic(world) && world_authorized(world) && row != NULL);
	check_path(world);
	FUZZ_CHECK(r->answer.binding_count == r->after.binding_count);
	if (r->repetition)
		FUZZ_CHECK(world->stored == 0 || !r->answer.changed || r->recheck);
	else /* recheck: stored, or the same by the same request elsewhere */
		FUZZ_CHECK(world->stored > 0 || r->recheck);
	if (world->overtaken)
		return;
	FUZZ_CHECK(live_count(world, row->now) == r->answer.binding_count);
	for (uint32_t i = 0; i < r->answer.binding_count; i++)
		FUZZ_CHECK(
			with_id(row->now, r->answer.bindings[i].id) != NULL &&
			same(with_id(row->now, r->answer.bindings[i].id), &r->answer.bindings[i]));
}

/* The good log-in with a fresh count is never told to log in again. */
static void
check_challenge(struct world *world, uint64_t next_nc_before)
{
	const struct registration *r = &world->registration;
	const struct record *seen = world->seen;
	const struct answer *answer = &r->answer;
	FUZZ_CHECK(answer->challenge == r->inspection.domain &&
		   strlen(answer->nonce) == NONCE_TEXT_LEN);
	FUZZ_CHECK(answer->failed_login == (answer->reason == REASON_UNKNOWN_USER ||
					    answer->reason == REASON_BAD_PASSWORD ||
					    answer->reason == REASON_USER_DISABLED ||
					    answer->reason == REASON_ALGORITHM_MISMATCH));
	if (answer->stale)
		FUZZ_CHECK(!answer->failed_login);
	if (seen == NULL || !world_authentic(world))
		return;
	FUZZ_CHECK(answer->stale && answer->reason == REASON_NONCE_REPLAYED);
	FUZZ_CHECK(count_of(r) < next_nc_before || r->nonce.issued_s <= seen->mark_floor_s);
}

static void
note_challenge(struct world *world)
{
	const struct registration *r = &world->registration;
	if (world->nonce_count == WORLD_NONCES)
		return;
	struct world_nonce *nonce = &world->nonces[world->nonce_count++];
	*nonce = (struct world_nonce){ .ours = str_eq(r->inspection.domain->name,
						      STR("example.com")),
				       .aor = arena_copy(&world->rig.arena, r->aor.key),
				       .issued_s = r->now_ms / 1000 };
	memcpy(nonce->text, r->answer.nonce, sizeof(nonce->text));
}

/* What only the database could tell is told to nobody who has not shown a password. */
static void
check_refused(struct world *world)
{
	const struct registration *r = &world->registration;
	const struct answer *answer = &r->answer;
	FUZZ_CHECK(answer->binding_count == 0 && str_empty(answer->path));
	FUZZ_CHECK((answer->status == 423) == (answer->min_expires_s > 0));
	FUZZ_CHECK((answer->status == 503) == (answer->retry_after_s > 0));
	FUZZ_CHECK(answer->status != 503 ||
		   (answer->retry_after_s >= world->rig.policy.retry_after_min_s &&
		    answer->retry_after_s <= world->rig.policy.retry_after_max_s));
	if (world->seen != NULL && answer->status != 401 && answer->status < 500)
		FUZZ_CHECK(world_authentic(world));
	if (answer->reason == REASON_IDENTITY_MISMATCH)
		FUZZ_CHECK(!world_authorized(world));
	if (answer->status == 423)
		FUZZ_CHECK(answer->min_expires_s == world->rig.policy.expires_min_s);
}

void
check_answer(struct world *world)
{
	const struct registration *r = &world->registration;
	static char text[MESSAGE_BYTES];
	struct writer w = writer_on(text, 65535);
	const struct world_nonce *nonce = world_nonce(world, r->credentials.nonce);
	FUZZ_CHECK(r->answer.status >= 200 && r->answer.status < 700);
	/* Memory may be out while a row is recalled: what the database says then is judged anew. */
	FUZZ_CHECK(arena_ok(r->arena) || r->answer.status >= 500 ||
		   (world->script.recall && r->answer.status != 200));
	/* A nonce that is not ours, or too old, costs no trip to the database. */
	FUZZ_CHECK(world->read_count == 0 ||
		   (nonce != NULL && nonce->ours && str_eq(nonce->aor, r->aor.key)));
	if (r->answer.status == 200)
		check_accepted(world);
	else
		check_refused(world);
	if (r->answer.challenge != NULL) {
		check_challenge(world, nonce == NULL ? 0 : nonce->next_nc);
		note_challenge(world);
	}
	FUZZ_CHECK(answer_write(&w, &r->answer, &world->rig.policy, &world->message,
				&r->origin.source, STR("tag")));
	check_lines(writer_text(&w), &r->answer);
	if (r->answer.status == 200 && !world->odd)
		check_read_again(world, writer_text(&w));
}
