/* Nonce marks as values: raising, forgetting, the floor. */
#include "../../src/registrar/marks.h"

#include "support/check_main.h"

#define TTL_S 300u
#define NOW_S 1700000000u

static struct arena_pool pool;
static struct arena arena;

static void
open_arena(void)
{
	arena_pool_init(&pool, 1 << 20);
	arena_init(&arena, &pool, 1 << 20);
}

static void
close_arena(void)
{
	arena_reset(&arena);
	arena_pool_clear(&pool);
}

static struct nonce
nonce_at(uint32_t issued_s, uint8_t number)
{
	struct nonce nonce = { .issued_s = issued_s };
	nonce.id[0] = number;
	return nonce;
}

static struct record
raise(const struct record *record, struct nonce nonce, uint32_t nc, uint32_t now_s)
{
	struct record after = *record;
	ck_assert(marks_raise(&after, record, &nonce, nc, (int64_t)now_s * 1000, TTL_S, &arena));
	return after;
}

/* AUT-7616-3.4-3: a count is accepted once, and only while it rises */
START_TEST(a_count_is_accepted_once)
{
	open_arena();
	struct nonce a = nonce_at(NOW_S, 1), b = nonce_at(NOW_S, 2);
	struct record record = { 0 };
	ck_assert_int_eq(marks_judge(&record, &a, 1), MARK_FRESH);
	record = raise(&record, a, 5, NOW_S);
	ck_assert_int_eq(marks_judge(&record, &a, 4), MARK_USED);
	ck_assert_int_eq(marks_judge(&record, &a, 5), MARK_EQUAL);
	ck_assert_int_eq(marks_judge(&record, &a, 6), MARK_FRESH);
	ck_assert_int_eq(marks_judge(&record, &b, 1), MARK_FRESH);
	record = raise(&record, b, 1, NOW_S);
	record = raise(&record, a, 6, NOW_S);
	ck_assert_uint_eq(record.mark_count, 2);
	ck_assert_int_eq(marks_judge(&record, &a, 6), MARK_EQUAL);
	record = raise(&record, a, 3, NOW_S);
	ck_assert_int_eq(marks_judge(&record, &a, 6), MARK_EQUAL);
	close_arena();
}
END_TEST

/* AUT-22.4-2: without qop nothing is left of the nonce */
START_TEST(without_qop_all_counts_are_used)
{
	open_arena();
	struct credentials plain = { .qop = DIGEST_QOP_NONE, .nc = 0 };
	struct credentials counted = { .qop = DIGEST_QOP_AUTH, .nc = 7 };
	struct nonce nonce = nonce_at(NOW_S, 1);
	struct record record = { 0 };
	ck_assert_uint_eq(marks_count(&counted), 7);
	record = raise(&record, nonce, marks_count(&plain), NOW_S);
	ck_assert_int_eq(marks_judge(&record, &nonce, UINT32_MAX - 1), MARK_USED);
	close_arena();
}
END_TEST

/* AUT-7616-3.4-3, AUT-7616-5.5-1: an expired mark goes, and nothing issued up to it comes back */
START_TEST(expired_marks_leave_a_floor)
{
	open_arena();
	struct nonce old = nonce_at(NOW_S, 1), young = nonce_at(NOW_S + 200, 2);
	struct record record = { 0 };
	record = raise(&record, old, 1, NOW_S);
	record = raise(&record, young, 1, NOW_S + TTL_S);
	ck_assert_uint_eq(record.mark_count, 2);
	ck_assert_uint_eq(record.mark_floor_s, 0);
	record = raise(&record, young, 2, NOW_S + TTL_S + 1);
	ck_assert_uint_eq(record.mark_count, 1);
	ck_assert_uint_eq(record.mark_floor_s, NOW_S);
	struct nonce same_second = nonce_at(NOW_S, 3), next_second = nonce_at(NOW_S + 1, 4);
	ck_assert_int_eq(marks_judge(&record, &old, 2), MARK_USED);
	ck_assert_int_eq(marks_judge(&record, &same_second, 1), MARK_USED);
	ck_assert_int_eq(marks_judge(&record, &next_second, 1), MARK_FRESH);
	close_arena();
}
END_TEST

/* AUT-7616-3.4-3: MARKS_MAX live nonces are kept, one more makes the oldest and all before it
 * unusable */
START_TEST(the_oldest_of_too_many_goes)
{
	open_arena();
	struct record record = { 0 };
	for (uint32_t i = 0; i < MARKS_MAX; i++)
		record = raise(&record, nonce_at(NOW_S + i, (uint8_t)i), 1, NOW_S + 100);
	ck_assert_uint_eq(record.mark_count, MARKS_MAX);
	ck_assert_uint_eq(record.mark_floor_s, 0);
	record = raise(&record, nonce_at(NOW_S + 5, 5), 2, NOW_S + 100);
	ck_assert_uint_eq(record.mark_count, MARKS_MAX);
	ck_assert_uint_eq(record.mark_floor_s, 0);

	record = raise(&record, nonce_at(NOW_S + 50, 200), 1, NOW_S + 100);
	ck_assert_uint_eq(record.mark_count, MARKS_MAX);
	ck_assert_uint_eq(record.mark_floor_s, NOW_S);
	struct nonce first = nonce_at(NOW_S, 0), second = nonce_at(NOW_S + 1, 1);
	ck_assert_int_eq(marks_judge(&record, &first, 9), MARK_USED);
	ck_assert_int_eq(marks_judge(&record, &second, 1), MARK_EQUAL);
	close_arena();
}
END_TEST

/* The oldest is the one that was issued first, wherever it stands. */
START_TEST(the_oldest_may_stand_anywhere)
{
	for (uint32_t place = 0; place < MARKS_MAX; place++) {
		open_arena();
		struct record record = { 0 };
		for (uint32_t i = 0; i < MARKS_MAX; i++)
			record =
				raise(&record, nonce_at(i == place ? NOW_S : NOW_S + 9, (uint8_t)i),
				      1, NOW_S + 100);
		record = raise(&record, nonce_at(NOW_S + 50, 200), 1, NOW_S + 100);
		ck_assert_uint_eq(record.mark_count, MARKS_MAX);
		ck_assert_uint_eq(record.mark_floor_s, NOW_S);
		for (uint32_t i = 0; i < MARKS_MAX; i++) {
			struct nonce kept = nonce_at(NOW_S + 9, (uint8_t)i);
			ck_assert(i == place || marks_judge(&record, &kept, 1) == MARK_EQUAL);
		}
		close_arena();
	}
}
END_TEST

/* AUT-7616-3.4-3: a nonce older than all that are kept is still counted */
START_TEST(the_nonce_in_hand_never_goes)
{
	open_arena();
	struct record record = { 0 };
	for (uint32_t i = 0; i < MARKS_MAX; i++)
		record = raise(&record, nonce_at(NOW_S + 10 + i, (uint8_t)i), 1, NOW_S + 100);
	struct nonce oldest = nonce_at(NOW_S, 200);
	ck_assert_int_eq(marks_judge(&record, &oldest, 1), MARK_FRESH);
	record = raise(&record, oldest, 1, NOW_S + 100);
	ck_assert_uint_eq(record.mark_count, MARKS_MAX);
	ck_assert_uint_eq(record.mark_floor_s, NOW_S + 10);
	ck_assert_int_eq(marks_judge(&record, &oldest, 1), MARK_EQUAL);
	ck_assert_int_eq(marks_judge(&record, &oldest, 2), MARK_FRESH);
	close_arena();
}
END_TEST

SUITE(marks, a_count_is_accepted_once, without_qop_all_counts_are_used, expired_marks_leave_a_floor,
      the_oldest_of_too_many_goes, the_oldest_may_stand_anywhere, the_nonce_in_hand_never_goes)
