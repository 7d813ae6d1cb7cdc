"""The registrar over the wire (requirements, sections 10 and 11): what is bound, what is refused, and SIPS over real TLS."""
import re

from harness import add_test, covers, equal, true

C1, C2 = "<sip:alice@192.0.2.10:5062>", "<sip:alice@192.0.2.11:5062>"
S1, S2 = C1.replace("sip:", "sips:"), C2.replace("sip:", "sips:")
U1, U2, V1 = C1.strip("<>"), C2.strip("<>"), S1.strip("<>")
ALICE = "sip:alice@example.com"


def bound(env, server=None, **how):
    """What a fetch over UDP lists: {URI: expires}."""
    return {uri: p["expires"] for uri, p in (server or env.server).phone(**how).fetch().items()}


# --- life of bindings ---

@covers("REG-10.3.8-1", "REG-10.2-4", "REG-10.2.2-1", "REG-10.2.3-1", "REG-10.3.7-7")
def test_two_devices(env):
    one, two = env.server.phone(), env.server.phone("tcp")
    equal(set(one.reg(C1).expect(200).contacts), {U1}, "contacts of the first")
    equal(set(two.reg(C2).expect(200).contacts), {U1, U2}, "contacts of both")
    equal(set(one.reg(C1).expect(200).contacts), {U1, U2}, "contacts of both")
    equal(set(one.reg(expires=0).expect(200).contacts), {U1, U2}, "a fetch with Expires: 0")
    equal(set(one.reg(C1, expires=0).expect(200).contacts), {U2}, "contacts of the second")
    equal(set(one.reg("<sip:alice@192.0.2.99>", expires=0).expect(200).contacts), {U2}, "after removing nothing")


@covers("REG-10.3.7-1", "REG-10.3.7-2", "REG-10.3.7-3", "REG-10.3.7-4", "REG-10.2.8-1", "REG-10.3.7-5")
def test_intervals(env):
    phone = env.server.phone()
    for contact, expires, granted in ((C1 + ";expires=120", 600, "120"), (C2, 600, "600"), (C1, None, "3600"),
                                      (C1, 99999, "7200"), (C1 + ";expires=60", None, "60"), (C1 + ";expires=90", 0, "90")):
        answer = phone.reg(contact, expires=expires).expect(200)
        equal(answer.contacts[contact.split(";")[0].strip("<>")]["expires"], granted, "granted for %s" % contact)
    refused = phone.reg("<sip:new@192.0.2.1>", C1 + ";expires=59").expect(423)
    equal(refused.header("min-expires"), "60", "Min-Expires")
    equal(bound(env)[U1], "90", "C1 after the refusal")
    true("sip:new@192.0.2.1" not in bound(env), "a contact of a refused request was bound")
    equal(phone.reg(C1, expires=60).expect(200).contacts[U1]["expires"], "60", "expires at Min-Expires")


@covers("REG-10.3.7-5")
def test_the_default_minimum_is_a_minute(env):
    server = env.start({"registration": {"expires_min": None, "expires_default": None, "expires_max": None}})
    phone = server.phone()
    equal(phone.reg(C1, expires=59).expect(423).header("min-expires"), "60", "Min-Expires")
    equal(phone.reg(C1, expires=60).expect(200).contacts[U1]["expires"], "60", "expires")


@covers("REG-10.3.6-1", "REG-10.3.6-2", "REG-10.3.6-4", "REG-10.3.6-5")
def test_star(env):
    phone = env.server.phone()
    phone.reg(C1, "<mailto:alice@example.org>", C2 + ';+sip.instance="<urn:x>";reg-id=1').expect(200)
    for contacts, fields in ((["*", C1], [("Expires", "0")]), (["*", "*"], [("Expires", "0")]), (["*"], []),
                             (["*"], [("Expires", "60")]), (["*"], [("Expires", "x")])):
        phone.reg(*contacts, fields=fields).expect(400)
        equal(len(bound(env)), 3, "bindings after %s %s" % (contacts, fields))
    answer = phone.reg("*", fields=[("Expires", "00")]).expect(200)
    equal((answer.all("contact"), bound(env)), ([], {}), "after Contact: *")


@covers("REG-10.3.7-9", "REG-10.3.7-10", "REG-10.3.7-8", "REG-10.3.6-3", "REG-10.3.7-14")
def test_cseq_out_of_order(env):
    phone, other = env.server.phone(), env.server.phone("tcp")
    phone.cseq = 6
    phone.reg(C1, expires=600).expect(200)
    late = phone.authorize(phone.register_request(C1, C2, expires=700)).set("CSeq", "6 REGISTER")
    refused = phone.exchange(late).expect(500)
    equal((refused.reason.lower(), refused.get("retry-after"), bound(env)), ("cseq out of order", None, {U1: "600"}), "refusal")
    star = phone.authorize(phone.register_request("*", expires=0)).set("CSeq", "7 REGISTER").set(
        "From", "<sip:alice@example.com>;tag=other")
    number = phone.cseq
    phone.exchange(star.set("CSeq", "%d REGISTER" % 6)).expect(500)
    equal(list(bound(env)), [U1], "bindings after a late star")
    phone.cseq = number + 500
    phone.reg(C1, expires=800).expect(200)
    other.cseq = 0
    equal(other.reg(C1, expires=900).expect(200).contacts[U1]["expires"], "900", "expires for another Call-ID")


@covers("REG-10.3.7-17", "REG-10.3.7-18", "SEC-26.1.5-3")
def test_too_many_contacts(env):
    phone = env.server.phone()
    many = ["<sip:alice@192.0.2.10:%d>" % (6000 + i) for i in range(11)]
    phone.reg(*many).expect(403)
    phone.reg(*many[:10]).expect(200)
    before = bound(env)
    phone.reg(many[10]).expect(403)
    equal(set(bound(env)), set(before), "bindings after the refusal")
    phone.reg(many[10], many[0] + ";expires=0").expect(200)
    equal(len(bound(env)), 10, "bindings")
    equal(len(phone.reg(many[5], many[5]).expect(200).contacts), 10, "bindings after the same contact twice")
    phone.reg(many[5] + ";expires=0", many[5] + ";expires=60").expect(400)


@covers("REG-10.3.7-6", "REG-10.3.7-13", "REG-10.3.8-3", "REG-10.3.7-16")
def test_contacts_are_compared_as_uris(env):
    phone = env.server.phone()
    phone.reg('"Old" ' + C1 + ";q=0.1;x=1").expect(200)
    answer = phone.reg("<sip:%61lice@192.0.2.10:5062;foo=1>;q=0.9").expect(200)
    equal(answer.contacts, {"sip:%61lice@192.0.2.10:5062;foo=1": {"q": "0.9", "expires": "3600"}}, "the one contact")
    true('"Old"' not in answer.get("contact"), "the old display name stays")
    phone.reg("<%s>" % ALICE).expect(403)
    phone.reg("<%s:5070>" % ALICE).expect(200)


@covers("REG-10.3.5-1", "REG-10.3.5-3", "REG-10.3.1-1", "REG-10.2-1", "REG-10.2-2", "URI-10.3.5-1", "URI-10.3.5-4")
def test_which_address_is_meant(env):
    phone = env.server.phone()
    equal(phone.reg0(uri="sip:nowhere.example").expect(404).all("www-authenticate"), [], "challenge")
    phone.reg0(C1, to="tel:+1").expect(400)
    phone.reg(C1, uri="sip:alice@example.com:5070;transport=tcp").expect(200)
    phone.reg(C2, to="sip:%61lice@REGISTRAR.example.com:5070;user=phone").expect(200)
    equal(set(bound(env)), {U1, U2}, "bindings of the one address")
    phone.reg(C1, to="sip:alice@other.example").expect(404)
    phone.reg(C1, to="sip:example.com").expect(404)
    equal(set(env.server.phone("tls").reg(to="sips:%61lice@EXAMPLE.com.").expect(200).contacts), {U1, U2}, "under sips")


@covers("URI-10.3.5-2", "URI-10.3.5-3", "URI-19.1.2-5", "REG-DB-3", "REG-DB-4")
def test_addresses_with_odd_users(env):
    database, gateway = env.server.database, env.server.phone(user="gateway")
    for user in ("Alice", "null-", "null-%00", "a%3Bb", "x'%3B--"):
        database.add_user(user, "example.com")
    for to, contact in (("sip:Alice@example.com", "<sip:1@h.example>"), ("sip:null-@example.com", "<sip:2@h.example>"),
                        ("sip:null-%00@example.com", "<sip:%00@host5.example.com>, <sip:%00%00@host5.example.com>"),
                        ("sip:a;b@example.com", "<sip:3@h.example>"), ("sip:x';--@example.com", "<sip:4@h.example>")):
        equal(len(gateway.reg(contact, to=to).expect(200).contacts), 1 + contact.count(","), "bindings of " + to)
    equal(set(gateway.reg(to="sip:a%3bb@example.com").expect(200).contacts), {"sip:3@h.example"}, "under the other spelling")
    equal(set(gateway.reg(to="sip:null-@example.com").expect(200).contacts), {"sip:2@h.example"}, "bindings of null-")
    equal(bound(env), {}, "bindings of alice")
    gateway.reg(C1, to="sip:y';drop%20table%20aor;--@example.com").expect(404)
    env.server.phone().reg(C1, to="sip:x';--@example.com").expect(403)
    true(not re.search(r"\berror\b.*(syntax|SQL)", env.server.log), "an SQL error was logged")


@covers("REG-10.2.1.2-1", "REG-10.2-5", "REG-10.3.8-6", "PSH-8599-4.1-1", "PSH-8599-4.1.2-1", "PSH-8599-4.1.4-1")
def test_parameters_are_kept(env):
    phone = env.server.phone()
    push = "sip:alice@192.0.2.12;pn-provider=acme;pn-param=p;pn-prid=ZTY4ZDJlMzODE1NmUgKi0K"
    answer = phone.reg(C1 + ";q=0.3;action=proxy", C2 + ";q=0.9", "<%s>;+sip.pnsreg=\"121\"" % push).expect(200)
    equal((answer.contacts[U1]["q"], answer.contacts[U2]["q"], answer.contacts[push]["+sip.pnsreg"]), ("0.3", "0.9", "121"),
          "parameters")
    equal(set(phone.reg("<sip:alice@192.0.2.12>", expires=0).expect(200).contacts), {U1, U2}, "after removal without pn-prid")


# --- SIPS ---

@covers("SPS-5.2-1", "SPS-5.1.1.1-1", "SPS-5.1.2-4", "SPS-5.1.2-5")
def test_one_list_for_both_schemes(env):
    answer = env.server.phone("tls").reg(S1).expect(200)
    equal(list(answer.contacts), [V1], "contacts")
    equal(list(bound(env)), [V1], "contacts under sip:")
    equal(list(bound(env, transport="tls")), [V1], "contacts under sips:")
    true("transport=tls" not in answer.raw.decode(), "transport=tls in the answer")
    equal(env.server.database.query("select contact from binding"), [(V1,)], "rows")


@covers("SPS-5.1.1.1-2")
def test_the_later_scheme_wins(env):
    env.server.phone().reg(C1).expect(200)
    env.server.phone("tls").reg(S1).expect(200)
    equal(list(bound(env)), [V1], "contacts after SIPS")
    env.server.phone().reg(C1).expect(200)
    equal(list(bound(env)), [U1], "contacts after SIP")
    env.server.phone("tls").reg(S1, expires=0).expect(200)
    equal(bound(env), {}, "contacts after removal by the other scheme")


# Request-URI scheme, To scheme, contacts, more fields -> status in strict, status in compatible; all over TLS
SIPS_TABLE = [
    ("sips", "sips", [S1], [], 200, 200, ["SPS-5.2-2"]),
    ("sip", "sip", [C1], [], 200, 200, ["SPS-3.1.3-1"]),
    ("sip", "sip", [S1], [], 400, 200, ["SPS-5.2-2"]),
    ("sips", "sips", [S1, C2], [], 400, 400, ["SPS-5.2-3"]),
    ("sips", "sips", [S1, "<mailto:a@example.com>"], [], 400, 400, ["SPS-5.2-3"]),
    ("sips", "sips", [S1, C2 + ";expires=0"], [], 200, 200, ["SPS-5.2-3"]),
    ("sips", "sips", [S1], [("Path", "<sip:edge.example.com;lr>"), ("Supported", "path")], 400, 400, ["SPS-5.2-4"]),
    ("sips", "sips", [S1], [("Path", "<sips:edge.example.com;lr>"), ("Supported", "path")], 200, 200, ["SPS-5.2-4"]),
    ("sips", "sip", [S1], [], 200, 200, ["SPS-5.2-5"]),
    ("sips", "sips", [C1], [], 400, 400, ["SPS-5.1.2-1"]),
    ("sip", "sips", [C1], [], 400, 400, ["SPS-5.1.2-1"]),
    ("sip", "sip", ["<sip:a@h.example;transport=tls>"], [], 200, 200, ["SPS-3.1.4-1", "URI-19.1.1-8"]),
    ("sips", "sips", ["<sip:a@h.example;transport=tls>"], [], 400, 400, ["SPS-3.1.4-1"]),
    ("sips", "sips", ["<sips:a@h.example;transport=udp>"], [], 400, 400, ["URI-19.1.1-7"]),
]


def sips_row(server, uri, to, contacts, fields, status):
    server.database.clear_bindings()
    phone = server.phone("tls", scheme=to)
    answer = phone.reg(*contacts, fields=fields, uri=uri + ":example.com").expect(status)
    wanted = [] if status != 200 else [c.split(">")[0].strip("<") for c in contacts if "expires=0" not in c]
    equal(sorted(server.phone().fetch()), sorted(wanted), "contacts, as they were registered")
    if status == 200:
        equal(sorted(answer.contacts), sorted(wanted), "contacts in the answer")


for _n, (_uri, _to, _contacts, _fields, _status, _, _rows) in enumerate(SIPS_TABLE):
    add_test(globals(), "sips_strict_%d" % (_n + 1), lambda env, u=_uri, t=_to, c=_contacts, f=_fields, s=_status:
             sips_row(env.server, u, t, c, f, s), _rows)


@covers("SPS-5.1.2-1")
def test_sips_compatible(env):
    """D-16: SIPS contacts under SIP are let in over TLS; the counters tell what strict does and would do."""
    server = env.start({("domain", "example.com"): {"contacts": "compatible"}})
    for uri, to, contacts, fields, _, status, _ in SIPS_TABLE:
        sips_row(server, uri, to, contacts, fields, status)
    counters = server.ctl_json("status")["counters"]
    equal((counters["sips_strict_would_refuse"], counters["sips_strict_refused"]), (1, 0), "requests only strict refuses")
    server.phone().reg(S1).expect(400)  # over UDP there is nothing to be lenient about


@covers("SPS-5.2-2")
def test_strict_counts_what_it_refuses(env):
    server = env.start()
    before = server.counter("sips_strict_refused")
    server.phone("tls", scheme="sip").reg(S1).expect(400)
    server.phone("tls").reg(S1).expect(200)
    equal(server.counter("sips_strict_refused"), before + 1, "requests counted")


@covers("SPS-26.2.2-1")
def test_sips_needs_tls(env):
    for transport in ("udp", "tcp"):
        phone = env.server.phone(transport, scheme="sips")
        for answer in (phone.reg0(S1), phone.opt()):
            equal((answer.expect(400).reason, answer.all("www-authenticate")), ("SIPS requires TLS", []), "refusal")


@covers("SPS-5.1.2-2", "UAS-20.43-1")
def test_a_domain_of_sips_only(env):
    server = env.start({("domain", "example.com"): {"schemes": "sips"}})
    for transport in ("udp", "tls"):
        answer = server.phone(transport, scheme="sip").reg0(C1).expect(480)
        equal((answer.get("warning"), answer.all("www-authenticate")), ('381 example.com "SIPS Required"', []), "refusal")
    server.phone("tls").reg(S1).expect(200)
    server.phone(domain="other.example").reg(C1).expect(200)


@covers("SPS-5.1.2-3", "UAS-20.43-1")
def test_a_domain_without_sips(env):
    server = env.start({("domain", "example.com"): {"schemes": "sip"}})
    answer = server.phone("tls").reg0(S1).expect(480)
    equal((answer.get("warning"), answer.all("www-authenticate")), ('380 example.com "SIPS Not Allowed"', []), "refusal")
    server.phone("tls", scheme="sip").reg(C1).expect(200)
