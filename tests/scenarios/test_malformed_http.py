"""HTTP that is no HTTP, on all three surfaces (admin by TCP and by Unix socket, health): each gets its named answer, what
stands behind a refused request is never served, no account changes, and phones register all the while.

Where libmicrohttpd refuses by itself the answer has a body of its own, without a reason; where it cannot even do that it
says nothing and the connection ends at its deadline. Which is which stands in the tables.
"""
import concurrent.futures
import contextlib
import json
import os
import re
import socket
import threading
import time

from harness import equal, true
from harness.check import not_under_valgrind
from harness.database import ROOT
from harness.http import Http, ask
from test_admin import API, api, bearer, with_tcp

MALLORY = '{"username":"mallory","domain":"example.com","password":"p"}'
BOB = "<sip:bob@192.0.2.20:5062>"
BODY_MAX = 4 * 1024 * 1024


class Surface:
    """Where to knock. good: a path that answers 200; write: what would make an account, or would be a probe."""

    def __init__(self, name, target, good, write, secret=""):
        self.name, self.target, self.good, self.write, self.secret = name, target, good, write, secret
        self.health = name == "health"

    def fill(self, template):
        """{good}, {write}, {json}, {n} (its length) and {auth} of a template, as octets."""
        for key, value in (("good", self.good), ("write", self.write), ("json", MALLORY), ("n", "%d" % len(MALLORY)),
                           ("auth", self.secret)):
            template = template.replace("{%s}" % key, value)
        return template.encode("latin-1")


def surfaces(server):
    write = "POST " + API + "/users"
    return (Surface("tcp", server.admin_tcp, API + "/stats", write, "Authorization: Bearer writer\r\n"),
            Surface("unix", server.socket, API + "/stats", write),
            Surface("health", ("127.0.0.1", server.health_port), "/livez", "GET /livez"))


@contextlib.contextmanager
def siege(env):
    """The server of this module, while phones register over UDP and TCP; behind it everything is as it was."""
    if env.shared is None:
        env.shared = with_tcp(env, request_timeout="1s")
        env.own.remove(env.shared)
        env.shared.start()
    server, over, errors, served = env.shared, threading.Event(), [], {"udp": 0, "tcp": 0}
    accounts = server.database.query("select * from account order by aor")

    def register(phone):
        try:
            while not over.wait(0.02):
                phone.reg(BOB).expect(200)
                served[phone.transport] += 1
        except Exception as failure:
            errors.append(failure)
    threads = [threading.Thread(target=register, args=(server.phone(t, user="bob"),)) for t in served]
    for thread in threads:
        thread.start()
    try:
        yield server
        so_far = dict(served)
        server.wait(lambda: errors or all(served[t] > so_far[t] for t in served), "phones register behind it")
    finally:
        over.set()
        for thread in threads:
            thread.join()
    if errors:
        raise errors[0]
    equal(server.database.query("select * from account order by aor"), accounts, "the accounts")
    equal(server.stats()["worker_deaths"], 0, "workers that died")
    true("process.died" not in server.log, "a process died")


# --- one attack ---

def attack(target, octets, patience=10.0):
    """Everything that comes back until the connection ends, and how long that took; None instead when it does not end."""
    connection, received, began = Http(target, patience), b"", time.monotonic()
    try:
        connection.send(octets)
    except OSError:
        pass  # refused before all of it was sent
    try:
        while True:
            data = connection.socket.recv(65536)
            if not data:
                return received, time.monotonic() - began
            received += data
    except socket.timeout:
        return received, None
    except OSError:
        return received, time.monotonic() - began
    finally:
        connection.close()


class Refused:
    """One answer and the end. reason None: an answer of the library, or of the health listener, in words."""

    def __init__(self, status, reason=None):
        self.status, self.reason = status, reason

    def judge(self, received, what):
        statuses = re.findall(rb"HTTP/1\.1 (\d{3})", received)
        # the library sends the head of a 4xx for Content-Length twice
        true(statuses and set(statuses) == {b"%d" % self.status}, "%s: %r" % (what, received[:600]))
        found = re.search(rb'"reason":"(\w+)"', received)
        equal(found and found.group(1).decode(), self.reason, what + ": reason")
        true(b"\r\nConnection: close\r\n" in received, "%s: no Connection: close: %r" % (what, received[:300]))


class Answered:
    """An answer, and the next request is served too: nobody can doubt where this one ended."""

    def __init__(self, status, reason=None):
        self.status, self.reason = status, reason

    def judge(self, received, what):
        statuses = [int(s) for s in re.findall(rb"HTTP/1\.1 (\d{3})", received)]
        equal(statuses, [self.status, 200], "%s: statuses in %r" % (what, received[:600]))
        found = re.search(rb'"reason":"(\w+)"', received.split(b"HTTP/1.1 ")[1])
        equal(found and found.group(1).decode(), self.reason, what + ": reason")


class Continue:
    """100, and 408 in the end: nobody sends what it asks for."""

    @staticmethod
    def judge(received, what):
        true(received.startswith(b"HTTP/1.1 100 Continue\r\n\r\n"), "%s: %r" % (what, received[:200]))
        TOO_SLOW.judge(received.partition(b"\r\n\r\n")[2], what)


class Silence:
    """No answer; the connection ends."""

    @staticmethod
    def judge(received, what):
        equal(received, b"", what)


MALFORMED = Refused(400, "malformed")
LIBRARY = Refused(400)
TOO_SLOW = Refused(408, "too_slow")
SERVED = Answered(200)
NOT_FOUND = (Refused(404, "not_found"), Answered(404))
NO_METHOD = (Refused(405, "method_not_allowed"), Answered(405))
LAST = "GET {good} HTTP/1.1\r\nHost: last\r\n{auth}Connection: close\r\n\r\n"  # a 200 that nobody may have behind a refusal


def head(*fields, line="{write} HTTP/1.1", body=""):
    return line + "\r\n" + "".join(f + "\r\n" for f in fields) + "{auth}\r\n" + body


def get(target="{good}", method="GET", version="HTTP/1.1", fields=("Host: a",), body=""):
    return head(*fields, line="%s %s %s" % (method, target, version), body=body)


def chunked(body, line="{write} HTTP/1.1"):
    return head("Host: a", "Transfer-Encoding: chunked", line=line, body=body)


def check(env, cases):
    """(name, template, what is wanted of the admin surfaces and of health, or of all): all of them at once."""
    with siege(env) as server, concurrent.futures.ThreadPoolExecutor(24) as pool:
        def one(name, template, wanted, surface):
            received, took = attack(surface.target, surface.fill(template + LAST))
            what = "%s on %s" % (name, surface.name)
            true(took is not None, "%s: the connection stays open behind %r" % (what, received[:300]))
            (wanted[surface.health] if isinstance(wanted, tuple) else wanted).judge(received, what)
        done = [pool.submit(one, *case, surface) for case in cases for surface in surfaces(server)]
        complaints = [str(job.exception()) for job in done if job.exception() is not None]
        equal(complaints, [], "complaints")


# --- where a request ends ---

def test_lengths_and_encodings(env):
    """What decides where a body ends is there once, or the request is refused. The account of the body is never made."""
    length, other = "Content-Length: {n}", "Content-Length: 0"
    te = "Transfer-Encoding: chunked"
    chunks = "%x\r\n{json}\r\n0\r\n\r\n" % len(MALLORY)
    check(env, (
        ("two lengths, the same", head("Host: a", length, length, body="{json}"), MALFORMED),
        ("two lengths", head("Host: a", other, length, body="{json}"), MALFORMED),
        ("two lengths, the longer first", head("Host: a", length, other, body="{json}"), MALFORMED),
        ("encoding with length", head("Host: a", te, length, body=chunks), MALFORMED),
        ("length with encoding", head("Host: a", length, te, body=chunks), MALFORMED),
        ("two encodings", head("Host: a", te, te, body=chunks), MALFORMED),
        ("encoding gzip", head("Host: a", "Transfer-Encoding: gzip", body="{json}"), MALFORMED),
        ("encoding identity", head("Host: a", "Transfer-Encoding: identity", body="{json}"), MALFORMED),
        ("encoding gzip, chunked", head("Host: a", "Transfer-Encoding: gzip, chunked", body=chunks), MALFORMED),
        ("encoding chunked, chunked", head("Host: a", "Transfer-Encoding: chunked, chunked", body=chunks), MALFORMED),
        ("encoding xchunked", head("Host: a", "Transfer-Encoding: xchunked", body=chunks), MALFORMED),
        ("encoding of nothing", head("Host: a", "Transfer-Encoding:", body=chunks), MALFORMED),
        ("chunks in HTTP/1.0", head("Host: a", te, line="{write} HTTP/1.0", body=chunks), MALFORMED),
        ("blank in front of the colon", head("Host: a", "Content-Length : {n}", body="{json}"), MALFORMED),
        ("blank in front of that of the encoding", head("Host: a", "Transfer-Encoding : chunked", other, body=chunks), MALFORMED),
        *(("length " + text, head("Host: a", "Content-Length: " + text, body="{json}"), LIBRARY)
          for text in ("-1", "+{n}", "0x{n}", "{n}, {n}", "{n} x", "{n}.0", "", "x")),
        ("length beyond 64 bits", head("Host: a", "Content-Length: 18446744073709551676", body="{json}"), Refused(413)),
        # nobody sends that much: the admin surfaces know at once, health waits for it in vain
        ("length of 2^64-1", head("Host: a", "Content-Length: 18446744073709551615", body="{json}"),
         (Refused(413, "too_large"), TOO_SLOW)),
        ("length over the limit", head("Host: a", "Content-Length: %d" % (BODY_MAX + 1), body="{json}"),
         (Refused(413, "too_large"), TOO_SLOW)),
        ("the same, expecting 100", head("Host: a", "Content-Length: %d" % (BODY_MAX + 1), "Expect: 100-continue"),
         (Refused(413, "too_large"), Continue)),
        ("malformed, expecting 100", head("Host: a", "Host: b", length, "Expect: 100-continue"), MALFORMED),
        ("leading zeros", get(fields=("Host: a", "Content-Length: 00000000000000000000002"), body="{}"), SERVED),
        ("a GET with a body", get(fields=("Host: a", "Content-Length: 2"), body="{}"), SERVED),
        ("an expectation that nobody knows", get(fields=("Host: a", "Expect: 200-ok")), SERVED)))


def test_chunks(env):
    line = "GET {good} HTTP/1.1"
    check(env, (
        *((repr(size), chunked(size + "\r\n{json}\r\n0\r\n\r\n"), LIBRARY)
          for size in ("zz", "-2", "+2", "0x2", " 2", "2 ", "", ";a=b")),
        ("no line end behind a chunk", chunked("2\r\n{}xx0\r\n\r\n"), LIBRARY),
        ("beyond 64 bits", chunked("1ffffffffffffffff\r\n{json}"), Refused(413)),
        ("64 bits and a wrap", chunked("10000000000000002\r\n{}\r\n0\r\n\r\n"), Refused(413)),
        ("2^64-1", chunked("ffffffffffffffff\r\n{json}"), TOO_SLOW),  # waits for it until the deadline
        ("an extension that does not fit the buffer", chunked("2;a=%s\r\n{}\r\n0\r\n\r\n" % ("b" * 40000)), TOO_SLOW),
        ("a trailer without colon", chunked("0\r\nnonsense\r\n\r\n"), LIBRARY),
        ("extension", chunked("2;a=b;c=\"d\"\r\n{}\r\n0\r\n\r\n", line), SERVED),
        ("many zeros", chunked("0" * 300 + "2\r\n{}\r\n0\r\n\r\n", line), SERVED),
        ("bare LF", chunked("2\n{}\n0\n\n", line), SERVED),  # RFC 9112 2.2 lets it
        ("trailers are no head", chunked("2\r\n{}\r\n0\r\nContent-Length: 9\r\nHost: b\r\n\r\n", line), SERVED)))


def test_fields(env):
    check(env, (
        ("two Host", get(fields=("Host: a", "Host: b")), MALFORMED),
        ("two Host, the same", get(fields=("Host: a", "host: a")), MALFORMED),
        ("no Host", get(fields=()), MALFORMED),
        ("no Host in HTTP/1.2", get(version="HTTP/1.2", fields=()), MALFORMED),
        ("Host of two", get(fields=("Host: a, b",)), MALFORMED),
        ("Host with a path", get(fields=("Host: a/b",)), MALFORMED),
        ("Host with a user", get(fields=("Host: u@a",)), MALFORMED),
        ("Host of nothing", get(fields=("Host:",)), SERVED),
        ("two Authorization", get(fields=("Host: a", "Authorization: Bearer writer", "Authorization: Bearer x")), MALFORMED),
        ("blank in a name", get(fields=("Host: a", "X Y: z")), MALFORMED),
        ("tab in front of the colon", get(fields=("Host: a", "X\t: z")), MALFORMED),
        # The library takes a field without name for the end of the head and tells nobody: it is for the proxy to refuse.
        ("no name", "GET {good} HTTP/1.1\r\nHost: a\r\n{auth}: z\r\n\r\n", SERVED),
        ("no colon", get(fields=("Host: a", "nonsense")), LIBRARY),
        ("octets above ASCII in a name", get(fields=("Host: a", "X\xe9: z")), MALFORMED),
        ("bare CR", get(fields=("Host: a", "X: y\rContent-Length: 44")), MALFORMED),
        ("bare CR in a name", get(fields=("Host: a", "X\rY: z")), MALFORMED),
        ("a control character", get(fields=("Host: a", "X: \x07")), MALFORMED),
        ("NUL in a name", get(fields=("Host: a", "X\0Y: z")), LIBRARY),
        ("NUL in that of the encoding", head("Host: a", "Content-Length: {n}", "Transfer-Encoding\0: chunked", body="{json}"),
         LIBRARY),
        # The library hands over C strings: a value ends at NUL, for itself as for us.
        ("NUL in a value", get(fields=("Host: a", "X: y\0z")), SERVED),
        ("a folded first line", "GET {good} HTTP/1.1\r\n X: y\r\nHost: a\r\n{auth}\r\n", MALFORMED),
        ("a folded Host", get(fields=("Host: a\r\n b",)), MALFORMED),
        ("a field in a folded line", get(fields=("Host: a", "X: y\r\n Content-Length: 5")), MALFORMED),
        # Of the field in front of it the library drops everything: it is for the proxy to unfold it.
        ("a folded value", get(fields=("Host: a", "X: y\r\n z")), SERVED),
        # RFC 9112 2.2 lets a lone LF end a line.
        ("bare LF", "GET {good} HTTP/1.1\nHost: a\n{auth}\n", SERVED),
        ("a field behind a bare LF", get(fields=("Host: a\nContent-Length: 2",), body="{}"), SERVED),
        ("octets above ASCII in a value", get(fields=("Host: a", "X: caf\xe9\tx")), SERVED),
        ("a hundred fields", get(fields=("Host: a", *["X: y"] * 100)), SERVED),
        ("an upgrade that nobody wants", get(fields=("Host: a", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c",
                                                     "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA")), SERVED)))


def test_request_lines(env):
    check(env, (
        ("no version", "GET {good}\r\n\r\n", LIBRARY),  # HTTP/0.9
        ("no version, one line", "GET {good}\r\n", LIBRARY),
        ("no target", "GET  HTTP/1.1\r\nHost: a\r\n{auth}\r\n", LIBRARY),
        ("preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Refused(505)),  # the one 5xx: RFC 9110 15.6.6
        ("HTTP/2.0", get(version="HTTP/2.0"), Refused(505)),
        ("HTTP/0.9", get(version="HTTP/0.9"), Refused(505)),
        *((version, get(version=version), LIBRARY) for version in ("http/1.1", "HTTP/1.10", "HTTP/1.x", "HTP/1.1", "SIP/2.0")),
        ("a blank in the target", get("{good} x"), MALFORMED),
        ("a tab in the target", get("{good}\tx"), MALFORMED),
        ("CR in the target", get("{good}\rx"), MALFORMED),
        ("lines that end with CR", "GET {good} HTTP/1.1\rHost: a\r\r\n\r\n", LIBRARY),
        ("a target that is no path", get("livez"), MALFORMED),
        ("backslashes", get("\\livez"), MALFORMED),
        ("asterisk", get("*"), MALFORMED),
        ("foreign absolute target", get("http://evil.example{good}"), MALFORMED),
        ("absolute target with a user", get("http://a@a{good}"), MALFORMED),
        ("absolute target without host", get("http://{good}"), MALFORMED),
        ("absolute target of another kind", get("ftp://a{good}"), MALFORMED),
        ("absolute target", get("http://a{good}"), SERVED),  # RFC 9112 3.2.2
        ("absolute target as TLS has it", get("HTTPS://A:8443{good}", fields=("Host: a:8443",)), SERVED),
        ("CONNECT", get("a:443", "CONNECT"), MALFORMED),
        *((method, get(method=method), NO_METHOD) for method in ("CONNECT", "TRACE", "BREW", "get", "GET,", "A" * 300, "\xff")),
        ("NUL in the method", get(method="GE\0T"), NO_METHOD),
        # A target ends at NUL, as a value does.
        ("NUL in the target", get("{good}\0x"), SERVED),
        ("a blank in front", " " + get(), Silence),
        ("tabs", "GET\t{good}\tHTTP/1.1\r\nHost: a\r\n{auth}\r\n", Silence),
        ("two blanks", "GET  {good} HTTP/1.1\r\nHost: a\r\n{auth}\r\n", SERVED),  # RFC 9112 3: lenient
        ("HTTP/1.2", get(version="HTTP/1.2"), SERVED),
        ("empty lines in front", "\r\n\n\r\n" + get(), SERVED)))


@not_under_valgrind("requests take longer than the deadline of this test")
def test_sizes(env):
    long = Refused(431)
    check(env, (
        ("a long target", get("/" + "x" * 40000), Refused(414)),
        ("a long query", get("{good}?" + "x" * 40000), Refused(414)),
        ("a long field", get(fields=("Host: a", "X: " + "x" * 40000)), long),
        ("many fields", get(fields=("Host: a", *["X: y"] * 3000)), long),
        ("many empty lines", "\r\n" * 1000 + get(), SERVED),
        # The library has no room for the arguments and forgets to say so.
        ("many arguments", get("{good}?" + "&".join("a%d" % i for i in range(3000))), Silence)))


# --- paths ---

def test_paths(env):
    """What is decoded is decoded once, segment by segment, and never moves a segment's borders."""
    users = API + "/users/"
    with siege(env) as server:
        for surface in surfaces(server):
            base = surface.good.rpartition("/")[0]
            fields = bearer("writer") if surface.secret else ()
            last = surface.good[len(base) + 1:]
            for path in (surface.good + "%00", surface.good + "/", surface.good + "%2f", "/api%2fv1%2f" + last,
                         base + "/./" + last, base + "/x/../" + last, base + "/x/%2e%2e/" + last, surface.good + "%zz",
                         surface.good + "#x", "/" + surface.good, base + "/%c0%af", base + "/%ff",
                         surface.good[:-1] + "%%%02x" % ord(surface.good[-1])):
                answer = ask(surface.target, "GET", path, fields=fields)
                answer.expect(404, None if surface.health else "not_found")
        for path, status, reason in (
                ("..", 400, "invalid_address"), ("%2e%2e", 400, "invalid_address"), ("%00", 400, "invalid_address"),
                ("a%zz@example.com", 400, "invalid_address"), ("alice%4@example.com", 400, "invalid_address"),
                ("alice@example.com%00", 400, "invalid_address"), ("alice@example.com%0a", 400, "invalid_address"),
                ("alice@%ff", 400, "invalid_address"), ("alice%00@example.com", 404, "aor_unknown"),
                ("alice@example.com%2fbindings", 404, "aor_unknown"), ("%c1%a1lice@example.com", 404, "aor_unknown"),
                ("%ff%fe@example.com", 404, "aor_unknown"), ("%2561lice@example.com", 200, None),
                ("'%20or%20''='@example.com", 404, "aor_unknown"), ("%25" * 5000 + "@example.com", 400, "invalid_address")):
            for method in ("GET", "DELETE") if status != 200 else ("GET",):
                ask(server.admin_tcp, method, users + path, fields=bearer("writer")).expect(status, reason)


# --- bodies ---

def test_bodies_that_cannot_be_read(env):
    """And what stood in them is not repeated: it may be a password."""
    bodies = ("", "{", "[]", '"x"', "1", "null", '{"password":"hunter2"', '{"username":"a","username":"b"}', b"\xff{}",
              '{"username":"a\\u0000"}', "{" * 5000, '{"a":' * 100000, "[" * 100000 + "]" * 100000, MALLORY + "x", MALLORY + MALLORY,
              MALLORY + "\0", b"\xef\xbb\xbf" + MALLORY.encode(), MALLORY.encode("utf-16"), MALLORY.replace('"p"', "'p'"),
              MALLORY.replace("}", ",}"), "// x\n" + MALLORY, MALLORY.replace('"p"', "1e999"), MALLORY.replace('"p"', "9" * 40),
              MALLORY.replace('"p"', "NaN"), MALLORY.replace('"p"', "01"), MALLORY.replace('"p"', '"\\ud800"'),
              MALLORY.replace('"p"', '"\n"'), *(MALLORY.encode().replace(b'"p"', b'"%s"' % bad) for bad in
                                                (b"\xc0\xaf", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\xe2\x82", b"\x80")))
    with siege(env) as server:
        for target, fields in ((server.socket, ()), (server.admin_tcp, bearer("writer"))):
            connection = Http(target)
            for body in bodies:
                answer = connection.ask("POST", API + "/users", body, fields).expect(400, "invalid_body")
                true(b"hunter2" not in answer.body, "the body is repeated: %r" % answer.body)
            connection.close()
        for path, method in (("/users:batch", "POST"), ("/bans", "POST"), ("/log-level", "PUT"), ("/users/alice@example.com", "PATCH"),
                             ("/drain", "POST"), ("/reload", "POST")):
            for body in ("{", "[]", b"\xff", MALLORY + "x"):
                api(server, method, path, body).expect(400, "invalid_body")
        true("hunter2" not in server.log, "the body is in the log")


def test_fields_of_bodies(env):
    """The field that is no good is named."""
    mallory = json.loads(MALLORY)
    deep = json.loads("[" * 900 + "]" * 900)
    cases = [("POST", "/users", {**mallory, **change}, next(iter(change))) for change in (
        {"nickname": "m"}, {"": 1}, {"Username": "m"}, {"username": 7}, {"username": None}, {"username": ["m"]},
        {"username": "m" * 257}, {"username": "%zz"}, {"username": "a@b"}, {"password": 7}, {"password": ""}, {"password": deep},
        {"password": "p" * 257}, {"login": {}}, {"enabled": 1}, {"enabled": "true"}, {"max_contacts": 0}, {"max_contacts": -1},
        {"max_contacts": 1.0}, {"max_contacts": 1e300}, {"max_contacts": 2 ** 62}, {"max_contacts": "3"}, {"max_contacts": True},
        {"display_name": 5}, {"may_register": []}, {"may_register": "all"}, {"may_register": [1]}, {"may_register": {"a": 1}})]
    cases += [("PATCH", "/users/alice@example.com", {field: 1}, field) for field in ("username", "domain", "login", "x", "enabled")]
    cases += [("POST", "/bans", body, field) for body, field in (
        ({"cidr": 1, "for": 1}, "cidr"), ({"cidr": "x", "for": 1}, "cidr"), ({"cidr": "192.0.2.1", "for": "1"}, "for"),
        ({"cidr": "192.0.2.1", "for": 2 ** 62}, "for"), ({"cidr": "192.0.2.1", "for": 1.5}, "for"), ({"cidr": "192.0.2.1"}, "for"),
        ({"cidr": "192.0.2.1", "for": 1, "x": 1}, "x"), ({"cidr": "192.0.2.1", "for": 1, "comment": 1}, "comment"))]
    cases += [("PUT", "/log-level", {"level": "loud"}, "level"), ("PUT", "/log-level", {"level": 1}, "level"),
              ("PUT", "/log-level", {"level": "debug", "for": "1"}, "for"), ("PUT", "/log-level", {"level": "debug", "x": 1}, "x"),
              ("POST", "/drain", {"now": 1}, "now"), ("POST", "/drain", {"later": True}, "later"), ("POST", "/reload", {"x": 1}, "x"),
              ("POST", "/config:check", {"x": 1}, "x"), ("DELETE", "/drain", {"x": 1}, "x")]
    with siege(env) as server:
        for method, path, body, field in cases:
            problem = api(server, method, path, body).expect(400, "invalid_field").json
            equal(problem["field"], field, "field of %s %s %.100s" % (method, path, body))
        for domain in (7, None, "", "evil.example"):
            api(server, "POST", "/users", {**mallory, "domain": domain}).expect(422, "domain_not_served")
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/jsonx",
                     "application/json, text/plain", "text/json", "json"):
            api(server, "POST", "/users", MALLORY, fields=[("Content-Type", kind)]).expect(415, "body_unsupported")
        for kind in ("image/png", "application/json;q=0", "text/html, image/*"):
            api(server, "GET", "/stats", fields=[("Accept", kind)]).expect(406, "not_acceptable")
        equal((server.database.query("select 1 from ban"), server.health()[0]), ([], 200), "bans, and readiness")


@not_under_valgrind("requests take longer than the deadline of this test")
def test_body_has_a_limit(env):
    with siege(env) as server:
        connection = Http(server.socket)
        connection.send("POST /api/v1/users:batch HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (BODY_MAX + 1))
        connection.receive().expect(413, "too_large")
        true(connection.closed(), "the connection stays open")
        connection = Http(server.socket)
        connection.send("POST /api/v1/users:batch HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(65):
            connection.send(b"10000\r\n" + b" " * 65536 + b"\r\n")
        connection.send("0\r\n\r\n")
        connection.receive().expect(413, "too_large")
        api(server, "POST", "/users:batch", b'{"users":[]' + b" " * (BODY_MAX - 12) + b"}").expect(200)


# --- who asks ---

def test_tokens_that_are_none(env):
    with siege(env) as server:
        for value in (None, "", "Bearer", "Bearer ", "Bearer\t", "bearer", "Bearer  x", "Bearer Writer", "Bearer writer x",
                      "Bearer writer,", "Bearer \"writer\"", "Bearer=writer", "Bearerwriter", "writer", "Basic writer",
                      "Basic d3JpdGVyOg==", "Token writer",
                      "Bearer wr\xefter", "Bearer " + "w" * 20000, "Bearer writer, Bearer writer",
                      "Bearer b93006774cbdd4b299389a03ac3d88c3a76b460d538795bc12718011a909fba5"):
            fields = () if value is None else [("Authorization", value)]
            for method, path in (("GET", "/stats"), ("GET", "/nothing"), ("POST", "/users"), ("BREW", "/stats")):
                body = MALLORY if method == "POST" else None
                answer = ask(server.admin_tcp, method, API + path, body, fields).expect(401, "unauthorized")
                equal((answer.get("www-authenticate"), answer.get("connection")), ("Bearer", "close"), "fields of %r" % value)
        for path in ("/stats?token=writer", "/stats?access_token=writer"):
            ask(server.admin_tcp, "GET", API + path).expect(401, "unauthorized")
        ask(server.admin_tcp, "GET", API + "/stats", fields=bearer(" writer ")).expect(200)
        ask(server.admin_tcp, "GET", API + "/stats", fields=[("AUTHORIZATION", "bEARER writer")]).expect(200)


def test_roles_of_every_path(env):
    """Everything of role admin that the document of the API names is refused to a token of role read, and to none."""
    with open(os.path.join(ROOT, "src/admin/openapi.json")) as file:
        paths = json.load(file)["paths"]
    names = {"{aor}": "alice@example.com", "{id}": "1", "{cidr}": "192.0.2.1"}
    counts = {"read": 0, "admin": 0}
    with siege(env) as server:
        for path, operations in paths.items():
            for method, operation in operations.items():
                where = API + re.sub(r"{\w+}", lambda m: names[m.group()], path)
                ask(server.admin_tcp, method.upper(), where).expect(401, "unauthorized")
                counts[operation["x-role"]] += 1
                if operation["x-role"] == "admin":
                    for body in (None, "{}", "{"):
                        ask(server.admin_tcp, method.upper(), where, body, bearer("reader")).expect(403, "forbidden")
                else:
                    true(ask(server.admin_tcp, "HEAD", where, fields=bearer("reader")).status in (200, 404), "HEAD " + where)
        equal(server.health()[0], 200, "readiness")
    true(min(counts.values()) > 5, "operations: %s" % counts)


# --- connections ---

def test_connection_goes_on_after_answers(env):
    with siege(env) as server:
        connection = Http(server.socket)
        for _ in range(3):
            connection.ask("GET", API + "/stats").expect(200)
            connection.ask("GET", API + "/users/nobody@example.com").expect(404)
            connection.ask("POST", API + "/users", "{").expect(400)
        connection.close()
        for path in ("/livez", "/readyz"):  # HAProxy has no Host
            ask(("127.0.0.1", server.health_port), "OPTIONS", path, version="1.0").expect(200)
        ask(server.admin_tcp, "GET", API + "/stats", fields=bearer("reader"), version="1.0").expect(200)


def test_slow_clients_take_no_place_for_ever(env):
    """With every connection taken by somebody who says nothing, others wait only until they are sent away."""
    server = env.start({"admin": {"max_connections": 4, "request_timeout": "1s"}})
    idle = [Http(server.socket) for _ in range(4)]
    idle[0].send("GET /api/v1/sta")
    equal(api(server, "GET", "/stats").status, 200, "status behind four who wait")
    for connection in idle:
        true(connection.closed(), "an idle connection stays")
    equal(server.health()[0], 200, "readiness")


def left_over(connection):
    """What had come when a connection ended between a look at it and the next piece."""
    received = b""
    try:
        while data := connection.recv(65536):
            received += data
    except OSError:
        pass
    return received


def drip(target, octets, pieces, pause):
    """octets at once, then the pieces one by one, until the connection ends: how long it lived, and what came."""
    connection, began, received = Http(target, pause), time.monotonic(), b""
    try:
        connection.send(octets)
        for piece in pieces:
            try:
                data = connection.socket.recv(65536)
                received += data
                if not data:
                    break
            except socket.timeout:
                connection.send(piece)
        else:
            return None, received
    except OSError:
        received += left_over(connection.socket)
    finally:
        connection.close()
    return time.monotonic() - began, received


def test_deadlines(env):
    """admin.request_timeout (1 s here) is for a head as a whole, and for each 64 kB of a body; octets now and then do not
    help. Who began a body hears 408; without a whole head the connection just ends."""
    start = "{write} HTTP/1.1\r\nHost: a\r\n{auth}"
    forever = [b"x"] * 200
    drips = (("nothing", "", [b""] * 200),
             ("TLS", "\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03" + "x" * 600, [b""] * 200),
             ("a line", "", [b"G"] * 200), ("fields", start, [b"X: y\r\n"] * 200),
             ("empty lines", "", [b"\r\n"] * 200),
             ("a body", start + "Content-Length: 1000\r\n\r\n", forever),
             ("a chunk", start + "Transfer-Encoding: chunked\r\n\r\n1000\r\n", forever),
             ("small chunks", start + "Transfer-Encoding: chunked\r\n\r\n", [b"1\r\nx\r\n"] * 200),
             ("an expected body", start + "Content-Length: 1000\r\nExpect: 100-continue\r\n\r\n", [b""] * 200),
             ("trailers", start + "Transfer-Encoding: chunked\r\n\r\n0\r\n", [b"X: y\r\n"] * 200),
             ("the next head", LAST.replace("Connection: close\r\n\r\n", "\r\nGET /"), forever))

    def one(name, octets, pieces, surface):
        lived, received = drip(surface.target, surface.fill(octets), pieces, 0.1)
        what = "%s on %s" % (name, surface.name)
        true(lived is not None, what + " goes on for ever")
        true(0.9 < lived < 10, "%s: %.1f s" % (what, lived))
        answers = re.findall(rb"HTTP/1\.1 (\d{3})", received)
        wanted = {"an expected body": [b"100", b"408"], "the next head": [b"200"]}
        equal(answers, wanted.get(name, [b"408"] if "body" in name or "chunk" in name or name == "trailers" else []), what)
        if answers[-1:] == [b"408"]:
            problem = json.loads(received.rpartition(b"\r\n\r\n")[2])
            equal((problem["status"], problem["reason"]), (408, "too_slow"), what)

    def paced(surface):
        octets = "GET {good} HTTP/1.1\r\nHost: a\r\n{auth}Connection: close\r\nContent-Length: %d\r\n\r\n" % (5 * 80000)
        for _ in range(5):  # a machine that stood still has to hurry no less
            lived, received = drip(surface.target, surface.fill(octets), [b"x" * 80000] * 5 + [b""] * 50, 0.3)
            if lived and lived > 1.4 and received.startswith(b"HTTP/1.1 200 "):
                return
        true(False, "a body at a good pace on %s: %s %r" % (surface.name, lived, received[:200]))

    def endless(surface):
        lived, received = drip(surface.target, surface.fill(start + "Transfer-Encoding: chunked\r\n\r\n"),
                               [b"10000\r\n" + b"x" * 65536 + b"\r\n"] * 400, 0.001)
        true(lived is not None and received == b"", "a body without end on %s: %s %r" % (surface.name, lived, received[:200]))

    with siege(env) as server, concurrent.futures.ThreadPoolExecutor(48) as pool:
        jobs = [pool.submit(one, *case, surface) for case in drips for surface in surfaces(server)]
        jobs += [pool.submit(work, surface) for work in (paced, endless) for surface in surfaces(server)]
        for job in jobs:
            job.result()
        api(server, "GET", "/stats").expect(200)
