/* Any text as the JSON columns of a row: refused, or read, and then written and read the same. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "store/rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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
	arena_init(&arena, &pool, size > 0 && data[0] == '!' ? 256 : (size_t)4 << 20);
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
