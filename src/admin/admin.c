/*
 * Three kinds of libmicrohttpd daemons without threads (Unix socket, loopback TCP, health), each
 * with an epoll descriptor of its own that our loop watches. MHD_run() follows every event, every
 * resume, and every time-out that MHD_get_timeout() named.
 */
#include "admin/admin.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "admin_internal.h"
#include "ban_keeper.h"
#include "base/log.h"
#include "client.h"
#include "json.h"
#include "nodes.h"

#define POOL_BYTES (64u * 1024 * 1024)
#define CONNECTION_BYTES (36u * 1024)
#define PATIENCE_MS 2000u /* for a database of which nothing is known yet */
#define LOOK_MS 10u
#define REST_MS 100u

/* --- driving libmicrohttpd ------------------------------------------------------------ */

static void
on_timer(struct timer *timer)
{
	container_of(timer, struct surface, timer)->due = true;
}

static void
on_ready(struct watch *watch, bool readable, bool writable)
{
	(void)readable;
	(void)writable;
	container_of(watch, struct surface, watch)->due = true;
}

static unsigned
connections(const struct surface *surface)
{
	const union MHD_DaemonInfo *info =
		MHD_get_daemon_info(surface->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);
	return info == NULL ? 0 : info->num_connections;
}

/* At its limit libmicrohttpd stops listening, and begins again in a run behind the one in which a
 * connection ended: without that run nobody would ever get in. */
static void
run(struct surface *surface)
{
	unsigned before, after = connections(surface);
	do {
		before = after;
		MHD_run(surface->daemon);
		after = connections(surface);
	} while (after < before);
}

static bool
out_of_descriptors(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0)
		close(fd);
	return fd < 0 &&
	       (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM);
}

/* Without a descriptor for its first connection libmicrohttpd tries again at once, for ever: it is
 * left alone for a while, which true says. With others it waits by itself until one of them ends.
 */
static bool
let_rest(struct surface *surface)
{
	bool rested = surface->resting;
	surface->resting = connections(surface) == 0 && out_of_descriptors();
	if (surface->resting && !rested)
		log_message(LOG_LEVEL_WARNING, "accept.paused", "%s; nobody is connected to %s",
			    strerror(errno),
			    surface->is_health ? "this health listener" : "this admin listener");
	return !loop_watch(surface->admin->loop, &surface->watch, surface->watch.fd,
			   !surface->resting, false) ||
	       surface->resting;
}

static void
on_turn_end(struct turn_end *end)
{
	struct surface *surface = container_of(end, struct surface, end);
	MHD_UNSIGNED_LONG_LONG wait;
	if (!surface->due)
		return;
	surface->due = false;
	run(surface);
	timer_stop(&surface->timer);
	if (let_rest(surface))
		timer_start(surface->admin->loop, &surface->timer, REST_MS, on_timer);
	else if (MHD_get_timeout(surface->daemon, &wait) == MHD_YES)
		timer_start(surface->admin->loop, &surface->timer, wait, on_timer);
}

/* Paths and arguments come to us as they were sent; we decode them once, with lengths. */
static size_t
leave_escaped(void *arg, struct MHD_Connection *connection, char *text)
{
	(void)arg;
	(void)connection;
	return strlen(text);
}

/*
 * Nobody may take all connections of a health listener, which asks for no log-in; a limit of 0 is
 * none. The memory of a connection has seen passwords and tokens: above 32 kB the library maps it
 * and gives it back to the kernel, while less comes from malloc() and stays as it is when freed.
 */
static struct MHD_Daemon *
start_daemon(struct surface *surface, int fd)
{
	const struct config *config = surface->admin->config;
	unsigned most = config->admin.max_connections;
	return MHD_start_daemon(
		MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, request_handle, surface,
		MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_NOTIFY_COMPLETED, request_completed,
		surface, MHD_OPTION_NOTIFY_CONNECTION, client_notified, surface,
		MHD_OPTION_CONNECTION_LIMIT, most, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
		surface->is_health ? (most + 1) / 2 : 0, MHD_OPTION_CONNECTION_TIMEOUT,
		client_patience_s(surface->admin) + 1 /* after ours */,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES,
		MHD_OPTION_UNESCAPE_CALLBACK, leave_escaped, NULL, MHD_OPTION_END);
}

static bool
open_surface(struct admin *admin, int fd, bool is_socket, bool is_health)
{
	struct surface *surface = &admin->surfaces[admin->surface_count];
	*surface =
		(struct surface){ .admin = admin, .is_socket = is_socket, .is_health = is_health };
	int own = dup(fd);
	if (own < 0)
		return false;
	surface->daemon = start_daemon(surface, own);
	if (surface->daemon == NULL)
		return false;
	const union MHD_DaemonInfo *info =
		MHD_get_daemon_info(surface->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	surface->watch.ready = on_ready;
	surface->end.call = on_turn_end;
	admin->surface_count++;
	loop_at_turn_end(admin->loop, &surface->end);
	return info != NULL &&
	       loop_watch(admin->loop, &surface->watch, info->epoll_fd, is_health, false);
}

/* The first requests wait in the queue of the listening socket until the store can answer them, or
 * says why not. Health has something to say before. */
static void
look_at_store(struct timer *timer)
{
	struct admin *admin = container_of(timer, struct admin, waking);
	if (store_state(admin->store) == STORE_CONNECTING && *store_trouble(admin->store) == '\0' &&
	    loop_now_ms(admin->loop) < admin->awake_ms) {
		timer_start(admin->loop, &admin->waking, LOOK_MS, look_at_store);
		return;
	}
	for (size_t i = 0; i < admin->surface_count; i++)
		loop_watch(admin->loop, &admin->surfaces[i].watch, admin->surfaces[i].watch.fd,
			   true, false);
}

static void
close_surface(struct surface *surface)
{
	loop_unwatch(surface->admin->loop, &surface->watch);
	timer_stop(&surface->timer);
	loop_no_turn_end(&surface->end);
	MHD_stop_daemon(surface->daemon);
}

static bool
open_surfaces(struct admin *admin, const struct admin_settings *settings)
{
	admin->surfaces = calloc(settings->health_count + 2, sizeof(*admin->surfaces));
	if (admin->surfaces == NULL)
		return false;
	if (settings->socket_fd >= 0 && !open_surface(admin, settings->socket_fd, true, false))
		return false;
	if (settings->listen_fd >= 0 && !open_surface(admin, settings->listen_fd, false, false))
		return false;
	for (size_t i = 0; i < settings->health_count; i++)
		if (!open_surface(admin, settings->health_fds[i], false, true))
			return false;
	admin->awake_ms = loop_now_ms(admin->loop) + PATIENCE_MS;
	look_at_store(&admin->waking);
	return true;
}

/* --- life ----------------------------------------------------------------------------- */

struct admin *
admin_open(struct loop *loop, const struct admin_settings *settings, char *error, size_t error_cap)
{
	struct admin *admin = calloc(1, sizeof(*admin));
	if (admin == NULL) {
		snprintf(error, error_cap, "out of memory");
		return NULL;
	}
	json_use_memory();
	admin->loop = loop;
	admin->config = settings->config;
	admin->policy = settings->policy;
	admin->store = settings->store;
	admin->memory = settings->memory;
	admin->ask = settings->ask;
	admin->ask_arg = settings->ask_arg;
	list_init(&admin->commands);
	list_init(&admin->pauses);
	admin->certificates = json_array();
	arena_pool_init(&admin->pool, POOL_BYTES);
	fifo_open(&admin->deadlines, loop, settings->config->admin.request_timeout,
		  exchange_expired);
	clients_open(admin);
	if (settings->listen_fd >= 0 &&
	    !tokens_load(&admin->tokens, settings->config->admin.tokens_file, error, error_cap))
		log_message(LOG_LEVEL_WARNING, "admin.tokens", "%s; admin.listen refuses everybody",
			    error);
	if (!open_surfaces(admin, settings)) {
		snprintf(error, error_cap, "libmicrohttpd cannot serve its sockets");
		admin_close(admin);
		return NULL;
	}
	counts_start(admin);
	recent_start(admin);
	processes_start(admin);
	admin->bans = ban_keeper_open(loop, admin->store, admin->memory, admin->config);
	admin->heartbeat = heartbeat_open(admin);
	if (admin->bans == NULL || admin->heartbeat == NULL) {
		snprintf(error, error_cap, "out of memory");
		admin_close(admin);
		return NULL;
	}
	return admin;
}

void
admin_configure(struct admin *admin, const struct config *config, const struct policy *policy)
{
	char error[512];
	admin->config = config;
	admin->policy = policy;
	ban_keeper_configure(admin->bans, config);
	fifo_set_duration(&admin->deadlines, config->admin.request_timeout);
	clients_configure(admin);
	if (config->admin.listen_on &&
	    !tokens_load(&admin->tokens, config->admin.tokens_file, error, sizeof(error)))
		log_message(LOG_LEVEL_ERROR, "admin.tokens",
			    "%s; the tokens read before stay in force", error);
}

void
admin_leave(struct admin *admin, void (*left)(void *arg), void *arg)
{
	heartbeat_leave(admin->heartbeat, left, arg);
}

/* libmicrohttpd wants every connection resumed before it stops: closing the store has answered them
 * all. */
void
admin_close(struct admin *admin)
{
	exchange_no_master(admin);
	exchange_no_pause(admin);
	timer_stop(&admin->waking);
	assert(admin->waiting_count == 0);
	for (size_t i = 0; i < admin->surface_count; i++)
		close_surface(&admin->surfaces[i]);
	counts_stop(admin);
	recent_stop(admin);
	processes_stop(admin);
	ban_keeper_close(admin->bans);
	heartbeat_close(admin->heartbeat);
	fifo_close(&admin->deadlines);
	fifo_close(&admin->clients);
	arena_pool_clear(&admin->pool);
	metrics_close(admin);
	certificates_close(admin);
	free(admin->surfaces);
	free(admin);
}
