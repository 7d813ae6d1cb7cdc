/*
 * A whole registration: what the octets make of a REGISTER by alice with a right password is
 * inspected, begun, decided and finished against a row whose bindings the octets make too. The
 * first six octets set the scene, the rest are header lines up to a NUL, then stored Contact URIs,
 * each up to a NUL.
 */
#include <stdint.h>
#include <stdlib.h>

#include "registrar/rig.h"

#define SCENE_OCTETS 6

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Unlike assert(), also in a build without it. */
static void
promise(bool kept)
{
	if (!kept)
		abort();
}

static struct str
take_text(struct str *rest)
{
	struct str text, tail;
	if (!str_cut(*rest, '\0', &text, &tail))
		tail = (struct str){ rest->p + rest->len, 0 };
	*rest = tail;
	return text;
}

static void
set_scene(struct rig *rig, struct rig_request *request, const uint8_t *octets)
{
	request->uri = octets[0] & 1 ? STR("sips:example.com") : STR("sip:example.com");
	request->to =
		octets[0] & 2 ? STR("<sips:alice@example.com>") : STR("<sip:alice@example.com>");
	request->transport = octets[0] & 4 ? TRANSPORT_TLS : TRANSPORT_UDP;
	request->cseq = octets[0] & 8 ? STR("5") : STR("9");
	rig->domains[0].contacts =
		octets[0] & 16 ? DOMAIN_CONTACTS_COMPATIBLE : DOMAIN_CONTACTS_STRICT;
	rig->policy.replace_oldest = octets[0] & 32;
	rig->policy.max_contacts = 1 + octets[1] % 12;
	rig->policy.max_contacts_per_request = 1 + octets[2] % 12;
	rig->policy.expires_min_s = 1 + octets[3] * 20u;
	rig->policy.expires_max_s = rig->policy.expires_min_s + octets[4] * 40u;
	rig->policy.expires_jitter_percent = octets[5] % 100;
	rig->policy.path = (enum path_policy)(octets[0] >> 6) % 3;
	rig->domains[0].service_route = octets[5] & 128 ? STR("<sip:p.example.com;lr>") : STR("");
}

/* Bindings as an older version might have stored them: a URI that cannot be read is among them. */
static void
store_bindings(struct rig *rig, struct str rest)
{
	static const char *const call_ids[] = { "a", "b" };
	const size_t most = 20;
	rig->record.bindings = arena_array(&rig->arena, most, sizeof(struct binding));
	for (uint32_t i = 0; i < most && !str_empty(rest); i++)
		rig->record.bindings[rig->record.binding_count++] = (struct binding){
			.id = STR("stored"),
			.uri = take_text(&rest),
			.q = -1,
			.requested_s = 3600,
			.expires_ms = rig->now_ms + (i % 5) * 1000,
			.call_id = str_of(call_ids[i % 2]),
			.cseq = 7,
			.instance = i % 3 == 0 ? STR("<urn:x>") : STR(""),
			.path = i % 4 == 0 ? STR("<sip:stored;lr>") : STR(""),
			.created_ms = rig->now_ms - 1000,
			.updated_ms = rig->now_ms - 1000 * (i % 7),
		};
}

static bool
is_written(const struct rig *rig, const struct binding *binding)
{
	return binding->updated_ms == rig->now_ms &&
	       str_eq(binding->call_id, rig->message.call_id) && binding->cseq == rig->message.cseq;
}

static uint32_t
live_count(const struct record *record, int64_t now_ms)
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < record->binding_count; i++)
		count += record->bindings[i].expires_ms > now_ms;
	return count;
}

/* RFC 3261 §10.3: what was granted, to whom, how many. */
static void
check_written(const struct rig *rig, const struct binding *binding)
{
	int64_t granted_ms = binding->expires_ms - rig->now_ms;
	promise(granted_ms >= 1000);
	promise(granted_ms <= (int64_t)binding->requested_s * 1000);
	promise(granted_ms <= (int64_t)rig->policy.expires_max_s * 1000);
	promise(binding->requested_s >= rig->policy.expires_min_s || binding->requested_s >= 3600);
	promise(str_eq(binding->path, rig->answer.path));
	struct sip_uri uri;
	promise(sip_uri_parse(&uri, binding->uri));
	bool sips_request = rig->registration.inspection.uri.scheme == SIP_SCHEME_SIPS;
	promise(uri.scheme == SIP_SCHEME_SIPS || !sips_request);
	promise(uri.scheme != SIP_SCHEME_SIPS || rig->registration.origin.secure);
}

/* RFC 3327 §5.3, D-23: each value can be a Route, none when it is off, and the client agreed. */
static void
check_path(const struct rig *rig)
{
	struct str rest = rig->answer.path, value;
	bool bad = false;
	while (sip_next_member(&rest, &value, &bad)) {
		struct sip_address hop;
		promise(sip_address_parse(&hop, value));
		promise(hop.bracketed && hop.uri.scheme != SIP_SCHEME_OTHER);
	}
	promise(!bad);
	promise(rig->answer.path.len <= PATH_OCTETS_MAX);
	bool told = sip_message_lists(&rig->message, SIP_HEADER_SUPPORTED, STR("path"));
	promise(str_empty(rig->answer.path) || rig->policy.path == PATH_LENIENT ||
		(rig->policy.path == PATH_STRICT && told));
}

static void
check_accepted(const struct rig *rig, uint32_t live_before)
{
	const struct record *record = &rig->record;
	check_path(rig);
	promise(record->binding_count <= rig->policy.max_contacts ||
		record->binding_count <= live_before);
	promise(rig->answer.binding_count == live_count(record, rig->now_ms));
	for (uint32_t i = 0; i < record->binding_count; i++)
		if (is_written(rig, &record->bindings[i]))
			check_written(rig, &record->bindings[i]);
}

/* A refused plan changes nothing but the mark; expired bindings may go. */
static void
check_refused(const struct rig *rig, const struct record *before)
{
	uint32_t next = 0;
	for (uint32_t i = 0; i < before->binding_count; i++) {
		const struct binding *was = &before->bindings[i];
		if (was->expires_ms <= rig->now_ms)
			continue;
		while (next < rig->record.binding_count &&
		       rig->record.bindings[next].expires_ms <= rig->now_ms)
			next++;
		promise(next < rig->record.binding_count);
		promise(memcmp(was, &rig->record.bindings[next++], sizeof(*was)) == 0);
	}
	promise(live_count(&rig->record, rig->now_ms) == live_count(before, rig->now_ms));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < SCENE_OCTETS || size > 16384)
		return 0;
	struct rig rig;
	rig_open(&rig);
	struct rig_request request = { 0 };
	set_scene(&rig, &request, data);
	struct str rest = { (const char *)data + SCENE_OCTETS, size - SCENE_OCTETS };
	request.fields = take_text(&rest);
	store_bindings(&rig, rest);

	struct record before = rig.record;
	uint32_t live_before = live_count(&before, rig.now_ms);
	rig_register(&rig, &request);
	if (rig.answer.status == 200)
		check_accepted(&rig, live_before);
	else
		check_refused(&rig, &before);
	rig_close(&rig);
	return 0;
}
