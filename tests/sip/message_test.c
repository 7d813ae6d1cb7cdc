/* Requests as a whole: the order of checks, lines, header fields, limits. */
#include "sip/message.h"

#include <time.h>

#include "../../src/sip/section.h"
#include "parsed.h"
#include "support/check_main.h"

static struct parsed parsed;
static char buffer[131072];

static enum sip_fault
fault_of(struct str text)
{
	parse(&parsed, text);
	enum sip_fault fault = parsed.fault;
	release(&parsed);
	return fault;
}

static enum sip_fault
fault_of_fields(const char *fields)
{
	return fault_of(request_text(buffer, sizeof(buffer), REGISTER_LINE, fields, ""));
}

/* PAR-7-1, PAR-7.1-4 */
START_TEST(a_request_is_read)
{
	parse(&parsed,
	      usual_request(buffer, sizeof(buffer), "REGISTER sip:example.com sip/2.0",
			    "Max-Forwards: 70\r\nExpires: 60\r\nContent-Length: 2\r\n", "ab"));
	const struct sip_message *m = &parsed.message;
	bool found;
	ck_assert_int_eq(parsed.fault, SIP_FAULT_NONE);
	ck_assert_int_eq(m->method, SIP_METHOD_REGISTER);
	ck_assert_slice_eq(m->method_text, STR("REGISTER"));
	ck_assert_slice_eq(m->uri_text, STR("sip:example.com"));
	ck_assert_slice_eq(m->via.sent_by, STR("192.0.2.4:5062"));
	ck_assert_slice_eq(m->to.uri.user, STR("alice"));
	ck_assert(str_empty(m->to_tag));
	ck_assert_slice_eq(m->from_tag, STR("a48s"));
	ck_assert_slice_eq(m->call_id, STR("843817637684230@998sdasdh09"));
	ck_assert_uint_eq(m->cseq, 1826);
	ck_assert_slice_eq(m->cseq_method, STR("REGISTER"));
	ck_assert(!m->max_forwards_zero);
	ck_assert_slice_eq(m->body, STR("ab"));
	ck_assert_slice_eq(sip_message_value(m, SIP_HEADER_EXPIRES, &found), STR("60"));
	ck_assert(found);
	ck_assert(str_empty(sip_message_value(m, SIP_HEADER_CONTACT, &found)) && !found);
	release(&parsed);
}
END_TEST

/* ORD-06, ORD-07, ORD-10, ORD-11, PAR-7.1-1, PAR-7.1-3, PAR-7.1-4, PAR-7.1-5, PAR-7.2-1,
 * PAR-7.5-1 */
START_TEST(start_lines)
{
	static const struct {
		const char *line;
		enum sip_fault fault;
	} cases[] = {
		{ "REGISTER sip:example.com SIP/2.0", SIP_FAULT_NONE },
		{ "\r\n\r\nREGISTER sip:example.com SIP/2.0", SIP_FAULT_NONE },
		{ "REGISTER x SIP/2.0", SIP_FAULT_NONE },
		{ "SIP/2.0 200 OK", SIP_FAULT_RESPONSE },
		{ "sip/7.0 xx", SIP_FAULT_RESPONSE },
		{ "SIP/", SIP_FAULT_RESPONSE },
		{ "REGISTER sip:example.com SIP/2.00", SIP_FAULT_VERSION },
		{ "REGISTER sip:example.com SIP/02.0", SIP_FAULT_VERSION },
		{ "REGISTER sip:example.com SIP/7.0", SIP_FAULT_VERSION },
		{ "REGISTER  sip:example.com  SIP/7.0 ", SIP_FAULT_VERSION },
		{ "REGISTER sip:example.com SIP/2", SIP_FAULT_START_LINE },
		{ "REGISTER sip:example.com SIP/2.", SIP_FAULT_START_LINE },
		{ "REGISTER sip:example.com SIP/.0", SIP_FAULT_START_LINE },
		{ "REGISTER sip:example.com SIP/2.0x", SIP_FAULT_START_LINE },
		{ "REGISTER sip:example.com SIP/2.0 ", SIP_FAULT_START_LINE },
		{ "REGISTER sip:example.com  SIP/2.0", SIP_FAULT_START_LINE },
		{ "REGISTER  sip:example.com SIP/2.0", SIP_FAULT_START_LINE },
		{ "REGISTER\tsip:example.com SIP/2.0", SIP_FAULT_START_LINE },
		{ "REGISTER sip:example.com\tSIP/2.0", SIP_FAULT_START_LINE },
		{ " REGISTER sip:example.com SIP/2.0", SIP_FAULT_START_LINE },
		{ "REGISTER <sip:example.com> SIP/2.0", SIP_FAULT_START_LINE },
		{ "REGISTER sip:a b@example.com SIP/2.0", SIP_FAULT_START_LINE },
		{ "REGISTER sip:a\x01@example.com SIP/2.0", SIP_FAULT_START_LINE },
		{ "REGISTER sip:a\x7f@example.com SIP/2.0", SIP_FAULT_START_LINE },
		{ "REGISTER SIP/2.0", SIP_FAULT_START_LINE },
		{ " SIP/2.0", SIP_FAULT_START_LINE },
		{ "REG,ISTER sip:example.com SIP/2.0", SIP_FAULT_START_LINE },
		{ "REGISTER sip:example.com", SIP_FAULT_NOT_SIP },
		{ "GET / HTTP/1.1", SIP_FAULT_NOT_SIP },
		{ "REGISTER sip:example.com SIP", SIP_FAULT_NOT_SIP },
		{ "", SIP_FAULT_NOT_SIP },
		{ "\r\r", SIP_FAULT_NOT_SIP },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ck_assert_msg(fault_of(usual_request(buffer, sizeof(buffer), cases[i].line, "",
						     "")) == cases[i].fault,
			      "%s", cases[i].line);
	ck_assert_int_eq(fault_of(STR("")), SIP_FAULT_NOT_SIP);
	ck_assert_int_eq(fault_of(STR("\r\n\r\n")), SIP_FAULT_NOT_SIP);
}
END_TEST

/* PAR-7.1-6, PAR-20.16-2, ORD-15: methods compare with case; a mismatch with an unknown one is 501
 */
START_TEST(methods)
{
	static const struct {
		const char *method;
		const char *cseq;
		enum sip_method known;
		enum sip_fault fault;
	} cases[] = {
		{ "REGISTER", "REGISTER", SIP_METHOD_REGISTER, SIP_FAULT_NONE },
		{ "OPTIONS", "OPTIONS", SIP_METHOD_OPTIONS, SIP_FAULT_NONE },
		{ "ACK", "ACK", SIP_METHOD_ACK, SIP_FAULT_NONE },
		{ "CANCEL", "CANCEL", SIP_METHOD_CANCEL, SIP_FAULT_NONE },
		{ "INVITE", "INVITE", SIP_METHOD_KNOWN, SIP_FAULT_NONE },
		{ "BYE", "BYE", SIP_METHOD_KNOWN, SIP_FAULT_NONE },
		{ "SUBSCRIBE", "SUBSCRIBE", SIP_METHOD_KNOWN, SIP_FAULT_NONE },
		{ "NOTIFY", "NOTIFY", SIP_METHOD_KNOWN, SIP_FAULT_NONE },
		{ "MESSAGE", "MESSAGE", SIP_METHOD_KNOWN, SIP_FAULT_NONE },
		{ "PUBLISH", "PUBLISH", SIP_METHOD_KNOWN, SIP_FAULT_NONE },
		{ "INFO", "INFO", SIP_METHOD_KNOWN, SIP_FAULT_NONE },
		{ "REFER", "REFER", SIP_METHOD_KNOWN, SIP_FAULT_NONE },
		{ "UPDATE", "UPDATE", SIP_METHOD_KNOWN, SIP_FAULT_NONE },
		{ "PRACK", "PRACK", SIP_METHOD_KNOWN, SIP_FAULT_NONE },
		{ "register", "register", SIP_METHOD_UNKNOWN, SIP_FAULT_NONE },
		{ "RE%47ISTER", "RE%47ISTER", SIP_METHOD_UNKNOWN, SIP_FAULT_NONE },
		{ "NEWMETHOD", "INVITE", SIP_METHOD_UNKNOWN, SIP_FAULT_METHOD_UNKNOWN },
		{ "REGISTER", "register", SIP_METHOD_REGISTER, SIP_FAULT_CSEQ_METHOD },
		{ "OPTIONS", "INVITE", SIP_METHOD_OPTIONS, SIP_FAULT_CSEQ_METHOD },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char start[64], fields[512];
		struct writer s = writer_on(start, sizeof(start) - 1);
		struct writer f = writer_on(fields, sizeof(fields) - 1);
		writer_printf(&s, "%s sip:example.com SIP/2.0", cases[i].method);
		writer_printf(&f, VIA_ROW TO_ROW FROM_ROW CALL_ID_ROW "CSeq: 1 %s\r\n",
			      cases[i].cseq);
		start[s.len] = fields[f.len] = '\0';
		parse(&parsed, request_text(buffer, sizeof(buffer), start, fields, ""));
		ck_assert_msg(parsed.fault == cases[i].fault, "%s", cases[i].method);
		ck_assert_int_eq(parsed.message.method, cases[i].known);
		release(&parsed);
	}
}
END_TEST

/* PAR-7-1, PAR-7.1-2, PAR-7.3.1-2, PAR-25-1, ORD-11 */
START_TEST(lines_of_the_header_section)
{
	static const struct {
		const char *extra;
		enum sip_fault fault;
	} cases[] = {
		{ "Foobar roobar\r\n", SIP_FAULT_HEADER_LINE },
		{ ": x\r\n", SIP_FAULT_HEADER_LINE },
		{ "Foo bar: x\r\n", SIP_FAULT_HEADER_LINE },
		{ "Foo\x01: x\r\n", SIP_FAULT_HEADER_LINE },
		{ "F\xc3\xb6\xc3\xb6: x\r\n", SIP_FAULT_HEADER_LINE },
		{ "Foo\r\n : x\r\n", SIP_FAULT_HEADER_LINE },
		{ "Foo: x\n", SIP_FAULT_LINE_END },
		{ "Foo: x\ry\r\n", SIP_FAULT_LINE_END },
		{ "Foo: x\rBar: y\r\n", SIP_FAULT_LINE_END },
		{ "Foo: x\r\r\n", SIP_FAULT_LINE_END },
		{ "Foo: x\n y\r\n", SIP_FAULT_LINE_END },
		{ "Foo: \x01\x02\xff\r\n", SIP_FAULT_NONE },
		{ "UnknownHeader: ;;,,;;,;\r\n", SIP_FAULT_NONE },
		{ "C%6Fntact: <<<\r\n", SIP_FAULT_NONE },
		{ "x: 90\r\na:\r\nb: \"\r\n", SIP_FAULT_NONE },
		{ "Empty:\r\n", SIP_FAULT_NONE },
		{ "Folded: a\r\n \t \r\n\tb\r\n", SIP_FAULT_NONE },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ck_assert_msg(fault_of(usual_request(buffer, sizeof(buffer), REGISTER_LINE,
						     cases[i].extra, "")) == cases[i].fault,
			      "%s", cases[i].extra);
	ck_assert_int_eq(fault_of_fields(" Via: x\r\n" USUAL_ROWS), SIP_FAULT_HEADER_LINE);

	struct str text = usual_request(buffer, sizeof(buffer), REGISTER_LINE, "", "");
	ck_assert_int_eq(fault_of(str_slice(text, 0, text.len - 2)), SIP_FAULT_NO_EMPTY_LINE);
	ck_assert_int_eq(fault_of(str_slice(text, 0, text.len - 4)), SIP_FAULT_NO_EMPTY_LINE);
	ck_assert_int_eq(sip_fault_status(SIP_FAULT_NO_EMPTY_LINE), 400);
}
END_TEST

/* PAR-7.1-2: with LF alone the Via is still found, and no value holds a CR or LF */
START_TEST(line_feeds_alone)
{
	static const char text[] =
		"OPTIONS sip:example.com SIP/2.0\n"
		"Via: SIP/2.0/UDP h.example;branch=z9hG4bK1\nTo: <sip:example.com>\n"
		"From: <sip:a@example.com>;tag=1\nCall-ID: x\nCSeq: 1 OPTIONS\n\n";
	parse(&parsed, STR(text));
	ck_assert_int_eq(parsed.fault, SIP_FAULT_LINE_END);
	ck_assert_slice_eq(parsed.message.via.host.text, STR("h.example"));
	ck_assert_slice_eq(parsed.message.to_text, STR("<sip:example.com>"));
	for (uint16_t i = 0; i < parsed.message.header_count; i++) {
		struct str value = parsed.message.headers[i].value;
		ck_assert(memchr(value.p, '\n', value.len) == NULL);
		ck_assert(memchr(value.p, '\r', value.len) == NULL);
	}
	release(&parsed);
	ck_assert_int_eq(fault_of(STR("OPTIONS sip:example.com SIP/2.0\nTo: x\n\n")),
			 SIP_FAULT_NO_VIA);
}
END_TEST

/* PAR-7.3.1-2, PAR-7.3.1-1: each fold becomes one SP, the body stays, and the text that is left
 * means the same when it is read again */
START_TEST(folds_are_undone_in_place)
{
	static const char fields[] = "Via:\r\n SIP/2.0/UDP\r\n\t \t192.0.2.4;branch=z9hG4bK1\r\n"
				     "To: \"A\r\n B\" \r\n  <sip:alice@example.com>\r\n"
				     "From\t : <sip:alice@example.com>\r\n ;tag=1\r\n"
				     "Call-ID:\r\n  x\r\nCSeq: 0009\r\n  REGISTER\r\n"
				     "Content-Length:\r\n 5\r\n";
	static char first[1024];
	parse(&parsed, request_text(buffer, sizeof(buffer), REGISTER_LINE, fields, "a\r\n b"));
	ck_assert_uint_le(parsed.text.len, sizeof(first));
	for (unsigned round = 0; round < 2; round++) {
		const struct sip_message *m = &parsed.message;
		ck_assert_int_eq(parsed.fault, SIP_FAULT_NONE);
		ck_assert_slice_eq(m->via.text, STR("SIP/2.0/UDP 192.0.2.4;branch=z9hG4bK1"));
		ck_assert_slice_eq(m->to_text, STR("\"A B\"  <sip:alice@example.com>"));
		ck_assert_slice_eq(m->from_text, STR("<sip:alice@example.com> ;tag=1"));
		ck_assert_slice_eq(m->call_id, STR("x"));
		ck_assert_slice_eq(m->cseq_line, STR("0009 REGISTER"));
		ck_assert_slice_eq(m->body, STR("a\r\n b"));
		struct str text = { memcpy(first, parsed.text.p, parsed.text.len),
				    parsed.text.len };
		release(&parsed);
		parse(&parsed, text);
	}
	release(&parsed);
}
END_TEST

/* PAR-20.14-1, PAR-7.3.1-7, TRN-18.3-1, TRN-18.3-2, TRN-18.3-3, TRN-18.3-4, ORD-12, PAR-7.4-1 */
START_TEST(content_lengths)
{
	static const struct {
		const char *fields;
		enum sip_fault datagram, stream;
		size_t body; /* of "hello" */
	} cases[] = {
		{ "", SIP_FAULT_NONE, SIP_FAULT_CONTENT_LENGTH_MISSING, 5 },
		{ "Content-Length: 5\r\n", SIP_FAULT_NONE, SIP_FAULT_NONE, 5 },
		{ "l :0\r\n", SIP_FAULT_NONE, SIP_FAULT_NONE, 0 },
		{ "L:\r\n 3\r\n", SIP_FAULT_NONE, SIP_FAULT_NONE, 3 },
		{ "Content-Length:0005\r\n", SIP_FAULT_NONE, SIP_FAULT_NONE, 5 },
		{ "Transfer-Encoding: chunked\r\nl: 5\r\n", SIP_FAULT_NONE, SIP_FAULT_NONE, 5 },
		{ "Content-Length: 6\r\n", SIP_FAULT_BODY_SHORT, SIP_FAULT_BODY_SHORT, 0 },
		{ "Content-Length: 2147483647\r\n", SIP_FAULT_BODY_SHORT,
		  SIP_FAULT_MESSAGE_TOO_LARGE, 0 },
		{ "Content-Length: 2147483648\r\n", SIP_FAULT_CONTENT_LENGTH,
		  SIP_FAULT_CONTENT_LENGTH, 0 },
		{ "Content-Length: 4294967296\r\n", SIP_FAULT_CONTENT_LENGTH,
		  SIP_FAULT_CONTENT_LENGTH, 0 },
		{ "Content-Length: 18446744073709551621\r\n", SIP_FAULT_CONTENT_LENGTH,
		  SIP_FAULT_CONTENT_LENGTH, 0 },
		{ "Content-Length: -5\r\n", SIP_FAULT_CONTENT_LENGTH, SIP_FAULT_CONTENT_LENGTH, 0 },
		{ "Content-Length: +5\r\n", SIP_FAULT_CONTENT_LENGTH, SIP_FAULT_CONTENT_LENGTH, 0 },
		{ "Content-Length: 5 5\r\n", SIP_FAULT_CONTENT_LENGTH, SIP_FAULT_CONTENT_LENGTH,
		  0 },
		{ "Content-Length: 5,5\r\n", SIP_FAULT_CONTENT_LENGTH, SIP_FAULT_CONTENT_LENGTH,
		  0 },
		{ "Content-Length:\r\n", SIP_FAULT_CONTENT_LENGTH, SIP_FAULT_CONTENT_LENGTH, 0 },
		{ "Content-Length: 5\r\nl: 5\r\n", SIP_FAULT_CONTENT_LENGTH_REPEATED,
		  SIP_FAULT_CONTENT_LENGTH_REPEATED, 0 },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct str text = usual_request(buffer, sizeof(buffer), REGISTER_LINE,
						cases[i].fields, "hello");
		parse_limited(&parsed, text, SIP_DATAGRAM, &default_limits);
		ck_assert_msg(parsed.fault == cases[i].datagram, "%s", cases[i].fields);
		if (parsed.fault == SIP_FAULT_NONE)
			ck_assert_uint_eq(parsed.message.body.len, cases[i].body);
		release(&parsed);
		parse_limited(&parsed, text, SIP_STREAM, &default_limits);
		ck_assert_msg(parsed.fault == cases[i].stream, "stream, %s", cases[i].fields);
		ck_assert(sip_fault_closes(parsed.fault) == (parsed.fault != SIP_FAULT_NONE));
		release(&parsed);
	}
}
END_TEST

/* PAR-LIM-1, PAR-LIM-3, ORD-13, ORD-05: at the limit, and one octet over */
START_TEST(sizes)
{
	struct str text = usual_request(buffer, sizeof(buffer), REGISTER_LINE,
					"Content-Length: 5\r\n", "hello");
	static const struct {
		uint32_t message_less, body;
		enum sip_fault fault;
	} cases[] = {
		{ 0, 5, SIP_FAULT_NONE },
		{ 0, 4, SIP_FAULT_BODY_TOO_LARGE },
		{ 1, 5, SIP_FAULT_MESSAGE_TOO_LARGE },
		{ 1, 4, SIP_FAULT_MESSAGE_TOO_LARGE },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sip_limits limits = { (uint32_t)text.len - cases[i].message_less,
					     cases[i].body };
		for (unsigned framing = SIP_DATAGRAM; framing <= SIP_STREAM; framing++) {
			parse_limited(&parsed, text, (enum sip_framing)framing, &limits);
			ck_assert_msg(parsed.fault == cases[i].fault, "case %zu", i);
			release(&parsed);
		}
	}
	ck_assert_int_eq(sip_fault_status(SIP_FAULT_BODY_TOO_LARGE), 413);
	ck_assert_int_eq(sip_fault_status(SIP_FAULT_MESSAGE_TOO_LARGE), 513);
	/* A header section that the limit of a stream has cut: the Via is whole, the last line not.
	 */
	static const char cut[] = "REGISTER sip:example.com SIP/2.0\r\n" VIA_ROW "To: <sip:ali";
	parse_limited(&parsed, STR(cut), SIP_STREAM, &default_limits);
	ck_assert_int_eq(parsed.fault, SIP_FAULT_MESSAGE_TOO_LARGE);
	ck_assert_uint_eq(parsed.message.rows[SIP_HEADER_TO], 0);
	ck_assert_slice_eq(parsed.message.via.sent_by, STR("192.0.2.4:5062"));
	release(&parsed);
	/* Cut anywhere in its last four octets. */
	struct str whole = usual_request(buffer, sizeof(buffer), REGISTER_LINE, "", "");
	for (size_t less = 1; less <= 4; less++) {
		parse_limited(&parsed, str_slice(whole, 0, whole.len - less), SIP_STREAM,
			      &default_limits);
		ck_assert_msg(parsed.fault == SIP_FAULT_MESSAGE_TOO_LARGE, "%zu less", less);
		release(&parsed);
	}
}
END_TEST

/* CPU time, in the unit of clock(), that it takes to walk over all lines of text so many times; the
 * least of some tries. */
static clock_t
walk(struct str text, unsigned times)
{
	clock_t least = 0;
	for (int try = 0; try < 5; try++) {
		clock_t begin = clock();
		for (unsigned i = 0; i < times; i++) {
			struct str rest = text, line;
			enum section_end end;
			while (section_next_line(&rest, &line, &end))
				;
		}
		clock_t took = clock() - begin;
		least = try == 0 || took < least ? took : least;
	}
	return least;
}

/* PAR-LIM-1: whatever ends the lines, sixteen times the octets take about sixteen times as long,
 * not two hundred: forty at most, and what a kernel that counts in ticks may be wrong by. */
START_TEST(lines_are_found_in_one_pass)
{
	static const char *const units[] = { "\r", "\n", "\r ", "\n ", "\ra", "\r\n " };
	static char text[65536];
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		size_t unit = strlen(units[i]);
		for (size_t at = 0; at < sizeof(text); at++)
			text[at] = units[i][at % unit];
		clock_t few = walk((struct str){ text, sizeof(text) / 16 }, 16 * 4);
		clock_t many = walk((struct str){ text, sizeof(text) }, 4);
		ck_assert_msg(2 * many <= 5 * few + CLOCKS_PER_SEC / 50,
			      "unit %zu: %ld, in parts %ld", i, (long)many, (long)few);
	}
}
END_TEST

/* PAR-LIM-2: nobody walks over more lines of a row, or of a header section, than a message may
 * have; a frame of more is refused with its connection */
START_TEST(lines_over_the_limit_are_not_read)
{
	struct section_row row;
	struct writer w = writer_on(buffer, sizeof(buffer));
	for (unsigned line = 0; line < 2 * SIP_MAX_LINES; line++)
		writer_text_z(&w, "X\r\n ");
	struct str rest = writer_text(&w);
	ck_assert(section_next_row(&rest, &row));
	ck_assert_uint_eq(row.lines, SIP_MAX_LINES + 1);
	for (unsigned over = 0; over <= 1; over++) {
		w = writer_on(buffer, sizeof(buffer));
		writer_text_z(&w, REGISTER_LINE "\r\n" USUAL_ROWS "l: 2\r\n");
		for (unsigned line = 6; line < SIP_MAX_LINES + over; line++)
			writer_text_z(&w, line % 2 == 0 ? "X: y\r\n" : " z\r\n");
		writer_text_z(&w, "\r\n");
		size_t head = w.len;
		writer_text_z(&w, "ab");
		struct sip_frame frame = sip_frame(writer_text(&w), NOTHING_KNOWN, &default_limits);
		ck_assert_int_eq(frame.status, over ? SIP_FRAME_BROKEN : SIP_FRAME_MESSAGE);
		ck_assert_uint_eq(frame.used, over ? head : w.len);
		parse_limited(&parsed, (struct str){ buffer, frame.used }, SIP_STREAM,
			      &default_limits);
		ck_assert_int_eq(parsed.fault, over ? SIP_FAULT_MESSAGE_TOO_LARGE : SIP_FAULT_NONE);
		release(&parsed);
	}
	ck_assert(sip_fault_closes(SIP_FAULT_MESSAGE_TOO_LARGE));
}
END_TEST

/* PAR-LIM-2: 1000 lines, 1001 lines, one line that fills the message */
START_TEST(lines_are_limited)
{
	for (unsigned over = 0; over <= 1; over++) {
		struct writer w = writer_on(buffer, sizeof(buffer));
		writer_text_z(&w, REGISTER_LINE "\r\n" USUAL_ROWS);
		for (unsigned line = 5; line < SIP_MAX_LINES + over; line++)
			writer_text_z(&w, line % 2 == 1 ? "X: y\r\n" : " z\r\n");
		writer_text_z(&w, "\r\n");
		ck_assert_uint_eq(sip_message_lines(writer_text(&w)), SIP_MAX_LINES + over);
		parse(&parsed, writer_text(&w));
		ck_assert_int_eq(parsed.fault,
				 over == 0 ? SIP_FAULT_NONE : SIP_FAULT_MESSAGE_TOO_LARGE);
		ck_assert_slice_eq(parsed.message.via.sent_by, STR("192.0.2.4:5062"));
		release(&parsed);
	}
	struct writer w = writer_on(buffer, sizeof(buffer));
	writer_text_z(&w, REGISTER_LINE "\r\n" USUAL_ROWS "X: ");
	while (w.len < 60000)
		writer_char(&w, 'y');
	writer_text_z(&w, "\r\n\r\n");
	ck_assert_int_eq(fault_of(writer_text(&w)), SIP_FAULT_NONE);
}
END_TEST

/* PAR-LIM-2: fewer header rows than lines is a message too large, never a write beyond */
START_TEST(header_capacity_is_kept)
{
	struct str text = usual_request(buffer, sizeof(buffer), REGISTER_LINE, "", "");
	size_t lines = sip_message_lines(text);
	ck_assert_uint_eq(lines, 5);
	for (size_t capacity = 0; capacity <= lines; capacity++) {
		struct sip_header rows[5];
		struct sip_message message;
		struct str copy = guard_copy(text);
		enum sip_fault fault =
			sip_message_parse(&message, (char *)copy.p, copy.len, SIP_DATAGRAM,
					  &default_limits, rows, capacity);
		ck_assert_uint_le(message.header_count, capacity);
		ck_assert_int_eq(fault, capacity == 0	    ? SIP_FAULT_NO_VIA
					: capacity == lines ? SIP_FAULT_NONE
							    : SIP_FAULT_MESSAGE_TOO_LARGE);
		guard_free(copy);
	}
}
END_TEST

/* PAR-8.1.1-1, PAR-7.3.1-7, PAR-20.8-1, PAR-20.16-1, PAR-20.20-1, PAR-20.10-3, PAR-25-4, ORD-08,
 * ORD-14 */
START_TEST(mandatory_fields)
{
	static const struct {
		const char *fields;
		enum sip_fault fault;
	} cases[] = {
		{ TO_ROW FROM_ROW CALL_ID_ROW CSEQ_ROW, SIP_FAULT_NO_VIA },
		{ "Via:\r\n" TO_ROW FROM_ROW CALL_ID_ROW CSEQ_ROW, SIP_FAULT_NO_VIA },
		{ "Via: ,SIP/2.0/UDP h\r\n" TO_ROW FROM_ROW CALL_ID_ROW CSEQ_ROW,
		  SIP_FAULT_NO_VIA },
		{ "Via: SIP/2.0/UDP\r\n" VIA_ROW TO_ROW FROM_ROW CALL_ID_ROW CSEQ_ROW,
		  SIP_FAULT_NO_VIA },
		{ USUAL_ROWS "v: SIP/2.0/UDP\r\n", SIP_FAULT_VIA },
		{ USUAL_ROWS "v: SIP/2.0/UDP h,\r\n", SIP_FAULT_VIA },
		{ USUAL_ROWS "v:\r\n", SIP_FAULT_VIA },
		{ USUAL_ROWS "v: SIP/2.0/UDP h;;\r\n", SIP_FAULT_VIA },
		{ USUAL_ROWS "v: SIP/2.0/UDP h , SIP/2.0/X k\r\n", SIP_FAULT_NONE },
		{ VIA_ROW FROM_ROW CALL_ID_ROW CSEQ_ROW, SIP_FAULT_TO_MISSING },
		{ VIA_ROW TO_ROW CALL_ID_ROW CSEQ_ROW, SIP_FAULT_FROM_MISSING },
		{ VIA_ROW TO_ROW FROM_ROW CSEQ_ROW, SIP_FAULT_CALL_ID_MISSING },
		{ VIA_ROW TO_ROW FROM_ROW CALL_ID_ROW, SIP_FAULT_CSEQ_MISSING },
		{ USUAL_ROWS TO_ROW, SIP_FAULT_TO_REPEATED },
		{ USUAL_ROWS FROM_ROW, SIP_FAULT_FROM_REPEATED },
		{ USUAL_ROWS CALL_ID_ROW, SIP_FAULT_CALL_ID_REPEATED },
		{ USUAL_ROWS CSEQ_ROW, SIP_FAULT_CSEQ_REPEATED },
		{ USUAL_ROWS "Max-Forwards: 7\r\nMax-Forwards: 7\r\n",
		  SIP_FAULT_MAX_FORWARDS_REPEATED },
		{ VIA_ROW "t: \"x\r\n" FROM_ROW CALL_ID_ROW CSEQ_ROW, SIP_FAULT_TO },
		{ VIA_ROW "t: <sip:a@h>;tag\r\n" FROM_ROW CALL_ID_ROW CSEQ_ROW, SIP_FAULT_TO },
		{ VIA_ROW "t: <sip:a@h>;tag=\"x\"\r\n" FROM_ROW CALL_ID_ROW CSEQ_ROW,
		  SIP_FAULT_TO },
		{ VIA_ROW "t: <sip:a@h>, <sip:b@h>\r\n" FROM_ROW CALL_ID_ROW CSEQ_ROW,
		  SIP_FAULT_TO },
		{ VIA_ROW "t:\r\n" FROM_ROW CALL_ID_ROW CSEQ_ROW, SIP_FAULT_TO },
		{ VIA_ROW TO_ROW "f: Bell, A <sip:a@h>\r\n" CALL_ID_ROW CSEQ_ROW, SIP_FAULT_FROM },
		{ VIA_ROW TO_ROW "f: sip:a@h\r\n" CALL_ID_ROW CSEQ_ROW, SIP_FAULT_NONE },
		{ VIA_ROW TO_ROW FROM_ROW "i: a(b@c\r\n" CSEQ_ROW, SIP_FAULT_NONE },
		{ VIA_ROW TO_ROW FROM_ROW "i: a\r\n" CSEQ_ROW, SIP_FAULT_NONE },
		{ VIA_ROW TO_ROW FROM_ROW "i: a@b@c\r\n" CSEQ_ROW, SIP_FAULT_CALL_ID },
		{ VIA_ROW TO_ROW FROM_ROW "i: a b\r\n" CSEQ_ROW, SIP_FAULT_CALL_ID },
		{ VIA_ROW TO_ROW FROM_ROW "i: a@\r\n" CSEQ_ROW, SIP_FAULT_CALL_ID },
		{ VIA_ROW TO_ROW FROM_ROW "i: @a\r\n" CSEQ_ROW, SIP_FAULT_CALL_ID },
		{ VIA_ROW TO_ROW FROM_ROW "i:\r\n" CSEQ_ROW, SIP_FAULT_CALL_ID },
		{ VIA_ROW TO_ROW FROM_ROW CALL_ID_ROW "CSeq: 4294967295 REGISTER\r\n",
		  SIP_FAULT_NONE },
		{ VIA_ROW TO_ROW FROM_ROW CALL_ID_ROW "CSeq: 4294967296 REGISTER\r\n",
		  SIP_FAULT_CSEQ },
		{ VIA_ROW TO_ROW FROM_ROW CALL_ID_ROW "CSeq: 00000000000000000000009 REGISTER\r\n",
		  SIP_FAULT_NONE },
		{ VIA_ROW TO_ROW FROM_ROW CALL_ID_ROW "CSeq: 9REGISTER\r\n", SIP_FAULT_CSEQ },
		{ VIA_ROW TO_ROW FROM_ROW CALL_ID_ROW "CSeq: REGISTER\r\n", SIP_FAULT_CSEQ },
		{ VIA_ROW TO_ROW FROM_ROW CALL_ID_ROW "CSeq: 9\r\n", SIP_FAULT_CSEQ },
		{ VIA_ROW TO_ROW FROM_ROW CALL_ID_ROW "CSeq: -9 REGISTER\r\n", SIP_FAULT_CSEQ },
		{ VIA_ROW TO_ROW FROM_ROW CALL_ID_ROW "CSeq: 9 REGISTER x\r\n", SIP_FAULT_CSEQ },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		enum sip_fault fault = fault_of_fields(cases[i].fields);
		ck_assert_msg(fault == cases[i].fault, "%s%s", cases[i].fields,
			      sip_fault_phrase(fault));
	}
}
END_TEST

/* PAR-LIM-5: 70 Vias and 71; a Call-ID of 512 octets and of 513; a To URI of 2049 octets */
START_TEST(fields_are_limited)
{
	char fields[8192];
	for (unsigned over = 0; over <= 1; over++) {
		struct writer w = writer_on(fields, sizeof(fields) - 1);
		writer_text_z(&w, USUAL_ROWS "Via: ");
		for (unsigned i = 2; i < SIP_MAX_VIAS + over; i++)
			writer_text_z(&w, "SIP/2.0/UDP h,");
		writer_text_z(&w, "SIP/2.0/UDP h\r\n");
		fields[w.len] = '\0';
		ck_assert_int_eq(fault_of_fields(fields),
				 over == 0 ? SIP_FAULT_NONE : SIP_FAULT_TOO_MANY_VIAS);

		w.len = 0;
		writer_text_z(&w, VIA_ROW TO_ROW FROM_ROW CSEQ_ROW "i: ");
		for (unsigned i = 0; i < SIP_MAX_CALL_ID + over; i++)
			writer_char(&w, 'x');
		writer_text_z(&w, "\r\n");
		fields[w.len] = '\0';
		ck_assert_int_eq(fault_of_fields(fields),
				 over == 0 ? SIP_FAULT_NONE : SIP_FAULT_CALL_ID);

		w.len = 0;
		writer_text_z(&w, VIA_ROW FROM_ROW CALL_ID_ROW CSEQ_ROW "t: <sip:h;");
		for (unsigned i = 6; i < SIP_MAX_URI + over; i++)
			writer_char(&w, 'x');
		writer_text_z(&w, ">\r\n");
		fields[w.len] = '\0';
		ck_assert_int_eq(fault_of_fields(fields),
				 over == 0 ? SIP_FAULT_NONE : SIP_FAULT_TO);
	}
}
END_TEST

/* ORD-06 to ORD-15: each message has the faults of all later lines too, the first decides */
START_TEST(the_first_fault_decides)
{
	static const struct {
		const char *start;
		const char *fields;
		enum sip_fault fault;
	} cases[] = {
		{ "SIP/2.0 200 OK", "bad\r\n", SIP_FAULT_RESPONSE },
		{ "REGISTER x HTTP/1.0", "bad\r\nl: x\r\n", SIP_FAULT_NOT_SIP },
		{ "REGISTER  x SIP/7.0", "bad\r\nl: x\r\n", SIP_FAULT_NO_VIA },
		{ "REGISTER  x SIP/7.0", VIA_ROW "bad\r\nl: x\r\n", SIP_FAULT_VERSION },
		{ "REGISTER  x SIP/2.0", VIA_ROW "bad\r\nl: x\r\n", SIP_FAULT_START_LINE },
		{ "REGISTER x SIP/2.0", VIA_ROW "bad\r\nl: x\r\n", SIP_FAULT_HEADER_LINE },
		{ "REGISTER x SIP/2.0", VIA_ROW "l: x\r\nv: x\r\n", SIP_FAULT_CONTENT_LENGTH },
		{ "REGISTER x SIP/2.0", VIA_ROW "l: 9\r\nv: x\r\n", SIP_FAULT_BODY_SHORT },
		{ "REGISTER x SIP/2.0", VIA_ROW "l: 0\r\nv: x\r\n", SIP_FAULT_VIA },
		{ "REGISTER x SIP/2.0", VIA_ROW "CSeq: 1 X\r\n", SIP_FAULT_TO_MISSING },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		enum sip_fault fault = fault_of(
			request_text(buffer, sizeof(buffer), cases[i].start, cases[i].fields, ""));
		ck_assert_msg(fault == cases[i].fault, "case %zu: %s", i, sip_fault_phrase(fault));
	}
}
END_TEST

/* PAR-8.1.1.6-1 */
START_TEST(max_forwards)
{
	static const struct {
		const char *row;
		bool zero;
	} cases[] = {
		{ "", false },
		{ "Max-Forwards: 0\r\n", true },
		{ "Max-Forwards: 000\r\n", true },
		{ "Max-Forwards: 1\r\n", false },
		{ "Max-Forwards: 255\r\n", false },
		{ "Max-Forwards: 256\r\n", false },
		{ "Max-Forwards: 4294967296\r\n", false },
		{ "Max-Forwards: -0\r\n", false },
		{ "Max-Forwards: x\r\n", false },
		{ "Max-Forwards:\r\n", false },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		parse(&parsed,
		      usual_request(buffer, sizeof(buffer), REGISTER_LINE, cases[i].row, ""));
		ck_assert_int_eq(parsed.fault, SIP_FAULT_NONE);
		ck_assert_msg(parsed.message.max_forwards_zero == cases[i].zero, "%s",
			      cases[i].row);
		release(&parsed);
	}
}
END_TEST

SUITE(message, a_request_is_read, start_lines, methods, lines_of_the_header_section,
      line_feeds_alone, folds_are_undone_in_place, content_lengths, sizes,
      lines_are_found_in_one_pass, lines_over_the_limit_are_not_read, lines_are_limited,
      header_capacity_is_kept, mandatory_fields, fields_are_limited, the_first_fault_decides,
      max_forwards)
