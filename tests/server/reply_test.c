/* Answers on their way out: where they go, how large they may be, and what is said of them. */
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "server/site.h"

/* TRN-18.2.2-3, TRN-18.2.2-4, TRN-18.2.2-5, TRN-3581-3, TRN-18.2.1-4, TRN-18.2.1-5, D-18: always to
 * the source of the datagram, the port by Via */
START_TEST(targets)
{
	static const struct {
		const char *via;
		const char *target;
	} cases[] = {
		{ "SIP/2.0/UDP 192.0.2.4", "192.0.2.4:5060" },
		{ "SIP/2.0/UDP 192.0.2.4:7000", "192.0.2.4:7000" },
		{ "SIP/2.0/UDP 192.0.2.4:7000;rport", "192.0.2.4:40000" },
		{ "SIP/2.0/UDP 10.0.0.9:5062", "192.0.2.4:5062" },
		{ "SIP/2.0/UDP 10.0.0.9:5062;rport", "192.0.2.4:40000" },
		{ "SIP/2.0/UDP pc.example.net", "192.0.2.4:5060" },
		{ "SIP/2.0/UDP pc.example.net;maddr=198.51.100.9", "192.0.2.4:5060" },
		{ "SIP/2.0/TLS h.example", "192.0.2.4:5060" },
		{ "SIP/2.0/UDP h.example;received=198.51.100.9;rport=9", "192.0.2.4:40000" },
		{ "SIP/2.0/UDP [2001:db8::9]:5062", "192.0.2.4:5062" },
	};
	struct site site;
	site_open(&site);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char via[128], call_id[16];
		snprintf(via, sizeof(via), "%s;branch=z9hG4bK-%zu", cases[i].via, i);
		snprintf(call_id, sizeof(call_id), "a%zu", i);
		struct str text =
			site_text(&site, (struct site_request){ .via = via, .call_id = call_id });
		struct endpoint target;
		ck_assert(endpoint_parse(str_of(cases[i].target), &target));
		fake_datagram(site.net, &site.host, text);
		site_pass(&site, 10);
		fake_datagram(site.net, &site.host, text); /* and the copy from memory */
		for (size_t k = 0; k < 2; k++) {
			ck_assert_int_eq(sent_status(&site, k), 200);
			ck_assert_msg(endpoint_equal(&fake_sent_at(site.net, k)->target, &target),
				      "case %zu", i);
		}
		fake_sent_forget(site.net);
	}
	site_close(&site);
}
END_TEST

/* SEC-26.1.5-1: an answer over three times its request is not sent to who proved nothing */
START_TEST(amplification_is_bounded)
{
	struct site site;
	site_open(&site);
	for (unsigned size = 0; size < 700; size += 7) {
		struct str text = site_text(
			&site, (struct site_request){ .no_credentials = true, .size = size });
		uint64_t silent = site.stats.outcomes[REASON_POLICY_SILENCE][TRANSPORT_UDP];
		fake_datagram(site.net, &site.host, text);
		if (fake_sent_count(site.net) == 0) {
			ck_assert_uint_lt(text.len, 300);
			silent++;
		} else {
			ck_assert_uint_eq(fake_sent_count(site.net), 1);
			ck_assert_uint_le(sent_text(&site, 0).len, 3 * text.len);
		}
		ck_assert_uint_eq(site.stats.outcomes[REASON_POLICY_SILENCE][TRANSPORT_UDP],
				  silent);
		fake_sent_forget(site.net);
	}
	site_close(&site);
}
END_TEST

#define SMALL_REGISTER                                                            \
	"REGISTER sip:example.com SIP/2.0\r\nv:SIP/2.0/UDP h;branch=z9hG4bK1\r\n" \
	"f:<sip:a@b>;tag=1\r\nt:<sip:a@example.com>\r\ni:1\r\nCSeq:1 REGISTER\r\nl:0\r\n\r\n"

/* SEC-26.1.5-1: a small REGISTER without credentials gets silence over UDP and its challenge over
 * TCP; CANCEL and OPTIONS stay within the bound */
START_TEST(small_requests)
{
	struct site site;
	site_open(&site);
	struct str small_register = STR(SMALL_REGISTER);
	ck_assert_uint_lt(small_register.len, 150);
	fake_datagram(site.net, &site.host, small_register);
	ck_assert_uint_eq(fake_sent_count(site.net), 0);
	ck_assert_uint_eq(site.stats.outcomes[REASON_POLICY_SILENCE][TRANSPORT_UDP], 1);
	ck_assert_uint_eq(site.stats.outcomes[REASON_CHALLENGED][TRANSPORT_UDP], 0);
	struct fake_connection *c = fake_connect(site.net, TRANSPORT_TCP, "192.0.2.4:40000");
	fake_write(site.net, c, small_register);
	ck_assert_int_eq(sent_status(&site, 0), 401);
	ck_assert_uint_gt(sent_text(&site, 0).len, 3 * small_register.len);
	site_close(&site);
}
END_TEST

/* TRN-18.1.1-2: who proved a password gets his list, however long, over the transport of the
 * request; and its copy too */
START_TEST(long_lists_are_sent)
{
	struct site site;
	site_open(&site);
	for (unsigned i = 1; i <= 10; i++) {
		char contact[1024];
		int len = snprintf(contact, sizeof(contact), "<sip:alice@192.0.2.%u;x=", i);
		memset(contact + len, 'y', 900);
		snprintf(contact + len + 900, sizeof(contact) - (size_t)len - 900, ">");
		site_send(&site, (struct site_request){ .contact = contact, .cseq = i });
		site_pass(&site, 10);
		ck_assert_int_eq(sent_status(&site, i - 1), 200);
	}
	fake_sent_forget(site.net);
	struct str text = site_text(&site, (struct site_request){ .cseq = 11 });
	fake_datagram(site.net, &site.host, text);
	site_pass(&site, 10);
	fake_datagram(site.net, &site.host, text);
	ck_assert_uint_gt(sent_text(&site, 0).len, 9000);
	ck_assert(str_eq(sent_text(&site, 0), sent_text(&site, 1)));
	site_close(&site);
}
END_TEST

static void
send_others(struct site *site)
{
	char contact[1024];
	for (unsigned i = 1; i <= 9; i++) {
		int len = snprintf(contact, sizeof(contact), "<sip:alice@192.0.2.%u;x=", i);
		memset(contact + len, 'y', 900);
		snprintf(contact + len + 900, sizeof(contact) - (size_t)len - 900, ">");
		site_send(site, (struct site_request){
					.contact = contact, .call_id = "others", .cseq = i });
		site_pass(site, 10);
	}
}

static void
expect_no_amplification(bool others_first)
{
	static const struct {
		const char *source;
		bool answered;
	} cases[] = { { "198.51.100.9:5060", false },
		      { "192.0.2.4:40000", true },
		      { "192.0.2.4:40001", true },
		      { "192.0.2.5:40000", false } };
	struct site site;
	site_open(&site);
	if (others_first)
		send_others(&site);
	struct str text = site_text(&site, (struct site_request){ .contact = "<sip:captured@h>" });
	fake_datagram(site.net, &site.host, text);
	site_pass(&site, 10);
	ck_assert_int_eq(sent_status(&site, others_first ? 9 : 0), 200);
	if (!others_first)
		send_others(&site);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct peer peer = fake_host(cases[i].source);
		site_pass(&site, 33000); /* its transaction is forgotten */
		fake_sent_forget(site.net);
		fake_datagram(site.net, &peer, text);
		site_pass(&site, 10);
		ck_assert_msg(fake_sent_count(site.net) == cases[i].answered, "case %zu", i);
		if (cases[i].answered)
			ck_assert_uint_gt(sent_text(&site, 0).len, 3 * text.len);
	}
	ck_assert_uint_eq(site.stats.outcomes[REASON_POLICY_SILENCE][TRANSPORT_UDP], 2);
	ck_assert_uint_eq(row_bindings(&site, "alice@example.com"), 10);
	site_close(&site);
}

/* SEC-26.1.5-1: a request that was captured proves nothing of who sends it again with a source of
 * his choice; the client itself, from another port too, gets its answer */
START_TEST(a_captured_request_amplifies_nothing)
{
	expect_no_amplification(true);
	expect_no_amplification(false);
}
END_TEST

/* When not every datagram can leave, the answers do that somebody has shown a right password for:
 * the net is told, also of a copy that asks for one again. */
START_TEST(who_has_proved_a_password)
{
	static const struct {
		struct site_request request;
		int status;
		bool proved;
	} cases[] = {
		{ { .no_credentials = true, .size = 400 }, 401, false },
		{ { .password = "guess" }, 401, false },
		{ { .contact = "<sip:alice@192.0.2.10>" }, 200, true },
		{ { .contact = "<sip:alice@192.0.2.10>;expires=30" }, 423, true },
		{ { .method = "OPTIONS", .no_credentials = true, .size = 400 }, 200, false },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct site site;
		site_open(&site);
		struct str text = site_text(&site, cases[i].request);
		fake_datagram(site.net, &site.host, text);
		site_pass(&site, 100);
		ck_assert_int_eq(sent_status(&site, 0), cases[i].status);
		ck_assert_msg(fake_sent_at(site.net, 0)->peer.proved == cases[i].proved, "case %zu",
			      i);
		fake_datagram(site.net, &site.host, text);
		site_pass(&site, 100);
		ck_assert_msg(fake_sent_at(site.net, 1)->peer.proved ==
				      (cases[i].status == 200 && cases[i].proved),
			      "case %zu again", i);
		site_close(&site);
	}
}
END_TEST

/* A User-Agent of the list gets silence, and on a connection its end. */
START_TEST(scanners_get_silence)
{
	static const char *const agents[] = { "friendly-scanner", "sipvicious" };
	struct site site;
	site_init(&site);
	site.settings.drop_agents = agents;
	site.settings.drop_agent_count = 2;
	site_start(&site);
	struct site_request request = { .method = "OPTIONS",
					.no_credentials = true,
					.fields = "User-Agent: Friendly-Scanner/1.0\r\n",
					.size = 400 };
	site_send(&site, request);
	struct fake_connection *c = fake_connect(site.net, TRANSPORT_TCP, "192.0.2.4:40000");
	fake_write(site.net, c, site_text(&site, request));
	ck_assert_uint_eq(fake_sent_count(site.net), 0);
	ck_assert(c->closing);
	ck_assert_uint_eq(site.stats.outcomes[REASON_SCANNER][TRANSPORT_UDP], 1);
	ck_assert_uint_eq(site.stats.outcomes[REASON_SCANNER][TRANSPORT_TCP], 1);
	request.fields = "User-Agent: a friendly-scanner\r\n"; /* no prefix */
	site_send(&site, request);
	ck_assert_int_eq(sent_status(&site, 0), 200);
	site_close(&site);
}
END_TEST

/* --- what is counted and logged ------------------------------------------------------------ */

static int log_fd;

static void
capture_log(enum log_level level)
{
	log_fd = memfd_create("log", 0);
	ck_assert_int_eq(dup2(log_fd, STDERR_FILENO), STDERR_FILENO);
	log_setup(level, LOG_FORMAT_TEXT, "reg-1");
}

/* Lines with the text since the last call; *last is the last of them. */
static unsigned
logged(const char *text, char last[static 2048])
{
	static char buf[1 << 16];
	unsigned count = 0;
	ssize_t len = pread(log_fd, buf, sizeof(buf) - 1, 0);
	buf[len > 0 ? len : 0] = '\0';
	ck_assert_int_eq(ftruncate(log_fd, 0), 0);
	lseek(log_fd, 0, SEEK_SET);
	struct str rest = str_of(buf), line;
	while (str_cut(rest, '\n', &line, &rest)) {
		if (memmem(line.p, line.len, text, strlen(text)) == NULL)
			continue;
		str_copy(last, 2048, line);
		count++;
	}
	return count;
}

/* Failures of one source and reason: a line a second, with the number of those in between. */
START_TEST(failures_are_logged_once_a_second)
{
	struct site site;
	char line[2048];
	site_open(&site);
	capture_log(LOG_LEVEL_WARNING);
	fake_loop_pass(site.loop, 1000 - loop_now_ms(site.loop) % 1000);
	for (int i = 0; i < 9; i++) {
		char call_id[16];
		snprintf(call_id, sizeof(call_id), "w%d", i);
		site_send(&site, (struct site_request){ .password = "wrong", .call_id = call_id });
		site_pass(&site, 10);
	}
	ck_assert_uint_eq(logged("auth.failed", line), 1);
	ck_assert_ptr_nonnull(strstr(line, " warning auth.failed reason=bad_password "
					   "src=192.0.2.4:40000 transport=udp status=401 "
					   "node=reg-1 count=1 user=\"alice\" "));
	ck_assert_ptr_null(strstr(line, "response"));
	site_send(&site, (struct site_request){ .login = "nobody", .call_id = "n" });
	site_pass(&site, 10);
	ck_assert_uint_eq(logged("reason=unknown_user", line), 1);
	site_pass(&site, 1000);
	site_send(&site, (struct site_request){ .password = "wrong", .call_id = "last" });
	site_pass(&site, 10);
	ck_assert_uint_eq(logged("auth.failed", line), 1);
	ck_assert_ptr_nonnull(strstr(line, "count=9 "));
	ck_assert_uint_eq(site.stats.outcomes[REASON_BAD_PASSWORD][TRANSPORT_UDP], 10);
	site_close(&site);
}
END_TEST

/* Forged sources do not fill the disk: a bounded number of lines a second, all counted. */
START_TEST(failures_of_many_sources)
{
	struct site site;
	char line[2048];
	site_open(&site);
	capture_log(LOG_LEVEL_WARNING);
	fake_loop_pass(site.loop, 1000 - loop_now_ms(site.loop) % 1000);
	for (int second = 0; second < 2; second++) {
		for (unsigned i = 0; i < 100; i++) {
			char call_id[16], source[32];
			snprintf(call_id, sizeof(call_id), "%d-%u", second, i);
			snprintf(source, sizeof(source), "198.51.100.%u:5060", i);
			struct peer stranger = fake_host(source);
			fake_datagram(
				site.net, &stranger,
				site_text(&site, (struct site_request){ .login = "nobody",
									.call_id = call_id }));
			site_pass(&site, 5);
		}
		ck_assert_uint_eq(logged("auth.failed", line), 20);
		site_pass(&site, 500);
	}
	ck_assert_uint_eq(site.stats.outcomes[REASON_UNKNOWN_USER][TRANSPORT_UDP], 200);
	site_close(&site);
}
END_TEST

/* REG-DB-2: a line for each time that the clock was set, and none for what clocks differ by */
START_TEST(a_clock_that_was_set_is_logged)
{
	const int64_t set_ms[] = { 86400000, 86400000, 0, 0, 9000, 0, 0 };
	const char *said[] = { "time has gone ahead by 86400s",
			       NULL,
			       "time has gone back by 86400s",
			       NULL,
			       NULL,
			       NULL,
			       NULL };
	struct site site;
	char line[2048];
	site_open(&site);
	site_send(&site, (struct site_request){ .call_id = "first" });
	capture_log(LOG_LEVEL_WARNING);
	for (size_t i = 0; i < sizeof(set_ms) / sizeof(*set_ms); i++) {
		char call_id[16];
		snprintf(call_id, sizeof(call_id), "t%zu", i);
		site_pass(&site, 5);
		fake_loop_set_real(site.loop, FAKE_REAL_MS + set_ms[i]);
		site_send(&site, (struct site_request){ .call_id = call_id });
		ck_assert_uint_eq(logged("db.clock", line), said[i] != NULL);
		if (said[i] != NULL)
			ck_assert_ptr_nonnull(strstr(line, said[i]));
	}
	site_pass(&site, 600000);
	site_send(&site, (struct site_request){ .call_id = "last" });
	ck_assert_uint_eq(logged("db.clock", line), 0); /* time that has passed is no jump */
	site_close(&site);
}
END_TEST

/* SEC-26.1-1: what came from the network is escaped and bounded; SEC-26.2-1: credentials are not
 * logged */
START_TEST(log_lines_are_safe)
{
	struct site site;
	char line[2048];
	char fields[1200];
	site_open(&site);
	capture_log(LOG_LEVEL_DEBUG);
	int len = snprintf(fields, sizeof(fields), "User-Agent: evil\x1b[31m\"\n src=1.2.3.4 ");
	memset(fields + len, 'z', 1000);
	snprintf(fields + len + 1000, sizeof(fields) - (size_t)len - 1000, "\r\n");
	fields[strcspn(fields, "\n")] = '\t';
	site_send(&site,
		  (struct site_request){ .contact = "<sip:alice@192.0.2.10>", .fields = fields });
	site_pass(&site, 10);
	ck_assert_int_eq(sent_status(&site, 0), 200);
	ck_assert_uint_eq(logged("registration", line), 1);
	ck_assert_uint_lt(strlen(line), 900);
	ck_assert_ptr_nonnull(strstr(line, "agent=\"evil\\x1b[31m\\\""));
	ck_assert_ptr_nonnull(strstr(line, "reason=registered src=192.0.2.4:40000"));
	ck_assert_ptr_null(strstr(line, "Digest"));
	site_close(&site);
}
END_TEST

/* Each outcome is counted once under its reason and transport, and has its event and level. */
START_TEST(outcomes_are_counted)
{
	struct site site;
	char line[2048];
	site_open(&site);
	capture_log(LOG_LEVEL_DEBUG);
	struct site_request add = { .contact = "<sip:alice@192.0.2.10>" };
	struct site_request again = { .contact = "<sip:alice@192.0.2.10>", .cseq = 2 };
	struct site_request remove = { .contact = "<sip:alice@192.0.2.10>;expires=0", .cseq = 3 };
	struct site_request fetch = { .cseq = 4 };
	struct site_request steps[] = { add, again, remove, fetch };
	static const enum reason reasons[] = { REASON_REGISTERED, REASON_REFRESHED, REASON_REMOVED,
					       REASON_FETCHED };
	for (int i = 0; i < 4; i++) {
		site_send(&site, steps[i]);
		site_pass(&site, 10);
		ck_assert_uint_eq(site.stats.outcomes[reasons[i]][TRANSPORT_UDP], 1);
		ck_assert_uint_eq(logged(" info registration ", line), 1);
		ck_assert_ptr_nonnull(strstr(line, reason_word(reasons[i])));
	}
	site_send(&site,
		  (struct site_request){ .no_credentials = true, .call_id = "c", .size = 400 });
	ck_assert_uint_eq(site.stats.outcomes[REASON_CHALLENGED][TRANSPORT_UDP], 1);
	ck_assert_uint_eq(logged(" debug auth.challenge ", line), 1);
	site_send(&site, (struct site_request){ .uri = "sip:nowhere.example" });
	ck_assert_uint_eq(site.stats.outcomes[REASON_DOMAIN_NOT_SERVED][TRANSPORT_UDP], 1);
	ck_assert_uint_eq(logged(" notice request.refused ", line), 1);
	site_send(&site, (struct site_request){ .method = "SUBSCRIBE" });
	ck_assert_uint_eq(site.stats.outcomes[REASON_METHOD_NOT_ALLOWED][TRANSPORT_UDP], 1);
	ck_assert_uint_eq(logged(" debug request.refused ", line), 1);
	site_send(&site, (struct site_request){ .contact = "<sip:alice@192.0.2.10>;expires=5",
						.cseq = 5 });
	site_pass(&site, 10);
	ck_assert_uint_eq(site.stats.outcomes[REASON_INTERVAL_TOO_BRIEF][TRANSPORT_UDP], 1);
	ck_assert_uint_eq(logged(" notice request.refused ", line), 1);
	ck_assert_uint_eq(STATS_SUM(site.stats.sip_responses), 8);
	site_close(&site);
}
END_TEST

/* A phone that is refused before it has proved anything is found by what it asked for, without a
 * password that somebody put there. */
START_TEST(a_mistyped_domain_is_found_in_the_log)
{
	struct site site;
	char line[2048];
	char to[1024];
	site_open(&site);
	capture_log(LOG_LEVEL_INFO);
	site_send(&site, (struct site_request){ .uri = "sip:exmaple.com",
						.to = "\"A\" <sip:alice:pass@exmaple.com>",
						.no_credentials = true });
	ck_assert_int_eq(sent_status(&site, 0), 404);
	ck_assert_uint_eq(logged(" notice request.refused ", line), 1);
	ck_assert_ptr_nonnull(strstr(line, "reason=domain_not_served src=192.0.2.4:40000 "));
	ck_assert_ptr_nonnull(strstr(line, " user=\"\" aor=\"alice@exmaple.com\" method="));
	site_pass(&site, 1000);
	int len = snprintf(to, sizeof(to), "<sip:");
	memset(to + len, 'a', 900);
	snprintf(to + len + 900, sizeof(to) - (size_t)len - 900, "@exmaple.com>");
	site_send(&site, (struct site_request){ .uri = "sip:exmaple.com", .to = to });
	ck_assert_uint_eq(logged(" notice request.refused ", line), 1);
	ck_assert_uint_lt(strlen(line), 600);
	ck_assert_ptr_nonnull(strstr(line, " aor=\"aaaa"));
	site_close(&site);
}
END_TEST

static void
send_strangers(struct site *site, unsigned from)
{
	for (unsigned i = from; i < from + 100; i++) {
		char call_id[16], source[32];
		snprintf(call_id, sizeof(call_id), "s%u", i);
		snprintf(source, sizeof(source), "198.51.100.%u:5060", i % 100 + 1);
		struct peer stranger = fake_host(source);
		fake_datagram(site->net, &stranger,
			      site_text(site, (struct site_request){ .uri = "sip:nowhere.example",
								     .call_id = call_id,
								     .no_credentials = true }));
	}
}

/* A bounded number of lines a second for all who proved nothing, and a user's is told beside them.
 */
START_TEST(refusals_of_many_sources)
{
	struct site site;
	char line[2048];
	site_open(&site);
	fake_loop_pass(site.loop, 1000 - loop_now_ms(site.loop) % 1000);
	capture_log(LOG_LEVEL_INFO);
	for (unsigned second = 0; second < 2; second++) {
		send_strangers(&site, 100 * second);
		site_send(&site,
			  (struct site_request){ .contact = "<sip:alice@192.0.2.10>;expires=5",
						 .cseq = second + 1 });
		site_pass(&site, 10);
		ck_assert_uint_eq(logged("request.refused", line), 21);
		ck_assert_ptr_nonnull(strstr(line, "reason=interval_too_brief "));
		site_pass(&site, 990);
	}
	ck_assert_uint_eq(site.stats.outcomes[REASON_DOMAIN_NOT_SERVED][TRANSPORT_UDP], 200);
	site_close(&site);
}
END_TEST

SUITE(reply, targets, amplification_is_bounded, small_requests, long_lists_are_sent,
      a_captured_request_amplifies_nothing, who_has_proved_a_password, scanners_get_silence,
      failures_are_logged_once_a_second, failures_of_many_sources, a_clock_that_was_set_is_logged,
      log_lines_are_safe, outcomes_are_counted, a_mistyped_domain_is_found_in_the_log,
      refusals_of_many_sources)
