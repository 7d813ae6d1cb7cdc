/*
 * The life of one request, read downwards: start, absorb, inspect, register, and then one switch
 * that turns what the registrar needs next into a wait. Answers that need no wait leave at once and
 * keep nothing; only a REGISTER with a genuine nonce is held, in its own arena, until its answer.
 */
#include <assert.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/stats.h"
#include "readiness.h"
#include "requests.h"

/* --- taking and giving back -------------------------------------------------------------- */

/* The one used last, which the processor still remembers, or one that never was. */
static struct request *
unused(struct requests *all)
{
	struct list *node = list_first(&all->free);
	if (node == NULL) {
		assert(all->pool_used < all->pool_size);
		return &all->pool[all->pool_used++];
	}
	list_remove(node);
	return container_of(node, struct request, link);
}

static struct request *
take(struct requests *all, const struct peer *peer, size_t size_bytes)
{
	struct request *rq = unused(all);
	*rq = (struct request){ .all = all,
				.peer = *peer,
				.size_bytes = size_bytes,
				.arrived_ms = loop_now_ms(all->loop),
				.arrived_us = loop_now_us(all->loop) };
	list_init(&rq->link);
	arena_init(&rq->arena, &all->memory, REQUEST_ARENA_LIMIT);
	return rq;
}

/* From here on the request waits for something: it counts as live and its timers run. */
static void
hold(struct request *rq)
{
	struct requests *all = rq->all;
	assert(all->live + 1 < all->pool_size);
	rq->held = true;
	stats->requests_live = ++all->live;
	stream_enter(all, &rq->peer);
	fifo_start(&all->trying, &rq->trying);
	fifo_start(&all->failures, &rq->failure);
}

/* May start and even end others. */
static void
leave_gate(struct request *rq)
{
	if (!rq->inside)
		return;
	rq->inside = false;
	gate_leave(rq->all->gate, &rq->pass);
}

/* The one end of every request. */
static void
finish(struct request *rq)
{
	struct requests *all = rq->all;
	leave_gate(rq);
	if (rq->held) {
		fifo_stop(&rq->trying);
		fifo_stop(&rq->failure);
		stats->requests_live = --all->live;
		stream_leave(all, &rq->peer);
	}
	rq->held = false;
	arena_reset(&rq->arena);
	list_prepend(&all->free, &rq->link);
}

/* --- answering --------------------------------------------------------------------------- */

static void
deliver(struct request *rq)
{
	struct requests *all = rq->all;
	struct str response = reply_send(rq);
	if (rq->transaction != NULL && rq->recognized && rq->registration.answer.status == 200)
		transaction_carried_out(all->transactions, rq->transaction);
	if (rq->transaction != NULL)
		transaction_answered(all->transactions, rq->transaction, response,
				     rq->peer.transport != TRANSPORT_UDP);
	finish(rq);
}

/* A refused log-in leaves failure_delay after arrival, whatever the look-up took (D-08). It keeps
 * nobody waiting meanwhile, or wrong passwords from many sources would keep the owner out. */
static void
reply(struct request *rq)
{
	const struct answer *answer = &rq->registration.answer;
	if (!answer->failed_login || rq->delay_over || rq->all->settings.failure_delay_ms == 0) {
		deliver(rq);
		return;
	}
	rq->delayed = true;
	if (!rq->held)
		hold(rq);
	leave_gate(rq);
}

static void
failure_due(struct fifo *fifo, struct fifo_entry *entry)
{
	(void)fifo;
	struct request *rq = container_of(entry, struct request, failure);
	rq->delay_over = true;
	if (rq->delayed)
		deliver(rq);
}

static void
trying_due(struct fifo *fifo, struct fifo_entry *entry)
{
	(void)fifo;
	struct request *rq = container_of(entry, struct request, trying);
	/* Who may be forged gets one datagram for one, and the final answer is still to come; a
	 * client has repeated its request by now (SEC-26.1.5-1). */
	if (rq->peer.transport != TRANSPORT_UDP || rq->recognized ||
	    transaction_repeated(rq->transaction))
		reply_trying(rq);
}

/* 503 with Retry-After, spread so that clients do not come back as one wave (D-27). */
static void
refuse_for_now(struct request *rq, enum reason reason)
{
	uint32_t random;
	random_bytes(&random, sizeof(random));
	rq->registration.answer = (struct answer){ 0 };
	answer_unavailable(&rq->registration.answer, reason, rq->all->settings.policy, random);
	reply(rq);
}

static void
drop(struct request *rq, enum reason reason)
{
	report_silence(&rq->peer, reason);
	finish(rq);
}

/* As if it had never come: the phone that repeats it in half a second may find a place, and would
 * stay away for longer than an attack wants if it were told to (D-27). */
static void
forget(struct request *rq, enum reason reason)
{
	transaction_answered(rq->all->transactions, rq->transaction, STR(""), false);
	drop(rq, reason);
}

/* --- waiting ----------------------------------------------------------------------------- */

static void advance(struct request *rq, enum register_next next);

static bool
late(const struct request *rq)
{
	uint64_t deadline_ms = rq->all->settings.deadline_ms;
	return deadline_ms != 0 && loop_now_ms(rq->all->loop) - rq->arrived_ms >= deadline_ms;
}

/* One that is sent again waited for its own row, and a failure for nothing at all. */
static void
leave_store(struct request *rq, bool served)
{
	struct requests *all = rq->all;
	list_remove(&rq->link);
	all->in_store_count--;
	if (served && !store_op_repeated(&rq->op))
		admission_learn(&all->admission, rq->before, loop_now_ms(all->loop) - rq->asked_ms);
}

/* Once a request, and only when it is going to change or to show what is the user's. */
static void
count_for_rate(struct request *rq, enum register_next next)
{
	struct requests *all = rq->all;
	bool fetched = next == REGISTER_REPLY && rq->registration.answer.status == 200;
	if (rq->counted || (next != REGISTER_COMMIT && !fetched))
		return;
	rq->counted = true;
	limits_aor_take(all->limits, rq->peer.transport, rq->registration.aor.key,
			&rq->peer.source.ip, loop_now_ms(all->loop));
}

/* Who is banned has one guess over a connection that is spared, not one for each request that he
 * had sent by then. What may be stored already is seen to its end (TRN-18-3). */
static bool
forget_guess(struct request *rq)
{
	if (rq->registration.recheck || !stream_distrusted(rq->all, &rq->peer))
		return false;
	forget(rq, REASON_BANNED);
	return true;
}

/* What two databases of one cluster, or two readings of one clock, may differ by. */
#define HELD_BACK_MAX_MS 10000

/*
 * The database's time. It never goes back (REG-DB-2), but for a clock that was set: who held on to
 * a time that was wrong would live in a future of his own until he is started again, where the
 * bindings of all others are over, and what he grants ends for nobody else.
 */
static int64_t
registration_time(struct requests *all)
{
	int64_t now_ms = loop_real_ms(all->loop) + store_clock_offset_ms(all->store);
	int64_t passed_ms = now_ms - all->latest_ms;
	int64_t set_ms = passed_ms - (int64_t)(loop_now_ms(all->loop) - all->latest_at_ms);
	if (passed_ms <= 0 && passed_ms >= -HELD_BACK_MAX_MS)
		return all->latest_ms;
	if (llabs(set_ms) > HELD_BACK_MAX_MS && all->latest_ms != 0)
		log_message(LOG_LEVEL_WARNING, "db.clock",
			    "time has gone %s by %llds; nonces and expiry suffer; check NTP",
			    set_ms > 0 ? "ahead" : "back", (llabs(set_ms) + 500) / 1000);
	all->latest_ms = now_ms;
	all->latest_at_ms = loop_now_ms(all->loop);
	return now_ms;
}

static void
read_time(struct request *rq)
{
	rq->registration.now_ms = registration_time(rq->all);
	rq->timed_ms = loop_now_ms(rq->all->loop);
	rq->until_ms = rq->registration.now_ms + HELD_BACK_MAX_MS;
}

/*
 * A machine that was stopped and goes on, and a database whose place another one took, are noticed
 * with the first answer: what was judged until then was judged by a time that is wrong by as much,
 * and what it would store might be over already. What may be stored already is seen to its end.
 * A time that is old, or behind by less than that, is only read again: it would be refused for
 * ever. But what is tried again because nobody knows whether it was stored must be the same, or it
 * would not be recognized: that only gets more time.
 */
static bool
time_was_set(struct request *rq)
{
	const struct requests *all = rq->all;
	int64_t now_ms = loop_real_ms(all->loop) + store_clock_offset_ms(all->store);
	int64_t waited_ms = (int64_t)(loop_now_ms(all->loop) - rq->timed_ms);
	bool set = llabs(now_ms - rq->registration.now_ms - waited_ms) > HELD_BACK_MAX_MS;
	bool late = now_ms > rq->until_ms - HELD_BACK_MAX_MS / 2;
	if (set || (late && !rq->registration.recheck))
		read_time(rq);
	else if (late)
		rq->until_ms = now_ms + HELD_BACK_MAX_MS;
	return set && !rq->registration.recheck;
}

static void
on_lookup(struct store_op *op)
{
	struct request *rq = container_of(op, struct request, op);
	leave_store(rq, op->looked_up == LOOKUP_FOUND);
	if (forget_guess(rq))
		return;
	if (op->looked_up == LOOKUP_UNAVAILABLE && rq->registration.recheck && !late(rq)) {
		fifo_start(&rq->all->rechecks, &rq->recheck);
		return;
	}
	if (time_was_set(rq)) {
		advance(rq, register_begin(&rq->registration));
		return;
	}
	enum register_next next =
		register_decide(&rq->registration, op->looked_up,
				op->looked_up == LOOKUP_FOUND ? op->record : NULL);
	rq->recognized = op->looked_up == LOOKUP_FOUND && !rq->registration.answer.failed_login &&
			 !rq->registration.unproved;
	count_for_rate(rq, next);
	advance(rq, next);
}

/* What was committed is what the next request of this address will find. */
static void
remember(struct request *rq, enum commit_result result)
{
	struct registration *r = &rq->registration;
	struct remembered *remembered = rq->all->remembered;
	if (result == COMMIT_DONE && rq->server == store_server(rq->all->store)) {
		r->after.version = r->version + 1;
		remembered_keep(remembered, r->aor.key, r->credentials.username, rq->server,
				&r->after);
		return;
	}
	if (result == COMMIT_OVERDUE)
		return;
	remembered_forget(remembered, r->aor.key);
	stats->remembered_records[RECALL_REFUSED] += rq->recalled && result == COMMIT_CONFLICT;
	rq->recalled = false;
}

static void
on_commit(struct store_op *op)
{
	struct request *rq = container_of(op, struct request, op);
	leave_store(rq, op->committed == COMMIT_DONE || op->committed == COMMIT_CONFLICT);
	remember(rq, op->committed);
	advance(rq, register_finish(&rq->registration, op->committed));
}

/* Half of the delay that is too much. What the store gives up has cost nearly as much as if it had
 * been served, so there is to be little of that: admission aims at three quarters of it. */
static uint64_t
patience_ms(const struct requests_settings *settings)
{
	return (settings->overload_delay_ms + 1) / 2;
}

static uint64_t
target_ms(const struct requests_settings *settings)
{
	return (patience_ms(settings) * 3 + 3) / 4;
}

static void
prepare(struct request *rq, void (*done)(struct store_op *))
{
	rq->op = (struct store_op){ .aor = rq->registration.aor.key,
				    .arena = &rq->arena,
				    .done = done };
	if (!rq->registration.recheck) /* what may be stored already is not given up (REG-DB-5) */
		rq->op.patience_ms = (uint32_t)patience_ms(&rq->all->settings);
	rq->asked_ms = loop_now_ms(rq->all->loop);
	rq->before = rq->all->in_store_count++;
	list_append(&rq->all->in_store, &rq->link);
}

static void
look_up(struct request *rq)
{
	prepare(rq, on_lookup);
	rq->op.sure = rq->registration.sure;
	rq->op.domain = rq->registration.aor.domain;
	rq->op.login = rq->registration.credentials.username;
	store_lookup(rq->all->store, &rq->op);
}

/* The database that took a commit and went away may be back before the deadline (REG-DB-5). */
static void
recheck_due(struct fifo *fifo, struct fifo_entry *entry)
{
	(void)fifo;
	look_up(container_of(entry, struct request, recheck));
}

static void
commit(struct request *rq)
{
	prepare(rq, on_commit);
	rq->server = store_server(rq->all->store);
	rq->op.version = rq->registration.version;
	rq->op.after = &rq->registration.after;
	rq->op.until_ms = rq->until_ms;
	store_commit(rq->all->store, &rq->op);
}

/* A request for which there is no time left is told so by a look-up that timed out. */
static enum register_next
decide_late(struct request *rq)
{
	return register_decide(&rq->registration, LOOKUP_TIMEOUT, NULL);
}

/* One trip instead of two, when this worker remembers what the look-up would read. */
static enum register_next
recall(struct request *rq)
{
	struct registration *r = &rq->registration;
	const struct record *remembered =
		remembered_find(rq->all->remembered, r->aor.key, r->credentials.username,
				store_server(rq->all->store), &rq->arena);
	enum register_next next = REGISTER_LOOKUP;
	if (remembered != NULL && !late(rq))
		next = register_recall(r, remembered);
	rq->recalled = rq->recognized = next == REGISTER_COMMIT;
	if (r->inspection.contacts.values > 0)
		stats->remembered_records[rq->recalled ? RECALL_HIT : RECALL_MISS]++;
	return next;
}

static bool
over_aor_rate(struct request *rq)
{
	struct requests *all = rq->all;
	if (limits_aor_left(all->limits, rq->peer.transport, rq->registration.aor.key,
			    &rq->peer.source.ip, loop_now_ms(all->loop)))
		return false;
	stats->rate_limited[SCOPE_AOR]++;
	refuse_for_now(rq, REASON_RATE_LIMITED);
	return true;
}

/* Only what was carried out makes another one merged, so a copy that came before that is asked once
 * more, behind it. */
static bool
merged_meanwhile(struct request *rq)
{
	if (!transaction_merged(rq->all->transactions, rq->key, &rq->message))
		return false;
	rq->registration.answer = (struct answer){ .status = 482, .reason = REASON_MERGED };
	reply(rq);
	return true;
}

/* Those who were in front of it may have taken what was left of the rate. */
static void
on_enter(struct gate_pass *pass)
{
	struct request *rq = container_of(pass, struct request, pass);
	rq->inside = true;
	if (forget_guess(rq) || over_aor_rate(rq) || merged_meanwhile(rq))
		return;
	enum register_next next = recall(rq);
	count_for_rate(rq, next);
	advance(rq, next);
}

/* The first look-up: from here on the request has state (ORD-35). */
static void
admit(struct request *rq)
{
	struct requests *all = rq->all;
	const struct ip *source = &rq->peer.source.ip;
	if (over_aor_rate(rq))
		return;
	rq->transaction = transaction_open(all->transactions, rq->key, &rq->message, rq->size_bytes,
					   source, str_of(rq->to_tag));
	if (rq->transaction == NULL) {
		refuse_for_now(rq, REASON_OVERLOADED);
		return;
	}
	if (rq->peer.transport == TRANSPORT_UDP)
		seen_note_taken(all->seen, rq->datagram);
	hold(rq);
	rq->pass = (struct gate_pass){ .key = rq->registration.aor.key,
				       .source = limits_source(all->limits, source),
				       .exempt = limits_exempt(all->limits, source),
				       .proved = rq->peer.transport != TRANSPORT_UDP,
				       .enter = on_enter };
	switch (gate_enter(all->gate, &rq->pass)) {
	case GATE_ENTERED:
		on_enter(&rq->pass);
		return;
	case GATE_WAIT:
		return;
	case GATE_FULL:
		stats->rate_limited[SCOPE_QUEUE]++;
		refuse_for_now(rq, REASON_RATE_LIMITED);
		return;
	case GATE_CROWD:
		stats->rate_limited[SCOPE_QUEUE]++;
		forget(rq, REASON_RATE_LIMITED);
		return;
	}
}

static void
advance(struct request *rq, enum register_next next)
{
	if (next == REGISTER_LOOKUP && late(rq))
		next = decide_late(rq);
	switch (next) {
	case REGISTER_LOOKUP:
		if (rq->transaction == NULL)
			admit(rq);
		else
			look_up(rq);
		return;
	case REGISTER_COMMIT:
		commit(rq);
		return;
	case REGISTER_REPLY:
		reply(rq);
		return;
	}
}

/* --- starting ---------------------------------------------------------------------------- */

/* It keeps a binding alive: there is one that this worker wrote, or this is not the first request
 * with a nonce. Nobody has proved a password yet; that comes before anything is gained by it. */
static bool
refreshes(const struct request *rq, enum register_next next)
{
	const struct registration *r = &rq->registration;
	return (next == REGISTER_LOOKUP && r->credentials.nc > 1) ||
	       remembered_knows(rq->all->remembered, r->aor.key);
}

/* A challenge invites work; any other answer that is ready is given. */
static bool
has_room_for(const struct request *rq, enum register_next next)
{
	struct requests *all = rq->all;
	if (next == REGISTER_REPLY && rq->registration.answer.status != 401)
		return true;
	return !readiness_queue(all) ||
	       admission_room(&all->admission, all->in_store_count, false) || refreshes(rq, next);
}

/* There is room for refreshes, but not for this one. */
static void
turn_away(struct request *rq)
{
	if (rq->peer.transport == TRANSPORT_UDP && !readiness_tells(rq->all, rq->datagram))
		drop(rq, REASON_OVERLOADED);
	else
		refuse_for_now(rq, REASON_OVERLOADED);
}

static void
start_register(struct request *rq)
{
	struct requests *all = rq->all;
	struct registration *r = &rq->registration;
	r->nonce_keys = store_nonce_keys(all->store);
	read_time(rq);
	r->retries = all->settings.retries;
	random_bytes(r->random, sizeof(r->random));
	enum register_next next = register_begin(r);
	report_traffic(all, rq);
	if (has_room_for(rq, next))
		advance(rq, next);
	else
		turn_away(rq);
}

static void
serve(struct request *rq)
{
	struct requests *all = rq->all;
	struct registration *r = &rq->registration;
	r->policy = all->settings.policy;
	r->request = &rq->message;
	r->arena = &rq->arena;
	r->origin = (struct origin){ .transport = rq->peer.transport,
				     .secure = rq->peer.secure,
				     .authenticated = rq->peer.authenticated,
				     .source = rq->peer.source,
				     .hop = rq->peer.hop,
				     .dialled = rq->peer.dialled };
	struct readiness readiness = readiness_now(all);
	bool merged = transaction_merged(all->transactions, rq->key, &rq->message);
	if (!inspect_request(&r->inspection, &r->answer, r->policy, r->request, &r->origin,
			     &readiness, merged, r->arena)) {
		reply(rq);
	} else if (rq->message.method == SIP_METHOD_OPTIONS) {
		options_answer(&r->answer, &r->inspection);
		reply(rq);
	} else {
		start_register(rq);
	}
}

/* ORD-16, ORD-17. True when that was all there was to do. */
static bool
absorb(struct request *rq)
{
	struct transaction *found;
	struct str response;
	if (rq->message.method == SIP_METHOD_ACK) {
		drop(rq, REASON_NONE);
		return true;
	}
	rq->key = transaction_key(&rq->message);
	enum transaction_match match =
		transaction_find(rq->all->transactions, rq->key, &rq->message, &rq->peer.source.ip,
				 &found, &response);
	if (rq->message.method == SIP_METHOD_CANCEL) {
		reply_cancel(rq, found);
		finish(rq);
		return true;
	}
	if (match == TRANSACTION_NEW)
		return false;
	stats->retransmissions[rq->peer.transport]++;
	rq->peer.proved = transaction_proved(found);
	if (transaction_repeat(found, &rq->peer.source.ip, rq->size_bytes) &&
	    match == TRANSACTION_ANSWERED)
		reply_octets(rq, response);
	finish(rq);
	return true;
}

/* After retransmissions were absorbed: what was answered is answered again in a storm too. */
static bool
sheds(struct request *rq)
{
	return rq->peer.transport == TRANSPORT_UDP && rq->message.method == SIP_METHOD_REGISTER &&
	       readiness_sheds(rq->all, rq->datagram);
}

static bool
from_scanner(const struct request *rq)
{
	const struct requests_settings *settings = &rq->all->settings;
	bool found;
	struct str agent = sip_message_value(&rq->message, SIP_HEADER_USER_AGENT, &found);
	for (size_t i = 0; found && i < settings->drop_agent_count; i++)
		if (str_istarts(agent, str_of(settings->drop_agents[i])))
			return true;
	return false;
}

/* False when a stream is to be closed behind it (ORD-05 to ORD-08, ORD-12, ORD-13). */
static bool
refuse_fault(struct request *rq, enum sip_fault fault)
{
	stats->parse_errors[rq->peer.transport]++;
	stats->stray_responses += fault == SIP_FAULT_RESPONSE;
	if (sip_fault_status(fault) == 0 || rq->message.method == SIP_METHOD_ACK) {
		drop(rq, sip_fault_reason(fault));
	} else {
		answer_fault(&rq->registration.answer, fault);
		rq->registration.policy = rq->all->settings.policy;
		reply(rq);
	}
	return !sip_fault_closes(fault);
}

/* Copies the octets, because the parser unfolds lines in place, and parses them. False when there
 * is no memory for them. */
static bool
read_message(struct request *rq, struct str octets, enum sip_fault *fault)
{
	const struct sip_limits *limits = &rq->all->settings.policy->limits;
	size_t lines = sip_message_lines(octets);
	struct sip_header *headers = arena_array(&rq->arena, lines, sizeof(*headers));
	struct str copy = arena_copy(&rq->arena, octets);
	if (!arena_ok(&rq->arena))
		return false;
	enum sip_framing framing = rq->peer.transport == TRANSPORT_UDP ? SIP_DATAGRAM : SIP_STREAM;
	*fault = sip_message_parse(&rq->message, (char *)(uintptr_t)copy.p, copy.len, framing,
				   limits, headers, lines);
	return true;
}

bool
request_start(struct requests *all, const struct peer *peer, struct str octets, unsigned datagram)
{
	struct request *rq = take(all, peer, octets.len);
	enum sip_fault fault;
	rq->datagram = datagram;
	if (!read_message(rq, octets, &fault)) {
		drop(rq, REASON_OVERLOADED);
		return false;
	}
	tag_write(&all->tags, &rq->message, rq->to_tag);
	if (fault != SIP_FAULT_NONE) {
		report_foreign(all, peer, octets);
		return refuse_fault(rq, fault);
	}
	report_method(rq);
	if (from_scanner(rq)) {
		drop(rq, REASON_SCANNER);
		return false;
	}
	if (absorb(rq))
		return true;
	if (sheds(rq))
		drop(rq, REASON_OVERLOADED);
	else
		serve(rq);
	return true;
}

/* --- all of them ------------------------------------------------------------------------- */

struct requests *
requests_open(struct loop *loop, struct store *store, struct limits *limits,
	      const struct requests_settings *settings)
{
	struct requests *all = calloc(1, sizeof(*all));
	if (all == NULL)
		return NULL;
	all->loop = loop;
	all->store = store;
	all->limits = limits;
	all->user = stream_user;
	all->settings = *settings;
	all->pool_size = settings->max_requests + 1;
	list_init(&all->free);
	list_init(&all->in_store);
	admission_open(&all->admission, target_ms(settings), settings->max_requests);
	arena_pool_init(&all->memory, settings->request_memory);
	tag_secret_draw(&all->tags);
	fifo_open(&all->trying, loop, TRYING_AFTER_MS, trying_due);
	fifo_open(&all->failures, loop, settings->failure_delay_ms, failure_due);
	fifo_open(&all->rechecks, loop, RECHECK_MS, recheck_due);
	all->pool = calloc(all->pool_size, sizeof(*all->pool));
	all->gate = gate_open(all->pool_size);
	all->remembered = remembered_open(settings->remembered_records);
	all->seen = seen_open(settings->datagrams_known);
	all->transactions = transactions_open(loop, settings->transaction_memory);
	if (all->pool == NULL || all->gate == NULL || all->remembered == NULL ||
	    all->seen == NULL || all->transactions == NULL || !streams_open(all)) {
		requests_close(all);
		return NULL;
	}
	return all;
}

void
requests_set_net(struct requests *requests, struct net *net)
{
	requests->net = net;
}

struct net_user *
requests_net_user(struct requests *requests)
{
	return &requests->user;
}

void
requests_configure(struct requests *requests, const struct requests_settings *settings)
{
	requests->settings = *settings;
	if (settings->max_requests > requests->pool_size - 1)
		requests->settings.max_requests = requests->pool_size - 1;
	fifo_set_duration(&requests->failures, settings->failure_delay_ms);
	requests->admission.target_ms = target_ms(settings);
	transactions_configure(requests->transactions, settings->transaction_memory);
}

void
requests_set_node(struct requests *requests, const struct node_memory *node)
{
	requests->node = node;
}

void
requests_drain(struct requests *requests, bool draining)
{
	requests->draining = draining;
}

uint32_t
requests_live(const struct requests *requests)
{
	return requests->live;
}

bool
requests_use(const struct requests *requests, const struct policy *policy)
{
	for (uint32_t i = 0; requests->live > 0 && i < requests->pool_used; i++)
		if (requests->pool[i].held && requests->pool[i].registration.policy == policy)
			return true;
	return false;
}

uint64_t
requests_transactions(const struct requests *requests)
{
	return transactions_count(requests->transactions);
}

void
requests_close(struct requests *requests)
{
	for (uint32_t i = 0; requests->pool != NULL && i < requests->pool_used; i++)
		if (requests->pool[i].held)
			arena_reset(&requests->pool[i].arena);
	timer_stop(&requests->storm.tick);
	fifo_close(&requests->rechecks);
	fifo_close(&requests->failures);
	fifo_close(&requests->trying);
	if (requests->transactions != NULL)
		transactions_close(requests->transactions);
	if (requests->gate != NULL)
		gate_close(requests->gate);
	remembered_close(requests->remembered);
	seen_close(requests->seen);
	streams_close(requests);
	arena_pool_clear(&requests->memory);
	free(requests->pool);
	free(requests);
}
