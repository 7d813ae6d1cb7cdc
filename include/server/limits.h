/*
 * Rates a source (by prefix for IPv6) and an address-of-record, connections a source; bounded
 * tables, exempt prefixes; bans. Over a limit the source is slowed, after many failures banned; no
 * user is ever locked (SEC-26.3.2.4-1): what anybody can forge takes nothing from whom he names
 * (decision 0032).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bans.h"
#include "base/ip.h"
#include "base/stats.h"
#include "base/str.h"

/* An address-of-record may at rest do so many seconds' worth at once, and never less than 10. */
#define LIMITS_AOR_BURST_S 10
#define LIMITS_AOR_BURST_MIN 10

struct limits;

struct limits_settings {
	double ip_per_second; /* 0: no limit; so are the others */
	double ip_burst;
	double aor_per_second;
	uint32_t connections_per_ip;
	uint8_t ipv6_prefix;
	const struct ip_prefix *exempt; /* copied */
	size_t exempt_count;
	size_t table_entries; /* bound on each table; the least recently seen goes first */
};

/* NULL when memory is out. */
struct limits *limits_open(const struct limits_settings *settings);
/* table_entries stays as it was opened. When memory is out the old exempt list stays. */
void limits_configure(struct limits *limits, const struct limits_settings *settings);
void limits_close(struct limits *limits);
/* The bans of the node, and where this worker reports to whoever makes them. Without it nobody is
 * banned. */
void limits_use_bans(struct limits *limits, const struct bans *bans, struct failures *failures);

bool limits_exempt(const struct limits *limits, const struct ip *source);
/* The address that counts for a source: masked for IPv6. */
struct ip limits_source(const struct limits *limits, const struct ip *source);
/* False: over the rate, drop or close. Datagrams have an allowance of their own, for anybody can
 * write them: they use up nothing of what the same source may do over a stream. */
bool limits_request(struct limits *limits, enum transport transport, const struct ip *source,
		    uint64_t now_ms);
/*
 * False: 503. Counted for each pair of address-of-record and source, datagrams by themselves.
 * Whether there is any left is asked before the database is; taken is it when the password was
 * right and something is changed or shown, so guesses use up nothing of the owner's, wherever they
 * say that they come from, and copies of his own datagrams nothing of his connections.
 */
bool limits_aor_left(const struct limits *limits, enum transport transport, struct str aor,
		     const struct ip *source, uint64_t now_ms);
void limits_aor_take(struct limits *limits, enum transport transport, struct str aor,
		     const struct ip *source, uint64_t now_ms);
/* False: the source has its connections already. limits_connection_closed() for each that was
 * allowed, with the mark that tells where it was counted, if at all. */
bool limits_connection(struct limits *limits, const struct ip *source, uint64_t *mark);
void limits_connection_closed(struct limits *limits, const struct ip *source, uint64_t mark);
/* True: silence. What anybody can put on a datagram proves nothing, so automatic bans are for
 * streams alone, in both directions; those of an operator are for all. */
bool limits_banned(const struct limits *limits, enum transport transport, const struct ip *source,
		   uint64_t now_ms);
/* A log-in of the source has failed: true where that counts, for the transport proves the source.
 */
bool limits_failure(const struct limits *limits, enum transport transport, const struct ip *source,
		    enum reason reason);
