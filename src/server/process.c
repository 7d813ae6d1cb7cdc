/* The small things that every process of the daemon does the same way. */
#include "process.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

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
	if (log_is_journal(log_descriptor()))
		return LOG_FORMAT_JOURNAL;
	return isatty(log_descriptor()) ? LOG_FORMAT_TEXT : LOG_FORMAT_JSON;
}

void
process_log_setup(const struct config *config)
{
	log_setup(config->log.level, log_format_of(config->log.format), config->server.name);
	log_mask(config->log.masked);
}

struct config *
process_parse_config(int fd, void (*note)(const struct config_note *, void *), void *arg)
{
	struct stat entry;
	void *text = MAP_FAILED;
	if (fstat(fd, &entry) == 0)
		text = mmap(NULL, (size_t)entry.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (text == MAP_FAILED) {
		note(&(struct config_note){ .text = "out of memory" }, arg);
		return NULL;
	}
	struct config *config = config_load_text_noted((struct str){ text, (size_t)entry.st_size },
						       "as printed", note, arg);
	munmap(text, (size_t)entry.st_size);
	return config;
}

/* Warnings were told by the master. */
static void
log_note(const struct config_note *note, void *arg)
{
	(void)arg;
	if (!note->warning)
		log_message(LOG_LEVEL_ERROR, "reload", "%s", note->text);
}

struct config *
process_read_config(int fd)
{
	if (fd < 0) {
		log_message(LOG_LEVEL_ERROR, "reload", "no descriptor is left for it");
		return NULL;
	}
	struct config *config = process_parse_config(fd, log_note, NULL);
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
