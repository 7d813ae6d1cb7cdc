"""Every message of RFC 4475 and RFC 5118 on the wire, as is and with credentials (requirements, section 20).

Most top Vias have no rport and name a port of their own, so the answer goes to our address and that port: the tester
binds it, on a loopback address that nobody else uses.
"""
import os
import re

from harness import Failure, add_test, authorization, covers, equal, own_address, parse_response, true
from harness.digest import challenges
from harness.message import branch
from harness.phone import ALICE_PASSWORD
from harness.transport import SILENCE, Stream, Udp

FILES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "torture")
TESTER = own_address()

# file, answer over UDP as is (0 = none), rows
AS_IS = [
    ("rfc4475/wsinv", 405, ["PAR-7.3.1-1", "PAR-20.42-1"]), ("rfc4475/intmeth", 501, ["PAR-7-2", "UAS-8.2.1-2"]),
    ("rfc4475/esc01", 405, []), ("rfc4475/escnull", 401, []), ("rfc4475/esc02", 501, ["PAR-7.1-6"]),
    ("rfc4475/lwsdisp", 404, ["PAR-20.10-2"]), ("rfc4475/longreq", 405, ["PAR-LIM-5", "UAS-8.2.6.2-1"]),
    ("rfc4475/dblreq", 401, ["PAR-7.5-2", "TRN-18.3-1"]), ("rfc4475/semiuri", 404, []),
    ("rfc4475/transports", 404, ["PAR-20.42-1"]), ("rfc4475/mpart01", 405, ["PAR-7-2"]),
    ("rfc4475/unreason", 0, ["PAR-7.2-1"]), ("rfc4475/noreason", 0, ["PAR-7.2-1"]),
    ("rfc4475/badinv01", 400, ["PAR-25-4"]), ("rfc4475/clerr", 400, ["TRN-18.3-2"]),
    ("rfc4475/ncl", 400, ["PAR-20.14-1"]), ("rfc4475/scalar02", 400, ["PAR-20.16-1"]),
    ("rfc4475/scalarlg", 0, ["PAR-7.2-1"]), ("rfc4475/quotbal", 400, ["PAR-25-2"]),
    ("rfc4475/ltgtruri", 400, ["PAR-7.1-3"]), ("rfc4475/lwsruri", 400, ["PAR-7.1-3"]),
    ("rfc4475/lwsstart", 400, ["PAR-7.1-1"]), ("rfc4475/trws", 400, ["PAR-7.1-1"]), ("rfc4475/escruri", 405, []),
    ("rfc4475/baddate", 405, []), ("rfc4475/regbadct", 400, ["PAR-20.10-1"]),
    ("rfc4475/badaspec", 400, ["PAR-20.10-3"]),
    ("rfc4475/baddn", 400, ["PAR-20.10-3"]), ("rfc4475/badvers", 505, ["PAR-7.1-5"]),
    ("rfc4475/mismatch01", 400, ["PAR-20.16-2"]), ("rfc4475/mismatch02", 501, ["PAR-20.16-2"]),
    ("rfc4475/bigcode", 0, ["PAR-7.2-1"]), ("rfc4475/badbranch", 404, ["PAR-20.42-2"]),
    ("rfc4475/insuf", 400, ["PAR-8.1.1-1", "UAS-21.4.1-1"]), ("rfc4475/unkscm", 416, ["UAS-8.2.2.1-1"]),
    ("rfc4475/novelsc", 416, ["UAS-8.2.2.1-1"]), ("rfc4475/unksm2", 400, ["REG-10.2-2"]),
    ("rfc4475/bext01", 420, ["UAS-8.2.2.3-3"]), ("rfc4475/invut", 405, []), ("rfc4475/regaut01", 401, ["AUT-22.3-2"]),
    ("rfc4475/multi01", 400, ["PAR-7.3.1-7"]), ("rfc4475/mcl01", 400, ["PAR-7.3.1-7"]),
    ("rfc4475/bcast", 0, ["PAR-7.2-1"]), ("rfc4475/zeromf", 200, ["UAS-11-2"]), ("rfc4475/cparam01", 401, []),
    ("rfc4475/cparam02", 401, []), ("rfc4475/regescrt", 401, []), ("rfc4475/sdp01", 405, []),
    ("rfc4475/inv2543", 405, ["TRN-18.3-3", "PAR-20.42-2"]), ("rfc4475/test", 0, []),
    ("rfc5118/ipv6-good", 401, ["URI-25-1"]), ("rfc5118/ipv6-bad", 400, ["URI-25-1"]),
    ("rfc5118/port-ambiguous", 404, ["URI-25-3"]), ("rfc5118/port-unambiguous", 401, ["URI-25-3"]),
    ("rfc5118/via-received-param-with-delim", 405, ["PAR-20.42-3"]),
    ("rfc5118/via-received-param-no-delim", 200, ["PAR-20.42-3"]), ("rfc5118/ipv6-in-sdp", 400, []),
    ("rfc5118/mult-ip-in-header", 405, []), ("rfc5118/mult-ip-in-sdp", 405, []),
    ("rfc5118/ipv4-mapped-ipv6", 405, ["URI-25-4"]), ("rfc5118/ipv6-bug-abnf-3-colons", 404, ["URI-25-2"]),
    ("rfc5118/ipv6-correct-abnf-2-colons", 404, []),
]


def load(name):
    with open(os.path.join(FILES, name + ".dat"), "rb") as file:
        return file.read()


def top_via_port(message):
    """The port of the top sent-by; 5060 when there is none, and for responses, where nobody cares."""
    via = re.search(rb"\r\n(?:via|v)[ \t]*:([^;,]*)", message, re.I)
    text = re.sub(rb"\s+", b"", via.group(1)) if via else b""
    port = re.search(rb"[^:\[\]]:(\d+)$|\]:(\d+)$", text)
    return int((port.group(1) or port.group(2)) if port else 5060)


def tester(env, message):
    return Udp(("127.0.0.1", env.server.port), env.transcript, bind=(TESTER, top_via_port(message)))


def field_of(message, name):
    """The unfolded value of the first field of that name, as octets."""
    found = re.search(rb"\r\n(?:%s)[ \t]*:[ \t]*((?:[^\r]|\r\n[ \t]|\r(?!\n))*)\r\n" % name, message, re.I)
    return re.sub(rb"\r\n[ \t]+", b" ", found.group(1)) if found else None


def ask(env, message, timeout=5.0):
    """One datagram, its one answer (or None), and nothing after it."""
    wire = tester(env, message)
    try:
        wire.send(message)
        raw = wire.receive(timeout)
        if raw is not None and wire.receive(0.1) is not None:
            raise Failure("more than one answer")
        return parse_response(raw) if raw is not None else None
    finally:
        wire.close()


def as_is(env, name, status):
    message = load(name)
    answer = ask(env, message, SILENCE if status == 0 else 5.0)
    if status == 0:
        equal(answer, None, "answer")
        env.server.phone().opt().expect(200)
        return
    true(answer is not None, "no answer")
    answer.expect(status)
    for field in (b"call-id|i", b"cseq", b"from|f"):
        value, copied = field_of(message, field), answer.get(field.split(b"|")[0].decode())
        true(value is None or copied is None or copied.split() == value.decode("latin-1").split(),
             "%s was %r, came back as %r" % (field, value, copied))


for _name, _status, _rows in AS_IS:
    add_test(globals(), "udp_" + _name.split("/")[1], lambda env, n=_name, s=_status: as_is(env, n, s), _rows)


# --- what else to look at ---

@covers("PAR-7-2", "UAS-8.2.6.2-1")
def test_intmeth_to_comes_back(env):
    message = load("rfc4475/intmeth")
    answer = ask(env, message).expect(501)
    to = field_of(message, b"to").decode("latin-1")
    true(answer.get("to").startswith(to), "To came back as %r" % answer.get("to"))
    answer.header("allow")


@covers("PAR-LIM-5", "UAS-8.2.6.2-1", "PAR-20.42-1")
def test_longreq_returns_all_vias(env):
    message = load("rfc4475/longreq")
    sent = [re.sub(rb"\s", b"", v) for v in re.findall(rb"\r\n(?:via|v)[ \t]*:((?:[^\r]|\r\n[ \t])*)", message, re.I)]
    sent = b",".join(sent).decode().lower().split(",")
    came = ",".join(re.sub(r"\s", "", v) for v in ask(env, message).expect(405).all("via")).lower().split(",")
    equal(len(came), 34, "number of Vias")
    equal(came[1:], sent[1:], "Vias behind the top one")


@covers("UAS-8.2.2.3-3", "REG-10.3.2-1")
def test_bext01_lists_what_is_required(env):
    answer = ask(env, load("rfc4475/bext01")).expect(420)
    equal(re.split(r"\s*,\s*", ", ".join(answer.all("unsupported"))),
          ["nothingSupportsThis", "nothingSupportsThisEither"], "Unsupported")


@covers("UAS-21.4.1-1", "PAR-8.1.1-1")
def test_insuf_names_the_missing_field(env):
    answer = ask(env, load("rfc4475/insuf")).expect(400)
    true(re.search(r"Missing|missing", answer.reason), "reason is %r" % answer.reason)


# --- with credentials ---

def with_credentials(env, message, nonces=None):
    """The message with a fresh branch and Call-ID, and the gateway's credentials for the challenge it gets."""
    message = re.sub(rb"branch=[^;,\s]*", b"branch=" + branch().encode(), message, 1)
    message = re.sub(rb"(\r\n(?:call-id|i)[ \t]*:[ \t]*)\S+", rb"\g<1>" + branch().encode(), message, 1, re.I)
    answer = ask(env, message).expect(401)
    challenge = challenges(answer)[0]
    uri = message.split(b" ")[1].decode()
    value = authorization(challenge, "gateway", ALICE_PASSWORD, "REGISTER", uri)
    head, _, body = message.partition(b"\r\n\r\n")
    message = head + b"\r\nAuthorization: " + value.encode() + b"\r\n\r\n" + body
    return re.sub(rb"branch=[^;,\s]*", b"branch=" + branch().encode(), message, 1)


def accounts(env):
    """The addresses that the files use; they never log in themselves."""
    database = env.server.database
    if database.value("select count(*) from account where username = 'watson'") == "0":
        for user in ("j.user", "user", "watson"):
            database.add_user(user, "example.com")
        database.add_user("null-%00-null", "example.com", login=r"null-\x00-null")


def register(env, name):
    accounts(env)
    return ask(env, with_credentials(env, load(name))).expect(200)


@covers("URI-19.1.2-5", "REG-DB-3")
def test_escnull_with_credentials(env):
    found = register(env, "rfc4475/escnull").contacts
    equal(sorted(found), ["sip:%00%00@host5.example.com", "sip:%00@host5.example.com"], "contacts")
    count = "select jsonb_array_length(bindings::jsonb) from aor where aor = '%s'"
    equal(env.server.database.value(count % "null-%00-null@example.com"), "2", "bindings in the database")


def test_dblreq_with_credentials(env):
    register(env, "rfc4475/dblreq")


def test_regaut01_with_credentials(env):
    register(env, "rfc4475/regaut01")


@covers("PAR-20.10-1", "REG-10.3.7-13")
def test_cparam_outside_then_inside(env):
    answer = register(env, "rfc4475/cparam01")
    true(re.search(r"<sip:\+19725552222@gw1\.example\.net>;[^,]*unknownparam", answer.get("contact")),
         "Contact is %r" % answer.get("contact"))
    answer = register(env, "rfc4475/cparam02")
    equal(len(answer.contacts), 1, "number of contacts")
    true("<sip:+19725552222@gw1.example.net;unknownparam>" in answer.get("contact"),
         "Contact is %r" % answer.get("contact"))


@covers("URI-19.1.1-10", "REG-10.3.7-16")
def test_regescrt_with_credentials(env):
    true("sip:user@example.com?Route=%3Csip:sip.example.com%3E" in register(env, "rfc4475/regescrt").contacts,
         "the header is lost")


@covers("URI-25-1")
def test_ipv6_good_with_credentials(env):
    register(env, "rfc5118/ipv6-good")


@covers("URI-25-3")
def test_port_unambiguous_with_credentials(env):
    register(env, "rfc5118/port-unambiguous")


# --- over TCP ---

TCP = [("rfc4475/wsinv", 405, False), ("rfc4475/intmeth", 501, False), ("rfc4475/longreq", 405, False),
       ("rfc4475/ncl", 400, True), ("rfc4475/mcl01", 400, True), ("rfc4475/inv2543", 400, True),
       ("rfc4475/baddn", 400, False), ("rfc5118/mult-ip-in-sdp", 405, True), ("rfc5118/ipv4-mapped-ipv6", 405, True)]


def over_tcp(env, name, status, closes):
    wire = env.server.tcp()
    wire.send(load(name) + (b"\r\n" if name.endswith("baddn") else b""))
    raw = wire.receive()
    true(raw is not None, "no answer")
    parse_response(raw).expect(status)
    if closes:
        true(wire.closed(), "the connection stays open")
        equal(wire.receive(0.1), None, "another answer")
    wire.close()


for _name, _status, _closes in TCP:
    _rows = ["TRN-18.3-4"] if _closes and _status == 400 else []
    add_test(globals(), "tcp_" + _name.split("/")[1],
             lambda env, n=_name, s=_status, c=_closes: over_tcp(env, n, s, c), _rows)


@covers("TRN-18.3-6")
def test_tcp_dblreq_is_two_requests(env):
    wire = env.server.tcp()
    wire.send(load("rfc4475/dblreq"))
    for status in (401, 405):
        raw = wire.receive()
        true(raw is not None, "no %d" % status)
        parse_response(raw).expect(status)
    equal(wire.receive(SILENCE), None, "a third answer")
    wire.close()


def test_tcp_mpart01_keeps_the_frame(env):
    phone = env.server.phone("tcp")
    phone.wire.send(load("rfc4475/mpart01"))
    phone.receive().expect(405)
    phone.opt().expect(200)


def test_garbage_on_a_stream_is_closed(env):
    for transport in ("tcp", "tls"):
        for garbage in (load("rfc4475/test"), b"\x16\x03\x01\x02\0\x01\0\x01", b"\0" * 64, b"hello\r\n\r\n", b"\xff\xfe\r\n\r\n"):
            wire = env.server.phone(transport).wire
            wire.send(garbage)
            true(wire.closed(), "the connection over %s stays open behind %r" % (transport, garbage[:20]))
            equal(wire.receive(0.1), None, "answer")


@covers("TRN-18.3-5")
def test_tcp_clerr_is_closed_at_the_timer(env):
    server = env.start({"connection": {"message_timeout": "1s"}})
    wire = server.tcp()
    wire.send(load("rfc4475/clerr"))
    true(wire.closed(5), "the connection stays open")
    equal(wire.receive(0.1), None, "answer")


def fixed_length(env, name, length):
    message = re.sub(rb"(\r\nContent-Length:[ \t]*)\d+", rb"\g<1>%d" % length, load(name))
    equal(len(message.partition(b"\r\n\r\n")[2]), length, "body")
    true(ask(env, message) is not None, "no answer")
    stream = Stream(("127.0.0.1", env.server.port), env.transcript)
    stream.send(message)
    parse_response(stream.receive()).expect(405)
    stream.close()


for _name, _length in (("ipv6-in-sdp", 251), ("mult-ip-in-sdp", 189), ("ipv4-mapped-ipv6", 245)):
    add_test(globals(), "length_fixed_" + _name,
             lambda env, n="rfc5118/" + _name, size=_length: fixed_length(env, n, size))
