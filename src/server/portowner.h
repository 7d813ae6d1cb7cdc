/* Who has a port, for the message that says so. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Calls for the inode of each socket that has the port, on any address; false as soon as a call
 * says so. */
bool port_holders(uint16_t port, bool udp, bool (*good)(uint64_t inode, void *arg), void *arg);
/* "812 (kamailio)"; false when /proc does not tell (another user's process, no /proc). */
bool port_owner(uint16_t port, bool udp, char *owner, size_t cap);
