/*
 * Finding the end of a message. The header section ends at the first CRLFCRLF; only then is it
 * read, and only for its Content-Length, by the same rows as sip_message_parse().
 */
#include "sip/frame.h"

#include "section.h"

/* Between messages: one CRLF may be the first half of a ping, so it stays until more is known. */
static bool
frame_blank(struct str octets, struct sip_frame *frame)
{
	if (str_starts(octets, STR("\r\n\r\n")))
		*frame = (struct sip_frame){ .status = SIP_FRAME_PING, .used = 4 };
	else if (str_starts(STR("\r\n\r\n"), octets))
		*frame = (struct sip_frame){ .status = SIP_FRAME_MORE };
	else if (str_starts(octets, STR("\r\n")))
		*frame = (struct sip_frame){ .status = SIP_FRAME_SKIP, .used = 2 };
	else
		return false;
	return true;
}

/* Judged once, as soon as the line is there; before that by its first octet, so that a TLS hello on
 * a TCP port ends at once. */
static bool
is_garbage(struct str octets, struct sip_frame_known *known)
{
	struct start_line start;
	unsigned char first = (unsigned char)octets.p[0];
	if (known->judged)
		return false;
	if (first < ' ' || first > '~')
		return true;
	size_t searched = known->searched < octets.len ? known->searched : octets.len;
	size_t len = searched + section_line_len(str_slice(octets, searched, octets.len));
	known->judged = len < octets.len;
	return known->judged &&
	       start_line_split(&start, str_slice(octets, 0, len)) == START_NOT_SIP;
}

/* Moves known->searched to where CRLFCRLF begins, or may begin when there is none yet. */
static bool
find_empty_line(struct str octets, struct sip_frame_known *known)
{
	size_t at = known->searched + 3;
	while (at < octets.len) {
		const char *lf = memchr(octets.p + at, '\n', octets.len - at);
		if (lf == NULL)
			break;
		if (memcmp(lf - 3, "\r\n\r\n", 4) == 0) {
			known->searched = (size_t)(lf - octets.p) - 3;
			return true;
		}
		at = (size_t)(lf - octets.p) + 1;
	}
	if (octets.len > known->searched + 3)
		known->searched = octets.len - 3;
	return false;
}

static bool
is_white(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Without the folds around it: the frame may not unfold, for more octets may come. */
static struct str
trim_folds(struct str s)
{
	while (s.len > 0 && is_white(s.p[0]))
		s = (struct str){ s.p + 1, s.len - 1 };
	while (s.len > 0 && is_white(s.p[s.len - 1]))
		s.len--;
	return s;
}

/* False when there is not exactly one Content-Length that can be used (D-26), or when there are too
 * many lines, which no parser reads either (PAR-LIM-2). */
static bool
find_length(struct str head, size_t *length)
{
	struct section_row row;
	struct str name, value, line;
	enum section_end end;
	bool found = false;
	size_t lines = 0;
	section_next_line(&head, &line, &end);
	while (section_next_row(&head, &row)) {
		lines += row.lines;
		if (lines > SIP_MAX_LINES + 1) /* the empty line is one */
			return false;
		if (!str_cut(row.first, ':', &name, &value) ||
		    section_header_id(str_trim(name)) != SIP_HEADER_CONTENT_LENGTH)
			continue;
		value = trim_folds(str_slice(row.whole, name.len + 1, row.whole.len));
		if (found || !section_content_length(value, length))
			return false;
		found = true;
	}
	return found;
}

/* The header section is complete. */
static void
frame_whole(struct str octets, size_t head, const struct sip_limits *limits,
	    struct sip_frame *frame)
{
	size_t length;
	bool usable = find_length(str_slice(octets, 0, head), &length);
	if (!usable || length > limits->max_message_bytes - head ||
	    length > limits->max_body_bytes) {
		frame->status = SIP_FRAME_BROKEN;
		frame->used = head;
	} else if (octets.len - head < length) {
		frame->expected = head + length;
	} else {
		frame->status = SIP_FRAME_MESSAGE;
		frame->used = head + length;
	}
}

struct sip_frame
sip_frame(struct str octets, struct sip_frame_known known, const struct sip_limits *limits)
{
	struct sip_frame frame = { .status = SIP_FRAME_MORE };
	if (octets.len == 0 || frame_blank(octets, &frame))
		return frame;
	frame.started = true;
	struct str within = str_slice(octets, 0, limits->max_message_bytes);
	if (is_garbage(within, &known)) {
		frame.status = SIP_FRAME_GARBAGE;
	} else if (find_empty_line(within, &known)) {
		frame_whole(octets, known.searched + 4, limits, &frame);
	} else if (octets.len >= limits->max_message_bytes) {
		frame.status = SIP_FRAME_TOO_LARGE;
		frame.used = within.len;
	}
	if (frame.status == SIP_FRAME_MORE)
		frame.known = known;
	return frame;
}
