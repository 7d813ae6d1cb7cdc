/*
 * Octets in and out of a connection. Reading goes through one scratch buffer of the net; only what
 * the user does not take is kept, so that an idle connection holds no buffer at all. Writing is
 * queued and leaves when the turn ends, many answers in one call.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "internal.h"
#include "session.h"

#define BUFFER_START 4096
#define READS_PER_TURN 16u
/* A key update costs a turn as much as handling so many octets. */
#define UPDATE_COST 1024u

/* Room for more octets behind the first len of a buffer that grows by doubling. */
static bool
make_room(char **buffer, size_t *cap, size_t len, size_t more)
{
	size_t needed = len + more;
	size_t grown = *cap == 0 ? BUFFER_START : *cap;
	if (needed <= *cap)
		return true;
	while (grown < needed)
		grown *= 2;
	char *moved = realloc(*buffer, grown);
	if (moved == NULL)
		return false;
	*buffer = moved;
	*cap = grown;
	return true;
}

void
stream_forget_input(struct connection *c)
{
	free(c->in);
	c->in = NULL;
	c->in_len = c->in_cap = c->wanted = 0;
	c->begun = false;
	c->known = (struct stream_known){ 0 };
	fifo_stop(&c->message_deadline);
}

static void
forget_output(struct connection *c)
{
	free(c->out);
	c->out = NULL;
	c->out_sent = c->out_len = c->out_cap = 0;
}

void
stream_keep_input(struct connection *c, const char *octets, size_t len)
{
	if (len == 0)
		return;
	if (!make_room(&c->in, &c->in_cap, c->in_len, len)) {
		connection_kill(c, CLOSE_ERROR);
		return;
	}
	memcpy(c->in + c->in_len, octets, len);
	c->in_len += len;
}

/* A few octets may wait for as long as a connection lives, and no limit counts the room that a long
 * message before them needed. */
static void
shrink_input(struct connection *c)
{
	if (c->in_len > BUFFER_START || c->in_cap <= BUFFER_START)
		return;
	char *moved = realloc(c->in, BUFFER_START);
	if (moved == NULL)
		return;
	c->in = moved;
	c->in_cap = BUFFER_START;
}

static void
keep_rest(struct connection *c, const char *octets, size_t len, size_t taken)
{
	if (c->in == NULL) {
		stream_keep_input(c, octets + taken, len - taken);
		return;
	}
	c->in_len = len - taken;
	if (c->in_len == 0) {
		stream_forget_input(c);
		return;
	}
	memmove(c->in, c->in + taken, c->in_len);
	if (taken > 0)
		shrink_input(c);
}

/* A message that has begun must be whole in time, counted from its first octet; while we do not
 * read, it is not the peer that is late. Half a keep-alive is no message. */
static void
watch_message(struct connection *c, bool progress)
{
	if (c->phase != PHASE_OPEN || !c->begun || c->paused)
		fifo_stop(&c->message_deadline);
	else if (progress || (!c->message_late && !fifo_waits(&c->message_deadline)))
		fifo_start(&c->net->messages, &c->message_deadline);
}

static void
hand_over(struct connection *c, const char *octets, size_t len)
{
	struct net *net = c->net;
	size_t limit = net->settings.max_message_bytes;
	struct stream_taken result = net->user->stream(net->user, &c->peer, octets, len, c->known);
	if (c->phase != PHASE_OPEN)
		return; /* what is left is forgotten when the connection settles */
	keep_rest(c, octets, len, result.taken < len ? result.taken : len);
	c->wanted = result.wanted < limit ? result.wanted : limit;
	c->begun = result.begun && c->in_len > 0;
	c->known = result.known;
	if (result.taken == 0 && c->in_len >= limit && !c->paused)
		connection_end(c, CLOSE_PROTOCOL);
	watch_message(c, result.taken > 0);
}

static void
take(struct connection *c, const char *octets, size_t len)
{
	if (c->in_len > 0) {
		stream_keep_input(c, octets, len);
		octets = c->in;
		len = c->in_len;
	}
	if (c->phase == PHASE_OPEN && len > 0 && len >= c->wanted)
		hand_over(c, octets, len);
	else
		watch_message(c, false);
}

static enum io_result
receive(struct connection *c, size_t *got)
{
	if (c->ssl != NULL) {
		c->tls_wants_write = false;
		return session_read(c->ssl, c->net->scratch, SCRATCH_BYTES, got,
				    &c->tls_wants_write);
	}
	ssize_t count = recv(c->watch.fd, c->net->scratch, SCRATCH_BYTES, 0);
	*got = count > 0 ? (size_t)count : 0;
	if (count > 0)
		return IO_DONE;
	if (count == 0)
		return IO_END;
	return errno == EAGAIN || errno == EINTR ? IO_AGAIN : IO_BROKEN;
}

/* Octets of TLS that were no plaintext may be records on their way, or key updates now and then. */
static void
heard_nothing(struct connection *c)
{
	if (c->ssl != NULL)
		handshake_bound_open(c);
}

/* The peer said so, or TLS will hear no more of it. */
static void
heard_end(struct connection *c)
{
	if (c->ssl != NULL)
		handshake_bound_open(c);
	c->ended = c->phase == PHASE_OPEN;
}

static void
heard(struct connection *c, size_t got)
{
	c->heard = true;
	stats->received_bytes[c->peer.transport] += got;
	if (c->ssl != NULL)
		c->tls_useful = session_taken(c->ssl);
}

static size_t
less(size_t left, size_t cost)
{
	return cost < left ? left - cost : 0;
}

/* No more than the scratch buffer holds in one turn, so that a few who send as fast as they can
 * hold up nobody else: one read of a socket. TLS takes many records off the socket in one read;
 * what it then still holds, epoll cannot see, and so it is read on here, now or at the end of the
 * turn, some records at a time, for one may be a single octet. Where it holds nothing, there is no
 * read to learn that: epoll says when there is more. */
static void
read_some(struct connection *c)
{
	size_t got, left = SCRATCH_BYTES;
	unsigned reads = READS_PER_TURN, updates;
	bool more = true;
	if (c->ssl != NULL)
		session_allow(c->ssl);
	while (more && left > 0 && reads-- > 0 && c->phase == PHASE_OPEN && !c->paused &&
	       !c->ended) {
		more = false;
		updates = c->tls_bounds.messages;
		switch (receive(c, &got)) {
		case IO_DONE:
			heard(c, got);
			left = less(left, got + UPDATE_COST * (c->tls_bounds.messages - updates));
			take(c, c->net->scratch, got);
			more = c->ssl != NULL && session_holds(c->ssl);
			break;
		case IO_AGAIN:
			heard_nothing(c);
			break;
		case IO_END:
			heard_end(c);
			break;
		case IO_BROKEN:
			heard_nothing(c); /* it may be we who have broken it off */
			if (c->phase == PHASE_OPEN)
				connection_kill(c, CLOSE_PEER);
			break;
		}
	}
	if (more && c->phase == PHASE_OPEN && !c->paused && !c->ended)
		stream_read_on(c);
	if (c->tls_wants_read)
		connection_attend(c); /* perhaps it can go on writing now */
}

void
stream_take_arrived(struct connection *c)
{
	if (c->phase == PHASE_OPEN)
		read_some(c);
}

static void
discard_some(struct connection *c)
{
	ssize_t count = recv(c->watch.fd, c->net->scratch, SCRATCH_BYTES, 0);
	if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR))
		connection_kill(c, c->cause);
}

void
stream_ready(struct watch *watch, bool readable, bool writable)
{
	struct connection *c = container_of(watch, struct connection, watch);
	if (c->phase == PHASE_FRONT) {
		front_step(c);
	} else if (c->phase == PHASE_HANDSHAKE) {
		handshake_ready(c);
	} else if (c->phase == PHASE_LINGERING) {
		discard_some(c);
	} else {
		if (writable)
			stream_flush(c);
		if (readable || c->tls_wants_write)
			read_some(c);
	}
	connection_settle(c);
}

void
stream_resume(struct connection *c)
{
	c->resumed = false;
	take(c, NULL, 0);
	if (c->phase == PHASE_OPEN && c->ssl != NULL && session_holds(c->ssl))
		read_some(c);
}

void
stream_read_on(struct connection *c)
{
	c->resumed = true;
	connection_attend(c);
}

static enum io_result
transmit(struct connection *c, size_t *sent)
{
	const char *from = c->out + c->out_sent;
	size_t len = c->out_len - c->out_sent;
	if (c->ssl != NULL)
		return session_write(c->ssl, from, len, sent, &c->tls_wants_read);
	ssize_t count = send(c->watch.fd, from, len, MSG_NOSIGNAL);
	*sent = count > 0 ? (size_t)count : 0;
	if (count >= 0)
		return IO_DONE;
	return errno == EAGAIN || errno == EINTR ? IO_AGAIN : IO_BROKEN;
}

void
stream_flush(struct connection *c)
{
	c->tls_wants_read = false;
	while (c->out != NULL) {
		size_t sent = 0;
		enum io_result result = transmit(c, &sent);
		if (result == IO_AGAIN)
			return;
		if (result != IO_DONE) {
			forget_output(c);
			connection_kill(c, CLOSE_PEER);
			return;
		}
		stats->sent_bytes[c->peer.transport] += sent;
		c->out_sent += sent;
		if (c->out_sent == c->out_len)
			forget_output(c);
	}
}

static bool
output_fits(const struct connection *c, size_t len)
{
	size_t limit = c->net->settings.max_output_bytes;
	size_t queued = c->out_len - c->out_sent;
	return len <= limit && queued <= limit - len;
}

/* Over its limit the queue is offered to the kernel once more: only a peer that really does not
 * read is closed. */
bool
stream_send(struct connection *c, struct str octets)
{
	if (c->phase != PHASE_OPEN && c->phase != PHASE_CLOSING)
		return false;
	if (octets.len == 0)
		return true;
	if (!output_fits(c, octets.len))
		stream_flush(c);
	if (c->phase == PHASE_DEAD)
		return false;
	if (!output_fits(c, octets.len)) {
		connection_kill(c, CLOSE_OUTPUT_FULL);
		return false;
	}
	if (c->out_sent > 0) {
		memmove(c->out, c->out + c->out_sent, c->out_len - c->out_sent);
		c->out_len -= c->out_sent;
		c->out_sent = 0;
	}
	if (!make_room(&c->out, &c->out_cap, c->out_len, octets.len)) {
		connection_kill(c, CLOSE_ERROR);
		return false;
	}
	memcpy(c->out + c->out_len, octets.p, octets.len);
	c->out_len += octets.len;
	connection_attend(c);
	return true;
}
