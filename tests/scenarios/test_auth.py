"""Digest over the wire (requirements, section 9): who gets in, what a replay gets, and what a stranger can learn."""
import re
import statistics
import time

from harness import covers, equal, true
from harness.attack import TRANSPORTS, Unchanged, plain_phone, signed, stale
from harness.digest import authorization, challenges
from harness.phone import ALICE_PASSWORD

C1, C2, S1 = "<sip:alice@192.0.2.10:5062>", "<sip:alice@192.0.2.11:5062>", "<sips:alice@192.0.2.10:5062>"
ALL = {("domain", "example.com"): {"algorithms": ["SHA-256", "MD5", "SHA-512-256"]}}


# --- algorithms ---

@covers("AUT-7616-3.7-1", "AUT-8760-2.3-1", "AUT-8760-2.3-2")
def test_every_algorithm_completes_a_registration(env):
    server = env.start({("domain", "example.com"): {"algorithms": ["SHA-512-256", "SHA-256", "MD5"]}})
    offered = challenges(server.phone().reg0(C1).expect(401))
    equal([c.algorithm for c in offered], ["SHA-512-256", "SHA-256", "MD5"], "order of the challenges")
    for algorithm in ("MD5", "SHA-256", "SHA-512-256"):
        for transport in ("udp", "tcp", "tls"):
            phone = server.phone(transport, algorithm=algorithm)
            phone.reg(S1 if transport == "tls" else C1).expect(200)


@covers("AUT-7616-3.3-8", "AUT-8760-2.2-1", "AUT-7616-3.4-2")
def test_forms_of_the_algorithm(env):
    phone = env.server.phone(algorithm="MD5")
    phone.exchange(phone.authorize(phone.register_request(C1), algorithm=None)).expect(200)
    request = phone.authorize(phone.register_request(C1), response=64 * "0")
    equal(stale(phone.exchange(request)), False, "64 digits for MD5")
    phone = env.server.phone()
    request = phone.authorize(phone.register_request(C1))
    quoted = request.get("Authorization").replace("algorithm=SHA-256", 'algorithm="SHA-256"').replace("qop=auth", 'qop="auth"')
    phone.exchange(request.set("Authorization", quoted)).expect(200)


@covers("AUT-7616-3.6-1")
def test_an_account_with_only_an_md5_hash(env):
    server = env.start()
    server.database.add_user("old", "example.com", ALICE_PASSWORD, algorithms=("MD5",))
    equal(stale(server.phone(user="old", algorithm="SHA-256").reg(C1)), False, "SHA-256")
    server.phone(user="old", algorithm="MD5").reg(C1).expect(200)
    columns = [name for name, in server.database.query(
        "select column_name from information_schema.columns where table_name = 'account'")]
    equal([c for c in columns if "pass" in c], [], "columns for passwords")


@covers("AUT-7616-3.3-1", "AUT-22.4-3", "AUT-22.1-2", "AUT-7616-3.3-7", "AUT-22.2-1")
def test_the_form_of_a_challenge(env):
    for domain in ("example.com", "other.example"):
        answer = env.server.phone(domain=domain).reg0(C1).expect(401)
        for value in answer.all("www-authenticate"):
            true(re.fullmatch(r'Digest realm="%s", nonce="[A-Za-z0-9_-]+", algorithm=(SHA-256|MD5), qop="auth"'
                              % re.escape(domain), value), "challenge %r" % value)


# --- nonces ---

@covers("AUT-7616-3.3-4")
def test_a_nonce_is_bound_to_the_realm_and_not_to_the_client(env):
    challenge = env.server.phone().challenge()
    for transport in ("udp", "tcp", "tls"):
        phone = env.server.phone(transport, scheme="sip")
        phone.exchange(signed(phone, phone.register_request(C1), challenge)).expect(200)
    phone = env.server.phone("tls")
    phone.exchange(signed(phone, phone.register_request(S1), challenge)).expect(200)
    foreign = env.server.phone(domain="other.example").challenge()
    foreign.realm = "example.com"
    phone = env.server.phone()
    equal(stale(phone.exchange(signed(phone, phone.register_request(C1), foreign))), True, "stale")


@covers("AUT-7616-3.3-3")
def test_a_nonce_survives_a_restart(env):
    server = env.start()
    challenge = server.phone().challenge()
    server.restart()
    phone = server.phone()
    phone.exchange(signed(phone, phone.register_request(C1), challenge)).expect(200)


@covers("AUT-7616-5.5-1", "AUT-7616-3.3-5")
def test_an_old_nonce(env):
    server = env.start({"auth": {"nonce_ttl": "1s"}})
    phones = [plain_phone(server, transport) for transport in TRANSPORTS]
    old, began = [phone.challenge() for phone in phones], time.monotonic()
    time.sleep(2.1)  # the nonce counts whole seconds
    for phone, challenge in zip(phones, old):
        for password in (ALICE_PASSWORD, "wrong"):
            answer = phone.exchange(signed(phone, phone.register_request(C1), challenge, password))
            equal(stale(answer), True, "stale after %.1f s, password %s" % (time.monotonic() - began, password))
        phone.exchange(signed(phone, phone.register_request(C1), challenges(answer)[0])).expect(200)


@covers("AUT-7616-3.3-6", "AUT-22.4-1", "AUT-8760-2.6-6")
def test_the_uri_of_the_credentials(env):
    for uri, status in (("sip:example.com", 200), ("sip:example.com:5060", 200), ("sips:example.com", 200),
                        ("sip:registrar.example.com;transport=udp", 200), ("sip:attacker.example", 400)):
        phone = env.server.phone()
        before = phone.fetch()
        request, challenge = phone.register_request(C1), phone.challenge()
        request.add("Authorization", authorization(challenge, "alice", ALICE_PASSWORD, "REGISTER", uri))
        phone.exchange(request).expect(status)
        true(status == 200 or phone.fetch() == before, "bindings changed")


@covers("AUT-7616-3.4-8", "AUT-8760-2.7-1", "AUT-7616-3.4-1", "AUT-7616-3.4.6-1")
def test_credentials_that_are_not_whole(env):
    for change, status in [({"username": None}, 400), ({"nonce": None}, 400), ({"uri": None}, 400),
                           ({"response": None}, 400), ({"nc": None, "cnonce": "x"}, 200), ({"cnonce": None}, 400),
                           ({"nonce": "", "response": ""}, 401), ({"response": ""}, 401), ({"qop": "auth-int"}, 401)]:
        phone = env.server.phone()
        request = phone.register_request(C1)
        value = phone.authorize(request).get("Authorization")
        for name, wanted in change.items():
            if wanted is None and name != "nc":
                value = re.sub(r'(, )?%s="?[^",]*"?' % name, "", value, 1).replace("Digest , ", "Digest ")
            elif wanted is not None and name != "cnonce":
                value = re.sub(r'\b%s="?[^",]*"?' % name, '%s="%s"' % (name, wanted), value, 1)
        phone.exchange(request.set("Authorization", value)).expect(status)
    phone = env.server.phone()
    request = phone.register_request(C1)
    value = authorization(phone.challenge(), "alice", ALICE_PASSWORD, "OPTIONS", request.uri)
    equal(stale(phone.exchange(request.add("Authorization", value))), False, "a digest made for OPTIONS")


# --- who ---

@covers("AUT-22.1-4", "AUT-22.1-5", "AUT-7616-3.3-5", "AUT-8760-2.3-3", "SEC-26.1.5-5")
def test_failures_look_alike(env):
    """Unknown, disabled and known users, challenged and with a wrong password: octet for octet the same, except what is
    random or said by the client."""
    server = env.start()
    server.database.add_user("locked", "example.com", ALICE_PASSWORD)
    server.ctl("user", "disable", "locked@example.com")
    looks = {}
    for user in ("alice", "nobody", "locked", "anonymous"):
        phone = server.phone(user=user, password="" if user == "anonymous" else "wrong")
        challenged = phone.reg0(C1).expect(401)
        wrong = phone.reg(C1).expect(401)
        equal(stale(wrong), False, "stale for a wrong password")
        true(challenges(wrong)[0].nonce != challenges(challenged)[0].nonce, "the nonce is not new")
        asked = server.phone(user=user).opt("sip:%s@example.com" % user).expect(404)
        own = rb'nonce="[^"]*"|tag=[0-9a-f]+|branch=[^;]*|rport=\d+|Via: [^;]*|Call-ID: [^\r]*|CSeq: \d+|' + user.encode()
        looks[user] = [re.sub(own, b"?", answer.raw) for answer in (challenged, wrong, asked)]
    for user in looks:
        equal(looks[user], looks["alice"], "answers to " + user)


@covers("AUT-7616-3.4-7")
def test_failures_take_their_time(env):
    """Medians of interleaved attempts lie together and none is early; the exact measurement is a benchmark."""
    server, took = env.start({"auth": {"failure_delay": "20ms"}}), {"alice": [], "nobody": []}
    phones = {user: server.phone(user=user, password="wrong") for user in took}
    for phone in phones.values():
        phone.nonces["<%s>" % phone.aor] = phone.challenge()
    for _ in range(50):
        for user, phone in phones.items():
            request, began = phone.authorize(phone.register_request(C1)), time.monotonic()
            phone.exchange(request).expect(401)
            took[user].append(time.monotonic() - began)
    true(min(took["alice"] + took["nobody"]) > 0.018, "an answer left early: %s" % took)
    medians = [statistics.median(t) for t in took.values()]
    true(abs(medians[0] - medians[1]) < 0.010, "medians %s" % medians)


@covers("AUT-26.3.2.1-1", "REG-10.3.4-1", "REG-10.3.4-2", "REG-10.3.5-2", "SEC-26.5-1", "SEC-26.1.5-5")
def test_third_parties(env):
    alice = "sip:alice@example.com"
    bob, gateway = env.server.phone(user="bob"), env.server.phone(user="gateway")
    for to in (alice, "sip:nobody@example.com"):
        bob.reg(C1, to=to).expect(403)
        equal(bob.reg(to=to).expect(403).all("contact"), [], "Contacts in a 403")
    gateway.reg(C1, to=alice).expect(200)
    gateway.reg(C1, to="sip:nobody@example.com").expect(404)
    gateway.reg(C1, to="sip:alice@other.example").expect(404)
    phone = env.server.phone()
    request = phone.register_request(C2).set("From", "<sip:bob@example.com>;tag=x")
    equal(len(phone.exchange(phone.authorize(request)).expect(200).contacts), 2, "bindings of alice")


@covers("AUT-10.3.3-1", "AUT-22.1-1", "SEC-26.1.1-1")
def test_nothing_but_authorization_counts(env):
    phone = env.server.phone()
    request = phone.authorize(phone.register_request(C1))
    value = request.get("Authorization")
    phone.exchange(request.set("Authorization").add("Proxy-Authorization", value)).expect(401)
    phone.reg0().expect(401)
    phone.reg0("*", expires=0).expect(401)


@covers("AUT-22.4-2")
def test_a_domain_may_demand_qop(env):
    """D-11: who refuses the form of RFC 2069 challenges it as if there were no credentials, so a phone with a choice has one."""
    server = env.start({("domain", "example.com"): {"require_qop": "yes"}})
    for transport in ("udp", "tcp", "tls"):
        phone = plain_phone(server, transport)
        challenge = phone.challenge()
        with Unchanged(server):
            equal(stale(phone.exchange(signed(phone, phone.register_request(C1), challenge, qop=None))), False, "stale")
        phone.exchange(signed(phone, phone.register_request(C1), challenge)).expect(200)
        elsewhere = plain_phone(server, transport, domain="other.example")
        request = elsewhere.register_request(C1)
        elsewhere.exchange(signed(elsewhere, request, elsewhere.challenge(), qop=None)).expect(200)


@covers("AUT-26.4.1-1")
def test_a_domain_may_demand_tls(env):
    server = env.start({("domain", "example.com"): {"require_tls": "yes"}})
    for transport in ("udp", "tcp"):
        answer = server.phone(transport).reg0(C1).expect(403)
        equal(answer.all("www-authenticate"), [], "challenge")
        server.phone(transport).opt().expect(200)
        server.phone(transport, domain="other.example").reg(C1).expect(200)
    server.phone("tls").reg(S1).expect(200)
    server.phone("tls", scheme="sip").reg(C1).expect(200)
    true(server.outcomes("tls_required") == 2, "tls_required is not counted")


# --- what the operator sees ---

@covers("SEC-26.1-1", "REG-DB-3")
def test_strangers_cannot_write_log_lines(env):
    phone = env.server.phone()
    agent = b'"quoted\\\r\n\x1b[31mred\x07" (\xff\xfe)\x7f'.replace(b"\r\n", b"\r\n ")
    contact = b'"\xff\\"" ' + C1.encode()
    marked = b"marker" + agent
    request = phone.authorize(phone.register_request(fields=[("Contact", contact), ("User-Agent", marked)]))
    phone.exchange(request).expect(200)
    phone.reg('"\\\x1b" ' + C1).expect(400)
    env.server.wait_log("registration .*marker")
    with open(env.server.log_path, "rb") as file:
        lines = [line for line in file.read().split(b"\n") if b"marker" in line or b"[31m" in line]
    equal(len(lines), 1, "log lines with the agent")
    true(not re.search(rb"[\x00-\x1f\x7f-\xff]", lines[0]), "raw octets in the log: %r" % lines[0])


@covers("AUT-7616-3.4-6", "SEC-26.2-1")
def test_failures_are_logged_and_counted_without_secrets(env):
    server = env.start({"log": {"level": "debug"}})
    phone = server.phone(password="not the password")
    before = server.outcomes("bad_password")
    phone.reg(C1).expect(401)
    request = phone.authorize(phone.register_request(C1))
    phone.exchange(request).expect(401)
    equal(server.outcomes("bad_password"), before + 2, "failures counted")
    server.wait_log(r"auth\.failed reason=bad_password .*src=127\.0\.0\.1:\d+ .*user=\"alice\"")
    server.phone().reg(C1).expect(200)
    hashes = server.database.query("select encode(convert_to(coalesce(ha1_sha256::text, ''), 'UTF8'), 'escape') from account")
    secrets = ["not the password", ALICE_PASSWORD] + [h.lstrip("\\x") for h, in hashes if h]
    secrets += re.findall(r'response="([0-9a-f]+)"', request.get("Authorization"))
    for secret in secrets:
        true(secret not in server.log, "a secret is in the log: %s" % secret)
