/*
 * The HTTP side: admin API on the Unix socket and on loopback TCP, probes on the health listeners.
 * Three libmicrohttpd daemons without threads, driven by the loop of the admin process.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "admin/command.h"
#include "base/node.h"
#include "config/config.h"
#include "net/loop.h"
#include "store/store.h"

struct admin;

struct admin_settings {
	const struct config *config; /* lives until admin_configure() gave another one */
	const struct policy *policy; /* the same */
	struct store *store;
	const struct node_memory *memory;
	int socket_fd; /* bound and listening Unix socket, -1: none */
	int listen_fd; /* TCP on loopback, -1: none */
	const int *health_fds;
	size_t health_count;
	/* Sends a command to the master; false when it does not take it. The report comes with the
	 * same id, later, through admin_report(). */
	bool (*ask)(void *arg, uint32_t id, const struct command *command);
	void *ask_arg;
};

/* NULL with a sentence in error. The descriptors stay the caller's. */
struct admin *admin_open(struct loop *loop, const struct admin_settings *settings, char *error,
			 size_t error_cap);
/* A reload: tokens are read again, limits and policies follow. */
void admin_configure(struct admin *admin, const struct config *config, const struct policy *policy);
/* Before admin_configure(): tells what is wrong with admin.tokens_file, and what comes of that
 * (otherwise), or nothing. */
void admin_tokens_judge(const struct config *config, const char *otherwise,
			void (*warn)(const char *sentence, void *arg), void *arg);
/* What became of a command; memo is a descriptor (base/memo.h) that is closed here, -1: none. */
void admin_report(struct admin *admin, uint32_t id, enum command_outcome outcome, int memo);
/* The certificates that are served now (server NULL: none), and why files cannot be used, if any:
 * then without a server those told before go on. What is needed is copied. False without memory for
 * it: the same. */
struct tls_server;
bool admin_certificates(struct admin *admin, const struct tls_server *server, const char *trouble);
/* The node ends on purpose: says so to the other nodes, and then left(), soon also without a
 * database. Bans and requests go on meanwhile. */
void admin_leave(struct admin *admin, void (*left)(void *arg), void *arg);
/* After store_close(), which completes what requests are waiting for. */
void admin_close(struct admin *admin);
