/*
 * The standard process metrics, summed over master, workers and admin process. Time and memory are
 * read from /proc when asked; open descriptors are counted in the background in small steps,
 * because the kernel makes an object for each of them that it lists and a worker may have a hundred
 * thousand.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "admin_internal.h"

#define STEP_ENTRIES 1000u
#define STEP_REST_MS 10u
#define PASS_REST_MS 5000u

/* The node's processes by number: workers, then admin, then master; 0: there is none just now. */
static int
pid_of(const struct admin *admin, uint32_t index)
{
	const struct node *node = admin->memory->node;
	if (index < node->worker_count)
		return node->worker_pids[index];
	return index == node->worker_count ? getpid() : node->master_pid;
}

static uint32_t
process_count(const struct admin *admin)
{
	return admin->memory->node->worker_count + 2;
}

/* --- time and memory ---------------------------------------------------------------------- */

struct usage {
	uint64_t ticks;
	uint64_t reaped_ticks; /* of its children that have ended */
	uint64_t resident_pages;
};

/* Fields 14 to 17 and 24 of proc(5), counted from behind the name, which may hold anything. */
static bool
read_usage(int pid, struct usage *usage)
{
	char path[32], text[1024];
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	FILE *file = fopen(path, "re");
	if (file == NULL)
		return false;
	size_t len = fread(text, 1, sizeof(text), file);
	fclose(file);
	struct str rest = { text, len }, field;
	uint64_t fields[25] = { 0 };
	while (rest.len > 0 && rest.p[rest.len - 1] != ')')
		rest.len--;
	rest = str_slice((struct str){ text, len }, rest.len + 1, len);
	for (unsigned i = 3; i < 25; i++) {
		str_cut(rest, ' ', &field, &rest);
		str_to_u64(field, INT64_MAX, &fields[i]);
	}
	*usage = (struct usage){ .ticks = fields[14] + fields[15],
				 .reaped_ticks = fields[16] + fields[17],
				 .resident_pages = fields[24] };
	return true;
}

/* A process that ends between two looks is seen in neither or in both: what was shown once stands
 * until more has been used. */
double
processes_cpu_seconds(struct admin *admin)
{
	uint64_t ticks = 0;
	for (uint32_t i = 0; i < process_count(admin); i++) {
		struct usage usage;
		int pid = pid_of(admin, i);
		if (pid == 0 || !read_usage(pid, &usage))
			continue;
		ticks += usage.ticks;
		if (pid == admin->memory->node->master_pid)
			ticks += usage.reaped_ticks;
	}
	if (ticks > admin->processes.cpu_ticks)
		admin->processes.cpu_ticks = ticks;
	return (double)admin->processes.cpu_ticks / (double)sysconf(_SC_CLK_TCK);
}

double
processes_resident_bytes(const struct admin *admin)
{
	uint64_t pages = 0;
	for (uint32_t i = 0; i < process_count(admin); i++) {
		struct usage usage;
		int pid = pid_of(admin, i);
		if (pid != 0 && read_usage(pid, &usage))
			pages += usage.resident_pages;
	}
	return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

/* --- descriptors -------------------------------------------------------------------------- */

double
processes_max_fds(const struct admin *admin)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return 0;
	return (double)limit.rlim_cur * process_count(admin);
}

static void step(struct timer *timer);

static void
rest(struct admin *admin, uint64_t ms)
{
	timer_start(admin->loop, &admin->processes.timer, ms, step);
}

/* A process that has just ended has none; one that cannot be looked at makes the count wrong. */
static DIR *
open_descriptors(struct processes *processes, int pid)
{
	char path[32];
	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	DIR *folder = pid == 0 ? NULL : opendir(path);
	if (folder == NULL && pid != 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM))
		processes->missed = true;
	return folder;
}

/* True when all entries of the folder were seen. */
static bool
count_some(struct processes *processes)
{
	for (unsigned i = 0; i < STEP_ENTRIES; i++) {
		const struct dirent *entry = readdir(processes->folder);
		if (entry == NULL)
			return true;
		processes->counting += entry->d_name[0] != '.';
	}
	return false;
}

static void
step(struct timer *timer)
{
	struct admin *admin = container_of(timer, struct admin, processes.timer);
	struct processes *processes = &admin->processes;
	if (processes->folder == NULL)
		processes->folder = open_descriptors(processes, pid_of(admin, processes->index));
	if (processes->folder == NULL || count_some(processes)) {
		if (processes->folder != NULL)
			closedir(processes->folder);
		processes->folder = NULL;
		processes->index++;
	}
	if (processes->index < process_count(admin)) {
		rest(admin, STEP_REST_MS);
		return;
	}
	if (!processes->missed)
		processes->open_fds = processes->counting;
	processes->missed = false;
	processes->counting = processes->index = 0;
	rest(admin, PASS_REST_MS);
}

void
processes_start(struct admin *admin)
{
	rest(admin, 0);
}

void
processes_stop(struct admin *admin)
{
	timer_stop(&admin->processes.timer);
	if (admin->processes.folder != NULL)
		closedir(admin->processes.folder);
}
