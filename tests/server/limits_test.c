/* Rates and counts, with time as an argument. */
#include "server/limits.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/table.h"
#include "support/check_main.h"

static struct ip
ip(const char *text)
{
	struct ip value;
	ck_assert(ip_parse(str_of(text), &value));
	return value;
}

static struct limits_settings
usual(void)
{
	table_seed();
	return (struct limits_settings){ .ip_per_second = 10,
					 .ip_burst = 5,
					 .aor_per_second = 2,
					 .connections_per_ip = 3,
					 .ipv6_prefix = 64,
					 .table_entries = 8 };
}

static unsigned
passed_over(enum transport transport, struct limits *limits, const char *source, unsigned tries,
	    uint64_t now_ms)
{
	struct ip address = ip(source);
	unsigned count = 0;
	for (unsigned i = 0; i < tries; i++)
		count += limits_request(limits, transport, &address, now_ms);
	return count;
}

static unsigned
passed(struct limits *limits, const char *source, unsigned tries, uint64_t now_ms)
{
	return passed_over(TRANSPORT_UDP, limits, source, tries, now_ms);
}

/* As a right password does, when it may. */
static bool
registers(struct limits *limits, const char *aor, const struct ip *source, uint64_t now_ms)
{
	if (!limits_aor_left(limits, TRANSPORT_UDP, str_of(aor), source, now_ms))
		return false;
	limits_aor_take(limits, TRANSPORT_UDP, str_of(aor), source, now_ms);
	return true;
}

/* SEC-26.1.5-2: a burst, then the rate; others do not notice */
START_TEST(burst_then_rate)
{
	struct limits_settings settings = usual();
	struct limits *limits = limits_open(&settings);
	ck_assert_ptr_nonnull(limits);
	ck_assert_uint_eq(passed(limits, "192.0.2.1", 20, 1000), 5);
	ck_assert_uint_eq(passed(limits, "192.0.2.1", 20, 1099), 0);
	ck_assert_uint_eq(passed(limits, "192.0.2.1", 20, 1100), 1);
	ck_assert_uint_eq(passed(limits, "192.0.2.2", 20, 1100), 5);
	ck_assert_uint_eq(passed(limits, "192.0.2.1", 20, 1400), 3);
	ck_assert_uint_eq(passed(limits, "192.0.2.1", 20, 60000), 5);
	limits_close(limits);
}
END_TEST

/* SEC-26.1.5-2: an IPv6 source is its prefix, and a mapped IPv4 address is that address */
START_TEST(sources_by_prefix)
{
	struct limits_settings settings = usual();
	struct limits *limits = limits_open(&settings);
	ck_assert_ptr_nonnull(limits);
	ck_assert_uint_eq(passed(limits, "2001:db8:0:1::1", 3, 1000), 3);
	ck_assert_uint_eq(passed(limits, "2001:db8:0:1:ffff::2", 9, 1000), 2);
	ck_assert_uint_eq(passed(limits, "2001:db8:0:2::1", 9, 1000), 5);
	ck_assert_uint_eq(passed(limits, "192.0.2.9", 3, 1000), 3);
	ck_assert_uint_eq(passed(limits, "::ffff:192.0.2.9", 9, 1000), 2);
	limits_close(limits);
}
END_TEST

/* SEC-26.3.2.4-1: forged datagrams take nothing from the connections of whom they name */
START_TEST(datagrams_and_streams_by_themselves)
{
	struct limits_settings settings = usual();
	struct limits *limits = limits_open(&settings);
	ck_assert_ptr_nonnull(limits);
	ck_assert_uint_eq(passed_over(TRANSPORT_UDP, limits, "192.0.2.1", 20, 1000), 5);
	ck_assert_uint_eq(passed_over(TRANSPORT_TCP, limits, "192.0.2.1", 3, 1000), 3);
	ck_assert_uint_eq(passed_over(TRANSPORT_TLS, limits, "192.0.2.1", 20, 1000), 2);
	ck_assert_uint_eq(passed_over(TRANSPORT_UDP, limits, "192.0.2.1", 20, 1100), 1);
	ck_assert_uint_eq(passed_over(TRANSPORT_TLS, limits, "192.0.2.1", 20, 1100), 1);
	limits_close(limits);
}
END_TEST

/* SEC-26.3.2.4-1: whoever only asks takes nothing */
START_TEST(asking_takes_nothing)
{
	struct limits_settings settings = usual();
	settings.table_entries = 2;
	struct limits *limits = limits_open(&settings);
	ck_assert_ptr_nonnull(limits);
	struct ip alice = ip("192.0.2.1");
	for (unsigned i = 0; i < 20; i++)
		ck_assert(registers(limits, "alice@example.com", &alice, 1000));
	ck_assert(!registers(limits, "alice@example.com", &alice, 1000));
	ck_assert(limits_aor_left(limits, TRANSPORT_TLS, STR("alice@example.com"), &alice, 1000));
	for (unsigned i = 0; i < 100; i++) {
		char stranger[32];
		snprintf(stranger, sizeof(stranger), "198.51.100.%u", i);
		struct ip source = ip(stranger);
		ck_assert(limits_aor_left(limits, TRANSPORT_UDP, STR("alice@example.com"), &source,
					  1000));
	}
	ck_assert(!limits_aor_left(limits, TRANSPORT_UDP, STR("alice@example.com"), &alice,
				   1000)); /* known still */
	ck_assert(!limits_aor_left(limits, TRANSPORT_UDP, STR("alice@example.com"), &alice, 1499));
	ck_assert(limits_aor_left(limits, TRANSPORT_UDP, STR("alice@example.com"), &alice, 1500));
	ck_assert(limits_aor_left(limits, TRANSPORT_UDP, STR("alice@example.com"), &alice, 1500));
	limits_close(limits);
}
END_TEST

/* SEC-26.3.2.4-1: what one source does to an address-of-record is not held against another */
START_TEST(aor_by_source)
{
	struct limits_settings settings = usual();
	struct limits *limits = limits_open(&settings);
	ck_assert_ptr_nonnull(limits);
	struct ip mallory = ip("198.51.100.1"), alice = ip("192.0.2.1");
	unsigned count = 0;
	for (unsigned i = 0; i < 100; i++)
		count += registers(limits, "alice@example.com", &mallory, 1000);
	ck_assert_uint_eq(count, 20); /* ten seconds' worth */
	ck_assert(registers(limits, "alice@example.com", &alice, 1000));
	ck_assert(registers(limits, "bob@example.com", &mallory, 1000));
	ck_assert(!registers(limits, "alice@example.com", &mallory, 1499));
	ck_assert(registers(limits, "alice@example.com", &mallory, 1500));
	limits_close(limits);
}
END_TEST

/* How many of so many tries are let in; mark is that of the last. */
static unsigned
connects(struct limits *limits, const struct ip *source, uint64_t *mark, unsigned tries)
{
	unsigned count = 0;
	uint64_t latest;
	for (unsigned i = 0; i < tries; i++) {
		if (!limits_connection(limits, source, &latest))
			continue;
		*mark = latest;
		count++;
	}
	return count;
}

/* SEC-26.1.5-2: connections at the limit, one more, and one that went */
START_TEST(connections_are_counted)
{
	struct limits_settings settings = usual();
	struct limits *limits = limits_open(&settings);
	ck_assert_ptr_nonnull(limits);
	struct ip source = ip("192.0.2.1"), other = ip("192.0.2.2");
	uint64_t mark, others;
	ck_assert_uint_eq(connects(limits, &source, &mark, 5), 3);
	ck_assert_uint_eq(connects(limits, &other, &others, 1), 1);
	limits_connection_closed(limits, &source, mark);
	ck_assert_uint_eq(connects(limits, &source, &mark, 5), 1);
	limits_close(limits);
}
END_TEST

/* SEC-26.1.5-2: one that was let in uncounted makes no room for another one when it goes */
START_TEST(what_was_not_counted_is_not_given_back)
{
	struct limits_settings settings = usual();
	struct ip_prefix exempt;
	ck_assert(ip_prefix_parse(STR("192.0.2.0/24"), &exempt));
	settings.exempt = &exempt;
	settings.exempt_count = 1;
	struct limits *limits = limits_open(&settings);
	ck_assert_ptr_nonnull(limits);
	struct ip source = ip("192.0.2.1");
	uint64_t early, mark;
	ck_assert_uint_eq(connects(limits, &source, &early, 1), 1);
	settings.exempt_count = 0;
	limits_configure(limits, &settings);
	ck_assert_uint_eq(connects(limits, &source, &mark, 5), 3);
	limits_connection_closed(limits, &source, early);
	ck_assert_uint_eq(connects(limits, &source, &mark, 1), 0);
	limits_close(limits);
}
END_TEST

/* The same for one whose entry another source has had since. */
START_TEST(what_was_forgotten_is_not_given_back)
{
	struct limits_settings settings = usual();
	struct limits *limits = limits_open(&settings);
	ck_assert_ptr_nonnull(limits);
	struct ip source = ip("192.0.2.1");
	uint64_t early, mark;
	ck_assert_uint_eq(connects(limits, &source, &early, 1), 1);
	for (int i = 0; i < 8; i++) {
		char text[32];
		snprintf(text, sizeof(text), "198.51.100.%d", i);
		struct ip other = ip(text);
		ck_assert_uint_eq(connects(limits, &other, &mark, 1), 1);
	}
	ck_assert_uint_eq(connects(limits, &source, &mark, 5), 3);
	limits_connection_closed(limits, &source, early);
	ck_assert_uint_eq(connects(limits, &source, &mark, 1), 0);
	limits_close(limits);
}
END_TEST

START_TEST(exempt_sources_have_no_limit)
{
	struct ip_prefix exempt[2];
	ck_assert(ip_prefix_parse(STR("127.0.0.0/8"), &exempt[0]));
	ck_assert(ip_prefix_parse(STR("::1/128"), &exempt[1]));
	struct limits_settings settings = usual();
	settings.exempt = exempt;
	settings.exempt_count = 2;
	struct limits *limits = limits_open(&settings);
	ck_assert_ptr_nonnull(limits);
	struct ip local = ip("127.0.0.5"), local6 = ip("::1"), other = ip("128.0.0.1");
	memset(exempt, 0, sizeof(exempt)); /* copied */
	ck_assert(limits_exempt(limits, &local));
	ck_assert(limits_exempt(limits, &local6));
	ck_assert(!limits_exempt(limits, &other));
	ck_assert_uint_eq(passed(limits, "127.0.0.5", 100, 1000), 100);
	uint64_t mark;
	for (int i = 0; i < 100; i++)
		ck_assert(registers(limits, "a", &local, 1000));
	ck_assert_uint_eq(connects(limits, &local6, &mark, 100), 100);
	limits_close(limits);
}
END_TEST

/* The table stays as large as it was opened: the source not seen for longest is forgotten. */
START_TEST(tables_are_bounded)
{
	struct limits_settings settings = usual();
	struct limits *limits = limits_open(&settings);
	ck_assert_ptr_nonnull(limits);
	ck_assert_uint_eq(passed(limits, "192.0.2.1", 20, 1000), 5);
	ck_assert_uint_eq(passed(limits, "192.0.2.2", 20, 1000), 5);
	for (int i = 0; i < 6; i++) {
		char source[32];
		snprintf(source, sizeof(source), "198.51.100.%d", i);
		ck_assert_uint_eq(passed(limits, source, 1, 1000), 1);
	}
	ck_assert_uint_eq(passed(limits, "192.0.2.1", 20, 1000), 0); /* all eight are known */
	ck_assert_uint_eq(passed(limits, "198.51.100.77", 1, 1000), 1);
	ck_assert_uint_eq(passed(limits, "192.0.2.1", 20, 1000), 0); /* was seen again */
	ck_assert_uint_eq(passed(limits, "192.0.2.2", 20, 1000), 5); /* was not */
	limits_close(limits);
}
END_TEST

START_TEST(settings_change)
{
	struct limits_settings settings = usual();
	struct limits *limits = limits_open(&settings);
	ck_assert_ptr_nonnull(limits);
	struct ip source = ip("2001:db8::1");
	uint64_t mark;
	ck_assert_uint_eq(connects(limits, &source, &mark, 5), 3);
	settings.connections_per_ip = 4;
	settings.ip_per_second = 0;
	limits_configure(limits, &settings);
	ck_assert_uint_eq(connects(limits, &source, &mark, 2), 1);
	ck_assert_uint_eq(passed(limits, "192.0.2.1", 100, 1000), 100);
	settings.ipv6_prefix = 56; /* other sources now: counted anew */
	limits_configure(limits, &settings);
	ck_assert_uint_eq(connects(limits, &source, &mark, 1), 1);
	limits_close(limits);
}
END_TEST

static bool
takes(struct failures *failures, const char *source)
{
	struct failure taken;
	struct ip address = ip(source);
	return failures_take(failures, &taken) && ip_equal(&taken.source, &address);
}

/* SEC-26.3.2.4-1: what counts is a refused log-in over TCP or TLS, by prefix, of who is not exempt
 */
START_TEST(failures_that_count)
{
	struct ip_prefix office;
	ck_assert(ip_prefix_parse(STR("198.51.100.0/24"), &office));
	struct limits_settings settings = usual();
	settings.exempt = &office;
	settings.exempt_count = 1;
	struct limits *limits = limits_open(&settings);
	ck_assert_ptr_nonnull(limits);
	struct failures *failures = failures_map(1);
	struct ip four = ip("192.0.2.1"), six = ip("2001:db8::1"), exempt = ip("198.51.100.9");
	limits_failure(limits, TRANSPORT_TCP, &four, REASON_BAD_PASSWORD); /* to nobody */
	limits_use_bans(limits, bans_map(), failures);
	limits_failure(limits, TRANSPORT_UDP, &four, REASON_BAD_PASSWORD);
	limits_failure(limits, TRANSPORT_TCP, &exempt, REASON_BAD_PASSWORD);
	static const enum reason no_failures[] = { REASON_CHALLENGED,	 REASON_NONCE_STALE,
						   REASON_NONCE_INVALID, REASON_NONCE_REPLAYED,
						   REASON_MALFORMED,	 REASON_REGISTERED };
	for (size_t i = 0; i < sizeof(no_failures) / sizeof(*no_failures); i++)
		limits_failure(limits, TRANSPORT_TCP, &four, no_failures[i]);
	limits_failure(limits, TRANSPORT_TLS, &six, REASON_UNKNOWN_USER);
	limits_failure(limits, TRANSPORT_TCP, &four, REASON_USER_DISABLED);
	ck_assert(takes(failures, "2001:db8::"));
	ck_assert(takes(failures, "192.0.2.1"));
	struct failure more;
	ck_assert(!failures_take(failures, &more));
	uint64_t lost = stats->failures_lost;
	for (unsigned i = 0; i < FAILURES_MAX + 2; i++)
		limits_failure(limits, TRANSPORT_TCP, &four, REASON_BAD_PASSWORD);
	ck_assert_uint_eq(stats->failures_lost, lost + 2); /* nobody takes them */
	limits_close(limits);
}
END_TEST

/* SEC-26.3.2.4-1: bans hold for who is not exempt; for datagrams only those of an operator */
START_TEST(bans_and_exemptions)
{
	struct ip_prefix office;
	ck_assert(ip_prefix_parse(STR("192.0.2.128/25"), &office));
	struct limits_settings settings = usual();
	settings.exempt = &office;
	settings.exempt_count = 1;
	struct limits *limits = limits_open(&settings);
	ck_assert_ptr_nonnull(limits);
	struct bans *bans = bans_map();
	struct ban_set *set = calloc(1, sizeof(*set));
	struct ban ban = { .until_ms = 2000 };
	struct ip one = ip("192.0.2.1"), exempt = ip("192.0.2.129");
	ck_assert(ip_prefix_parse(STR("192.0.2.0/24"), &ban.prefix) && ban_set_put(set, &ban));
	bans_publish(bans, set);
	ck_assert(!limits_banned(limits, TRANSPORT_TCP, &one, 1000));
	limits_use_bans(limits, bans, failures_map(1));
	ck_assert(limits_banned(limits, TRANSPORT_TCP, &one, 1000));
	ck_assert(limits_banned(limits, TRANSPORT_TLS, &one, 1000));
	ck_assert(!limits_banned(limits, TRANSPORT_UDP, &one, 1000));
	ck_assert(!limits_banned(limits, TRANSPORT_TCP, &exempt, 1000));
	ck_assert(!limits_banned(limits, TRANSPORT_TCP, &one, 2000));
	set->items[0].manual = true;
	bans_publish(bans, set);
	ck_assert(limits_banned(limits, TRANSPORT_UDP, &one, 1000));
	ck_assert(!limits_banned(limits, TRANSPORT_UDP, &exempt, 1000));
	free(set);
	limits_close(limits);
}
END_TEST

SUITE(limits, failures_that_count, bans_and_exemptions, burst_then_rate, sources_by_prefix,
      datagrams_and_streams_by_themselves, asking_takes_nothing, aor_by_source,
      connections_are_counted, what_was_not_counted_is_not_given_back,
      what_was_forgotten_is_not_given_back, exempt_sources_have_no_limit, tables_are_bounded,
      settings_change)
