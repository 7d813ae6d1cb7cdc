"""Attacks on log-ins: captured, raced, forged, poisoned and downgraded credentials, and a customer turned hostile; over UDP,
TCP and TLS, at another worker and at another node. None of them binds anything, and none of them locks the owner out.
"""
import re
import secrets
import string

from harness import covers, equal, true
from harness.attack import AT_ONCE, C1, TRANSPORTS, Unchanged, behind, bindings, everywhere, plain_phone, served, signed, stale
from harness.check import long_run
from harness.digest import challenges
from harness.faults import phones_of_both
from harness.message import branch
from harness.phone import ALICE_PASSWORD
from test_nodes import two

CONFIGURATION = {"server": {"workers": "2"}}
THIEF = "<sip:thief@203.0.113.66>"


# --- captured ---

@everywhere
@covers("AUT-7616-3.4-3")
def captured_credentials(env, transport):
    """With a new branch, Call-ID, CSeq, and a foreign Contact: digest covers none of them."""
    owner = plain_phone(env.server, transport)
    captured = owner.authorize(owner.register_request(C1))
    owner.exchange(captured).expect(200)
    authorization = captured.get("Authorization")
    for where in TRANSPORTS:
        thief = plain_phone(env.server, where)
        with Unchanged(env.server):
            for attempt in (thief.register_request(C1), thief.register_request(THIEF), thief.register_request(C1, THIEF),
                            thief.register_request("*", expires=0), thief.register_request(C1, expires=0),
                            thief.register_request()):
                equal(stale(thief.exchange(attempt.add("Authorization", authorization))), True, "stale over " + where)
            same = owner.register_request(THIEF).set("Call-ID", captured.get("Call-ID"))
            same.set("CSeq", "%d REGISTER" % (owner.cseq + 1000)).add("Authorization", authorization)
            equal(stale(thief.exchange(same)), True, "stale in the dialogue of the owner")
    owner.reg(C1).expect(200)


@everywhere
@covers("AUT-7616-3.4-3")
def captured_credentials_at_the_other_worker(env, transport):
    """A count that one worker accepted is used up at the other at once, although neither tells the other."""
    (one, *_), (other, thief, *_) = phones_of_both(env.server, 2, transport).values()
    for owner, victim in ((one, other), (other, one)):
        captured = owner.authorize(owner.register_request(C1))
        owner.exchange(captured).expect(200)
        for phone in (victim, thief):
            attempt = phone.register_request(THIEF).add("Authorization", captured.get("Authorization"))
            equal(stale(phone.exchange(attempt)), True, "stale")
    equal([row[0] for row in bindings(env.server)], [C1.strip("<>")], "bindings")


def race(servers, transport, copies=24):
    """One pair of credentials in so many requests at once, each with a Contact of its own; how many were accepted."""
    owner = plain_phone(servers[0], transport)
    owner.prepare()
    first = owner.authorize(owner.register_request(C1))
    phones = [plain_phone(servers[i % len(servers)], transport) for i in range(copies)]
    requests = [phone.register_request("<sip:racer@203.0.113.%d>" % (i + 1)).add("Authorization", first.get("Authorization"))
                for i, phone in enumerate(phones)]
    for phone, request in zip(phones, requests):
        phone.send(request)
    statuses = [phone.receive().status for phone in phones]
    equal(set(statuses) - {200, 401}, set(), "other statuses")
    won = ["sip:racer@203.0.113.%d" % (i + 1) for i, status in enumerate(statuses) if status == 200]
    true(len(won) <= 1, "%d of %d were accepted" % (len(won), copies))
    equal([row[0] for row in bindings(servers[0])], won, "bindings")
    servers[0].database.clear_bindings()
    for phone in [owner, *phones]:
        phone.close()
    for server in servers:
        server.phones = []
    return len(won)


@everywhere
@covers("AUT-7616-3.4-3")
def race_of_copies_at_two_workers(env, transport):
    accepted = sum(race([env.server], transport) for _ in range(100 if long_run() else 3))
    true(accepted > 0, "not even one of the copies was accepted")


@covers("AUT-7616-3.4-3")
def test_race_of_copies_at_two_nodes(env):
    nodes = two(env)
    for transport in TRANSPORTS:
        accepted = sum(race(nodes, transport) for _ in range(30 if long_run() else 2))
        true(accepted > 0, "not even one of the copies was accepted over " + transport)


@everywhere
@covers("AUT-7616-3.4-3")
def nonce_counts_must_rise(env, transport):
    phone = plain_phone(env.server, transport)
    challenge = phone.challenge()
    for nc, wanted in (("00000001", 200), ("00000002", 200), ("00000009", 200), ("00000009", 401), ("00000003", 401),
                       ("0000000a", 200), ("0000000A", 401), ("7fffffff", 200), ("80000000", 200), ("00000001", 401),
                       ("ffffffff", 200), ("ffffffff", 401), ("00000000", 401), ("00000001", 401)):
        answer = phone.exchange(signed(phone, phone.register_request(C1), challenge, nc=nc)).expect(wanted)
        true(wanted == 200 or stale(answer), "nc=%s: no stale=true" % nc)
    with Unchanged(env.server):
        for nc in ("100000001", "1", "", "0000001", "0x000002", "-0000001", "+0000001", " 0000001", "0000000g",
                   "ffffffffffffffff"):
            phone.exchange(signed(phone, phone.register_request(THIEF), phone.challenge(), nc=nc or '""')).expect(400, 401)


# --- poisoned ---

@everywhere
@covers("AUT-7616-3.4-3", "SEC-26.3.2.4-1")
def nonces_cannot_be_poisoned(env, transport):
    """Whoever knows a nonce of alice but not her password cannot use up its counts: not with a wrong password, not as
    nobody, and not with a right log-in of his own."""
    phone, thief = plain_phone(env.server, transport), plain_phone(env.server, transport)
    challenge = phone.challenge()
    with Unchanged(env.server):
        for login, password, status in (("alice", "wrong", 401), ("nobody", ALICE_PASSWORD, 401), ("bob", ALICE_PASSWORD, 403)):
            for nc in ("fffffffe", "ffffffff"):
                request = signed(thief, thief.register_request(THIEF), challenge, password, login, nc=nc)
                answer = thief.exchange(request).expect(status)
                true(status != 401 or not stale(answer), "%r got stale=true" % login)
    phone.exchange(signed(phone, phone.register_request(C1), challenge, nc="00000001")).expect(200)


# --- forged, and stretched ---

LETTERS = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"


def other_letter(letter, by):
    return LETTERS[(LETTERS.index(letter) + by) % 64]


def forgeries(nonce):
    """What is no nonce of this server, though it may look much like one."""
    for place in range(0, 40):
        yield nonce[:place] + other_letter(nonce[place], 1 << place % 6) + nonce[place + 1:]
    for length in (1, 20, 39):
        yield nonce[:length]
    for more in ("A", "=", "==", "%00", " ", "\\\"", nonce, 2000 * "A"):
        yield nonce + more
    yield from (nonce.lower(), nonce.upper(), nonce[::-1], " " + nonce, nonce.replace(nonce[5], "%%%02x" % ord(nonce[5]), 1))
    yield from (40 * "A", 40 * "_", secrets.token_urlsafe(30), secrets.token_urlsafe(30), secrets.token_hex(32))


@everywhere
@covers("AUT-7616-3.3-4")
def forged_nonces(env, transport):
    """Each letter changed, lengths, and inventions: with the right password, so that the nonce alone is the matter."""
    server = env.server
    phone = plain_phone(server, transport)
    phone.reg(C1).expect(200)
    nonce = phone.challenge().nonce
    foreign = [server.phone(user="bob").challenge().nonce, server.phone(domain="other.example").challenge().nonce]
    candidates = [forged for forged in forgeries(nonce) if forged != nonce] + foreign
    lookups, invalid = server.counter("db_lookups"), server.outcomes("nonce_invalid")
    with Unchanged(server):
        for forged in candidates:
            challenge = phone.challenge()
            challenge.nonce = forged.replace('\\"', '"')
            answer = phone.exchange(signed(phone, phone.register_request(THIEF), challenge, nonce=forged))
            true(answer.status == 400 or stale(answer), "%r: %d without stale" % (forged, answer.status))
    equal(server.counter("db_lookups"), lookups, "look-ups: a forged nonce costs no trip")
    true(server.outcomes("nonce_invalid") - invalid >= len(candidates) - 4, "nonce_invalid counted")


# --- downgraded ---

@covers("AUT-7616-3.7-1", "AUT-22.3-2")
def test_algorithms_that_are_not_offered(env):
    server = env.start({("domain", "example.com"): {"algorithms": ["SHA-256"]}})
    for transport in TRANSPORTS:
        not_offered(server, plain_phone(server, transport))


def not_offered(server, phone):
    (challenge,) = challenges(phone.reg0(C1).expect(401))
    equal(challenge.algorithm, "SHA-256", "the one algorithm")
    with Unchanged(server):
        for algorithm in ("MD5", "SHA-512-256", "SHA-256-sess", "MD5-sess"):
            request = signed(phone, phone.register_request(C1), challenge, algorithm=algorithm)
            equal(stale(phone.exchange(request)), False, "stale for " + algorithm)
        value = signed(phone, phone.register_request(C1), challenge, algorithm="MD5").get("Authorization")
        md5 = {"response": re.search(r'response="(\w+)"', value).group(1)}
        for change in ({"algorithm": None, **md5}, {"algorithm": "SHA-256", **md5}, {"algorithm": "md5", **md5},
                       {"algorithm": "SHA-256", "response": 2 * md5["response"]}, {"algorithm": "NONE", "response": ""},
                       {"algorithm": "", "response": ""}):
            request = phone.register_request(C1)
            value = signed(phone, request, challenge).get("Authorization")
            value = re.sub(r'response="\w+"', 'response="%s"' % change["response"], value)
            value = re.sub(r", algorithm=[\w-]+", "" if change["algorithm"] is None else ", algorithm=" + change["algorithm"],
                           value)
            answer = phone.exchange(request.set("Authorization", value))
            true(answer.status == 400 or not stale(answer), "%s: stale" % change)
    phone.exchange(signed(phone, phone.register_request(C1), challenge)).expect(200)


@everywhere
@covers("AUT-22.4-2")
def without_qop_a_nonce_is_good_once(env, transport):
    """Who strips qop from a challenge gets credentials of RFC 2069: no weaker, because the nonce is spent with them."""
    phone = plain_phone(env.server, transport)
    challenge = phone.challenge()
    captured = signed(phone, phone.register_request(C1), challenge, qop=None)
    phone.exchange(captured).expect(200)
    with Unchanged(env.server):
        for request in (phone.register_request(THIEF).add("Authorization", captured.get("Authorization")),
                        signed(phone, phone.register_request(THIEF), challenge, qop=None),
                        signed(phone, phone.register_request(THIEF), challenge, nc="ffffffff")):
            equal(stale(phone.exchange(request)), True, "stale of a later use")
        request = signed(phone, phone.register_request(THIEF), phone.challenge(), qop="auth-int")
        equal(stale(phone.exchange(request)), False, "stale of auth-int, which was not offered")


# --- malformed ---

WHOLE = ('Digest username="alice", realm="example.com", nonce="%s", uri="sip:example.com", response="%s", algorithm=SHA-256, '
         'qop=auth, nc=00000001, cnonce="c"')


def malformed_credentials(nonce):
    zero = WHOLE % (nonce, 64 * "0")
    yield from ("", "Digest", "Digest ", "Digest ,", "Digest ,=MD5,", "Digest =", 'Digest "=a', "Digest username",
                "Digest username=", 'Digest username="', 'Digest username="a\\', "Digest\tusername=a", "Digest;username=a",
                "Digest realm", 'Digest realm="example.com"', 'Digest realm="example.com",', "Basic YWxpY2U6cHc=",
                "Bearer x", "Digest " + 5000 * ",", "Digest " + 1000 * "a=b,", 'Digest realm="%s"' % (20000 * "x"),
                "Digest " + 20000 * "\\\"", "Digest " + 3000 * 'realm="example.com",', "Digest realm=" + 9000 * '""')
    yield from (zero + extra for extra in (', username="bob"', ', nonce="x"', ', realm="example.com"', ', nc=00000002',
                                           ', response="%s"' % (64 * "0"), ", =x", ", x", ", x=", ', x="', ",,,"))
    yield from (zero[:length] for length in range(7, len(zero), 9))
    for bad in (b"\x00", b"\x01", b"\x7f", b"\xff", b"\xc0\x80", b"\\", b'"', b"\r", b"\n"):
        yield zero.encode().replace(b"alice", b"ali" + bad + b"ce")
        yield zero.encode().replace(b"sip:example", b"sip:ex" + bad + b"ample")
        yield zero.encode().replace(b"nc=0", b"nc=" + bad)


@everywhere
@covers("AUT-7616-3.4-8", "SEC-4475-1")
def credentials_of_any_shape(env, transport):
    """Each is refused at once, and the server goes on."""
    phone = plain_phone(env.server, transport)
    nonce = phone.challenge().nonce
    with Unchanged(env.server):
        for value in malformed_credentials(nonce):
            answer = phone.exchange(phone.register_request(THIEF).add("Authorization", value), AT_ONCE)
            true(answer.status in (400, 401), "%.60r got %d" % (value, answer.status))
            phone = behind(env.server, phone, value if isinstance(value, bytes) else b"")
        phone = plain_phone(env.server, transport)
        request = phone.register_request(THIEF)
        wrong = signed(phone, request, phone.challenge(), "wrong").get("Authorization")
        request.set("Authorization", wrong, wrong, wrong)
        phone.exchange(request).expect(401)
    served(env.server)


SQL = ("' or '1'='1", "alice'--", "alice'; drop table aor; --", 'alice"; delete from account; --', "alice'/*", "alice\\\\'",
       "alice' union select ha1_md5 from account --", "$1", "${jndi:x}", "{alice,bob}", "%", "_lice", "*", "alice%00",
       "alice%27--",
       "pg_sleep(10)", "'||pg_sleep(10)||'")


@everywhere
@covers("REG-DB-3")
def sql_in_names(env, transport):
    """In the login, in To and in the realm: bound as text, looked up as text, found nowhere."""
    server = env.server
    phone = plain_phone(server, transport)
    with Unchanged(server):
        for text in SQL:
            answer = phone.exchange(signed(phone, phone.register_request(THIEF), phone.challenge(), "x", text), AT_ONCE)
            answer.expect(400 if '"' in text else 401)
            escaped = "".join(c if c.isalnum() or c in "-_.!~*'()%" else "%%%02X" % ord(c) for c in text)
            escaped = re.sub(r"%(?![0-9A-F]{2})", "%25", escaped)
            to = "sip:%s@example.com" % escaped
            victim = plain_phone(server, transport, user="gateway")
            victim.reg(C1, to=to).expect(404)
        for octets in (b"\x80", b"\xff\xfe", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf5"):
            request = phone.register_request(THIEF)
            value = signed(phone, request, phone.challenge(), "x").get("Authorization").encode()
            phone.exchange(request.set("Authorization", value.replace(b"alice", b"ali" + octets)), AT_ONCE).expect(400, 401)


# --- a customer turned hostile ---

def but_for_names(answer, *names):
    own = rb'tag=[0-9a-f]+|branch=[^;]*|rport=\d+|Via: [^;]*|Call-ID: [^\r]*|CSeq: \d+|Date: [^\r]*'
    return re.sub(own + b"".join(b"|" + name.encode() for name in names), b"?", answer.raw)


@everywhere
@covers("AUT-26.3.2.1-1", "REG-10.3.4-1", "SEC-26.5-1", "SEC-26.1.5-5")
def third_party_registration(env, transport):
    """Bob is who he says. He cannot bind, remove or list alice, and cannot tell whether she is a customer too."""
    server = env.server
    alice, bob = plain_phone(server, transport), plain_phone(server, transport, user="bob")
    alice.reg(C1).expect(200)
    identities = [("P-Asserted-Identity", "<sip:alice@example.com>"), ("P-Preferred-Identity", "<sip:alice@example.com>"),
                  ("Remote-Party-ID", "<sip:alice@example.com>;screen=yes"), ("P-Associated-URI", "<sip:alice@example.com>"),
                  ("Identity", "x"), ("Referred-By", "<sip:alice@example.com>"), ("Reply-To", "<sip:alice@example.com>")]
    looks = {}
    with Unchanged(server):
        for victim in ("alice", "nobody"):
            looks[victim] = []
            to = "sip:%s@example.com" % victim
            for contacts, how in (((THIEF,), {}), (("*",), {"expires": 0}), ((C1,), {"expires": 0}), ((), {}),
                                  ((THIEF,), {"fields": identities})):
                request = bob.register_request(*contacts, to=to, **how)
                for sender in (None, "<sip:%s@example.com>;tag=x" % victim):
                    if sender:
                        request.set("From", sender).set("Via", bob.request("OPTIONS", "sip:example.com").get("Via"))
                        request.set("Authorization").set("CSeq", "%d REGISTER" % (bob.cseq + 1))
                        bob.cseq += 1
                    answer = bob.exchange(bob.authorize(request)).expect(403)
                    equal(answer.all("contact"), [], "Contacts in a 403")
                    looks[victim].append(but_for_names(answer, victim))
        equal(looks["alice"], looks["nobody"], "what bob is told")
        for spelling in ("sip:%61lice@example.com", "sip:alice@EXAMPLE.com:5060;transport=tcp",
                         "sip:alice@example.com;user=phone",
                         "sip:alice:pw@example.com"):
            bob.reg(THIEF, to=spelling).expect(403, 404)
    equal(len(bob.reg("<sip:bob@192.0.2.20>").expect(200).contacts), 1, "bob's own address")


@covers("SEC-26.3.2.4-1")
def test_guesses_lock_nobody_out(env):
    """300 guesses over each transport, from the address of the owner himself; behind them he is served at once."""
    server = env.server
    bad = server.outcomes("bad_password")
    for transport in TRANSPORTS:
        phones = [plain_phone(server, transport, password="guess") for _ in range(20)]
        for phone in phones:
            phone.prepare()
        for _ in range(15):
            for phone in phones:
                phone.send(phone.authorize(phone.register_request(THIEF).set("Via", "SIP/2.0/%s %s;branch=%s;rport" % (
                    transport.upper(), phone.sent_by(), branch()))))
            for phone in phones:
                phone.receive().expect(401)
        plain_phone(server, transport).reg(C1).expect(200)
    equal(server.outcomes("bad_password") - bad, 900, "bad_password counted")


def disguised(attacker, owner, number, via=None):
    """A REGISTER of the attacker's own that carries Call-ID, From and a CSeq of the owner, and a Via if he is given one."""
    request = attacker.register_request(THIEF).set("Call-ID", owner.call_id).set("CSeq", "%d REGISTER" % number)
    request.set("From", "<%s>;tag=%s" % (owner.aor, owner.tag))
    return attacker.authorize(request.set("Via", via) if via else request)


def disguise(attacker, owner, times):
    """So many datagrams for each of the owner's next numbers."""
    attacker.prepare()
    for number in range(owner.cseq + 1, owner.cseq + 21):
        for _ in range(times):
            attacker.send(disguised(attacker, owner, number))
        for _ in range(times):
            attacker.receive()


@covers("SEC-26.3.2.4-1", "UAS-8.2.2.2-1")
def test_copied_identities_lock_nobody_out(env):
    """Who has seen one request of alice knows what the next ones look like. Datagrams that look like them, with a wrong
    password, with the right one for bob's own address, and with bob's for hers, are not taken for her requests, and are not
    too many beside them."""
    server = env.start({"server": {"workers": "1"}})
    for transport in TRANSPORTS:
        for attack, times in (({"password": "guess"}, 5), ({"user": "bob"}, 1), ({"login": "bob"}, 1)):
            owner = plain_phone(server, transport)
            owner.reg(C1).expect(200)
            owner.prepare()
            disguise(plain_phone(server, "udp", **attack), owner, times)
            for _ in range(10):
                owner.reg(C1).expect(200)


@covers("SEC-26.3.2.4-1", "TXN-17.2.3-3")
def test_copied_vias_lock_nobody_out(env):
    """The same for a phone of RFC 2543, whose Via has no branch: what others sent is no earlier copy of its request."""
    server = env.start({"server": {"workers": "1"}})
    owner, stranger = plain_phone(server, "udp"), plain_phone(server, "udp", password="guess")
    via = "SIP/2.0/UDP %s;rport" % owner.sent_by()
    for phone in (owner, stranger):
        phone.prepare()
    stranger.send(disguised(stranger, owner, owner.cseq + 1, via))
    stranger.receive().expect(401)
    owner.send(owner.authorize(owner.register_request(C1).set("Via", via)))
    owner.receive().expect(200)
