/* What master, workers and admin process share: how they were started, and the fork itself. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/node.h"
#include "config/config.h"
#include "control.h"
#include "net/loop.h"
#include "net/timer.h"
#include "sockets.h"

/* The command line, kept for reloads. */
struct launch {
	const char *config_path; /* NULL: defaults */
	struct config_override overrides[64];
	size_t override_count;
};

/* What a child is born with. The configuration becomes its own; descriptors are those it may use.
 */
struct birth {
	struct config *config;
	const struct node_memory *memory;
	int control;
	/* of a worker */
	uint32_t index;
	const struct sockets *sockets;
	/* of the admin process */
	int socket_fd;
	int listen_fd;
	const int *health_fds;
	size_t health_count;
};

/* Sets the log up from the configuration, but for where it goes; format auto looks at that and at
 * JOURNAL_STREAM. */
void process_log_setup(const struct config *config);
/* The configuration that the master printed into a file in memory; NULL when it cannot be read, and
 * then note was told why. fd stays open. */
struct config *process_parse_config(int fd, void (*note)(const struct config_note *note, void *arg),
				    void *arg);
/* The same in a descriptor that the master sent, with the errors logged: the caller of NULL shall
 * make room for a process that can read it. Closes fd. */
struct config *process_read_config(int fd);

/* The child's end of the control channel, watched by its loop. */
struct control_watch {
	struct watch watch;
	struct loop *loop;
	/* Every message but CONTROL_LOG_LEVEL and CONTROL_LOG, which are done here; closed when the
	 * master is gone. fd as in control_receive(). */
	void (*message)(struct control_watch *watch, const struct control_message *message, int fd);
	void (*closed)(struct control_watch *watch);
};
bool control_watch_open(struct control_watch *watch, struct loop *loop, int fd);

/* Never return. */
_Noreturn void worker_main(const struct birth *birth);
_Noreturn void admin_main(const struct birth *birth);
/* The exit status of the program. config becomes the master's own. */
int master_main(const struct launch *launch, struct config *config);
