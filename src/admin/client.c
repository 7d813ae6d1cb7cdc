/* Connections of clients: see the header. */
#include "client.h"

#include <stdlib.h>
#include <sys/socket.h>

#include "admin_internal.h"

struct client {
	struct admin *admin;
	struct fifo_entry deadline;
	int fd;
};

static void
hang_up(int fd)
{
	shutdown(fd, SHUT_RDWR); /* libmicrohttpd sees an end, and closes */
}

static void
too_slow(struct fifo *fifo, struct fifo_entry *entry)
{
	(void)fifo;
	hang_up(container_of(entry, struct client, deadline)->fd);
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

void
client_await(struct MHD_Connection *connection)
{
	struct client *client = client_of(connection);
	if (client != NULL)
		fifo_start(&client->admin->clients, &client->deadline);
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
	admin->clients.duration_ms = client_patience_s(admin) * 1000;
}
