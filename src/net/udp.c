/*
 * Datagrams: received in batches into shared slots, answered at the end of the turn in one system
 * call a socket. The local address of each request is kept, and its answer leaves from there, also
 * on a wildcard socket of a host with many addresses (RFC 3581 §4).
 */
#include <errno.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "address.h"
#include "base/log.h"
#include "internal.h"

#define BATCH 32
#define SLOT_BYTES 65536
#define WORK_PER_TURN 128    /* datagrams that somebody has work with */
#define ROUNDS_PER_TURN 128u /* of BATCH */
#define REST_AGAIN_MS 100    /* until epoll may have memory again */
#define OUT_COUNT 64
#define OUT_BYTES 262144
#define KEEP_MS 400    /* an answer that found no room; then its client asks again (T1) */
#define KEPT_MS 20     /* between two tries while nothing else happens */
#define TELL_MS 10000u /* between lines of the log */

struct control {
	_Alignas(struct cmsghdr) char octets[CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

struct outgoing {
	struct served *served;
	struct sockaddr_storage to;
	socklen_t to_len;
	struct control control;
	size_t control_len; /* 0: the routes choose the source */
	struct iovec octets;
	bool proved;
	uint64_t queued_ms;
};

struct datagrams {
	char *in; /* BATCH slots */
	struct mmsghdr in_headers[BATCH];
	struct iovec in_octets[BATCH];
	struct sockaddr_storage in_from[BATCH];
	struct control in_control[BATCH];
	char *out; /* OUT_BYTES */
	size_t out_used;
	struct outgoing outgoing[OUT_COUNT];
	struct mmsghdr out_headers[OUT_COUNT];
	unsigned out_count;
};

struct datagrams *
datagrams_open(void)
{
	struct datagrams *datagrams = calloc(1, sizeof(*datagrams));
	if (datagrams == NULL)
		return NULL;
	datagrams->in = malloc(BATCH * SLOT_BYTES);
	datagrams->out = malloc(OUT_BYTES);
	if (datagrams->in == NULL || datagrams->out == NULL) {
		datagrams_close(datagrams);
		return NULL;
	}
	return datagrams;
}

void
datagrams_close(struct datagrams *datagrams)
{
	if (datagrams == NULL)
		return;
	free(datagrams->in);
	free(datagrams->out);
	free(datagrams);
}

static void
set_option(int fd, int level, int option, int value)
{
	setsockopt(fd, level, option, &value, sizeof(value));
}

/* The kernel says twice what it grants: half is for its own records. */
static void
note_buffer(int fd, int option, uint64_t *smallest)
{
	int doubled = 0;
	socklen_t len = sizeof(doubled);
	if (getsockopt(fd, SOL_SOCKET, option, &doubled, &len) != 0 || doubled <= 0)
		return;
	uint64_t octets = (uint64_t)doubled / 2;
	if (*smallest == 0 || octets < *smallest)
		*smallest = octets;
}

/* Beyond what the kernel grants to everybody only where we are privileged. */
static void
set_buffer(int fd, int forced, int usual, uint32_t wanted)
{
	int octets = wanted > INT32_MAX ? INT32_MAX : (int)wanted;
	if (octets > 0 && setsockopt(fd, SOL_SOCKET, forced, &octets, sizeof(octets)) < 0)
		set_option(fd, SOL_SOCKET, usual, octets);
}

/* Path MTU discovery is off, so that large answers may be fragmented (RFC 3261 §18.2.2). */
void
udp_prepare(const struct served *served, const struct net_settings *settings)
{
	int fd = served->watch.fd;
	if (served->bound.ip.family == 4) {
		set_option(fd, IPPROTO_IP, IP_PKTINFO, 1);
		set_option(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT);
	} else {
		set_option(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
		set_option(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DONT);
	}
	set_buffer(fd, SO_RCVBUFFORCE, SO_RCVBUF, settings->udp_receive_buffer);
	set_buffer(fd, SO_SNDBUFFORCE, SO_SNDBUF, settings->udp_send_buffer);
	note_buffer(fd, SO_RCVBUF, &stats->udp_receive_buffer);
	note_buffer(fd, SO_SNDBUF, &stats->udp_send_buffer);
}

uint64_t
net_datagram_drops(const struct net *net)
{
	uint64_t sum = 0;
	for (uint32_t slot = 0; slot < net->served_count; slot++) {
		const struct served *served = net->served[slot];
		uint32_t memory[SK_MEMINFO_VARS];
		socklen_t len = sizeof(memory);
		if (served != NULL && served->transport == TRANSPORT_UDP &&
		    getsockopt(served->watch.fd, SOL_SOCKET, SO_MEMINFO, memory, &len) == 0)
			sum += memory[SK_MEMINFO_DROPS];
	}
	return sum;
}

/* The address of ours that the datagram was sent to; that of the socket when the kernel is silent.
 */
static void
find_local(struct msghdr *header, struct peer *peer)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c != NULL; c = CMSG_NXTHDR(header, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo info;
			memcpy(&info, CMSG_DATA(c), sizeof(info));
			peer->local.ip = (struct ip){ .family = 4 };
			memcpy(peer->local.ip.octets, &info.ipi_spec_dst, 4);
			peer->interface = info.ipi_ifindex;
		}
		if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			struct in6_pktinfo info;
			memcpy(&info, CMSG_DATA(c), sizeof(info));
			peer->local.ip = (struct ip){ .family = 6 };
			memcpy(peer->local.ip.octets, &info.ipi6_addr, 16);
			peer->local.ip = ip_unmapped(peer->local.ip);
			peer->interface = (int)info.ipi6_ifindex;
		}
	}
}

/* False when it was no work for anybody. */
static bool
hand_over(struct served *served, struct mmsghdr *header)
{
	struct net *net = served->net;
	struct peer peer = {
		.transport = TRANSPORT_UDP,
		.local = served->bound,
		.slot = served->slot,
		.generation = served->generation,
	};
	stats->received_bytes[TRANSPORT_UDP] += header->msg_len;
	if (header->msg_hdr.msg_flags & MSG_TRUNC) {
		stats->udp_truncated++;
		return true;
	}
	if (!address_from_sockaddr(header->msg_hdr.msg_name, &peer.hop))
		return true;
	find_local(&header->msg_hdr, &peer);
	peer.source = peer.hop;
	peer.dialled = peer.local.ip;
	struct str octets = { header->msg_hdr.msg_iov->iov_base, header->msg_len };
	if (!front_datagram(served, &peer, &octets))
		return true;
	return net->user->datagram(net->user, &peer, (char *)(uintptr_t)octets.p, octets.len);
}

static void
prepare_batch(struct datagrams *datagrams)
{
	for (int i = 0; i < BATCH; i++) {
		datagrams->in_octets[i] = (struct iovec){
			.iov_base = datagrams->in + (size_t)i * SLOT_BYTES,
			.iov_len = SLOT_BYTES,
		};
		datagrams->in_headers[i].msg_hdr = (struct msghdr){
			.msg_name = &datagrams->in_from[i],
			.msg_namelen = sizeof(datagrams->in_from[i]),
			.msg_iov = &datagrams->in_octets[i],
			.msg_iovlen = 1,
			.msg_control = &datagrams->in_control[i],
			.msg_controllen = sizeof(datagrams->in_control[i]),
		};
	}
}

/* An error here is an ICMP message about something sent earlier and says nothing about the next
 * datagram (RFC 3261 §18.4); reading it has cleared it. */
void
udp_ready(struct watch *watch, bool readable, bool writable)
{
	struct served *served = container_of(watch, struct served, watch);
	struct datagrams *datagrams = served->net->datagrams;
	(void)readable;
	(void)writable;
	int work = 0;
	for (unsigned round = 0;
	     round < ROUNDS_PER_TURN && work < WORK_PER_TURN && watch->active && !served->resting;
	     round++) {
		prepare_batch(datagrams);
		int count = recvmmsg(watch->fd, datagrams->in_headers, BATCH, MSG_DONTWAIT, NULL);
		if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return;
		for (int i = 0; i < count && watch->active; i++)
			work += hand_over(served, &datagrams->in_headers[i]);
		if (count >= 0 && count < BATCH)
			return;
	}
}

/* A socket that epoll does not take back, for want of memory, rests on until it does. */
static void
rest_is_over(struct timer *timer)
{
	struct net *net = container_of(timer, struct net, datagram_rest);
	int error = 0;
	for (uint32_t slot = 0; slot < net->served_count; slot++) {
		struct served *served = net->served[slot];
		if (served == NULL || !served->resting)
			continue;
		served->resting =
			!loop_watch(net->loop, &served->watch, served->watch.fd, true, false);
		if (served->resting)
			error = errno;
	}
	if (error != 0)
		timer_start(net->loop, timer, REST_AGAIN_MS, rest_is_over);
	if (error != 0 && !net->datagrams_paused)
		log_message(LOG_LEVEL_WARNING, "datagrams.paused", "%s", strerror(error));
	net->datagrams_paused = error != 0;
}

void
net_rest_datagrams(struct net *net, uint32_t rest_ms)
{
	for (uint32_t slot = 0; slot < net->served_count; slot++) {
		struct served *served = net->served[slot];
		if (served == NULL || served->transport != TRANSPORT_UDP || !served->watch.active ||
		    !served->watch.want_read)
			continue;
		served->resting = true;
		loop_watch(net->loop, &served->watch, served->watch.fd, false, false);
	}
	timer_start(net->loop, &net->datagram_rest, rest_ms, rest_is_over);
}

/* The interface is pinned for link-local addresses only; everything else follows the routes. */
static size_t
write_source(struct control *control, const struct peer *peer)
{
	struct msghdr header = { .msg_control = control, .msg_controllen = sizeof(*control) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&header);
	memset(control, 0, sizeof(*control));
	if (peer->local.ip.family == 4) {
		struct in_pktinfo info = { 0 };
		memcpy(&info.ipi_spec_dst, peer->local.ip.octets, 4);
		c->cmsg_level = IPPROTO_IP;
		c->cmsg_type = IP_PKTINFO;
		c->cmsg_len = CMSG_LEN(sizeof(info));
		memcpy(CMSG_DATA(c), &info, sizeof(info));
		return CMSG_SPACE(sizeof(info));
	}
	struct in6_pktinfo info = { 0 };
	memcpy(&info.ipi6_addr, peer->local.ip.octets, 16);
	if (address_link_local(&peer->local.ip))
		info.ipi6_ifindex = (unsigned)peer->interface;
	c->cmsg_level = IPPROTO_IPV6;
	c->cmsg_type = IPV6_PKTINFO;
	c->cmsg_len = CMSG_LEN(sizeof(info));
	memcpy(CMSG_DATA(c), &info, sizeof(info));
	return CMSG_SPACE(sizeof(info));
}

/* A multicast or broadcast destination is no source. */
static bool
may_be_source(const struct ip *ip)
{
	static const struct ip any;
	if (ip->family == 6 && ip->octets[0] == 0xff)
		return false;
	return ip->family != 0 && memcmp(ip->octets, any.octets, sizeof(any.octets)) != 0;
}

/* The kernel is told where things lie as late as that, because what waits is moved. */
static void
point_at(struct datagrams *datagrams, unsigned i)
{
	struct outgoing *out = &datagrams->outgoing[i];
	datagrams->out_headers[i].msg_hdr = (struct msghdr){
		.msg_name = &out->to,
		.msg_namelen = out->to_len,
		.msg_iov = &out->octets,
		.msg_iovlen = 1,
		.msg_control = out->control_len > 0 ? &out->control : NULL,
		.msg_controllen = out->control_len,
	};
}

bool
udp_send(struct net *net, struct served *served, const struct peer *peer,
	 const struct endpoint *target, struct str octets)
{
	struct datagrams *datagrams = net->datagrams;
	bool proved = peer->proved || peer_relayed(peer);
	if (octets.len > NET_DATAGRAM_MAX) {
		stats->udp_truncated++;
		return false;
	}
	if (target == NULL)
		target = &peer->hop;
	loop_wake(net->loop);
	if (peer->proved)
		pressure_note_proof(net, &target->ip);
	if (!pressure_admits(served, &target->ip, proved)) {
		stats->udp_send_full++;
		return true; /* lost on the way, for all that the caller can know */
	}
	if (datagrams->out_count == OUT_COUNT || OUT_BYTES - datagrams->out_used < octets.len)
		udp_flush(net);
	unsigned i = datagrams->out_count++;
	struct outgoing *out = &datagrams->outgoing[i];
	out->served = served;
	out->proved = proved;
	out->queued_ms = loop_now_ms(net->loop);
	out->octets = (struct iovec){ datagrams->out + datagrams->out_used, octets.len };
	if (octets.len > 0)
		memcpy(out->octets.iov_base, octets.p, octets.len);
	datagrams->out_used += octets.len;
	out->to_len = address_to_sockaddr(target, peer->interface, &out->to);
	out->control_len = may_be_source(&peer->local.ip) ? write_source(&out->control, peer) : 0;
	return true;
}

/* How many of the datagrams from first on are done with; 0: the socket has no room. Any other error
 * concerns the first one only. */
static unsigned
send_some(struct datagrams *datagrams, unsigned first, unsigned count)
{
	struct served *served = datagrams->outgoing[first].served;
	for (unsigned i = first; i < first + count; i++)
		point_at(datagrams, i);
	int sent = sendmmsg(served->watch.fd, &datagrams->out_headers[first], count, MSG_DONTWAIT);
	served->filled_ms = 0;
	for (int i = 0; i < sent; i++)
		stats->sent_bytes[TRANSPORT_UDP] +=
			datagrams->out_headers[first + (unsigned)i].msg_len;
	if (sent > 0)
		return (unsigned)sent;
	return errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS ? 0 : 1;
}

/* Moves one that waits behind the others that do; the end of the next turn tries again. */
static void
keep(struct datagrams *datagrams, unsigned i)
{
	struct outgoing *kept = &datagrams->outgoing[datagrams->out_count++];
	char *octets = datagrams->out + datagrams->out_used;
	if (kept != &datagrams->outgoing[i])
		*kept = datagrams->outgoing[i];
	if (kept->octets.iov_len > 0)
		memmove(octets, kept->octets.iov_base, kept->octets.iov_len);
	kept->octets.iov_base = octets;
	datagrams->out_used += kept->octets.iov_len;
}

/* The answer to a stranger, who asks again, goes overboard first; and there must be room for what
 * comes in the next turn. */
static void
keep_or_lose(struct net *net, unsigned i)
{
	struct datagrams *datagrams = net->datagrams;
	const struct outgoing *out = &datagrams->outgoing[i];
	if (out->proved && loop_now_ms(net->loop) - out->queued_ms < KEEP_MS &&
	    datagrams->out_count < OUT_COUNT / 2 &&
	    datagrams->out_used + out->octets.iov_len <= OUT_BYTES / 2)
		keep(datagrams, i);
	else
		stats->udp_send_full++;
}

/* It is the network, or somebody on it, and nobody else would tell. */
static void
tell_full(struct net *net)
{
	uint64_t now_ms = loop_now_ms(net->loop), lost = stats->udp_send_full - net->full_told;
	if (lost == 0 || (net->full_told_ms != 0 && now_ms - net->full_told_ms < TELL_MS))
		return;
	net->full_told_ms = now_ms;
	net->full_told = stats->udp_send_full;
	log_message(
		LOG_LEVEL_WARNING, "datagrams.full",
		"%ju answers were not sent: they do not leave as fast as they are made, or wait "
		"for neighbours that are not there",
		(uintmax_t)lost);
}

/* A turn of its own is all that they need. */
static void
answers_kept(struct timer *timer)
{
	(void)timer;
}

void
udp_flush(struct net *net)
{
	struct datagrams *datagrams = net->datagrams;
	unsigned count = datagrams->out_count;
	datagrams->out_count = 0;
	datagrams->out_used = 0;
	for (unsigned first = 0; first < count;) {
		const struct served *served = datagrams->outgoing[first].served;
		unsigned end = first + 1;
		while (end < count && datagrams->outgoing[end].served == served)
			end++;
		unsigned done = send_some(datagrams, first, end - first);
		first += done;
		while (done == 0 && first < end)
			keep_or_lose(net, first++);
	}
	if (datagrams->out_count > 0)
		timer_start(net->loop, &net->answers_kept, KEPT_MS, answers_kept);
	tell_full(net);
}

void
udp_forget(struct net *net, const struct served *served)
{
	struct datagrams *datagrams = net->datagrams;
	unsigned count = datagrams->out_count;
	datagrams->out_count = 0;
	datagrams->out_used = 0;
	for (unsigned i = 0; i < count; i++)
		if (datagrams->outgoing[i].served != served)
			keep(datagrams, i);
		else
			stats->udp_send_full++;
}
