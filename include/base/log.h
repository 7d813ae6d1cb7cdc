/*
 * One event per line: fixed fields first, text from the network last, quoted, escaped and bounded.
 * Logging never waits: lines that stderr does not take at once are lost, and log.lost says how
 * many.
 *
 *   struct log_line line;
 *   if (log_begin(&line, LOG_LEVEL_WARNING, "auth.failed")) {
 *           log_word(&line, "reason", reason_word(reason));
 *           log_endpoint(&line, "src", &source);
 *           log_text(&line, "user", login);
 *           log_end(&line);
 *   }
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

struct log_line {
	enum log_level level;
	struct writer writer;
	char buf[4096];
};

/* To stderr at level info, text format, until called. Words are those of section log of the
 * configuration. */
void log_setup(enum log_level level, enum log_format format, const char *node);
void log_set_level(enum log_level level);
enum log_level log_get_level(void);
const char *log_level_word(enum log_level level);
bool log_level_parse(struct str word, enum log_level *level);

/* False, and nothing needs to follow, when the level is not logged. The event's name is a constant
 * of the program. */
bool log_begin(struct log_line *line, enum log_level level, const char *event);
/* A value that we made; it is quoted and escaped unless it is letters, digits and -._:/[]@+,%
 * alone. */
void log_word(struct log_line *line, const char *key, const char *value);
void log_number(struct log_line *line, const char *key, int64_t value);
void log_endpoint(struct log_line *line, const char *key, const struct endpoint *endpoint);
/* A value that came from outside: at most 256 octets of it, then "...", quoted; controls, quotes
 * and octets from 0x7F escaped. A line holds 4096 octets; fields beyond are shortened or left out.
 */
void log_text(struct log_line *line, const char *key, struct str value);
void log_end(struct log_line *line);

/* The whole event in one call, with a message of our own, at most 1023 octets:
 * log_message(LOG_LEVEL_ERROR, "db.down", "%s", ...). */
void log_message(enum log_level level, const char *event, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
