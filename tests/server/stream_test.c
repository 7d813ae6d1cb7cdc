/* Requests over connections: cutting, pausing, keep-alives, closing. */
#include <stdio.h>
#include <stdlib.h>

#include "server/site.h"

#define C1 "<sip:alice@192.0.2.10:5062>"
#define SOURCE "192.0.2.4:40000"

/* count REGISTERs of one address, back to back, each with a binding of its own. */
static struct str
pipeline(struct site *site, unsigned count)
{
	size_t cap = 1000 * count;
	struct writer w = writer_on(arena_alloc(&site->arena, cap), cap);
	for (unsigned i = 1; i <= count; i++) {
		char contact[64];
		snprintf(contact, sizeof(contact), "<sip:alice@192.0.2.10:%u>", 5000 + i % 10);
		writer_str(&w,
			   site_text(site,
				     (struct site_request){
					     .contact = contact, .cseq = i, .nonce = 7, .nc = i }));
	}
	ck_assert(writer_ok(&w));
	return writer_text(&w);
}

static void
check_fifty_answers(const struct site *site)
{
	ck_assert_uint_eq(fake_sent_count(site->net), 50);
	for (unsigned i = 0; i < 50; i++) {
		char cseq[32];
		snprintf(cseq, sizeof(cseq), "%u REGISTER", i + 1);
		ck_assert_int_eq(sent_status(site, i), 200);
		ck_assert(str_eq(sent_field(site, i, "CSeq"), str_of(cseq)));
	}
	ck_assert_uint_eq(row_bindings(site, "alice@example.com"), 10);
	ck_assert_uint_eq(requests_transactions(site->requests), 0);
}

/* TRN-18-4, TXN-17.2.2-4: fifty in one write: fifty answers in order, never more than eight in
 * flight, nothing left behind */
START_TEST(fifty_in_one_write)
{
	struct site site;
	site_open(&site);
	struct fake_connection *c = fake_connect(site.net, TRANSPORT_TCP, SOURCE);
	struct str text = pipeline(&site, 50);
	fake_write(site.net, c, text);
	ck_assert(c->paused);
	ck_assert_uint_eq(requests_live(site.requests), 8);
	ck_assert_int_eq(c->owed, 8);
	for (int i = 0; i < 200; i++) {
		site_pass(&site, 1);
		ck_assert_uint_le(requests_live(site.requests), 8);
	}
	check_fifty_answers(&site);
	ck_assert(!c->paused);
	ck_assert_int_eq(c->owed, 0);
	ck_assert_uint_eq(c->messages, 50);
	site_close(&site);
}
END_TEST

/* TRN-18-4: the same octets one by one */
START_TEST(fifty_octet_by_octet)
{
	struct site site;
	site_open(&site);
	struct fake_connection *c = fake_connect(site.net, TRANSPORT_TLS, SOURCE);
	struct str text = pipeline(&site, 50);
	for (size_t i = 0; i < text.len; i++)
		fake_write(site.net, c, str_slice(text, i, 1));
	site_pass(&site, 200);
	for (int i = 0; i < 100; i++)
		site_pass(&site, 1);
	check_fifty_answers(&site);
	site_close(&site);
}
END_TEST

/* What was searched for the end of a header section is not searched again when more arrives, or a
 * client could have each octet of it looked at thousands of times; the next message is. */
START_TEST(no_octet_is_searched_twice)
{
	struct site site;
	site_open(&site);
	struct fake_connection *c = fake_connect(site.net, TRANSPORT_TLS, SOURCE);
	struct site_request options = { .method = "OPTIONS", .no_credentials = true };
	struct str text = site_text(&site, options);
	size_t half = text.len - 10;
	for (unsigned i = 1; i <= 3; i++) {
		fake_write(site.net, c, str_slice(text, 0, half));
		char kept[] = { c->in[40], c->in[41], c->in[42], c->in[43] };
		memcpy(c->in + 40, "\r\n\r\n", 4);
		fake_write(site.net, c, str_slice(text, half, 1));
		ck_assert(!c->closing && fake_sent_count(site.net) == i - 1);
		memcpy(c->in + 40, kept, 4);
		fake_write(site.net, c, str_slice(text, half + 1, text.len));
		ck_assert_uint_eq(fake_sent_count(site.net), i);
		ck_assert_int_eq(sent_status(&site, i - 1), 200);
		ck_assert(!c->closing);
	}
	site_close(&site);
}
END_TEST

/* TXN-17.2.2-4, TXN-17.2.2-2: a thousand REGISTERs over TCP leave no transaction */
START_TEST(nothing_stays_behind_streams)
{
	struct site site;
	site_open(&site);
	struct fake_connection *c = fake_connect(site.net, TRANSPORT_TCP, SOURCE);
	for (unsigned i = 1; i <= 1000; i++) {
		struct str text = site_text(
			&site,
			(struct site_request){ .contact = C1, .cseq = i, .nonce = 7, .nc = i });
		fake_write(site.net, c, text);
		site_pass(&site, 5);
		ck_assert_uint_eq(fake_sent_count(site.net), 1);
		ck_assert_int_eq(sent_status(&site, 0), 200);
		fake_sent_forget(site.net);
		ck_assert_uint_eq(requests_transactions(site.requests), 0);
	}
	ck_assert_uint_eq(site.stats.transactions_live, 0);
	ck_assert_uint_eq(site.stats.requests_live, 0);
	site_close(&site);
}
END_TEST

/* TRN-18.2.2-1: each answer goes over the connection of its request, whatever its Via says */
START_TEST(answers_take_their_own_connection)
{
	struct site site;
	site_open(&site);
	struct fake_connection *a = fake_connect(site.net, TRANSPORT_TCP, SOURCE);
	struct fake_connection *b = fake_connect(site.net, TRANSPORT_TCP, SOURCE);
	const char *via = "SIP/2.0/TCP 198.51.100.9:7000;maddr=198.51.100.9;branch=z9hG4bK-%d";
	for (int i = 0; i < 4; i++) {
		char text[128], call_id[8];
		snprintf(text, sizeof(text), via, i);
		snprintf(call_id, sizeof(call_id), "s%d", i);
		fake_write(
			site.net, i % 2 == 0 ? a : b,
			site_text(&site, (struct site_request){ .via = text, .call_id = call_id }));
	}
	site_pass(&site, 100);
	for (size_t i = 0; i < 4; i++) {
		struct str call_id = sent_field(&site, i, "Call-ID");
		uint32_t slot = fake_sent_at(site.net, i)->peer.slot;
		ck_assert_uint_eq(slot,
				  (call_id.p[1] - '0') % 2 == 0 ? a->peer.slot : b->peer.slot);
	}
	site_close(&site);
}
END_TEST

/* OUT-5.4-1, OUT-3.5.1-1, ORD-04: a pair of CRLF gets one CRLF, a single one nothing */
START_TEST(keepalives)
{
	static const struct {
		const char *writes[4];
		unsigned pongs;
	} cases[] = {
		{ { "\r\n\r\n" }, 1 },	   { { "\r\n\r\n\r\n\r\n" }, 2 },
		{ { "\r", "\n\r\n" }, 1 }, { { "\r\n", "\r\n" }, 1 },
		{ { "\r\n" }, 0 },	   { { "\r\n\r\n\r\n" }, 1 },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct site site;
		site_open(&site);
		struct fake_connection *c = fake_connect(site.net, TRANSPORT_TLS, SOURCE);
		for (int k = 0; k < 4 && cases[i].writes[k] != NULL; k++)
			fake_write(site.net, c, str_of(cases[i].writes[k]));
		ck_assert_uint_eq(fake_sent_count(site.net), cases[i].pongs);
		ck_assert_uint_eq(c->keepalives, cases[i].pongs);
		ck_assert_uint_eq(c->messages, 0);
		for (unsigned k = 0; k < cases[i].pongs; k++)
			ck_assert(str_eq(sent_text(&site, k), STR("\r\n")));
		fake_write(site.net, c,
			   site_text(&site, (struct site_request){ .method = "OPTIONS",
								   .no_credentials = true }));
		ck_assert_int_eq(sent_status(&site, cases[i].pongs), 200);
		site_close(&site);
	}
}
END_TEST

/* SEC-26.1.5-4: only a message that has begun is waited for in time, and half a keep-alive has not
 */
START_TEST(what_begins_a_message)
{
	static const struct {
		const char *octets;
		bool begun;
	} cases[] = {
		{ "\r", false },	   { "\r\n", false },	  { "\r\n\r", false },
		{ "\r\n\r\n\r\n", false }, { "\r\n\r\nR", true }, { "R", true },
	};
	struct site site;
	site_open(&site);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct fake_connection *c = fake_connect(site.net, TRANSPORT_TCP, SOURCE);
		fake_write(site.net, c, str_of(cases[i].octets));
		ck_assert_msg(c->begun == cases[i].begun, "case %zu", i);
		ck_assert(!c->closing);
	}
	site_close(&site);
}
END_TEST

/* OUT-3.5.1-1: CRLFs inside a message are no ping */
START_TEST(body_is_no_keepalive)
{
	struct site site;
	site_open(&site);
	struct fake_connection *c = fake_connect(site.net, TRANSPORT_TCP, SOURCE);
	fake_write(site.net, c,
		   STR("OPTIONS sip:example.com SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK-1\r\n"
		       "From: <sip:a@example.com>;tag=f\r\nTo: <sip:example.com>\r\nCall-ID: a\r\n"
		       "CSeq: 1 OPTIONS\r\nContent-Type: text/plain\r\n"
		       "Content-Disposition: render;handling=optional\r\n"
		       "Content-Length: 8\r\n\r\n\r\n\r\n\r\n\r\n"));
	ck_assert_uint_eq(fake_sent_count(site.net), 1);
	ck_assert_int_eq(sent_status(&site, 0), 200);
	ck_assert(!c->closing);
	site_close(&site);
}
END_TEST

#define HEAD                                                                                   \
	"REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK-1\r\n"          \
	"From: <sip:alice@example.com>;tag=f\r\nTo: <sip:alice@example.com>\r\nCall-ID: a\r\n" \
	"CSeq: 1 REGISTER\r\n"

/* TRN-18.3-4, TRN-18.3-6, ORD-06 to ORD-08, ORD-12, ORD-13: answered if it can be, and closed when
 * the next message cannot be found */
START_TEST(broken_streams)
{
	static const struct {
		const char *text;
		int status;
		bool closed;
	} cases[] = {
		{ HEAD "\r\n", 400, true },
		{ HEAD "Content-Length: x\r\n\r\n", 400, true },
		{ HEAD "Content-Length: 0\r\nContent-Length: 0\r\n\r\n", 400, true },
		{ HEAD "Content-Length: 1000\r\n\r\n", 413, true },
		{ HEAD "Content-Length: 9000\r\n\r\n", 513, true },
		{ HEAD "To: x\r\nContent-Length: 0\r\n\r\n", 400, false },
		{ HEAD "Content-Length: 0\r\n\r\n", 401, false },
		{ "\x16\x03\x01", 0, true },
		{ "GET / HTTP/1.1\r\n", 0, true },
		{ "REGISTER sip:example.com SIP/2.0\r\nContent-Length: 0\r\n\r\n", 0, true },
		{ "SIP/2.0 200 OK\r\nVia: SIP/2.0/TCP h\r\nContent-Length: 0\r\n\r\n", 0, false },
		{ HEAD "Content-Length: 0\r\n\r\nISUP\r\n", 401, true },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct site site;
		site_init(&site);
		site.policy.limits = (struct sip_limits){ 8000, 900 };
		site_start(&site);
		struct fake_connection *c = fake_connect(site.net, TRANSPORT_TCP, SOURCE);
		fake_write(site.net, c, str_of(cases[i].text));
		ck_assert_msg(sent_status(&site, 0) == cases[i].status &&
				      c->closing == cases[i].closed,
			      "case %zu: %d", i, sent_status(&site, 0));
		ck_assert_uint_eq(fake_sent_count(site.net), cases[i].status != 0);
		site_close(&site);
	}
}
END_TEST

/* ORD-05: a header section that does not end within the limit: 513 once a Via was there, and close
 */
START_TEST(endless_header_section)
{
	struct site site;
	site_init(&site);
	site.policy.limits = (struct sip_limits){ 2000, 900 };
	site_start(&site);
	static char filler[3000];
	memset(filler, 'x', sizeof(filler));
	struct fake_connection *a = fake_connect(site.net, TRANSPORT_TCP, SOURCE);
	fake_write(site.net, a, STR(HEAD "X: "));
	fake_write(site.net, a, (struct str){ filler, sizeof(filler) });
	ck_assert_int_eq(sent_status(&site, 0), 513);
	ck_assert(a->closing);
	ck_assert_uint_eq(site.stats.outcomes[REASON_TOO_LARGE][TRANSPORT_TCP], 1);
	struct fake_connection *b = fake_connect(site.net, TRANSPORT_TCP, SOURCE);
	fake_write(site.net, b, STR("REGISTER sip:example.com SIP/2.0\r\nX: "));
	fake_write(site.net, b, (struct str){ filler, sizeof(filler) });
	ck_assert_uint_eq(fake_sent_count(site.net), 1);
	ck_assert(b->closing);
	site_close(&site);
}
END_TEST

/* TRN-18-3, TXN-17.2.4-1: a client that leaves while its REGISTER waits: the binding is made,
 * nobody is answered, nothing stays */
START_TEST(client_leaves)
{
	struct site site;
	site_open(&site);
	struct fake_connection *c = fake_connect(site.net, TRANSPORT_TCP, SOURCE);
	fake_store_freeze(site.store, true);
	fake_write(site.net, c, site_text(&site, (struct site_request){ .contact = C1 }));
	fake_hang_up(site.net, c);
	fake_store_freeze(site.store, false);
	site_pass(&site, 100);
	ck_assert_uint_eq(fake_sent_count(site.net), 0);
	ck_assert_uint_eq(row_bindings(&site, "alice@example.com"), 1);
	ck_assert_uint_eq(requests_transactions(site.requests), 0);
	ck_assert_uint_eq(requests_live(site.requests), 0);
	site_close(&site);
}
END_TEST

static bool
about(uint64_t time_ms, uint64_t expected_ms)
{
	return time_ms >= expected_ms && time_ms <= expected_ms + 50;
}

static const struct carried *
register_over(struct site *site, struct fake_connection *c, struct site_request request)
{
	c->carried = (struct carried){ 0 };
	fake_sent_forget(site->net);
	fake_write(site->net, c, site_text(site, request));
	site_pass(site, 10);
	ck_assert_int_eq(sent_status(site, 0), 200);
	return &c->carried;
}

/* SEC-26.1.5-4: a connection is kept for as long as the bindings last that came over it */
START_TEST(connection_carries_its_bindings)
{
	struct site site;
	site_open(&site);
	struct fake_connection *c = fake_connect(site.net, TRANSPORT_TLS, SOURCE);
	const struct carried *carried = register_over(&site, c, (struct site_request){ .cseq = 1 });
	ck_assert_uint_eq(carried->whose, 0); /* a fetch says nothing */
	uint64_t start_ms = loop_now_ms(site.loop);
	const char *contacts = C1 ";expires=100, <sip:alice@192.0.2.11>;expires=600";
	register_over(&site, c, (struct site_request){ .contact = contacts, .cseq = 2 });
	ck_assert(about(carried->until_ms, start_ms + 600000));
	ck_assert_uint_eq(carried->most_ms, carried->until_ms);
	unsigned whose = carried->whose;
	ck_assert_uint_ne(whose, 0);
	/* Those of earlier requests do not count, whatever connection they came over. */
	struct fake_connection *d = fake_connect(site.net, TRANSPORT_TLS, SOURCE);
	carried = register_over(&site, d,
				(struct site_request){ .contact = C1 ";expires=60", .cseq = 3 });
	ck_assert(about(carried->until_ms, start_ms + 60000));
	ck_assert(about(carried->most_ms, start_ms + 600000));
	ck_assert_uint_eq(carried->whose, whose);
	site_close(&site);
}
END_TEST

/* SEC-26.1.5-4: who takes his bindings away says so, for himself alone */
START_TEST(a_binding_that_is_removed_is_carried_no_more)
{
	struct site site;
	site_open(&site);
	struct fake_connection *c = fake_connect(site.net, TRANSPORT_TLS, SOURCE);
	uint64_t start_ms = loop_now_ms(site.loop);
	const struct carried *carried = register_over(
		&site, c, (struct site_request){ .contact = C1 ";expires=600", .cseq = 1 });
	unsigned whose = carried->whose;
	register_over(&site, c,
		      (struct site_request){ .contact = "<sip:alice@192.0.2.11>;expires=300",
					     .call_id = "another",
					     .cseq = 1 });
	ck_assert(about(carried->most_ms, start_ms + 300000));
	ck_assert_uint_ne(carried->whose, whose);
	register_over(&site, c, (struct site_request){ .contact = C1 ";expires=0", .cseq = 2 });
	ck_assert_uint_eq(carried->whose, whose);
	ck_assert_uint_eq(carried->until_ms, 0);
	ck_assert_uint_eq(carried->most_ms, 0);
	register_over(&site, c, (struct site_request){ .contact = C1 ";expires=600", .cseq = 3 });
	register_over(
		&site, c,
		(struct site_request){ .contact = "*", .fields = "Expires: 0\r\n", .cseq = 4 });
	ck_assert_uint_eq(carried->whose, whose);
	ck_assert_uint_eq(carried->most_ms, 0);
	site_close(&site);
}
END_TEST

static void
ban_source(struct site *site, struct bans *bans, bool manual)
{
	struct ban_set *set = calloc(1, sizeof(*set));
	struct ban ban = { .manual = manual, .until_ms = loop_now_ms(site->loop) + 7200000 };
	ck_assert(ip_prefix_parse(STR("192.0.2.4/32"), &ban.prefix) && ban_set_put(set, &ban));
	bans_publish(bans, set);
	free(set);
	requests_close_banned(site->requests);
}

/* A connection of the site's source, over which alice has registered a contact of its own. */
static struct fake_connection *
connect_bound(struct site *site, unsigned port)
{
	char contact[64], call_id[16];
	snprintf(contact, sizeof(contact), "<sip:alice@192.0.2.10:%u>", port);
	snprintf(call_id, sizeof(call_id), "p%u", port);
	struct fake_connection *c = fake_connect(site->net, TRANSPORT_TCP, SOURCE);
	fake_write(
		site->net, c,
		site_text(site, (struct site_request){ .contact = contact, .call_id = call_id }));
	site_pass(site, 10);
	return c;
}

/* SEC-26.3.2.4-1: failures ban an address behind which others live: who has registered over his
 * connection keeps it, until somebody guesses over it. An operator's ban spares nobody. */
START_TEST(a_ban_spares_who_is_registered)
{
	struct site site;
	site_open(&site);
	struct bans *bans = bans_map();
	struct fake_connection *other = fake_connect(site.net, TRANSPORT_TCP, SOURCE);
	struct fake_connection *guesser = connect_bound(&site, 5071);
	struct fake_connection *neighbour = connect_bound(&site, 5072);
	limits_use_bans(site.limits, bans, failures_map(1));
	ban_source(&site, bans, false);
	ck_assert(!other->alive && guesser->alive && neighbour->alive);
	ck_assert_ptr_null(fake_connect(site.net, TRANSPORT_TCP, SOURCE));
	fake_sent_forget(site.net);
	fake_write(site.net, neighbour,
		   site_text(&site, (struct site_request){ .call_id = "p5072", .cseq = 2 }));
	fake_write(
		site.net, guesser,
		site_text(&site, (struct site_request){ .password = "guess", .call_id = "guess" }));
	site_pass(&site, 100);
	ck_assert_uint_eq(sent_with_status(&site, 200), 1);
	ck_assert_uint_eq(sent_with_status(&site, 401), 1);
	ck_assert(guesser->closing && !neighbour->closing);
	ck_assert_int_eq(guesser->cause, CLOSE_UNWANTED);
	ck_assert_uint_eq(site.stats.outcomes[REASON_BAD_PASSWORD][TRANSPORT_TCP], 1);
	ck_assert_uint_eq(site.stats.outcomes[REASON_BANNED][TRANSPORT_TCP], 2); /* not the guess */
	ban_source(&site, bans, true);
	ck_assert(!neighbour->alive);
	site_close(&site);
}
END_TEST

/* SEC-26.3.2.4-1: a binding that has ended spares nobody: whatever comes next is not served. */
START_TEST(a_ban_after_the_binding)
{
	struct site site;
	site_open(&site);
	struct bans *bans = bans_map();
	struct fake_connection *pings = connect_bound(&site, 5071);
	struct fake_connection *asks = connect_bound(&site, 5072);
	limits_use_bans(site.limits, bans, failures_map(1));
	ban_source(&site, bans, false);
	fake_write(site.net, pings, STR("\r\n\r\n"));
	ck_assert(pings->alive && !pings->closing && asks->alive);
	site_pass(&site, 3600000);
	fake_sent_forget(site.net);
	fake_write(site.net, pings, STR("\r\n\r\n"));
	fake_write(site.net, asks, site_text(&site, (struct site_request){ .cseq = 2 }));
	site_pass(&site, 10);
	ck_assert_uint_eq(fake_sent_count(site.net), 0);
	ck_assert(pings->closing && asks->closing);
	ck_assert_int_eq(pings->cause, CLOSE_UNWANTED);
	ck_assert_int_eq(asks->cause, CLOSE_UNWANTED);
	site_close(&site);
}
END_TEST

/* Two log-ins as bob in one write, of which the second is right. */
static void
guess_twice(struct site *site, struct fake_connection *c, struct site_request first)
{
	struct site_request right = { .login = "bob", .password = "bob's", .contact = C1 };
	struct str texts[2];
	char both[8192];
	first.password = "guess";
	first.contact = right.contact;
	first.call_id = "first";
	texts[0] = site_text(site, first);
	texts[1] = site_text(site, right);
	struct writer w = writer_on(both, sizeof(both));
	writer_str(&w, texts[0]);
	writer_str(&w, texts[1]);
	ck_assert(writer_ok(&w));
	fake_sent_forget(site->net);
	fake_write(site->net, c, writer_text(&w));
}

/* Nothing was answered but the first, and nothing of the second is left. */
static void
check_one_guess(const struct site *site, const struct fake_connection *c)
{
	ck_assert_uint_eq(fake_sent_count(site->net), 1);
	ck_assert_int_eq(sent_status(site, 0), 401);
	ck_assert(c->closing);
	ck_assert_int_eq(c->owed, 0);
	ck_assert_uint_eq(row_bindings(site, "bob@example.com"), 0);
	ck_assert_uint_eq(requests_live(site->requests), 0);
	ck_assert_uint_eq(requests_transactions(site->requests), 0);
}

/* SEC-26.3.2.4-1: who is spared and guesses has one guess, however many he writes at once. */
START_TEST(one_guess_while_banned)
{
	static const uint32_t delays_ms[] = { 0, 20 };
	for (size_t i = 0; i < 2; i++) {
		struct site site;
		site_init(&site);
		site.settings.failure_delay_ms = delays_ms[i];
		site_start(&site);
		struct bans *bans = bans_map();
		struct fake_connection *c = connect_bound(&site, 5071);
		limits_use_bans(site.limits, bans, failures_map(1));
		ban_source(&site, bans, false);
		guess_twice(&site, c, (struct site_request){ .login = "bob" });
		ck_assert(c->paused);
		site_pass(&site, 100);
		check_one_guess(&site, c);
		site_close(&site);
	}
}
END_TEST

/* The same of a failure that needs no look-up, and so is answered before the next is looked at. */
START_TEST(nothing_behind_a_failure_at_once)
{
	struct site site;
	site_open(&site);
	struct bans *bans = bans_map();
	struct fake_connection *c = connect_bound(&site, 5071);
	limits_use_bans(site.limits, bans, failures_map(1));
	ban_source(&site, bans, false);
	guess_twice(&site, c, (struct site_request){ .login = "bob", .realm = "example.org" });
	site_pass(&site, 100);
	check_one_guess(&site, c);
	site_close(&site);
}
END_TEST

/* What was taken before the ban is judged in turn, and no more behind a failure: not what stands
 * behind it at the gate, nor what it has looked up at the same time as another one. */
START_TEST(nothing_behind_a_failure_in_flight)
{
	static const char *const logins[] = { "bob", "alice" };
	for (size_t i = 0; i < 2; i++) {
		struct site site;
		site_open(&site);
		struct bans *bans = bans_map();
		struct fake_connection *c = connect_bound(&site, 5071);
		limits_use_bans(site.limits, bans, failures_map(1));
		fake_store_freeze(site.store, true);
		guess_twice(&site, c, (struct site_request){ .login = logins[i] });
		ck_assert_uint_eq(requests_live(site.requests), 2);
		ban_source(&site, bans, false);
		fake_store_freeze(site.store, false);
		site_pass(&site, 100);
		check_one_guess(&site, c);
		ck_assert_uint_eq(site.stats.outcomes[REASON_BANNED][TRANSPORT_TCP], 1);
		site_close(&site);
	}
}
END_TEST

/* Over a connection that is spared requests are judged one by one, and together again when the ban
 * is over. */
START_TEST(spared_one_by_one)
{
	struct site site;
	site_open(&site);
	struct bans *bans = bans_map();
	struct fake_connection *c = fake_connect(site.net, TRANSPORT_TCP, SOURCE);
	const char *contact = "<sip:alice@192.0.2.10:5001>"; /* one of the ten that follow */
	register_over(&site, c, (struct site_request){ .contact = contact, .call_id = "mine" });
	limits_use_bans(site.limits, bans, failures_map(1));
	ban_source(&site, bans, false);
	fake_sent_forget(site.net);
	fake_write(site.net, c, pipeline(&site, 20));
	for (int i = 0; i < 5; i++) {
		ck_assert_uint_eq(requests_live(site.requests), 1);
		site_pass(&site, 1);
	}
	struct ban_set *none = calloc(1, sizeof(*none));
	bans_publish(bans, none);
	free(none);
	uint32_t most = 0;
	for (int i = 0; i < 100; i++) {
		site_pass(&site, 1);
		if (requests_live(site.requests) > most)
			most = requests_live(site.requests);
	}
	ck_assert_uint_eq(most, 8);
	ck_assert_uint_eq(sent_with_status(&site, 200), 20);
	ck_assert(!c->paused && !c->closing);
	ck_assert_int_eq(c->owed, 0);
	site_close(&site);
}
END_TEST

/* SEC-26.1.5-2: connections of one source are bounded, and one that goes makes room */
START_TEST(connections_of_a_source)
{
	struct site site;
	site_init(&site);
	site.limits_settings.connections_per_ip = 2;
	site_start(&site);
	struct fake_connection *a = fake_connect(site.net, TRANSPORT_TCP, SOURCE);
	ck_assert_ptr_nonnull(a);
	ck_assert_ptr_nonnull(fake_connect(site.net, TRANSPORT_TCP, SOURCE));
	ck_assert_ptr_null(fake_connect(site.net, TRANSPORT_TCP, SOURCE));
	ck_assert_ptr_nonnull(fake_connect(site.net, TRANSPORT_TCP, "192.0.2.5:1"));
	fake_hang_up(site.net, a);
	ck_assert_ptr_nonnull(fake_connect(site.net, TRANSPORT_TCP, SOURCE));
	site_close(&site);
}
END_TEST

/* ORD-01, SEC-26.1.5-2: over the rate a stream is closed, a datagram dropped; others are served */
START_TEST(rate_of_a_source)
{
	struct site site;
	site_init(&site);
	site.limits_settings.ip_per_second = 10;
	site.limits_settings.ip_burst = 3;
	site_start(&site);
	struct site_request options = { .method = "OPTIONS", .no_credentials = true, .size = 400 };
	for (int i = 0; i < 10; i++)
		site_send(&site, options);
	ck_assert_uint_eq(fake_sent_count(site.net), 3);
	ck_assert_uint_eq(site.stats.outcomes[REASON_RATE_LIMITED][TRANSPORT_UDP], 7);
	struct fake_connection *c = fake_connect(site.net, TRANSPORT_TCP, SOURCE);
	fake_write(site.net, c, STR("\r\n\r\n")); /* keep-alives are no requests */
	for (int i = 0; i < 3; i++) {		  /* datagrams have used up nothing of it */
		ck_assert(!c->closing);
		fake_write(site.net, c, site_text(&site, options));
	}
	ck_assert(!c->closing);
	fake_write(site.net, c, site_text(&site, options));
	ck_assert(c->closing);
	ck_assert_uint_eq(site.stats.outcomes[REASON_RATE_LIMITED][TRANSPORT_TCP], 1);
	fake_sent_forget(site.net);
	site.host = fake_host("192.0.2.5:40000");
	site_send(&site, options);
	ck_assert_int_eq(sent_status(&site, 0), 200);
	site_close(&site);
}
END_TEST

/* TXN-4320-3: 100 at 3.5 s on streams too */
START_TEST(trying_on_a_stream)
{
	struct site site;
	site_open(&site);
	struct fake_connection *c = fake_connect(site.net, TRANSPORT_TCP, SOURCE);
	fake_store_set_delay(site.store, 2000);
	fake_write(site.net, c, site_text(&site, (struct site_request){ .contact = C1 }));
	site_pass(&site, 3999);
	ck_assert_uint_eq(fake_sent_count(site.net), 1);
	ck_assert_int_eq(sent_status(&site, 0), 100);
	site_pass(&site, 1);
	ck_assert_int_eq(sent_status(&site, 1), 200);
	site_close(&site);
}
END_TEST

SUITE(stream, fifty_in_one_write, fifty_octet_by_octet, no_octet_is_searched_twice,
      nothing_stays_behind_streams, answers_take_their_own_connection, keepalives,
      what_begins_a_message, body_is_no_keepalive, broken_streams, endless_header_section,
      client_leaves, connection_carries_its_bindings, a_binding_that_is_removed_is_carried_no_more,
      connections_of_a_source, rate_of_a_source, trying_on_a_stream, a_ban_spares_who_is_registered,
      a_ban_after_the_binding, one_guess_while_banned, nothing_behind_a_failure_at_once,
      nothing_behind_a_failure_in_flight, spared_one_by_one)
