/*
 * Accepting. Bounded in one turn; what a limit refuses is accepted and closed at once, so that it
 * does not block the queue. When descriptors run out all listeners rest for a moment: a
 * level-triggered listener that cannot accept would keep the loop busy.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "address.h"
#include "base/log.h"
#include "internal.h"

#define ACCEPTS_PER_TURN 16 /* less than a millisecond; more wait in the kernel */
#define REST_MS 100
#define TELL_EVERY_MS 1000u
/* A connection that carries a binding may be silent for as long as that lives, so one whose peer is
 * gone without a word would be held for hours. Phones that ping are never probed. */
#define PROBE_AFTER_S 600
#define PROBE_EVERY_S 30
#define PROBES 4

static void
set_option(int fd, int level, int option, int value)
{
	setsockopt(fd, level, option, &value, sizeof(value));
}

void
net_prepare_listener(int fd)
{
	set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, PROBE_AFTER_S);
	set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, PROBE_EVERY_S);
	set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, PROBES);
}

/* Once each time, and once a second where one connection goes and the next one comes. */
static void
tell_of_rest(struct net *net, int error)
{
	uint64_t now_ms = loop_now_ms(net->loop), told_ms = net->accept_told_ms;
	bool news = !net->accept_paused && (told_ms == 0 || now_ms - told_ms >= TELL_EVERY_MS);
	net->accept_paused = true;
	if (!news)
		return;
	net->accept_told_ms = now_ms;
	log_message(LOG_LEVEL_WARNING, "accept.paused", "%s; %u connections are open",
		    strerror(error), net->live);
}

static void
rest(struct net *net)
{
	int error = errno;
	for (uint32_t slot = 0; slot < net->served_count; slot++) {
		struct served *served = net->served[slot];
		if (served != NULL && served->transport != TRANSPORT_UDP)
			loop_watch(net->loop, &served->watch, served->watch.fd, false, false);
	}
	timer_start(net->loop, &net->accept_pause, REST_MS, listeners_resume);
	tell_of_rest(net, error);
}

/* What ran out may still be short, and a listener that epoll does not take back would be deaf. */
void
listeners_resume(struct timer *timer)
{
	struct net *net = container_of(timer, struct net, accept_pause);
	bool all = true;
	for (uint32_t slot = 0; slot < net->served_count; slot++) {
		struct served *served = net->served[slot];
		if (served != NULL && served->transport != TRANSPORT_UDP &&
		    !loop_watch(net->loop, &served->watch, served->watch.fd, true, false))
			all = false;
	}
	if (!all)
		timer_start(net->loop, timer, REST_MS, listeners_resume);
}

static void
refuse(int fd, enum reason reason, enum transport transport)
{
	close(fd);
	stats->connections_refused++;
	stats_outcome(reason, transport, DOMAIN_OTHER);
}

static struct endpoint
local_of(int fd, const struct served *served)
{
	static const struct ip any;
	struct sockaddr_storage address;
	socklen_t len = sizeof(address);
	struct endpoint local = served->bound;
	size_t octets = local.ip.family == 4 ? 4 : 16;
	if (memcmp(local.ip.octets, any.octets, octets) == 0 &&
	    getsockname(fd, (struct sockaddr *)&address, &len) == 0)
		address_from_sockaddr(&address, &local);
	return local;
}

static void
welcome(struct served *served, int fd, const struct sockaddr_storage *from)
{
	struct net *net = served->net;
	struct endpoint source;
	if (!address_from_sockaddr(from, &source) || net->live >= net->settings.max_connections) {
		refuse(fd, REASON_CONNECTION_LIMIT, served->transport);
		return;
	}
	if (served->transport == TRANSPORT_TLS && *served->tls == NULL) {
		refuse(fd, REASON_TLS_HANDSHAKE_FAILED, served->transport);
		return;
	}
	struct endpoint local = local_of(fd, served);
	if (connection_open(net, fd, served, &source, &local) == NULL)
		stats->connections_refused++; /* the user has counted why */
}

static bool
out_of_descriptors(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

/* Other errors concern the one connection that could have been accepted, and it is gone. */
void
listener_ready(struct watch *watch, bool readable, bool writable)
{
	struct served *served = container_of(watch, struct served, watch);
	(void)readable;
	(void)writable;
	for (int i = 0; i < ACCEPTS_PER_TURN && watch->want_read; i++) {
		struct sockaddr_storage from;
		socklen_t len = sizeof(from);
		int fd = accept4(watch->fd, (struct sockaddr *)&from, &len,
				 SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			served->net->accept_paused = false;
			welcome(served, fd, &from);
		} else if (errno == EAGAIN || errno == EWOULDBLOCK) {
			return;
		} else if (out_of_descriptors(errno)) {
			rest(served->net);
			return;
		}
	}
}
