"""What this server does not speak: it says so in the right words, or passes it by."""
import re

from harness import Failure, covers, equal, true
from harness.message import branch

C1 = "<sip:alice@192.0.2.10:5062>"
S1 = "<sips:alice@192.0.2.10:5062>"


def refused(env, tag):
    answer = env.server.phone().reg0(C1, fields=[("Require", tag)]).expect(420)
    equal(answer.header("unsupported"), tag, "Unsupported")


@covers("BNC-6140-5.1-1")
def test_bulk_numbers(env):
    refused(env, "gin")
    phone = env.server.phone()
    equal(list(phone.reg("<sip:192.0.2.10;bnc>").expect(200).contacts), ["sip:192.0.2.10;bnc"], "contacts")


@covers("SAG-3329-1")
def test_security_agreement(env):
    refused(env, "sec-agree")
    phone = env.server.phone()
    fields = [("Security-Client", "tls;q=0.1"), ("Security-Verify", "tls;q=0.1")]
    phone.reg(C1, fields=fields).expect(200)


@covers("BRR-8898-2.2-1")
def test_bearer_token(env):
    answer = env.server.phone().reg0(C1, fields=[("Authorization", "Bearer eyJhbGciOiJub25lIn0")]).expect(401)
    for value in answer.all("www-authenticate"):
        true(value.startswith("Digest "), "challenge is %r" % value)


@covers("EVT-3680-1")
def test_subscribe(env):
    phone = env.server.phone()
    request = phone.request("SUBSCRIBE", "sip:alice@example.com", fields=[("Event", "reg"), ("Contact", C1)])
    phone.exchange(request).expect(405).header("allow", "REGISTER")


def with_via(phone, request, parameters):
    return request.set("Via", request.get("Via").replace(";rport", parameters + ";rport"))


@covers("OVL-4-1", "TRN-18.2.1-6")
def test_overload_parameters_come_back(env):
    phone = env.server.phone()
    request = with_via(phone, phone.request("OPTIONS", "sip:example.com"), ';oc;oc-algo="loss"')
    true(';oc;oc-algo="loss"' in phone.exchange(request).expect(200).header("via"), "the parameters changed")


@covers("TLS-5923-8.2-1", "TRN-18.2.1-6")
def test_alias_records_nothing(env):
    """Were the connection remembered under its sent-by, the answer to the second phone would take the first one."""
    first, second = env.server.phone("tls"), env.server.phone("tls", user="bob")
    for phone in (first, second):
        request = phone.register_request()
        request.set("Via", "SIP/2.0/TLS alias.example.com:5061;alias;branch=" + branch())
        phone.authorize(request)
        phone.exchange(request).expect(200).header("via", r";alias\b")
    first.silence(0.3)


@covers("UAS-8.2.4-1", "UAS-8.2.4-2", "REG-10.3-2")
def test_no_extension_is_applied_unasked(env):
    """Nor with everything on offer: there is no Require, and never a 421 or 6xx (the linter sees to every answer)."""
    phone = env.server.phone()
    for supported in ("gruu", "outbound", "gruu, outbound, path, gin, sec-agree, 100rel"):
        contact = C1 + ';+sip.instance="<urn:uuid:00000000-0000-1000-8000-000a95a0e128>"'
        answer = phone.reg(contact, fields=[("Supported", supported)]).expect(200)
        true(not answer.all("require"), "Require is %r" % answer.all("require"))
        for name in answer.contacts[C1.strip("<>")]:
            true(name not in ("pub-gruu", "temp-gruu", "ob"), "parameter %s" % name)


@covers("TLS-5922-8.1-1")
def test_each_register_is_authenticated_by_itself(env):
    for transport, contact in (("tls", S1), ("udp", C1)):
        phone = env.server.phone(transport)
        phone.reg(contact).expect(200)
        phone.reg0(contact).expect(401)
        phone.reg0().expect(401)


@covers("SPS-5.1.2-5")
def test_no_uri_of_ours_says_transport_tls(env):
    phone = env.server.phone("tls")
    for answer in (phone.opt(), phone.reg0(S1), phone.reg(S1), phone.reg(), phone.opt("sips:alice@example.com")):
        true(b"transport=tls" not in answer.raw.lower(), "an answer says transport=tls")


@covers("REG-10.3.7-5")
def test_a_minute_is_the_default_minimum(env):
    server = env.start({"registration": {"expires_min": None}})
    phone = server.phone()
    equal(phone.reg(C1, expires=59).expect(423).header("min-expires"), "60", "Min-Expires")
    equal(phone.reg(C1, expires=60).expect(200).contacts[C1.strip("<>")]["expires"], "60", "expires")


@covers("AUT-7616-3.4-4")
def test_a_retransmission_is_no_replay(env):
    phone = env.server.phone()
    request = phone.authorize(phone.register_request(C1))
    first = phone.exchange(request).expect(200)
    equal(phone.exchange(request).expect(200).raw, first.raw, "answer to the retransmission")


@covers("AUT-7616-3.4-6")
def test_failed_logins_in_the_log(env):
    server = env.start({"log": {"level": "debug", "format": "text"}})
    password = "Wr0ng-but-private"
    phone = server.phone(password=password)
    before = server.outcomes("bad_password")
    request = phone.authorize(phone.register_request(C1))
    phone.exchange(request).expect(401)
    equal(server.outcomes("bad_password") - before, 1, "counted failures")
    server.wait_log(r"auth\.failed .*reason=bad_password .*src=127\.0\.0\.1:%d .*user=\"alice" % phone.wire.local[1])
    odd = server.phone(user="alice", login="al\\\tice\\\x01\\\x7f", password=password)  # quoted-pairs: raw ones are malformed
    odd.reg(C1)
    server.wait_log(r"auth\.failed .*reason=unknown_user ")
    response = re.search(r'response="([0-9a-f]+)"', request.get("Authorization")).group(1)
    hashes = server.database.query("select ha1_md5, ha1_sha256 from account where aor = 'alice@example.com'")[0]
    for secret in (password, response, *hashes):
        true(secret not in server.log, "%r is in the log" % secret)
    if re.search(r"[\x00-\x08\x0b-\x1f\x7f]", server.log):
        raise Failure("control character in the log")


@covers("SPS-26.4.4-2")
def test_tls_alone(env):
    server = env.start({("listener", "sip"): None})
    server.phone("tls").reg(S1).expect(200)
    try:
        server.tcp().close()
    except ConnectionRefusedError:
        return
    raise Failure("the plain port is open")
