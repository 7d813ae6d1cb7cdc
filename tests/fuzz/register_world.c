/* See register_world.h. Everything is deterministic: an input means the same in every run. */
#include "register_world.h"

#include <jansson.h>
#include <sanitizer/asan_interface.h>
#include <stdalign.h>
#include <string.h>

#include "auth/digest.h"
#include "registrar/answer.h"
#include "sip/scan.h"
#include "store/rows.h"

#define LOGINS 5
#define ROW_BINDINGS_MAX 24
#define JSON_BYTES (1u << 20)

static struct rig base; /* opened once: hashing accounts costs more than a registration */

static const struct {
	const char *login, *password;
} people[LOGINS] = {
	{ "alice", "s3cret Pa55word!" }, { "bob", "bob's" },   { "gateway", "gw" },
	{ "carol", "carol's" },		 { "dave", "dave's" },
};

static struct str
take(struct str *rest, char separator)
{
	struct str head, tail;
	if (!str_cut(*rest, separator, &head, &tail))
		tail = (struct str){ NULL, 0 };
	*rest = tail;
	return head;
}

/* --- the memory of JSON ------------------------------------------------------------------- */

/*
 * Nine allocations of ten are those of a row's JSON, and a sanitizer makes each of them dear. They
 * come from one piece of memory, in which all is poisoned that is not in use, also the size before
 * each of them: what is read or written beside one, or behind its end, is seen as ever.
 */
#define JSON_HEAP_BYTES (4u << 20)
#define JSON_GAP_BYTES 16u

static struct {
	alignas(JSON_GAP_BYTES) unsigned char octets[JSON_HEAP_BYTES];
	size_t used, pieces;
} json_heap;

static void *
json_take(size_t size)
{
	unsigned char *at = json_heap.octets + json_heap.used;
	FUZZ_CHECK(size < JSON_HEAP_BYTES - json_heap.used - 2u * JSON_GAP_BYTES);
	json_heap.used +=
		JSON_GAP_BYTES + (size + JSON_GAP_BYTES - 1) / JSON_GAP_BYTES * JSON_GAP_BYTES;
	json_heap.pieces++;
	ASAN_UNPOISON_MEMORY_REGION(at, JSON_GAP_BYTES + size);
	memcpy(at, &size, sizeof(size));
	ASAN_POISON_MEMORY_REGION(at, JSON_GAP_BYTES);
	return at + JSON_GAP_BYTES;
}

static void
json_give(void *piece)
{
	size_t size;
	if (piece == NULL)
		return;
	unsigned char *at = (unsigned char *)piece - JSON_GAP_BYTES;
	ASAN_UNPOISON_MEMORY_REGION(at, JSON_GAP_BYTES);
	memcpy(&size, at, sizeof(size));
	ASAN_POISON_MEMORY_REGION(at, JSON_GAP_BYTES + size);
	json_heap.pieces--;
}

/* Whoever took something has given it back. */
static void
json_heap_end(void)
{
	FUZZ_CHECK(json_heap.pieces == 0);
	json_heap.used = 0;
}

/* --- the scene --------------------------------------------------------------------------- */

void
world_prepare(void)
{
	static struct str allowed[2];
	ASAN_POISON_MEMORY_REGION(json_heap.octets, sizeof(json_heap.octets));
	json_set_alloc_funcs(json_take, json_give);
	rig_open(&base);
	struct account *carol = rig_account(&base, STR("carol"), str_of(people[3].password));
	struct account *dave = rig_account(&base, STR("dave"), str_of(people[4].password));
	allowed[0] = STR("alice@example.com");
	allowed[1] = STR("ghost@example.com"); /* who has no account */
	carol->may_register = MAY_REGISTER_LIST;
	carol->allowed = allowed;
	carol->allowed_count = 2;
	dave->enabled = false;
}

static void
set_policy(struct world *world, const uint8_t *octets)
{
	static const uint32_t minima[] = { 1, 60, 61, 3599, 3600, 300, 2, 59 };
	struct policy *policy = &world->rig.policy;
	struct domain *domain = &world->rig.domains[0];
	domain->contacts = octets[0] & 1 ? DOMAIN_CONTACTS_COMPATIBLE : DOMAIN_CONTACTS_STRICT;
	domain->require_tls = (octets[0] & 6) == 6;
	policy->replace_oldest = octets[0] & 8;
	policy->path = (enum path_policy)((octets[0] >> 4) % 3);
	policy->path_requires_certificate = (octets[0] & 0xc0) == 0xc0;
	policy->max_contacts = 1 + octets[1] % 12;
	policy->max_contacts_per_request = 1 + octets[2] % 12;
	policy->expires_min_s = minima[octets[3] & 7];
	policy->expires_max_s = policy->expires_min_s + octets[4] * 40u;
	policy->expires_default_s = policy->expires_min_s + octets[3] % 61;
	if (policy->expires_default_s > policy->expires_max_s)
		policy->expires_default_s = policy->expires_max_s;
	policy->expires_jitter_percent = octets[5] % 3 == 0 ? octets[5] % 100 : 0;
	domain->service_route = octets[5] & 128 ? STR("<sip:p.example.com;lr>") : STR("");
	domain->schemes = octets[6] % 8 == 7   ? DOMAIN_SCHEMES_SIPS
			  : octets[6] % 8 == 6 ? DOMAIN_SCHEMES_SIP
					       : DOMAIN_SCHEMES_BOTH;
	if (octets[6] & 8)
		domain->offer = (struct digest_offer){ { DIGEST_MD5 }, 1, false };
	if (octets[6] & 16)
		domain->offer =
			(struct digest_offer){ { DIGEST_SHA512_256, DIGEST_MD5 }, 2, false };
	domain->offer.requires_qop = (octets[7] & 6) == 6;
	if (octets[6] & 32) /* alice has no other hash */
		world->rig.accounts[0].ha1[DIGEST_SHA256] = STR("");
	world->rig.retries = octets[6] >> 6;
	policy->server_header = octets[7] & 1 ? STR("rollcall") : STR("");
}

/* The floor of a clock that was wrong, in the future; an older one; none. */
static uint32_t
floor_of(const struct world *world, uint8_t spread)
{
	uint32_t now_s = (uint32_t)(world->rig.now_ms / 1000);
	return spread == 1 ? now_s + 500 : spread & 1 ? now_s - 2u * spread : 0;
}

/* Marks of log-ins long ago, so that there is not room for all. */
static void
set_marks(struct world *world, struct record *record, uint8_t count, uint8_t spread)
{
	struct nonce_mark *marks = arena_array(&world->rig.arena, MARKS_MAX, sizeof(*marks));
	for (uint32_t i = 0; i < count && i < MARKS_MAX; i++) {
		uint32_t issued_s = (uint32_t)(world->rig.now_ms / 1000) - i * spread % 400;
		marks[i] = (struct nonce_mark){ .nc = 1 + i };
		marks[i].nonce.issued_s = issued_s;
		for (int octet = 0; octet < 4; octet++)
			marks[i].nonce.id[octet] = (uint8_t)(issued_s >> (24 - 8 * octet));
		marks[i].nonce.id[4] = (uint8_t)i; /* ours have random octets there */
	}
	record->marks = marks;
	record->mark_count = count < MARKS_MAX ? count : MARKS_MAX;
	record->mark_floor_s = floor_of(world, spread);
}

static struct record *
copy_of(const struct record *record)
{
	void *memory = malloc(record_size(record));
	FUZZ_CHECK(memory != NULL);
	return record_copy(memory, record);
}

void
world_open(struct world *world, const uint8_t *scene)
{
	*world = (struct world){ .rig = base };
	arena_init(&world->rig.arena, &base.pool, 64u << 20);
	rig_names(&world->rig);
	set_policy(world, scene);
	struct record row = { .exists = true, .version = 100, .max_contacts = scene[7] / 16 };
	row.bindings = arena_array(&world->rig.arena, ROW_BINDINGS_MAX, sizeof(*row.bindings));
	set_marks(world, &row, scene[8], scene[9]);
	world->rig.record = row; /* until the stored contacts are all there */
	world->rows[0].key = STR("alice@example.com");
	world->rows[1].key = STR("bob@example.com");
	world->rows[1].now = copy_of(&(struct record){ .exists = true, .version = 7 });
}

void
world_stored(struct world *world, struct str line)
{
	static const char *const call_ids[] = { "a", "b", "other" };
	struct record *record = &world->rig.record;
	uint32_t i = record->binding_count;
	struct sip_message message;
	struct contacts contacts;
	struct answer answer;
	if (line.len > 0 && line.p[line.len - 1] == '\r')
		line.len--;
	if (i == ROW_BINDINGS_MAX || str_empty(line))
		return;
	struct binding binding = {
		.id = arena_copy(&world->rig.arena,
				 (struct str){ &"abcdefghijklmnopqrstuvwx"[i], 1 }),
		.q = -1,
		.requested_s = 3600,
		.expires_ms = world->rig.now_ms + (i % 5) * 100000,
		.call_id = str_of(call_ids[i % 3]),
		.cseq = 7,
		.path = i % 4 == 3 ? STR("<sip:stored;lr>") : STR(""),
		.created_ms = world->rig.now_ms - 10000,
		.updated_ms = world->rig.now_ms - 1000 * (1 + i % 7),
	};
	char text[4096];
	struct writer w = writer_on(text, sizeof(text));
	writer_str(&w,
		   STR("REGISTER sip:h SIP/2.0\r\nVia: SIP/2.0/UDP h\r\nFrom: <sip:a@h>;tag=1\r\n"
		       "To: <sip:a@h>\r\nCall-ID: x\r\nCSeq: 1 REGISTER\r\nContact: "));
	writer_str(&w, line);
	writer_str(&w, STR("\r\n\r\n"));
	if (line.p[0] == '!') {
		binding.uri = arena_copy(&world->rig.arena, str_slice(line, 1, 100));
		for (size_t at = 0; at < binding.uri.len; at++)
			if (binding.uri.p[at] <= 0x20 || binding.uri.p[at] > 0x7e)
				return;
		world->odd = true;
	} else if (writer_ok(&w) && memchr(line.p, '\r', line.len) == NULL &&
		   rig_parse(&world->rig, &message, writer_text(&w)) == SIP_FAULT_NONE &&
		   contacts_parse(&contacts, &answer, &message, &world->rig.arena) &&
		   contacts.count == 1) {
		binding.uri = contacts.list[0].address.uri.text;
		binding.display = contacts.list[0].address.display;
		binding.params = contacts.list[0].params;
		binding.q = contacts.list[0].q;
		binding.instance = contacts.list[0].instance;
	} else {
		return;
	}
	record->bindings[record->binding_count++] = binding;
}

void
world_settle(struct world *world)
{
	world->rows[0].now = copy_of(&world->rig.record);
}

void
world_close(struct world *world)
{
	for (size_t i = 0; i < 2; i++) {
		free(world->rows[i].now);
		free(world->rows[i].remembered);
	}
	arena_reset(&world->rig.arena);
}

/* --- a request ---------------------------------------------------------------------------- */

struct world_nonce *
world_nonce(struct world *world, struct str text)
{
	for (size_t i = 0; i < world->nonce_count; i++)
		if (str_eq(text, str_of(world->nonces[i].text)))
			return &world->nonces[i];
	return NULL;
}

static struct world_nonce *
new_nonce(struct world *world)
{
	size_t at = world->nonce_count < WORLD_NONCES ? world->nonce_count++ : WORLD_NONCES - 1;
	world->nonces[at] = (struct world_nonce){ .ours = true };
	return &world->nonces[at];
}

static struct str
mint(struct world *world, struct str aor, int64_t age_s, struct str realm)
{
	struct world_nonce *nonce = new_nonce(world);
	uint8_t random[8] = { 0xA5 };
	uint32_t number = ++world->rig.seed;
	memcpy(random + 4, &number, sizeof(number));
	nonce->aor = aor;
	nonce->issued_s = world->rig.now_ms / 1000 - age_s;
	nonce->ours = str_eq(realm, STR("example.com"));
	bool minted = nonce_mint(&world->rig.keys, realm, aor, world->rig.now_ms - age_s * 1000,
				 random, nonce->text);
	FUZZ_CHECK(minted);
	return str_of(nonce->text);
}

static struct str
choose_nonce(struct world *world, uint8_t octet, struct str aor)
{
	struct str realm = STR("example.com");
	int64_t ttl_s = world->rig.policy.nonce_ttl_s;
	unsigned which = octet >> 2 & 7;
	switch (octet & 3) {
	case 0:
		return mint(world, aor, 0, realm);
	case 1:
	case 2: /* the last one, or an earlier one */
		if (world->nonce_count == 0)
			return mint(world, aor, 0, realm);
		which = octet & 1 ? 0 : which;
		return str_of(
			world->nonces[which < world->nonce_count ? world->nonce_count - 1 - which
								 : 0]
				.text);
	default:
		break;
	}
	switch (which) {
	case 0:
		return mint(world, aor, ttl_s, realm);
	case 1:
		return mint(world, aor, ttl_s + 1, realm);
	case 2:
		return mint(world, aor, -5, realm);
	case 3:
		return mint(world, aor, -6, realm);
	case 4:
		return mint(world, STR("ghost@example.com"), 0, realm);
	case 5:
		return mint(world, aor, 0, STR("other.example"));
	case 6:
		return STR("AQFl9cwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
	default:
		return mint(world, aor, 1 + octet / 32, realm);
	}
}

static uint32_t
choose_count(uint8_t octet)
{
	static const uint32_t odd[] = { UINT32_MAX, UINT32_MAX - 1, 0x80000000, 0x7fffffff };
	return octet < 252 ? 1u + octet : odd[octet - 252];
}

/* Lines "@to VALUE" and the like come first; they stand for what the octets cannot say. */
static void
take_words(struct rig_request *request, struct str *fields)
{
	const struct {
		struct str word;
		struct str *value;
	} words[] = {
		{ STR("@to "), &request->to },
		{ STR("@uri "), &request->uri },
		{ STR("@call-id "), &request->call_id },
		{ STR("@cseq "), &request->cseq },
		{ STR("@digest-uri "), &request->digest_uri },
		{ STR("@login "), &request->login },
	};
	while (fields->len > 0 && fields->p[0] == '@') {
		struct str line = take(fields, '\n');
		if (line.len > 0 && line.p[line.len - 1] == '\r')
			line.len--;
		for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
			if (str_starts(line, words[i].word))
				*words[i].value = str_slice(line, words[i].word.len, line.len);
	}
}

static void
set_who(struct rig_request *request, uint8_t octet)
{
	static const char *const tos[] = { "<sip:alice@example.com>",
					   "\"A\" <sips:alice@EXAMPLE.com>",
					   "sip:bob@registrar.example.com",
					   "<sip:%67host@example.com>" };
	unsigned who = octet & 7;
	request->login = str_of(who < LOGINS ? people[who].login : who == 5 ? "nobody" : "alice");
	request->password = str_of(who < LOGINS ? people[who].password : people[0].password);
	if (octet & 8)
		request->password = STR("guessed");
	request->to = str_of(tos[octet >> 4 & 3]);
	request->no_credentials = (octet & 0xc0) == 0xc0;
	if ((octet & 0xc0) == 0x80)
		request->method = STR("INVITE");
}

static void
set_how(struct rig_request *request, uint8_t how, uint8_t more)
{
	static const char *const uris[] = { "sip:example.com",
					    "sip:registrar.example.com;transport=tcp",
					    "sip:other.example",
					    "sip:alice@example.com:5080",
					    "sip:[2001:db8::10]",
					    "sips:example.com",
					    "sips:registrar.example.com",
					    "sip:elsewhere.example" };
	static const char *const digest_uris[] = { NULL, "sip:example.com", "sip:192.0.2.1",
						   "sip:elsewhere.example" };
	request->transport = how & 2 ? TRANSPORT_TLS : how & 1 ? TRANSPORT_TCP : TRANSPORT_UDP;
	request->uri = str_of(uris[how >> 5]);
	if (more >> 6 != 0)
		request->digest_uri = str_of(digest_uris[more >> 6]);
}

static void
set_script(struct world *world, const uint8_t *step)
{
	struct world_script *script = &world->script;
	for (int i = 0; i < 2; i++) {
		uint8_t nibble = step[4] >> (4 * i) & 15;
		script->commits[i] = (enum rig_commit)((nibble & 7) % 7);
		script->meanwhile[i] = nibble & 8;
		script->lookups[i] = (enum lookup_result)((step[5] >> (3 * i) & 7) % 5);
	}
	script->who = step[5] >> 6;
	script->certificate = step[6] & 4;
	script->recall = step[6] & 8;
	script->arena_limit = (step[7] & 63) == 0 ? 64u << 20 : (step[7] & 63u) * 256;
	if (world->within != NULL)
		script->arena_limit = *world->within;
}

/* The canonical address of a To value; empty as in register.c when it names none here. */
static struct str
aor_of(struct world *world, struct str to)
{
	struct sip_address address;
	struct aor aor;
	const struct domain *domain = &world->rig.domains[0];
	if (!sip_address_parse(&address, to) || address.uri.scheme == SIP_SCHEME_OTHER ||
	    policy_domain(&world->rig.policy, &address.uri.host) != domain ||
	    !aor_from_uri(&aor, &address.uri, domain, &world->rig.arena))
		return STR("");
	return aor.key;
}

struct str
world_request(struct world *world, const uint8_t *step, struct str fields)
{
	static const char *const call_ids[] = { "a", "b", "other", "c" };
	static const int64_t waits_ms[] = { 0, 1000, 30000, 400000 };
	static const char *const cseqs[] = {
		"1", "2",  "3",	 "4",  "5",  "6",  "7",	 "8",
		"9", "10", "11", "12", "13", "14", "15", "4294967295"
	};
	struct rig_request request = { .cseq = str_of(cseqs[step[3] & 15]),
				       .call_id = str_of(call_ids[step[3] >> 4 & 3]) };
	world->rig.now_ms += waits_ms[step[3] >> 6];
	set_who(&request, step[0]);
	set_how(&request, step[6], step[7]);
	set_script(world, step);
	take_words(&request, &fields);
	request.fields = fields;
	request.nonce = choose_nonce(world, step[1], aor_of(world, request.to));
	request.nc = choose_count(step[2]);
	request.no_qop = step[1] & 32;
	request.algorithm = step[1] & 64    ? DIGEST_MD5
			    : step[1] & 128 ? DIGEST_SHA512_256
					    : DIGEST_SHA256;
	return rig_write(&world->rig, &request);
}

/* --- its way ------------------------------------------------------------------------------- */

static enum register_next
begin(struct world *world, struct str request)
{
	struct registration *r = &world->registration;
	struct readiness ready = { .options = REASON_NONE, .registers = REASON_NONE };
	bool tls = memmem(request.p, request.len, "SIP/2.0/TLS", 11) != NULL;
	world->octets = malloc(request.len);
	world->octet_count = request.len;
	memcpy(world->octets, request.p, request.len);
	size_t lines = sip_message_lines(request);
	world->headers = calloc(lines, sizeof(*world->headers));
	arena_init(&world->arena, &base.pool, world->script.arena_limit);
	*r = (struct registration){
		.policy = &world->rig.policy,
		.nonce_keys = &world->rig.keys,
		.request = &world->message,
		.origin = { .transport = tls ? TRANSPORT_TLS : TRANSPORT_UDP,
			    .secure = tls,
			    .authenticated = tls && world->script.certificate },
		.arena = &world->arena,
		.now_ms = world->rig.now_ms,
		.retries = world->rig.retries,
	};
	(void)endpoint_parse(STR("192.0.2.10:5062"), &r->origin.source);
	(void)ip_parse(STR("192.0.2.1"), &r->origin.dialled);
	world->rig.seed++;
	for (size_t i = 0; i < sizeof(r->random); i++)
		r->random[i] = (uint8_t)(world->rig.seed * 31 + i * 17);
	memcpy(r->random, &world->rig.seed, sizeof(world->rig.seed));
	enum sip_fault fault =
		sip_message_parse(&world->message, world->octets, request.len, SIP_DATAGRAM,
				  &world->rig.policy.limits, world->headers, lines);
	world->silent = fault != SIP_FAULT_NONE && sip_fault_status(fault) == 0;
	if (fault != SIP_FAULT_NONE) {
		answer_fault(&r->answer, fault);
		return REGISTER_REPLY;
	}
	if (!inspect_request(&r->inspection, &r->answer, &world->rig.policy, &world->message,
			     &r->origin, &ready, false, &world->arena))
		return REGISTER_REPLY;
	return register_begin(r);
}

struct world_row *
world_row(struct world *world, struct str aor)
{
	for (size_t i = 0; i < 2; i++)
		if (str_eq(world->rows[i].key, aor))
			return &world->rows[i];
	return NULL;
}

static const struct account *
account_of(const struct world *world)
{
	const struct registration *r = &world->registration;
	if (!str_eq(r->aor.domain, STR("example.com")))
		return NULL;
	for (uint32_t i = 0; i < world->rig.account_count; i++)
		if (str_eq(world->rig.logins[i], r->credentials.username))
			return &world->rig.accounts[i];
	return NULL;
}

static struct record *
read_row(struct world *world)
{
	const struct world_row *row = world_row(world, world->registration.aor.key);
	const struct account *account = account_of(world);
	struct record record = row == NULL ? (struct record){ 0 } : *row->now;
	record.account = account == NULL ? (struct account){ 0 } : *account;
	FUZZ_CHECK(world->read_count < WORLD_READ_MAX);
	if (world->stored == 0)
		world->overtaken = false;
	return world->reads[world->read_count++] = copy_of(&record);
}

/* What the server may keep: only for log-ins of the address itself. */
static void
remember(struct world *world, const struct record *record)
{
	const struct account *account = account_of(world);
	struct world_row *row = world_row(world, world->registration.aor.key);
	if (row == NULL || account == NULL || !str_eq(account->aor, row->key))
		return;
	struct record whole = *record;
	whole.account = *account;
	free(row->remembered);
	row->remembered = copy_of(&whole);
}

static enum register_next
decide(struct world *world)
{
	unsigned turn = world->read_count;
	enum lookup_result result = turn < 2 ? world->script.lookups[turn] : LOOKUP_FOUND;
	struct record *record = read_row(world);
	if (result != LOOKUP_FOUND)
		return register_decide(&world->registration, result, NULL);
	world->seen = record;
	remember(world, record);
	struct record *untouched = copy_of(record);
	enum register_next next = register_decide(&world->registration, result, record);
	FUZZ_CHECK(record->version == untouched->version &&
		   record->binding_count == untouched->binding_count &&
		   record->mark_count == untouched->mark_count &&
		   record->mark_floor_s == untouched->mark_floor_s);
	for (uint32_t i = 0; i < record->binding_count; i++)
		FUZZ_CHECK(str_eq(record->bindings[i].uri, untouched->bindings[i].uri) &&
			   record->bindings[i].cseq == untouched->bindings[i].cseq);
	free(untouched);
	return next;
}

/* What PostgreSQL keeps is JSON, and what is read again is what was written. */
static void
pass_through_json(struct world *world, struct record *record)
{
	static char json[JSON_BYTES];
	struct writer w = writer_on(json, sizeof(json));
	rows_bindings_write(&w, record);
	FUZZ_CHECK(writer_ok(&w));
	FUZZ_CHECK(rows_bindings_read(record, writer_text(&w), &world->rig.arena));
	w.len = 0;
	rows_marks_write(&w, record);
	FUZZ_CHECK(writer_ok(&w));
	FUZZ_CHECK(rows_marks_read(record, writer_text(&w), &world->rig.arena));
	json_heap_end();
}

static void
replace_row(struct world_row *row, const struct record *with)
{
	struct record record = *with;
	record.version = row->now->version + 1;
	record.account = (struct account){ 0 };
	struct record *next = copy_of(&record);
	free(row->now);
	row->now = next;
}

static void
store(struct world *world, struct world_row *row)
{
	struct registration *r = &world->registration;
	struct world_nonce *nonce = world_nonce(world, r->credentials.nonce);
	struct record record = r->after;
	check_commit(world, world->seen);
	pass_through_json(world, &record);
	replace_row(row, &record);
	uint64_t nc = r->credentials.qop == DIGEST_QOP_NONE ? UINT32_MAX : r->credentials.nc;
	if (r->answer.status != 401) /* else it was used up already */
		nonce->next_nc = nc + 1;
	world->stored++;
}

static struct str
number_text(struct world *world, int64_t number)
{
	char text[24];
	struct writer w = writer_on(text, sizeof(text));
	writer_i64(&w, number);
	return arena_copy(&world->rig.arena, writer_text(&w));
}

/* Somebody else: raises the version, adds a binding, removes all, or serves this very request. */
static void
write_meanwhile(struct world *world, struct world_row *row)
{
	struct record record = *row->now;
	struct binding *grown =
		arena_array(&world->rig.arena, record.binding_count + 1u, sizeof(*grown));
	world->overtaken = true;
	switch (world->script.who) {
	case 1:
		if (record.binding_count > 0)
			memcpy(grown, record.bindings, record.binding_count * sizeof(*grown));
		grown[record.binding_count++] =
			(struct binding){ .id = number_text(world, row->now->version),
					  .uri = STR("sip:elsewhere@192.0.2.99"),
					  .q = -1,
					  .requested_s = 3600,
					  .expires_ms = world->rig.now_ms + 3600000,
					  .call_id = STR("a"),
					  .cseq = 9,
					  .created_ms = world->rig.now_ms,
					  .updated_ms = world->rig.now_ms };
		record.bindings = grown;
		break;
	case 2:
		record.binding_count = 0;
		break;
	case 3:
		if (!world->again) {
			struct world *twin = malloc(sizeof(*twin));
			*twin = *world;
			twin->again = true;
			twin->read_count = twin->commit_count = twin->stored = 0;
			twin->script = (struct world_script){ .arena_limit = 64u << 20 };
			world_run(twin, (struct str){ world->octets, world->octet_count });
			memcpy(world->nonces, twin->nonces, sizeof(world->nonces));
			world->nonce_count = twin->nonce_count;
			memcpy(world->rows, twin->rows, sizeof(world->rows));
			world->rig.arena = twin->rig.arena;
			world->rig.seed = twin->rig.seed;
			world_forget(twin);
			free(twin);
			return;
		}
		break;
	default:
		break;
	}
	replace_row(row, &record);
}

/* The guard holds whatever the script says. */
static enum register_next
commit(struct world *world)
{
	struct registration *r = &world->registration;
	struct world_row *row = world_row(world, r->aor.key);
	unsigned turn = world->commit_count++;
	enum rig_commit what = turn < 2 ? world->script.commits[turn] : RIG_COMMIT_DONE;
	bool meanwhile = turn < 2 && world->script.meanwhile[turn];
	FUZZ_CHECK(row != NULL);
	if (what == RIG_COMMIT_FAILED)
		return register_finish(r, COMMIT_FAILED);
	if (what == RIG_COMMIT_UNAVAILABLE)
		return register_finish(r, COMMIT_UNAVAILABLE);
	if (what == RIG_COMMIT_OVERDUE)
		return register_finish(r, COMMIT_OVERDUE);
	if (what == RIG_COMMIT_CONFLICT || (meanwhile && what != RIG_COMMIT_LANDED))
		write_meanwhile(world, row);
	if (what == RIG_COMMIT_LOST)
		return register_finish(r, COMMIT_UNKNOWN);
	if (row->now->version != r->version)
		return register_finish(r, what == RIG_COMMIT_LANDED ? COMMIT_UNKNOWN
								    : COMMIT_CONFLICT);
	store(world, row);
	if (what == RIG_COMMIT_LANDED) {
		if (meanwhile)
			write_meanwhile(world, row);
		return register_finish(r, COMMIT_UNKNOWN);
	}
	remember(world, row->now);
	return register_finish(r, COMMIT_DONE);
}

static enum register_next
recall(struct world *world)
{
	const struct world_row *row = world_row(world, world->registration.aor.key);
	const struct account *account = account_of(world);
	if (!world->script.recall || row == NULL || row->remembered == NULL || account == NULL ||
	    !str_eq(account->aor, row->key))
		return REGISTER_LOOKUP;
	world->seen = world->reads[world->read_count++] = copy_of(row->remembered);
	return register_recall(&world->registration, world->seen);
}

void
world_run(struct world *world, struct str request)
{
	world->read_count = world->commit_count = world->stored = 0;
	world->seen = NULL;
	world->overtaken = false;
	enum register_next next = begin(world, request);
	if (next == REGISTER_LOOKUP)
		next = recall(world);
	while (next != REGISTER_REPLY)
		next = next == REGISTER_LOOKUP ? decide(world) : commit(world);
	if (!world->silent)
		check_answer(world);
}

void
world_forget(struct world *world)
{
	for (unsigned i = 0; i < world->read_count; i++)
		free(world->reads[i]);
	world->read_count = 0;
	free(world->headers);
	free(world->octets);
	arena_reset(&world->arena);
}

/* --- what is true ---------------------------------------------------------------------------- */

static const char *
password_of(struct str login)
{
	for (size_t i = 0; i < LOGINS; i++)
		if (str_eq(login, str_of(people[i].login)))
			return people[i].password;
	return NULL;
}

static bool
response_is_right(const struct registration *r, const char *password)
{
	char ha1[DIGEST_HEX_MAX + 1], wanted[DIGEST_HEX_MAX + 1];
	digest_ha1(r->credentials.algorithm, r->credentials.username, STR("example.com"),
		   str_of(password), ha1);
	digest_response(&r->credentials, STR("REGISTER"), str_of(ha1), wanted);
	return str_ieq(r->credentials.response, str_of(wanted));
}

bool
world_authentic(const struct world *world)
{
	const struct registration *r = &world->registration;
	const struct account *account = account_of(world);
	const char *password = password_of(r->credentials.username);
	const struct world_nonce *nonce =
		world_nonce((struct world *)(uintptr_t)world, r->credentials.nonce);
	if (account == NULL || password == NULL || !account->enabled || nonce == NULL ||
	    !nonce->ours || str_empty(account->ha1[r->credentials.algorithm]))
		return false;
	int64_t age_s = r->now_ms / 1000 - nonce->issued_s;
	return str_eq(nonce->aor, r->aor.key) && age_s >= -5 &&
	       age_s <= world->rig.policy.nonce_ttl_s && response_is_right(r, password);
}

/* alice and bob are themselves, gateway may do everything here, carol what her list says. */
bool
world_authorized(const struct world *world)
{
	struct str login = world->registration.credentials.username;
	struct str aor = world->registration.aor.key;
	if (str_empty(aor))
		return false;
	if (str_eq(login, STR("gateway")))
		return true;
	if (str_eq(login, STR("carol")))
		return str_eq(aor, STR("alice@example.com")) ||
		       str_eq(aor, STR("ghost@example.com"));
	return aor.len == login.len + sizeof("@example.com") - 1 && str_starts(aor, login);
}
