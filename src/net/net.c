/* The net as a whole: the sockets it serves, and the end of its turn, when answers leave. */
#include "net/net.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>

#include "internal.h"

static void
turn_ended(struct turn_end *end)
{
	struct net *net = container_of(end, struct net, turn_end);
	uint32_t steps = net->settings.handshakes_per_turn;
	handshakes_continue(net);
	connections_attend(net);
	udp_flush(net);
	net->handshake_steps = steps == 0 ? UINT32_MAX : steps;
}

struct net *
net_open(struct loop *loop, struct net_user *user, const struct net_settings *settings)
{
	struct net *net = calloc(1, sizeof(*net));
	if (net == NULL)
		return NULL;
	net->loop = loop;
	net->user = user;
	net->datagrams = datagrams_open();
	net->pressure = pressure_open();
	net->scratch = malloc(SCRATCH_BYTES);
	if (net->datagrams == NULL || net->pressure == NULL || net->scratch == NULL) {
		datagrams_close(net->datagrams);
		pressure_close(net->pressure);
		free(net->scratch);
		free(net);
		return NULL;
	}
	signal(SIGPIPE, SIG_IGN); /* OpenSSL writes without MSG_NOSIGNAL */
	connections_open(net);
	net_configure(net, settings);
	net->handshake_steps =
		settings->handshakes_per_turn == 0 ? UINT32_MAX : settings->handshakes_per_turn;
	net->full_told = stats->udp_send_full; /* of a worker that died, whose page this was */
	net->turn_end.call = turn_ended;
	loop_at_turn_end(loop, &net->turn_end);
	return net;
}

void
net_configure(struct net *net, const struct net_settings *settings)
{
	net->settings = *settings;
	fifo_set_duration(&net->handshakes, settings->handshake_timeout_ms);
	fifo_set_duration(&net->firsts, settings->first_message_timeout_ms);
	fifo_set_duration(&net->messages, settings->message_timeout_ms);
	fifo_set_duration(&net->idles, settings->idle_timeout_ms);
}

void
net_close(struct net *net)
{
	if (net == NULL)
		return;
	connections_close(net);
	for (uint32_t slot = 0; slot < net->served_count; slot++)
		net_unserve(net, (int)slot);
	timer_stop(&net->accept_pause);
	timer_stop(&net->datagram_rest);
	timer_stop(&net->answers_kept);
	loop_no_turn_end(&net->turn_end);
	datagrams_close(net->datagrams);
	pressure_close(net->pressure);
	free(net->served);
	free(net->scratch);
	free(net);
}

static int
free_served_slot(struct net *net)
{
	uint32_t slot = 0;
	while (slot < net->served_count && net->served[slot] != NULL)
		slot++;
	if (slot < net->served_count)
		return (int)slot;
	struct served **grown = reallocarray(net->served, slot + 1, sizeof(*grown));
	if (grown == NULL)
		return -1;
	grown[slot] = NULL;
	net->served = grown;
	net->served_count = slot + 1;
	return (int)slot;
}

int
net_serve(struct net *net, int fd, enum transport transport, const struct endpoint *bound,
	  struct tls_server *const *tls)
{
	struct served *served = calloc(1, sizeof(*served));
	int slot = free_served_slot(net);
	if (served == NULL || slot < 0) {
		free(served);
		errno = ENOMEM;
		return -1;
	}
	*served = (struct served){
		.watch = { .fd = fd },
		.net = net,
		.transport = transport,
		.bound = *bound,
		.tls = tls,
		.slot = (uint32_t)slot,
		.generation = ++net->last_generation,
	};
	int flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
		free(served);
		return -1;
	}
	if (transport == TRANSPORT_UDP)
		udp_prepare(served, &net->settings);
	served->watch.ready = transport == TRANSPORT_UDP ? udp_ready : listener_ready;
	if (!loop_watch(net->loop, &served->watch, fd, true, false)) {
		free(served);
		return -1;
	}
	net->served[slot] = served;
	return slot;
}

void
net_unserve(struct net *net, int slot)
{
	if (slot < 0 || (uint32_t)slot >= net->served_count || net->served[slot] == NULL)
		return;
	struct served *served = net->served[slot];
	udp_flush(net);
	udp_forget(net, served);
	loop_unwatch(net->loop, &served->watch);
	net->served[slot] = NULL;
	served_front_release(served->front);
	loop_release(net->loop, served);
}

void
net_deafen(struct net *net, int slot)
{
	if (slot < 0 || (uint32_t)slot >= net->served_count || net->served[slot] == NULL)
		return;
	struct watch *watch = &net->served[slot]->watch;
	net->served[slot]->resting = false;
	loop_watch(net->loop, watch, watch->fd, false, false);
}

uint32_t
net_connections(const struct net *net)
{
	return net->live;
}

uint32_t
net_shed(struct net *net, uint32_t count)
{
	uint32_t found = 0;
	for (uint32_t slot = 0; slot < net->slot_count && found < count; slot++) {
		struct connection *connection = net->slots[slot].connection;
		if (connection == NULL || connection->phase > PHASE_OPEN)
			continue;
		stream_take_arrived(connection);
		connection_end(connection, CLOSE_SHUTDOWN);
		found++;
	}
	return found;
}

void
net_kill_if(struct net *net, bool (*unwanted)(const struct peer *, void *), void *arg)
{
	for (uint32_t slot = 0; slot < net->slot_count; slot++) {
		struct connection *connection = net->slots[slot].connection;
		if (connection != NULL && connection->phase != PHASE_DEAD &&
		    unwanted(&connection->peer, arg))
			connection_kill(connection, CLOSE_UNWANTED);
	}
}

void
net_shutdown(struct net *net)
{
	net_shed(net, UINT32_MAX);
}
