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
#include "net/tls.h"

struct net;

/* Who sent something and how to answer. A value: keep it across waits. */
struct peer {
	enum transport transport;
	struct endpoint source; /* of the datagram or connection */
	struct endpoint
		local;	     /* the address it arrived on; answers leave from there (TRN-3581-4) */
	uint32_t slot;	     /* of the socket or connection … */
	uint32_t generation; /* … which must still be this one */
	int interface;	     /* of a datagram */
};

enum close_cause {
	CLOSE_PEER,
	CLOSE_IDLE,
	CLOSE_FIRST_MESSAGE,
	CLOSE_MESSAGE,
	CLOSE_HANDSHAKE,
	CLOSE_HANDSHAKE_TIMEOUT,
	CLOSE_PROTOCOL,
	CLOSE_OUTPUT_FULL,
	CLOSE_SHUTDOWN,
	CLOSE_ERROR,
};

/* What the user of the net is asked; all from the loop, none from inside peer_send(). */
struct net_user {
	/* A datagram, valid during the call; it may be written to. */
	void (*datagram)(struct net_user *user, const struct peer *peer, char *octets, size_t len);
	/*
	 * Stream octets that wait, valid during the call. Returns how many were taken; what is left
	 * comes again with what follows. *wanted is set to the number of octets without which it
	 * makes no sense to be called again, or left 0.
	 */
	size_t (*stream)(struct net_user *user, const struct peer *peer, const char *octets,
			 size_t len, size_t *wanted);
	/* May this connection be accepted? Asked before anything is read from it. */
	bool (*accept)(struct net_user *user, enum transport transport,
		       const struct endpoint *source);
	void (*closed)(struct net_user *user, const struct peer *peer, enum close_cause cause);
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
	uint32_t handshakes_per_turn; /* bound on new handshakes started in one turn */
};

struct net *net_open(struct loop *loop, struct net_user *user, const struct net_settings *settings);
/* New settings hold for new connections. */
void net_configure(struct net *net, const struct net_settings *settings);
void net_close(struct net *net);

/*
 * Serves a socket that is already bound (and listening, for streams); the net does not own fd. tls
 * is NULL but for TRANSPORT_TLS; *tls may be replaced at any time, new connections use the new one.
 * Returns a slot or -1.
 */
int net_serve(struct net *net, int fd, enum transport transport, const struct endpoint *bound,
	      struct tls_server *const *tls);
/* Stops serving a socket; connections that came over it live on. */
void net_unserve(struct net *net, int slot);

/*
 * Sends octets, at once or queued; false when the peer is gone or its queue is full (and then it is
 * being closed). Datagrams are collected and leave with the turn. target overrides the port of a
 * datagram's source (RFC 3581).
 */
bool peer_send(struct net *net, const struct peer *peer, const struct endpoint *target,
	       struct str octets);
/* Sends what is queued, then closes (TLS: with close_notify). Nothing is read any more. */
void peer_close(struct net *net, const struct peer *peer, enum close_cause cause);
bool peer_alive(const struct net *net, const struct peer *peer);
/* Stop or go on reading from a connection (it has enough requests in flight). */
void peer_pause(struct net *net, const struct peer *peer, bool pause);
/*
 * Words about progress that only the user of the net can know: a whole message arrived (the first
 * ends the first-message deadline), a keep-alive came, the connection carries a live binding until
 * the given monotonic time (no idle limit until then; SEC-26.1.5-4).
 */
void peer_saw_message(struct net *net, const struct peer *peer);
void peer_saw_keepalive(struct net *net, const struct peer *peer);
void peer_carries_binding(struct net *net, const struct peer *peer, uint64_t until_ms);
uint32_t net_connections(const struct net *net);
/* Closes all connections, each after what is owed to it was sent. */
void net_shutdown(struct net *net);
