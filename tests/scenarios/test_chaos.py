"""What was acknowledged survives whatever dies, and the checker that says so can fail: tests/chaos."""
import os
import secrets
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from chaos import checker_test, service_test  # noqa: E402
from chaos.checker import BACK, LOST  # noqa: E402
from chaos.faults import FAULTS  # noqa: E402
from chaos.rounds import LIMITS_SANITIZED, Run  # noqa: E402
from harness import add_test, covers, equal, true  # noqa: E402
from harness.check import long_run, not_under_valgrind, tests_of  # noqa: E402

SHORT, LONG = (10, 500), (100, 1100)  # rounds, and acknowledged changes in each
DEATHS = ["worker", "admin", "master", "backend", "postmaster", "power", "freeze", "failover"]

for _name, _test in tests_of(checker_test):
    add_test(globals(), "checker_%s" % _name[5:], _test)
for _name, _test in tests_of(service_test):
    add_test(globals(), "service_%s" % _name[5:], _test)


@not_under_valgrind("a process that is held up for long is ended by its master")
def test_a_database_that_forgets_is_found_out(env):
    """Not the checker alone: the whole run fails when acknowledged changes are gone; a removal that is gone is a binding back."""
    run = Run(env, "forgetful", names=["power"], changes=SHORT[1], tell=lambda _line: None, forgetful=True, limits=LIMITS_SANITIZED)
    run.rounds(2)
    true(any(violation.kind in (LOST, BACK) for violation in run.violations), "nothing was missed: %s" % run.summary())


def rounds(env, names):
    count, changes = LONG if long_run() else SHORT
    run = Run(env, secrets.token_hex(4), names, changes, limits=LIMITS_SANITIZED)
    run.rounds(count)
    print("%s\n%s" % ("\n".join(run.times()), run.summary()))
    equal(run.violations, [], "violations")


# Two halves, twenty rounds together: each has its own time limit.
@not_under_valgrind("a process that is held up for long is ended by its master")
@covers("REG-DB-5", "REG-DB-7", "REG-10.3-7", "REG-10.3.7-14")
def test_processes_and_databases_that_die(env):
    rounds(env, DEATHS)


@not_under_valgrind("a process that is held up for long is ended by its master")
@covers("REG-DB-1", "REG-DB-5", "REG-10.3-7", "REG-10.3.7-14")
def test_connections_and_statements_that_fail(env):
    rounds(env, [name for name in FAULTS if name not in DEATHS])
