/*
 * What master and children tell each other, over a SOCK_SEQPACKET pair: one message, at most one
 * descriptor. The master commands; the admin process alone may ask, and is answered with the number
 * that it gave.
 */
#pragma once

#include <stdbool.h>

#include "admin/command.h"
#include "base/ip.h"
#include "base/stats.h"

/* Status of a child that had listened, could not take over what the master said, and left in good
 * order; it is replaced at once, however often. */
#define EXIT_MADE_ROOM 75

enum control_verb {
	CONTROL_DRAIN,	 /* not ready from now on; serve as before */
	CONTROL_UNDRAIN, /* ready again */
	CONTROL_STOP,	 /* accept nothing new, answer what was begun, say goodbye, exit */
	CONTROL_STOP_NOW,
	CONTROL_RELOAD,	   /* the descriptor holds the new configuration; level */
	CONTROL_SERVE,	   /* the descriptor is a socket for transport and bound */
	CONTROL_UNSERVE,   /* stop serving that one */
	CONTROL_LOG_LEVEL, /* level */
	CONTROL_LOG,	   /* the descriptor is what the log is written to from now on */
	CONTROL_ASK,	   /* to the master: id, command */
	CONTROL_REPORT,	   /* from the master: id, outcome, the descriptor a memo (base/memo.h) */
};

struct control_message {
	enum control_verb verb;
	enum transport transport;
	struct endpoint bound;
	enum log_level level;
	uint32_t id;
	struct command command;
	enum command_outcome outcome;
};

bool control_pair(int ends[2]);
/* fd -1: none. False when the child is gone or does not read. */
bool control_send(int end, const struct control_message *message, int fd);

enum control_read { CONTROL_MESSAGE, CONTROL_NOTHING, CONTROL_CLOSED };
/* *fd is a descriptor that now belongs to the caller, or -1: none was sent, or this process has no
 * room for it. */
enum control_read control_receive(int end, struct control_message *message, int *fd);
