/* Nonce keys and ticket secret: made by the first node, the same for all, rotated, dropped. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "scratch.h"
#include "support/check_main.h"

/* REG-DB-7, AUT-7616-3.3-2: the first node makes them, every other and every restart reads the same
 */
START_TEST(all_nodes_share_the_secrets)
{
	struct bench benches[3];
	scratch_reset();
	for (int i = 0; i < 3; i++) {
		bench_init(&benches[i]);
		bench_start(&benches[i]);
		if (i < 2) /* two that find nothing at the same time */
			ck_assert_ptr_null(store_ticket_secret(benches[i].store));
	}
	for (bool up = false; !up;) {
		up = true;
		for (int i = 0; i < 3; i++) {
			loop_turn(benches[i].loop, 5);
			up = up && store_state(benches[i].store) == STORE_UP;
		}
	}
	const struct nonce_keys *keys = store_nonce_keys(benches[0].store);
	ck_assert_uint_eq(keys->count, 1);
	ck_assert_int_eq(scratch_number("select count(*) from secret"), 2);
	ck_assert_int_le(llabs(keys->keys[0].created_ms - clock_real_ms()), 60000);
	for (int i = 1; i < 3; i++) {
		ck_assert_mem_eq(store_nonce_keys(benches[i].store), keys, sizeof(*keys));
		ck_assert_mem_eq(store_ticket_secret(benches[i].store),
				 store_ticket_secret(benches[0].store), 32);
	}
	ck_assert_mem_ne(store_ticket_secret(benches[0].store), keys->keys[0].secret, 32);
	for (int i = 0; i < 3; i++)
		bench_close(&benches[i]);
}
END_TEST

static void
insert_key(int id, const char *age)
{
	scratch_exec("insert into secret (purpose, id, secret, created_at) values ('nonce', %d, "
		     "decode(repeat('%02x', 32), 'hex'), now() - interval '%s')",
		     id, id, age);
}

/* D-03: the newest is old: the next number, counted round, is added; the old one stays for nonces
 * that live */
START_TEST(old_keys_are_rotated)
{
	struct bench bench;
	scratch_reset();
	insert_key(254, "25 hours");
	insert_key(255, "13 hours");
	bench_up(&bench);
	WAIT_UNTIL(&bench, store_nonce_keys(bench.store)->keys[0].id == 0);
	const struct nonce_keys *keys = store_nonce_keys(bench.store);
	WAIT_UNTIL(&bench, keys->count == 2);
	ck_assert_uint_eq(keys->keys[1].id, 255);
	ck_assert_int_eq(scratch_number("select count(*) from secret where id = 254"), 0);
	bench_close(&bench);
}
END_TEST

/* D-03: a key is dropped when its successor is old, not before: it mints until that has settled */
START_TEST(keys_are_kept_while_needed)
{
	struct bench bench;
	scratch_reset();
	insert_key(1, "40 days");
	insert_key(2, "12 hours 14 minutes");
	bench_up(&bench);
	WAIT_UNTIL(&bench, store_nonce_keys(bench.store)->keys[0].id == 3);
	ck_assert_uint_eq(store_nonce_keys(bench.store)->count, 3);
	bench_close(&bench);

	scratch_exec("delete from secret where id = 3");
	scratch_exec("update secret set created_at = now() - interval '12 hours 16 minutes' "
		     "where id = 2");
	bench_up(&bench);
	WAIT_UNTIL(&bench, store_nonce_keys(bench.store)->keys[0].id == 3);
	ck_assert_uint_eq(store_nonce_keys(bench.store)->count, 2);
	bench_close(&bench);
}
END_TEST

/* A clock of the database that was ahead has left a key behind, which no clock makes old for years:
 * the others go on without it, and it keeps its number */
START_TEST(keys_from_the_future_stop_nothing)
{
	static const struct {
		const char *age_of_4; /* NULL: there is none */
		uint8_t newest;
		size_t count;
	} cases[] = {
		{ "1 hour", 4, 2 },
		{ "13 hours", 6, 3 },
		{ NULL, 6, 2 },
	};
	struct bench bench;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		scratch_reset();
		if (cases[i].age_of_4 != NULL)
			insert_key(4, cases[i].age_of_4);
		insert_key(5, "-10 years");
		bench_up(&bench);
		const struct nonce_keys *keys = store_nonce_keys(bench.store);
		WAIT_UNTIL(&bench,
			   keys->count == cases[i].count && keys->keys[0].id == cases[i].newest);
		ck_assert_uint_eq(keys->keys[keys->count - 1].id, 5);
		ck_assert_int_eq(
			scratch_number("select count(*) from secret where purpose = 'nonce'"),
			(int)cases[i].count);
		bench_close(&bench);
	}
}
END_TEST

/* No more keys are taken than there is room for, the newest first */
START_TEST(newest_keys_are_taken)
{
	struct bench bench;
	scratch_reset();
	for (int id = 0; id < NONCE_KEYS_MAX + 1; id++)
		scratch_exec(
			"insert into secret (purpose, id, secret, created_at) values ('nonce', "
			"%d, decode(repeat('00', 32), 'hex'), now() - %d * interval '1 minute')",
			id, NONCE_KEYS_MAX - id);
	bench_up(&bench);
	const struct nonce_keys *keys = store_nonce_keys(bench.store);
	ck_assert_uint_eq(keys->count, NONCE_KEYS_MAX);
	ck_assert_uint_eq(keys->keys[0].id, NONCE_KEYS_MAX);
	ck_assert_uint_eq(keys->keys[NONCE_KEYS_MAX - 1].id, 1);
	bench_close(&bench);
}
END_TEST

/* A login that may not read the secrets never gets up, and says why */
START_TEST(missing_rights_are_told)
{
	struct bench bench;
	scratch_reset();
	scratch_exec("alter table secret rename to hidden");
	bench_init(&bench);
	bench_start(&bench);
	WAIT_UNTIL(&bench, strstr(store_trouble(bench.store), "secret") != NULL);
	ck_assert_int_eq(store_state(bench.store), STORE_CONNECTING);
	bench_close(&bench);
}
END_TEST

SUITE(keys, all_nodes_share_the_secrets, old_keys_are_rotated, keys_are_kept_while_needed,
      keys_from_the_future_stop_nothing, newest_keys_are_taken, missing_rights_are_told)
