/* The admin API as a client sees it: one request, one JSON document. */
#pragma once

#include "base/writer.h"
#include "ctl.h"

/* What stands behind /api/v1/, percent-encoded piece by piece. */
struct client_path {
	struct writer writer;
	char text[8192];
};
void client_path_start(struct client_path *path, const char *fixed);
/* "/" and the segment */
void client_path_segment(struct client_path *path, const char *segment);
/* Nothing for NULL. */
void client_path_argument(struct client_path *path, const char *name, const char *value);

/*
 * body (may be NULL) stays the caller's. *answer is NULL for an empty answer; a problem document is
 * printed with its hint and becomes the exit code.
 */
enum ctl_exit client_call(const struct ctl_options *options, const char *method,
			  const struct client_path *path, json_t *body, json_t **answer);

/* last_log.c: the last line that the unit rollcalld wrote to the journal, fit for a terminal; false
 * without a journal or without a line. */
#define LAST_LOG_BYTES 400
bool last_log(char line[static LAST_LOG_BYTES]);

/* "rollcall.conf:12: error: …" for one of the errors of a configuration that was refused. */
void client_print_error(FILE *out, json_t *error);

/* USER of the command line ("alice@example.com", "sip:alice@example.com", "alice" when one domain
 * is served) as "user@domain", malloc'd; errors are printed. */
enum ctl_exit client_user(const struct ctl_options *options, char **user);
/* The path "FIXED/USER" of the first argument. */
enum ctl_exit client_user_path(const struct ctl_options *options, const char *fixed,
			       struct client_path *path);
/* A call of just that path. */
enum ctl_exit client_user_call(const struct ctl_options *options, const char *method,
			       const char *fixed, json_t *body, json_t **answer);
