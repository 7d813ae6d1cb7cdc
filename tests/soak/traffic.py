"""What comes and goes in a soak: connections, and everything that is not a registration."""
import json
import threading
import time

from ground import DOMAIN

from generator import Load

from harness.http import ask

WORKERS, PHONES = 2, 4000
CONFIGURATION = {"server": {"name": "soak", "workers": str(WORKERS)}, "log": {"level": "notice"}}


def guess(phone):
    """With a wrong password; whoever is told to come later does not."""
    challenge, _ = phone.insist(phone.register_request("<sip:nobody@192.0.2.1>"))
    if challenge.expect(401, 503).status == 401:
        phone.learn(challenge)
        phone.reg("<sip:nobody@192.0.2.1>").expect(401, 503)
    phone.close()


def all_closed(server):
    """Also false when nobody had the time to tell."""
    try:
        status, text = server.api("/stats")
    except OSError:
        return False
    return status == 200 and json.loads(text)["counters"]["connections_live"] == 0


class Visitors(threading.Thread):
    """Everything besides the registrations, until end(): scrapes, lists, health, wrong passwords, reloads."""

    def __init__(self, server, reload_every):
        """reload_every(seconds since the beginning): seconds between one reload and the next."""
        super().__init__(daemon=True)
        self.server, self.reload_every, self.ending, self.failure = server, reload_every, threading.Event(), None
        self.rounds, self.reloads, self.began, self.reloaded = 0, 0, time.monotonic(), 0

    def visit(self):
        for path in ("/metrics", "/readyz", "/livez"):
            ask(("127.0.0.1", self.server.health_port), "GET", path)
        for path in ("/stats", "/bindings?limit=100", "/bindings?aor=user1@" + DOMAIN, "/nothing"):
            self.server.api(path)
        for transport in ("udp", "tcp", "tls"):
            guess(self.server.phone(transport, user="user1", domain=DOMAIN, password="wrong"))
        self.server.phones.clear()
        self.rounds += 1
        self.reload_when_due(time.monotonic())

    def reload_when_due(self, now):
        if now >= self.reloaded + self.reload_every(now - self.began):
            self.server.reload()
            self.reloads, self.reloaded = self.reloads + 1, now

    def run(self):
        try:
            while not self.ending.wait(1):
                self.visit()
        except Exception as failure:
            self.failure = failure

    def end(self):
        self.ending.set()
        self.join()
        if self.failure:
            raise self.failure


def come_and_go(target, number, connections, some=True):
    """A round of so many connections over each of both transports at once: what each generator tells. some: somebody must be served."""
    first = PHONES + 1 + number % 2 * connections * 2
    loads = [Load(target, 1, transport=transport, first=first + i * connections, phones=connections,
                  extra=("--idle", str(connections))) for i, transport in enumerate(("tls", "tcp"))]
    return [one.result(some) for one in loads]
