/* See rig.h. Deterministic: time and random octets are set, every round of a request sees a copy of
 * the row. */
#include "registrar/rig.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "auth/digest.h"
#include "base/clock.h"

#define ALICE_PASSWORD STR("s3cret Pa55word!")
#define REQUEST_MAX 65535u
#define RESPONSE_MAX 131072u

static struct str
or_else(struct str text, struct str usual)
{
	return text.p == NULL ? usual : text;
}

static void
add_name(struct rig *rig, struct domain *domain, struct str text)
{
	struct domain_name *name = &rig->names[rig->policy.name_count++];
	uint16_t port;
	struct str rest;
	bool good = sip_hostport_parse(&name->host, &port, text, &rest);
	assert(good);
	(void)good;
	name->domain = domain;
}

void
rig_names(struct rig *rig)
{
	rig->policy.names = rig->names;
	rig->policy.name_count = 0;
	add_name(rig, &rig->domains[0], rig->domains[0].name);
	add_name(rig, &rig->domains[0], STR("registrar.example.com"));
	add_name(rig, &rig->domains[0], STR("[2001:db8::10]"));
	add_name(rig, &rig->domains[1], rig->domains[1].name);
	policy_order_names(&rig->policy);
}

static void
open_policy(struct rig *rig)
{
	struct digest_offer offer = { { DIGEST_SHA256, DIGEST_MD5 }, 2, false };
	rig->domains[0] = (struct domain){ .name = STR("example.com"), .offer = offer };
	rig->domains[1] = (struct domain){ .name = STR("other.example"), .offer = offer };
	rig->policy = (struct policy){
		.node = STR("node1"),
		.limits = { .max_message_bytes = 65535, .max_body_bytes = 65535 },
		.expires_default_s = 3600,
		.expires_min_s = 60,
		.expires_max_s = 7200,
		.max_contacts = 10,
		.path = PATH_STRICT,
		.max_contacts_per_request = 10,
		.nonce_ttl_s = 300,
		.retry_after_min_s = 20,
		.retry_after_max_s = 90,
	};
	rig_names(rig);
}

void
rig_open(struct rig *rig)
{
	*rig = (struct rig){ .now_ms = RIG_NOW_MS, .retries = 3 };
	arena_pool_init(&rig->pool, 512u << 20);
	arena_init(&rig->arena, &rig->pool, 512u << 20);
	open_policy(rig);
	rig->keys = (struct nonce_keys){ .count = 1 };
	rig->keys.keys[0] = (struct nonce_key){ .id = 1, .created_ms = RIG_NOW_MS - 86400000 };
	memset(rig->keys.keys[0].secret, 0x5A, NONCE_KEY_BYTES);
	bool ready = digest_init();
	assert(ready);
	(void)ready;
	rig->record = (struct record){ .exists = true, .version = 100 };
	rig_account(rig, STR("alice"), ALICE_PASSWORD);
	rig_account(rig, STR("bob"), STR("bob's"));
	rig_account(rig, STR("gateway"), STR("gw"))->may_register = MAY_REGISTER_DOMAIN;
}

void
rig_close(struct rig *rig)
{
	arena_reset(&rig->arena);
	arena_pool_clear(&rig->pool);
	digest_clear();
}

struct account *
rig_account(struct rig *rig, struct str login, struct str password)
{
	assert(rig->account_count < 8);
	uint32_t index = rig->account_count++;
	struct account *account = &rig->accounts[index];
	rig->logins[index] = arena_copy(&rig->arena, login);
	*account = (struct account){ .found = true, .enabled = true };
	char aor[256];
	snprintf(aor, sizeof(aor), "%.*s@example.com", STR_ARG(login));
	account->aor = arena_copy(&rig->arena, str_of(aor));
	for (int i = 0; i < DIGEST_ALGORITHM_COUNT; i++) {
		char hex[DIGEST_HEX_MAX + 1];
		digest_ha1((enum digest_algorithm)i, login, STR("example.com"), password, hex);
		account->ha1[i] = arena_copy(&rig->arena, str_of(hex));
	}
	return account;
}

static struct str printed(struct rig *rig, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static struct str
printed(struct rig *rig, const char *format, ...)
{
	static char text[REQUEST_MAX + 1];
	va_list args;
	va_start(args, format);
	int len = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	assert(len >= 0 && (size_t)len < sizeof(text));
	return arena_copy(&rig->arena, (struct str){ text, (size_t)len });
}

enum sip_fault
rig_parse(struct rig *rig, struct sip_message *message, struct str text)
{
	struct str copy = arena_copy(&rig->arena, text);
	size_t lines = sip_message_lines(copy);
	struct sip_header *headers = arena_array(&rig->arena, lines, sizeof(*headers));
	assert(copy.p != NULL && headers != NULL);
	return sip_message_parse(message, (char *)(uintptr_t)copy.p, copy.len, SIP_DATAGRAM,
				 &rig->policy.limits, headers, lines);
}

/* The canonical address that a To value names, empty as register.c has it when it names none
 * here. */
static struct str
aor_of(struct rig *rig, struct str to)
{
	struct sip_address address;
	struct aor aor;
	if (!sip_address_parse(&address, to) || address.uri.scheme == SIP_SCHEME_OTHER)
		return STR("");
	const struct domain *domain = policy_domain(&rig->policy, &address.uri.host);
	if (domain != &rig->domains[0] || !aor_from_uri(&aor, &address.uri, domain, &rig->arena))
		return STR("");
	return aor.key;
}

/* Octets that look random and are the same in every run. */
static void
draw(struct rig *rig, uint8_t *octets, size_t len)
{
	uint64_t state = ++rig->seed;
	for (size_t i = 0; i < len; i++) {
		state = state * 6364136223846793005u + 1442695040888963407u;
		octets[i] = (uint8_t)(state >> 56);
	}
}

static struct str
nonce_of(struct rig *rig, const struct rig_request *request, struct str to)
{
	if (request->nonce.p != NULL)
		return request->nonce;
	struct str aor = request->nonce_aor.p != NULL ? request->nonce_aor : aor_of(rig, to);
	uint8_t random[8];
	draw(rig, random, sizeof(random));
	char nonce[NONCE_TEXT_LEN + 1];
	bool minted = nonce_mint(&rig->keys, or_else(request->nonce_realm, STR("example.com")), aor,
				 rig->now_ms - request->nonce_age_s * 1000, random, nonce);
	assert(minted);
	(void)minted;
	return arena_copy(&rig->arena, str_of(nonce));
}

static struct str
authorization(struct rig *rig, const struct rig_request *request, struct str to)
{
	struct credentials c = {
		.username = or_else(request->login, STR("alice")),
		.realm = or_else(request->realm, STR("example.com")),
		.nonce = nonce_of(rig, request, to),
		.uri = or_else(request->digest_uri, or_else(request->uri, STR("sip:example.com"))),
		.cnonce = STR("0a4f113b"),
		.nc = request->nc == 0 ? 1 : request->nc,
		.qop = request->no_qop ? DIGEST_QOP_NONE : DIGEST_QOP_AUTH,
		.algorithm = request->algorithm,
	};
	rig->nonce = c.nonce;
	c.nc_text = printed(rig, "%08x", c.nc);
	char ha1[DIGEST_HEX_MAX + 1], response[DIGEST_HEX_MAX + 1];
	digest_ha1(c.algorithm, c.username, c.realm, or_else(request->password, ALICE_PASSWORD),
		   ha1);
	digest_response(&c, or_else(request->method, STR("REGISTER")), str_of(ha1), response);
	struct str counted = c.qop == DIGEST_QOP_NONE
				     ? STR("")
				     : printed(rig, ", qop=auth, nc=%.*s, cnonce=\"%.*s\"",
					       STR_ARG(c.nc_text), STR_ARG(c.cnonce));
	return printed(rig,
		       "Authorization: Digest username=\"%.*s\", realm=\"%.*s\", nonce=\"%.*s\", "
		       "uri=\"%.*s\", response=\"%s\", algorithm=%.*s%.*s\r\n",
		       STR_ARG(c.username), STR_ARG(c.realm), STR_ARG(c.nonce), STR_ARG(c.uri),
		       response, STR_ARG(digest_algorithm_name(c.algorithm)), STR_ARG(counted));
}

struct str
rig_write(struct rig *rig, const struct rig_request *request)
{
	struct str to = or_else(request->to, STR("<sip:alice@example.com>"));
	struct str credentials =
		request->no_credentials ? STR("") : authorization(rig, request, to);
	const char *transport = request->transport == TRANSPORT_UDP   ? "UDP"
				: request->transport == TRANSPORT_TCP ? "TCP"
								      : "TLS";
	return printed(rig,
		       "REGISTER %.*s SIP/2.0\r\n"
		       "Via: SIP/2.0/%s 192.0.2.10:5062;branch=z9hG4bK%u\r\n"
		       "Max-Forwards: 70\r\n"
		       "From: <sip:alice@example.com>;tag=1\r\n"
		       "To: %.*s\r\n"
		       "Call-ID: %.*s\r\n"
		       "CSeq: %.*s REGISTER\r\n"
		       "%.*s%.*s"
		       "Content-Length: 0\r\n\r\n",
		       STR_ARG(or_else(request->uri, STR("sip:example.com"))), transport,
		       ++rig->seed, STR_ARG(to), STR_ARG(or_else(request->call_id, STR("a"))),
		       STR_ARG(or_else(request->cseq, STR("1"))), STR_ARG(credentials),
		       STR_ARG(or_else(request->fields, STR(""))));
}

static void
write_response(struct rig *rig, const struct endpoint *source)
{
	char *buf = arena_alloc(&rig->arena, RESPONSE_MAX);
	assert(buf != NULL);
	struct writer w = writer_on(buf, RESPONSE_MAX);
	bool written =
		answer_write(&w, &rig->answer, &rig->policy, &rig->message, source, STR("tag"));
	assert(written);
	(void)written;
	rig->response = writer_text(&w);
}

enum register_next
rig_begin(struct rig *rig, const struct rig_request *request)
{
	struct registration *r = &rig->registration;
	enum sip_fault fault = rig_parse(rig, &rig->message, rig_write(rig, request));
	*r = (struct registration){
		.policy = &rig->policy,
		.nonce_keys = &rig->keys,
		.request = &rig->message,
		.origin = { .transport = request->transport,
			    .secure = request->transport == TRANSPORT_TLS,
			    .authenticated = request->certificate },
		.arena = &rig->arena,
		.now_ms = rig->now_ms,
		.retries = rig->retries,
	};
	(void)endpoint_parse(str_empty(request->source) ? STR("192.0.2.10:5062") : request->source,
			     &r->origin.source);
	if (!str_empty(request->dialled))
		(void)ip_parse(request->dialled, &r->origin.dialled);
	draw(rig, r->random, sizeof(r->random));
	rig->looked_up = rig->committed = 0;
	if (fault != SIP_FAULT_NONE) {
		answer_fault(&r->answer, fault);
		return REGISTER_REPLY;
	}
	struct readiness ready = { .options = REASON_NONE, .registers = REASON_NONE };
	if (!inspect_request(&r->inspection, &r->answer, &rig->policy, &rig->message, &r->origin,
			     &ready, false, &rig->arena))
		return REGISTER_REPLY;
	return register_begin(r);
}

/* What the store would give: the row of the address, the account of the login. */
static struct record *
looked_up(struct rig *rig)
{
	struct record *record = arena_alloc(&rig->arena, sizeof(*record));
	*record = rig->record;
	record->account = (struct account){ 0 };
	if (str_empty(rig->registration.aor.key))
		*record = (struct record){ 0 };
	if (!str_eq(rig->registration.aor.domain, STR("example.com")))
		return record;
	for (uint32_t i = 0; i < rig->account_count; i++)
		if (str_eq(rig->logins[i], rig->registration.credentials.username))
			record->account = rig->accounts[i];
	return record;
}

static void
store(struct rig *rig)
{
	assert(rig->registration.version == rig->record.version);
	struct record *after = &rig->registration.after;
	int64_t version = rig->record.version + 1;
	rig->record = *after;
	rig->record.version = version;
	rig->committed++;
}

static enum register_next
commit(struct rig *rig, unsigned attempt)
{
	struct registration *r = &rig->registration;
	switch (attempt < rig->commit_count ? rig->commits[attempt] : RIG_COMMIT_DONE) {
	case RIG_COMMIT_CONFLICT:
		if (rig->meanwhile != NULL)
			rig->meanwhile(rig);
		rig->record.version++;
		return register_finish(r, COMMIT_CONFLICT);
	case RIG_COMMIT_FAILED:
		return register_finish(r, COMMIT_FAILED);
	case RIG_COMMIT_UNAVAILABLE:
		return register_finish(r, COMMIT_UNAVAILABLE);
	case RIG_COMMIT_OVERDUE:
		return register_finish(r, COMMIT_OVERDUE);
	case RIG_COMMIT_LOST:
		if (rig->meanwhile != NULL)
			rig->meanwhile(rig);
		return register_finish(r, COMMIT_UNKNOWN);
	case RIG_COMMIT_LANDED:
		store(rig);
		if (rig->meanwhile != NULL)
			rig->meanwhile(rig);
		return register_finish(r, COMMIT_UNKNOWN);
	case RIG_COMMIT_DONE:
		break;
	}
	store(rig);
	return register_finish(r, COMMIT_DONE);
}

void
rig_run(struct rig *rig, enum register_next next)
{
	struct registration *r = &rig->registration;
	for (unsigned attempt = 0; next != REGISTER_REPLY;) {
		if (next == REGISTER_LOOKUP) {
			enum lookup_result result = rig->looked_up < rig->lookup_count
							    ? rig->lookups[rig->looked_up]
							    : LOOKUP_FOUND;
			rig->looked_up++;
			next = register_decide(r, result,
					       result == LOOKUP_FOUND ? looked_up(rig) : NULL);
		} else {
			next = commit(rig, attempt++);
		}
	}
	rig->answer = r->answer;
	write_response(rig, &r->origin.source);
	rig->commit_count = rig->lookup_count = 0;
}

void
rig_register(struct rig *rig, const struct rig_request *request)
{
	rig_run(rig, rig_begin(rig, request));
}

struct binding *
rig_given(struct rig *rig, struct str contact)
{
	struct sip_message message;
	struct contacts contacts;
	struct answer answer;
	enum sip_fault fault = rig_parse(
		rig, &message,
		printed(rig,
			"REGISTER sip:example.com SIP/2.0\r\n"
			"Via: SIP/2.0/UDP h.example;branch=z9hG4bKgiven\r\n"
			"From: <sip:alice@example.com>;tag=1\r\nTo: <sip:alice@example.com>\r\n"
			"Call-ID: other\r\nCSeq: 1 REGISTER\r\nContact: %.*s\r\n\r\n",
			STR_ARG(contact)));
	bool good = contacts_parse(&contacts, &answer, &message, &rig->arena);
	assert(fault == SIP_FAULT_NONE && good && contacts.count == 1);
	(void)fault;
	(void)good;
	struct record *record = &rig->record;
	struct binding *grown = arena_array(&rig->arena, record->binding_count + 1, sizeof(*grown));
	if (record->binding_count > 0)
		memcpy(grown, record->bindings, record->binding_count * sizeof(*grown));
	record->bindings = grown;
	struct binding *binding = &grown[record->binding_count++];
	*binding = (struct binding){
		.id = printed(rig, "given-%u", record->binding_count),
		.uri = contacts.list[0].address.uri.text,
		.display = contacts.list[0].address.display,
		.params = contacts.list[0].params,
		.q = contacts.list[0].q,
		.requested_s = contacts_interval(&contacts, &contacts.list[0], 3600),
		.expires_ms = rig->now_ms + 1800 * 1000,
		.call_id = STR("other"),
		.cseq = 1,
		.instance = contacts.list[0].instance,
		.node = STR("node1"),
		.source = STR("192.0.2.10:5062"),
		.created_ms = rig->now_ms - 1800 * 1000,
		.updated_ms = rig->now_ms - 1800 * 1000,
	};
	return binding;
}

const struct binding *
rig_binding(const struct rig *rig, struct str uri)
{
	for (uint32_t i = 0; i < rig->record.binding_count; i++)
		if (str_eq(rig->record.bindings[i].uri, uri))
			return &rig->record.bindings[i];
	return NULL;
}
