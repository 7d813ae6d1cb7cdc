/*
 * Three kinds of libmicrohttpd daemons without threads (Unix socket, loopback TCP, health), each
 * with an epoll descriptor of its own that our loop watches. MHD_run() follows every event, every
 * resume, and every time-out that MHD_get_timeout() named.
 */
#include "admin/admin.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "admin_internal.h"
#include "base/log.h"

#define ARENA_BYTES (8u * 1024 * 1024)
#define POOL_BYTES (64u * 1024 * 1024)
#define BODY_BYTES_MAX (4u * 1024 * 1024)
#define PEER_GROUPS_MAX 64
#define API "/api/v1/"

/* --- one request ------------------------------------------------------------------------- */

struct seen {
	unsigned content_length, transfer_encoding, host;
};

static enum MHD_Result
count_header(void *arg, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct seen *seen = arg;
	struct str key = str_of(name);
	(void)kind;
	(void)value;
	seen->content_length += str_ieq(key, STR("Content-Length"));
	seen->transfer_encoding += str_ieq(key, STR("Transfer-Encoding"));
	seen->host += str_ieq(key, STR("Host"));
	return MHD_YES;
}

/* What this version of libmicrohttpd lets through and a proxy in front may read differently: refuse
 * and close. */
static bool
smuggling_shaped(struct exchange *x)
{
	struct seen seen = { 0 };
	MHD_get_connection_values(x->connection, MHD_HEADER_KIND, count_header, &seen);
	return seen.content_length > 1 || seen.host > 1 || seen.transfer_encoding > 1 ||
	       (seen.content_length > 0 && seen.transfer_encoding > 0);
}

static bool
group_matches(int fd, gid_t wanted)
{
	gid_t groups[PEER_GROUPS_MAX];
	socklen_t len = sizeof(groups);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len) != 0)
		return false;
	for (size_t i = 0; i < len / sizeof(gid_t); i++)
		if (groups[i] == wanted)
			return true;
	return false;
}

/* On the Unix socket: root, the daemon's own user, and its group have all rights. */
static enum role
peer_role(struct exchange *x)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(x->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct ucred peer;
	socklen_t len = sizeof(peer);
	if (info == NULL || getsockopt(info->connect_fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0)
		return ROLE_NONE;
	bool trusted = peer.uid == 0 || peer.uid == geteuid() || peer.gid == getegid() ||
		       group_matches(info->connect_fd, getegid());
	return trusted ? ROLE_ADMIN : ROLE_NONE;
}

static enum role
role_of(struct exchange *x)
{
	if (x->surface->is_socket)
		return peer_role(x);
	const char *authorization =
		MHD_lookup_connection_value(x->connection, MHD_HEADER_KIND, "Authorization");
	return authorization == NULL ? ROLE_NONE : tokens_role(x->admin, authorization);
}

/* Route and rights are settled before a body is read. */
static void
settle_route(struct exchange *x, const char *url)
{
	bool other_method = false;
	x->role = role_of(x);
	if (x->role == ROLE_NONE) {
		if (x->surface->is_socket)
			exchange_problem(x, 403, "forbidden", "Not allowed",
					 "This user may not administrate.", NULL,
					 "Join the daemon's group or become root.");
		else
			exchange_problem(
				x, 401, "unauthorized", "Token needed",
				"Authorization: Bearer is missing or names no token.", NULL,
				"Send a token of admin.tokens_file, or use the Unix socket.");
		if (!x->surface->is_socket && x->response != NULL)
			MHD_add_response_header(x->response, "WWW-Authenticate", "Bearer");
		return;
	}
	if (strncmp(url, API, strlen(API)) == 0)
		x->route = route_find(x, str_of(url + strlen(API)), &other_method);
	if (x->route == NULL && other_method)
		exchange_problem(x, 405, "method_not_allowed", "Method not allowed",
				 "This path has other methods.", NULL, NULL);
	else if (x->route == NULL)
		exchange_problem(x, 404, "not_found", "Not found", "There is nothing at this path.",
				 NULL, "Paths begin with /api/v1/.");
	else if (x->role < x->route->role)
		exchange_problem(x, 403, "forbidden", "Not allowed", "This token may only read.",
				 NULL, "Use a token of role admin.");
	else if (!x->surface->is_socket && x->route->role == ROLE_ADMIN)
		exchange_problem(x, 403, "socket_only", "Only on the Unix socket",
				 "Changes are made through admin.socket in this release.", NULL,
				 "Use rollcallctl on the node.");
}

static void
log_write(const struct exchange *x, const char *url)
{
	struct log_line line;
	if (x->route->role != ROLE_ADMIN || !log_begin(&line, LOG_LEVEL_NOTICE, "admin.write"))
		return;
	log_number(&line, "status", x->status);
	log_text(&line, "method", x->method);
	log_text(&line, "path", str_of(url));
	log_end(&line);
}

static struct exchange *
begin(struct surface *surface, struct MHD_Connection *connection, const char *url,
      const char *method)
{
	struct exchange *x = calloc(1, sizeof(*x));
	if (x == NULL)
		return NULL;
	x->admin = surface->admin;
	x->surface = surface;
	x->connection = connection;
	list_init(&x->link);
	arena_init(&x->arena, &surface->admin->pool, ARENA_BYTES);
	x->method = arena_copy(&x->arena, str_of(method));
	if (surface->is_health) {
		x->segments[0] = str_of(exchange_z(x, str_of(url)));
		return x;
	}
	if (smuggling_shaped(x))
		exchange_problem(
			x, 400, "malformed", "Ambiguous request",
			"Content-Length, Transfer-Encoding or Host is repeated or contradictory.",
			NULL, NULL);
	else
		settle_route(x, url);
	x->refused = x->answered;
	return x;
}

static bool
keep_body(struct exchange *x, const char *octets, size_t len)
{
	if (x->body_len + len > BODY_BYTES_MAX)
		return false;
	char *grown = realloc(x->body, x->body_len + len);
	if (grown == NULL)
		return false;
	memcpy(grown + x->body_len, octets, len);
	x->body = grown;
	x->body_len += len;
	return true;
}

static void
dispatch(struct exchange *x)
{
	if (x->surface->is_health) {
		if (str_eq(x->method, STR("GET")) || str_eq(x->method, STR("HEAD")) ||
		    str_eq(x->method, STR("OPTIONS")))
			health_answer(x);
		else
			exchange_answer(x, 405, NULL);
		return;
	}
	if (x->admin->suspended_count >= SUSPENDED_MAX) {
		exchange_problem(x, 503, "overloaded", "Too many requests at once",
				 "Others are being answered.", NULL, "Try again in a second.");
		return;
	}
	x->route->handle(x);
	if (x->answered)
		return;
	MHD_suspend_connection(x->connection);
	x->suspended = true;
	x->admin->suspended_count++;
	list_append(&x->admin->suspended, &x->link);
}

static enum MHD_Result
send_answer(struct exchange *x)
{
	if (x->response == NULL)
		return MHD_NO;
	if (x->refused)
		MHD_add_response_header(x->response, "Connection", "close");
	return MHD_queue_response(x->connection, x->status, x->response);
}

static enum MHD_Result
on_request(void *arg, struct MHD_Connection *connection, const char *url, const char *method,
	   const char *version, const char *upload, size_t *upload_len, void **own)
{
	struct exchange *x = *own;
	(void)version;
	if (x == NULL) {
		x = begin(arg, connection, url, method);
		*own = x;
		if (x == NULL)
			return MHD_NO;
		return x->refused ? send_answer(x) : MHD_YES;
	}
	if (x->answered) {
		if (x->route != NULL)
			log_write(x, url);
		return send_answer(x);
	}
	if (*upload_len > 0) {
		bool kept = keep_body(x, upload, *upload_len);
		*upload_len = 0;
		return kept ? MHD_YES : MHD_NO;
	}
	dispatch(x);
	if (!x->answered)
		return MHD_YES;
	if (x->route != NULL)
		log_write(x, url);
	return send_answer(x);
}

static void
on_completed(void *arg, struct MHD_Connection *connection, void **own,
	     enum MHD_RequestTerminationCode why)
{
	struct exchange *x = *own;
	(void)arg;
	(void)connection;
	(void)why;
	if (x == NULL)
		return;
	if (x->response != NULL)
		MHD_destroy_response(x->response);
	arena_reset(&x->arena);
	free(x->body);
	free(x);
	*own = NULL;
}

/* --- driving libmicrohttpd
 * --------------------------------------------------------------------------------------- */

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

static void
on_turn_end(struct turn_end *end)
{
	struct surface *surface = container_of(end, struct surface, end);
	MHD_UNSIGNED_LONG_LONG wait;
	if (!surface->due)
		return;
	surface->due = false;
	MHD_run(surface->daemon);
	timer_stop(&surface->timer);
	if (MHD_get_timeout(surface->daemon, &wait) == MHD_YES)
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

static bool
open_surface(struct admin *admin, int fd, bool is_socket, bool is_health)
{
	struct surface *surface = &admin->surfaces[admin->surface_count];
	unsigned timeout_s = (unsigned)((admin->config->admin.request_timeout + 999) / 1000);
	*surface =
		(struct surface){ .admin = admin, .is_socket = is_socket, .is_health = is_health };
	surface->daemon = MHD_start_daemon(
		MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, on_request, surface,
		MHD_OPTION_LISTEN_SOCKET, dup(fd), MHD_OPTION_NOTIFY_COMPLETED, on_completed,
		surface, MHD_OPTION_CONNECTION_LIMIT, admin->config->admin.max_connections,
		MHD_OPTION_CONNECTION_TIMEOUT, timeout_s, MHD_OPTION_UNESCAPE_CALLBACK,
		leave_escaped, NULL, MHD_OPTION_END);
	if (surface->daemon == NULL)
		return false;
	const union MHD_DaemonInfo *info =
		MHD_get_daemon_info(surface->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	surface->watch.ready = on_ready;
	surface->end.call = on_turn_end;
	admin->surface_count++;
	loop_at_turn_end(admin->loop, &surface->end);
	return info != NULL &&
	       loop_watch(admin->loop, &surface->watch, info->epoll_fd, true, false);
}

static void
close_surface(struct surface *surface)
{
	loop_unwatch(surface->admin->loop, &surface->watch);
	timer_stop(&surface->timer);
	loop_no_turn_end(&surface->end);
	MHD_stop_daemon(surface->daemon);
}

/* --- life -------------------------------------------------------------------------------- */

static bool
open_surfaces(struct admin *admin, const struct admin_settings *settings)
{
	if (settings->socket_fd >= 0 && !open_surface(admin, settings->socket_fd, true, false))
		return false;
	if (settings->listen_fd >= 0 && !open_surface(admin, settings->listen_fd, false, false))
		return false;
	for (size_t i = 0; i < settings->health_count; i++)
		if (!open_surface(admin, settings->health_fds[i], false, true))
			return false;
	return true;
}

struct admin *
admin_open(struct loop *loop, const struct admin_settings *settings, char *error, size_t error_cap)
{
	struct admin *admin = calloc(1, sizeof(*admin));
	if (admin == NULL) {
		snprintf(error, error_cap, "out of memory");
		return NULL;
	}
	admin->loop = loop;
	admin->config = settings->config;
	admin->store = settings->store;
	admin->memory = settings->memory;
	admin->bindings = admin->users = admin->users_with_bindings = -1;
	list_init(&admin->suspended);
	arena_pool_init(&admin->pool, POOL_BYTES);
	if (!tokens_load(admin, settings->config->admin.tokens_file, error, error_cap))
		log_message(LOG_LEVEL_WARNING, "admin.tokens", "%s; the TCP API refuses everybody",
			    error);
	if (!open_surfaces(admin, settings)) {
		snprintf(error, error_cap, "libmicrohttpd cannot serve its sockets");
		admin_close(admin);
		return NULL;
	}
	status_count_start(admin);
	return admin;
}

void
admin_configure(struct admin *admin, const struct config *config)
{
	char error[512];
	admin->config = config;
	if (!tokens_load(admin, config->admin.tokens_file, error, sizeof(error)))
		log_message(LOG_LEVEL_ERROR, "admin.tokens",
			    "%s; the tokens read before stay in force", error);
}

/* libmicrohttpd wants every connection resumed before it stops: closing the store has answered them
 * all. */
void
admin_close(struct admin *admin)
{
	assert(list_empty(&admin->suspended));
	for (size_t i = 0; i < admin->surface_count; i++)
		close_surface(&admin->surfaces[i]);
	timer_stop(&admin->count_timer);
	arena_pool_clear(&admin->pool);
	free(admin);
}
