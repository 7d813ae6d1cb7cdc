/* Memory of a request: what fits at the limit, what does not one octet further, and that nothing
 * stays behind. */
#include "base/arena.h"

#include <stdint.h>

#include "support/check_main.h"

#define PLENTY (1u << 20)
/* Alignment of the allocator, and what a chunk's own head takes. */
#define UNIT _Alignof(max_align_t)

static bool
all_zero(const void *memory, size_t len)
{
	const unsigned char *octets = memory;
	for (size_t i = 0; i < len; i++)
		if (octets[i] != 0)
			return false;
	return true;
}

START_TEST(memory_is_zeroed_and_aligned)
{
	struct arena_pool pool;
	struct arena arena;
	arena_pool_init(&pool, PLENTY);
	arena_init(&arena, &pool, PLENTY);
	for (size_t size = 0; size < 100; size++) {
		unsigned char *memory = arena_alloc(&arena, size);
		ck_assert_ptr_nonnull(memory);
		ck_assert_uint_eq((uintptr_t)memory % UNIT, 0);
		ck_assert(all_zero(memory, size));
		memset(memory, 0xaa, size);
	}
	/* Taken again from the pool's kept chunks, it is zeroed again. */
	arena_reset(&arena);
	ck_assert_uint_gt(pool.kept_bytes, 0);
	unsigned char *again = arena_alloc(&arena, ARENA_CHUNK_BYTES);
	ck_assert_ptr_nonnull(again);
	ck_assert(all_zero(again, ARENA_CHUNK_BYTES));
	arena_reset(&arena);
	arena_pool_clear(&pool);
	ck_assert_uint_eq(pool.used_bytes, 0);
	ck_assert_uint_eq(pool.kept_bytes, 0);
}
END_TEST

START_TEST(arena_ends_at_its_limit)
{
	struct arena_pool pool;
	struct arena arena;
	arena_pool_init(&pool, PLENTY);
	arena_init(&arena, &pool, 4 * UNIT);
	ck_assert_ptr_nonnull(arena_alloc(&arena, 4 * UNIT));
	ck_assert(arena_ok(&arena));
	arena_reset(&arena);
	ck_assert_ptr_null(arena_alloc(&arena, 4 * UNIT + 1));
	ck_assert(!arena_ok(&arena));
	/* Sticky: what would fit is refused as well, until the reset. */
	ck_assert_ptr_null(arena_alloc(&arena, 1));
	ck_assert_ptr_null(arena_array(&arena, 1, 1));
	ck_assert(str_empty(arena_copy(&arena, STR("x"))));
	arena_reset(&arena);
	ck_assert(arena_ok(&arena));
	ck_assert_ptr_nonnull(arena_alloc(&arena, 1));
	arena_reset(&arena);
	arena_pool_clear(&pool);
}
END_TEST

START_TEST(pool_ends_at_its_limit)
{
	struct arena_pool pool;
	struct arena a, b;
	arena_pool_init(&pool, PLENTY);
	arena_init(&a, &pool, PLENTY);
	ck_assert_ptr_nonnull(arena_alloc(&a, 1));
	size_t chunk = pool.used_bytes;
	arena_reset(&a);
	arena_pool_clear(&pool);

	arena_pool_init(&pool, 2 * chunk);
	arena_init(&a, &pool, PLENTY);
	arena_init(&b, &pool, PLENTY);
	ck_assert_ptr_nonnull(arena_alloc(&a, ARENA_CHUNK_BYTES));
	ck_assert_ptr_nonnull(arena_alloc(&b, ARENA_CHUNK_BYTES));
	ck_assert_ptr_null(arena_alloc(&b, 1));
	ck_assert_uint_eq(pool.used_bytes, 2 * chunk);
	arena_reset(&a);
	arena_reset(&b);
	arena_pool_clear(&pool);

	arena_pool_init(&pool, 2 * chunk - 1);
	ck_assert_ptr_nonnull(arena_alloc(&a, ARENA_CHUNK_BYTES));
	ck_assert_ptr_null(arena_alloc(&b, 1));
	arena_reset(&a);
	ck_assert_uint_eq(pool.used_bytes, 0);
	/* What a gave back serves b. */
	arena_reset(&b);
	ck_assert_ptr_nonnull(arena_alloc(&b, 1));
	arena_reset(&b);
	arena_pool_clear(&pool);
}
END_TEST

START_TEST(absurd_sizes_are_refused)
{
	static const size_t sizes[] = { SIZE_MAX, SIZE_MAX - 1, SIZE_MAX - UNIT,
					SIZE_MAX - 4 * UNIT, SIZE_MAX / 2 };
	struct arena_pool pool;
	struct arena arena;
	arena_pool_init(&pool, PLENTY);
	arena_init(&arena, &pool, SIZE_MAX);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		ck_assert_ptr_nonnull(arena_alloc(&arena, 1));
		ck_assert_ptr_null(arena_alloc(&arena, sizes[i]));
		ck_assert(!arena_ok(&arena));
		arena_reset(&arena);
	}
	ck_assert_ptr_null(arena_array(&arena, SIZE_MAX / 8 + 1, 8));
	ck_assert(!arena_ok(&arena));
	arena_reset(&arena);
	ck_assert_ptr_nonnull(arena_array(&arena, 0, 8));
	ck_assert_ptr_nonnull(arena_array(&arena, 8, 0));
	arena_reset(&arena);
	arena_pool_clear(&pool);
}
END_TEST

START_TEST(large_objects_leave_room_for_small_ones)
{
	struct arena_pool pool;
	struct arena arena;
	arena_pool_init(&pool, PLENTY);
	arena_init(&arena, &pool, PLENTY);
	char *first = arena_alloc(&arena, UNIT);
	char *large = arena_alloc(&arena, 3 * ARENA_CHUNK_BYTES);
	size_t used = pool.used_bytes;
	char *second = arena_alloc(&arena, UNIT);
	ck_assert_ptr_eq(second, first + UNIT);
	ck_assert_uint_eq(pool.used_bytes, used);
	memset(large, 1, 3 * ARENA_CHUNK_BYTES);
	ck_assert(all_zero(second, UNIT));
	arena_reset(&arena);
	ck_assert_uint_eq(pool.used_bytes, 0);
	arena_pool_clear(&pool);
}
END_TEST

/* What was reserved cannot fail any more, whatever others take of the pool meanwhile. */
START_TEST(reserved_memory_is_there)
{
	struct arena_pool pool;
	struct arena arena, other;
	arena_pool_init(&pool, 64u << 10);
	arena_init(&arena, &pool, PLENTY);
	arena_init(&other, &pool, PLENTY);
	ck_assert(!arena_reserve(&arena, 65u << 10));
	ck_assert(arena_ok(&arena));
	ck_assert(arena_reserve(&arena, 32u << 10));
	while (arena_alloc(&other, ARENA_CHUNK_BYTES) != NULL)
		continue;
	for (size_t taken = 0; taken < 32u << 10; taken += 64)
		ck_assert_ptr_nonnull(arena_alloc(&arena, 64));
	ck_assert_ptr_null(arena_alloc(&arena, 64));
	arena_reset(&arena);
	arena_reset(&other);
	ck_assert_uint_eq(pool.used_bytes, 0);
	arena_pool_clear(&pool);
}
END_TEST

START_TEST(copies_live_in_the_arena)
{
	struct arena_pool pool;
	struct arena arena;
	arena_pool_init(&pool, PLENTY);
	arena_init(&arena, &pool, PLENTY);
	char text[] = "bob\0x";
	struct str copy = arena_copy(&arena, (struct str){ text, 5 });
	text[0] = 'r';
	ck_assert(str_eq(copy, STR("bob\0x")));
	ck_assert(str_empty(arena_copy(&arena, str_of(NULL))));
	ck_assert(arena_ok(&arena));
	arena_reset(&arena);
	arena_pool_clear(&pool);
}
END_TEST

START_TEST(kept_chunks_are_bounded)
{
	struct arena_pool pool;
	struct arena arena;
	arena_pool_init(&pool, PLENTY);
	arena_init(&arena, &pool, PLENTY);
	while (arena_alloc(&arena, ARENA_CHUNK_BYTES) != NULL)
		ck_assert_uint_le(pool.used_bytes, pool.limit_bytes);
	arena_reset(&arena);
	ck_assert_uint_gt(pool.kept_bytes, 0);
	ck_assert_uint_le(pool.kept_bytes, pool.limit_bytes / 4);
	arena_pool_clear(&pool);
}
END_TEST

SUITE(arena, memory_is_zeroed_and_aligned, arena_ends_at_its_limit, pool_ends_at_its_limit,
      absurd_sizes_are_refused, large_objects_leave_room_for_small_ones, reserved_memory_is_there,
      copies_live_in_the_arena, kept_chunks_are_bounded)
