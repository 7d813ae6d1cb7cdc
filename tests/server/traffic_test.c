/* A load balancer that hides its clients is told of, once an hour; others are not. */
#include "server/traffic.h"

#include <stdio.h>

#include "base/table.h"
#include "support/check_main.h"

static struct traffic traffic;

/* So many windows in which one of `other` requests comes from elsewhere (0: none), for so many
 * addresses-of-record; the last share that was told of, and how often. */
static uint32_t
windows(unsigned count, unsigned other, unsigned addresses, uint64_t now_ms, unsigned *told)
{
	uint32_t share = 0;
	struct ip balancer, client;
	ck_assert(ip_parse(STR("10.0.3.7"), &balancer));
	*told = 0;
	for (unsigned i = 0; i < count * TRAFFIC_WINDOW; i++) {
		char aor[32], text[32];
		int len = snprintf(aor, sizeof(aor), "u%u@example.com", i % addresses);
		snprintf(text, sizeof(text), "192.0.2.%u", i % 250 + 1);
		ck_assert(ip_parse(str_of(text), &client));
		const struct ip *source = other != 0 && i % other == 0 ? &client : &balancer;
		uint32_t found =
			traffic_note(&traffic, source, (struct str){ aor, (size_t)len }, now_ms);
		if (found > 0) {
			share = found;
			(*told)++;
		}
	}
	return share;
}

START_TEST(one_address_is_told_of_once_an_hour)
{
	unsigned told;
	table_seed();
	traffic = (struct traffic){ 0 };
	ck_assert_uint_eq(windows(1, 0, 100, 1, &told), 0);
	ck_assert_uint_eq(windows(4, 0, 100, 1, &told), 100);
	ck_assert_uint_eq(told, 1);
	ck_assert_uint_eq(windows(4, 0, 100, TRAFFIC_TOLD_MS, &told), 0);
	ck_assert_uint_eq(windows(4, 0, 100, TRAFFIC_TOLD_MS + 1, &told), 100);
	ck_assert_uint_eq(told, 1);
}
END_TEST

START_TEST(nearly_all_is_enough)
{
	unsigned told;
	table_seed();
	traffic = (struct traffic){ 0 };
	ck_assert_uint_eq(windows(3, 40, 100, 1, &told), 97);
	traffic = (struct traffic){ 0 };
	ck_assert_uint_eq(windows(6, 8, 100, 1, &told), 0);
	ck_assert_uint_eq(told, 0);
}
END_TEST

START_TEST(a_busy_phone_and_many_clients_are_no_balancer)
{
	unsigned told;
	table_seed();
	traffic = (struct traffic){ 0 };
	ck_assert_uint_eq(windows(6, 0, 3, 1, &told), 0);
	traffic = (struct traffic){ 0 };
	ck_assert_uint_eq(windows(6, 1, 100, 1, &told), 0);
}
END_TEST

SUITE(traffic, one_address_is_told_of_once_an_hour, nearly_all_is_enough,
      a_busy_phone_and_many_clients_are_no_balancer)
