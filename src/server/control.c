/* Fixed-size messages; the descriptor rides as SCM_RIGHTS. */
#include "control.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

union descriptor_room {
	struct cmsghdr align;
	char octets[CMSG_SPACE(sizeof(int))];
};

bool
control_pair(int ends[2])
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0;
}

bool
control_send(int end, const struct control_message *message, int fd)
{
	struct control_message copy = *message;
	struct iovec piece = { &copy, sizeof(copy) };
	union descriptor_room room = { 0 };
	struct msghdr packet = { .msg_iov = &piece, .msg_iovlen = 1 };
	if (fd >= 0) {
		packet.msg_control = room.octets;
		packet.msg_controllen = sizeof(room.octets);
		struct cmsghdr *header = CMSG_FIRSTHDR(&packet);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(header), &fd, sizeof(int));
	}
	return sendmsg(end, &packet, MSG_NOSIGNAL) == (ssize_t)sizeof(copy);
}

/*
 * The descriptor of a whole message, or -1. When this process has no room for another descriptor
 * the kernel drops it and says so (MSG_CTRUNC). Nobody of ours sends more than one: whatever came
 * beside the first is closed, or it would stay open for ever.
 */
static int
take_descriptor(struct msghdr *packet)
{
	int taken = -1;
	struct cmsghdr *header = CMSG_FIRSTHDR(packet);
	if (header == NULL || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
		return -1;
	for (size_t at = CMSG_LEN(0); at + sizeof(int) <= header->cmsg_len; at += sizeof(int)) {
		int fd;
		memcpy(&fd, (const char *)header + at, sizeof(fd));
		if (taken < 0 && (packet->msg_flags & MSG_CTRUNC) == 0)
			taken = fd;
		else
			close(fd);
	}
	return taken;
}

enum control_read
control_receive(int end, struct control_message *message, int *fd)
{
	struct iovec piece = { message, sizeof(*message) };
	union descriptor_room room = { 0 };
	struct msghdr packet = { .msg_iov = &piece,
				 .msg_iovlen = 1,
				 .msg_control = room.octets,
				 .msg_controllen = sizeof(room.octets) };
	*fd = -1;
	ssize_t len = recvmsg(end, &packet, MSG_CMSG_CLOEXEC);
	if (len < 0)
		return errno == EAGAIN || errno == EINTR ? CONTROL_NOTHING : CONTROL_CLOSED;
	*fd = take_descriptor(&packet);
	if (len != (ssize_t)sizeof(*message)) {
		if (*fd >= 0)
			close(*fd);
		*fd = -1;
		return CONTROL_CLOSED;
	}
	return CONTROL_MESSAGE;
}
