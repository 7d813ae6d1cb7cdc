/*
 * A child that dies is replaced at once, on the sockets that the master kept; only from the third
 * death within a minute on, or when its birth fails again and again, its share is given to the
 * others for a while. The admin process has nobody to give its share to, and whoever asks whether
 * the node lives waits for it: it is back within a second.
 */
#include "children.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

#define MINUTE_MS 60000u
#define BACK_OFF_MS 10000u
#define ADMIN_BACK_OFF_MS 1000u /* less than a probe waits */
#define STUCK_MS 10000u
#define STUCK_KILL_MS 12000u
#define ABSENT_MS 2000u /* ten turns of the master: the host stood still, not the worker */
#define QUEUE_WAIT_MS 1000
#define FAILED_MS 1000u	 /* before a birth that failed is tried again */
#define BIRTHS_FAILED 5u /* so often clients may wait for it in the sockets */

void
children_init(struct children *children, const struct node_memory *memory)
{
	*children =
		(struct children){ .memory = memory, .worker_count = memory->node->worker_count };
}

/* --- birth ------------------------------------------------------------------------------- */

static void
close_others(const struct children *children)
{
	for (uint32_t i = 0; i < children->worker_count; i++)
		if (children->workers[i].pid != 0)
			close(children->workers[i].control);
	if (children->admin.pid != 0)
		close(children->admin.control);
}

/* A listener is closed only when the master and all workers closed it: a child keeps its own
 * sockets alone. */
static void
close_foreign_sockets(const struct birth *birth, bool worker)
{
	uint32_t workers = birth->memory->node->worker_count;
	for (size_t i = 0; i < birth->sockets->count; i++)
		for (uint32_t k = 0; k < workers; k++)
			if ((!worker || k != birth->index) && birth->sockets->items[i].fds[k] >= 0)
				close(birth->sockets->items[i].fds[k]);
	if (!worker)
		return;
	if (birth->socket_fd >= 0)
		close(birth->socket_fd);
	if (birth->listen_fd >= 0)
		close(birth->listen_fd);
	for (size_t i = 0; i < birth->health_count; i++)
		close(birth->health_fds[i]);
}

/* The terminal's Ctrl-C reaches the whole group: children wait for the master's word instead. */
static void
child_signals(int signals)
{
	sigset_t none;
	close(signals);
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGUSR1, SIG_IGN);
	signal(SIGUSR2, SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void
birth_failed(struct child *child, const char *what)
{
	log_message(LOG_LEVEL_ERROR, "start", "%s: %s", what, strerror(errno));
	child->births_failed++;
	child->retry_ms = clock_monotonic_ms() +
			  (child->births_failed < BIRTHS_FAILED ? FAILED_MS : BACK_OFF_MS);
}

static void
give_birth(struct children *children, struct child *child, struct birth *birth, int signals,
	   bool worker)
{
	int ends[2];
	if (!control_pair(ends)) {
		birth_failed(child, "control channel");
		return;
	}
	fflush(NULL);
	pid_t pid = fork();
	if (pid < 0) {
		birth_failed(child, "fork");
		close(ends[0]);
		close(ends[1]);
		return;
	}
	if (pid == 0) {
		log_of_a_child();
		close(ends[0]);
		close_others(children);
		close_foreign_sockets(birth, worker);
		child_signals(signals);
		birth->control = ends[1];
		if (worker)
			worker_main(birth);
		admin_main(birth);
	}
	close(ends[1]);
	child->pid = pid;
	child->control = ends[0];
	child->abort_sent = false;
	child->held_back = false;
	child->births_failed = 0;
}

/* Those that a reload opened in the meantime as well. */
static void
close_sockets(struct child *child, const struct birth *birth)
{
	for (size_t i = 0; i < birth->sockets->count; i++)
		listening_close_one(&birth->sockets->items[i], birth->index);
	child->sockets_closed = true;
}

/* All or none. */
static bool
reopen_sockets(struct child *child, const struct birth *birth, uint64_t now)
{
	if (!child->sockets_closed)
		return true;
	for (size_t i = 0; i < birth->sockets->count; i++) {
		const struct listening *item = &birth->sockets->items[i];
		if (listening_open_one(&birth->sockets->items[i], birth->index))
			continue;
		log_message(LOG_LEVEL_ERROR, "start",
			    "worker %u waits: its %s socket of listener \"%s\" cannot be opened: "
			    "%s",
			    birth->index, transport_word(item->transport), item->listener,
			    strerror(errno));
		close_sockets(child, birth);
		child->retry_ms = now + FAILED_MS;
		return false;
	}
	child->sockets_closed = false;
	return true;
}

static bool
gives_its_share(const struct child *child)
{
	return child->held_back || child->sockets_closed || child->births_failed >= BIRTHS_FAILED;
}

void
children_keep(struct children *children, struct birth *birth, int signals)
{
	uint64_t now = clock_monotonic_ms();
	for (uint32_t i = 0; i < children->worker_count; i++) {
		struct child *child = &children->workers[i];
		birth->index = i;
		if (child->pid != 0)
			continue;
		if (now < child->retry_ms) {
			if (gives_its_share(child))
				close_sockets(child, birth);
			continue;
		}
		if (reopen_sockets(child, birth, now)) {
			children->memory->pages[i].loop_turn_ms = now;
			give_birth(children, child, birth, signals, true);
		}
		children->memory->node->worker_pids[i] = (int32_t)child->pid;
	}
	if (children->admin.pid == 0 && now >= children->admin.retry_ms) {
		node_admin_page(children->memory)->loop_turn_ms = now;
		give_birth(children, &children->admin, birth, signals, false);
	}
}

/* --- death ------------------------------------------------------------------------------- */

static void
note_death(struct child *child, uint64_t now, uint64_t back_off_ms)
{
	memmove(child->deaths_ms + 1, child->deaths_ms,
		sizeof(child->deaths_ms) - sizeof(*child->deaths_ms));
	child->deaths_ms[0] = now;
	uint64_t third = child->deaths_ms[DEATHS_REMEMBERED - 1];
	child->held_back = third != 0 && now - third < MINUTE_MS;
	child->retry_ms = child->held_back ? now + back_off_ms : now;
}

static void
log_death(const char *what, pid_t pid, int status, const struct child *child, uint64_t now)
{
	struct log_line line;
	if (!log_begin(&line, LOG_LEVEL_ERROR, "process.died"))
		return;
	log_word(&line, "process", what);
	log_number(&line, "pid", pid);
	if (WIFSIGNALED(status))
		log_number(&line, "signal", WTERMSIG(status));
	else
		log_number(&line, "status", WEXITSTATUS(status));
	log_number(&line, "restart_in_ms", (int64_t)(child->retry_ms - now));
	log_end(&line);
}

static struct child *
child_by_pid(struct children *children, pid_t pid, const char **what, uint32_t *index)
{
	*what = "admin";
	*index = children->worker_count; /* its page comes after theirs */
	if (children->admin.pid == pid)
		return &children->admin;
	*what = "worker";
	for (*index = 0; *index < children->worker_count; ++*index)
		if (children->workers[*index].pid == pid)
			return &children->workers[*index];
	return NULL;
}

void
children_reap(struct children *children, bool stopping)
{
	int status;
	pid_t pid;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		const char *what;
		uint32_t index;
		uint64_t now = clock_monotonic_ms();
		struct child *child = child_by_pid(children, pid, &what, &index);
		if (child == NULL)
			continue;
		close(child->control);
		child->pid = 0;
		if (child != &children->admin)
			children->memory->node->worker_pids[index] = 0;
		stats_bury(&children->memory->pages[index]);
		bool made_room = WIFEXITED(status) && WEXITSTATUS(status) == EXIT_MADE_ROOM;
		if (stopping && WIFEXITED(status) && (WEXITSTATUS(status) == 0 || made_room))
			continue;
		if (made_room)
			child->retry_ms = now;
		else
			note_death(child, now,
				   child == &children->admin ? ADMIN_BACK_OFF_MS : BACK_OFF_MS);
		children->memory->node->worker_deaths++;
		log_death(what, pid, status, child, now);
	}
}

/* For how long its loop has stood still while the master watched. */
static uint64_t
still_ms(struct child *child, uint64_t turned_ms, uint64_t now_ms, bool absent)
{
	if (absent || child->pid == 0 || turned_ms != child->turned_ms) {
		child->turned_ms = turned_ms;
		child->still_since_ms = now_ms;
	}
	return now_ms - child->still_since_ms;
}

static void
watch_child(struct child *child, const char *what, uint64_t still)
{
	if (still < STUCK_MS)
		return;
	if (!child->abort_sent) {
		log_message(LOG_LEVEL_ERROR, "process.stuck",
			    "%s %d has not turned for %ju ms; it is replaced", what,
			    (int)child->pid, (uintmax_t)still);
		kill(child->pid, SIGABRT);
		child->abort_sent = true;
	} else if (still >= STUCK_KILL_MS) {
		kill(child->pid, SIGKILL);
	}
}

void
children_watchdog(struct children *children, uint64_t now_ms)
{
	bool absent = now_ms - children->watched_ms > ABSENT_MS;
	struct child *admin = &children->admin;
	children->watched_ms = now_ms;
	for (uint32_t i = 0; i < children->worker_count; i++) {
		struct child *child = &children->workers[i];
		uint64_t turned = children->memory->pages[i].loop_turn_ms;
		watch_child(child, "worker", still_ms(child, turned, now_ms, absent));
	}
	uint64_t turned = node_admin_page(children->memory)->loop_turn_ms;
	watch_child(admin, "admin process", still_ms(admin, turned, now_ms, absent));
}

bool
children_workers_alive(const struct children *children)
{
	for (uint32_t i = 0; i < children->worker_count; i++)
		if (children->workers[i].pid != 0)
			return true;
	return false;
}

bool
children_alive(const struct children *children)
{
	return children->admin.pid != 0 || children_workers_alive(children);
}

void
children_kill(struct children *children)
{
	for (uint32_t i = 0; i < children->worker_count; i++)
		if (children->workers[i].pid != 0)
			kill(children->workers[i].pid, SIGKILL);
	if (children->admin.pid != 0)
		kill(children->admin.pid, SIGKILL);
}

/* --- words ------------------------------------------------------------------------------- */

static bool
is_configuration(enum control_verb verb)
{
	return verb == CONTROL_RELOAD || verb == CONTROL_SERVE || verb == CONTROL_UNSERVE;
}

/* The queue is shorter than the list of sockets may be, and a child that reads a configuration
 * empties it when it has done so. Without room errno is what the send has left. */
static bool
has_room(int control)
{
	struct pollfd queue = { .fd = control, .events = POLLOUT };
	return poll(&queue, 1, QUEUE_WAIT_MS) == 1;
}

/* Whom a new configuration does not reach would go on with the old one for ever, so another one
 * takes its place, who learns it at birth. */
static void
tell(const struct child *child, const struct control_message *message, int fd)
{
	bool ended = is_configuration(message->verb);
	bool sent = child->pid == 0 || control_send(child->control, message, fd);
	while (!sent && errno == EAGAIN && ended && has_room(child->control))
		sent = control_send(child->control, message, fd);
	if (sent || errno == EPIPE || errno == ECONNRESET) /* it is dead, which is told elsewhere */
		return;
	log_message(LOG_LEVEL_ERROR, "process.control", "process %d does not listen%s: %s",
		    (int)child->pid, ended ? " and is ended" : "", strerror(errno));
	if (ended)
		kill(child->pid, SIGKILL);
}

void
children_tell_workers(struct children *children, enum control_verb verb)
{
	struct control_message message = { .verb = verb };
	for (uint32_t i = 0; i < children->worker_count; i++)
		tell(&children->workers[i], &message, -1);
}

void
children_tell(struct children *children, const struct control_message *message, int fd)
{
	for (uint32_t i = 0; i < children->worker_count; i++)
		tell(&children->workers[i], message, fd);
	tell(&children->admin, message, fd);
}

void
children_serve(struct children *children, const struct listening *item)
{
	struct control_message message = { .verb = CONTROL_SERVE,
					   .transport = item->transport,
					   .bound = item->bound };
	for (uint32_t i = 0; i < children->worker_count; i++)
		tell(&children->workers[i], &message, item->fds[i]);
}

void
children_unserve(struct children *children, const struct listening *item)
{
	struct control_message message = { .verb = CONTROL_UNSERVE,
					   .transport = item->transport,
					   .bound = item->bound };
	for (uint32_t i = 0; i < children->worker_count; i++)
		tell(&children->workers[i], &message, -1);
}

/* --- http sockets ------------------------------------------------------------------------ */

void
http_sockets_init(struct http_sockets *http)
{
	*http = (struct http_sockets){ .socket = -1, .listen = -1 };
}

bool
http_sockets_open(struct http_sockets *http, const struct config *config, char *error,
		  size_t error_cap)
{
	if (config->admin.socket[0] != '\0') {
		http->socket = sockets_open_unix(config->admin.socket, error, error_cap);
		if (http->socket < 0)
			return false;
	}
	if (config->admin.listen_on) {
		http->listen =
			sockets_open_http(&config->admin.listen, "admin.listen", error, error_cap);
		if (http->listen < 0)
			return false;
	}
	for (size_t i = 0; i < config->health.listen_count; i++) {
		int fd = sockets_open_http(&config->health.listen[i], "health.listen", error,
					   error_cap);
		if (fd < 0)
			return false;
		http->health[http->health_count++] = fd;
	}
	return true;
}

void
http_sockets_close(struct http_sockets *http, const struct config *config)
{
	if (http->socket >= 0) {
		close(http->socket);
		unlink(config->admin.socket);
	}
	if (http->listen >= 0)
		close(http->listen);
	for (size_t i = 0; i < http->health_count; i++)
		close(http->health[i]);
	http_sockets_init(http);
}
