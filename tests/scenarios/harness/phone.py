"""A client under the control of the test: REG{…}, REGS{…}, REG0{…}, OPT{…} and fetch of requirements 1.3."""
import secrets
import time

from harness.check import Failure
from harness.digest import authorization, challenges
from harness.message import Request, branch, parse_response
from harness.transport import PATIENCE, SILENCE

ALICE_PASSWORD = "s3cret Pa55word!"
T1, T2, TIMER_F = 0.5, 4.0, 32.0  # seconds


class Unanswered(Failure):
    """No final answer came in time, or the connection ended first."""


class Phone:
    """One user agent on one socket: fresh branches, rising CSeq, nonces with their counts."""

    def __init__(self, wire, transport, user="alice", domain="example.com", scheme=None, password=ALICE_PASSWORD,
                 login=None, algorithm=None):
        self.wire, self.transport, self.user, self.domain = wire, transport, user, domain
        self.scheme = scheme or ("sips" if transport == "tls" else "sip")
        self.password, self.login, self.algorithm = password, login or user, algorithm
        self.call_id, self.tag, self.cseq = secrets.token_hex(8) + "@test", secrets.token_hex(4), 0
        self.nonces = {}  # AOR -> Challenge: a nonce is good for one address only (D-03)

    @property
    def aor(self):
        return "%s:%s@%s" % (self.scheme, self.user, self.domain)

    def sent_by(self):
        host, port = self.wire.local
        return "[%s]:%d" % (host, port) if ":" in host else "%s:%d" % (host, port)

    # --- building ---

    def request(self, method, uri, to=None, fields=(), body=b""):
        """The mandatory fields, then those of the caller."""
        self.cseq += 1
        return Request(method, uri, [
            ("Via", "SIP/2.0/%s %s;branch=%s;rport" % (self.transport.upper(), self.sent_by(), branch())),
            ("Max-Forwards", "70"),
            ("From", "<%s>;tag=%s" % (self.aor, self.tag)),
            ("To", "<%s>" % (to or self.aor)),
            ("Call-ID", self.call_id),
            ("CSeq", "%d %s" % (self.cseq, method)),
            *fields,
            ("Content-Length", str(len(body)))], body)

    def register_request(self, *contacts, expires=None, fields=(), uri=None, to=None, body=b""):
        extra = [("Contact", c) for c in contacts]
        if expires is not None:
            extra.append(("Expires", str(expires)))
        return self.request("REGISTER", uri or "%s:%s" % (self.scheme, self.domain), to, [*extra, *fields], body)

    def authorize(self, request, **change):
        """Adds valid credentials with the next count of the nonce for the request's To; asks for a nonce when needed."""
        to = request.get("To")
        if to not in self.nonces:
            self.nonces[to] = self.challenge(to)
        request.add("Authorization", authorization(self.nonces[to], self.login, self.password, request.method,
                                                   request.uri, body=request.body, **change))
        return request

    def prepare(self):
        """A nonce at hand: the next request goes out without asking for one."""
        self.nonces["<%s>" % self.aor] = self.challenge()

    def challenge(self, to=None):
        """A fresh challenge for this To field, of the wanted algorithm or the first offered."""
        probe = self.register_request()
        probe.set("To", to or "<%s>" % self.aor)
        return self.choose(self.exchange(probe).expect(401))

    def learn(self, answer):
        """A nonce for the next request, from a 401."""
        self.nonces["<%s>" % self.aor] = self.choose(answer)

    def choose(self, answer):
        offered = challenges(answer)
        for challenge in offered:
            if self.algorithm in (None, challenge.algorithm):
                return challenge
        raise Failure("no challenge for %s in %s" % (self.algorithm, [c.algorithm for c in offered]))

    # --- talking ---

    def send(self, request):
        self.wire.send(bytes(request))

    def receive(self, timeout=PATIENCE):
        """The next final response; None after the timeout."""
        deadline = time.monotonic() + timeout
        while True:
            raw = self.wire.receive(deadline - time.monotonic())
            response = parse_response(raw) if raw is not None else None
            if response is None or response.status != 100:
                return response

    def exchange(self, request, timeout=PATIENCE):
        """Sends and waits for the final response to this very request; later answers to others are left out."""
        self.send(request)
        mark = request.get("Via").split("branch=")[-1].split(";")[0] if isinstance(request, Request) else ""
        deadline = time.monotonic() + timeout
        while True:
            response = self.receive(deadline - time.monotonic())
            if response is None:
                raise Unanswered("no answer within %g s" % timeout)
            if mark in response.header("via"):
                return response

    def insist(self, request):
        """As exchange() of a client over UDP that sends again what may be lost (RFC 3261 §17.1.2.2): (the response, how often)."""
        ends, pause, repeats = time.monotonic() + TIMER_F, T1, 0
        while True:
            try:
                return self.exchange(request, min(pause, ends - time.monotonic())), repeats
            except Unanswered:
                if time.monotonic() >= ends:
                    raise
            repeats, pause = repeats + 1, min(2 * pause, T2)

    def silence(self, seconds=SILENCE):
        raw = self.wire.receive(seconds)
        if raw is not None:
            raise Failure("wanted silence, got %r" % raw[:120])

    # --- the shorthand of requirements 1.3 ---

    def reg(self, *contacts, **how):
        """REG{…} or, over TLS, REGS{…}: with valid credentials."""
        return self.exchange(self.authorize(self.register_request(*contacts, **how)))

    def reg0(self, *contacts, **how):
        return self.exchange(self.register_request(*contacts, **how))

    def opt(self, uri=None, **how):
        return self.exchange(self.request("OPTIONS", uri or "%s:%s" % (self.scheme, self.domain), **how))

    def fetch(self):
        """The contacts that are registered now: {URI: parameters}."""
        return self.reg().expect(200).contacts

    def close(self):
        self.wire.close()
