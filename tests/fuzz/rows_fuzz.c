/* Any text as the JSON columns of a row: refused, or read, and then written and read the same. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "fuzz.h"
#include "store/rows.h"

#define ARENA_BYTES ((size_t)4 << 20)

static void
write_again(const struct record *record, void (*write)(struct writer *, const struct record *),
	    bool (*read)(struct record *, struct str, struct arena *), struct arena *arena)
{
	size_t cap = (size_t)1 << 22;
	struct record back = { 0 };
	char *first = malloc(cap);
	char *second = malloc(cap);
	assert(first != NULL && second != NULL);
	struct writer once = writer_on(first, cap);
	write(&once, record);
	if (writer_ok(&once) && read(&back, writer_text(&once), arena)) {
		struct writer twice = writer_on(second, cap);
		write(&twice, &back);
		assert(str_eq(writer_text(&once), writer_text(&twice)));
	} else {
		assert(!writer_ok(&once) || !arena_ok(arena));
	}
	free(second);
	free(first);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str input = { (const char *)data, size };
	struct arena_pool pool;
	struct arena arena;
	struct record record = { 0 };
	arena_pool_init(&pool, (size_t)8 << 20);
	/* the first octet chooses how much memory there is */
	arena_init(&arena, &pool, size > 0 && data[0] == '!' ? 256 : ARENA_BYTES);
	if (size > 0 && data[0] == '!')
		input = str_slice(input, 1, size);
	if (rows_bindings_read(&record, input, &arena))
		write_again(&record, rows_bindings_write, rows_bindings_read, &arena);
	if (rows_marks_read(&record, input, &arena))
		write_again(&record, rows_marks_write, rows_marks_read, &arena);
	arena_reset(&arena);
	arena_pool_clear(&pool);
	return 0;
}

static const struct {
	void (*write)(struct writer *w, const struct record *record);
	bool (*read)(struct record *record, struct str text, struct arena *arena);
} columns[] = { { rows_bindings_write, rows_bindings_read },
		{ rows_marks_write, rows_marks_read } };

enum outcome { REFUSED, UNDERSTOOD, OUT_OF_MEMORY };

/* What was understood is written. */
static enum outcome
read_within(size_t limit, unsigned column, struct str input, struct writer *w)
{
	struct arena_pool pool;
	struct arena arena;
	struct record record = { 0 };
	arena_pool_init(&pool, 2 * ARENA_BYTES);
	arena_init(&arena, &pool, limit);
	bool read = columns[column].read(&record, input, &arena);
	enum outcome outcome = read ? UNDERSTOOD : arena_ok(&arena) ? REFUSED : OUT_OF_MEMORY;
	FUZZ_CHECK(!read || arena_ok(&arena));
	w->len = 0;
	if (read)
		columns[column].write(w, &record);
	arena_reset(&arena);
	arena_pool_clear(&pool);
	return outcome;
}

void
fuzz_little_memory(const uint8_t *data, size_t size)
{
	struct str input = { (const char *)data, size };
	size_t cap = (size_t)1 << 22;
	char *whole = malloc(cap), *part = malloc(cap);
	FUZZ_CHECK(whole != NULL && part != NULL);
	if (size > 0 && data[0] == '!')
		input = str_slice(input, 1, size);
	for (unsigned column = 0; column < 2; column++) {
		struct writer wanted = writer_on(whole, cap), found = writer_on(part, cap);
		enum outcome outcome = read_within(ARENA_BYTES, column, input, &wanted);
		enum outcome now = OUT_OF_MEMORY;
		for (size_t limit = 0; now == OUT_OF_MEMORY && limit < ARENA_BYTES;
		     limit = fuzz_more_memory(limit))
			now = read_within(limit, column, input, &found);
		FUZZ_CHECK(now == outcome && str_eq(writer_text(&found), writer_text(&wanted)));
	}
	free(whole);
	free(part);
}
