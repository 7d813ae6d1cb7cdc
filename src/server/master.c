/*
 * The master: opens the sockets, forks, reaps, reloads, forwards signals. It reads nothing from the
 * network and allocates little, so that it outlives whatever happens to its children.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "logfile.h"
#include "master.h"
#include "notify.h"
#include "privileges.h"
#include "settings.h"

#define TURN_MS 200
#define TURN_STARTING_MS 10
#define DEBUG_PERIOD_S 600u
#define STOP_EXTRA_MS 5000u /* beyond drain_timeout; then the children are killed */

/* --- start ------------------------------------------------------------------------------- */

static bool
open_signals(struct master *master)
{
	sigset_t set;
	const int wanted[] = { SIGHUP, SIGTERM, SIGINT, SIGUSR1, SIGUSR2, SIGCHLD };
	sigemptyset(&set);
	for (unsigned i = 0; i < sizeof(wanted) / sizeof(*wanted); i++)
		sigaddset(&set, wanted[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a log that may not grow is a failure like a full disk */
	master->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return master->signals >= 0;
}

/* The first fault in error; warnings are logged. */
static bool
files_good(struct master *master, char *error, size_t cap)
{
	struct memo memo;
	struct str fields[MEMO_FIELDS_MAX];
	size_t len = 0;
	memo_open(&memo);
	bool good = files_judge(master->config, &master->marks, &memo);
	int fd = memo_close(&memo);
	char *text = fd < 0 ? NULL : memo_read(fd, &len);
	struct str rest = { text, len };
	snprintf(error, cap, "out of memory");
	while (text != NULL && memo_next(&rest, fields)) {
		if (str_eq(fields[0], STR("error")))
			snprintf(error, cap, "%.*s", STR_ARG(fields[3]));
		else
			log_message(LOG_LEVEL_WARNING, "tls.certificate", "%.*s",
				    STR_ARG(fields[3]));
	}
	free(text);
	return good;
}

static bool
open_sip_sockets(struct master *master, char *error, size_t cap)
{
	if (!sockets_plan(&master->sockets, master->config)) {
		snprintf(error, cap, "out of memory");
		return false;
	}
	for (size_t i = 0; i < master->sockets.count; i++) {
		struct listening *item = &master->sockets.items[i];
		if (!listening_open(item, master->config->server.workers,
				    sockets_meet(&master->sockets, item), error, cap))
			return false;
	}
	return true;
}

/* Domains that a reload removes keep their counters. */
static void
label_domains(struct node *node, const struct config *config)
{
	for (size_t i = 0; i < config->domain_count; i++)
		node_domain_add(&node->domains, config->domains[i].name);
}

static bool
start(struct master *master, char *error, size_t cap)
{
	const struct config *config = master->config;
	if (!node_memory_map(&master->memory, config->server.workers)) {
		snprintf(error, cap, "out of memory");
		return false;
	}
	struct node *node = master->memory.node;
	snprintf(node->name, sizeof(node->name), "%s", config->server.name);
	node->started_ms = node->loaded_ms = clock_real_ms();
	node->master_pid = getpid();
	node->log_level = (int32_t)config->log.level;
	label_domains(node, config);
	log_share(&node->log_torn);
	stats_use(node_master_page(&master->memory));
	if (!files_good(master, error, cap) || !open_sip_sockets(master, error, cap) ||
	    !http_sockets_open(&master->http, config, error, cap))
		return false;
	if (!open_signals(master)) {
		snprintf(error, cap, "signalfd: %s", strerror(errno));
		return false;
	}
	return true;
}

static bool
open_log(const struct config *config, char *error, size_t cap)
{
	int fd = logfile_open(config->log.file, error, cap);
	if (fd >= 0)
		log_output(fd);
	process_log_setup(config);
	return fd >= 0;
}

/* --- log level --------------------------------------------------------------------------- */

static void
set_level(struct master *master, enum log_level level)
{
	struct control_message message = { .verb = CONTROL_LOG_LEVEL, .level = level };
	log_set_level(level);
	master->memory.node->log_level = (int32_t)level;
	children_tell(&master->children, &message, -1);
}

void
master_log_level(struct master *master, enum log_level level, uint32_t seconds)
{
	master->level_changed = level != master->config->log.level;
	master->level_until_ms = 0;
	master->memory.node->log_until_ms = 0;
	if (master->level_changed && seconds > 0) {
		master->level_until_ms = clock_monotonic_ms() + (uint64_t)seconds * 1000;
		master->memory.node->log_until_ms = clock_real_ms() + (int64_t)seconds * 1000;
	}
	set_level(master, level);
}

/* A level that was asked for outlives a reload; the configured one is what it goes back to. */
static void
log_level_configured(struct master *master, const struct config *config)
{
	enum log_level level = log_get_level();
	process_log_setup(config);
	if (master->level_changed)
		log_set_level(level);
	master->memory.node->log_level = (int32_t)log_get_level();
}

static void
toggle_debug(struct master *master)
{
	bool debugging = master->level_changed && log_get_level() == LOG_LEVEL_DEBUG;
	master_log_level(master, debugging ? master->config->log.level : LOG_LEVEL_DEBUG,
			 DEBUG_PERIOD_S);
}

static void
end_log_level(struct master *master)
{
	if (master->level_until_ms != 0 && clock_monotonic_ms() >= master->level_until_ms)
		master_log_level(master, master->config->log.level, 0);
}

/* --- reload ------------------------------------------------------------------------------ */

/* For people, who may have asked for a reload that ended well as far as systemd knows. */
static const char *
status_of(const struct master *master)
{
	if (master->phase != PHASE_SERVING)
		return "draining, still serving";
	return master->memory.node->config_refused
		       ? "serving; the last reload was refused, the log says why"
		       : "serving";
}

static void
tell_sockets(struct master *master, const struct sockets *plan)
{
	uint32_t workers = master->memory.node->worker_count;
	for (size_t i = 0; i < plan->count; i++)
		if (sockets_find(&master->sockets, &plan->items[i]) == NULL)
			children_serve(&master->children, &plan->items[i]);
	for (size_t i = 0; i < master->sockets.count; i++) {
		struct listening *gone = &master->sockets.items[i];
		if (sockets_find(plan, gone) != NULL)
			continue;
		closing_add(&master->closing, gone, workers, clock_monotonic_ms());
		children_unserve(&master->children, gone);
		listening_close(gone, workers);
	}
}

static void
apply(struct master *master, struct reload *fresh)
{
	logfile_use(&master->children, fresh->log); /* first: its kind decides the format */
	log_level_configured(master, fresh->config);
	struct control_message message = { .verb = CONTROL_RELOAD, .level = log_get_level() };
	label_domains(master->memory.node, fresh->config);
	children_tell(&master->children, &message, fresh->text);
	tell_sockets(master, &fresh->plan);
	close(fresh->text);
	sockets_free(&master->sockets);
	certificate_marks_free(&master->marks);
	if (master->config != master->boot)
		config_free(master->config);
	master->sockets = fresh->plan;
	master->marks = fresh->marks;
	master->config = fresh->config;
	master->memory.node->loaded_ms = clock_real_ms();
}

bool
master_reload(struct master *master, bool check, struct memo *memo)
{
	struct running running = { .config = master->config,
				   .sockets = &master->sockets,
				   .closing = &master->closing,
				   .marks = &master->marks,
				   .workers = master->memory.node->worker_count };
	struct reload fresh;
	struct config *config = config_load_memo(master->launch, memo);
	if (config == NULL)
		return false;
	reload_prepare(&fresh, config, &running, check, memo);
	if (!fresh.good)
		return false;
	if (check)
		reload_forget(&fresh);
	else
		apply(master, &fresh);
	return true;
}

int
master_reload_logged(struct master *master, bool *good)
{
	struct memo memo;
	size_t len = 0;
	bool ready = master->memory.node->serving;
	if (ready)
		notify_reloading();
	memo_open(&memo);
	*good = master_reload(master, false, &memo);
	stats->config_reloads[*good ? RELOADED_APPLIED : RELOADED_REFUSED]++;
	master->memory.node->config_refused = !*good;
	int fd = memo_close(&memo);
	int copy = fd < 0 ? -1 : dup(fd);
	char *text = copy < 0 ? NULL : memo_read(copy, &len);
	reload_log(text == NULL ? "" : text, len, *good);
	free(text);
	if (ready)
		notify_ready(status_of(master));
	return fd;
}

/* --- draining and stopping --------------------------------------------------------------- */

/* With the master's copies closed too nobody queues up for an answer that will not come. */
static void
close_listeners(struct master *master, enum control_verb verb)
{
	if (master->phase == PHASE_STOPPING)
		return;
	master->phase = PHASE_STOPPING;
	notify_stopping("draining, the listeners are closed");
	children_tell_workers(&master->children, verb);
	for (size_t i = 0; i < master->sockets.count; i++)
		listening_close(&master->sockets.items[i], master->memory.node->worker_count);
}

/* The point of no return. */
static void
end_delay(struct master *master)
{
	log_message(LOG_LEVEL_NOTICE, "drain",
		    "listeners closed; connections are closed over %llu s",
		    (unsigned long long)master->config->health.drain_spread / 1000);
	close_listeners(master, CONTROL_STOP);
}

void
master_drain(struct master *master, bool now)
{
	struct node *node = master->memory.node;
	if (master->phase == PHASE_SERVING) {
		log_message(LOG_LEVEL_NOTICE, "drain",
			    "not ready; listeners close in %llu s, a second TERM stops at once",
			    (unsigned long long)(now ? 0 : master->config->health.drain_delay) /
				    1000);
		master->phase = PHASE_DRAINING;
		notify_status(status_of(master));
		node->drain_began_ms = clock_monotonic_ms();
		node->stopping = true;
		children_tell_workers(&master->children, CONTROL_DRAIN);
	}
	if (master->phase == PHASE_DRAINING && now)
		end_delay(master);
}

bool
master_undrain(struct master *master)
{
	struct node *node = master->memory.node;
	if (master->phase == PHASE_STOPPING)
		return false;
	if (master->phase == PHASE_DRAINING) {
		log_message(LOG_LEVEL_NOTICE, "drain", "called off; ready again");
		master->phase = PHASE_SERVING;
		notify_status(status_of(master));
		master->terminated = false;
		node->stopping = false;
		node->drain_began_ms = 0;
		children_tell_workers(&master->children, CONTROL_UNDRAIN);
	}
	return true;
}

static void
terminate(struct master *master)
{
	bool again = master->terminated;
	master->terminated = true;
	if (!again) {
		/* Whoever was never told that we are ready need not notice that we are not. */
		master_drain(master, !master->memory.node->serving);
		return;
	}
	log_message(LOG_LEVEL_NOTICE, "stop", "a second signal: at once");
	struct control_message message = { .verb = CONTROL_STOP_NOW };
	children_tell(&master->children, &message, -1);
	close_listeners(master, CONTROL_STOP_NOW);
}

/* How long drain_delay still is. */
static uint64_t
delay_left_ms(const struct master *master)
{
	uint64_t spent = clock_monotonic_ms() - master->memory.node->drain_began_ms;
	uint64_t delay = master->config->health.drain_delay;
	return spent < delay ? delay - spent : 0;
}

/* True when nobody is left. */
static bool
stopped(struct master *master)
{
	uint64_t spent = clock_monotonic_ms() - master->memory.node->drain_began_ms;
	struct control_message stop = { .verb = CONTROL_STOP };
	if (!master->admin_told && !children_workers_alive(&master->children)) {
		master->admin_told = true;
		children_tell(&master->children, &stop, -1);
	}
	if (spent > master->config->health.drain_timeout + STOP_EXTRA_MS)
		children_kill(&master->children);
	return !children_alive(&master->children);
}

/* --- life -------------------------------------------------------------------------------- */

static void
hang_up(struct master *master)
{
	bool good;
	if (master->phase == PHASE_STOPPING)
		return;
	int memo = master_reload_logged(master, &good);
	if (memo >= 0)
		close(memo);
}

static void
take_signals(struct master *master)
{
	struct signalfd_siginfo info;
	while (read(master->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		switch (info.ssi_signo) {
		case SIGTERM:
		case SIGINT:
			terminate(master);
			break;
		case SIGHUP:
			hang_up(master);
			break;
		case SIGUSR1:
			logfile_reopen(&master->children, master->config->log.file);
			break;
		case SIGUSR2:
			toggle_debug(master);
			break;
		default: /* SIGCHLD is looked after in every turn */
			break;
		}
	}
}

/* The first start is finished when every worker has been ready once. */
static void
note_serving(struct master *master)
{
	struct node *node = master->memory.node;
	bool all = true;
	for (uint32_t i = 0; i < node->worker_count; i++)
		all = all && master->memory.pages[i].ready != 0;
	/* The admin process too, so that a node that is ready can be asked. */
	if (master->config->health.fail_on_database)
		all = all && node_admin_page(&master->memory)->store_usable != 0;
	if (all && !node->serving && master->phase == PHASE_SERVING) {
		log_message(LOG_LEVEL_NOTICE, "ready", "every worker serves phones");
		notify_ready("serving");
		node->serving = true;
	}
	if (master->phase == PHASE_STOPPING)
		node->serving = false;
}

/* Sleeps until a signal, a question of the admin process, or the next thing to look after. */
static void
wait_for_work(struct master *master)
{
	uint64_t most = master->memory.node->serving ? TURN_MS : TURN_STARTING_MS;
	struct child *admin = &master->children.admin;
	struct pollfd wait[] = { { .fd = master->signals, .events = POLLIN },
				 { .fd = admin->pid == 0 ? -1 : admin->control,
				   .events = POLLIN } };
	if (master->phase == PHASE_DRAINING && delay_left_ms(master) < most)
		most = delay_left_ms(master);
	poll(wait, 2, (int)most);
}

/* The verdict of /livez. */
static bool
loops_turn(const struct master *master)
{
	return node_stuck_worker(&master->memory, clock_monotonic_ms()) ==
	       master->memory.node->worker_count;
}

static void
run(struct master *master)
{
	struct birth birth = {
		.memory = &master->memory,
		.socket_fd = master->http.socket,
		.listen_fd = master->http.listen,
		.health_fds = master->http.health,
		.health_count = master->http.health_count,
	};
	for (;;) {
		birth.config = master->config;
		birth.sockets = &master->sockets;
		if (master->phase != PHASE_STOPPING)
			children_keep(&master->children, &birth, master->signals);
		note_serving(master);
		wait_for_work(master);
		take_signals(master);
		commands_take(master);
		end_log_level(master);
		if (master->phase == PHASE_DRAINING && delay_left_ms(master) == 0)
			end_delay(master);
		children_reap(&master->children, master->phase == PHASE_STOPPING);
		children_watchdog(&master->children, clock_monotonic_ms());
		notify_turn(loops_turn(master), clock_monotonic_ms());
		if (master->phase == PHASE_STOPPING && stopped(master))
			return;
	}
}

static void
log_exposed(const char *sentence, void *arg)
{
	(void)arg;
	log_message(LOG_LEVEL_WARNING, "start", "%s", sentence);
}

int
master_main(const struct launch *launch, struct config *config)
{
	static struct master master;
	char error[1024];
	master.launch = launch;
	master.config = master.boot = config;
	notify_open();
	http_sockets_init(&master.http);
	if (!open_log(config, error, sizeof(error)) || !start(&master, error, sizeof(error))) {
		log_message(LOG_LEVEL_ERROR, "start", "%s", error);
		if (log_descriptor() != STDERR_FILENO)
			fprintf(stderr, "%serror: %s\n", log_stderr_mark(LOG_LEVEL_ERROR), error);
		return EXIT_FAILURE;
	}
	children_init(&master.children, &master.memory);
	log_message(LOG_LEVEL_NOTICE, "start", "rollcalld %s, %u workers", ROLLCALL_VERSION,
		    config->server.workers);
	if (privileges_held())
		log_message(
			LOG_LEVEL_WARNING, "start",
			"running as root, which is not needed; server.user names whom to become");
	settings_exposed(config, log_exposed, NULL);
	notify_status("starting: waiting for the workers and their database");
	run(&master);
	http_sockets_close(&master.http, master.config);
	sockets_free(&master.sockets);
	closing_free(&master.closing);
	certificate_marks_free(&master.marks);
	if (master.config != master.boot)
		config_free(master.config);
	config_free(master.boot);
	log_message(LOG_LEVEL_NOTICE, "stop", "stopped");
	return EXIT_SUCCESS;
}
