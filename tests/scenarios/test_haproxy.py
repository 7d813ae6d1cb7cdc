"""Two nodes on one database behind a real HAProxy, set up as docs/operations.md says: a node may die, and both may be
restarted one after the other, and no phone that tries again loses anything."""
import os
import re
import signal
import socket
import threading
import time

from harness import covers, equal, true
from harness.check import not_under_valgrind
from harness.faults import add_users
from harness.haproxy import Haproxy
from harness.phone import ALICE_PASSWORD, Phone
from harness.transport import Stream, Transcript

PHONES = 8
PATIENCE = 32.0  # Timer F of RFC 3261: a phone that has no answer by then has lost its REGISTER


def two_behind(env, **changes):
    """(HAProxy, two nodes), everybody up."""
    front = {"proxy_protocol": "v2", "proxy_from": ["127.0.0.1"]}
    usual = {("listener", "sip"): {**front, "transport": ["tcp"]}, ("listener", "tls"): front, **changes}
    first = env.start({"server": {"name": "reg-1", "workers": "2"}, **usual})
    second = env.start({"server": {"name": "reg-2", "workers": "2"}, **usual}, database=first.database)
    haproxy = Haproxy((first, second))
    env.cleanups.append(haproxy.stop)
    haproxy.start()
    return haproxy, first, second


class Caller(threading.Thread):
    """A phone that registers again and again through HAProxy and, when its connection breaks, once more."""

    def __init__(self, haproxy, server, number):
        super().__init__()
        self.haproxy, self.server, self.user = haproxy, server, "u%d" % number
        self.transport = "tls" if number % 2 else "tcp"
        self.contact = "<%s:%s@192.0.2.1:5062>" % ("sips" if number % 2 else "sip", self.user)
        self.phone, self.over = None, threading.Event()
        self.acknowledged, self.registered, self.reconnected, self.other, self.lost = 0, 0, -1, [], []

    def connect(self):
        port = self.haproxy.tls_port if self.transport == "tls" else self.haproxy.port
        context = self.server.tls_context() if self.transport == "tls" else None
        wire = Stream(("127.0.0.1", port), Transcript(), context, "example.com")
        self.reconnected += 1
        if self.phone is None:
            self.phone = Phone(wire, self.transport, self.user)
        else:
            self.phone.wire.close()
            self.phone.wire = wire

    def register(self):
        """One REGISTER, sent as often as it takes. False when there was no 200 in time."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                if self.phone is None or self.phone.wire.ended:
                    self.connect()
                request = self.phone.authorize(self.phone.register_request(self.contact))
                status = self.phone.exchange(request, timeout=5.0).status
            except Exception:  # no connection, no answer: a phone makes a new connection
                if self.phone is not None:
                    self.phone.wire.ended = True
                time.sleep(0.05)
                continue
            if status == 200:
                self.acknowledged = int(request.get("CSeq").split()[0])
                self.registered += 1
                return True
            if status != 401:
                self.other.append(status)
        return False

    def run(self):
        while not self.over.is_set():
            if not self.register():
                self.lost.append(time.monotonic())
            self.over.wait(0.02)

    def finish(self):
        self.over.set()


def start_callers(haproxy, server):
    add_users(server.database, PHONES, ALICE_PASSWORD)
    callers = [Caller(haproxy, server, n) for n in range(PHONES)]
    for caller in callers:
        caller.start()
    return callers


def progress(callers, more=3):
    """Waits until each of them was registered so many times more."""
    wanted = [caller.registered + more for caller in callers]
    deadline = time.monotonic() + 2 * PATIENCE
    while any(caller.registered < count for caller, count in zip(callers, wanted)):
        true(time.monotonic() < deadline, "callers do not come through: %s" % [(c.user, c.registered) for c in callers])
        time.sleep(0.02)


def finish(callers):
    for caller in callers:
        caller.finish()
    for caller in callers:
        caller.join()
        if caller.phone is not None:
            caller.phone.close()


def nothing_lost(callers, server):
    stored = {user: (int(cseq), contact) for user, cseq, contact in
              server.database.query("select username, cseq, contact from binding")}
    for caller in callers:
        equal(caller.lost, [], "REGISTERs of %s that were lost" % caller.user)
        cseq, contact = stored.get(caller.user, (0, None))
        true(cseq >= caller.acknowledged, "%s: acknowledged %d, stored %d" % (caller.user, caller.acknowledged, cseq))
        equal(contact, caller.contact.strip("<>"), "binding of " + caller.user)


def up(haproxy, name, count):
    """Both backends have seen the node come up so often."""
    for backend in ("sip", "sips"):
        haproxy.wait_said(r"Server %s/%s is UP" % (backend, name), count)


def test_phones_and_checks_through_haproxy(env):
    """The phones' own addresses arrive, and nobody has to say a word about the checks."""
    haproxy, first, second = two_behind(env)
    for transport, port, context in (("tcp", haproxy.port, None), ("tls", haproxy.tls_port, first.tls_context())):
        phone = Phone(Stream(("127.0.0.1", port), env.transcript, context, "example.com"), transport)
        phone.reg("<%s:alice@192.0.2.1>" % phone.scheme).expect(200)
        (source, peer), = first.database.query("select source, peer from binding")
        equal(source, "127.0.0.1:%d" % phone.wire.local[1], "source")
        true(peer.startswith("127.0.0.1:") and peer != source, "peer %s is HAProxy's" % peer)
        phone.close()
    for node in (first, second):
        node.wait(lambda: node.counter("responses") > 20, "twenty checks by OPTIONS", 40)
        started = node.log.index(" notice ready ")  # whoever runs the tests as root is warned before
        equal([line for line in node.log[started:].splitlines() if " warning " in line or "tls.failed" in line], [],
              "lines about them")
    equal(haproxy.said("is DOWN"), 0, "nodes taken out while all is well")


@covers("REG-DB-7")
def test_node_killed_under_load(env):
    """SIGKILL of all processes of a node: nothing acknowledged is lost, and every phone ends registered."""
    haproxy, first, second = two_behind(env, log={"level": "notice"})
    callers = start_callers(haproxy, first)
    try:
        progress(callers)
        os.killpg(first.process.pid, signal.SIGKILL)
        first.process.wait()
        first.process = None
        for backend in ("sip", "sips"):
            haproxy.wait_said(r"Server %s/reg-1 is DOWN" % backend)
        progress(callers)
    finally:
        finish(callers)
    nothing_lost(callers, second)
    true(any(caller.reconnected > 0 for caller in callers), "somebody was connected to the node that died")
    equal({node for node, in second.database.query("select distinct node from binding")}, {"reg-2"}, "nodes of the bindings")


class Watcher(threading.Thread):
    """Writes down in one order what a probe of a node hears and whether its SIP port takes connections."""

    def __init__(self, server):
        super().__init__()
        self.server, self.events, self.over = server, [], threading.Event()

    def note(self, event):
        if not self.events or self.events[-1] != event:
            self.events.append(event)

    def health(self):
        try:
            with socket.create_connection(("127.0.0.1", self.server.health_port), timeout=8) as probe:
                probe.sendall(b"OPTIONS / HTTP/1.0\r\n\r\n")
                return probe.recv(4096).split(b" ")[1].decode()
        except (OSError, IndexError):
            return "gone"

    def connects(self):
        try:
            socket.create_connection(("127.0.0.1", self.server.port), timeout=8).close()
            return True
        except ConnectionRefusedError:
            return False

    def run(self):
        while not self.over.is_set():
            self.note("probe " + self.health())
            self.note("connected" if self.connects() else "refused")
            self.over.wait(0.005)


def first_of(events, wanted):
    return events.index(wanted) if wanted in events else len(events)


def restart(haproxy, node, name, callers):
    """As an operator does it; returns what a watcher saw."""
    watcher = Watcher(node)
    watcher.start()
    try:
        node.process.send_signal(signal.SIGTERM)
        status = node.process.wait(60)
    finally:
        watcher.over.set()
        watcher.join()
    equal(status, 0, "exit status of " + name)
    node.judge_log()
    node.start()
    up(haproxy, name, 1)
    progress(callers)
    return watcher.events


@not_under_valgrind("requests take longer than the deadline of this test")
def test_rolling_restart(env):
    """Both nodes, one after the other, under load: no REGISTER of a retrying phone is lost, nobody is refused or told 503, and
    a probe sees 503 before the first connection is refused."""
    draining = {"drain_delay": "6s", "drain_spread": "2s", "drain_timeout": "30s"}
    haproxy, first, second = two_behind(env, health=draining, log={"level": "notice"})
    callers = start_callers(haproxy, first)
    try:
        progress(callers)
        for node, name in ((first, "reg-1"), (second, "reg-2")):
            events = restart(haproxy, node, name, callers)
            true("probe 503" in events, "no probe saw 503: %s" % events)
            true(first_of(events, "probe 503") < first_of(events, "refused"), "refused before the probe knew: %s" % events)
            true("connected" in events[first_of(events, "probe 503"):], "the port closed as soon as the probe knew: %s" % events)
    finally:
        finish(callers)
    nothing_lost(callers, second)
    for name in ("reg-1", "reg-2"):
        for backend in ("sip", "sips"):
            equal(re.findall(r"(?m)^Server %s/%s is DOWN, reason: (Layer\d)" % (backend, name), haproxy.log), ["Layer7"],
                  "%s/%s was taken out once, by the verdict of its check" % (backend, name))
    equal(haproxy.said(r" [sS]C-- "), 0, "sessions that HAProxy could not connect to a node")
    equal([status for caller in callers for status in caller.other], [], "answers besides 200 and 401")
