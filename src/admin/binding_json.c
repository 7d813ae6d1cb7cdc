/* JSON of a binding, from a row of the list and from the record of an address: the same either way.
 */
#include "binding.h"
#include "sip/scan.h"

const char *const binding_fields[] = { "id",	     "aor",	   "contact",	 "instance",
				       "transport",  "secure",	   "source",	 "peer",
				       "node",	     "q",	   "path",	 "call_id",
				       "cseq",	     "user_agent", "created_at", "updated_at",
				       "expires_at", "expires_in", NULL };

/* The URN without its angle brackets, null without one; text is given up. */
static json_t *
json_instance(json_t *text)
{
	struct str urn = { json_string_value(text), json_string_length(text) };
	if (urn.len > 1 && urn.p[0] == '<' && urn.p[urn.len - 1] == '>')
		urn = str_slice(urn, 1, urn.len - 2);
	json_t *value = str_empty(urn) ? json_null() : json_stringn(urn.p, urn.len);
	json_decref(text);
	return value;
}

/* The values of a Path, in the order to visit; text is given up. */
static json_t *
json_path(json_t *text)
{
	struct str rest = { json_string_value(text), json_string_length(text) }, hop;
	json_t *hops = json_array();
	for (bool bad = false; sip_next_member(&rest, &hop, &bad);)
		json_array_append_new(hops, json_stringn(hop.p, hop.len));
	json_decref(text);
	return hops;
}

static json_t *
json_q(struct str thousandths)
{
	uint64_t q;
	return str_to_u64(thousandths, 1000, &q) ? json_real((double)q / 1000) : json_null();
}

static int64_t
milliseconds(struct str text)
{
	uint64_t value;
	return str_to_u64(text, INT64_MAX, &value) ? (int64_t)value : 0;
}

/* The columns of admin_bindings.sql. */
enum column {
	AOR,
	ID,
	CONTACT,
	INSTANCE,
	TRANSPORT,
	SOURCE,
	NODE,
	Q,
	CALL_ID,
	CSEQ,
	AGENT,
	CREATED,
	UPDATED,
	EXPIRES,
	PATH,
	PEER,
	SECURE
};

json_t *
binding_row_json(struct arena *arena, const struct store_rows *rows, int row, int64_t now_ms)
{
	struct str value[SECURE + 1];
	for (int column = AOR; column <= SECURE; column++)
		value[column] = store_rows_value(rows, row, column);
	int64_t expires_ms = milliseconds(value[EXPIRES]);
	return json_pack(
		"{s:o,s:o,s:o,s:o,s:o,s:b,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:I}", "id",
		json_wire(arena, value[ID]), "aor", json_aor(value[AOR]), "contact",
		json_wire(arena, value[CONTACT]), "instance",
		json_instance(json_wire(arena, value[INSTANCE])), "transport",
		json_wire(arena, value[TRANSPORT]), "secure", str_eq(value[SECURE], STR("true")),
		"source", json_wire(arena, value[SOURCE]), "peer", json_wire(arena, value[PEER]),
		"node", json_wire(arena, value[NODE]), "q", json_q(value[Q]), "path",
		json_path(json_wire(arena, value[PATH])), "call_id",
		json_wire(arena, value[CALL_ID]), "cseq", json_integer(milliseconds(value[CSEQ])),
		"user_agent", json_wire(arena, value[AGENT]), "created_at",
		json_time(milliseconds(value[CREATED])), "updated_at",
		json_time(milliseconds(value[UPDATED])), "expires_at", json_time(expires_ms),
		"expires_in", (json_int_t)((expires_ms - now_ms + 999) / 1000));
}

json_t *
binding_json(const struct binding *b, struct str key, int64_t now_ms)
{
	return json_pack(
		"{s:o,s:o,s:o,s:o,s:s,s:b,s:o,s:o,s:o,s:o,s:o,s:o,s:I,s:o,s:o,s:o,s:o,s:I}", "id",
		json_octets(b->id), "aor", json_aor(key), "contact", json_octets(b->uri),
		"instance", json_instance(json_octets(b->instance)), "transport",
		transport_word(b->transport), "secure", b->secure, "source", json_octets(b->source),
		"peer", json_octets(str_empty(b->peer) ? b->source : b->peer), "node",
		json_octets(b->node), "q", b->q < 0 ? json_null() : json_real(b->q / 1000.0),
		"path", json_path(json_octets(b->path)), "call_id", json_octets(b->call_id), "cseq",
		(json_int_t)b->cseq, "user_agent", json_octets(b->user_agent), "created_at",
		json_time(b->created_ms), "updated_at", json_time(b->updated_ms), "expires_at",
		json_time(b->expires_ms), "expires_in",
		(json_int_t)((b->expires_ms - now_ms + 999) / 1000));
}

int64_t
binding_now_ms(const struct exchange *x)
{
	return loop_real_ms(x->admin->loop) + store_clock_offset_ms(x->admin->store);
}
