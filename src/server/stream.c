/*
 * What the net calls: datagrams one by one, streams cut into messages by sip_frame(). A connection
 * may have a bounded number of requests in flight; then it is not read from until one of them has
 * its answer. That count is kept in a pool of flows, one for each possible request.
 */
#include <assert.h>
#include <stdlib.h>

#include "base/stats.h"
#include "base/table.h"
#include "readiness.h"
#include "requests.h"
#include "sip/frame.h"

/* --- bans -------------------------------------------------------------------------------- */

static bool
source_banned(const struct requests *all, enum transport transport, const struct ip *source)
{
	return limits_banned(all->limits, transport, source, loop_now_ms(all->loop));
}

/* SEC-26.3.2.4-1. One count and no line in the log, or whoever is banned could fill it. */
static bool
banned(struct requests *all, enum transport transport, const struct ip *source)
{
	if (!source_banned(all, transport, source))
		return false;
	stats_outcome(REASON_BANNED, transport, DOMAIN_OTHER);
	return true;
}

/* Failures ban an address, behind which others may live: a connection over which one of them proved
 * a password stays while its binding does. What an operator bans has none to spare. */
static bool
spared(const struct requests *all, const struct peer *peer)
{
	return peer_bound_until_ms(all->net, peer) > loop_now_ms(all->loop) &&
	       !source_banned(all, TRANSPORT_UDP, &peer->source.ip);
}

/* For whoever was let in before he was banned. */
static bool
unwelcome(struct requests *all, const struct peer *peer)
{
	return !spared(all, peer) && banned(all, peer->transport, &peer->source.ip);
}

/* --- requests in flight on one connection -------------------------------------------------- */

bool
streams_open(struct requests *all)
{
	list_init(&all->free_flows);
	all->flows = calloc(all->pool_size, sizeof(*all->flows));
	return chains_open(&all->flow_chains, all->pool_size) && all->flows != NULL;
}

void
streams_close(struct requests *all)
{
	free(all->flows);
	chains_close(&all->flow_chains);
}

static struct flow *
unused_flow(struct requests *all)
{
	struct list *node = list_first(&all->free_flows);
	if (node == NULL) {
		assert(all->flows_used < all->pool_size);
		return &all->flows[all->flows_used++];
	}
	list_remove(node);
	return container_of(node, struct flow, link);
}

static struct flow *
find_flow(const struct requests *all, const struct peer *peer)
{
	chain_each (link, &all->flow_chains, peer->slot) {
		struct flow *flow = container_of(link, struct flow, chain);
		if (flow->slot == peer->slot && flow->generation == peer->generation)
			return flow;
	}
	return NULL;
}

/* A ban spares whoever has registered, for one failure, which is known only when it is answered:
 * nothing else may be judged meanwhile. */
static bool
enough(const struct requests *all, const struct peer *peer, const struct flow *flow)
{
	return flow->in_flight >= all->settings.max_per_stream ||
	       (flow->in_flight > 0 && source_banned(all, peer->transport, &peer->source.ip));
}

void
stream_enter(struct requests *all, const struct peer *peer)
{
	if (peer->transport == TRANSPORT_UDP)
		return;
	struct flow *flow = find_flow(all, peer);
	if (flow == NULL) {
		flow = unused_flow(all);
		*flow = (struct flow){ .slot = peer->slot, .generation = peer->generation };
		chain_add(&all->flow_chains, peer->slot, &flow->chain);
	}
	peer_owes(all->net, peer, 1);
	flow->in_flight++;
	if (!flow->paused && enough(all, peer, flow)) {
		flow->paused = true;
		peer_pause(all->net, peer, true);
	}
}

void
stream_leave(struct requests *all, const struct peer *peer)
{
	if (peer->transport == TRANSPORT_UDP)
		return;
	struct flow *flow = find_flow(all, peer);
	flow->in_flight--;
	if (all->net != NULL)
		peer_owes(all->net, peer, -1);
	if (flow->paused && !enough(all, peer, flow)) {
		flow->paused = false;
		if (all->net != NULL)
			peer_pause(all->net, peer, false);
	}
	if (flow->in_flight == 0) {
		chain_remove(&flow->chain);
		list_prepend(&all->free_flows, &flow->link);
	}
}

static bool
stream_full(const struct requests *all, const struct peer *peer)
{
	const struct flow *flow = find_flow(all, peer);
	return flow != NULL && flow->paused;
}

bool
stream_distrusted(const struct requests *all, const struct peer *peer)
{
	if (peer->transport == TRANSPORT_UDP)
		return false;
	const struct flow *flow = find_flow(all, peer);
	return flow != NULL && flow->distrusted;
}

/* --- datagrams --------------------------------------------------------------------------- */

/* Phones keep the mappings of their NATs open so (ORD-03). */
static bool
is_keepalive(const char *octets, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (octets[i] != '\r' && octets[i] != '\n' && octets[i] != '\0' && octets[i] != ' ')
			return false;
	return true;
}

static bool
source_over_rate(struct requests *all, enum transport transport, const struct ip *source)
{
	if (limits_request(all->limits, transport, source, loop_now_ms(all->loop)))
		return false;
	stats->rate_limited[SCOPE_SOURCE]++;
	return true;
}

/* ORD-01. */
static bool
over_rate(struct requests *all, const struct peer *peer)
{
	if (!source_over_rate(all, peer->transport, &peer->source.ip))
		return false;
	report_silence(peer, REASON_RATE_LIMITED);
	return true;
}

static bool
on_datagram(struct net_user *user, const struct peer *peer, char *octets, size_t len)
{
	struct requests *all = container_of(user, struct requests, user);
	if (banned(all, TRANSPORT_UDP, &peer->source.ip))
		return true;
	if (is_keepalive(octets, len)) {
		stats->keepalives++;
		return true;
	}
	struct str datagram = { octets, len };
	unsigned hash = table_hash(octets, len);
	seen_expect(all->seen, hash);
	if (over_rate(all, peer))
		return true;
	if (readiness_ignores(all, datagram, hash)) {
		report_silence(peer, REASON_OVERLOADED);
		return false;
	}
	request_start(all, peer, datagram, hash);
	return true;
}

/* --- streams ----------------------------------------------------------------------------- */

static void
hang_up(struct requests *all, const struct peer *peer)
{
	peer_close(all->net, peer, CLOSE_PROTOCOL);
}

static void
pong(struct requests *all, const struct peer *peer)
{
	stats->keepalives++;
	peer_saw_keepalive(all->net, peer);
	peer_send(all->net, peer, NULL, STR("\r\n"));
}

/* False when the connection is to be closed. */
static bool
start_message(struct requests *all, const struct peer *peer, struct str octets)
{
	peer_saw_message(all->net, peer);
	return !over_rate(all, peer) && request_start(all, peer, octets, 0);
}

/* One step over what is at the front of octets. False: nothing more can be taken now. */
static bool
take_frame(struct requests *all, const struct peer *peer, struct str octets,
	   const struct sip_frame *frame)
{
	struct str message = str_slice(octets, 0, frame->used);
	switch (frame->status) {
	case SIP_FRAME_MORE:
		return false;
	case SIP_FRAME_SKIP:
		return true;
	case SIP_FRAME_PING:
		pong(all, peer);
		return true;
	case SIP_FRAME_MESSAGE:
		if (start_message(all, peer, message))
			return !stream_full(all, peer);
		break;
	case SIP_FRAME_BROKEN:
	case SIP_FRAME_TOO_LARGE:
		start_message(all, peer, message);
		break;
	case SIP_FRAME_GARBAGE:
		report_foreign(all, peer, octets);
		stats->parse_errors[peer->transport]++;
		break;
	}
	hang_up(all, peer);
	return false;
}

/* Its binding may have ended since the ban, or a log-in failed over it just now. */
static bool
turn_out(struct requests *all, const struct peer *peer)
{
	if (!unwelcome(all, peer))
		return false;
	peer_close(all->net, peer, CLOSE_UNWANTED);
	return true;
}

static struct stream_taken
on_stream(struct net_user *user, const struct peer *peer, const char *octets, size_t len,
	  struct stream_known known)
{
	struct requests *all = container_of(user, struct requests, user);
	struct stream_taken result = { .known = known };
	bool more = true;
	while (more && result.taken < len && !turn_out(all, peer)) {
		struct str rest = { octets + result.taken, len - result.taken };
		struct sip_frame_known front = { result.known.searched, result.known.judged };
		struct sip_frame frame = sip_frame(rest, front, &all->settings.policy->limits);
		more = take_frame(all, peer, rest, &frame);
		result.taken += frame.used;
		result.wanted = frame.expected;
		result.begun = frame.status == SIP_FRAME_MORE && frame.started;
		result.known = (struct stream_known){ frame.known.searched, frame.known.judged };
	}
	return result;
}

/* --- connections ------------------------------------------------------------------------- */

/* A handshake costs more than most requests, and whoever leaves in the middle of it holds no
 * connection that could be counted: it takes its place in the rate of its source. */
static bool
handshakes_too_fast(struct requests *all, enum transport transport, const struct endpoint *source)
{
	if (transport != TRANSPORT_TLS || !source_over_rate(all, transport, &source->ip))
		return false;
	stats_outcome(REASON_RATE_LIMITED, transport, DOMAIN_OTHER);
	return true;
}

static bool
on_accept(struct net_user *user, enum transport transport, const struct endpoint *source,
	  uint64_t *mark)
{
	struct requests *all = container_of(user, struct requests, user);
	if (banned(all, transport, &source->ip) || handshakes_too_fast(all, transport, source))
		return false;
	if (limits_connection(all->limits, &source->ip, mark))
		return true;
	stats_outcome(REASON_CONNECTION_LIMIT, transport, DOMAIN_OTHER);
	return false;
}

/* Answers that he is still owed go unsaid. */
static bool
close_banned(const struct peer *peer, void *arg)
{
	return unwelcome(arg, peer);
}

/* What a password was right for once is no licence to guess others. */
void
stream_guessed(struct requests *all, const struct peer *peer)
{
	if (peer->transport == TRANSPORT_UDP || all->net == NULL ||
	    !source_banned(all, peer->transport, &peer->source.ip))
		return;
	struct flow *flow = find_flow(all, peer);
	if (flow != NULL)
		flow->distrusted = true;
	peer_close(all->net, peer, CLOSE_UNWANTED);
}

void
requests_close_banned(struct requests *all)
{
	net_kill_if(all->net, close_banned, all);
}

/* A request that came over it goes on (TRN-18-3); its answer will find nobody. */
static void
on_closed(struct net_user *user, const struct peer *peer, uint64_t mark, enum close_cause cause)
{
	(void)cause;
	limits_connection_closed(container_of(user, struct requests, user)->limits,
				 &peer->source.ip, mark);
}

static bool
on_foreign(struct net_user *user, const struct peer *peer, struct str octets)
{
	return report_foreign(container_of(user, struct requests, user), peer, octets);
}

const struct net_user stream_user = {
	.datagram = on_datagram,
	.stream = on_stream,
	.accept = on_accept,
	.closed = on_closed,
	.foreign = on_foreign,
};
