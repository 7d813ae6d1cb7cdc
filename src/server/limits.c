/*
 * Token buckets as one number each (GCRA): the time at which the bucket would be full again. A
 * request is within the rate when that time is less than a burst ahead. Entries lie in tables of
 * fixed size; when one is full, the entry that was seen longest ago is used again, which forgets a
 * source that was idle, or, in a flood from more sources than entries, makes the limit milder.
 * Their memory is touched as sources come.
 */
#include "server/limits.h"

#include <stdlib.h>

#include "base/chain.h"
#include "base/list.h"
#include "base/table.h"

struct entry_key {
	struct ip source;
	bool forgeable; /* of datagrams */
	unsigned aor;	/* keyed hash; two addresses that share one share an allowance, no more */
};

struct entry {
	struct chain_link chain;
	struct list seen; /* least recently seen first */
	struct entry_key key;
	double full_ms; /* when the bucket is full again */
	uint32_t connections;
	uint64_t mark; /* of this use of the entry, no other has it */
};

struct table {
	struct chains chains;
	struct entry *entries;
	size_t entry_count;
	size_t used; /* from here on nobody has touched them */
	uint64_t marks;
	struct list seen;
};

struct limits {
	struct limits_settings settings;
	struct ip_prefix *exempt;
	struct table sources;
	struct table aors;
	struct table connections;
	const struct bans *bans; /* NULL: none, nor failures */
	struct failures *failures;
};

static bool
table_open(struct table *table, size_t entries)
{
	list_init(&table->seen);
	table->entries = calloc(entries, sizeof(*table->entries));
	table->entry_count = entries;
	return chains_open(&table->chains, entries) && table->entries != NULL;
}

static void
table_close(struct table *table)
{
	free(table->entries);
	chains_close(&table->chains);
}

/* struct ip has octets that mean nothing for IPv4: hash those that do. */
static unsigned
hash_of(const struct entry_key *key)
{
	struct {
		unsigned aor;
		unsigned forgeable;
		uint8_t octets[16];
	} hashed = { .aor = key->aor, .forgeable = key->forgeable };
	memcpy(hashed.octets, key->source.octets, key->source.family == 4 ? 4 : 16);
	return table_hash(&hashed, sizeof(hashed));
}

static struct entry *
table_find(const struct table *table, const struct entry_key *key)
{
	chain_each (link, &table->chains, hash_of(key)) {
		struct entry *entry = container_of(link, struct entry, chain);
		if (entry->key.aor == key->aor && entry->key.forgeable == key->forgeable &&
		    ip_equal(&entry->key.source, &key->source))
			return entry;
	}
	return NULL;
}

/* One that was never used, or the one that was seen longest ago. */
static struct entry *
spare_entry(struct table *table)
{
	if (table->used == table->entry_count)
		return container_of(list_first(&table->seen), struct entry, seen);
	struct entry *entry = &table->entries[table->used++];
	list_init(&entry->seen);
	return entry;
}

/* The entry of the key, that of another one emptied for it if need be. */
static struct entry *
table_get(struct table *table, const struct entry_key *key)
{
	struct entry *entry = table_find(table, key);
	if (entry == NULL) {
		entry = spare_entry(table);
		chain_remove(&entry->chain);
		entry->key = *key;
		entry->full_ms = 0;
		entry->connections = 0;
		entry->mark = ++table->marks;
		chain_add(&table->chains, hash_of(key), &entry->chain);
	}
	list_remove(&entry->seen);
	list_append(&table->seen, &entry->seen);
	return entry;
}

static void
table_empty(struct table *table)
{
	list_each (node, &table->seen) {
		struct entry *entry = container_of(node, struct entry, seen);
		chain_remove(&entry->chain);
		entry->connections = 0;
	}
}

static void
copy_exempt(struct limits *limits, const struct limits_settings *settings)
{
	struct ip_prefix *copy = calloc(settings->exempt_count + 1, sizeof(*copy));
	if (copy == NULL)
		return;
	if (settings->exempt_count > 0)
		memcpy(copy, settings->exempt, settings->exempt_count * sizeof(*copy));
	free(limits->exempt);
	limits->exempt = copy;
	limits->settings.exempt_count = settings->exempt_count;
}

struct limits *
limits_open(const struct limits_settings *settings)
{
	struct limits *limits = calloc(1, sizeof(*limits));
	if (limits == NULL)
		return NULL;
	size_t entries = settings->table_entries == 0 ? 1 : settings->table_entries;
	bool ok = table_open(&limits->sources, entries);
	ok = table_open(&limits->aors, entries) && ok;
	ok = table_open(&limits->connections, entries) && ok;
	if (!ok) {
		limits_close(limits);
		return NULL;
	}
	limits->settings.ipv6_prefix = settings->ipv6_prefix;
	limits_configure(limits, settings);
	return limits;
}

void
limits_configure(struct limits *limits, const struct limits_settings *settings)
{
	/* Counts under another prefix length would never be found again: they start anew. */
	if (limits->settings.ipv6_prefix != settings->ipv6_prefix)
		table_empty(&limits->connections);
	limits->settings.ip_per_second = settings->ip_per_second;
	limits->settings.ip_burst = settings->ip_burst;
	limits->settings.aor_per_second = settings->aor_per_second;
	limits->settings.connections_per_ip = settings->connections_per_ip;
	limits->settings.ipv6_prefix = settings->ipv6_prefix;
	copy_exempt(limits, settings);
}

void
limits_close(struct limits *limits)
{
	table_close(&limits->connections);
	table_close(&limits->aors);
	table_close(&limits->sources);
	free(limits->exempt);
	free(limits);
}

bool
limits_exempt(const struct limits *limits, const struct ip *source)
{
	struct ip ip = ip_unmapped(*source);
	for (size_t i = 0; i < limits->settings.exempt_count; i++)
		if (ip_prefix_contains(&limits->exempt[i], &ip))
			return true;
	return false;
}

struct ip
limits_source(const struct limits *limits, const struct ip *source)
{
	struct ip ip = ip_unmapped(*source);
	return ip.family == 6 ? ip_masked(ip, limits->settings.ipv6_prefix) : ip;
}

/* One token: the bucket will be full one interval later. */
static void
take(struct entry *entry, double per_second, double now_ms)
{
	double full_ms = entry->full_ms > now_ms ? entry->full_ms : now_ms;
	entry->full_ms = full_ms + 1000 / per_second;
}

static bool
any_left(const struct entry *entry, double per_second, double burst, double now_ms)
{
	double interval_ms = 1000 / per_second;
	double full_ms = entry->full_ms > now_ms ? entry->full_ms : now_ms;
	return full_ms + interval_ms <= now_ms + burst * interval_ms;
}

bool
limits_request(struct limits *limits, enum transport transport, const struct ip *source,
	       uint64_t now_ms)
{
	double rate = limits->settings.ip_per_second;
	if (rate <= 0 || limits_exempt(limits, source))
		return true;
	struct entry_key key = { .source = limits_source(limits, source),
				 .forgeable = transport == TRANSPORT_UDP };
	double burst = limits->settings.ip_burst < 1 ? 1 : limits->settings.ip_burst;
	struct entry *entry = table_get(&limits->sources, &key);
	if (!any_left(entry, rate, burst, (double)now_ms))
		return false;
	take(entry, rate, (double)now_ms);
	return true;
}

static struct entry_key
key_of_aor(const struct limits *limits, enum transport transport, struct str aor,
	   const struct ip *source)
{
	return (struct entry_key){ .source = limits_source(limits, source),
				   .forgeable = transport == TRANSPORT_UDP,
				   .aor = table_hash(aor.p, aor.len) };
}

bool
limits_aor_left(const struct limits *limits, enum transport transport, struct str aor,
		const struct ip *source, uint64_t now_ms)
{
	double rate = limits->settings.aor_per_second;
	if (rate <= 0 || limits_exempt(limits, source))
		return true;
	double burst = rate * LIMITS_AOR_BURST_S;
	if (burst < LIMITS_AOR_BURST_MIN)
		burst = LIMITS_AOR_BURST_MIN;
	struct entry_key key = key_of_aor(limits, transport, aor, source);
	const struct entry *entry = table_find(&limits->aors, &key);
	return entry == NULL || any_left(entry, rate, burst, (double)now_ms);
}

void
limits_aor_take(struct limits *limits, enum transport transport, struct str aor,
		const struct ip *source, uint64_t now_ms)
{
	double rate = limits->settings.aor_per_second;
	if (rate <= 0 || limits_exempt(limits, source))
		return;
	struct entry_key key = key_of_aor(limits, transport, aor, source);
	take(table_get(&limits->aors, &key), rate, (double)now_ms);
}

bool
limits_connection(struct limits *limits, const struct ip *source, uint64_t *mark)
{
	uint32_t most = limits->settings.connections_per_ip;
	*mark = 0;
	if (most == 0 || limits_exempt(limits, source))
		return true;
	struct entry_key key = { .source = limits_source(limits, source) };
	struct entry *entry = table_get(&limits->connections, &key);
	if (entry->connections >= most)
		return false;
	entry->connections++;
	*mark = entry->mark;
	return true;
}

/* One that was not counted (its source was exempt then, or there was no limit), or in an entry that
 * was used again since, takes nothing from those that came later. */
void
limits_connection_closed(struct limits *limits, const struct ip *source, uint64_t mark)
{
	struct entry_key key = { .source = limits_source(limits, source) };
	struct entry *entry = table_find(&limits->connections, &key);
	if (entry != NULL && entry->mark == mark)
		entry->connections--;
}

/* --- bans -------------------------------------------------------------------------------- */

void
limits_use_bans(struct limits *limits, const struct bans *bans, struct failures *failures)
{
	limits->bans = bans;
	limits->failures = failures;
}

bool
limits_banned(const struct limits *limits, enum transport transport, const struct ip *source,
	      uint64_t now_ms)
{
	return limits->bans != NULL &&
	       bans_match(limits->bans, source, transport == TRANSPORT_UDP, now_ms) &&
	       !limits_exempt(limits, source);
}

/* A stale nonce is no failure, whatever made it so: the phone is told to try again, and no
 * password was tried (D-09). */
static bool
is_failure(enum reason reason)
{
	switch (reason) {
	case REASON_UNKNOWN_USER:
	case REASON_BAD_PASSWORD:
	case REASON_USER_DISABLED:
	case REASON_ALGORITHM_MISMATCH:
	case REASON_REALM_MISMATCH:
	case REASON_URI_MISMATCH:
	case REASON_IDENTITY_MISMATCH:
		return true;
	default:
		return false;
	}
}

bool
limits_failure(const struct limits *limits, enum transport transport, const struct ip *source,
	       enum reason reason)
{
	if (limits->failures == NULL || transport == TRANSPORT_UDP || !is_failure(reason) ||
	    limits_exempt(limits, source))
		return false;
	struct failure failure = { .source = limits_source(limits, source), .reason = reason };
	if (!failures_report(limits->failures, &failure))
		stats->failures_lost++;
	return true;
}
