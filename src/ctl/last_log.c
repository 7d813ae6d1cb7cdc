/* What the daemon said last, for whoever finds it gone. That it is gone is all that systemd says
 * behind that. */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client.h"
#include "output.h"

/* journalctl with out as its output; false when there is none. */
static bool
start_journal(int out, pid_t *pid)
{
	char *const words[] = { (char[]){ "journalctl" },
				(char[]){ "--quiet" },
				(char[]){ "--unit=rollcalld" },
				(char[]){ "--identifier=rollcalld" },
				(char[]){ "--lines=1" },
				(char[]){ "--output=cat" },
				NULL };
	posix_spawn_file_actions_t actions;
	if (posix_spawn_file_actions_init(&actions) != 0)
		return false;
	bool started = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO) == 0 &&
		       posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null",
							O_WRONLY, 0) == 0 &&
		       posix_spawnp(pid, words[0], &actions, NULL, words, environ) == 0;
	posix_spawn_file_actions_destroy(&actions);
	return started;
}

bool
last_log(char line[static LAST_LOG_BYTES])
{
	int ends[2];
	pid_t pid;
	if (pipe2(ends, O_CLOEXEC) != 0)
		return false;
	bool started = start_journal(ends[1], &pid);
	close(ends[1]);
	FILE *journal = fdopen(ends[0], "r");
	bool read = started && journal != NULL && fgets(line, LAST_LOG_BYTES, journal) != NULL;
	if (journal != NULL)
		fclose(journal);
	else
		close(ends[0]);
	if (started)
		waitpid(pid, NULL, 0);
	if (!read)
		return false;
	line[strcspn(line, "\n")] = '\0';
	output_harmless(line);
	return line[0] != '\0';
}
