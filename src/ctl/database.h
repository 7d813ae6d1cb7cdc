/* The database as rollcallctl reaches it: directly, not through the daemon. */
#pragma once

#include <libpq-fe.h>

#include "ctl.h"

/* --url, or what the configuration says; the password may come from its password_file. NULL with an
 * error printed, and in *code what to exit with: CTL_UNREACHABLE when the database did not answer.
 */
PGconn *database_connect(const struct ctl_options *options, enum ctl_exit *code);
/* The highest version applied, 0 for a database without schema, -1 with an error printed. */
int database_version(PGconn *connection);
/* The version that this program knows; migrate.c. */
int database_newest(void);
/* What check_server.sql answers, to be cleared; and a column of it, empty when there is no answer;
 * migrate.c. */
PGresult *database_server(PGconn *connection);
const char *database_server_says(const PGresult *server, const char *column);
