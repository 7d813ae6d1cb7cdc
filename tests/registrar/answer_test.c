/* Answers on the wire: which code carries what. */
#include "registrar/answer.h"

#include "request.h"

#define NOW_MS INT64_C(1289690940000) /* Sat, 13 Nov 2010 23:29:00 GMT */

struct scene {
	struct baseline baseline;
	struct request *request;
	char buf[8192];
	struct str text;
};

static void
scene_init(struct scene *s)
{
	baseline_init(&s->baseline);
	s->request = request_make("REGISTER sip:example.com",
				  "Contact: <sip:echo@192.0.2.1>\r\nRecord-Route: <sip:p;lr>\r\n"
				  "Authorization: Digest realm=\"a\"\r\n",
				  "");
}

static void
scene_end(struct scene *s)
{
	request_free(s->request);
}

static bool
write_in(struct scene *s, const struct answer *answer, size_t cap)
{
	const struct endpoint source = { .ip = { .family = 4, .octets = { 192, 0, 2, 1 } },
					 .port = 5060 };
	struct writer w = writer_on(s->buf, cap);
	bool fits = answer_write(&w, answer, &s->baseline.policy, &s->request->message, &source,
				 STR("t1"));
	s->text = writer_text(&w);
	return fits;
}

static void
write(struct scene *s, const struct answer *answer)
{
	ck_assert(write_in(s, answer, sizeof(s->buf)));
}

/* How many lines begin so. */
static unsigned
lines(const struct scene *s, const char *start)
{
	unsigned count = 0;
	struct str line;
	struct str rest = s->text;
	bool more = true;
	while (more) {
		more = str_cut(rest, '\n', &line, &rest);
		count += str_starts(line, str_of(start));
	}
	return count;
}

static void
has(const struct scene *s, const char *line)
{
	ck_assert_msg(lines(s, line) == 1, "%s not once in\n%.*s", line, STR_ARG(s->text));
}

static void
lacks(const struct scene *s, const char *line)
{
	ck_assert_msg(lines(s, line) == 0, "%s in\n%.*s", line, STR_ARG(s->text));
}

/* UAS-20.14-1, UAS-8.2.6.2-1, UAS-8.2.6.2-2, UAS-20-1, REG-10.3-4: every answer, whatever else it
 * carries, has the common fields and nothing that was only the request's */
START_TEST(every_answer_has_the_common_fields)
{
	struct scene s;
	scene_init(&s);
	const int codes[] = { 400, 401, 403, 404, 405, 420, 423, 480, 482, 500, 501, 503 };
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		const struct answer answer = { .status = codes[i] };
		write(&s, &answer);
		has(&s, "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1");
		has(&s, "From: <sip:alice@example.com>;tag=f1\r");
		has(&s, "To: Alice <sip:alice@example.com>;tag=t1\r");
		has(&s, "Call-ID: c1@192.0.2.1\r");
		has(&s, "CSeq: 1 REGISTER\r");
		has(&s, "Content-Length: 0\r");
		lacks(&s, "Contact");
		lacks(&s, "Record-Route");
		lacks(&s, "Authorization");
		lacks(&s, "Date");
		lacks(&s, "Retry-After");
		ck_assert(str_eq(str_slice(s.text, s.text.len - 4, 4), STR("\r\n\r\n")));
	}
	scene_end(&s);
}
END_TEST

/* UAS-21.4.1-1: a phrase of our own, or the usual one */
START_TEST(a_phrase_may_be_exact)
{
	struct scene s;
	scene_init(&s);
	write(&s, &(struct answer){ .status = 404 });
	has(&s, "SIP/2.0 404 Not Found\r");
	write(&s, &(struct answer){ .status = 400, .phrase = "SIPS requires TLS" });
	has(&s, "SIP/2.0 400 SIPS requires TLS\r");
	scene_end(&s);
}
END_TEST

/* AUT-22.2-1, AUT-8760-2.3-1, AUT-7616-3.3-5, SEC-26.1.5-1: the challenge, which is kept short */
START_TEST(a_401_challenges)
{
	struct scene s;
	scene_init(&s);
	s.baseline.policy.server_header = STR("rollcall");
	struct answer answer = { .status = 401, .challenge = &s.baseline.domains[1] };
	memset(answer.nonce, 'n', NONCE_TEXT_LEN);
	write(&s, &answer);
	ck_assert_uint_eq(
		lines(&s, "WWW-Authenticate: Digest realm=\"other.example\", nonce=\"nnn"), 2);
	lacks(&s, "Server");
	lacks(&s, "Date");
	ck_assert_uint_lt(s.text.len, 3 * 200);
	ck_assert_ptr_null(memmem(s.text.p, s.text.len, "stale", 5));

	answer.stale = true;
	write(&s, &answer);
	ck_assert_ptr_nonnull(memmem(s.text.p, s.text.len, ", stale=true", 12));
	scene_end(&s);
}
END_TEST

/* UAS-8.2.1-1, UAS-8.2.1-2, UAS-20.5-1, UAS-8.2.2.3-1, UAS-8.2.3-1, UAS-8.2.3-2, UAS-20.43-1,
 * SPS-5.1.2-2, SPS-5.1.2-3, UAS-20.33-1: the field that each code must carry */
START_TEST(codes_carry_their_fields)
{
	struct scene s;
	scene_init(&s);
	write(&s, &(struct answer){ .status = 405, .allow = true });
	has(&s, "Allow: REGISTER, OPTIONS, CANCEL, ACK\r");
	write(&s, &(struct answer){ .status = 415, .accept = true });
	ck_assert_uint_eq(lines(&s, "Accept:"), 1);
	lacks(&s, "Accept-");
	write(&s, &(struct answer){ .status = 415,
				    .accept = true,
				    .accept_encoding = true,
				    .accept_language = true });
	has(&s, "Accept-Encoding: identity\r");
	has(&s, "Accept-Language: en\r");
	write(&s, &(struct answer){ .status = 420, .unsupported = STR("foo, bar") });
	has(&s, "Unsupported: foo, bar\r");
	write(&s, &(struct answer){ .status = 423, .min_expires_s = 60 });
	has(&s, "SIP/2.0 423 Interval Too Brief\r");
	has(&s, "Min-Expires: 60\r");
	write(&s, &(struct answer){
			  .status = 480, .warning = 381, .warning_agent = STR("example.com") });
	has(&s, "Warning: 381 example.com \"SIPS Required\"\r");
	write(&s, &(struct answer){
			  .status = 480, .warning = 380, .warning_agent = STR("example.com") });
	has(&s, "Warning: 380 example.com \"SIPS Not Allowed\"\r");

	struct answer busy = { .status = 0 };
	answer_unavailable(&busy, REASON_DATABASE_UNAVAILABLE, &s.baseline.policy, 5);
	ck_assert_int_eq(busy.reason, REASON_DATABASE_UNAVAILABLE);
	write(&s, &busy);
	has(&s, "SIP/2.0 503 Service Unavailable\r");
	has(&s, "Retry-After: 25\r");
	scene_end(&s);
}
END_TEST

/* UAS-11.2-2, UAS-11.2-3, UAS-20.37-1, UAS-20.35-1: all five, Supported empty while nothing is
 * switched on; Server as configured */
START_TEST(a_200_to_options_shows_what_is_understood)
{
	struct scene s;
	scene_init(&s);
	const struct answer answer = { .status = 200,
				       .allow = true,
				       .accept = true,
				       .accept_encoding = true,
				       .accept_language = true,
				       .supported = true };
	write(&s, &answer);
	static const char *const fields[] = { "Allow:", "Accept:", "Accept-Encoding:",
					      "Accept-Language:", "Supported:" };
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		has(&s, fields[i]);
	has(&s, "Content-Length: 0\r");
	has(&s, "Supported: \r");
	lacks(&s, "Server");
	s.baseline.policy.path = PATH_STRICT;
	write(&s, &answer);
	has(&s, "Supported: path\r");
	s.baseline.policy.server_header = STR("rollcall");
	write(&s, &answer);
	has(&s, "Server: rollcall\r");
	scene_end(&s);
}
END_TEST

static struct binding
binding(const char *display, const char *uri, const char *params, int64_t left_ms)
{
	return (struct binding){ .display = str_of(display),
				 .uri = str_of(uri),
				 .params = str_of(params),
				 .expires_ms = NOW_MS + left_ms };
}

/* REG-10.3.8-1, REG-10.3.8-3, REG-10.3.8-4, REG-10.3.8-5, REG-10.3.8-6, SPS-5.1.2-4, UAS-20.17-1,
 * PAR-20.10-1: one row a binding, as it was registered, always in angle brackets */
START_TEST(a_200_to_register_lists_the_bindings)
{
	struct scene s;
	scene_init(&s);
	const struct binding bindings[] = {
		binding("", "sip:alice@192.0.2.10:5062", "", 3600000),
		binding("\"a,b;c\"", "sips:a,b;c@192.0.2.1?Route=%3Csip:x%3E",
			";q=0.5;+sip.foo=\"bar\";x", 60000),
		binding("Alice", "tel:+358-555-1234567;postd=pp22", ";reg-id=1", 5000),
	};
	const struct answer answer = { .status = 200,
				       .supported = true,
				       .date = true,
				       .now_ms = NOW_MS,
				       .bindings = bindings,
				       .binding_count = 3 };
	write(&s, &answer);
	has(&s, "SIP/2.0 200 OK\r");
	has(&s, "Contact: <sip:alice@192.0.2.10:5062>;expires=3600\r");
	has(&s, "Contact: \"a,b;c\" <sips:a,b;c@192.0.2.1?Route=%3Csip:x%3E>;q=0.5;"
		"+sip.foo=\"bar\";x;expires=60\r");
	has(&s, "Contact: Alice <tel:+358-555-1234567;postd=pp22>;reg-id=1;expires=5\r");
	ck_assert_uint_eq(lines(&s, "Contact:"), 3);
	has(&s, "Date: Sat, 13 Nov 2010 23:29:00 GMT\r");
	has(&s, "Supported:");

	const struct answer empty = { .status = 200, .date = true, .now_ms = NOW_MS };
	write(&s, &empty);
	lacks(&s, "Contact");
	scene_end(&s);
}
END_TEST

/* REG-10.3.8-2: seconds left, rounded up; what was just granted exactly, what lives at least 1 */
START_TEST(seconds_left_are_rounded_up)
{
	const struct {
		int64_t left_ms;
		const char *line;
	} cases[] = {
		{ 7200000, "Contact: <sip:a@192.0.2.1>;expires=7200\r" },
		{ 90000, "Contact: <sip:a@192.0.2.1>;expires=90\r" },
		{ 89001, "Contact: <sip:a@192.0.2.1>;expires=90\r" },
		{ 89000, "Contact: <sip:a@192.0.2.1>;expires=89\r" },
		{ 1001, "Contact: <sip:a@192.0.2.1>;expires=2\r" },
		{ 1000, "Contact: <sip:a@192.0.2.1>;expires=1\r" },
		{ 1, "Contact: <sip:a@192.0.2.1>;expires=1\r" },
		{ 0, "Contact: <sip:a@192.0.2.1>;expires=1\r" },
		{ -5000, "Contact: <sip:a@192.0.2.1>;expires=1\r" },
		{ INT64_C(4294967295000), "Contact: <sip:a@192.0.2.1>;expires=4294967295\r" },
	};
	struct scene s;
	scene_init(&s);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct binding one = binding("", "sip:a@192.0.2.1", "", cases[i].left_ms);
		write(&s, &(struct answer){ .status = 200,
					    .now_ms = NOW_MS,
					    .bindings = &one,
					    .binding_count = 1 });
		has(&s, cases[i].line);
	}
	scene_end(&s);
}
END_TEST

/* An answer that does not fit says so, at every length that is too short. */
START_TEST(no_room_is_noticed)
{
	struct scene s;
	scene_init(&s);
	const struct binding one = binding("", "sip:a@192.0.2.1", "", 60000);
	const struct answer answer = {
		.status = 200, .date = true, .now_ms = NOW_MS, .bindings = &one, .binding_count = 1
	};
	write(&s, &answer);
	size_t len = s.text.len;
	ck_assert(write_in(&s, &answer, len));
	for (size_t cap = 0; cap < len; cap++)
		ck_assert_msg(!write_in(&s, &answer, cap), "%zu", cap);
	scene_end(&s);
}
END_TEST

/* ORD-10, ORD-13, ORD-15, UAS-8.2.1-2: what the parser found, with Allow beside 501 */
START_TEST(faults_become_answers)
{
	const struct {
		enum sip_fault fault;
		int status;
		bool allow;
	} cases[] = {
		{ SIP_FAULT_VERSION, 505, false },
		{ SIP_FAULT_BODY_TOO_LARGE, 413, false },
		{ SIP_FAULT_MESSAGE_TOO_LARGE, 513, false },
		{ SIP_FAULT_CALL_ID_MISSING, 400, false },
		{ SIP_FAULT_METHOD_UNKNOWN, 501, true },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct answer answer = { .status = 0 };
		answer_fault(&answer, cases[i].fault);
		ck_assert_int_eq(answer.status, cases[i].status);
		ck_assert_int_eq(answer.allow, cases[i].allow);
		ck_assert_str_eq(answer.phrase, sip_fault_phrase(cases[i].fault));
		ck_assert_int_eq(answer.reason, sip_fault_reason(cases[i].fault));
	}
}
END_TEST

SUITE(answer, every_answer_has_the_common_fields, a_phrase_may_be_exact, a_401_challenges,
      codes_carry_their_fields, a_200_to_options_shows_what_is_understood,
      a_200_to_register_lists_the_bindings, seconds_left_are_rounded_up, no_room_is_noticed,
      faults_become_answers)
