/* The shares of the mixed mode, with clients that are removed and come back. */
#include "plan.h"

#include "support/check_main.h"

#define CLIENTS 1000
#define ROUNDS 1000

START_TEST(mixed_has_its_shares)
{
	static bool registered[CLIENTS];
	unsigned count[4] = { 0 };
	uint32_t seed = 1;
	for (unsigned i = 0; i < CLIENTS; i++)
		registered[i] = true;
	for (unsigned i = 0; i < CLIENTS * ROUNDS; i++) {
		enum kind kind = plan_kind(MODE_MIXED, registered[i % CLIENTS], &seed);
		ck_assert(registered[i % CLIENTS] || kind == KIND_FIRST);
		registered[i % CLIENTS] = kind != KIND_REMOVAL;
		count[kind]++;
	}
	unsigned thousandth = CLIENTS * ROUNDS / 1000;
	ck_assert_uint_ge(count[KIND_REFRESH], 895 * thousandth);
	ck_assert_uint_le(count[KIND_REFRESH], 905 * thousandth);
	ck_assert_uint_ge(count[KIND_FULL], 75 * thousandth);
	ck_assert_uint_le(count[KIND_FULL], 85 * thousandth);
	ck_assert_uint_ge(count[KIND_REMOVAL], 9 * thousandth);
	ck_assert_uint_le(count[KIND_REMOVAL], 11 * thousandth);
	ck_assert_uint_ge(count[KIND_FIRST], 9 * thousandth);
	ck_assert_uint_le(count[KIND_FIRST], 11 * thousandth);
}
END_TEST

START_TEST(other_modes_do_one_thing)
{
	uint32_t seed = 1;
	for (int registered = 0; registered < 2; registered++) {
		ck_assert_int_eq(plan_kind(MODE_REFRESH, registered, &seed), KIND_REFRESH);
		ck_assert_int_eq(plan_kind(MODE_FULL, registered, &seed), KIND_FULL);
		ck_assert_int_eq(plan_kind(MODE_FIRST, registered, &seed), KIND_FIRST);
	}
}
END_TEST

SUITE(plan, mixed_has_its_shares, other_modes_do_one_thing)
