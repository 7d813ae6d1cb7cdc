/* See case_text.h. Slices of the file, nothing is copied. */
#include "registrar/case_text.h"

struct str
case_take_line(struct str *rest)
{
	struct str line, tail;
	if (!str_cut(*rest, '\n', &line, &tail))
		tail = (struct str){ rest->p + rest->len, 0 };
	*rest = tail;
	return line;
}

static bool
is_indented(struct str text)
{
	return text.len > 0 && (text.p[0] == ' ' || text.p[0] == '\t');
}

bool
case_take_directive(struct str *rest, int *line, struct case_line *directive)
{
	while (!str_empty(*rest)) {
		struct str text = case_take_line(rest);
		directive->line = (*line)++;
		if (str_empty(str_trim(text)) || text.p[0] == '#')
			continue;
		if (!str_cut(text, ':', &directive->word, &directive->rest))
			directive->rest = STR("");
		directive->rest = str_trim(directive->rest);
		directive->more = (struct str){ rest->p, 0 };
		while (is_indented(*rest)) {
			directive->more.len += case_take_line(rest).len + 1;
			(*line)++;
		}
		return true;
	}
	return false;
}

bool
case_take_word(struct str *rest, struct str *key, struct str *value)
{
	*rest = str_trim(*rest);
	if (str_empty(*rest))
		return false;
	struct str word, tail = STR("");
	(void)str_cut(*rest, ' ', &word, &tail);
	*rest = tail;
	*value = STR("");
	(void)str_cut(word, '=', key, value);
	return true;
}

struct str
case_cut_contact(struct str *rest)
{
	static const char *const keys[] = { " call-id=", " cseq=", " left=", " requested=",
					    " age=",	 " like=", " path=" };
	size_t end = rest->len;
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		const char *at = memmem(rest->p, rest->len, keys[i], strlen(keys[i]));
		if (at != NULL && (size_t)(at - rest->p) < end)
			end = (size_t)(at - rest->p);
	}
	struct str contact = str_trim(str_slice(*rest, 0, end));
	*rest = str_slice(*rest, end, rest->len);
	return contact;
}
