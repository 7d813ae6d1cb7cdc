/*
 * Comments out of the text before libConfuse reads it: its scanner counts the lines of comments
 * wrongly, and every message behind one would name another line. Blanks in their place keep
 * all else where it was.
 */
#include "load.h"

/* Where the string that opens at i ends: behind its quote, or at the end of the text. */
static size_t
string_end(const char *text, size_t len, size_t i)
{
	char quote = text[i++];
	while (i < len && text[i] != quote)
		i += text[i] == '\\' ? 2 : 1;
	return i < len ? i + 1 : len;
}

/* Octets of a word without quotes, in which "//" is no comment: postgresql://db/rollcall. */
static bool
in_word(char c)
{
	return c != '\0' && strchr(" \t\r\n#\"'={}()+,*", c) == NULL;
}

static bool
comment_starts(struct str rest, bool within_word)
{
	if (str_starts(rest, STR("#")))
		return true;
	return !within_word && (str_starts(rest, STR("//")) || str_starts(rest, STR("/*")));
}

/* Behind the comment; where it is not closed, its beginning, so that libConfuse stumbles there. */
static size_t
comment_end(const char *text, size_t len, size_t start)
{
	if (text[start] == '/' && text[start + 1] == '*') {
		const char *close = memmem(text + start + 2, len - start - 2, "*/", 2);
		return close == NULL ? start : (size_t)(close - text) + 2;
	}
	const char *newline = memchr(text + start, '\n', len - start);
	return newline == NULL ? len : (size_t)(newline - text);
}

void
comments_blank(char *text, size_t len)
{
	for (size_t i = 0; i < len;) {
		bool within_word = i > 0 && in_word(text[i - 1]);
		if (text[i] == '"' || text[i] == '\'') {
			i = string_end(text, len, i);
			continue;
		}
		if (!comment_starts((struct str){ text + i, len - i }, within_word)) {
			i++;
			continue;
		}
		size_t end = comment_end(text, len, i);
		if (end == i)
			return;
		for (; i < end; i++)
			if (text[i] != '\n')
				text[i] = ' ';
	}
}
