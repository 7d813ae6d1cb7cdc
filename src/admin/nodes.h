/* The heartbeat of this node in the table of nodes; the list of them is a handler (routes.c). */
#pragma once

struct admin;
struct heartbeat;

/* NULL when memory is out. */
struct heartbeat *heartbeat_open(struct admin *admin);
/* After store_close(). */
void heartbeat_close(struct heartbeat *beat);
/* Tells the database that the node has stopped on purpose, and then left(), soon also when the
 * database is away. */
void heartbeat_leave(struct heartbeat *beat, void (*left)(void *arg), void *arg);
