/* See guard.h. One mapping a copy: whole pages for the text, one page without rights behind them.
 */
#include "support/guard.h"

#include <assert.h>
#include <stdint.h>
#include <sys/mman.h>

#define PAGE 4096u

struct str
guard_copy(struct str s)
{
	size_t pages = (s.len + PAGE - 1) / PAGE * PAGE;
	char *map = mmap(NULL, pages + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);
	assert(map != MAP_FAILED);
	int refused = mprotect(map + pages, PAGE, PROT_NONE);
	assert(refused == 0);
	(void)refused;
	char *copy = map + pages - s.len;
	if (s.len > 0)
		memcpy(copy, s.p, s.len);
	return (struct str){ copy, s.len };
}

void
guard_free(struct str s)
{
	uintptr_t start = (uintptr_t)s.p / PAGE * PAGE;
	size_t pages = (s.len + PAGE - 1) / PAGE * PAGE;
	munmap((void *)start, pages + PAGE);
}
