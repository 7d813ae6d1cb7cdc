/*
 * What happened lately, for status and for worker_busy_ratio: once a second the few numbers it
 * takes are kept, and what is shown is their difference over the last ten seconds.
 */
#include <string.h>

#include "admin_internal.h"

#define SAMPLE_MS 1000u

/* The statements that a phone waits for. */
static const enum stats_sql request_sql[] = { SQL_LOOKUP, SQL_LOOKUP_ONE, SQL_COMMIT,
					      SQL_COMMIT_ONE };

static void
sample(struct admin *admin)
{
	struct recent *recent = &admin->recent;
	const struct node_memory *memory = admin->memory;
	struct recent_sample *now = &recent->ring[recent->taken++ % RECENT_SAMPLES];
	memset(now, 0, sizeof(*now));
	now->at_us = loop_now_us(admin->loop);
	for (uint32_t i = 0; i < memory->node->worker_count; i++) {
		const struct stats *page = &memory->pages[i];
		now->busy_us[i] = page->loop_busy_us;
		for (unsigned outcome = 0; outcome < OUTCOME_COUNT; outcome++) {
			const struct histogram *took = &page->registration_duration[outcome];
			now->registers[outcome] += STATS_SUM(took->buckets);
		}
		for (unsigned k = 0; k < STATS_BUCKETS; k++) {
			now->took[k] += page->registration_duration[OUTCOME_OK].buckets[k];
			for (unsigned s = 0; s < sizeof(request_sql) / sizeof(*request_sql); s++)
				now->asked[k] += page->db_query_duration[request_sql[s]].buckets[k];
		}
	}
}

static void
sample_due(struct timer *timer)
{
	struct admin *admin = container_of(timer, struct admin, recent.timer);
	sample(admin);
	timer_start(admin->loop, timer, SAMPLE_MS, sample_due);
}

void
recent_start(struct admin *admin)
{
	sample_due(&admin->recent.timer);
}

void
recent_stop(struct admin *admin)
{
	timer_stop(&admin->recent.timer);
}

/* The newest and the oldest that is kept; false while there is only one. */
static bool
ends(const struct recent *recent, const struct recent_sample **old,
     const struct recent_sample **new)
{
	if (recent->taken < 2)
		return false;
	uint64_t first = recent->taken < RECENT_SAMPLES ? 0 : recent->taken - RECENT_SAMPLES;
	*old = &recent->ring[first % RECENT_SAMPLES];
	*new = &recent->ring[(recent->taken - 1) % RECENT_SAMPLES];
	return (*new)->at_us > (*old)->at_us;
}

double
recent_busy(const struct admin *admin, uint32_t worker)
{
	const struct recent_sample *old, *new;
	if (!ends(&admin->recent, &old, &new))
		return 0;
	double busy = (double)(new->busy_us[worker] - old->busy_us[worker]);
	double ratio = busy / (double)(new->at_us - old->at_us);
	return ratio > 1 ? 1 : ratio; /* a long turn is noted when it ends */
}

double
recent_busiest(const struct admin *admin)
{
	double busiest = 0;
	for (uint32_t i = 0; i < admin->memory->node->worker_count; i++) {
		double busy = recent_busy(admin, i);
		busiest = busy > busiest ? busy : busiest;
	}
	return busiest;
}

/* No more than was measured: 10, 1000 or 10000 parts of one. */
static json_t *
rounded(double value, unsigned parts)
{
	return json_real((double)(uint64_t)(value * parts + 0.5) / parts);
}

static json_t *
share(uint64_t part, uint64_t all)
{
	return all == 0 ? json_null() : rounded((double)part / (double)all, 10000);
}

static json_t *
quantile_ms(const struct histogram *took, enum stats_bounds bounds, double wanted)
{
	if (STATS_SUM(took->buckets) == 0)
		return json_null();
	return rounded(histogram_quantile(took, bounds, wanted) / 1000, 1000);
}

json_t *
recent_json(const struct admin *admin)
{
	const struct recent_sample *old, *new;
	uint64_t all = 0, part[OUTCOME_COUNT];
	struct histogram took = { 0 }, asked = { 0 };
	if (!ends(&admin->recent, &old, &new))
		return json_null();
	double seconds = (double)(new->at_us - old->at_us) / 1e6;
	for (unsigned outcome = 0; outcome < OUTCOME_COUNT; outcome++) {
		part[outcome] = new->registers[outcome] - old->registers[outcome];
		all += part[outcome];
	}
	for (unsigned i = 0; i < STATS_BUCKETS; i++) {
		took.buckets[i] = new->took[i] - old->took[i];
		asked.buckets[i] = new->asked[i] - old->asked[i];
	}
	return json_pack(
		"{s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "seconds", rounded(seconds, 10),
		"registers_per_second", rounded((double)all / seconds, 10), "ok",
		share(part[OUTCOME_OK], all), "challenged", share(part[OUTCOME_CHALLENGED], all),
		"failed",
		share(part[OUTCOME_FAILED] + part[OUTCOME_REFUSED] + part[OUTCOME_UNAVAILABLE],
		      all),
		"p50_ms", quantile_ms(&took, STATS_TIMES, 0.5), "p99_ms",
		quantile_ms(&took, STATS_TIMES, 0.99), "db_p50_ms",
		quantile_ms(&asked, STATS_SHORT_TIMES, 0.5));
}
