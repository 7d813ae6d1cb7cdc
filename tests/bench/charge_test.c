/* A tree is charged what its children used, those that live and those that ended. */
#include "charge.h"

#include <signal.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "support/check_main.h"

#define WORK_NS 30000000u /* more than the steps of cutime */
#define SLACK_NS 20000000u

static void
burn(uint64_t ns)
{
	uint64_t until = charge_own_cpu_ns() + ns;
	while (charge_own_cpu_ns() < until)
		;
}

/* A child that burns, says so through the pipe, and then ends or stays. */
static pid_t
child(int done, bool stays)
{
	pid_t pid = fork();
	if (pid != 0)
		return pid;
	burn(WORK_NS);
	(void)!write(done, "x", 1);
	if (stays)
		pause();
	_exit(0);
}

START_TEST(children_are_charged_living_or_ended)
{
	int done[2];
	char octet;
	ck_assert_int_eq(pipe(done), 0);
	uint64_t before = charge_cpu_ns(getpid()), own = charge_own_cpu_ns();
	pid_t living = child(done[1], true);
	pid_t ended = child(done[1], false);
	ck_assert_int_eq(read(done[0], &octet, 1), 1);
	ck_assert_int_eq(read(done[0], &octet, 1), 1);
	ck_assert_int_eq(waitpid(ended, NULL, 0), ended);
	uint64_t used = charge_cpu_ns(getpid()) - before - (charge_own_cpu_ns() - own);
	kill(living, SIGKILL);
	waitpid(living, NULL, 0);
	ck_assert_uint_ge(used + SLACK_NS, 2 * WORK_NS);
	ck_assert_uint_le(used, 2 * WORK_NS + 5 * SLACK_NS);
}
END_TEST

START_TEST(memory_is_that_of_the_tree)
{
	int done[2];
	char octet;
	ck_assert_int_eq(pipe(done), 0);
	uint64_t alone = charge_pss_kb(getpid());
	ck_assert_uint_gt(alone, 0);
	pid_t living = child(done[1], true);
	ck_assert_int_eq(read(done[0], &octet, 1), 1);
	/* The child shares nearly all pages with us: counted once, the sum hardly grows. */
	ck_assert_uint_lt(charge_pss_kb(getpid()), 2 * alone);
	ck_assert_uint_gt(charge_pss_kb(living), 0);
	kill(living, SIGKILL);
	waitpid(living, NULL, 0);
	ck_assert_uint_eq(charge_cpu_ns(living), 0);
}
END_TEST

SUITE(charge, children_are_charged_living_or_ended, memory_is_that_of_the_tree)
