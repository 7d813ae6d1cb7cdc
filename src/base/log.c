/* One line an event, built in buffers of its own and written with one writev(2), so that processes
 * do not mix lines. Nobody waits for whoever reads them: what does not fit now is counted. */
#include "base/log.h"

#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mask.h"
#include "base/stats.h"

#define TEXT_SHOWN 256
#define END_RESERVED 2	  /* of the line */
#define NODE_RESERVED 448 /* for the node's name, all escaped, and the count */
#define MASKED_MAX (4 * TEXT_SHOWN)

static enum log_level current_level = LOG_LEVEL_INFO;
static enum log_format current_format = LOG_FORMAT_TEXT;
static char current_node[64];
static bool masked;
static int output = STDERR_FILENO;
static int own_pipe = -1;	   /* what log_own_pipe() opened */
static int outlet = STDERR_FILENO; /* one of them: where the octets go */
static uint64_t lost;		   /* lines that nobody took, not told yet */
static _Atomic bool own_mark;
static _Atomic bool *torn = &own_mark; /* the last line only in part: a full disk */

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
log_mask(bool wanted)
{
	masked = wanted;
}

/* systemd names device and inode of the journal's socket; stderr may have been sent elsewhere
 * since. */
bool
log_is_journal(int fd)
{
	const char *stream = getenv("JOURNAL_STREAM");
	struct stat entry;
	char name[64];
	if (stream == NULL || fstat(fd, &entry) != 0)
		return false;
	snprintf(name, sizeof(name), "%ju:%ju", (uintmax_t)entry.st_dev, (uintmax_t)entry.st_ino);
	return strcmp(stream, name) == 0;
}

const char *
log_stderr_mark(enum log_level level)
{
	if (!log_is_journal(STDERR_FILENO))
		return "";
	return level == LOG_LEVEL_ERROR ? "<3>" : "<4>";
}

static bool
same_file(int one, int other)
{
	struct stat a, b;
	return fstat(one, &a) == 0 && fstat(other, &b) == 0 && a.st_dev == b.st_dev &&
	       a.st_ino == b.st_ino;
}

void
log_output(int fd)
{
	if (output != STDERR_FILENO && output != fd)
		close(output);
	output = fd;
	outlet = own_pipe >= 0 && same_file(own_pipe, fd) ? own_pipe : fd;
}

/* Others have stderr too, so the way it waits is not ours to change; a description of our own is.
 */
void
log_own_pipe(void)
{
	struct stat entry;
	if (own_pipe >= 0)
		close(own_pipe);
	own_pipe = -1;
	if (fstat(STDERR_FILENO, &entry) == 0 && S_ISFIFO(entry.st_mode))
		own_pipe = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	log_output(output);
}

void
log_file_is_new(void)
{
	*torn = false;
}

void
log_share(_Atomic bool *mark)
{
	torn = mark;
}

void
log_of_a_child(void)
{
	lost = 0;
}

int
log_descriptor(void)
{
	return output;
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
field_end(struct writer *w, size_t start)
{
	if (writer_ok(w))
		return;
	w->len = start;
	w->failed = false;
}

/* What one octet, the mark of what was left out and the closing quote take at most. */
#define ESCAPE_ROOM 10

/* A JSON string or the inside of a quoted value: only printable ASCII leaves this function. At most
 * limit octets are shown, and fewer when the line is full. */
static void
escaped(struct writer *w, struct str value, size_t limit)
{
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
key(struct writer *w, const char *name)
{
	writer_printf(w, current_format == LOG_FORMAT_JSON ? ",\"%s\":" : " %s=", name);
}

static void
quoted(struct writer *w, const char *name, struct str value, size_t limit)
{
	size_t start = w->len;
	key(w, name);
	writer_char(w, '"');
	escaped(w, value, limit);
	writer_char(w, '"');
	field_end(w, start);
}

bool
log_begin(struct log_line *line, enum log_level level, const char *event)
{
	if (level > current_level)
		return false;
	line->level = level;
	line->count = 0;
	line->fixed = writer_on(line->fixed_buf, sizeof(line->fixed_buf) - NODE_RESERVED);
	line->text = writer_on(line->text_buf, sizeof(line->text_buf) - END_RESERVED);
	struct writer *w = &line->fixed;
	char now[25];
	clock_rfc3339(clock_real_ms(), now);
	if (current_format == LOG_FORMAT_JSON)
		writer_printf(w, "{\"time\":\"%s\",\"level\":\"%s\",\"event\":\"%s\"", now,
			      level_words[level], event);
	else if (current_format == LOG_FORMAT_JOURNAL)
		writer_printf(w, "<%d>%s", syslog_priority[level], event);
	else
		writer_printf(w, "%s %s %s", now, level_words[level], event);
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
	struct writer *w = &line->fixed;
	size_t start = w->len;
	if (current_format == LOG_FORMAT_JSON || !plain(value)) {
		quoted(w, name, str_of(value), TEXT_SHOWN);
		return;
	}
	key(w, name);
	writer_text_z(w, value);
	field_end(w, start);
}

void
log_number(struct log_line *line, const char *name, int64_t value)
{
	struct writer *w = &line->fixed;
	size_t start = w->len;
	key(w, name);
	writer_printf(w, "%lld", (long long)value);
	field_end(w, start);
}

void
log_count(struct log_line *line, uint32_t count)
{
	line->count = count;
}

void
log_endpoint(struct log_line *line, const char *name, const struct endpoint *endpoint)
{
	char text[64];
	struct writer w = writer_on(text, sizeof(text) - 1);
	if (masked)
		mask_ip(&w, &endpoint->ip);
	else
		endpoint_write(&w, endpoint);
	text[w.len] = '\0';
	log_word(line, name, text);
}

/* --- what came from outside -------------------------------------------------------------- */

static void
from_outside(struct log_line *line, const char *name, struct str value,
	     void (*mask)(struct writer *w, struct str text))
{
	char shortened[MASKED_MAX];
	struct writer w = writer_on(shortened, sizeof(shortened));
	if (masked) {
		mask(&w, value);
		value = writer_text(&w);
	}
	quoted(&line->text, name, value, TEXT_SHOWN);
}

void
log_text(struct log_line *line, const char *name, struct str value)
{
	from_outside(line, name, value, mask_text);
}

void
log_user(struct log_line *line, const char *name, struct str value)
{
	from_outside(line, name, value, mask_user);
}

void
log_opaque(struct log_line *line, const char *name, struct str value)
{
	from_outside(line, name, value, mask_addresses);
}

/* A ban of one address names who it is about; one of a network that is as wide as what is shown of
 * an address stands as it is. */
void
log_prefix(struct log_line *line, const char *name, const struct ip_prefix *prefix)
{
	char text[64];
	struct writer w = writer_on(text, sizeof(text));
	if (masked)
		mask_prefix(&w, prefix);
	else
		ip_prefix_write(&w, prefix);
	quoted(&line->text, name, writer_text(&w), TEXT_SHOWN);
}

/* --- writing ----------------------------------------------------------------------------- */

/* A pipe or socket that has room has room for a whole line, unless another process is quicker; then
 * log_own_pipe() keeps us from waiting. Files always have. */
static bool
has_room(void)
{
	struct pollfd wait = { .fd = outlet, .events = POLLOUT };
	return poll(&wait, 1, 0) != 0;
}

/* False when it was not taken whole. What a full disk took of a line is ended before the next, by
 * whichever process writes that. */
static bool
write_line(struct log_line *line)
{
	line->fixed.cap = sizeof(line->fixed_buf);
	if (current_node[0] != '\0')
		log_word(line, "node", current_node);
	if (line->count > 0)
		log_number(line, "count", line->count);
	line->text.cap = sizeof(line->text_buf);
	writer_text_z(&line->text, current_format == LOG_FORMAT_JSON ? "}\n" : "\n");
	bool mine = atomic_exchange(torn, false);
	struct iovec parts[] = { { "\n", mine ? 1 : 0 },
				 { line->fixed_buf, line->fixed.len },
				 { line->text_buf, line->text.len } };
	size_t len = parts[0].iov_len + line->fixed.len + line->text.len;
	ssize_t written = writev(outlet, parts, sizeof(parts) / sizeof(*parts));
	if (written > 0 ? (size_t)written < len : mine)
		*torn = true;
	return written == (ssize_t)len;
}

static bool
tell_lost(void)
{
	struct log_line line;
	if (lost > 0 && log_begin(&line, LOG_LEVEL_WARNING, "log.lost")) {
		log_number(&line, "count", (int64_t)lost);
		if (!write_line(&line))
			return false;
	}
	lost = 0;
	return true;
}

void
log_end(struct log_line *line)
{
	if (has_room() && tell_lost() && write_line(line))
		return;
	lost++;
	stats->log_dropped++;
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
	quoted(&line.text, "message", str_of(text), sizeof(text));
	log_end(&line);
}
