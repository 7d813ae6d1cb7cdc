"""Messages as they come: spellings that mean the same, faults, and the limits at the cap and one over it.

The rows of REGISTER are sent with valid credentials over UDP and TCP, so that 200 means "understood", not "challenged".
"""
import re

from harness import Failure, add_test, covers, equal, true
from harness.digest import authorization
from harness.message import branch, parse_response

C1, C2 = "<sip:alice@192.0.2.10:5062>", "<sip:alice@192.0.2.11:5062>"
U1, U2 = C1.strip("<>"), C2.strip("<>")
STREAMS = ("udp", "tcp")


def ask(phone, octets, timeout=8.0):
    """Octets as they are; their one answer, or None."""
    phone.wire.send(octets)
    raw = phone.wire.receive(timeout)
    return parse_response(raw) if raw is not None else None


def options(phone, uri="sip:example.com", **how):
    return phone.request("OPTIONS", uri, **how)


# --- the start line ---

START_LINES = [  # line, status; silence is None
    (b"OPTIONS sip:example.com sip/2.0", 200, ["PAR-7.1-4"]),
    (b"OPTIONS sip:example.com SIP/2.00", 505, ["PAR-7.1-5"]),
    (b"OPTIONS sip:example.com SIP/02.0", 505, ["PAR-7.1-5"]),
    (b"OPTIONS sip:example.com SIP/3.0", 505, ["PAR-7.1-5"]),
    (b"OPTIONS  sip:example.com SIP/2.0", 400, ["PAR-7.1-1"]),
    (b"OPTIONS sip:example.com SIP/2.0 ", 400, ["PAR-7.1-1"]),
    (b"OPTIONS sip:example.com\tSIP/2.0", 400, ["PAR-7.1-1"]),
    (b"OPTIONS <sip:example.com> SIP/2.0", 400, ["PAR-7.1-3"]),
    (b"OPTIONS sip:exam\x01ple.com SIP/2.0", 400, ["PAR-7.1-3", "URI-19.1.2-1"]),
    (b"OPTIONS sip:ex%61mple.com SIP/2.0", 400, ["URI-19.1.2-4"]),
    (b"OPTIONS SIP:example.com SIP/2.0", 200, ["URI-19.1.1-4"]),
    (b"OPTIONS sip:bob@444.555.666.777 SIP/2.0", 400, ["URI-25-1"]),
    (b"OPTIONS sip:nowhere.example SIP/2.0", 404, ["UAS-8.2.2.1-2"]),
    (b"OPTIONS http://example.com/ SIP/2.0", 416, ["UAS-8.2.2.1-1"]),
    (b"OPTIONS sip:example.com?a=b SIP/2.0", 400, ["URI-19.1.1-9"]),
]


def start_line(env, line, status):
    request = bytes(options(env.server.phone()))
    answer = ask(env.server.phone(), line + request[request.index(b"\r\n"):])
    true(answer is not None, "no answer to %r" % line)
    answer.expect(status)
    true(answer.raw.startswith(b"SIP/2.0 "), "version of the answer")


for _n, (_line, _status, _rows) in enumerate(START_LINES):
    add_test(globals(), "start_line_%d" % (_n + 1), lambda env, l=_line, s=_status: start_line(env, l, s), _rows)


@covers("PAR-7.1-6")
def test_methods_have_case(env):
    phone = env.server.phone()
    phone.exchange(phone.request("register", "sip:example.com")).expect(501).header("allow")


@covers("PAR-7-1")
def test_the_empty_line_is_required(env):
    phone = env.server.phone()
    whole = bytes(options(phone))
    ask(phone, whole[:-2]).expect(400)
    ask(phone, whole).expect(200)


@covers("PAR-7.1-2")
def test_bare_line_feeds_are_never_lines(env):
    phone = env.server.phone()
    answer = ask(phone, bytes(options(phone)).replace(b"\r\n", b"\n"), 2.0)
    true(answer is None or answer.status == 400, "answered %s" % (answer and answer.status))
    for bad in (b"Subject: a\rb", b"Subject: a\nb"):
        ask(phone, bytes(options(phone)).replace(b"\r\nCall-ID", b"\r\n" + bad + b"\r\nCall-ID")).expect(400)


@covers("PAR-7.3.1-2")
def test_a_fold_before_the_first_field_is_a_fault(env):
    phone = env.server.phone()
    ask(phone, bytes(options(phone)).replace(b"\r\nVia:", b"\r\n Via:", 1), 2.0)
    request = bytes(options(phone)).replace(b"\r\nVia:", b"\r\n x\r\nVia:", 1)
    ask(phone, request).expect(400)


@covers("PAR-7.2-1")
def test_responses_are_never_answered(env):
    phone = env.server.phone()
    request = bytes(options(phone))
    for line in (b"SIP/2.0 200 OK", b"SIP/2.0 99999999999999999999 x", b"SIP/2.0 1", b"sip/9 200 OK"):
        phone.wire.send(line + request[request.index(b"\r\n"):])
    phone.silence(1.0)
    ask(phone, bytes(options(phone))).expect(200)


@covers("PAR-7.5-1", "OUT-5.4-1")
def test_line_ends_before_a_message(env):
    udp, tcp = env.server.phone(), env.server.phone("tcp")
    ask(udp, b"\r\n\r\n" + bytes(options(udp))).expect(200)
    tcp.wire.send(b"\r\n\r\n\r\n" + bytes(options(tcp)))
    equal(tcp.wire.octets(2), b"\r\n", "pong")
    raw = tcp.wire.receive()
    true(raw is not None and raw.startswith(b"SIP/2.0 200 "), "not just one pong before the answer")


# --- one REGISTER in many spellings: the change to the message, and what must come of it ---

def compact(request):
    short = {"Via": "v", "From": "f", "To": "t", "Call-ID": "i", "Contact": "m", "Content-Length": "l"}
    request.fields = [(short.get(n, n), v) for n, v in request.fields]


def field(name, value):
    return lambda request: request.fields.insert(3, (name, value))


def replace(name, *values):
    return lambda request: request.set(name, *values)


def body(*fields, data=b"x"):
    def change(request):
        request.body = data
        request.set("Content-Length", str(len(data)))
        for pair in fields:
            request.fields.insert(3, pair)
    return change


def chunked(request):
    body(("Transfer-Encoding", "chunked"), ("Content-Type", "text/plain"),
         ("Content-Disposition", "render;handling=optional"), data=b"5\r\nhello\r\n0\r\n\r\n")(request)


REGISTERS = [  # name, change, status, rows
    ("compact_names", compact, 200, ["PAR-7.3.3-1"]),
    ("no_space_after_the_colon", replace("Content-Length", "0"), 200, []),
    ("unknown_field", field("UnknownHeader", ";;,,;;,;"), 200, ["PAR-8.2.2-1"]),
    ("bad_date", field("Date", "Fri, 01 Jan 2010 16:00:00 EST"), 200, ["PAR-8.2.2-2"]),
    ("agent_not_utf8", field("User-Agent", b"\xff\xfe"), 200, ["PAR-7-3"]),
    ("session_expires_of_a_stranger", field("x", "90"), 200, ["PAR-7.3.3-2"]),
    ("all_letters_of_strangers", lambda r: [field(c, ";;,")(r) for c in "abdjnoruxy"], 200, ["PAR-7.3.3-2"]),
    ("min_expires_in_a_request", field("Min-Expires", "9999"), 200, ["PAR-7.3.2-1"]),
    ("www_authenticate_in_a_request", field("WWW-Authenticate", "nonsense"), 200, ["PAR-7.3.2-1"]),
    ("no_colon", lambda r: r.fields.insert(3, ("Foobar roobar", "")), 400, ["PAR-25-1"]),
    ("escape_in_a_field_name", field("C%6Fntact", "nonsense"), 200, ["PAR-25-1"]),
    ("empty_supported", field("Supported", ""), 200, ["PAR-25-4"]),
    ("empty_require", field("Require", ""), 400, ["PAR-25-4"]),
    ("expires_twice", lambda r: [field("Expires", "60")(r), field("Expires", "60")(r)], 400, ["PAR-7.3.1-7"]),
    ("call_id_twice", lambda r: r.add("Call-ID", r.get("Call-ID")), 400, ["PAR-7.3.1-7"]),
    ("contact_parameter_twice", replace("Contact", C1 + ";expires=60;expires=90"), 400, ["PAR-7.3.1-6"]),
    ("separators_in_quotes", replace("Contact", '"a,b;c" <sip:a,b;c@192.0.2.1>'), 200, ["PAR-7.3.1-8"]),
    ("q_too_high", replace("Contact", C1 + ";q=1.5"), 400, ["PAR-20.10-5"]),
    ("q_with_a_leading_dot", replace("Contact", C1 + ";q=.5"), 200, ["PAR-20.10-5"]),
    ("star_with_a_parameter", lambda r: (r.set("Contact", "*;expires=0"), r.add("Expires", "0")), 400, ["PAR-20.10-4"]),
    ("max_forwards_0", replace("Max-Forwards", "0"), 200, ["PAR-8.1.1.6-1"]),
    ("max_forwards_nonsense", replace("Max-Forwards", "many"), 200, ["PAR-8.1.1.6-1"]),
    ("max_forwards_absent", replace("Max-Forwards"), 200, ["PAR-8.1.1.6-1"]),
    ("from_without_tag", replace("From", "<sip:alice@example.com>"), 200, ["PAR-20.20-1"]),
    ("to_with_a_control_octet_in_quotes", replace("To", '"BEL:\\\x07" <sip:alice@example.com>'), 200, ["PAR-25-2"]),
    ("call_id_with_parentheses", replace("Call-ID", "a(b@c"), 200, ["PAR-25-3"]),
    ("cseq_with_leading_zeros", replace("CSeq", "0009 REGISTER"), 200, ["PAR-20.16-1"]),
    ("cseq_too_large", replace("CSeq", "4294967296 REGISTER"), 400, ["PAR-20.16-1"]),
    ("cseq_of_another_method", replace("CSeq", "9 OPTIONS"), 400, ["PAR-20.16-2"]),
    ("body_without_type", body(), 400, ["PAR-20.15-1"]),
    ("type_without_body", field("Content-Type", "audio/x"), 200, ["PAR-20.15-1"]),
    ("chunked_coding", chunked, 200, ["PAR-7.4-1"]),
    ("two_at_signs", replace("Contact", "<sip:a@b@example.com>"), 400, ["URI-19.1.1-1"]),
    ("empty_user", replace("Contact", "<sip:@192.0.2.1>"), 400, ["URI-19.1.1-3"]),
    ("empty_port", replace("Contact", "<sip:a@192.0.2.1:>"), 400, ["URI-19.1.1-5"]),
    ("port_70000", replace("Contact", "<sip:a@192.0.2.1:70000>"), 400, ["URI-19.1.1-5"]),
    ("uri_parameter_twice", replace("Contact", "<sip:a@h.example;x=1;x=2>"), 400, ["URI-19.1.1-6"]),
    ("space_in_a_uri", replace("Contact", "<sip:al ice@h.example>"), 400, ["URI-19.1.2-1"]),
    ("half_an_escape", replace("Contact", "<sip:a%4@h.example>"), 400, ["URI-19.1.2-2"]),
    ("tel", replace("Contact", "<tel:+358-555-1234567;postd=pp22>"), 200, ["URI-25-5"]),
    ("route", field("Route", "<sip:example.com;lr>"), 200, ["UAS-20.34-1"]),
]


def register(env, change, status):
    for transport in STREAMS:
        phone = env.server.phone(transport)
        before = phone.fetch()
        request = phone.register_request(C1, uri="sip:example.com")
        phone.authorize(request)
        change(request)
        answer = ask(phone, bytes(request))
        true(answer is not None, "no answer over " + transport)
        answer.expect(status)
        if status == 200:
            equal(len(answer.contacts), 1, "number of bindings")
            equal(answer.get("cseq"), request.get("CSeq"), "CSeq")
            equal(answer.get("call-id"), request.get("Call-ID") or request.get("i"), "Call-ID")
        else:
            equal(env.server.phone().fetch(), before, "bindings after a refusal")
        env.server.database.clear_bindings()


for _name, _change, _status, _rows in REGISTERS:
    add_test(globals(), "register_" + _name, lambda env, c=_change, s=_status: register(env, c, s), _rows)


@covers("PAR-7.3.1-2")
def test_authorization_folded_after_each_comma(env):
    phone = env.server.phone()
    request = phone.authorize(phone.register_request(C1))
    request.set("Authorization", request.get("Authorization").replace(", ", ",\r\n\t "))
    request.set("CSeq", request.get("CSeq").replace(" ", "\r\n "))
    phone.exchange(request).expect(200)


@covers("PAR-7.3.1-3")
def test_rows_and_commas_mean_the_same(env):
    phone, contacts = env.server.phone(), []
    for fields in ([("Contact", C1 + ", " + C2)], [("Contact", C1), ("Contact", C2)], [("Contact", C1), ("m", C2)]):
        contacts.append(list(phone.exchange(phone.authorize(phone.register_request(fields=fields))).expect(200).contacts))
        env.server.database.clear_bindings()
    equal(contacts, [[U1, U2]] * 3, "contacts")


@covers("PAR-7.3.1-4", "AUT-22.3-1")
def test_the_row_of_our_realm_is_used(env):
    phone = env.server.phone()
    request = phone.authorize(phone.register_request(C1))
    ours = request.get("Authorization")
    request.set("Authorization", ours.replace('realm="example.com"', 'realm="a.example"'), ours,
                ours.replace("SHA-256", "MD5"))
    phone.exchange(request).expect(200)


@covers("PAR-7.3.1-5", "TRN-3581-2", "UAS-8.2.6.2-1")
def test_vias_come_back_as_they_were(env):
    for transport in STREAMS:
        phone = env.server.phone(transport)
        request = options(phone)
        top = request.get("Via")
        lower = ["SIP / 2.0 / TLS  p2.example.net : 5061 ; branch=z9hG4bKx;foo=\"a;b,c\"",
                 "SIP/2.0/UDP [2001:db8::7];received=2001:DB8::7;branch=z9hG4bKy, SIP/2.0/SCTP p4.example"]
        request.fields = [("Via", top), ("Subject", "x"), ("v", lower[0])] + request.fields[1:] + [("VIA", lower[1])]
        vias = ask(phone, bytes(request)).expect(200).all("via")
        true(vias[0].startswith(top.split(";rport")[0]), "top Via is %r" % vias[0])
        flat = [re.sub(r"\s*([/:;])\s*", r"\1", v) for v in ", ".join(vias[1:]).split(", ")]
        wanted = [re.sub(r"\s*([/:;])\s*", r"\1", v) for v in ", ".join(lower).split(", ")]
        equal(flat, wanted, "lower Vias")


@covers("PAR-7.3-1")
def test_names_compare_without_case(env):
    phone = env.server.phone()
    phone.reg(C1 + ";expires=600").expect(200)
    request = phone.register_request(fields=[("CONTACT", C1 + ";ExPiReS=700")])
    equal(phone.exchange(phone.authorize(request)).expect(200).contacts[U1]["expires"], "700", "expires")


@covers("PAR-25-5", "REG-10.3.8-5")
def test_parameters_with_white_space_come_back(env):
    contact = env.server.phone().reg(C1 + ' ; foo = "x;y" ; bar').expect(200).contacts[U1]
    equal((contact.get("foo"), "bar" in contact), ("x;y", True), "parameters")


@covers("PAR-25-6")
def test_upper_case_hex_is_accepted(env):
    phone = env.server.phone()
    challenge = phone.challenge()
    request = phone.register_request(C1)
    lower = authorization(challenge, "alice", phone.password, "REGISTER", request.uri, cnonce="abcdef", nc="0000000a")
    upper = re.sub(r'(response="|nc=)([0-9a-f]+)', lambda m: m.group(1) + m.group(2).upper(), lower)
    # nc is hashed as it is sent
    again = authorization(challenge, "alice", phone.password, "REGISTER", request.uri, cnonce="abcdef", nc="0000000A")
    response = re.search(r'response="([0-9a-f]+)"', again).group(1).upper()
    phone.exchange(request.add("Authorization", re.sub(r'response="[0-9A-F]+"', 'response="%s"' % response, upper))).expect(200)


@covers("PAR-20.19-1", "REG-10.2-3")
def test_malformed_intervals_count_as_an_hour(env):
    phone = env.server.phone()
    for fields, contact, granted in [([("Expires", "Thu, 01 Dec 1994 16:00:00 GMT")], C1, "3600"),
                                     ([], C1 + ";expires=-1", "3600"), ([], C1 + ";expires=\"60\"", "3600"),
                                     ([("Expires", "1" + 100 * "0")], C1, "7200"),
                                     ([], C1 + ";expires=4294967296", "7200")]:
        answer = phone.reg(contact, fields=fields).expect(200)
        equal(answer.contacts[U1]["expires"], granted, "granted for %s %s" % (fields, contact))


@covers("PAR-20.16-1", "REG-10.3.7-11", "REG-DB-2")
def test_cseq_is_a_32_bit_number(env):
    phone = env.server.phone()
    for number, status in ((4294967295, 200), (1, 500)):
        request = phone.register_request(C1).set("CSeq", "%d REGISTER" % number)
        phone.exchange(phone.authorize(request)).expect(status)
    phone.cseq = 4294967294 - 1
    phone.call_id += "other"
    phone.fetch()


@covers("PAR-20.8-1")
def test_call_ids_compare_with_case(env):
    phone = env.server.phone()
    phone.call_id = 'X%<">Y@host'
    phone.cseq = 7
    phone.reg(C1).expect(200)
    phone.call_id, phone.cseq = 'x%<">y@host', 2
    answer = phone.reg(C1).expect(200)
    equal(answer.get("call-id"), phone.call_id, "Call-ID")


@covers("PAR-7-3", "REG-DB-3")
def test_odd_octets_reach_the_database(env):
    phone = env.server.phone()
    request = phone.register_request(fields=[("Contact", b'"\xff\x80\\"" ' + C1.encode() + b';foo="\xfe"'),
                                             ("User-Agent", b"a\xffb")])
    answer = phone.exchange(phone.authorize(request)).expect(200)
    true(b'Contact: "\xff\x80\\"" <' in answer.raw and b';foo="\xfe"' in answer.raw, "Contact changed: %r" % answer.raw)
    again = env.server.phone().reg().expect(200)
    true(b'Contact: "\xff\x80\\"" <' in again.raw and b';foo="\xfe"' in again.raw, "stored otherwise: %r" % again.raw)
    true("database." not in "".join(l for l in env.server.log.splitlines() if "error" in l.lower()), "an error was logged")


# --- limits, at the cap and one over it ---

def filled(phone, name, size, total=True):
    """An OPTIONS whose field of that name makes the whole message (or the value) so long."""
    request = options(phone).add(name, "")
    request.set(name, (size - (len(bytes(request)) if total else 0)) * "x")
    return bytes(request)


@covers("TRN-18.1.1-1", "PAR-LIM-2")
def test_one_field_may_fill_the_message(env):
    for transport, size in (("udp", 60000), ("udp", 65507), ("tcp", 60000), ("tcp", 65535)):
        phone = env.server.phone(transport)
        octets = filled(phone, "X-Unused", size)
        equal(len(octets), size, "length of the request")
        ask(phone, octets).expect(200)


@covers("PAR-LIM-1")
def test_a_message_of_65536_octets_is_too_large(env):
    for make in (lambda p: filled(p, "X-Unused", 65536),
                 lambda p: bytes(options(p)).replace(b"Content-Length: 0", b"Content-Length: 70000")):
        phone = env.server.phone("tcp")
        ask(phone, make(phone)).expect(513)
        true(phone.wire.closed(), "the connection stays open")


@covers("PAR-LIM-1")
def test_the_largest_message_is_a_setting(env):
    server = env.start({"server": {"max_message_size": "8k", "max_body_size": "8k"}})
    for transport in STREAMS:
        ask(server.phone(transport), filled(server.phone(transport), "X-Unused", 8192)).expect(200)
        phone = server.phone(transport)
        ask(phone, filled(phone, "X-Unused", 8193)).expect(513)
        true(transport == "udp" or phone.wire.closed(), "the connection stays open")


def with_rows(phone, rows):
    request = options(phone)
    request.fields += [("X", "y")] * (rows - len(request.fields))
    return bytes(request)


@covers("PAR-LIM-2")
def test_lines_at_the_cap_and_over(env):
    for transport in STREAMS:
        ask(env.server.phone(transport), with_rows(env.server.phone(transport), 1000)).expect(200)
        phone = env.server.phone(transport)
        ask(phone, with_rows(phone, 1001)).expect(513)
        true(transport == "udp" or phone.wire.closed(), "the connection stays open")


@covers("PAR-LIM-3")
def test_bodies_at_the_cap_and_over(env):
    server = env.start({"server": {"max_body_size": "16k"}})
    for transport in STREAMS:
        for size, status in ((16384, 200), (16385, 413), (20000, 413)):
            phone = server.phone(transport)
            fields = [("Content-Type", "text/plain"), ("Content-Disposition", "render;handling=optional")]
            request = phone.authorize(phone.register_request(C1, fields=fields, body=size * b"b"))
            ask(phone, bytes(request)).expect(status)
            true(transport == "udp" or status == 200 or phone.wire.closed(), "the connection stays open")


def uri_of(size, start="sip:", end="@example.com"):
    return start + (size - len(start) - len(end)) * "u" + end


LIMITS = [  # name, size, its field, status at the cap, rows
    ("contact_uri", 2048, lambda n: ("Contact", "<%s>" % uri_of(n, end="@192.0.2.1")), ["PAR-LIM-5"]),
    ("call_id", 512, lambda n: ("Call-ID", n * "c"), ["PAR-LIM-5"]),
    ("instance_id", 256, lambda n: ("Contact", C1 + ';+sip.instance="%s"' % (n * "i")), ["PAR-LIM-5"]),
]


def limit(env, cap, make):
    for transport in STREAMS:
        for size, status in ((cap, 200), (cap + 1, 400)):
            phone = env.server.phone(transport)
            request = phone.authorize(phone.register_request(C1))
            request.set(*make(size))
            answer = ask(phone, bytes(request))
            if answer is None or answer.status != status:
                raise Failure("%d octets over %s: %s, wanted %d" % (size, transport, answer and answer.status, status))


for _name, _cap, _make, _rows in LIMITS:
    add_test(globals(), "limit_" + _name, lambda env, c=_cap, m=_make: limit(env, c, m), _rows)


@covers("PAR-LIM-5")
def test_limit_to_uri(env):
    phone = env.server.phone(user="gateway")
    phone.exchange(phone.authorize(phone.register_request(C1, to=uri_of(2048)))).expect(404)
    phone.reg0(C1, to=uri_of(2049)).expect(400)


@covers("PAR-LIM-4")
def test_limit_request_uri(env):
    for transport in STREAMS:
        for size, status in ((2048, 404), (2049, 414), (3000, 414)):
            phone = env.server.phone(transport)
            ask(phone, bytes(options(phone, uri_of(size)))).expect(status)


@covers("PAR-LIM-5")
def test_limit_vias(env):
    for transport in STREAMS:
        for count, status in ((70, 200), (71, 400)):
            phone = env.server.phone(transport)
            request = options(phone)
            vias = [request.get("Via")] + ["SIP/2.0/UDP p%d.example;branch=%s" % (i, branch()) for i in range(count - 1)]
            answer = ask(phone, bytes(request.set("Via", *vias))).expect(status)
            true(status != 200 or len(answer.all("via")) == count, "%d Vias came back" % len(answer.all("via")))


@covers("PAR-LIM-5", "SEC-26.1-1")
def test_long_user_agents_are_cut(env):
    phone = env.server.phone()
    phone.reg(C1, fields=[("User-Agent", 300 * "a")]).expect(200)
    equal(env.server.database.value("select length(user_agent) from binding"), "256", "stored length")


@covers("PAR-20.14-1", "TRN-18.3-4")
def test_bad_lengths_end_a_stream(env):
    for bad in ("4294967296", "99999999999999999999", "-1", "+1", "1x", ""):
        phone = env.server.phone("tcp")
        ask(phone, bytes(options(phone).set("Content-Length", bad))).expect(400)
        true(phone.wire.closed(), "the connection stays open after Content-Length %r" % bad)


@covers("UAS-21.4.1-1", "PAR-8.1.1-1")
def test_the_reason_names_the_missing_field(env):
    phone = env.server.phone()
    for name in ("Call-ID", "From", "To", "CSeq"):
        answer = ask(phone, bytes(options(phone).set(name))).expect(400)
        equal(answer.reason, "Missing %s header field" % name, "reason")


@covers("SEC-4475-1")
def test_damaged_messages_harm_nobody(env):
    """Every octet of a message overwritten in turn, and every prefix of it: the server answers or not, and lives."""
    phone = env.server.phone()
    whole = bytes(phone.register_request(C1 + ";q=0.5", '"n\\"" <sip:a@[2001:db8::1]:1;x=%41?h=v>', expires=60))
    other = env.server.udp()
    for i in range(0, len(whole)):
        for octet in (b"\x00", b"\xff", b"\r", b'"', b"<", b"%"):
            other.send(whole[:i] + octet + whole[i + 1:])
        other.send(whole[:i])
        while other.receive(0) is not None:
            pass
    other.close()
    env.server.phone().opt().expect(200)
