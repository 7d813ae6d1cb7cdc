"""Self-defence (requirements, section 12): what one source may cost, and that nobody else pays for it.

limits.exempt names the loopback by default; here it is empty. The flooding source has an address of its own, and everybody
else another.
"""
import socket
import time

from harness import Stream, Udp, covers, equal, own_address, true
from harness.message import parse_response
from harness.phone import Phone

C1 = "<sip:alice@192.0.2.10:5062>"
S1 = "<sips:alice@192.0.2.10:5062>"
FLOODER, OTHER = own_address(), own_address(1)
NOBODY_EXEMPT = {"exempt": []}
AOR_BURST = 10  # LIMITS_AOR_BURST_MIN in server/limits.h


def udp_from(env, server, address):
    return Udp(("127.0.0.1", server.port), env.transcript, bind=(address, 0))


def phone_from(env, server, address, transport="udp", **how):
    if transport == "udp":
        wire = udp_from(env, server, address)
    else:
        port = server.tls_port if transport == "tls" else server.port
        wire = Stream(("127.0.0.1", port), env.transcript, server.tls_context() if transport == "tls" else None,
                      "example.com", bind=(address, 0))
    phone = Phone(wire, transport, **how)
    server.phones.append(phone)
    return phone


@covers("SEC-26.1.5-2")
def test_a_flood_costs_only_its_source(env):
    server = env.start({"limits": {**NOBODY_EXEMPT, "per_ip_rate": "50/s", "per_ip_burst": 100}})
    flooder, other = phone_from(env, server, FLOODER), phone_from(env, server, OTHER)
    began, served = time.monotonic(), 0
    for round_ in range(40):
        for _ in range(50):
            flooder.send(flooder.request("OPTIONS", "sip:example.com"))
        other.opt().expect(200)  # every one of the other source is served
        while flooder.wire.receive(0) is not None:
            served += 1
    took = time.monotonic() - began
    true(100 <= served <= 100 + 50 * (took + 1), "%d of 2000 were served in %.1f s" % (served, took))
    server.wait(lambda: server.outcomes("rate_limited") >= 2000 - 100 - 50 * (took + 2), "drops are counted")
    phone_from(env, server, OTHER).reg(C1).expect(200)
    # and when it stops it is served again
    server.wait(lambda: answered(flooder), "the source is served again")


def answered(phone):
    phone.send(phone.request("OPTIONS", "sip:example.com"))
    return phone.wire.receive(0.2) is not None


@covers("SEC-26.1.5-2")
def test_a_stream_over_the_rate_is_closed(env):
    server = env.start({"limits": {**NOBODY_EXEMPT, "per_ip_rate": "1/s", "per_ip_burst": 10}})
    for transport in ("tcp", "tls"):
        phone = phone_from(env, server, FLOODER if transport == "tcp" else OTHER, transport)
        phone.wire.send(b"".join(bytes(phone.request("OPTIONS", "%s:example.com" % phone.scheme)) for _ in range(30)))
        true(phone.wire.closed(), "the connection stays open")
        count = phone.wire.buffer.count(b"SIP/2.0 200")
        true(9 <= count <= 15, "%d of 30 were answered" % count)  # over TLS the handshake took one


@covers("SEC-26.1.5-2")
def test_who_is_exempt_is_never_limited(env):
    server = env.start({"limits": {"exempt": [OTHER + "/32"], "per_ip_rate": "1/s", "per_ip_burst": 5,
                                   "per_aor_rate": "1/s"}, "connection": {"max_per_ip": 2}})
    exempt = phone_from(env, server, OTHER)
    for _ in range(50):
        exempt.reg(C1).expect(200)
    connections = [phone_from(env, server, OTHER, "tcp") for _ in range(5)]
    for phone in connections:
        phone.opt().expect(200)


@covers("SEC-26.1.5-2")
def test_connections_of_one_source_are_limited(env):
    server = env.start({"limits": NOBODY_EXEMPT, "connection": {"max_per_ip": 5}})
    before = server.counter("connections_refused")
    held = [phone_from(env, server, FLOODER, "tcp") for _ in range(5)]
    for phone in held:
        phone.opt().expect(200)
    for _ in range(20):
        extra = socket.create_connection(("127.0.0.1", server.port), timeout=8, source_address=(FLOODER, 0))
        try:
            equal(extra.recv(1), b"", "what a connection over the limit gets")
        except ConnectionResetError:
            pass
        extra.close()
        phone_from(env, server, OTHER, "tcp").opt().expect(200)
        server.phones.pop().close()
    counters = server.ctl_json("status")["counters"]
    equal(counters["connections_refused"], before + 20, "connections_refused in rollcallctl status --json")
    equal(server.outcomes("connection_limit", transport="tcp"), 20, "connection_limit")
    for phone in held:
        phone.opt().expect(200)
    held[0].close()
    server.phones.remove(held[0])
    server.wait(lambda: serves_a_connection(env, server), "a place is free again")


def serves_a_connection(env, server):
    wire = Stream(("127.0.0.1", server.port), env.transcript, bind=(FLOODER, 0))
    try:
        phone = Phone(wire, "tcp")
        phone.send(phone.request("OPTIONS", "sip:example.com"))
        return wire.receive(1.0) is not None
    except OSError:
        return False
    finally:
        wire.close()


@covers("SEC-26.1.5-2")
def test_connections_of_the_node_are_limited(env):
    server = env.start({"server": {"max_connections": 20}})
    phones = [server.phone("tcp") for _ in range(20)]
    for phone in phones:
        phone.opt().expect(200)
    extra = socket.create_connection(("127.0.0.1", server.port), timeout=8)
    try:
        equal(extra.recv(1), b"", "what one over the limit gets")
    except ConnectionResetError:
        pass
    extra.close()
    phones[0].opt().expect(200)
    server.phone().opt().expect(200)


# --- reflection ---

def minimal(port, pad=0):
    """The smallest REGISTER that is challenged, or one with a longer Call-ID."""
    return ("REGISTER sip:example.com SIP/2.0\r\nv:SIP/2.0/UDP h:%d;rport\r\nf:<sip:a@b>\r\nt:<sip:alice@example.com>\r\n"
            "i:%s\r\nCSeq:1 REGISTER\r\n\r\n" % (port, "1" * (1 + pad))).encode()


@covers("SEC-26.1.5-1")
def test_nothing_is_amplified(env):
    wire = env.server.udp()
    small = minimal(wire.local[1])
    before = env.server.outcomes("policy_silence")
    silent = 0
    for size in range(len(small), 600, 7):
        octets = minimal(wire.local[1], size - len(small))
        wire.send(octets)
        raw = wire.receive(0.3 if size < 300 else 8.0)
        silent += raw is None
        true(raw is not None or size < 300, "%d octets got no answer" % size)
        if raw is not None:
            parse_response(raw).expect(401)
            true(len(raw) <= 3.0 * len(octets), "%d octets got %d" % (len(octets), len(raw)))
    equal(env.server.outcomes("policy_silence") - before, silent, "silences counted as policy_silence")
    wire.close()


@covers("SEC-26.1.5-1")
def test_a_register_of_143_octets(env):
    wire = env.server.udp()
    octets = minimal(wire.local[1], 143 - len(minimal(wire.local[1])))
    equal(len(octets), 143, "length of the request")
    wire.send(octets)
    raw = wire.receive(1.0)
    true(raw is None or len(raw) <= 3.0 * 143, "143 octets got %d" % len(raw or b""))
    wire.close()


@covers("SEC-26.1.5-1")
def test_a_phone_of_today_is_challenged(env):
    """A request of 300 octets with long Via, From and Call-ID, all of which come back, still gets its 401."""
    phone = env.server.phone()
    request = phone.register_request(C1)
    short = len(bytes(request))
    if short < 300:
        request.set("Call-ID", request.get("Call-ID") + (300 - short) * "x")
    phone.exchange(request).expect(401)


@covers("SEC-26.1.5-1")
def test_one_datagram_one_answer(env):
    phone = env.server.phone()
    for method in ("REGISTER", "OPTIONS", "INVITE", "CANCEL", "UNHEARDOF"):
        phone.exchange(phone.request(method, "sip:example.com"))
        phone.silence(0.2)


# --- failures, scanners, addresses-of-record ---

@covers("SEC-26.3.2.4-1", "AUT-22.1-4")
def test_a_hundred_failures_lock_nobody_out(env):
    """Guesses with the source of the owner, forged or not, cost him nothing of per_aor_rate."""
    server = env.start({"limits": {**NOBODY_EXEMPT, "per_ip_rate": "1000/s", "per_ip_burst": 1000}})
    guesser = phone_from(env, server, FLOODER, password="guess")
    for _ in range(100):
        guesser.reg(C1).expect(401)
    phone_from(env, server, OTHER).reg(C1).expect(200)
    for transport in ("udp", "tcp", "tls"):
        phone_from(env, server, FLOODER, transport).reg(C1 if transport != "tls" else S1).expect(200)
    true(server.outcomes("bad_password") >= 100, "failures are not counted")


@covers("SEC-26.3.2.4-1")
def test_forged_datagrams_take_nothing_from_connections(env):
    """Anybody can write any source on a datagram: what is left of its rate for TCP and TLS stays."""
    server = env.start({"limits": {**NOBODY_EXEMPT, "per_ip_rate": "1/s", "per_ip_burst": 10}})
    forger = phone_from(env, server, FLOODER)
    for _ in range(100):
        forger.send(forger.request("OPTIONS", "sip:example.com"))
    server.wait(lambda: server.outcomes("rate_limited", transport="udp") >= 80, "the rate of datagrams is used up")
    phone_from(env, server, FLOODER, "tcp").opt().expect(200)
    phone_from(env, server, FLOODER, "tls").opt().expect(200)
    equal(server.outcomes("rate_limited", transport="tls"), 0, "handshakes refused")


@covers("SEC-26.1.5-2")
def test_scanners_get_silence(env):
    names = ("friendly-scanner", "sipvicious", "sipcli/v1.8", "VAXSIPUSERAGENT/3.1")
    phone = env.server.phone()
    before = env.server.outcomes("scanner")
    for agent in names:
        phone.send(phone.request("OPTIONS", "sip:example.com", fields=[("User-Agent", agent)]))
    phone.silence(0.5)
    equal(env.server.outcomes("scanner"), before + len(names), "scanners counted")
    phone.opt(fields=[("User-Agent", "a friendly-scanner")]).expect(200)
    for transport in ("tcp", "tls"):
        for agent in names:
            stream = env.server.phone(transport, scheme="sip")
            stream.send(stream.request("OPTIONS", "sip:example.com", fields=[("User-Agent", agent)]))
            true(stream.wire.closed() and stream.wire.buffer == b"", "a scanner's connection over %s stays open" % transport)
        equal(env.server.outcomes("scanner", transport=transport), len(names), "scanners over %s" % transport)
    server = env.start({"limits": {"drop_agents": ["Foo"]}})
    phone = server.phone()
    phone.opt(fields=[("User-Agent", names[0])]).expect(200)
    phone.send(phone.request("OPTIONS", "sip:example.com", fields=[("User-Agent", "foobar")]))
    phone.silence(0.5)


@covers("SEC-26.1.5-2", "UAS-20.33-1")
def test_registrations_of_one_address_are_limited(env):
    server = env.start({"limits": {**NOBODY_EXEMPT, "per_ip_rate": "1000/s", "per_ip_burst": 1000, "per_aor_rate": "1/s",
                                   "retry_after": "20s-90s"}})
    phone, other = phone_from(env, server, FLOODER), phone_from(env, server, OTHER)
    began = time.monotonic()
    answers = [phone.reg(*([C1] if n % 2 == 0 else [])) for n in range(40)]  # and fetches, whose answers are long
    equal({a.status for a in answers}, {200, 503}, "statuses")
    passed = sum(a.status == 200 for a in answers)
    true(passed <= AOR_BURST + time.monotonic() - began + 1, "%d of 40 within %.1f s" % (passed, time.monotonic() - began))
    equal(answers[0].status, 200, "the first")
    for answer in answers:
        if answer.status == 503:
            true(20 <= int(answer.header("retry-after")) <= 90, "Retry-After: %s" % answer.get("retry-after"))
    true(server.outcomes("rate_limited") >= 1, "rate_limited is not counted")
    other.reg(C1).expect(200)  # the allowance is that of source and address together
    phone_from(env, server, FLOODER, user="bob").reg(C1).expect(200)


@covers("SEC-26.1.5-3", "PAR-LIM-3")
def test_oversized_bodies_take_no_memory(env):
    """The body of a refused message is never waited for, and the connection ends."""
    for size, status in ((65536, 513), (2147483647, 513), (4294967295, 400)):
        phone = env.server.phone("tcp")
        phone.exchange(phone.request("OPTIONS", "sip:example.com").set("Content-Length", str(size))).expect(status)
        true(phone.wire.closed(), "the connection stays open")
