/*
 * One HTTP request from its first octet to its answer. What is wrong with the head, who asks and
 * what for is settled before any body is read; then the handler of the route has it.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "admin_internal.h"
#include "arguments.h"
#include "base/log.h"
#include "client.h"
#include "head.h"
#include "json.h"

#define ARENA_BYTES (16u * 1024 * 1024)
#define PAGE_ARENA_BYTES (4u * 1024 * 1024)
#define BODY_BYTES_MAX (4u * 1024 * 1024)
#define BODY_BYTES_SEEN_MAX (2 * BODY_BYTES_MAX) /* of one that is dropped */
#define BODY_BYTES_PACE (64u * 1024)		 /* in admin.request_timeout, or the rest of it */
#define BODY_BYTES_FIRST 4096u
#define PEER_GROUPS_MAX 64
#define API "/api/v1/"

/* --- the head ------------------------------------------------------------------------- */

static enum MHD_Result
note_field(void *arg, enum MHD_ValueKind kind, const char *name, const char *value)
{
	(void)kind;
	head_field(arg, str_of(name), str_of(value));
	return MHD_YES;
}

/* What the library lets through and a proxy in front may read differently: refuse and close. */
static bool
head_is_sound(struct exchange *x, const char *target)
{
	struct head head = { .http_1_0 = x->http_1_0 };
	MHD_get_connection_values(x->connection, MHD_HEADER_KIND, note_field, &head);
	const char *flaw = head_flaw(&head, x->method, str_of(target));
	if (flaw != NULL)
		exchange_problem(x, 400, "malformed", "Malformed request", flaw, NULL, NULL);
	return flaw == NULL;
}

static bool
announces_too_much(const struct exchange *x)
{
	const char *length =
		MHD_lookup_connection_value(x->connection, MHD_HEADER_KIND, "Content-Length");
	uint64_t value;
	return length != NULL && !str_to_u64(str_of(length), BODY_BYTES_MAX, &value);
}

/* --- who asks ------------------------------------------------------------------------- */

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
	x->uid = peer.uid;
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
	return authorization == NULL ? ROLE_NONE : tokens_role(&x->admin->tokens, authorization);
}

static void
refuse_stranger(struct exchange *x)
{
	if (x->surface->is_socket) {
		exchange_problem(x, 403, "forbidden", "Not allowed",
				 "This user may not administrate.", NULL,
				 "Join the daemon's group or become root.");
		return;
	}
	exchange_problem(x, 401, "unauthorized", "Token needed",
			 "Authorization: Bearer is missing or names no token.", NULL,
			 "Send a token of admin.tokens_file, or use the Unix socket.");
	exchange_header(x, "WWW-Authenticate", "Bearer");
}

/* --- what for ------------------------------------------------------------------------- */

static void
refuse_path(struct exchange *x, const char *allow)
{
	if (*allow == '\0') {
		exchange_problem(x, 404, "not_found", "Not found", "There is nothing at this path.",
				 NULL, "Paths begin with /api/v1/.");
		return;
	}
	exchange_problem(x, 405, "method_not_allowed", "Method not allowed",
			 "This path has other methods.", NULL, "The Allow field names them.");
	exchange_header(x, "Allow", allow);
}

static struct str
header(const struct exchange *x, const char *name)
{
	return str_of(MHD_lookup_connection_value(x->connection, MHD_HEADER_KIND, name));
}

/* What it sends must be JSON, and what it gets something that we have. */
static bool
settle_media(struct exchange *x)
{
	struct str type = header(x, "Content-Type"), parameters;
	bool reads = str_eq(x->method, STR("GET")) || str_eq(x->method, STR("HEAD"));
	x->media = reads ? accept_media(header(x, "Accept"), route_streams(x->route)) : MEDIA_JSON;
	str_cut(type, ';', &type, &parameters);
	type = str_trim(type);
	if (x->media == MEDIA_NONE)
		exchange_problem(x, 406, "not_acceptable", "Not acceptable",
				 "This path has nothing of a type that Accept names.", NULL,
				 route_streams(x->route) ? "There is application/json, "
							   "application/x-ndjson and text/csv."
							 : "There is application/json.");
	else if (!reads && !str_empty(type) && !str_ieq(type, STR("application/json")) &&
		 !str_ieq(type, STR("application/merge-patch+json")))
		exchange_problem(x, 415, "body_unsupported", "Body of another type",
				 "Bodies are application/json.", NULL,
				 "Send Content-Type: application/json.");
	return !x->answered;
}

static void
settle_route(struct exchange *x, const char *url)
{
	char allow[ALLOW_BYTES] = "";
	x->role = role_of(x);
	if (x->role == ROLE_NONE) {
		refuse_stranger(x);
		return;
	}
	if (strncmp(url, API, strlen(API)) == 0)
		x->route = route_find(x->method, str_of(url + strlen(API)), x->segments,
				      &x->segment_count, allow);
	for (unsigned i = 0; x->route != NULL && i < x->segment_count; i++)
		x->segments[i] = argument_decoded(&x->arena, x->segments[i]);
	if (x->route == NULL)
		refuse_path(x, allow);
	else if (x->role < x->route->role)
		exchange_problem(x, 403, "forbidden", "Not allowed", "This token may only read.",
				 NULL, "Use a token of role admin.");
	else if (!settle_media(x))
		return;
	else if (announces_too_much(x))
		exchange_problem(x, 413, "too_large", "Body too large",
				 "A body holds at most 4 MB.", NULL, "Send it in parts.");
	else
		arguments_known(x, x->route->arguments);
}

static void
settle_probe(struct exchange *x, const char *url)
{
	static const char *const methods[] = { "GET", "HEAD", "OPTIONS" };
	for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++) {
		if (str_eq(x->method, str_of(methods[i]))) {
			health_answer(x, url);
			return;
		}
	}
	exchange_answer_text(x, 405, "probes are GET, HEAD or OPTIONS\n");
	exchange_header(x, "Allow", "GET, HEAD, OPTIONS");
}

/* What waits may outlive its request. A probe does not, and takes nothing of the memory that
 * requests of administrators may have used up: it would say that the node is bad. */
static struct str
method_of(struct exchange *x, const char *method)
{
	return x->surface->is_health ? str_of(method) : arena_copy(&x->arena, str_of(method));
}

static struct exchange *
begin(struct surface *surface, struct MHD_Connection *connection, const char *url,
      const char *method, const char *version)
{
	struct exchange *x = calloc(1, sizeof(*x));
	if (x == NULL)
		return NULL;
	x->admin = surface->admin;
	x->surface = surface;
	x->connection = connection;
	x->uid = -1;
	list_init(&x->command_link);
	list_init(&x->pause_link);
	x->http_1_0 = strcmp(version, MHD_HTTP_VERSION_1_0) == 0;
	x->began_us = loop_now_us(surface->admin->loop);
	arena_init(&x->arena, &surface->admin->pool, ARENA_BYTES);
	arena_init(&x->page_arena, &surface->admin->pool, PAGE_ARENA_BYTES);
	x->method = method_of(x, method);
	if (head_is_sound(x, url) && !surface->is_health)
		settle_route(x, head_path(url));
	x->refused = x->answered;
	return x;
}

/* --- the body ------------------------------------------------------------------------- */

/* Bodies hold passwords: what is outgrown is zeroed, so no realloc(). */
static bool
grow_body(struct exchange *x, size_t wanted)
{
	size_t cap = x->body_cap == 0 ? BODY_BYTES_FIRST : x->body_cap;
	while (cap < wanted)
		cap *= 2;
	char *body = malloc(cap);
	if (body == NULL)
		return false;
	if (x->body != NULL) {
		memcpy(body, x->body, x->body_len);
		explicit_bzero(x->body, x->body_cap);
		free(x->body);
	}
	x->body = body;
	x->body_cap = cap;
	return true;
}

/* A body that came in chunks and turns out too large is read on for a while, and dropped: the
 * library takes no answer in the middle of one. Who may only read has none that is of use. */
static void
keep_body(struct exchange *x, const char *octets, size_t len)
{
	size_t wanted = x->body_len + len;
	if (x->body_too_large || x->body_lost || x->surface->is_health || x->route == NULL ||
	    x->route->role == ROLE_READ)
		return;
	x->body_too_large = wanted > BODY_BYTES_MAX;
	x->body_lost = !x->body_too_large && wanted > x->body_cap && !grow_body(x, wanted);
	if (x->body_too_large || x->body_lost)
		return;
	memcpy(x->body + x->body_len, octets, len);
	x->body_len = wanted;
}

/* False for one that never ends. */
static bool
take_body(struct exchange *x, const char *octets, size_t len)
{
	size_t before = x->body_seen;
	x->body_seen += len;
	if (before / BODY_BYTES_PACE != x->body_seen / BODY_BYTES_PACE)
		client_await_body(x->connection);
	keep_body(x, octets, len);
	return x->body_seen <= BODY_BYTES_SEEN_MAX;
}

/* --- the answer ----------------------------------------------------------------------- */

static void
dispatch(struct exchange *x, const char *url)
{
	json_begin();
	if (x->surface->is_health) {
		settle_probe(x, head_path(url));
	} else if (x->body_too_large) {
		exchange_problem(x, 413, "too_large", "Body too large",
				 "A body holds at most 4 MB.", NULL, "Send it in parts.");
	} else if (x->body_lost) {
		exchange_out_of_memory(x);
	} else if (x->admin->waiting_count >= WAITING_MAX) {
		exchange_problem(x, 503, "overloaded", "Too many requests at once",
				 "Others are being answered.", NULL, "Try again in a second.");
	} else {
		x->route->handle(x);
		exchange_wait(x);
	}
}

static const char *
role_word(enum role role)
{
	switch (role) {
	case ROLE_NONE:
		break;
	case ROLE_READ:
		return "read";
	case ROLE_ADMIN:
		return "admin";
	}
	return "none";
}

/* Who changed what; reads and probes are not worth a line. */
static void
log_write(const struct exchange *x, const char *url)
{
	struct log_line line;
	if (x->route == NULL || x->route->role != ROLE_ADMIN ||
	    strcmp(x->route->method, "GET") == 0 ||
	    !log_begin(&line, LOG_LEVEL_NOTICE, "admin.write"))
		return;
	log_number(&line, "status", x->status);
	if (x->uid >= 0)
		log_number(&line, "uid", x->uid);
	else
		log_word(&line, "token", role_word(x->role));
	log_text(&line, "method", x->method);
	log_text(&line, "path", str_of(url));
	log_end(&line);
}

static void
count(const struct exchange *x)
{
	unsigned route = x->surface->is_health ? ROUTE_HEALTH
			 : x->route == NULL    ? ROUTE_NONE
					       : route_index(x->route);
	stats->admin_requests[route][stats_http_code(x->status)]++;
	observe_admin_request_duration(route, loop_now_us(x->admin->loop) - x->began_us);
}

static enum MHD_Result
send_answer(struct exchange *x, const char *url)
{
	log_write(x, url);
	count(x);
	client_satisfied(x->connection);
	if (x->refused)
		exchange_header(x, "Connection", "close");
	return x->response == NULL ? MHD_NO
				   : MHD_queue_response(x->connection, x->status, x->response);
}

enum MHD_Result
request_handle(void *arg, struct MHD_Connection *connection, const char *url, const char *method,
	       const char *version, const char *upload, size_t *upload_len, void **own)
{
	struct exchange *x = *own;
	if (x == NULL) {
		*own = x = begin(arg, connection, url, method, version);
		if (x == NULL)
			return MHD_NO;
		client_await_body(connection);
		return x->refused ? send_answer(x, url) : MHD_YES;
	}
	if (*upload_len > 0) {
		size_t len = *upload_len;
		*upload_len = 0;
		return take_body(x, upload, len) ? MHD_YES : MHD_NO;
	}
	client_satisfied(connection);
	if (!x->answered)
		dispatch(x, url);
	return x->answered ? send_answer(x, url) : MHD_YES;
}

void
request_completed(void *arg, struct MHD_Connection *connection, void **own,
		  enum MHD_RequestTerminationCode why)
{
	struct exchange *x = *own;
	(void)arg;
	if (why == MHD_REQUEST_TERMINATED_COMPLETED_OK)
		client_await_head(connection);
	if (x != NULL)
		exchange_forget(x);
	*own = NULL;
}
