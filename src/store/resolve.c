/*
 * c-ares driven by our loop. A channel lives for one resolution, so that /etc/resolv.conf is read
 * anew each time and a failover by DNS is seen. Its callbacks only take notes; whether everything
 * is answered is looked at when c-ares has returned, because it must not be closed from within.
 */
#include "resolve.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "base/ip.h"
#include "base/writer.h"

#define LONGEST_WAIT_MS 1000
/* A channel remembers no server that is silent, and asks it first for every name of a search list:
 * so the next one is asked soon, and slow ones get their time in later rounds, each of which waits
 * for twice as long. */
#define FIRST_WAIT_MS 300
#define ROUNDS 4

void
resolve_init(struct resolve *resolve, struct loop *loop, void (*done)(struct resolve *resolve))
{
	*resolve = (struct resolve){ .loop = loop, .done = done };
}

void
resolve_cancel(struct resolve *resolve)
{
	if (resolve->channel == NULL)
		return;
	ares_channel channel = resolve->channel;
	resolve->channel = NULL;
	timer_stop(&resolve->timer);
	ares_destroy(channel);
	for (int i = 0; i < RESOLVE_SOCKETS_MAX; i++)
		loop_unwatch(resolve->loop, &resolve->sockets[i].watch);
}

static bool
answered(const struct resolve *resolve)
{
	for (uint32_t i = 0; i < resolve->host_count; i++)
		if (resolve->hosts[i].pending)
			return false;
	return true;
}

static void on_time(struct timer *timer);
static void ask_apart(struct resolve *resolve);

static uint64_t
until_apart_ms(const struct resolve *resolve)
{
	uint64_t now_ms = loop_now_ms(resolve->loop);
	return resolve->apart_ms > now_ms ? resolve->apart_ms - now_ms : 0;
}

/* After anything that may have ended the last question, or moved its deadline. */
static void
go_on(struct resolve *resolve)
{
	if (!resolve->asked_apart && until_apart_ms(resolve) == 0)
		ask_apart(resolve);
	if (answered(resolve)) {
		resolve_cancel(resolve);
		resolve->done(resolve);
		return;
	}
	struct timeval longest = { LONGEST_WAIT_MS / 1000, 0 };
	struct timeval left;
	const struct timeval *wait = ares_timeout(resolve->channel, &longest, &left);
	uint64_t wait_ms = (uint64_t)wait->tv_sec * 1000 + (uint64_t)wait->tv_usec / 1000 + 1;
	if (!resolve->asked_apart && until_apart_ms(resolve) < wait_ms)
		wait_ms = until_apart_ms(resolve);
	timer_start(resolve->loop, &resolve->timer, wait_ms, on_time);
}

static void
on_time(struct timer *timer)
{
	struct resolve *resolve = container_of(timer, struct resolve, timer);
	ares_process_fd(resolve->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	go_on(resolve);
}

static void
socket_ready(struct watch *watch, bool readable, bool writable)
{
	struct resolve_socket *socket = container_of(watch, struct resolve_socket, watch);
	struct resolve *resolve = socket->resolve;
	int fd = watch->fd;
	ares_process_fd(resolve->channel, readable ? fd : ARES_SOCKET_BAD,
			writable ? fd : ARES_SOCKET_BAD);
	go_on(resolve);
}

/* c-ares wants to hear of a socket, or no longer. */
static void
socket_changed(void *arg, ares_socket_t fd, int readable, int writable)
{
	struct resolve *resolve = arg;
	struct resolve_socket *chosen = NULL;
	for (int i = 0; i < RESOLVE_SOCKETS_MAX; i++) {
		struct resolve_socket *socket = &resolve->sockets[i];
		bool same = socket->watch.active && socket->watch.fd == fd;
		if (same || (chosen == NULL && !socket->watch.active))
			chosen = socket;
		if (same)
			break;
	}
	if (chosen == NULL)
		return; /* the question will run into its deadline */
	if (!readable && !writable) {
		if (chosen->watch.active && chosen->watch.fd == fd)
			loop_unwatch(resolve->loop, &chosen->watch);
		return;
	}
	chosen->resolve = resolve;
	chosen->watch.ready = socket_ready;
	loop_watch(resolve->loop, &chosen->watch, fd, readable != 0, writable != 0);
}

static void
add_address(struct resolve_host *host, int family, const void *address)
{
	if (host->address_count == RESOLVE_ADDRESSES_MAX)
		return;
	char *text = host->addresses[host->address_count];
	if (inet_ntop(family, address, text, sizeof(host->addresses[0])) != NULL)
		host->address_count++;
}

static void
take_addresses(struct resolve_host *host, const struct ares_addrinfo *info)
{
	host->pending = false;
	for (const struct ares_addrinfo_node *node = info->nodes; node != NULL;
	     node = node->ai_next) {
		const void *address = node->ai_addr;
		if (node->ai_family == AF_INET)
			add_address(host, AF_INET,
				    &((const struct sockaddr_in *)address)->sin_addr);
		else if (node->ai_family == AF_INET6)
			add_address(host, AF_INET6,
				    &((const struct sockaddr_in6 *)address)->sin6_addr);
	}
}

/* Of one family: that the other has addresses is still possible. */
static void
family_answered(void *arg, int status, int timeouts, struct ares_addrinfo *info)
{
	struct resolve_host *host = arg;
	(void)timeouts;
	if (host->resolve->channel != NULL && host->pending && status == ARES_SUCCESS)
		take_addresses(host, info);
	if (status == ARES_SUCCESS)
		ares_freeaddrinfo(info);
}

static void
host_answered(void *arg, int status, int timeouts, struct ares_addrinfo *info)
{
	struct resolve_host *host = arg;
	if (host->resolve->channel != NULL && host->pending && status != ARES_SUCCESS) {
		host->pending = false;
		host->failure = ares_strerror(status);
		return;
	}
	family_answered(arg, status, timeouts, info);
}

/* A path or an address needs no answer, nor whose address is given; a path has no address either.
 */
static void
note_host(struct resolve_host *host, struct str name, struct str address, struct str port)
{
	struct ip ip;
	str_copy(host->name, sizeof(host->name), name);
	str_copy(host->port, sizeof(host->port), port);
	bool path = str_empty(name) || name.p[0] == '/' || name.p[0] == '@';
	if (!str_empty(address)) {
		str_copy(host->addresses[0], sizeof(host->addresses[0]), address);
		host->address_count = 1;
	} else if (ip_parse(name, &ip)) {
		struct writer w = writer_on(host->addresses[0], sizeof(host->addresses[0]) - 1);
		ip_write(&w, &ip);
		host->address_count = 1;
	}
	host->pending = !path && host->address_count == 0;
}

static bool
open_channel(struct resolve *resolve)
{
	struct ares_options options = {
		.timeout = FIRST_WAIT_MS,
		.tries = ROUNDS,
		.sock_state_cb = socket_changed,
		.sock_state_cb_data = resolve,
	};
	return ares_init_options(&resolve->channel, &options,
				 ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB) ==
	       ARES_SUCCESS;
}

/* Returns at once: c-ares asks through our loop. */
static void
ask(struct resolve *resolve, int family, ares_addrinfo_callback callback)
{
	const struct ares_addrinfo_hints hints = { .ai_family = family,
						   .ai_socktype = SOCK_STREAM };
	for (uint32_t i = 0; i < resolve->host_count; i++) {
		struct resolve_host *host = &resolve->hosts[i];
		if (host->pending)
			ares_getaddrinfo(resolve->channel, host->name, NULL, &hints, callback,
					 host);
	}
}

/* Some servers answer what is asked for A and say nothing to AAAA (RFC 4074 §4.1), and c-ares tells
 * of neither before both are settled: who waits for long gets the first that there is. Not asked so
 * from the start, because then it would ask servers for what /etc/hosts tells of one family. */
static void
ask_apart(struct resolve *resolve)
{
	resolve->asked_apart = true;
	ask(resolve, AF_INET, family_answered);
	ask(resolve, AF_INET6, family_answered);
}

bool
resolve_hurry(struct resolve *resolve)
{
	bool known = false;
	for (uint32_t i = 0; i < resolve->host_count; i++)
		known = known || !(resolve->hosts[i].pending || resolve->hosts[i].failure != NULL);
	if (resolve->channel == NULL || !known)
		return false;
	resolve_cancel(resolve);
	for (uint32_t i = 0; i < resolve->host_count; i++) {
		struct resolve_host *host = &resolve->hosts[i];
		if (host->pending)
			host->failure = "no answer from name servers";
		host->pending = false;
	}
	resolve->done(resolve);
	return true;
}

void
resolve_start(struct resolve *resolve, struct str hosts, struct str addresses, struct str ports,
	      uint64_t apart_ms)
{
	struct str host, address, port;
	bool more = true;
	resolve_cancel(resolve);
	for (resolve->host_count = 0; more && resolve->host_count < RESOLVE_HOSTS_MAX;) {
		struct resolve_host *noted = &resolve->hosts[resolve->host_count++];
		more = str_cut(hosts, ',', &host, &hosts);
		more = str_cut(addresses, ',', &address, &addresses) || more;
		/* one port serves all hosts; in a list each host has its own */
		if (str_cut(ports, ',', &port, &ports) == false)
			ports = port;
		*noted = (struct resolve_host){ .resolve = resolve };
		note_host(noted, host, address, port);
	}
	if (answered(resolve)) {
		resolve->done(resolve);
		return;
	}
	if (!open_channel(resolve)) {
		for (uint32_t i = 0; i < resolve->host_count; i++)
			resolve->hosts[i].failure = "no resolver";
		resolve->channel = NULL;
		resolve->done(resolve);
		return;
	}
	resolve->apart_ms = loop_now_ms(resolve->loop) + apart_ms;
	resolve->asked_apart = false;
	ask(resolve, AF_UNSPEC, host_answered);
	go_on(resolve);
}

static void
add_entry(struct writer *w, const char *value, bool first)
{
	if (!first)
		writer_char(w, ',');
	writer_text_z(w, value);
}

struct entry {
	const struct resolve_host *host;
	const char *address;
};

/* One entry an address; a host without any that is no path is left out. */
static uint32_t
entries(const struct resolve *resolve, struct entry list[static RESOLVE_ADDRESSES_MAX])
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < resolve->host_count; i++) {
		const struct resolve_host *host = &resolve->hosts[i];
		bool path = host->address_count == 0 && host->failure == NULL && !host->pending;
		if (path && count < RESOLVE_ADDRESSES_MAX)
			list[count++] = (struct entry){ host, "" };
		for (uint32_t k = 0; k < host->address_count && count < RESOLVE_ADDRESSES_MAX; k++)
			list[count++] = (struct entry){ host, host->addresses[k] };
	}
	return count;
}

void
resolve_write_failure(const struct resolve_host *host, struct writer *w)
{
	if (host->failure != NULL)
		writer_printf(w, "%s: %s", host->name, host->failure);
}

bool
resolve_result(const struct resolve *resolve, uint32_t rotation, struct resolved *resolved,
	       char *failure, size_t failure_cap)
{
	struct entry list[RESOLVE_ADDRESSES_MAX];
	uint32_t count = entries(resolve, list);
	struct writer hosts = writer_on(resolved->hosts, sizeof(resolved->hosts) - 1);
	struct writer addresses = writer_on(resolved->addresses, sizeof(resolved->addresses) - 1);
	struct writer ports = writer_on(resolved->ports, sizeof(resolved->ports) - 1);
	struct writer why = writer_on(failure, failure_cap - 1);
	memset(resolved, 0, sizeof(*resolved));
	memset(failure, 0, failure_cap);
	for (uint32_t i = 0; i < count; i++) {
		const struct entry *entry = &list[(i + rotation) % count];
		add_entry(&hosts, entry->host->name, i == 0);
		add_entry(&addresses, entry->address, i == 0);
		add_entry(&ports, entry->host->port, i == 0);
	}
	for (uint32_t i = 0; i < resolve->host_count; i++) {
		if (resolve->hosts[i].failure == NULL)
			continue;
		writer_text_z(&why, why.len > 0 ? ", " : "");
		resolve_write_failure(&resolve->hosts[i], &why);
	}
	return count > 0;
}

const char *
resolve_name(const struct resolve *resolve, struct str address)
{
	for (uint32_t i = 0; i < resolve->host_count; i++) {
		const struct resolve_host *host = &resolve->hosts[i];
		for (uint32_t k = 0; k < host->address_count; k++)
			if (host->name[0] != '\0' && str_eq(str_of(host->addresses[k]), address))
				return host->name;
	}
	return NULL;
}
