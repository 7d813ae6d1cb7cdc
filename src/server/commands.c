/*
 * What the admin process asks of the master: a few verbs, each a value without text, so that
 * nothing from the network is read here. The report goes back with the number that the question
 * had.
 */
#include <unistd.h>

#include "base/log.h"
#include "master.h"

#define TAKEN_MOST 16 /* in one turn: signals and children have their turn too */

static void
write_option(const struct config_option *option, void *memo)
{
	memo_line(memo, "option", option->key, option->value, option->origin,
		  option->reload ? "reload" : "restart",
		  option->default_text == NULL ? "" : option->default_text, NULL);
}

/* The memo's descriptor, or -1. */
static int
tell_config(const struct master *master)
{
	struct memo memo;
	memo_open(&memo);
	config_options(master->config, master->boot, write_option, &memo);
	return memo_close(&memo);
}

static int
check_config(struct master *master, enum command_outcome *outcome)
{
	struct memo memo;
	memo_open(&memo);
	*outcome = master_reload(master, true, &memo) ? COMMAND_DONE : COMMAND_REFUSED;
	return memo_close(&memo);
}

static int
reload(struct master *master, enum command_outcome *outcome)
{
	bool good;
	if (master->phase == PHASE_STOPPING) {
		*outcome = COMMAND_TOO_LATE;
		return -1;
	}
	int memo = master_reload_logged(master, &good);
	*outcome = good ? COMMAND_DONE : COMMAND_REFUSED;
	return memo;
}

static int
obey(struct master *master, const struct command *command, enum command_outcome *outcome)
{
	*outcome = COMMAND_DONE;
	switch (command->verb) {
	case COMMAND_RELOAD:
		return reload(master, outcome);
	case COMMAND_CHECK:
		return check_config(master, outcome);
	case COMMAND_CONFIG:
		return tell_config(master);
	case COMMAND_DRAIN:
	case COMMAND_DRAIN_NOW:
		master_drain(master, command->verb == COMMAND_DRAIN_NOW);
		return -1;
	case COMMAND_UNDRAIN:
		*outcome = master_undrain(master) ? COMMAND_DONE : COMMAND_TOO_LATE;
		return -1;
	case COMMAND_LOG_LEVEL:
		if (command->level <= LOG_LEVEL_DEBUG)
			master_log_level(master, command->level, command->seconds);
		return -1;
	}
	return -1;
}

void
commands_take(struct master *master)
{
	const struct child *admin = &master->children.admin;
	for (int i = 0; i < TAKEN_MOST && admin->pid != 0; i++) {
		struct control_message asked;
		int fd;
		if (control_receive(admin->control, &asked, &fd) != CONTROL_MESSAGE)
			return;
		if (fd >= 0)
			close(fd);
		if (asked.verb != CONTROL_ASK)
			continue;
		struct control_message report = { .verb = CONTROL_REPORT, .id = asked.id };
		int memo = obey(master, &asked.command, &report.outcome);
		if (!control_send(admin->control, &report, memo))
			log_message(LOG_LEVEL_ERROR, "process.control",
				    "the admin process does not take its report");
		if (memo >= 0)
			close(memo);
	}
}
