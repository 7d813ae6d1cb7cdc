/*
 * A connection from accept to close. Its state is one phase, moved on in one place,
 * connection_settle(), which every event ends with; so nobody ever finds it freed under his hands.
 * It lives in a slot with a generation, and a peer is slot and generation.
 */
#include <openssl/ssl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "internal.h"
#include "session.h"

/* How long a peer may take to read the last answers, and then to close its side. */
#define LINGER_MS 3000
#define NO_SLOT UINT32_MAX

/* What came in time may still lie in the socket: when the process stood still, a turn begins with
 * all deadlines that have passed meanwhile, but with few of the octets. So they are read before
 * anybody is found late. True when nobody is, because the connection has come to its end. */
static bool
ends_otherwise(struct connection *c)
{
	if (c->phase == PHASE_FRONT)
		front_step(c);
	stream_take_arrived(c);
	connection_attend(c); /* which settles what that has changed */
	return c->phase > PHASE_OPEN || c->ended;
}

static bool
has_begun(const struct connection *c)
{
	return c->begun && fifo_waits(&c->message_deadline);
}

static void
handshake_due(struct fifo *fifo, struct fifo_entry *entry)
{
	struct connection *c = container_of(entry, struct connection, deadline);
	(void)fifo;
	if (c->phase == PHASE_FRONT)
		front_step(c);
	handshake_overdue(c);
	connection_settle(c);
}

/* One that has begun in time has the time of any message, which another timer keeps; should it turn
 * out to be none, this one is there again. */
static void
first_message_due(struct fifo *fifo, struct fifo_entry *entry)
{
	struct connection *c = container_of(entry, struct connection, deadline);
	if (ends_otherwise(c) || fifo_waits(entry))
		return;
	if (has_begun(c)) {
		fifo_start(fifo, entry);
		return;
	}
	stats_outcome(REASON_FIRST_MESSAGE_TIMEOUT, c->peer.transport, DOMAIN_OTHER);
	connection_end(c, CLOSE_FIRST_MESSAGE);
}

/* Whole by now, and what follows it has a time of its own. */
static bool
message_whole(const struct connection *c)
{
	return !c->begun || c->paused || fifo_waits(&c->message_deadline);
}

/* As many reads as the longest message is long. */
static void
message_due(struct fifo *fifo, struct fifo_entry *entry)
{
	struct connection *c = container_of(entry, struct connection, message_deadline);
	size_t reads = 1 + c->net->settings.max_message_bytes / SCRATCH_BYTES;
	bool spared = false;
	(void)fifo;
	c->message_late = true;
	while (!spared && reads-- > 0)
		spared = ends_otherwise(c) || message_whole(c);
	c->message_late = false;
	if (!spared)
		connection_end(c, CLOSE_MESSAGE);
}

/* SEC-26.1.5-4: no idle limit for a connection that carries a binding, or that waits for us. */
static void
idle_due(struct fifo *fifo, struct fifo_entry *entry)
{
	struct connection *c = container_of(entry, struct connection, deadline);
	if (c->owed > 0 || c->bound_until_ms > loop_now_ms(fifo->loop)) {
		fifo_start(fifo, entry);
		return;
	}
	if (ends_otherwise(c) || fifo_waits(entry))
		return;
	if (has_begun(c))
		fifo_start(fifo, entry);
	else
		connection_end(c, CLOSE_IDLE);
}

static void
linger_due(struct fifo *fifo, struct fifo_entry *entry)
{
	struct connection *c = container_of(entry, struct connection, deadline);
	(void)fifo;
	connection_kill(c, c->cause);
	connection_settle(c);
}

void
connections_open(struct net *net)
{
	list_init(&net->attending);
	list_init(&net->shaking[0]);
	list_init(&net->shaking[1]);
	net->free_slot = NO_SLOT;
	fifo_open(&net->handshakes, net->loop, 0, handshake_due);
	fifo_open(&net->firsts, net->loop, 0, first_message_due);
	fifo_open(&net->messages, net->loop, 0, message_due);
	fifo_open(&net->idles, net->loop, 0, idle_due);
	fifo_open(&net->lingers, net->loop, LINGER_MS, linger_due);
}

static bool
take_slot(struct net *net, struct connection *connection)
{
	if (net->free_slot == NO_SLOT) {
		uint32_t count = net->slot_count == 0 ? 64 : 2 * net->slot_count;
		struct connection_slot *grown = reallocarray(net->slots, count, sizeof(*grown));
		if (grown == NULL)
			return false;
		net->slots = grown;
		for (uint32_t slot = count; slot-- > net->slot_count;) {
			grown[slot] = (struct connection_slot){ .next_free = net->free_slot };
			net->free_slot = slot;
		}
		net->slot_count = count;
	}
	uint32_t slot = net->free_slot;
	net->free_slot = net->slots[slot].next_free;
	net->slots[slot].connection = connection;
	connection->peer.slot = slot;
	connection->peer.generation = net->slots[slot].generation;
	return true;
}

static void
leave_slot(struct connection *c)
{
	struct connection_slot *slot = &c->net->slots[c->peer.slot];
	slot->connection = NULL;
	slot->generation++;
	slot->next_free = c->net->free_slot;
	c->net->free_slot = c->peer.slot;
}

struct connection *
connection_find(const struct net *net, const struct peer *peer)
{
	if (peer->transport == TRANSPORT_UDP || peer->slot >= net->slot_count)
		return NULL;
	const struct connection_slot *slot = &net->slots[peer->slot];
	return slot->generation == peer->generation ? slot->connection : NULL;
}

/* Gives back everything but the struct itself, which an event of this turn may still name. */
static void
dismantle(struct connection *c)
{
	loop_unwatch(c->net->loop, &c->watch);
	fifo_stop(&c->deadline);
	fifo_stop(&c->message_deadline);
	list_remove(&c->attend);
	handshake_forget(c);
	SSL_free(c->ssl);
	served_front_release(c->front);
	tls_server_release(c->tls);
	close(c->watch.fd);
	free(c->in);
	free(c->out);
	leave_slot(c);
	c->net->live--;
	stats->connections_closed[c->peer.transport][c->cause]++;
	stats->connections_live[c->peer.transport]--;
	loop_release(c->net->loop, c);
}

static void
bury(struct connection *c)
{
	struct net *net = c->net;
	dismantle(c);
	if (c->cause == CLOSE_PEER && !c->heard)
		stats->probes++;
	if (c->admitted)
		net->user->closed(net->user, &c->peer, c->mark, c->cause);
}

void
connections_close(struct net *net)
{
	for (uint32_t slot = 0; slot < net->slot_count; slot++) {
		if (net->slots[slot].connection == NULL)
			continue;
		net->slots[slot].connection->cause = CLOSE_SHUTDOWN;
		dismantle(net->slots[slot].connection);
	}
	free(net->slots);
	fifo_close(&net->handshakes);
	fifo_close(&net->firsts);
	fifo_close(&net->messages);
	fifo_close(&net->idles);
	fifo_close(&net->lingers);
}

bool
connection_admit(struct connection *c)
{
	struct net_user *user = c->net->user;
	c->admitted = user->accept(user, c->peer.transport, &c->peer.source, &c->mark);
	return c->admitted;
}

/* The deadline runs from the accept, whatever a load balancer had to say first. */
void
connection_start(struct connection *c)
{
	served_front_release(c->front);
	c->front = NULL;
	if (c->peer.transport != TRANSPORT_TLS) {
		c->phase = PHASE_OPEN;
		return;
	}
	c->phase = PHASE_HANDSHAKE;
	c->ssl = session_open(c->tls, c->watch.fd, &c->tls_bounds);
	if (c->ssl == NULL)
		connection_kill(c, CLOSE_ERROR);
}

/* A stranger before a guarded socket is heard until his first octet, as anywhere else: he may be a
 * probe. A load balancer is nobody's client until it has named one. */
static bool
begin(struct connection *c, const struct served *from)
{
	bool guarded = front_guards(from, &c->peer.hop.ip);
	bool speaks_for_others = guarded && front_trusts(from->front, &c->peer.hop.ip);
	if (!speaks_for_others && !connection_admit(c))
		return false;
	c->phase = PHASE_FRONT;
	if (guarded && from->front != NULL) {
		c->front = from->front;
		c->front->references++;
	}
	if (c->peer.transport == TRANSPORT_TLS)
		c->tls = tls_server_retain(*from->tls);
	return true;
}

struct connection *
connection_open(struct net *net, int fd, const struct served *from, const struct endpoint *source,
		const struct endpoint *local)
{
	struct connection *c = calloc(1, sizeof(*c));
	if (c == NULL)
		goto refused;
	c->net = net;
	c->opened_us = loop_now_us(net->loop);
	c->watch = (struct watch){ .fd = fd, .ready = stream_ready };
	c->peer = (struct peer){
		.transport = from->transport,
		.secure = from->transport == TRANSPORT_TLS ||
			  (from->front != NULL && from->front->tls_offloaded),
		.source = *source,
		.hop = *source,
		.dialled = local->ip,
		.local = *local,
	};
	list_init(&c->attend);
	if (!take_slot(net, c))
		goto refused;
	if (!begin(c, from)) {
		leave_slot(c);
		goto refused;
	}
	net->live++;
	stats->connections_opened[c->peer.transport]++;
	stats->connections_live[c->peer.transport]++;
	fifo_start(from->transport == TRANSPORT_TLS ? &net->handshakes : &net->firsts,
		   &c->deadline);
	if (c->front == NULL)
		connection_start(c);
	connection_attend(c);
	return c;
refused:
	free(c);
	close(fd);
	return NULL;
}

void
connection_attend(struct connection *c)
{
	list_remove(&c->attend);
	list_append(&c->net->attending, &c->attend);
	loop_wake(c->net->loop);
}

void
connection_kill(struct connection *c, enum close_cause cause)
{
	if (c->phase == PHASE_DEAD)
		return;
	if (c->phase < PHASE_CLOSING)
		c->cause = cause;
	c->phase = PHASE_DEAD;
	connection_attend(c);
}

void
connection_end(struct connection *c, enum close_cause cause)
{
	if (c->phase >= PHASE_CLOSING)
		return;
	c->cause = cause;
	c->phase = PHASE_CLOSING;
	fifo_stop(&c->deadline);
	fifo_stop(&c->message_deadline);
	connection_attend(c);
}

static bool
sent_all(const struct connection *c)
{
	return c->out == NULL;
}

/* Shuts our side. What the peer still sends is read and dropped, because closing with octets unread
 * makes the kernel send a reset, and that may overtake the last answer or alert. */
static void
begin_lingering(struct connection *c)
{
	if (c->ssl != NULL)
		session_shut(c->ssl);
	shutdown(c->watch.fd, SHUT_WR);
	c->phase = c->ended ? PHASE_DEAD : PHASE_LINGERING;
	c->tls_wants_write = false;
	fifo_start(&c->net->lingers, &c->deadline);
}

static void
move_on(struct connection *c)
{
	if (c->phase == PHASE_OPEN && c->ended)
		connection_end(c, CLOSE_PEER); /* still sends what is owed: TRN-18-6 */
	if (c->phase >= PHASE_CLOSING)
		stream_forget_input(c);
	if (c->phase != PHASE_CLOSING || c->owed > 0)
		return;
	if (!fifo_waits(&c->deadline))
		fifo_start(&c->net->lingers, &c->deadline);
	if (sent_all(c))
		begin_lingering(c);
}

/* Would it read what came? */
static bool
listens(const struct connection *c)
{
	switch (c->phase) {
	case PHASE_HANDSHAKE:
		return !c->shake_waits;
	case PHASE_OPEN:
		return !c->paused && !c->ended;
	default:
		return c->phase != PHASE_CLOSING;
	}
}

/* For what it can do something about, and for nothing else, or the loop would spin: octets that lie
 * in the socket while TLS must write, and room there while it must read, do not go away. */
static bool
watch(struct connection *c)
{
	bool reading = listens(c);
	bool read = reading && !c->tls_wants_write;
	bool write = (reading && c->tls_wants_write) || (!sent_all(c) && !c->tls_wants_read);
	return loop_watch(c->net->loop, &c->watch, c->watch.fd, read, write);
}

void
connection_settle(struct connection *c)
{
	move_on(c);
	if (c->phase != PHASE_DEAD && !watch(c))
		connection_kill(c, CLOSE_ERROR);
	if (c->phase == PHASE_DEAD)
		bury(c);
}

/* Those that want attention again while this runs get it in the next turn. */
void
connections_attend(struct net *net)
{
	struct list now;
	list_init(&now);
	while (!list_empty(&net->attending)) {
		struct list *node = net->attending.next;
		list_remove(node);
		list_append(&now, node);
	}
	while (!list_empty(&now)) {
		struct connection *c = container_of(now.next, struct connection, attend);
		list_remove(&c->attend);
		if (c->resumed)
			stream_resume(c);
		stream_flush(c);
		connection_settle(c);
	}
}
