/* main() of every unit test binary: runs the suites that registered themselves, prints one line a
 * test. */
#include "support/check_main.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/stats.h"

static struct suite_entry *entries;

/* In binaries with faults/nth.c: what it has to do as a test begins. */
void test_begins(void) __attribute__((weak));

void
suite_register(struct suite_entry *entry)
{
	entry->next = entries;
	entries = entry;
}

/* What other tests of the same process counted is nobody's business. */
static void
count_anew(void)
{
	static struct stats counters;
	memset(&counters, 0, sizeof(counters));
	stats_use(&counters);
	if (test_begins != NULL)
		test_begins();
}

void
suite_fill(TCase *tcase, const TTest *const *tests)
{
	tcase_add_checked_fixture(tcase, count_anew, NULL);
	for (; *tests != NULL; tests++)
		tcase_add_test(tcase, *tests);
}

bool
skipped_under_valgrind(const char *name, const char *why)
{
	const char *prefix = getenv("ROLLCALL_TEST_PREFIX");
	bool skipped = prefix != NULL && strncmp(prefix, "valgrind", 8) == 0;
	if (skipped)
		fprintf(stderr, "skip:%s: %s\n", name, why);
	return skipped;
}

int
main(void)
{
	SRunner *runner = srunner_create(NULL);
	for (struct suite_entry *e = entries; e != NULL; e = e->next)
		srunner_add_suite(runner, e->make());
	srunner_run_all(runner, CK_VERBOSE);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
