"""The first promise: OPTIONS and REGISTER work on every transport and both address families."""
from harness import add_test, covers, equal, true

C1, C2 = "<sip:alice@192.0.2.10:5062>", "<sip:alice@192.0.2.11:5062>"
S1 = "<sips:alice@192.0.2.10:5062>"


def options(env, transport, ipv6):
    answer = env.server.phone(transport, ipv6=ipv6).opt()
    answer.expect(200)
    answer.header("allow", r"\bREGISTER\b")
    answer.header("supported")


def register_life(env, transport, ipv6):
    """Challenge, register, refresh, fetch, unregister."""
    phone = env.server.phone(transport, ipv6=ipv6)
    contact = S1 if transport == "tls" else C1
    uri = contact.strip("<>")
    phone.reg0(contact).expect(401)
    answer = phone.reg(contact, expires=600).expect(200)
    equal(answer.contacts[uri]["expires"], "600", "expires")
    answer = phone.reg(contact, expires=700).expect(200)
    equal(answer.contacts[uri]["expires"], "700", "expires after the refresh")
    equal(list(phone.fetch()), [uri], "contacts")
    equal(phone.reg(contact, expires=0).expect(200).contacts, {}, "contacts after removal")


for _transport in ("udp", "tcp", "tls"):
    for _ipv6 in (False, True):
        _where = "%s_ipv%d" % (_transport, 6 if _ipv6 else 4)
        _tls = _transport == "tls"
        add_test(globals(), "options_" + _where,
                 lambda env, t=_transport, v=_ipv6: options(env, t, v), ["UAS-11-1", "TRN-18-1"])
        add_test(globals(), "register_" + _where,
                 lambda env, t=_transport, v=_ipv6: register_life(env, t, v),
                 ["TLS-26.3.1-2", "TLS-5922-7.6-1", "TLS-20.42-1"] if _tls else [])


@covers("AUT-8760-2.3-1", "AUT-8760-2.3-2")
def test_challenges_of_both_algorithms(env):
    from harness.digest import challenges
    offered = challenges(env.server.phone().reg0().expect(401))
    equal([c.algorithm for c in offered], ["SHA-256", "MD5"], "algorithms")
    for algorithm in ("SHA-256", "MD5"):
        env.server.phone(algorithm=algorithm).reg(C1).expect(200)


@covers("TRN-18.2.2-1")
def test_answers_on_their_own_connection(env):
    one, two = env.server.phone("tcp"), env.server.phone("tcp", user="bob")
    first, second = one.request("OPTIONS", "sip:example.com"), two.request("OPTIONS", "sip:example.com")
    one.send(first)
    two.send(second)
    for phone, request in ((two, second), (one, first)):
        answer = phone.receive()
        true(answer is not None, "no answer")
        equal(answer.get("call-id"), request.get("Call-ID"), "Call-ID")


def test_the_database_sees_the_binding(env):
    env.server.phone("tcp").reg(C1, C2).expect(200)
    rows = env.server.database.query(
        "select contact, transport from binding where aor = 'alice@example.com' order by 1")
    equal(rows, [(C1.strip("<>"), "tcp"), (C2.strip("<>"), "tcp")], "rows of the view")
