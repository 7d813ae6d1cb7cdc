/* What the state of the server does to requests that come now (ORD-31). */
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "server/site.h"

static int
options_status(struct site *site)
{
	fake_sent_forget(site->net);
	site_send(site, (struct site_request){
				.method = "OPTIONS", .no_credentials = true, .size = 400 });
	return sent_status(site, 0);
}

/* Before any challenge: without credentials. */
static int
register_status(struct site *site)
{
	fake_sent_forget(site->net);
	site_send(site,
		  (struct site_request){ .no_credentials = true, .call_id = "r", .size = 400 });
	return sent_status(site, 0);
}

/* ORD-31, REG-DB-6, UAS-20.33-1, UAS-11-1: REGISTER is 503 as soon as the database is known to be
 * away, OPTIONS (the verdict of /readyz) only when it has been for longer than the grace, or was
 * never there; and never when the operator wants it so */
START_TEST(database_is_away)
{
	static const struct {
		enum store_state state;
		uint64_t down_ms;
		bool fail;
		int registers;
		int options;
	} cases[] = {
		{ STORE_UP, 0, true, 401, 200 },	 { STORE_SILENT, 600, true, 503, 200 },
		{ STORE_DOWN, 1000, true, 503, 200 },	 { STORE_DOWN, 30000, true, 503, 200 },
		{ STORE_DOWN, 30001, true, 503, 503 },	 { STORE_DOWN, 3000000, false, 503, 200 },
		{ STORE_CONNECTING, 0, true, 503, 503 }, { STORE_CONNECTING, 0, false, 503, 200 },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct site site;
		site_init(&site);
		site.settings.fail_on_database = cases[i].fail;
		site_start(&site);
		fake_store_set_state(site.store, cases[i].state);
		fake_store_set_down(site.store, cases[i].down_ms);
		ck_assert_msg(register_status(&site) == cases[i].registers, "case %zu", i);
		if (cases[i].registers == 503) {
			uint64_t seconds;
			ck_assert(str_to_u64(sent_field(&site, 0, "Retry-After"), 90, &seconds));
			ck_assert_uint_ge(seconds, 20);
		}
		ck_assert_msg(options_status(&site) == cases[i].options, "case %zu", i);
		ck_assert_int_eq(requests_ready(site.requests), cases[i].options == 200);
		site_close(&site);
	}
}
END_TEST

/* TXN-4321-1: a silent lane is another reason than a lost one */
START_TEST(reasons)
{
	struct site site;
	site_open(&site);
	fake_store_set_state(site.store, STORE_SILENT);
	register_status(&site);
	ck_assert_uint_eq(site.stats.outcomes[REASON_DATABASE_TIMEOUT][TRANSPORT_UDP], 1);
	fake_store_set_state(site.store, STORE_DOWN);
	register_status(&site);
	ck_assert_uint_eq(site.stats.outcomes[REASON_DATABASE_UNAVAILABLE][TRANSPORT_UDP], 1);
	ck_assert_uint_eq(fake_store_lookups(site.store), 0);
	ck_assert_uint_eq(requests_transactions(site.requests), 0);
	site_close(&site);
}
END_TEST

/* Without a nonce key nobody can be challenged. */
START_TEST(no_nonce_key_yet)
{
	struct site site;
	site_open(&site);
	fake_store_forget_keys(site.store);
	ck_assert_int_eq(register_status(&site), 503);
	ck_assert_int_eq(options_status(&site), 503);
	site_close(&site);
}
END_TEST

/* Draining: OPTIONS turns load balancers away at once, REGISTER is served to the end. */
START_TEST(draining)
{
	struct site site;
	site_open(&site);
	requests_drain(site.requests, true);
	ck_assert_int_eq(options_status(&site), 503);
	ck_assert_uint_eq(site.stats.outcomes[REASON_DRAINING][TRANSPORT_UDP], 1);
	ck_assert_int_eq(register_status(&site), 401);
	fake_sent_forget(site.net);
	site_send(&site, (struct site_request){ .contact = "<sip:alice@192.0.2.10>" });
	site_pass(&site, 10);
	ck_assert_int_eq(sent_status(&site, 0), 200);
	ck_assert(requests_ready(site.requests));
	fake_sent_forget(site.net);
	requests_drain(site.requests, false);
	ck_assert_int_eq(options_status(&site), 200);
	site_close(&site);
}
END_TEST

/* ORD-31: when the oldest look-up waits for longer than overload_delay, new work is shed, until it
 * is over */
START_TEST(overload)
{
	struct site site;
	site_init(&site);
	site.settings.overload_delay_ms = 500;
	site_start(&site);
	fake_store_set_delay(site.store, 1000);
	site_send(&site, (struct site_request){ .contact = "<sip:alice@192.0.2.10>" });
	site_pass(&site, 500);
	ck_assert_int_eq(register_status(&site), 401);
	site_pass(&site, 1);
	ck_assert_int_eq(register_status(&site), 503);
	ck_assert_uint_eq(site.stats.outcomes[REASON_OVERLOADED][TRANSPORT_UDP], 1);
	ck_assert_int_eq(options_status(&site), 503);
	fake_sent_forget(site.net);
	site_pass(&site, 1499);
	ck_assert_int_eq(sent_status(&site, 0), 200);
	ck_assert_int_eq(register_status(&site), 401);
	ck_assert_int_eq(options_status(&site), 200);
	site_close(&site);
}
END_TEST

/* A row that somebody has locked delays whoever wants it, and nobody else. */
START_TEST(one_locked_row_is_no_overload)
{
	struct site site;
	site_init(&site);
	site.settings.overload_delay_ms = 500;
	site_start(&site);
	fake_store_freeze(site.store, true);
	site_send(&site, (struct site_request){ .contact = "<sip:alice@192.0.2.10>" });
	fake_store_repeat(site.store);
	site_pass(&site, 800);
	ck_assert_int_eq(register_status(&site), 401);
	ck_assert_int_eq(options_status(&site), 200);
	site_send(&site,
		  (struct site_request){ .login = "bob", .password = "bob's", .call_id = "b" });
	site_pass(&site, 501);
	ck_assert_int_eq(register_status(&site), 503);
	site_close(&site);
}
END_TEST

/* ORD-31: requests that wait for a database that fell silent are no overload: the node stays ready
 * for as long as db_grace says, or a pause of the database would take all nodes away at once. */
START_TEST(a_silent_database_is_no_overload)
{
	struct site site;
	site_init(&site);
	site.settings.overload_delay_ms = 500;
	site_start(&site);
	fake_store_freeze(site.store, true);
	site_send(&site, (struct site_request){ .contact = "<sip:alice@192.0.2.10>" });
	site_pass(&site, 600);
	fake_store_set_state(site.store, STORE_SILENT);
	fake_store_set_down(site.store, 100);
	ck_assert_int_eq(register_status(&site), 503);
	ck_assert_uint_eq(site.stats.outcomes[REASON_DATABASE_TIMEOUT][TRANSPORT_UDP], 1);
	ck_assert_int_eq(options_status(&site), 200);
	ck_assert(requests_ready(site.requests));
	site_close(&site);
}
END_TEST

/* At the limit the verdict changes from request to request; the log says it twice. */
START_TEST(overload_is_told_once)
{
	struct site site;
	char text[4096];
	site_init(&site);
	site.settings.max_requests = 1;
	site_start(&site);
	int log_fd = memfd_create("log", 0);
	ck_assert_int_eq(dup2(log_fd, STDERR_FILENO), STDERR_FILENO);
	log_setup(LOG_LEVEL_NOTICE, LOG_FORMAT_TEXT, "reg-1");
	fake_store_set_delay(site.store, 5);
	for (unsigned i = 0; i < 50; i++) {
		char call_id[16];
		snprintf(call_id, sizeof(call_id), "c%u", i);
		site_send(&site, (struct site_request){ .call_id = call_id });
		ck_assert_int_eq(register_status(&site), 503);
		site_pass(&site, 20);
		ck_assert_int_eq(register_status(&site), 401);
	}
	site_pass(&site, 1000);
	requests_ready(site.requests);
	requests_ready(site.requests);
	ssize_t len = pread(log_fd, text, sizeof(text) - 1, 0);
	text[len < 0 ? 0 : len] = '\0';
	unsigned lines = 0;
	for (const char *at = text; (at = strstr(at, " overload ")) != NULL; at++)
		lines++;
	ck_assert_uint_eq(lines, 2);
	ck_assert_ptr_nonnull(strstr(text, "\"over\""));
	site_close(&site);
}
END_TEST

SUITE(readiness, database_is_away, reasons, no_nonce_key_yet, draining, overload,
      one_locked_row_is_no_overload, a_silent_database_is_no_overload, overload_is_told_once)
