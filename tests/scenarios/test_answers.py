"""What a UAS answers (requirements, section 8), and what is answered because an extension is not there (section 18)."""
import os
import re
import shutil
import subprocess

from harness import Skip, add_test, covers, equal, true
from harness.digest import challenges

C1 = "<sip:alice@192.0.2.10:5062>"
ALLOW = "REGISTER, OPTIONS, CANCEL, ACK"


# --- methods ---

METHODS = [("INVITE", 405), ("BYE", 405), ("SUBSCRIBE", 405), ("NOTIFY", 405), ("PUBLISH", 405), ("MESSAGE", 405),
           ("INFO", 405), ("REFER", 405), ("UPDATE", 405), ("PRACK", 405), ("NEWMETHOD", 501)]


def refused_method(env, method, status):
    for transport in ("udp", "tcp"):
        phone = env.server.phone(transport)
        answer = phone.exchange(phone.request(method, "sip:alice@example.com", fields=[("Event", "reg"), ("Contact", C1)]))
        equal(answer.expect(status).header("allow"), ALLOW, "Allow")
        equal(answer.all("contact"), [], "Contact of the answer")


for _method, _status in METHODS:
    add_test(globals(), "refuses_" + _method.lower(), lambda env, m=_method, s=_status: refused_method(env, m, s),
             {"SUBSCRIBE": ["EVT-3680-1", "UAS-8.2.1-1"], "NEWMETHOD": ["UAS-8.2.1-2"]}.get(_method, ["UAS-8.2.1-1"]))


@covers("UAS-20.5-1", "UAS-11.2-2", "UAS-11.2-3", "UAS-20.37-1", "UAS-11.2-4", "UAS-20.35-1")
def test_options_says_what_is_understood(env):
    env.server.phone().reg(C1).expect(200)
    answer = env.server.phone().opt(fields=[("Contact", C1)]).expect(200)
    equal([answer.get(n) for n in ("allow", "accept", "accept-encoding", "accept-language", "supported")],
          [ALLOW, "", "identity", "en", "path"], "capabilities")
    equal((answer.body, answer.all("contact")), (b"", []), "body and Contact")
    true(not re.search(r"\d", answer.get("server", "")), "Server shows a version: %r" % answer.get("server"))
    equal(len(env.server.phone().fetch()), 1, "bindings after an OPTIONS with Contact")


@covers("UAS-20.35-1")
def test_the_server_field_is_a_setting(env):
    for value, wanted in (("", None), ("My Registrar/1", "My Registrar/1")):
        equal(env.start({"server": {"server_header": value}}).phone().opt().get("server"), wanted, "Server")


@covers("UAS-11.2-1", "UAS-8.2.2.1-2", "UAS-11-2")
def test_options_never_tells_who_exists(env):
    phone = env.server.phone()
    for uri, status in (("sip:example.com", 200), ("sip:registrar.example.com", 200), ("sip:127.0.0.1", 200),
                        ("sip:alice@example.com", 404), ("sip:nobody@example.com", 404), ("sip:nowhere.example", 404)):
        phone.opt(uri).expect(status)
    request = phone.request("OPTIONS", "sip:nowhere.example").set("Max-Forwards", "0")
    phone.exchange(request).expect(200)


@covers("UAS-8.2.2.1-3", "AUT-22-2", "UAS-8.2.2.3-3")
def test_options_ignores_what_it_needs_not(env):
    phone = env.server.phone()
    phone.opt(to="tel:+1").expect(200)
    phone.opt(fields=[("Authorization", "Digest garbage")]).expect(200)
    phone.opt(fields=[("Proxy-Require", "foo")]).expect(200)


# --- fields of every answer ---

@covers("UAS-8.2.6.2-2", "UAS-12.2.2-1")
def test_to_tags(env):
    phone = env.server.phone()
    for answer in (phone.reg0(C1).expect(401), phone.opt("sip:nowhere.example").expect(404), phone.reg(C1).expect(200)):
        answer.header("to", r";tag=[0-9a-f]{8,}$")
    request = phone.register_request(C1).set("To", "<sip:alice@example.com>;tag=x")
    phone.exchange(request).header("to", r"^<sip:alice@example\.com>;tag=x$")
    registration = phone.authorize(phone.register_request(C1)).set("To", "<sip:alice@example.com>;tag=x")
    phone.exchange(registration).expect(200).header("to", r"^<sip:alice@example\.com>;tag=x$")


@covers("UAS-8.2.6.2-3", "UAS-8.2.7-3")
def test_stateless_answers_repeat_their_tag(env):
    phone = env.server.phone()
    for request, status in ((phone.register_request(C1), 401), (phone.request("OPTIONS", "sip:example.com"), 200),
                            (phone.request("INVITE", "sip:example.com"), 405)):
        tags = {phone.exchange(request).expect(status).get("to") for _ in range(3)}
        equal(len(tags), 1, "number of To fields in answers to one request")


@covers("UAS-19.3-1", "AUT-7616-3.3-2")
def test_tags_and_nonces_are_distinct(env):
    phone, tags, nonces, count = env.server.phone("tcp"), set(), set(), 2000
    for _ in range(count // 50):
        for _ in range(50):
            phone.send(phone.register_request(C1))
        for _ in range(50):
            answer = phone.receive().expect(401)
            tags.add(answer.header("to").partition("tag=")[2])
            nonces.update(c.nonce for c in challenges(answer))
    equal((len(tags), len(nonces)), (count, count), "number of tags and nonces")
    true(all(re.fullmatch(r"[0-9a-f]{8,}", t) and t != phone.tag for t in tags), "form of the tags")
    true(all(re.fullmatch(r"[A-Za-z0-9+/=_-]+", n) for n in nonces), "form of the nonces")


@covers("UAS-8.2.7-1", "AUT-26.3.2.4-1", "TXN-17.2.1-2", "AUT-22.1-3")
def test_stateless_answers_are_sent_once(env):
    phone = env.server.phone()
    phone.exchange(phone.request("INVITE", "sip:example.com")).expect(405)
    phone.exchange(phone.register_request(C1)).expect(401)
    phone.send(phone.request("ACK", "sip:example.com"))
    phone.silence()


@covers("UAS-20-1", "REG-10.3-4", "UAS-20.14-1")
def test_what_is_never_copied(env):
    phone = env.server.phone()
    fields = [("Record-Route", "<sip:p.example;lr>"), ("Subject", "x"), ("Timestamp", "54")]
    answers = [phone.reg0(C1, fields=fields).expect(401), phone.opt("sip:nowhere.example", fields=fields).expect(404),
               phone.reg(C1, fields=fields).expect(200)]
    for answer in answers:
        for name in ("record-route", "authorization", "subject"):
            equal(answer.all(name), [], name)
        equal(answer.get("content-length"), "0", "Content-Length")
    equal([len(a.all("contact")) for a in answers], [0, 0, 1], "Contacts")


@covers("UAS-20.17-1", "REG-10.3.8-4")
def test_date_is_english_in_any_locale(env):
    if shutil.which("localedef") is None or not os.path.exists("/usr/share/i18n/locales/fr_FR"):
        raise Skip("localedef and the sources of fr_FR are not installed")
    locales = os.path.join(env.directory, "locales")
    os.makedirs(locales, exist_ok=True)
    subprocess.run(["localedef", "-i", "fr_FR", "-f", "UTF-8", locales + "/fr_FR.UTF-8"], check=False, capture_output=True)
    # glibc keeps what it has read of LOCPATH, and a leak check would hold that against the daemon
    server = env.make(environment={"LC_ALL": "fr_FR.UTF-8", "LOCPATH": locales, "TZ": "Asia/Tokyo",
                                   "ASAN_OPTIONS": "detect_leaks=0",
                                   "VALGRIND_OPTS": os.environ.get("VALGRIND_OPTS", "") + " --leak-check=no"}).start()
    date = server.phone().reg(C1).expect(200).header("date")
    true(re.fullmatch(r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} "
                      r"\d\d:\d\d:\d\d GMT", date), "Date is %r" % date)
    from email.utils import parsedate_to_datetime
    import time
    true(abs(parsedate_to_datetime(date).timestamp() - time.time()) < 10, "Date is not now: %r" % date)


# --- bodies and options ---

BODIES = [  # name, fields, body, status, {field of the answer: value}
    ("text", [("Content-Type", "text/plain")], b"x", 415, {"accept": ""}),
    ("optional", [("Content-Type", "text/plain"), ("Content-Disposition", "render;handling=optional")], b"x", 200, {}),
    ("gzip", [("Content-Type", "text/plain"), ("Content-Encoding", "gzip")], b"x", 415, {"accept-encoding": "identity"}),
    ("gzip_empty", [("Content-Encoding", "gzip")], b"", 200, {}),
    ("french", [("Content-Type", "text/plain"), ("Content-Language", "fr")], b"x", 415, {"accept-language": "en"}),
]


def body(env, fields, octets, status, wanted):
    phone = env.server.phone()
    answer = phone.exchange(phone.authorize(phone.register_request(C1, fields=fields, body=octets))).expect(status)
    for name, value in wanted.items():
        equal(answer.header(name), value, name)
    equal(len(phone.fetch()), 1 if status == 200 else 0, "bindings")


for _name, _fields, _octets, _status, _wanted in BODIES:
    add_test(globals(), "body_" + _name,
             lambda env, f=_fields, o=_octets, s=_status, w=_wanted: body(env, f, o, s, w),
             ["UAS-8.2.3-2"] if "encoding" in str(_wanted) or "language" in str(_wanted) else ["UAS-8.2.3-1"])

REQUIRED = [("foo, bar", "foo, bar", ["UAS-8.2.2.3-1", "REG-10.3.2-1"]), ("gin", "gin", ["BNC-6140-5.1-1"]),
            ("sec-agree", "sec-agree", ["SAG-3329-1"]), ("path, outbound", "outbound", ["REG-10.3.2-2", "PTH-3327-4-3"]),
            ("outbound", "outbound", ["REG-10.3.2-2"]), ("gruu", "gruu", ["REG-10.3.2-2"]),
            ("pref", "pref", ["REG-10.3.2-2"])]


def required(env, tags, unsupported):
    for method in ("REGISTER", "OPTIONS"):
        phone = env.server.phone()
        answer = phone.exchange(phone.request(method, "sip:example.com", fields=[("Require", tags)])).expect(420)
        equal(answer.header("unsupported"), unsupported, "Unsupported")
        equal(answer.all("www-authenticate"), [], "challenge")


for _tags, _unsupported, _rows in REQUIRED:
    add_test(globals(), "require_" + re.sub(r"\W+", "_", _tags),
             lambda env, t=_tags, u=_unsupported: required(env, t, u), _rows)


@covers("PTH-3327-4-2")
def test_path_means_nothing_outside_register(env):
    for value in ("<sip:p1.example.com;lr>", "sip:no-brackets.example.com"):
        answer = env.server.phone().opt(fields=[("Path", value)]).expect(200)
        equal(answer.all("path"), [], "Path")


@covers("UAS-8.2.4-1", "REG-10.3.2-2", "PAR-20.32-1")
def test_no_extension_is_applied_unasked(env):
    instance = ';+sip.instance="<urn:uuid:00000000-0000-1000-8000-000A95A0E128>"'
    for fields in ([], [("Supported", "GRUU, outbound, PATH")]):
        answer = env.server.phone().reg(C1 + ";reg-id=1" + instance, fields=fields).expect(200)
        contact = answer.contacts[C1.strip("<>")]
        equal((contact.get("reg-id"), "+sip.instance" in contact), ("1", True), "parameters")
        equal([n for n in contact if "gruu" in n], [], "gruu parameters")
        for name in ("require", "path", "service-route", "flow-timer"):
            equal(answer.all(name), [], name)


@covers("BNC-6140-5.1-1")
def test_bnc_is_an_ordinary_parameter(env):
    answer = env.server.phone().reg("<sip:192.0.2.10;bnc>").expect(200)
    equal(list(answer.contacts), ["sip:192.0.2.10;bnc"], "contacts")


@covers("SAG-3329-1")
def test_security_agreement_is_ignored(env):
    fields = [("Security-Client", "tls;q=0.1"), ("Security-Verify", ";;nonsense")]
    answer = env.server.phone().reg(C1, fields=fields).expect(200)
    equal(answer.all("security-server"), [], "Security-Server")


@covers("BRR-8898-2.2-1", "AUT-22-1", "AUT-22.3-2")
def test_other_schemes_get_digest(env):
    phone = env.server.phone()
    for credentials in ("Bearer abcdef", "Basic YWxpY2U6czNjcmV0IFBhNTV3b3JkIQ==", "Other x=y"):
        answer = phone.reg0(C1, fields=[("Authorization", credentials)]).expect(401)
        equal([c.scheme for c in challenges(answer)], ["Digest", "Digest"], "schemes for " + credentials)
    equal(phone.fetch(), {}, "bindings")


@covers("OVL-4-1", "TRN-18.2.1-6")
def test_via_parameters_of_others_are_echoed(env):
    for transport in ("udp", "tcp"):
        phone = env.server.phone(transport)
        request = phone.request("OPTIONS", "sip:example.com")
        extra = ';oc;oc-algo="loss,A";alias;keep;foo=bar'
        answer = phone.exchange(request.set("Via", request.get("Via").replace(";rport", extra))).expect(200)
        true(answer.header("via").startswith(request.get("Via")), "Via came back as %r" % answer.get("via"))


@covers("UAS-8.2.4-2", "UAS-21-1", "REG-10.3-2", "TXN-4320-1")
def test_codes_that_are_never_sent(env):
    """The parser of the harness refuses every status that the server has no reason for, in every scenario; here is a
    run over everything that could tempt it: 1xx to others than slow REGISTERs, 407, 408, 421, 483, 494, 6xx."""
    phone, seen = env.server.phone(), set()
    tempting = [("Supported", "sec-agree, gruu, outbound"), ("Max-Forwards", "0"), ("Proxy-Require", "sec-agree"),
                ("Accept", "text/none"), ("Reply-To", "<sip:x@nowhere.example>"), ("Priority", "emergency")]
    for method in ("REGISTER", "OPTIONS", "INVITE", "BYE", "CANCEL", "SUBSCRIBE", "UNHEARDOF"):
        for uri in ("sip:example.com", "sip:alice@example.com", "sip:nobody@example.com", "sip:nowhere.example", "tel:+1"):
            for name, value in tempting:
                request = phone.request(method, uri).set(name, value)
                phone.send(request)
                raw = phone.wire.receive()
                seen.add(int(raw[8:11]))
    phone.silence(0.5)
    true(seen <= {200, 401, 404, 405, 416, 481, 501}, "statuses seen: %s" % sorted(seen))
