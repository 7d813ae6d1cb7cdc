"""UDP and what leads an answer back (requirements, sections 5.1 to 5.3), and which ports are served at all."""
import re
import socket
import subprocess
import time

from harness import Udp, add_test, covers, equal, own_address, true
from harness.faults import cpu_ticks
from harness.message import branch, parse_response

C1, S1 = "<sip:alice@192.0.2.10:5062>", "<sips:alice@192.0.2.10:5062>"
HERE = own_address()  # any port of it is ours


# --- where answers go: requests come from HERE:40000, answers are awaited where the table says ---

TARGETS = [  # Via without "SIP/2.0/UDP ", port that the answer comes to, what the answer's Via must hold
    (HERE, 5060, None, ["TRN-18.2.2-5"]),
    (HERE + ":7000", 7000, None, ["TRN-18.2.2-5"]),
    (HERE + ":7000;rport", 40000, "received=%s;rport=40000" % HERE, ["TRN-3581-1", "TRN-3581-3"]),
    ("10.0.0.9:5062", 5062, "received=" + HERE, ["TRN-18.2.1-3", "TRN-18.2.2-4"]),
    ("10.0.0.9:5062;rport", 40000, "received=%s;rport=40000" % HERE, ["TRN-3581-1", "TRN-3581-3"]),
    ("pc.example.net", 5060, "received=" + HERE, ["TRN-18.2.1-3", "TRN-18.2.2-4"]),
    ("pc.example.net:7000", 7000, "received=" + HERE, ["TRN-18.2.2-4"]),
    ("pc.example.net;maddr=198.51.100.9", 5060, "received=" + HERE, ["TRN-18.2.2-3"]),
    ("pc.example.net:7000;maddr=127.0.0.1", 7000, "received=" + HERE, ["TRN-18.2.2-3"]),
    ("[2001:db8::9]:5062", 5062, "received=" + HERE, ["TRN-18.2.1-3"]),
    ("pc.example.net:7000;received=198.51.100.9", 7000, "received=" + HERE, ["TRN-18.2.1-4"]),
    ("pc.example.net:7000;received=127.0.0.1;rport=9", 40000, "received=%s;rport=40000" % HERE, ["TRN-18.2.1-4"]),
    (HERE + ":7000;alias;keep;oc;foo", 7000, "alias;keep;oc;foo", ["TRN-18.2.1-6"]),
]


def wire_at(env, port):
    return Udp(("127.0.0.1", env.server.port), env.transcript, bind=(HERE, port))


def target(env, via, port, shown, protocol="SIP/2.0/UDP "):
    source, phone = wire_at(env, 40000), env.server.phone()
    goal = source if port == 40000 else wire_at(env, port)
    try:
        mark = branch()
        request = phone.request("OPTIONS", "sip:example.com").set("Via", "%s%s;branch=%s" % (protocol, via, mark))
        source.send(bytes(request))
        raw = goal.receive(5.0)
        true(raw is not None, "no answer at port %d" % port)
        answer = parse_response(raw).expect(200)
        if shown is None:
            equal(answer.get("via"), request.get("Via"), "Via")
        else:
            true(set(shown.split(";")) <= set(re.split(r"\s*;\s*", answer.get("via"))), "Via is %r" % answer.get("via"))
            for stranger in re.findall(r"received=([0-9.]+)", answer.get("via")):
                equal(stranger, HERE, "received")
        equal(goal.source, ("127.0.0.1", env.server.port), "source of the answer")
        equal([w for w in (source, goal) if w.receive(0) is not None], [], "sockets with a second answer")
    finally:
        source.close()
        goal.close()


for _n, (_via, _port, _shown, _rows) in enumerate(TARGETS):
    add_test(globals(), "target_%d" % (_n + 1), lambda env, v=_via, p=_port, s=_shown: target(env, v, p, s), _rows)


@covers("TRN-18.2.1-5")
def test_the_transport_in_the_via_is_not_believed(env):
    target(env, "h.example", 5060, "received=" + HERE, "SIP/2.0/TLS ")
    target(env, "h.example:7000", 7000, "received=" + HERE, "SIP/2.0/SCTP ")


@covers("TRN-18.2.2-3", "SEC-26.1.5-1")
def test_nothing_goes_where_maddr_points(env):
    """D-18: and the log says so, at debug level."""
    victim = Udp(("127.0.0.1", 9), env.transcript, bind=(own_address(1), 5060))
    phone = env.server.phone()
    request = phone.request("OPTIONS", "sip:example.com")
    request.set("Via", request.get("Via") + ";maddr=" + victim.local[0])
    phone.exchange(request).expect(200)
    env.server.wait_log(r"via\.maddr_ignored .*maddr=\"?%s" % re.escape(victim.local[0]))
    equal(victim.receive(0.3), None, "what the named host got")
    victim.close()


@covers("TRN-3581-1")
def test_rport_on_every_transport(env):
    for transport in ("udp", "tcp", "tls"):
        for ipv6 in (False, True):
            phone = env.server.phone(transport, ipv6=ipv6)
            parameters = re.split(";", phone.opt().expect(200).get("via"))
            host, port = phone.wire.local
            true({"received=" + host, "rport=%d" % port} <= set(parameters), "Via holds %s" % parameters)


@covers("TRN-18-1")
def test_every_transport_answers(env):
    for transport in ("udp", "tcp", "tls"):
        for ipv6 in (False, True):
            env.server.phone(transport, ipv6=ipv6).opt().expect(200)
            env.server.phone(transport, ipv6=ipv6).reg(S1 if transport == "tls" else C1).expect(200)


@covers("TRN-3581-4")
def test_answers_leave_from_the_address_that_was_asked(env):
    server = env.make()
    port = server.port
    server.configure({("listener", "sip"): {"bind": ["0.0.0.0:%d" % port, "[::]:%d" % port]}})
    server.start()
    for host in ("127.0.0.2", "127.0.0.1", own_address(), "::1"):
        phone = server.phone(ipv6=host == "::1")
        phone.wire.server = (host, port)
        phone.opt().expect(200)
        equal(phone.wire.source, (host, port), "source of the answer")


@covers("TRN-18.1.1-2")
def test_long_answers_stay_on_udp(env):
    phone = env.server.phone()
    contacts = ["<sip:alice@192.0.2.10:%d;%s=%s>" % (6000 + i, "p%d" % i, "x" * 1900) for i in range(10)]
    for contact in contacts:
        phone.reg(contact).expect(200)
    answer = phone.reg().expect(200)
    equal(set(answer.contacts), {c.strip("<>") for c in contacts}, "contacts")
    true(len(answer.raw) > 19000, "the answer has only %d octets" % len(answer.raw))


@covers("TRN-18.4-1", "TXN-17.2.4-1")
def test_unreachable_clients_are_forgotten(env):
    phone = env.server.phone()
    for _ in range(200):
        gone = env.server.udp()
        gone.send(bytes(phone.register_request(C1)))
        gone.close()
    for _ in range(20):
        phone.opt().expect(200)
    before = env.server.counter("responses")
    phone.opt().expect(200)
    equal(env.server.counter("responses"), before + 1, "responses after the unreachable ones")
    true("error" not in [l.split()[1] for l in env.server.log.splitlines() if re.match(r"\d{4}-", l)], "an error was logged")
    started = cpu_ticks(env.server)
    time.sleep(0.5)  # the value measured: a loop that turns in vain would use all of it
    used = cpu_ticks(env.server) - started
    true(used < 25, "%d ticks of CPU in half a second without work" % used)


@covers("TRN-18.3-1", "PAR-7.5-2")
def test_what_follows_a_body_belongs_to_nobody(env):
    phone = env.server.phone()
    phone.wire.send(bytes(phone.request("OPTIONS", "sip:example.com")) + bytes(phone.request("OPTIONS", "sip:example.com")))
    true(phone.receive().status == 200, "no answer")
    phone.silence(0.5)


@covers("TRN-18.3-2", "TRN-18.3-3")
def test_lengths_of_datagrams(env):
    phone = env.server.phone()
    phone.exchange(phone.request("OPTIONS", "sip:example.com").set("Content-Length", "1")).expect(400)
    phone.exchange(phone.request("OPTIONS", "sip:example.com").set("Content-Length")).expect(200)
    fields = [("Content-Type", "text/plain"), ("Content-Disposition", "x;handling=optional")]
    request = phone.authorize(phone.register_request(C1, fields=fields, body=b"to the end")).set("Content-Length")
    phone.exchange(request).expect(200)


@covers("TRN-18.1.1-1")
def test_keep_alives_of_datagrams_are_silent(env):
    phone = env.server.phone()
    before = env.server.counter("keepalives")
    for octets in (b"", b"\r\n\r\n", b"\0\0", b"  \r\n", b"\0"):
        phone.wire.send(octets)
    phone.silence(0.5)
    phone.opt().expect(200)
    equal(env.server.counter("keepalives"), before + 5, "keep-alives counted")


# --- which ports are served ---

def checked(env, changes):
    """What rollcalld -t says of a changed baseline: (status, text)."""
    server = env.make(changes)
    done = subprocess.run(server.command("-t"), capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout + done.stderr


@covers("TRN-18.2.1-1")
def test_udp_needs_its_tcp(env):
    alone = {("listener", "more"): {"bind": ["127.0.0.1:5070"], "transport": ["udp"]}}
    status, text = checked(env, alone)
    equal(status, 1, "status of rollcalld -t")
    for part in ("127.0.0.1:5070", "RFC 3261 section 18.2.1", "udp_only = yes"):
        true(part in text, "%r is not in %r" % (part, text))
    alone[("listener", "more")]["udp_only"] = "yes"
    equal(checked(env, alone)[0], 0, "status with the override")
    apart = {("listener", "more"): {"bind": ["127.0.0.1:5070"], "transport": ["udp"]},
             ("listener", "twin"): {"bind": ["127.0.0.1:5070"], "transport": ["tcp"]}}
    equal(checked(env, apart)[0], 0, "status with the twin in another section")


@covers("TRN-18.2.1-2")
def test_default_ports(env):
    for changes in ({("listener", "sip"): None, ("listener", "tls"): None},
                    {("listener", "sip"): {"bind": None, "transport": None}, ("listener", "tls"): None}):
        server = env.make(changes)
        done = subprocess.run(server.command("--print-config"), capture_output=True, text=True, timeout=60)
        equal(done.returncode, 0, "status of rollcalld --print-config: %s" % done.stderr)
        found = re.findall(r'^listener "(\w+)" \{(.*?)^\}', done.stdout, re.M | re.S)
        binds = {}
        for _, text in found:
            kinds = re.search(r"transport = \{(.*?)\}", text).group(1).replace('"', "").split(", ")
            for kind in kinds:
                binds.setdefault(kind, set()).update(re.findall(r'"([^"]+:\d+)"', text))
        equal(binds, {"udp": {"0.0.0.0:5060", "[::]:5060"}, "tcp": {"0.0.0.0:5060", "[::]:5060"},
                      "tls": {"0.0.0.0:5061", "[::]:5061"}}, "default listeners")


@covers("SPS-26.4.4-2")
def test_tls_alone_is_served(env):
    server = env.start({("listener", "sip"): None})
    server.phone("tls").reg(S1).expect(200)
    equal(list(server.phone("tls").fetch()), [S1.strip("<>")], "contacts")
    refused = socket.socket()
    true(refused.connect_ex(("127.0.0.1", server.port)) != 0, "the TCP port is open")
    refused.close()
