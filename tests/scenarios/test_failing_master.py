"""Calls fail in the master while it looks after its children, its log and what an operator asks of it, and lines of the log fail in
every process: nobody dies of it, a successor comes, what was not done is said, and the next time it is done. How many failed is
told in failing_calls.report in the state of the tests."""
import itertools
import os
import re
import signal

from harness import add_test, equal, true
from harness.check import long_run
from harness.faults import admin, children, workers
from test_failing_calls import DEEP, Victim, all_transports, asked, operator_asks, shape

STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
LOST = ("EINTR", "EAGAIN", "ENOSPC", "EIO", "EPIPE")
SHORT = 2
# Of each what the code tells apart. The master is told of a death by a signal, so by read, and by waitpid what it was.
DEATH_CALLS = {
    "fork": ("EAGAIN",),
    "poll": ("EINTR", "ENOMEM"),
    "read": ("EINTR", "EIO"),
    "socketpair": ("EMFILE",),
    "waitpid": ("EINTR", "ECHILD"),
    "writev": ("ENOSPC",),
}
REOPEN_CALLS = {
    "open": ("EMFILE", "ENFILE", "ENOMEM", "ENOSPC", "EACCES", "EROFS"),
    "poll": ("EINTR",),
    "read": ("EINTR", "EIO"),
    "sendmsg": ("EINTR", "EAGAIN", "ENOBUFS", "ENOMEM", "EMFILE"),
}
COMMAND_CALLS = {
    "dup": ("EMFILE",),
    "fdopen": ("ENOMEM",),
    "fopen": ("EMFILE", "EACCES"),
    "memfd_create": ("EMFILE", "ENOMEM"),
    "poll": ("EINTR",),
    "recvmsg": ("EINTR", "EAGAIN", "ENOMEM"),
    "sendmsg": ("EAGAIN", "ENOBUFS", "EMFILE"),
}


def depth():
    return DEEP if long_run() else SHORT


# --- lines of the log ---

def refusal(document):
    """What was wrong with a configuration that is good: a word about the call that failed."""
    true(re.search(r"too many open files|cannot allocate memory|permission denied|out of memory", str(document).lower()), "why: %s" % document)


def commands(victim, less=()):
    """What an operator asks of the master; an answer of 200 is whole."""
    server = victim.server
    for path, method, body in (("/config", "GET", None), ("/config:check", "POST", None), ("/reload", "POST", None),
                               ("/log-level", "PUT", '{"level":"info"}')):
        if path in less:
            continue
        document = asked(server, path, method, body, (200, 422, 500, 503))
        if document is None:
            continue
        if document.get("ok") is False or "status" in document:
            refusal(document)
        else:
            wanted = victim.documents.setdefault(path, shape(document))
            equal(shape(document), wanted, "what %s %s answers" % (method, path))


def lost_lines(env, role, exercise):
    victim = Victim(env, role, "info")
    victim.documents = {}
    exercise(victim)
    before = victim.server.counter("log_dropped")
    for error in LOST:
        victim.each_place(lambda: exercise(victim), "writev", error, max(depth(), 4))  # the first callers are those of every line
        victim.fail(lambda: exercise(victim), "writev", error, 3)  # also the line that tells of the first
    victim.judge()
    lost = sum(victim.failed.values())

    def told():
        exercise(victim)
        return sum(int(count) for count in re.findall(r" log\.lost count=(\d+)", victim.server.log)) >= lost
    victim.server.wait(told, "%d lines are said to be lost" % lost, 20)
    equal(sum(int(count) for count in re.findall(r" log\.lost count=(\d+)", victim.server.log)), lost, "lines that are said to be lost")
    equal(victim.server.counter("log_dropped") - before, lost, "lines that are counted as lost")
    for line in victim.server.log.splitlines():
        true(re.match(STAMP + " [a-z]+ [a-z]", line), "no whole line: " + line)
    victim.report("lines of the log")
    true(lost >= 3 * len(LOST), "only %d" % lost)


for _role, _exercise in (("worker", all_transports), ("admin", operator_asks), ("master", commands)):
    add_test(globals(), "lines_of_the_%s_are_lost" % _role, lambda env, r=_role, e=_exercise: lost_lines(env, r, e))


# --- the log is opened again ---

class Rotated(Victim):
    """Its log is a file, to which each process writes with a descriptor of its own."""

    def __init__(self, env):
        self.names, self.path = itertools.count(1), os.path.join(env.directory, "rotated.log")
        super().__init__(env, "master", changes={"log": {"level": "info", "file": self.path}})

    def behind(self):
        """The processes that do not write to the file, or not only to that one."""
        return {pid for pid in [self.pid, *children(self.pid)] if files_below(pid, self.path) != {self.path}}

    def rotate(self):
        """As logrotate does. Everybody writes to the new file, or it is said in the old one that all go on with that, or who was not
        told."""
        moved = "%s.%d" % (self.path, next(self.names))
        os.rename(self.path, moved)
        self.server.process.send_signal(signal.SIGUSR1)

        def settled():
            if "cannot write log.file" in read(moved):
                return not os.path.exists(self.path)
            return self.behind() <= {int(pid) for pid in re.findall(r"process (\d+) does not listen", read(moved))}
        self.server.wait(settled, "the new file, or a word about the old one", 20)

    def catch_up(self):
        self.server.process.send_signal(signal.SIGUSR1)
        self.server.wait(lambda: not self.behind(), "everybody has the new file", 20)


def files_below(pid, path):
    found = set()
    for fd in os.listdir("/proc/%d/fd" % pid):
        try:
            found.add(os.readlink("/proc/%d/fd/%s" % (pid, fd)))
        except OSError:  # closed meanwhile
            pass
    return {one for one in found if one.startswith(path)}


def read(path):
    try:
        with open(path, errors="replace") as file:
            return file.read()
    except FileNotFoundError:
        return ""


def test_the_log_is_opened_again(env):
    victim = Rotated(env)
    for call, errors in REOPEN_CALLS.items():
        for error in errors:
            victim.each_place(victim.rotate, call, error, depth(), behind=victim.catch_up)
    victim.judge()
    victim.report("the log is opened again")
    victim.expect_made(REOPEN_CALLS)


# --- death, and what an operator asks ---

def test_a_child_dies(env):
    """Worker and admin process by turns. The third death of one within a minute would have the next one wait, so the server
    starts anew behind two of each."""
    victim = Victim(env, "master", "notice")
    server, deaths = victim.server, 0
    victim.pids = {"master": victim.pid}

    def worker():
        return next(iter(workers(server)), None)

    def die():
        nonlocal deaths
        deaths += 1
        find = worker if deaths % 2 else lambda: admin(server)
        dead = find()
        os.kill(dead, signal.SIGKILL)
        server.wait(lambda: find() not in (None, dead), "a successor", 20)

    def renew():
        server.wait_ready()
        if deaths % 4 == 0:
            server.restart()
            victim.pid = victim.pids["master"] = server.process.pid
    for call, errors in DEATH_CALLS.items():
        for error in errors:
            victim.each_place(die, call, error, depth(), 2, renew)
    victim.judge()
    victim.report("a child dies")
    victim.expect_made(DEATH_CALLS)


def test_an_operator_asks_the_master(env):
    """What is answered with 200 lacks nothing, and behind a failure the next one is answered. A child that hears nothing of a
    reload is ended, for which test_failing_calls has a test, so there is none while nobody can be told."""
    victim = Victim(env, "master", "notice")
    victim.documents = {}
    commands(victim)
    true(len(victim.documents) == 4, "answers: %s" % victim.documents)

    def again():
        equal(victim.server.api("/reload", "POST")[0], 200, "a reload behind it")
    for call, errors in COMMAND_CALLS.items():
        for error in errors:
            victim.each_place(lambda: commands(victim, ("/reload",) if call == "sendmsg" else ()), call, error, depth(), behind=again)
    victim.judge()
    victim.report("an operator asks")
    victim.expect_made(COMMAND_CALLS)
