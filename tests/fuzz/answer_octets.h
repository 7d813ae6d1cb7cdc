/*
 * Control octets in an answer. What reads it may show it on a terminal, so there is none but the
 * tab, and in what Via, From and To repeat of the request one that is escaped in a quoted string
 * (RFC 3261 §25.1). The same rule as QUOTED in tests/scenarios/harness/message.py.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

static inline bool
answer_control(char c)
{
	return ((unsigned char)c < 0x20 && c != '\t') || c == 0x7f;
}

/* Octets of the quoted string that begins here; 0: it does not end, or is none. */
static inline size_t
answer_quoted(const char *text, size_t len)
{
	for (size_t i = 1; i < len && !answer_control(text[i]); i++) {
		if (text[i] == '"')
			return i + 1;
		if (text[i] != '\\')
			continue;
		if (++i == len || text[i] == '\r' || text[i] == '\n' ||
		    (unsigned char)text[i] > 0x7f)
			return 0;
	}
	return 0;
}

/* A line without its end. */
static inline bool
answer_line_clean(const char *line, size_t len)
{
	bool repeats = len > 6 && (memcmp(line, "Via: ", 5) == 0 ||
				   memcmp(line, "From: ", 6) == 0 || memcmp(line, "To: ", 4) == 0);
	for (size_t i = 0; i < len;) {
		size_t quoted = repeats && line[i] == '"' ? answer_quoted(line + i, len - i) : 0;
		if (quoted == 0 && answer_control(line[i]))
			return false;
		i += quoted == 0 ? 1 : quoted;
	}
	return true;
}
