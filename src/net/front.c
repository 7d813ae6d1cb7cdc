/*
 * A load balancer in front. Before anything else it must be one that is trusted and, where the
 * PROXY protocol is on, say for whom it speaks. The header is peeked at and exactly its octets are
 * taken off the socket, so that whatever follows in the same segment is still there for TLS or SIP.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/log.h"
#include "internal.h"

#define WORD_SHOWN 16u

/* --- who may connect ------------------------------------------------------------------------- */

void
served_front_release(struct served_front *front)
{
	if (front == NULL || --front->references > 0)
		return;
	free(front->trusted);
	free(front->listener);
	free(front);
}

bool
net_front(struct net *net, int slot, const struct front *front)
{
	struct served_front *copy = calloc(1, sizeof(*copy));
	if (copy == NULL)
		return false;
	*copy = (struct served_front){
		.references = 1,
		.listener = strdup(front->listener),
		.proxy = front->proxy,
		.tls_offloaded = front->tls_offloaded,
		.trusted = calloc(front->trusted_count + 1, sizeof(*copy->trusted)),
		.trusted_count = front->trusted_count,
	};
	if (copy->listener == NULL || copy->trusted == NULL) {
		served_front_release(copy);
		return false;
	}
	if (front->trusted_count > 0)
		memcpy(copy->trusted, front->trusted,
		       front->trusted_count * sizeof(*copy->trusted));
	served_front_release(net->served[slot]->front);
	net->served[slot]->front = copy;
	return true;
}

bool
front_trusts(const struct served_front *front, const struct ip *hop)
{
	struct ip ip = ip_unmapped(*hop);
	for (size_t i = 0; i < front->trusted_count; i++)
		if (ip_prefix_contains(&front->trusted[i], &ip))
			return true;
	return false;
}

bool
front_guards(const struct served *served, const struct ip *hop)
{
	const struct served_front *front = served->front;
	return front != NULL &&
	       (front->proxy != PROXY_OFF || (front->tls_offloaded && !front_trusts(front, hop)));
}

/* --- refusing -------------------------------------------------------------------------------- */

/* What came instead, in a word: the first one of a text. */
static void
write_word(struct writer *w, struct str octets)
{
	size_t len = 0;
	if (octets.len > 0 && octets.p[0] == '\x16') {
		writer_text_z(w, "a TLS handshake");
		return;
	}
	while (len < octets.len && len < WORD_SHOWN && octets.p[len] > ' ' && octets.p[len] < 0x7f)
		len++;
	if (len == 0) {
		writer_text_z(w, "octets that are no text");
		return;
	}
	writer_char(w, '"');
	writer_str(w, str_slice(octets, 0, len));
	writer_char(w, '"');
}

static void
write_complaint(struct writer *w, const struct served_front *front, const struct peer *peer,
		enum proxy_status status, struct str octets)
{
	bool trusted = front_trusts(front, &peer->hop.ip);
	writer_printf(w, "%.64s listener ", front->listener);
	if (!trusted)
		writer_text_z(w, "serves load balancers alone and ");
	else
		writer_printf(w, "expects PROXY v%d but ", front->proxy == PROXY_V1 ? 1 : 2);
	ip_write(w, &peer->hop.ip);
	if (!trusted) {
		writer_text_z(w, " is not in proxy_from; add it there, or have it use another "
				 "listener");
	} else if (status == PROXY_ABSENT) {
		writer_text_z(w, " sent ");
		write_word(w, octets);
		writer_text_z(w, "; enable it on the load balancer or set proxy_protocol = off");
	} else {
		writer_text_z(w, " sent a broken or unfinished header; check its version on the "
				 "load balancer");
	}
}

/* A flood of them is a line a second for each source, with how many were held back. */
static void
report(struct net *net, const struct served_front *front, const struct peer *peer,
       enum proxy_status status, struct str octets)
{
	enum reason reason = REASON_PROXY_HEADER_MISSING;
	char text[512];
	struct writer w = writer_on(text, sizeof(text));
	struct log_line line;
	stats_outcome(reason, peer->transport, DOMAIN_OTHER);
	if (net->user->foreign(net->user, peer, octets))
		return;
	uint32_t count =
		quiet_count(&net->front_log, &peer->hop.ip, reason, loop_now_ms(net->loop));
	if (count == 0 || !log_begin(&line, LOG_LEVEL_WARNING, "proxy.refused"))
		return;
	write_complaint(&w, front, peer, status, octets);
	log_word(&line, "reason", reason_word(reason));
	peer_log(&line, peer);
	log_word(&line, "transport", transport_word(peer->transport));
	log_count(&line, count);
	log_text(&line, "message", writer_text(&w));
	log_end(&line);
}

static void
refuse(struct connection *c, enum proxy_status status, struct str octets)
{
	c->heard = true;
	report(c->net, c->front, &c->peer, status, octets);
	connection_end(c, CLOSE_PROTOCOL);
}

/* --- headers --------------------------------------------------------------------------------- */

static void
take_addresses(struct peer *peer, const struct proxy_header *header)
{
	if (!header->forwarded)
		return;
	peer->source = header->source;
	peer->dialled = header->destination.ip;
}

/* Takes octets off the socket that are known to wait there. */
static bool
consume(struct connection *c, char *octets, size_t len)
{
	return len == 0 || recv(c->watch.fd, octets, len, 0) == (ssize_t)len;
}

static void
judge(struct connection *c, struct str octets, size_t fresh)
{
	struct proxy_header header;
	size_t kept = octets.len - fresh;
	char *scratch = c->net->scratch + kept;
	enum proxy_status status = proxy_parse(&header, c->front->proxy, octets);
	if (status == PROXY_MORE) {
		if (consume(c, scratch, fresh))
			stream_keep_input(c, scratch, fresh);
		else
			connection_kill(c, CLOSE_ERROR);
	} else if (status != PROXY_WHOLE) {
		refuse(c, status, octets);
	} else if (!consume(c, scratch, header.len - kept)) {
		connection_kill(c, CLOSE_ERROR);
	} else {
		stream_forget_input(c);
		take_addresses(&c->peer, &header);
		if (connection_admit(c)) {
			connection_start(c);
		} else {
			stats->connections_refused++; /* the user has counted why */
			connection_kill(c, CLOSE_ERROR);
		}
	}
}

/* Half a header is no probe. */
static void
gone(struct connection *c)
{
	if (c->in_len > 0) {
		c->heard = true;
		report(c->net, c->front, &c->peer, PROXY_BROKEN, (struct str){ c->in, c->in_len });
	}
	connection_kill(c, CLOSE_PEER);
}

void
front_step(struct connection *c)
{
	char *scratch = c->net->scratch;
	size_t kept = c->in_len;
	if (kept > 0)
		memcpy(scratch, c->in, kept);
	ssize_t count = recv(c->watch.fd, scratch + kept, SCRATCH_BYTES - kept, MSG_PEEK);
	if (count < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (count <= 0) {
		gone(c);
		return;
	}
	struct str octets = { scratch, kept + (size_t)count };
	if (front_trusts(c->front, &c->peer.hop.ip))
		judge(c, octets, (size_t)count);
	else
		refuse(c, PROXY_ABSENT, octets);
}

/* The header of a datagram is whole or it is none. */
bool
front_datagram(const struct served *served, struct peer *peer, struct str *octets)
{
	const struct served_front *front = served->front;
	struct proxy_header header;
	if (front == NULL || front->proxy == PROXY_OFF)
		return true;
	enum proxy_status status = proxy_parse(&header, front->proxy, *octets);
	if (!front_trusts(front, &peer->hop.ip) || status != PROXY_WHOLE) {
		report(served->net, front, peer, status == PROXY_MORE ? PROXY_BROKEN : status,
		       *octets);
		return false;
	}
	take_addresses(peer, &header);
	*octets = str_slice(*octets, header.len, octets->len - header.len);
	return true;
}
