"""Limits for clients that have whole networks: IPv6 by its prefix, in rates, connections and bans; who is exempt is so from all
of them; and tables that stay bounded however many sources there are. A load balancer stands in front, so that clients may
have any address. What IPv4 sources cost is in test_limits, bans are in test_bans.
"""
import socket

from harness import covers, equal, long_only, true
from harness.attack import AT_ONCE, everywhere, on
from harness.failing import PLAIN_BUILD
from harness.faults import resident_kb, workers
from harness.metrics import scrape
from harness.phone import Phone
from harness.proxy import VIP, v2
from test_bans import LIMITS, bans
from test_proxy import options

C1 = "<sip:alice@192.0.2.10:5062>"
FRONT = {"proxy_protocol": "v2", "proxy_from": ["127.0.0.1/32"]}
streams = on("tcp", "tls")
ONE, SAME, OTHER = "2001:db8:1:1::1", "2001:db8:1:1:ffff:ffff:ffff:ffff", "2001:db8:1:2::1"


def behind(**limits):
    return {("listener", "sip"): FRONT, ("listener", "tls"): FRONT,
            "limits": {"exempt": [], "per_ip_rate": "100000/s", "per_ip_burst": 100000, "per_aor_rate": "100000/s", **limits}}


def client(server, address, transport="tcp", **how):
    kind = socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM
    header = v2(address, kind=kind, vip="2001:db8::5060" if ":" in address else VIP)
    phone = Phone(server.wire(transport, header=header), transport, scheme="sip", **how)
    server.phones.append(phone)
    return phone


def heard(phone):
    """True when an OPTIONS is answered."""
    phone.send(phone.request("OPTIONS", "sip:example.com"))
    return phone.wire.receive(0.3 if phone.transport == "udp" else AT_ONCE) is not None


def handshakes(server):
    """How many are over, well or not."""
    return scrape(server)["rollcall_tls_handshakes_total"].value()


def turned_away(server, address, transport):
    """True when a connection from there ends before anything was said, over TLS before the handshake."""
    try:
        return client(server, address, transport).wire.closed(AT_ONCE)
    except OSError:
        return True


@everywhere
@covers("SEC-26.1.5-2")
def rates_by_prefix(env, transport):
    """Over TLS a handshake counts like a request."""
    server = env.start(behind(per_ip_rate="1/h", per_ip_burst=6))
    one, same, other = (client(server, address, transport) for address in (ONE, SAME, OTHER))
    handshakes = 1 if transport == "tls" else 0
    left = 6 - 2 * handshakes
    equal([heard(phone) for phone in (one, same, one, same, one, same)[:left]], left * [True], "the allowance of the prefix")
    equal([heard(one), heard(same)], [False, False], "over it, from either address")
    if transport == "tls":
        true(turned_away(server, "2001:db8:1:1::2", transport), "a handshake over the rate of the prefix is done")
    true(heard(other), "another prefix is not served")
    true(heard(client(server, "192.0.2.77", transport)), "IPv4 is not served")
    mapped = client(server, "::ffff:192.0.2.77", transport)
    left = 6 - 1 - 2 * handshakes
    equal([heard(mapped) for _ in range(left)], left * [True], "a mapped address shares what its IPv4 address has left")
    true(not heard(mapped), "a mapped address has an allowance of its own")
    true(server.outcomes("rate_limited", transport=transport) >= 3, "rate_limited is not counted")


@covers("SEC-26.1.5-2")
def test_a_prefix_that_was_configured(env):
    server = env.start(behind(per_ip_rate="1/h", per_ip_burst=4, ipv6_prefix=48))
    phones = [client(server, "2001:db8:7:%d::1" % n, "udp") for n in range(5)]
    equal([heard(phone) for phone in phones], 4 * [True] + [False], "five networks of one /48")
    true(heard(client(server, "2001:db8:8::1", "udp")), "another /48 is not served")


@covers("SEC-26.1.5-2")
def test_registrations_of_one_address_by_prefix(env):
    server = env.start(behind(per_aor_rate="1/s"))
    one, same, other = (client(server, address) for address in (ONE, SAME, OTHER))
    statuses = [phone.reg(C1).status for _ in range(15) for phone in (one, same)]
    equal((statuses[0], set(statuses)), (200, {200, 503}), "statuses")
    other.reg(C1).expect(200)


@streams
@covers("SEC-26.1.5-2")
def connections_by_prefix(env, transport):
    """Those over TCP and those over TLS are counted together."""
    server = env.start({**behind(), "connection": {"max_per_ip": 3}})
    held = [client(server, "2001:db8:1:1::%d" % n, transport) for n in range(1, 3)] + [client(server, "2001:db8:1:1::3")]
    for phone in held:
        true(heard(phone), "a connection within the limit")
    for extra in ("tcp", "tls"):
        true(turned_away(server, SAME, extra), "the fourth connection of one prefix stays open, over " + extra)
        equal(server.outcomes("connection_limit", transport=extra), 1, "connection_limit over " + extra)
    true(heard(client(server, OTHER, transport)), "another prefix is not served")
    held[0].close()
    server.phones.remove(held[0])
    server.wait(lambda: not turned_away(server, SAME, transport), "a place is free again")


@streams
@covers("SEC-26.1.5-2", "SEC-26.3.2.4-1")
def bans_by_prefix(env, transport):
    """Five failures from five addresses of one prefix ban the prefix, over TLS before the handshake: whoever owns it has 2^64
    addresses. Its neighbour is not touched, and failures in datagrams ban nobody at all."""
    server = env.start(behind(**LIMITS))
    for n in range(1, 9):
        client(server, "2001:db8:9:9::%d" % n, "udp", password="guess").reg(C1).expect(401)
    for n in range(1, 6):
        client(server, "2001:db8:1:1::%d" % n, transport, password="guess").reg(C1).expect(401)
    server.wait(lambda: bans(server), "a ban", 20)
    equal(list(bans(server)), ["2001:db8:1:1::/64"], "bans")
    begun = handshakes(server)
    for address, banned in ((SAME, "tcp"), (SAME, "tls"), ("2001:db8:1:1::1", "tls")):
        true(turned_away(server, address, banned), "%s is served over %s" % (address, banned))
        true(server.outcomes("banned", transport=banned) >= 1, "banned is not counted over " + banned)
    equal(handshakes(server), begun, "handshakes, with those of who is banned")
    for address in (OTHER, "2001:db8:9:9::1", "192.0.2.1"):
        client(server, address, transport).reg(C1).expect(200)


@covers("SEC-26.1.5-2")
def test_who_is_exempt_is_so_from_all(env):
    """Rates of the source and of the address, connections, places in the queue and bans; the neighbour has them all."""
    server = env.start({**behind(**{**LIMITS, "exempt": ["2001:db8:1::/48"], "per_ip_rate": "1/h", "per_ip_burst": 8,
                                    "per_aor_rate": "1/s"}),
                        "connection": {"max_per_ip": 1}})
    exempt = [client(server, address) for address in ("2001:db8:1:7::1", "2001:db8:1:8::1", ONE, ONE, SAME)]
    for _ in range(6):
        for phone in exempt:
            phone.reg(C1).expect(200)
    guesser = client(server, ONE, password="guess")
    for _ in range(20):
        guesser.reg(C1).expect(401)
    datagrams = client(server, ONE, "udp")
    equal([heard(datagrams) for _ in range(20)], 20 * [True], "datagrams of who is exempt")
    neighbour = client(server, "2001:db8:2::1")
    equal([heard(neighbour) for _ in range(9)], 8 * [True] + [False], "the neighbour")
    equal(bans(server), {}, "bans")


def sources(env, first, count, rounds):
    """Growth of a worker in kB for each round of so many sources that were never seen before."""
    server = env.make({**behind(), "log": {"level": "error"}})
    server.build = PLAIN_BUILD  # sanitizers have shadows of everything
    server.start()
    pid, = workers(server)
    wire, grown, number = server.udp(), [], first
    octets = bytes(options(wire, "UDP"))
    for _ in range(rounds):
        before = resident_kb(pid)
        for n in range(count):
            number += 1
            header = v2("10.%d.%d.%d" % (number >> 16 & 255, number >> 8 & 255, number & 255), kind=socket.SOCK_DGRAM)
            wire.socket.sendto(header + octets, wire.server)
            if n % 16 == 15:
                for _ in range(16):
                    wire.socket.settimeout(5)
                    wire.socket.recv(65536)
        grown.append(resident_kb(pid) - before)
    wire.close()
    return grown


@covers("SEC-26.1.5-2")
def test_sources_without_number_take_bounded_memory(env):
    """Tables have their size from the start; the pages of it are touched as sources come, and no more than that."""
    grown = sources(env, 0, 8000, 2)
    true(sum(grown) < 8192, "16,000 sources took %s kB" % grown)


@long_only
@covers("SEC-26.1.5-2")
def test_a_full_table_grows_no_more(env):
    """100,000 sources fill a table; twice as many more take nothing."""
    grown = sources(env, 0, 112000, 3)
    print("112,000 sources each: growth in kB %s" % grown)
    true(grown[0] < 32768 and max(grown[1:]) < 1024, "growth in kB: %s" % grown)
