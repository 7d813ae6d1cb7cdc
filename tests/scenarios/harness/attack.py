"""What the attack suites share: a case on every transport, credentials made by hand, and that nobody else notices."""
import ssl
import time

from harness.check import PATIENT, Failure, add_test
from harness.digest import authorization, challenges
from harness.message import parse_response
from harness.phone import ALICE_PASSWORD

TRANSPORTS = ("udp", "tcp", "tls")
C1 = "<sip:alice@192.0.2.10:5062>"
U1 = C1.strip("<>")
AT_ONCE = 2.0 * PATIENT  # seconds for an answer that costs nothing; also under sanitizers, on a machine that others use


def on(*transports):
    """Makes test_NAME_TRANSPORT of a function NAME(env, transport) for each transport."""
    def mark(function):
        for transport in transports:
            add_test(function.__globals__, "%s_%s" % (function.__name__, transport),
                     lambda env, t=transport: function(env, t), getattr(function, "rows", ()))
        return function
    return mark


everywhere = on(*TRANSPORTS)


def plain_phone(server, transport, **how):
    """A phone that speaks of sip: addresses on any transport."""
    return server.phone(transport, scheme="sip", **how)


def signed(phone, request, challenge, password=ALICE_PASSWORD, login=None, **change):
    """The request with credentials for this challenge."""
    return request.add("Authorization", authorization(challenge, login or phone.login, password, request.method,
                                                      request.uri, body=request.body, **change))


def stale(answer):
    """True for stale=true, False when it is absent, of the challenges of a 401."""
    found = {c.stale for c in challenges(answer.expect(401))}
    if len(found) != 1:
        raise Failure("values of stale in one answer: %s" % found)
    return found.pop()


def bindings(server, user="alice"):
    """Every column that a phone can influence, of all bindings of the user."""
    return server.database.query("select contact, q, expires_at, cseq, call_id, path, user_agent from binding "
                                 "where aor = '%s@example.com' order by contact" % user)


class Unchanged:
    """with Unchanged(server): behind it every account, binding and nonce mark is as it was in front."""

    def __init__(self, server):
        self.server = server

    def rows(self):
        return (self.server.database.query("select aor, bindings, marks, expires_at from aor order by aor"),
                self.server.database.query("select * from account order by aor"))

    def __enter__(self):
        self.before = self.rows()
        return self

    def __exit__(self, kind, *_):
        if kind is None and self.rows() != self.before:
            raise Failure("bindings or accounts changed from %s to %s" % (self.before, self.rows()))


def ask(phone, octets, patience=AT_ONCE):
    """Octets as they are; their answer, linted, or None."""
    phone.wire.send(octets)
    raw = phone.wire.receive(patience)
    return parse_response(raw) if raw is not None else None


def behind(server, phone, octets):
    """The phone to go on with: another one where a line end in what was sent has ended the stream."""
    if phone.transport == "udp" or not set(b"\r\n") & set(octets):
        return phone
    phone.close()
    server.phones.remove(phone)
    return plain_phone(server, phone.transport)


def served(server, within=AT_ONCE, transports=("udp",)):
    """Somebody else is served as if nothing had happened; the longest that this took."""
    slowest = 0.0
    for transport in transports:
        began = time.monotonic()
        phone = server.phone(transport, user="bob")
        phone.opt().expect(200)
        slowest = max(slowest, time.monotonic() - began)
        phone.close()
        server.phones.remove(phone)
    if slowest > within:
        raise Failure("another client waited for %.2f s" % slowest)
    return slowest


def client_hello(server):
    """The octets of a whole ClientHello."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = server.tls_context().wrap_bio(incoming, outgoing, server_hostname="example.com")
    try:
        client.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()
