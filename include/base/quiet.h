/*
 * Log lines that strangers can cause at will are held back: one a second for each source and
 * reason, and so many a second of all, because sources can be forged by the million. The next line
 * of the same source and reason says how many it stands for.
 *
 *   uint32_t count = quiet_count(&quiet, &peer.source.ip, reason, now_ms);
 *   if (count > 0 && log_begin(&line, LOG_LEVEL_WARNING, "auth.failed")) {
 *           log_count(&line, count);
 *           ...
 */
#pragma once

#include <stdint.h>

#include "base/ip.h"
#include "base/reason.h"

#define QUIET_SLOTS 1024u
#define QUIET_LINES 20u /* a second */

/* When a line of this source and reason was last written, and how many were held back since. */
struct quiet_slot {
	struct ip source;
	enum reason reason;
	uint64_t second;
	uint32_t held_back;
};

/* Of one kind of event; all zero at first. */
struct quiet {
	struct quiet_slot slots[QUIET_SLOTS];
	uint64_t second; /* that of the last line … */
	uint32_t lines;	 /* … and how many it has seen */
};

/* How many events the line that may be written now stands for; 0: none may. now_ms is monotonic. */
uint32_t quiet_count(struct quiet *quiet, const struct ip *source, enum reason reason,
		     uint64_t now_ms);
