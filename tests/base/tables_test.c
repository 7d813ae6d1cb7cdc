/* The tables of base: reasons, counters, and hash tables that survive a lack of memory. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static long allocations_left = -1;

static void *
counted_malloc(size_t size)
{
	if (allocations_left == 0)
		return NULL;
	if (allocations_left > 0)
		allocations_left--;
	return malloc(size);
}
#define uthash_malloc(size) counted_malloc(size)

#include "base/chain.h"
#include "base/list.h"
#include "base/node.h"
#include "base/reason.h"
#include "base/stats.h"
#include "base/table.h"
#include "support/check_main.h"

START_TEST(reasons_have_words_and_texts)
{
	for (unsigned i = 0; i < REASON_COUNT; i++) {
		struct str word = str_of(reason_word((enum reason)i));
		ck_assert_uint_gt(word.len, 0);
		ck_assert_uint_eq(reason_from_word(word), i);
		ck_assert_uint_gt(strlen(reason_text((enum reason)i)), 10);
		for (size_t c = 0; c < word.len; c++)
			ck_assert(word.p[c] == '_' || (word.p[c] >= 'a' && word.p[c] <= 'z'));
	}
	ck_assert_uint_eq(reason_from_word(STR("no_such_reason")), REASON_NONE);
	ck_assert_uint_eq(reason_from_word(STR("Registered")), REASON_NONE);
	ck_assert_uint_eq(reason_from_word(STR("")), REASON_NONE);
}
END_TEST

struct seen {
	size_t count;
	uint64_t sum;
};

static void
see(const char *name, const char *help, uint64_t value, void *arg)
{
	struct seen *seen = arg;
	ck_assert_uint_gt(strlen(name), 0);
	ck_assert_uint_gt(strlen(help), 0);
	seen->count++;
	seen->sum += value;
}

START_TEST(counters_add_up)
{
	struct stats one = { 0 }, sum = { 0 };
	one.sip_requests[METHOD_OPTIONS] = 3;
	one.keepalives = 4;
	one.outcomes[REASON_CONNECTION_LIMIT][TRANSPORT_TLS] = 5;
	one.loop_turn_ms = 1000; /* a time: two of them have no sum */
	stats_add(&sum, &one);
	stats_add(&sum, &one);
	ck_assert_uint_eq(sum.sip_requests[METHOD_OPTIONS], 6);
	ck_assert_uint_eq(sum.loop_turn_ms, 0);
	ck_assert_uint_eq(sum.outcomes[REASON_CONNECTION_LIMIT][TRANSPORT_TLS], 10);
	struct seen seen = { 0 };
	stats_each(&sum, see, &seen);
	ck_assert_uint_eq(seen.sum, 14);
	ck_assert_uint_gt(seen.count, offsetof(struct stats, outcomes) / sizeof(uint64_t));
	ck_assert_str_eq(transport_word(TRANSPORT_UDP), "udp");
	ck_assert_str_eq(transport_word(TRANSPORT_TCP), "tcp");
	ck_assert_str_eq(transport_word(TRANSPORT_TLS), "tls");
}
END_TEST

START_TEST(a_dead_process_has_nothing_live)
{
	struct stats page = { .connections_opened = { 0, 2, 7 } };
	page.connections_closed[TRANSPORT_TLS][CLOSE_PEER] = 4;
	page.connections_live[TRANSPORT_TCP] = 2;
	page.connections_live[TRANSPORT_TLS] = 3;
	page.requests_live = page.transactions_live = page.ready = 2;
	page.db_lanes[LINK_UP] = 2;
	page.keepalives = 7;
	stats_bury(&page);
	ck_assert_uint_eq(STATS_SUM(page.connections_live) + STATS_SUM(page.db_lanes), 0);
	ck_assert_uint_eq(page.requests_live + page.transactions_live + page.ready, 0);
	ck_assert_uint_eq(STATS_SUM(page.connections_closed), STATS_SUM(page.connections_opened));
	ck_assert_uint_eq(page.connections_closed[TRANSPORT_TLS][CLOSE_PROCESS_DIED], 3);
	ck_assert_uint_eq(page.keepalives, 7);
}
END_TEST

START_TEST(histograms_find_their_bucket)
{
	struct histogram h = { 0 };
	const uint64_t values[] = { 0, 1000, 1001, 2500, 4999999, 5000000, 5000001, UINT32_MAX };
	const unsigned buckets[] = { 0, 0, 1, 1, 11, 11, 12, 12 };
	unsigned count;
	const uint64_t *bounds = stats_bounds(STATS_TIMES, &count);
	ck_assert_uint_eq(count, 12);
	ck_assert_uint_eq(bounds[count - 1], 5000000);
	for (unsigned i = 0; i < sizeof(values) / sizeof(*values); i++) {
		uint64_t before = h.buckets[buckets[i]], sum = h.sum;
		histogram_add(&h, STATS_TIMES, values[i]);
		ck_assert_uint_eq(h.buckets[buckets[i]], before + 1);
		ck_assert_uint_eq(h.sum, sum + values[i]);
	}
	for (enum stats_bounds all = STATS_TIMES; all <= STATS_COUNTS; all++) {
		bounds = stats_bounds(all, &count);
		ck_assert_uint_lt(count, STATS_BUCKETS);
		for (unsigned i = 1; i < count; i++)
			ck_assert_uint_gt(bounds[i], bounds[i - 1]);
	}
}
END_TEST

START_TEST(quantiles_are_estimated)
{
	struct histogram h = { 0 };
	ck_assert(histogram_quantile(&h, STATS_TIMES, 0.5) == 0);
	h.buckets[1] = 100; /* 1 to 2.5 ms */
	ck_assert(histogram_quantile(&h, STATS_TIMES, 0.5) == 1750);
	ck_assert(histogram_quantile(&h, STATS_TIMES, 1) == 2500);
	h.buckets[0] = 100;
	ck_assert(histogram_quantile(&h, STATS_TIMES, 0.5) == 1000);
	h.buckets[12] = 1000; /* beyond the last bound nothing is known but the bound */
	ck_assert(histogram_quantile(&h, STATS_TIMES, 0.99) == 5000000);
}
END_TEST

/* The exposition goes through them blindly. */
START_TEST(families_have_names_labels_and_room)
{
	for (size_t i = 0; i < stats_family_count; i++) {
		const struct stats_family *family = &stats_families[i];
		size_t numbers = 1;
		for (size_t k = 0; k < i; k++)
			ck_assert_str_ne(family->name, stats_families[k].name);
		ck_assert_uint_gt(strlen(family->help), 5);
		for (unsigned k = 0; k < 3; k++)
			numbers *= stats_label_count(family->labels[k]);
		size_t size = family->type == STATS_HISTOGRAM ? sizeof(struct histogram)
							      : sizeof(uint64_t);
		ck_assert_uint_le(family->offset + numbers * size,
				  offsetof(struct stats, loop_turn_ms));
		size_t len = strlen(family->name);
		bool total = len > 6 && strcmp(family->name + len - 6, "_total") == 0;
		ck_assert_int_eq(total, family->type == STATS_COUNTER);
	}
	for (enum stats_label label = STATS_LABEL_TRANSPORT; label <= STATS_LABEL_OUTCOME; label++)
		for (unsigned index = 0; index < stats_label_count(label); index++)
			ck_assert_uint_gt(strlen(stats_label_word(label, index)), 0);
}
END_TEST

START_TEST(statuses_and_sqlstates_have_places)
{
	ck_assert_int_eq(stats_sip_code(423), SIP_CODE_423);
	ck_assert_int_eq(stats_sip_code(999), SIP_CODE_500);
	ck_assert_int_eq(stats_http_code(204), HTTP_CODE_204);
	ck_assert_int_eq(stats_http_code(0), HTTP_CODE_500);
	ck_assert_int_eq(stats_sql_class("40P01"), SQL_CLASS_40);
	ck_assert_int_eq(stats_sql_class("XX000"), SQL_CLASS_XX);
	ck_assert_int_eq(stats_sql_class("lost"), SQL_CLASS_OTHER);
	ck_assert_int_eq(stats_sql_class(""), SQL_CLASS_OTHER);
}
END_TEST

START_TEST(domains_keep_their_numbers)
{
	struct node_memory memory;
	char name[300];
	ck_assert(node_memory_map(&memory, 2));
	struct node_domains *domains = &memory.node->domains;
	node_domain_add(domains, "example.com");
	node_domain_add(domains, "example.net");
	node_domain_add(domains, "example.com");
	ck_assert_uint_eq(node_domain_find(domains, "example.com"), 1);
	ck_assert_uint_eq(node_domain_find(domains, "example.net"), 2);
	ck_assert_uint_eq(node_domain_find(domains, "example.org"), DOMAIN_OTHER);
	node_domain_add(domains, "other"); /* would be the label of all the others */
	ck_assert_uint_eq(domains->count, 3);
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	node_domain_add(domains, name);
	ck_assert_uint_eq(node_domain_find(domains, name), DOMAIN_OTHER);
	for (unsigned i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "d%u.example", i);
		node_domain_add(domains, name);
	}
	ck_assert_uint_eq(domains->count, DOMAIN_COUNT);
	ck_assert_uint_eq(node_domain_find(domains, "d61.example"), DOMAIN_COUNT - 1);
	ck_assert_uint_eq(node_domain_find(domains, "d62.example"), DOMAIN_OTHER);
	ck_assert_ptr_eq(node_admin_page(&memory), &memory.pages[2]);
	ck_assert_ptr_eq(node_master_page(&memory), &memory.pages[3]);
	ck_assert_uint_eq(memory.page_count, 4);
}
END_TEST

START_TEST(pages_are_shared_with_children)
{
	stats->keepalives++; /* of the page that is left */
	struct stats *pages = stats_map(2);
	ck_assert_ptr_nonnull(pages);
	ck_assert_uint_eq(pages[1].keepalives, 0);
	pid_t child = fork();
	ck_assert_int_ge(child, 0);
	if (child == 0) {
		stats_use(&pages[1]);
		stats->keepalives += 7;
		_exit(0);
	}
	ck_assert_int_eq(waitpid(child, NULL, 0), child);
	ck_assert_uint_eq(pages[1].keepalives, 7);
	ck_assert_uint_eq(pages[0].keepalives, 0);
	ck_assert_int_eq(munmap(pages, 2 * sizeof(*pages)), 0);
}
END_TEST

struct entry {
	int key;
	UT_hash_handle hh;
};

START_TEST(tables_find_what_they_hold)
{
	struct entry entries[1000], *table = NULL, *found;
	table_seed();
	for (int i = 0; i < 1000; i++) {
		entries[i].key = i;
		HASH_ADD_INT(table, key, &entries[i]);
	}
	for (int i = 0; i < 1000; i++) {
		HASH_FIND_INT(table, &i, found);
		ck_assert_ptr_eq(found, &entries[i]);
	}
	int absent = 1000;
	HASH_FIND_INT(table, &absent, found);
	ck_assert_ptr_null(found);
	HASH_CLEAR(hh, table);
}
END_TEST

START_TEST(the_secret_decides_the_hash)
{
	table_seed();
	unsigned before = table_hash("alice", 5);
	ck_assert_uint_eq(table_hash("alice", 5), before);
	ck_assert_uint_ne(table_hash("alicf", 5), before);
	/* 32 bits may meet once by chance, not three times. */
	unsigned same = 0;
	for (int i = 0; i < 3; i++) {
		table_seed();
		same += table_hash("alice", 5) == before;
	}
	ck_assert_uint_lt(same, 3);
}
END_TEST

START_TEST(no_memory_leaves_the_element_out)
{
	struct entry entries[2000], *table = NULL;
	unsigned refused = 0, held = 0;
	table_seed();
	for (long left = 0; left < 4; left++) {
		table = NULL;
		held = refused = 0;
		allocations_left = left;
		for (int i = 0; i < 2000; i++) {
			entries[i].key = i;
			HASH_ADD_INT(table, key, &entries[i]);
			if (entries[i].hh.tbl == NULL)
				refused++;
			else
				held++;
		}
		allocations_left = -1;
		ck_assert_uint_eq(HASH_COUNT(table), held);
		ck_assert_uint_eq(held + refused, 2000);
		ck_assert(left >= 2 || refused == 2000);
		HASH_CLEAR(hh, table);
	}
}
END_TEST

struct chained {
	struct chain_link link;
	size_t hash;
};

/* "2 0" for the elements of that hash, newest first. */
static const char *
in_chain(const struct chains *chains, size_t hash, const struct chained *elements)
{
	static char text[64];
	text[0] = '\0';
	chain_each (link, chains, hash) {
		const struct chained *c = container_of(link, struct chained, link);
		if (c->hash == hash)
			snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%td",
				 text[0] == '\0' ? "" : " ", c - elements);
	}
	return text;
}

START_TEST(chains_hold_what_was_added)
{
	struct chains chains;
	struct chained elements[5] = {
		{ .hash = 3 }, { .hash = 19 }, { .hash = 3 }, { .hash = 4 }, { .hash = 0 }
	};
	ck_assert(chains_open(&chains, 5));
	ck_assert_uint_eq(chains.mask, 15); /* so that 3 and 19 share a chain */
	for (size_t i = 0; i < 4; i++)
		chain_add(&chains, elements[i].hash, &elements[i].link);
	ck_assert_str_eq(in_chain(&chains, 3, elements), "2 0");
	ck_assert_str_eq(in_chain(&chains, 19, elements), "1");
	ck_assert_str_eq(in_chain(&chains, 5, elements), "");
	chain_remove(&elements[1].link); /* between two */
	ck_assert_str_eq(in_chain(&chains, 3, elements), "2 0");
	chain_remove(&elements[2].link); /* first */
	chain_remove(&elements[2].link); /* in none */
	chain_remove(&elements[4].link); /* never in one */
	ck_assert_str_eq(in_chain(&chains, 3, elements), "0");
	chain_add(&chains, 3, &elements[2].link);
	chain_remove(&elements[0].link); /* last */
	ck_assert_str_eq(in_chain(&chains, 3, elements), "2");
	chain_remove(&elements[2].link);
	ck_assert_ptr_null(chain_first(&chains, 3));
	ck_assert_str_eq(in_chain(&chains, 4, elements), "3");
	chains_close(&chains);
}
END_TEST

START_TEST(there_are_chains_for_all)
{
	struct chains chains;
	ck_assert(chains_open(&chains, 1025));
	ck_assert_uint_eq(chains.mask, 2047);
	chains_close(&chains);
	chains_close(&chains);
}
END_TEST

SUITE(tables, reasons_have_words_and_texts, counters_add_up, a_dead_process_has_nothing_live,
      histograms_find_their_bucket, quantiles_are_estimated, families_have_names_labels_and_room,
      statuses_and_sqlstates_have_places, domains_keep_their_numbers,
      pages_are_shared_with_children, tables_find_what_they_hold, the_secret_decides_the_hash,
      no_memory_leaves_the_element_out, chains_hold_what_was_added, there_are_chains_for_all)
