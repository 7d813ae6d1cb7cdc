"""A hundred restarts and a hundred new certificates under load, and a start with a million bindings (goals G14, G15).

The figures are in restarts.report in the state of the tests.
"""
import collections
import os
import signal
import ssl
import sys
import threading
import time

from harness import equal, long_only
from harness.attack import TRANSPORTS
from harness.failing import PLAIN_BUILD
from harness.faults import add_users
from harness.honest import Crew, Honest
from harness.http import ask
from harness.phone import ALICE_PASSWORD, Phone
from harness.report import quantile, report
from test_reload import issue, own_certificates, reload

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "bench"))

from ground import DOMAIN, PASSWORD, fill_registered  # noqa: E402

TIMES = 100
PHONES = 6  # of each transport
HANDSHAKES = 20  # between two certificates
READY_S, FORGIVEN = 2.0, 10  # what is wanted, and how many times that a busy machine may take
CONFIGURED = {"server": {"workers": "2"}, "limits": {"per_aor_rate": "100000/s"}, "log": {"level": "notice"}}


def plain(env, changes=None):
    """A server of the test's own without sanitizers, not started yet."""
    server = env.make({**CONFIGURED, **(changes or {})})
    server.build = PLAIN_BUILD
    return server


# --- restarts ---

def by_signal(server):
    server.process.send_signal(signal.SIGTERM)


def by_command(server):
    ask(server.socket, "POST", "/api/v1/drain").expect(202)


def restart(server, end):
    """Seconds in which nobody was there."""
    end(server)
    equal(server.process.wait(20), 0, "exit status")
    ended = time.monotonic()
    server.start()
    return time.monotonic() - ended


def told(name, transport, done):
    answers = {status: sum(one.answers.count(status) for one in done) for status in (200, 401, 500, 503)}
    took = [one.took for one in done]
    report("restarts", "%s: %s: %d registrations, %s; %d datagrams sent again, %d connections cut under a request, %d refused; p99 %.2f s, "
           "longest %.2f s" % (
               name, transport, len(done), ", ".join("%d times %d" % (n, status) for status, n in answers.items()),
               sum(one.repeats for one in done), sum(one.cut for one in done), sum(one.refused for one in done),
               quantile(took, 0.99), max(took)))


def restarted_again_and_again(env, name, end, changes=None):
    server = plain(env, changes).start()
    for transport in TRANSPORTS:
        add_users(server.database, PHONES, ALICE_PASSWORD, transport)
    phones = [Honest(env, server, transport, "%s%d" % (transport, n), keeps=True) for n in range(PHONES) for transport in TRANSPORTS]
    with Crew(phones, 0.005) as crew:
        crew.more(200)
        away = []
        for _ in range(TIMES):
            away.append(restart(server, end))
            crew.more(100)
    crew.check()
    report("restarts", "%s: %d restarts; from the end of one to ready p50 %.2f s, longest %.2f s" % (
        name, TIMES, quantile(away, 0.5), max(away)))
    for transport in TRANSPORTS:
        told(name, transport, [one for one in crew.done if one.transport == transport])
    equal(crew.lost(server.database), [], "acknowledged and lost")


@long_only
def test_restarted_under_load(env):
    restarted_again_and_again(env, "TERM", by_signal)


@long_only
def test_drained_and_restarted_under_load(env):
    restarted_again_and_again(env, "drain", by_command, {"health": {"drain_delay": "300ms", "drain_spread": "500ms"}})


# --- certificates ---

class Visitors(threading.Thread):
    """New TLS connections one after the other, each with an OPTIONS, by somebody who trusts these authorities."""

    def __init__(self, server, authorities):
        super().__init__()
        self.server, self.over, self.failures, self.seen = server, threading.Event(), [], collections.Counter()
        self.context = ssl.create_default_context()
        for directory in authorities:
            self.context.load_verify_locations(directory + "/ca.pem")

    def visit(self):
        phone = Phone(self.server.tls(context=self.context), "tls")
        try:
            serial = phone.wire.socket.getpeercert()["serialNumber"]
            phone.opt().expect(200)
            self.seen[serial] += 1
        finally:
            phone.close()

    def run(self):
        while not self.over.is_set():
            try:
                self.visit()
            except Exception as failure:  # each of them counts
                self.failures.append(failure)


def visits(visitors):
    """Handshakes so far."""
    return sum(sum(visitor.seen.values()) + len(visitor.failures) for visitor in visitors)


@long_only
def test_certificates_renewed_under_handshakes(env):
    """Each reload brings another key and another authority than the one before."""
    server = own_certificates(env, plain(env))
    names = ("first", "second")
    authorities = [issue(env, server, name) for name in names]
    server.start()
    visitors = [Visitors(server, authorities) for _ in range(4)]
    for visitor in visitors:
        visitor.start()
    try:
        for n in range(TIMES):
            enough = visits(visitors) + HANDSHAKES
            issue(env, server, names[n % 2])
            reload(server)
            server.wait(lambda: visits(visitors) >= enough, "%d handshakes" % HANDSHAKES, 30)
    finally:
        for visitor in visitors:
            visitor.over.set()
            visitor.join()
    failures = [failure for visitor in visitors for failure in visitor.failures]
    report("restarts", "%d certificates under %d handshakes: %d failed" % (TIMES, visits(visitors), len(failures)))
    equal(failures, [], "handshakes that failed")
    equal({len(visitor.seen) for visitor in visitors}, {2}, "certificates that a visitor has seen")


# --- a start ---

@long_only
def test_start_with_a_million_bindings(env):
    count = 1000000
    server = plain(env, {("domain", DOMAIN): {"algorithms": ["MD5"]}})
    fill_registered(server.database, count)
    began = time.monotonic()
    server.start(READY_S * FORGIVEN)
    ready = time.monotonic() - began
    phone = server.phone("tcp", user="user%d" % count, domain=DOMAIN, password=PASSWORD)
    equal(len(phone.fetch()), 1, "bindings of the last one")
    served = time.monotonic() - began
    stored = int(server.database.value("select count(*) from aor where bindings <> '[]'"))
    report("restarts", "ready %.2f s after exec with %d bindings; the first phone was served %.2f s after exec" % (
        ready, stored, served))
    equal(stored, count, "bindings in the table")
