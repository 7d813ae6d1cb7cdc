/* What the master tells its children, over a SOCK_SEQPACKET pair: one message, at most one
 * descriptor. */
#pragma once

#include <stdbool.h>

#include "base/ip.h"
#include "base/stats.h"

enum control_verb {
	CONTROL_STOP, /* answer what was begun, say goodbye, exit */
	CONTROL_STOP_NOW,
	CONTROL_RELOAD,	 /* the descriptor holds the new configuration */
	CONTROL_SERVE,	 /* the descriptor is a socket for transport and bound */
	CONTROL_UNSERVE, /* stop serving that one */
	CONTROL_DEBUG,	 /* toggle debug logging for ten minutes */
	CONTROL_LOG,	 /* the descriptor is what the log is written to from now on */
};

struct control_message {
	enum control_verb verb;
	enum transport transport;
	struct endpoint bound;
};

bool control_pair(int ends[2]);
/* fd -1: none. False when the child is gone or does not read. */
bool control_send(int end, const struct control_message *message, int fd);

enum control_read { CONTROL_MESSAGE, CONTROL_NOTHING, CONTROL_CLOSED };
/* *fd is -1 or a descriptor that now belongs to the caller. */
enum control_read control_receive(int end, struct control_message *message, int *fd);
