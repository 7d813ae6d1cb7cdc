/*
 * What a supervisor that speaks systemd's protocol is told (sd_notify(3)), by the master alone. All
 * of it is void when nobody asked: without NOTIFY_SOCKET.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID and removes them, so that no child speaks for
 * us. */
void notify_open(void);
/* Phones are served, for the first time or again after a reload. */
void notify_ready(const char *status);
/* notify_ready() follows in any case. */
void notify_reloading(void);
void notify_stopping(const char *status);
/* What happens now, for people. */
void notify_status(const char *status);
/* To be called in every turn; good: the loops turn. Tells again what could not be told, speaks
 * twice in each period of the watchdog, and is silent there while something is wrong. */
void notify_turn(bool good, uint64_t now_ms);
