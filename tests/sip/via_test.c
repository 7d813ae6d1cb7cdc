/* Via values: reading, writing back, where an answer goes. */
#include "sip/via.h"

#include "parsed.h"
#include "support/check_main.h"

/* PAR-20.42-1, PAR-20.42-2 */
START_TEST(vias_are_split)
{
	struct sip_via via;
	struct str text = guard_copy(STR("SIP  / 2.0\t/ UDP   h.example : 5062 ; branch = z9hG4bKx"
					 ";maddr=192.0.2.9;ttl=3;rport;alias;keep"));
	ck_assert(sip_via_parse(&via, text));
	ck_assert(!via.bad_params);
	ck_assert_slice_eq(via.version, STR("2.0"));
	ck_assert_slice_eq(via.transport, STR("UDP"));
	ck_assert_slice_eq(via.host.text, STR("h.example"));
	ck_assert_slice_eq(via.sent_by, STR("h.example : 5062"));
	ck_assert_uint_eq(via.port, 5062);
	ck_assert_slice_eq(via.branch, STR("z9hG4bKx"));
	ck_assert_slice_eq(via.maddr, STR("192.0.2.9"));
	ck_assert_slice_eq(via.ttl, STR("3"));
	ck_assert(via.has_rport && !via.has_received);
	ck_assert(sip_via_has_cookie(&via));
	guard_free(text);

	ck_assert(sip_via_parse(&via, STR("SIP/2.0/UNKNOWN h.example")));
	ck_assert(str_empty(via.branch) && !sip_via_has_cookie(&via) && via.port == 0);
	ck_assert(sip_via_parse(&via, STR("SIP/2.0/UDP h.example;branch=z9hG4bK")));
	ck_assert(str_empty(via.branch) && !sip_via_has_cookie(&via));
	ck_assert(sip_via_parse(&via, STR("SIP/2.0/UDP h.example;branch=Z9HG4BKx")));
	ck_assert(sip_via_has_cookie(&via));
	ck_assert(sip_via_parse(&via, STR("SIP/2.0/UDP h.example;branch=390skdjuw")));
	ck_assert(!str_empty(via.branch) && !sip_via_has_cookie(&via));
}
END_TEST

enum via_verdict { VIA_GOOD, VIA_HALF, VIA_USELESS };

/* ORD-08, ORD-14, PAR-25-4, PAR-7.3.1-6, PAR-20.42-1, PAR-20.42-3: good; good enough for an
 * answer; no way back */
START_TEST(how_broken_a_via_may_be)
{
	static const struct {
		const char *text;
		enum via_verdict verdict;
	} cases[] = {
		{ "SIP/2.0/UDP [2001:db8::9:1];received=[2001:db8::9:255];branch=z9hG4bK1",
		  VIA_GOOD },
		{ "SIP/2.0/UDP [2001:db8::9:1];received=2001:db8::9:255;branch=z9hG4bK1",
		  VIA_GOOD },
		{ "SIP/2.0/UDP my_pc.example:5060;branch=z9hG4bK1", VIA_GOOD },
		{ "SIP/2.0/UDP 192.0.2.15;;,;,,", VIA_HALF },
		{ "SIP/2.0/UDP 192.0.2.15 x", VIA_HALF },
		{ "SIP/2.0/UDP 192.0.2.15;branch=", VIA_HALF },
		{ "SIP/2.0/UDP 192.0.2.15;branch=a;branch=b", VIA_HALF },
		{ "SIP/2.0/UDP 192.0.2.15;received=a:b", VIA_HALF },
		{ "SIP/2.0/UDP 2001:db8::1", VIA_USELESS },
		{ "SIP/2.0/UDP 192.0.2.15:0", VIA_USELESS },
		{ "SIP/2.0/UDP 192.0.2.15:", VIA_USELESS },
		{ "SIP/2.0/UDP 192.0.2.15:65536", VIA_USELESS },
		{ "SIP/2.0/UDP 444.555.666.777", VIA_USELESS },
		{ "SIP/2.0/UDP ;branch=z9hG4bK1", VIA_USELESS },
		{ "SIP/2.0/UDP", VIA_USELESS },
		{ "SIP/2.0/UDP ", VIA_USELESS },
		{ "SIP/2.0 UDP 192.0.2.15", VIA_USELESS },
		{ "SIP/2.0/UDP[::1]", VIA_USELESS },
		{ "", VIA_USELESS },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sip_via via;
		struct str text = guard_copy(str_of(cases[i].text));
		bool usable = sip_via_parse(&via, text);
		enum via_verdict verdict = !usable	    ? VIA_USELESS
					   : via.bad_params ? VIA_HALF
							    : VIA_GOOD;
		ck_assert_msg(verdict == cases[i].verdict, "%s", cases[i].text);
		guard_free(text);
	}
}
END_TEST

/* ORD-09, TRN-18.2.1-3, TRN-18.2.1-4, TRN-18.2.1-5, TRN-18.2.1-6, TRN-3581-1, TRN-3581-2,
 * TRN-3581-3, TRN-18.2.2-3, TRN-18.2.2-4, TRN-18.2.2-5: the table of section 5.3 and what it leaves
 * out */
START_TEST(where_answers_go_and_what_they_show)
{
	static const struct {
		const char *via; /* from 192.0.2.4:40000 */
		const char *written;
		uint16_t port; /* of the answer, to 192.0.2.4 */
	} cases[] = {
		{ "192.0.2.4", "192.0.2.4", 5060 },
		{ "192.0.2.4:7000", "192.0.2.4:7000", 7000 },
		{ "192.0.2.4:7000;rport", "192.0.2.4:7000;received=192.0.2.4;rport=40000", 40000 },
		{ "10.0.0.9:5062", "10.0.0.9:5062;received=192.0.2.4", 5062 },
		{ "10.0.0.9:5062;rport", "10.0.0.9:5062;received=192.0.2.4;rport=40000", 40000 },
		{ "pc.example.net", "pc.example.net;received=192.0.2.4", 5060 },
		{ "pc.example.net;maddr=198.51.100.9",
		  "pc.example.net;maddr=198.51.100.9;received=192.0.2.4", 5060 },
		{ "[2001:db8::9]:5062", "[2001:db8::9]:5062;received=192.0.2.4", 5062 },
		/* what the client says of itself is replaced */
		{ "192.0.2.4;received=198.51.100.9", "192.0.2.4;received=192.0.2.4", 5060 },
		{ "h.example;rport=9;branch=z9hG4bK1 ; RECEIVED=1.2.3.4;x=\"y\"",
		  "h.example;branch=z9hG4bK1;x=\"y\";received=192.0.2.4;rport=40000", 40000 },
		/* nothing else changes */
		{ "[::ffff:192.0.2.4]:7000", "[::ffff:192.0.2.4]:7000", 7000 },
		{ "192.0.2.4 : 7000 ; Branch = z9hG4bK1 ;alias;keep;oc;foo",
		  "192.0.2.4 : 7000 ; Branch = z9hG4bK1 ;alias;keep;oc;foo", 7000 },
		{ "10.0.0.9;;bad", "10.0.0.9;;bad;received=192.0.2.4", 5060 },
	};
	const struct endpoint source = { { 4, { 192, 0, 2, 4 } }, 40000 };
	static const char *const protocols[] = { "SIP/2.0/UDP ", "SIP / 2.0 / TLS\t" };
	for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
		char value[256], expected[256], text[256];
		struct writer v = writer_on(value, sizeof(value));
		struct writer e = writer_on(expected, sizeof(expected));
		struct writer w = writer_on(text, sizeof(text));
		struct sip_via via;
		writer_printf(&v, "%s%s", protocols[i % 2], cases[i / 2].via);
		writer_printf(&e, "%s%s", protocols[i % 2], cases[i / 2].written);
		ck_assert(sip_via_parse(&via, writer_text(&v)));
		sip_via_write(&w, &via, &source);
		ck_assert_slice_eq(writer_text(&w), writer_text(&e));
		struct endpoint target = sip_via_response_target(&via, &source);
		ck_assert(ip_equal(&target.ip, &source.ip));
		ck_assert_uint_eq(target.port, cases[i / 2].port);
	}
}
END_TEST

/* URI-5954-5-1, PAR-20.42-3: received is canonical and has no brackets; a mapped source is IPv4 */
START_TEST(received_is_canonical)
{
	struct sip_via via;
	char text[256];
	struct endpoint source = { .port = 40000 };
	ck_assert(ip6_parse(STR("2001:DB8:0:0::9"), &source.ip));
	ck_assert(sip_via_parse(&via, STR("SIP/2.0/TLS h.example;branch=z9hG4bK1")));
	struct writer w = writer_on(text, sizeof(text));
	sip_via_write(&w, &via, &source);
	ck_assert_slice_eq(writer_text(&w),
			   STR("SIP/2.0/TLS h.example;branch=z9hG4bK1;received=2001:db8::9"));
	ck_assert(ip6_parse(STR("::ffff:192.0.2.4"), &source.ip));
	w.len = 0;
	sip_via_write(&w, &via, &source);
	ck_assert_slice_eq(writer_text(&w),
			   STR("SIP/2.0/TLS h.example;branch=z9hG4bK1;received=192.0.2.4"));
}
END_TEST

SUITE(via, vias_are_split, how_broken_a_via_may_be, where_answers_go_and_what_they_show,
      received_is_canonical)
