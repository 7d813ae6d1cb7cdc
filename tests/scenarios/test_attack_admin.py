"""The admin port and the health port under attack: bombs of allocation by strangers and by those with a token, guesses of
tokens, and clients that speak something else. Phones register all the while. Malformed HTTP and slow clients are in
test_malformed_http.
"""
import concurrent.futures
import os
import re
import secrets
import socket
import threading
import time

from harness import equal, true
from harness.check import not_under_valgrind
from harness.failing import PLAIN_BUILD
from harness.faults import admin, resident_kb
from harness.http import Http, ask
from harness.metrics import scrape
from harness.proxy import v1, v2
from test_admin import API, api, bearer, with_tcp
from test_malformed_http import attack

C1 = "<sip:alice@192.0.2.10:5062>"
MEGABYTE = 1024 * 1024


def lean(server):
    """Sanitizers keep what was freed, and that is not ours."""
    server.build = PLAIN_BUILD
    return server


class Watched:
    """with Watched(server): the most memory that the admin process had, and that phones register meanwhile."""

    def __init__(self, server):
        self.server, self.pid, self.over, self.failure, self.slowest = server, admin(server), threading.Event(), None, 0.0

    def __enter__(self):
        self.before = self.most = resident_kb(self.pid)
        self.thread = threading.Thread(target=self.work)
        self.thread.start()
        return self

    def work(self):
        phone = self.server.phone("tcp")
        try:
            while not self.over.wait(0.01):
                began = time.monotonic()
                phone.reg(C1).expect(200)
                self.slowest = max(self.slowest, time.monotonic() - began)
                self.most = max(self.most, resident_kb(self.pid))
        except Exception as failure:
            self.failure = failure

    def __exit__(self, kind, *_):
        self.over.set()
        self.thread.join()
        if kind is None and self.failure is not None:
            raise self.failure

    def grew(self):
        return (self.most - self.before) / 1024


def all_at_once(work, items, threads=16):
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        for job in [pool.submit(work, item) for item in items]:
            job.result()


def test_strangers_take_no_memory(env):
    """Bodies of megabytes, promised and sent, from who has no token: none of it is kept."""
    server = lean(with_tcp(env)).start()
    body = b'{"users":[' + 3 * MEGABYTE * b" "

    def one(n):
        target = ("127.0.0.1", server.health_port) if n % 3 == 2 else server.admin_tcp
        head = "POST %s HTTP/1.1\r\nHost: a\r\n" % ("/livez" if n % 3 == 2 else API + "/users:batch")
        if n % 2:
            octets = head + "Content-Length: %d\r\n\r\n" % (len(body) + 10)
            received, _ = attack(target, octets.encode() + body, 3.0)
        else:
            chunks = b"".join(b"%x\r\n%s\r\n" % (MEGABYTE, MEGABYTE * b"x") for _ in range(3))
            received, _ = attack(target, (head + "Transfer-Encoding: chunked\r\n\r\n").encode() + chunks, 3.0)
        true(b"HTTP/1.1 2" not in received, "served: %r" % received[:100])
    with Watched(server) as watched:
        all_at_once(one, range(48))
    print("48 strangers with 3 MB each: admin process +%.1f MB, slowest registration %.0f ms" % (
        watched.grew(), 1000 * watched.slowest))
    true(watched.grew() < 24, "the admin process grew by %.1f MB" % watched.grew())
    api(server, "GET", "/stats").expect(200)


BOMBS = {
    "objects": b'{"users":[' + b",".join(300000 * [b"{}"]) + b"]}",
    "arrays in arrays": 2000000 * b"[" + 2000000 * b"]",
    "keys": b"{" + b",".join(b'"%d":1' % i for i in range(300000)) + b"}",
    "escapes": b'{"users":["' + 600000 * b"\\u0041" + b'"]}',
    "digits": b'{"users":[' + 3900000 * b"9" + b"]}",
    "a string": b'{"users":"' + 3900000 * b"x" + b'"}',
    "blanks": b'{"users":' + 3900000 * b" " + b"[]}",
}


def drop_bombs(server):
    for name, body in BOMBS.items():
        began = time.monotonic()
        answer = ask(server.admin_tcp, "POST", API + "/users:batch", body, bearer("writer"))
        true(answer.status in (200, 400, 413), "%s: %d" % (name, answer.status))
        true(time.monotonic() - began < 6, "%s took %.1f s" % (name, time.monotonic() - began))


def test_bombs_of_who_may_write(env):
    """Documents of the largest size that are as dear as documents can be: refused or done within the deadline, one after the
    other, and what they took serves the next ones."""
    drop_bombs(with_tcp(env).start())
    server = lean(with_tcp(env)).start()
    with Watched(server) as watched:
        drop_bombs(server)
        once = resident_kb(watched.pid, "VmHWM")
        drop_bombs(server)
    more = resident_kb(watched.pid, "VmHWM") - once
    grew = (once - watched.before) / 1024
    print("bombs of 4 MB: admin process +%.1f MB at most, %.1f MB more when they come again, slowest registration %.0f ms" % (
        grew, more / 1024, 1000 * watched.slowest))
    true(more < 8192, "the admin process grew by %.1f MB, then by %.1f MB" % (grew, more / 1024))
    true(grew < 400, "the admin process grew by %.1f MB" % grew)
    equal(server.health()[0], 200, "readiness")
    equal(server.stats()["worker_deaths"], 0, "processes that died")


def test_guessing_tokens(env):
    """Thousands of guesses, near ones and far ones: none is good, each is counted, the true one stays so, and the log neither
    grows with them nor says what they were."""
    token = secrets.token_hex(32)
    server = with_tcp(env, {"admin": token}).start()
    near = [token[:-1], token + "0", token.upper(), token[1:], "0" * 64, token[:63] + ("0" if token[63] != "0" else "1")]
    near += [token[:i] + ("0" if token[i] != "0" else "1") + token[i + 1:] for i in range(64)]
    guesses = near + [secrets.token_hex(32) for _ in range(5000)]
    guesses = [guess for guess in guesses if guess != token]
    size = os.path.getsize(server.log_path)

    def guess(text):
        ask(server.admin_tcp, "GET", API + "/stats", fields=bearer(text)).expect(401, "unauthorized")
    with Watched(server) as watched:
        all_at_once(guess, guesses, 8)
        ask(server.admin_tcp, "GET", API + "/stats", fields=bearer(token)).expect(200)
    refused = scrape(server)["rollcall_admin_requests_total"].value(code="401")
    equal(refused, len(guesses), "refusals that are counted")
    log = server.log
    lines = [line for line in log[size:].splitlines() if " registration " not in line]
    true(len(lines) < 200, "%d lines in the log for %d guesses" % (len(lines), len(guesses)))
    for secret in [token, *guesses]:
        true(secret not in log or secret in ("0" * 64,), "a token is in the log")
    true(watched.slowest < 2.0, "a registration took %.2f s" % watched.slowest)


class Flood:
    """with Flood(address): clients that ask and leave without an answer, in quick succession."""

    def __init__(self, address, octets, each=0.002):
        self.address, self.octets, self.each, self.over, self.count = address, octets, each, threading.Event(), 0

    def __enter__(self):
        self.thread = threading.Thread(target=self.work)
        self.thread.start()
        return self

    def work(self):
        while not self.over.wait(self.each):
            try:
                with socket.create_connection(self.address, 0.2) as client:
                    client.sendall(self.octets)
                self.count += 1
            except OSError:
                pass

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()


def probe_from_elsewhere(server, path):
    """How long the answer takes at an address that nobody floods from."""
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", server.health_port), 10, ("127.0.0.2", 0)) as client:
        client.sendall(b"GET %s HTTP/1.0\r\n\r\n" % path.encode())
        try:
            answer = client.recv(100)
        except TimeoutError:
            answer = b"nothing"
    true(answer.startswith(b"HTTP/1.0 200 ") or answer.startswith(b"HTTP/1.1 200 "), "%s: %r" % (path, answer))
    return time.monotonic() - began


@not_under_valgrind("a probe takes longer than the deadline of this test")
def test_scrapes_starve_no_probe(env):
    """Whoever reaches the health listener may ask for the metrics of 64 domains hundreds of times a second: probes have an
    answer in a second, where 100 ms are wanted, and who scrapes alone has the numbers of now."""
    server = lean(env.make({("domain", "d%d.example" % n): {} for n in range(62)})).start()
    waits = []
    with Flood(("127.0.0.1", server.health_port), b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n") as flood:
        ends = time.monotonic() + 2
        while time.monotonic() < ends:
            waits += [probe_from_elsewhere(server, path) for path in ("/livez", "/readyz")]
            time.sleep(0.01)
    print("%d scrapes in 2 s by who leaves: the slowest of %d probes took %.0f ms" % (flood.count, len(waits), 1000 * max(waits)))
    true(flood.count > 100, "only %d scrapes" % flood.count)
    true(max(waits) < 1, "the slowest probe took %.2f s" % max(waits))
    server.scraped_until = time.monotonic() + 1  # of the flood's last one
    for turn in range(1, 4):
        server.phone().reg(C1).expect(200)
        shown = scrape(server)["rollcall_registrations_total"].value(reason="challenged")
        equal(shown, turn, "challenges that are counted")


def test_who_speaks_something_else(env):
    """SIP, PROXY headers and TLS on the ports of admin and health: no request, and a PROXY header gives no rights."""
    server = with_tcp(env).start()
    sip = bytes(server.phone("tcp").register_request(C1))
    get = b"GET " + API.encode() + b"/stats HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    for target in (server.admin_tcp, server.socket, ("127.0.0.1", server.health_port)):
        for octets in (sip, v1("127.0.0.1") + get, v2("127.0.0.1") + get, b"\x16\x03\x01\x02\x00\x01\x00" + 60 * b"x",
                       b"\0\0\0\0\r\n\r\n",
                       b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"):
            received, took = attack(target, octets, 8.0)
            true(not re.match(rb"HTTP/1\.1 2|SIP/2\.0", received), "%r was served: %r" % (octets[:20], received[:100]))
            true(took is not None, "%r: the connection stays open" % octets[:20])
    for fields in ([("X-Forwarded-For", "127.0.0.1")], [("Forwarded", "for=127.0.0.1")], [("X-Real-IP", "127.0.0.1")],
                   [("X-Remote-User", "root")], [("Cookie", "token=writer")]):
        ask(server.admin_tcp, "GET", API + "/stats", fields=fields).expect(401, "unauthorized")
    connection = Http(server.socket)
    connection.ask("GET", API + "/stats").expect(200)
    connection.close()
