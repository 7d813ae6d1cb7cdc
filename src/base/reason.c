/* The table of reason.h, read three ways. */
#include "base/reason.h"

static const char *const words[] = {
#define X(id, word, text) [REASON_##id] = #word,
	REASONS(X)
#undef X
};
static const char *const texts[] = {
#define X(id, word, text) [REASON_##id] = text,
	REASONS(X)
#undef X
};

const char *
reason_word(enum reason reason)
{
	return words[reason];
}

const char *
reason_text(enum reason reason)
{
	return texts[reason];
}

enum reason
reason_from_word(struct str word)
{
	for (unsigned i = 0; i < REASON_COUNT; i++)
		if (str_eq(word, str_of(words[i])))
			return (enum reason)i;
	return REASON_NONE;
}
