/*
 * Bytes in and out over UDP, TCP and TLS; knows no SIP. One struct net a worker. What arrives is
 * handed to the user of the net (struct net_user); what is sent goes to a peer, a handle that is
 * looked up: a connection that has gone is a look-up that finds nothing.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/ip.h"
#include "base/stats.h"
#include "base/str.h"
#include "net/loop.h"
#include "net/proxy.h"
#include "net/tls.h"

#define NET_DATAGRAM_MAX 65507u /* 65,535 less IP and UDP headers */

struct net;
struct log_line;

/* Who sent something and how to answer. A value: keep it across waits. */
struct peer {
	enum transport transport;
	bool secure; /* TLS, ended here or by a load balancer that is trusted (tls_offloaded) */
	bool authenticated; /* it showed a certificate here that tls.client_ca vouches for */
	bool proved; /* the request showed a right password: when not every datagram can leave, the
			answer to it does */
	struct endpoint source; /* the client, as a load balancer in front names it; else hop */
	struct endpoint hop;	/* the other end of the connection, or of the datagram */
	struct ip dialled;	/* the address that the client sent to: the balancer's, or local */
	struct endpoint
		local;	     /* the address it arrived on; answers leave from there (TRN-3581-4) */
	uint32_t slot;	     /* of the socket or connection … */
	uint32_t generation; /* … which must still be this one */
	int interface;	     /* of a datagram */
};

/* What the user has found out about stream octets that it did not take. The net keeps it, and hands
 * it back with them. */
struct stream_known {
	size_t searched;
	bool judged;
};

/* What became of stream octets that were handed over. */
struct stream_taken {
	size_t taken;  /* so many are done with; what is left comes again with what follows */
	size_t wanted; /* octets without which it makes no sense to be called again; 0: any */
	bool begun;    /* what is left begins a message, which must be whole in time */
	struct stream_known known; /* of what is left */
};

/* What the user of the net is asked; all from the loop, none from inside peer_send(). */
struct net_user {
	/* A datagram, valid during the call; it may be written to. False when it was let go of at
	 * once: more are read in the same turn then. */
	bool (*datagram)(struct net_user *user, const struct peer *peer, char *octets, size_t len);
	/* Stream octets that wait, valid during the call, and what was known of the first of them
	 * when they were left. Never called while the peer is paused. */
	struct stream_taken (*stream)(struct net_user *user, const struct peer *peer,
				      const char *octets, size_t len, struct stream_known known);
	/* May this connection be accepted? Asked before anything is read from it but the header of
	 * a load balancer, which names the source. Who declines counts the reason. What the user
	 * leaves in mark he is told again when the connection goes. */
	bool (*accept)(struct net_user *user, enum transport transport,
		       const struct endpoint *source, uint64_t *mark);
	/* The connection, once accepted, has gone; its peer is found no more. */
	void (*closed)(struct net_user *user, const struct peer *peer, uint64_t mark,
		       enum close_cause cause);
	/* What somebody sent where TLS or a PROXY header was expected. True when the user has
	 * something better to say about it in the log than that it was not. */
	bool (*foreign)(struct net_user *user, const struct peer *peer, struct str octets);
};

struct net_settings {
	uint32_t max_connections;
	uint32_t handshake_timeout_ms;
	uint32_t first_message_timeout_ms;
	uint32_t message_timeout_ms;
	uint32_t idle_timeout_ms;
	uint32_t max_message_bytes; /* receive buffer of a stream */
	uint32_t max_output_bytes;  /* queued for a peer that does not read; then it is closed
				       (TRN-18-5) */
	uint32_t udp_receive_buffer;
	uint32_t udp_send_buffer;
	uint32_t handshakes_per_turn; /* bound on the steps of handshakes in one turn */
};

/* NULL when memory is out. From then on the process ignores SIGPIPE. */
struct net *net_open(struct loop *loop, struct net_user *user, const struct net_settings *settings);
/* New limits hold from now on; deadlines that already run keep their time. */
void net_configure(struct net *net, const struct net_settings *settings);
/* Closes everything at once; the user hears of nothing any more. */
void net_close(struct net *net);

/* Sets what connections inherit. To be called before listen(): who connects between that and
 * net_serve() would be without. */
void net_prepare_listener(int fd);

/*
 * Serves a socket that is already bound (and listening, for streams); the net does not own fd. tls
 * is NULL but for TRANSPORT_TLS; *tls may be replaced at any time, new connections use the new one.
 * Returns a slot or -1 with errno.
 */
int net_serve(struct net *net, int fd, enum transport transport, const struct endpoint *bound,
	      struct tls_server *const *tls);

/* A load balancer in front of a socket. */
struct front {
	const char *listener; /* its name, for the log */
	enum proxy_version proxy;
	bool tls_offloaded;		 /* it ended TLS: its connections count as secure */
	const struct ip_prefix *trusted; /* who may connect when either is on */
	size_t trusted_count;
};
/* For connections and datagrams from now on, until it is called again; front is copied. False when
 * memory is out, and then what was known before holds. */
bool net_front(struct net *net, int slot, const struct front *front);
/* Stops serving a socket; connections that came over it live on. */
void net_unserve(struct net *net, int slot);
/* Datagrams that the kernel dropped since the UDP sockets served now were opened, because nobody
 * read them in time. */
uint64_t net_datagram_drops(const struct net *net);
/* Reads no datagrams for so long; what comes meanwhile waits in the kernel, and what finds no room
 * there is lost at no cost to this process. */
void net_rest_datagrams(struct net *net, uint32_t rest_ms);
/* Reads no more from a UDP socket; answers to what came before still leave over it. */
void net_deafen(struct net *net, int slot);

/*
 * Queues octets, which leave when the turn ends; false when the peer is gone or its queue is full
 * (and then it is being closed). A connection that is being closed still takes what is owed.
 * target, or NULL, is where a datagram goes instead of its hop (RFC 3581, RFC 3261 §18.2.2).
 */
bool peer_send(struct net *net, const struct peer *peer, const struct endpoint *target,
	       struct str octets);
/*
 * Closes once everything owed and queued was sent (TLS: with close_notify). Nothing more is handed
 * to the user but closed().
 */
void peer_close(struct net *net, const struct peer *peer, enum close_cause cause);
/*
 * Counts the answers owed to a connection: +1 when a request was taken from it, -1 after its answer
 * was given to peer_send() or will never come. A peer that shut down its sending side stays until
 * it is owed nothing (TRN-18-6), and so does one that is being closed. Nothing for datagrams.
 */
void peer_owes(struct net *net, const struct peer *peer, int delta);
bool peer_alive(const struct net *net, const struct peer *peer);
/* True when a load balancer stands between the client and us. */
bool peer_relayed(const struct peer *peer);
/* The fields src= and, when it is another address, peer=. */
void peer_log(struct log_line *line, const struct peer *peer);
/* Stop or go on reading from a connection (it has enough requests in flight). */
void peer_pause(struct net *net, const struct peer *peer, bool pause);
/*
 * Words about progress that only the user of the net can know: a whole message arrived (the first
 * ends the first-message deadline), a keep-alive came, the connection carries what somebody has
 * registered.
 */
void peer_saw_message(struct net *net, const struct peer *peer);
void peer_saw_keepalive(struct net *net, const struct peer *peer);
/*
 * There is no idle limit as long as a binding lives that came over the connection (SEC-26.1.5-4).
 * Where all came from one client about one address each of its requests says anew how long that is,
 * so that one that takes a binding away ends it; of several, the latest end counts.
 */
struct carried {
	unsigned whose;	   /* a number for that client and that address */
	uint64_t until_ms; /* monotonic: the end of what came with this request; 0: nothing did */
	uint64_t most_ms;  /* of all that the client has registered there, over any connection */
};
void peer_carries_binding(struct net *net, const struct peer *peer, const struct carried *carried);
/* That time; 0: it never carried any, is being closed or is gone. */
uint64_t peer_bound_until_ms(struct net *net, const struct peer *peer);
uint32_t net_connections(const struct net *net);
/* Closes up to count connections that are not being closed yet, each after what is owed to it was
 * sent, also for what has arrived and was not read yet: never from within a call of the net to its
 * user. Returns how many were found. Called now and then it drains evenly. */
uint32_t net_shed(struct net *net, uint32_t count);
/* Ends at once, with whatever is still owed, the connections for which unwanted() says so. */
void net_kill_if(struct net *net, bool (*unwanted)(const struct peer *peer, void *arg), void *arg);
/* All of them. net_connections() tells when they have gone. */
void net_shutdown(struct net *net);
