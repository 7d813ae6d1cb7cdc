/* Texts for terminals: no command in them, and all else as it was. */
#include "base/harmless.h"

#include <stdio.h>

#include "support/check_main.h"

START_TEST(commands_become_question_marks)
{
	const struct {
		const char *text, *without_tabs, *with_tabs;
	} cases[] = {
		{ "plain caf\xc3\xa9 ~", "plain caf\xc3\xa9 ~", "plain caf\xc3\xa9 ~" },
		{ "a\x1b[2J\x01\x1f", "a?[2J??", "a?[2J??" },
		{ "a\tb\r\n", "a?b??", "a\tb??" },
		{ "\x7f\xc2\x80\xc2\x9f", "???", "???" },
		{ "\xc2\xa0\xc2", "\xc2\xa0\xc2", "\xc2\xa0\xc2" },
		{ "", "", "" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char text[32];
		snprintf(text, sizeof(text), "%s", cases[i].text);
		harmless(text, false);
		ck_assert_str_eq(text, cases[i].without_tabs);
		snprintf(text, sizeof(text), "%s", cases[i].text);
		harmless(text, true);
		ck_assert_str_eq(text, cases[i].with_tabs);
	}
}
END_TEST

SUITE(harmless, commands_become_question_marks)
