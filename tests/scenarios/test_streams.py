"""TCP and what streams have in common with TLS: framing, order, keep-alives, deadlines, peers that misbehave."""
import os
import socket
import ssl
import time

from harness import Failure, add_test, covers, equal, long_only, true
from harness.check import not_under_valgrind
from harness.faults import Stopped, children, cpu_ticks, workers

C1, S1 = "<sip:alice@192.0.2.10:5062>", "<sips:alice@192.0.2.10:5062>"
U1 = C1.strip("<>")
STREAMS = ("tcp", "tls")
SPIN_S, SPIN_TICKS = 0.5, 12


def contact_of(phone):
    return S1 if phone.transport == "tls" else C1


# --- many messages, many pieces ---

def pipelined(phone, count):
    """Registrations that differ only in CSeq, ready to be sent as one."""
    return [phone.authorize(phone.register_request(contact_of(phone), expires=600 + i)) for i in range(count)]


def answers(phone, requests):
    """The answer to each, in any order."""
    found = {}
    for _ in requests:
        answer = phone.receive()
        true(answer is not None, "only %d of %d answers" % (len(found), len(requests)))
        found[answer.get("cseq")] = answer.status
    return [found.get(r.get("CSeq")) for r in requests]


def fifty_at_once(env, transport):
    phone = env.server.phone(transport)
    requests = pipelined(phone, 50)
    phone.wire.send(b"".join(bytes(r) for r in requests))
    equal(answers(phone, requests), 50 * [200], "statuses")
    equal(list(phone.fetch().values())[0]["expires"], "649", "what the last one asked for")


def octet_by_octet(env, transport):
    phone = env.server.phone(transport)
    requests = pipelined(phone, 50 if transport == "tcp" else 5)
    for octet in b"".join(bytes(r) for r in requests):
        phone.wire.socket.sendall(bytes([octet]))
    equal(answers(phone, requests), len(requests) * [200], "statuses")


for _transport in STREAMS:
    add_test(globals(), "fifty_at_once_" + _transport, lambda env, t=_transport: fifty_at_once(env, t), ["TRN-18-4"])
    add_test(globals(), "octet_by_octet_" + _transport, lambda env, t=_transport: octet_by_octet(env, t), ["TRN-18-4"])


@covers("REG-10.3-6", "TRN-18-4")
def test_registers_of_one_address_take_effect_in_order(env):
    phone = env.server.phone("tcp")
    for run in range(100):
        requests = [phone.authorize(phone.register_request(C1, expires=e)) for e in (300, 0, 400)]
        phone.wire.send(b"".join(bytes(r) for r in requests))
        equal(answers(phone, requests), [200, 200, 200], "statuses of run %d" % run)
        equal({u: p["expires"] for u, p in phone.fetch().items()}, {U1: "400"}, "contacts of run %d" % run)
        phone.reg(C1, expires=0).expect(200)


@covers("TRN-18-4", "REG-10.3-8")
def test_no_request_waits_for_the_answer_to_another(env):
    """While a REGISTER of one address is held in the database, an OPTIONS behind it on the same stream is answered."""
    phone = env.server.phone("tcp")
    phone.reg(C1).expect(200)
    with env.server.database.locked("select 1 from aor where aor = 'alice@example.com' for update"):
        held, free = phone.authorize(phone.register_request(C1)), phone.request("OPTIONS", "sip:example.com")
        phone.wire.send(bytes(held) + bytes(free))
        equal(phone.receive().get("cseq"), free.get("CSeq"), "CSeq of the first answer")
        env.server.phone(user="bob").reg(C1).expect(200)
    answer = phone.receive()
    equal((answer.get("cseq"), answer.status), (held.get("CSeq"), 200), "the answer afterwards")


@covers("TRN-18.3-6")
def test_the_next_message_begins_after_the_body(env):
    for transport in STREAMS:
        phone = env.server.phone(transport)
        fields = [("Content-Type", "text/plain"), ("Content-Disposition", "x;handling=optional")]
        uri = "%s:example.com" % phone.scheme
        first = phone.request("OPTIONS", uri, fields=fields, body=b"OPTIONS sip:x SIP/2.0\r\n\r\n")
        second = phone.request("OPTIONS", uri)
        phone.wire.send(bytes(first) + bytes(second) + b"\x16\x03\x01 no SIP")
        for request in (first, second):
            equal(phone.receive().expect(200).get("cseq"), request.get("CSeq"), "CSeq")
        true(phone.wire.closed(), "octets that are no SIP do not end the stream")
        equal(phone.wire.buffer, b"", "what came after the second answer")


@covers("TRN-18.3-4")
def test_a_stream_needs_content_length(env):
    for transport in STREAMS:
        for change in (lambda r: r.set("Content-Length"), lambda r: r.add("Content-Length", "0")):
            phone = env.server.phone(transport)
            phone.exchange(change(phone.request("OPTIONS", "%s:example.com" % phone.scheme))).expect(400)
            true(phone.wire.closed(), "the connection stays open")


# --- ends ---

def descriptors(pid):
    return len(os.listdir("/proc/%d/fd" % pid))


def say_goodbye(wire):
    """close_notify: nothing more of ours comes over TLS, the other direction stays."""
    wire.socket.settimeout(0)
    try:
        wire.socket.unwrap()
        raise Failure("the server said goodbye with an answer owed")
    except ssl.SSLWantReadError:
        pass


def fin(wire):
    socket.socket.shutdown(wire.socket, socket.SHUT_WR)


def half_closed(env, transport, *ends):
    """The answer is owed while a row is held: nothing spins, the answer comes when it can, the end behind it, and the connection
    is gone also when the peer keeps his side open for ever."""
    server, pid = env.server, workers(env.server)[0]
    server.wait(lambda: server.counter("connections_live") == 0, "no connection is left of other tests")
    before, phone = descriptors(pid), server.phone(transport)
    request = phone.authorize(phone.register_request(contact_of(phone)))
    with_delay = server.database.locked("select 1 from aor where aor = 'alice@example.com' for update")
    server.phone().reg(C1).expect(200)
    with with_delay:
        phone.send(request)
        for end in ends:
            end(phone.wire)
        ticks = cpu_ticks(server)
        equal(phone.wire.receive(SPIN_S), None, "an answer while the row is held")
        ticks = cpu_ticks(server) - ticks
        true(not phone.wire.ended, "the connection has ended before the answer")
    phone.receive().expect(200)
    true(phone.wire.closed(), "the server keeps its side open")
    true(ticks < SPIN_TICKS, "%d ticks of CPU in %g s" % (ticks, SPIN_S))
    server.wait(lambda: descriptors(pid) <= before, "the descriptor is closed")
    equal(server.counter("connections_live"), 0, "connections")


# A FIN that no close_notify came before may be anybody's (RFC 8446 §6.1), but what came before it is whole.
for _name, _transport, _ends in (("tcp", "tcp", (fin,)), ("tls", "tls", (say_goodbye,)), ("tls_and_tcp", "tls", (say_goodbye, fin)),
                                 ("tls_without_a_goodbye", "tls", (fin,))):
    add_test(globals(), "half_closed_peers_get_their_answer_" + _name,
             lambda env, t=_transport, e=_ends: half_closed(env, t, *e), ["TRN-18-6"])


@covers("TRN-18-3", "TXN-17.2.4-1")
def test_a_closed_connection_does_not_cancel_its_request(env):
    reader = env.server.phone()
    reader.fetch()
    for transport in STREAMS:
        for abort in (False, True):
            phone = env.server.phone(transport)
            request = phone.authorize(phone.register_request(contact_of(phone)))
            phone.send(request)
            if abort:  # a reset instead of a FIN
                phone.wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            phone.close()
            env.server.wait(reader.fetch, "the binding of a closed %s connection" % transport)
            reader.reg("*", expires=0).expect(200)
    env.server.wait(lambda: env.server.counter("requests_live") == 0, "no request is left")


@covers("TRN-18.2.2-1")
def test_answers_stay_on_their_connection(env):
    first, second = env.server.phone("tcp"), env.server.phone("tcp", user="bob")
    sent = []
    for i in range(20):
        phone = (first, second)[i % 2]
        sent.append((phone, phone.request("OPTIONS", "sip:example.com")))
        phone.send(sent[-1][1])
    for phone, request in sent:
        equal(phone.receive().get("call-id"), request.get("Call-ID"), "Call-ID")


@covers("TRN-18-5")
def test_who_never_reads_is_closed_and_stalls_nobody(env):
    server = env.start({"limits": {"retry_after": "20s-90s"}})
    other = server.phone()
    deaf = socket.socket()
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    deaf.connect(("127.0.0.1", server.port))
    deaf.settimeout(0.2)
    phone = server.phone("tcp")
    load = bytes(phone.request("OPTIONS", "sip:example.com")) * 100
    deadline, slowest, over = time.monotonic() + 60, 0.0, False
    while not over:
        true(time.monotonic() < deadline, "60 s, and the connection is still open")
        try:
            deaf.send(load)
        except socket.timeout:
            pass
        except ConnectionError:
            over = True
        started = time.monotonic()
        other.opt().expect(200)
        slowest = max(slowest, time.monotonic() - started)
    deaf.close()
    true(slowest < 1.0, "an OPTIONS of another client took %.1f s" % slowest)
    server.wait(lambda: server.counter("connections_live") == 1, "only one connection is left")


# --- keep-alives ---

def pings(env, transport):
    wire = env.server.phone(transport).wire
    for octets, pongs in ((b"\r\n\r\n", 1), (b"\r\n\r\n\r\n\r\n", 2)):
        started = time.monotonic()
        wire.send(octets)
        equal(wire.octets(2 * pongs), pongs * b"\r\n", "pongs")
        true(time.monotonic() - started < 1.0, "the pong took longer than ten times 100 ms")
    for piece in (b"\r", b"\n\r\n"):
        wire.send(piece)
    equal(wire.octets(2), b"\r\n", "pong of a ping in two pieces")
    for octet in b"\r\n\r\n":
        wire.send(bytes([octet]))
    equal(wire.octets(2), b"\r\n", "pong of a ping in four pieces")
    equal(wire.octets(1, 0.3), b"", "what came besides")


for _transport in STREAMS:
    add_test(globals(), "pings_" + _transport, lambda env, t=_transport: pings(env, t), ["OUT-5.4-1"])


# --- deadlines: one second instead of the defaults, so that closing takes one to ten ---

HASTY = {"connection": {"first_message_timeout": "1s", "message_timeout": "1s", "idle_timeout": "1s"},
         "tls": {"handshake_timeout": "1s"}}


def closes(wire, what, feed=b"", least=0.9, most=10.0):
    """The stream ends between least and most seconds from now, while one octet of feed is sent every 100 ms."""
    started, sent = time.monotonic(), 0
    while not wire.closed(0.1):
        if time.monotonic() - started > most:
            raise Failure("%s is still open after %g s" % (what, most))
        if sent < len(feed):
            try:
                wire.socket.sendall(feed[sent:sent + 1])
            except OSError:
                continue
            sent += 1
    took = time.monotonic() - started
    true(took >= least, "%s was closed after %.2f s" % (what, took))


@not_under_valgrind("requests take longer than the deadline of this test")
@covers("SEC-26.1.5-4", "TRN-18.3-5")
def test_slow_streams_are_closed(env):
    server = env.start(HASTY)
    for transport in STREAMS:
        phone = server.phone(transport)
        closes(phone.wire, "a silent %s connection" % transport)
        phone = server.phone(transport)
        # every octet comes within the second, the message does not
        closes(phone.wire, "a slow %s connection" % transport, bytes(phone.register_request(contact_of(phone))))
        phone = server.phone(transport)
        request = phone.request("OPTIONS", "%s:example.com" % phone.scheme).set("Content-Length", "1000")
        phone.send(request)
        closes(phone.wire, "a %s connection with half a body" % transport)
        equal(phone.wire.buffer, b"", "answer to half a message")
    server.wait(lambda: server.counter("connections_live") == 0, "no connection is left")
    true(server.outcomes("first_message_timeout") >= 2, "first_message_timeout is not counted")


@not_under_valgrind("connecting takes longer than the deadline of this test")
@covers("SEC-26.1.5-4")
def test_what_came_while_the_server_stood_still_is_not_late(env):
    """A host that was frozen for longer than the deadlines has more unread requests than a turn of the loop takes."""
    server = env.start({"connection": {"first_message_timeout": "3s"}})
    phones = [server.phone("tcp") for _ in range(150)]
    server.wait(lambda: server.counter("connections_live") == len(phones), "all are connected")
    with Stopped(*children(server.process.pid), server.process.pid):
        for phone in phones:
            phone.send(phone.request("OPTIONS", "sip:example.com"))
        time.sleep(3.5)
    for phone in phones:
        phone.receive().expect(200)
    equal(server.outcomes("first_message_timeout"), 0, "first_message_timeout")


@covers("SEC-26.1.5-4")
def test_pings_alone_are_no_request(env):
    wire = env.start(HASTY).phone("tcp").wire
    closes(wire, "a connection that only pings", 60 * b"\r\n\r\n")


@covers("SEC-26.1.5-4", "TRN-18-2")
def test_idle_streams_are_closed_unless_they_carry_a_binding(env):
    server = env.start(HASTY)
    for transport in STREAMS:
        carrier, other = server.phone(transport), server.phone(transport, user="bob")
        carrier.reg(contact_of(carrier)).expect(200)
        other.opt().expect(200)
        closes(other.wire, "an idle %s connection" % transport)
        true(not carrier.wire.closed(1.5), "a %s connection that carries a binding was closed" % transport)
        carrier.reg(contact_of(carrier)).expect(200)
        carrier.reg(contact_of(carrier), expires=0).expect(200)
        closes(carrier.wire, "a %s connection whose binding is gone" % transport)


@covers("TRN-18-2")
@long_only
def test_an_idle_connection_stays_for_64_t1(env):
    phones = [env.server.phone(t) for t in STREAMS]
    for phone in phones:
        phone.opt().expect(200)
    deadline = time.monotonic() + 35
    for phone in phones:
        true(not phone.wire.closed(deadline - time.monotonic()), "closed within 35 s")
        phone.opt().expect(200)
