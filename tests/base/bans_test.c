/* The shared table of bans and the rings of failures. Time is an argument. */
#include "base/bans.h"

#include <stdio.h>
#include <stdlib.h>

#include "support/check_main.h"

static struct ban
ban(const char *prefix, bool manual, uint64_t until_ms)
{
	struct ban ban = { .manual = manual, .until_ms = until_ms };
	ck_assert(ip_prefix_parse(str_of(prefix), &ban.prefix));
	return ban;
}

static struct ip
ip(const char *text)
{
	struct ip value;
	ck_assert(ip_parse(str_of(text), &value));
	return value;
}

static bool
banned(const struct bans *bans, const char *source, bool datagram, uint64_t now_ms)
{
	struct ip address = ip(source);
	return bans_match(bans, &address, datagram, now_ms);
}

static struct ban_set *
set_of(size_t count, const struct ban *items)
{
	struct ban_set *set = calloc(1, sizeof(*set));
	ck_assert_ptr_nonnull(set);
	for (size_t i = 0; i < count; i++)
		ck_assert(ban_set_put(set, &items[i]));
	return set;
}

/* SEC-26.1.5-2: any length, both families, mapped addresses; until its time is over */
START_TEST(prefixes_match)
{
	struct bans *bans = bans_map();
	const struct ban items[] = {
		ban("2001:db8:1::/48", false, 2000), ban("192.0.2.7/32", false, 1000),
		ban("198.51.100.0/24", true, 3000),  ban("2001:db8:1:2::/64", false, 1000),
		ban("10.0.0.0/8", false, 2000),
	};
	struct ban_set *set = set_of(5, items);
	ck_assert(!banned(bans, "192.0.2.7", false, 500));
	bans_publish(bans, set);
	ck_assert(banned(bans, "192.0.2.7", false, 500));
	ck_assert(banned(bans, "::ffff:192.0.2.7", false, 999));
	ck_assert(!banned(bans, "192.0.2.7", false, 1000));
	ck_assert(!banned(bans, "192.0.2.8", false, 500));
	ck_assert(!banned(bans, "192.0.2.7", true, 500)); /* a datagram proves nothing */
	ck_assert(banned(bans, "198.51.100.200", true, 500));
	ck_assert(banned(bans, "10.255.0.1", false, 500));
	ck_assert(!banned(bans, "11.0.0.1", false, 500));
	ck_assert(banned(bans, "2001:db8:1:2::3", false, 1500)); /* by the shorter one */
	ck_assert(banned(bans, "2001:db8:1:ffff::3", false, 1500));
	ck_assert(!banned(bans, "2001:db8:2::3", false, 1500));
	free(set);
}
END_TEST

START_TEST(a_set_knows_each_prefix_once)
{
	const struct ban items[] = { ban("192.0.2.0/24", false, 1), ban("192.0.2.0/25", false, 2),
				     ban("192.0.2.0/24", true, 3) };
	struct ban_set *set = set_of(3, items);
	ck_assert_uint_eq(set->count, 2);
	struct ban *found = ban_set_find(set, &items[0].prefix);
	ck_assert(found->manual && found->until_ms == 3);
	ban_set_remove(set, found);
	ck_assert_ptr_null(ban_set_find(set, &items[0].prefix));
	ck_assert_uint_eq(ban_set_find(set, &items[1].prefix)->until_ms, 2);
	free(set);
}
END_TEST

/* Whatever an attacker with many addresses does, a set has its size. */
START_TEST(a_set_is_bounded)
{
	struct bans *bans = bans_map();
	struct ban_set *set = set_of(0, NULL);
	char text[64];
	for (unsigned i = 0; i < BANS_MAX; i++) {
		snprintf(text, sizeof(text), "2001:db8:0:%x::/64", (i * 7919u) % BANS_MAX);
		struct ban one = ban(text, false, 1000);
		ck_assert(ban_set_put(set, &one));
	}
	struct ban more = ban("2001:db8:1::/64", false, 1000);
	ck_assert(!ban_set_put(set, &more));
	bans_publish(bans, set);
	for (unsigned i = 0; i < BANS_MAX; i++) {
		snprintf(text, sizeof(text), "2001:db8:0:%x::1", i);
		ck_assert(banned(bans, text, false, 0));
	}
	ck_assert(!banned(bans, "2001:db8:1::1", false, 0));
	free(set);
}
END_TEST

/* Each publication is another turn; the last one is what a successor finds. */
START_TEST(publications_follow_each_other)
{
	struct bans *bans = bans_map();
	const struct ban items[] = { ban("192.0.2.7/32", false, 1000) };
	struct ban_set *one = set_of(1, items), *none = set_of(0, NULL);
	for (unsigned i = 0; i < 5; i++) {
		uint32_t turn = bans_turn(bans);
		bans_publish(bans, i % 2 == 0 ? one : none);
		ck_assert_uint_ne(bans_turn(bans), turn);
		ck_assert_uint_eq(bans_published(bans)->count, i % 2 == 0);
		ck_assert(banned(bans, "192.0.2.7", false, 0) == (i % 2 == 0));
	}
	free(one);
	free(none);
}
END_TEST

START_TEST(failures_are_handed_on_in_order)
{
	struct failures *failures = failures_map(2);
	struct failure failure = { .source = ip("192.0.2.1") }, taken;
	ck_assert(!failures_take(failures, &taken));
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < FAILURES_MAX; i++) {
			failure.source.octets[3] = (uint8_t)i;
			ck_assert(failures_report(failures, &failure));
		}
		ck_assert(!failures_report(failures, &failure)); /* nobody takes them */
		for (unsigned i = 0; i < FAILURES_MAX; i++) {
			ck_assert(failures_take(failures, &taken));
			ck_assert_uint_eq(taken.source.octets[3], (uint8_t)i);
		}
		ck_assert(!failures_take(failures, &taken));
	}
	ck_assert(!failures_take(&failures[1], &taken));
}
END_TEST

SUITE(bans, prefixes_match, a_set_knows_each_prefix_once, a_set_is_bounded,
      publications_follow_each_other, failures_are_handed_on_in_order)
