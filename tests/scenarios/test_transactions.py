"""Server transactions (requirements, section 7): what a retransmission, a CANCEL and a merged request get."""
import time

from harness import covers, equal, long_only, true
from harness.message import Request, branch, parse_response

C1, C2 = "<sip:alice@192.0.2.10:5062>", "<sip:alice@192.0.2.11:5062>"
ROW = "select 1 from aor where aor = 'alice@example.com' for update"


def same_answer(phone, octets, times=3):
    """The answer to these octets, octet for octet the same each time."""
    found = []
    for _ in range(times):
        phone.wire.send(octets)
        found.append(phone.wire.receive())
    equal(found, times * found[:1], "answers")
    return parse_response(found[0])


def commits(server):
    return server.counter("db_commits")


@covers("TXN-17.2.2-2", "TXN-17.2.2-3", "AUT-7616-3.4-4")
def test_a_retransmission_gets_the_stored_answer(env):
    phone = env.server.phone()
    request = phone.authorize(phone.register_request(C1))
    before = commits(env.server), env.server.counter("db_lookups"), env.server.counter("retransmissions")
    same_answer(phone, bytes(request), 4).expect(200)
    after = commits(env.server), env.server.counter("db_lookups"), env.server.counter("retransmissions")
    equal([a - b for a, b in zip(after, before)], [1, 1, 3], "commits, look-ups and retransmissions")


@covers("TXN-17.2.2-3")
def test_the_stored_answer_outlives_a_change(env):
    phone = env.server.phone()
    first = bytes(phone.authorize(phone.register_request(C1)))
    stored = same_answer(phone, first, 1)
    phone.reg(C2).expect(200)
    equal(same_answer(phone, first, 2).raw, stored.raw, "the answer after another registration")
    equal(len(phone.fetch()), 2, "bindings")


@covers("TXN-17.2.2-2")
def test_refusals_are_stored_too(env):
    phone = env.server.phone()
    before = commits(env.server)
    same_answer(phone, bytes(phone.authorize(phone.register_request(C1, expires=5)))).expect(423)
    true(commits(env.server) <= before + 1, "every retransmission was committed")


@covers("TXN-17.2.2-2")
def test_streams_keep_no_answer(env):
    """Completed lasts 0 s there: the same octets again are a new request, with a nonce count that is used up."""
    server = env.start()
    phone = server.phone("tcp")
    octets = bytes(phone.authorize(phone.register_request(C1)))
    phone.wire.send(octets)
    phone.receive().expect(200)
    server.wait(lambda: server.counter("transactions_live") == 0, "no transaction is left")
    phone.wire.send(octets)
    answer = phone.receive()  # the repetition of D-04, answered from the row and not from a transaction
    true(answer.status == 200 or "stale=true" in answer.get("www-authenticate", ""), "answer %d" % answer.status)
    equal(server.counter("transactions_live"), 0, "transactions")


@covers("TXN-17.2.2-1")
def test_retransmissions_meanwhile_are_swallowed(env):
    phone = env.server.phone()
    phone.reg(C1).expect(200)
    octets = bytes(phone.authorize(phone.register_request(C2)))
    before = commits(env.server)
    with env.server.database.locked(ROW):
        for _ in range(3):
            phone.wire.send(octets)
        env.server.phone(user="bob").opt().expect(200)
        equal(phone.wire.receive(0.5), None, "an answer while the row is held")
    phone.receive().expect(200)
    phone.silence(0.5)
    equal(commits(env.server), before + 1, "commits")


@covers("TXN-17.2.3-1")
def test_the_key_of_a_transaction(env):
    phone = env.server.phone()
    request = phone.authorize(phone.register_request(C1))
    stored = same_answer(phone, bytes(request), 1).expect(200)
    via = request.get("Via")
    upper = via.replace("z9hG4bK", "Z9HG4BK").replace(via.split("branch=z9hG4bK")[1].split(";")[0],
                                                       via.split("branch=z9hG4bK")[1].split(";")[0].upper())
    phone.wire.send(bytes(request.set("Via", upper)))
    equal(phone.wire.receive(), stored.raw, "answer to the branch in capitals")
    other = via.replace("127.0.0.1", "phone.example")
    phone.wire.send(bytes(request.set("Via", other)))
    answer = phone.receive()
    true(answer.raw != stored.raw and "phone.example" in answer.header("via"), "another sent-by got the stored answer")


def rfc2543(phone, *contacts):
    """Without the cookie, which clients of RFC 2543 do not know."""
    request = phone.register_request(*contacts)
    return phone.authorize(request.set("Via", request.get("Via").split(";")[0] + ";rport;branch=1"))


@covers("TXN-17.2.3-3", "PAR-20.42-2")
def test_clients_of_rfc_2543(env):
    phone = env.server.phone()
    phone.challenge()
    before = commits(env.server)
    first = rfc2543(phone, C1)
    stored = same_answer(phone, bytes(first)).expect(200)
    equal(commits(env.server), before + 1, "commits for three times the same")
    second = rfc2543(phone, C1)
    answer = same_answer(phone, bytes(second)).expect(200)
    true(answer.raw != stored.raw, "the next CSeq got the stored answer")
    equal(commits(env.server), before + 2, "commits after the next CSeq")


def cancel_of(request):
    fields = [(n, v) for n, v in request.fields if n in ("Via", "From", "To", "Call-ID", "Max-Forwards")]
    number = request.get("CSeq").split()[0]
    return Request("CANCEL", request.uri, fields + [("CSeq", number + " CANCEL"), ("Content-Length", "0")])


@covers("TXN-9.2-1", "TXN-9.2-2", "TXN-17.2.3-2", "UAS-8.2.2.3-2")
def test_cancel_of_a_pending_register(env):
    phone = env.server.phone()
    phone.reg(C1).expect(200)
    request = phone.authorize(phone.register_request(C2))
    with env.server.database.locked(ROW):
        phone.send(request)
        phone.send(cancel_of(request).add("Require", "foo"))
        cancelled = phone.receive().expect(200)
        equal(cancelled.get("cseq").split()[1], "CANCEL", "method of the first answer")
    registered = phone.receive().expect(200)
    equal(registered.get("cseq"), request.get("CSeq"), "CSeq of the second answer")
    equal(cancelled.get("to"), registered.get("to"), "To with its tag")
    true(C2.strip("<>") in phone.fetch(), "the binding is missing")
    phone.exchange(cancel_of(request)).expect(200)


@covers("TXN-9.2-1", "AUT-22.1-3", "UAS-8.2.2.3-2")
def test_cancel_of_nothing(env):
    for transport in ("udp", "tcp"):
        phone = env.server.phone(transport)
        answer = phone.exchange(cancel_of(phone.register_request(C1)).add("Require", "foo")).expect(481)
        equal(answer.all("www-authenticate"), [], "challenge")


@covers("TXN-17.2.1-2", "TXN-17.2.3-2")
def test_acks_are_never_answered(env):
    phone = env.server.phone()
    invite = phone.request("INVITE", "sip:alice@example.com")
    phone.exchange(invite).expect(405)
    ack = phone.request("ACK", "sip:alice@example.com").set("Via", invite.get("Via"))
    phone.send(ack)
    phone.send(phone.request("ACK", "sip:nowhere.example", fields=[("Require", "foo")]))
    phone.send(phone.request("ACK", "sip:example.com").set("CSeq", "x"))
    phone.silence()


@covers("UAS-8.2.2.2-1")
def test_merged_requests(env):
    phone = env.server.phone()
    request = phone.authorize(phone.register_request(C1))
    stored = same_answer(phone, bytes(request), 1).expect(200)
    original = request.get("Via")
    request.set("Via", original.split(";branch=")[0] + ";rport;branch=" + branch())
    phone.exchange(request).expect(482)
    phone.wire.send(bytes(request.set("Via", original)))
    equal(phone.wire.receive(), stored.raw, "answer on the first path")
    challenged = phone.register_request(C1)
    phone.exchange(challenged).expect(401)
    challenged.set("Via", original.split(";branch=")[0] + ";rport;branch=" + branch())
    phone.exchange(challenged).expect(401)  # a stateless answer leaves nothing to be merged with


@covers("TXN-17.2.2-4")
def test_transactions_of_streams_are_gone_at_once(env):
    server = env.start({"limits": {"overload_delay": "1m"}})
    phone = server.phone("tcp")
    for _ in range(10):
        requests = [phone.authorize(phone.register_request(C1)) for _ in range(50)]
        phone.wire.send(b"".join(bytes(r) for r in requests))
        for _ in requests:
            phone.receive().expect(200)
    server.wait(lambda: (server.counter("transactions_live"), server.counter("requests_live")) == (0, 0),
                "no transaction and no request is left")


@covers("TXN-KEY-1")
def test_a_full_table_forgets_the_oldest(env):
    """Their repetition is answered from the row and changes nothing."""
    server = env.start({"server": {"transaction_memory": "1m"}})
    first, filler = server.phone(), server.phone(user="bob")
    octets = bytes(first.authorize(first.register_request(C1, expires=600)))
    first.wire.send(octets)
    first.receive().expect(200)
    sent, deadline = 0, time.monotonic() + 60
    while server.counter("transactions_evicted") == 0:
        true(time.monotonic() < deadline, "%d registrations, and nothing was evicted" % sent)
        for _ in range(100):
            filler.reg(C2).expect(200)
        sent += 100
    before = server.database.value("select bindings from aor where aor = 'alice@example.com'")
    first.wire.send(octets)
    first.receive().expect(200)
    equal(server.database.value("select bindings from aor where aor = 'alice@example.com'"), before, "bindings")
    equal(server.counter("repetitions"), 1, "repetitions counted")


@covers("TXN-17.2.2-2")
@long_only
def test_answers_are_kept_for_32_seconds(env):
    phone = env.server.phone()
    octets = bytes(phone.authorize(phone.register_request(C1)))
    stored = same_answer(phone, octets, 1).expect(200)
    began = time.monotonic()
    time.sleep(20)
    lookups = env.server.counter("db_lookups")
    equal(same_answer(phone, octets, 1).raw, stored.raw, "the answer after 20 s")
    equal(env.server.counter("db_lookups"), lookups, "look-ups")
    time.sleep(33.5 - (time.monotonic() - began))
    equal(env.server.counter("transactions_live"), 0, "transactions after 33 s")
    phone.wire.send(octets)
    true(phone.wire.receive() != stored.raw, "the stored answer after 33 s")
