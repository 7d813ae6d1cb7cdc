"""What a phone may write that others will read: hostile Contacts and header fields all the way to the 200, the database, the
log, the admin API, its CSV and the terminal. Over UDP, TCP and TLS. What is stored comes out as it went in and nowhere
becomes something else; what is refused leaves nothing.
"""
import csv
import io
import json
import os
import re

from harness import covers, equal, true
from harness.attack import AT_ONCE, C1, U1, Unchanged, ask, behind, everywhere, plain_phone, served
from harness.http import ask as http

CONFIGURATION = {"registration": {"max_contacts": 60}}
STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (error|warning|notice|info|debug) [a-z]+(\.[a-z_]+)?( |$)"
QUOTED = r'"(?:[^"\\]|\\.)*"'


# --- refused ---

REFUSED = [
    *("<sip:alice@192.0.2.10>;x=\"%s\"" % chr(octet) for octet in [*range(9), 0x0b, 0x0c, *range(0x0e, 0x20), 0x7f]),
    *("<sip:ali%sce@192.0.2.10>" % c for c in "\0\t\x0b\x1b \"<>\\^`{\x7f"),
    "<sip:alice@192.0.2.10\r>", "<sip:alice@192.0.2.10\n>", C1 + ";x=a\rb", C1 + ";x=\"a\nb\"",
    # a semicolon is missing
    "<sip:alice@192.0.2.10:5062transport=udp>", "<sip:alice@192.0.2.10transport=udp>", "<sip:alice@[2001:db8::1]transport=udp>",
    "<sip:alice@[2001:db8::1]:5060transport=udp>", C1 + "expires=60", C1 + " expires=60", C1 + "q=0.5", C1 + "x",
    C1 + ";x=\"a\"b",
    "<sip:alice@192.0.2.10;lr?>x", "sip:alice@192.0.2.10 x=1", C1 + ";expires=60 q=0.5",
    # brackets and quotes
    "<" + C1 + ">", C1 + ">", "<<sip:alice@192.0.2.10>", "<sip:alice@192.0.2.10", "sip:alice@192.0.2.10>", "<>", "<sip:>", "<;>",
    '"alice <sip:alice@192.0.2.10>', '"alice\\" <sip:alice@192.0.2.10>', 'ali"ce <sip:alice@192.0.2.10>',
    '"a" "b" <sip:alice@192.0.2.10>', C1 + ';x="', C1 + ';x="\\"', "<sip:al<ice@192.0.2.10>", "<sip:alice@192.0.2.10;a=<b>>",
    # grammar
    C1 + ";", C1 + ";;", C1 + ";=x", C1 + ";x=", C1 + ";x==y", C1 + ";x;x", C1 + ",", "," + C1, C1 + ",," + C1, "* ,", "**",
    "*;q=1",
    C1 + " (a comment)", "<sip:alice@-.example>", "<sip:alice@a..b>", "<sip:alice@192.0.2.256>", "<sip:alice@[2001:db8::1>",
    "<sip:alice@[::1]]>", "<sip:alice@192.0.2.10:99999999999999999999>", "<sip:alice@192.0.2.10:-1>",
    "<sip:alice@192.0.2.10:0x50>",
    "<sip:alice@192.0.2.10;transport=udp;transport=tcp>", "<sip:alice@192.0.2.10?a>", "<sip:a@b@c>", "<sip:%@192.0.2.10>",
    "<sip:%0@192.0.2.10>", "<sip:%zz@192.0.2.10>", "<javascript alert(1)>", "<>;x", "alice", "",
]


@everywhere
@covers("REG-DB-3", "SEC-26.1-1", "SEC-4475-1")
def contacts_that_are_refused(env, transport):
    """400, before anybody is asked who he is and behind it alike; nothing of them is repeated."""
    phone = plain_phone(env.server, transport)
    phone.reg(C1).expect(200)
    with Unchanged(env.server):
        for contact in REFUSED:
            octets = contact.encode("latin-1")
            answer = ask(phone, bytes(phone.register_request(octets, uri="sip:example.com")))
            true(answer is not None, "%r got no answer" % contact)
            true(answer.status == 400, "%r got %d" % (contact, answer.status))
            true(b"Contact:" not in answer.raw, "%r: a Contact in the answer" % contact)
            phone = behind(env.server, phone, octets)
    with Unchanged(env.server):
        for contact in REFUSED[::9]:
            request = phone.authorize(phone.register_request(contact.encode("latin-1")))
            answer = ask(phone, bytes(request))
            true(answer is not None and answer.status == 400, "%r with credentials got %s" % (contact, answer and answer.status))
            phone = behind(env.server, phone, contact.encode("latin-1"))
    equal(list(phone.fetch()), [U1], "contacts")
    served(env.server)


# --- too long ---

@covers("REG-10.3.7-17", "SEC-26.1.5-3")
def test_a_row_stays_short_whatever_its_octets(env):
    """A wrong password has the whole row read: what one customer stores, where an octet may become five, is limited."""
    phone = plain_phone(env.server, "tcp")
    fields = [("Supported", "path"), ("Path", b'"' + 2000 * b"\xc3\x80" + b'" <sip:p@h;lr>')]
    contacts = [b'"' + 1000 * b"\xc3\xbf" + b'" <sip:%d@h>' % n for n in range(9)]
    requests = [phone.authorize(phone.register_request(contact, fields=fields)) for contact in contacts]
    equal([phone.exchange(request).status for request in requests], 3 * [200] + 6 * [403], "answers")
    octets = int(env.server.database.value("select octet_length(bindings) from aor where aor = 'alice@example.com'"))
    true(90000 < octets <= 100000 + 3 * 512, "%d octets are stored" % octets)
    phone.exchange(phone.authorize(phone.register_request(contacts[1], fields=fields))).expect(200)
    served(env.server)


# --- stored ---

def contact_of(n, text="", uri="sip:alice%d@192.0.2.%d"):
    return "<" + uri % (n, n + 1) + ">" + text


STORED = [  # the whole Contact; %s is what makes the URI one of its own
    "<sip:alice%%00%s@192.0.2.1>", "<sip:alice%%0d%%0aContact:%%20x%s@192.0.2.1>", "<sip:a%%22%%3c%%3e%s@192.0.2.1>",
    "<sip:'%%20or%%20'1'='1%s@192.0.2.1>", "<sip:a');drop%%20table%%20aor;--%s@192.0.2.1>", "<sip:=1+1%s@192.0.2.1>",
    "<sip:a%s@192.0.2.1;x=%%0d%%0aVia:%%20evil>", "<sip:a%s@192.0.2.1?Route=%%3Csip:evil.example%%3E&a=%%0d%%0a>",
    "\"=cmd|' /C calc'!A0\" <sip:f%s@192.0.2.1>", "\"a\\\"b\\\\c,d;e<f>g\" <sip:q%s@192.0.2.1>",
    "<sip:x%s@192.0.2.1>;x=\"'; delete from account; --\"", "<sip:x%s@192.0.2.1>;x=\"<script>alert(1)</script>\"",
    "<sip:x%s@192.0.2.1>;x=\"\\\"><img src=x>\"", "<sip:u%s@192.0.2.1>;x=\"\xc3\xa9\xff\xfe\x80\xe2\x80\xae\"",
    "<sip:j%s@192.0.2.1>;x=\"{\\\"u\\\":1}\\\\u0000\"", "<sip:$%s@192.0.2.1>;x=\"${jndi:ldap://x}%%s%%n\"",
    "<tel:+1555%s;x=%%3Cb%%3E>", "<sip:a%s@192.0.2.1>;x=\"a,b\";y=\"c;d\"", "<sip:p:'%%0a%s@192.0.2.1>",
    "<sip:f%s@192.0.2.1>;x=\"a\r\n ;evil=1\"",
]
AGENTS = [b"=1+1", b"+cmd|' /C calc'!A0", b"@SUM(A1)", b"-2+3", b"\"; level=error event=forged", b"a\\", b"\x1b]0;owned\x07",
          b"'; drop table aor; --", b"<script>alert(1)</script>", b"\xff\xfe\xc0\xaf", b"a, \"b\"", b"{}\\u0000", b"%s%n%00",
          b"x\0y,z"]


def uri_of(contact):
    return re.search("<([^>]*)>[^>]*$", contact.replace("<script>alert(1)</script>", "").replace("><img src=x>", "")).group(1)


def log_is_sound(server):
    """Whatever a client says stays inside its quotes: every line is an event of ours, and none of them is made up."""
    with open(server.log_path, "rb") as file:
        lines = file.read().split(b"\n")[:-1]
    for line in lines:
        true(not re.search(rb"[\x00-\x1f\x7f-\xff]", line), "raw octets in the log: %r" % line)
        text = line.decode()
        true(re.match(STAMP, text), "a line that is no event: %r" % text)
        bare = re.sub(QUOTED, '""', text)
        true(bare.count('"') % 2 == 0 and not re.search("forged|evil|drop table|script|=1\\+1", bare),
             "out of its quotes: %r" % text)


def once_each(pairs):
    """An object as a reader sees it who takes the first of two equal keys, or the last."""
    keys = [key for key, _ in pairs]
    equal(sorted(set(keys)), sorted(keys), "keys of an object")
    return dict(pairs)


def json_is_sound(server):
    """Each line is one object of printable ASCII, whose keys are ours; the events in their order."""
    with open(server.log_path, "rb") as file:
        lines = file.read().split(b"\n")
    equal(lines.pop(), b"", "what stands behind the last line")
    events = []
    for line in lines:
        true(re.fullmatch(rb"[\x20-\x7e]+", line), "raw octets in the log: %r" % line)
        event = json.loads(line, object_pairs_hook=once_each)
        true(list(event)[:3] == ["time", "level", "event"], "a line that is no event: %r" % line)
        true(re.fullmatch(r"[a-z]+(\.[a-z_]+)?", event["event"]) and event["event"] != "forged", "an event made up: %r" % line)
        true(all(re.fullmatch("[a-z_0-9]+", key) and key != "evil" for key in event), "a key made up: %r" % line)
        events.append(event["event"])
    return events


def in_json(agent):
    """With a NUL and octets that are no UTF-8 as one mark, which a decoder writes once for some of them or once for each."""
    text = agent.decode("utf-8", "replace") if isinstance(agent, bytes) else agent
    return re.sub("�+", "�", text.replace("\0", "�"))


@everywhere
@covers("REG-DB-3", "SEC-26.1-1")
def contacts_that_are_stored(env, transport):
    server = env.server
    accounts = server.database.query("select * from account order by aor")
    phone = plain_phone(server, transport)
    wanted = {}
    for n, form in enumerate(STORED):
        contact, agent = form % ("%d" % n), AGENTS[n % len(AGENTS)]
        request = phone.register_request(contact.encode("latin-1"), fields=[("User-Agent", agent)])
        phone.exchange(phone.authorize(request), AT_ONCE).expect(200)
        wanted[uri_of(contact.replace("\r\n ", " "))] = (contact, agent)
    answer = phone.reg().expect(200)
    true(not re.search(rb"(?im)^(via: evil|route|evil|contact: x)", answer.raw.replace(b"\r\n", b"\n")),
         "a field that is not ours")
    shown = [line for line in answer.raw.split(b"\r\n") if line.startswith(b"Contact: ")]
    equal(len(shown), len(STORED), "Contacts in the 200")
    text = answer.raw.decode("latin-1")
    for uri, (contact, _) in wanted.items():
        true("<" + uri + ">" in text, "%r is not in the 200" % uri)
    equal({row[0] for row in server.database.query("select contact from binding")}, set(wanted), "URIs in the database")

    items = http(server.socket, "GET", "/api/v1/bindings?user=alice").expect(200).json["items"]
    equal({item["contact"] for item in items}, set(wanted), "URIs in the API")
    for item in items:
        equal(in_json(item["user_agent"]), in_json(wanted[item["contact"]][1]), "agent of %s in the API" % item["contact"])
    raw = http(server.socket, "GET", "/api/v1/bindings", fields=[("Accept", "text/csv")]).expect(200).body.decode()
    rows = list(csv.DictReader(io.StringIO(raw, newline=""), strict=True))
    equal(len(rows), len(STORED), "rows of the CSV")
    for row in rows:
        true(None not in row and None not in row.values(), "a row of another width: %s" % row)
        for value in row.values():
            true(len(value) < 2 or value[0] not in "=+-@\t\r", "a spreadsheet would run %r" % value)
    equal({row["contact"] for row in rows}, set(wanted), "URIs in the CSV")
    true("x\ufffdy,z" in {row["user_agent"] for row in rows}, "the agent with a NUL is not whole in the CSV")
    for options in ((), ("--csv",), ("--json",), ("--ndjson",)):
        for words in (("list",), ("show", "alice@example.com"), ("stats", "--by", "agent")):
            out = server.ctl("binding", *words, *options).stdout
            true(not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", out), "control characters for the terminal: %r" % out[:300])
            true("--json" not in options or len(json.loads(out)) > 0, "no JSON")
            true("x\ufffdy,z" in out or "show" in words and not options, "%s %s cuts the agent at its NUL" % (words, options))
    equal(server.database.query("select * from account order by aor"), accounts, "accounts")
    log_is_sound(server)
    phone.reg("*", expires=0).expect(200)
    equal(phone.fetch(), {}, "what is left")


# --- fields that a log or an answer repeats ---

FORGED = "x\" level=error event=forged reason=\"none"
FIELDS = [
    ("User-Agent", "forged\r\n\tevent=forged"), ("User-Agent", "\x1b[2Jforged\x07"), ("User-Agent", FORGED),
    ("User-Agent", 4000 * "\\\""),
    ("Call-ID", "a\"b\\c"), ("Call-ID", "<script>\"forged"), ("From", "\"forged\\\" event=x\" <sip:alice@example.com>;tag=1"),
    ("From", "\"\\\r\\\n\" <sip:alice@example.com>;tag=1"), ("To", "\"forged\\\x1b\" <sip:alice@example.com>"),
    ("CSeq", "1 REGISTER\x1b"), ("Via", "SIP/2.0/UDP h\x1b;branch=z9hG4bK1"), ("Max-Forwards", "\x1b[31m"),
    ("Require", "path\x1b"), ("Require", "forged\" x"), ("Supported", "\x1b\x07"), ("Content-Type", "forged/\x1b"),
    ("Expires", "\x1b"),
    ("Path", "<sip:evil\x1b.example;lr>"), ("X-Forged\x1b", "x"), ("X\r\nevent=forged", "x"),
]


LOGINS = ("forged\x1b[2J", FORGED.replace('"', '\\"'), "a\\\\", "\\\x01\\\x7f", "u" * 3000, "\r\n event=forged",
          "é\u202e", "{\\\"event\\\":\\\"forged\\\"}", "nul\0forged")


def hostile_fields(server, transport):
    """In every field that a line of the log or an answer may repeat, and in method, Request-URI and log-in."""
    phone = plain_phone(server, transport)

    def send(request):
        nonlocal phone
        ask(phone, bytes(request), 0.3)
        phone = behind(server, phone, b"\r")  # many of these end a stream
    for name, value in FIELDS:
        request = phone.authorize(phone.register_request(C1))
        send(request.set(name, value.encode("latin-1")) if request.get(name) else request.add(name, value.encode("latin-1")))
    for method, uri in (("FORGED\x1b", "sip:example.com"), ("forged\"", "sip:example.com"),
                        ("OPTIONS", "sip:example.com;\x1b=forged"),
                        ("OPTIONS", "sip:forged\"@example.com"), ("OPTIONS", "sip:\xff\xfe@example.com")):
        request = phone.request("OPTIONS", "sip:example.com")
        request.method, request.uri = method.encode("latin-1"), uri.encode("latin-1")
        send(request)
    for n, login in enumerate(LOGINS):  # each from an address of its own: for each of those a line is written at once
        phone = plain_phone(server, transport, bind=("127.99.%d.%d" % (os.getpid() & 255, n + 1), 0))
        request = phone.register_request(C1)
        phone.authorize(request)
        value = request.get("Authorization").replace('username="alice"', 'username="%s"' % login)
        send(request.set("Authorization", value.encode("utf-8")))
    served(server)


@everywhere
@covers("SEC-26.1-1", "AUT-7616-3.4-6")
def nobody_else_writes_the_log(env, transport):
    hostile_fields(env.server, transport)
    log_is_sound(env.server)


@everywhere
@covers("SEC-26.1-1", "AUT-7616-3.4-6")
def nobody_else_writes_the_log_in_json(env, transport):
    server = env.start({"log": {"format": "json", "level": "debug"}})
    hostile_fields(server, transport)
    phone = plain_phone(server, transport)
    for contact in REFUSED[::4]:
        ask(phone, bytes(phone.register_request(contact.encode("latin-1"))), 0.3)
        phone = behind(server, phone, contact.encode("latin-1"))
    true("request.refused" in json_is_sound(server), "no refusal is told")
    told = [json.loads(line)["user"] for line in server.log.splitlines() if '"auth.failed"' in line and '"src":"127.99.' in line]
    true({FORGED, "a\\", "\x01\x7f", " event=forged", '{"event":"forged"}'} <= set(told), "of the log-ins only %s are told" % told)
    equal(len(told), len(LOGINS) - 2, "log-ins told; two are no SIP")
