"""Honest phones beside a flood of datagrams from 250 sources, as many a second as one process can send (goal G10).

Nobody is exempt from the limits. The figures are in floods.report in the state of the tests.
"""
import json
import os
import re
import socket
import struct
import subprocess
import sys
import threading
import time

from harness import Failure, equal, long_only, own_address, true
from harness.attack import C1, TRANSPORTS
from harness.failing import PLAIN_BUILD
from harness.faults import add_users
from harness.honest import Crew, Honest
from harness.network import Inside, start_apart
from harness.phone import ALICE_PASSWORD
from harness.report import quantile, report

SOURCES = ["%s.%d" % (own_address().rpartition(".")[0], n) for n in range(1, 251)]
HONEST = {"udp": 6, "tcp": 3, "tls": 3}  # phones of each kind, each with an address-of-record of its own
SECONDS, PAUSE = 20, 0.7  # less than two registrations a second of one address-of-record
WANTED_S, FORGIVEN, SHARE, REPEATS = 1.0, 10, 0.99, 2
GUESS = ('Authorization: Digest username="%s", realm="example.com", nonce="%s", uri="sip:example.com", response="%032x", '
         'algorithm=%s, qop=auth, nc=%%08d, cnonce="c%%d"')


def template(phone, *fields):
    """A REGISTER of the phone's user; each datagram made of it begins a transaction of its own."""
    request = phone.register_request("<sip:%s@192.0.2.66:5062>" % phone.user)
    request.set("Via", "SIP/2.0/UDP 192.0.2.66:5062;branch=z9hG4bKflood%d;rport")
    request.set("CSeq", "%d REGISTER")
    return "\r\n".join([bytes(request).decode().rstrip("\r\n"), *fields, "", ""])


def served(env, templates, rate=0):
    """(what the flood says of itself, the registrations beside it)"""
    server = env.make({"server": {"workers": "2"}, "limits": {"exempt": []}, "log": {"level": "warning"}})
    server.build = PLAIN_BUILD  # sanitizers make it several times slower than the sender
    server.start()
    for transport, count in HONEST.items():
        add_users(server.database, count, ALICE_PASSWORD, transport)
    phones = [Honest(env, server, transport, "%s%d" % (transport, n), own_address(1))
              for transport, count in HONEST.items() for n in range(count)]
    order = {"port": server.port, "sources": SOURCES, "seconds": SECONDS, "rate": rate,
             "templates": templates(server, [phone.user for phone in phones])}
    flood = subprocess.Popen([sys.executable, os.path.join(os.path.dirname(__file__), "harness", "flood.py")],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        flood.stdin.write(json.dumps(order))
        flood.stdin.close()
        with Crew(phones, PAUSE) as crew:
            told = flood.stdout.read()
    finally:
        flood.kill()
        flood.wait()
    crew.check()
    return json.loads(told or "{}"), crew.done, server


def judge(name, env, templates, rate=0):
    """The share of the datagrams that was judged as a wrong password."""
    told, done, server = served(env, templates, rate)
    limited, judged = server.outcomes("rate_limited"), server.outcomes("bad_password")
    report("floods", "%s: %.0f datagrams/s; %d over the rate of their source, %d wrong passwords judged" % (
        name, told["sent"] / told["seconds"], limited, judged))
    for transport in TRANSPORTS:
        mine = [one for one in done if one.transport == transport]
        true(len(mine) > SECONDS, "%s: only %d registrations" % (transport, len(mine)))
        took = [one.took for one in mine]
        report("floods", "%s: %s: %d registrations, %.2f %% within %g s and %d repetitions; p50 %.0f ms, p99 %.0f ms, longest %.0f ms, "
               "most repetitions %d" % (
                   name, transport, len(mine),
                   100 * sum(one.took <= WANTED_S and one.repeats <= REPEATS for one in mine) / len(mine), WANTED_S, REPEATS,
                   1e3 * quantile(took, 0.5), 1e3 * quantile(took, 0.99), 1e3 * max(took), max(one.repeats for one in mine)))
        share = sum(one.took <= WANTED_S * FORGIVEN for one in mine) / len(mine)
        true(share >= SHARE, "%s: %.1f %% of the registrations took less than %g s" % (transport, 100 * share, WANTED_S * FORGIVEN))
    if server.stats()["worker_deaths"]:
        raise Failure("a worker died")
    return judged / told["sent"]


def strangers(server, users):
    return [template(server.phone(user=user)) for user in users]


def guessers(server, users):
    """Wrong passwords for these addresses-of-record, with genuine nonces."""
    found = []
    for n, user in enumerate(users):
        phone = server.phone(user=user, bind=(SOURCES[n], 0))
        challenge = phone.challenge()
        found.append(template(phone, GUESS % (user, challenge.nonce, n, challenge.algorithm)))
    return found


NEIGHBOURS = ["10.9.0.%d" % n for n in range(10, 30)]  # none of them is there


def frame(to, source, target, port, octets):
    """An Ethernet frame with a datagram; the checksum of UDP may be left out over IPv4."""
    udp = struct.pack("!HHHH", 5060, port, 8 + len(octets), 0) + octets
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, socket.inet_aton(source), socket.inet_aton(target))
    total = sum(struct.unpack("!10H", head))
    total = (total & 0xffff) + (total >> 16)
    checksum = ~(total + (total >> 16)) & 0xffff
    return to + to + b"\x08\x00" + head[:10] + struct.pack("!H", checksum) + head[12:] + udp


def ask_for_neighbours(wire, to, port, text, stop):
    """400 requests a second of neighbours whom nobody finds when they are to be answered."""
    for n in range(100000):
        if stop.wait(0.0025):
            return
        wire.send(frame(to, NEIGHBOURS[n % len(NEIGHBOURS)], "10.9.0.1", port, (text % (n, n)).encode()))


def test_answers_to_neighbours_that_are_not_there(env):
    """They wait in the kernel for ARP, up to three seconds, and all that time they are charged to the socket over which everybody
    is answered. What is left of it is for who has proved a password, for the challenges of other phones behind that address, and
    one answer each for strangers."""
    server = env.make({"connection": {"udp_send_buffer": "64k"}, "log": {"level": "notice"}})
    server.configure({("listener", "sip"): {"bind": ["0.0.0.0:%d" % server.port]}})
    start_apart(server, "link add v0 type veth peer name v1", "addr add 10.9.0.1/24 dev v0", "link set v1 up", "link set v0 up")
    with Inside(server.process.pid):
        phone, neighbour, stranger = server.phone(), server.phone(user="bob"), server.phone(bind=("127.0.0.9", 0))
        wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        wire.bind(("v1", 0))
        addresses = subprocess.run(["ip", "-o", "link", "show", "v0"], capture_output=True, text=True, check=True).stdout
    hardware = bytes.fromhex(re.search(r"link/ether (\S+)", addresses).group(1).replace(":", ""))
    phone.reg(C1).expect(200)
    stop, answered, challenged = threading.Event(), 0, 0
    flood = threading.Thread(target=ask_for_neighbours, args=(wire, hardware, server.port, template(phone), stop))
    flood.start()
    try:
        server.wait(lambda: server.counter("udp_send_full") > 0, "the buffer is short", 20)
        for _ in range(20):
            request = phone.authorize(phone.register_request(C1))
            phone.send(request)
            answer = phone.receive(2.0)  # of a machine with other work; what is lost never comes
            answered += answer is not None and answer.status == 200
            neighbour.send(neighbour.register_request(C1))
            answer = neighbour.receive(2.0)
            challenged += answer is not None and answer.status == 401
            time.sleep(0.15)
        stranger.reg(C1).expect(200)
    finally:
        stop.set()
        flood.join()
        wire.close()
    equal((answered, challenged), (20, 20), "refreshes of 20 that were answered, and challenges of a phone behind that address")
    server.wait_log(r"warning datagrams.full .*answers were not sent")
    true(len(re.findall("datagrams.full", server.log)) < 4, "a line for each of them")


@long_only
def test_registers_without_credentials(env):
    judge("without credentials", env, strangers)


def guessers_of_others(server, users):
    names = ["victim%d" % n for n in range(len(SOURCES))]
    add_users(server.database, len(names), ALICE_PASSWORD, "victim")
    return guessers(server, names)


@long_only
def test_wrong_passwords(env):
    """10,000 a second are less than each source may send."""
    true(judge("10,000 wrong passwords a second", env, guessers_of_others, rate=10000) > 0.5, "few guesses were judged")


@long_only
def test_wrong_passwords_at_full_speed(env):
    true(judge("wrong passwords", env, guessers_of_others) > 0, "no guess was judged")


@long_only
def test_wrong_passwords_for_their_own_addresses(env):
    """The owner of an address waits behind some twenty sources that guess at it, by turns."""
    true(judge("wrong passwords for the honest ones", env, guessers) > 0, "no guess was judged")
