/*
 * The lexical rules shared by all header fields. A cursor is a slice of what is left; every taker
 * either moves it past what it names or leaves it alone.
 */
#include "sip/scan.h"

#include "base/ip.h"
#include "chars.h"
#include "component.h"

static struct str
skipped(struct str s, size_t count)
{
	return (struct str){ s.p + count, s.len - count };
}

static struct str
first(struct str s, size_t count)
{
	return (struct str){ s.p, count };
}

bool
sip_is_token_char(unsigned char c)
{
	return char_is((char)c, CHAR_TOKEN);
}

bool
sip_is_control(char c)
{
	return ((unsigned char)c < ' ' && c != '\t') || c == 0x7f;
}

bool
sip_is_token(struct str s)
{
	return chars_only(s, CHAR_TOKEN);
}

bool
sip_is_word(struct str s)
{
	return chars_only(s, CHAR_WORD);
}

void
sip_skip_lws(struct sip_scan *scan)
{
	while (scan->rest.len > 0 && (scan->rest.p[0] == ' ' || scan->rest.p[0] == '\t'))
		scan->rest = skipped(scan->rest, 1);
}

bool
sip_take_char(struct sip_scan *scan, char c)
{
	if (scan->rest.len == 0 || scan->rest.p[0] != c)
		return false;
	scan->rest = skipped(scan->rest, 1);
	return true;
}

bool
sip_take_separator(struct sip_scan *scan, char c)
{
	struct sip_scan ahead = *scan;
	sip_skip_lws(&ahead);
	if (!sip_take_char(&ahead, c))
		return false;
	sip_skip_lws(&ahead);
	*scan = ahead;
	return true;
}

bool
sip_take_token(struct sip_scan *scan, struct str *token)
{
	size_t len = chars_span(scan->rest, CHAR_TOKEN);
	if (len == 0)
		return false;
	*token = first(scan->rest, len);
	scan->rest = skipped(scan->rest, len);
	return true;
}

/* Octets of the quoted string that s starts with, or 0 when it is none or does not end. */
static size_t
quoted_span(struct str s)
{
	if (s.len == 0 || s.p[0] != '"')
		return 0;
	for (size_t i = 1; i < s.len; i++) {
		switch (s.p[i]) {
		case '"':
			return i + 1;
		case '\\':
			i++;
			if (i == s.len || s.p[i] == '\r' || s.p[i] == '\n' ||
			    (unsigned char)s.p[i] > 0x7f)
				return 0;
			break;
		default:
			if (sip_is_control(s.p[i]))
				return 0;
			break;
		}
	}
	return 0;
}

bool
sip_take_quoted(struct sip_scan *scan, struct str *quoted)
{
	size_t len = quoted_span(scan->rest);
	if (len == 0)
		return false;
	*quoted = first(scan->rest, len);
	scan->rest = skipped(scan->rest, len);
	return true;
}

void
sip_write_plain(struct writer *w, struct str text)
{
	size_t start = 0;
	for (size_t i = 0; i < text.len; i++) {
		if (!sip_is_control(text.p[i]))
			continue;
		writer_str(w, str_slice(text, start, i - start));
		writer_char(w, '?');
		start = i + 1;
	}
	writer_str(w, str_slice(text, start, text.len));
}

/* Behind a quoted string that does not end there is none, or each quote would have the rest
 * searched again. */
void
sip_write_clean(struct writer *w, struct str text)
{
	const char *quote;
	while (text.len > 0 && (quote = memchr(text.p, '"', text.len)) != NULL) {
		size_t before = (size_t)(quote - text.p);
		size_t quoted = quoted_span(skipped(text, before));
		if (quoted == 0)
			break;
		sip_write_plain(w, first(text, before));
		writer_str(w, str_slice(text, before, quoted));
		text = skipped(text, before + quoted);
	}
	sip_write_plain(w, text);
}

struct str
sip_unquote(struct str text, struct arena *arena)
{
	if (text.len < 2 || text.p[0] != '"')
		return text;
	struct str inside = str_slice(text, 1, text.len - 2);
	if (inside.len == 0 || memchr(inside.p, '\\', inside.len) == NULL)
		return inside;
	char *plain = arena_alloc(arena, inside.len);
	if (plain == NULL)
		return (struct str){ NULL, 0 };
	size_t len = 0;
	for (size_t i = 0; i < inside.len; i++) {
		if (inside.p[i] == '\\' && i + 1 < inside.len)
			i++;
		plain[len++] = inside.p[i];
	}
	return (struct str){ plain, len };
}

/* "[2001:db8::1]", or a token. An IPv6 address without brackets is what RFC 5118 §4.5 asks to
 * accept in received; nothing else with a colon is. */
static bool
take_plain_value(struct sip_scan *scan, struct str *value)
{
	struct ip ip;
	struct str rest = scan->rest;
	size_t len = chars_span(rest, CHAR_TOKEN);
	if (rest.len > 0 && rest.p[0] == '[') {
		const char *end = memchr(rest.p, ']', rest.len);
		if (end == NULL)
			return false;
		len = (size_t)(end - rest.p) + 1;
		if (!ip6_parse(str_slice(rest, 1, len - 2), &ip))
			return false;
	} else if (len < rest.len && rest.p[len] == ':') {
		while (len < rest.len && (rest.p[len] == ':' || char_is(rest.p[len], CHAR_TOKEN)))
			len++;
		if (!ip6_parse(first(rest, len), &ip))
			return false;
	}
	if (len == 0)
		return false;
	*value = first(rest, len);
	scan->rest = skipped(rest, len);
	return true;
}

bool
sip_next_param(struct str *rest, struct sip_param *param, bool *bad)
{
	struct sip_scan scan = { *rest };
	sip_skip_lws(&scan);
	*bad = false;
	if (scan.rest.len == 0)
		return false;
	*bad = true;
	*param = (struct sip_param){ 0 };
	if (!sip_take_separator(&scan, ';') || !sip_take_token(&scan, &param->name))
		return false;
	param->value = first(scan.rest, 0);
	if (sip_take_separator(&scan, '=')) {
		param->has_value = true;
		if (!sip_take_quoted(&scan, &param->value) &&
		    !take_plain_value(&scan, &param->value))
			return false;
	}
	struct sip_scan ahead = scan;
	sip_skip_lws(&ahead);
	if (ahead.rest.len > 0 && ahead.rest.p[0] != ';')
		return false;
	*bad = false;
	*rest = scan.rest;
	return true;
}

bool
sip_params_valid(struct str params)
{
	struct str seen[SIP_MAX_PARAMS];
	unsigned hashes[SIP_MAX_PARAMS];
	struct sip_param param;
	unsigned count = 0;
	bool bad;
	while (sip_next_param(&params, &param, &bad)) {
		if (count == SIP_MAX_PARAMS)
			return false;
		unsigned hash = component_hash(param.name);
		for (unsigned i = 0; i < count; i++)
			if (hashes[i] == hash && str_ieq(seen[i], param.name))
				return false;
		hashes[count] = hash;
		seen[count++] = param.name;
	}
	return !bad;
}

/* Octets before the next separator that is not inside a quoted string or <>. What does not end runs
 * to the end of s, for the parser of the member to refuse. */
static size_t
span_to(struct str s, char separator)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] == separator)
			return i;
		if (s.p[i] == '"') {
			size_t quoted = quoted_span(skipped(s, i));
			if (quoted == 0)
				return s.len;
			i += quoted - 1;
		} else if (s.p[i] == '<') {
			const char *end = memchr(s.p + i, '>', s.len - i);
			if (end == NULL)
				return s.len;
			i = (size_t)(end - s.p);
		}
	}
	return s.len;
}

bool
sip_find_param(struct str params, struct str name, struct sip_param *param)
{
	while (params.len > 0) {
		params = skipped(params, 1); /* the ';' */
		struct str one = first(params, span_to(params, ';'));
		params = skipped(params, one.len);
		param->has_value = str_cut(one, '=', &param->name, &param->value);
		param->name = str_trim(param->name);
		param->value = str_trim(param->value);
		if (str_ieq(param->name, name))
			return true;
	}
	return false;
}

bool
sip_next_member(struct str *rest, struct str *member, bool *bad)
{
	*bad = false;
	if (rest->p == NULL)
		return false;
	size_t len = span_to(*rest, ',');
	*member = str_trim(first(*rest, len));
	if (len < rest->len)
		*rest = skipped(*rest, len + 1); /* a member must follow, even at the end */
	else
		*rest = (struct str){ NULL, 0 };
	*bad = member->len == 0;
	return !*bad;
}

uint32_t
sip_delta_seconds(struct str text)
{
	uint64_t value;
	text = str_trim(text);
	if (!chars_only(text, CHAR_DIGIT))
		return 3600;
	return str_to_u64(text, UINT32_MAX, &value) ? (uint32_t)value : UINT32_MAX;
}
