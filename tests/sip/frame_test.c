/* Messages and pings out of a stream of octets. */
#include "sip/frame.h"

#include <stdio.h>

#include "parsed.h"
#include "support/check_main.h"

#define HEAD "REGISTER sip:example.com SIP/2.0\r\n" USUAL_ROWS

static struct sip_frame
frame_of(struct str octets)
{
	struct str copy = guard_copy(octets);
	struct sip_frame frame = sip_frame(copy, NOTHING_KNOWN, &default_limits);
	guard_free(copy);
	ck_assert_uint_le(frame.used, octets.len);
	return frame;
}

/* OUT-5.4-1, OUT-3.5.1-1, PAR-7.5-1, ORD-04 */
START_TEST(line_ends_between_messages)
{
	static const struct {
		const char *octets;
		enum sip_frame_status status;
		size_t used;
	} cases[] = {
		{ "", SIP_FRAME_MORE, 0 },
		{ "\r", SIP_FRAME_MORE, 0 },
		{ "\r\n", SIP_FRAME_MORE, 0 },
		{ "\r\n\r", SIP_FRAME_MORE, 0 },
		{ "\r\n\r\n", SIP_FRAME_PING, 4 },
		{ "\r\n\r\n\r\n\r\n", SIP_FRAME_PING, 4 },
		{ "\r\n\r\nREGISTER", SIP_FRAME_PING, 4 },
		{ "\r\nREGISTER", SIP_FRAME_SKIP, 2 },
		{ "\r\n\rREGISTER", SIP_FRAME_SKIP, 2 },
		{ "\rREGISTER", SIP_FRAME_GARBAGE, 0 },
		{ "\n", SIP_FRAME_GARBAGE, 0 },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sip_frame frame = frame_of(str_of(cases[i].octets));
		ck_assert_msg(frame.status == cases[i].status, "case %zu", i);
		ck_assert_uint_eq(frame.used, cases[i].used);
		ck_assert(!frame.started || frame.status == SIP_FRAME_GARBAGE);
	}
}
END_TEST

/* TRN-18.3-4, TRN-18.3-6, PAR-20.14-1, PAR-7.3.1-1, PAR-7.3.3-1, OUT-3.5.1-1: the one
 * Content-Length in all its forms; a body is never searched */
START_TEST(where_a_message_ends)
{
	static const struct {
		const char *octets;
		enum sip_frame_status status;
		size_t rest; /* octets that are not used */
	} cases[] = {
		{ HEAD "Content-Length: 0\r\n\r\n", SIP_FRAME_MESSAGE, 0 },
		{ HEAD "Content-Length: 0\r\n\r\nOPTIONS", SIP_FRAME_MESSAGE, 7 },
		{ HEAD "l:4\r\n\r\n\r\n\r\nnext", SIP_FRAME_MESSAGE, 4 },
		{ HEAD "L \t:\r\n\t4\r\n\r\nbodynext", SIP_FRAME_MESSAGE, 4 },
		{ HEAD "CONTENT-LENGTH  : \r\n  4  \r\n \r\n\r\nbodynext", SIP_FRAME_MESSAGE, 4 },
		{ HEAD "X: y\r\n l: 9\r\nl: 4\r\n\r\nbody", SIP_FRAME_MESSAGE, 0 },
		{ HEAD "l: 4\r\nbad line\r\n\r\nbody", SIP_FRAME_MESSAGE, 0 },
		{ "SIP/2.0 200 OK\r\nl: 4\r\n\r\nbody", SIP_FRAME_MESSAGE, 0 },
		{ "REGISTER  x SIP/7.0\r\nl: 4\r\n\r\nbody", SIP_FRAME_MESSAGE, 0 },
		{ HEAD "\r\nbody", SIP_FRAME_BROKEN, 4 },
		{ HEAD "l: 4\r\nl: 4\r\n\r\nbody", SIP_FRAME_BROKEN, 4 },
		{ HEAD "l: -4\r\n\r\nbody", SIP_FRAME_BROKEN, 4 },
		{ HEAD "l: 4 4\r\n\r\nbody", SIP_FRAME_BROKEN, 4 },
		{ HEAD "l: 4\r\n 4\r\n\r\nbody", SIP_FRAME_BROKEN, 4 },
		{ HEAD "l:\r\n\r\nbody", SIP_FRAME_BROKEN, 4 },
		{ HEAD "l\r\n : 4\r\n\r\nbody", SIP_FRAME_BROKEN, 4 },
		{ HEAD "l: 70000\r\n\r\nbody", SIP_FRAME_BROKEN, 4 },
		{ HEAD "l: 4294967300\r\n\r\nbody", SIP_FRAME_BROKEN, 4 },
		{ "REGISTER x SIP/2.0\r\n\r\n", SIP_FRAME_BROKEN, 0 },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct str octets = str_of(cases[i].octets);
		struct sip_frame frame = frame_of(octets);
		ck_assert_msg(frame.status == cases[i].status, "%s", cases[i].octets);
		ck_assert_msg(frame.used == octets.len - cases[i].rest, "%s", cases[i].octets);
	}
}
END_TEST

/* TRN-18.3-4, ORD-12: the frame and the parser agree about every length */
START_TEST(broken_frames_are_refused_by_the_parser)
{
	static const char *const cases[] = {
		HEAD "\r\n",
		HEAD "l: 4\r\nl: 4\r\n\r\n",
		HEAD "l: -4\r\n\r\n",
		HEAD "l: 4\r\n 4\r\n\r\n",
		HEAD "l\r\n : 4\r\n\r\n",
		HEAD "l: 70000\r\n\r\n",
	};
	static struct parsed parsed;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ck_assert_int_eq(frame_of(str_of(cases[i])).status, SIP_FRAME_BROKEN);
		parse_limited(&parsed, str_of(cases[i]), SIP_STREAM, &default_limits);
		ck_assert_msg(parsed.fault != SIP_FAULT_NONE, "%s", cases[i]);
		ck_assert_int_ge(sip_fault_status(parsed.fault), 400);
		release(&parsed);
	}
}
END_TEST

static void
check_same(const struct sip_frame *a, const struct sip_frame *b)
{
	ck_assert_int_eq(a->status, b->status);
	ck_assert_uint_eq(a->used, b->used);
	ck_assert_uint_eq(a->expected, b->expected);
	ck_assert(a->started == b->started);
	ck_assert_uint_eq(a->known.searched, b->known.searched);
	ck_assert(a->known.judged == b->known.judged);
}

/* TRN-18-4, TRN-18.3-5, OUT-5.4-1: one octet at a time is waited for, then the same message,
 * whether or not it is told what is known already */
START_TEST(octet_by_octet)
{
	static const char *const heads[] = {
		HEAD "l: 4\r\n\r\n",
		"REGISTER x SIP/2.0\r\nl: 4\r\n\r\n",
		HEAD "X: \r\n\r\rx\r\n\rl5\n\r\n\rl6\r\n\nl7\r\nl: 4\r\n\r\n",
	};
	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		char octets[1024];
		size_t head = strlen(heads[i]);
		snprintf(octets, sizeof(octets), "%s\r\n\r\n", heads[i]);
		struct str whole = str_of(octets);
		struct sip_frame frame, fed = { .known = NOTHING_KNOWN };
		for (size_t len = 1; len < whole.len; len++) {
			frame = frame_of(str_slice(whole, 0, len));
			fed = sip_frame(str_slice(whole, 0, len), fed.known, &default_limits);
			check_same(&fed, &frame);
			ck_assert_msg(frame.status == SIP_FRAME_MORE, "%zu octets", len);
			ck_assert_uint_eq(frame.expected, len < head ? 0 : whole.len);
			ck_assert(frame.started);
		}
		frame = frame_of(whole);
		fed = sip_frame(whole, fed.known, &default_limits);
		check_same(&fed, &frame);
		ck_assert_int_eq(frame.status, SIP_FRAME_MESSAGE);
		ck_assert_uint_eq(frame.used, whole.len);
	}
}
END_TEST

/* Whoever sends a header section octet by octet, a TLS record each, costs nothing for those that
 * were searched before: whatever comes to stand there, nobody sees it. */
START_TEST(no_octet_is_searched_twice)
{
	static const struct {
		const char *before, *changed, *more;
		enum sip_frame_status status;
	} cases[] = {
		{ "REGISTER x", "R\r\n\r\n", " SIP/2.", SIP_FRAME_MORE },
		{ "GET / HTTP", "G\n", "/1.1", SIP_FRAME_MORE },
		{ "GET / HTTP", "G", "/1.1\n", SIP_FRAME_GARBAGE },
		{ "REGISTER x SIP/2.0\n", "GET / HTTP/1.1", "X: y", SIP_FRAME_MORE },
		{ "REGISTER x SIP/2.0\r", "GET / HTTP/1.1\n", "\nX: y\r", SIP_FRAME_MORE },
		{ HEAD "X: y\r\n\r", "REGISTER x\r\n\r\n", "x\r\n\r", SIP_FRAME_MORE },
		{ HEAD "l: 4\r\n\r\nbo", "R\r\n\r\n", "d", SIP_FRAME_MORE },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char octets[1024];
		int len = snprintf(octets, sizeof(octets), "%s%s", cases[i].before, cases[i].more);
		struct str before = { octets, strlen(cases[i].before) };
		struct sip_frame frame = sip_frame(before, NOTHING_KNOWN, &default_limits);
		ck_assert_int_eq(frame.status, SIP_FRAME_MORE);
		memcpy(octets, cases[i].changed, strlen(cases[i].changed));
		struct str after = { octets, (size_t)len };
		frame = sip_frame(after, frame.known, &default_limits);
		ck_assert_msg(frame.status == cases[i].status, "case %zu: %d", i, frame.status);
	}
}
END_TEST

/* ORD-07, TRN-18.3-6: known as soon as it can be */
START_TEST(what_cannot_become_a_request)
{
	static const struct {
		struct str octets;
		enum sip_frame_status status;
	} cases[] = {
		{ { "\x16\x03\x01", 3 }, SIP_FRAME_GARBAGE },
		{ { "\0\x01", 2 }, SIP_FRAME_GARBAGE },
		{ { "\xff", 1 }, SIP_FRAME_GARBAGE },
		{ { "GET / HTTP/1.1\r\n", 16 }, SIP_FRAME_GARBAGE },
		{ { "GET / HTTP/1.1\n", 15 }, SIP_FRAME_GARBAGE },
		{ { "GET / HTTP/1.1", 14 }, SIP_FRAME_MORE },
		{ { "hello\r\n", 7 }, SIP_FRAME_GARBAGE },
		{ { "REGISTER x SIP/2.0\r\n", 20 }, SIP_FRAME_MORE },
		{ { "SIP/2.0 200 OK\r\n", 16 }, SIP_FRAME_MORE },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ck_assert_msg(frame_of(cases[i].octets).status == cases[i].status, "case %zu", i);
}
END_TEST

/* PAR-LIM-1, PAR-LIM-3, ORD-05, ORD-13: at the limit and one octet over */
START_TEST(limits_of_a_stream)
{
	struct str empty = STR(HEAD "l: 0\r\n\r\n"), full = STR(HEAD "l: 4\r\n\r\nbody");
	struct sip_limits limits = { (uint32_t)empty.len, 65535 };
	ck_assert_int_eq(sip_frame(empty, NOTHING_KNOWN, &limits).status, SIP_FRAME_MESSAGE);
	limits.max_message_bytes--;
	struct sip_frame frame = sip_frame(empty, NOTHING_KNOWN, &limits);
	ck_assert_int_eq(frame.status, SIP_FRAME_TOO_LARGE);
	ck_assert_uint_eq(frame.used, limits.max_message_bytes);
	ck_assert_int_eq(
		sip_frame(str_slice(empty, 0, limits.max_message_bytes - 1), NOTHING_KNOWN, &limits)
			.status,
		SIP_FRAME_MORE);

	/* A first line that ends behind the limit is judged as if it had not come yet. */
	struct str endless = STR("X: a line that is no start of a message\r\n");
	limits.max_message_bytes = 20;
	ck_assert_int_eq(sip_frame(str_slice(endless, 0, 20), NOTHING_KNOWN, &limits).status,
			 SIP_FRAME_TOO_LARGE);
	ck_assert_int_eq(sip_frame(endless, NOTHING_KNOWN, &limits).status, SIP_FRAME_TOO_LARGE);
	limits.max_message_bytes = (uint32_t)empty.len - 1;

	frame = sip_frame(str_slice(empty, 0, limits.max_message_bytes), NOTHING_KNOWN, &limits);
	ck_assert_int_eq(frame.status, SIP_FRAME_TOO_LARGE);

	limits = (struct sip_limits){ (uint32_t)full.len, 4 };
	ck_assert_int_eq(sip_frame(full, NOTHING_KNOWN, &limits).status, SIP_FRAME_MESSAGE);
	limits.max_body_bytes = 3;
	ck_assert_int_eq(sip_frame(full, NOTHING_KNOWN, &limits).status, SIP_FRAME_BROKEN);
	limits = (struct sip_limits){ (uint32_t)full.len - 1, 4 };
	/* Known before the body is there. */
	frame = sip_frame(str_slice(full, 0, full.len - 4), NOTHING_KNOWN, &limits);
	ck_assert_int_eq(frame.status, SIP_FRAME_BROKEN);
	ck_assert_uint_eq(frame.used, full.len - 4);
}
END_TEST

SUITE(frame, line_ends_between_messages, where_a_message_ends,
      broken_frames_are_refused_by_the_parser, octet_by_octet, no_octet_is_searched_twice,
      what_cannot_become_a_request, limits_of_a_stream)
