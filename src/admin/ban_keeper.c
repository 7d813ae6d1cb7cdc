/*
 * A tick drains the failures, ends what is over, publishes when something has changed, and talks
 * to the database: unsaved bans are written, and the table is read every two seconds. A read that
 * began before a change of our own is not believed, but repeated; and behind such a change the
 * table is read whole, for it may be again what it was before, when somebody else has undone it.
 */
#include "ban_keeper.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/stats.h"
#include "json.h"
#include "offenders.h"

#define TICK_MS 100u
#define READ_EVERY_MS 2000u
#define WRITE_AGAIN_MS 1000u
#define FAILURES_A_TICK 20000u
#define WRITE_MAX 500u
#define MARK_BYTES 64
#define CIDR_BYTES 64
#define TEXT(number) #number
#define TEXT_OF(number) TEXT(number)

/* In the order of ban_read.sql. */
enum column { MARK, CIDR, ORIGIN, REASON, LEFT_MS };

struct ban_keeper {
	struct loop *loop;
	struct store *store;
	const struct node_memory *memory;
	const struct config *config;
	struct offenders *offenders;
	struct ban_set *set;
	struct ban_set *fresh; /* being read */
	bool changed;	       /* since it was published */
	struct timer tick;
	uint64_t read_ms;  /* the table is due to be read */
	uint64_t write_ms; /* unsaved bans are due to be written */
	uint32_t changes;  /* of our own, to the table */
	uint32_t changes_at_read;
	bool known; /* the table was read once: its bans are no news before */
	bool reading, writing;
	bool taking_back; /* it failed and is to be done again; writing is true */
	bool full_told;
	char mark[MARK_BYTES]; /* of the table as it was read last */
	char *rows;	       /* being written; or what is taken back */
	struct store_query read, write;
};

/* --- the log ----------------------------------------------------------------------------- */

static void
tell(const struct ban_keeper *keeper, const struct ban *ban, const char *what)
{
	struct log_line line;
	if (!log_begin(&line, LOG_LEVEL_NOTICE, "ban"))
		return;
	log_word(&line, "state", what);
	log_word(&line, "origin", ban->manual ? "manual" : "automatic");
	if (ban->reason != REASON_NONE)
		log_word(&line, "reason", reason_word(ban->reason));
	if (ban->until_ms > loop_now_ms(keeper->loop))
		log_number(&line, "left",
			   (int64_t)(ban->until_ms - loop_now_ms(keeper->loop)) / 1000);
	log_prefix(&line, "cidr", &ban->prefix);
	log_end(&line);
}

/* The table was changed by ourselves: what was read last is not what it is now. */
static void
note_change(struct ban_keeper *keeper)
{
	keeper->changes++;
	keeper->mark[0] = '\0';
}

/* --- the set ----------------------------------------------------------------------------- */

static struct ban *
soonest_automatic(struct ban_set *set)
{
	struct ban *soonest = NULL;
	for (uint32_t i = 0; i < set->count; i++)
		if (!set->items[i].manual &&
		    (soonest == NULL || set->items[i].until_ms < soonest->until_ms))
			soonest = &set->items[i];
	return soonest;
}

static void
tell_full(struct ban_keeper *keeper, bool gives_way)
{
	if (!keeper->full_told)
		log_message(LOG_LEVEL_WARNING, "ban", "%d bans are in force, and no more fit: %s",
			    BANS_MAX,
			    gives_way
				    ? "automatic ones that end soonest give way"
				    : "all are manual, and nobody is banned any more; remove some "
				      "with rollcallctl ban remove");
	keeper->full_told = true;
}

/* A full set makes room: what ends soonest goes, which no operator has made. */
static bool
put(struct ban_keeper *keeper, const struct ban *ban)
{
	struct ban_set *set = keeper->set;
	bool known = ban_set_find(set, &ban->prefix) != NULL;
	if (!known && set->count == BANS_MAX) {
		struct ban *out = soonest_automatic(set);
		tell_full(keeper, out != NULL);
		if (out == NULL)
			return false;
		ban_set_remove(set, out);
	}
	keeper->changed = true;
	return ban_set_put(set, ban);
}

static void
end_over(struct ban_keeper *keeper)
{
	uint64_t now_ms = loop_now_ms(keeper->loop);
	struct ban_set *set = keeper->set;
	for (uint32_t i = set->count; i-- > 0;) {
		if (set->items[i].until_ms > now_ms)
			continue;
		tell(keeper, &set->items[i], "over");
		ban_set_remove(set, &set->items[i]);
		keeper->changed = true;
	}
	keeper->full_told = keeper->full_told && set->count > BANS_MAX / 2;
}

static void
publish(struct ban_keeper *keeper)
{
	if (!keeper->changed)
		return;
	keeper->changed = false;
	uint64_t manual = 0;
	for (uint32_t i = 0; i < keeper->set->count; i++)
		manual += keeper->set->items[i].manual;
	stats->banned_prefixes[BANS_MANUAL] = manual;
	stats->banned_prefixes[BANS_AUTOMATIC] = keeper->set->count - manual;
	bans_publish(keeper->memory->bans, keeper->set);
}

/* --- failures ---------------------------------------------------------------------------- */

static bool
exempt(const struct config *config, const struct ip *source)
{
	for (size_t i = 0; i < config->limits.unlimited_count; i++)
		if (ip_prefix_contains(&config->limits.unlimited[i], source))
			return true;
	return false;
}

/* Whoever is banned already may still have had something in flight. */
static void
ban_source(struct ban_keeper *keeper, const struct failure *failure)
{
	uint8_t bits =
		failure->source.family == 4 ? 32 : (uint8_t)keeper->config->limits.ipv6_prefix;
	struct ban ban = {
		.prefix = { .ip = ip_masked(failure->source, bits), .bits = bits },
		.reason = failure->reason,
		.until_ms = loop_now_ms(keeper->loop) + keeper->config->limits.ban_time,
	};
	if (exempt(keeper->config, &failure->source) ||
	    ban_set_find(keeper->set, &ban.prefix) != NULL || !put(keeper, &ban))
		return;
	stats->bans[BANS_AUTOMATIC]++;
	keeper->write_ms = 0;
	tell(keeper, &ban, "begun");
}

static void
drain(struct ban_keeper *keeper)
{
	const struct config *config = keeper->config;
	uint64_t now_ms = loop_now_ms(keeper->loop);
	uint32_t left = FAILURES_A_TICK;
	for (uint32_t i = 0; i < keeper->memory->node->worker_count; i++) {
		struct failures *failures = &keeper->memory->failures[i];
		struct failure failure;
		for (; left > 0 && failures_take(failures, &failure); left--)
			if (config->limits.ban_after != 0 &&
			    offenders_count(keeper->offenders, &failure.source,
					    config->limits.ban_after, config->limits.ban_window,
					    now_ms))
				ban_source(keeper, &failure);
	}
}

/* --- writing to the database ------------------------------------------------------------- */

static json_t *
json_unsaved(const struct ban *ban, uint64_t now_ms)
{
	char text[CIDR_BYTES];
	struct writer w = writer_on(text, sizeof(text));
	ip_prefix_write(&w, &ban->prefix);
	return json_pack("{s:s%,s:s,s:s,s:I}", "cidr", text, w.len, "reason",
			 reason_word(ban->reason), "origin", "automatic", "left_ms",
			 (json_int_t)(ban->until_ms - now_ms));
}

/* NULL when everything is saved; without memory too, and then it is tried again in a while. */
static char *
unsaved_rows(struct ban_keeper *keeper)
{
	json_begin();
	uint64_t now_ms = loop_now_ms(keeper->loop);
	json_t *rows = json_array();
	for (uint32_t i = 0; i < keeper->set->count && json_array_size(rows) < WRITE_MAX; i++)
		if (!keeper->set->items[i].saved && keeper->set->items[i].until_ms > now_ms)
			json_array_append_new(rows, json_unsaved(&keeper->set->items[i], now_ms));
	char *text = json_array_size(rows) == 0 ? NULL : json_dumps(rows, JSON_COMPACT);
	json_decref(rows);
	if (json_whole())
		return text;
	free(text);
	keeper->write_ms = now_ms + WRITE_AGAIN_MS;
	return NULL;
}

static bool
prefix_of_row(const struct store_rows *rows, int row, int column, struct ip_prefix *prefix)
{
	return ip_prefix_parse(store_rows_value(rows, row, column), prefix);
}

static void
write_end(struct ban_keeper *keeper, enum query_result result)
{
	free(keeper->rows);
	keeper->rows = NULL;
	keeper->writing = false;
	note_change(keeper);
	keeper->write_ms = loop_now_ms(keeper->loop) + (result == QUERY_DONE ? 0 : WRITE_AGAIN_MS);
}

static void taken_back(struct store_query *query, enum query_result result,
		       const struct store_rows *rows);

/* One that an operator has made meanwhile, here or elsewhere, stays. */
static void
take_back(struct ban_keeper *keeper)
{
	keeper->taking_back = false;
	keeper->write = (struct store_query){ .name = "ban_remove",
					      .param_count = 2,
					      .params = { keeper->rows, "automatic" },
					      .done = taken_back };
	store_run(keeper->store, &keeper->write);
}

/* Until it is done nothing is read, or they were in force again. */
static void
taken_back(struct store_query *query, enum query_result result, const struct store_rows *rows)
{
	struct ban_keeper *keeper = container_of(query, struct ban_keeper, write);
	(void)rows;
	if (result == QUERY_DONE) {
		write_end(keeper, result);
		return;
	}
	keeper->taking_back = true;
	keeper->write_ms = loop_now_ms(keeper->loop) + WRITE_AGAIN_MS;
}

static void
take_back_again(struct ban_keeper *keeper)
{
	if (keeper->taking_back && loop_now_ms(keeper->loop) >= keeper->write_ms &&
	    store_state(keeper->store) == STORE_UP)
		take_back(keeper);
}

/* The array of those that are in force here no more: whoever removed one meanwhile did not find
 * it in the table. NULL when there is none. The caller frees it. */
static char *
note_saved(struct ban_keeper *keeper, const struct store_rows *rows)
{
	char text[WRITE_MAX * CIDR_BYTES];
	struct writer removed = writer_on(text, sizeof(text));
	for (int row = 0; row < store_rows_count(rows); row++) {
		struct ip_prefix prefix;
		if (!prefix_of_row(rows, row, 0, &prefix))
			continue;
		struct ban *ban = ban_set_find(keeper->set, &prefix);
		if (ban != NULL) {
			ban->saved = keeper->changed = true;
			continue;
		}
		writer_char(&removed, removed.len == 0 ? '{' : ',');
		ip_prefix_write(&removed, &prefix);
	}
	if (removed.len == 0)
		return NULL;
	writer_char(&removed, '}');
	return writer_ok(&removed) ? strndup(text, removed.len) : NULL;
}

static void
written(struct store_query *query, enum query_result result, const struct store_rows *rows)
{
	struct ban_keeper *keeper = container_of(query, struct ban_keeper, write);
	char *removed = result == QUERY_DONE ? note_saved(keeper, rows) : NULL;
	if (removed == NULL) {
		write_end(keeper, result);
		return;
	}
	free(keeper->rows);
	keeper->rows = removed;
	take_back(keeper);
}

static void
write_unsaved(struct ban_keeper *keeper)
{
	if (keeper->writing || keeper->reading || loop_now_ms(keeper->loop) < keeper->write_ms ||
	    store_state(keeper->store) != STORE_UP)
		return;
	keeper->write_ms = UINT64_MAX; /* until there is another one, or this one failed */
	keeper->rows = unsaved_rows(keeper);
	if (keeper->rows == NULL)
		return;
	keeper->writing = true;
	keeper->write =
		(struct store_query){ .name = "ban_add",
				      .param_count = 2,
				      .params = { keeper->rows, keeper->memory->node->name },
				      .done = written };
	store_run(keeper->store, &keeper->write);
}

/* --- reading from the database ----------------------------------------------------------- */

static bool
ban_of_row(const struct ban_keeper *keeper, const struct store_rows *rows, int row, struct ban *ban)
{
	uint64_t left_ms;
	*ban = (struct ban){ .saved = true };
	if (store_rows_null(rows, row, CIDR) || !prefix_of_row(rows, row, CIDR, &ban->prefix) ||
	    !str_to_u64(store_rows_value(rows, row, LEFT_MS), INT64_MAX, &left_ms))
		return false;
	ban->manual = str_eq(store_rows_value(rows, row, ORIGIN), STR("manual"));
	ban->reason = reason_from_word(store_rows_value(rows, row, REASON));
	ban->until_ms = loop_now_ms(keeper->loop) + left_ms;
	return true;
}

/* Ours that the table has not got: not written yet, or removed by somebody else. */
static void
keep_or_drop(struct ban_keeper *keeper)
{
	for (uint32_t i = 0; i < keeper->set->count; i++) {
		const struct ban *ban = &keeper->set->items[i];
		if (ban_set_find(keeper->fresh, &ban->prefix) != NULL)
			continue;
		if (!ban->saved)
			ban_set_put(keeper->fresh, ban);
		else
			tell(keeper, ban,
			     ban->until_ms > loop_now_ms(keeper->loop) ? "removed" : "over");
	}
}

static void
adopt(struct ban_keeper *keeper, const struct store_rows *rows)
{
	struct ban_set *before = keeper->set;
	keeper->fresh->count = 0;
	for (int row = 0; row < store_rows_count(rows); row++) {
		struct ban ban;
		if (!ban_of_row(keeper, rows, row, &ban))
			continue;
		if (!ban_set_put(keeper->fresh, &ban))
			break;
		if (keeper->known && ban_set_find(before, &ban.prefix) == NULL)
			tell(keeper, &ban, "begun");
	}
	keep_or_drop(keeper);
	keeper->set = keeper->fresh;
	keeper->fresh = before;
	keeper->known = true;
	keeper->changed = true;
}

static void
read_done(struct store_query *query, enum query_result result, const struct store_rows *rows)
{
	struct ban_keeper *keeper = container_of(query, struct ban_keeper, read);
	keeper->reading = false;
	keeper->read_ms = loop_now_ms(keeper->loop) + READ_EVERY_MS;
	if (result != QUERY_DONE || store_rows_count(rows) == 0)
		return;
	if (keeper->changes != keeper->changes_at_read) {
		keeper->read_ms = 0;
		return;
	}
	struct str mark = store_rows_value(rows, 0, MARK);
	if (str_eq(mark, str_of(keeper->mark)))
		return;
	adopt(keeper, rows);
	str_copy(keeper->mark, sizeof(keeper->mark), mark);
	publish(keeper);
}

static void
read_table(struct ban_keeper *keeper)
{
	if (keeper->reading || keeper->writing || loop_now_ms(keeper->loop) < keeper->read_ms ||
	    store_state(keeper->store) != STORE_UP)
		return;
	keeper->reading = true;
	keeper->changes_at_read = keeper->changes;
	keeper->read = (struct store_query){ .name = "ban_read",
					     .param_count = 2,
					     .params = { keeper->mark, TEXT_OF(BANS_MAX) },
					     .done = read_done };
	store_run(keeper->store, &keeper->read);
}

/* --- life -------------------------------------------------------------------------------- */

static void
tick(struct timer *timer)
{
	struct ban_keeper *keeper = container_of(timer, struct ban_keeper, tick);
	timer_start(keeper->loop, &keeper->tick, TICK_MS, tick);
	drain(keeper);
	end_over(keeper);
	publish(keeper);
	/* Reading goes first, or it never had its turn while there are new bans with each tick. */
	take_back_again(keeper);
	read_table(keeper);
	write_unsaved(keeper);
}

struct ban_keeper *
ban_keeper_open(struct loop *loop, struct store *store, const struct node_memory *memory,
		const struct config *config)
{
	struct ban_keeper *keeper = calloc(1, sizeof(*keeper));
	if (keeper == NULL)
		return NULL;
	*keeper = (struct ban_keeper){ .loop = loop,
				       .store = store,
				       .memory = memory,
				       .config = config,
				       .offenders = offenders_open(),
				       .set = malloc(sizeof(*keeper->set)),
				       .fresh = malloc(sizeof(*keeper->fresh)) };
	if (keeper->offenders == NULL || keeper->set == NULL || keeper->fresh == NULL) {
		ban_keeper_close(keeper);
		return NULL;
	}
	memcpy(keeper->set, bans_published(memory->bans), sizeof(*keeper->set));
	keeper->changed = true;
	tick(&keeper->tick);
	return keeper;
}

void
ban_keeper_configure(struct ban_keeper *keeper, const struct config *config)
{
	keeper->config = config;
}

void
ban_keeper_close(struct ban_keeper *keeper)
{
	if (keeper == NULL)
		return;
	timer_stop(&keeper->tick);
	offenders_close(keeper->offenders);
	free(keeper->set);
	free(keeper->fresh);
	free(keeper->rows);
	free(keeper);
}

/* --- by the admin API -------------------------------------------------------------------- */

bool
ban_keeper_fits(const struct ban_keeper *keeper, const struct ip_prefix *prefix)
{
	return keeper->set->count < BANS_MAX || ban_set_find(keeper->set, prefix) != NULL ||
	       soonest_automatic(keeper->set) != NULL;
}

void
ban_keeper_put(struct ban_keeper *keeper, const struct ip_prefix *prefix, bool manual,
	       uint64_t left_ms)
{
	const struct ban *known = ban_set_find(keeper->set, prefix);
	struct ban ban = { .prefix = *prefix,
			   .manual = manual,
			   .saved = true,
			   .reason = known == NULL ? REASON_NONE : known->reason,
			   .until_ms = loop_now_ms(keeper->loop) + left_ms };
	stats->bans[BANS_MANUAL]++;
	note_change(keeper);
	if (put(keeper, &ban))
		tell(keeper, &ban, known == NULL ? "begun" : "extended");
	publish(keeper);
}

bool
ban_keeper_remove(struct ban_keeper *keeper, const struct ip_prefix *prefix)
{
	struct ban *ban = ban_set_find(keeper->set, prefix);
	note_change(keeper);
	if (ban == NULL)
		return false;
	tell(keeper, ban, "removed");
	ban_set_remove(keeper->set, ban);
	keeper->changed = true;
	publish(keeper);
	return true;
}
