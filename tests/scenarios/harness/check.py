"""What a test may say: a failure, a skip, which rows it covers."""
import os


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
