/*
 * What a process tree used: CPU (user and system) and memory. Works on any process that this user
 * may read in /proc; needs CONFIG_PROC_CHILDREN.
 *
 * CPU of a tree is the sum over its live processes of
 *   - the process's CPU clock (clock_getcpuclockid): the scheduler's sum of nanoseconds on CPU, the
 *     same that /proc/PID/task/TID/schedstat shows, with that of threads that ended, and
 *   - cutime and cstime of /proc/PID/stat (10 ms steps): children that ended and were waited for.
 * So a child that ends between two readings is charged what it used between them.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#define CHARGES_MAX 8

struct charge {
	const char *name;
	pid_t root;
};

/* Nanoseconds since the tree began; 0 when there is no such process. */
uint64_t charge_cpu_ns(pid_t root);
/* Proportional set size of the tree in kB (smaps_rollup); 0 when nothing can be read. */
uint64_t charge_pss_kb(pid_t root);
/* The same clock for this process alone. */
uint64_t charge_own_cpu_ns(void);
