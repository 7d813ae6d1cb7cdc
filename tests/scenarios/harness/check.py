"""What a test may say: a failure, a skip, which rows it covers."""
import functools
import os

VALGRIND = os.environ.get("ROLLCALL_TEST_PREFIX", "").startswith("valgrind")
PATIENT = 10 if VALGRIND else 1  # times as long


class Failure(AssertionError):
    """The server did something else than the test wants."""


class Skip(Exception):
    """The test cannot run here; the text says why."""


def covers(*rows):
    """Names the rows of docs/rfc.md that the test proves."""
    def mark(function):
        function.rows = tuple(rows)
        return function
    return mark


def long_only(function):
    """Only in ./dev test --long."""
    function.long_only = True
    return function


def not_under_valgrind(why):
    """./dev test --under valgrind looks for what a test makes the daemon do; what the test wants of times or limits, it changes."""
    def mark(function):
        @functools.wraps(function)
        def skipped(env):
            raise Skip("under valgrind " + why)
        return skipped if VALGRIND else function
    return mark


def add_test(namespace, name, function, rows=()):
    """Adds a test made from a table row to a module: add_test(globals(), "torture_wsinv", lambda env: …, rows)."""
    def test(env):
        function(env)
    test.rows = tuple(rows)
    namespace["test_" + name] = test


def tests_of(module):
    """The (name, function) pairs of a module in the order of definition."""
    return [(name, f) for name, f in vars(module).items() if name.startswith("test_") and callable(f)]


def long_run():
    return bool(os.environ.get("ROLLCALL_TEST_LONG"))


def true(condition, text):
    if not condition:
        raise Failure(text)


def equal(got, wanted, what="value"):
    if got != wanted:
        raise Failure("%s is %r, wanted %r" % (what, got, wanted))
