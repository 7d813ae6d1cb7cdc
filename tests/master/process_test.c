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

static void
toggle_debug(struct loop *loop, int master_end)
{
	ck_assert(control_send(master_end, &(struct control_message){ .verb = CONTROL_DEBUG }, -1));
	loop_turn(loop, 100);
}

/* A reload in the ten minutes of debugging sets the level that holds afterwards. */
START_TEST(debugging_outlives_a_reload)
{
	int ends[2];
	struct control_watch watch = { .closed = NULL };
	struct loop *loop = loop_open();
	struct config *config = calloc(1, sizeof(*config));
	char name[] = "reg-1";
	ck_assert_ptr_nonnull(config);
	ck_assert(control_pair(ends));
	ck_assert(control_watch_open(&watch, loop, ends[1]));
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_TEXT, "");
	toggle_debug(loop, ends[0]);
	ck_assert_int_eq(log_get_level(), LOG_LEVEL_DEBUG);
	config->server.name = name;
	config->log.level = LOG_LEVEL_WARNING;
	control_watch_log_setup(&watch, config);
	ck_assert_int_eq(log_get_level(), LOG_LEVEL_DEBUG);
	toggle_debug(loop, ends[0]);
	ck_assert_int_eq(log_get_level(), LOG_LEVEL_WARNING);
	control_watch_log_setup(&watch, config);
	ck_assert_int_eq(log_get_level(), LOG_LEVEL_WARNING);
	loop_unwatch(loop, &watch.watch);
	loop_close(loop);
	close(ends[0]);
	close(ends[1]);
	free(config);
}
END_TEST

SUITE(process, one_event_an_error, debugging_outlives_a_reload)
