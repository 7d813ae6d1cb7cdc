/*
 * Several connected sockets, so that the kernel spreads them over the server's workers. Messages of
 * a turn wait in one pool that stays in the cache, and leave by one sendmmsg for each socket.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "wire.h"

#define SOCKET_BUFFER (4 << 20)
#define POOL 256 /* messages that wait for the flush */
#define BURST 64 /* answers taken at once */
#define EVENTS 256

struct udp_socket {
	int fd;
	bool waiting; /* has messages in the pool */
	size_t local_len;
	char local[CLIENT_LOCAL_MAX];
};

struct udp {
	struct wire wire;
	int epoll;
	struct udp_socket *sockets;
	/* the pool: message i belongs to paths[i] */
	uint32_t count;
	uint32_t paths[POOL];
	size_t lens[POOL];
	char messages[POOL][CLIENT_MESSAGE_MAX];
	/* for recvmmsg */
	struct mmsghdr headers[BURST];
	struct iovec parts[BURST];
	char answers[BURST][2 * CLIENT_MESSAGE_MAX];
};

static struct udp *
udp_of(struct wire *wire)
{
	return (struct udp *)((char *)wire - offsetof(struct udp, wire));
}

static const char *
local(const struct wire *wire, uint32_t path, size_t *len)
{
	const struct udp *udp =
		(const struct udp *)((const char *)wire - offsetof(struct udp, wire));
	*len = udp->sockets[path].local_len;
	return udp->sockets[path].local;
}

/* --- sending ------------------------------------------------------------------------------ */

/* Everything of this path from message `from` on. A full buffer is a lost datagram like any other:
 * it is sent again later. */
static void
flush_path(struct udp *udp, uint32_t from)
{
	struct mmsghdr headers[POOL];
	struct iovec parts[POOL];
	uint32_t path = udp->paths[from];
	unsigned count = 0;
	for (uint32_t i = from; i < udp->count; i++) {
		if (udp->paths[i] != path)
			continue;
		parts[count] = (struct iovec){ udp->messages[i], udp->lens[i] };
		headers[count] = (struct mmsghdr){ .msg_hdr = { .msg_iov = &parts[count],
								.msg_iovlen = 1 } };
		count++;
	}
	if (count == 1)
		(void)!send(udp->sockets[path].fd, parts[0].iov_base, parts[0].iov_len, 0);
	else
		(void)!sendmmsg(udp->sockets[path].fd, headers, count, 0);
	udp->sockets[path].waiting = false;
}

static void
flush(struct wire *wire)
{
	struct udp *udp = udp_of(wire);
	for (uint32_t i = 0; i < udp->count; i++)
		if (udp->sockets[udp->paths[i]].waiting)
			flush_path(udp, i);
	udp->count = 0;
}

static char *
room(struct wire *wire, uint32_t path)
{
	struct udp *udp = udp_of(wire);
	(void)path;
	if (udp->count == POOL)
		flush(wire);
	return udp->messages[udp->count];
}

static void
send_later(struct wire *wire, uint32_t path, size_t len)
{
	struct udp *udp = udp_of(wire);
	udp->paths[udp->count] = path;
	udp->lens[udp->count++] = len;
	udp->sockets[path].waiting = true;
}

/* --- receiving ---------------------------------------------------------------------------- */

static void
receive(struct udp *udp, struct udp_socket *socket, struct wire_user *user)
{
	int count;
	do {
		count = recvmmsg(socket->fd, udp->headers, BURST, MSG_DONTWAIT, NULL);
		for (int i = 0; i < count; i++)
			user->answered(user, udp->answers[i], udp->headers[i].msg_len);
	} while (count == BURST);
}

static void
wait_for(struct wire *wire, uint64_t timeout_us, struct wire_user *user)
{
	struct udp *udp = udp_of(wire);
	struct epoll_event events[EVENTS];
	struct timespec timeout = { (time_t)(timeout_us / 1000000),
				    (long)(timeout_us % 1000000 * 1000) };
	int count = epoll_pwait2(udp->epoll, events, EVENTS, &timeout, NULL);
	for (int i = 0; i < count; i++)
		receive(udp, &udp->sockets[events[i].data.u32], user);
}

/* --- opening ------------------------------------------------------------------------------ */

static void
open_socket(struct udp *udp, const struct options *options, uint32_t i)
{
	struct udp_socket *own = &udp->sockets[i];
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(options->port) };
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	struct epoll_event event = { .events = EPOLLIN | EPOLLET, .data.u32 = i };
	int buffer = SOCKET_BUFFER;
	own->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (inet_pton(AF_INET, options->host, &to.sin_addr) != 1) {
		errno = EINVAL;
		die(options->host);
	}
	if (own->fd < 0 || connect(own->fd, (struct sockaddr *)&to, sizeof(to)) != 0 ||
	    getsockname(own->fd, (struct sockaddr *)&from, &len) != 0 ||
	    epoll_ctl(udp->epoll, EPOLL_CTL_ADD, own->fd, &event) != 0)
		die("socket");
	setsockopt(own->fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
	own->local_len = (size_t)snprintf(own->local, sizeof(own->local), "%s:%u",
					  inet_ntoa(from.sin_addr), ntohs(from.sin_port));
}

struct wire *
udp_open(const struct options *options)
{
	struct udp *udp = calloc(1, sizeof(*udp));
	if (udp == NULL || (udp->sockets = calloc(options->sockets, sizeof(*udp->sockets))) == NULL)
		die("memory");
	udp->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (udp->epoll < 0)
		die("epoll");
	for (uint32_t i = 0; i < options->sockets; i++)
		open_socket(udp, options, i);
	for (unsigned i = 0; i < BURST; i++) {
		udp->parts[i] = (struct iovec){ udp->answers[i], sizeof(udp->answers[i]) };
		udp->headers[i].msg_hdr =
			(struct msghdr){ .msg_iov = &udp->parts[i], .msg_iovlen = 1 };
	}
	udp->wire = (struct wire){ .paths = options->sockets,
				   .room = room,
				   .send = send_later,
				   .flush = flush,
				   .wait = wait_for,
				   .local = local };
	return &udp->wire;
}
