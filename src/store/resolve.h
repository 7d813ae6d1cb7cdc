/* Host names of the database into addresses, before each connect and inside the loop: libpq would
 * block. */
#pragma once

#include <ares.h>
#include <stdbool.h>

#include "base/str.h"
#include "base/writer.h"
#include "net/loop.h"
#include "net/timer.h"

#define RESOLVE_HOSTS_MAX 8
#define RESOLVE_ADDRESSES_MAX 16 /* of all hosts together; further ones are left out */
#define RESOLVE_SOCKETS_MAX 8

struct resolve_host {
	struct resolve *resolve;
	char name[256];
	char port[8];
	bool pending;
	const char *failure; /* NULL: none */
	uint32_t address_count;
	char addresses[RESOLVE_ADDRESSES_MAX][46];
};

struct resolve_socket {
	struct watch watch;
	struct resolve *resolve;
};

struct resolve {
	struct loop *loop;
	/* From the loop or, when there is nothing to ask for, from inside resolve_start(). */
	void (*done)(struct resolve *resolve);
	ares_channel channel; /* NULL: no question is open */
	struct timer timer;
	uint64_t apart_ms; /* when each family is asked for by itself */
	bool asked_apart;
	struct resolve_socket sockets[RESOLVE_SOCKETS_MAX];
	struct resolve_host hosts[RESOLVE_HOSTS_MAX];
	uint32_t host_count;
};

void resolve_init(struct resolve *resolve, struct loop *loop,
		  void (*done)(struct resolve *resolve));
/* As libpq has them: comma lists; paths and addresses are left as they are, and a host with one in
 * addresses (hostaddr) has that. What is not answered after apart_ms is asked again for one family
 * at a time. */
void resolve_start(struct resolve *resolve, struct str hosts, struct str addresses,
		   struct str ports, uint64_t apart_ms);
/* Time is up: ends with the hosts that are known. False, and nothing happens, when none is. */
bool resolve_hurry(struct resolve *resolve);
/* done() is not called any more. */
void resolve_cancel(struct resolve *resolve);

/* The lists that libpq wants, one entry an address, beginning with the rotation-th. */
struct resolved {
	char hosts[RESOLVE_ADDRESSES_MAX * 256];
	char addresses[RESOLVE_ADDRESSES_MAX * 46];
	char ports[RESOLVE_ADDRESSES_MAX * 8];
};
/* False when no host has an address; failure says why, name by name. */
bool resolve_result(const struct resolve *resolve, uint32_t rotation, struct resolved *resolved,
		    char *failure, size_t failure_cap);
/* Writes nothing about a host that is known. */
void resolve_write_failure(const struct resolve_host *host, struct writer *w);
/* The name that was asked for and has this address; NULL: none. */
const char *resolve_name(const struct resolve *resolve, struct str address);
