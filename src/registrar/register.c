/*
 * RFC 3261 §10.3, top to bottom. Steps 1 and 2, the domain and Require, were judged by
 * inspect_request(). Deciding has no side effects: what is to change lies in r->after, so that a
 * lost race is decided again from the look-up, as if nothing had been.
 */
#include "registrar/register.h"

#include "auth/digest.h"
#include "marks.h"
#include "plan.h"
#include "repetition.h"

static enum register_next
reject(struct registration *r, int status, const char *phrase, enum reason reason)
{
	r->answer = (struct answer){ .status = status, .phrase = phrase, .reason = reason };
	return REGISTER_REPLY;
}

static enum register_next
unavailable(struct registration *r, enum reason reason)
{
	uint32_t random;
	memcpy(&random, r->random + RANDOM_RETRY, sizeof(random));
	r->answer = (struct answer){ 0 };
	answer_unavailable(&r->answer, reason, r->policy, random);
	return REGISTER_REPLY;
}

/* 401 with a fresh nonce; stale tells the client that its password was not the matter (D-09). */
static enum register_next
challenge(struct registration *r, enum reason reason, bool stale)
{
	const struct domain *domain = r->inspection.domain;
	r->answer = (struct answer){
		.status = 401, .reason = reason, .challenge = domain, .stale = stale
	};
	if (!nonce_mint(r->nonce_keys, domain->name, r->aor.key, r->now_ms,
			r->random + RANDOM_NONCE, r->answer.nonce))
		return unavailable(r, REASON_DATABASE_UNAVAILABLE); /* no key was read yet */
	return REGISTER_REPLY;
}

/*
 * The address-of-record that To names. One of another domain, or none, has an empty key, under
 * which nothing is ever stored: the answer is 404, but only to who has proved a password (D-13).
 */
static void
find_aor(struct registration *r)
{
	const struct domain *domain = r->inspection.domain;
	const struct sip_uri *to = &r->request->to.uri;
	if (policy_domain(r->policy, &to->host) != domain ||
	    !aor_from_uri(&r->aor, to, domain, r->arena))
		r->aor = (struct aor){ .domain = domain->name };
}

/*
 * D-38: the digest-uri need not be the Request-URI, but must name something that is served here: a
 * domain, an alias, or the very address that the request came to (SIPp writes that one). It is
 * looked at before the nonce is judged, so it may cost no more than the Request-URI may: nothing
 * that is served has a longer one.
 */
static bool
names_served_domain(const struct registration *r, struct str digest_uri)
{
	struct sip_uri uri;
	if (digest_uri.len > SIP_MAX_URI || !sip_uri_parse(&uri, digest_uri) ||
	    uri.scheme == SIP_SCHEME_OTHER)
		return false;
	bool own_address = uri.host.ip.family != 0 && ip_equal(&uri.host.ip, &r->origin.dialled);
	return own_address || policy_domain(r->policy, &uri.host) != NULL;
}

enum register_next
register_begin(struct registration *r)
{
	const struct domain *domain = r->inspection.domain;
	find_aor(r); /* 5. its form, no more */
	enum credentials_status found =
		credentials_find(&r->credentials, r->request, domain->name, &domain->offer,
				 r->arena); /* 3. authenticate, first half */
	if (!arena_ok(r->arena)) /* what lacks memory looks like a mistake of the client */
		return reject(r, 500, NULL, REASON_INTERNAL);
	switch (found) {
	case CREDENTIALS_FOUND:
		break;
	case CREDENTIALS_NONE:
	case CREDENTIALS_NOT_OFFERED:
		return challenge(r, REASON_CHALLENGED, false);
	case CREDENTIALS_OTHER_REALM:
		return challenge(r, REASON_REALM_MISMATCH, false);
	case CREDENTIALS_MALFORMED:
		return reject(r, 400, "Malformed Authorization header field", REASON_MALFORMED);
	}
	if (!names_served_domain(r, r->credentials.uri))
		return reject(r, 400, "Digest uri Names No Served Domain", REASON_URI_MISMATCH);
	switch (nonce_judge(r->nonce_keys, r->credentials.nonce, domain->name, r->aor.key,
			    r->now_ms, r->policy->nonce_ttl_s, &r->nonce)) {
	case NONCE_GOOD:
		break;
	case NONCE_EXPIRED:
		return challenge(r, REASON_NONCE_STALE, true);
	case NONCE_FORGED:
		return challenge(r, REASON_NONCE_INVALID, true);
	}
	return REGISTER_LOOKUP;
}

/* Why the log-in fails; REASON_NONE when it is right. The same work is done in every case (D-08).
 */
static enum reason
login_fault(const struct registration *r, const struct account *account)
{
	bool usable = account->found && account->enabled;
	struct str ha1 = usable ? account->ha1[r->credentials.algorithm] : STR("");
	if (digest_verify(&r->credentials, r->request->method_text, ha1))
		return REASON_NONE;
	if (!account->found)
		return REASON_UNKNOWN_USER;
	if (!account->enabled)
		return REASON_USER_DISABLED;
	return str_empty(ha1) ? REASON_ALGORITHM_MISMATCH : REASON_BAD_PASSWORD;
}

static enum register_next
refuse_login(struct registration *r, enum reason reason)
{
	enum register_next next = challenge(r, reason, false);
	r->answer.failed_login = true;
	return next;
}

/* MAY_REGISTER_DOMAIN: the account was looked up in the domain of the address. */
static bool
may_register(const struct account *account, struct str aor)
{
	switch (account->may_register) {
	case MAY_REGISTER_OWN:
		return str_eq(account->aor, aor);
	case MAY_REGISTER_LIST:
		for (uint32_t i = 0; i < account->allowed_count; i++)
			if (str_eq(account->allowed[i], aor))
				return true;
		return false;
	case MAY_REGISTER_DOMAIN:
		return true;
	}
	return false;
}

static void
count_outcome(const struct registration *r)
{
	stats->repetitions += r->repetition && r->answer.status == 200;
	stats->sips_strict_would_refuse += r->strict_would_refuse && r->answer.status == 200;
	stats->sips_strict_refused += r->answer.reason == REASON_SIPS_MISMATCH &&
				      r->inspection.domain->contacts == DOMAIN_CONTACTS_STRICT;
}

static void
count_changes(const struct registration *r)
{
	for (unsigned change = 0; change < CHANGE_COUNT; change++)
		stats->binding_changes[change] += r->changes[change];
}

/* The answer stands as it was decided. */
static enum register_next
conclude(const struct registration *r)
{
	count_outcome(r);
	return REGISTER_REPLY;
}

static enum register_next
without_record(struct registration *r, enum lookup_result result)
{
	if (r->recheck) /* perhaps stored: another node must not be asked to do it again (D-27) */
		return reject(r, 500, NULL, REASON_DATABASE_UNAVAILABLE);
	if (result == LOOKUP_OVERDUE)
		return unavailable(r, REASON_OVERLOADED);
	return unavailable(r, result == LOOKUP_TIMEOUT ? REASON_DATABASE_TIMEOUT
						       : REASON_DATABASE_UNAVAILABLE);
}

/* RFC 3327 §5.3: a client that does not know the extension could not tell that its answers and its
 * calls go through these proxies. */
static bool
path_is_agreed(const struct registration *r)
{
	return r->policy->path != PATH_STRICT || str_empty(r->inspection.contacts.path) ||
	       sip_message_lists(r->request, SIP_HEADER_SUPPORTED, STR("path"));
}

static void
refuse_path(struct registration *r)
{
	(void)reject(r, 420, NULL, REASON_EXTENSION_UNSUPPORTED);
	r->answer.unsupported = STR("path");
}

/*
 * Steps 6 and 7 for a request that may change the address. Whatever they say, the nonce count is
 * stored with it, so that nobody can use it again with another Contact (D-03).
 */
static enum register_next
decide_bindings(struct registration *r, const struct record *record)
{
	r->version = record->version;
	r->after = *record;
	r->strict_would_refuse = false;
	bool raised = marks_raise(&r->after, record, &r->nonce, marks_count(&r->credentials),
				  r->now_ms, r->policy->nonce_ttl_s, r->arena);
	if (!path_is_agreed(r))
		refuse_path(r);
	else if (r->repetition || r->inspection.contacts.values == 0)
		(void)plan_nothing(r, record); /* 6. a fetch */
	else
		plan_bindings(r, record); /* 6, 7. all or nothing */
	if (!raised || !arena_ok(r->arena))
		return reject(r, 500, NULL, REASON_INTERNAL);
	return REGISTER_COMMIT;
}

/*
 * A floor in the future would lock the address out until then, and must not be lowered: it is all
 * that the row knows of nonces issued by the clock that was wrong, which are good again once time
 * has come to them. So the nonce that this answer brings gets a mark before anybody can use it, and
 * all others stay used up.
 */
static enum register_next
challenge_with_mark(struct registration *r, const struct record *record)
{
	r->version = record->version;
	r->after = *record;
	if (!plan_nothing(r, record))
		return REGISTER_REPLY;
	(void)challenge(r, REASON_NONCE_REPLAYED, true);
	struct nonce fresh;
	if (nonce_judge(r->nonce_keys, str_of(r->answer.nonce), r->inspection.domain->name,
			r->aor.key, r->now_ms, r->policy->nonce_ttl_s, &fresh) != NONCE_GOOD)
		return REGISTER_REPLY; /* no key any more, and the answer says so */
	if (!marks_raise(&r->after, record, &fresh, 0, r->now_ms, r->policy->nonce_ttl_s, r->arena))
		return reject(r, 500, NULL, REASON_INTERNAL);
	return REGISTER_COMMIT;
}

/* What the row says of our commit, whose outcome is unknown. */
enum fate {
	FATE_LANDED, /* it was done */
	FATE_OPEN,   /* not yet, but the database may still have it */
	FATE_NEVER,  /* somebody else was first, and the guard refuses it from now on */
	FATE_HIDDEN, /* somebody has written since, and the row no longer shows who was first */
};

static enum fate
fate_of_commit(const struct registration *r, const struct record *record)
{
	if (repetition_has_landed(r, record))
		return FATE_LANDED;
	if (record->version == r->version)
		return FATE_OPEN;
	enum mark_verdict mark = marks_judge(record, &r->nonce, marks_count(&r->credentials));
	return mark == MARK_FRESH || record->version == r->version + 1 ? FATE_NEVER : FATE_HIDDEN;
}

/* Until its fate is known, and also while it is tried again, no answer may promise that nothing was
 * changed (REG-DB-5). True when there is nothing left to decide. */
static bool
settle_commit(struct registration *r, const struct record *record)
{
	enum fate fate = fate_of_commit(r, record);
	if (fate == FATE_LANDED) {
		count_changes(r);
		(void)conclude(r);
		return true;
	}
	if (fate == FATE_HIDDEN || r->attempts > r->retries) {
		(void)reject(r, 500, NULL, REASON_INTERNAL);
		return true;
	}
	r->recheck = fate == FATE_OPEN;
	return false;
}

enum register_next
register_decide(struct registration *r, enum lookup_result result, const struct record *record)
{
	if (result != LOOKUP_FOUND)
		return without_record(r, result);
	if (r->recheck && settle_commit(r, record))
		return REGISTER_REPLY;

	enum reason fault = login_fault(r, &record->account); /* 3. authenticate, second half */
	if (fault != REASON_NONE)
		return refuse_login(r, fault);
	enum mark_verdict mark = marks_judge(record, &r->nonce, marks_count(&r->credentials));
	r->repetition = mark != MARK_USED && repetition_is_stored(r, record);
	r->unproved = r->repetition && mark == MARK_EQUAL && !repetition_is_at_home(r, record);
	bool used_up = mark == MARK_USED || (mark == MARK_EQUAL && !r->repetition);
	if (used_up && !marks_floor_ahead(record, r->now_ms))
		return challenge(r, REASON_NONCE_REPLAYED, true);

	if (str_empty(r->aor.key)) /* 5. an address of this domain */
		return reject(r, 404, NULL, REASON_AOR_UNKNOWN);
	if (!may_register(&record->account, r->aor.key)) /* 4. authorize */
		return reject(r, 403, NULL, REASON_IDENTITY_MISMATCH);
	if (!record->exists) /* 5. that exists */
		return reject(r, 404, NULL, REASON_AOR_UNKNOWN);
	if (used_up)
		return challenge_with_mark(r, record);

	enum register_next next = decide_bindings(r, record); /* 6, 7. */
	if (next != REGISTER_COMMIT || mark != MARK_EQUAL)
		return next;
	if (r->sure) /* a repetition: all is stored, and the standby has it */
		return conclude(r);
	r->sure = true;
	return REGISTER_LOOKUP;
}

/* True when nothing in the record speaks against the request. */
static bool
recalls_as_allowed(const struct registration *r, const struct record *record)
{
	uint32_t count = marks_count(&r->credentials);
	return record->exists && !str_empty(r->aor.key) &&
	       str_eq(record->account.aor, r->aor.key) && path_is_agreed(r) &&
	       login_fault(r, &record->account) == REASON_NONE &&
	       marks_judge(record, &r->nonce, count) == MARK_FRESH &&
	       !repetition_is_stored(r, record);
}

enum register_next
register_recall(struct registration *r, const struct record *remembered)
{
	r->repetition = false;
	if (r->inspection.contacts.values == 0) /* a query is read */
		return REGISTER_LOOKUP;
	if (!recalls_as_allowed(r, remembered))
		return REGISTER_LOOKUP;
	if (decide_bindings(r, remembered) != REGISTER_COMMIT || r->answer.status != 200)
		return REGISTER_LOOKUP;
	return REGISTER_COMMIT;
}

enum register_next
register_finish(struct registration *r, enum commit_result result)
{
	switch (result) {
	case COMMIT_DONE:
		count_changes(r);
		return conclude(r); /* 8. */
	case COMMIT_CONFLICT:
		return REGISTER_LOOKUP; /* who lost made room for a winner: it ends */
	case COMMIT_UNKNOWN:
		r->recheck = r->sure = true;
		r->attempts++;
		return REGISTER_LOOKUP;
	case COMMIT_UNAVAILABLE:
	case COMMIT_OVERDUE:
		if (r->recheck) /* an earlier attempt may still be done */
			break;
		return unavailable(r, result == COMMIT_OVERDUE ? REASON_OVERLOADED
							       : REASON_DATABASE_UNAVAILABLE);
	case COMMIT_FAILED:
		break;
	}
	return reject(r, 500, NULL, REASON_INTERNAL);
}
