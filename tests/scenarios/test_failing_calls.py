"""Each allocation and each system call that can fail does fail, one after the other, in a server that runs: no process dies,
clients hear something sensible or nothing, and the next one is served as if nothing had been. A call fails once from each place
in the code, which is the chain of its callers: a short one in the suite, with --long a deep one. How many failed is told in
failing_calls.report in the state of the tests."""
import collections
import itertools
import json
import os
import re
import signal
import time
from http.client import HTTPException

from harness import add_test, equal, true
from harness.check import Failure, long_run
from harness.digest import challenges
from harness.failing import Failing
from harness.faults import Stopped, admin, children, resident_kb, wait_successor, workers
from harness.http import ask
from harness.phone import Phone
from harness.report import report
from harness.server import free_ports
from harness.transport import Stream, Udp

SHORT = 0.15
DEEP = 8
LOST_KB = 8192  # what the heap may grow by all the same
CONTACT = "<%s:alice@192.0.2.10:5062>"
SENSIBLE = (200, 401, 500, 503)
TRANSPORTS = ("udp", "tcp", "tls")
# What a call may say on a healthy machine, on one that is short of something, and when the other side has gone.
STREAM_CALLS = {
    "accept4": ("EMFILE", "ENFILE", "ENOBUFS", "ENOMEM", "ECONNABORTED", "EPROTO", "EPERM", "EINTR"),
    "recv": ("EINTR", "EAGAIN", "ECONNRESET", "ETIMEDOUT", "ENOMEM"),
    "send": ("EINTR", "EAGAIN", "EPIPE", "ECONNRESET", "ENOBUFS", "ENOMEM"),
    "epoll_wait": ("EINTR",),
    "epoll_ctl": ("ENOMEM", "ENOSPC"),
}
WORKER_CALLS = {
    **STREAM_CALLS,
    "getsockname": ("ENOBUFS",),
    "recvmmsg": ("EINTR", "EAGAIN", "ENOMEM", "ECONNREFUSED"),
    "sendmmsg": ("EINTR", "EAGAIN", "ENOBUFS", "ENOMEM", "EPERM", "ENETUNREACH", "EHOSTUNREACH", "EMSGSIZE"),
    "read": ("EINTR", "EAGAIN", "ECONNRESET", "ETIMEDOUT", "ENOMEM", "EIO"),
    "write": ("EINTR", "EAGAIN", "EPIPE", "ECONNRESET", "ENOSPC", "EIO"),
}
ADMIN_CALLS = {
    **STREAM_CALLS,
    "pread": ("EIO", "EINTR"),
    "sendmsg": ("EINTR", "EAGAIN", "EPIPE", "ECONNRESET", "ENOBUFS", "ENOMEM"),
    "setsockopt": ("ENOMEM", "ENOBUFS"),
}
RELOAD_CALLS = {
    "fopen": ("EMFILE", "ENFILE", "ENOMEM", "EACCES"),
    "memfd_create": ("EMFILE", "ENFILE", "ENOMEM"),
    "dup": ("EMFILE",),
    "fdopen": ("ENOMEM",),
    "pread": ("EIO", "EINTR"),
    "socket": ("EMFILE", "ENFILE", "ENOBUFS", "ENOMEM"),
    "setsockopt": ("ENOMEM",),
    "bind": ("EADDRINUSE", "EACCES", "ENOMEM"),
    "listen": ("EADDRINUSE",),
    "sendmsg": ("ENOBUFS", "EPIPE", "EAGAIN"),
}


# --- what is done while something fails ---

def open_phone(server, transport, patience):
    address, tls = ("127.0.0.1", server.tls_port if transport == "tls" else server.port), transport == "tls"
    if transport == "udp":
        wire = Udp(address, server.transcript)
    else:
        wire = Stream(address, server.transcript, server.tls_context() if tls else None, "example.com", patience=patience)
    return Phone(wire, transport)


def stored(server, phone):
    """What was acknowledged is there: this phone's Call-ID is new. Nobody else registers the contact meanwhile."""
    found = asked(server, "/bindings?user=alice")
    return found is None or phone.call_id in [item["call_id"] for item in found["items"]]


def hostile_moment(server, transport):
    """Connects, is challenged, registers. Whatever happens on the way, no answer is nonsense."""
    phone = None
    try:
        phone = open_phone(server, transport, SHORT)
        phone.send(phone.register_request(CONTACT % phone.scheme))
        answer = phone.receive(SHORT)
        true(answer is None or answer.status in SENSIBLE, "%s: %s" % (transport, answer and answer.status))
        if answer is not None and answer.status == 401:
            phone.nonces["<%s>" % phone.aor] = challenges(answer)[0]
            answer = phone.exchange(phone.authorize(phone.register_request(CONTACT % phone.scheme)), SHORT)
            true(answer.status in SENSIBLE, "%s: %s" % (transport, answer.status))
            true(answer.status != 200 or stored(server, phone), "a 200 over %s, and nothing is stored" % transport)
    except OSError:  # cut off
        pass
    except Failure as failure:
        if not str(failure).startswith("no answer"):
            raise
    finally:
        if phone:
            phone.close()


def served(server, transport, within=20):
    """A phone that does as RFC 3261 says: sends again, connects again."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        try:
            phone = open_phone(server, transport, 2)
            try:
                if phone.exchange(phone.authorize(phone.register_request(CONTACT % phone.scheme)), 1).status == 200:
                    return
            finally:
                phone.close()
        except (OSError, Failure):
            pass
        time.sleep(0.05)
    raise Failure("nobody is served over %s any more" % transport)


class Victim:
    """A server of one worker, of which one process is to suffer. It listens on every address, so a worker asks for the one at
    which somebody came."""

    def __init__(self, env, role="worker", level="warning", changes=None):
        self.failing = Failing(env, {"server": {"workers": "1"}, "limits": {"per_aor_rate": "100000/s"},
                                     "log": {"level": level}, **(changes or {})})
        self.server = self.failing.server
        self.server.configure({("listener", "sip"): {"bind": ["0.0.0.0:%d" % self.server.port, "[::1]:%d" % self.server.port]}})
        self.server.start()
        self.pids = {"worker": workers(self.server)[0], "admin": admin(self.server), "master": self.server.process.pid}
        self.pid = self.pids[role]
        self.role, self.points, self.failed = role, {}, collections.Counter()
        for transport in TRANSPORTS:
            served(self.server, transport)
        self.wait_alone()
        self.looks = whole_looks(self.server)
        self.descriptors = self.open_descriptors()

    def wait_alone(self):
        self.server.wait(lambda: self.server.counter("connections_live") == 0, "no connection is left", 20)

    def open_descriptors(self):
        return len(os.listdir("/proc/%d/fd" % self.pid))

    def fail(self, exercise, call, error, times=1, depth=0, spared=""):
        """True when the call was made and failed; with a depth: from a place where it had not failed."""
        self.failing.arm(call, error, 0, times, self.pid, depth, spared)
        try:
            exercise()
        finally:
            failed, where = self.failing.disarm()
        if failed:
            self.points[where] = self.points.get(where, 0) + 1
            self.failed[call, error] += failed
        self.still_there("%s %s at %s" % (call, error, where))
        return failed > 0

    def each_place(self, exercise, call, error, depth, ends=1, behind=lambda: None, spared=""):
        """Repeats the exercise until the call has failed from each place that it is made from: so many times nothing failed."""
        self.failing.forget_places()
        quiet = 0
        while quiet < ends:
            quiet = 0 if self.fail(exercise, call, error, depth=depth, spared=spared) else quiet + 1
            behind()

    def still_there(self, what):
        living = set(children(self.pids["master"])) | {self.pids["master"]}
        true(self.server.process.poll() is None and set(self.pids.values()) <= living, "a process died: %s" % what)

    def judge(self):
        for transport in TRANSPORTS:
            served(self.server, transport)
        # What failed last may have cut connections to the database, and those come back in their time.
        self.server.wait(lambda: self.server.health()[0] == 200, "/readyz afterwards", 20)
        equal(self.server.api("/stats")[0], 200, "status afterwards")
        self.server.wait(lambda: asked(self.server, "/bindings?user=alice"), "the admin process has its database again", 20)
        self.wait_alone()
        self.server.wait(lambda: self.open_descriptors() <= self.descriptors,
                         "no more than %d descriptors, as before" % self.descriptors)

    def report(self, exercise):
        calls = {call for call, _ in self.failed}
        report("failing_calls", "%s, %s: %d failures of %d calls with %d errnos, from %d places" % (
            self.role, exercise, sum(self.failed.values()), len(calls), len(self.failed), len(self.points)))

    def expect_made(self, calls):
        made = {call for call, _ in self.failed}
        equal([call for call in calls if call not in made], [], "calls that were never made")


# --- memory ---

def allocations(env, role, exercise, short, deep=DEEP):
    victim = Victim(env, role)
    exercise(victim)
    before = resident_kb(victim.pid)
    victim.each_place(lambda: exercise(victim), "malloc", "ENOMEM", deep if long_run() else short, 3)
    victim.judge()
    victim.report("allocations")
    grown = resident_kb(victim.pid) - before
    true(grown < LOST_KB, "%d KB are lost" % grown)
    true(len(victim.points) > 2, "only %s" % victim.points)


def phones(transport):
    return lambda victim: hostile_moment(victim.server, transport)


def cut_lanes(victim):
    """The connections of the worker to the database end, and it makes new ones."""
    database = victim.server.database
    database.query("select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and "
                   "usename = 'rollcall'")
    hostile_moment(victim.server, "udp")
    victim.server.wait(lambda: victim.server.database.value(
        "select count(*) >= 2 from pg_stat_activity where datname = current_database() and usename = 'rollcall'") == "t",
        "connections to the database", 20)


LOOKS = ("/bindings", "/aors/alice@example.com", "/bindings:stats?by=transport", "/users", "/users/alice@example.com", "/stats", "/nodes",
         "/certificates", "/config", "/bans")
_turn = itertools.count(1)


def shape(value):
    """What a document has, whatever its values are."""
    if isinstance(value, dict):
        return {key: shape(one) for key, one in value.items()}
    return [shape(one) for one in value] if isinstance(value, list) else "value"


def look(path, document):
    """Of /stats what counts; the rest tells what is the matter just now."""
    return shape(document["counters"] if path == "/stats" else document)


def asked(server, path, method="GET", body=None, sensible=(200, 500, 503)):
    """The document, unless it only says that something is missing; None for no answer, or half of one."""
    try:
        status, text = server.api(path, method, body)
    except (OSError, HTTPException):
        return None
    true(status in sensible, "%s %s: %d %s" % (method, path, status, text[:200]))
    return None if status in (500, 503) else json.loads(text)


def families(server):
    status, text = server.health("/metrics")
    return set(re.findall(r"^# TYPE (\S+)", text, re.M)) if status == 200 else None


def streamed(server):
    """How many bindings a stream has; None when it is refused or cut."""
    try:
        answer = ask(server.socket, "GET", "/api/v1/bindings", fields=(("Accept", "application/x-ndjson"),), timeout=5)
    except (OSError, Failure):
        return None
    return len(answer.body.splitlines()) if answer.status == 200 else None


def change_alice(server):
    """True when she was changed; then all that was asked for has come true."""
    name, contacts = "Alice the %dth" % next(_turn), 2 + next(_turn) % 50
    changed = asked(server, "/users/alice@example.com", "PATCH", json.dumps(
        {"enabled": True, "display_name": name, "max_contacts": contacts, "may_register": ["alice@example.com", "bob@example.com"]}))
    if changed is not None:
        equal((changed["display_name"], changed["max_contacts"], changed["may_register"]),
              (name, contacts, ["alice@example.com", "bob@example.com"]), "the user changed")
    return changed is not None


def whole_looks(server):
    server.wait(lambda: change_alice(server), "a change")
    server.wait(lambda: (asked(server, "/nodes") or {}).get("items"), "the node is in its list")
    looks = {}
    for path in LOOKS:
        server.wait(lambda path=path: looks.update({path: asked(server, path)}) or looks[path], path)
    server.wait(lambda: looks.update(metrics=families(server), stream=streamed(server)) or
                (looks["metrics"] and looks["stream"]), "metrics and a stream")
    return {path: look(path, looks[path]) if path in LOOKS else looks[path] for path in looks}


def operator_asks(victim):
    """What is answered with 200 lacks nothing, and what was to be changed has changed."""
    server = victim.server
    server.health()
    for what, found in (("metrics", families(server)), ("stream", streamed(server))):
        if found is not None:
            equal(found, victim.looks[what], what)
    try:
        ask(("127.0.0.1", server.health_port), "GET", "/readyz", fields=(("Accept", "application/json"),), timeout=SHORT)
    except (OSError, HTTPException, Failure):
        pass
    for path in LOOKS:
        found = asked(server, path)
        if found is not None:
            equal(look(path, found), victim.looks[path], "what %s has" % path)
    change_alice(server)


for _transport, _short in (("udp", DEEP), ("tcp", DEEP), ("tls", 3)):
    add_test(globals(), "allocations_of_a_registration_over_%s" % _transport,
             lambda env, t=_transport, s=_short: allocations(env, "worker", phones(t), s))
add_test(globals(), "allocations_of_a_connection_to_the_database", lambda env: allocations(env, "worker", cut_lanes, 1))
add_test(globals(), "allocations_of_the_admin_process", lambda env: allocations(env, "admin", operator_asks, 5))


# --- system calls ---

def system_calls(env, role, exercise, calls):
    victim = Victim(env, role)
    exercise(victim)
    before = resident_kb(victim.pid)
    for call, errors in calls.items():
        for error in errors:
            victim.each_place(lambda: exercise(victim), call, error, DEEP if long_run() else 2)
        victim.judge()
    victim.report("system calls")
    victim.expect_made(calls)
    grown = resident_kb(victim.pid) - before
    true(grown < LOST_KB, "%d KB are lost" % grown)


def all_transports(victim):
    for transport in TRANSPORTS:
        hostile_moment(victim.server, transport)


add_test(globals(), "system_calls_of_the_worker", lambda env: system_calls(env, "worker", all_transports, WORKER_CALLS))
add_test(globals(), "system_calls_of_the_admin_process", lambda env: system_calls(env, "admin", operator_asks, ADMIN_CALLS))


def test_a_worker_that_can_never_listen(env):
    """As with fs.epoll.max_user_watches used up: whoever takes a place and cannot watch its sockets is a death like others, so
    the third one waits, and the log with it. When there is room again, phones are served."""
    victim = Victim(env)
    server = victim.server
    victim.failing.arm("epoll_ctl of a listener", "ENOSPC", 0, 10 ** 9)
    os.kill(victim.pid, signal.SIGKILL)
    server.wait(lambda: victim.failing.count() > 0, "a worker that cannot watch a socket")
    time.sleep(3)
    births, _ = victim.failing.disarm()
    true(births <= 3, "%d workers were born in 3 s" % births)
    server.wait(lambda: server.health()[0] == 200, "/readyz afterwards", 20)
    for transport in TRANSPORTS:
        served(server, transport)


def test_descriptors_that_cannot_be_counted(env):
    """What was counted last stands: none at all would be good news, and who has none left is the one who cannot look."""
    victim = Victim(env, "admin")

    def shown():
        return int(re.search(r"^process_open_fds (\d+)$", victim.server.health("/metrics")[1], re.M).group(1))

    def look():
        victim.server.wait(lambda: victim.failing.count() >= 3, "nobody can be looked at", 15)
        true(shown() >= before - 3, "%d descriptors, and a moment ago %d" % (shown(), before))
    before = victim.server.wait(shown, "a count", 15)
    true(before > 20, "%d descriptors" % before)
    true(victim.fail(look, "opendir", "EMFILE", 1000), "nobody looked")
    victim.judge()


def test_system_calls_of_a_connection_to_the_database(env):
    """The new connection does not come about, and the next one does; behind a send that failed libpq waits until we give up."""
    victim, never = Victim(env), []

    def cut():
        cut_lanes(victim)
        try:
            victim.server.wait(lambda: victim.failing.count() > 0, "a call that failed", 15)
        except Failure:
            pass
    for call, errors in (("socket", ("EMFILE", "ENOMEM")), ("connect", ("ECONNREFUSED", "EAGAIN", "ETIMEDOUT")),
                         ("send", ("ECONNRESET", "EPIPE")), ("epoll_ctl", ("ENOMEM",)), ("fcntl", ("EINVAL",)), ("getsockname", ("ENOBUFS",))):
        for error in errors:
            if not victim.fail(cut, call, error):
                never.append("%s %s" % (call, error))
    victim.judge()
    victim.report("a connection to the database")
    equal(never, [], "calls that were never made")


def test_system_calls_of_a_reload(env):
    """The reload is refused or applied, the log says which, and the next one is applied. A process that cannot be told makes
    room for one that knows."""
    victim = Victim(env, "master", "info")
    server, port = victim.server, free_ports(1)
    worker = victim.pids.pop("worker")
    victim.pids.pop("admin")
    there = {("listener", "more"): {"bind": ["127.0.0.1:%d" % port], "transport": ["udp", "tcp"]}}
    gone = {("listener", "more"): None}

    def verdicts():
        return server.log.count("configuration applied"), server.log.count("reload refused")

    def reload(changes):
        before = verdicts()
        server.configure(changes)
        server.reload()
        server.wait(lambda: verdicts() != before, "what became of the reload", 20)
        return verdicts()[0] > before[0]
    for call, errors in RELOAD_CALLS.items():
        for error in errors:
            victim.each_place(lambda: reload(there), call, error, DEEP,
                              behind=lambda: true(reload(gone), "a reload behind %s" % call))
    wait_successor(server, worker)
    true(reload(there), "the last reload")
    phone = Phone(Udp(("127.0.0.1", port), server.transcript), "udp")
    phone.reg(CONTACT % "sip").expect(200)
    phone.close()
    true(reload(gone), "the listener goes")
    victim.pids.update(worker=workers(server)[0], admin=admin(server))
    victim.judge()
    victim.report("reload")
    victim.expect_made(RELOAD_CALLS)


def lifetime_granted(server):
    """How long a phone may stay that wants to stay long; None without an answer."""
    phone = open_phone(server, "udp", 2)
    try:
        answer = phone.exchange(phone.authorize(phone.register_request(CONTACT % "sip", expires=7200)), 1)
        return answer.status == 200 and answer.contacts[(CONTACT % "sip").strip("<>")]["expires"]
    except (OSError, Failure):
        return None
    finally:
        phone.close()


def registers_at(server, port):
    phone = Phone(Udp(("127.0.0.1", port), server.transcript), "udp")
    try:
        return phone.exchange(phone.authorize(phone.register_request(CONTACT % "sip")), 1).status == 200
    except (OSError, Failure):
        return False
    finally:
        phone.close()


def reloads_in_the_worker(env, call, error, depth):
    """Whatever fails, the new configuration is in force then: in this worker, or in one that takes its place. The third death
    within a minute would have the next one wait, so the server starts anew behind two. What libConfuse wants it has before it
    begins, so it is spared."""
    victim, lifetimes, deaths = Victim(env, level="notice"), itertools.cycle((1800, 2700)), 0
    server = victim.server
    del victim.pids["worker"], victim.pids["admin"]

    def reload():
        wanted, applied = next(lifetimes), server.log.count("configuration applied")
        server.configure({"registration": {"expires_default": "10m", "expires_max": "%ds" % wanted}})
        server.reload()
        server.wait(lambda: server.log.count("configuration applied") > applied, "the configuration is applied", 20)
        server.wait(lambda: lifetime_granted(server) == str(wanted), "%d s are granted" % wanted, 20)

    def renew():
        nonlocal deaths
        if server.log.count("process.died") > deaths + 1:
            server.restart()
            deaths = server.log.count("process.died")
        victim.pids["master"], victim.pid = server.process.pid, server.wait(lambda: workers(server), "a worker")[0]
    victim.each_place(reload, call, error, depth, behind=renew, spared="libconfuse")
    for transport in TRANSPORTS:
        served(server, transport)
    victim.report("reload, %s" % call)
    victim.expect_made([call])


def test_a_worker_cannot_watch_a_new_listener(env):
    """It makes room for one that can."""
    victim, port = Victim(env, level="notice"), free_ports(1)
    server, there = victim.server, itertools.cycle(({"bind": ["127.0.0.1:%d" % port], "transport": ["udp", "tcp"]}, None))
    del victim.pids["worker"], victim.pids["admin"]

    def reload(listener):
        applied = server.log.count("configuration applied")
        server.configure({("listener", "more"): listener})
        server.reload()
        server.wait(lambda: server.log.count("configuration applied") > applied, "the configuration is applied", 20)

    def add():
        reload(next(there))
        server.wait(lambda: registers_at(server, port), "somebody is served there", 20)

    def renew():
        reload(next(there))
        if server.log.count("process.died") % 2 == 0:
            server.restart()
        victim.pids["master"], victim.pid = server.process.pid, server.wait(lambda: workers(server), "a worker")[0]
    victim.each_place(add, "fcntl", "EINVAL", DEEP if long_run() else 2, behind=renew)
    victim.report("a new listener")
    equal(len(victim.points), 2, "places")


for _call, _error, _short in (("malloc", "ENOMEM", 1), ("fopen", "EMFILE", 2), ("mmap", "ENOMEM", 2),
                              ("recvmsg", "ENOMEM", 2)):
    add_test(globals(), "reload_in_the_worker_%s" % _call,
             lambda env, c=_call, e=_error, s=_short: reloads_in_the_worker(env, c, e, DEEP if long_run() else s))


def test_the_master_cannot_fork(env):
    """A worker has died and no other can be made; a little later one can."""
    victim = Victim(env, "master")
    worker = victim.pids.pop("worker")

    def die():
        os.kill(worker, signal.SIGKILL)
        victim.server.wait(lambda: victim.failing.count() >= 2, "two forks that failed", 20)
    true(victim.fail(die, "fork", "EAGAIN", 2), "nobody forked")
    victim.server.wait(lambda: workers(victim.server), "a new worker", 20)
    victim.judge()


def test_datagrams_wait_while_the_master_cannot_fork(env):
    """It is a first death, so the sockets stay, and with them what came while nobody read."""
    victim = Victim(env, "master")
    worker, phone = victim.pids.pop("worker"), open_phone(victim.server, "udp", 2)
    phone.prepare()

    def die():
        with Stopped(worker):
            phone.send(phone.authorize(phone.register_request(CONTACT % "sip")))
            os.kill(worker, signal.SIGKILL)
            victim.server.wait(lambda: victim.failing.count() >= 2, "two forks that failed", 20)
    true(victim.fail(die, "fork", "EAGAIN", 2), "nobody forked")
    answer = phone.receive(20)
    true(answer is not None, "no answer to a datagram that waited in the socket")
    answer.expect(200)
    phone.close()
    victim.judge()


def test_memory_out_for_a_while(env):
    """Not one allocation but all of them for some time; then it is as before."""
    victim = Victim(env)
    for _ in range(5):
        for transport in TRANSPORTS:
            victim.fail(lambda t=transport: hostile_moment(victim.server, t), "malloc", "ENOMEM", 1000000)
    victim.judge()
