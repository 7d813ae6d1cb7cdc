/*
 * One message, as a datagram and from a stream: slices, no line end in any value, a good message
 * reads the same again after it was unfolded, an answer has exactly the lines that it should, and
 * what the frame says about a stream is what the parser says.
 */
#include "answer_octets.h"
#include "fuzz.h"
#include "sip/frame.h"
#include "sip/response.h"

static const struct sip_limits limits = { 65535, 16384 };
static const struct endpoint source = { { 4, { 192, 0, 2, 4 } }, 40000 };

struct reading {
	char *text;
	size_t len;
	struct sip_header *headers;
	struct sip_message message;
	enum sip_fault fault;
};

static void
read_message(struct reading *r, const void *octets, size_t len, enum sip_framing framing)
{
	r->text = malloc(len == 0 ? 1 : len);
	r->len = len;
	if (len > 0)
		memcpy(r->text, octets, len);
	size_t lines = sip_message_lines((struct str){ r->text, len });
	FUZZ_CHECK(lines <= SIP_MAX_LINES + 1);
	r->headers = calloc(lines == 0 ? 1 : lines, sizeof(*r->headers));
	r->fault =
		sip_message_parse(&r->message, r->text, len, framing, &limits, r->headers, lines);
	FUZZ_CHECK(r->message.header_count <= lines);
}

static void
forget(struct reading *r)
{
	free(r->text);
	free(r->headers);
}

static bool
has_line_end(struct str s)
{
	return s.len > 0 && (memchr(s.p, '\r', s.len) != NULL || memchr(s.p, '\n', s.len) != NULL);
}

static void
check_slices(const struct reading *r)
{
	const struct sip_message *m = &r->message;
	struct str text = { r->text, r->len };
	unsigned rows = 0;
	for (uint16_t i = 0; i < m->header_count; i++) {
		FUZZ_CHECK(fuzz_inside(m->headers[i].name, text));
		FUZZ_CHECK(fuzz_inside(m->headers[i].value, text));
		FUZZ_CHECK(!has_line_end(m->headers[i].value));
	}
	for (unsigned id = 0; id < SIP_HEADER_COUNT; id++) {
		struct str value;
		for (uint16_t row = m->first[id]; sip_message_row(m, &row, &value);)
			rows++;
		struct sip_values values = sip_message_values(m, (enum sip_header_id)id);
		while (sip_next_value(&values, &value))
			FUZZ_CHECK(fuzz_inside(value, text) && value.len > 0);
	}
	FUZZ_CHECK(rows == m->header_count);
	FUZZ_CHECK(fuzz_inside(m->method_text, text) && fuzz_inside(m->uri_text, text));
	FUZZ_CHECK(fuzz_inside(m->body, text) && fuzz_inside(m->to_tag, text));
	FUZZ_CHECK(fuzz_inside(m->call_id, text) && fuzz_inside(m->cseq_text, text));
	FUZZ_CHECK(fuzz_inside(m->cseq_method, text) && fuzz_inside(m->from_tag, text));
}

static void
check_again(const struct reading *r, enum sip_framing framing)
{
	struct reading again;
	read_message(&again, r->text, r->len, framing);
	FUZZ_CHECK(again.fault == SIP_FAULT_NONE);
	FUZZ_CHECK(again.message.header_count == r->message.header_count);
	for (uint16_t i = 0; i < r->message.header_count; i++) {
		FUZZ_CHECK(again.headers[i].id == r->headers[i].id);
		FUZZ_CHECK(str_eq(again.headers[i].value, r->headers[i].value));
	}
	FUZZ_CHECK(str_eq(again.message.body, r->message.body));
	forget(&again);
}

/* Nothing that came from outside can add a line, or a control octet that is not escaped in quotes.
 */
static void
check_answer(const struct reading *r)
{
	const struct sip_message *m = &r->message;
	size_t cap = r->len + 512, lines = 0;
	char *buf = malloc(cap);
	struct writer w = writer_on(buf, cap);
	sip_response_begin(&w, m, &source, sip_fault_status(r->fault), sip_fault_phrase(r->fault),
			   STR("tag"), STR(""));
	sip_response_end(&w);
	FUZZ_CHECK(writer_ok(&w));
	struct str rest = writer_text(&w), line;
	for (; rest.len > 0; lines++) {
		FUZZ_CHECK(str_cut(rest, '\n', &line, &rest));
		FUZZ_CHECK(line.len > 0 && line.p[line.len - 1] == '\r');
		FUZZ_CHECK(answer_line_clean(line.p, line.len - 1));
	}
	size_t expected = 3u + m->rows[SIP_HEADER_VIA] + (m->rows[SIP_HEADER_TO] > 0) +
			  (m->rows[SIP_HEADER_FROM] > 0) + (m->rows[SIP_HEADER_CALL_ID] > 0) +
			  (m->rows[SIP_HEADER_CSEQ] > 0);
	FUZZ_CHECK(lines == expected);
	free(buf);
}

static void
check_message(const void *octets, size_t len, enum sip_framing framing)
{
	struct reading r;
	read_message(&r, octets, len, framing);
	check_slices(&r);
	if (r.fault == SIP_FAULT_NONE)
		check_again(&r, framing);
	if (sip_fault_status(r.fault) != 0)
		check_answer(&r);
	forget(&r);
}

/* A frame that is whole leaves nothing for the parser to miss, a broken one is never accepted. */
static void
check_frame(const void *octets, size_t len)
{
	struct sip_frame frame =
		sip_frame((struct str){ octets, len }, (struct sip_frame_known){ 0 }, &limits);
	struct reading r;
	if (frame.status != SIP_FRAME_MESSAGE && frame.status != SIP_FRAME_BROKEN &&
	    frame.status != SIP_FRAME_TOO_LARGE)
		return;
	read_message(&r, octets, frame.used, SIP_STREAM);
	if (frame.status != SIP_FRAME_MESSAGE)
		FUZZ_CHECK(r.fault != SIP_FAULT_NONE);
	else if (r.fault == SIP_FAULT_NONE)
		FUZZ_CHECK(r.message.body.p + r.message.body.len == r.text + r.len);
	forget(&r);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_message(data, size, SIP_DATAGRAM);
	check_message(data, size, SIP_STREAM);
	check_frame(data, size);
	return 0;
}
