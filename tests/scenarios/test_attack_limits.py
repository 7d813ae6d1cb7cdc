"""Limits for clients that have whole networks: IPv6 by its prefix, in rates, connections and bans; who is exempt is so from all
of them; and tables that stay bounded however many sources there are. A load balancer stands in front, so that clients may
have any address. What IPv4 sources cost is in test_limits, bans are in test_bans.
"""
import socket

from harness import add_test, covers, equal, long_only, true
from harness.attack import AT_ONCE, everywhere, on
from harness.failing import PLAIN_BUILD
from harness.faults import add_users, resident_kb, workers
from harness.metrics import scrape
from harness.phone import ALICE_PASSWORD, Phone
from harness.proxy import VIP, v2
from test_bans import LIMITS, bans
from test_proxy import options, reset

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
    """True when a connection from there ends before anything was said, over TLS before the handshake. One that is served ends for
    its silence behind connection.first_message_timeout, which is 10 s."""
    try:
        return client(server, address, transport).wire.closed(min(AT_ONCE, 5.0))
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


# --- tables ---

def grown(env, visit, count, rounds, **changes):
    """Growth of a worker in kB for each round of so many visitors who were never seen before."""
    server = env.make({**behind(), "log": {"level": "error"}, **changes})
    server.build = PLAIN_BUILD  # sanitizers have shadows of everything
    server.start()
    (pid,), found = workers(server), []
    for turn in range(rounds):
        before = resident_kb(pid)
        visit(server, range(turn * count + 1, turn * count + count + 1))
        found.append(resident_kb(pid) - before)
    server.wait(lambda: server.counter("connections_live") == 0, "no connection is left")
    equal(server.counter("requests_live"), 0, "requests that are worked on")
    print("%d of %s: growth in kB %s" % (count, visit.__name__, found))
    return found


def address(n):
    return "10.%d.%d.%d" % (n >> 16 & 255, n >> 8 & 255, n & 255)


def datagrams(server, numbers):
    wire = server.udp()
    octets = bytes(options(wire, "UDP"))
    for n in numbers:
        wire.socket.sendto(v2(address(n), kind=socket.SOCK_DGRAM) + octets, wire.server)
        if n % 16 == 0:
            for _ in range(16):
                wire.socket.settimeout(5)
                wire.socket.recv(65536)
    wire.close()


def connections(server, numbers):
    """Each from its own address, for one request."""
    for n in numbers:
        phone = client(server, address(n))
        phone.opt("sip:example.com").expect(200)
        reset(phone.wire.socket)
        server.phones.remove(phone)


def strangers(server, numbers):
    """Each names somebody else, asks for a nonce for him, and guesses a password."""
    for n in numbers:
        phone = client(server, address(n // 50), "udp", user="nobody%d" % n, password="guess")
        phone.reg(C1).expect(401)
        phone.close()
        server.phones.remove(phone)


def subscribers(server, numbers):
    """Each registers himself, from one of a few addresses."""
    add_users(server.database, len(numbers), ALICE_PASSWORD, "u%d_" % numbers[0])
    for n in numbers:
        phone = client(server, address(n // 50), user="u%d_%d" % (numbers[0], n - numbers[0]))
        phone.reg(C1).expect(200)
        reset(phone.wire.socket)
        server.phones.remove(phone)


@covers("SEC-26.1.5-2")
def test_sources_without_number_take_bounded_memory(env):
    """Tables have their size from the start; the pages of it are touched as sources come, and no more than that."""
    found = grown(env, datagrams, 8000, 2)
    true(sum(found) < 4096, "16,000 sources took %s kB" % found)


# What is remembered of each is full after a few of them.
FEW = {"server": {"transaction_memory": "1m"}, "auth": {"failure_delay": "0ms", "remembered_records": 100}}


def bounded(env, visit, count, octets):
    """What a process needs at all it has after the first round; the last of them takes no more than a place in each table."""
    found = grown(env, visit, count, 4, **FEW)
    true(sum(found) < 16384 and found[-1] * 1024 < count * octets, "growth in kB: %s" % found)


for _visit, _count, _octets in ((connections, 4000, 256), (strangers, 2000, 512), (subscribers, 1500, 512)):
    add_test(globals(), "%s_without_number_take_bounded_memory" % _visit.__name__,
             lambda env, v=_visit, c=_count, o=_octets: bounded(env, v, c, o), ["SEC-26.1.5-2"])


@long_only
@covers("SEC-26.1.5-2")
def test_a_full_table_grows_no_more(env):
    """100,000 sources fill a table; twice as many more take nothing."""
    found = grown(env, datagrams, 112000, 3)
    true(found[0] < 32768 and max(found[1:]) < 1024, "growth in kB: %s" % found)
