/* One binding as a value: made of a contact and of the request that brought it, never changed in
 * place. */
#include "binding.h"

#include "base/ip.h"
#include "base/writer.h"

bool
binding_live(const struct binding *binding, int64_t now_ms)
{
	return binding->expires_ms > now_ms;
}

bool
binding_is(const struct binding *binding, const struct contact *contact)
{
	return str_eq(binding->uri, contact->address.uri.text) &&
	       str_eq(binding->display, contact->address.display) &&
	       str_eq(binding->params, contact->params);
}

bool
binding_outdates(const struct binding *binding, const struct sip_message *request)
{
	return str_eq(binding->call_id, request->call_id) && request->cseq <= binding->cseq;
}

bool
binding_made_by(const struct binding *binding, const struct sip_message *request)
{
	return str_eq(binding->call_id, request->call_id) && request->cseq == binding->cseq;
}

static struct str
endpoint_text(const struct endpoint *endpoint, struct arena *arena)
{
	char text[64];
	struct writer w = writer_on(text, sizeof(text));
	endpoint_write(&w, endpoint);
	return arena_copy(arena, writer_text(&w));
}

struct str
registration_path(const struct registration *r)
{
	return r->policy->path == PATH_OFF ? STR("") : r->inspection.contacts.path;
}

static struct str
relay_text(const struct origin *origin, struct arena *arena)
{
	return endpoint_equal(&origin->hop, &origin->source) ? STR("")
							     : endpoint_text(&origin->hop, arena);
}

struct binding
binding_of(const struct contact *contact, const struct registration *r, uint32_t requested_s,
	   uint32_t granted_s)
{
	bool named;
	struct str agent = sip_message_value(r->request, SIP_HEADER_USER_AGENT, &named);
	return (struct binding){
		.uri = contact->address.uri.text,
		.display = contact->address.display,
		.params = contact->params,
		.q = contact->q,
		.requested_s = requested_s,
		.expires_ms = r->now_ms + (int64_t)granted_s * 1000,
		.call_id = r->request->call_id,
		.cseq = r->request->cseq,
		.instance = contact->instance,
		.user_agent = str_slice(agent, 0, SIP_MAX_USER_AGENT),
		.path = registration_path(r),
		.node = r->policy->node,
		.transport = r->origin.transport,
		.secure = r->origin.secure,
		.source = endpoint_text(&r->origin.source, r->arena),
		.peer = relay_text(&r->origin, r->arena),
		.updated_ms = r->now_ms,
	};
}

/* RFC 9562 §5.7: 48 bits of milliseconds, then random ones; the last four octets count the bindings
 * of a request. */
static void
uuid7(uint8_t uuid[static 16], const struct registration *r, uint32_t index)
{
	for (int i = 0; i < 6; i++)
		uuid[i] = (uint8_t)((uint64_t)r->now_ms >> (40 - 8 * i));
	memcpy(uuid + 6, r->random + RANDOM_ID, 10);
	uuid[6] = (uint8_t)(0x70 | (uuid[6] & 0x0F));
	uuid[8] = (uint8_t)(0x80 | (uuid[8] & 0x3F));
	uint32_t low;
	memcpy(&low, uuid + 12, sizeof(low));
	low += index;
	memcpy(uuid + 12, &low, sizeof(low));
}

void
binding_born(struct binding *binding, const struct registration *r, uint32_t index)
{
	uint8_t uuid[16];
	uuid7(uuid, r, index);
	char text[BINDING_ID_LEN];
	struct writer w = writer_on(text, sizeof(text));
	for (size_t i = 0; i < sizeof(uuid); i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			writer_char(&w, '-');
		writer_hex(&w, &uuid[i], 1);
	}
	binding->id = arena_copy(r->arena, writer_text(&w));
	binding->created_ms = r->now_ms;
}
