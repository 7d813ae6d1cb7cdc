/*
 * One event per line. Fixed fields come first, then node and count, and last what came from
 * outside, quoted, escaped and bounded, in whatever order they are given. Logging never waits:
 * lines that the reader or the disk does not take at once are lost, and log.lost says how many.
 *
 *   struct log_line line;
 *   if (log_begin(&line, LOG_LEVEL_WARNING, "auth.failed")) {
 *           log_word(&line, "reason", reason_word(reason));
 *           log_endpoint(&line, "src", &source);
 *           log_user(&line, "user", login);
 *           log_end(&line);
 *   }
 *
 * log.personal_data = masked is obeyed here and nowhere else: whoever a line is about goes through
 * log_endpoint, log_prefix, log_user, log_opaque or log_text, never through log_word or
 * log_message.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/ip.h"
#include "base/str.h"
#include "base/writer.h"

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_NOTICE,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG
};
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JOURNAL, LOG_FORMAT_JSON };

#define LOG_LINE_MAX 4096
#define LOG_FIXED_MAX 896

struct log_line {
	enum log_level level;
	uint32_t count;
	struct writer fixed;
	struct writer text;
	char fixed_buf[LOG_FIXED_MAX];
	char text_buf[LOG_LINE_MAX - LOG_FIXED_MAX];
};

/* To stderr at level info, text format, until called. Words are those of section log of the
 * configuration. */
void log_setup(enum log_level level, enum log_format format, const char *node);
/* User parts and addresses are shortened from now on, or not. */
void log_mask(bool masked);
/* Lines go to this descriptor, which becomes the log's own, instead of the one before, which is
 * closed unless it is stderr. It was opened with O_APPEND, so that processes can share the file. */
void log_output(int fd);
int log_descriptor(void);
/* Whether it is the journal that systemd made stderr before we were started. */
bool log_is_journal(int fd);
/* What a line on stderr that is none of the log begins with, so that the journal knows its level;
 * nothing where stderr is something else. */
const char *log_stderr_mark(enum log_level level);
/* Where stderr is a pipe it is opened once more for the log, and for all children, so that nobody
 * waits in it; as long as we may open it, which who becomes another user no longer may. */
void log_own_pipe(void);
/* Processes that share a file share this mark too, in memory that they share: the last line was cut
 * short. */
void log_share(_Atomic bool *mark);
/* Whoever hands a new file to all of them says so first: whatever was cut short is in the old one.
 */
void log_file_is_new(void);
/* In a child that was just forked: what its parent lost is told by that one. */
void log_of_a_child(void);
void log_set_level(enum log_level level);
enum log_level log_get_level(void);
const char *log_level_word(enum log_level level);
bool log_level_parse(struct str word, enum log_level *level);

/* False, and nothing needs to follow, when the level is not logged. The event's name is a constant
 * of the program. */
bool log_begin(struct log_line *line, enum log_level level, const char *event);
/* A value that we made and that tells nothing of a person; it is quoted and escaped unless it is
 * letters, digits and -._:/[]@+,% alone. */
void log_word(struct log_line *line, const char *key, const char *value);
void log_number(struct log_line *line, const char *key, int64_t value);
/* Masked: the network without the port. */
void log_endpoint(struct log_line *line, const char *key, const struct endpoint *endpoint);
/* Masked: the network, or the prefix where that is wider. */
void log_prefix(struct log_line *line, const char *key, const struct ip_prefix *prefix);
/* How many events the line stands for (base/quiet.h). */
void log_count(struct log_line *line, uint32_t count);

/* A value that came from outside: at most 256 octets of it, then "...", quoted; controls, quotes
 * and octets from 0x7F escaped. A line holds 4096 octets; fields beyond are shortened or left out.
 * Masked: addresses and what stands before "@". */
void log_text(struct log_line *line, const char *key, struct str value);
/* The same for a user's name or address-of-record; masked: with or without "@". */
void log_user(struct log_line *line, const char *key, struct str value);
/* The same for what only names a call; masked: addresses alone, so that it still can be found. */
void log_opaque(struct log_line *line, const char *key, struct str value);
void log_end(struct log_line *line);

/* The whole event in one call, with a message of our own about ourselves, which is never masked, at
 * most 1023 octets: log_message(LOG_LEVEL_ERROR, "db.down", "%s", ...). */
void log_message(enum log_level level, const char *event, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
