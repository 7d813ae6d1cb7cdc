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

/* Judged as soon as the line is there; before that by its first octet, so that a TLS hello on a TCP
 * port ends at once. */
static bool
is_garbage(struct str octets)
{
	struct start_line start;
	struct str line;
	enum section_end end;
	unsigned char first = (unsigned char)octets.p[0];
	if (first < ' ' || first > '~')
		return true;
	section_next_line(&octets, &line, &end);
	return end != SECTION_END_NONE && start_line_split(&start, line) == START_NOT_SIP;
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

/* False when there is not exactly one Content-Length that can be used (D-26). */
static bool
find_length(struct str head, size_t *length)
{
	struct section_row row;
	struct str name, value, line;
	enum section_end end;
	bool found = false;
	section_next_line(&head, &line, &end);
	while (section_next_row(&head, &row)) {
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

struct sip_frame
sip_frame(struct str octets, const struct sip_limits *limits)
{
	struct sip_frame frame = { .status = SIP_FRAME_MORE };
	size_t limit = limits->max_message_bytes;
	if (octets.len == 0 || frame_blank(octets, &frame))
		return frame;
	frame.started = true;
	struct str within = str_slice(octets, 0, limit);
	if (is_garbage(within)) {
		frame.status = SIP_FRAME_GARBAGE;
		return frame;
	}
	const char *gap = memmem(within.p, within.len, "\r\n\r\n", 4);
	if (gap == NULL) {
		if (octets.len >= limit) {
			frame.status = SIP_FRAME_TOO_LARGE;
			frame.used = within.len;
		}
		return frame;
	}
	size_t head = (size_t)(gap - octets.p) + 4, length;
	bool usable = find_length(str_slice(octets, 0, head), &length);
	if (!usable || length > limit - head || length > limits->max_body_bytes) {
		frame.status = SIP_FRAME_BROKEN;
		frame.used = head;
	} else if (octets.len - head < length) {
		frame.expected = head + length;
	} else {
		frame.status = SIP_FRAME_MESSAGE;
		frame.used = head + length;
	}
	return frame;
}
