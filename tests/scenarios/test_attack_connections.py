"""Connections as weapons: crowds that trickle, half handshakes, peers that vanish or half close, floods from one address. Those
who hold are cut at their deadline, those who flood cost themselves, and meanwhile everybody else is served.

In the suite a few hundred of them against deadlines of seconds; with --long 22,000 against half a minute (G8, G16): stallers.report
in the state of the tests has the figures.
"""
import os
import re
import select
import socket
import ssl
import struct
import subprocess
import threading
import time

from harness import Failure, Stream, covers, equal, long_only, own_address, true
from harness.attack import AT_ONCE, C1, client_hello, on, plain_phone, served
from harness.check import PATIENT, long_run
from harness.crowd import Crowds
from harness.failing import PLAIN_BUILD
from harness.faults import admin, cpu_ticks, full, workers
from harness.http import Http
from harness.metrics import scrape
from harness.phone import Phone
from harness.report import quantile, report
from harness.server import BUILD

FLOODER, OTHER = own_address(), own_address(1)
HASTY = {"connection": {"first_message_timeout": "2s", "message_timeout": "2s"}, "tls": {"handshake_timeout": "2s"},
         "admin": {"request_timeout": "2s"}}
SPIN_S, SPIN_TICKS, HONEST_EVERY_S = 0.5, 12, 0.1
HELD_UP_S = 0.5 * PATIENT  # ten times what is wanted of one who waits for a turn of somebody else's
TCP_REPAIR = 19  # of linux/tcp.h
streams = on("tcp", "tls")


# --- crowds ---

def crowd(server, sizes, processes, pace, patience):
    phone = server.phone("tcp")
    sip = bytes(phone.register_request(C1).set("Content-Length", "60000")) + 1000 * b"x"
    phone.close()
    http = b"GET /livez HTTP/1.1\r\nHost: a\r\n" + 100 * b"X-Slow: y\r\n"
    feeds = {"tcp": sip, "tls": sip, "half handshake": client_hello(server), "http": http, "admin": http, "silent": b"",
             "no handshake": b""}
    ports = {"tcp": server.port, "tls": server.tls_port, "half handshake": server.tls_port, "http": server.health_port,
             "silent": server.port, "no handshake": server.tls_port}
    return Crowds(sizes, processes, pace=pace, patience=patience,
                  targets={"admin": server.socket, **{kind: ("127.0.0.1", port) for kind, port in ports.items()}},
                  feeds={kind: feed.decode("latin-1") for kind, feed in feeds.items()})


def honest(server, over, took):
    """Registers over UDP and new TCP and TLS connections, and asks probes, until it is over: no more log-ins a second than the
    nonces that an address may have."""
    while not over.wait(0.2):
        for transport in ("udp", "tcp", "tls"):
            began = time.monotonic()
            phone = plain_phone(server, transport, user="bob")
            try:
                phone.reg("<sip:bob@192.0.2.20>").expect(200)
                took.setdefault(transport, []).append(time.monotonic() - began)
            finally:
                phone.close()
                server.phones.remove(phone)
        began = time.monotonic()
        equal(server.health("/livez")[0], 200, "/livez")
        took.setdefault("http", []).append(time.monotonic() - began)


def milliseconds(values):
    return "/".join("%.0f" % (1e3 * x) for x in (quantile(values, 0.5), quantile(values, 0.99), max(values)))


def besieged(server, sizes, processes, deadline, pace, slack):
    """A crowd of these sizes trickles until the last of it is cut; ({transport: what honest ones waited}, {kind: when cuts came})."""
    over, took, failures = threading.Event(), {}, []

    def work():
        try:
            honest(server, over, took)
        except Exception as failure:
            failures.append(failure)
    thread = threading.Thread(target=work)
    with crowd(server, sizes, processes, pace, deadline + slack + 5) as there:
        true(there.gathered(), "not everybody got a connection")
        live = server.counter("connections_live")
        thread.start()
        try:
            cut = there.cut()
        finally:
            over.set()
            thread.join()
    if failures:
        raise failures[0]
    report("stallers", "%s, %d connections at once: cut after %s s; honest p50/p99/max in ms: %s" % (
        sizes, live, {k: "%.1f-%.1f" % (min(v), max(v)) for k, v in cut.items()}, {k: milliseconds(v) for k, v in took.items()}))
    equal({kind: len(times) for kind, times in cut.items()}, sizes, "cut within %g s" % (deadline + slack + 5))
    for kind, times in cut.items():
        true(deadline - 0.3 <= min(times) and max(times) <= deadline + slack,
             "%s: cut between %.1f and %.1f s, wanted %g" % (kind, min(times), max(times), deadline))
    return took


def cut_by_deadline(server):
    """{(transport, cause): how many connections} of those that a deadline ended."""
    closed = scrape(server)["rollcall_connections_closed_total"]
    counts = {(transport, cause): int(closed.value(transport=transport, cause=cause)) for transport in ("tcp", "tls")
              for cause in ("handshake_timeout", "first_message_timeout", "message_timeout", "idle_timeout")}
    return {kind: count for kind, count in counts.items() if count > 0}


@covers("SEC-26.1.5-4", "TLS-OPS-1")
def test_a_crowd_that_trickles(env):
    """Each is cut by the deadline of what it was at, and counted so: nobody else is cut, and nothing waits behind it."""
    server, sizes = env.start(HASTY), {"tcp": 200, "tls": 100, "half handshake": 100, "http": 60, "admin": 60, "silent": 30,
                                       "no handshake": 20}
    took = besieged(server, sizes, 1, 2.0, 0.2, 3.0)
    for transport, times in took.items():
        true(max(times) < AT_ONCE, "%s: an honest client waited for %.2f s" % (transport, max(times)))
    server.wait(lambda: server.counter("connections_live") == 0, "no connection is left")
    handshakes, silent = sizes["half handshake"] + sizes["no handshake"], sizes["silent"] + sizes["no handshake"]
    equal(cut_by_deadline(server), {("tcp", "message_timeout"): sizes["tcp"], ("tls", "message_timeout"): sizes["tls"],
                                    ("tcp", "first_message_timeout"): sizes["silent"],
                                    ("tls", "handshake_timeout"): handshakes}, "cut by a deadline")
    equal(server.outcomes("first_message_timeout"), silent, "first messages that never came")
    equal(server.outcomes("tls_handshake_failed"), sizes["half handshake"], "handshakes that failed")
    equal(server.counter("tls_handshakes_waiting"), 0, "handshakes that wait for their turn")
    equal(server.counter("requests_live"), 0, "requests that are worked on")


@long_only
@covers("SEC-26.1.5-4", "TLS-OPS-1")
def test_thousands_that_trickle(env):
    """20,000 connections and 2,000 half handshakes, one octet a second: honest p99 100 ms, cut at 32 s +- 2 (G8)."""
    server = env.make({"server": {"workers": "4", "max_connections": 40000}, "log": {"level": "notice"},
                       "admin": {"request_timeout": "32s", "max_connections": 300},
                       "connection": {"first_message_timeout": "32s", "message_timeout": "32s"},
                       "tls": {"handshake_timeout": "32s"}})
    server.build = PLAIN_BUILD  # with sanitizers each of them takes ten times the memory
    server.start()
    took = besieged(server, {"tls": 1000, "half handshake": 2000, "http": 100, "admin": 100, "tcp": 19000}, 4, 32.0, 1.0, 20.0)
    for transport, times in took.items():
        true(quantile(times, 0.99) < 1.0, "%s: p99 of honest clients is %.2f s" % (transport, quantile(times, 0.99)))


# --- who vanishes ---

def vanish(wire):
    """A reset instead of an end."""
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    wire.close()


@streams
@covers("TRN-18-6", "SEC-26.1.5-4")
def peers_that_vanish(env, transport):
    """At every stage: in the handshake, in a head, in a body, behind a request, with answers under way."""
    server = env.server
    pids = workers(server)
    phone = plain_phone(server, transport)
    whole = bytes(phone.register_request(C1))
    pieces = [b"", whole[:1], whole[:40], whole[:-2], whole, 20 * whole, whole + whole[:30], b"\r\n", b"\r\n\r\n",
              whole.replace(b"Content-Length: 0", b"Content-Length: 500")]
    raw_hello = client_hello(server)
    for n in range(20):
        for piece in pieces:
            wire = plain_phone(server, transport).wire.socket
            server.phones.pop()
            wire.sendall(piece)
            vanish(wire) if n % 2 else wire.close()
        if transport == "tls":
            for length in (1, 5, 50, len(raw_hello)):
                wire = socket.create_connection(("127.0.0.1", server.tls_port), timeout=8)
                wire.sendall(raw_hello[:length])
                vanish(wire)
    served(server, transports=("udp", "tcp", "tls"))
    server.wait(lambda: server.counter("connections_live") == 1, "only one connection is left", 30)
    server.wait(lambda: server.counter("requests_live") == 0, "no request is left")
    equal(workers(server), pids, "workers")


def timer_of(wire):
    """(kind, seconds) of what the kernel waits for on the server's side of this connection; kind 2 is the keep-alive."""
    ends = (":%04X" % wire.getpeername()[1], ":%04X" % wire.getsockname()[1])
    with open("/proc/net/tcp") as file:
        for row in (line.split() for line in file):
            if row[1].endswith(ends[0]) and row[2].endswith(ends[1]):
                kind, ticks = row[5].split(":")
                return int(kind, 16), int(ticks, 16) / os.sysconf("SC_CLK_TCK")
    raise Failure("no such connection")


def test_peers_that_are_gone_are_probed(env):
    """A connection that carries a binding has no idle limit: whoever left without a word is found out by TCP."""
    phone = plain_phone(env.server, "tcp")
    phone.reg(C1).expect(200)
    env.server.wait(lambda: timer_of(phone.wire.socket)[0] == 2, "a keep-alive is due")
    seconds = timer_of(phone.wire.socket)[1]
    true(500 < seconds <= 600, "the first probe comes in %.0f s" % seconds)


@long_only
def test_peers_that_are_gone_are_found_out(env):
    """Over TCP and TLS, bindings on board: the probe after ten minutes ends the connection; who is still there keeps his."""
    server = env.server
    phones = [plain_phone(server, transport) for transport in ("tcp", "tcp", "tls")]
    for n, phone in enumerate(phones):
        phone.reg("<sip:alice@192.0.2.%d>" % (n + 1)).expect(200)
    here, *gone = phones
    server.wait(lambda: server.counter("connections_live") == len(phones), "all are connected")
    server.wait(lambda: all(timer_of(phone.wire.socket)[0] == 2 for phone in phones), "nothing is to be sent again")
    for phone in gone:
        phone.wire.socket.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)  # its end goes without FIN or RST
        socket.socket.close(phone.wire.socket)
    equal(server.counter("connections_live"), len(phones), "connections while nobody knows")
    server.wait(lambda: server.counter("connections_live") == 1, "those who are gone are found out", 700)
    here.opt().expect(200)


@streams
@covers("TRN-18-6")
def half_closed_in_the_middle(env, transport):
    """Who ends his side within a message gets nothing more: the connection ends at once, and no loop spins meanwhile."""
    server = env.server
    phone = plain_phone(server, transport)
    whole = bytes(phone.request("OPTIONS", "sip:example.com"))
    before, began = cpu_ticks(server), time.monotonic()
    for piece in (b"", b"\r\n", whole[:50], whole.replace(b"Length: 0", b"Length: 9")):
        other = plain_phone(server, transport)
        if piece:
            other.wire.socket.sendall(piece)
        socket.socket.shutdown(other.wire.socket, socket.SHUT_WR)
        true(other.wire.closed(AT_ONCE), "%r: the connection stays open" % piece[:20])
        equal(other.wire.buffer, b"", "what came behind %r" % piece[:20])
    used = cpu_ticks(server) - before
    true(used < 50 + 50 * (time.monotonic() - began), "%d ticks of CPU meanwhile" % used)
    before = cpu_ticks(server)
    time.sleep(SPIN_S)  # the time in which one that spins would take all of a processor
    used = cpu_ticks(server) - before
    true(used < SPIN_TICKS, "%d ticks of CPU in %g s" % (used, SPIN_S))
    phone.opt().expect(200)


# --- floods ---

def churn(address, port, over, first=b"", hold=0):
    """Connects as fast as it can; keeps the last so many."""
    kept = []
    while not over.is_set():
        try:
            wire = socket.create_connection(("127.0.0.1", port), timeout=2, source_address=(address, 0))
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # leaves no port behind
            if first:
                wire.sendall(first)
            kept.append(wire)
        except OSError:
            time.sleep(0.001)
        while len(kept) > hold:
            kept.pop(0).close()
    for wire in kept:
        wire.close()


def flooded(env, server, port, first, hold, seconds):
    """Somebody else's registrations over new connections during such a flood: {transport: how long they took}."""
    over, took = threading.Event(), {"tcp": [], "tls": [], "udp": []}
    # One nonce for all of them: of fifty new ones of one address in a second the row does not remember each (D-03).
    before = server.phone(user="bob", bind=(OTHER, 0))
    before.prepare()
    nonces = before.nonces
    flooder = threading.Thread(target=churn, args=(FLOODER, port, over, first, hold))
    flooder.start()
    try:
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            time.sleep(HONEST_EVERY_S)
            for transport in took:
                began = time.monotonic()
                if transport == "udp":
                    phone = server.phone(user="bob", bind=(OTHER, 0))
                else:
                    tls = transport == "tls"
                    phone = Phone(Stream(("127.0.0.1", server.tls_port if tls else server.port), env.transcript,
                                         server.tls_context() if tls else None, "example.com", bind=(OTHER, 0)),
                                  transport, "bob", scheme="sip")
                    server.phones.append(phone)
                phone.nonces = nonces
                phone.reg("<sip:bob@192.0.2.20:5062>").expect(200)
                took[transport].append(time.monotonic() - began)
                phone.close()
                server.phones.remove(phone)
    finally:
        over.set()
        flooder.join()
    return took


@covers("SEC-26.1.5-2", "TLS-OPS-1")
def test_floods_of_connections_from_one_address(env):
    """Of connections, held or not, and of whole ClientHellos, whose sender leaves at once and so never holds many: a handshake
    takes its place in the rate of its source. Others register meanwhile, 9 of 10 within 2 s, with --long 99 of 100 (G10, G16), and nobody is exempt."""
    server = env.start({"limits": {"exempt": [], "per_aor_rate": "100/s"}, "connection": {"max_per_ip": 64}})
    hello = client_hello(server)
    for what, port, first, hold in (("connections", server.port, b"", 100), ("requests", server.port, b"OPTIONS sip:e.com ", 100),
                                    ("handshakes", server.tls_port, hello, 0), ("held handshakes", server.tls_port, hello, 100)):
        refused = server.counter("connections_refused")
        took = flooded(env, server, port, first, hold, 30 if long_run() else 2.5)
        report("connection_floods", "flood of %s: %d refused; registrations of others, p50/p99/max in ms: %s" % (
            what, server.counter("connections_refused") - refused,
            {transport: "%d: %s" % (len(times), milliseconds(times)) for transport, times in took.items()}))
        for transport, times in took.items():
            true(quantile(times, 0.99 if long_run() else 0.9) < AT_ONCE,
                 "flood of %s: registrations over %s took %s s" % (what, transport, times))
        true(server.counter("connections_refused") > refused, "flood of %s: nothing was refused" % what)
    true(server.outcomes("connection_limit") > 0, "connection_limit is not counted")
    true(server.outcomes("rate_limited", transport="tls") > 0, "handshakes over the rate are not counted")
    equal(server.stats()["worker_deaths"], 0, "workers that died")


def persistent(phone, request):
    """A flood fills the kernel's buffer now and then."""
    return phone.insist(request)[0]


@covers("SEC-26.1.5-2")
def test_a_flood_of_guesses_from_one_address(env):
    """10,000 wrong passwords a second are more than one source may send: it is slowed, and others register as before (G10)."""
    server = env.start({"limits": {"exempt": [OTHER + "/32"], "ban_after": 0}})
    guesser = server.phone(bind=(FLOODER, 0), password="guess")
    guesser.prepare()
    over, took = threading.Event(), []

    def guess():
        while not over.is_set():
            request = guesser.register_request(C1)
            guesser.cseq += 1
            octets = bytes(guesser.authorize(request))
            for _ in range(20):
                guesser.wire.socket.sendto(octets, guesser.wire.server)
            while select.select([guesser.wire.socket], [], [], 0)[0]:
                guesser.wire.socket.recv(65536)
    phone = server.phone(user="bob", bind=(OTHER, 0))
    phone.prepare()
    flooder, flood_began = threading.Thread(target=guess), time.monotonic()
    flooder.start()
    try:
        ends = time.monotonic() + 3
        while time.monotonic() < ends:
            began = time.monotonic()
            persistent(phone, phone.authorize(phone.register_request("<sip:bob@192.0.2.20:5062>"))).expect(200)
            took.append(time.monotonic() - began)
    finally:
        over.set()
        flooder.join()
    true(quantile(took, 0.5) < AT_ONCE, "registrations took %s s" % took)
    true(server.outcomes("rate_limited") > 1000, "the flood was not limited")
    judged = server.outcomes("bad_password")
    most = 200 + 50 * (time.monotonic() - flood_began) + 1  # the default of limits.per_ip_burst, and of per_ip_rate for so long
    true(judged <= most, "%d guesses were judged, %d are allowed" % (judged, most))
    owner = server.phone(bind=(OTHER, 0))
    persistent(owner, owner.request("OPTIONS", "sip:example.com")).expect(200)  # the rest of the flood is read
    owner.reg(C1).expect(200)


# --- TLS that never comes to the point ---

def tls_abuse(server, *words):
    """tests/support/tls_abuse.c, at work."""
    return subprocess.Popen([os.path.join(BUILD, "tests", "tls_abuse"), str(server.tls_port), *words], stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def slowest_until(server, over):
    """The longest that an OPTIONS over UDP took, one after the other until over() says so."""
    phone, slowest = server.phone(), 0.0
    while not over():
        began = time.monotonic()
        phone.opt().expect(200)
        slowest = max(slowest, time.monotonic() - began)
        time.sleep(0.01)
    return slowest


def closed_for(server, cause):
    return int(scrape(server)["rollcall_connections_closed_total"].value(transport="tls", cause=cause))


def nothing_but(env, what):
    """Megabytes in which nothing is said but keep-alives: nobody else notices, and the connection is ended and counted."""
    server = env.server
    ended, counted = closed_for(server, "protocol"), server.outcomes("tls_handshake_failed")
    with tls_abuse(server, what, "2000000") as abuse:
        slowest = slowest_until(server, lambda: abuse.poll() is not None)
        said = abuse.stdout.read()
    true("the connection ended" in said, said)
    true(slowest < HELD_UP_S, "another client waited for %.2f s" % slowest)
    server.wait(lambda: closed_for(server, "protocol") == ended + 1, "its end is counted")
    equal(server.outcomes("tls_handshake_failed"), counted + 1, "tls_handshake_failed")
    server.wait_log("tls.failed reason=tls_handshake_failed .*without end")


def test_key_updates_without_end(env):
    nothing_but(env, "updates")


@covers("TLS-9325-3.5-1")
def test_renegotiation_without_end(env):
    for what in ("hellos", "crammed"):
        nothing_but(env, what)


@covers("TLS-OPS-1")
def test_hellos_in_crumbs(env):
    """A ClientHello as long as OpenSSL takes any, in records of one octet, from ten connections at once: refused before it is whole. From
    an address of their own, because a source has one line a second in the log."""
    server, hello = env.server, b"\x01\x01\xff\xb8\x03\x03" + bytes(131000 - 2)
    records = b"".join(b"\x16\x03\x01\x00\x01" + hello[i:i + 1] for i in range(len(hello)))
    failed = closed_for(server, "handshake_failed")
    wires = [socket.create_connection(("127.0.0.1", server.tls_port), 20 * PATIENT, ("127.64.9.9", 0)) for _ in range(10)]

    def send(wire):
        try:
            wire.sendall(records)
        except OSError:
            pass
    threads = [threading.Thread(target=send, args=(wire,)) for wire in wires]
    for thread in threads:
        thread.start()
    slowest = slowest_until(server, lambda: closed_for(server, "handshake_failed") == failed + len(wires))
    for thread in threads:
        thread.join()
    for wire in wires:
        wire.close()
    true(slowest < HELD_UP_S, "another client waited for %.2f s" % slowest)
    server.wait_log("tls.failed reason=tls_handshake_failed .*too many octets")


def test_who_goes_mute_within_tls_is_no_spin(env):
    """Who has answers and key updates waiting for him, and sends on without reading, costs nothing while he is waited for."""
    server, phone = env.server, env.server.phone()
    with tls_abuse(server, "mute") as abuse:
        try:
            said = abuse.stdout.readline()
            true("nothing is taken any more" in said, said)
            before = cpu_ticks(server)
            time.sleep(SPIN_S)
            used = cpu_ticks(server) - before
            phone.opt().expect(200)
        finally:
            abuse.stdin.close()
    true(used < SPIN_TICKS, "%d ticks of CPU in %g s" % (used, SPIN_S))


# --- no descriptor is left ---

def tls_newcomer(server):
    """A phone whose ClientHello is sent and whose handshake is still to be done."""
    wire = Stream(("127.0.0.1", server.tls_port), server.transcript)
    wire.socket = server.tls_context().wrap_socket(wire.socket, server_hostname="example.com", do_handshake_on_connect=False)
    phone = Phone(wire, "tls", "bob", scheme="sip")
    server.phones.append(phone)
    wire.socket.settimeout(0)
    try:
        wire.socket.do_handshake()
    except ssl.SSLWantReadError:
        return phone
    raise Failure("a handshake without an answer")


def test_out_of_descriptors(env):
    """Who is connected is served, who comes waits without costing anything, and is served when there is room again. The admin
    process has descriptors of its own: probes and metrics are answered."""
    server = env.start()
    there = [plain_phone(server, transport) for transport in ("udp", "tcp", "tls") for _ in range(3)]
    for phone in there:
        phone.reg(C1).expect(200)
    pid = workers(server)[0]
    with full(pid):
        newcomers = [plain_phone(server, "tcp", user="bob") for _ in range(50)]
        for phone in newcomers:
            phone.send(phone.request("OPTIONS", "sip:example.com"))
        shaking = [tls_newcomer(server) for _ in range(50)]
        server.wait_log(r"accept\.paused .*Too many open files")
        before, began = cpu_ticks(server), time.monotonic()
        while time.monotonic() - began < 2:
            for phone in there:
                phone.reg(C1).expect(200)
            for path in ("/livez", "/readyz", "/metrics"):
                equal(server.health(path)[0], 200, path)
            time.sleep(0.2)
        used = cpu_ticks(server) - before
        heard = select.select([phone.wire.socket for phone in newcomers + shaking], [], [], 0)[0]
        equal(heard, [], "newcomers who heard something")
    for phone in newcomers:
        phone.receive().expect(200)
    for phone in shaking:
        phone.wire.socket.settimeout(8 * PATIENT)
        phone.wire.socket.do_handshake()
        phone.opt("sip:example.com").expect(200)
    equal(workers(server), [pid], "workers")
    equal(len(re.findall(r"accept\.paused", server.log)), 1, "times that the log tells of it")
    true(used < 100, "the server used %d ticks of the processor in 2 s" % used)


def open_ends(port):
    """How many connections of this port the server has not closed yet."""
    with open("/proc/net/tcp") as file:
        return sum(row[1].endswith(":%04X" % port) and row[3] in ("01", "08") for row in (line.split() for line in file))


def test_admin_process_out_of_descriptors(env):
    """Who comes to the health listener or the admin socket waits without costing anything, and is answered when there is room
    again; phones do not notice."""
    server = env.start()
    phone, pid = plain_phone(server, "tcp"), admin(server)
    server.wait(lambda: open_ends(server.health_port) == 0, "no probe of the start is connected")
    asked = {"/livez": ("127.0.0.1", server.health_port), "/api/v1/stats": server.socket}
    with full(pid):
        waiting = [Http(target).send("GET %s HTTP/1.1\r\nHost: a\r\n\r\n" % path) for path, target in 5 * list(asked.items())]
        server.wait_log(r"accept\.paused .*Too many open files")
        before, began = cpu_ticks(server), time.monotonic()
        while time.monotonic() - began < 2:
            phone.reg(C1).expect(200)
            time.sleep(0.2)
        used = cpu_ticks(server) - before
        equal(select.select([connection.socket for connection in waiting], [], [], 0)[0], [], "who was answered")
    for connection in waiting:
        connection.receive().expect(200)
        connection.close()
    equal(admin(server), pid, "admin process")
    equal(len(re.findall(r"accept\.paused", server.log)), len(asked), "times that the log tells of it, once for each listener")
    true(used < 100, "the server used %d ticks of the processor in 2 s" % used)
