"""Being made a weapon: no datagram brings more than one answer nor more than three times its octets, and nothing ever goes to
an address that a message names. Stray responses and ACKs get nothing at all. Over UDP, TCP and TLS.
"""
import socket
import time

from harness import Udp, covers, equal, own_address, true
from harness.attack import C1, Unchanged, everywhere, plain_phone, served
from harness.message import COMPACT, branch, parse_response

HERE = own_address(2)
REPEATS_MAX = 16  # TRANSACTION_REPEATS_MAX in server/transaction.h


class Victim:
    """Somebody who waits for datagrams and connections at an address that messages name."""

    def __init__(self, env):
        self.udp = Udp(("127.0.0.1", 9), env.transcript, bind=(HERE, 0))
        self.port = self.udp.local[1]
        self.tcp = socket.socket()
        self.tcp.bind((HERE, self.port))
        self.tcp.listen()
        self.name = "%s:%d" % (HERE, self.port)

    def untouched(self, what, patience=0.2):
        raw = self.udp.receive(patience)
        true(raw is None, "%s: the victim got %r" % (what, (raw or b"")[:100]))
        self.tcp.settimeout(0.01)
        try:
            self.tcp.accept()
        except socket.timeout:
            return
        true(False, "%s: a connection to the victim" % what)

    def close(self):
        self.udp.close()
        self.tcp.close()


def pointing(request, victim):
    """The request with the victim in every place where an address may stand."""
    uri = "<sip:%s;transport=%%s;lr>" % victim.name
    request.set("Via", request.get("Via") + ";maddr=%s" % HERE,
                "SIP/2.0/UDP %s;branch=%s;received=%s;rport=%d" % (victim.name, branch(), HERE, victim.port),
                "SIP/2.0/TCP %s;branch=%s" % (victim.name, branch()))
    for name in ("Route", "Record-Route", "Reply-To", "Referred-By", "Error-Info", "Alert-Info", "Call-Info",
                 "P-Asserted-Identity",
                 "P-Visited-Network-ID", "Service-Route", "X-Forwarded-For", "Forwarded"):
        request.add(name, uri % ("tcp" if name == "Route" else "udp"))
    return request


@everywhere
@covers("TRN-18.2.2-3", "SEC-26.1.5-1", "PAR-7.2-1", "TXN-17.2.1-2")
def strays_get_nothing(env, transport):
    """Responses that nobody asked for, with a second Via, and ACKs: neither the sender nor the named one hears of them. They are
    whole messages, so a stream goes on behind each of them."""
    server, victim = env.server, Victim(env)
    before = server.counter("stray_responses")
    phone = plain_phone(server, transport)
    sent = 0
    for line in ("SIP/2.0 100 Trying", "SIP/2.0 180 Ringing", "SIP/2.0 200 OK", "SIP/2.0 302 Moved", "SIP/2.0 401 Unauthorized",
                 "SIP/2.0 503 x", "SIP/2.0 699 x", "SIP/2.0 200"):
        for method in ("INVITE", "REGISTER", "OPTIONS"):
            response = pointing(phone.request(method, "sip:example.com"), victim)
            response.add("Contact", "<sip:%s>" % victim.name).add("WWW-Authenticate", 'Digest realm="example.com", nonce="x"')
            octets = bytes(response)
            phone.wire.send(line.encode() + octets[octets.index(b"\r\n"):])
            sent += 1
    for uri in ("sip:example.com", "sip:alice@example.com", "sip:%s" % victim.name):
        request = pointing(phone.request("ACK", uri), victim)
        phone.wire.send(bytes(request))
        phone.wire.send(bytes(request.set("To", "<sip:alice@example.com>;tag=x")))
        phone.wire.send(bytes(request.set("Call-ID")))
    phone.silence(0.4)
    victim.untouched("strays over " + transport)
    phone.opt().expect(200)
    equal(server.counter("stray_responses"), before + sent, "strays that are counted")
    victim.close()


METHODS = ("REGISTER", "OPTIONS", "INVITE", "CANCEL", "BYE", "MESSAGE", "SUBSCRIBE", "NOTIFY", "PUBLISH", "REFER", "INFO",
           "UPDATE",
           "PRACK", "UNHEARDOF")


@everywhere
@covers("TRN-18.2.2-3", "SEC-26.1.5-1")
def nothing_goes_to_a_named_address(env, transport):
    """Whatever the method, the Request-URI and the fields: the answer goes back where the request came from."""
    server, victim = env.server, Victim(env)
    phone = plain_phone(server, transport)
    for method in METHODS:
        for uri in ("sip:example.com", "sip:bob@example.com", "sip:" + victim.name,
                    "sip:alice@%s;maddr=%s" % (victim.name, HERE)):
            answer = phone.exchange(pointing(phone.request(method, uri), victim))
            true(answer.status >= 200, "%d to %s" % (answer.status, method))
    # a binding that points there, with a Path over it, draws nothing either: there is no proxy in a registrar
    contact = "<sip:%s;transport=%s>" % (victim.name, transport)
    fields = [("Path", "<sip:%s;lr>" % victim.name), ("Supported", "path")]
    phone.reg(contact, fields=fields).expect(200)
    for method in ("INVITE", "MESSAGE", "OPTIONS", "NOTIFY", "BYE"):
        plain_phone(server, transport, user="bob").exchange(
            phone.request(method, "sip:alice@example.com", to="sip:alice@example.com")).expect(404, 405)
    phone.reg(contact, expires=0).expect(200)
    victim.untouched("requests over " + transport, 0.5)
    victim.close()


def small(request):
    """The same in as few octets as there can be."""
    short = {long.title(): letter for letter, long in COMPACT.items()}
    short["Call-ID"] = "i"
    request.set("Max-Forwards").set("Content-Length").set("Call-ID", branch()[-8:])
    lines = [" ".join((request.method, request.uri, request.version))]
    lines += ["%s:%s" % (short.get(name, name), value) for name, value in request.fields]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def provocations(phone):
    """(what, octets): small datagrams whose answers may be large."""
    for method in METHODS:
        for uri in ("sip:example.com", "sip:x@example.com", "sip:nowhere.example", "sips:example.com", "tel:1", "x"):
            yield "%s %s" % (method, uri), small(phone.request(method, uri))
    for name, value in (("Require", "a"), ("Require", ",".join("abcdefgh")), ("Require", "x" * 200), ("Contact", "x"),
                        ("Contact", "*"),
                        ("Expires", "1"), ("Content-Type", "x/y"), ("Max-Forwards", "0"), ("Call-ID", "x"), ("Path", "x"),
                        ("Timestamp", "1"), ("Supported", "path"), ("Authorization", "Digest"), ("Authorization", "x"),
                        ("Authorization",
                         'Digest username="a",realm="example.com",nonce="",uri="sip:example.com",response="",nc=1')):
        request = phone.request("REGISTER", "sip:example.com")
        yield "%s: %.20s" % (name, value), small(request.set(name, value))
    whole = small(phone.request("REGISTER", "sip:example.com"))
    yield "a bare line feed", whole.replace(b"\r\n", b"\n", 1)
    yield "another version", whole.replace(b"SIP/2.0\r\n", b"SIP/3.0\r\n", 1)
    yield "no empty line", whole[:-2]
    yield "no From", small(phone.request("OPTIONS", "sip:example.com").set("From"))
    yield "a length", whole[:-2] + b"l:9\r\n\r\n"
    for n in range(2, 70, 9):
        request = phone.request("OPTIONS", "sip:example.com")
        yield "%d Vias" % n, small(request.set("Via", request.get("Via"), *(n * ["SIP/2.0/UDP a"])))


@covers("SEC-26.1.5-1")
def test_one_small_answer_for_one_datagram(env):
    """G12: at most one datagram for one, at most three times its octets, and from 300 octets on there is one."""
    server = env.server
    named = server.phone()  # in the Via of all of them
    worst, count = (0, ""), 0
    for pad in (0, 40, 300):
        for what, octets in provocations(named):
            phone = server.phone()
            if pad:
                octets = octets.replace(b"\r\n", b"\r\nX:" + pad * b"x" + b"\r\n", 1)
            phone.wire.send(octets)
            raw = phone.wire.receive(0.05 if len(octets) < 300 else 2.0)
            if raw is not None:
                parse_response(raw)
                factor = len(raw) / len(octets)
                worst, count = max(worst, (factor, "%s, %d octets got %d" % (what, len(octets), len(raw)))), count + 1
                true(factor <= 3.0, "%s: %d octets got %d" % (what, len(octets), len(raw)))
                true(phone.wire.receive(0.005) is None, "%s: a second datagram" % what)
            else:
                true(len(octets) < 300 or b" ACK\r\n" in octets, "%s of %d octets got no answer" % (what, len(octets)))
            phone.close()
            server.phones.remove(phone)
    print("amplification: %d answers, the largest factor %.2f (%s)" % (count, *worst))
    true(count > 100, "only %d were answered" % count)
    named.silence(0)


@covers("SEC-26.1.5-1", "TXN-17.2.1-2")
def test_answers_are_not_repeated_by_themselves(env):
    """An INVITE transaction would send its final answer again and again until an ACK; to a forged source that is a flood."""
    phones = [env.server.phone() for _ in METHODS]
    for phone, method in zip(phones, METHODS):
        phone.exchange(phone.request(method, "sip:example.com"))
    time.sleep(1.7)  # Timer G fires after T1 and again after 2*T1
    for phone, method in zip(phones, METHODS):
        equal(phone.wire.receive(0), None, "what came behind the answer to " + method)


@covers("SEC-26.1.5-1")
def test_a_small_request_with_a_genuine_nonce(env):
    """The refusal of a log-in is held to the same measure, also when it is sent again from memory."""
    server = env.server
    phone = server.phone(password="guess")
    with Unchanged(server):
        request = phone.authorize(phone.register_request(C1))
        request.set("Contact").set("Max-Forwards").set("Content-Length")
        for _ in range(3):
            phone.wire.send(bytes(request))
            raw = phone.wire.receive()
            parse_response(raw).expect(401)
            true(len(raw) <= 3.0 * len(bytes(request)), "%d octets got %d" % (len(bytes(request)), len(raw)))
            phone.silence(0.1)
    served(server)


@covers("SEC-26.1.5-1", "TXN-17.2.2-2")
def test_a_short_repetition_of_a_long_request(env):
    """Whoever had a long request refused cannot have the long answer sent again, to a source that he forges, for a short one."""
    server = env.server
    phone = server.phone(password="guess")
    long = phone.authorize(phone.register_request(C1))
    long.set("From", long.get("From") + 6000 * "x")
    raw = ask_raw(phone, bytes(long))
    parse_response(raw).expect(401)
    true(len(raw) > 6000, "the answer has only %d octets" % len(raw))
    short = phone.register_request(C1).set("Via", long.get("Via")).set("Call-ID", long.get("Call-ID"))
    phone.wire.send(bytes(short))
    phone.silence(0.5)
    equal(ask_raw(phone, bytes(long)), raw, "what a retransmission brings")
    told = sum(ask_raw(phone, bytes(long), 0.2) is not None for _ in range(40))
    true(0 < told <= REPEATS_MAX - 1, "%d of 40 more repetitions were answered" % told)


def ask_raw(phone, octets, patience=8.0):
    phone.wire.send(octets)
    return phone.wire.receive(patience)
