"""Numbers at the edges of 31, 32, 63 and 64 bits and beyond them, in every place where one is read: none wraps. Above all a
long interval never becomes 0, which would turn a refresh into a removal. Over UDP, TCP and TLS.
"""
from harness import covers, equal, true
from harness.attack import AT_ONCE, C1, U1, ask, everywhere, plain_phone, served

LONG = ["7201", "65536", "2147483647", "2147483648", "4294967295", "4294967296", "4294967297", "4294967356", "8589934592",
        "9223372036854775807", "9223372036854775808", "18446744073709551615", "18446744073709551616", "18446744073709551676",
        "36893488147419103232", "1" + 100 * "0", 2000 * "9"]
NONSENSE = ["-1", "-0", "+60", "0x10", "60.5", "6e2", "1 000", "1,5", "", "60s", "\u0663", "NaN", "0" + 300 * "x", "-2147483648",
            "\xb2"]
WIDTHS = ["0003600", 500 * "0" + "3600"]


def octets(text):
    return text.encode("utf-8")


def asked(phone, contact, expires):
    fields = [] if expires is None else [("Expires", octets(expires))]
    return phone.authorize(phone.register_request(octets(contact), fields=fields))


@everywhere
@covers("PAR-20.19-1", "REG-10.2-3")
def intervals_never_wrap(env, transport):
    """In the field and in the parameter: the longest interval is granted, or for nonsense an hour, and never a removal."""
    phone = plain_phone(env.server, transport)
    phone.reg(C1).expect(200)
    cases = [(text, "7200") for text in LONG] + [(text, "3600") for text in NONSENSE + WIDTHS]
    for text, granted in cases:
        for contact, expires in ((C1, text), (C1 + ";expires=" + text, None), (C1 + ';expires="%s"' % text, None),
                                 (C1 + ";expires=" + text, "0")):
            if ";expires=" in contact and (set(text) & set(" ,") or not text) and '"' not in contact:
                continue  # no parameter at all: the grammar refuses it
            answer = phone.exchange(asked(phone, contact, expires), AT_ONCE)
            if ";expires=" in contact and answer.status == 400:
                continue
            found = answer.expect(200).contacts
            wanted = "3600" if '"' in contact else granted
            true(U1 in found, "%.60r, Expires %.60r removed the binding" % (contact, expires))
            true(found[U1]["expires"] in (granted, wanted),
                 "%.60r, Expires %.60r: granted %s" % (contact, expires, found[U1]["expires"]))
    left = env.server.database.value("select extract(epoch from expires_at - now())::bigint from binding")
    true(3500 < int(left) <= 7200, "%s s are left" % left)


@everywhere
@covers("PAR-20.19-1", "REG-10.2-3")
def a_star_needs_a_true_zero(env, transport):
    """Expires: 4294967296 and its like are no 0: no binding goes."""
    phone = plain_phone(env.server, transport)
    phone.reg(C1, "<sip:alice@192.0.2.11:5062>").expect(200)
    for text in LONG + NONSENSE + ["1", "00001"]:
        phone.exchange(asked(phone, "*", text), AT_ONCE).expect(400)
    phone.exchange(phone.authorize(phone.register_request("*"))).expect(400)
    for contact in ("*;expires=0", "*;expires=4294967296"):
        phone.exchange(asked(phone, contact, "0"), AT_ONCE).expect(400)
    equal(len(phone.fetch()), 2, "bindings")
    phone.exchange(asked(phone, "*", 300 * "0")).expect(200)
    equal(phone.fetch(), {}, "bindings behind a true zero")


BAD_CSEQS = ["4294967296", "4294967297", "8589934592", "9223372036854775808", "18446744073709551616", "18446744073709551617",
             "1" + 60 * "0", "-1", "+1", "0x1", "1.5", "1e3", "", "x", "1,2", "\u0661"]


@everywhere
@covers("PAR-20.16-1", "REG-10.3.7-11", "REG-DB-2")
def cseqs_never_wrap(env, transport):
    """Up to 2^32-1 they rise; what is beyond is refused, and never counts as a small one. For contacts and for *."""
    phone = plain_phone(env.server, transport)

    def numbered(number, contact=C1, **how):
        return phone.exchange(phone.authorize(phone.register_request(contact, **how)).set(
            "CSeq", octets("%s REGISTER" % number)), AT_ONCE)
    for number in (1, 2147483647, 2147483648, 2147483649, 4294967294, 4294967295):
        numbered(number).expect(200)
        equal(env.server.database.value("select cseq from binding"), str(number), "stored CSeq")
    for number in BAD_CSEQS:
        for contact, how in ((C1, {}), (C1, {"expires": 0}), ("*", {"expires": 0})):
            numbered(number, contact, **how).expect(400)
    for number in (0, 1, 2147483647, 2147483648, 4294967295):  # not above the one that is stored
        for contact, how in ((C1 + ";x=1", {"expires": 700}), (C1, {"expires": 0}), ("*", {"expires": 0})):
            numbered(number, contact, **how).expect(500, 482)  # merged, where its number was used before
    equal(list(phone.fetch()), [U1], "bindings")
    equal(env.server.database.value("select cseq from binding"), "4294967295", "stored CSeq")
    phone.call_id += "x"
    numbered(5).expect(200)
    equal(env.server.database.value("select cseq from binding"), "5", "CSeq of another Call-ID")
    numbered(4, "*", expires=0).expect(500)
    numbered(6, "*", expires=0).expect(200)
    equal(env.server.database.value("select count(*) from binding"), "0", "bindings behind a * with a higher CSeq")


OTHER_NUMBERS = [  # what is asked for as (contact, fields), status
    *(("<sip:alice@192.0.2.10:%s>" % port, (), 400) for port in ("65536", "70596", "4294972358", "18446744073709556678",
                                                                 "-1", "+5060", "5060.0", 300 * "9")),
    *((C1 + ";q=" + q, (), 400) for q in ("1.001", "1.1", "2", "4294967296", "4294967297", "-0.5", "+1", "1e0", "0.0001",
                                          "0.9999",
                                          "10", "18446744073709551617", "0..1", ".", 300 * "0")),
    *((C1, (("Max-Forwards", number),), 200) for number in ("0", "256", "4294967296", "18446744073709551616", "-1", 300 * "9")),
    *((C1, (("Min-Expires", number), ("Timestamp", number), ("Retry-After", number)), 200)
      for number in ("4294967296", "-1", 300 * "9")),
]


@everywhere
@covers("URI-19.1.1-5", "PAR-20.10-5", "PAR-8.1.1.6-1")
def other_numbers_have_bounds(env, transport):
    phone = plain_phone(env.server, transport)
    for contact, fields, status in OTHER_NUMBERS:
        request = phone.authorize(phone.register_request(contact))
        for name, value in fields:
            request.set(name, value)
        answer = phone.exchange(request, AT_ONCE)
        true(answer.status == status, "%.80r %.80r got %d" % (contact, fields, answer.status))
    for via in (";rport=4294967296", ";rport=-1", ";ttl=99999999999", ";ttl=-1", ";maddr=4294967296", ";received=4294967296"):
        request = phone.request("OPTIONS", "sip:example.com")
        request.set("Via", request.get("Via").replace(";rport", "") + via + (";rport" if "rport" not in via else ""))
        if transport == "udp":  # an answer goes to the sent-by, which is this socket
            answer = ask(phone, bytes(request))
            true(answer is None or answer.status in (200, 400), "%s got %s" % (via, answer and answer.status))
        else:
            phone.exchange(request, AT_ONCE).expect(200, 400)
            if phone.wire.closed(0):
                phone = plain_phone(env.server, transport)
    for port in ("65536", "4294967296", 300 * "9", "-1", "0"):
        other = plain_phone(env.server, transport)
        request = other.request("OPTIONS", "sip:example.com")
        request.set("Via", "SIP/2.0/%s 127.0.0.1:%s;branch=z9hG4bKx" % (transport.upper(), port))
        answer = ask(other, bytes(request), 0.2)
        true(answer is None or answer.status in (200, 400), "sent-by port %.20s got %s" % (port, answer and answer.status))
    served(env.server)
