/*
 * Connections as paths. One opens when it is first written to (or all at once, by stream_open_all),
 * what is written before it is open waits; octets of a message that is not whole yet wait as well.
 * Both are rare once it is open, so an idle connection has no buffers.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "channel.h"
#include "wire.h"

#define INPUT_MAX 65536
#define EVENTS 256
#define OPENING_MAX 64	     /* connections that stream_open_all opens at the same time */
#define FROM_ONE_ADDRESS 200 /* connections; servers bound them (connection.max_per_ip) */
#define OPENING_WAIT_US 100000

struct octets {
	size_t len;
	char *at;
};

struct connection {
	struct channel channel;
	bool rests; /* nothing more will be said */
	struct octets out, in;
	size_t local_len;
	char local[CLIENT_LOCAL_MAX];
};

struct stream {
	struct wire wire;
	const char *server_name;
	struct sockaddr_in to;
	SSL_CTX *context; /* NULL: TCP */
	int epoll;
	struct connection *connections;
	char message[CLIENT_MESSAGE_MAX];
	char input[INPUT_MAX];
};

static struct stream *
stream_of(const struct wire *wire)
{
	return (struct stream *)((const char *)wire - offsetof(struct stream, wire));
}

static const char *
local(const struct wire *wire, uint32_t path, size_t *len)
{
	const struct connection *connection = &stream_of(wire)->connections[path];
	*len = connection->local_len;
	return connection->local;
}

static void
keep(struct octets *octets, const char *more, size_t len)
{
	char *at = realloc(octets->at, octets->len + len);
	if (at == NULL)
		die("memory");
	memcpy(at + octets->len, more, len);
	*octets = (struct octets){ octets->len + len, at };
}

static void
drop(struct octets *octets)
{
	free(octets->at);
	*octets = (struct octets){ 0 };
}

/* --- opening and closing ------------------------------------------------------------------ */

static void
watch(struct stream *stream, uint32_t path, int operation, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.u32 = path };
	if (epoll_ctl(stream->epoll, operation, stream->connections[path].channel.fd, &event) != 0)
		die("epoll");
}

/* Loopback is 16 million addresses: one source for a few hundred phones, as in a network. */
static struct sockaddr_in
source(const struct stream *stream, uint32_t path)
{
	struct sockaddr_in from = { .sin_family = AF_INET };
	if (ntohl(stream->to.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET)
		from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + path / FROM_ONE_ADDRESS);
	return from;
}

static bool
open_connection(struct stream *stream, uint32_t path)
{
	struct connection *connection = &stream->connections[path];
	struct sockaddr_in from = source(stream, path);
	socklen_t len = sizeof(from);
	drop(&connection->in);
	drop(&connection->out);
	if (!channel_connect(&connection->channel, &from, &stream->to, stream->context,
			     stream->server_name))
		return false;
	watch(stream, path, EPOLL_CTL_ADD, EPOLLIN | EPOLLOUT);
	if (getsockname(connection->channel.fd, (struct sockaddr *)&from, &len) != 0)
		die("socket");
	connection->local_len =
		(size_t)snprintf(connection->local, sizeof(connection->local), "%s:%u",
				 inet_ntoa(from.sin_addr), ntohs(from.sin_port));
	return true;
}

static void
tell_closed(struct stream *stream, uint32_t path, struct wire_user *user)
{
	drop(&stream->connections[path].in);
	drop(&stream->connections[path].out);
	user->closed(user, path);
}

/* --- sending ------------------------------------------------------------------------------ */

static char *
room(struct wire *wire, uint32_t path)
{
	struct stream *stream = stream_of(wire);
	if (stream->connections[path].channel.state == CHANNEL_CLOSED &&
	    !open_connection(stream, path))
		return NULL;
	return stream->message;
}

/* A connection that breaks here is met as closed by the next request on it. */
static void
send_now(struct wire *wire, uint32_t path, size_t len)
{
	struct stream *stream = stream_of(wire);
	struct connection *connection = &stream->connections[path];
	bool waits = connection->channel.state != CHANNEL_OPEN || connection->out.len > 0;
	if (!waits && channel_write(&connection->channel, stream->message, len) != 0)
		return;
	keep(&connection->out, stream->message, len);
	if (!waits)
		watch(stream, path, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
}

static void
flush(struct wire *wire)
{
	(void)wire; /* a system call for each message, at once: there are no two for one peer */
}

/* --- receiving ---------------------------------------------------------------------------- */

/* Hands over every message that is whole; returns how many octets these were. */
static size_t
hand_over(const char *octets, size_t len, struct wire_user *user)
{
	size_t used = 0, message;
	for (;;) {
		while (used < len && (octets[used] == '\r' || octets[used] == '\n'))
			used++; /* a keep-alive, RFC 5626 §4.4.1 */
		message = client_frame(octets + used, len - used);
		if (message == 0)
			return used;
		user->answered(user, octets + used, message);
		used += message;
	}
}

/* False when it closed. */
static bool
receive(struct stream *stream, struct connection *connection, struct wire_user *user)
{
	struct octets *in = &connection->in;
	size_t have = in->len;
	ssize_t len;
	if (have > 0)
		memcpy(stream->input, in->at, have);
	do {
		len = channel_read(&connection->channel, stream->input + have, INPUT_MAX - have);
		if (len < 0)
			return false;
		have += (size_t)len;
		size_t used = hand_over(stream->input, have, user);
		have -= used;
		memmove(stream->input, stream->input + used, have);
	} while (len > 0 && have < INPUT_MAX && channel_holds_more(&connection->channel));
	drop(in);
	if (have > 0)
		keep(in, stream->input, have);
	return have < INPUT_MAX; /* no answer is so long */
}

/* What waited goes out; false when it closed. */
static bool
catch_up(struct stream *stream, uint32_t path)
{
	struct connection *connection = &stream->connections[path];
	struct octets *out = &connection->out;
	if (connection->channel.state != CHANNEL_OPEN)
		return true;
	int written = out->len > 0 ? channel_write(&connection->channel, out->at, out->len) : 1;
	if (written == 0)
		return true;
	drop(out);
	if (written > 0)
		watch(stream, path, EPOLL_CTL_MOD, EPOLLIN);
	return written > 0;
}

static bool
handle(struct stream *stream, uint32_t path, uint32_t events, struct wire_user *user)
{
	struct connection *connection = &stream->connections[path];
	struct channel *channel = &connection->channel;
	if (channel->state == CHANNEL_CONNECTING || channel->state == CHANNEL_HANDSHAKING) {
		if (!channel_advance(channel))
			return false;
		if (channel->state == CHANNEL_OPEN)
			return catch_up(stream, path);
		watch(stream, path, EPOLL_CTL_MOD,
		      channel_wants_room(channel) ? EPOLLIN | EPOLLOUT : EPOLLIN);
		return true;
	}
	if ((events & EPOLLOUT) != 0 && !catch_up(stream, path))
		return false;
	if ((events & ~(uint32_t)EPOLLOUT) != 0 && !receive(stream, connection, user))
		return false;
	if (connection->rests)
		channel_forget_tls(channel);
	return true;
}

static void
wait_for(struct wire *wire, uint64_t timeout_us, struct wire_user *user)
{
	struct stream *stream = stream_of(wire);
	struct epoll_event events[EVENTS];
	struct timespec timeout = { (time_t)(timeout_us / 1000000),
				    (long)(timeout_us % 1000000 * 1000) };
	int count = epoll_pwait2(stream->epoll, events, EVENTS, &timeout, NULL);
	for (int i = 0; i < count; i++)
		if (!handle(stream, events[i].data.u32, events[i].events, user))
			tell_closed(stream, events[i].data.u32, user);
}

static void
rest(struct wire *wire, uint32_t path)
{
	stream_of(wire)->connections[path].rests = true;
}

/* --- all ---------------------------------------------------------------------------------- */

static void
nobody_answered(struct wire_user *user, const char *octets, size_t len)
{
	(void)user, (void)octets, (void)len;
}

static void
nobody_closed(struct wire_user *user, uint32_t path)
{
	(void)user, (void)path;
	fputs("load: the server refused or ended a connection\n", stderr);
	exit(1);
}

void
stream_open_all(struct wire *wire)
{
	struct stream *stream = stream_of(wire);
	struct wire_user nobody = { nobody_answered, nobody_closed };
	uint32_t begun = 0, open = 0;
	while (open < wire->paths) {
		while (begun < wire->paths && begun - open < OPENING_MAX)
			if (!open_connection(stream, begun++))
				die("connect");
		wait_for(wire, OPENING_WAIT_US, &nobody);
		while (open < begun && stream->connections[open].channel.state == CHANNEL_OPEN)
			open++;
	}
}

void
stream_end_all(struct wire *wire)
{
	for (uint32_t i = 0; i < wire->paths; i++)
		channel_end(&stream_of(wire)->connections[i].channel);
}

struct wire *
stream_open(const struct options *options, const char *server_name)
{
	struct stream *stream = calloc(1, sizeof(*stream));
	struct rlimit files;
	if (stream == NULL ||
	    (stream->connections = calloc(options->sockets, sizeof(*stream->connections))) == NULL)
		die("memory");
	stream->to =
		(struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(options->port) };
	if (inet_pton(AF_INET, options->host, &stream->to.sin_addr) != 1) {
		errno = EINVAL;
		die(options->host);
	}
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	signal(SIGPIPE, SIG_IGN);
	stream->epoll = epoll_create1(EPOLL_CLOEXEC);
	stream->context = options->transport == TLS ? channel_context(options->ca) : NULL;
	stream->server_name = server_name;
	if (stream->epoll < 0 || (options->transport == TLS && stream->context == NULL))
		die("TLS");
	stream->wire = (struct wire){ .paths = options->sockets,
				      .room = room,
				      .send = send_now,
				      .flush = flush,
				      .wait = wait_for,
				      .local = local,
				      .rest = rest };
	return &stream->wire;
}
