/*
 * What the admin process asks of the master, and what becomes of it. A command is a value that
 * travels over the control channel; the answer finds its way back by number.
 */
#pragma once

#include <stdint.h>

#include "base/log.h"

enum command_verb {
	COMMAND_RELOAD,	   /* memo: applied, needs_restart, warning; error when refused */
	COMMAND_CHECK,	   /* the same memo, and nothing is applied */
	COMMAND_CONFIG,	   /* memo: option key value origin reload|restart default */
	COMMAND_DRAIN,	   /* as SIGTERM; nothing more when it drains already */
	COMMAND_DRAIN_NOW, /* without drain_delay */
	COMMAND_UNDRAIN,
	COMMAND_LOG_LEVEL
};
struct command {
	enum command_verb verb;
	enum log_level level; /* of COMMAND_LOG_LEVEL */
	uint32_t seconds;     /* for so long, then back; 0: no end */
};
enum command_outcome {
	COMMAND_DONE,
	COMMAND_REFUSED, /* the configuration is not good; the memo says why */
	COMMAND_TOO_LATE /* the listeners are closed already */
};
