/* Everything that is asked of a peer: the handle is looked up first, and one that is gone finds
 * nothing. No call here reaches the user; what must happen waits for the end of the turn. */
#include "internal.h"

static struct served *
find_served(const struct net *net, const struct peer *peer)
{
	struct served *served = peer->slot < net->served_count ? net->served[peer->slot] : NULL;
	return served != NULL && served->generation == peer->generation ? served : NULL;
}

bool
peer_send(struct net *net, const struct peer *peer, const struct endpoint *target,
	  struct str octets)
{
	if (peer->transport == TRANSPORT_UDP) {
		struct served *served = find_served(net, peer);
		return served != NULL && udp_send(net, served, peer, target, octets);
	}
	struct connection *connection = connection_find(net, peer);
	return connection != NULL && stream_send(connection, octets);
}

void
peer_close(struct net *net, const struct peer *peer, enum close_cause cause)
{
	struct connection *connection = connection_find(net, peer);
	if (connection != NULL)
		connection_end(connection, cause);
}

void
peer_owes(struct net *net, const struct peer *peer, int delta)
{
	struct connection *connection = connection_find(net, peer);
	if (connection == NULL)
		return;
	connection->owed += delta;
	if (connection->owed <= 0)
		connection_attend(connection);
}

bool
peer_alive(const struct net *net, const struct peer *peer)
{
	if (peer->transport == TRANSPORT_UDP)
		return find_served(net, peer) != NULL;
	const struct connection *connection = connection_find(net, peer);
	return connection != NULL && connection->phase <= PHASE_CLOSING;
}

void
peer_pause(struct net *net, const struct peer *peer, bool pause)
{
	struct connection *connection = connection_find(net, peer);
	if (connection == NULL || connection->paused == pause)
		return;
	connection->paused = pause;
	connection->resumed = !pause;
	connection_attend(connection);
}

void
peer_saw_message(struct net *net, const struct peer *peer)
{
	struct connection *connection = connection_find(net, peer);
	if (connection == NULL || connection->phase != PHASE_OPEN)
		return;
	connection->seen_message = true;
	connection->tls_bounds.messages = 0;
	fifo_start(&net->idles, &connection->deadline);
}

void
peer_saw_keepalive(struct net *net, const struct peer *peer)
{
	struct connection *connection = connection_find(net, peer);
	if (connection != NULL && connection->phase == PHASE_OPEN && connection->seen_message)
		fifo_start(&net->idles, &connection->deadline);
}

void
peer_carries_binding(struct net *net, const struct peer *peer, const struct carried *carried)
{
	struct connection *c = connection_find(net, peer);
	uint64_t now_ms = loop_now_ms(net->loop);
	if (c == NULL)
		return;
	if (c->bound_until_ms <= now_ms) {
		c->bound_whose = carried->whose;
		c->bound_shared = false;
	}
	bool alone = !c->bound_shared && c->bound_whose == carried->whose;
	if (alone && carried->most_ms < c->bound_until_ms)
		c->bound_until_ms = carried->most_ms;
	if (!alone && carried->until_ms > now_ms)
		c->bound_shared = true; /* nobody knows what the others still have */
	if (carried->until_ms > c->bound_until_ms)
		c->bound_until_ms = carried->until_ms;
}

uint64_t
peer_bound_until_ms(struct net *net, const struct peer *peer)
{
	const struct connection *connection = connection_find(net, peer);
	if (connection == NULL || connection->phase != PHASE_OPEN)
		return 0;
	return connection->bound_until_ms;
}
