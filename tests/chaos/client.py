"""Phones that never rest: one loop, a connection each, every request and its outcome in the history of its address."""
import random
import selectors
import socket
import struct
import threading
import time

from harness import Failure
from harness.digest import challenges
from harness.message import parse_response
from harness.phone import ALICE_PASSWORD, Phone

from chaos import traffic

RUN, REST, FETCH = "run", "rest", "fetch"
RETRANSMIT = (0.5, 1.5, 3.5)  # seconds after a request over UDP (RFC 3261 §17.1.2.2)
PATIENCE = 8.0
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: no goodbye but RST
EXPIRY_SLACK = 2  # seconds: the clocks of nodes differ by some milliseconds, and what is left is rounded


class Client:
    """One user agent with a home node; it makes one request at a time."""

    def __init__(self, load, user, node, transport, seed):
        self.load, self.node, self.transport = load, node, transport
        self.rng, self.wire, self.op, self.probing = random.Random(seed), None, None, False
        self.phone = Phone(None, transport, user, password=ALICE_PASSWORD, algorithm="MD5")
        self.address = "%s@example.com" % user
        self.next_turn, self.served, self.fetched = 0.0, None, False
        self.nonce = None

    # --- its connection ---

    def connect(self):
        self.wire = self.load.servers[self.node].wire(self.transport)
        self.phone.wire = self.wire
        self.load.selector.register(self.wire.socket, selectors.EVENT_READ, self)

    def disconnect(self, reset=False):
        if self.wire is None:
            return
        self.load.selector.unregister(self.wire.socket)
        if reset:
            self.wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.wire.close()
        self.wire = None
        if self.waiting:
            self.conclude(None)
        self.rest_for(0.01, 0.05)

    # --- what it does when nothing came ---

    @property
    def waiting(self):
        return self.probing or self.op is not None

    @property
    def due(self):
        if not self.waiting:
            return self.next_turn
        return min(self.deadline, self.resend_at)

    def rest_for(self, least, most):
        self.next_turn = time.monotonic() + self.rng.uniform(least, most)

    def turn(self, now):
        try:
            if not self.waiting:
                self.begin()
            elif now >= self.deadline:
                self.give_up()
            else:
                self.resend(now)
        except OSError:  # refused, or closed by a worker that died
            self.disconnect()
            self.rest_for(0.02, 0.1)

    def give_up(self):
        if self.op is not None:
            self.op.unheard = self.transport == "tcp"
        self.conclude(None)

    def begin(self):
        if not self.load.wants(self):
            self.rest_for(0.01, 0.01)
            return
        if self.wire is None:
            self.connect()
        if self.nonce is None:
            self.probing = True
            self.dispatch(self.phone.register_request())
        else:
            self.ask()

    def ask(self):
        """The next request of its own; from here on it is in the history."""
        phone = self.phone
        if self.load.mode == RUN and self.rng.random() < 0.02:
            phone.call_id, phone.cseq = "%016x@test" % self.rng.getrandbits(64), 0  # as if it had been switched off and on
        number, cseq = self.load.number(), phone.cseq + 1
        make = traffic.fetch if self.load.mode == FETCH else traffic.draw
        op = make(number, self.address, phone.call_id, cseq, *([self.rng] if make is traffic.draw else []))
        wire_request = phone.register_request(*traffic.contact_values(op, phone.user), expires=traffic.expires(op))
        if op.cseq != cseq:  # of another tag, or it could be taken for a request that came two ways (RFC 3261 §8.2.2.2)
            wire_request.set("CSeq", "%d REGISTER" % op.cseq)
            wire_request.set("From", "<%s>;tag=%08x" % (phone.aor, self.rng.getrandbits(32)))
        change = {"response": "0" * 32} if op.flaw == "password" else {}
        phone.nonces = {wire_request.get("To"): self.nonce}
        phone.authorize(wire_request, **change)
        op.node, op.sent, self.op = self.node, time.monotonic(), op
        self.load.note(op)
        self.dispatch(wire_request)

    def dispatch(self, wire_request):
        self.octets = bytes(wire_request)
        self.branch = wire_request.get("Via").partition("branch=")[2].partition(";")[0]
        self.began = time.monotonic()
        self.deadline, self.copies = self.began + PATIENCE, 1
        self.schedule_resend()
        self.wire.send(self.octets)

    def schedule_resend(self):
        due = self.transport == "udp" and self.copies <= len(RETRANSMIT)
        self.resend_at = self.began + RETRANSMIT[self.copies - 1] if due else float("inf")

    def resend(self, now):
        if now < self.resend_at:
            return
        self.copies += 1
        if self.op is not None:
            self.op.copies = self.copies
        self.schedule_resend()
        self.wire.send(self.octets)

    # --- what comes ---

    def readable(self):
        try:
            raw = self.wire.receive(0.001)
        except OSError:
            raw = None
            self.disconnect()
        while raw is not None:
            self.take(parse_response(raw))
            raw = self.wire.receive(0.001) if self.wire is not None and getattr(self.wire, "buffer", b"") else None
        if self.wire is not None and getattr(self.wire, "ended", False):
            self.disconnect()

    def take(self, response):
        if self.waiting and response.status != 100 and self.branch in response.header("via"):
            self.conclude(response)

    def conclude(self, response):
        """The end of what it waits for; None: there will be no answer."""
        probing, op, self.op, self.probing = self.probing, self.op, None, False
        status = response.status if response is not None else None
        if status == 401:
            self.nonce = next(c for c in challenges(response) if c.algorithm == self.phone.algorithm)
        self.rest_for(*{503: (0.05, 0.15), 500: (0.02, 0.06), None: (0.02, 0.06)}.get(status, (0.005, 0.025)))
        if probing:
            if status not in (401, 500, 503, None):
                raise Failure("a REGISTER without credentials was answered %d" % status)
            if status == 401:
                self.next_turn = 0.0
            return
        if response is None:
            return
        op.ended, op.status, op.phrase = time.monotonic(), status, response.reason
        if status == 200:
            op.seen = self.read_contacts(op, response)
            self.fetched = self.fetched or op.is_fetch
            self.served = self.served or op.ended
            self.load.acknowledged(op)

    def read_contacts(self, op, response):
        """The state that it lists; each interval must be what is left of the one that was asked for."""
        state = set()
        for uri, parameters in response.contacts.items():
            contact, number = traffic.contact_of(uri), int(parameters.get("op", 0))
            state.add((contact, number))
            writer = self.load.requests.get(number)
            granted = writer.changes.get(contact, 0) if writer else 0
            left, passed = int(parameters["expires"]), op.ended - writer.sent if writer else 0
            if writer and not granted - passed - EXPIRY_SLACK <= left <= granted:
                self.load.complain("%s: %s#%d expires in %d s, %d s were granted %.1f s ago" %
                                   (self.address, contact, number, left, granted, passed))
        return frozenset(state)


class Load(threading.Thread):
    """All clients in one loop, in a thread of its own so that faults can wait for what they do."""

    def __init__(self, servers, seed, own, shared, sharing):
        super().__init__(daemon=True)
        self.servers, self.selector, self.mode, self.failure = servers, selectors.DefaultSelector(), REST, None
        self.requests, self.history, self.complaints, self.last_number = {}, {}, [], 0
        self.changes, self.at_next_change, self.errands, self.ending = 0, None, [], threading.Event()
        users = ["own%d" % n for n in range(own)] + ["shared%d" % n for n in range(shared) for _ in range(sharing)]
        self.clients = [Client(self, user, n % len(servers), ("tcp", "udp")[n // len(servers) % 2], "%s/%d" % (seed, n))
                        for n, user in enumerate(users)]
        self.speakers = {client.address: client for client in self.clients}

    # --- what clients ask of it ---

    def wants(self, client):
        if self.mode == RUN:
            return True
        return self.mode == FETCH and self.speakers[client.address] is client and not client.fetched

    def number(self):
        self.last_number += 1
        return self.last_number

    def note(self, op):
        self.requests[op.number] = op
        self.history.setdefault(op.address, []).append(op)

    def acknowledged(self, op):
        if op.is_fetch:
            return
        self.changes += 1
        if self.at_next_change is not None:
            strike, self.at_next_change = self.at_next_change, None
            strike()

    def complain(self, text):
        self.complaints.append(text)

    # --- what the driver asks of it ---

    def set_mode(self, mode):
        for client in self.clients:
            client.fetched = False
        self.mode = mode

    def idle(self):
        return not any(client.waiting for client in self.clients)

    def all_fetched(self):
        return self.idle() and all(client.fetched for client in self.speakers.values())

    def reset_connections(self, share, rng):
        """Cuts so many of the connections off, in the middle of whatever they do; done when it returns."""
        victims = [client for client in self.clients if client.transport == "tcp" and rng.random() < share]
        done = threading.Event()
        self.errands.append(lambda: ([client.disconnect(reset=True) for client in victims], done.set()))
        done.wait(PATIENCE)
        return len(victims)

    def watch_service(self):
        for client in self.clients:
            client.served = None

    def served(self):
        """When the last client got its first 200 since watch_service(); None while some have not."""
        moments = [client.served for client in self.clients]
        return None if None in moments else max(moments)

    def forget(self, states):
        """The history of a round that was judged; what still stands is kept."""
        standing = {number for state in states for _, number in state}
        self.requests = {number: op for number, op in self.requests.items() if number in standing}
        self.history, self.changes = {}, 0

    def end(self):
        self.ending.set()
        self.join()
        for client in self.clients:
            client.disconnect()
        self.selector.close()

    # --- the loop ---

    def run(self):
        try:
            while not self.ending.is_set():
                self.once()
        except Exception as failure:  # told to the driver, who ends the run
            self.failure = failure

    def once(self):
        while self.errands:
            self.errands.pop(0)()
        now = time.monotonic()
        for client in self.clients:
            if client.due <= now:
                client.turn(now)
        wait = min(client.due for client in self.clients) - time.monotonic()
        for key, _ in self.selector.select(max(0.0, min(wait, 0.01))):
            if key.data.wire is not None:
                key.data.readable()
