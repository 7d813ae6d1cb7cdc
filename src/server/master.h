/* The master's own state, shared by master.c and commands.c. */
#pragma once

#include <stdbool.h>

#include "children.h"
#include "process.h"
#include "reload.h"

enum phase {
	PHASE_SERVING,
	PHASE_DRAINING, /* not ready, and served as before until drain_delay is over */
	PHASE_STOPPING	/* the listeners are closed: there is no way back */
};

struct master {
	const struct launch *launch;
	struct config *config;
	struct config *boot; /* the first one: it owns the values of all keys that need a restart */
	struct node_memory memory;
	struct sockets sockets;
	struct closing closing;
	struct certificate_marks marks;
	struct http_sockets http;
	struct children children;
	int signals;
	enum phase phase;
	bool admin_told;	 /* that it may go, for the last worker has gone */
	bool terminated;	 /* a signal asked for the end, and nobody called it off */
	bool level_changed;	 /* the log level is not the configured one … */
	uint64_t level_until_ms; /* … and so long; 0: no end */
};

/* What can be done by signal and by command alike. */
bool master_reload(struct master *master, bool check, struct memo *memo);
/* The same, told to the log; returns the memo's descriptor or -1. */
int master_reload_logged(struct master *master, bool *good);
/* now: without drain_delay. Nothing changes when it is so already. */
void master_drain(struct master *master, bool now);
/* False when the listeners are closed. */
bool master_undrain(struct master *master);
/* seconds 0: until it is set again. The configured level ends what was asked for before. */
void master_log_level(struct master *master, enum log_level level, uint32_t seconds);

/* commands.c: does what the admin process has asked for, and reports. */
void commands_take(struct master *master);
