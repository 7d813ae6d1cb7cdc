/* /proc, one process at a time; a child is read before its parent, so that one that ends meanwhile
 * is found in the parent's cutime rather than nowhere. */
#include "charge.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define DEPTH_MAX 16

/* --- one process -------------------------------------------------------------------------- */

static uint64_t
clock_ns(clockid_t clock)
{
	struct timespec time;
	if (clock_gettime(clock, &time) != 0)
		return 0;
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

/* Fields 16 and 17 of /proc/PID/stat; the second may contain spaces and parentheses. */
static uint64_t
ended_children_ns(pid_t pid)
{
	char path[64], line[1024];
	unsigned long long user = 0, kernel = 0;
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	FILE *file = fopen(path, "re");
	if (file == NULL)
		return 0;
	size_t len = fread(line, 1, sizeof(line) - 1, file);
	fclose(file);
	line[len] = '\0';
	const char *at = strrchr(line, ')');
	for (unsigned field = 2; at != NULL && field < 16; field++)
		at = strchr(at + 1, ' ');
	if (at != NULL) {
		char *end = NULL;
		user = strtoull(at, &end, 10);
		kernel = strtoull(end, NULL, 10);
	}
	return (user + kernel) * (1000000000u / (uint64_t)sysconf(_SC_CLK_TCK));
}

static uint64_t
process_cpu_ns(pid_t pid)
{
	clockid_t clock;
	uint64_t own = clock_getcpuclockid(pid, &clock) == 0 ? clock_ns(clock) : 0;
	return own + ended_children_ns(pid);
}

static uint64_t
process_pss_kb(pid_t pid)
{
	char path[64], line[256];
	uint64_t kb = 0;
	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
	FILE *file = fopen(path, "re");
	if (file == NULL)
		return 0;
	while (fgets(line, sizeof(line), file) != NULL)
		if (strncmp(line, "Pss:", 4) == 0)
			kb = strtoull(line + 4, NULL, 10);
	fclose(file);
	return kb;
}

/* --- the tree ----------------------------------------------------------------------------- */

static uint64_t sum_tree(pid_t pid, uint64_t (*of)(pid_t), unsigned depth);

static uint64_t
sum_children(pid_t pid, const char *thread, uint64_t (*of)(pid_t), unsigned depth)
{
	char path[96];
	uint64_t sum = 0;
	int child;
	snprintf(path, sizeof(path), "/proc/%d/task/%.16s/children", (int)pid, thread);
	FILE *file = fopen(path, "re");
	if (file == NULL)
		return 0;
	while (fscanf(file, "%d", &child) == 1) // NOLINT(cert-err34-c): the kernel's own numbers
		sum += sum_tree(child, of, depth);
	fclose(file);
	return sum;
}

static uint64_t
sum_tree(pid_t pid, uint64_t (*of)(pid_t), unsigned depth) // NOLINT(misc-no-recursion)
{
	char path[64];
	uint64_t sum = 0;
	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	DIR *threads = depth < DEPTH_MAX ? opendir(path) : NULL;
	if (threads == NULL)
		return 0;
	for (struct dirent *thread = readdir(threads); thread != NULL; thread = readdir(threads))
		if (thread->d_name[0] != '.')
			sum += sum_children(pid, thread->d_name, of, depth + 1);
	closedir(threads);
	return sum + of(pid);
}

uint64_t
charge_cpu_ns(pid_t root)
{
	return sum_tree(root, process_cpu_ns, 0);
}

uint64_t
charge_pss_kb(pid_t root)
{
	return sum_tree(root, process_pss_kb, 0);
}

uint64_t
charge_own_cpu_ns(void)
{
	return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}
