/* Opening sockets, and telling in one sentence why it did not work. */
#include "sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "net/net.h"
#include "portowner.h"

#define BACKLOG 4096

static socklen_t
sockaddr_of(struct sockaddr_storage *address, const struct endpoint *endpoint)
{
	memset(address, 0, sizeof(*address));
	if (endpoint->ip.family == 4) {
		struct sockaddr_in *in = (struct sockaddr_in *)address;
		in->sin_family = AF_INET;
		in->sin_port = htons(endpoint->port);
		memcpy(&in->sin_addr, endpoint->ip.octets, 4);
		return sizeof(*in);
	}
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)address;
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(endpoint->port);
	memcpy(&in6->sin6_addr, endpoint->ip.octets, 16);
	return sizeof(*in6);
}

static bool
set_option(int fd, int level, int option)
{
	int on = 1;
	return setsockopt(fd, level, option, &on, sizeof(on)) == 0;
}

enum bind_how {
	BIND_ALONE,  /* fails when anybody, another rollcalld included, has the port */
	BIND_SHARED, /* beside those of the other workers */
	BIND_AGAIN,  /* also when the address has gone meanwhile: it may come back */
};

static bool
bind_needs_no_interface(int fd, int family)
{
	return family == AF_INET ? set_option(fd, IPPROTO_IP, IP_FREEBIND)
				 : set_option(fd, IPPROTO_IPV6, IPV6_FREEBIND);
}

static int
bound_socket(enum transport transport, const struct endpoint *endpoint, enum bind_how how)
{
	struct sockaddr_storage address;
	socklen_t len = sockaddr_of(&address, endpoint);
	int type = transport == TRANSPORT_UDP ? SOCK_DGRAM : SOCK_STREAM;
	int fd = socket(address.ss_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	bool ready = (transport == TRANSPORT_UDP || set_option(fd, SOL_SOCKET, SO_REUSEADDR)) &&
		     (address.ss_family == AF_INET || set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY)) &&
		     (how == BIND_ALONE || set_option(fd, SOL_SOCKET, SO_REUSEPORT)) &&
		     (how != BIND_AGAIN || bind_needs_no_interface(fd, address.ss_family)) &&
		     bind(fd, (struct sockaddr *)&address, len) == 0;
	if (ready && transport != TRANSPORT_UDP) {
		net_prepare_listener(fd);
		ready = listen(fd, BACKLOG) == 0;
	}
	if (!ready) {
		int reason = errno;
		close(fd);
		errno = reason;
		return -1;
	}
	return fd;
}

/* A kernel that was started with ipv6.disable=1 makes no such sockets, which the standard listeners
 * want. */
static void
describe_no_ipv6(char *error, size_t cap, const char *what, const char *address,
		 const struct endpoint *endpoint, const char *setting)
{
	char instead[32] = "an IPv4 address";
	if (ip_any(&endpoint->ip) || ip_loopback(&endpoint->ip))
		snprintf(instead, sizeof(instead), "%s:%u",
			 ip_any(&endpoint->ip) ? "0.0.0.0" : "127.0.0.1", endpoint->port);
	snprintf(error, cap,
		 "cannot open %s %s: this host has no IPv6; remove it, or write %s instead, in %s",
		 what, address, instead, setting);
}

static void
describe(char *error, size_t cap, const char *what, const struct endpoint *endpoint,
	 enum transport transport, const char *setting)
{
	char address[64];
	char owner[128];
	int reason = errno;
	struct writer w = writer_on(address, sizeof(address) - 1);
	endpoint_write(&w, endpoint);
	address[w.len] = '\0';
	if (reason == EADDRINUSE &&
	    port_owner(endpoint->port, transport == TRANSPORT_UDP, owner, sizeof(owner)))
		snprintf(error, cap,
			 "cannot open %s %s: in use by process %s; stop it or change %s", what,
			 address, owner, setting);
	else if (reason == EADDRINUSE)
		snprintf(error, cap,
			 "cannot open %s %s: in use by another process; stop it or change %s", what,
			 address, setting);
	else if (reason == EACCES)
		snprintf(error, cap,
			 "cannot open %s %s: permission denied; ports below 1024 need "
			 "CAP_NET_BIND_SERVICE",
			 what, address);
	else if (reason == EADDRNOTAVAIL)
		snprintf(error, cap, "cannot open %s %s: no interface has this address; change %s",
			 what, address, setting);
	else if (reason == EAFNOSUPPORT && endpoint->ip.family == 6)
		describe_no_ipv6(error, cap, what, address, endpoint, setting);
	else
		snprintf(error, cap, "cannot open %s %s: %s", what, address, strerror(reason));
}

static void
plan_one(struct sockets *sockets, const struct config_listener *listener, enum transport transport,
	 const struct endpoint *bound)
{
	struct listening *item = &sockets->items[sockets->count++];
	*item = (struct listening){ .transport = transport,
				    .bound = *bound,
				    .listener = listener->name };
	for (unsigned i = 0; i < NODE_WORKERS_MAX; i++)
		item->fds[i] = -1;
}

bool
sockets_plan(struct sockets *sockets, const struct config *config)
{
	size_t most = 1;
	for (size_t i = 0; i < config->listener_count; i++)
		most += config->listeners[i].bind_count * TRANSPORT_COUNT;
	*sockets = (struct sockets){ .items = calloc(most, sizeof(*sockets->items)) };
	if (sockets->items == NULL)
		return false;
	for (size_t i = 0; i < config->listener_count; i++) {
		const struct config_listener *listener = &config->listeners[i];
		const bool wanted[TRANSPORT_COUNT] = { listener->udp, listener->tcp,
						       listener->tls };
		for (size_t b = 0; b < listener->bind_count; b++)
			for (unsigned t = 0; t < TRANSPORT_COUNT; t++)
				if (wanted[t])
					plan_one(sockets, listener, (enum transport)t,
						 &listener->binds[b]);
	}
	return true;
}

struct listening *
sockets_find(const struct sockets *sockets, const struct listening *like)
{
	for (size_t i = 0; i < sockets->count; i++) {
		struct listening *item = &sockets->items[i];
		if (item->transport == like->transport &&
		    endpoint_equal(&item->bound, &like->bound))
			return item;
	}
	return NULL;
}

/* To the kernel TLS is TCP. */
static bool
same_port(const struct listening *a, const struct listening *b)
{
	return (a->transport == TRANSPORT_UDP) == (b->transport == TRANSPORT_UDP) &&
	       a->bound.ip.family == b->bound.ip.family && a->bound.port == b->bound.port;
}

bool
sockets_meet(const struct sockets *sockets, const struct listening *item)
{
	for (size_t i = 0; i < sockets->count; i++) {
		const struct listening *other = &sockets->items[i];
		if (other->open && same_port(other, item) &&
		    (ip_any(&other->bound.ip) || ip_any(&item->bound.ip) ||
		     ip_equal(&other->bound.ip, &item->bound.ip)))
			return true;
	}
	return false;
}

static void
describe_item(const struct listening *item, char *error, size_t cap)
{
	char setting[128];
	int reason = errno;
	snprintf(setting, sizeof(setting), "listener \"%s\" bind", item->listener);
	errno = reason;
	describe(error, cap, transport_word(item->transport), &item->bound, item->transport,
		 setting);
}

bool
listening_possible(const struct listening *item, bool port_is_ours, char *error, size_t error_cap)
{
	if (port_is_ours)
		return true;
	int probe = bound_socket(item->transport, &item->bound, BIND_ALONE);
	if (probe < 0)
		describe_item(item, error, error_cap);
	else
		close(probe);
	return probe >= 0;
}

bool
listening_open(struct listening *item, uint32_t workers, bool port_is_ours, char *error,
	       size_t error_cap)
{
	if (!listening_possible(item, port_is_ours, error, error_cap))
		return false;
	for (uint32_t i = 0; i < workers; i++) {
		item->fds[i] = bound_socket(item->transport, &item->bound, BIND_SHARED);
		if (item->fds[i] < 0) {
			describe_item(item, error, error_cap);
			listening_close(item, i);
			return false;
		}
	}
	item->open = true;
	return true;
}

void
listening_close(struct listening *item, uint32_t workers)
{
	for (uint32_t i = 0; i < workers; i++)
		listening_close_one(item, i);
	item->open = false;
}

void
listening_close_one(struct listening *item, uint32_t worker)
{
	if (item->fds[worker] >= 0)
		close(item->fds[worker]);
	item->fds[worker] = -1;
}

bool
listening_open_one(struct listening *item, uint32_t worker)
{
	if (item->fds[worker] < 0)
		item->fds[worker] = bound_socket(item->transport, &item->bound, BIND_AGAIN);
	return item->fds[worker] >= 0;
}

void
sockets_free(struct sockets *sockets)
{
	free(sockets->items);
	*sockets = (struct sockets){ 0 };
}

int
sockets_open_http(const struct endpoint *endpoint, const char *what, char *error, size_t error_cap)
{
	int fd = bound_socket(TRANSPORT_TCP, endpoint, BIND_ALONE);
	if (fd < 0)
		describe(error, error_cap, "http", endpoint, TRANSPORT_TCP, what);
	return fd;
}

/* True when somebody accepts connections there. */
static bool
socket_is_live(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool live = fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0;
	if (fd >= 0)
		close(fd);
	return live;
}

int
sockets_open_unix(const char *path, char *error, size_t error_cap)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(address.sun_path)) {
		snprintf(error, error_cap, "admin.socket %s: longer than %zu octets", path,
			 sizeof(address.sun_path) - 1);
		return -1;
	}
	memcpy(address.sun_path, path, strlen(path));
	if (socket_is_live(&address)) {
		snprintf(error, error_cap,
			 "admin.socket %s: another rollcalld answers there; stop it or change "
			 "admin.socket",
			 path);
		return -1;
	}
	struct stat entry;
	if (lstat(path, &entry) == 0 && S_ISSOCK(entry.st_mode))
		unlink(path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mode_t before = umask(0117);
	bool bound = fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
	umask(before);
	if (!bound || listen(fd, BACKLOG) != 0) {
		snprintf(
			error, error_cap,
			"cannot open admin.socket %s: %s; its directory must exist and be writable",
			path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	return fd;
}
