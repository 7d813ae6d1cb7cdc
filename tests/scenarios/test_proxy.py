"""Load balancers in front: the PROXY protocol, TLS that ended elsewhere, probes on SIP ports."""
import re
import socket
import ssl
import struct

from harness import covers, equal, true
from harness.digest import authorization
from harness.faults import add_users
from harness.message import Request, branch
from harness.phone import ALICE_PASSWORD, Phone
from harness.proxy import LOCAL, SIGNATURE, VIP, v1, v2
from harness.transport import Stream

CLIENT = "203.0.113.9"
C1, S1 = "<sip:alice@192.0.2.10:5062>", "<sips:alice@192.0.2.10:5062>"
HERE = ["127.0.0.1/32"]
MISSING = "proxy_header_missing"


def behind(version, trusted=HERE, **other):
    """Changes that put both listeners behind a load balancer."""
    front = {"proxy_protocol": version, "proxy_from": trusted}
    sip = {**front, "transport": ["tcp"]} if version == "v1" else front
    return {("listener", "sip"): sip, ("listener", "tls"): front, **other}


def phone_over(server, wire, transport, user="alice", **how):
    phone = Phone(wire, transport, user, **how)
    server.phones.append(phone)
    return phone


def binding(server, user="alice@example.com"):
    return server.database.query("select value->>'t', value->>'f', value->>'g', value->>'w' from aor, "
                                 "jsonb_array_elements(bindings::jsonb) where aor = '%s'" % user)


def headers(server):
    """(transport, the header, a wire) of every way in that version 2 has."""
    return [("tcp", server.tcp(header=v2(CLIENT))), ("tls", server.tls(header=v2(CLIENT))),
            ("udp", server.udp(header=v2(CLIENT, kind=socket.SOCK_DGRAM)))]


def test_version_2_names_the_client_on_every_transport(env):
    server = env.start(behind("v2"))
    for transport, wire in headers(server):
        phone = phone_over(server, wire, transport)
        answer = phone.reg(S1 if transport == "tls" else C1).expect(200)
        true(";received=%s" % CLIENT in answer.header("via"), "received of the client in %s" % answer.header("via"))
        true(";rport=40000" in answer.header("via"), "rport of the client in %s" % answer.header("via"))
        here = "127.0.0.1:%d" % wire.local[1]
        equal([row[:3] for row in binding(server)], [(transport, CLIENT + ":40000", here)], "stored over " + transport)
        server.wait_log(r"info registration reason=\w+ src=%s:40000 peer=%s transport=%s" % (CLIENT, here, transport))
        shown = server.ctl_json("binding", "show", "alice@example.com")["bindings"]
        equal([b["source"] for b in shown], [CLIENT + ":40000"], "source in the API")
        phone.reg("*", expires=0).expect(200)


def test_version_1_names_the_client(env):
    server = env.start(behind("v1"))
    for header, client in ((v1(CLIENT), CLIENT + ":40000"),
                           (v1("2001:db8::9", vip="2001:db8::1"), "[2001:db8::9]:40000")):
        for transport, wire in (("tcp", server.tcp(header=header)), ("tls", server.tls(header=header))):
            phone = phone_over(server, wire, transport)
            phone.reg(S1 if transport == "tls" else C1).expect(200)
            equal([row[1] for row in binding(server)], [client], "source over " + transport)
            phone.reg("*", expires=0).expect(200)


def test_binding_without_a_balancer_has_no_peer(env):
    server = env.server
    phone = server.phone("tcp")
    phone.reg(C1).expect(200)
    equal(binding(server), [("tcp", "127.0.0.1:%d" % phone.wire.local[1], "", "")], "row")


def test_phone_may_write_the_address_that_it_dials_into_the_digest(env):
    """D-38 behind a load balancer: SIPp writes the address that it was given, and that is the balancer's."""
    server = env.start(behind("v2"))
    phone = phone_over(server, server.tcp(header=v2(CLIENT)), "tcp")
    phone.prepare()
    for dialled, status in ((VIP, 200), ("198.51.100.2", 400)):
        request = phone.register_request(C1)
        nonce = phone.nonces[request.get("To")]
        request.add("Authorization", authorization(nonce, "alice", ALICE_PASSWORD, "REGISTER", "sip:" + dialled))
        phone.exchange(request).expect(status)


@covers("SEC-26.1.5-4")
def test_whoever_lacks_the_header_is_refused(env):
    server = env.start(behind("v2"))
    register = bytes(server.phone("tcp").register_request(C1))  # its connection says nothing
    for first in (register, v1(CLIENT) + register, b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff", b"\x16\x03\x01\x02\0"):
        wire = server.tcp()
        wire.send(first)
        true(wire.closed(), "still open after %r" % first[:20])
        equal(wire.buffer, b"", "octets that came back")
    wire = server.udp()
    for first in (register, v1(CLIENT) + register, SIGNATURE + b"\x21\x12\0\x0c"):
        wire.send(first)
    server.wait(lambda: server.outcomes(MISSING) == 7, "7 refusals counted")
    equal(server.outcomes(MISSING, transport="udp"), 3, "of them datagrams")
    equal(wire.receive(0.2), None, "answer to a datagram")
    server.wait_log(r'warning proxy\.refused reason=proxy_header_missing src=127\.0\.0\.1:\d+ transport=tcp .*message="sip '
                    r'listener expects PROXY v2 but 127\.0\.0\.1 sent \\"REGISTER\\"; enable it on the load balancer or set '
                    r'proxy_protocol = off"')
    equal(server.counter("probes"), 0, "probes")
    equal(server.log.count("proxy.refused") < 7, True, "lines are held back")


def handshake_is_refused(server, header=b""):
    try:
        server.tls(header=header)
        raise AssertionError("a handshake went through behind %r" % header)
    except OSError:
        pass


def test_plain_handshake_is_refused_before_it_begins(env):
    server = env.start(behind("v2"))
    handshake_is_refused(server)
    server.wait_log(r"tls listener expects PROXY v2 but 127\.0\.0\.1 sent a TLS handshake; enable it on the load balancer")
    equal(server.counter("tls_failures"), 0, "failed handshakes")


def test_only_the_balancers_are_believed(env):
    server = env.start(behind("v2", ["127.0.0.2", "10.0.3.0/24"]))
    wire = server.tcp(header=v2(CLIENT))
    true(wire.closed(), "still open")
    server.udp(header=v2(CLIENT)).send(b"REGISTER")
    server.wait(lambda: server.outcomes(MISSING) == 2, "2 refusals counted")
    handshake_is_refused(server, v2(CLIENT))
    server.wait(lambda: server.outcomes(MISSING, transport="tls") == 1, "a handshake refused")
    server.wait_log(r"sip listener serves load balancers alone and 127\.0\.0\.1 is not in proxy_from; add it there, or have "
                    r"it use another listener")
    phone_over(server, server.tcp(header=v2(CLIENT), bind=("127.0.0.2", 0)), "tcp").reg(C1).expect(200)


def test_a_listener_without_it_never_guesses(env):
    """The header is what the client says: no SIP, so the connection is closed, and the datagram gets silence."""
    server = env.server
    before = server.counter("parse_errors")
    for header in (v1(CLIENT), SIGNATURE + b"\x21\x11\0\x0c" + bytes(12)):
        wire = server.tcp(header=header)
        wire.send(bytes(Phone(wire, "tcp").register_request(C1)))
        true(wire.closed(), "still open")
        true(b"203.0.113.9" not in wire.buffer, "the header was believed")
        wire = server.udp(header=header)
        wire.send(bytes(options(wire, "UDP")))
        equal(wire.receive(0.2), None, "answer")
        wire.header = b""
        wire.send(bytes(options(wire, "UDP")))
        true(wire.receive() is not None, "no answer without the header")
        handshake_is_refused(server, header)
    true(server.counter("parse_errors") > before, "counted as what it is")
    equal(binding(server), [], "bindings")


def options(wire, transport="TCP"):
    return Request("OPTIONS", "sip:example.com", [
        ("Via", "SIP/2.0/%s 192.0.2.77:5060;branch=%s;rport" % (transport, branch())), ("Max-Forwards", "0"),
        ("From", "<sip:probe@example.com>;tag=1"), ("To", "<sip:example.com>"), ("Call-ID", branch()),
        ("CSeq", "1 OPTIONS"), ("Content-Length", "0")], b"")


def test_the_balancer_speaks_for_itself(env):
    """LOCAL and UNKNOWN: a probe of the balancer's own, with the addresses of the connection."""
    for version, header in (("v2", LOCAL), ("v1", b"PROXY UNKNOWN\r\n")):
        server = env.start(behind(version))
        wire = server.tcp(header=header)
        wire.send(bytes(options(wire)))
        answer = wire.receive()
        true(b"SIP/2.0 200" in answer, "OPTIONS with %s" % header)
        true(b";received=127.0.0.1;rport=%d" % wire.local[1] in answer, "Via of %r" % answer)
        if version == "v2":
            udp = server.udp(header=LOCAL)
            udp.send(bytes(options(udp, "UDP")))
            true(b";received=127.0.0.1" in udp.receive(), "datagram of the balancer's own")
        server.stop()


def test_a_slow_header_is_in_time_or_it_is_late(env):
    server = env.start(behind("v2", connection={"first_message_timeout": "2s"}, tls={"handshake_timeout": "2s"}))
    header = v2(CLIENT, tlvs=b"\x04\0\x40" + bytes(64))
    wire = server.tcp()
    for octet in header:
        wire.send(bytes([octet]))
    phone_over(server, wire, "tcp").reg(C1).expect(200)
    for port in (server.port, server.tls_port):
        late = Stream(("127.0.0.1", port), server.transcript)
        late.send(header[:-1])
        true(late.closed(20), "still open without the last octet")
    server.wait(lambda: server.outcomes("first_message_timeout") == 2, "2 late headers counted")
    equal(server.counter("tls_failures"), 0, "failed handshakes")


def test_limits_go_by_the_client(env):
    """Many clients behind one address do not share an allowance; one client has only its own."""
    strict = {"exempt": [], "per_ip_rate": "1/h", "per_ip_burst": "6"}
    server = env.start(behind("v2", connection={"max_per_ip": "2"}, limits=strict))
    add_users(server.database, 8, ALICE_PASSWORD)
    for n in range(8):
        wire = server.tcp(header=v2("203.0.113.%d" % (n + 1)))
        phone_over(server, wire, "tcp", "u%d" % n).reg("<sip:u%d@192.0.2.1>" % n).expect(200)
    one = [server.tcp(header=v2("203.0.113.50")) for _ in range(3)]
    for wire in one[:2]:
        wire.send(bytes(options(wire)))
        true(b"SIP/2.0 200" in wire.receive(), "connection within the limit")
    true(one[2].closed(), "the third connection of one client is open")
    equal(server.outcomes("connection_limit"), 1, "refused")
    for _ in range(4):
        one[0].send(bytes(options(one[0])))
        true(b"SIP/2.0 200" in one[0].receive(), "request within the rate")
    one[0].send(bytes(options(one[0])))
    true(one[0].closed(), "a client over its rate is served")


def test_reload_changes_what_stands_in_front(env):
    server = env.start(behind("v2"))
    old = phone_over(server, server.tcp(header=v2(CLIENT)), "tcp")
    old.reg(C1).expect(200)
    off = {"proxy_protocol": "off", "proxy_from": []}
    server.configure({("listener", "sip"): off, ("listener", "tls"): off})
    server.reload()
    server.wait_log("configuration applied")
    server.phone("tcp").reg(C1).expect(200)
    old.reg(C1).expect(200)
    equal([row[1] for row in binding(server)], [CLIENT + ":40000"], "source of a connection that was there before")
    server.configure(behind("v2"))
    server.reload()
    server.wait(lambda: server.log.count("configuration applied") == 2, "second reload")

    def refused():
        wire = server.tcp()
        wire.send(b"REGISTER sip:example.com SIP/2.0\r\n\r\n")
        return wire.closed(0.5) and not wire.buffer
    server.wait(refused, "refused without the header again")


# --- TLS that ended in front ---

def offloaded(trusted=HERE, **other):
    return {("listener", "sip"): {"transport": ["tcp"], "tls_offloaded": "yes", "proxy_from": trusted, **other},
            ("domain", "example.com"): {"require_tls": "yes"}}


@covers("SPS-26.2.2-1")
def test_tls_that_ended_in_front_counts_as_secure(env):
    for changes, header, source in ((offloaded(), b"", None), (offloaded(proxy_protocol="v2"), v2(CLIENT), CLIENT)):
        server = env.start(changes)
        phone = phone_over(server, server.tcp(header=header), "tls")  # its Via says TLS
        answer = phone.reg(S1).expect(200)
        true("SIP/2.0/TLS" in answer.header("via"), "Via comes back as it was sent")
        (transport, stored, _, secure), = binding(server)
        equal((transport, secure), ("tcp", "true"), "transport and secure")
        true(stored.startswith(source or "127.0.0.1"), "source %s" % stored)
        phone.reg("*", expires=0).expect(200)
        phone_over(server, server.tcp(header=header), "tcp").reg(C1).expect(200)
        server.stop()


def test_who_is_not_trusted_cannot_pretend_tls(env):
    server = env.start({**offloaded(["127.0.0.2"]), ("listener", "plain"): {
        "bind": ["127.0.0.1:%d" % (free_port())], "transport": ["tcp"]}})
    wire = server.tcp()
    wire.send(b"REGISTER sip:example.com SIP/2.0\r\n\r\n")
    true(wire.closed(), "still open")
    equal(server.outcomes(MISSING), 1, "refused")
    plain = int(server.configuration[("listener", "plain")]["bind"][0].split(":")[1])
    phone_over(server, Stream(("127.0.0.1", plain), server.transcript), "tcp").reg0(C1).expect(403)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


# --- probes ---

def reset(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def visits(server, header):
    """Ways to look whether somebody listens, without a word of SIP."""
    def connect(port):
        return socket.create_connection(("127.0.0.1", port), timeout=8)
    for port in (server.port, server.tls_port):
        connect(port).close()
        reset(connect(port))
        half = connect(port)
        half.shutdown(socket.SHUT_WR)
        half.recv(1)
        half.close()
        if header:
            full = connect(port)
            full.sendall(header)
            full.close()
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        for leave in (socket.socket.close, reset):
            context = server.tls_context()
            context.minimum_version = context.maximum_version = version
            raw = connect(server.tls_port)
            raw.sendall(header)
            with context.wrap_socket(raw, server_hostname="example.com") as wrapped:
                leave(wrapped)


def test_probes_cost_a_counter_and_no_line(env):
    for changes, header, count in (({}, b"", 10), (behind("v2"), LOCAL, 12)):
        server = env.start(changes)
        before = len(server.log.splitlines())
        visits(server, header)
        server.wait(lambda: server.counter("connections_live") == 0, "all gone")
        server.wait(lambda: server.counter("probes") == count, "%d probes, not %d" % (count, server.counter("probes")))
        lines = [line for line in server.log.splitlines()[before:] if " db." not in line]
        equal(lines, [], "log lines")
        equal(server.outcomes(MISSING), 0, "refused")
        equal(server.counter("tls_failures"), 0, "failed handshakes")
        server.stop()


def test_http_on_any_sip_listener_is_told_once(env):
    for changes in ({}, behind("v2")):
        server = env.start(changes)
        for port in (server.port, server.tls_port):
            for request in (b"OPTIONS / HTTP/1.0\r\n\r\n", b"GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n"):
                wire = Stream(("127.0.0.1", port), server.transcript)
                wire.send(request)
                true(wire.closed(), "still open")
        server.wait_log(r"notice request\.foreign .*HTTP request on sip listener from 127\.0\.0\.1; point the health check at "
                        r"port %d /readyz" % server.health_port)
        equal(server.log.count("HTTP request"), 1, "lines about it")
        equal(len(re.findall("tls.failed|proxy.refused", server.log)), 0, "other lines")
        server.stop()


def test_one_address_in_front_of_all_is_asked_about(env):
    open_house = {"exempt": [], "per_ip_rate": "100000/s", "per_ip_burst": "100000"}
    server = env.start({"limits": open_house})
    phones = [server.phone("tcp", user="u%d" % n) for n in range(40)]
    for n in range(12):
        for phone in phones:
            phone.exchange(phone.register_request("<sip:%s@192.0.2.1>" % phone.user)).expect(401)
    server.wait_log(r'warning traffic\.one_source src=127\.0\.0\.1:\d+ .*message="100% of traffic comes from 127\.0\.0\.1; if '
                    r'that is a load balancer enable proxy_protocol or client address preservation"')
    equal(server.log.count("traffic.one_source"), 1, "lines about it")


def test_clients_behind_proxy_are_nobodys_single_source(env):
    server = env.start(behind("v2", limits={"exempt": []}))
    phones = [phone_over(server, server.tcp(header=v2("203.0.113.%d" % (n + 1))), "tcp", "u%d" % n) for n in range(40)]
    for n in range(12):
        for phone in phones:
            phone.exchange(phone.register_request("<sip:%s@192.0.2.1>" % phone.user)).expect(401)
    true("traffic.one_source" not in server.log, "a line about a load balancer")
