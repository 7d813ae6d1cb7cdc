/*
 * What the state of the server means for a request that comes now. REGISTER is refused as soon as
 * trying would be in vain, so that a client hears it at once instead of after a timeout; OPTIONS
 * gives the verdict of /readyz, which forgives a database that is away for a while.
 */
#include "readiness.h"

#include "base/clock.h"
#include "base/log.h"
#include "requests.h"

/* The queueing delay that a new request would find: how long the oldest one waits for the store. */
static uint64_t
queueing_delay_ms(const struct requests *all)
{
	struct list *oldest = list_first(&all->in_store);
	if (oldest == NULL)
		return 0;
	return loop_now_ms(all->loop) - container_of(oldest, struct request, link)->asked_ms;
}

static void
note_overload(struct requests *all)
{
	uint64_t delay_ms = queueing_delay_ms(all);
	uint64_t most_ms = all->settings.overload_delay_ms;
	bool now = all->live >= all->settings.max_requests || (most_ms != 0 && delay_ms > most_ms);
	if (now && !all->overloaded)
		log_message(LOG_LEVEL_WARNING, "overload",
			    "requests get 503: %u in flight, the oldest waits %llu ms", all->live,
			    (unsigned long long)delay_ms);
	if (!now && all->overloaded)
		log_message(LOG_LEVEL_NOTICE, "overload", "over");
	all->overloaded = now;
}

static enum reason
registers_refused(const struct requests *all)
{
	if (store_nonce_keys(all->store)->count == 0)
		return REASON_DATABASE_UNAVAILABLE;
	switch (store_state(all->store)) {
	case STORE_UP:
		break;
	case STORE_SILENT:
		return REASON_DATABASE_TIMEOUT;
	case STORE_CONNECTING:
	case STORE_DOWN:
		return REASON_DATABASE_UNAVAILABLE;
	}
	return all->overloaded ? REASON_OVERLOADED : REASON_NONE;
}

static enum reason
options_refused(const struct requests *all)
{
	if (all->draining)
		return REASON_DRAINING;
	bool starting = store_state(all->store) == STORE_CONNECTING ||
			store_nonce_keys(all->store)->count == 0;
	bool gone = store_down_ms(all->store) > all->settings.db_grace_ms;
	if (all->settings.fail_on_database && (starting || gone))
		return REASON_DATABASE_UNAVAILABLE;
	return all->overloaded ? REASON_OVERLOADED : REASON_NONE;
}

struct readiness
readiness_now(struct requests *all)
{
	note_overload(all);
	struct readiness readiness = { .options = options_refused(all),
				       .registers = registers_refused(all) };
	if (readiness.options != REASON_NONE || readiness.registers != REASON_NONE)
		random_bytes(&readiness.random, sizeof(readiness.random));
	return readiness;
}

bool
requests_ready(struct requests *requests)
{
	note_overload(requests);
	return options_refused(requests) == REASON_NONE;
}
