/* One line an event, built in a buffer of its own and written with one write(2), so that processes
 * do not mix lines. Nobody waits for whoever reads them: what does not fit now is counted. */
#include "base/log.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"

#define TEXT_SHOWN 256
#define END_RESERVED 256 /* for the node's name and the end of the line */

static enum log_level current_level = LOG_LEVEL_INFO;
static enum log_format current_format = LOG_FORMAT_TEXT;
static char current_node[64];
static uint64_t lost; /* lines that nobody took */

static const char *const level_words[] = { "error", "warning", "notice", "info", "debug" };
static const int syslog_priority[] = { 3, 4, 5, 6, 7 };

void
log_setup(enum log_level level, enum log_format format, const char *node)
{
	current_level = level;
	current_format = format;
	snprintf(current_node, sizeof(current_node), "%s", node);
}

void
log_set_level(enum log_level level)
{
	current_level = level;
}

enum log_level
log_get_level(void)
{
	return current_level;
}

const char *
log_level_word(enum log_level level)
{
	return level_words[level];
}

bool
log_level_parse(struct str word, enum log_level *level)
{
	for (unsigned i = 0; i < sizeof(level_words) / sizeof(*level_words); i++) {
		if (str_eq(word, str_of(level_words[i]))) {
			*level = (enum log_level)i;
			return true;
		}
	}
	return false;
}

/* A field that does not fit is taken back whole: half of one would break the line's syntax. */
static void
field_end(struct log_line *line, size_t start)
{
	if (writer_ok(&line->writer))
		return;
	line->writer.len = start;
	line->writer.failed = false;
}

/* What one octet, the mark of what was left out and the closing quote take at most. */
#define ESCAPE_ROOM 10

/* A JSON string or the inside of a quoted value: only printable ASCII leaves this function. At most
 * limit octets are shown, and fewer when the line is full. */
static void
escaped(struct log_line *line, struct str value, size_t limit)
{
	struct writer *w = &line->writer;
	size_t i;
	for (i = 0; i < value.len && i < limit && w->cap - w->len >= ESCAPE_ROOM; i++) {
		unsigned char c = (unsigned char)value.p[i];
		if (c == '"' || c == '\\') {
			writer_char(w, '\\');
			writer_char(w, (char)c);
		} else if (c >= 0x20 && c < 0x7f) {
			writer_char(w, (char)c);
		} else {
			writer_printf(w, current_format == LOG_FORMAT_JSON ? "\\u%04x" : "\\x%02x",
				      c);
		}
	}
	if (i < value.len)
		writer_text_z(w, "...");
}

static void
key(struct log_line *line, const char *name)
{
	if (current_format == LOG_FORMAT_JSON)
		writer_printf(&line->writer, ",\"%s\":", name);
	else
		writer_printf(&line->writer, " %s=", name);
}

bool
log_begin(struct log_line *line, enum log_level level, const char *event)
{
	if (level > current_level)
		return false;
	line->level = level;
	line->writer = writer_on(line->buf, sizeof(line->buf) - END_RESERVED);
	char now[25];
	clock_rfc3339(clock_real_ms(), now);
	if (current_format == LOG_FORMAT_JSON)
		writer_printf(&line->writer, "{\"time\":\"%s\",\"level\":\"%s\",\"event\":\"%s\"",
			      now, level_words[level], event);
	else if (current_format == LOG_FORMAT_JOURNAL)
		writer_printf(&line->writer, "<%d>%s", syslog_priority[level], event);
	else
		writer_printf(&line->writer, "%s %s %s", now, level_words[level], event);
	return true;
}

static bool
plain(const char *value)
{
	static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				   "-._:/[]@+,%";
	return value[0] != '\0' && value[strspn(value, safe)] == '\0';
}

void
log_word(struct log_line *line, const char *name, const char *value)
{
	if (current_format == LOG_FORMAT_JSON || !plain(value)) {
		log_text(line, name, str_of(value));
		return;
	}
	size_t start = line->writer.len;
	key(line, name);
	writer_text_z(&line->writer, value);
	field_end(line, start);
}

void
log_number(struct log_line *line, const char *name, int64_t value)
{
	size_t start = line->writer.len;
	key(line, name);
	writer_printf(&line->writer, "%lld", (long long)value);
	field_end(line, start);
}

void
log_endpoint(struct log_line *line, const char *name, const struct endpoint *endpoint)
{
	char text[64];
	struct writer w = writer_on(text, sizeof(text) - 1);
	endpoint_write(&w, endpoint);
	text[w.len] = '\0';
	log_word(line, name, text);
}

static void
quoted(struct log_line *line, const char *name, struct str value, size_t limit)
{
	size_t start = line->writer.len;
	key(line, name);
	writer_char(&line->writer, '"');
	escaped(line, value, limit);
	writer_char(&line->writer, '"');
	field_end(line, start);
}

void
log_text(struct log_line *line, const char *name, struct str value)
{
	quoted(line, name, value, TEXT_SHOWN);
}

/* A pipe or socket that has room has room for a whole line; files always have. */
static bool
stderr_has_room(void)
{
	struct pollfd wait = { .fd = STDERR_FILENO, .events = POLLOUT };
	return poll(&wait, 1, 0) != 0;
}

static void
tell_lost(void)
{
	struct log_line line;
	uint64_t count = lost;
	lost = 0;
	if (count > 0 && log_begin(&line, LOG_LEVEL_WARNING, "log.lost")) {
		log_number(&line, "count", (int64_t)count);
		log_end(&line);
	}
}

void
log_end(struct log_line *line)
{
	if (!stderr_has_room()) {
		lost++;
		return;
	}
	tell_lost();
	line->writer.cap = sizeof(line->buf) - 2;
	if (current_node[0] != '\0')
		log_word(line, "node", current_node);
	line->writer.cap = sizeof(line->buf);
	if (current_format == LOG_FORMAT_JSON)
		writer_char(&line->writer, '}');
	writer_char(&line->writer, '\n');
	ssize_t written = write(STDERR_FILENO, line->writer.buf, line->writer.len);
	(void)written; /* there is nowhere left to complain */
}

void
log_message(enum log_level level, const char *event, const char *format, ...)
{
	struct log_line line;
	char text[1024];
	va_list args;
	if (!log_begin(&line, level, event))
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	quoted(&line, "message", str_of(text), sizeof(text));
	log_end(&line);
}
