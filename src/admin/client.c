/* Connections of clients: see the header. */
#include "client.h"

#include <stdlib.h>
#include <sys/socket.h>

#include "admin_internal.h"

struct client {
	struct admin *admin;
	struct fifo_entry deadline;
	int fd;
	bool in_body; /* its head is whole, and nothing was answered */
};

/* Past the library, which takes no answer in the middle of a body and would end it without one. */
static const char slow_body[] =
	"HTTP/1.1 408 Request Timeout\r\nContent-Type: application/problem+json\r\n"
	"Cache-Control: no-store\r\nConnection: close\r\n\r\n"
	"{\"type\":\"urn:rollcall:problem:too-slow\",\"title\":\"Body too slow\",\"status\":408,"
	"\"detail\":\"The rest of the body has not come in time.\",\"reason\":\"too_slow\","
	"\"hint\":\"Nothing was changed. admin.request_timeout is for each 64 kB.\"}";

static void
hang_up(int fd)
{
	shutdown(fd, SHUT_RDWR); /* libmicrohttpd sees an end, and closes */
}

static void
too_slow(struct fifo *fifo, struct fifo_entry *entry)
{
	const struct client *client = container_of(entry, struct client, deadline);
	(void)fifo;
	if (client->in_body)
		(void)!send(client->fd, slow_body, sizeof(slow_body) - 1,
			    MSG_DONTWAIT | MSG_NOSIGNAL);
	hang_up(client->fd);
}

static struct client *
client_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	return info == NULL ? NULL : info->socket_context;
}

void
client_notified(void *arg, struct MHD_Connection *connection, void **context,
		enum MHD_ConnectionNotificationCode code)
{
	const struct surface *surface = arg;
	struct client *client = *context;
	if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
		if (client != NULL)
			fifo_stop(&client->deadline);
		free(client);
		*context = NULL;
		return;
	}
	int fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
	*context = client = calloc(1, sizeof(*client));
	if (client == NULL) {
		hang_up(fd);
		return;
	}
	client->admin = surface->admin;
	client->fd = fd;
	fifo_start(&surface->admin->clients, &client->deadline);
}

static void
await(struct MHD_Connection *connection, bool body)
{
	struct client *client = client_of(connection);
	if (client == NULL)
		return;
	client->in_body = body;
	fifo_start(&client->admin->clients, &client->deadline);
}

void
client_await_head(struct MHD_Connection *connection)
{
	await(connection, false);
}

void
client_await_body(struct MHD_Connection *connection)
{
	await(connection, true);
}

void
client_satisfied(struct MHD_Connection *connection)
{
	struct client *client = client_of(connection);
	if (client != NULL)
		fifo_stop(&client->deadline);
}

unsigned
client_patience_s(const struct admin *admin)
{
	return (unsigned)((admin->config->admin.request_timeout + 999) / 1000);
}

void
clients_open(struct admin *admin)
{
	fifo_open(&admin->clients, admin->loop, client_patience_s(admin) * 1000, too_slow);
}

void
clients_configure(struct admin *admin)
{
	fifo_set_duration(&admin->clients, client_patience_s(admin) * 1000);
}
