/*
 * TLS handshakes as the loop sees them: bounded in time, counted and logged when they fail. A
 * connection that said nothing, or that took our side of the handshake and left without an alert,
 * was a probe and no failure.
 *
 * A step costs as much as ten registrations, so a turn has few. Who comes too late for one waits
 * unwatched, in order of arrival, lest a thousand of them fill the events of every turn. Those that
 * have had our signature go before those that have not: in a flood they are work that is not lost.
 */
#include <sys/socket.h>

#include "base/log.h"
#include "internal.h"
#include "session.h"

/* On the wire. The longest that is good for anything, a ClientHello with a ticket and a chain of
 * VERIFY_DEPTH client certificates, has a fifth of it. */
#define HANDSHAKE_OCTETS_MAX 131072u
/* Afterwards, without plaintext: a record that is almost whole, and behind it a buffer that TLS has
 * filled in advance, some of it warnings or empty records. Any plaintext begins this anew, a
 * keep-alive, too; of key updates, which are dear, there are few until a message is whole. */
#define BARREN_OCTETS_MAX 65536u

/* A flood of failures is a line a second for each source, with how many were held back. */
static void
log_failure(struct connection *c, enum reason reason, struct str words)
{
	struct log_line line;
	uint32_t count = quiet_count(&c->net->tls_log, &c->peer.source.ip, reason,
				     loop_now_ms(c->net->loop));
	if (count == 0 || !log_begin(&line, LOG_LEVEL_NOTICE, "tls.failed"))
		return;
	log_word(&line, "reason", reason_word(reason));
	peer_log(&line, &c->peer);
	log_count(&line, count);
	log_text(&line, "error", words);
	log_end(&line);
}

static void
count(const struct connection *c, enum stats_tls_result result)
{
	stats->tls_handshakes[session_version(c->ssl)][result]++;
	observe_tls_handshake_duration(result, loop_now_us(c->net->loop) - c->opened_us);
}

static void
count_failure(const struct connection *c, enum reason reason)
{
	count(c, TLS_RESULT_FAILED);
	stats_outcome(reason, TRANSPORT_TLS, DOMAIN_OTHER);
}

static void
failed(struct connection *c, enum reason reason, struct str words)
{
	count_failure(c, reason);
	log_failure(c, reason, words);
}

static void
completed(struct connection *c)
{
	count(c, session_resumed(c->ssl) ? TLS_RESULT_RESUMED : TLS_RESULT_FULL);
	c->peer.authenticated = session_authenticated(c->ssl);
	c->phase = PHASE_OPEN;
	c->heard = false; /* a handshake alone is what a probe does */
	c->tls_useful = session_taken(c->ssl);
	c->tls_bounds.messages = 0;
	fifo_start(&c->net->firsts, &c->deadline);
	if (session_holds(c->ssl))
		stream_read_on(c); /* what came along with the end of the handshake */
}

/* OpenSSL has read the first octets of what it took for a record; the rest of the line waits. */
static bool
speaks_otherwise(struct connection *c)
{
	struct net *net = c->net;
	ssize_t got = recv(c->watch.fd, net->scratch, SCRATCH_BYTES, MSG_PEEK | MSG_DONTWAIT);
	return got > 0 &&
	       net->user->foreign(net->user, &c->peer, (struct str){ net->scratch, (size_t)got });
}

static void
broken(struct connection *c)
{
	char buf[256];
	struct writer words = writer_on(buf, sizeof(buf));
	enum reason reason = session_failure(c->ssl, &words);
	if (speaks_otherwise(c))
		count_failure(c, reason);
	else
		failed(c, reason, writer_text(&words));
	connection_end(c, CLOSE_HANDSHAKE); /* the alert, if any, is already written */
}

static uint64_t
octets_for_nothing(const struct connection *c)
{
	return session_taken(c->ssl) - c->tls_useful;
}

/* Each is fair work by itself, but for ever, and for nothing, is too long. */
static void
bound(struct connection *c)
{
	if (c->phase != PHASE_HANDSHAKE || octets_for_nothing(c) <= HANDSHAKE_OCTETS_MAX)
		return;
	failed(c, REASON_TLS_HANDSHAKE_FAILED, STR("too many octets"));
	connection_end(c, CLOSE_HANDSHAKE);
}

void
handshake_bound_open(struct connection *c)
{
	bool updates = c->tls_bounds.messages > SESSION_UPDATES_MAX;
	if (c->phase != PHASE_OPEN || (!updates && octets_for_nothing(c) <= BARREN_OCTETS_MAX))
		return;
	stats_outcome(REASON_TLS_HANDSHAKE_FAILED, TRANSPORT_TLS, DOMAIN_OTHER);
	log_failure(c, REASON_TLS_HANDSHAKE_FAILED,
		    updates ? STR("key updates or renegotiation without end")
			    : STR("records without content"));
	connection_end(c, CLOSE_PROTOCOL);
}

static void
be_late(struct connection *c)
{
	if (c->heard)
		failed(c, REASON_TLS_HANDSHAKE_FAILED, STR("time is up"));
	else
		stats_outcome(REASON_FIRST_MESSAGE_TIMEOUT, TRANSPORT_TLS, DOMAIN_OTHER);
	connection_kill(c, CLOSE_HANDSHAKE_TIMEOUT);
}

/* Or will be in this turn, in which events come before deadlines. */
static bool
time_is_up(const struct connection *c)
{
	return !fifo_waits(&c->deadline) || c->deadline.due_ms <= loop_now_ms(c->net->loop);
}

/* Only our answer is worth more time; it is given once. */
static void
judge_last_step(struct connection *c, bool answered_before)
{
	if (!answered_before && session_answered(c->ssl))
		fifo_start(&c->net->handshakes, &c->deadline);
	else
		be_late(c);
}

static void
step(struct connection *c)
{
	bool answered = session_answered(c->ssl);
	c->net->handshake_steps--;
	c->tls_wants_write = false;
	enum io_result result =
		session_handshake(c->ssl, loop_real_ms(c->net->loop) / 1000, &c->tls_wants_write);
	c->heard = session_heard(c->ssl);
	switch (result) {
	case IO_DONE:
		completed(c);
		break;
	case IO_AGAIN:
		if (session_answered(c->ssl))
			session_read_ahead(c->ssl); /* not before: see speaks_otherwise() */
		bound(c);
		if (c->phase == PHASE_HANDSHAKE && time_is_up(c))
			judge_last_step(c, answered);
		break;
	case IO_END:
		if (session_answered(c->ssl))
			c->heard = false; /* it saw our certificate and left: a probe */
		if (c->heard)
			failed(c, REASON_TLS_HANDSHAKE_FAILED, STR("connection closed by peer"));
		connection_kill(c, CLOSE_PEER);
		break;
	case IO_BROKEN:
		broken(c);
		break;
	}
}

void
handshake_ready(struct connection *c)
{
	struct net *net = c->net;
	struct list *half_through = &net->shaking[0], *beginners = &net->shaking[1];
	bool begins = !session_answered(c->ssl);
	bool first = list_empty(half_through) && (!begins || list_empty(beginners));
	if (first && net->handshake_steps > 0) {
		step(c);
		return;
	}
	list_append(begins ? beginners : half_through, &c->shake);
	c->shake_waits = true;
	c->shake_since_ms = loop_now_ms(net->loop);
	stats->tls_handshakes_waiting++;
	loop_wake(net->loop);
}

void
handshake_forget(struct connection *c)
{
	if (!c->shake_waits)
		return;
	list_remove(&c->shake);
	c->shake_waits = false;
	stats->tls_handshakes_waiting--;
}

/* Whoever is left waits for no event but for the next turn, which therefore comes at once. */
void
handshakes_continue(struct net *net)
{
	for (int i = 0; i < 2; i++) {
		while (net->handshake_steps > 0 && !list_empty(&net->shaking[i])) {
			struct connection *c =
				container_of(net->shaking[i].next, struct connection, shake);
			handshake_forget(c);
			if (c->phase == PHASE_HANDSHAKE)
				step(c);
			connection_settle(c);
		}
		if (!list_empty(&net->shaking[i]))
			loop_wake(net->loop);
	}
}

static bool
has_unread(const struct connection *c)
{
	char octet;
	return recv(c->watch.fd, &octet, sizeof(octet), MSG_PEEK | MSG_DONTWAIT) >= 0;
}

/* What came in time may lie in the socket yet, when the process stood still; then it has one step,
 * in its turn as everybody. Whoever waits for a step since an earlier turn waits in a flood, in
 * which it helps nobody to serve all too late. */
void
handshake_overdue(struct connection *c)
{
	if (c->phase > PHASE_HANDSHAKE)
		return;
	if (c->phase == PHASE_FRONT ||
	    !(c->shake_waits ? c->shake_since_ms == loop_now_ms(c->net->loop) : has_unread(c)))
		be_late(c);
	else if (!c->shake_waits)
		handshake_ready(c);
}
