/*
 * TLS handshakes as the loop sees them: bounded in one turn because each costs a signature, bounded
 * in time, counted and logged when they fail. A connection that said nothing, or that took our side
 * of the handshake and left without an alert, was a probe and no failure.
 */
#include <sys/socket.h>

#include "base/log.h"
#include "internal.h"
#include "session.h"

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
count_failure(enum reason reason)
{
	stats->tls_failures++;
	stats->outcomes[reason][TRANSPORT_TLS]++;
}

static void
failed(struct connection *c, enum reason reason, struct str words)
{
	count_failure(reason);
	log_failure(c, reason, words);
}

static void
completed(struct connection *c)
{
	stats->tls_handshakes++;
	if (session_resumed(c->ssl))
		stats->tls_resumed++;
	c->phase = PHASE_OPEN;
	c->heard = false; /* a handshake alone is what a probe does */
	fifo_start(&c->net->firsts, &c->deadline);
}

/* OpenSSL has read the first octets of what it took for a record; the rest of the line waits. */
static bool
speaks_otherwise(struct connection *c)
{
	struct net *net = c->net;
	ssize_t count = recv(c->watch.fd, net->scratch, SCRATCH_BYTES, MSG_PEEK | MSG_DONTWAIT);
	return count > 0 &&
	       net->user->foreign(net->user, &c->peer, (struct str){ net->scratch, (size_t)count });
}

static void
broken(struct connection *c)
{
	char buf[256];
	struct writer words = writer_on(buf, sizeof(buf));
	enum reason reason = session_failure(c->ssl, &words);
	if (speaks_otherwise(c))
		count_failure(reason);
	else
		failed(c, reason, writer_text(&words));
	connection_end(c, CLOSE_HANDSHAKE); /* the alert, if any, is already written */
}

void
handshake_step(struct connection *c)
{
	struct net *net = c->net;
	if (net->handshake_steps == 0)
		return; /* level-triggered: its turn comes */
	net->handshake_steps--;
	c->tls_wants_write = false;
	enum io_result result =
		session_handshake(c->ssl, loop_real_ms(net->loop) / 1000, &c->tls_wants_write);
	c->heard = session_heard(c->ssl);
	switch (result) {
	case IO_DONE:
		completed(c);
		break;
	case IO_AGAIN:
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
handshake_late(struct connection *c)
{
	if (c->heard)
		failed(c, REASON_TLS_HANDSHAKE_FAILED, STR("time is up"));
	else
		stats->outcomes[REASON_FIRST_MESSAGE_TIMEOUT][TRANSPORT_TLS]++;
	connection_kill(c, CLOSE_HANDSHAKE_TIMEOUT);
}
