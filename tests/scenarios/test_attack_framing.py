"""Where a message ends, and how much of one is read: lengths that lie, requests hidden in bodies, fields that only one of two
readers sees, floods of lines, and mutations. Over UDP, TCP and TLS. No hidden request is ever executed, every answer comes at
once, and nobody else waits.
"""
import random
import time

from harness import covers, equal, long_only, true
from harness.attack import AT_ONCE, C1, U1, Unchanged, ask, everywhere, on, plain_phone, served
from harness.message import parse_response
from harness.faults import workers

HIDDEN = "<sip:hidden@203.0.113.66>"
streams = on("tcp", "tls")


def hidden_register(server, transport):
    """A whole REGISTER that would be accepted, as octets; it comes from nobody's phone and is never to be executed."""
    phone = plain_phone(server, transport)
    request = phone.authorize(phone.register_request(HIDDEN))
    phone.close()
    server.phones.remove(phone)
    return bytes(request)


def drain(phone, patience=AT_ONCE):
    """All answers until silence or the end, linted."""
    answers, deadline = [], time.monotonic() + patience
    while (raw := phone.wire.receive(deadline - time.monotonic())) is not None:
        answers.append(parse_response(raw))
    return answers


# --- lengths ---

LIES = ["4294967296", "4294967328", "99999999999999999999", "18446744073709551617", "9223372036854775808", "1" + 300 * "0", "-1",
        "+1",
        "0x10", "1x", "1 1", "1,1", "1;1", "", "\x0b1", "1\x0c", "\xb2", "1e1", "0.0", "\"0\"", "--1"]


@everywhere
@covers("PAR-20.14-1", "TRN-18.3-4")
def lengths_that_are_none(env, transport):
    """400, and a stream ends; what stands behind is not executed."""
    hidden = hidden_register(env.server, transport)
    with Unchanged(env.server):
        for lie in LIES:
            phone = plain_phone(env.server, transport)
            request = phone.request("OPTIONS", "sip:example.com").set("Content-Length", lie.encode("latin-1"))
            answer = ask(phone, bytes(request) + hidden)
            true(answer is not None, "%.40r got no answer" % lie)
            answer.expect(400)
            true(transport == "udp" or phone.wire.closed(AT_ONCE), "the connection stays open behind %.40r" % lie)
            behind = phone.wire.buffer if transport != "udp" else b""
            true(not behind, "octets behind the 400 to %.40r: %r" % (lie, behind[:100]))


@everywhere
@covers("SEC-26.1.5-3", "PAR-LIM-3")
def lengths_of_gigabytes(env, transport):
    """No memory is taken for what is only promised, and no octet of it is waited for."""
    with Unchanged(env.server):
        for length in (65536, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1):
            phone = plain_phone(env.server, transport)
            began = time.monotonic()
            answer = ask(phone, bytes(phone.request("OPTIONS", "sip:example.com").set("Content-Length", str(length))))
            true(answer is not None and answer.status in (400, 513), "%d got %s" % (length, answer and answer.status))
            true(transport == "udp" or phone.wire.closed(AT_ONCE), "the connection stays open behind %d" % length)
            true(time.monotonic() - began < AT_ONCE, "%d took its time" % length)


def smuggled(server, transport):
    """(what it is, octets) of requests with another one where not all readers would look."""
    hidden = hidden_register(server, transport)
    size = str(len(hidden))
    phone = plain_phone(server, transport)

    def outer(*fields, body=hidden):
        request = phone.request("OPTIONS", "sip:example.com").set("Content-Length")
        for name, value in fields:
            request.add(name, value)
        return bytes(request) + body
    length = "Content-Length"
    yield "two lengths, 0 first", outer((length, "0"), (length, size))
    yield "two lengths, 0 last", outer((length, size), (length, "0"))
    yield "two lengths that agree", outer((length, "0"), (length, "0"))
    yield "a compact one and a long one", outer(("l", "0"), (length, size))
    yield "a long one and a compact one", outer((length, size), ("L", "0"))
    yield "a list", outer((length, "0, " + size))
    yield "a folded one that grows", outer((length, "0\r\n " + size))
    yield "a second one in a fold", outer((length, "0\r\n\t, " + size))
    yield "no length", outer()
    yield "a length behind a NUL", outer((length + "\0", size), (length, "0"))
    for octet in "\x01\x08\x0b\x0c\x1f\x7f":
        yield "a name with %r" % octet, outer((length + octet, size), (length, "0"))
        yield "a name behind %r" % octet, outer((octet + length, size), (length, "0"))
    yield "an encoding", outer(("Transfer-Encoding", "chunked"), (length, "0"), (length, size))
    yield "a line without a name", outer(("", size), (length, "0"))
    yield "a bare CR in front of the length", outer(("X", "a\rContent-Length: " + size), (length, "0"))
    yield "a bare LF in front of the length", outer(("X", "a\nContent-Length: " + size), (length, "0"))
    yield "an empty line of LFs", outer(("X", "a\n\nREGISTER sip:example.com SIP/2.0"), (length, "0"))
    phone.close()
    server.phones.remove(phone)


@streams
@covers("TRN-18.3-4", "PAR-25-1")
def hidden_requests_on_a_stream(env, transport):
    """Each is refused as a whole, with the connection: two readers could disagree on where it ends."""
    with Unchanged(env.server):
        for what, octets in smuggled(env.server, transport):
            phone = plain_phone(env.server, transport)
            try:
                phone.wire.send(octets)
            except OSError:
                pass
            answers = drain(phone)
            statuses = [answer.status for answer in answers]
            true("REGISTER" not in [a.get("cseq", "").split(" ")[-1] for a in answers],
                 "%s: the hidden request was answered" % what)
            equal(statuses, [400], "answers to " + what)
            true(phone.wire.closed(AT_ONCE), "%s: the connection stays open" % what)
    served(env.server, transports=(transport,))


@covers("TRN-18.3-4", "PAR-25-1")
def test_hidden_requests_in_a_datagram(env):
    """A datagram is one message: what follows it is dropped, whatever its length says."""
    with Unchanged(env.server):
        for what, octets in smuggled(env.server, "udp"):
            phone = env.server.phone()
            phone.wire.send(octets)
            answers = drain(phone, 0.15)
            true(len(answers) <= 1, "%s: %d answers" % (what, len(answers)))
            true("REGISTER" not in [a.get("cseq", "").split(" ")[-1] for a in answers],
                 "%s: the hidden request was answered" % what)
            phone.close()
            env.server.phones.remove(phone)


SHADOWS = [  # fields that a sloppy reader takes for others; the request has honest ones beside them
    b"To\x01: <sip:bob@example.com>", b"To\x0b: <sip:bob@example.com>", b"\x00To: <sip:bob@example.com>", b": x", b" : x", b"To",
           b"T\xf6: x",
    b"Contact\x08: " + HIDDEN.encode(), b"Contact\x7f: " + HIDDEN.encode(), b"Conta ct: " + HIDDEN.encode(), b"Expires\x0c: 0",
    b"Authorization\x01: Digest x", b"Via\x1f: SIP/2.0/UDP evil", b"\xa0Contact: " + HIDDEN.encode(),
           b"Contact;: " + HIDDEN.encode(),
    b"X: a\rContact: " + HIDDEN.encode(), b"X: a\nContact: " + HIDDEN.encode(), b"X\r: a", b"\rContact: " + HIDDEN.encode(),
]


@everywhere
@covers("PAR-25-1", "PAR-7.1-2")
def fields_in_the_shadow(env, transport):
    """400 for the whole message, and nothing of it takes effect."""
    with Unchanged(env.server):
        for shadow in SHADOWS:
            phone = plain_phone(env.server, transport)
            octets = bytes(phone.authorize(phone.register_request(C1))).replace(b"\r\nCall-ID", b"\r\n" + shadow + b"\r\nCall-ID")
            answer = ask(phone, octets)
            true(answer is not None and answer.status == 400, "%r got %s" % (shadow, answer and answer.status))
    phone = plain_phone(env.server, transport)  # and blanks around a colon are no shadow: HCOLON
    request = bytes(phone.authorize(phone.register_request(C1))).replace(b"\r\nContact:", b"\r\nContact \t:")
    equal(list(ask(phone, request).expect(200).contacts), [U1], "contacts")


# --- what an answer repeats ---

REPEATED = [  # control octets behind a backslash, where it escapes nothing
    ("Call-ID", b"a\\\x1b[2J"), ("Call-ID", b'"\\\x1b[2J"'), ("Call-ID", b"\\\\\x07"), ("CSeq", b"1 \\\x1bOPTIONS"),
    ("CSeq", b'1 "\\\x7f"'), ("From", b"a\\\x1b[2J <sip:a@b>;tag=1"), ("From", b"<sip:a@b>;tag=\\\x00"),
    ("To", b'"\\\x1b[2J <sip:a@b>'), ("To", b'"a" \\\x07 <sip:a@b>'), ("To", b'"\x1b\\\x1b" <sip:a@b>'),
    ("To", b'<sip:a@b>;x="\\\x1b";y=\\\x1b'),
]


@everywhere
@covers("SEC-26.1-1", "PAR-25-2")
def escapes_outside_quoted_strings(env, transport):
    """400, and lint finds no control octet in what it repeats: who reads it may show it on a terminal. In quotes one may stand."""
    for field, value in REPEATED + [("Via", b", SIP/2.0/UDP a\\\x1b[2J"), ("Via", b";x=\\\x1b[2J")]:
        phone = plain_phone(env.server, transport)
        request = phone.request("OPTIONS", "sip:example.com")
        answer = ask(phone, bytes(request.set(field, (request.get("Via").encode() if field == "Via" else b"") + value)))
        true(answer is not None and answer.status == 400, "%s %r got %s" % (field, value, answer and answer.status))
    phone = plain_phone(env.server, transport)
    legal = '"\\\x1b\\\x07" <sip:alice@example.com>'
    answer = ask(phone, bytes(phone.request("OPTIONS", "sip:example.com").set("To", legal))).expect(200)
    true(answer.get("to").startswith(legal), "To came back as %r" % answer.get("to"))


# --- floods within one message ---

def floods(phone):
    """(what it is, the request, statuses that will do); behind those with credentials stands their owner."""
    def options():
        return phone.request("OPTIONS", "sip:example.com")

    def register(*contacts, **how):
        return phone.authorize(phone.register_request(*contacts, **how))
    via = options().get("Via")
    yield "1,100 lines", options().set("X", *(1100 * ["y"])), (513,)
    yield "4,000 lines of nothing", options().set("X", *(4000 * [""])), (513,)
    yield "4,500 Vias in one line", options().set("Via", via + 4500 * ",SIP/2.0/UDP a"), (400,)
    yield "900 lines of Via", options().set("Via", via, *(900 * ["SIP/2.0/UDP a"])), (400,)
    yield "1,000 contacts", register(",".join("<sip:%d@192.0.2.1>" % i for i in range(1000))), (403,)
    yield "900 lines of Contact", register(*("<sip:%d@192.0.2.1>" % i for i in range(900))), (403,)
    yield "1,000 stars", register(",".join(1000 * ["*"]), expires=0), (400,)
    yield "60,000 semicolons", register(C1 + 60000 * ";"), (400,)
    yield "15,000 parameters", register(C1 + 15000 * ";a=b"), (400,)
    yield "200 URI parameters", register("<sip:a@h%s>" % "".join(";p%d=1" % i for i in range(200))), (400, 200)
    yield "a display name of 60,000 octets", register('"%s" <sip:a@192.0.2.1>' % (60000 * "x")), (200, 400, 403)
    yield "30,000 escapes", register('"%s" <sip:a@192.0.2.1>' % (30000 * "\\x")), (200, 400, 403)
    yield "60,000 blanks", register(C1, fields=[("Subject", "x" + 60000 * " " + "y")]), (200,)
    yield "900 folds", register(C1, fields=[("Subject", 900 * "x\r\n ")]), (200,)
    yield "20,000 folds", register(C1, fields=[("Subject", 20000 * "\r\n ")]), (513, 400)
    yield "900 log-ins of others", register(C1).set("Authorization", *(900 * ['Digest realm="x"'])), (401,)
    yield "5,000 options required", register(C1, fields=[("Require", ",".join(5000 * ["x"]))]), (420,)
    paths = ",".join("<sip:p%d;lr>" % i for i in range(500))
    yield "500 Paths", register(C1, fields=[("Path", paths), ("Supported", "path")]), (400, 403)
    yield "a tag of 60,000 octets", options().set("From", "<sip:a@b>;tag=" + 60000 * "t"), (200,)
    yield "a branch of 60,000 octets", options().set("Via", via.replace(";rport", 60000 * "x" + ";rport")), (200,)
    yield "a method of 60,000 octets", options().set("CSeq", "1 " + 60000 * "M"), (400,)
    yield "a Call-ID of 60,000 octets", options().set("Call-ID", 60000 * "c"), (400,)
    body = b"--x\r\n" * 9000
    for boundary in ("", ";boundary", ";boundary=", ';boundary="', ';boundary="x', ";boundary=" + 5000 * "x", ";boundary=x"):
        request = phone.authorize(phone.register_request(C1, fields=[("Content-Type", "multipart/mixed" + boundary)], body=body))
        yield "a broken multipart body%.20s" % boundary, request, (400, 415)


@everywhere
@covers("PAR-LIM-2", "PAR-LIM-5")
def floods_within_one_message(env, transport):
    server = env.server
    before, pids = server.outcomes("policy_silence"), workers(server)
    for what, request, statuses in list(floods(plain_phone(server, transport))):
        phone = plain_phone(server, transport)
        began = time.monotonic()
        answer = ask(phone, bytes(request))
        took = time.monotonic() - began
        if answer is None:  # a small answer is due in any case; the large ones are held back from who is not proved
            true(transport == "udp" and server.outcomes("policy_silence") > before, "%s got no answer" % what)
        else:
            true(answer.status in statuses, "%s got %d" % (what, answer.status))
            true(took < AT_ONCE, "%s took %.1f s" % (what, took))
        phone.close()
        server.phones.remove(phone)
        if answer is not None and answer.status == 200:
            server.database.clear_bindings()
    served(server)
    equal(workers(server), pids, "workers")


@streams
@covers("PAR-LIM-1", "PAR-LIM-2")
def floods_without_end(env, transport):
    """10,000 Vias, and lines for ever: 513 as soon as the limit is reached, and the end. Whoever goes on sending hears it too."""
    line = {"Vias": b"Via: SIP/2.0/UDP a;branch=z9hG4bKx\r\n", "lines": b"X: y\r\n", "a line": b"yyyyyyyy", "folds": b" \r\n"}
    for what, more in line.items():
        phone = plain_phone(env.server, transport)
        head = bytes(phone.request("OPTIONS", "sip:example.com"))[:-4] + b"\r\nX: "
        try:
            phone.wire.send(head + 10000 * more + (100000 - 10000 * len(more)) * b"z")
        except OSError:
            pass
        answers = drain(phone)
        equal([answer.status for answer in answers], [513], "answers to " + what)
        true(phone.wire.closed(AT_ONCE), "%s: the connection stays open" % what)
    served(env.server)


# --- errors, and what stands behind them ---

@streams
@covers("TRN-18.3-4")
def nothing_is_read_behind_the_end(env, transport):
    """Octets that are no SIP end the stream, and a good request behind them is not served."""
    hidden = hidden_register(env.server, transport)
    with Unchanged(env.server):
        for junk in (b"\x00", b"\x16\x03\x01\x02\x00", b"GET / HTTP/1.1\r\n\r\n", b"REGISTER\r\n\r\n", b"\xff\xfe\r\n\r\n",
                     b"SIP\r\n\r\n", b" \r\n\r\n", b"x" * 70000):
            phone = plain_phone(env.server, transport)
            try:
                phone.wire.send(junk + hidden)
            except OSError:
                pass
            statuses = [answer.status for answer in drain(phone)]
            true(phone.wire.closed(AT_ONCE), "the connection stays open behind %.20r" % junk)
            true(statuses == [] or len(statuses) == 1 and statuses[0] >= 400, "answers behind %.20r: %s" % (junk, statuses))


# --- mutations ---

def seeds(phone):
    yield bytes(phone.register_request(C1 + ";q=0.5", '"n\\"" <sip:a@[2001:db8::1]:1;x=%41?h=v>', expires=60,
                                       fields=[("Path", "<sip:p.example;lr>"), ("Supported", "path, gruu"), ("Require", "path")]))
    yield bytes(phone.authorize(phone.register_request(C1)))
    yield bytes(phone.request("OPTIONS", "sip:example.com", fields=[("Content-Type", "text/plain")], body=b"x" * 20))
    yield bytes(phone.request("CANCEL", "sip:example.com"))
    yield bytes(phone.register_request("*", expires=0))


SPICE = [b"\x00", b"\xff", b"\r", b"\n", b"\r\n", b"\r\n\r\n", b"\"", b"<", b">", b"%", b";", b",", b"=", b"@", b":", b"\\",
         b" ", b"\t", b"(",
         b"4294967296", b"18446744073709551616", b"-1", b"%00", b"[::", b"sip:", b"Digest ", b"Content-Length: ", b"\xc0\x80",
         b"*", b"A" * 300]


def mutated(chance, octets):
    data = bytearray(octets)
    for _ in range(chance.choice((1, 1, 2, 3, 8))):
        at, kind = chance.randrange(len(data) + 1), chance.randrange(6)
        if kind == 0 and at < len(data):
            data[at] = chance.randrange(256)
        elif kind == 1:
            data[at:at] = chance.choice(SPICE)
        elif kind == 2:
            del data[at:at + chance.choice((1, 2, 5, 40))]
        elif kind == 3:
            other = chance.randrange(len(data) + 1)
            data[at:at] = data[other:other + chance.choice((1, 10, 100))]
        elif kind == 4 and at < len(data):
            data[at] ^= 1 << chance.randrange(8)
        else:
            data[at:at + chance.choice((1, 4))] = chance.choice(SPICE)
    return bytes(data[:65000])


def fuzz(env, transport, count, seed):
    """So many mutated messages; every answer is linted, no worker dies, and nothing is bound but what the owner could."""
    server, chance = env.server, random.Random(seed)
    pids, wire, answered = workers(server), None, 0
    originals = list(seeds(server.phone()))
    for n in range(count):
        octets = mutated(chance, chance.choice(originals))
        if wire is None or (transport != "udp" and (wire.ended or n % 40 == 39)):
            if wire is not None:
                wire.close()
            wire = server.wire(transport)
        try:
            wire.send(octets)
        except OSError:
            wire.ended = True
        while n % 8 == 7 and (raw := wire.receive(0.05 if n % 64 == 63 else 0)) is not None:
            parse_response(raw)
            answered += 1
        if n % 500 == 499:
            served(server)
    wire.close()
    true(answered > count / 100, "only %d of %d were answered" % (answered, count))
    served(server)
    equal(workers(server), pids, "workers")


@everywhere
@covers("SEC-4475-1")
def mutations(env, transport):
    fuzz(env, transport, 3000 if transport == "udp" else 1500, 20260 + len(transport))


@long_only
@covers("SEC-4475-1")
def test_a_million_mutations(env):
    """G2: ten seeds over UDP, two each over streams."""
    for transport, runs in (("udp", 10), ("tcp", 2), ("tls", 2)):
        for seed in range(runs):
            fuzz(env, transport, 100000 if transport == "udp" else 50000, seed)
