/* What the files of net share: the net itself, the sockets it serves, its connections. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/quiet.h"
#include "net/net.h"
#include "net/timer.h"

struct datagrams;
struct pressure;
struct connection;
struct ssl_st;

#define SCRATCH_BYTES 16384 /* a whole TLS record */

/* A socket that somebody else opened: datagrams or a listener. */
struct served {
	struct watch watch;
	struct net *net;
	enum transport transport;
	struct endpoint bound;
	struct tls_server *const *tls;
	struct served_front *front; /* NULL: none */
	bool resting;		    /* net_rest_datagrams() */
	unsigned fill;		    /* quarters of its send buffer that were taken … */
	uint64_t filled_ms;	    /* … then; 0: it must be asked again */
	uint32_t slot;
	uint32_t generation;
};

/* A copy of what net_front() was given; connections that came over it hold it too. */
struct served_front {
	unsigned references;
	char *listener;
	enum proxy_version proxy;
	bool tls_offloaded;
	struct ip_prefix *trusted;
	size_t trusted_count;
};

struct connection_slot {
	struct connection *connection; /* NULL: free */
	uint32_t generation;
	uint32_t next_free;
};

struct net {
	struct loop *loop;
	struct net_user *user;
	struct net_settings settings;
	struct turn_end turn_end;
	struct served **served;
	uint32_t served_count;
	uint32_t last_generation;
	struct datagrams *datagrams;
	struct pressure *pressure;
	struct connection_slot *slots;
	uint32_t slot_count;
	uint32_t free_slot;
	uint32_t live;
	struct list attending; /* connections with something to do at the end of the turn */
	struct fifo handshakes, firsts, messages, idles, lingers;
	struct timer accept_pause;
	struct timer datagram_rest;
	struct timer answers_kept;
	bool accept_paused;	  /* said so in the log already */
	uint64_t accept_told_ms;  /* when last; 0: never */
	bool datagrams_paused;	  /* the same */
	uint64_t full_told_ms;	  /* when datagrams.full was last logged; 0: never … */
	uint64_t full_told;	  /* … and what the counter was then */
	struct list shaking[2];	  /* who waits for a step: those half through, then beginners */
	uint32_t handshake_steps; /* left in this turn */
	struct quiet tls_log;	  /* tls.failed */
	struct quiet front_log;	  /* proxy.refused */
	char *scratch;		  /* SCRATCH_BYTES; what a connection reads goes through here */
};

/* What an attempt to read or write came to. */
enum io_result {
	IO_DONE,
	IO_AGAIN,  /* wait for the descriptor */
	IO_END,	   /* the peer sends nothing more */
	IO_BROKEN, /* the connection is of no use any more */
};

/* --- udp.c --- */

struct datagrams *datagrams_open(void);
void datagrams_close(struct datagrams *datagrams);
/* Sets the options of a datagram socket. */
void udp_prepare(const struct served *served, const struct net_settings *settings);
void udp_ready(struct watch *watch, bool readable, bool writable);
bool udp_send(struct net *net, struct served *served, const struct peer *peer,
	      const struct endpoint *target, struct str octets);
void udp_flush(struct net *net);
/* What could not leave yet over a socket never will. */
void udp_forget(struct net *net, const struct served *served);

/* --- pressure.c: who is still answered while a send buffer fills --- */

struct pressure *pressure_open(void);
void pressure_close(struct pressure *pressure);
/* Somebody at this address has shown a right password. */
void pressure_note_proof(struct net *net, const struct ip *of);
/* May a datagram be sent to him, with the buffer as full as it is? */
bool pressure_admits(struct served *served, const struct ip *to, bool proved);

/* --- listen.c --- */

void listener_ready(struct watch *watch, bool readable, bool writable);
/* When descriptors ran out all listeners rest for a moment, and for another while they cannot be
 * watched. */
void listeners_resume(struct timer *timer);

/* --- connection.c: birth, look-up, state, end --- */

enum connection_phase {
	PHASE_FRONT, /* whoever stands in front must say for whom, or may not connect at all */
	PHASE_HANDSHAKE,
	PHASE_OPEN,
	PHASE_CLOSING,	 /* hands nothing over any more, still sends what is owed */
	PHASE_LINGERING, /* our side is shut; reads on, lest a reset overtakes the last answer */
	PHASE_DEAD,	 /* goes as soon as nobody's call is on the stack */
};

/* What a peer may cost within calls of OpenSSL. */
struct session_bounds {
	size_t allowance;  /* octets that may still be taken off the socket */
	unsigned messages; /* of TLS itself, since a SIP message or the handshake */
};

struct connection {
	struct watch watch;
	struct net *net;
	struct peer peer;
	enum connection_phase phase;
	enum close_cause cause;
	struct ssl_st *ssl;
	struct tls_server *tls;
	struct served_front *front; /* while in PHASE_FRONT */
	bool admitted;		    /* the user has accepted it and hears of its end */
	uint64_t mark;		    /* and of this */
	struct list attend;
	struct list shake; /* in net->shaking; then it is not watched */
	bool shake_waits;
	uint64_t shake_since_ms;	    /* the turn in which it began to wait */
	struct fifo_entry deadline;	    /* of its phase */
	struct fifo_entry message_deadline; /* of a message that has begun */
	uint64_t opened_us;
	uint64_t bound_until_ms; /* carries a binding until then */
	unsigned bound_whose;	 /* that of one client … */
	bool bound_shared;	 /* … or of several */
	char *in;		 /* octets that the user has not taken; NULL when none */
	size_t in_len, in_cap, wanted;
	bool begun;	   /* they begin a message */
	bool message_late; /* it is too late for more of it than what has arrived */
	struct stream_known known;
	char *out; /* octets out_sent to out_len are to be sent; NULL when none */
	size_t out_sent, out_len, out_cap;
	int owed;
	bool paused;
	bool resumed; /* hand over again what waits in in[], or in TLS */
	bool ended;   /* the peer sends nothing more */
	bool heard;   /* it has said something of its own */
	bool seen_message;
	bool tls_wants_write; /* TLS must write before it can go on reading */
	bool tls_wants_read;  /* and the other way round */
	uint64_t tls_useful;  /* session_taken() when TLS last had something to hand over */
	struct session_bounds tls_bounds;
};

/* Takes over fd; NULL, with fd closed, when memory is out or the user declines. */
struct connection *connection_open(struct net *net, int fd, const struct served *from,
				   const struct endpoint *source, const struct endpoint *local);
struct connection *connection_find(const struct net *net, const struct peer *peer);
/* Asks the user; false when the connection may not be. */
bool connection_admit(struct connection *connection);
/* Goes on to the TLS handshake, or to the first message. */
void connection_start(struct connection *connection);
/* Has its turn end look at it. */
void connection_attend(struct connection *connection);
/* Begins to close after what is owed; the first cause stays. */
void connection_end(struct connection *connection, enum close_cause cause);
/* Marks it as broken: no more can be sent. Goes at the next connection_settle(). */
void connection_kill(struct connection *connection, enum close_cause cause);
/* To be called last in every event of a connection: moves on to the next phase when it is time, and
 * watches for what it now waits for. The connection may be gone afterwards. */
void connection_settle(struct connection *connection);
/* Turn end: everybody in net->attending. */
void connections_attend(struct net *net);
void connections_open(struct net *net);
/* Frees everything without a word to the user. */
void connections_close(struct net *net);

/* --- stream.c: octets in and out --- */

void stream_ready(struct watch *watch, bool readable, bool writable);
/* Hands waiting octets to the user again, and goes on with those that TLS holds. */
void stream_resume(struct connection *connection);
/* Resumes at the end of the turn. */
void stream_read_on(struct connection *connection);
/* What came before we end it is still owed an answer, though epoll has not told of it yet: a read
 * as any other, of one buffer at most. */
void stream_take_arrived(struct connection *connection);
void stream_flush(struct connection *connection);
bool stream_send(struct connection *connection, struct str octets);
/* Keeps octets behind those that wait already. */
void stream_keep_input(struct connection *connection, const char *octets, size_t len);
/* Forgets octets that nobody will take. */
void stream_forget_input(struct connection *connection);

/* --- handshake.c --- */

/* A step of the handshake, now or as soon as its turn comes; on success the connection is open. */
void handshake_ready(struct connection *connection);
/* Turn end: steps that wait. */
void handshakes_continue(struct net *net);
/* It waits for no step any more. */
void handshake_forget(struct connection *connection);
/* The time for the handshake is over: ends it, unless it was we who were late. */
void handshake_overdue(struct connection *connection);
/* Ends an open connection whose TLS takes octets, and takes them, and has nothing to hand over, or
 * no message among it. */
void handshake_bound_open(struct connection *connection);

/* --- front.c --- */

void served_front_release(struct served_front *front);
/* True when a connection begins with what front.c has to say about it. */
bool front_guards(const struct served *served, const struct ip *hop);
bool front_trusts(const struct served_front *front, const struct ip *hop);
/* What has arrived on a connection in PHASE_FRONT. */
void front_step(struct connection *connection);
/* Takes the header off a datagram; false when it is to be dropped. */
bool front_datagram(const struct served *served, struct peer *peer, struct str *octets);
