/*
 * TLS handshakes as the loop sees them: bounded in one turn because each costs a signature, bounded
 * in time, counted and logged when they fail. A connection that said nothing was a probe, not a
 * failure.
 */
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
	log_endpoint(&line, "src", &c->peer.source);
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
failed(struct connection *c, enum reason reason, struct str words)
{
	count(c, TLS_RESULT_FAILED);
	stats_outcome(reason, TRANSPORT_TLS, DOMAIN_OTHER);
	log_failure(c, reason, words);
}

static void
completed(struct connection *c)
{
	count(c, session_resumed(c->ssl) ? TLS_RESULT_RESUMED : TLS_RESULT_FULL);
	c->phase = PHASE_OPEN;
	fifo_start(&c->net->firsts, &c->deadline);
}

static void
broken(struct connection *c)
{
	char buf[256];
	struct writer words = writer_on(buf, sizeof(buf));
	enum reason reason = session_failure(c->ssl, &words);
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
	failed(c, REASON_TLS_HANDSHAKE_FAILED, STR("time is up"));
	connection_kill(c, CLOSE_HANDSHAKE_TIMEOUT);
}
