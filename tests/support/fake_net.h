/* A net without sockets: a test hands in datagrams and stream octets and reads what was sent. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "net/net.h"

/* What is known of a connection; it stays readable after the connection has gone. */
struct fake_connection {
	struct peer peer;
	bool alive;
	bool closing; /* by us, once nothing is owed */
	enum close_cause cause;
	bool paused;
	bool begun; /* what was not taken begins a message */
	int owed;
	uint64_t mark;
	struct carried carried; /* what was said last */
	unsigned messages;
	unsigned keepalives;
	char *in;
	size_t in_len;
	struct stream_known known;
};

struct fake_sent {
	struct peer peer;
	struct endpoint target; /* of a datagram */
	struct str octets;
};

struct net *fake_net_open(struct net_user *user);

/* "192.0.2.4:40000" sends datagrams. */
struct peer fake_host(const char *source);
void fake_datagram(struct net *net, const struct peer *peer, struct str octets);
/* NULL when the user does not accept it. */
struct fake_connection *fake_connect(struct net *net, enum transport transport, const char *source);
/* Hands the octets over as the net would: what is not taken comes again with what follows, and
 * nothing comes while reading is paused. */
void fake_write(struct net *net, struct fake_connection *connection, struct str octets);
/* What the net does when a turn ends: connections that are no longer paused go on. */
void fake_resume(struct net *net);
/* The client goes away without a word. */
void fake_hang_up(struct net *net, struct fake_connection *connection);

size_t fake_sent_count(const struct net *net);
/* Counted from 0, the oldest first. */
const struct fake_sent *fake_sent_at(const struct net *net, size_t index);
void fake_sent_forget(struct net *net);
