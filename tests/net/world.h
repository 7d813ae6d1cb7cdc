/*
 * A net on loopback and clients of it, all in one process: the loop is turned until what is awaited
 * is there. The user of the net speaks lines: it takes whole ones, and answers each with "re:" and
 * the line, at once or when it is told to.
 */
#pragma once

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/stats.h"
#include "net/net.h"
#include "net/timer.h"
#include "support/check_main.h"

#define GENEROUS_MS 20000

/* So many descriptors epoll does not take, for want of memory (loop_test.c). */
extern unsigned epoll_refuses;

/* Turns the loop until the condition holds; a generous while without is an error. */
#define UNTIL(world, condition)                                                         \
	do {                                                                            \
		uint64_t until_end = clock_monotonic_ms() + GENEROUS_MS;                \
		bool until_held;                                                        \
		while (!(until_held = (condition)) && clock_monotonic_ms() < until_end) \
			loop_turn((world)->loop, 2);                                    \
		ck_assert_msg(until_held, "waited in vain: " #condition);               \
	} while (0)

struct world {
	struct loop *loop;
	struct net *net;
	struct net_user user;
	struct net_settings settings;
	struct tls_server *tls;
	struct endpoint at;
	int listener;
	int slot;
	bool decline;	/* accept() says no */
	bool hold;	/* answers nothing by itself, but owes */
	bool pause_now; /* pauses after each line */
	bool silent;	/* does not tell that it saw a message */
	bool idle;	/* says that datagrams are no work */
	bool blanks;	/* what is left is no message */
	bool lengths;	/* messages are eight digits and so many octets instead of lines */
	unsigned datagrams, lines, accepts, closes, stream_calls, foreign;
	enum close_cause cause;
	struct stream_known known; /* what the last call was told */
	struct peer peer;	   /* of the last line or datagram */
	struct peer closed_peer;
	uint64_t marks, closed_mark;
	size_t last_len;
};

static inline bool
world_datagram(struct net_user *user, const struct peer *peer, char *octets, size_t len)
{
	struct world *world = container_of(user, struct world, user);
	world->datagrams++;
	world->peer = *peer;
	world->last_len = len;
	peer_send(world->net, peer, NULL, (struct str){ octets, len });
	return !world->idle;
}

static inline void
world_answer(struct world *world, const struct peer *peer, struct str line)
{
	char buf[70000];
	struct writer w = writer_on(buf, sizeof(buf));
	writer_text_z(&w, "re:");
	writer_str(&w, line);
	peer_send(world->net, peer, NULL, writer_text(&w));
}

static inline size_t
message_length(const struct world *world, struct str octets, size_t *wanted)
{
	uint64_t length;
	if (!world->lengths) {
		const char *end = memchr(octets.p, '\n', octets.len);
		return end == NULL ? 0 : (size_t)(end - octets.p) + 1;
	}
	if (octets.len < 8 || !str_to_u64(str_slice(octets, 0, 8), 99999999, &length))
		return 0;
	*wanted = 8 + length;
	return octets.len < 8 + length ? 0 : 8 + length;
}

static inline struct stream_taken
world_stream(struct net_user *user, const struct peer *peer, const char *octets, size_t len,
	     struct stream_known known)
{
	size_t wanted = 0;
	struct world *world = container_of(user, struct world, user);
	struct str rest = { octets, len };
	size_t line;
	world->stream_calls++;
	world->known = known;
	world->peer = *peer;
	while ((line = message_length(world, rest, &wanted)) > 0) {
		wanted = 0;
		world->lines++;
		world->last_len = line;
		if (!world->silent)
			peer_saw_message(world->net, peer);
		if (world->hold)
			peer_owes(world->net, peer, 1);
		else
			world_answer(world, peer, str_slice(rest, 0, line));
		rest = str_slice(rest, line, rest.len);
		if (world->pause_now) {
			peer_pause(world->net, peer, true);
			break;
		}
	}
	return (struct stream_taken){
		len - rest.len, wanted, rest.len > 0 && !world->blanks, { rest.len, rest.len > 0 }
	};
}

static inline bool
world_accept(struct net_user *user, enum transport transport, const struct endpoint *source,
	     uint64_t *mark)
{
	struct world *world = container_of(user, struct world, user);
	(void)transport;
	ck_assert(ip_loopback(&source->ip));
	world->accepts += !world->decline;
	*mark = ++world->marks;
	return !world->decline;
}

static inline void
world_closed(struct net_user *user, const struct peer *peer, uint64_t mark, enum close_cause cause)
{
	struct world *world = container_of(user, struct world, user);
	world->closes++;
	world->cause = cause;
	world->closed_peer = *peer;
	world->closed_mark = mark;
	ck_assert(!peer_alive(world->net, peer));
}

static inline bool
world_foreign(struct net_user *user, const struct peer *peer, struct str octets)
{
	struct world *world = container_of(user, struct world, user);
	(void)peer;
	world->foreign++;
	return memmem(octets.p, octets.len, "HTTP", 4) != NULL;
}

static inline int
bound_socket(int type, const char *address, struct endpoint *at)
{
	struct sockaddr_in six4 = { .sin_family = AF_INET };
	struct sockaddr_in6 six = { .sin6_family = AF_INET6 };
	bool four = inet_pton(AF_INET, address, &six4.sin_addr) == 1;
	int on = 1;
	int fd = socket(four ? AF_INET : AF_INET6, type | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(fd, 0);
	if (!four) {
		ck_assert_int_eq(inet_pton(AF_INET6, address, &six.sin6_addr), 1);
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	}
	socklen_t len = four ? sizeof(six4) : sizeof(six);
	struct sockaddr *name = four ? (struct sockaddr *)&six4 : (struct sockaddr *)&six;
	ck_assert_int_eq(bind(fd, name, len), 0);
	ck_assert_int_eq(getsockname(fd, name, &len), 0);
	ck_assert(ip_parse(str_of(address), &at->ip));
	at->port = ntohs(four ? six4.sin_port : six.sin6_port);
	return fd;
}

static inline const struct net_settings *
usual_settings(void)
{
	static const struct net_settings settings = {
		.max_connections = 1000,
		.handshake_timeout_ms = GENEROUS_MS,
		.first_message_timeout_ms = GENEROUS_MS,
		.message_timeout_ms = GENEROUS_MS,
		.idle_timeout_ms = GENEROUS_MS,
		.max_message_bytes = 65536,
		.max_output_bytes = 262144,
		.udp_receive_buffer = 4194304,
		.udp_send_buffer = 1048576,
		.handshakes_per_turn = 8,
	};
	return &settings;
}

/* tls is taken over; its slot in the world may be replaced later. */
static inline void
world_open(struct world *world, const struct net_settings *settings, enum transport transport,
	   const char *address, struct tls_server *tls)
{
	*world = (struct world){
		.loop = loop_open(),
		.settings = *settings,
		.user = { world_datagram, world_stream, world_accept, world_closed, world_foreign },
		.tls = tls,
	};
	ck_assert_ptr_nonnull(world->loop);
	log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT, "test");
	world->net = net_open(world->loop, &world->user, settings);
	ck_assert_ptr_nonnull(world->net);
	int type = transport == TRANSPORT_UDP ? SOCK_DGRAM : SOCK_STREAM;
	world->listener = bound_socket(type, address, &world->at);
	if (type == SOCK_STREAM) {
		net_prepare_listener(world->listener);
		ck_assert_int_eq(listen(world->listener, 1024), 0);
	}
	world->slot = net_serve(world->net, world->listener, transport, &world->at, &world->tls);
	ck_assert_int_ge(world->slot, 0);
}

static inline void
world_close(struct world *world)
{
	net_close(world->net);
	loop_close(world->loop);
	tls_server_release(world->tls);
	close(world->listener);
	ck_assert_uint_eq(STATS_SUM(stats->connections_live), 0);
}

/* --- the other side --- */

struct client {
	int fd;
	char *got;
	size_t len;
	bool ended;  /* the server sends nothing more */
	bool broken; /* by a reset */
};

static inline int
connected_socket(int type, const char *address, uint16_t port)
{
	struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	bool is_four = inet_pton(AF_INET, address, &four.sin_addr) == 1;
	if (!is_four)
		ck_assert_int_eq(inet_pton(AF_INET6, address, &six.sin6_addr), 1);
	int fd = socket(is_four ? AF_INET : AF_INET6, type | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(fd, 0);
	int result = is_four ? connect(fd, (struct sockaddr *)&four, sizeof(four))
			     : connect(fd, (struct sockaddr *)&six, sizeof(six));
	ck_assert_int_eq(result, 0);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

static inline void
client_open(struct client *client, const struct world *world)
{
	*client = (struct client){ 0 };
	client->fd = connected_socket(SOCK_STREAM, world->at.ip.family == 4 ? "127.0.0.1" : "::1",
				      world->at.port);
	client->got = calloc(1, 1);
}

static inline void
client_close(struct client *client)
{
	if (client->fd >= 0)
		close(client->fd);
	free(client->got);
	*client = (struct client){ .fd = -1 };
}

static inline void
client_keep(struct client *client, const char *octets, size_t len)
{
	client->got = realloc(client->got, client->len + len + 1);
	memcpy(client->got + client->len, octets, len);
	client->len += len;
	client->got[client->len] = '\0';
}

/* Reads what is there; returns how much it has by now. */
static inline size_t
client_read(struct client *client)
{
	char buf[65536];
	ssize_t count;
	while ((count = read(client->fd, buf, sizeof(buf))) > 0)
		client_keep(client, buf, (size_t)count);
	client->ended = client->ended || count == 0;
	client->broken = client->broken || (count < 0 && errno != EAGAIN);
	return client->len;
}

static inline bool
client_ended(struct client *client)
{
	client_read(client);
	return client->ended || client->broken;
}

static inline void
client_write(struct client *client, const char *text)
{
	ck_assert_int_eq(write(client->fd, text, strlen(text)), (ssize_t)strlen(text));
}

/* Lasts so many milliseconds of loop, without sleeping: a timer of the loop tells. */
struct lapse {
	struct timer timer;
	bool over;
};
static inline void
lapse_due(struct timer *timer)
{
	container_of(timer, struct lapse, timer)->over = true;
}
static inline void
world_lapse(struct world *world, uint64_t ms)
{
	struct lapse lapse = { 0 };
	timer_start(world->loop, &lapse.timer, ms, lapse_due);
	UNTIL(world, lapse.over);
}
