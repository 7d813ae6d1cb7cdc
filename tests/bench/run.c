/* The state of a request is its slot and its client; a message is written anew whenever it goes
 * out. */
#include "run.h"

#include <stdlib.h>
#include <time.h>

#define RETRANSMIT_US 500000u /* RFC 3261 §17.1.2.2, timer E */
/* Instead of timer F's 32 s, so that slots come back in an overload. */
#define GIVE_UP_US 8000000u
#define DEAF_US 20000000u
#define LOOK_US 20000u	 /* how often silence is looked for */
#define CHALLENGES_MAX 2 /* in one registration; then the password is wrong */
#define WARM_UP_OUTSTANDING 128

/* When registrations begin. */
struct pace {
	double rate; /* 0: whenever a slot is free */
	uint64_t start_us;
	uint64_t begun;
	enum mode mode;
	bool once;     /* every client one time */
	uint32_t most; /* requests outstanding */
};

static void
put_free(struct run *run, uint32_t index)
{
	uint32_t at = run->free_first + run->free_count++;
	run->free[at < run->options->slots ? at : at - run->options->slots] = index;
}

static uint32_t
take_free(struct run *run)
{
	uint32_t index = run->free[run->free_first++];
	if (run->free_first == run->options->slots)
		run->free_first = 0;
	run->free_count--;
	return index;
}

static uint32_t
outstanding(const struct run *run)
{
	return run->options->slots - run->free_count - run->spent;
}

/* --- requests ----------------------------------------------------------------------------- */

static void
transmit(struct run *run, const struct slot *slot)
{
	struct client *client = &run->clients[slot->user];
	uint32_t path = slot->user % run->wire->paths;
	char *room = run->wire->room(run->wire, path);
	struct request request = { .slot = (uint32_t)(slot - run->slots),
				   .serial = slot->serial,
				   .credentials = slot->credentials,
				   .removal = slot->kind == KIND_REMOVAL };
	if (room == NULL)
		return; /* as good as lost */
	request.local = run->wire->local(run->wire, path, &request.local_len);
	run->wire->send(run->wire, path, client_write(run->all, client, &request, room));
}

static void
send_new(struct run *run, struct slot *slot, uint64_t now)
{
	client_next(&run->clients[slot->user], slot->credentials);
	slot->serial++;
	slot->sent_us = now;
	slot->tries = 1;
	slot->busy = true;
	transmit(run, slot);
}

static void
finish(struct run *run, struct slot *slot)
{
	slot->busy = false;
	put_free(run, (uint32_t)(slot - run->slots));
}

/* The slot's next client; false when it had the last one and there is no second time. */
static bool
next_client(const struct run *run, struct slot *slot, bool once)
{
	uint32_t index = (uint32_t)(slot - run->slots);
	bool started = slot->user < run->options->users;
	uint32_t next = started ? slot->user + run->options->slots : index;
	if (next >= run->options->users) {
		if (once)
			return false;
		next = index;
	}
	slot->user = next;
	return true;
}

static void
begin(struct run *run, struct pace *pace, uint64_t due_us, uint64_t now)
{
	struct slot *slot = &run->slots[take_free(run)];
	if (!next_client(run, slot, pace->once)) {
		run->spent++;
		return;
	}
	struct client *client = &run->clients[slot->user];
	enum kind kind = plan_kind(pace->mode, client->registered, &run->seed);
	slot->kind = (uint8_t)kind;
	slot->credentials = (kind == KIND_REFRESH || kind == KIND_REMOVAL) && client->nonce_len > 0;
	slot->challenges = 0;
	slot->due_us = due_us;
	client->call += kind == KIND_FIRST;
	pace->begun++;
	run->tally->begun += run->tally->phase == TALLY_WINDOW;
	send_new(run, slot, now);
}

/* --- answers ------------------------------------------------------------------------------ */

static void
answered(struct wire_user *user, const char *octets, size_t len)
{
	struct run *run = (struct run *)((char *)user - offsetof(struct run, answers));
	struct answer answer = client_answer_read(run->all, octets, len);
	struct slot *slot = answer.slot < run->options->slots ? &run->slots[answer.slot] : NULL;
	if (answer.status < 200 || slot == NULL || !slot->busy || slot->serial != answer.serial)
		return; /* the answer to a retransmission */
	struct client *client = &run->clients[slot->user];
	run->answered_us = now_us();
	if (answer.status == 401 && slot->challenges < CHALLENGES_MAX &&
	    client_challenged(run->all, client, octets, len)) {
		slot->challenges++;
		slot->credentials = true;
		run->tally->challenged += run->tally->phase == TALLY_WINDOW;
		send_new(run, slot, now_us());
		return;
	}
	if (answer.status < 300) {
		client->registered = slot->kind != KIND_REMOVAL;
		tally_registered(run->tally, run->answered_us - slot->due_us);
		if (run->options->idle > 0)
			run->wire->rest(run->wire, slot->user % run->wire->paths);
	} else {
		tally_refused(run->tally, answer.status);
	}
	finish(run, slot);
}

static void
lose(struct run *run, struct slot *slot)
{
	tally_lost(run->tally);
	finish(run, slot);
}

static void
closed(struct wire_user *user, uint32_t path)
{
	struct run *run = (struct run *)((char *)user - offsetof(struct run, answers));
	run->tally->disconnected += run->tally->phase != TALLY_BEFORE;
	for (uint32_t i = 0; i < run->options->slots; i++)
		if (run->slots[i].busy && run->slots[i].user % run->wire->paths == path)
			lose(run, &run->slots[i]);
}

/* What stays without an answer goes out again over UDP, and at last is lost. */
static void
look_after_silence(struct run *run, uint64_t now)
{
	for (uint32_t i = 0; i < run->options->slots; i++) {
		struct slot *slot = &run->slots[i];
		if (!slot->busy || now < slot->sent_us + RETRANSMIT_US)
			continue;
		if (now >= slot->sent_us + GIVE_UP_US) {
			lose(run, slot);
			continue;
		}
		if (run->options->transport != UDP ||
		    now < slot->sent_us + RETRANSMIT_US * (2u * slot->tries - 1))
			continue;
		slot->tries = (uint8_t)(2 * slot->tries);
		run->tally->retransmitted += run->tally->phase == TALLY_WINDOW;
		transmit(run, slot);
	}
}

/* --- the loop ----------------------------------------------------------------------------- */

static uint64_t
next_due(const struct pace *pace, uint64_t now)
{
	return pace->rate > 0 ? pace->start_us + (uint64_t)((double)pace->begun / pace->rate * 1e6)
			      : now;
}

/* Answers that come within a turn are handled together: waking up for each costs more than the
 * handling. */
static void
rest(const struct run *run, uint64_t since)
{
	uint64_t until = since + run->options->turn_us;
	if (now_us() >= until)
		return;
	struct timespec time = { (time_t)(until / 1000000), (long)(until % 1000000 * 1000) };
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL);
}

/* Begins what is due (with more), sends, takes what came. */
static void
turn(struct run *run, struct pace *pace, bool more)
{
	uint64_t now = now_us(), until = now + LOOK_US;
	while (more && run->free_count > 0 && outstanding(run) < pace->most) {
		uint64_t due = next_due(pace, now);
		if (due > now) {
			until = due < until ? due : until;
			break;
		}
		begin(run, pace, due, now);
	}
	if (now >= run->looked_us + LOOK_US) {
		look_after_silence(run, now);
		tally_tick(run->tally, now);
		run->looked_us = now;
	}
	run->wire->flush(run->wire);
	rest(run, now);
	uint64_t after = now_us();
	run->wire->wait(run->wire, until > after ? until - after : 0, &run->answers);
}

bool
run_warm_up(struct run *run)
{
	struct pace pace = { .mode = MODE_REFRESH, .once = true, .most = WARM_UP_OUTSTANDING };
	run->answered_us = now_us();
	while (run->spent < run->options->slots) {
		turn(run, &pace, true);
		if (now_us() - run->answered_us > DEAF_US)
			return false;
	}
	for (uint32_t i = 0; i < run->options->slots; i++)
		put_free(run, i);
	run->spent = 0;
	for (uint32_t i = 0; i < run->options->users; i++)
		run->tally->unprepared += !run->clients[i].registered;
	return true;
}

void
run_measure(struct run *run)
{
	const struct options *options = run->options;
	uint64_t start = now_us(), stop = start + (uint64_t)(options->seconds * 1e6);
	struct pace pace = { .rate = options->rate,
			     .start_us = start,
			     .mode = options->mode,
			     .once = options->mode == MODE_FIRST,
			     .most = options->slots };
	if (pace.once)
		for (uint32_t i = 0; i < options->slots; i++)
			run->slots[i].user = options->users;
	tally_begin(run->tally, options, start);
	while (now_us() < stop && run->spent < options->slots)
		turn(run, &pace, true);
	tally_end(run->tally, options, now_us());
	while (!options->abandon && outstanding(run) > 0)
		turn(run, &pace, false);
}

void
run_hold(struct run *run)
{
	struct pace pace = { .rate = 0 };
	uint64_t until = now_us() + (uint64_t)(run->options->hold * 1e6);
	while (now_us() < until)
		turn(run, &pace, false);
}

void
run_init(struct run *run)
{
	const struct options *o = run->options;
	run->clients = calloc(o->users, sizeof(*run->clients));
	run->slots = calloc(o->slots, sizeof(*run->slots));
	run->free = calloc(o->slots, sizeof(*run->free));
	if (run->clients == NULL || run->slots == NULL || run->free == NULL)
		die("memory");
	for (uint32_t i = 0; i < o->users; i++)
		run->clients[i].number = o->first + i;
	for (uint32_t i = 0; i < o->slots; i++) {
		run->slots[i].user = o->users; /* none yet */
		put_free(run, i);
	}
	run->seed = 1;
	run->answers = (struct wire_user){ .answered = answered, .closed = closed };
}
