/*
 * How a unit test file joins its binary: it defines one SUITE, and its tests cite the rows of
 * docs/rfc.md that they prove in the comment right above START_TEST.
 *
 *   // PAR-7.1-4, PAR-7.1-5: the version is a literal, compared without case
 *   START_TEST(version_is_a_literal) { … } END_TEST
 *
 *   SUITE(message, version_is_a_literal, folding_is_undone)
 */
#pragma once

#include <check.h>
#include <stdbool.h>

/* True under valgrind (./dev test --under valgrind), which does not let every test work: it gives
 * out descriptors itself, say. The test returns then, and counts as skipped; name is its __func__.
 */
bool skipped_under_valgrind(const char *name, const char *why);

struct suite_entry {
	const char *name;
	Suite *(*make)(void);
	struct suite_entry *next;
};
void suite_register(struct suite_entry *entry);
/* Adds tests up to a NULL. */
void suite_fill(TCase *tcase, const TTest *const *tests);

#define SUITE(suite_name, ...)                                                              \
	static Suite *make_##suite_name(void)                                               \
	{                                                                                   \
		const TTest *const tests[] = { __VA_ARGS__, NULL };                         \
		Suite *suite = suite_create(#suite_name);                                   \
		TCase *tcase = tcase_create(#suite_name);                                   \
		tcase_set_timeout(tcase, 60);                                               \
		suite_fill(tcase, tests);                                                   \
		suite_add_tcase(suite, tcase);                                              \
		return suite;                                                               \
	}                                                                                   \
	__attribute__((constructor)) static void register_##suite_name(void)                \
	{                                                                                   \
		static struct suite_entry entry = { #suite_name, make_##suite_name, NULL }; \
		suite_register(&entry);                                                     \
	}
