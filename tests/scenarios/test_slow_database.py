"""A database that takes its time: 100 when RFC 4320 says so, retransmissions absorbed, nothing half seen; and floods that
must not reach it."""
import time

from harness import add_test, covers, equal, long_only, true
from harness.failing import PLAIN_BUILD
from harness.faults import add_users, resident_kb, slow_commits, workers
from harness.message import parse_response

C1, C2, C3 = ("<sip:alice@192.0.2.%d:5062>" % n for n in (10, 11, 12))
# Nobody is refused for having to wait: that is what these tests want.
PATIENT = {"database": {"query_timeout": "20s"}, "limits": {"overload_delay": "1m"}}


def contacts(server):
    """As another connection to the database sees them."""
    return ["<%s>" % contact for contact, in
            server.database.query("select contact from binding where aor = 'alice@example.com' order by contact")]


# --- slow ---

def slow(env, seconds, **how):
    """A server whose database takes so long for a commit of alice, and her phone with a nonce at hand."""
    server = env.start({**PATIENT, **how.pop("changes", {})})
    phone = server.phone(**how)
    phone.prepare()
    slow_commits(server.database, seconds)
    return server, phone


def raw_answers(phone, count, timeout=12.0):
    """[(seconds since now, response), …], provisional ones too."""
    began, found = time.monotonic(), []
    while len(found) < count:
        raw = phone.wire.receive(timeout - (time.monotonic() - began))
        true(raw is not None, "only %s" % [(round(when, 1), answer.status) for when, answer in found])
        found.append((time.monotonic() - began, parse_response(raw)))
    return found


@covers("TXN-4320-2")
def test_no_100_before_three_and_a_half_seconds(env):
    _, phone = slow(env, 2)
    phone.send(phone.authorize(phone.register_request(C1)))
    (when, answer), = raw_answers(phone, 1)
    equal(answer.status, 200, "the only answer")
    true(when > 1.5, "answered after %.1f s" % when)
    phone.silence(1.0)


def trying(env, transport):
    _, phone = slow(env, 4.5, transport=transport)
    phone.send(phone.authorize(phone.register_request(C1 if transport != "tls" else C1.replace("sip:", "sips:"),
                                                      fields=[("Timestamp", "54"), ("User-Agent", "tester"),
                                                              ("Supported", "path")])))
    (first, provisional), (last, final) = raw_answers(phone, 2)
    equal((provisional.status, final.status), (100, 200), "answers")
    true(3.4 < first < 4.4, "100 after %.2f s" % first)
    true(last > 4.3, "200 after %.2f s" % last)
    number, delay = provisional.header("timestamp").split()
    equal(number, "54", "Timestamp")
    true(3.4 < float(delay) < 4.4, "delay in Timestamp: %s" % delay)
    equal({name for name, _ in provisional.fields} -
          {"via", "from", "to", "call-id", "cseq", "timestamp", "content-length", "server"}, set(), "other fields of the 100")
    true("tag=" not in provisional.get("to"), "To of the 100 has a tag")


for _transport in ("udp", "tcp", "tls"):
    add_test(globals(), "100_after_three_and_a_half_seconds_%s" % _transport, lambda env, t=_transport: trying(env, t),
             ["TXN-4320-3", "UAS-8.2.6.1-1", "TXN-4320-1"] + ([] if _transport != "udp" else ["TXN-4320-2"]))


@covers("TXN-4320-4")
def test_never_408(env):
    """The database takes longer than the deadline: 100, then 500 or 503."""
    server, phone = slow(env, 40, changes={"database": {"query_timeout": "5s"}})
    phone.send(phone.authorize(phone.register_request(C1)))
    (_, provisional), (last, final) = raw_answers(phone, 2, 30)
    equal(provisional.status, 100, "first answer")
    true(final.status in (500, 503), "final answer is %d" % final.status)
    true(4 < last < 15, "final answer after %.1f s" % last)
    phone.silence(1.0)
    equal(contacts(server), [], "bindings")


@covers("TXN-17.2.2-1")
def test_retransmissions_are_absorbed_while_the_row_is_locked(env):
    """The lock is held for longer than lock_timeout: the commit is tried again. Three requests, one update, one 200."""
    server = env.server
    phone = server.phone()
    phone.prepare()
    version = int(server.database.value("select version from aor where aor = 'alice@example.com'"))
    request = phone.authorize(phone.register_request(C1))
    with server.database.locked("select from aor where aor = 'alice@example.com' for update"):
        for _ in range(3):
            phone.send(request)
        phone.silence(0.4)
    equal(phone.receive().status, 200, "answer")
    phone.silence(0.5)
    equal(int(server.database.value("select version from aor where aor = 'alice@example.com'")), version + 1, "version")
    equal(contacts(server), [C1], "bindings")


@covers("SEC-26.1.5-3", "REG-DB-1")
def test_a_transaction_on_many_accounts_holds_nobody(env):
    """An operator has changed a hundred accounts of his and not committed yet. Who is among them waits a while and is told to come
    again, and nothing of his was stored; the others are served as ever: none is refused, none waits for a lock, and the node is
    ready."""
    server = env.start({"limits": {"exempt": ["127.0.0.0/8"]}})
    add_users(server.database, 100, "x")
    held = [server.phone("tcp", user="u%d" % n, password="x") for n in range(100)]
    free = [server.phone(transport) for transport in ("udp", "tcp")] + [server.phone("tcp", user="bob")]
    for phone in held + free:
        phone.reg("<sip:x@192.0.2.10>").expect(200)
    requests = [phone.authorize(phone.register_request("<sip:z@192.0.2.30>")) for phone in held]
    with server.database.locked("update account set display_name = 'x' where login ~ '^u[0-9]'"):
        for phone, request in zip(held, requests):
            phone.send(request)
        slowest, end = 0.0, time.monotonic() + 2.5
        while time.monotonic() < end:
            for phone in free:
                began = time.monotonic()
                phone.reg("<sip:y@192.0.2.20>").expect(200)
                slowest = max(slowest, time.monotonic() - began)
            equal(server.health("/readyz")[0], 200, "ready")
        for phone in held:
            true(phone.receive().expect(503).get("Retry-After"), "no Retry-After")
    true(slowest < 2.0, "one waited for %.1f s" % slowest)
    for phone in held[:5]:
        equal(list(phone.fetch()), ["sip:x@192.0.2.10"], "what is stored")
        phone.reg("<sip:z@192.0.2.30>").expect(200)


@covers("TXN-17.2.2-1")
def test_retransmissions_are_absorbed_while_the_database_is_slow(env):
    server, phone = slow(env, 1.5)
    version = int(server.database.value("select version from aor where aor = 'alice@example.com'"))
    request = phone.authorize(phone.register_request(C1))
    for _ in range(3):
        phone.send(request)
    equal(phone.receive().status, 200, "answer")
    phone.silence(1.7)
    equal(int(server.database.value("select version from aor where aor = 'alice@example.com'")), version + 1, "version")


@covers("REG-10.3-9")
def test_others_see_the_old_set_until_the_commit(env):
    """The row is written and not committed for a while: a deferred constraint trigger sleeps at the end."""
    server = env.start(PATIENT)
    phone = server.phone()
    phone.reg(C1).expect(200)
    server.database.query("""
        create function test_linger() returns trigger language plpgsql as $$ begin perform pg_sleep(1.5); return null; end $$;
        create constraint trigger test_linger after update on aor deferrable initially deferred
            for each row execute function test_linger();
    """)
    phone.send(phone.authorize(phone.register_request(C1 + ";expires=0", C2, C3)))
    server.wait(lambda: server.database.value("select count(*) from pg_stat_activity where usename = 'rollcall' and "
                                              "datname = current_database() and wait_event = 'PgSleep'") == "1",
                "the commit lingers")
    equal(contacts(server), [C1], "what others see meanwhile")
    equal(phone.receive().status, 200, "answer")
    equal(contacts(server), [C2, C3], "what others see afterwards")


# --- floods ---

def flood(env, server, requests, sources=8):
    """Sends all, at most so many unanswered as a socket holds, and counts the answers."""
    phones = [server.phone() for _ in range(sources)]
    answers, burst = {}, 16
    for begin in range(0, requests, sources * burst):
        for phone in phones:
            for _ in range(burst):
                yield phone
        for phone in phones:
            for _ in range(burst):
                raw = phone.wire.socket.recv(65536)
                answers[raw[8:11]] = answers.get(raw[8:11], 0) + 1
    equal(answers, {b"401": sum(answers.values())}, "answers")


def quick(phone, authorization=""):
    """A REG0 with a fresh branch and Call-ID, made without the care of Request; nothing goes to the transcript."""
    phone.cseq += 1
    phone.wire.socket.sendto((
        "REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK%s%d;rport\r\nMax-Forwards: 70\r\n"
        "From: <sip:alice@example.com>;tag=%s\r\nTo: <sip:alice@example.com>\r\nCall-ID: %d%s\r\nCSeq: %d REGISTER\r\n"
        "Contact: <sip:alice@192.0.2.10:5062>\r\n%sContent-Length: 0\r\n\r\n" % (
            phone.sent_by(), phone.tag, phone.cseq, phone.tag, phone.cseq, phone.call_id, phone.cseq, authorization)
    ).encode(), phone.wire.server)


FORGED = ('Authorization: Digest username="alice", realm="example.com", nonce="%032x%032x", uri="sip:example.com", '
          'response="%032x", algorithm=MD5, qop=auth, nc=00000001, cnonce="0"\r\n')


@covers("AUT-DB-1")
def test_flood_of_strangers_never_reaches_the_database(env):
    """No REG0, forged, expired or replayed nonce causes a look-up."""
    server = env.start({"log": {"level": "error"}, "auth": {"failure_delay": "0ms"}})
    before = server.counter("db_lookups"), server.counter("db_batches")
    for i, phone in enumerate(flood(env, server, 4000)):
        quick(phone, FORGED % (i, i, i) if i % 2 else "")
    equal((server.counter("db_lookups"), server.counter("db_batches")), before, "look-ups and batches")
    equal(server.counter("transactions_live"), 0, "transactions")
    genuine = server.phone()
    genuine.reg(C1).expect(200)
    equal(server.counter("db_lookups"), before[0] + 1, "look-ups after a genuine request: the counter counts")


def memory_flat(env, requests):
    server = env.make({"log": {"level": "error"}})
    server.build = PLAIN_BUILD  # sanitizers keep what was freed
    server.start()
    pid, = workers(server)
    for phone in flood(env, server, 4000):
        quick(phone)
    before = resident_kb(pid)
    for phone in flood(env, server, requests):
        quick(phone)
    grown = resident_kb(pid) - before
    true(grown < 2048, "%d challenges took %d kB" % (requests, grown))
    equal(server.counter("transactions_live"), 0, "transactions")


@covers("UAS-8.2.7-2")
def test_challenges_keep_no_state(env):
    memory_flat(env, 20000)


@long_only
@covers("UAS-8.2.7-2")
def test_a_hundred_thousand_challenges_keep_no_state(env):
    memory_flat(env, 100000)


# --- storms ---

def test_storm(env):
    """More at once than the database can commit in time: who is registered comes first, everybody is told, and it ends at once."""
    server = env.start({"limits": {"overload_delay": "400ms"}, "database": {"query_timeout": "20s"}})
    add_users(server.database, 360, "crowd-of-the-tests")
    crowd = [server.phone(user="u%d" % i, password="crowd-of-the-tests") for i in range(360)]
    for phone in crowd:
        phone.reg("<sip:%s@192.0.2.10>" % phone.user).expect(200)
    server.database.query("""
        create function test_slow() returns trigger language plpgsql as $$ begin perform pg_sleep(0.02); return new; end $$;
        create trigger test_slow before update on aor for each row execute function test_slow()""")
    refreshes = [phone.authorize(phone.register_request("<sip:%s@192.0.2.10>" % phone.user)) for phone in crowd]
    for phone, refresh in zip(crowd, refreshes):
        phone.send(refresh)
    stranger, told = server.phone("tcp", user="bob"), []
    server.wait(lambda: stranger.reg0(C1).status == 503, "a stranger is turned away")
    while len(told) < 12:
        told.append(int(stranger.reg0(C1).expect(503).get("Retry-After")))
    true(all(20 <= seconds <= 90 for seconds in told) and len(set(told)) > 3, "Retry-After of strangers: %s" % told)
    answers = [phone.receive(20) for phone in crowd]
    equal([phone.user for phone, answer in zip(crowd, answers) if answer is None], [], "without an answer")
    statuses = [answer.status for answer in answers]
    true(statuses.count(200) > 100 and set(statuses) <= {200, 503}, "refreshes: %s" % {s: statuses.count(s) for s in set(statuses)})
    server.database.query("drop trigger test_slow on aor")
    stranger.reg(C2).expect(200)
    crowd[0].reg("<sip:u0@192.0.2.10>").expect(200)
