"""Master, workers and admin process: what dies comes back, what is stopped ends in order, and nothing leaks on the way."""
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time

from harness import Failure, Udp, covers, equal, true
from harness.check import PATIENT, not_under_valgrind
from harness.faults import (Stopped, add_users, admin, alive, children, phones_of_both, slow_commits, wait_successor,
                            wait_workers, worker_of, workers)
from harness.http import ask
from harness.message import parse_response
from harness.network import Inside, ip, start_apart
from harness.phone import ALICE_PASSWORD, Phone
from test_messages import certificate
from test_reload import closed, der, own_certificates, shown

C1, C2 = "<sip:alice@192.0.2.10:5062>", "<sip:alice@192.0.2.11:5062>"
S1 = "<sips:alice@192.0.2.10:5062>"
TWO = {"server": {"workers": "2"}}


def kill(pid):
    os.kill(pid, signal.SIGKILL)


def gone(server, pid):
    server.wait(lambda: not alive(pid), "process %d is gone" % pid)


def ended(server, timeout=20.0):
    """The status with which the master ended, within the time."""
    try:
        return server.process.wait(timeout)
    except subprocess.TimeoutExpired:
        raise Failure("the master is still there after %g s" % timeout)


# --- death ---

def test_killed_worker_is_replaced_and_the_others_notice_nothing(env):
    server = env.start(TWO)
    phones = phones_of_both(server, 1)
    victim, other = sorted(phones)
    contact = "<sip:alice@192.0.2.%d:5062>"
    phones[victim][0].reg(contact % 1).expect(200)
    streams = [server.phone("tcp") for _ in range(12)]
    for phone in streams:
        phone.opt().expect(200)
    kill(victim)
    for n in range(2, 6):
        phones[other][0].reg(contact % n).expect(200)
    server.wait(lambda: victim not in workers(server), "the killed worker has gone")
    now = wait_workers(server, 2)
    true(victim not in now and other in now, "workers %s became %s" % (sorted(phones), now))
    cut = [phone for phone in streams if phone.wire.closed(0.05)]
    true(0 < len(cut) < len(streams), "%d of %d streams were cut" % (len(cut), len(streams)))
    for phone in streams:
        if phone not in cut:
            phone.opt().expect(200)
    equal(sorted(phones[other][0].fetch()), [(contact % n).strip("<>") for n in range(1, 6)], "bindings")
    server.wait_log(r"process.died .*worker.* signal=9")


def test_acknowledged_bindings_survive_the_death_of_workers(env):
    server = env.start(TWO)
    count = 24
    add_users(server.database, count, ALICE_PASSWORD)
    acknowledged, answers, stop = {}, [], threading.Event()

    def register(n):
        phone = server.phone(user="u%d" % n)
        for i in range(1, 100000):
            if stop.is_set():
                return
            contact = "sip:u%d@192.0.2.%d:5062" % (n, i % 9 + 1)
            try:
                request = phone.authorize(phone.register_request("<%s>" % contact))
                if phone.exchange(request, timeout=2.0).status == 200:
                    acknowledged[n, contact] = int(request.get("CSeq").split()[0])
                    answers.append(n)
                else:
                    phone.nonces.clear()
            except Failure:
                phone.nonces.clear()  # died with its worker

    threads = [threading.Thread(target=register, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    try:
        for victim in wait_workers(server, 2):
            enough = len(answers) + 20
            server.wait(lambda: len(answers) >= enough, "%d acknowledged" % enough, 20)
            kill(victim)
            wait_workers(server, 2)
        enough = len(answers) + 20
        server.wait(lambda: len(answers) >= enough, "%d acknowledged" % enough, 20)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    stored = {(user, contact): int(cseq) for user, contact, cseq in
              server.database.query("select username, contact, cseq from binding")}
    missing = [key for key, cseq in acknowledged.items() if stored.get(("u%d" % key[0], key[1]), 0) < cseq]
    equal(missing, [], "missing of %d acknowledged" % len(acknowledged))


@not_under_valgrind("requests take longer than the deadline of this test")
def test_datagrams_wait_for_the_successor(env):
    """The sockets are the master's: what came while nobody read is answered by the next one on the same socket."""
    server = env.start(TWO)
    phone = server.phone()
    victim = worker_of(server, phone)
    other = next(pid for pid in workers(server) if pid != victim)
    phone.prepare()
    request = phone.authorize(phone.register_request(C1))
    with Stopped(victim):
        phone.send(request)
        phone.silence(0.3)
        kill(victim)
        answer = phone.receive()
    true(answer is not None, "no answer to a datagram that waited in the socket")
    equal(answer.expect(200).get("call-id"), phone.call_id, "Call-ID")
    successor = worker_of(server, phone)
    true(successor not in (victim, other), "the phone belongs to %d now, not to the successor of %d" % (successor, victim))


def test_three_deaths_within_a_minute_give_the_share_to_the_others(env):
    server = env.start(TWO)
    phone = server.phone()
    for _ in range(3):
        victim = worker_of(server, phone)
        kill(victim)
        gone(server, victim)
        if _ < 2:
            wait_workers(server, 2)
    began = time.monotonic()
    server.wait_log(r"process.died .*restart_in_ms=(9\d\d\d|10000)")
    server.wait(lambda: len(children(server.process.pid)) == 2, "one worker and the admin process")
    phone.opt().expect(200)  # its socket went to the survivor
    for _ in range(20):
        server.phone().opt().expect(200)
        server.phone("tcp").opt().expect(200)
    equal(len(workers(server)), 1, "workers during the pause")
    wait_workers(server, 2, 30)
    true(time.monotonic() - began > 8, "it came back after %.1f s" % (time.monotonic() - began))
    for _ in range(20):
        server.phone().opt().expect(200)


def test_an_address_that_moved_away_keeps_no_worker_from_the_others(env):
    """A virtual address goes to another node; whoever takes the place of a worker then serves the rest, and that address again
    when it has come back."""
    server = env.make({"server": {"workers": "1"}})
    virtual = "10.9.9.9"
    server.configure({("listener", "sip"): {"bind": ["%s:%d" % (host, server.port) for host in ("127.0.0.1", virtual)]}})
    start_apart(server, "addr add %s/32 dev lo" % virtual)
    ip(server.process.pid, "addr del %s/32 dev lo" % virtual)
    with Inside(server.process.pid):
        for _ in range(3):
            victim = wait_workers(server, 1)[0]
            kill(victim)
            gone(server, victim)
        server.wait_log(r"process.died .*process=worker.*restart_in_ms=(9\d\d\d|10000)")
        wait_workers(server, 1, 30)
        phone = server.phone()
    phone.insist(phone.request("OPTIONS", "sip:example.com"))[0].expect(200, 503)
    ip(server.process.pid, "addr add %s/32 dev lo" % virtual)
    with Inside(server.process.pid):
        phone = Phone(Udp((virtual, server.port), env.transcript, bind=(virtual, 0)), "udp")
    phone.insist(phone.request("OPTIONS", "sip:example.com"))[0].expect(200, 503)
    phone.close()


def test_stuck_processes_are_seen_and_replaced(env):
    """A worker of one node, and the admin process of another, which nobody can ask meanwhile."""
    server, other = env.start(TWO), env.start()
    deaf = admin(other)
    equal(server.health("/livez")[0], 200, "/livez")
    victim = workers(server)[0]
    began = time.monotonic()
    with Stopped(victim), Stopped(deaf):
        status, body = server.wait(lambda: (lambda a: a if a[0] == 503 else None)(server.health("/livez")),
                                   "/livez says 503", 20)
        true(re.search(r"worker \d has not turned", body), "/livez: %r" % body)
        true(3 < time.monotonic() - began < 9, "/livez said so after %.1f s" % (time.monotonic() - began))
        gone_after = server.wait(lambda: time.monotonic() if not alive(victim) else None, "it is replaced", 40) - began
        other.wait(lambda: not alive(deaf), "the admin process is replaced", 40)
    true(9 < gone_after < 30, "it was replaced after %.1f s" % gone_after)
    server.wait_log(r"process.stuck .*worker \d+ has not turned")
    other.wait_log(r"process.stuck .*admin process \d+ has not turned for 1\d{4} ms; it is replaced")
    ask(other.socket, "GET", "/api/v1/stats").expect(200)
    true(victim not in wait_workers(server, 2), "the stuck worker is still there")
    server.wait(lambda: server.health("/livez")[0] == 200, "/livez is good again", 20)


def test_killed_admin_process_comes_back(env):
    server = env.start()
    victim, worker = admin(server), workers(server)
    phone = server.phone("tcp")
    phone.reg(C1).expect(200)
    kill(victim)
    phone.reg(C2).expect(200)
    server.wait(lambda: admin(server) not in (None, victim), "another admin process")
    server.wait_ready()
    equal(workers(server), worker, "workers")
    equal(len(phone.fetch()), 2, "bindings on the same connection")
    true("alice@example.com" in server.ctl("binding", "list").stdout, "the admin socket does not answer")


def test_successors_serve_under_a_newer_schema(env):
    """Nodes are upgraded one after the other behind the migration: one that runs goes on, whichever of its processes dies. Only
    a start is refused."""
    server = env.start({"server": {"workers": "1"}})
    server.database.query("insert into schema_version (version) values (999)")
    victim, administrator = workers(server)[0], admin(server)
    kill(victim)
    wait_successor(server, victim)
    server.phone().reg(C1).expect(200)
    kill(administrator)
    server.wait(lambda: admin(server) not in (None, administrator), "another admin process")
    ask(server.socket, "GET", "/api/v1/bindings").expect(200)
    server.stop()
    server.launch()
    server.wait(lambda: "database schema is 999, this version knows" in server.reason("database"), "the schema is too new")


def test_admin_requests_wait_for_the_first_connection_to_the_database(env):
    """Who asks while the admin process starts is not told that the database is away."""
    server = env.start()
    for _ in range(2):  # the third would be held back
        kill(server.wait(lambda: admin(server), "an admin process"))
        ask(server.socket, "GET", "/api/v1/bindings").expect(200)


def test_nobody_stays_when_the_master_is_killed(env):
    server = env.start(TWO)
    left = children(server.process.pid)
    equal(len(left), 3, "children")
    kill(server.process.pid)
    server.process.wait()
    for pid in left:
        gone(server, pid)
    server.process = None


# --- files that a successor cannot use ---

def certificate_shown(server):
    """That of a new handshake, None when there is none."""
    try:
        return shown(server)
    except OSError:
        return None


def test_probes_do_not_wait_for_an_admin_process_that_keeps_dying(env):
    """They would take a node away that serves its phones: no death costs more than a second, and those who ask in it are answered."""
    server = env.start()
    for _ in range(5):
        kill(server.wait(lambda: admin(server), "an admin process"))
        began = time.monotonic()
        server.wait(lambda: server.health()[0] == 200, "/readyz", 30)
        took = time.monotonic() - began
        true(took < 3 * PATIENT, "/readyz took %.1f s" % took)
    server.phone().reg(C1).expect(200)


def replace_worker(server):
    victim, = workers(server)
    kill(victim)
    wait_successor(server, victim)


def deaths(server):
    return server.log.count("process.died")


def test_a_worker_is_born_while_a_certificate_is_half_renewed(env):
    """UDP and TCP do not wait for the key, and TLS comes back with it, long before the next look at tls.reload_interval."""
    server = own_certificates(env, env.make({"tls": {"reload_interval": "1h"}})).start()
    fresh = env.certificates("renewed_by_half")
    shutil.copyfile(fresh + "/server.pem", server.certificates + "/server.pem")
    replace_worker(server)
    server.phone("udp").reg(C1).expect(200)
    server.phone("tcp").reg(C1).expect(200)
    equal(certificate_shown(server), None, "a certificate without its key")
    server.wait_log(r" error tls\.certificate .*private key does not belong to chain.*TLS is not served")
    equal((server.outcomes("connection_limit"), server.outcomes("tls_handshake_failed", transport="tls")), (0, 1), "refused for")
    server.wait(lambda: server.health()[0] == 503, "/readyz: TLS is not served")
    equal(server.phone("tcp").opt().status, 503, "OPTIONS")
    true("[-]certificates: TLS is not served" in server.health("/readyz?verbose")[1], "the check of the certificates")
    server.wait(lambda: "private key does not belong" in server.reason("certificates"), "an operator is told why")
    shutil.copyfile(fresh + "/server.key", server.certificates + "/server.key")
    server.wait(lambda: certificate_shown(server) == der(fresh + "/server.pem"), "TLS is served again", 20)
    server.wait_log(r" notice tls\.certificate .*TLS is served again")
    server.wait(lambda: server.health()[0] == 200, "/readyz")
    server.wait(lambda: "[+]certificates ok" in server.health("/readyz?verbose")[1], "nothing is wrong with the certificates", 20)
    equal(deaths(server), 1, "deaths")


def test_one_worker_of_two_without_a_certificate_is_told(env):
    """Half of the handshakes fail then, and the other half does not: a warning, and the admin process that is born meanwhile knows it."""
    server = own_certificates(env, env.make({"tls": {"reload_interval": "1h"}, "server": {"workers": "2"}})).start()
    fresh, victim = env.certificates("renewed_by_half_again"), workers(server)[0]
    shutil.copyfile(fresh + "/server.pem", server.certificates + "/server.pem")
    kill(victim)
    server.wait(lambda: len(workers(server)) == 2 and victim not in workers(server), "another worker", 20)
    told = "[!]certificates: 1 of 2 workers serve no TLS"
    server.wait(lambda: told in server.health("/readyz?verbose")[1], "the check of the certificates", 20)
    kill(admin(server))
    server.wait(lambda: told in server.health("/readyz?verbose")[1], "that of another admin process", 20)
    equal(server.health()[0], 200, "/readyz")
    shutil.copyfile(fresh + "/server.key", server.certificates + "/server.key")
    server.wait(lambda: "[+]certificates ok" in server.health("/readyz?verbose")[1], "nothing is wrong with the certificates", 20)


def test_a_worker_is_born_while_a_certificate_has_expired(env):
    """Those that are older go on with what they have; a certificate that expired is better than none."""
    server = own_certificates(env, env.make({"tls": {"reload_interval": "1h"}})).start()
    chain, key = certificate(env, "expired_at_birth", days="-1")
    shutil.copyfile(chain, server.certificates + "/server.pem")
    shutil.copyfile(key, server.certificates + "/server.key")
    replace_worker(server)
    server.phone("udp").reg(C1).expect(200)
    equal(certificate_shown(server), der(chain), "the certificate of a handshake")
    server.wait_log(r" warning tls\.certificate .*expired 1 day ago.*used all the same")
    equal(deaths(server), 1, "deaths")


def test_a_worker_is_born_without_the_password_of_the_database(env):
    """Phones hear 503, as they do without the database; nobody dies of it, and with the file everything is as before."""
    server = env.start()
    password = server.directory + "/password"
    os.rename(password, password + ".away")
    victims = [*workers(server), admin(server)]
    for pid in victims:
        kill(pid)
    for pid in victims:
        gone(server, pid)
    wait_workers(server, 1)
    server.wait(lambda: admin(server) not in (None, victims[1]), "another admin process")
    server.wait_log(r" error start .*database\.password_file .*No such file or directory")
    phone = server.phone("tcp")
    equal(phone.reg0(C1).status, 503, "the answer without a database")
    os.rename(password + ".away", password)
    server.wait(lambda: phone.reg0(C1).status == 401, "phones are served again", 30)
    phone.reg(C1).expect(200)
    server.wait(lambda: server.health()[0] == 200, "/readyz", 20)
    server.wait(lambda: server.api("/bindings")[0] == 200, "the admin process has the database too", 20)
    equal(deaths(server), 2, "deaths")


# --- the end ---

def read_to_the_end(stream):
    """What still came, and whether it ended by a close_notify: without one Python raises SSLEOFError."""
    stream.socket.suppress_ragged_eofs = False
    stream.socket.settimeout(15)
    data = b""
    while True:
        octets = stream.socket.recv(65536)
        if not octets:
            return data
        data += octets


@covers("TLS-5923-8.3-1")
def test_stopping_answers_what_was_begun_and_says_goodbye(env):
    server = env.start(TWO)
    busy, idle = server.phone("tls"), server.phone("tls")
    idle.opt().expect(200)
    busy.prepare()
    slow_commits(server.database, 1.5)
    busy.send(busy.authorize(busy.register_request(S1)))
    server.wait(lambda: server.counter("requests_live") == 1, "the request is in work")
    began = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    equal(parse_response(read_to_the_end(busy.wire)).status, 200, "answer to the pending request")
    equal(read_to_the_end(idle.wire), b"", "what an idle connection got")
    equal(ended(server, 12), 0, "exit status")
    true(time.monotonic() - began < 11, "it took %.1f s" % (time.monotonic() - began))
    equal(server.database.query("select contact from binding"), [(S1.strip("<>"),)], "bindings")


def test_stopping_accepts_nothing_new(env):
    server = env.start()
    phone = server.phone()
    phone.prepare()
    slow_commits(server.database, 2)
    phone.send(phone.authorize(phone.register_request(C1)))
    server.wait(lambda: server.counter("requests_live") == 1, "the request is in work")
    server.process.send_signal(signal.SIGTERM)
    server.wait(lambda: closed(server.port), "new connections are refused", 5)
    true(server.process.poll() is None, "it is gone already")
    status, body = server.health()
    equal(status, 503, "/readyz of a node that stops (%r)" % body)
    equal(phone.receive().status, 200, "answer to the pending request")
    equal(ended(server, 12), 0, "exit status")


def test_second_term_stops_at_once(env):
    server = env.start({"database": {"query_timeout": "20s"}})
    phone = server.phone()
    phone.prepare()
    slow_commits(server.database, 15)
    phone.send(phone.authorize(phone.register_request(C1)))
    server.wait(lambda: server.counter("requests_live") == 1, "the request is in work")
    server.process.send_signal(signal.SIGTERM)
    server.wait_log(r" notice drain ")
    phone.silence(0.5)
    true(server.process.poll() is None, "the first TERM did not wait for the request")
    began = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    equal(ended(server, 12), 0, "exit status")
    true(time.monotonic() - began < 10, "the second TERM took %.1f s" % (time.monotonic() - began))


# --- ports ---

def start_fails(server):
    server.launch()
    status = ended(server)
    server.process = None
    equal(status, 1, "exit status")
    return server.log.replace('\\"', '"')


def occupied(env, kind, offset):
    server = env.make()
    with socket.socket(socket.AF_INET, kind) as holder:
        holder.bind(("127.0.0.1", server.port + offset))
        if kind == socket.SOCK_STREAM:
            holder.listen()
        log = start_fails(server)
    with open("/proc/self/comm") as file:
        name = file.read().strip()
    what = "tls" if offset else "udp"
    message = 'cannot open %s 127.0.0.1:%d: in use by process %d (%s); stop it or change listener "%s" bind' % (
        what, server.port + offset, os.getpid(), name, "tls" if offset else "sip")
    true(message in log, "wanted %r in\n%s" % (message, log))


def test_port_taken_names_the_process(env):
    occupied(env, socket.SOCK_STREAM, 1)


def test_udp_port_taken_names_the_process(env):
    occupied(env, socket.SOCK_DGRAM, 0)


@not_under_valgrind("the process has another name")
def test_second_daemon_on_the_same_ports_is_refused(env):
    """SO_REUSEPORT would let it take half of the phones away."""
    first = env.start(TWO)
    second = env.make(TWO, database=first.database)
    second.configure({section: {"bind": first.configuration[section]["bind"]}
                      for section in (("listener", "sip"), ("listener", "tls"))})
    log = start_fails(second)
    owners = [first.process.pid] + children(first.process.pid)
    match = re.search(r"cannot open \w+ 127.0.0.1:%d: in use by process (\d+) \(rollcalld\)" % first.port, log)
    true(match and int(match.group(1)) in owners, "it says\n%s" % log)
    for _ in range(20):
        first.phone().opt().expect(200)


def test_second_daemon_on_the_same_admin_socket_is_refused(env):
    first = env.start()
    second = env.make()
    second.configure({"admin": {"socket": first.socket}})
    true("another rollcalld answers there" in start_fails(second), "it says\n%s" % second.log)
    first.ctl("status")


# --- log-ins in the log ---

@covers("AUT-7616-3.4-6")
def test_failed_log_in_is_logged_and_counted(env):
    server = env.start()
    phone = server.phone(user="alice", password="no")
    phone.reg(C1).expect(401)
    line = server.wait_log(r".*auth\.failed.*\n").group(0)
    for pattern in (r" warning ", r"reason=bad_password\b", r"\bsrc=127\.0\.0\.1:%d\b" % phone.wire.local[1],
                    r"\btransport=udp\b", r'\buser="alice"'):
        true(re.search(pattern, line), "no /%s/ in %r" % (pattern, line))
    outcomes = server.ctl_json("status")["outcomes"]["bad_password"]
    equal(outcomes["udp"], 1, "bad_password over udp")


@covers("AUT-7616-3.4-6")
def test_claimed_user_cannot_forge_a_log_line(env):
    server = env.start()
    phone = server.phone(login='x\x01\x1b[2J\x7f')
    phone.prepare()
    request = phone.authorize(phone.register_request(C1))
    phone.send(request)
    phone.receive()
    server.wait_log(r"auth\.failed|malformed")
    true(not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", server.log), "a raw control character is in the log")
