/*
 * The master: opens the sockets, forks, reaps, reloads, forwards signals. It reads nothing from the
 * network and allocates little, so that it outlives whatever happens to its children.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "children.h"
#include "logfile.h"
#include "process.h"
#include "settings.h"

#define TURN_MS 200
#define TURN_STARTING_MS 10
#define STOP_EXTRA_MS 5000u /* beyond drain_timeout; then the children are killed */

struct master {
	const struct launch *launch;
	struct config *config;
	struct node_memory memory;
	struct sockets sockets;
	struct http_sockets http;
	struct children children;
	int signals;
	bool stopping;
	uint64_t stop_deadline_ms;
};

/* --- start ------------------------------------------------------------------------------- */

static void
raise_descriptor_limit(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

/* Secrets are in memory; no core file unless somebody raises the limit on purpose (SEC-26.2-1). */
static void
forbid_core_files(void)
{
	struct rlimit none = { 0, 0 };
	setrlimit(RLIMIT_CORE, &none);
}

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
	master->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return master->signals >= 0;
}

static void
warn(const char *sentence, void *arg)
{
	(void)arg;
	log_message(LOG_LEVEL_WARNING, "tls.certificate", "%s", sentence);
}

/* A TLS side is built and thrown away: what would fail in the workers fails here first. */
static bool
certificates_good(const struct config *config, char *error, size_t cap)
{
	struct tls_server *server = settings_tls(config, error, cap, warn, NULL);
	if (server != NULL)
		tls_server_release(server);
	return server != NULL || error[0] == '\0';
}

/* Children that cannot read what they need would die and be replaced for ever. */
static bool
files_good(const struct config *config, char *error, size_t cap)
{
	struct store_settings store;
	char password[256], application[96];
	bool good = certificates_good(config, error, cap) &&
		    settings_store(&store, config, 1, password, sizeof(password), application,
				   sizeof(application), error, cap);
	explicit_bzero(password, sizeof(password));
	return good;
}

static bool
open_sip_sockets(struct master *master, char *error, size_t cap)
{
	if (!sockets_plan(&master->sockets, master->config)) {
		snprintf(error, cap, "out of memory");
		return false;
	}
	for (size_t i = 0; i < master->sockets.count; i++)
		if (!listening_open(&master->sockets.items[i], master->config->server.workers,
				    false, error, cap))
			return false;
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
	label_domains(node, config);
	stats_use(node_master_page(&master->memory));
	if (!files_good(config, error, cap) || !open_sip_sockets(master, error, cap) ||
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

/* --- reload ------------------------------------------------------------------------------ */

/* The effective configuration as a file in memory, which every child reads: all see the same text,
 * or none. */
static int
config_to_memory(const struct config *config)
{
	int fd = memfd_create("rollcall-configuration", MFD_CLOEXEC);
	FILE *out = fd < 0 ? NULL : fdopen(dup(fd), "w");
	if (out == NULL) {
		if (fd >= 0)
			close(fd);
		return -1;
	}
	config_print(config, out);
	bool written = fflush(out) == 0 && !ferror(out);
	fclose(out);
	if (!written) {
		close(fd);
		return -1;
	}
	return fd;
}

/* A bind that is narrowed or widened meets our own sockets on its port. */
static bool
port_served(const struct sockets *old, const struct listening *item)
{
	for (size_t i = 0; i < old->count; i++)
		if (old->items[i].transport == item->transport &&
		    old->items[i].bound.ip.family == item->bound.ip.family &&
		    old->items[i].bound.port == item->bound.port && old->items[i].open)
			return true;
	return false;
}

/* Sockets that are in the new plan and not in the old one are opened; all or none. Those in both
 * are taken over. */
static bool
open_added(struct sockets *plan, const struct sockets *old, uint32_t workers, char *error,
	   size_t cap)
{
	for (size_t i = 0; i < plan->count; i++) {
		struct listening *item = &plan->items[i];
		const struct listening *before = sockets_find(old, item);
		if (before != NULL) {
			memcpy(item->fds, before->fds, sizeof(item->fds));
			item->open = before->open;
			continue;
		}
		if (listening_open(item, workers, port_served(old, item), error, cap))
			continue;
		while (i-- > 0)
			if (sockets_find(old, &plan->items[i]) == NULL)
				listening_close(&plan->items[i], workers);
		return false;
	}
	return true;
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
		children_unserve(&master->children, gone);
		listening_close(gone, workers);
	}
}

static void
refuse_reload(const char *why)
{
	stats->config_reloads[RELOADED_REFUSED]++;
	process_log_lines(LOG_LEVEL_ERROR, "reload",
			  "reload refused, still running the previous configuration: ", why);
}

/* What needs a restart keeps its value: the number of workers is part of the sockets and of the
 * shared memory. */
static void
report_restart(const struct config *old, struct config *fresh)
{
	char *keys = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&keys, &len);
	if (out == NULL)
		return;
	size_t count = config_needs_restart(old, fresh, out);
	fclose(out);
	for (char *c = keys; c != NULL && *c != '\0'; c++)
		if (*c == '\n')
			*c = ' ';
	if (count > 0)
		log_message(LOG_LEVEL_WARNING, "reload", "these take effect after a restart: %s",
			    keys);
	free(keys);
}

static void
apply(struct master *master, struct config *fresh, struct sockets *plan, int text, int log)
{
	report_restart(master->config, fresh);
	logfile_use(&master->children, log);
	fresh->server.workers = master->memory.node->worker_count;
	label_domains(master->memory.node, fresh);
	children_tell(&master->children, CONTROL_RELOAD, text);
	tell_sockets(master, plan);
	sockets_free(&master->sockets);
	config_free(master->config);
	master->sockets = *plan;
	master->config = fresh;
	master->memory.node->loaded_ms = clock_real_ms();
	stats->config_reloads[RELOADED_APPLIED]++;
	process_log_setup(fresh);
	log_message(LOG_LEVEL_NOTICE, "reload", "configuration applied");
}

static struct config *
load_again(const struct launch *launch, char *error, size_t cap)
{
	char *errors = NULL;
	size_t len = 0;
	FILE *sink = open_memstream(&errors, &len);
	if (sink == NULL)
		return NULL;
	struct config *fresh =
		config_load(launch->config_path, launch->overrides, launch->override_count, sink);
	fclose(sink);
	/* A line of the log for what are lines on a terminal. */
	while (len > 0 && errors[len - 1] == '\n')
		errors[--len] = '\0';
	for (char *c = errors; *c != '\0'; c++)
		if (*c == '\n')
			*c = ';';
	snprintf(error, cap, "%s", fresh == NULL ? errors : "");
	free(errors);
	return fresh;
}

static void
reload(struct master *master)
{
	char error[2048];
	struct sockets plan = { 0 };
	int text = -1, log;
	struct config *fresh = load_again(master->launch, error, sizeof(error));
	if (fresh == NULL) {
		refuse_reload(error);
		return;
	}
	if (!files_good(fresh, error, sizeof(error)))
		goto refused;
	if (!sockets_plan(&plan, fresh) || (text = config_to_memory(fresh)) < 0) {
		snprintf(error, sizeof(error), "out of memory");
		goto refused;
	}
	if ((log = logfile_open(fresh->log.file, error, sizeof(error))) < 0)
		goto refused;
	if (!open_added(&plan, &master->sockets, master->memory.node->worker_count, error,
			sizeof(error))) {
		if (log != STDERR_FILENO)
			close(log);
		goto refused;
	}
	apply(master, fresh, &plan, text, log);
	close(text);
	return;
refused:
	refuse_reload(error);
	if (text >= 0)
		close(text);
	sockets_free(&plan);
	config_free(fresh);
}

/* --- life -------------------------------------------------------------------------------- */

/* With the master's copies closed too nobody queues up for an answer that will not come. */
static void
close_sip_sockets(struct master *master)
{
	for (size_t i = 0; i < master->sockets.count; i++)
		listening_close(&master->sockets.items[i], master->memory.node->worker_count);
}

static void
stop(struct master *master)
{
	if (master->stopping) {
		children_tell(&master->children, CONTROL_STOP_NOW, -1);
		return;
	}
	log_message(LOG_LEVEL_NOTICE, "drain", "draining; a second signal stops at once");
	master->stopping = true;
	master->memory.node->stopping = true;
	master->stop_deadline_ms =
		clock_monotonic_ms() + master->config->health.drain_timeout + STOP_EXTRA_MS;
	children_tell_workers(&master->children, CONTROL_STOP);
	close_sip_sockets(master);
}

static void
take_signals(struct master *master)
{
	struct signalfd_siginfo info;
	while (read(master->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		switch (info.ssi_signo) {
		case SIGTERM:
		case SIGINT:
			stop(master);
			break;
		case SIGHUP:
			if (!master->stopping)
				reload(master);
			break;
		case SIGUSR1:
			logfile_reopen(&master->children, master->config->log.file);
			break;
		case SIGUSR2:
			children_tell(&master->children, CONTROL_DEBUG, -1);
			break;
		default: /* SIGCHLD is looked after in every turn */
			break;
		}
	}
}

/* True when nobody is left. */
static bool
stopped(struct master *master)
{
	if (!children_workers_alive(&master->children))
		children_tell(&master->children, CONTROL_STOP, -1);
	if (clock_monotonic_ms() > master->stop_deadline_ms)
		children_kill(&master->children);
	return !children_alive(&master->children);
}

/* The first start is finished when every worker has been ready once. */
static void
note_serving(struct master *master)
{
	struct node *node = master->memory.node;
	bool all = true;
	for (uint32_t i = 0; i < node->worker_count; i++)
		all = all && master->memory.pages[i].ready != 0;
	if (all && !node->serving && !master->stopping)
		log_message(LOG_LEVEL_NOTICE, "ready", "every worker serves phones");
	if (master->stopping || all)
		node->serving = !master->stopping;
}

static void
run(struct master *master)
{
	struct birth birth = {
		.launch = master->launch,
		.memory = &master->memory,
		.socket_fd = master->http.socket,
		.listen_fd = master->http.listen,
		.health_fds = master->http.health,
		.health_count = master->http.health_count,
	};
	for (;;) {
		birth.config = master->config;
		birth.sockets = &master->sockets;
		if (!master->stopping)
			children_keep(&master->children, &birth, master->signals);
		note_serving(master);
		struct pollfd wait = { .fd = master->signals, .events = POLLIN };
		poll(&wait, 1, master->memory.node->serving ? TURN_MS : TURN_STARTING_MS);
		take_signals(master);
		children_reap(&master->children, master->stopping);
		children_watchdog(&master->children, clock_monotonic_ms());
		if (master->stopping && stopped(master))
			return;
	}
}

int
master_main(const struct launch *launch, struct config *config)
{
	static struct master master;
	char error[1024];
	master.launch = launch;
	master.config = config;
	raise_descriptor_limit();
	forbid_core_files();
	http_sockets_init(&master.http);
	if (!open_log(config, error, sizeof(error)) || !start(&master, error, sizeof(error))) {
		log_message(LOG_LEVEL_ERROR, "start", "%s", error);
		if (log_descriptor() != STDERR_FILENO)
			fprintf(stderr, "error: %s\n", error);
		return EXIT_FAILURE;
	}
	children_init(&master.children, &master.memory);
	log_message(LOG_LEVEL_NOTICE, "start", "rollcalld %s, %u workers", ROLLCALL_VERSION,
		    config->server.workers);
	run(&master);
	http_sockets_close(&master.http, master.config);
	sockets_free(&master.sockets);
	config_free(master.config);
	log_message(LOG_LEVEL_NOTICE, "stop", "stopped");
	return EXIT_SUCCESS;
}
