/* The admin API as a client sees it: one request, one JSON document. */
#pragma once

#include "ctl.h"

/*
 * path is behind /api/v1/, percent-encoded where need be; body (may be NULL) stays the caller's.
 * *answer is NULL for an empty answer; a problem document is printed with its hint and becomes the
 * exit code.
 */
enum ctl_exit client_call(const struct ctl_options *options, const char *method, const char *path,
			  json_t *body, json_t **answer);
/* Into a path segment or argument; out has room for 3 * len + 1. */
void client_escape(char *out, const char *text);
/*
 * USER of the command line ("alice@example.com", "sip:alice@example.com", "alice" when one domain
 * is served) as a path segment. False with an error printed.
 */
bool client_user(const struct ctl_options *options, const char *user, char *segment, size_t cap);
