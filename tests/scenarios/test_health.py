"""The health listener: what probes see in every state of the node, and what an open port owes to nobody."""
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time

from harness import equal, true
from harness.check import not_under_valgrind
from harness.faults import Stopped, admin, slow_commits, without_fault, workers
from harness.http import Http, ask
from harness.server import free_ports
from test_reload import own_certificates

C1 = "<sip:alice@192.0.2.10:5062>"
PROBES = ("/livez", "/readyz", "/healthz", "/startupz", "/")
JSON = [("Accept", "application/json")]


def probe(server, path, method="GET", **how):
    return ask(("127.0.0.1", server.health_port), method, path, **how)


def states(server):
    """What each probe answers."""
    return tuple(probe(server, path).status for path in ("/livez", "/startupz", "/readyz"))


def test_every_probe_of_a_ready_node(env):
    server = env.server
    for path in PROBES:
        for method in ("GET", "HEAD", "OPTIONS"):
            answer = probe(server, path, method).expect(200)
            equal(answer.body, b"" if method == "HEAD" else b"ok\n", method + " " + path)
            equal((answer.get("content-type"), answer.get("cache-control")),
                  ("text/plain; charset=utf-8", "no-store"), "fields")
    probe(server, "*", "OPTIONS").expect(200)


def test_probes_without_host(env):
    """HAProxy asks in HTTP/1.0 without Host."""
    for method in ("GET", "OPTIONS", "HEAD"):
        for path in PROBES:
            probe(env.server, path, method, version="1.0").expect(200)
    connection = Http(("127.0.0.1", env.server.health_port))
    connection.send("OPTIONS / HTTP/1.0\r\n\r\n")
    connection.receive().expect(200)
    true(connection.closed(), "HTTP/1.0 without keep-alive stays open")


def test_one_connection_many_probes(env):
    connection = Http(("127.0.0.1", env.server.health_port))
    for _ in range(20):
        connection.ask("GET", "/readyz").expect(200)
        connection.ask("HEAD", "/livez").expect(200)
    connection.close()


def test_verbose_and_json(env):
    server = env.server
    lines = probe(server, "/readyz?verbose").expect(200).body.decode().splitlines()
    equal(lines, ["[+]%s ok" % name for name in ("loops", "listeners", "workers", "database", "certificates", "draining")], "lines")
    equal(probe(server, "/livez?verbose").body, b"[+]loops ok\n", "of /livez")
    answer = probe(server, "/readyz", fields=JSON).expect(200)
    equal(answer.get("content-type"), "application/json", "type")
    equal(answer.json["state"], "ready", "state")
    equal([c["ok"] for c in answer.json["checks"]], [True] * 6, "checks")


def test_what_is_not_there(env):
    server = env.server
    for path in ("/metric", "/api/v1/stats", "/readyz/", "//", "/%72eadyz", "/livez/../readyz"):
        probe(server, path).expect(404)
    for method in ("POST", "PUT", "DELETE", "PATCH", "CONNECT", "BREW"):
        answer = probe(server, "/readyz", method)
        equal((answer.status, answer.get("allow")), (405, "GET, HEAD, OPTIONS"), method)


def test_bodies_of_strangers_are_dropped(env):
    """No log-in is asked for, so nothing may be kept: eight bodies of 8 MB leave the process as small as it was."""
    server = env.start()
    pid = admin(server)

    def resident():
        with open("/proc/%d/status" % pid) as file:
            return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))
    before = resident()
    connections = [Http(("127.0.0.1", server.health_port)) for _ in range(8)]
    for connection in connections:
        connection.send("GET /readyz HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (8 << 20))
    for _ in range(128):
        for connection in connections:
            connection.send(b"x" * 65536)
    grown = resident() - before
    for connection in connections:
        connection.receive().expect(200)
    true(grown < 16000, "the admin process grew by %d kB" % grown)


def test_probes_leave_no_trace(env):
    server = env.server
    before = server.log
    for _ in range(50):
        probe(server, "/readyz")
        probe(server, "/nothing")
        probe(server, "/readyz", "POST")
    equal(server.log, before, "the log")


def test_idle_connections_block_nobody(env):
    """One address may take half of the connections; a probe from another one still gets through, and both come back."""
    server = env.start({"admin": {"max_connections": 6, "request_timeout": "1s"}})
    idle = [Http(("127.0.0.1", server.health_port)) for _ in range(12)]
    other = socket.socket()
    other.bind(("127.0.0.2", 0))
    other.settimeout(5)
    other.connect(("127.0.0.1", server.health_port))
    other.sendall(b"GET /readyz HTTP/1.0\r\n\r\n")
    true(b" 200 OK\r\n" in other.recv(100), "no answer beside twelve idle connections")
    other.close()
    for connection in idle:
        true(connection.closed(), "an idle connection stays")
    server.wait(lambda: server.health()[0] == 200, "the first address gets in again")


def test_starting_without_a_database(env):
    """Alive, not started, not ready; db status and the reason are told. Then the database comes."""
    server = env.make()
    allow = 'alter database "%s" allow_connections %%s' % server.database.name
    server.database.cluster.psql("postgres", allow % "false")
    server.launch()
    server.wait(lambda: server.health("/livez")[0] == 200, "alive")
    equal(states(server), (200, 503, 503), "livez, startupz, readyz")
    answer = probe(server, "/readyz", fields=JSON).expect(503)
    equal(answer.json["state"], "starting", "state")
    failing = [c["name"] for c in answer.json["checks"] if not c["ok"]]
    true("database" in failing and "loops" not in failing, "failing checks %r" % failing)
    first = probe(server, "/readyz").body.decode()
    equal(first.count("\n"), 1, "lines of %r" % first)
    done = server.ctl("status", check=False)
    equal(done.returncode, 7, "exit status of rollcallctl status")
    true("STARTING" in done.stdout and "not ready  database: " in done.stdout, done.stdout)
    server.phone().opt().expect(503)
    server.database.cluster.psql("postgres", allow % "true")
    server.wait_ready()
    equal(states(server), (200, 200, 200), "livez, startupz, readyz")
    equal(server.ctl("status").returncode, 0, "exit status of rollcallctl status")


def test_database_lost_and_grace_over(env):
    """Within db_grace ready, with a warning; then not ready, alive and started; ready again when it is back."""
    cluster = env.own_cluster()
    server = env.start({"health": {"db_grace": "3s"}}, cluster=cluster)
    cluster.stop()
    degraded = server.wait(lambda: probe(server, "/readyz", fields=JSON).json["state"] == "degraded", "degraded")
    true(degraded, "never degraded")
    server.wait(lambda: probe(server, "/readyz").status == 503, "not ready behind the grace", 20)
    equal(states(server), (200, 200, 503), "livez, startupz, readyz")
    equal(probe(server, "/readyz", fields=JSON).json["state"], "not_ready", "state")
    body = probe(server, "/readyz?verbose").body.decode()
    true("[-]database: not connected for " in body and "[+]loops ok" in body, body)
    done = server.ctl("status", check=False)
    equal(done.returncode, 7, "exit status of rollcallctl status")
    true("NOT READY" in done.stdout, done.stdout)
    answer = server.phone().opt().expect(503)
    answer.header("retry-after")
    cluster.start()
    server.wait_ready(30)


def test_database_lost_by_policy_ignored(env):
    cluster = env.own_cluster()
    server = env.start({"health": {"db_policy": "ignore", "db_grace": "0s"}}, cluster=cluster)
    cluster.stop()
    server.wait(lambda: probe(server, "/readyz", fields=JSON).json["state"] == "degraded", "degraded")
    equal(states(server), (200, 200, 200), "livez, startupz, readyz")
    server.phone().reg0(C1).expect(401, 503)


def test_strangers_are_told_nothing_of_the_insides(env):
    """Whoever reaches the port has not logged in: no users, hosts, files or words of PostgreSQL, in any form, ready or not."""
    server = own_certificates(env, env.make({"tls": {"reload_interval": "1s"}, "health": {"db_grace": "0s"}}, cluster=env.own_cluster()))
    server.start()
    server.database.cluster.stop()
    time.sleep(1.1)  # the files are judged by their time in seconds
    with open(server.certificates + "/server.pem", "w") as file:
        file.write("nothing\n")
    server.wait(lambda: probe(server, "/readyz").status == 503, "not ready", 20)
    server.wait(lambda: "server.pem" in server.reason("certificates") and "PGSQL" in server.reason("database"),
                "an operator is told")
    for how in (dict(path="/readyz"), dict(path="/readyz?verbose"), dict(path="/readyz", fields=JSON)):
        body = probe(server, **how).body.decode()
        for word in ("/", "pem", "refused", "rollcall", "127.0.0.1", "5432"):
            true(word not in body, "%r in %s" % (word, body))


def test_liveness_does_not_mind_the_database(env):
    """Alive for as long as the loops turn, beyond every grace."""
    cluster = env.own_cluster()
    server = env.start({"health": {"db_grace": "0s"}}, cluster=cluster)
    cluster.stop()
    server.wait(lambda: probe(server, "/readyz").status == 503, "not ready", 20)
    for _ in range(20):
        probe(server, "/livez").expect(200)
        time.sleep(0.05)
    cluster.start()
    server.wait_ready(30)


def verdicts(server, phone):
    """What an HTTP probe and a probe by OPTIONS hear, one after the other."""
    return probe(server, "/readyz").status, phone.opt().status


def test_options_has_the_verdict_of_readyz(env):
    """Side by side through the transitions: both always say the same, apart from a change between the two questions."""
    cluster = env.own_cluster()
    server = env.start({"health": {"db_grace": "2s", "drain_delay": "60s", "drain_spread": "0s", "drain_timeout": "90s"},
                        "server": {"workers": "2"}}, cluster=cluster)
    phones = [server.phone("tcp") for _ in range(4)]
    seen = []

    def until(status, what):
        def settled():
            heard = [verdicts(server, phone) for phone in phones]
            differing = [pair for pair in heard if pair[0] != pair[1]]
            true(len(differing) <= 1, "they contradict each other while %s: %r" % (what, heard))
            seen.extend(pair[0] for pair in heard)
            return all(pair == (status, status) for pair in heard)
        server.wait(settled, what, 30)
    until(200, "ready")
    cluster.stop()
    until(503, "the database is gone beyond its grace")
    cluster.start()
    until(200, "it is back")
    server.api("/drain", "POST")
    until(503, "draining")
    server.api("/drain", "DELETE")
    until(200, "undrained")
    equal([s for n, s in enumerate(seen) if n == 0 or seen[n - 1] != s], [200, 503, 200, 503, 200], "transitions")
    server.api("/drain", "POST", '{"now":true}')
    server.process.wait(30)


def test_overload_takes_readiness_away_and_gives_it_back(env):
    """Commits that wait longer than limits.overload_delay: no probe sends more phones here until that is over."""
    server = env.start({"limits": {"overload_delay": "50ms"}, "database": {"query_timeout": "20s"}})
    probe, phone, over = server.phone("tcp"), server.phone("tcp"), threading.Event()
    phone.prepare()
    slow_commits(server.database, 0.4)

    def register():
        while not over.is_set():
            phone.reg(C1)
    thread = threading.Thread(target=register)
    thread.start()
    try:
        server.wait(lambda: server.health()[0] == 503, "/readyz says 503")
        server.wait(lambda: "none would serve a phone now" in server.health("/readyz?verbose")[1], "and why")
        server.wait(lambda: probe.opt().status == 503, "OPTIONS says 503")
        equal(server.health("/livez")[0], 200, "/livez")
    finally:
        over.set()
        thread.join()
        without_fault(server.database)
    server.wait(lambda: server.health()[0] == 200, "/readyz is good again")
    probe.opt().expect(200)
    phone.reg(C1).expect(200)
    server.wait_log("warning overload .*requests get 503")


def test_one_worker_of_two_is_degraded(env):
    """A worker that keeps dying waits for ten seconds; the other serves, and the loops that are there turn."""
    server = env.start({"server": {"workers": "2"}})
    for death in range(3):
        victim = workers(server)[-1]  # the youngest, which took the place of the one before
        os.kill(victim, signal.SIGKILL)
        server.wait(lambda: victim not in workers(server), "it is gone")
        if death < 2:
            server.wait(lambda: len(workers(server)) == 2, "another worker", 20)
    server.wait(lambda: probe(server, "/readyz", fields=JSON).json["state"] == "degraded", "degraded")
    equal(states(server), (200, 200, 200), "livez, startupz, readyz")
    true("[!]workers: 1 of 2 would not serve a phone now" in probe(server, "/readyz?verbose").body.decode(), "the warning")


def test_certificate_about_to_expire_is_degraded(env):
    server = env.make()
    fresh = env.certificates("soon")
    subprocess.run(["sh", "-ec", """
        openssl req -new -key server.key -sha256 -config ../soon.cnf -out server.csr
        openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -sha256 -days 7 -set_serial 77 -extfile ../soon.cnf \\
            -extensions extensions -out leaf.pem
        cat leaf.pem ca.pem >server.pem
    """], cwd=fresh, check=True, capture_output=True)
    server.configure({("certificate", "main"): {"chain": fresh + "/server.pem", "key": fresh + "/server.key"}})
    server.start()
    server.wait(lambda: probe(server, "/readyz", fields=JSON).json["state"] == "degraded", "degraded")
    probe(server, "/readyz").expect(200)
    shown = probe(server, "/readyz?verbose").body.decode()
    true("[!]certificates: one expires in 6 d\n" in shown or "[!]certificates: one expires in 7 d\n" in shown, shown)
    true(re.fullmatch(r"one expires in [67] d: main", server.reason("certificates")), "an operator is told which")


def test_certificate_unreadable_on_re_read_is_degraded(env):
    server = own_certificates(env, env.make({"tls": {"reload_interval": "1s"}})).start()
    equal(probe(server, "/readyz", fields=JSON).json["state"], "ready", "state")
    time.sleep(1.1)  # the files are judged by their time in seconds
    with open(server.certificates + "/server.pem", "w") as file:
        file.write("nothing\n")
    server.wait(lambda: probe(server, "/readyz", fields=JSON).json["state"] == "degraded", "degraded")
    true("server.pem: holds no certificate" in server.reason("certificates"), "the reason")
    server.phone("tls").opt().expect(200)
    shown = json.loads(server.api("/certificates")[1])["items"]
    equal([c["certificate"] for c in shown], ["main"], "those read before are served, and listed")


def test_liveness_is_the_loop(env):
    """A worker that stands still is told by /livez after five seconds, and by nothing before."""
    server = env.start()
    with Stopped(*workers(server)):
        started = time.monotonic()
        server.wait(lambda: probe(server, "/livez").status == 503, "/livez 503", 20)
        took = time.monotonic() - started
        true(took > 3, "after %.1f s already" % took)
        true("worker 0 has not turned for" in probe(server, "/livez").body.decode(), "no reason")
    server.wait(lambda: probe(server, "/livez").status == 200, "/livez 200", 20)


def test_draining_is_told_at_once(env):
    server = env.start({"health": {"drain_delay": "3s", "drain_timeout": "20s"}})
    server.process.send_signal(signal.SIGTERM)
    server.wait(lambda: probe(server, "/readyz").status == 503, "not ready")
    equal(states(server), (200, 200, 503), "livez, startupz, readyz")
    equal(probe(server, "/readyz", fields=JSON).json["state"], "draining", "state")
    equal(probe(server, "/readyz").body.decode(), "draining: the node is going to stop\n", "body")
    done = server.ctl("status", check=False)
    equal((done.returncode, "DRAINING" in done.stdout), (7, True), "rollcallctl status")
    server.phone().opt().expect(503)
    server.phone("tcp").reg(C1).expect(200)
    server.process.wait(30)


def test_several_listeners_and_families(env):
    server = env.make()
    port = free_ports(1)
    server.configure({"health": {"listen": ["127.0.0.1:%d" % server.health_port, "[::1]:%d" % port]}})
    server.start()
    ask(("::1", port), "GET", "/readyz").expect(200)
    probe(server, "/readyz").expect(200)


@not_under_valgrind("requests take longer than the deadline of this test")
def test_probes_do_not_wait_for_lists(env):
    """While twenty clients ask for a page of a thousand users, probes answer in no time."""
    server = env.start()
    server.database.query("""
        insert into account (aor, ha1_md5) select 'load' || i || '@example.com', md5(i::text) from generate_series(1, 2000) i
    """)
    clients = [Http(server.socket, 60) for _ in range(20)]
    for client in clients:
        client.send("GET /api/v1/users?page_size=1000 HTTP/1.1\r\nHost: a\r\n\r\n")
    slowest = 0.0
    for _ in range(20):
        started = time.monotonic()
        probe(server, "/readyz").expect(200)
        slowest = max(slowest, time.monotonic() - started)
    for client in clients:
        equal(len(client.receive().expect(200).json["items"]), 1000, "items")
    true(slowest < 1.5, "the slowest probe took %.2f s" % slowest)


def test_status_of_a_healthy_node(env):
    server = env.start()
    phone = server.phone("tcp")
    phone.reg(C1).expect(200)
    phone.password = "wrong"
    phone.reg(C1).expect(401)
    server.wait(lambda: server.stats()["users"] is not None, "the first background count", 30)
    shown = server.ctl("status").stdout
    for text in ("rollcall ", " on reg-test   READY   up ", "REGISTER   ", "   registered 1 ", "database   ",
                 "attention  bad_password 1 times  → rollcallctl explain bad_password"):
        true(text in shown, "%r is not in\n%s" % (text, shown))
    true(all(len(line) <= 110 for line in shown.splitlines()), "a long line in\n" + shown)
    equal(server.ctl_json("status")["state"], "ready", "state in --json")
