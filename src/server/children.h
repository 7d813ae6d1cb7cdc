/* The master's children: born, told, reaped, replaced with back-off, watched. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "process.h"

#define DEATHS_REMEMBERED 3

struct child {
	pid_t pid; /* 0: not running */
	int control;
	uint64_t deaths_ms[DEATHS_REMEMBERED]; /* the latest first */
	uint64_t retry_ms;		       /* not to be started before */
	bool held_back;			       /* it kept dying */
	unsigned births_failed;		       /* in a row */
	bool sockets_closed;	 /* a worker that is not to be had gives its share to the others */
	uint64_t turned_ms;	 /* the last turn of its loop that was seen … */
	uint64_t still_since_ms; /* … and since when it has been the last */
	bool abort_sent;
};

struct children {
	const struct node_memory *memory;
	struct child workers[NODE_WORKERS_MAX];
	uint32_t worker_count;
	struct child admin;
	uint64_t watched_ms; /* when they were last looked after */
};

void children_init(struct children *children, const struct node_memory *memory);
/* Starts whoever is missing and due. birth is completed for each; signals is closed in the child.
 */
void children_keep(struct children *children, struct birth *birth, int signals);
void children_reap(struct children *children, bool stopping);
/* A worker whose loop has not turned for 10 s is aborted, and killed if it does not even take that.
 * Time in which the caller himself did not run counts for nobody. */
void children_watchdog(struct children *children, uint64_t now_ms);
bool children_workers_alive(const struct children *children);
bool children_alive(const struct children *children);
void children_kill(struct children *children);

/* fd -1: none; otherwise it is passed on and stays the caller's. */
void children_tell(struct children *children, const struct control_message *message, int fd);
void children_tell_workers(struct children *children, enum control_verb verb);
void children_serve(struct children *children, const struct listening *item);
void children_unserve(struct children *children, const struct listening *item);

/* The admin's and the health listeners, held by the master too. */
struct http_sockets {
	int socket;
	int listen;
	int health[CONFIG_HEALTH_LISTENERS_MAX];
	size_t health_count;
};
void http_sockets_init(struct http_sockets *http);
bool http_sockets_open(struct http_sockets *http, const struct config *config, char *error,
		       size_t error_cap);
/* Removes the Unix socket's file as well. */
void http_sockets_close(struct http_sockets *http, const struct config *config);
