/* What every process of the daemon does the same way. */
#include "server/process.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "support/check_main.h"

/* Each error is an event of its own; only the first says what they are about. */
START_TEST(one_event_an_error)
{
	char text[1024];
	int log_fd = memfd_create("log", 0);
	ck_assert_int_eq(dup2(log_fd, STDERR_FILENO), STDERR_FILENO);
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_JOURNAL, "");
	process_log_lines(LOG_LEVEL_ERROR, "reload", "refused: ", "a.conf:1: one\na.conf:2: two\n");
	process_log_lines(LOG_LEVEL_ERROR, "reload", "", "three");
	process_log_lines(LOG_LEVEL_ERROR, "reload", "refused: ", "");
	ssize_t len = pread(log_fd, text, sizeof(text) - 1, 0);
	text[len < 0 ? 0 : len] = '\0';
	ck_assert_str_eq(text, "<3>reload message=\"refused: a.conf:1: one\"\n"
			       "<3>reload message=\"a.conf:2: two\"\n"
			       "<3>reload message=\"three\"\n"
			       "<3>reload message=\"refused: \"\n");
}
END_TEST

/* The master says which level is in force. */
START_TEST(level_follows_the_master)
{
	int ends[2];
	struct control_watch watch = { .closed = NULL };
	struct loop *loop = loop_open();
	struct control_message message = { .verb = CONTROL_LOG_LEVEL, .level = LOG_LEVEL_DEBUG };
	ck_assert(control_pair(ends));
	ck_assert(control_watch_open(&watch, loop, ends[1]));
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_TEXT, "");
	ck_assert(control_send(ends[0], &message, -1));
	loop_turn(loop, 100);
	ck_assert_int_eq(log_get_level(), LOG_LEVEL_DEBUG);
	loop_unwatch(loop, &watch.watch);
	loop_close(loop);
	close(ends[0]);
	close(ends[1]);
}
END_TEST

SUITE(process, one_event_an_error, level_follows_the_master)
