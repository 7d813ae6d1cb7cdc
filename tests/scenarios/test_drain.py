"""TERM: readiness goes first, phones are served on, then listeners and connections go one after the other."""
import os
import signal
import time

from harness import covers, equal, true

SLOW = {"health": {"drain_delay": "2s", "drain_spread": "2s", "drain_timeout": "20s"}}
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
    true(time.monotonic() - began < 2.0, "the phone was served within drain_delay")
    waiting, closed = list(phones), []
    while waiting:
        for phone in list(waiting):
            if phone.wire.closed(0.02):
                waiting.remove(phone)
                closed.append(time.monotonic() - began)
        true(time.monotonic() - began < 20.0, "%d connections never closed" % len(waiting))
    true(closed[0] >= 1.9, "the first connection was closed %.1f s after TERM, before drain_delay" % closed[0])
    true(closed[-1] - closed[0] >= 0.8, "all were closed within %.2f s" % (closed[-1] - closed[0]))
    equal(server.process.wait(20), 0, "exit status")


def test_second_term_stops_at_once(env):
    server = env.start(SLOW)
    server.phone("tcp").opt().expect(200)
    os.kill(server.process.pid, signal.SIGTERM)
    server.wait(lambda: server.health("/readyz")[0] == 503, "/readyz says 503")
    began = time.monotonic()
    os.kill(server.process.pid, signal.SIGTERM)
    equal(server.process.wait(20), 0, "exit status")
    true(time.monotonic() - began < 1.5, "it took %.1f s" % (time.monotonic() - began))
