/* Answers as octets. */
#include "sip/response.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/stats.h"
#include "parsed.h"
#include "sip/status.h"
#include "support/check_main.h"

static struct parsed parsed;
static char request[4096];
static const struct endpoint source = { { 4, { 192, 0, 2, 4 } }, 40000 };

static void
parse_fields(const char *fields)
{
	parse(&parsed, request_text(request, sizeof(request), REGISTER_LINE, fields, ""));
}

/* UAS-8.2.6.2-1, UAS-8.2.6.2-2, UAS-20.14-1, UAS-20.35-1, TRN-3581-2, PAR-7.3.1-5, PAR-7.1-4,
 * UAS-20-1: a whole answer, octet for octet */
START_TEST(a_whole_answer)
{
	char text[2048];
	parse_fields("v:  SIP/2.0/UDP 192.0.2.4:5062 ;rport;branch=z9hG4bK1 , SIP/2.0/TCP  b ;x\r\n"
		     "CSeq: 0009\r\n  REGISTER\r\nContact: <sip:a@h>\r\nVia: SIP/2.0/UDP c\r\n"
		     "f: sip:alice@example.com ; TAG = 1\r\nv: SIP/2.0/UDP d,SIP/2.0/UDP e\r\n"
		     "i: x@y\r\nt: \"A\" <sip:alice@example.com>\r\nRecord-Route: <sip:p;lr>\r\n");
	ck_assert_int_eq(parsed.fault, SIP_FAULT_NONE);
	struct writer w = writer_on(text, sizeof(text));
	sip_response_begin(&w, &parsed.message, &source, 200, NULL, STR("t1"), STR("rollcall"));
	sip_response_header(&w, STR("Expires"), STR("60"));
	sip_response_end(&w);
	ck_assert(writer_ok(&w));
	ck_assert_slice_eq(writer_text(&w),
			   STR("SIP/2.0 200 OK\r\n"
			       "Via: SIP/2.0/UDP 192.0.2.4:5062 ;branch=z9hG4bK1"
			       ";received=192.0.2.4;rport=40000 , SIP/2.0/TCP  b ;x\r\n"
			       "Via: SIP/2.0/UDP c\r\n"
			       "Via: SIP/2.0/UDP d,SIP/2.0/UDP e\r\n"
			       "From: sip:alice@example.com ; TAG = 1\r\n"
			       "To: \"A\" <sip:alice@example.com>;tag=t1\r\n"
			       "Call-ID: x@y\r\n"
			       "CSeq: 0009 REGISTER\r\n"
			       "Server: rollcall\r\n"
			       "Expires: 60\r\n"
			       "Content-Length: 0\r\n\r\n"));
	release(&parsed);
}
END_TEST

/* UAS-8.2.6.2-2, UAS-21.4.1-1: the tag of the request stays; none is added to a 100; a phrase of
 * our own; no Server unless it is set */
START_TEST(tags_and_phrases)
{
	char text[2048];
	parse_fields(VIA_ROW FROM_ROW CALL_ID_ROW CSEQ_ROW "To: <sip:a@h>;tag=theirs\r\n");
	struct writer w = writer_on(text, sizeof(text));
	sip_response_begin(&w, &parsed.message, &source, 400, "Missing Shoes", STR("ours"),
			   STR(""));
	struct str written = writer_text(&w);
	ck_assert(str_starts(written, STR("SIP/2.0 400 Missing Shoes\r\n")));
	ck_assert(memmem(written.p, written.len, "ours", 4) == NULL);
	ck_assert(memmem(written.p, written.len, "<sip:a@h>;tag=theirs\r\n", 22) != NULL);
	ck_assert(memmem(written.p, written.len, "Server", 6) == NULL);
	release(&parsed);

	parse_fields(USUAL_ROWS);
	w = writer_on(text, sizeof(text));
	sip_response_begin(&w, &parsed.message, &source, 100, NULL, STR(""), STR(""));
	written = writer_text(&w);
	ck_assert(memmem(written.p, written.len, TO_ROW, strlen(TO_ROW)) != NULL);
	release(&parsed);
}
END_TEST

/* PAR-LIM-1: an answer that does not fit is known by its writer, at every size */
START_TEST(answers_are_bounded)
{
	char text[2048];
	parse_fields(USUAL_ROWS);
	struct writer w = writer_on(text, sizeof(text));
	sip_response_begin(&w, &parsed.message, &source, 200, NULL, STR("t"), STR(""));
	sip_response_end(&w);
	size_t needed = w.len;
	for (size_t cap = 0; cap <= needed; cap++) {
		w = writer_on(text, cap);
		sip_response_begin(&w, &parsed.message, &source, 200, NULL, STR("t"), STR(""));
		sip_response_end(&w);
		ck_assert(writer_ok(&w) == (cap == needed));
		ck_assert_uint_le(w.len, cap);
	}
	release(&parsed);
}
END_TEST

/* UAS-8.2.6.2-1, SEC-26.1-1: what is well-formed is copied as it is, escaped control octets too; in
 * what is not, those that are not escaped do not come back */
START_TEST(control_octets_are_not_repeated)
{
	static const struct {
		const char *fields, *copied;
	} cases[] = {
		{ FROM_ROW CALL_ID_ROW CSEQ_ROW "To: \"BEL:\\\x07 \\\x7f\" <sip:a@h>\r\n",
		  "\r\nTo: \"BEL:\\\x07 \\\x7f\" <sip:a@h>;tag=t\r\n" },
		{ FROM_ROW CALL_ID_ROW CSEQ_ROW "To: \"\x1b[2J\\\\\x07\" <sip:a@h>\r\n",
		  "\r\nTo: \"?[2J\\\\?\" <sip:a@h>;tag=t\r\n" },
		{ TO_ROW CALL_ID_ROW CSEQ_ROW "From: \x01<sip:a@h>\r\n",
		  "\r\nFrom: ?<sip:a@h>\r\n" },
		{ TO_ROW CALL_ID_ROW CSEQ_ROW "From: a\\\x1b[2J <sip:a@h>\r\n",
		  "\r\nFrom: a\\?[2J <sip:a@h>\r\n" },
		{ TO_ROW FROM_ROW CSEQ_ROW "Call-ID: a\x7f\r\n", "\r\nCall-ID: a?\r\n" },
		{ TO_ROW FROM_ROW CSEQ_ROW "Call-ID: a\\\x1b[2J\r\n", "\r\nCall-ID: a\\?[2J\r\n" },
		{ TO_ROW FROM_ROW CSEQ_ROW "Call-ID: \"\\\x1b[2J\"\r\n",
		  "\r\nCall-ID: \"\\?[2J\"\r\n" },
		{ TO_ROW FROM_ROW CALL_ID_ROW "CSeq: 1 \x02X\r\n", "\r\nCSeq: 1 ?X\r\n" },
		{ TO_ROW FROM_ROW CALL_ID_ROW "CSeq: 1 \"\\\x02\"\r\n", "\r\nCSeq: 1 \"\\?\"\r\n" },
		{ USUAL_ROWS "Via: a;x=\"\\\x03\";y=\\\x03\r\n",
		  "\r\nVia: a;x=\"\\\x03\";y=\\?\r\n" },
		{ USUAL_ROWS "Via: \x03\r\n", "\r\nVia: ?\r\n" },
		{ "Via: SIP/2.0/UDP h;x=\"\x04\",\x05\r\n" FROM_ROW TO_ROW CALL_ID_ROW CSEQ_ROW,
		  "UDP h;x=\"?\",?;received=192.0.2.4\r\n" },
		{ "Via: SIP/2.0/UDP h;x=\\\x04,a\\\x05\r\n" FROM_ROW TO_ROW CALL_ID_ROW CSEQ_ROW,
		  "UDP h;x=\\?;received=192.0.2.4,a\\?\r\n" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char fields[1024], text[2048];
		snprintf(fields, sizeof(fields), "%s%s",
			 strncmp(cases[i].fields, "Via", 3) != 0 ? VIA_ROW : "", cases[i].fields);
		parse_fields(fields);
		struct writer w = writer_on(text, sizeof(text));
		sip_response_begin(&w, &parsed.message, &source, 400, NULL, STR("t"), STR(""));
		ck_assert_msg(memmem(text, w.len, cases[i].copied, strlen(cases[i].copied)) != NULL,
			      "case %zu: %.*s", i, (int)w.len, text);
		release(&parsed);
	}
}
END_TEST

/* UAS-21-1, UAS-20.5-1: every code of the table has its phrase; none of ours is 6xx */
START_TEST(status_codes)
{
	static const struct {
		int code;
		const char *phrase;
	} table[] = {
#define X(code, phrase) { code, phrase },
		SIP_STATUSES(X)
#undef X
	};
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		ck_assert_str_eq(sip_status_phrase(table[i].code), table[i].phrase);
		ck_assert_int_lt(table[i].code, 600);
		enum stats_sip_code index = stats_sip_code((unsigned)table[i].code);
		ck_assert_int_eq(atoi(stats_label_word(STATS_LABEL_SIP_CODE, index)),
				 table[i].code);
	}
	ck_assert_str_eq(sip_status_phrase(999), "Unknown");
	ck_assert_str_eq(SIP_ALLOW, "REGISTER, OPTIONS, CANCEL, ACK");
}
END_TEST

/* ORD-07, ORD-08, ORD-12, ORD-13, UAS-21.4.1-1: what a fault means for answer, log and stream */
START_TEST(faults)
{
	for (unsigned fault = SIP_FAULT_NONE; fault < SIP_FAULT_COUNT; fault++) {
		int status = sip_fault_status((enum sip_fault)fault);
		const char *phrase = sip_fault_phrase((enum sip_fault)fault);
		ck_assert(status == 0 || (status >= 400 && status < 600));
		ck_assert_msg((status == 0) == (phrase[0] == '\0'), "fault %u", fault);
		ck_assert(status == 0 || sip_fault_reason((enum sip_fault)fault) != REASON_NONE);
	}
	ck_assert(sip_fault_closes(SIP_FAULT_NOT_SIP) && sip_fault_closes(SIP_FAULT_NO_VIA));
	ck_assert(sip_fault_closes(SIP_FAULT_CONTENT_LENGTH_MISSING));
	ck_assert(sip_fault_closes(SIP_FAULT_BODY_TOO_LARGE));
	ck_assert(sip_fault_closes(SIP_FAULT_LINE_END) && sip_fault_closes(SIP_FAULT_HEADER_LINE));
	ck_assert(!sip_fault_closes(SIP_FAULT_NONE) && !sip_fault_closes(SIP_FAULT_RESPONSE));
	ck_assert(!sip_fault_closes(SIP_FAULT_VERSION) && !sip_fault_closes(SIP_FAULT_VIA));
	ck_assert_int_eq(sip_fault_reason(SIP_FAULT_VERSION), REASON_VERSION_UNSUPPORTED);
	ck_assert_int_eq(sip_fault_reason(SIP_FAULT_BODY_TOO_LARGE), REASON_TOO_LARGE);
}
END_TEST

SUITE(response, a_whole_answer, tags_and_phrases, control_octets_are_not_repeated,
      answers_are_bounded, status_codes, faults)
