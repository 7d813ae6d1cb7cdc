/* What every process of the daemon does the same way. */
#include "server/process.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "support/check_main.h"

/* The master says which level is in force. */
START_TEST(level_follows_the_master)
{
	int ends[2];
	struct control_watch watch = { .closed = NULL };
	struct loop *loop = loop_open();
	ck_assert_ptr_nonnull(loop);
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

/* --- descriptors ------------------------------------------------------------------------- */

static int
lowest_unused(void)
{
	int fd = dup(STDERR_FILENO);
	ck_assert_int_ge(fd, 0);
	close(fd);
	return fd;
}

/* Two descriptors in one message, which nobody of ours sends. */
static void
send_two(int end)
{
	union {
		struct cmsghdr align;
		char octets[CMSG_SPACE(2 * sizeof(int))];
	} room = { 0 };
	struct control_message message = { .verb = CONTROL_RELOAD };
	const int two[2] = { STDERR_FILENO, STDERR_FILENO };
	struct iovec piece = { &message, sizeof(message) };
	struct msghdr packet = { .msg_iov = &piece,
				 .msg_iovlen = 1,
				 .msg_control = room.octets,
				 .msg_controllen = sizeof(room.octets) };
	struct cmsghdr *header = CMSG_FIRSTHDR(&packet);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(two));
	memcpy(CMSG_DATA(header), two, sizeof(two));
	ck_assert_int_eq(sendmsg(end, &packet, 0), sizeof(message));
}

/* Receives with room for so many descriptors more; returns the one that came. */
static int
receive_with_room(int end, int room)
{
	int fd;
	struct control_message message;
	struct rlimit before, narrow;
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
	narrow = before;
	narrow.rlim_cur = (rlim_t)(lowest_unused() + room);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &narrow), 0);
	ck_assert_int_eq(control_receive(end, &message, &fd), CONTROL_MESSAGE);
	ck_assert_int_eq(message.verb, CONTROL_RELOAD);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
	return fd;
}

/* The message comes, and that its descriptor did not. */
START_TEST(no_room_for_a_descriptor)
{
	int ends[2];
	struct control_message message = { .verb = CONTROL_RELOAD };
	if (skipped_under_valgrind(__func__, "it hands out descriptors beyond any limit"))
		return;
	ck_assert(control_pair(ends));
	int unused = lowest_unused();
	ck_assert(control_send(ends[0], &message, STDERR_FILENO));
	ck_assert_int_eq(receive_with_room(ends[1], 0), -1);
	ck_assert_int_eq(lowest_unused(), unused);
	ck_assert_ptr_null(process_read_config(-1));
	close(ends[0]);
	close(ends[1]);
}
END_TEST

/* Whatever comes beside the one descriptor, or in a message that lost one, does not stay open. */
START_TEST(too_many_descriptors)
{
	int ends[2];
	if (skipped_under_valgrind(__func__, "it hands out descriptors beyond any limit"))
		return;
	ck_assert(control_pair(ends));
	int unused = lowest_unused();
	send_two(ends[0]);
	ck_assert_int_eq(receive_with_room(ends[1], 1), -1);
	ck_assert_int_eq(lowest_unused(), unused);
	send_two(ends[0]);
	ck_assert_int_eq(receive_with_room(ends[1], 2), unused);
	close(unused);
	ck_assert_int_eq(lowest_unused(), unused);
	close(ends[0]);
	close(ends[1]);
}
END_TEST

SUITE(process, level_follows_the_master, no_room_for_a_descriptor, too_many_descriptors)
