"""Each system call and each allocation fails once while a server starts, in the master or in a process that it has made: the
daemon serves all the same, or says why it does not and ends with an error. It never crashes, hangs, or leaves a process behind.
How many failed is told in failing_calls.report in the state of the tests."""
import os
import re
import socket

from harness import Failure, Skip, covers, equal, long_only, true
from harness.check import long_run
from harness.failing import Failing
from harness.phone import Phone
from harness.report import report
from harness.transport import Udp
from test_hardening import for_nobody, identities

CONTACT = "<sip:alice@192.0.2.10:5062>"
DEEP = 8
# What matters of each; the first one in the suite, all of them with --long.
CALLS = {
    "bind": ("EACCES", "EADDRINUSE", "ENOMEM"),
    "connect": ("EAGAIN", "ECONNREFUSED", "EINTR"),
    "dup": ("EMFILE",),
    "epoll_create1": ("EMFILE", "ENOMEM"),
    "epoll_ctl": ("ENOMEM", "ENOSPC"),
    "epoll_wait": ("EINTR",),
    "fcntl": ("EINVAL",),
    "fdopen": ("ENOMEM",),
    "fopen": ("EMFILE", "EACCES", "ENOMEM"),
    "fork": ("EAGAIN", "ENOMEM"),
    "getrandom": ("EINTR",),
    "getsockname": ("ENOBUFS",),
    "listen": ("EADDRINUSE",),
    "memfd_create": ("EMFILE", "ENOMEM"),
    "mmap": ("ENOMEM",),
    "open": ("EMFILE", "EACCES", "ENOMEM"),
    "opendir": ("EMFILE", "ENOMEM"),
    "poll": ("EINTR", "ENOMEM"),
    "prctl": ("EINVAL",),
    "read": ("EINTR", "EIO", "ENOMEM"),
    "recv": ("EINTR", "ECONNRESET", "ENOMEM"),
    "recvmsg": ("EINTR", "ENOMEM"),
    "send": ("EINTR", "EPIPE", "ENOMEM"),
    "sendto": ("ECONNREFUSED", "ENOBUFS"),
    "setrlimit": ("EPERM",),
    "setsockopt": ("ENOMEM", "EACCES"),
    "signalfd": ("EMFILE", "ENOMEM"),
    "socket": ("EMFILE", "ENOBUFS", "EAFNOSUPPORT"),
    "socketpair": ("EMFILE", "ENOMEM"),
    "waitpid": ("EINTR",),
    "write": ("EINTR", "EIO", "ENOSPC"),
}
LOST = ("EINTR", "EAGAIN", "ENOSPC", "EIO", "EPIPE")


def session(leader):
    """The living processes of the session that a server leads."""
    found = []
    for pid in (int(name) for name in os.listdir("/proc") if name.isdigit()):
        try:
            with open("/proc/%d/stat" % pid) as file:
                fields = file.read().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == leader and fields[0] not in "ZX":
            found.append(pid)
    return found


class Start:
    """A server that is started again and again. What it says when it gives up fits why."""

    def __init__(self, env, why=r"error|cannot"):
        self.failing = Failing(env, {"log": {"level": "info"}})
        self.server, self.why = self.failing.server, why
        self.server.environment["NOTIFY_SOCKET"] = os.path.join(env.sockets, "nobody")
        self.failed, self.served, self.refused, self.wheres = 0, 0, 0, set()

    def outcome(self, said):
        """The status of a daemon that has ended, or None when it serves; said is where its log began."""
        def known():
            return self.server.process.poll() is not None or self.serves(self.server.log[said:])
        self.server.wait(known, "the daemon serves or gives up", 30)
        return self.server.process.poll()

    def serves(self, log):
        return "every worker serves phones" in log

    def serve(self):
        phone = Phone(Udp(("127.0.0.1", self.server.port), self.server.transcript), "udp")
        try:
            phone.reg(CONTACT).expect(200)
        finally:
            phone.close()
        self.server.stop()  # and judges its status

    def once(self, call, error, depth, spared=""):
        """True when the call was made and failed."""
        said = len(self.server.log)
        self.failing.arm(call, error, depth=depth, spared=spared)
        self.server.launch()
        leader = self.server.process.pid
        try:
            status = self.outcome(said)
            failed, where = self.failing.disarm()
            if status is None:
                self.serve()
            else:
                self.server.process = None
                true(status > 0, "status %d" % status)
                true(re.search(self.why, self.server.log[said:]), "it ended without a word of %r" % self.why)
            self.server.wait(lambda: session(leader) == [], "no process is left")
        except Failure as failure:
            raise Failure("%s %s at %s: %s; its log: %s" % (call, error, self.failing.disarm()[1], failure,
                                                            self.server.log[said:][-1500:])) from failure
        if failed:
            self.failed += 1
            self.wheres.add(where)
            self.served, self.refused = self.served + (status is None), self.refused + (status is not None)
        return failed > 0

    def each_place(self, call, error, depth, **how):
        self.failing.forget_places()
        count = 0
        while self.once(call, error, depth, **how):
            count += 1
        return count

    def report(self, what, calls, errors):
        report("failing_calls", "start, %s: %d failures of %d calls with %d errnos, from %d places; %d served, %d gave up" % (
            what, self.failed, calls, errors, len(self.wheres), self.served, self.refused))


def test_system_calls_of_a_start(env):
    start, never = Start(env), []
    chosen = [(call, error) for call, errors in CALLS.items() for error in (errors if long_run() else errors[:1])]
    for call, error in chosen:
        if start.each_place(call, error, DEEP if long_run() else 1) == 0:
            never.append("%s %s" % (call, error))
    start.report("system calls", len(CALLS), len(chosen))
    equal(never, [], "calls that were never made")


class Quiet(Start):
    """A server whose lines are lost, also the one that says that it serves. It counts them."""

    def serves(self, log):
        return self.server.health()[0] == 200

    def serve(self):
        equal(self.server.counter("log_dropped"), self.failing.count(), "lines that are counted as lost")
        super().serve()


def test_lines_of_a_start_that_are_lost(env):
    """Nobody gives up for want of somebody who reads. The log says how many lines are missing, once, unless who has lost them says
    nothing more."""
    start = Quiet(env)
    for error in LOST:
        true(start.each_place("writev", error, DEEP if long_run() else 4) > 2, "few places")
    equal(start.refused, 0, "starts that gave up")
    told = sum(int(count) for count in re.findall(r"log\.lost count=(\d+)", start.server.log))
    true(len(LOST) <= told <= start.failed, "%d lines are lost, and %d are said to be" % (start.failed, told))
    start.report("the log", 1, len(LOST))


class AsNobody(Start):
    """A server that root starts and that becomes nobody; while it serves nothing of it is root's."""

    def __init__(self, env):
        super().__init__(env, r"error: server\.user: cannot become nobody: ")
        self.server = for_nobody(env, self.server)
        self.server.configure({"server": {"user": "nobody"}, "admin": {"socket": self.server.socket}})

    def serve(self):
        for _, users, capabilities in identities(self.server):
            equal((users, capabilities), ({"65534"}, ""), "users and groups, capabilities")
        super().serve()


@covers("SEC-26.2-1")
def test_who_cannot_become_the_user_does_not_serve(env):
    """It says why and ends. That new privileges and large limits cannot be had is no reason, as on a kernel without them."""
    if os.geteuid() != 0:
        raise Skip("only root can become somebody else")
    start = AsNobody(env)
    for call, error, text, refusals in (("initgroups", "EPERM", "Operation not permitted", 1),
                                        ("initgroups", "ENOMEM", "Cannot allocate memory", 1),
                                        ("setresgid", "EPERM", "Operation not permitted", 1),
                                        ("setresuid", "EAGAIN", "Resource temporarily unavailable", 1),
                                        ("prctl", "EINVAL", "Invalid argument", 1), ("setrlimit", "EPERM", "", 0)):
        said, refused = len(start.server.log), start.refused
        true(start.each_place(call, error, 1) > 0, "%s is never called" % call)
        equal((start.refused - refused, start.server.log[said:].count("cannot become nobody: " + text + "\n")),
              (refusals, refusals), "starts that %s %s ended, and what they said" % (call, error))
    start.report("another user", 5, 6)


def test_the_owner_of_a_port_cannot_be_looked_up(env):
    """Then it is somebody; who cannot be looked at is passed over."""
    start = Start(env, r"error start .*in use by (another process|process %d \(.*\)); stop it or change" % os.getpid())
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", start.server.port))
        taken.listen()
        true(start.each_place("opendir", "EMFILE", 1) > 1, "nobody looked")
    equal(start.server.log.count("in use by another process"), 1, "starts that could not tell")


@long_only
def test_allocations_of_a_start(env):
    start = Start(env)
    true(start.each_place("malloc", "ENOMEM", 3, spared="libconfuse") > 100, "few places")
    start.report("allocations", 1, 1)


def test_kernel_without_ipv6(env):
    """Started with ipv6.disable=1 it makes no such sockets; the listener that wants one is named, and what to write."""
    failing = Failing(env)
    server, said = failing.server, ""
    server.configure({("listener", "sip"): {"bind": ["[::]:%d" % server.port]}})
    for after in range(20):  # sockets that are made before
        failing.arm("socket", "EAFNOSUPPORT", after=after)
        known = len(server.log)
        server.launch()
        server.wait(lambda: server.process.poll() is not None or " notice ready " in server.log[known:], "it serves or gives up", 30)
        said = server.log[known:]
        if server.process.poll() is None:
            server.stop()
        server.process = None
        if "[::]:%d" % server.port in said:
            break
    failing.disarm()
    true('cannot open udp [::]:%d: this host has no IPv6; remove it, or write 0.0.0.0:%d instead, in listener "sip" bind'
         % (server.port, server.port) in said.replace('\\"', '"'), "what is said: " + said)
