/* See fake_net.h: net/net.h as far as server/ uses it. */
#include "support/fake_net.h"

#include <assert.h>
#include <stdlib.h>

#include "support/guard.h"

#define CONNECTIONS_MAX 64
#define DATAGRAM_SLOT 1000u

struct net {
	struct net_user *user;
	struct fake_connection connections[CONNECTIONS_MAX];
	uint32_t connection_count;
	struct fake_sent *sent;
	size_t sent_count;
	size_t sent_cap;
};

struct net *
fake_net_open(struct net_user *user)
{
	struct net *net = calloc(1, sizeof(*net));
	assert(net != NULL);
	net->user = user;
	return net;
}

void
net_close(struct net *net)
{
	for (uint32_t i = 0; i < net->connection_count; i++)
		free(net->connections[i].in);
	fake_sent_forget(net);
	free(net->sent);
	free(net);
}

struct peer
fake_host(const char *source)
{
	struct peer peer = { .transport = TRANSPORT_UDP, .slot = DATAGRAM_SLOT };
	bool good = endpoint_parse(str_of(source), &peer.source);
	assert(good);
	(void)good;
	peer.hop = peer.source;
	return peer;
}

void
fake_datagram(struct net *net, const struct peer *peer, struct str octets)
{
	struct str copy = guard_copy(octets);
	net->user->datagram(net->user, peer, (char *)(uintptr_t)copy.p, copy.len);
	guard_free(copy);
}

struct fake_connection *
fake_connect(struct net *net, enum transport transport, const char *source)
{
	struct peer peer = fake_host(source);
	peer.transport = transport;
	peer.slot = net->connection_count;
	peer.generation = 7;
	peer.secure = transport == TRANSPORT_TLS;
	uint64_t mark;
	if (!net->user->accept(net->user, transport, &peer.source, &mark))
		return NULL;
	assert(net->connection_count < CONNECTIONS_MAX);
	struct fake_connection *connection = &net->connections[net->connection_count++];
	*connection = (struct fake_connection){ .peer = peer, .alive = true, .mark = mark };
	return connection;
}

static struct fake_connection *
find(struct net *net, const struct peer *peer)
{
	if (peer->transport == TRANSPORT_UDP || peer->slot >= net->connection_count)
		return NULL;
	struct fake_connection *connection = &net->connections[peer->slot];
	return connection->alive && connection->peer.generation == peer->generation ? connection
										    : NULL;
}

static void
hand_over(struct net *net, struct fake_connection *connection)
{
	while (connection->alive && !connection->closing && !connection->paused &&
	       connection->in_len > 0) {
		struct str copy = guard_copy((struct str){ connection->in, connection->in_len });
		struct stream_taken result = net->user->stream(net->user, &connection->peer, copy.p,
							       copy.len, connection->known);
		size_t taken = result.taken;
		connection->begun = result.begun;
		connection->known = result.known;
		guard_free(copy);
		assert(taken <= connection->in_len);
		connection->in_len -= taken;
		memmove(connection->in, connection->in + taken, connection->in_len);
		if (taken == 0)
			return;
	}
}

void
fake_write(struct net *net, struct fake_connection *connection, struct str octets)
{
	connection->in = realloc(connection->in, connection->in_len + octets.len);
	assert(connection->in != NULL);
	memcpy(connection->in + connection->in_len, octets.p, octets.len);
	connection->in_len += octets.len;
	hand_over(net, connection);
}

static void
gone(struct net *net, struct fake_connection *connection, enum close_cause cause)
{
	connection->alive = false;
	connection->cause = cause;
	net->user->closed(net->user, &connection->peer, connection->mark, cause);
}

void
fake_hang_up(struct net *net, struct fake_connection *connection)
{
	gone(net, connection, CLOSE_PEER);
}

void
net_kill_if(struct net *net, bool (*unwanted)(const struct peer *, void *), void *arg)
{
	for (uint32_t i = 0; i < net->connection_count; i++)
		if (net->connections[i].alive && unwanted(&net->connections[i].peer, arg))
			gone(net, &net->connections[i], CLOSE_UNWANTED);
}

void
net_rest_datagrams(struct net *net, uint32_t rest_ms)
{
	(void)net;
	(void)rest_ms;
}

bool
peer_send(struct net *net, const struct peer *peer, const struct endpoint *target,
	  struct str octets)
{
	if (peer->transport != TRANSPORT_UDP && find(net, peer) == NULL)
		return false;
	if (net->sent_count == net->sent_cap) {
		net->sent_cap = net->sent_cap == 0 ? 16 : 2 * net->sent_cap;
		net->sent = reallocarray(net->sent, net->sent_cap, sizeof(*net->sent));
		assert(net->sent != NULL);
	}
	char *copy = malloc(octets.len + 1);
	assert(copy != NULL);
	memcpy(copy, octets.p, octets.len);
	net->sent[net->sent_count++] =
		(struct fake_sent){ .peer = *peer,
				    .target = target == NULL ? peer->source : *target,
				    .octets = { copy, octets.len } };
	return true;
}

size_t
fake_sent_count(const struct net *net)
{
	return net->sent_count;
}

const struct fake_sent *
fake_sent_at(const struct net *net, size_t index)
{
	assert(index < net->sent_count);
	return &net->sent[index];
}

void
fake_sent_forget(struct net *net)
{
	while (net->sent_count > 0)
		free((void *)(uintptr_t)net->sent[--net->sent_count].octets.p);
}

void
peer_close(struct net *net, const struct peer *peer, enum close_cause cause)
{
	struct fake_connection *connection = find(net, peer);
	if (connection == NULL)
		return;
	connection->closing = true;
	connection->cause = cause;
}

void
peer_owes(struct net *net, const struct peer *peer, int delta)
{
	struct fake_connection *connection = find(net, peer);
	if (connection != NULL)
		connection->owed += delta;
}

bool
peer_alive(const struct net *net, const struct peer *peer)
{
	return find((struct net *)(uintptr_t)net, peer) != NULL;
}

void
peer_pause(struct net *net, const struct peer *peer, bool pause)
{
	struct fake_connection *connection = find(net, peer);
	if (connection != NULL)
		connection->paused = pause;
}

void
fake_resume(struct net *net)
{
	for (uint32_t i = 0; i < net->connection_count; i++)
		hand_over(net, &net->connections[i]);
}

void
peer_saw_message(struct net *net, const struct peer *peer)
{
	struct fake_connection *connection = find(net, peer);
	if (connection != NULL)
		connection->messages++;
}

void
peer_saw_keepalive(struct net *net, const struct peer *peer)
{
	struct fake_connection *connection = find(net, peer);
	if (connection != NULL)
		connection->keepalives++;
}

void
peer_carries_binding(struct net *net, const struct peer *peer, const struct carried *carried)
{
	struct fake_connection *connection = find(net, peer);
	if (connection != NULL)
		connection->carried = *carried;
}

uint64_t
peer_bound_until_ms(struct net *net, const struct peer *peer)
{
	const struct fake_connection *connection = find(net, peer);
	return connection == NULL || connection->closing ? 0 : connection->carried.until_ms;
}
