/*
 * A worker: one loop, one net, one store, sharing nothing. This file puts them together, follows
 * the master's commands and ends in order; what happens to a request is in request.c.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "auth/digest.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/table.h"
#include "database.h"
#include "process.h"
#include "retired.h"
#include "server/request.h"
#include "settings.h"

#define TICK_MS 100u /* how long the loop may turn without an event */
#define TICK_STARTING_MS 10u
#define LISTEN_MS 1000u /* a worker without a database listens after this, to say so */
#define STOP_CHECK_MS 20u
#define STOP_OUTPUT_MS 2000u /* after drain_timeout, for answers on their way out */
#define HURRIED_MS 5000u     /* instead of drain_timeout: beyond the goodbye of connections */
#define WITHOUT_TLS_MS 2000u /* then the certificates are looked at again */
#define SERVED_MAX (2 * CONFIG_SIP_SOCKETS_MAX) /* a reload closes the old ones after the new */

struct served {
	enum transport transport;
	struct endpoint bound;
	int fd;
	int slot;
};

/* A policy that was replaced, with the configuration it came from. */
struct former {
	struct retired retired;
	struct settings_policy *policy;
	struct config *config;
};

struct worker {
	struct loop *loop;
	struct database database;
	struct store *store;
	struct limits *limits;
	struct requests *requests;
	struct net *net;
	struct config *config;
	struct settings_policy *policy;
	struct retirement retirement;
	struct tls_server *tls;
	struct control_watch control;
	const struct birth *birth;
	bool listening; /* it has begun to */
	bool listens;	/* on all sockets that it was born with */
	uint64_t born_ms;
	struct served served[SERVED_MAX];
	size_t served_count;
	struct timer tick;
	uint32_t bans_turn; /* the bans that our connections were held against */
	struct timer stop;
	uint64_t drain_began_ms; /* 0: not draining */
	uint64_t closed_ms;	 /* when the listeners were closed, 0: they are open */
	uint64_t shutdown_ms;
	uint32_t connections_at_drain;
	uint32_t connections_shed;
	bool deaf;    /* to datagrams */
	bool hurried; /* another one shall take its place at once */
	bool started; /* was ready once */
	uint64_t certificates_read_ms;
	uint64_t certificates_mark;   /* of the files that were read last */
	char certificates_error[512]; /* that was told last; empty: they are good */
	bool first;		      /* worker 0 speaks for all */
};

static _Noreturn void
fail(const char *what, const char *why)
{
	log_message(LOG_LEVEL_ERROR, "start", "%s: %s", what, why);
	exit(EXIT_FAILURE);
}

static struct settings_policy *
make_policy(const struct worker *worker, const struct config *config)
{
	return settings_policy_make(config, &worker->birth->memory->node->domains);
}

/* --- certificates ------------------------------------------------------------------------ */

static void
warn(const char *sentence, void *arg)
{
	struct worker *worker = arg;
	if (worker->first)
		log_message(LOG_LEVEL_WARNING, "tls.certificate", "%s", sentence);
}

/* Of those that are served, which are not always those in the files. */
static void
publish_certificates(const struct tls_server *server)
{
	struct tls_certificate_info info[STATS_CERTIFICATES];
	size_t count =
		server == NULL ? 0 : tls_server_certificates(server, info, STATS_CERTIFICATES);
	for (size_t i = 0; i < STATS_CERTIFICATES; i++)
		stats->certificates[i] = i < count ? info[i].not_after : 0;
}

/* Workers go on with a certificate that expires, and so does whoever takes the place of one. */
static struct tls_server *
settle_for_expired(const struct worker *worker, const char *error)
{
	char still[512];
	if (worker->tls != NULL)
		return NULL;
	struct tls_server *server = settings_tls_any_date(worker->config, still, sizeof(still));
	if (server != NULL)
		log_message(LOG_LEVEL_WARNING, "tls.certificate",
			    "%s; it is used all the same until it is renewed", error);
	return server;
}

/* What the timer finds is worth one line for all workers, and one for each other fault. */
static void
tell_refused(struct worker *worker, const char *error, bool told)
{
	if (told || (worker->first && strcmp(error, worker->certificates_error) != 0))
		log_message(LOG_LEVEL_ERROR, "tls.certificate", "%s%s", error,
			    worker->tls == NULL ? "; TLS is not served until it is put right" : "");
	snprintf(worker->certificates_error, sizeof(worker->certificates_error), "%s", error);
}

/*
 * A bad new pair is refused with the reason and the old one stays, while others are renewed; a
 * worker that is born meanwhile serves the rest without any. At start and on a reload the master
 * has looked at the files already and told what it saw.
 */
static bool
load_certificates(struct worker *worker, bool told)
{
	char error[512];
	worker->certificates_mark = settings_tls_mark(worker->config);
	struct tls_server *fresh = settings_tls(worker->config, told ? NULL : worker->tls, error,
						sizeof(error), told ? NULL : warn, worker);
	bool partly = fresh != NULL && error[0] != '\0';
	worker->certificates_read_ms = loop_now_ms(worker->loop);
	if (fresh == NULL && error[0] != '\0')
		fresh = settle_for_expired(worker, error);
	if (fresh == NULL && error[0] != '\0') {
		tell_refused(worker, error, told);
		worker->certificates_mark = 0; /* it may have been for want of something */
		publish_certificates(worker->tls);
		return false;
	}
	if (fresh != NULL && worker->tls == NULL && worker->certificates_error[0] != '\0')
		log_message(LOG_LEVEL_NOTICE, "tls.certificate", "TLS is served again");
	if (partly) {
		tell_refused(worker, error, told);
		worker->certificates_mark = 0;
	} else {
		worker->certificates_error[0] = '\0';
	}
	if (worker->tls != NULL)
		tls_server_release(worker->tls);
	worker->tls = fresh;
	publish_certificates(fresh);
	return true;
}

static void
look_at_certificates(struct worker *worker)
{
	uint64_t now_ms = loop_now_ms(worker->loop);
	uint64_t interval = worker->config->tls.reload_interval;
	if (worker->tls == NULL && interval > WITHOUT_TLS_MS)
		interval = WITHOUT_TLS_MS;
	if (worker->config->certificate_count == 0 ||
	    now_ms - worker->certificates_read_ms < interval)
		return;
	worker->certificates_read_ms = now_ms;
	if (settings_tls_mark(worker->config) != worker->certificates_mark)
		load_certificates(worker, false);
}

/* --- sockets ----------------------------------------------------------------------------- */

/* A socket whose listener has gone keeps the guard that it had, until it is told to go too. */
static bool
guard(struct worker *worker, int slot, enum transport transport, const struct endpoint *bound)
{
	struct front front;
	return !settings_front(&front, worker->config, transport, bound) ||
	       net_front(worker->net, slot, &front);
}

static bool
serve(struct worker *worker, enum transport transport, const struct endpoint *bound, int fd)
{
	int slot = -1;
	if (worker->served_count < SERVED_MAX)
		slot = net_serve(worker->net, fd, transport, bound,
				 transport == TRANSPORT_TLS ? &worker->tls : NULL);
	if (slot >= 0 && !guard(worker, slot, transport, bound)) {
		net_unserve(worker->net, slot);
		slot = -1;
	}
	if (slot < 0) {
		log_message(LOG_LEVEL_ERROR, "start", "cannot watch a listening socket");
		close(fd); /* -1: there was no room for it */
		return false;
	}
	worker->served[worker->served_count++] =
		(struct served){ .transport = transport, .bound = *bound, .fd = fd, .slot = slot };
	return true;
}

static void
unserve(struct worker *worker, enum transport transport, const struct endpoint *bound)
{
	for (size_t i = 0; i < worker->served_count; i++) {
		struct served *served = &worker->served[i];
		if (served->transport != transport || !endpoint_equal(&served->bound, bound))
			continue;
		net_unserve(worker->net, served->slot);
		close(served->fd);
		*served = worker->served[--worker->served_count];
		return;
	}
}

/* --- stopping ---------------------------------------------------------------------------- */

/* Streams are accepted no more. */
static void
close_listeners(struct worker *worker)
{
	for (size_t i = worker->served_count; i-- > 0;) {
		struct served *served = &worker->served[i];
		if (served->transport != TRANSPORT_UDP)
			unserve(worker, served->transport, &served->bound);
	}
	worker->connections_at_drain = net_connections(worker->net);
}

/* Datagrams are read no more, but their sockets still carry answers. */
static void
go_deaf(struct worker *worker)
{
	for (size_t i = 0; i < worker->served_count; i++)
		if (worker->served[i].transport == TRANSPORT_UDP)
			net_deafen(worker->net, worker->served[i].slot);
	worker->deaf = true;
}

/* Datagrams are served for as long as the node lives on for somebody's connection: a socket that is
 * bound and not read would keep from a phone that it should ask elsewhere. The kernel gives each
 * worker its share of them, so they all go on, or none. But when another one is to read these
 * sockets, at once. */
static bool
may_go_deaf(const struct worker *worker)
{
	return worker->hurried || worker->shutdown_ms != 0 ||
	       node_connections(worker->birth->memory) == 0;
}

/* Asks as many connections to go as time has passed of drain_spread: clients do not come back to
 * the other nodes as one wave. */
static void
shed(struct worker *worker, uint64_t spent_ms)
{
	uint64_t spread_ms = worker->hurried ? 0 : worker->config->health.drain_spread;
	uint32_t all = worker->connections_at_drain;
	if (spent_ms >= spread_ms) {
		net_shutdown(worker->net);
		return;
	}
	uint32_t wanted = (uint32_t)(all * spent_ms / spread_ms);
	if (wanted > worker->connections_shed)
		worker->connections_shed +=
			net_shed(worker->net, wanted - worker->connections_shed);
}

/* Nothing is left that somebody still wants, or nobody may want it any longer. */
static bool
drained(struct worker *worker)
{
	uint64_t now_ms = loop_now_ms(worker->loop);
	uint64_t most = worker->config->health.drain_timeout, since = worker->drain_began_ms;
	if (worker->hurried) {
		most = most < HURRIED_MS ? most : HURRIED_MS;
		since = worker->closed_ms;
	}
	if (worker->deaf && requests_live(worker->requests) == 0 &&
	    net_connections(worker->net) == 0)
		return true;
	if (now_ms - since < most)
		return false;
	if (worker->shutdown_ms == 0) {
		worker->shutdown_ms = now_ms;
		net_shutdown(worker->net);
	}
	return now_ms - worker->shutdown_ms >= STOP_OUTPUT_MS;
}

/* The listeners are closed; the connections follow, each with what it is owed and a goodbye (RFC
 * 5923 §8.3), and then the datagrams; docs/operations.md. */
static void
wind_down(struct timer *timer)
{
	struct worker *worker = container_of(timer, struct worker, stop);
	shed(worker, loop_now_ms(worker->loop) - worker->closed_ms);
	if (!worker->deaf && may_go_deaf(worker))
		go_deaf(worker);
	if (drained(worker))
		loop_stop(worker->loop);
	else
		timer_start(worker->loop, &worker->stop, STOP_CHECK_MS, wind_down);
}

static void
begin_drain(struct worker *worker, uint64_t began_ms)
{
	if (worker->drain_began_ms != 0)
		return;
	requests_drain(worker->requests, true);
	worker->drain_began_ms = began_ms;
}

static void
end_drain(struct worker *worker)
{
	requests_drain(worker->requests, false);
	worker->drain_began_ms = 0;
}

static void
begin_stop(struct worker *worker)
{
	if (worker->closed_ms != 0)
		return;
	begin_drain(worker, loop_now_ms(worker->loop));
	close_listeners(worker);
	worker->closed_ms = loop_now_ms(worker->loop);
	timer_start(worker->loop, &worker->stop, 0, wind_down);
}

/*
 * What the master said could not be done, for want of descriptors or memory. The successor is born
 * with what is in force, on sockets that the master kept. To go on would be worse than that the
 * phones of this worker connect again: with an old configuration, or deaf on a socket to which the
 * kernel sends its share of clients. It is no sudden death either: what was begun is answered and
 * connections say goodbye, at once, for nobody reads the sockets meanwhile.
 */
static void
give_up(struct worker *worker, const char *what)
{
	if (worker->closed_ms != 0)
		return;
	log_message(LOG_LEVEL_ERROR, "process.control",
		    "%s is not taken over; another worker takes the place of this one", what);
	worker->hurried = true;
	begin_stop(worker);
}

/* --- turning ----------------------------------------------------------------------------- */

/*
 * Not before its store is up, or nearly so: a worker that replaces a dead one would answer 503 to
 * what waits in its sockets, which a moment later it can serve.
 */
static void
listen_on_all(struct worker *worker)
{
	const struct birth *birth = worker->birth;
	if (worker->listening)
		return;
	worker->listening = true;
	for (size_t i = 0; i < birth->sockets->count; i++) {
		const struct listening *item = &birth->sockets->items[i];
		if (item->open &&
		    !serve(worker, item->transport, &item->bound, item->fds[birth->index])) {
			give_up(worker, "a listening socket");
			return;
		}
	}
	worker->listens = true;
}

/* Bans are rare, connections many: they are walked after a change only. */
static void
look_at_bans(struct worker *worker)
{
	uint32_t turn = bans_turn(worker->birth->memory->bans);
	if (turn != worker->bans_turn)
		requests_close_banned(worker->requests);
	worker->bans_turn = turn;
}

/* The kernel counts for each socket, and a worker that replaces another one finds its sockets as it
 * left them: what was dropped in between is counted too. */
static void
count_drops(const struct net *net)
{
	uint64_t seen = net_datagram_drops(net);
	if (seen > stats->udp_drops_seen)
		stats->udp_receive_drops += seen - stats->udp_drops_seen;
	stats->udp_drops_seen = seen;
}

static bool
misses_tls(const struct worker *worker)
{
	bool wanted = false;
	for (size_t i = 0; i < worker->served_count; i++)
		wanted = wanted || worker->served[i].transport == TRANSPORT_TLS;
	return wanted && worker->tls == NULL;
}

/* A first start is waited for; later a look now and then is enough. */
static void
tick(struct timer *timer)
{
	struct worker *worker = container_of(timer, struct worker, tick);
	const uint8_t *secret = store_ticket_secret(worker->store);
	stats->ready = requests_ready(worker->requests);
	if (worker->listening)
		count_drops(worker->net);
	worker->started = worker->started || stats->ready != 0;
	if (worker->started || loop_now_ms(worker->loop) - worker->born_ms >= LISTEN_MS)
		listen_on_all(worker);
	look_at_certificates(worker);
	stats->tls_missing = misses_tls(worker);
	if (worker->tls != NULL && secret != NULL)
		tls_server_ticket_secret(worker->tls, secret);
	look_at_bans(worker);
	timer_start(worker->loop, &worker->tick, worker->started ? TICK_MS : TICK_STARTING_MS,
		    tick);
}

/* --- reload ------------------------------------------------------------------------------ */

static void
release_former(struct retired *retired)
{
	struct former *former = container_of(retired, struct former, retired);
	settings_policy_free(former->policy);
	config_free(former->config);
	free(former);
}

static void
retire(struct worker *worker, struct former *former)
{
	former->retired = (struct retired){ .policy = settings_policy_value(former->policy),
					    .release = release_former };
	retirement_add(&worker->retirement, &former->retired);
}

/* False when a part of it is not in force. Bad certificates are not a part of that: the next look
 * at the files is theirs. */
static bool
reload(struct worker *worker, enum log_level level, int fd)
{
	bool guarded = true;
	struct config *fresh = process_read_config(fd);
	struct settings_policy *policy = fresh == NULL ? NULL : make_policy(worker, fresh);
	struct former *former = policy == NULL ? NULL : malloc(sizeof(*former));
	if (former == NULL) {
		settings_policy_free(policy);
		if (fresh != NULL)
			config_free(fresh);
		return false;
	}
	*former = (struct former){ .policy = worker->policy, .config = worker->config };
	worker->config = fresh;
	worker->policy = policy;
	struct net_settings net = settings_net(fresh);
	struct limits_settings limits = settings_limits(fresh);
	struct requests_settings requests = settings_requests(fresh, settings_policy_value(policy));
	net_configure(worker->net, &net);
	limits_configure(worker->limits, &limits);
	requests_configure(worker->requests, &requests);
	for (size_t i = 0; i < worker->served_count; i++)
		guarded = guard(worker, worker->served[i].slot, worker->served[i].transport,
				&worker->served[i].bound) &&
			  guarded;
	if (!load_certificates(worker, true))
		worker->certificates_read_ms = 0; /* one more look at once, then as ever */
	process_log_setup(fresh);
	log_set_level(level);
	retire(worker, former); /* from here on nothing but requests refers to it */
	return guarded;
}

static void
on_control(struct control_watch *control, const struct control_message *message, int fd)
{
	struct worker *worker = container_of(control, struct worker, control);
	if (!worker->hurried)
		listen_on_all(worker); /* the master speaks of sockets that are served */
	/* The rest is the successor's business. */
	if (worker->hurried && message->verb != CONTROL_STOP_NOW &&
	    message->verb != CONTROL_UNSERVE) {
		if (fd >= 0)
			close(fd);
		return;
	}
	switch (message->verb) {
	case CONTROL_DRAIN:
		begin_drain(worker, loop_now_ms(worker->loop));
		break;
	case CONTROL_UNDRAIN:
		end_drain(worker);
		break;
	case CONTROL_STOP:
		begin_stop(worker);
		break;
	case CONTROL_STOP_NOW:
		loop_stop(worker->loop);
		break;
	case CONTROL_RELOAD:
		if (!reload(worker, message->level, fd))
			give_up(worker, "the new configuration");
		break;
	case CONTROL_SERVE:
		if (!serve(worker, message->transport, &message->bound, fd))
			give_up(worker, "a new listening socket");
		break;
	case CONTROL_UNSERVE:
		unserve(worker, message->transport, &message->bound);
		break;
	case CONTROL_LOG:
	case CONTROL_LOG_LEVEL:
	case CONTROL_ASK:
	case CONTROL_REPORT:
		break;
	}
}

static void
on_master_gone(struct control_watch *control)
{
	struct worker *worker = container_of(control, struct worker, control);
	if (!worker->hurried)
		listen_on_all(worker);
	worker->hurried = true;
	begin_stop(worker);
}

/* --- life -------------------------------------------------------------------------------- */

static void
open_store(struct worker *worker)
{
	const struct config *config = worker->config;
	worker->store = database_open(&worker->database, worker->loop, config,
				      config->database.connections_per_worker, true,
				      worker->birth->memory->node);
	if (worker->store == NULL)
		fail("database", "out of memory");
}

static void
open_parts(struct worker *worker)
{
	struct net_settings net = settings_net(worker->config);
	struct limits_settings limits = settings_limits(worker->config);
	worker->policy = make_policy(worker, worker->config);
	if (worker->policy == NULL)
		fail("worker", "out of memory");
	struct requests_settings requests =
		settings_requests(worker->config, settings_policy_value(worker->policy));
	worker->limits = limits_open(&limits);
	if (worker->limits != NULL)
		limits_use_bans(worker->limits, worker->birth->memory->bans,
				&worker->birth->memory->failures[worker->birth->index]);
	worker->requests = worker->limits == NULL ? NULL
						  : requests_open(worker->loop, worker->store,
								  worker->limits, &requests);
	if (worker->requests == NULL)
		fail("worker", "out of memory");
	worker->net = net_open(worker->loop, requests_net_user(worker->requests), &net);
	if (worker->net == NULL)
		fail("worker", "out of memory");
	requests_set_net(worker->requests, worker->net);
	requests_set_node(worker->requests, worker->birth->memory);
	retirement_open(&worker->retirement, worker->loop, worker->requests);
}

static void
close_parts(struct worker *worker)
{
	requests_set_net(worker->requests,
			 NULL); /* what the store still completes is answered to nobody */
	net_close(worker->net);
	store_close(worker->store);
	retirement_close(&worker->retirement);
	requests_close(worker->requests);
	limits_close(worker->limits);
	settings_policy_free(worker->policy);
	if (worker->tls != NULL)
		tls_server_release(worker->tls);
	config_free(worker->config);
	loop_close(worker->loop);
	digest_clear();
}

void
worker_main(const struct birth *birth)
{
	static struct worker worker;
	stats_use(&birth->memory->pages[birth->index]);
	table_seed();
	worker.birth = birth;
	worker.config = birth->config;
	worker.first = birth->index == 0;
	worker.control.message = on_control;
	worker.control.closed = on_master_gone;
	worker.loop = loop_open();
	if (worker.loop == NULL ||
	    !control_watch_open(&worker.control, worker.loop, birth->control))
		fail("worker", "cannot start its loop");
	open_store(&worker);
	open_parts(&worker);
	load_certificates(&worker, true);
	worker.born_ms = loop_now_ms(worker.loop);
	if (birth->memory->node->stopping)
		begin_drain(&worker, birth->memory->node->drain_began_ms);
	tick(&worker.tick);
	loop_run(worker.loop);
	close_parts(&worker);
	/* Who could not listen would be followed at once by another one who cannot, for ever. */
	exit(!worker.hurried ? EXIT_SUCCESS : worker.listens ? EXIT_MADE_ROOM : EXIT_FAILURE);
}
