/* Who has a port, for the message that says so. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "812 (kamailio)"; false when /proc does not tell (another user's process, no /proc). */
bool port_owner(uint16_t port, bool udp, char *owner, size_t cap);
