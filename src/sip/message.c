/*
 * Parsing a request in two passes: collect() finds every row and never gives up, so that what an
 * answer needs is there even for a broken message; judge() then applies the order of checks of
 * docs/rfc.md (ORD-06 to ORD-15), first match decides.
 */
#include "sip/message.h"

#include "chars.h"
#include "section.h"
#include "sip/scan.h"

struct parse {
	struct sip_message *message;
	struct start_line start;
	enum start_kind kind;
	enum sip_framing framing;
	const struct sip_limits *limits;

	struct str rest;   /* not read yet; in the end what follows the header section */
	const char *begin; /* of the start line */
	size_t lines;
	size_t header_capacity;
	uint16_t last[SIP_HEADER_COUNT];

	enum sip_fault lines_fault; /* the first of ORD-11 in the header section */
	bool complete;		    /* the empty line was found */
	bool too_many_lines;
	bool to_good;
	bool from_good;
};

/* --- collecting the rows ----------------------------------------------------------------- */

/*
 * Moves the lines of a row together, one SP for each line end and the white space behind it (RFC
 * 3261 §7.3.1). What becomes free at its end is filled with SP, so the text stays the same message.
 */
static struct str
unfold(struct str whole)
{
	char *start = (char *)whole.p; /* the caller of sip_message_parse() lent it to write */
	size_t len = 0;
	struct str rest = whole, line;
	enum section_end end;
	while (section_next_line(&rest, &line, &end)) {
		if (len > 0) {
			struct sip_scan scan = { line };
			sip_skip_lws(&scan);
			line = scan.rest;
			start[len++] = ' ';
		}
		memmove(start + len, line.p, line.len);
		len += line.len;
	}
	memset(start + len, ' ', whole.len - len);
	return (struct str){ start, len };
}

static void
note_fault(struct parse *p, enum sip_fault fault)
{
	if (p->lines_fault == SIP_FAULT_NONE)
		p->lines_fault = fault;
}

static void
store_row(struct parse *p, struct str name, struct str value)
{
	struct sip_message *m = p->message;
	enum sip_header_id id = section_header_id(name);
	uint16_t index = m->header_count++;
	m->headers[index] = (struct sip_header){ id, name, value, SIP_NO_HEADER };
	if (m->rows[id]++ == 0)
		m->first[id] = index;
	else
		m->headers[p->last[id]].next = index;
	p->last[id] = index;
}

static void
collect_row(struct parse *p, const struct section_row *row)
{
	struct str name, value;
	if (row->bare_end)
		note_fault(p, SIP_FAULT_LINE_END);
	/* The colon comes before any fold: HCOLON of §25.1. */
	if (!str_cut(row->first, ':', &name, &value)) {
		note_fault(p, SIP_FAULT_HEADER_LINE);
		return;
	}
	size_t colon = name.len;
	bool continues_nothing = row->first.p[0] == ' ' || row->first.p[0] == '\t';
	name = str_trim(name);
	if (continues_nothing || !sip_is_token(name)) {
		note_fault(p, SIP_FAULT_HEADER_LINE);
		return;
	}
	struct str whole = row->lines > 1 ? unfold(row->whole) : row->whole;
	store_row(p, name, str_trim(str_slice(whole, colon + 1, whole.len)));
}

static void
collect(struct parse *p)
{
	struct section_row row;
	while (section_next_row(&p->rest, &row)) {
		if (row.first.len == 0) {
			/* On a stream a CR at the very end was cut off its LF by the limit. */
			p->complete =
				p->framing == SIP_DATAGRAM || !row.bare_end || p->rest.len > 0;
			if (row.bare_end)
				note_fault(p, SIP_FAULT_LINE_END);
			return;
		}
		p->lines += row.lines;
		if (p->lines > SIP_MAX_LINES || p->message->header_count == p->header_capacity) {
			p->too_many_lines = true;
			return;
		}
		/* On a stream a line without an end was cut by the limit. */
		if (row.ended || p->framing == SIP_DATAGRAM)
			collect_row(p, &row);
	}
	note_fault(p, SIP_FAULT_NO_EMPTY_LINE);
}

static void
collect_start(struct parse *p)
{
	struct str line = { NULL, 0 };
	enum section_end end = SECTION_END_NONE;
	/* CRLFs before a start line: RFC 3261 §7.5. */
	while (str_starts(p->rest, STR("\r\n")))
		p->rest = str_slice(p->rest, 2, p->rest.len);
	p->begin = p->rest.p;
	section_next_line(&p->rest, &line, &end);
	p->kind = start_line_split(&p->start, line);
	if (end == SECTION_END_BARE)
		note_fault(p, SIP_FAULT_LINE_END);
}

/* --- what an answer copies --------------------------------------------------------------- */

static enum sip_method
method_of(struct str text)
{
	static const struct {
		struct str name;
		enum sip_method method;
	} methods[] = {
		{ { "REGISTER", 8 }, SIP_METHOD_REGISTER },
		{ { "OPTIONS", 7 }, SIP_METHOD_OPTIONS },
		{ { "ACK", 3 }, SIP_METHOD_ACK },
		{ { "CANCEL", 6 }, SIP_METHOD_CANCEL },
		{ { "INVITE", 6 }, SIP_METHOD_KNOWN },
		{ { "BYE", 3 }, SIP_METHOD_KNOWN },
		{ { "SUBSCRIBE", 9 }, SIP_METHOD_KNOWN },
		{ { "NOTIFY", 6 }, SIP_METHOD_KNOWN },
		{ { "MESSAGE", 7 }, SIP_METHOD_KNOWN },
		{ { "PUBLISH", 7 }, SIP_METHOD_KNOWN },
		{ { "INFO", 4 }, SIP_METHOD_KNOWN },
		{ { "REFER", 5 }, SIP_METHOD_KNOWN },
		{ { "UPDATE", 6 }, SIP_METHOD_KNOWN },
		{ { "PRACK", 5 }, SIP_METHOD_KNOWN },
	};
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (str_eq(methods[i].name, text))
			return methods[i].method;
	return SIP_METHOD_UNKNOWN;
}

/* From or To; a tag is a token (RFC 3261 §25.1 tag-param). */
static bool
party_parse(struct sip_address *address, struct str text, struct str *tag)
{
	struct sip_param param;
	if (!sip_address_parse(address, text)) {
		*address = (struct sip_address){ .text = text };
		return false;
	}
	if (!sip_find_param(address->params, STR("tag"), &param))
		return true;
	*tag = param.value;
	return sip_is_token(param.value);
}

static void
copy_fields(struct parse *p)
{
	struct sip_message *m = p->message;
	bool found;
	m->method_text = p->start.method;
	m->method = method_of(p->start.method);
	m->uri_text = p->start.uri;
	m->to_text = sip_message_value(m, SIP_HEADER_TO, &found);
	m->from_text = sip_message_value(m, SIP_HEADER_FROM, &found);
	m->call_id_text = sip_message_value(m, SIP_HEADER_CALL_ID, &found);
	m->cseq_line = sip_message_value(m, SIP_HEADER_CSEQ, &found);
	p->to_good = party_parse(&m->to, m->to_text, &m->to_tag);
	p->from_good = party_parse(&m->from, m->from_text, &m->from_tag);
}

/* --- judging ----------------------------------------------------------------------------- */

/* ORD-08 */
static bool
top_via_found(struct sip_message *m)
{
	struct sip_values values = sip_message_values(m, SIP_HEADER_VIA);
	struct str value;
	return sip_next_value(&values, &value) && sip_via_parse(&m->via, value);
}

/* ORD-10, ORD-11. The version is a literal: SIP/02.0 is another one. */
static enum sip_fault
judge_lines(const struct parse *p)
{
	struct str major, minor;
	if (!str_ieq(p->start.version, STR("SIP/2.0"))) {
		struct str numbers = str_slice(p->start.version, 4, p->start.version.len);
		if (str_cut(numbers, '.', &major, &minor) && chars_only(major, CHAR_DIGIT) &&
		    chars_only(minor, CHAR_DIGIT))
			return SIP_FAULT_VERSION;
		return SIP_FAULT_START_LINE;
	}
	return p->start.malformed ? SIP_FAULT_START_LINE : p->lines_fault;
}

/* ORD-12, ORD-13. A datagram is all there is; on a stream the body of a message that is too large
 * was not waited for. */
static enum sip_fault
judge_length(struct parse *p)
{
	struct sip_message *m = p->message;
	size_t head = (size_t)(p->rest.p - p->begin), length = p->rest.len;
	bool found;
	struct str value = sip_message_value(m, SIP_HEADER_CONTENT_LENGTH, &found);
	if (p->too_many_lines)
		return SIP_FAULT_MESSAGE_TOO_LARGE;
	if (m->rows[SIP_HEADER_CONTENT_LENGTH] > 1)
		return SIP_FAULT_CONTENT_LENGTH_REPEATED;
	if (found && !section_content_length(value, &length))
		return SIP_FAULT_CONTENT_LENGTH;
	if (!found && p->framing == SIP_STREAM)
		return SIP_FAULT_CONTENT_LENGTH_MISSING;
	if (p->framing == SIP_DATAGRAM && length > p->rest.len)
		return SIP_FAULT_BODY_SHORT;
	if (head + length > p->limits->max_message_bytes)
		return SIP_FAULT_MESSAGE_TOO_LARGE;
	if (length > p->limits->max_body_bytes)
		return SIP_FAULT_BODY_TOO_LARGE;
	if (length > p->rest.len)
		return SIP_FAULT_BODY_SHORT;
	m->body = str_slice(p->rest, 0, length);
	return SIP_FAULT_NONE;
}

static enum sip_fault
judge_vias(const struct sip_message *m)
{
	struct sip_values values = sip_message_values(m, SIP_HEADER_VIA);
	struct sip_via via;
	struct str value;
	unsigned count = 0;
	while (sip_next_value(&values, &value)) {
		if (++count > SIP_MAX_VIAS)
			return SIP_FAULT_TOO_MANY_VIAS;
		/* The first one was parsed into m->via. */
		if (count == 1 ? m->via.bad_params : !sip_via_parse(&via, value) || via.bad_params)
			return SIP_FAULT_VIA;
	}
	return values.bad ? SIP_FAULT_VIA : SIP_FAULT_NONE;
}

/* word [ "@" word ] */
static bool
call_id_parse(struct str text)
{
	struct str local, host;
	bool at = str_cut(text, '@', &local, &host);
	return text.len <= SIP_MAX_CALL_ID && sip_is_word(local) && (!at || sip_is_word(host));
}

/* 1*DIGIT LWS Method */
static bool
cseq_parse(struct sip_message *m)
{
	struct sip_scan scan = { m->cseq_line };
	uint64_t number;
	if (!sip_take_token(&scan, &m->cseq_text) || !str_to_u64(m->cseq_text, UINT32_MAX, &number))
		return false;
	m->cseq = (uint32_t)number;
	m->cseq_method = str_trim(scan.rest);
	return m->cseq_method.len < scan.rest.len && sip_is_token(m->cseq_method);
}

/* PAR-8.1.1.6-1: out of range or malformed is as absent. */
static void
note_max_forwards(struct sip_message *m)
{
	bool found;
	uint64_t hops;
	struct str value = sip_message_value(m, SIP_HEADER_MAX_FORWARDS, &found);
	m->max_forwards_zero = found && str_to_u64(value, 255, &hops) && hops == 0;
}

/* ORD-14 */
static enum sip_fault
judge_mandatory(struct parse *p)
{
	struct sip_message *m = p->message;
	const uint16_t *rows = m->rows;
	if (rows[SIP_HEADER_TO] != 1)
		return rows[SIP_HEADER_TO] == 0 ? SIP_FAULT_TO_MISSING : SIP_FAULT_TO_REPEATED;
	if (!p->to_good)
		return SIP_FAULT_TO;
	if (rows[SIP_HEADER_FROM] != 1)
		return rows[SIP_HEADER_FROM] == 0 ? SIP_FAULT_FROM_MISSING
						  : SIP_FAULT_FROM_REPEATED;
	if (!p->from_good)
		return SIP_FAULT_FROM;
	if (rows[SIP_HEADER_CALL_ID] != 1)
		return rows[SIP_HEADER_CALL_ID] == 0 ? SIP_FAULT_CALL_ID_MISSING
						     : SIP_FAULT_CALL_ID_REPEATED;
	if (!call_id_parse(m->call_id_text))
		return SIP_FAULT_CALL_ID;
	m->call_id = m->call_id_text;
	if (rows[SIP_HEADER_CSEQ] != 1)
		return rows[SIP_HEADER_CSEQ] == 0 ? SIP_FAULT_CSEQ_MISSING
						  : SIP_FAULT_CSEQ_REPEATED;
	if (!cseq_parse(m))
		return SIP_FAULT_CSEQ;
	if (rows[SIP_HEADER_MAX_FORWARDS] > 1)
		return SIP_FAULT_MAX_FORWARDS_REPEATED;
	note_max_forwards(m);
	return SIP_FAULT_NONE;
}

/* ORD-15 */
static enum sip_fault
judge_cseq_method(const struct sip_message *m)
{
	if (str_eq(m->cseq_method, m->method_text))
		return SIP_FAULT_NONE;
	return m->method == SIP_METHOD_UNKNOWN ? SIP_FAULT_METHOD_UNKNOWN : SIP_FAULT_CSEQ_METHOD;
}

static enum sip_fault
judge(struct parse *p)
{
	enum sip_fault fault;
	if (p->kind == START_RESPONSE)
		return SIP_FAULT_RESPONSE;
	if (p->kind == START_NOT_SIP)
		return SIP_FAULT_NOT_SIP;
	if (!top_via_found(p->message))
		return SIP_FAULT_NO_VIA;
	/* ORD-05: only the limit hands over a stream's header section unfinished. */
	if (p->framing == SIP_STREAM && !p->complete)
		return SIP_FAULT_MESSAGE_TOO_LARGE;
	if ((fault = judge_lines(p)) != SIP_FAULT_NONE)
		return fault;
	if ((fault = judge_length(p)) != SIP_FAULT_NONE)
		return fault;
	if ((fault = judge_vias(p->message)) != SIP_FAULT_NONE)
		return fault;
	if ((fault = judge_mandatory(p)) != SIP_FAULT_NONE)
		return fault;
	return judge_cseq_method(p->message);
}

enum sip_fault
sip_message_parse(struct sip_message *message, char *text, size_t len, enum sip_framing framing,
		  const struct sip_limits *limits, struct sip_header *headers,
		  size_t header_capacity)
{
	struct parse parse = {
		.message = message,
		.framing = framing,
		.limits = limits,
		.rest = { text, len },
		.header_capacity = header_capacity,
	};
	*message = (struct sip_message){ .headers = headers };
	for (unsigned id = 0; id < SIP_HEADER_COUNT; id++)
		message->first[id] = SIP_NO_HEADER;
	collect_start(&parse);
	if (parse.kind == START_REQUEST) {
		collect(&parse);
		copy_fields(&parse);
	}
	return judge(&parse);
}

size_t
sip_message_lines(struct str octets)
{
	struct str line;
	enum section_end end;
	size_t lines = 0;
	while (str_starts(octets, STR("\r\n")))
		octets = str_slice(octets, 2, octets.len);
	section_next_line(&octets, &line, &end);
	while (lines <= SIP_MAX_LINES && section_next_line(&octets, &line, &end) && line.len > 0)
		lines++;
	return lines;
}
