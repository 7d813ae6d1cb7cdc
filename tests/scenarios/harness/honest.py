"""Users who only want to be registered: what is lost over UDP is sent again as RFC 3261 §17.1.2 says, a connection that ended is
replaced, and what that took is kept."""
import threading
import time
from dataclasses import dataclass, field

from harness.check import Failure
from harness.phone import TIMER_F, Phone, Unanswered
from harness.transport import Stream, Udp


@dataclass
class Registration:
    """From its first octet to its 200, challenge and handshake included."""
    user: str
    transport: str
    began: float
    took: float = 0.0
    repeats: int = 0  # datagrams that were sent again
    cut: int = 0  # connections that ended when a request had been sent and not yet answered
    refused: int = 0  # connections that did not come about
    answers: list = field(default_factory=list)
    cseq: int = 0  # of the request that was answered 200


class Honest:
    """One of them. address: where from; keeps: it has one connection for all its registrations, and their nonce."""

    def __init__(self, env, server, transport, user, address="127.0.0.1", keeps=False):
        self.env, self.server, self.address, self.keeps, self.wire = env, server, address, keeps, None
        self.phone, self.user = Phone(None, transport, user, scheme="sip"), user

    def register(self, *contacts):
        """Until it is registered; Unanswered when a request has no answer in all its time."""
        phone = self.phone
        one = Registration(self.user, phone.transport, time.monotonic())
        try:
            while 200 not in one.answers:
                if self.connected(one):
                    self.attempt(one, contacts)
                elif time.monotonic() > one.began + TIMER_F:
                    raise Unanswered("%s over %s: no connection for %g s" % (phone.user, phone.transport, TIMER_F))
        finally:
            if not self.keeps:
                self.close()
        one.took = time.monotonic() - one.began
        return one

    def attempt(self, one, contacts):
        """One request, and what its answer means for the next."""
        request = self.phone.register_request(*contacts)
        if request.get("To") in self.phone.nonces:
            self.phone.authorize(request)
        answer = self.ask(one, request)
        if answer is None:
            return
        one.answers.append(answer.expect(200, 401, 500, 503).status)
        if answer.status == 200:
            one.cseq = self.phone.cseq
        elif answer.status == 401:
            self.phone.learn(answer)
        else:
            time.sleep(0.1)  # far less than Retry-After asks for

    def ask(self, one, request):
        """The final answer; None when the connection ended instead."""
        if not self.wire.reliable:
            answer, repeats = self.phone.insist(request)
            one.repeats += repeats
            return answer
        ends = time.monotonic() + TIMER_F
        try:
            return self.phone.exchange(request, TIMER_F)
        except (Unanswered, OSError):
            if time.monotonic() >= ends:
                raise
        one.cut += 1
        self.close()
        return None

    def connected(self, one):
        """Whether there is a connection, a new one if need be."""
        if self.wire is not None and self.wire.reliable and self.wire.closed(0.001):
            self.close()  # while nothing was under way
        if self.wire is not None:
            return True
        server, transport, bind = self.server, self.phone.transport, (self.address, 0)
        try:
            if transport == "udp":
                self.wire = Udp(("127.0.0.1", server.port), self.env.transcript, bind)
            else:
                tls = transport == "tls"
                self.wire = Stream(("127.0.0.1", server.tls_port if tls else server.port), self.env.transcript,
                                   server.tls_context() if tls else None, "example.com", bind)
        except OSError:
            one.refused += 1
            time.sleep(0.05)
            return False
        self.phone.wire = self.wire
        return True

    def close(self):
        if self.wire is not None:
            self.wire.close()
            self.wire = None
        if not self.keeps:
            self.phone.nonces.clear()


class Crew:
    """with Crew(phones, pause): each of them registers again and again, in a thread of its own."""

    def __init__(self, phones, pause):
        self.phones, self.pause, self.over = phones, pause, threading.Event()
        self.done, self.failures = [], []
        self.threads = [threading.Thread(target=self._work, args=(phone,)) for phone in phones]

    def _work(self, phone):
        contact = "<sip:%s@192.0.2.10:5062>" % phone.user
        try:
            while not self.over.wait(self.pause):
                self.done.append(phone.register(contact))
        except Exception as failure:
            self.failures.append(failure)
        finally:
            phone.close()

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join()

    def check(self):
        if self.failures:
            raise Failure("%d phones gave up: %s" % (len(self.failures), self.failures[:3])) from self.failures[0]

    def more(self, count, timeout=60.0):
        """Waits for so many more registrations."""
        enough, ends = len(self.done) + count, time.monotonic() + timeout
        while len(self.done) < enough:
            self.check()
            if time.monotonic() > ends:
                raise Failure("only %d of %d more registrations in %g s" % (len(self.done) - enough + count, count, timeout))
            time.sleep(0.02)

    def lost(self, database):
        """Acknowledged registrations of which neither they nor a later one of the same phone is stored."""
        stored = {user: int(cseq) for user, cseq in database.query("select username, max(cseq) from binding group by 1")}
        return [one for one in self.done if stored.get(one.user, 0) < one.cseq]
