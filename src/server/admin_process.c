/* The admin process: HTTP beside the workers, a store of its own, and the sweep of expired
 * bindings. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin/admin.h"
#include "auth/digest.h"
#include "base/log.h"
#include "base/table.h"
#include "database.h"
#include "process.h"
#include "settings.h"

#define SWEEP_MS 5000u
#define SWEEP_AGAIN_MS 50u
#define CONNECTIONS 2u
/* Where processors are scarce, phones come first: a listing waits for the workers, not they for it.
 */
#define NICENESS 10
#define TROUBLE_MS 2000u /* then the certificates are looked at again, as workers do */
#define LEAVE_MS 1500u	 /* so long for the database, or whoever asked for a reload, to be told */

struct admin_process {
	struct loop *loop;
	struct database database;
	struct store *store;
	struct admin *admin;
	struct config *config;
	struct settings_policy *policy;
	struct control_watch control;
	const struct node_memory *memory;
	struct timer look; /* at the files of the certificates */
	uint64_t looked_ms;
	uint64_t certificates_mark;	 /* of those that were read last */
	struct tls_server *certificates; /* without their keys */
	bool certificates_due;		 /* they are read again whatever their mark is */
	struct timer leave;
	bool leaving;
	bool misled; /* could not follow a reload: its successor is born with what is in force */
};

static _Noreturn void
fail(const char *why)
{
	log_message(LOG_LEVEL_ERROR, "start", "admin: %s", why);
	exit(EXIT_FAILURE);
}

/* Built to see what the workers see; the keys do not stay here. */
static void
read_certificates(struct admin_process *process)
{
	char error[512];
	process->certificates_mark = settings_tls_mark(process->config);
	struct tls_server *server = settings_tls(process->config, process->certificates, error,
						 sizeof(error), NULL, NULL);
	bool told = admin_certificates(process->admin, server, error);
	/* What was wrong may have been the want of something. */
	process->certificates_due = !told || error[0] != '\0';
	if (server == NULL && error[0] != '\0')
		return; /* those read before are served */
	tls_server_release(process->certificates);
	process->certificates = server;
	if (server != NULL)
		tls_server_forget_keys(server);
}

static void
look_at_certificates(struct timer *timer)
{
	struct admin_process *process = container_of(timer, struct admin_process, look);
	uint64_t now_ms = loop_now_ms(process->loop);
	uint64_t interval = process->config->tls.reload_interval;
	bool trouble = process->certificates_due || node_workers_without_tls(process->memory) > 0;
	if (trouble || now_ms - process->looked_ms >= interval) {
		process->looked_ms = now_ms;
		if (process->certificates_due ||
		    settings_tls_mark(process->config) != process->certificates_mark)
			read_certificates(process);
	}
	timer_start(process->loop, &process->look, interval < TROUBLE_MS ? interval : TROUBLE_MS,
		    look_at_certificates);
}

static bool
ask_master(void *arg, uint32_t id, const struct command *command)
{
	const struct admin_process *process = arg;
	struct control_message message = { .verb = CONTROL_ASK, .id = id, .command = *command };
	return control_send(process->control.watch.fd, &message, -1);
}

static void
leave_due(struct timer *timer)
{
	loop_stop(container_of(timer, struct admin_process, leave)->loop);
}

/* Not at once: who asked for the reload is told first what the master says of it. */
static void
make_room(struct admin_process *process)
{
	process->misled = true;
	timer_start(process->loop, &process->leave, LEAVE_MS, leave_due);
}

static struct settings_policy *
make_policy(const struct admin_process *process, const struct config *config)
{
	return settings_policy_make(config, &process->memory->node->domains);
}

static void
reload(struct admin_process *process, enum log_level level, int fd)
{
	if (process->misled) {
		if (fd >= 0)
			close(fd);
		return;
	}
	struct config *fresh = process_read_config(fd);
	struct settings_policy *policy = fresh == NULL ? NULL : make_policy(process, fresh);
	if (policy == NULL) {
		config_free(fresh);
		make_room(process);
		return;
	}
	admin_configure(process->admin, fresh, settings_policy_value(policy));
	settings_policy_free(process->policy);
	config_free(process->config);
	process->policy = policy;
	process->config = fresh;
	read_certificates(process);
	look_at_certificates(&process->look);
	process_log_setup(fresh);
	log_set_level(level);
}

static void
left(void *arg)
{
	struct admin_process *process = arg;
	loop_stop(process->loop);
}

static void
leave(struct admin_process *process)
{
	if (process->leaving)
		return;
	process->leaving = true;
	timer_start(process->loop, &process->leave, LEAVE_MS, leave_due);
	admin_leave(process->admin, left, process);
}

static void
on_control(struct control_watch *control, const struct control_message *message, int fd)
{
	struct admin_process *process = container_of(control, struct admin_process, control);
	if (message->verb == CONTROL_RELOAD)
		reload(process, message->level, fd);
	else if (message->verb == CONTROL_REPORT)
		admin_report(process->admin, message->id, message->outcome, fd);
	else if (message->verb == CONTROL_STOP ||
		 (message->verb == CONTROL_STOP_NOW && !process->leaving))
		leave(process);
	else if (message->verb == CONTROL_STOP_NOW)
		loop_stop(process->loop);
}

static void
on_master_gone(struct control_watch *control)
{
	loop_stop(container_of(control, struct admin_process, control)->loop);
}

static void
open_store(struct admin_process *process, struct node *node)
{
	process->store = database_open(&process->database, process->loop, process->config,
				       CONNECTIONS, false, node);
	if (process->store == NULL)
		fail("out of memory");
	store_sweep_every(process->store, SWEEP_MS, SWEEP_AGAIN_MS);
}

void
admin_main(const struct birth *birth)
{
	static struct admin_process process;
	char error[512];
	stats_use(node_admin_page(birth->memory));
	table_seed();
	errno = 0;
	if (nice(NICENESS) == -1 && errno != 0)
		log_message(LOG_LEVEL_WARNING, "start", "admin: cannot lower its priority: %s",
			    strerror(errno));
	process.config = birth->config;
	process.memory = birth->memory;
	process.policy = make_policy(&process, process.config);
	if (process.policy == NULL)
		fail("out of memory");
	process.control.message = on_control;
	process.control.closed = on_master_gone;
	process.loop = loop_open();
	if (process.loop == NULL ||
	    !control_watch_open(&process.control, process.loop, birth->control))
		fail("cannot start its loop");
	open_store(&process, birth->memory->node);
	struct admin_settings settings = {
		.config = process.config,
		.policy = settings_policy_value(process.policy),
		.store = process.store,
		.memory = birth->memory,
		.socket_fd = birth->socket_fd,
		.listen_fd = birth->listen_fd,
		.health_fds = birth->health_fds,
		.health_count = birth->health_count,
		.ask = ask_master,
		.ask_arg = &process,
	};
	process.admin = admin_open(process.loop, &settings, error, sizeof(error));
	if (process.admin == NULL)
		fail(error);
	read_certificates(&process);
	look_at_certificates(&process.look);
	loop_run(process.loop);
	tls_server_release(process.certificates);
	store_close(process.store);
	admin_close(process.admin);
	config_free(process.config);
	loop_close(process.loop);
	digest_clear();
	exit(process.misled ? EXIT_MADE_ROOM : EXIT_SUCCESS);
}
