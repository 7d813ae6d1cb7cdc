/*
 * The connection of an HTTP client while it has to send something. The time-out of libmicrohttpd is
 * one of silence, so an octet now and then would hold a connection for ever: here a head has to be
 * whole in time, and a body to go on at a decent pace.
 */
#pragma once

#include <microhttpd.h>

struct admin;

/* The callback of libmicrohttpd; arg is the surface. */
void client_notified(void *arg, struct MHD_Connection *connection, void **context,
		     enum MHD_ConnectionNotificationCode code);
/* Its next head is due in time from now on. Who is late is sent away without an answer. */
void client_await_head(struct MHD_Connection *connection);
/* More of a body is. Who is late hears 408 too_slow. */
void client_await_body(struct MHD_Connection *connection);
/* A request is there as a whole, or refused. */
void client_satisfied(struct MHD_Connection *connection);
/* The limit that the configuration has, in the whole seconds in which libmicrohttpd counts. */
unsigned client_patience_s(const struct admin *admin);
void clients_open(struct admin *admin);
void clients_configure(struct admin *admin);
