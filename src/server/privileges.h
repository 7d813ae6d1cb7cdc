/* What the daemon may do on its host, settled before it opens anything but its configuration;
 * children inherit it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * Takes what is useful and gives away the rest, for good: as many descriptors as the host allows,
 * no core files, no new privileges, and the identity of user when that is not empty and the process
 * is root: user, group and supplementary groups, with them every capability. False with a sentence
 * in error when that cannot be: no such user, not root and another one, or a call that failed; then
 * the process must end.
 */
bool privileges_settle(const char *user, char *error, size_t cap);

/* Whether the process is root, by its effective user. */
bool privileges_held(void);
