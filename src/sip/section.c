/*
 * Lines and rows. Everything here is a search for the next CR or LF; what the lines mean is for the
 * callers.
 */
#include "section.h"

#include "chars.h"
#include "sip/scan.h"

/* A search for each would pass over all that is left where there are only ends of the other kind;
 * so they are looked for in turns, a piece at a time. */
#define LINE_PIECE 128

size_t
section_line_len(struct str octets)
{
	for (size_t at = 0; at < octets.len; at += LINE_PIECE) {
		const char *piece = octets.p + at;
		size_t len = octets.len - at < LINE_PIECE ? octets.len - at : LINE_PIECE;
		const char *lf = memchr(piece, '\n', len);
		size_t reach = lf == NULL ? len : (size_t)(lf - piece);
		const char *cr = memchr(piece, '\r', reach);
		if (cr != NULL)
			return (size_t)(cr - octets.p);
		if (lf != NULL)
			return (size_t)(lf - octets.p);
	}
	return octets.len;
}

bool
section_next_line(struct str *rest, struct str *line, enum section_end *end)
{
	if (rest->len == 0)
		return false;
	size_t len = section_line_len(*rest), used;
	if (len == rest->len) {
		*end = SECTION_END_NONE;
		used = len;
	} else if (str_starts(str_slice(*rest, len, 2), STR("\r\n"))) {
		*end = SECTION_END_CRLF;
		used = len + 2;
	} else {
		*end = SECTION_END_BARE;
		used = len + 1;
	}
	*line = (struct str){ rest->p, len };
	*rest = (struct str){ rest->p + used, rest->len - used };
	return true;
}

static bool
is_continued(struct str rest)
{
	return rest.len > 0 && (rest.p[0] == ' ' || rest.p[0] == '\t');
}

bool
section_next_row(struct str *rest, struct section_row *row)
{
	struct str line;
	enum section_end end;
	if (!section_next_line(rest, &row->first, &end))
		return false;
	row->whole = row->first;
	row->lines = 1;
	row->bare_end = end == SECTION_END_BARE;
	if (row->first.len > 0)
		while (row->lines <= SIP_MAX_LINES && is_continued(*rest) &&
		       section_next_line(rest, &line, &end)) {
			row->whole.len = (size_t)(line.p + line.len - row->whole.p);
			row->lines++;
			row->bare_end |= end == SECTION_END_BARE;
		}
	row->ended = end != SECTION_END_NONE;
	return true;
}

/* memrchr for a blank: SP or HT. */
static size_t
last_element(struct str line)
{
	size_t start = line.len;
	while (start > 0 && line.p[start - 1] != ' ' && line.p[start - 1] != '\t')
		start--;
	return start;
}

/* PAR-7.1-3; what else a URI may hold is judged by its parser, after the method. */
static bool
uri_is_printable(struct str uri)
{
	for (size_t i = 0; i < uri.len; i++)
		if ((unsigned char)uri.p[i] <= ' ' || uri.p[i] == 0x7f)
			return false;
	return uri.len > 0 && uri.p[0] != '<' && uri.p[uri.len - 1] != '>';
}

enum start_kind
start_line_split(struct start_line *start, struct str line)
{
	*start = (struct start_line){ 0 };
	if (str_istarts(line, STR("SIP/")))
		return START_RESPONSE;
	struct str trimmed = str_trim(line), middle;
	size_t last = last_element(trimmed);
	start->version = str_slice(trimmed, last, trimmed.len);
	if (!str_istarts(start->version, STR("SIP/")))
		return START_NOT_SIP;
	start->malformed = trimmed.len != line.len;
	start->malformed |= !str_cut(str_slice(trimmed, 0, last), ' ', &start->method, &middle);
	/* The blank before the version is the only one that may be left. */
	start->uri = str_trim(middle);
	start->malformed |= middle.len == 0 || middle.len - 1 != start->uri.len ||
			    middle.p[middle.len - 1] != ' ';
	start->malformed |= !sip_is_token(start->method) || !uri_is_printable(start->uri);
	return START_REQUEST;
}

enum sip_header_id
section_header_id(struct str name)
{
	static const struct {
		struct str name;
		char compact;
	} known[] = {
#define X(id, name, compact, kind) [SIP_HEADER_##id] = { { name, sizeof(name) - 1 }, compact },
		SIP_HEADERS(X)
#undef X
	};
	if (name.len == 1) {
		for (unsigned id = 0; id < SIP_HEADER_OTHER; id++)
			if (known[id].compact == ascii_lower(name.p[0]))
				return (enum sip_header_id)id;
		return SIP_HEADER_OTHER;
	}
	for (unsigned id = 0; id < SIP_HEADER_OTHER; id++)
		if (known[id].name.len == name.len && str_ieq(known[id].name, name))
			return (enum sip_header_id)id;
	return SIP_HEADER_OTHER;
}

bool
section_content_length(struct str value, size_t *length)
{
	uint64_t number;
	if (!str_to_u64(value, INT32_MAX, &number))
		return false;
	*length = (size_t)number;
	return true;
}
