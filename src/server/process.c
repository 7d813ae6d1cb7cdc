/* The small things that every process of the daemon does the same way. */
#include "process.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* systemd names device and inode of the journal's socket; stderr may have been sent elsewhere
 * since. */
static bool
is_journal(int fd)
{
	const char *stream = getenv("JOURNAL_STREAM");
	struct stat entry;
	char name[64];
	if (stream == NULL || fstat(fd, &entry) != 0)
		return false;
	snprintf(name, sizeof(name), "%ju:%ju", (uintmax_t)entry.st_dev, (uintmax_t)entry.st_ino);
	return strcmp(stream, name) == 0;
}

static enum log_format
log_format_of(enum config_log_format word)
{
	switch (word) {
	case CONFIG_LOG_TEXT:
		return LOG_FORMAT_TEXT;
	case CONFIG_LOG_JOURNAL:
		return LOG_FORMAT_JOURNAL;
	case CONFIG_LOG_JSON:
		return LOG_FORMAT_JSON;
	case CONFIG_LOG_AUTO:
		break;
	}
	if (is_journal(log_descriptor()))
		return LOG_FORMAT_JOURNAL;
	return isatty(log_descriptor()) ? LOG_FORMAT_TEXT : LOG_FORMAT_JSON;
}

void
process_log_setup(const struct config *config)
{
	log_setup(config->log.level, log_format_of(config->log.format), config->server.name);
	log_mask(config->log.masked);
}

void
process_log_lines(enum log_level level, const char *event, const char *before, const char *text)
{
	struct str line, rest = str_of(text);
	bool more = true;
	while (more) {
		more = str_cut(rest, '\n', &line, &rest);
		if (str_empty(line) && before[0] == '\0')
			continue;
		log_message(level, event, "%s%.*s", before, STR_ARG(line));
		before = "";
	}
}

struct config *
process_read_config(int fd, const struct launch *launch)
{
	char path[64];
	char *errors = NULL;
	size_t len = 0;
	if (fd < 0) {
		log_message(LOG_LEVEL_ERROR, "reload", "no descriptor is left for it");
		return NULL;
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	FILE *sink = open_memstream(&errors, &len);
	if (sink == NULL) {
		log_message(LOG_LEVEL_ERROR, "reload", "out of memory");
		close(fd);
		return NULL;
	}
	struct config *config = config_load(path, launch->overrides, launch->override_count, sink);
	fclose(sink);
	if (config == NULL)
		process_log_lines(LOG_LEVEL_ERROR, "reload", "", errors);
	free(errors);
	close(fd);
	return config;
}

/* As in the master, where opening it can fail too. */
static void
change_log(int fd)
{
	if (fd >= 0)
		log_output(fd);
	else
		log_message(LOG_LEVEL_ERROR, "log.reopen",
			    "no descriptor is left for it; the old one is still written to");
}

static void
control_ready(struct watch *base, bool readable, bool writable)
{
	struct control_watch *watch = container_of(base, struct control_watch, watch);
	(void)readable;
	(void)writable;
	for (;;) {
		struct control_message message;
		int fd;
		switch (control_receive(watch->watch.fd, &message, &fd)) {
		case CONTROL_NOTHING:
			return;
		case CONTROL_CLOSED:
			loop_unwatch(watch->loop, &watch->watch);
			watch->closed(watch);
			return;
		case CONTROL_MESSAGE:
			if (message.verb == CONTROL_LOG_LEVEL)
				log_set_level(message.level);
			else if (message.verb == CONTROL_LOG)
				change_log(fd);
			else
				watch->message(watch, &message, fd);
			break;
		}
	}
}

bool
control_watch_open(struct control_watch *watch, struct loop *loop, int fd)
{
	watch->loop = loop;
	watch->watch.ready = control_ready;
	return loop_watch(loop, &watch->watch, fd, true, false);
}
