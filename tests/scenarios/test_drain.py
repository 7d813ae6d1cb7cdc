"""TERM: readiness goes first, phones are served on, then listeners and connections go one after the other."""
import os
import signal
import time

from harness import covers, equal, true
from harness.faults import slow_commits
from harness.http import ask
from test_reload import closed

S1 = "<sips:alice@192.0.2.10:5062>"
SLOW = {"health": {"drain_delay": "6s", "drain_spread": "2s", "drain_timeout": "40s"}}
C1 = "<sip:alice@192.0.2.10:5062>"


@covers("TLS-5923-8.3-1")
def test_drain_keeps_serving_then_closes_evenly(env):
    server = env.start(SLOW)
    phones = [server.phone("tcp") for _ in range(10)]
    for phone in phones:
        phone.opt().expect(200)
    began = time.monotonic()
    os.kill(server.process.pid, signal.SIGTERM)
    server.wait(lambda: server.health("/readyz")[0] == 503, "/readyz says 503")
    late = server.phone("tcp")
    server.wait(lambda: late.opt().status == 503, "OPTIONS gives the verdict of /readyz")
    late.reg(C1).expect(200)
    true(time.monotonic() - began < 6.0, "the phone was served within drain_delay")
    waiting, closed = list(phones), []
    while waiting:
        for phone in list(waiting):
            if phone.wire.closed(0.02):
                waiting.remove(phone)
                closed.append(time.monotonic() - began)
        true(time.monotonic() - began < 40.0, "%d connections never closed" % len(waiting))
    true(closed[0] >= 5.9, "the first connection was closed %.1f s after TERM, before drain_delay" % closed[0])
    true(closed[-1] - closed[0] >= 0.8, "all were closed within %.2f s" % (closed[-1] - closed[0]))
    equal(server.process.wait(40), 0, "exit status")


def test_second_term_stops_at_once(env):
    server = env.start(SLOW)
    server.phone("tcp").opt().expect(200)
    os.kill(server.process.pid, signal.SIGTERM)
    server.wait(lambda: server.health("/readyz")[0] == 503, "/readyz says 503")
    began = time.monotonic()
    os.kill(server.process.pid, signal.SIGTERM)
    equal(server.process.wait(40), 0, "exit status")
    true(time.monotonic() - began < 5.5, "it took %.1f s" % (time.monotonic() - began))


def test_first_term_after_a_drain_by_command_changes_nothing(env):
    server = env.start(SLOW)
    phone = server.phone("tcp")
    ask(server.socket, "POST", "/api/v1/drain").expect(202)
    began = time.monotonic()
    os.kill(server.process.pid, signal.SIGTERM)
    phone.reg(C1).expect(200)
    true(time.monotonic() - began < 6.0, "the phone was served within drain_delay")
    ask(server.socket, "DELETE", "/api/v1/drain").expect(200)
    server.wait(lambda: server.health("/readyz")[0] == 200, "the drain is called off")
    os.kill(server.process.pid, signal.SIGTERM)
    server.wait(lambda: server.health("/readyz")[0] == 503, "/readyz says 503")
    phone.reg(C1).expect(200)
    equal(server.process.wait(40), 0, "exit status")
    true(time.monotonic() - began >= 4.0, "the second drain took its time: %.1f s" % (time.monotonic() - began))
    equal(server.log.count("a second signal"), 0, "signals that stop at once")


class Recorder:
    """What happened, in order: ("readyz", 503), ("listeners", "closed"), ("closed", n), and when."""

    def __init__(self, server, phones):
        self.server, self.waiting = server, dict(enumerate(phones))
        self.began, self.events, self.last = time.monotonic(), [], {}

    def note(self, what, value):
        if self.last.get(what) != value:
            self.last[what] = value
            self.events.append((what, value, time.monotonic() - self.began))

    def look(self):
        try:
            self.note("readyz", self.server.health("/readyz")[0])
        except OSError:
            pass  # the admin process goes last
        self.note("listeners", "closed" if closed(self.server.port) and closed(self.server.tls_port) else "open")
        for n, phone in list(self.waiting.items()):
            if phone.wire.closed(0.01):
                del self.waiting[n]
                self.note("closed %d" % n, True)

    def until(self, condition, what, timeout=40.0):
        deadline = time.monotonic() + timeout
        while not condition():
            true(time.monotonic() < deadline, "%s; so far %r" % (what, self.events))
            self.look()

    def at(self, what, value):
        return next((when for w, v, when in self.events if (w, v) == (what, value)), None)


def test_datagrams_are_served_to_the_end(env):
    """As long as one connection keeps the node alive, each worker answers over UDP; behind it, the port is closed and says so."""
    server = env.start({"server": {"workers": "2"}, "health": {"drain_delay": "0s", "drain_spread": "6s", "drain_timeout": "60s"}})
    idle = server.phone("tcp")
    idle.opt().expect(200)
    os.kill(server.process.pid, signal.SIGTERM)
    server.wait(lambda: closed(server.tls_port), "the listeners are closed")
    for _ in range(12):  # of ports of their own: some come to each worker
        phone = server.phone("udp")
        phone.reg(C1).expect(200)
        phone.close()
    true(not idle.wire.closed(0.01), "the connection was closed before the datagrams")
    server.wait(lambda: idle.wire.closed(0.01), "the connection is closed", 30)
    equal(server.process.wait(5), 0, "exit status")


@covers("TLS-5923-8.3-1")
def test_stages_in_order_with_a_register_in_each(env):
    """Recorded: 503, then the listeners, then one connection after the other, over TCP and TLS; nobody loses a REGISTER."""
    server = env.start({"server": {"workers": "2"}, "health": {"drain_delay": "3s", "drain_spread": "6s", "drain_timeout": "60s"}})
    phones = [server.phone(transport) for transport in ("tcp", "tls") * 12]
    for phone in phones:
        phone.opt().expect(200)
    phones[0].reg(C1).expect(200)  # before
    slow_commits(server.database, 1)
    recorder = Recorder(server, phones)
    recorder.look()
    os.kill(server.process.pid, signal.SIGTERM)
    recorder.until(lambda: recorder.at("readyz", 503), "not ready")
    equal(recorder.last["listeners"], "open", "listeners")
    server.phone("tls").reg(S1).expect(200)  # a new connection, within drain_delay
    flying = server.phone("tls")
    flying.prepare()
    recorder.until(lambda: time.monotonic() - recorder.began > 2.7, "the delay is nearly over")
    flying.send(flying.authorize(flying.register_request(S1)))  # is in work while the listeners close
    recorder.until(lambda: recorder.at("listeners", "closed"), "the listeners are closed")
    equal(flying.receive().status, 200, "REGISTER in flight while the listeners closed")
    open_still = [phones[n] for n in recorder.waiting]
    true(open_still, "all connections went with the listeners")
    recorder.until(lambda: not recorder.waiting, "every connection is closed")
    equal(server.process.wait(60), 0, "exit status")
    order = [what for what, value, _ in recorder.events if (what, value) not in (("readyz", 200), ("listeners", "open"))]
    equal([what.split()[0] for what in order], ["readyz", "listeners"] + ["closed"] * len(phones), "order of events")
    true(recorder.at("listeners", "closed") >= 2.9, "the listeners closed before drain_delay was over")
    times = sorted(when for what, _, when in recorder.events if what.startswith("closed"))
    span, middle = times[-1] - times[0], times[len(times) // 2]
    true(span >= 2.0, "all were closed within %.2f s" % span)
    true(times[0] + 0.15 * span < middle < times[0] + 0.85 * span, "not evenly: %r" % times)


def test_register_while_connections_are_closed(env):
    """Those that are still open are served while others go."""
    server = env.start({"health": {"drain_delay": "0s", "drain_spread": "8s", "drain_timeout": "60s"}})
    phones = [server.phone("tls") for _ in range(8)]
    for phone in phones:
        phone.prepare()
    os.kill(server.process.pid, signal.SIGTERM)
    server.wait(lambda: closed(server.tls_port), "the listeners are closed")
    waiting = list(phones)

    def one_went():
        waiting[:] = [phone for phone in waiting if not phone.wire.closed(0.01)]
        return len(waiting) < len(phones)
    server.wait(one_went, "the first one is closed", 30)
    served = 0
    for phone in waiting[::-1]:
        try:
            phone.reg(S1).expect(200)
            served += 1
        except (OSError, AssertionError):
            pass  # it was its turn just now
    true(served >= 1, "nobody was served any more")
    equal(server.process.wait(60), 0, "exit status")


def test_end_comes_in_time(env):
    """drain_timeout ends what holds on: here a request that the database does not finish."""
    server = env.start({"health": {"drain_delay": "0s", "drain_spread": "0s", "drain_timeout": "3s"},
                        "database": {"query_timeout": "50s"}})
    phone = server.phone("tcp")
    phone.prepare()
    slow_commits(server.database, 40)
    phone.send(phone.authorize(phone.register_request(C1)))
    server.wait(lambda: server.counter("requests_live") == 1, "the request is in work")
    began = time.monotonic()
    os.kill(server.process.pid, signal.SIGTERM)
    equal(server.process.wait(30), 0, "exit status")
    true(2.5 < time.monotonic() - began, "it did not wait for drain_timeout")
