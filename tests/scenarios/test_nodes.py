"""Two nodes on one database serve every phone alike: nonces, bindings, TLS tickets."""
import os
import signal
import socket
import ssl
import threading

from harness import covers, equal, true
from harness.attack import TRANSPORTS, Unchanged, everywhere, plain_phone, stale
from harness.faults import add_users, admin
from harness.http import ask
from harness.phone import ALICE_PASSWORD

C1, C2 = "<sip:alice@192.0.2.10:5062>", "<sip:alice@192.0.2.11:5062>"
S1 = "<sips:alice@192.0.2.10:5062>"
THIEF = "<sip:thief@203.0.113.66>"


def two(env, **changes):
    own = changes.pop("server", {})
    first = env.start({"server": {"name": "reg-a", **own}, **changes})
    second = env.start({"server": {"name": "reg-b", **own}, **changes}, database=first.database)
    return first, second


def move(phone, server, transport="udp"):
    """The phone talks to another node and keeps what it knows."""
    phone.wire, phone.transport = server.wire(transport), transport
    server.phones.append(phone)
    return phone


@covers("AUT-7616-3.3-3", "AUT-7616-3.3-4")
def test_nonce_of_one_node_is_good_on_the_other(env):
    first, second = two(env)
    phone = first.phone()
    phone.prepare()
    nonce = phone.nonces["<%s>" % phone.aor].nonce
    move(phone, second, "tcp").reg(C1).expect(200)
    move(phone, first, "udp").reg(C1).expect(200)
    equal(phone.nonces["<%s>" % phone.aor].nonce, nonce, "nonce")


def bound(server, aor="alice@example.com"):
    rows = server.database.query("select contact, cseq from binding where aor = '%s'" % aor)
    return {contact: int(cseq) for contact, cseq in rows}


@covers("REG-10.3.7-1")
def test_what_a_node_remembers_never_beats_what_another_wrote(env):
    first, second = two(env)
    phone = first.phone()
    phone.reg(C1).expect(200)
    move(phone, second).reg(C2).expect(200)
    move(phone, first).reg(C1).expect(200)
    move(phone, second).reg(C2, expires=0).expect(200)
    answer = move(phone, first).reg(C1).expect(200)
    equal(len(answer.all("Contact")), 1, "contacts in the answer")
    equal(list(bound(first)), [C1.strip("<>")], "in the database")
    first.ctl("user", "disable", "alice@example.com")
    move(phone, second).reg(C1).expect(401)


def asked_since(server, node, moment):
    """Each connection of that node has asked whose data it is since then."""
    pids = set()

    def all_have():
        pids.update(server.database.query("select pid from pg_stat_activity where application_name = 'rollcalld/%s' and "
                                          "query ~ 'pg_postmaster_start_time' and query_start > '%s'" % (node, moment)))
        return pids >= set(server.database.query("select pid from pg_stat_activity where application_name = 'rollcalld/%s'" % node))
    server.wait(all_have, "%s has asked on all its connections" % node)


@covers("REG-DB-7")
def test_what_a_node_remembers_ends_with_the_data(env):
    """Older data put back under running nodes: the version that one of them remembers is given again, to another list."""
    first, second = two(env, server={"workers": "1"})
    mobile, desk = first.phone(), first.phone()
    mobile.reg(C1).expect(200)
    dump = first.database.dump("--clean")
    mobile.reg(C1).expect(200)
    move(mobile, second).reg(C1).expect(200)
    first.database.restore(dump)
    restored = first.database.value("select clock_timestamp()")
    for _ in range(2):
        desk.reg(C2).expect(200)
    asked_since(first, "reg-b", restored)
    mobile.reg(C1).expect(200)
    equal(sorted(bound(first)), sorted([C1.strip("<>"), C2.strip("<>")]), "in the database")


@covers("REG-10.3.7-1", "REG-10.3-8")
def test_contention_for_one_address(env):
    """Eight phones of one user refresh at both nodes in turn, all at once: whatever was acknowledged is there, in order."""
    first, second = two(env)
    phones = [(first, second)[i % 2].phone() for i in range(8)]
    refused = []

    def refresh(i):
        for turn in range(12):
            answer = move(phones[i], (first, second)[(i + turn) % 2]).reg("<sip:alice@192.0.2.%d:5062>" % (20 + i))
            if answer.status != 200:
                refused.append((i, turn, answer.status))
    threads = [threading.Thread(target=refresh, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    equal(refused, [], "refused")
    equal(bound(first), {"sip:alice@192.0.2.%d:5062" % (20 + i): phones[i].cseq for i in range(8)}, "CSeq of each binding")


@covers("AUT-7616-3.3-3")
def test_nonce_outlives_the_restart_of_its_node(env):
    first, second = two(env)
    phone = first.phone()
    phone.prepare()
    request = phone.authorize(phone.register_request(C1))
    first.stop()
    move(phone, second).exchange(request).expect(200)
    first.start()
    move(phone, first).reg(C2).expect(200)
    equal(len(phone.nonces), 1, "nonces asked for")


@everywhere
@covers("AUT-7616-3.4-3")
def captured_request_binds_nothing_at_the_other_node(env, transport):
    """Octet for octet at the other node, and at either with what digest does not cover: branch, Call-ID, CSeq, Contact, the
    transport."""
    nodes = two(env)
    for own, other in (nodes, nodes[::-1]):
        owner = plain_phone(own, transport)
        captured = owner.authorize(owner.register_request(C1))
        owner.exchange(captured).expect(200)
        owner.reg("*", expires=0).expect(200)
        for where in TRANSPORTS:
            with Unchanged(own):
                equal(stale(plain_phone(other, where).exchange(captured)), True, "stale, of a copy over " + where)
                for thief in (plain_phone(other, where), plain_phone(own, where)):
                    for attempt in (thief.register_request(C1), thief.register_request(THIEF), owner.register_request(THIEF)):
                        attempt.add("Authorization", captured.get("Authorization"))
                        equal(stale(thief.exchange(attempt)), True, "stale over " + where)
        equal(owner.fetch(), {}, "bindings")


@everywhere
@covers("AUT-7616-3.4-3")
def nonce_count_used_at_one_node_is_used_at_the_other(env, transport):
    nodes = two(env)
    for one, other in (nodes, nodes[::-1]):
        phone = plain_phone(one, transport)
        phone.prepare()
        phone.reg(C1).expect(200)
        move(phone, other, transport)
        for nc, wanted in (("00000001", 401), ("00000003", 200), ("00000003", 401), ("00000002", 401)):
            answer = phone.exchange(phone.authorize(phone.register_request(C2), nc=nc)).expect(wanted)
            true(wanted == 200 or stale(answer), "nc=%s: no stale=true" % nc)
        move(phone, one, transport)
        answer = phone.exchange(phone.authorize(phone.register_request(C2), nc="00000003"))
        equal(stale(answer), True, "stale, where the count was not used")
        equal(sorted(phone.fetch()), [c.strip("<>") for c in (C1, C2)], "bindings")
        phone.reg("*", expires=0).expect(200)


@covers("REG-10.3-8")
def test_registrations_of_one_address_on_both_nodes_at_once(env):
    nodes = two(env, registration={"max_contacts": 60})
    own = ["<sip:alice@192.0.2.%d:5062>" % n for n in range(1, 41)]
    phones = [nodes[i % 2].phone("tcp") for i in range(len(own))]
    requests = []
    for phone, contact in zip(phones, own):
        phone.prepare()
        requests.append(phone.authorize(phone.register_request(contact)))
    for phone, request in zip(phones, requests):
        phone.send(request)
    for phone in phones:
        answer = phone.receive(30)
        true(answer is not None, "no answer")
        answer.expect(200)
    rows = nodes[0].database.query("select contact, node from binding where aor = 'alice@example.com'")
    equal(sorted("<%s>" % contact for contact, _ in rows), sorted(own), "bindings")
    equal({node for _, node in rows}, {"reg-a", "reg-b"}, "nodes of the bindings")


def test_binding_names_the_node_that_wrote_it(env):
    first, second = two(env)
    first.phone().reg(C1).expect(200)
    second.phone().reg(C2).expect(200)
    equal(first.database.query("select contact, node from binding order by contact"),
          [(C1.strip("<>"), "reg-a"), (C2.strip("<>"), "reg-b")], "bindings")
    first.phone().reg(C2).expect(200)
    equal(first.database.value("select node from binding where contact = '%s'" % C2.strip("<>")), "reg-a",
          "node after a refresh elsewhere")


def session_of(server, context, session=None):
    """(TLS session, whether it was resumed) of a connection on which OPTIONS was answered."""
    raw = socket.create_connection(("127.0.0.1", server.tls_port), timeout=8)
    with context.wrap_socket(raw, server_hostname="example.com", session=session) as tls:
        tls.sendall(b"OPTIONS sips:example.com SIP/2.0\r\nVia: SIP/2.0/TLS 127.0.0.1;branch=z9hG4bKt%d\r\nMax-Forwards: 70\r\n"
                    b"From: <sips:a@example.com>;tag=1\r\nTo: <sips:example.com>\r\nCall-ID: t\r\nCSeq: 1 OPTIONS\r\n"
                    b"Content-Length: 0\r\n\r\n" % raw.fileno())
        true(b"SIP/2.0 200" in tls.recv(65536), "OPTIONS over the session")
        return tls.session, tls.session_reused


def resumes(env, version):
    first, second = two(env)
    context = first.tls_context()
    context.minimum_version = context.maximum_version = version
    session, reused = session_of(first, context)
    equal(reused, False, "first connection resumed")
    session, reused = session_of(second, context, session)
    equal(reused, True, "resumed at the other node")
    first.restart()
    equal(session_of(first, context, session)[1], True, "resumed after a restart")


def test_tls_ticket_of_one_node_resumes_on_the_other(env):
    resumes(env, ssl.TLSVersion.TLSv1_3)


def test_tls_1_2_ticket_of_one_node_resumes_on_the_other(env):
    resumes(env, ssl.TLSVersion.TLSv1_2)


@covers("REG-DB-7")
def test_phone_moves_to_the_other_node_when_its_own_is_killed(env):
    first, second = two(env)
    phone = first.phone("tls")
    phone.reg(S1).expect(200)
    os.killpg(first.process.pid, signal.SIGKILL)
    first.process.wait()
    first.process = None
    true(phone.wire.closed(), "the connection is still open")
    move(phone, second, "tls")
    equal(list(phone.fetch()), [S1.strip("<>")], "bindings")
    phone.reg(S1, expires=700).expect(200)
    equal(second.database.query("select node, contact from binding"), [("reg-b", S1.strip("<>"))], "bindings")


@covers("REG-DB-7")
def test_node_killed_under_load_loses_nothing_that_was_acknowledged(env):
    first, second = two(env, log={"level": "notice"})
    count = 12
    add_users(first.database, count, ALICE_PASSWORD)
    acknowledged, killed = {}, threading.Event()

    def register(n):
        phone = first.phone(user="u%d" % n)
        for _ in range(400):
            try:
                request = phone.authorize(phone.register_request("<sip:u%d@192.0.2.1:5062>" % n))
                if phone.exchange(request, timeout=1.0).status == 200:
                    acknowledged[n] = int(request.get("CSeq").split()[0])
            except Exception:  # its node is dead
                if killed.is_set():
                    return

    threads = [threading.Thread(target=register, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    first.wait(lambda: len(acknowledged) == count and min(acknowledged.values()) > 8, "some load", 30)
    killed.set()
    os.killpg(first.process.pid, signal.SIGKILL)
    first.process.wait()
    first.process = None
    for thread in threads:
        thread.join()
    rows = second.database.query("select username, cseq, node from binding")
    stored = {user: int(cseq) for user, cseq, _ in rows}
    for n, cseq in acknowledged.items():
        true(stored.get("u%d" % n, 0) >= cseq, "u%d: acknowledged %d, stored %s" % (n, cseq, stored.get("u%d" % n)))
    second.phone(user="u0").reg("<sip:u0@192.0.2.2:5062>").expect(200)


# --- the table of nodes ---

def nodes(server):
    """{name: item} of GET /nodes; of several of one name the last. Nothing while the API has no database yet."""
    answer = ask(server.socket, "GET", "/api/v1/nodes")
    return {} if answer.status == 503 else {item["node"]: item for item in answer.expect(200).json["items"]}


def wait_states(server, timeout=20.0, **wanted):
    wanted = {name.replace("_", "-"): state for name, state in wanted.items()}
    server.wait(lambda: {name: item["state"] for name, item in nodes(server).items()} == wanted,
                "nodes are %s" % wanted, timeout)


def test_nodes_see_each_other(env):
    first, second = two(env)
    first.wait_ready()
    wait_states(first, reg_a="ready", reg_b="ready")
    item = nodes(second)["reg-a"]
    equal(sorted(item), ["bindings", "node", "seen_ago", "seen_at", "started_at", "state", "version", "workers"], "fields")
    equal((item["version"], item["workers"]), (first.stats()["version"], 1), "version and workers")
    true(0 <= item["seen_ago"] <= 15, "seen_ago: %r" % item)
    second.stop()
    wait_states(first, reg_a="ready", reg_b="stopped")
    second.start()
    wait_states(second, reg_a="ready", reg_b="ready")
    equal(second.database.value("select count(*) from node"), "2", "rows: a stopped instance gives way to the next")


def test_a_node_that_is_killed_is_gone(env):
    first, second = two(env)
    wait_states(first, reg_a="ready", reg_b="ready")
    os.killpg(second.process.pid, signal.SIGKILL)
    second.process.wait()
    second.process = None
    equal(nodes(first)["reg-b"]["state"], "ready", "state before anybody can know")
    first.database.query("update node set seen_at = now() - interval '16 s' where name = 'reg-b'")
    wait_states(first, reg_a="ready", reg_b="gone")
    first.database.query("update node set seen_at = now() - interval '25 h' where name = 'reg-b'")
    wait_states(first, reg_a="ready")
    second.start()
    wait_states(first, reg_a="ready", reg_b="ready")
    equal(second.log.count("node.twin"), 0, "warnings about a second node")


def test_a_draining_node_says_so(env):
    first, second = two(env, health={"drain_delay": "5s", "drain_timeout": "20s"})
    wait_states(first, reg_a="ready", reg_b="ready")
    second.process.send_signal(signal.SIGTERM)
    wait_states(first, reg_a="ready", reg_b="draining")
    second.stop()
    wait_states(first, reg_a="ready", reg_b="stopped")


def test_two_nodes_of_one_name_are_told(env):
    first = env.start({"server": {"name": "reg-a"}})
    second = env.start({"server": {"name": "reg-a"}}, database=first.database)
    for server in (first, second):
        server.wait_log("warning node.twin .*another node of this database is called reg-a", 40)
    equal(len(ask(first.socket, "GET", "/api/v1/nodes").json["items"]), 2, "nodes")
    equal(first.log.count("warning node.twin"), 1, "warnings")
    second.stop()
    first.wait_log("notice node.twin .*the only one of its name again", 40)


def test_the_admin_process_dies_and_its_node_is_the_same(env):
    server = env.start({"server": {"name": "reg-a"}})
    wait_states(server, reg_a="ready")
    os.kill(admin(server), signal.SIGKILL)
    server.database.query("update node set seen_at = now() - interval '14 s'")
    server.wait(lambda: nodes(server).get("reg-a", {"seen_ago": 99})["seen_ago"] < 10, "a heartbeat", 40)
    equal(server.database.value("select count(*) from node"), "1", "rows")
    equal(server.log.count("node.twin"), 0, "warnings about a second node")


def test_bindings_of_each_node(env):
    first, second = two(env)
    first.phone().reg(C1).expect(200)
    second.phone().reg(C2).expect(200)
    for server in (first, second):
        server.restart()  # the first count comes soon after a start
    first.wait(lambda: sorted((name, item["bindings"]) for name, item in nodes(first).items()) == [("reg-a", 1), ("reg-b", 1)],
               "one binding each", 40)
